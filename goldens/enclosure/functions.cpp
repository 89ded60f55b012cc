// Functions of the number types: correctly rounded for StrictArithmetic, within the profile's ulp for HullArithmetic.
#include <algorithm>
#include <cmath>

#include "goldens/enclosure/ends.h"
#include "goldens/enclosure/hull.h"
#include "goldens/enclosure/strict.h"
#include "goldens/exact/bracket.h"
#include "goldens/exact/correctly_rounded.h"
#include "goldens/formats/bf16.h"
#include "goldens/formats/f16.h"

namespace assay::goldens {
namespace {

using exact::Bracket;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

constexpr double kBeyond = 0x1p200;  // beyond every float32 and its ulp

// The spacing of float32 on the side of y away from zero; below the least normal number 2^-149.
double spacing_above(double y) {
  const int exponent = y == 0 ? -126 : std::max(std::ilogb(y), -126);
  return std::ldexp(1.0, std::min(exponent, 127) - 23);
}

// The least of y - ulps * ulp(y) for y in [lo, hi]. y - ulps * ulp(y) increases but for a step down at each power of
// two, where the spacing doubles for numbers that grow in magnitude: so the least value is at lo or at the first power
// after it. Negative numbers step up instead, on the way to zero. An ulp at a power of two itself is taken as the
// spacing on the side away from zero, the larger one.
double least_within(double lo, double hi, double ulps) {
  const double least = lo - ulps * spacing_above(lo);
  if (lo <= 0) return least;
  const double power = std::ldexp(1.0, std::ilogb(lo) + 1);
  return power <= hi ? std::min(least, power - ulps * spacing_above(power)) : least;
}

// Every float32 within `ulps` of some real number in [lo, hi], and the correctly rounded ones. A result has the sign of
// the true value: what is not negative does not become so by its error, nor the other way round. Sums in double are
// exact to 2^-52 of the value where an ulp is 2^-24 of it or more, which the factor on ulps covers.
Hull within_ulps(double lo, double hi, double ulps) {
  Hull result;
  result.include(static_cast<float>(lo));
  result.include(static_cast<float>(hi));
  if (ulps == 0) return result;
  lo = std::clamp(lo, -kBeyond, kBeyond);
  hi = std::clamp(hi, -kBeyond, kBeyond);
  const double padded = ulps * (1 + 0x1p-26) + 0x1p-26;
  const double least = least_within(lo, hi, padded), greatest = -least_within(-hi, -lo, padded);
  result.include(lo >= 0 && least <= 0 ? 0.0F : least_float_above(least));
  result.include(hi <= 0 && greatest >= 0 ? -0.0F : greatest_float_below(greatest));
  if (greatest >= kOverflow) result.include(kInfinity);
  if (least <= -kOverflow) result.include(-kInfinity);
  return result;
}

// An increasing function with its bracket at finite arguments and its values at the ends of its domain.
template <class BracketOf>
Hull increasing(double a, double b, double ulps, BracketOf bracket) {
  const Bracket at_a = bracket(a), at_b = a == b ? at_a : bracket(b);
  return within_ulps(at_a.lo, at_b.hi, ulps);
}

}  // namespace

float StrictArithmetic::square_root(float a) { return std::sqrt(a); }  // IEEE 754: correctly rounded

float StrictArithmetic::reciprocal_root(float a) { return exact::rounded_rsqrt(a).value; }
float StrictArithmetic::exponential(float a) { return exact::rounded_exp(a).value; }
float StrictArithmetic::logarithm(float a) { return exact::rounded_log(a).value; }

float StrictArithmetic::softplus(float a) {
  return sum(maximum(a, 0.0F), logarithm(sum(exponential(-std::fabs(a)), 1.0F)));
}

float StrictArithmetic::round_to(float a, DType dtype, Rounding rounding) {
  if (dtype == DType::bf16) return decode_bf16(encode_bf16(a, rounding));
  if (dtype == DType::f16) return decode_f16(encode_f16(a, rounding));
  return a;
}

// exp(0) is 1 and log(1) is +0, exactly (C99 F.9.3.1, F.9.3.7).
Hull HullArithmetic::exponential(const Hull& a) const {
  if (a.lo == 0 && a.hi == 0 && !a.nan) return Hull::of(1.0F);
  Hull result;
  if (a.has_number()) {
    if (a.lo == -kInfinity) result.include(0.0F);
    if (a.hi == kInfinity) result.include(kInfinity);
    const double lo = std::max<double>(a.lo, -kMaxFloat), hi = std::min<double>(a.hi, kMaxFloat);
    if (a.lo < kInfinity && a.hi > -kInfinity) result.include(increasing(lo, hi, freedom_.exp_ulp, exact::exp_bracket));
  }
  result.nan = a.nan;
  return settle(result);
}

Hull HullArithmetic::logarithm(const Hull& a) const {
  if (a.lo == 1 && a.hi == 1 && !a.nan) return Hull::of(0.0F);
  Hull result;
  if (a.has_number()) {
    if (contains_zero(a)) result.include(-kInfinity);
    if (a.hi == kInfinity) result.include(kInfinity);
    const double lo = std::max<double>(a.lo, std::numeric_limits<float>::denorm_min());
    const double hi = std::min<double>(a.hi, kMaxFloat);
    if (lo <= hi) result.include(increasing(lo, hi, freedom_.log_ulp, exact::log_bracket));
    result.nan = a.lo < 0;
  }
  result.nan = result.nan || a.nan;
  return settle(result);
}

Hull HullArithmetic::square_root(const Hull& a) const {
  Hull result;
  if (a.has_number()) {
    if (contains_zero(a)) for_ends(a, [&](float end) { result.include(end > 0 ? 0.0F : std::copysign(0.0F, end)); });
    if (a.hi == kInfinity) result.include(kInfinity);
    const double lo = std::max<double>(a.lo, std::numeric_limits<float>::denorm_min());
    const double hi = std::min<double>(a.hi, kMaxFloat);
    if (lo <= hi) result.include(increasing(lo, hi, freedom_.sqrt_ulp, exact::sqrt_bracket));
    result.nan = a.lo < 0;
  }
  result.nan = result.nan || a.nan;
  return settle(result);
}

Hull HullArithmetic::reciprocal_root(const Hull& a) const {
  Hull result;
  if (a.has_number()) {
    if (contains_zero(a))
      for_ends(a, [&](float end) { result.include(end > 0 ? kInfinity : 1.0F / std::copysign(0.0F, end)); });
    if (a.hi == kInfinity) result.include(0.0F);
    const double lo = std::max<double>(a.lo, std::numeric_limits<float>::denorm_min());
    const double hi = std::min<double>(a.hi, kMaxFloat);
    if (lo <= hi)
      result.include(within_ulps(exact::rsqrt_bracket(hi).lo, exact::rsqrt_bracket(lo).hi, freedom_.rsqrt_ulp));
    result.nan = a.lo < 0;
  }
  result.nan = result.nan || a.nan;
  return settle(result);
}

// A quotient is monotone in each operand where the divisor keeps its sign, so its extremes are at corners. At a corner
// 0 / 0 or infinity / infinity the numbers come from the neighbours inside the operands.
Hull HullArithmetic::divide(const Hull& a, const Hull& b, double ulp) const {
  Hull result;
  result.nan =
      a.nan || b.nan || (contains_zero(a) && contains_zero(b)) || (contains_infinity(a) && contains_infinity(b));
  if (!a.has_number() || !b.has_number()) return result;
  const bool a_moves = !same_bits(a.lo, a.hi), b_moves = !same_bits(b.lo, b.hi);
  Bracket finite{kInfinity, -kInfinity};
  const auto corner = [&](float x, float y) {
    if ((x == 0 && y == 0) || (std::isinf(x) && std::isinf(y))) {
      const float zero = std::copysign(0.0F, x) / std::copysign(1.0F, y);
      const float infinity = std::copysign(kInfinity, x) / std::copysign(1.0F, y);
      if (x == 0 ? b_moves : a_moves) result.include(zero);
      if (x == 0 ? a_moves : b_moves) result.include(infinity);
    } else if (ulp == 0 || x == 0 || y == 0 || std::isinf(x) || std::isinf(y)) {
      result.include(x / y);
    } else {
      const Bracket quotient = exact::quotient_bracket(x, y);
      finite.lo = std::min(finite.lo, quotient.lo);
      finite.hi = std::max(finite.hi, quotient.hi);
    }
  };
  for_ends(a, [&](float x) { for_ends(b, [&](float y) { corner(x, y); }); });
  if (std::signbit(b.lo) != std::signbit(b.hi) && (a.lo != 0 || a.hi != 0)) {  // the divisor passes through zero
    result.include(-kInfinity);
    result.include(kInfinity);
  }
  if (finite.lo <= finite.hi) result.include(within_ulps(finite.lo, finite.hi, ulp));
  return settle(result);
}

Hull HullArithmetic::quotient(const Hull& a, const Hull& b) const { return divide(a, b, freedom_.div_ulp); }
Hull HullArithmetic::reciprocal(const Hull& a) const { return divide(Hull::of(1.0F), a, freedom_.recip_ulp); }

// Each operand occurs once: the composition of hulls is the hull of the compositions.
Hull HullArithmetic::sigmoid(const Hull& a) const { return reciprocal(sum(exponential(negated(a)), Hull::of(1.0F))); }

// The operand occurs twice, so over an interval the composition of hulls is wider than the hull of the compositions.
// Cut it with a bound around the exact function p(x) = max(x, 0) + log(1 + e^-|x|), which is increasing. A composition
// holds
//   e = e^-|x| (1 + a), s = (1 + e)(1 + b), l = log(s)(1 + c) + d, y = (max(x, 0) + l)(1 + f)
// where |a| <= exp_ulp 2^-23 or u, |b|, |f| <= u = 2^-24, |c| <= log_ulp 2^-23 or u, and |d| is below 2^-120 (a
// subnormal logarithm, and what flushing takes away). s differs from 1 + e^-|x| by |a| e + |b| (1 + e) (1 + |a|), and
// the logarithm by at most that over the smaller of both, which is 1 - |b| or more; log(s) <= 0.7 (1 + |a| + |b|). So y
// is within
//   p f + (1 + f) (a e + b (1 + e) + 0.7 c + d) of p,
// with e the greatest over the interval; the factor 1.01 covers products of errors, which ulps up to kMostUlp keep
// small.
Hull HullArithmetic::softplus(const Hull& a) const {
  constexpr double kUnit = 0x1p-24, kMostUlp = 1024;
  const Hull magnitude = absolute(a);
  Hull result = sum(maximum(a, Hull::of(0.0F)), logarithm(sum(exponential(negated(magnitude)), Hull::of(1.0F))));
  const bool usable =
      a.has_number() && !contains_infinity(a) && freedom_.exp_ulp <= kMostUlp && freedom_.log_ulp <= kMostUlp;
  if (!usable || is_point(a)) return result;
  const double e = exact::exp_bracket(-static_cast<double>(magnitude.lo)).hi;
  const double lo = exact::softplus_bracket(a.lo).lo, hi = exact::softplus_bracket(a.hi).hi;
  const double error = 1.01 * (std::max(freedom_.exp_ulp * 0x1p-23, kUnit) * e + kUnit * (1 + e) +
                               0.7 * std::max(freedom_.log_ulp * 0x1p-23, kUnit) + 0x1p-110);
  const float least = least_float_above(lo * (1 - kUnit) - error),
              greatest = greatest_float_below(hi * (1 + kUnit) + error);
  if (least > result.lo) result.lo = least;
  if (greatest < result.hi) result.hi = greatest;
  return result;
}

}  // namespace assay::goldens
