// Neighbours in double. One step is at least 2^-53 of a normal number, on either side of a power of two.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

namespace assay::goldens::exact {

inline bool is_finite(double x) { return x - x == 0; }

// x < infinity; not NaN.
inline double next_above(double x) {
  if (x == 0) return std::numeric_limits<double>::denorm_min();
  const auto bits = std::bit_cast<std::uint64_t>(x);
  return std::bit_cast<double>(x > 0 ? bits + 1 : bits - 1);
}
// x > -infinity; not NaN.
inline double next_below(double x) { return -next_above(-x); }

// 2^exponent, a normal double: -1022 <= exponent <= 1023.
inline double power_of_two(int exponent) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
}

// significand * 2^exponent with 2^52 <= significand < 2^53, of a positive finite double, subnormal ones included.
struct Parts {
  std::uint64_t significand;
  int exponent;
};
inline Parts parts_of(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
  const auto field = static_cast<int>(bits >> 52);
  if (field != 0) return {fraction | (std::uint64_t{1} << 52), field - 1075};
  const int shift = std::countl_zero(fraction) - 11;
  return {fraction << shift, -1074 - shift};
}

}  // namespace assay::goldens::exact
