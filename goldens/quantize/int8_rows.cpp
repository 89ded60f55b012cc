#include "goldens/quantize/int8_rows.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "goldens/parallel.h"
#include "goldens/quantize/int8.h"
#include "goldens/quantize/int8_gemm.h"

namespace assay::goldens {
namespace {

constexpr int kLargestCode = 127;

bool is_point(const Hull& x) { return std::bit_cast<std::uint32_t>(x.lo) == std::bit_cast<std::uint32_t>(x.hi); }

Hull interval(float lo, float hi) { return {lo, hi, false}; }

template <class Number>
Int8Rows<Number> empty_rows(std::size_t elements, std::size_t columns) {
  Int8Rows<Number> result;
  result.columns = columns;
  result.rows = columns == 0 ? 0 : elements / columns;
  result.least.resize(result.rows * columns);
  result.quant.resize(result.rows);
  result.dequant.resize(result.rows);
  return result;
}

float least_magnitude(const Hull& x) { return x.lo > 0 ? x.lo : x.hi < 0 ? -x.hi : 0.0f; }
float greatest_magnitude(const Hull& x) { return std::max(std::fabs(x.lo), std::fabs(x.hi)); }

// The exact amax of any choice of elements lies between, and both ends are reached.
Hull amax_hull(std::span<const Hull> x) {
  Hull amax = interval(kInt8AmaxEps, kInt8AmaxEps);
  for (const Hull& each : x) {
    amax.lo = std::max(amax.lo, least_magnitude(each));
    amax.hi = std::max(amax.hi, greatest_magnitude(each));
  }
  return amax;
}

// |x_j| <= amax makes |fl(x_j * fl(127 / amax))| <= 127.000008, whose code is 127 (dsv4-chain 1): an end beyond it
// comes from an element and a scale that no one row has.
std::int8_t code_of(float z, Rounding mode) {
  const float bounded = std::clamp(z, -static_cast<float>(kLargestCode), static_cast<float>(kLargestCode));
  return round_to_code(bounded, mode);
}

// One row. RND and the product by a positive scale are monotone in each operand, so the codes of the corners bound
// every code in between; which are all admissible. Flushed subnormals: their codes are 0 either way (quant_rows).
void quantize_hull_row(std::span<const Hull> x, Rounding mode, std::uint32_t row, Int8Rows<Hull>& result,
                       std::vector<WiderCode>& wider) {
  const Hull amax = amax_hull(x);
  const Hull quant = interval(int8_scale(amax.hi).quant, int8_scale(amax.lo).quant);
  result.quant[row] = quant;
  result.dequant[row] = interval(1.0f / quant.hi, 1.0f / quant.lo);
  std::int8_t* least = result.least.data() + row * x.size();
  for (std::size_t j = 0; j < x.size(); ++j) {
    const float lo = x[j].lo * (x[j].lo < 0 ? quant.hi : quant.lo), hi = x[j].hi * (x[j].hi < 0 ? quant.lo : quant.hi);
    least[j] = code_of(lo, mode);
    if (const std::int8_t greatest = code_of(hi, mode); greatest != least[j])
      wider.push_back({row, static_cast<std::uint32_t>(j), greatest});
  }
}

void quantize_point_row(std::span<const Hull> x, Rounding mode, std::uint32_t row, Int8Rows<Hull>& result) {
  std::vector<float> values(x.size());
  std::ranges::transform(x, values.begin(), [](const Hull& each) { return each.lo; });
  const Int8Scale scale = quantize_int8_row(values, mode, std::span(result.least).subspan(row * x.size(), x.size()));
  result.quant[row] = interval(scale.quant, scale.quant);
  result.dequant[row] = interval(scale.dequant, scale.dequant);
}

// What the wider codes of one row add to the sums of its least codes, for output n.
// Wide: half of it may leave int32 where the sum does not.
struct Correction {
  std::int64_t below = 0, above = 0;
};
Correction correct(std::span<const WiderCode> wider, std::span<const std::int8_t> least,
                   std::span<const std::int8_t> weights) {
  Correction result;
  for (const WiderCode& code : wider) {
    const std::int32_t step = (code.greatest - least[code.column]) * weights[code.column];
    (step < 0 ? result.below : result.above) += step;
  }
  return result;
}

// The wider codes of row r.
std::span<const WiderCode> wider_of(std::span<const WiderCode> wider, std::size_t r) {
  const auto [first, last] =
      std::ranges::equal_range(wider, static_cast<std::uint32_t>(r), std::less<>{}, &WiderCode::row);
  return {first, last};
}

std::vector<std::int32_t> least_products(std::span<const std::int8_t> least, std::size_t rows, std::size_t columns,
                                         std::span<const std::int8_t> w, std::size_t outputs) {
  std::vector<std::int32_t> acc(rows * outputs);
  int8_gemm(least, w, {.rows = rows, .outputs = outputs, .columns = columns}, acc);
  return acc;
}

}  // namespace

Int8Rows<float> quantize_rows(const StrictArithmetic&, std::span<const float> x, std::size_t columns, Rounding mode) {
  auto result = empty_rows<float>(x.size(), columns);
  std::vector<Int8Scale> scales(result.rows);
  quantize_int8_rows(x, columns, mode, result.least, scales);
  std::ranges::transform(scales, result.quant.begin(), &Int8Scale::quant);
  std::ranges::transform(scales, result.dequant.begin(), &Int8Scale::dequant);
  return result;
}

Int8Rows<Hull> quantize_rows(const HullArithmetic&, std::span<const Hull> x, std::size_t columns, Rounding mode) {
  auto result = empty_rows<Hull>(x.size(), columns);
  std::vector<std::vector<WiderCode>> wider(result.rows);
  parallel_for(result.rows, [&](std::size_t r) {
    const auto row = x.subspan(r * columns, columns);
    if (std::ranges::all_of(row, is_point))
      quantize_point_row(row, mode, static_cast<std::uint32_t>(r), result);
    else
      quantize_hull_row(row, mode, static_cast<std::uint32_t>(r), result, wider[r]);
  });
  for (const auto& row : wider) result.wider.insert(result.wider.end(), row.begin(), row.end());
  return result;
}

std::vector<float> int8_products(const Int8Rows<float>& q, std::span<const std::int8_t> w, std::size_t outputs) {
  const std::vector<std::int32_t> acc = least_products(q.least, q.rows, q.columns, w, outputs);
  return {acc.begin(), acc.end()};
}

// A sum lies between the one with every wider code at the end that makes its product least and the one with every code
// at the other end; float() is monotone.
std::vector<Hull> int8_products(const Int8Rows<Hull>& q, std::span<const std::int8_t> w, std::size_t outputs) {
  const std::vector<std::int32_t> acc = least_products(q.least, q.rows, q.columns, w, outputs);
  std::vector<Hull> result(acc.size());
  parallel_for(q.rows, [&](std::size_t r) {
    const auto wider = wider_of(q.wider, r);
    const auto least = std::span(q.least).subspan(r * q.columns, q.columns);
    for (std::size_t n = 0; n < outputs; ++n) {
      const Correction correction = correct(wider, least, w.subspan(n * q.columns, q.columns));
      const std::int32_t sum = acc[r * outputs + n];
      result[r * outputs + n] =
          interval(static_cast<float>(sum + correction.below), static_cast<float>(sum + correction.above));
    }
  });
  return result;
}

}  // namespace assay::goldens
