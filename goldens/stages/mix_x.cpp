// mix_x, the last step of hc_pre (dsv4-chain 3.1): per token t and channel d
//   P772, MID:  mix = 0;  for h = 0..HC-1: mix = fl(mix + fl(x_hc[t,h,d] * pre[t,h]))
//   HEAD:       mix = fl(fl(x0 p0 + x1 p1) + fl(x2 p2 + x3 p3)), x_hc in float32
// stored bf16, RINT. Infinities and NaN follow IEEE 754; nothing is open by specification. Seed bug B03 stores ROUND.
#include "goldens/stages/chain_options.h"
#include "goldens/stages/mix_streams.h"
#include "goldens/stages/registry.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

Result<GoldenMap> evaluate_mix_x(const StageRequest& request) {
  const auto profile = chain_profile_option(request);
  if (!profile) return tl::unexpected(profile.error());
  const Tensor& streams = input(request, "x_hc");
  if (auto checked = check_chain_dtype(*profile, "x_hc", streams, profile->stream); !checked)
    return tl::unexpected(checked.error());
  const Shape& shape = streams.shape();
  if (shape[1] == 0) return bad_input("stage mix_x: input 'x_hc' has shape {}, expected streams", to_string(shape));
  const std::vector<float> values = as_f32(streams);
  const Streams x{values, static_cast<std::size_t>(shape[0]), static_cast<std::size_t>(shape[1]),
                  static_cast<std::size_t>(shape[2])};
  const std::span<const float> pre = input(request, "pre").as<float>();
  const auto mix = [&]<class Arithmetic>(const Arithmetic& math) {
    std::vector<typename Arithmetic::Number> weights;
    for (const float weight : pre) weights.push_back(math.input(weight));
    return mix_streams<Arithmetic>(math, profile->mix_order, x, weights);
  };
  GoldenMap outputs;
  outputs["x_mixed"] =
      evaluate_output(request.profile, {shape[0], shape[2]}, {DType::bf16, Rounding::rint, false}, mix);
  return outputs;
}

}  // namespace

Stage mix_x() {
  return {.name = "mix_x",
          .clause = "dsv4-chain 3.1",
          .inputs = {{"x_hc", {DType::bf16, DType::f32}, {"T", "HC", "D"}}, {"pre", {DType::f32}, {"T", "HC"}}},
          .outputs = {{"x_mixed", {DType::bf16}, {"T", "D"}}},
          .parameters = {},
          .options = {"profile"},
          .evaluate = evaluate_mix_x,
          .relations = {RowsRelation{"T"}, RowsRelation{"D"}, PowerOfTwoRelation{{{"x_hc", 1}}, {{"x_mixed", 1}}},
                        PowerOfTwoRelation{{{"pre", 1}}, {{"x_mixed", 1}}}}};
}

}  // namespace assay::goldens
