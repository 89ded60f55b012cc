// A binary floating-point format with IEEE 754 encodings as data: sign, exponent, fraction, infinities and NaN in the
// topmost exponent. Codes are right aligned in 32 bits.
#pragma once

#include <cstdint>

namespace assay::goldens {

struct BinaryFormat {
  int exponent_bits;
  int fraction_bits;

  constexpr int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  // Exponent of the least normal number; every subnormal is a multiple of 2^(min_exponent - fraction_bits).
  constexpr int min_exponent() const { return 1 - bias(); }
  constexpr int max_exponent() const { return bias(); }
  constexpr std::uint32_t sign_bit() const { return 1u << (exponent_bits + fraction_bits); }
  constexpr std::uint32_t infinity() const { return ((1u << exponent_bits) - 1) << fraction_bits; }
  constexpr std::uint32_t max_finite() const { return infinity() - 1; }
  constexpr std::uint32_t quiet_nan() const { return infinity() | (1u << (fraction_bits - 1)); }
};

inline constexpr BinaryFormat kF32{8, 23};
inline constexpr BinaryFormat kF16{5, 10};
inline constexpr BinaryFormat kBf16{8, 7};

}  // namespace assay::goldens
