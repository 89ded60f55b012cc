// cast_bf16: y[t,d] = bf16(x[t,d]) (dsv4-chain 1, pto-isa 2.6). NaN gives NaN; nothing is open.
#include <array>

#include "goldens/stages/registry.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

constexpr std::array kModes{Rounding::rint, Rounding::round, Rounding::floor,
                            Rounding::ceil, Rounding::trunc, Rounding::odd};
constexpr std::array<std::string_view, 2> kSwitch{"on", "off"};

Result<GoldenMap> evaluate_cast_bf16(const StageRequest& request) {
  const auto rounding = rounding_option(request, kModes);
  if (!rounding) return tl::unexpected(rounding.error());
  const auto saturate = option(request, "saturate", "off", kSwitch);
  if (!saturate) return tl::unexpected(saturate.error());
  const Tensor& x = input(request, "x");
  const OutputType type{DType::bf16, *rounding, *saturate == "on"};
  GoldenMap outputs;
  outputs["y"] = evaluate_output(request.profile, x.shape(), type, [&]<class Arithmetic>(const Arithmetic& math) {
    std::vector<typename Arithmetic::Number> y;
    y.reserve(static_cast<std::size_t>(x.size()));
    for (const float value : x.as<float>()) y.push_back(math.input(value));
    return y;
  });
  return outputs;
}

}  // namespace

Stage cast_bf16() {
  return {.name = "cast_bf16",
          .clause = "dsv4-chain 1",
          .inputs = {{"x", {DType::f32}, {"T", "D"}}},
          .outputs = {{"y", {DType::bf16}, {"T", "D"}}},
          .parameters = {},
          .options = {"rounding", "saturate"},
          .evaluate = evaluate_cast_bf16,
          .relations = {RowsRelation{"T"}, RowsRelation{"D"}, PowerOfTwoRelation{{{"x", 1}}, {{"y", 1}}}}};
}

}  // namespace assay::goldens
