// mix_x, the last step of hc_pre (dsv4-chain 3.1, the order of P772 and MID): per token t and channel d
//   mix = 0;  for h = 0..HC-1: mix = fl(mix + fl(x_hc[t,h,d] * pre[t,h]));  store bf16, RINT.
// Infinities and NaN follow IEEE 754; nothing is open by specification. Seed bug B03 stores ROUND.
#include "goldens/stages/registry.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

Result<GoldenMap> evaluate_mix_x(const StageRequest& request) {
  const Tensor& streams = input(request, "x_hc");
  const std::vector<float> x_hc = as_f32(streams);
  const std::span<const float> pre = input(request, "pre").as<float>();
  const auto tokens = static_cast<std::size_t>(streams.shape()[0]),
             count = static_cast<std::size_t>(streams.shape()[1]),
             channels = static_cast<std::size_t>(streams.shape()[2]);
  const auto mix = [&]<class Arithmetic>(const Arithmetic& math) {
    std::vector<typename Arithmetic::Number> mixed(tokens * channels, math.input(0.0F));
    for (std::size_t t = 0; t < tokens; ++t)
      for (std::size_t h = 0; h < count; ++h) {
        const auto weight = math.input(pre[t * count + h]);
        for (std::size_t d = 0; d < channels; ++d) {
          auto& sum = mixed[t * channels + d];
          sum = math.add_product(sum, math.input(x_hc[(t * count + h) * channels + d]), weight);
        }
      }
    return mixed;
  };
  const OutputType type{DType::bf16, Rounding::rint, false};
  GoldenMap outputs;
  outputs["x_mixed"] = evaluate_output(request.profile, {streams.shape()[0], streams.shape()[2]}, type, mix);
  return outputs;
}

}  // namespace

Stage mix_x() {
  return {.name = "mix_x",
          .clause = "dsv4-chain 3.1",
          .inputs = {{"x_hc", {DType::bf16}, {"T", "HC", "D"}}, {"pre", {DType::f32}, {"T", "HC"}}},
          .outputs = {{"x_mixed", {DType::bf16}, {"T", "D"}}},
          .parameters = {},
          .options = {},
          .evaluate = evaluate_mix_x};
}

}  // namespace assay::goldens
