// Quotient, reciprocal, roots, exponential and logarithm: within the profile's bound of the true value (pto-isa 2.8: a
// division by zero gives infinity or NaN). Reals are enclosed to 2^-150 of their size, far inside any bound.
#include <boost/multiprecision/mpfr.hpp>

#include "goldens/ops/element.h"
#include "goldens/ops/element_ops.h"

namespace assay::goldens::ops {
namespace {

using boost::multiprecision::cpp_int;
using Real = boost::multiprecision::number<boost::multiprecision::mpfr_float_backend<60>>;  // about 200 bits

constexpr int kBits = 160;  // kept of each real

Real real_of(const Dyadic& d) { return ldexp(Real(d.significand.convert_to<double>()), d.exponent); }

// The interval of one unit in the 160th bit around a real.
Admissible around(DType dtype, const Real& value, double ulps) {
  if (value == 0) return within_ulps(dtype, {}, {}, ulps);
  int exponent = 0;
  const Real scaled = ldexp(frexp(value, &exponent), kBits);
  const cpp_int significand = floor(scaled).convert_to<cpp_int>();
  return within_ulps(dtype, {significand - 1, exponent - kBits}, {significand + 2, exponent - kBits}, ulps);
}

Admissible exponential(DType dtype, const Number& x, double ulps) {
  if (x.is_infinite()) return x.negative ? zero(dtype, false) : infinity(dtype, false);
  const Dyadic limit{200, 0};  // exp(200) is beyond every format here, exp(-200) below every subnormal
  if (x.value > limit) return infinity(dtype, false);
  if (absolute(x.value) > limit) return within_ulps(dtype, {1, -300}, {1, -300}, ulps);
  return around(dtype, exp(real_of(x.value)), ulps);
}

Admissible reciprocal(DType dtype, const Number& x, double ulps) {
  if (x.is_infinite()) return zero(dtype, x.negative);
  if (x.is_zero()) return infinity(dtype, x.negative);
  return around(dtype, 1 / real_of(x.value), ulps);
}

// Of logarithm and roots: arguments below zero.
Admissible positive_only(Unary op, DType dtype, const Number& x, double ulps) {
  if (x.is_zero()) {
    if (op == Unary::logarithm) return infinity(dtype, true);
    if (op == Unary::square_root) return either_zero(dtype);
    return x.negative ? open_element() : infinity(dtype, false);
  }
  if (x.negative) return any_nan(dtype);
  if (x.is_infinite()) return op == Unary::reciprocal_root ? zero(dtype, false) : infinity(dtype, false);
  const Real value = real_of(x.value);
  if (op == Unary::logarithm) return around(dtype, log(value), ulps);
  if (op == Unary::square_root) return around(dtype, sqrt(value), ulps);
  return around(dtype, 1 / sqrt(value), ulps);
}

}  // namespace

Admissible quotient(DType dtype, std::uint64_t a, std::uint64_t b, double ulps) {
  const Number x = decode(dtype, a), y = decode(dtype, b);
  const bool negative = x.negative != y.negative;
  if (x.is_nan() || y.is_nan() || (x.is_infinite() && y.is_infinite()) || (x.is_zero() && y.is_zero()))
    return any_nan(dtype);
  if (x.is_infinite() || y.is_zero()) return infinity(dtype, negative);
  if (y.is_infinite() || x.is_zero()) return zero(dtype, negative);
  return around(dtype, real_of(x.value) / real_of(y.value), ulps);
}

Admissible function(Unary op, DType dtype, std::uint64_t a, double ulps) {
  const Number x = decode(dtype, a);
  if (x.is_nan()) return any_nan(dtype);
  if (op == Unary::exponential) return exponential(dtype, x, ulps);
  if (op == Unary::reciprocal) return reciprocal(dtype, x, ulps);
  return positive_only(op, dtype, x, ulps);
}

}  // namespace assay::goldens::ops
