// dequant_rows: y[t,n] = fl(fl(float(acc[t,n]) * row_scale[t]) * channel_scale[n]), row scale first (dsv4-chain 1);
// output=bf16 rounds the result once more, RINT, as recv_y and sh do (dsv4-chain 3.4, cast table). Overflow, infinite
// and NaN scales follow IEEE 754; nothing is open by specification.
#include <array>

#include "goldens/stages/registry.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

constexpr std::array<std::string_view, 2> kOutputs{"f32", "bf16"};

Result<GoldenMap> evaluate_dequant_rows(const StageRequest& request) {
  const auto output = option(request, "output", "f32", kOutputs);
  if (!output) return tl::unexpected(output.error());
  const Tensor& acc = input(request, "acc");
  const auto row_scale = input(request, "row_scale").as<float>();
  const auto channel_scale = input(request, "channel_scale").as<float>();
  const auto values = acc.as<std::int32_t>();
  const OutputType type{*output == "bf16" ? DType::bf16 : DType::f32, Rounding::rint, false};
  GoldenMap outputs;
  outputs["y"] = evaluate_output(request.profile, acc.shape(), type, [&]<class Arithmetic>(const Arithmetic& math) {
    std::vector<typename Arithmetic::Number> y;
    y.reserve(values.size());
    for (std::size_t t = 0; t < row_scale.size(); ++t)
      for (std::size_t n = 0; n < channel_scale.size(); ++n) {
        const auto number = math.input(static_cast<float>(values[t * channel_scale.size() + n]));
        y.push_back(math.product(math.product(number, math.input(row_scale[t])), math.input(channel_scale[n])));
      }
    return y;
  });
  return outputs;
}

}  // namespace

Stage dequant_rows() {
  return {.name = "dequant_rows",
          .clause = "dsv4-chain 1",
          .inputs = {{"acc", {DType::i32}, {"T", "N"}},
                     {"row_scale", {DType::f32}, {"T", "1"}},
                     {"channel_scale", {DType::f32}, {"1", "N"}}},
          .outputs = {{"y", {DType::f32, DType::bf16}, {"T", "N"}}},
          .parameters = {},
          .options = {"output"},
          .evaluate = evaluate_dequant_rows,
          .relations = {RowsRelation{"T"}, RowsRelation{"N"},
                        PowerOfTwoRelation{{{"row_scale", 1}, {"channel_scale", 1}}, {{"y", 2}}}}};
}

}  // namespace assay::goldens
