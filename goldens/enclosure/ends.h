// End points of hulls: signed zeros in order, and real bounds to the float32 inside them.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "goldens/enclosure/hull.h"

namespace assay::goldens {

// Below, with -0 below +0. No NaN.
inline bool below(float a, float b) { return a < b || (a == b && std::signbit(a) && !std::signbit(b)); }
inline bool same_bits(float a, float b) { return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); }
inline bool is_point(const Hull& x) { return same_bits(x.lo, x.hi) && !x.nan; }
inline bool contains_zero(const Hull& x) { return x.lo <= 0 && x.hi >= 0; }
inline bool contains_infinity(const Hull& x) { return x.has_number() && (std::isinf(x.lo) || std::isinf(x.hi)); }

// The end points of x, one if they coincide; calls visit with each.
template <class Visit>
void for_ends(const Hull& x, Visit visit) {
  visit(x.lo);
  if (!same_bits(x.lo, x.hi)) visit(x.hi);
}

inline constexpr double kMaxFloat = std::numeric_limits<float>::max();
// From here on rounding to nearest gives infinity.
inline constexpr double kOverflow = 0x1.ffffffp127;

// The least float32 at or above a real number, +infinity above the largest; a zero is +0. No NaN.
inline float least_float_above(double x) {
  if (x > kMaxFloat) return std::numeric_limits<float>::infinity();
  if (x < -kMaxFloat)
    return x < -kOverflow ? -std::numeric_limits<float>::infinity() : -std::numeric_limits<float>::max();
  auto nearest = static_cast<float>(x);
  if (static_cast<double>(nearest) < x) nearest = std::nextafter(nearest, std::numeric_limits<float>::infinity());
  return nearest == 0 ? 0.0F : nearest;
}
inline float greatest_float_below(double x) {
  const float mirrored = least_float_above(-x);
  return mirrored == 0 ? 0.0F : -mirrored;
}

}  // namespace assay::goldens
