#include "goldens/exact/rounding.h"

#include <bit>

#include "goldens/formats/pick.h"

namespace assay::goldens {

Neighbours find_neighbours(BinaryFormat format, const Place& number) {
  std::uint32_t lower = 0, beyond = format.overflow();  // value(lower) <= number; values grow with codes
  while (beyond - lower > 1) {
    const std::uint32_t middle = lower + (beyond - lower) / 2;
    (number(exact_magnitude(format, middle)) >= 0 ? lower : beyond) = middle;
  }
  const Dyadic below = exact_magnitude(format, lower), above = exact_magnitude(format, lower + 1);
  const Dyadic sum = below + above;
  return {lower, number(below) == 0, number({sum.significand, sum.exponent - 1})};
}

std::uint32_t pick(BinaryFormat format, const Neighbours& neighbours, bool negative, Rounding mode, bool saturate) {
  std::uint32_t code = neighbours.lower;
  if (!neighbours.exact) code += rounds_up(mode, negative, code & 1, neighbours.against_half);
  if (saturate && code == format.infinity()) code = format.max_finite();
  return code | (negative ? format.sign_bit() : 0);
}

std::uint32_t round_exact(BinaryFormat format, const Dyadic& number, Rounding mode, bool saturate) {
  const Dyadic magnitude = absolute(number);
  const Neighbours neighbours = find_neighbours(format, [&](const Dyadic& d) { return magnitude <=> d; });
  return pick(format, neighbours, number.significand < 0, mode, saturate);
}

std::uint32_t round_exact(BinaryFormat format, float x, Rounding mode, bool saturate) {
  const auto u = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = (u >> 31) ? format.sign_bit() : 0;
  const std::uint32_t magnitude = u & 0x7FFFFFFF;
  if (magnitude > kF32.infinity()) return sign | format.quiet_nan();
  if (magnitude == kF32.infinity()) return sign | (saturate ? format.max_finite() : format.infinity());
  return sign | round_exact(format, exact_value(x), mode, saturate);
}

boost::multiprecision::cpp_int round_to_integer(const Dyadic& number, Rounding mode) {
  using boost::multiprecision::cpp_int;
  const Dyadic magnitude = absolute(number);
  const bool negative = number.significand < 0;
  cpp_int rounded = magnitude.exponent >= 0 ? cpp_int(magnitude.significand << magnitude.exponent)
                                            : cpp_int(magnitude.significand >> -magnitude.exponent);
  const Dyadic floor{rounded, 0};
  if (!(magnitude == floor)) {
    const Dyadic half{2 * rounded + 1, -1};
    if (rounds_up(mode, negative, bit_test(rounded, 0), magnitude <=> half)) ++rounded;
  }
  return negative ? cpp_int(-rounded) : rounded;
}

}  // namespace assay::goldens
