// row_expand_mul_fillpad (dsv4-chain 6): vr = min(R, valid_rows); out[i,j] = i < vr ? fl(gated[i,j] * scale[i]) : +0.
// The product is over the declared shape, set_validshape is metadata only, and fillpad writes the pad everywhere else.
// Infinities and NaN follow IEEE 754; nothing is open.
#include <algorithm>
#include <array>

#include "goldens/stages/registry.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

constexpr std::array<std::string_view, 1> kPads{"zero"};

Result<GoldenMap> evaluate_row_expand_mul_fillpad(const StageRequest& request) {
  if (const auto pad = option(request, "pad", "zero", kPads); !pad) return tl::unexpected(pad.error());
  const std::int64_t valid_rows = parameter(request, "valid_rows");
  if (valid_rows < 0)
    return bad_input("stage row_expand_mul_fillpad: valid_rows is {}, expected 0 or more", valid_rows);
  const Tensor& gated = input(request, "gated");
  const auto values = gated.as<float>(), scale = input(request, "scale").as<float>();
  const auto columns = static_cast<std::size_t>(gated.shape()[1]);
  const auto valid = static_cast<std::size_t>(std::min(gated.shape()[0], valid_rows));
  GoldenMap outputs;
  outputs["out"] =
      evaluate_output(request.profile, gated.shape(), OutputType{}, [&]<class Arithmetic>(const Arithmetic& math) {
        std::vector<typename Arithmetic::Number> out(values.size(), math.input(0.0f));
        for (std::size_t i = 0; i < valid; ++i)
          for (std::size_t j = i * columns; j < (i + 1) * columns; ++j)
            out[j] = math.product(math.input(values[j]), math.input(scale[i]));
        return out;
      });
  return outputs;
}

}  // namespace

Stage row_expand_mul_fillpad() {
  return {.name = "row_expand_mul_fillpad",
          .clause = "dsv4-chain 6",
          .inputs = {{"gated", {DType::f32}, {"R", "C"}}, {"scale", {DType::f32}, {"R", "1"}}},
          .outputs = {{"out", {DType::f32}, {"R", "C"}}},
          .parameters = {{"valid_rows"}},
          .options = {"pad"},
          .evaluate = evaluate_row_expand_mul_fillpad};
}

}  // namespace assay::goldens
