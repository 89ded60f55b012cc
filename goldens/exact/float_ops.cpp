#include "goldens/exact/float_ops.h"

#include <bit>
#include <cmath>

#include "goldens/exact/rounding.h"

namespace assay::goldens::exact {
namespace {

float from_code(std::uint32_t code) { return std::bit_cast<float>(code); }
float rounded(const Dyadic& number) { return from_code(round_exact(kF32, number, Rounding::rint)); }
bool finite(float a) { return std::isfinite(a); }
float signed_zero(bool negative) { return negative ? -0.0f : 0.0f; }

}  // namespace

// Nothing rounds once an infinity or a NaN is involved, so the machine's own operation is the definition there.

float add(float a, float b) {
  if (!finite(a) || !finite(b)) return a + b;
  const Dyadic sum = exact_value(a) + exact_value(b);
  if (sum.significand == 0) return signed_zero(std::signbit(a) && std::signbit(b));
  return rounded(sum);
}

float multiply(float a, float b) {
  if (!finite(a) || !finite(b)) return a * b;
  const bool negative = std::signbit(a) != std::signbit(b);
  return std::copysign(rounded(absolute(exact_value(a) * exact_value(b))), signed_zero(negative));
}

float divide(float a, float b) {
  if (!finite(a) || !finite(b) || b == 0) return a / b;
  const bool negative = std::signbit(a) != std::signbit(b);
  const Dyadic numerator = absolute(exact_value(a)), denominator = absolute(exact_value(b));
  const Neighbours neighbours = find_neighbours(kF32, [&](const Dyadic& d) { return numerator <=> d * denominator; });
  return from_code(pick(kF32, neighbours, negative, Rounding::rint, false));
}

// The root against d is a against d * d.
float square_root(float a) {
  if (!finite(a) || a <= 0) return std::sqrt(a);
  const Dyadic square = exact_value(a);
  return from_code(pick(kF32, find_neighbours(kF32, [&](const Dyadic& d) { return square <=> d * d; }), false,
                        Rounding::rint, false));
}

float multiply_add(float a, float b, float c) {
  if (!finite(a) || !finite(b)) return a * b + c;
  if (!finite(c)) return c;
  const Dyadic sum = exact_value(a) * exact_value(b) + exact_value(c);
  if (sum.significand != 0) return rounded(sum);
  const bool product_negative = std::signbit(a) != std::signbit(b);
  return signed_zero(product_negative && std::signbit(c));
}

}  // namespace assay::goldens::exact
