// hc_post (dsv4-chain 3.8): per token t, output stream o and channel d
//   y = fl(ffn_out[t,d] * post[t,o]);  for i = 0..HC-1: y = fl(y + fl(x_hc[t,i,d] * comb[t,i,o]))
// stored bf16, RINT (P772, MID); x_hc and y are float32 and nothing is rounded further in HEAD. x_hc is the router's
// input, not x_mixed; comb is indexed [in][out]. The published kernel of P772 stores ROUND, which is seed bug B04.
// Infinities and NaN follow IEEE 754; nothing is open by specification.
#include "goldens/parallel.h"
#include "goldens/stages/chain_options.h"
#include "goldens/stages/registry.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

struct HcPostInputs {
  std::size_t tokens, streams, channels;
  std::span<const float> ffn_out, x_hc, post, comb;  // [T,D] [T,HC,D] [T,HC] [T,HC,HC]
};

// One row y[t,o,:]. The first addition has a product on either side, the later ones on the right only.
template <class Arithmetic>
void mix_row(const Arithmetic& math, const HcPostInputs& in, std::size_t t, std::size_t o,
             std::span<typename Arithmetic::Number> y) {
  const std::span ffn = in.ffn_out.subspan(t * in.channels, in.channels);
  const auto post = math.input(in.post[t * in.streams + o]);
  for (std::size_t i = 0; i < in.streams; ++i) {
    const std::span x = in.x_hc.subspan((t * in.streams + i) * in.channels, in.channels);
    const auto comb = math.input(in.comb[(t * in.streams + i) * in.streams + o]);
    if (i == 0)
      for (std::size_t d = 0; d < in.channels; ++d)
        y[d] = math.sum_of_products(math.input(ffn[d]), post, math.input(x[d]), comb);
    else
      for (std::size_t d = 0; d < in.channels; ++d) y[d] = math.add_product(y[d], math.input(x[d]), comb);
  }
}

Result<GoldenMap> evaluate_hc_post(const StageRequest& request) {
  const auto profile = chain_profile_option(request);
  if (!profile) return tl::unexpected(profile.error());
  const Tensor& residual = input(request, "x_hc");
  if (auto checked = check_chain_dtype(*profile, "x_hc", residual, profile->stream); !checked)
    return tl::unexpected(checked.error());
  const std::vector<float> ffn_out = as_f32(input(request, "ffn_out")), x_hc = as_f32(residual);
  const auto extent = [&](std::size_t axis) { return static_cast<std::size_t>(residual.shape()[axis]); };
  const HcPostInputs in{.tokens = extent(0),
                        .streams = extent(1),
                        .channels = extent(2),
                        .ffn_out = ffn_out,
                        .x_hc = x_hc,
                        .post = input(request, "post").as<float>(),
                        .comb = input(request, "comb").as<float>()};
  const OutputType type{profile->stream, Rounding::rint, false};
  GoldenMap outputs;
  outputs["y"] =
      evaluate_output(request.profile, residual.shape(), type, [&]<class Arithmetic>(const Arithmetic& math) {
        std::vector<typename Arithmetic::Number> y(x_hc.size());
        parallel_for(in.tokens * in.streams, [&](std::size_t row) {
          mix_row(math, in, row / in.streams, row % in.streams, std::span(y).subspan(row * in.channels, in.channels));
        });
        return y;
      });
  return outputs;
}

}  // namespace

Stage hc_post() {
  return {
      .name = "hc_post",
      .clause = "dsv4-chain 3.8",
      .inputs = {{"ffn_out", {DType::bf16}, {"T", "D"}},
                 {"x_hc", {DType::bf16, DType::f32}, {"T", "HC", "D"}},
                 {"post", {DType::f32}, {"T", "HC"}},
                 {"comb", {DType::f32}, {"T", "HC", "HC"}}},
      .outputs = {{"y", {DType::bf16, DType::f32}, {"T", "HC", "D"}}},
      .parameters = {},
      .options = {"profile"},
      .evaluate = evaluate_hc_post,
      .relations = {RowsRelation{"T"}, RowsRelation{"D"}, PowerOfTwoRelation{{{"ffn_out", 1}, {"x_hc", 1}}, {{"y", 1}}},
                    PowerOfTwoRelation{{{"post", 1}, {"comb", 1}}, {{"y", 1}}}}};
}

}  // namespace assay::goldens
