#include "harness/sim/numeric/elementary.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace assay::sim {
namespace {

constexpr float kNaN = std::bit_cast<float>(0x7FC00000U);
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr double kLn2 = 0x1.62E42FEFA39EFp-1;
constexpr double kLog2E = 0x1.71547652B82FEp+0;

double power_of_two(int exponent) { return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52); }

// e^r for |r| <= ln2/2: Taylor to degree 11, remainder below 3e-15.
double exp_reduced(double r) {
  constexpr double kInverseFactorials[] = {1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
                                           1.0 / 5040,     1.0 / 720,     1.0 / 120,    1.0 / 24,
                                           1.0 / 6,        0.5,           1.0,          1.0};
  double sum = 0;
  for (double coefficient : kInverseFactorials) sum = sum * r + coefficient;
  return sum;
}

float exp_of(double x) {
  if (x > 88.8) return kInfinity;  // the largest finite f32 is e^88.72
  if (x < -104.0) return 0.0F;     // half the least subnormal is e^-103.97
  const double scaled = x * kLog2E;
  const int k = static_cast<int>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  const double value = exp_reduced(x - k * kLn2) * power_of_two(k);
  return value >= 0x1.FFFFFFp+127 ? kInfinity : static_cast<float>(value);
}

// Of a positive finite f32.
double log_of(float x) {
  const auto bits = std::bit_cast<std::uint64_t>(static_cast<double>(x));
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000FFFFFFFFFFFFFU) | 0x3FF0000000000000U);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  // log m = 2 artanh(s), |s| <= 0.1716; terms to s^21, remainder below 1e-17 relative.
  const double s = (m - 1) / (m + 1), square = s * s;
  double sum = 0;
  for (int n = 21; n >= 1; n -= 2) sum = sum * square + 1.0 / n;
  return exponent * kLn2 + 2 * s * sum;
}

enum class Parity { fraction, even, odd };
Parity parity_of(float y) {
  const float magnitude = std::fabs(y);
  if (magnitude >= 0x1p24F) return Parity::even;
  const auto whole = static_cast<std::int32_t>(magnitude);
  if (static_cast<float>(whole) != magnitude) return Parity::fraction;
  return whole % 2 == 0 ? Parity::even : Parity::odd;
}

}  // namespace

float exp_f32(float x) { return x != x ? kNaN : exp_of(static_cast<double>(x)); }

float log_f32(float x) {
  if (x == 0) return -kInfinity;
  if (!(x > 0)) return kNaN;
  if (x == kInfinity) return kInfinity;
  return static_cast<float>(log_of(x));
}

float sqrt_f32(float x) { return x != x || x < 0 ? kNaN : std::sqrt(x); }

float rsqrt_f32(float x) {
  if (x == 0) return std::signbit(x) ? -kInfinity : kInfinity;
  if (x != x || x < 0) return kNaN;
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(x)));
}

float recip_f32(float x) { return x != x ? kNaN : 1.0F / x; }

float pow_f32(float x, float y) {
  if (y == 0 || x == 1) return 1.0F;
  if (x != x || y != y) return kNaN;
  const float magnitude = std::fabs(x);
  const Parity parity = parity_of(y);
  const bool negative = std::signbit(x) && parity == Parity::odd;
  float result = 0;
  if (std::isinf(y))
    result = magnitude == 1 ? 1.0F : (magnitude > 1) == (y > 0) ? kInfinity : 0.0F;
  else if (magnitude == 0 || std::isinf(magnitude))
    result = (magnitude == 0) == (y > 0) ? 0.0F : kInfinity;
  else if (x < 0 && parity == Parity::fraction)
    return kNaN;
  else
    result = exp_of(static_cast<double>(y) * log_of(magnitude));
  return negative ? -result : result;
}

}  // namespace assay::sim
