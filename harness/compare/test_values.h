// For the tests of this folder: tensors from bits, and the comparator's definitions written a second time from values
// (ldexp, ilogb, exact rationals), never from bit patterns.
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <numeric>
#include <vector>

#include "harness/core/tensor.h"

namespace assay::compare::testing {

inline Tensor tensor_of(DType dtype, Shape shape, const std::vector<std::uint64_t>& bits) {
  Tensor tensor(dtype, std::move(shape));
  for (std::size_t i = 0; i < bits.size(); ++i) tensor.set_bits(static_cast<std::int64_t>(i), bits[i]);
  return tensor;
}

inline Tensor row_of(DType dtype, const std::vector<std::uint64_t>& bits) {
  return tensor_of(dtype, {static_cast<std::int64_t>(bits.size())}, bits);
}

// Field widths and exponent bias of the float formats (IEEE 754; OCP OFP8 for fp8 and e2m1; fnuz has bias 8).
struct Layout {
  int exponent_bits, mantissa_bits, bias;
};
inline Layout layout_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return {8, 23, 127};
    case DType::f16:
      return {5, 10, 15};
    case DType::bf16:
      return {8, 7, 127};
    case DType::e4m3fn:
      return {4, 3, 7};
    case DType::e4m3fnuz:
      return {4, 3, 8};
    case DType::e5m2:
      return {5, 2, 15};
    default:
      return {2, 1, 1};  // e2m1
  }
}

// The element as the format's document defines it. long double holds every format and every 64-bit integer exactly.
inline long double spec_value(DType dtype, std::uint64_t bits) {
  const DTypeInfo& row = info(dtype);
  if (!row.is_float) {
    const long double value = static_cast<long double>(bits);
    const bool negative = row.is_signed && (bits >> (row.bits - 1)) != 0;
    return negative ? value - std::ldexp(1.0L, row.bits) : value;
  }
  const Layout layout = layout_of(dtype);
  const auto fraction = static_cast<int>(bits & ((1U << layout.mantissa_bits) - 1));
  const auto field = static_cast<int>((bits >> layout.mantissa_bits) & ((1U << layout.exponent_bits) - 1));
  const bool negative = (bits >> (row.bits - 1)) != 0;
  const int top_field = (1 << layout.exponent_bits) - 1, top_fraction = (1 << layout.mantissa_bits) - 1;
  const long double nan = std::numeric_limits<long double>::quiet_NaN();
  const long double infinity = std::numeric_limits<long double>::infinity();
  if (dtype == DType::e4m3fnuz && bits == 0x80) return nan;
  if (dtype == DType::e4m3fn && field == top_field && fraction == top_fraction) return nan;
  const bool ieee = dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::e5m2;
  if (ieee && field == top_field) return fraction != 0 ? nan : negative ? -infinity : infinity;
  const int digits = field == 0 ? fraction : fraction + (1 << layout.mantissa_bits);
  const long double magnitude =
      std::ldexp(static_cast<long double>(digits), (field == 0 ? 1 : field) - layout.bias - layout.mantissa_bits);
  return negative ? -magnitude : magnitude;
}

// How many representable values lie between zero and the value, with its sign. Not for NaN.
inline long double spec_rank(DType dtype, long double value) {
  if (!info(dtype).is_float) return value;
  const Layout layout = layout_of(dtype);
  if (std::isinf(value)) {
    const long double top = static_cast<long double>((1 << layout.exponent_bits) - 1);
    return std::copysign(top * std::ldexp(1.0L, layout.mantissa_bits), value);
  }
  if (value == 0) return 0;
  const long double magnitude = std::fabs(value);
  const int least = 1 - layout.bias, exponent = std::max(std::ilogb(magnitude), least);
  const long double rank = std::ldexp(static_cast<long double>(exponent - least), layout.mantissa_bits) +
                           std::ldexp(magnitude, layout.mantissa_bits - exponent);
  return std::copysign(rank, value);
}

inline std::vector<std::uint64_t> all_bits(DType dtype) {
  std::vector<std::uint64_t> bits(std::size_t{1} << info(dtype).bits);
  std::iota(bits.begin(), bits.end(), std::uint64_t{0});
  return bits;
}

}  // namespace assay::compare::testing
