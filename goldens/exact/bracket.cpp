#include "goldens/exact/bracket.h"

#include <cmath>
#include <compare>

#include "goldens/exact/next_double.h"

namespace assay::goldens::exact {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Bracket kOutside{kNaN, kNaN};

// a * b against c, exactly; all positive, a and b finite. Both significands of the product lie in [2^52, 2^53), so
// their product lies in [2^104, 2^106): a c whose exponent is 54 or more above is greater, one that is 51 or less above
// is smaller, and in between c's significand moved left fits in 107 bits.
std::strong_ordering compare_product(double a, double b, double c) {
  if (c == kInfinity) return std::strong_ordering::less;
  if (c == 0) return std::strong_ordering::greater;
  const Parts x = parts_of(a), y = parts_of(b), z = parts_of(c);
  const int above = z.exponent - (x.exponent + y.exponent);
  if (above >= 54) return std::strong_ordering::less;
  if (above <= 51) return std::strong_ordering::greater;
  return Wide{x.significand} * y.significand <=> Wide{z.significand} << above;
}

// `rounded` is a neighbour in double (0 and infinity included) of a real number >= 0, or the number itself.
Bracket around(double rounded, std::strong_ordering number_against_rounded) {
  if (number_against_rounded == 0) return {rounded, rounded};
  if (number_against_rounded > 0) return {rounded, next_above(rounded)};
  return {next_below(rounded), rounded};
}

Bracket signed_bracket(bool negative, Bracket magnitude) {
  return negative ? Bracket{-magnitude.hi, -magnitude.lo} : magnitude;
}

bool differ_in_sign(double a, double b) { return std::signbit(a) != std::signbit(b); }

}  // namespace

// Rounding to nearest gives a neighbour of the exact value, and Knuth's two-sum gives its error exactly: its
// intermediates cannot overflow below 2^1000, and sums never underflow inexactly.
Bracket sum_bracket(double a, double b) {
  if (!is_finite(a) || !is_finite(b)) return kOutside;
  const double sum = a + b;
  if (sum == kInfinity) return {std::numeric_limits<double>::max(), kInfinity};
  if (sum == -kInfinity) return {-kInfinity, std::numeric_limits<double>::lowest()};
  if (std::fabs(a) > 0x1p1000 || std::fabs(b) > 0x1p1000) return {next_below(sum), next_above(sum)};
  const double virtual_b = sum - a;
  const double error = (a - (sum - virtual_b)) + (b - virtual_b);
  if (error == 0) return {sum, sum};
  return error > 0 ? Bracket{sum, next_above(sum)} : Bracket{next_below(sum), sum};
}

Bracket product_bracket(double a, double b) {
  if (!is_finite(a) || !is_finite(b)) return kOutside;
  if (a == 0 || b == 0) return {0, 0};
  const double x = std::fabs(a), y = std::fabs(b), product = x * y;
  return signed_bracket(differ_in_sign(a, b), around(product, compare_product(x, y, product)));
}

// x / y against q is x against q * y.
Bracket quotient_bracket(double a, double b) {
  if (!is_finite(a) || !is_finite(b) || b == 0) return kOutside;
  if (a == 0) return {0, 0};
  const double x = std::fabs(a), y = std::fabs(b), quotient = x / y;
  const auto against = quotient == kInfinity ? std::strong_ordering::less
                       : quotient == 0       ? std::strong_ordering::greater
                                             : 0 <=> compare_product(quotient, y, x);
  return signed_bracket(differ_in_sign(a, b), around(quotient, against));
}

// The root against r is x against r * r; the root of a positive double is neither 0 nor infinity.
Bracket sqrt_bracket(double x) {
  if (!is_finite(x) || x < 0) return kOutside;
  if (x == 0) return {0, 0};
  const double root = std::sqrt(x);
  return around(root, 0 <=> compare_product(root, root, x));
}

// The reciprocal falls: its bounds come from the root's opposite ones. Root and quotients round to nearest, so one step
// outward encloses. Two steps of the root, two of the quotient and its two roundings: at most 5 units.
Bracket rsqrt_bracket(double x) {
  if (!is_finite(x) || !(x > 0)) return kOutside;
  const double root = std::sqrt(x);
  return {next_below(1 / next_above(root)), next_above(1 / next_below(root))};
}

// With t = e^-|x|, which exp_bracket gives to two units: 1 / (1 + t) falls with t and lies in [1/2, 1]; its mirror
// image t / (1 + t) rises with t. Sum and quotient round to nearest and take one step outward: 3 units each of width,
// with t's at most 8 units of 2^-52 in all, 2^-49. Nothing here branches on rounding errors, which no branch predictor
// foresees.
Bracket sigmoid_bracket(double x) {
  if (!is_finite(x)) return kOutside;
  if (x == 0) return {0.5, 0.5};
  const Bracket t = exp_bracket(-std::fabs(x));
  const double least = next_below(1 + t.lo), greatest = next_above(1 + t.hi);
  if (x > 0) return {next_below(1 / greatest), std::fmin(next_above(1 / least), 1)};
  // next_below(0) would be negative.
  const double lo = t.lo / next_above(1 + t.lo);
  return {lo == 0 ? 0 : next_below(lo), std::fmin(next_above(t.hi / next_below(1 + t.hi)), t.hi)};
}

// log(1 + e^x) = max(x, 0) + log1p(t), t = e^-|x|: a sum of two numbers >= 0, nothing cancels. From t.lo to t.hi log1p
// grows by at most t.hi - t.lo, which is exact (two steps), and at most 3 units of log1p(t) >= 0.69 t; log1p_bracket's
// 2 units and two roundings with a step outward to either side make less than 2^-48. Below e^-38 < 2^-54 log1p(t) lies
// between t and the double below it.
Bracket softplus_bracket(double x) {
  if (!is_finite(x)) return kOutside;
  const Bracket t = exp_bracket(-std::fabs(x));
  if (x < -38) return {t.lo == 0 ? 0 : next_below(t.lo), t.hi};
  if (x > 38) return {x, next_above(x)};
  const Bracket least = log1p_bracket(t.lo);
  const double hi = next_above(least.hi + (t.hi - t.lo));
  if (x <= 0) return {least.lo, hi};
  return {std::fmax(x, next_below(x + least.lo)), next_above(x + hi)};
}

}  // namespace assay::goldens::exact
