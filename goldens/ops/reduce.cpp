// Row sum and row maximum (pto-isa 2.4, 2.8). A sum in any order of n numbers, each addition rounded to nearest with
// unit roundoff u, is within g/(1-g) of the sum of magnitudes, g = (n-1)u (Higham, "Accuracy and stability", 4.2);
// additions that give subnormals are exact. f16 may be summed in f16 or, as in f32, rounded once at the end.
#include <algorithm>

#include "goldens/exact/rounding.h"
#include "goldens/ops/element.h"
#include "goldens/ops/element_ops.h"

namespace assay::goldens::ops {
namespace {

Dyadic sequential(DType dtype, std::span<const std::uint64_t> row) {
  Dyadic sum = decode(dtype, row[0]).value;
  for (const std::uint64_t bits : row.subspan(1))
    sum = decode(DType::f32, nearest(DType::f32, sum + decode(dtype, bits).value, false).lo).value;
  return sum;
}

Dyadic order_bound(DType dtype, std::int64_t n, const Dyadic& magnitudes) {
  const int unit = -(format_of(dtype).fraction_bits + 1);
  // g/(1-g) <= g(1 + 2g) for g <= 1/2.
  const Dyadic g{n - 1, unit};
  const Dyadic factor = Dyadic{1, 0} + g * Dyadic{2, 0};
  Dyadic bound = g * factor * magnitudes;
  if (dtype != DType::f32) bound = bound + order_bound(DType::f32, n, magnitudes);
  return bound;
}

struct RowClasses {
  bool nan = false, positive_infinity = false, negative_infinity = false;
};

RowClasses classes_of(DType dtype, std::span<const std::uint64_t> row) {
  RowClasses classes;
  for (const std::uint64_t bits : row) {
    const Number x = decode(dtype, bits);
    classes.nan |= x.is_nan();
    (x.negative ? classes.negative_infinity : classes.positive_infinity) |= x.is_infinite();
  }
  return classes;
}

}  // namespace

Admissible row_sum(DType dtype, std::span<const std::uint64_t> row, const Profile& profile) {
  if (row.empty()) return open_element();
  const RowClasses classes = classes_of(dtype, row);
  if (classes.nan || (classes.positive_infinity && classes.negative_infinity)) return any_nan(dtype);
  Dyadic sum, magnitudes;
  for (const std::uint64_t bits : row) {
    if (profile.flush_subnormals && is_subnormal(dtype, bits)) return open_element();
    const Number x = decode(dtype, bits);
    if (x.is_infinite()) continue;
    sum = sum + x.value;
    magnitudes = magnitudes + absolute(x.value);
  }
  const BinaryFormat format = format_of(dtype);
  if (magnitudes >= exact_value(format, format.max_finite())) return open_element();
  if (classes.positive_infinity || classes.negative_infinity) return infinity(dtype, classes.negative_infinity);
  const auto n = static_cast<std::int64_t>(row.size());
  if (n == 1) return sum.significand == 0 ? either_zero(dtype) : exactly(row[0]);
  if (profile.sum_order == SumOrder::sequential) {
    const Dyadic value = sequential(dtype, row);
    return value.significand == 0 ? either_zero(dtype) : nearest(dtype, value, false);
  }
  const Dyadic bound = order_bound(dtype, n, magnitudes);
  return between(dtype, sum - bound, sum + bound, sum);
}

Admissible row_maximum(DType dtype, std::span<const std::uint64_t> row, const Profile& profile) {
  if (row.empty()) return open_element();
  Admissible greatest = exactly(row[0]);
  if (decode(dtype, row[0]).is_nan()) return open_element();
  for (const std::uint64_t bits : row.subspan(1)) {
    const Admissible next = binary(Binary::maximum, dtype, greatest.hi, bits, profile);
    if (next.open) return next;
    const bool zeros = is_float(dtype) && decode(dtype, next.hi).is_zero() && decode(dtype, bits).is_zero();
    greatest = zeros && greatest.lo != greatest.hi ? greatest : next;
  }
  return greatest;
}

}  // namespace assay::goldens::ops
