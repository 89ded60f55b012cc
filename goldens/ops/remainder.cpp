// Remainders, powers, leaky rectifiers (isa 2.3): trem's sign follows the divisor, tfmod is C's fmod.
#include <array>
#include <boost/multiprecision/mpfr.hpp>

#include "goldens/ops/element.h"
#include "goldens/ops/shape_ops.h"

namespace assay::goldens::ops {
namespace {

using boost::multiprecision::cpp_int;
using Real = boost::multiprecision::number<boost::multiprecision::mpfr_float_backend<60>>;  // about 200 bits

enum class Sign : std::uint8_t { of_dividend, of_divisor };

cpp_int remainder(const cpp_int& a, const cpp_int& b, Sign sign) {
  cpp_int r = a % b;  // of the dividend's sign
  if (sign == Sign::of_divisor && r != 0 && (r < 0) != (b < 0)) r += b;
  return r;
}

Admissible float_remainder(DType dtype, std::uint64_t a, std::uint64_t b, Sign sign) {
  const Number x = decode(dtype, a), y = decode(dtype, b);
  if (x.is_nan() || y.is_nan()) return any_nan(dtype);
  // isa 2.8: the device gives an infinity or NaN; C's fmod gives NaN.
  if (y.is_zero()) return sign == Sign::of_dividend ? any_nan(dtype) : open_element();
  if (x.is_infinite()) return any_nan(dtype);
  const bool follows_dividend = sign == Sign::of_dividend || x.is_zero() || x.negative == y.negative;
  if (y.is_infinite()) {
    if (!follows_dividend) return open_element();
    return x.is_zero() && sign == Sign::of_divisor ? either_zero(dtype) : exactly(a);
  }
  const int exponent = std::min(x.value.exponent, y.value.exponent);
  const auto scaled = [&](const Dyadic& d) { return cpp_int(d.significand << (d.exponent - exponent)); };
  const cpp_int r = remainder(scaled(x.value), scaled(y.value), sign);
  if (r == 0) return sign == Sign::of_dividend ? zero(dtype, x.negative) : either_zero(dtype);
  return nearest(dtype, {r, exponent}, false);
}

template <Sign sign>
Admissible remainder_element(DType dtype, std::uint64_t a, std::uint64_t b, const Profile& profile) {
  if (profile.flush_subnormals && (is_subnormal(dtype, a) || is_subnormal(dtype, b))) return open_element();
  if (is_float(dtype)) return float_remainder(dtype, a, b, sign);
  const cpp_int x = decode(dtype, a).value.significand, y = decode(dtype, b).value.significand;
  return y == 0 ? open_element() : exactly(integer_bits(dtype, remainder(x, y, sign)));
}

// ---- powers

bool is_integer(const Dyadic& d) {
  if (d.exponent >= 0 || d.significand == 0) return true;
  return d.significand % (cpp_int(1) << -d.exponent) == 0;
}
bool is_odd(const Dyadic& d) {
  if (d.exponent > 0) return false;
  return (d.significand >> -d.exponent) % 2 != 0;
}

Admissible negated(DType dtype, const Admissible& a) {
  const std::uint64_t sign = format_of(dtype).sign_bit();
  return range(a.hi ^ sign, a.lo ^ sign);
}

// |x|^y, x finite and not 0, y finite and not 0.
Admissible magnitude_power(DType dtype, const Dyadic& x, const Dyadic& y, double ulps) {
  const auto real = [](const Dyadic& d) { return Real(ldexp(Real(d.significand.convert_to<double>()), d.exponent)); };
  const Real base = real(absolute(x)), exponent = real(y);
  const Real size = exponent * log2(base);
  if (size > 200) return infinity(dtype, false);
  if (size < -250) return within_ulps(dtype, {1, -250}, {1, -250}, ulps);
  constexpr int kBits = 150;  // size * 2^-200 is the error of the logarithm's product: below 2^-190
  int scale = 0;
  const Real scaled = ldexp(frexp(pow(base, exponent), &scale), kBits);
  const cpp_int significand = floor(scaled).convert_to<cpp_int>();
  return within_ulps(dtype, {significand - 1, scale - kBits}, {significand + 2, scale - kBits}, ulps);
}

Admissible power_of_special(DType dtype, const Number& x, const Number& y) {
  // Limits that leave no choice; everything else here is a convention.
  if (x.is_infinite() && !x.negative && !y.is_zero()) return y.negative ? zero(dtype, false) : infinity(dtype, false);
  if (y.is_infinite() && !x.is_infinite() && !x.negative) {
    const auto against_one = x.value <=> Dyadic{1, 0};
    if (against_one == 0) return open_element();
    return (against_one > 0) == y.negative ? zero(dtype, false) : infinity(dtype, false);
  }
  if (x.is_zero() && !y.is_infinite() && !y.is_zero()) {
    if (!y.negative) return either_zero(dtype);
    return x.negative ? open_element() : infinity(dtype, false);
  }
  return open_element();
}

Admissible power(DType dtype, std::uint64_t a, std::uint64_t b, const Profile& profile) {
  if (profile.flush_subnormals && (is_subnormal(dtype, a) || is_subnormal(dtype, b))) return open_element();
  const auto bound = profile.ulp.find("pow");
  if (bound == profile.ulp.end()) return open_element();
  const Number x = decode(dtype, a), y = decode(dtype, b);
  if (x.is_nan() || y.is_nan()) return open_element();
  if (x.is_infinite() || y.is_infinite() || x.is_zero()) return power_of_special(dtype, x, y);
  if (y.is_zero()) return exactly(one(dtype));
  if (!x.negative) return magnitude_power(dtype, x.value, y.value, bound->second);
  if (!is_integer(y.value)) return any_nan(dtype);
  const Admissible size = magnitude_power(dtype, x.value, y.value, bound->second);
  return is_odd(y.value) ? negated(dtype, size) : size;
}

// ---- leaky rectifiers: x where it is positive, slope * x elsewhere

Admissible leaky(DType dtype, std::uint64_t x, std::uint64_t slope, const Profile& profile) {
  const Number number = decode(dtype, x);
  if (number.is_zero()) return decode(dtype, slope).kind == Number::Class::finite ? either_zero(dtype) : open_element();
  if (!number.is_nan() && !number.negative) return exactly(x);
  return binary(Binary::multiply, dtype, x, slope, profile);
}

template <ElementOfTwo element>
Elements of_two(const TileOp& op) {
  if (!op.tiles_cover(1)) return op.refuse("the first operand is a tile of the destination's valid shape");
  return op.each([&](std::int64_t i, std::int64_t j) {
    return element(op.out().dtype, op.at(0, i, j), op.at(1, i, j), op.profile);
  });
}

constexpr std::array kRows{
    TileOpRow{"trem", 2, of_two<remainder_element<Sign::of_divisor>>},
    TileOpRow{"trems", 2, of_two<remainder_element<Sign::of_divisor>>},
    TileOpRow{"tfmod", 2, of_two<remainder_element<Sign::of_dividend>>},
    TileOpRow{"tfmods", 2, of_two<remainder_element<Sign::of_dividend>>},
    TileOpRow{"tpow", 2, of_two<power>},
    TileOpRow{"tpows", 2, of_two<power>},
    TileOpRow{"tprelu", 2, of_two<leaky>},
    TileOpRow{"tlrelu", 2, of_two<leaky>},
};

}  // namespace

std::span<const TileOpRow> remainder_rows() { return kRows; }

}  // namespace assay::goldens::ops
