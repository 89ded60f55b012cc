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

// The reciprocal falls: its bounds come from the root's opposite ones.
Bracket rsqrt_bracket(double x) {
  if (!is_finite(x) || !(x > 0)) return kOutside;
  const Bracket root = sqrt_bracket(x);
  return {quotient_bracket(1, root.hi).lo, quotient_bracket(1, root.lo).hi};
}

// With t = e^-|x|, which exp_bracket gives to two units: 1 / (1 + t) falls with t and lies in [1/2, 1]; its mirror
// image t / (1 + t) rises with t. Every further operation rounds outward by one unit at most, so the relative width is
// at most 2 (t) + 2 (sum) + 2 (quotient) + 1 units of 2^-52, less than 2^-49.
Bracket sigmoid_bracket(double x) {
  if (!is_finite(x)) return kOutside;
  const Bracket t = exp_bracket(-std::fabs(x));
  const double least = sum_bracket(1, t.lo).lo, greatest = sum_bracket(1, t.hi).hi;
  if (x >= 0) return {quotient_bracket(1, greatest).lo, quotient_bracket(1, least).hi};
  return {quotient_bracket(t.lo, sum_bracket(1, t.lo).hi).lo, quotient_bracket(t.hi, sum_bracket(1, t.hi).lo).hi};
}

// log(1 + e^x) = max(x, 0) + log1p(e^-|x|), a sum of two numbers >= 0: nothing cancels, and each part has a relative
// width of at most 4 units of 2^-52 (log1p's condition number is at most 1), the sum 2 more.
Bracket softplus_bracket(double x) {
  if (!is_finite(x)) return kOutside;
  const Bracket t = exp_bracket(-std::fabs(x));
  const Bracket tail{log1p_bracket(t.lo).lo, log1p_bracket(t.hi).hi};
  if (x <= 0) return tail;
  return {std::fmax(x, sum_bracket(x, tail.lo).lo), sum_bracket(x, tail.hi).hi};
}

}  // namespace assay::goldens::exact
