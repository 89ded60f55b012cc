#include "harness/sim/numeric/round.h"

#include <algorithm>

namespace assay::sim {
namespace {

struct Rounded {
  std::uint64_t magnitude = 0;  // in units of 2^unit
  bool huge = false;            // 2^64 units or more
};

// What is cut off, compared with half a unit.
struct Remainder {
  bool nonzero = false;
  int against_half = -1;  // -1 below, 0 equal, 1 above
};

bool rounds_up(const Rounding mode, bool negative, bool odd, const Remainder& rest) {
  if (!rest.nonzero) return false;
  switch (mode) {
    case Rounding::rint:
      return rest.against_half > 0 || (rest.against_half == 0 && odd);
    case Rounding::round:
      return rest.against_half >= 0;
    case Rounding::floor:
      return negative;
    case Rounding::ceil:
      return !negative;
    case Rounding::trunc:
      return false;
    case Rounding::odd:
      return !odd;
  }
  return false;
}

// The magnitude rounded to a multiple of 2^unit.
Rounded round_magnitude(const Exact& value, int unit, Rounding mode) {
  const int shift = unit - value.exponent;
  const std::uint64_t m = value.magnitude;
  if (m == 0) return {};
  if (shift <= 0) {
    if (-shift >= 64 || std::countl_zero(m) < -shift) return {-shift >= 64 ? 0 : m << -shift, true};
    return {m << -shift, false};
  }
  Remainder rest;
  std::uint64_t kept = 0;
  if (shift > 64) {
    rest = {true, -1};
  } else {
    kept = shift == 64 ? 0 : m >> shift;
    const std::uint64_t cut = shift == 64 ? m : m & ((std::uint64_t{1} << shift) - 1);
    const std::uint64_t half = std::uint64_t{1} << (shift - 1);
    rest = {cut != 0, cut < half ? -1 : cut == half ? 0 : 1};
  }
  return {kept + (rounds_up(mode, value.negative, kept & 1U, rest) ? 1 : 0), false};
}

std::uint32_t encode(bool negative, std::uint32_t field, const FloatFormat& format) {
  return field | (negative ? std::uint32_t{1} << (format.width - 1) : 0);
}

std::uint32_t infinity(const FloatFormat& format) {
  const int fraction = format.precision - 1;
  return ((std::uint32_t{1} << (format.width - 1 - fraction)) - 1) << fraction;
}

bool overflows_to_infinity(Rounding mode, bool negative) {
  switch (mode) {
    case Rounding::rint:
    case Rounding::round:
      return true;
    case Rounding::floor:
      return negative;
    case Rounding::ceil:
      return !negative;
    case Rounding::trunc:
    case Rounding::odd:
      return false;
  }
  return true;
}

// Limits of the magnitude on either side of zero.
std::uint64_t limit(const IntegerFormat& format, bool negative) {
  if (!format.is_signed) return negative ? 0 : ~std::uint64_t{0} >> (64 - format.width);
  const std::uint64_t top = std::uint64_t{1} << (format.width - 1);
  return negative ? top : top - 1;
}

std::int64_t extend(std::uint64_t bits, const IntegerFormat& format) {
  const int unused = 64 - format.width;
  if (format.is_signed) return static_cast<std::int64_t>(bits << unused) >> unused;
  return static_cast<std::int64_t>(bits << unused >> unused);
}

}  // namespace

Exact decode_float(std::uint32_t bits, const FloatFormat& format) {
  const int fraction_bits = format.precision - 1;
  const std::uint32_t fraction = bits & ((std::uint32_t{1} << fraction_bits) - 1);
  const int exponent_bits = format.width - 1 - fraction_bits;
  const auto exponent = static_cast<int>((bits >> fraction_bits) & ((std::uint32_t{1} << exponent_bits) - 1));
  const bool negative = (bits >> (format.width - 1)) & 1U;
  if (exponent == (1 << exponent_bits) - 1)
    return {fraction ? Exact::Class::nan : Exact::Class::infinite, negative, 0, 0};
  if (exponent == 0) return {Exact::Class::finite, negative, fraction, format.least_exponent};
  return {Exact::Class::finite, negative, fraction | std::uint64_t{1} << fraction_bits,
          format.least_exponent + exponent - 1};
}

Exact from_integer(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  return {Exact::Class::finite, value < 0, value < 0 ? 0 - bits : bits, 0};
}

Exact from_unsigned(std::uint64_t value) { return {Exact::Class::finite, false, value, 0}; }

std::uint32_t round_to_float(const Exact& value, const FloatFormat& format, Rounding mode, bool saturate) {
  const std::uint32_t inf = infinity(format);
  if (value.kind == Exact::Class::nan) return inf | std::uint32_t{1} << (format.precision - 2);
  if (value.kind == Exact::Class::infinite) return encode(value.negative, saturate ? inf - 1 : inf, format);
  if (value.magnitude == 0) return encode(value.negative, 0, format);
  const int top = 63 - std::countl_zero(value.magnitude) + value.exponent;
  int unit = std::max(top - (format.precision - 1), format.least_exponent);
  std::uint64_t significand = round_magnitude(value, unit, mode).magnitude;
  if (significand >> format.precision) {
    significand >>= 1;
    ++unit;
  }
  if (unit + format.precision - 1 > format.max_exponent && (significand >> (format.precision - 1)))
    return encode(value.negative, !saturate && overflows_to_infinity(mode, value.negative) ? inf : inf - 1, format);
  const bool subnormal = (significand >> (format.precision - 1)) == 0;
  const auto exponent = static_cast<std::uint32_t>(subnormal ? 0 : unit - format.least_exponent + 1);
  const auto fraction = static_cast<std::uint32_t>(significand) & ((std::uint32_t{1} << (format.precision - 1)) - 1);
  return encode(value.negative, exponent << (format.precision - 1) | fraction, format);
}

std::int64_t round_to_integer(const Exact& value, const IntegerFormat& format, Rounding mode, bool saturate) {
  if (value.kind == Exact::Class::nan) return 0;
  const std::uint64_t most = limit(format, value.negative);
  const std::uint64_t clamped = value.negative ? 0 - most : most;
  if (value.kind == Exact::Class::infinite) return saturate ? extend(clamped, format) : 0;
  const Rounded rounded = round_magnitude(value, 0, mode);
  if (saturate && (rounded.huge || rounded.magnitude > most)) return extend(clamped, format);
  return extend(value.negative ? 0 - rounded.magnitude : rounded.magnitude, format);
}

bool fits(const Exact& value, const IntegerFormat& format, Rounding mode) {
  if (value.kind != Exact::Class::finite) return false;
  const Rounded rounded = round_magnitude(value, 0, mode);
  return !rounded.huge && rounded.magnitude <= limit(format, value.negative);
}

std::uint32_t round_to_integral(const Exact& value, const FloatFormat& format, Rounding mode) {
  if (value.kind != Exact::Class::finite || value.exponent >= 0) return round_to_float(value, format, mode, false);
  const Rounded rounded = round_magnitude(value, 0, mode);
  return round_to_float({Exact::Class::finite, value.negative, rounded.magnitude, 0}, format, mode, false);
}

}  // namespace assay::sim
