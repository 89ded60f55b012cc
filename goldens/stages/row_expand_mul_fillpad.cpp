// row_expand_mul_fillpad (dsv4-chain 6): with vr = min(R, valid_rows) and vc = min(C, valid_cols)
//   out[i,j] = i < vr and j < vc ? fl(gated[i,j] * scale[i]) : pad
// op=mul is the same with an expanded column, op=slice the same without the product: out[i,j] = gated[i,j] where valid.
// The product is over the declared shape, set_validshape is metadata only, and fillpad copies what is valid and writes
// the pad everywhere else: +0, or the least or greatest float32, which the target's profile says to be infinite or
// finite. hc_pre uses the same steps with pad=min on 4 of 8 columns. Whether a kernel overwrites gated is its own
// matter. Seed bug B01 multiplies over an extent that was never set. Infinities and NaN follow IEEE 754; nothing is
// open.
#include <algorithm>
#include <array>
#include <limits>

#include "goldens/stages/registry.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

constexpr std::array<std::string_view, 3> kPads{"zero", "min", "max"};
constexpr std::array<std::string_view, 3> kOperations{"row_expand_mul", "mul", "slice"};

float pad_value(std::string_view pad, const Profile& profile) {
  using limits = std::numeric_limits<float>;
  if (pad == "zero") return 0.0F;
  const float greatest = profile.float_pad_is_infinite ? limits::infinity() : limits::max();
  return pad == "min" ? -greatest : greatest;
}

// How much of `extent` the named parameter leaves valid. Error: negative.
Result<std::size_t> valid_extent(const StageRequest& request, std::string_view name, std::int64_t extent) {
  const std::int64_t valid = parameter(request, name);
  if (valid < 0) return bad_input("stage row_expand_mul_fillpad: {} is {}, expected 0 or more", name, valid);
  return static_cast<std::size_t>(std::min(extent, valid));
}

Result<GoldenMap> evaluate_row_expand_mul_fillpad(const StageRequest& request) {
  const auto pad = option(request, "pad", "zero", kPads);
  if (!pad) return tl::unexpected(pad.error());
  const auto operation = option(request, "op", kOperations[0], kOperations);
  if (!operation) return tl::unexpected(operation.error());
  const Tensor& gated = input(request, "gated");
  const auto valid_rows = valid_extent(request, "valid_rows", gated.shape()[0]);
  if (!valid_rows) return tl::unexpected(valid_rows.error());
  const auto valid_cols = valid_extent(request, "valid_cols", gated.shape()[1]);
  if (!valid_cols) return tl::unexpected(valid_cols.error());
  const auto values = gated.as<float>(), scale = input(request, "scale").as<float>();
  const auto columns = static_cast<std::size_t>(gated.shape()[1]);
  GoldenMap outputs;
  outputs["out"] =
      evaluate_output(request.profile, gated.shape(), OutputType{}, [&]<class Arithmetic>(const Arithmetic& math) {
        std::vector<typename Arithmetic::Number> out(values.size(), math.input(pad_value(*pad, request.profile)));
        for (std::size_t i = 0; i < *valid_rows; ++i)
          for (std::size_t j = i * columns; j < i * columns + *valid_cols; ++j)
            out[j] = *operation == "slice" ? math.input(values[j])
                                           : math.product(math.input(values[j]), math.input(scale[i]));
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
          .parameters = {{"valid_rows"}, {"valid_cols", std::numeric_limits<std::int64_t>::max()}},
          .options = {"pad", "op"},
          .evaluate = evaluate_row_expand_mul_fillpad,
          // Not rows of R or C: the first valid_rows and valid_cols of them are told apart.
          .relations = {PowerOfTwoRelation{{{"gated", 1}, {"scale", 1}}, {{"out", 2}}}}};
}

}  // namespace assay::goldens
