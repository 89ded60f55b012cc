// One element as a number, and numbers as admissible elements.
#pragma once

#include <cstdint>

#include "goldens/exact/dyadic.h"
#include "goldens/formats/binary_format.h"
#include "goldens/ops/tile_op.h"

namespace assay::goldens::ops {

struct Number {
  enum class Class : std::uint8_t { finite, infinite, nan };
  Class kind = Class::finite;
  bool negative = false;  // the sign bit, of zeros too
  Dyadic value;           // when finite

  bool is_nan() const { return kind == Class::nan; }
  bool is_infinite() const { return kind == Class::infinite; }
  bool is_zero() const { return kind == Class::finite && value.significand == 0; }
};

// dtype: a float or an integer.
bool is_float(DType dtype);
BinaryFormat format_of(DType dtype);
Number decode(DType dtype, std::uint64_t bits);
bool is_subnormal(DType dtype, std::uint64_t bits);

// Place of a float's bits in the order of values; -0 is one below +0. Of no NaN.
std::int64_t order(DType dtype, std::uint64_t bits);

inline Admissible range(std::uint64_t lo, std::uint64_t hi) {
  Admissible admissible;
  admissible.lo = lo;
  admissible.hi = hi;
  return admissible;
}
inline Admissible exactly(std::uint64_t bits) { return range(bits, bits); }
inline Admissible open_element() {
  Admissible admissible;
  admissible.open = true;
  return admissible;
}
Admissible any_nan(DType dtype);
Admissible infinity(DType dtype, bool negative);
Admissible zero(DType dtype, bool negative);
Admissible either_zero(DType dtype);

// Everything either admits and what lies between; open where one is a NaN and the other is not.
Admissible hull(DType dtype, const Admissible& a, const Admissible& b);

// The finite number rounded once to nearest even; an exact zero gets the sign given.
Admissible nearest(DType dtype, const Dyadic& value, bool negative_zero);

// Every value of the format within [lo, hi], and the one nearest to `centre`; infinity counts as 2^(max exponent + 1).
Admissible between(DType dtype, const Dyadic& lo, const Dyadic& hi, const Dyadic& centre);

// Every value within `ulps` of the real number enclosed by [lo, hi], of its sign.
Admissible within_ulps(DType dtype, const Dyadic& lo, const Dyadic& hi, double ulps);

// 1 in the type.
std::uint64_t one(DType dtype);

// Two's complement bits of the integer when it fits the type.
bool fits(DType dtype, const boost::multiprecision::cpp_int& value);
std::uint64_t integer_bits(DType dtype, const boost::multiprecision::cpp_int& value);  // low bits when it does not fit
boost::multiprecision::cpp_int clamp_to(DType dtype, const boost::multiprecision::cpp_int& value);

}  // namespace assay::goldens::ops
