// The fast definition of narrowing: integer arithmetic on the operand's bit pattern without branches, so that loops
// over it vectorise. Everything is forced inline: with format and mode constant the compiler folds the rest.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "goldens/formats/binary_format.h"
#include "harness/core/profile/profile.h"

namespace assay::goldens {

// IEEE 754 binary32 or binary64, by its bit pattern.
template <class Bits>
struct Source {
  static constexpr int kFractionBits = sizeof(Bits) == 4 ? 23 : 52;
  static constexpr int kBias = sizeof(Bits) == 4 ? 127 : 1023;
  static constexpr Bits kHidden = Bits{1} << kFractionBits;
  static constexpr int kSignShift = 8 * static_cast<int>(sizeof(Bits)) - 1;
  static constexpr Bits kMagnitude = (Bits{1} << kSignShift) - 1;
  static constexpr Bits kInfinity = kMagnitude - (kHidden - 1);
};

// By value and without a branch: a loop with one is not vectorised.
template <class Bits>
[[gnu::always_inline]] constexpr Bits select(bool condition, Bits yes, Bits no) {
  return no ^ ((yes ^ no) & (Bits{0} - static_cast<Bits>(condition)));
}
template <class Bits>
[[gnu::always_inline]] constexpr Bits smaller(Bits a, Bits b) {
  return select(a < b, a, b);
}
template <class Bits>
[[gnu::always_inline]] constexpr Bits larger(Bits a, Bits b) {
  return select(a < b, b, a);
}

// significand / 2^shift, rounded; both of a magnitude, so that adding moves away from zero. 1 <= shift, and twice the
// significand plus 2^shift fit Bits. negative: 0 or 1.
template <class Bits>
[[gnu::always_inline]] constexpr Bits shift_rounded(Bits significand, Bits shift, Bits negative, Rounding mode) {
  const Bits below = (Bits{1} << shift) - 1;  // all the bits that go
  const Bits kept = significand >> shift;
  switch (mode) {
    case Rounding::rint:
      return (significand + (below >> 1) + (kept & 1)) >> shift;
    case Rounding::round:
      return (significand + (below >> 1) + 1) >> shift;
    case Rounding::floor:
      return (significand + (below & (Bits{0} - negative))) >> shift;
    case Rounding::ceil:
      return (significand + (below & (negative - Bits{1}))) >> shift;
    case Rounding::trunc:
      return kept;
    case Rounding::odd:
      return kept | static_cast<Bits>((significand & below) != 0);
  }
  return 0;
}

// The magnitude's code, which counts on beyond the largest finite one as if the exponent had room. `magnitude` is
// finite and has no sign bit.
template <class Bits>
[[gnu::always_inline]] constexpr Bits round_magnitude(Bits magnitude, Bits negative, BinaryFormat format,
                                                      Rounding mode) {
  using From = Source<Bits>;
  const int dropped = From::kFractionBits - format.fraction_bits;
  // The same exponents: a carry out of the fraction lands in the exponent where it belongs.
  if (format.bias() == From::kBias) return shift_rounded(magnitude, static_cast<Bits>(dropped), negative, mode);
  const auto least = static_cast<Bits>(From::kBias + format.min_exponent());  // field of the least normal number
  const Bits field = larger(static_cast<Bits>(magnitude >> From::kFractionBits), Bits{1});
  const Bits significand =
      (magnitude & (From::kHidden - 1)) | select(magnitude >= From::kHidden, From::kHidden, Bits{0});
  // Below the least normal number the step no longer shrinks. Two bits more than the significand has: below half of it.
  const Bits normal = larger(field, least);
  const Bits deficit = normal - field;
  const Bits shift =
      smaller(static_cast<Bits>(static_cast<Bits>(dropped) + deficit), static_cast<Bits>(From::kFractionBits + 2));
  // A kept hidden bit counts as one exponent step; without it the number is subnormal and its exponent field zero.
  return ((normal - least) << format.fraction_bits) + shift_rounded(significand, shift, negative, mode);
}

// What rounding alone does not decide, by sign: [0] of positive operands, [1] of negative ones.
struct Outcomes {
  std::uint32_t limit[2];  // largest magnitude, the overflow's one included where the mode overflows
  std::uint32_t zero[2];   // complete codes from here on
  std::uint32_t infinite[2];
  std::uint32_t nan[2];
};

constexpr std::uint32_t largest_magnitude(BinaryFormat format, bool negative, Rounding mode, Overflow overflow) {
  if (overflow != Overflow::nonsat || !format.has_nan()) return format.max_finite();
  switch (mode) {
    case Rounding::rint:
    case Rounding::round:
      return format.overflow();
    case Rounding::floor:
      return negative ? format.overflow() : format.max_finite();
    case Rounding::ceil:
      return negative ? format.max_finite() : format.overflow();
    case Rounding::trunc:
      return format.max_finite();
    case Rounding::odd:
      return format.max_finite() | 1;
  }
  return 0;
}

constexpr Outcomes outcomes(BinaryFormat format, Rounding mode, const NarrowingRules& rules) {
  Outcomes result{};
  for (const bool negative : {false, true}) {
    const std::uint32_t sign = negative ? format.sign_bit() : 0;
    result.limit[negative] = largest_magnitude(format, negative, mode, rules.overflow);
    result.zero[negative] = format.has_negative_zero() && rules.negative_zero ? sign : 0;
    const bool clamped = rules.overflow == Overflow::satall || !format.has_nan();
    // Without infinities the overflow's code is NaN's, and with them infinity's; fnuz's has the sign bit already.
    result.infinite[negative] = sign | (clamped ? format.max_finite() : format.overflow());
    const std::uint32_t nan_sign = rules.nan == NanResult::signed_nan ? sign : 0;
    result.nan[negative] = rules.nan == NanResult::zero                           ? 0
                           : rules.nan == NanResult::maximum || !format.has_nan() ? format.max_finite()
                                                                                  : nan_sign | format.quiet_nan();
  }
  return result;
}

// The complete code of any operand.
template <class Bits>
[[gnu::always_inline]] constexpr std::uint32_t narrow(Bits pattern, BinaryFormat format, Rounding mode,
                                                      const Outcomes& at) {
  using From = Source<Bits>;
  const Bits magnitude = pattern & From::kMagnitude;
  const Bits negative = pattern >> From::kSignShift;
  const bool is_negative = negative != 0;
  const Bits limit = select<Bits>(is_negative, at.limit[1], at.limit[0]);
  const Bits rounded = round_magnitude(magnitude, negative, format, mode);
  const auto code = static_cast<std::uint32_t>(smaller(rounded, limit));
  std::uint32_t result = code | select(is_negative, format.sign_bit(), 0u);
  result = select(code == 0, select(is_negative, at.zero[1], at.zero[0]), result);
  result = select(magnitude == From::kInfinity, select(is_negative, at.infinite[1], at.infinite[0]), result);
  return select(magnitude > From::kInfinity, select(is_negative, at.nan[1], at.nan[0]), result);
}

// The same under the default rules, for a format with the source's exponents and IEEE specials: zero, overflow and
// infinity come out of the rounding itself, and only NaN would run over into another class.
template <class Bits>
[[gnu::always_inline]] constexpr Bits narrow_by_default(Bits pattern, BinaryFormat format, Rounding mode) {
  using From = Source<Bits>;
  const auto dropped = static_cast<Bits>(From::kFractionBits - format.fraction_bits);
  const Bits negative = pattern >> From::kSignShift;
  const Bits nan = ((pattern & ~From::kMagnitude) >> dropped) | format.quiet_nan();
  const Bits rounded = shift_rounded(pattern, dropped, negative, mode);
  return select((pattern & From::kMagnitude) > From::kInfinity, nan, rounded);
}

// The value of a code. Not of f32.
constexpr float widen(std::uint32_t code, BinaryFormat format) {
  const std::uint32_t sign = (code & format.sign_bit()) != 0 ? 0x80000000u : 0u;
  if (format.is_nan(code)) return std::bit_cast<float>((format.has_negative_zero() ? sign : 0) | 0x7FC00000u);
  const std::uint32_t magnitude = code & (format.sign_bit() - 1);
  if (format.has_infinity() && magnitude == format.infinity()) return std::bit_cast<float>(sign | 0x7F800000u);
  const std::uint32_t fraction = magnitude & ((1u << format.fraction_bits) - 1);
  const auto field = static_cast<int>(magnitude >> format.fraction_bits);
  const auto significand = static_cast<float>(fraction | (field != 0 ? 1u << format.fraction_bits : 0u));
  const int exponent = std::max(field, 1) - format.bias() - format.fraction_bits;
  const float step = std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23);
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(significand * step) | sign);
}

}  // namespace assay::goldens
