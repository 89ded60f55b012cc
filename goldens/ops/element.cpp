#include "goldens/ops/element.h"

#include <algorithm>

#include "goldens/exact/rounding.h"

namespace assay::goldens::ops {

using boost::multiprecision::cpp_int;

bool is_float(DType dtype) { return info(dtype).is_float; }

BinaryFormat format_of(DType dtype) { return binary_format(dtype); }

Number decode(DType dtype, std::uint64_t bits) {
  if (!is_float(dtype)) {
    const int unused = 64 - info(dtype).bits;
    Number number;
    number.value.significand =
        info(dtype).is_signed ? cpp_int(static_cast<std::int64_t>(bits << unused) >> unused) : cpp_int(bits);
    number.negative = number.value.significand < 0;
    return number;
  }
  const BinaryFormat format = format_of(dtype);
  const auto code = static_cast<std::uint32_t>(bits);
  const std::uint32_t magnitude = code & (format.sign_bit() - 1);
  const bool negative = (code & format.sign_bit()) != 0;
  if (format.is_nan(code)) return {Number::Class::nan, negative, {}};
  if (format.has_infinity() && magnitude == format.infinity()) return {Number::Class::infinite, negative, {}};
  return {Number::Class::finite, negative, exact_value(format, code)};
}

bool is_subnormal(DType dtype, std::uint64_t bits) {
  if (!is_float(dtype)) return false;
  const BinaryFormat format = format_of(dtype);
  const std::uint64_t magnitude = bits & (format.sign_bit() - 1);
  return magnitude != 0 && magnitude >> format.fraction_bits == 0;
}

std::int64_t order(DType dtype, std::uint64_t bits) {
  const std::uint32_t sign = format_of(dtype).sign_bit();
  const auto magnitude = static_cast<std::int64_t>(bits & (sign - 1));
  return (bits & sign) != 0 ? -1 - magnitude : magnitude;
}

Admissible any_nan(DType dtype) { return exactly(format_of(dtype).quiet_nan()); }

Admissible infinity(DType dtype, bool negative) {
  const BinaryFormat format = format_of(dtype);
  return exactly(format.infinity() | (negative ? format.sign_bit() : 0));
}

Admissible zero(DType dtype, bool negative) { return exactly(negative ? format_of(dtype).sign_bit() : 0); }

Admissible either_zero(DType dtype) { return range(format_of(dtype).sign_bit(), 0); }

Admissible hull(DType dtype, const Admissible& a, const Admissible& b) {
  if (a.open || b.open) return open_element();
  if (!is_float(dtype)) {
    const bool less = decode(dtype, a.lo).value <= decode(dtype, b.lo).value;
    const bool greater = decode(dtype, a.hi).value >= decode(dtype, b.hi).value;
    return range(less ? a.lo : b.lo, greater ? a.hi : b.hi);
  }
  const bool a_nan = decode(dtype, a.lo).is_nan(), b_nan = decode(dtype, b.lo).is_nan();
  if (a_nan || b_nan) return a_nan && b_nan ? a : open_element();
  return range(order(dtype, a.lo) <= order(dtype, b.lo) ? a.lo : b.lo,
               order(dtype, a.hi) >= order(dtype, b.hi) ? a.hi : b.hi);
}

std::uint64_t one(DType dtype) {
  return is_float(dtype) ? round_exact(format_of(dtype), Dyadic{1, 0}, Rounding::rint) : 1;
}

Admissible nearest(DType dtype, const Dyadic& value, bool negative_zero) {
  if (value.significand == 0) return zero(dtype, negative_zero);
  return exactly(round_exact(format_of(dtype), value, Rounding::rint));
}

Admissible between(DType dtype, const Dyadic& lo, const Dyadic& hi, const Dyadic& centre) {
  const BinaryFormat format = format_of(dtype);
  const Dyadic beyond = exact_value(format, format.infinity());
  const Dyadic below{-beyond.significand, beyond.exponent};
  std::uint64_t least = round_exact(format, lo, Rounding::ceil);
  std::uint64_t greatest = round_exact(format, hi, Rounding::floor);
  if (lo <= below) least = format.infinity() | format.sign_bit();
  if (hi >= beyond) greatest = format.infinity();
  const std::uint64_t middle = round_exact(format, centre, Rounding::rint);
  if (order(dtype, middle) < order(dtype, least)) least = middle;
  if (order(dtype, middle) > order(dtype, greatest)) greatest = middle;
  // An interval that reaches zero holds both of its signs.
  if (least == 0) least = format.sign_bit();
  if (greatest == format.sign_bit()) greatest = 0;
  return range(least, greatest);
}

namespace {

// Distance of the two finite values around the number.
Dyadic ulp_at(BinaryFormat format, const Dyadic& number) {
  const Dyadic magnitude = absolute(number);
  const Neighbours around = find_neighbours(format, [&](const Dyadic& d) { return magnitude <=> d; });
  const std::uint32_t code = std::min(around.lower, format.max_finite() - 1);
  return exact_value(format, code + 1) - exact_value(format, code);
}

}  // namespace

Admissible within_ulps(DType dtype, const Dyadic& lo, const Dyadic& hi, double ulps) {
  const BinaryFormat format = format_of(dtype);
  const Dyadic margin = ulp_at(format, hi) * exact_value(ulps);
  Admissible result = between(dtype, lo - margin, hi + margin, lo);
  if (lo.significand > 0 && order(dtype, result.lo) < 0) result.lo = 0;
  if (hi.significand < 0 && order(dtype, result.hi) >= 0) result.hi = format.sign_bit();
  return result;
}

namespace {

struct Range {
  cpp_int least, greatest;
};
Range range_of(DType dtype) {
  const int bits = info(dtype).bits;
  if (!info(dtype).is_signed) return {0, (cpp_int(1) << bits) - 1};
  return {-(cpp_int(1) << (bits - 1)), (cpp_int(1) << (bits - 1)) - 1};
}

}  // namespace

bool fits(DType dtype, const cpp_int& value) {
  const Range range = range_of(dtype);
  return value >= range.least && value <= range.greatest;
}

std::uint64_t integer_bits(DType dtype, const cpp_int& value) {
  const cpp_int modulus = cpp_int(1) << info(dtype).bits;
  cpp_int low = value % modulus;
  if (low < 0) low += modulus;
  return low.convert_to<std::uint64_t>();
}

cpp_int clamp_to(DType dtype, const cpp_int& value) {
  const Range range = range_of(dtype);
  return std::min(std::max(value, range.least), range.greatest);
}

}  // namespace assay::goldens::ops
