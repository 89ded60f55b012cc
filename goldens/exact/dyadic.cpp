#include "goldens/exact/dyadic.h"

#include <algorithm>
#include <bit>

namespace assay::goldens {
namespace {

using boost::multiprecision::cpp_int;

// Both significands over the smaller of the two exponents.
std::pair<cpp_int, cpp_int> aligned(const Dyadic& a, const Dyadic& b, int exponent) {
  return {a.significand << (a.exponent - exponent), b.significand << (b.exponent - exponent)};
}

}  // namespace

Dyadic operator+(const Dyadic& a, const Dyadic& b) {
  const int exponent = std::min(a.exponent, b.exponent);
  const auto [x, y] = aligned(a, b, exponent);
  return {x + y, exponent};
}

Dyadic operator-(const Dyadic& a, const Dyadic& b) { return a + Dyadic{-b.significand, b.exponent}; }

Dyadic operator*(const Dyadic& a, const Dyadic& b) { return {a.significand * b.significand, a.exponent + b.exponent}; }

std::strong_ordering operator<=>(const Dyadic& a, const Dyadic& b) {
  const auto [x, y] = aligned(a, b, std::min(a.exponent, b.exponent));
  return x.compare(y) <=> 0;
}

Dyadic absolute(const Dyadic& a) { return {abs(a.significand), a.exponent}; }

Dyadic exact_magnitude(BinaryFormat format, std::uint32_t magnitude) {
  const std::uint32_t fraction = magnitude & ((1u << format.fraction_bits) - 1);
  const auto field = static_cast<int>(magnitude >> format.fraction_bits);
  cpp_int significand = fraction;
  if (field != 0) significand += cpp_int(1) << format.fraction_bits;
  return {significand, std::max(field, 1) - format.bias() - format.fraction_bits};
}

Dyadic exact_value(BinaryFormat format, std::uint32_t code) {
  Dyadic value = exact_magnitude(format, code & (format.sign_bit() - 1));
  if (code & format.sign_bit()) value.significand = -value.significand;
  return value;
}

Dyadic exact_value(float x) { return exact_value(kF32, std::bit_cast<std::uint32_t>(x)); }

Dyadic exact_value(double x) {
  const auto u = std::bit_cast<std::uint64_t>(x);
  const auto field = static_cast<int>((u >> 52) & 0x7FF);
  cpp_int significand = u & ((std::uint64_t{1} << 52) - 1);
  if (field != 0) significand += cpp_int(1) << 52;
  return {(u >> 63) ? cpp_int(-significand) : significand, std::max(field, 1) - 1075};
}

}  // namespace assay::goldens
