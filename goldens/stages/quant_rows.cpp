// quant_rows: per-row symmetric INT8 quantisation Q (dsv4-chain 1), q[t,:] and the scale 1/s_q that goes with it.
//
// Non-finite rows are unspecified: both outputs are open there and hold zero. Everywhere else the specification leaves
// no freedom: there is no a * b + c to contract, the divide rounds correctly (torch's two roundings are seed bug B19),
// and flushing subnormals changes nothing: a subnormal x gives |x * s_q| <= 2^-126 * 1.27e6 < 1/2, a subnormal product
// too, so q = 0 either way; amax >= 1e-4, s_q >= 127 / 2^128 and s_dq are normal numbers.
#include <algorithm>
#include <array>
#include <cmath>

#include "goldens/quantize/int8.h"
#include "goldens/stages/registry.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

constexpr std::array kModes{Rounding::rint, Rounding::round};

Result<GoldenMap> evaluate_quant_rows(const StageRequest& request) {
  const auto rounding = rounding_option(request, kModes);
  if (!rounding) return tl::unexpected(rounding.error());
  const Tensor& x = input(request, "x");
  if (x.shape()[1] == 0) return bad_input("stage quant_rows: x has shape {}, expected columns", to_string(x.shape()));
  const std::vector<float> values = as_f32(x);
  const auto rows = static_cast<std::size_t>(x.shape()[0]), columns = static_cast<std::size_t>(x.shape()[1]);
  GoldenOutput q = determined(Tensor(DType::i8, x.shape()));
  GoldenOutput scale = determined(Tensor(DType::f32, {x.shape()[0], 1}));
  for (std::size_t t = 0; t < rows; ++t) {
    const auto row = std::span(values).subspan(t * columns, columns);
    if (!std::ranges::all_of(row, [](float value) { return std::isfinite(value); })) {
      std::fill_n(q.open.begin() + static_cast<std::ptrdiff_t>(t * columns), columns, std::uint8_t{1});
      scale.open[t] = 1;
      continue;
    }
    const auto codes = q.value.as<std::int8_t>().subspan(t * columns, columns);
    scale.value.as<float>()[t] = quantize_int8_row(row, *rounding, codes).dequant;
  }
  for (GoldenOutput* output : {&q, &scale}) output->lo = output->hi = output->value;
  GoldenMap outputs;
  outputs["q"] = std::move(q);
  outputs["scale"] = std::move(scale);
  return outputs;
}

}  // namespace

Stage quant_rows() {
  return {.name = "quant_rows",
          .clause = "dsv4-chain 1",
          .inputs = {{"x", {DType::bf16, DType::f32}, {"T", "D"}}},
          .outputs = {{"q", {DType::i8}, {"T", "D"}}, {"scale", {DType::f32}, {"T", "1"}}},
          .parameters = {},
          .options = {"rounding"},
          .evaluate = evaluate_quant_rows,
          // The floor of amax does not scale.
          .relations = {RowsRelation{"T"}, PowerOfTwoRelation{{{"x", 1}}, {{"scale", 1}}, 1e-4}}};
}

}  // namespace assay::goldens
