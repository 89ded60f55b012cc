#include "goldens/formats/narrow_exact.h"

#include <cmath>

#include "goldens/formats/pick.h"

namespace assay::goldens {
namespace {

std::uint32_t nan_code(BinaryFormat format, bool negative) {
  const bool takes_sign = format.specials != Specials::negative_zero_nan;
  return format.quiet_nan() | (negative && takes_sign ? format.sign_bit() : 0);
}

// What does not fit, infinities too, `clamped` or not.
std::uint32_t too_large(BinaryFormat format, bool negative, bool clamped) {
  const std::uint32_t sign = negative ? format.sign_bit() : 0;
  if (clamped || !format.has_nan()) return sign | format.max_finite();
  return format.has_infinity() ? sign | format.infinity() : nan_code(format, negative);
}

std::uint32_t from_nan(BinaryFormat format, bool negative, NanResult rule) {
  if (rule == NanResult::zero) return 0;
  if (rule == NanResult::maximum || !format.has_nan()) return format.max_finite();
  return nan_code(format, negative && rule == NanResult::signed_nan);
}

template <class Float>
std::uint32_t narrow(BinaryFormat format, Float x, Rounding mode, const NarrowingRules& rules) {
  const bool negative = std::signbit(x);
  if (std::isnan(x)) return from_nan(format, negative, rules.nan);
  if (std::isinf(x)) return too_large(format, negative, rules.overflow == Overflow::satall);
  const Dyadic magnitude = absolute(exact_value(x));
  const Neighbours neighbours = find_neighbours(format, [&](const Dyadic& d) { return magnitude <=> d; });
  return narrow_exact(format, neighbours, negative, mode, rules);
}

}  // namespace

std::uint32_t narrow_exact(BinaryFormat format, const Neighbours& neighbours, bool negative, Rounding mode,
                           const NarrowingRules& rules) {
  std::uint32_t magnitude = neighbours.lower;
  if (!neighbours.exact) magnitude += rounds_up(mode, negative, magnitude & 1, neighbours.against_half);
  if (magnitude > format.max_finite()) return too_large(format, negative, rules.overflow != Overflow::nonsat);
  const bool keeps_sign = magnitude != 0 || (format.has_negative_zero() && rules.negative_zero);
  return magnitude | (negative && keeps_sign ? format.sign_bit() : 0);
}

std::uint32_t narrow_exact(BinaryFormat format, float x, Rounding mode, const NarrowingRules& rules) {
  return narrow(format, x, mode, rules);
}

std::uint32_t narrow_exact(BinaryFormat format, double x, Rounding mode, const NarrowingRules& rules) {
  return narrow(format, x, mode, rules);
}

}  // namespace assay::goldens
