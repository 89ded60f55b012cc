// The fast definition of rounding to integers: integer arithmetic on the operand's bit pattern without branches.
#pragma once

#include "goldens/formats/float_rounding.h"

namespace assay::goldens {

// A magnitude rounded to an integer; all bits set stands for everything that does not fit Bits, infinity and NaN too.
template <class Bits>
[[gnu::always_inline]] constexpr Bits round_to_integral_magnitude(Bits magnitude, Bits negative, Rounding mode) {
  using From = Source<Bits>;
  constexpr auto kUnit = static_cast<Bits>(From::kBias + From::kFractionBits);  // field of numbers of step one
  constexpr auto kRoom = static_cast<Bits>(8 * sizeof(Bits) - From::kFractionBits - 1);
  const auto field = static_cast<Bits>(magnitude >> From::kFractionBits);
  const Bits significand = (magnitude & (From::kHidden - 1)) | select(field != 0, From::kHidden, Bits{0});
  const auto above = static_cast<Bits>(larger(field, kUnit) - kUnit);
  const Bits whole =
      select(above > kRoom, static_cast<Bits>(~Bits{0}), static_cast<Bits>(significand << smaller(above, kRoom)));
  // At least one bit goes, at most two more than the significand has: below one half.
  const auto below = static_cast<Bits>(kUnit - smaller(field, kUnit));
  const Bits shift = smaller(larger(below, Bits{1}), static_cast<Bits>(From::kFractionBits + 2));
  return select(field >= kUnit, whole, shift_rounded(significand, shift, negative, mode));
}

// The largest magnitude of a `bits` wide two's complement number.
template <class Bits>
constexpr Bits integer_limit(int bits, bool negative) {
  return (Bits{1} << (bits - 1)) - (negative ? 0 : 1);
}

// The two's complement code, clamped to `bits`; 0 of NaN. Bits holds at least `bits`.
template <class Bits>
[[gnu::always_inline]] constexpr Bits saturate_to_integer(Bits pattern, int bits, Rounding mode) {
  using From = Source<Bits>;
  const Bits magnitude = pattern & From::kMagnitude;
  const Bits negative = pattern >> From::kSignShift;
  const Bits rounded = round_to_integral_magnitude(magnitude, negative, mode);
  const Bits limit = integer_limit<Bits>(bits, false) + negative;
  const Bits clamped = smaller(rounded, limit);
  const auto signed_code = static_cast<Bits>((clamped ^ (Bits{0} - negative)) + negative);
  return select(magnitude > From::kInfinity, Bits{0}, signed_code);
}

}  // namespace assay::goldens
