// Sum, difference, product, maximum, minimum, negation, magnitude, relu (pto-isa 2.3, 2.8).
#include "goldens/ops/element.h"
#include "goldens/ops/element_ops.h"

namespace assay::goldens::ops {
namespace {

using boost::multiprecision::cpp_int;

Admissible integer(DType dtype, const cpp_int& value) {
  return fits(dtype, value) ? exactly(integer_bits(dtype, value)) : open_element();
}

// b is negated already for differences.
Admissible sum(DType dtype, const Number& a, const Number& b) {
  if (a.is_nan() || b.is_nan()) return any_nan(dtype);
  if (a.is_infinite() && b.is_infinite())
    return a.negative == b.negative ? infinity(dtype, a.negative) : any_nan(dtype);
  if (a.is_infinite()) return infinity(dtype, a.negative);
  if (b.is_infinite()) return infinity(dtype, b.negative);
  return nearest(dtype, a.value + b.value, a.is_zero() && b.is_zero() && a.negative && b.negative);
}

Admissible product(DType dtype, const Number& a, const Number& b) {
  const bool negative = a.negative != b.negative;
  if (a.is_nan() || b.is_nan() || (a.is_infinite() && b.is_zero()) || (b.is_infinite() && a.is_zero()))
    return any_nan(dtype);
  if (a.is_infinite() || b.is_infinite()) return infinity(dtype, negative);
  return nearest(dtype, a.value * b.value, negative);
}

Admissible extremum(Binary op, DType dtype, std::uint64_t a, std::uint64_t b) {
  const Number x = decode(dtype, a), y = decode(dtype, b);
  if (x.is_nan() || y.is_nan()) return open_element();
  if (is_float(dtype)) {
    if (x.is_zero() && y.is_zero()) return x.negative == y.negative ? exactly(a) : either_zero(dtype);
    return exactly((order(dtype, a) < order(dtype, b)) == (op == Binary::maximum) ? b : a);
  }
  return exactly((x.value < y.value) == (op == Binary::maximum) ? b : a);
}

Admissible integer_binary(Binary op, DType dtype, const cpp_int& a, const cpp_int& b) {
  if (op == Binary::add) return integer(dtype, a + b);
  if (op == Binary::subtract) return integer(dtype, a - b);
  return integer(dtype, a * b);
}

std::uint64_t sign_of(DType dtype) { return format_of(dtype).sign_bit(); }

Admissible sign_operation(Unary op, DType dtype, std::uint64_t a) {
  const Number x = decode(dtype, a);
  if (!is_float(dtype)) {
    const cpp_int& value = x.value.significand;
    if (op == Unary::negate) return integer(dtype, -value);
    if (op == Unary::magnitude) return integer(dtype, value < 0 ? cpp_int(-value) : value);
    return exactly(x.negative ? 0 : a);
  }
  if (x.is_nan()) return op == Unary::relu ? open_element() : any_nan(dtype);
  if (op == Unary::negate) return exactly(a ^ sign_of(dtype));
  if (op == Unary::magnitude) return exactly(a & (sign_of(dtype) - 1));
  if (x.is_zero()) return either_zero(dtype);
  return x.negative ? either_zero(dtype) : exactly(a);
}

}  // namespace

Admissible binary(Binary op, DType dtype, std::uint64_t a, std::uint64_t b, const Profile& profile) {
  if (profile.flush_subnormals && (is_subnormal(dtype, a) || is_subnormal(dtype, b))) return open_element();
  if (op == Binary::maximum || op == Binary::minimum) return extremum(op, dtype, a, b);
  if (op == Binary::divide) return quotient(dtype, a, b, profile.ulp.at("div"));
  const Number x = decode(dtype, a);
  Number y = decode(dtype, b);
  if (!is_float(dtype)) return integer_binary(op, dtype, x.value.significand, y.value.significand);
  if (op == Binary::multiply) return product(dtype, x, y);
  if (op == Binary::subtract) {
    y.negative = !y.negative;
    y.value.significand = -y.value.significand;
  }
  return sum(dtype, x, y);
}

Admissible unary(Unary op, DType dtype, std::uint64_t a, const Profile& profile) {
  if (profile.flush_subnormals && is_subnormal(dtype, a)) return open_element();
  switch (op) {
    case Unary::exponential:
      return function(op, dtype, a, profile.ulp.at("exp"));
    case Unary::logarithm:
      return function(op, dtype, a, profile.ulp.at("log"));
    case Unary::square_root:
      return function(op, dtype, a, profile.ulp.at("sqrt"));
    case Unary::reciprocal_root:
      return function(op, dtype, a, profile.ulp.at("rsqrt"));
    case Unary::reciprocal:
      return function(op, dtype, a, profile.ulp.at("recip"));
    default:
      return sign_operation(op, dtype, a);
  }
}

}  // namespace assay::goldens::ops
