// A binary floating-point format as data: sign, exponent, fraction, and what the codes that are no finite numbers mean.
// Codes are right aligned in 32 bits.
#pragma once

#include <cstdint>

#include "harness/core/dtype.h"

namespace assay::goldens {

enum class Specials : std::uint8_t {
  ieee,               // the topmost exponent holds infinities and NaN
  all_ones_nan,       // all bits but the sign set is NaN; no infinity ("fn")
  negative_zero_nan,  // the code of -0 is the only NaN; no infinity, no -0 ("fnuz"), and one more in the bias
  none,               // every code is a finite number
};

struct BinaryFormat {
  int exponent_bits;
  int fraction_bits;
  Specials specials = Specials::ieee;

  constexpr bool has_infinity() const { return specials == Specials::ieee; }
  constexpr bool has_nan() const { return specials != Specials::none; }
  constexpr bool has_negative_zero() const { return specials != Specials::negative_zero_nan; }

  constexpr int bias() const { return (1 << (exponent_bits - 1)) - (specials == Specials::negative_zero_nan ? 0 : 1); }
  // Exponent of the least normal number; every subnormal is a multiple of 2^(min_exponent - fraction_bits).
  constexpr int min_exponent() const { return 1 - bias(); }
  // Exponent of the largest finite number.
  constexpr int max_exponent() const { return static_cast<int>(max_finite() >> fraction_bits) - bias(); }
  constexpr std::uint32_t sign_bit() const { return 1u << (exponent_bits + fraction_bits); }
  constexpr std::uint32_t max_finite() const {
    if (specials == Specials::ieee) return infinity() - 1;
    return sign_bit() - (specials == Specials::all_ones_nan ? 2 : 1);
  }
  // The magnitude after the largest finite one: stands for overflow, and is the code of infinity where there is one.
  constexpr std::uint32_t overflow() const { return max_finite() + 1; }
  // With has_infinity() only.
  constexpr std::uint32_t infinity() const { return ((1u << exponent_bits) - 1) << fraction_bits; }
  // With has_nan() only; a sign may be added except to negative_zero_nan's.
  constexpr std::uint32_t quiet_nan() const {
    if (specials == Specials::ieee) return infinity() | (1u << (fraction_bits - 1));
    return specials == Specials::all_ones_nan ? sign_bit() - 1 : sign_bit();
  }
  constexpr bool is_nan(std::uint32_t code) const {
    const std::uint32_t magnitude = code & (sign_bit() - 1);
    switch (specials) {
      case Specials::ieee:
        return magnitude > infinity();
      case Specials::all_ones_nan:
        return magnitude == quiet_nan();
      case Specials::negative_zero_nan:
        return code == quiet_nan();
      case Specials::none:
        return false;
    }
    return false;
  }
};

inline constexpr BinaryFormat kF32{8, 23};
inline constexpr BinaryFormat kF16{5, 10};
inline constexpr BinaryFormat kBf16{8, 7};
// ep-dispatch-combine 3.1.
inline constexpr BinaryFormat kE4m3fn{4, 3, Specials::all_ones_nan};
inline constexpr BinaryFormat kE4m3fnuz{4, 3, Specials::negative_zero_nan};
inline constexpr BinaryFormat kE5m2{5, 2};
inline constexpr BinaryFormat kE2m1{2, 1, Specials::none};

// dtype: a floating-point one; f32 for every other.
constexpr BinaryFormat binary_format(DType dtype) {
  switch (dtype) {
    case DType::f16:
      return kF16;
    case DType::bf16:
      return kBf16;
    case DType::e4m3fn:
      return kE4m3fn;
    case DType::e4m3fnuz:
      return kE4m3fnuz;
    case DType::e5m2:
      return kE5m2;
    case DType::e2m1:
      return kE2m1;
    default:
      return kF32;
  }
}

}  // namespace assay::goldens
