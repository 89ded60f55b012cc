// Exact dyadic rationals: significand * 2^exponent over Boost's unbounded integers. Every finite binary floating-point
// number is one; sums, differences and products of them are again. For definitions and tests: slow.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>
#include <compare>
#include <cstdint>

#include "goldens/formats/binary_format.h"

namespace assay::goldens {

struct Dyadic {
  boost::multiprecision::cpp_int significand;
  int exponent = 0;

  friend Dyadic operator+(const Dyadic& a, const Dyadic& b);
  friend Dyadic operator-(const Dyadic& a, const Dyadic& b);
  friend Dyadic operator*(const Dyadic& a, const Dyadic& b);
  friend std::strong_ordering operator<=>(const Dyadic& a, const Dyadic& b);
  friend bool operator==(const Dyadic& a, const Dyadic& b) { return (a <=> b) == 0; }
};

Dyadic absolute(const Dyadic& a);

// The exact value of a code; the sign bit counts. The infinity's code gives 2^(max_exponent + 1), the value that would
// follow the largest finite one if the exponent had room: rounding needs it as upper neighbour. No NaN.
Dyadic exact_value(BinaryFormat format, std::uint32_t code);
// Of a magnitude: no sign bit, and one beyond the largest finite code continues the exponents as if they had room.
Dyadic exact_magnitude(BinaryFormat format, std::uint32_t magnitude);
// Of a finite number.
Dyadic exact_value(float x);
Dyadic exact_value(double x);

}  // namespace assay::goldens
