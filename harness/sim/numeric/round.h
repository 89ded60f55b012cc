// The simulator's own rounding: exact values as integers times powers of two, rounded once to a float format or an
// integer (pto-isa 2.6; the modes are the mathematical ones of dsv4-chain section 1).
#pragma once

#include <bit>
#include <cstdint>

#include "harness/core/profile/profile.h"

namespace assay::sim {

// magnitude * 2^exponent, negated when `negative`; or infinite; or not a number.
struct Exact {
  enum class Class : std::uint8_t { finite, infinite, nan };
  Class kind = Class::finite;
  bool negative = false;
  std::uint64_t magnitude = 0;
  int exponent = 0;
};

struct FloatFormat {
  int precision;       // significand bits, the hidden one included
  int max_exponent;    // of the largest finite value's leading bit
  int least_exponent;  // of the smallest subnormal
  int width;
};
inline constexpr FloatFormat kF32Format{24, 127, -149, 32};
inline constexpr FloatFormat kF16Format{11, 15, -24, 16};
inline constexpr FloatFormat kBf16Format{8, 127, -133, 16};

Exact decode_float(std::uint32_t bits, const FloatFormat& format);
Exact from_integer(std::int64_t value);
Exact from_unsigned(std::uint64_t value);

// Bits of the rounded value. Overflow goes to infinity or the largest finite value as the mode says, always to the
// latter when saturating; so do infinities. NaN gives the canonical quiet NaN.
std::uint32_t round_to_float(const Exact& value, const FloatFormat& format, Rounding mode, bool saturate);

struct IntegerFormat {
  int width;
  bool is_signed;
};
// The rounded integer, sign- or zero-extended. Out of range: clamped when saturating, else its low bits. Infinities
// clamp or give 0; NaN gives 0.
std::int64_t round_to_integer(const Exact& value, const IntegerFormat& format, Rounding mode, bool saturate);
// Whether the rounded integer fits the format.
bool fits(const Exact& value, const IntegerFormat& format, Rounding mode);

// The value rounded to an integer, as a float of the format (tcvt f32 to f32).
std::uint32_t round_to_integral(const Exact& value, const FloatFormat& format, Rounding mode);

// ---- shorthands
inline float f16_value(std::uint16_t bits);
inline float bf16_value(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }
inline std::uint16_t f16_nearest(float value) {
  return static_cast<std::uint16_t>(
      round_to_float(decode_float(std::bit_cast<std::uint32_t>(value), kF32Format), kF16Format, Rounding::rint, false));
}
inline std::uint16_t bf16_nearest(float value) {
  const std::uint32_t u = std::bit_cast<std::uint32_t>(value);
  if ((u & 0x7FFFFFFFU) > 0x7F800000U) return 0x7FC0;
  return static_cast<std::uint16_t>((u + 0x7FFFU + ((u >> 16) & 1U)) >> 16);
}

inline float f16_value(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16, exponent = (bits >> 10) & 0x1FU;
  const std::uint32_t fraction = bits & 0x3FFU;
  if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000U | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112U) << 23) | fraction << 13);
  const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
  return sign ? -magnitude : magnitude;
}

}  // namespace assay::sim
