#include "goldens/exact/correctly_rounded.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "goldens/exact/against_midpoint.h"
#include "goldens/exact/bracket.h"
#include "goldens/parallel.h"

namespace assay::goldens::exact {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// Both ends of a bracket round to the same float32: so does the value between them, since rounding is monotone. Else
// they are neighbours (a bracket is at most 2^-48 of the value wide, float32 has 2^-24), and the value's side of their
// midpoint decides. It is not the midpoint itself, so there are no ties: at a float32 other than 0 (1 for log) exp,
// log, sigmoid and softplus are transcendental, and a midpoint's significand has 25 bits and is odd, so that 1 / m^2 is
// no float32 unless m is a power of two, which in rsqrt's range is a float32.
Rounded round(Bracket bracket, Function function, float x) {
  const auto below = static_cast<float>(bracket.lo), above = static_cast<float>(bracket.hi);
  if (std::bit_cast<std::uint32_t>(below) == std::bit_cast<std::uint32_t>(above)) return {below};
  // Infinity rounds as 2^128.
  const double upper = above == kInfinity ? 0x1p128 : static_cast<double>(above);
  const double lower = below == -kInfinity ? -0x1p128 : static_cast<double>(below);
  return {against_midpoint(function, x, (lower + upper) / 2) > 0 ? above : below, true};
}

}  // namespace

// The processor's float32 operations are IEEE 754's: one rounding of the exact result.
Rounded rounded_sum(float a, float b) { return {a + b}; }
Rounded rounded_difference(float a, float b) { return {a - b}; }
Rounded rounded_product(float a, float b) { return {a * b}; }
Rounded rounded_quotient(float a, float b) { return {a / b}; }
Rounded rounded_sqrt(float x) { return {std::sqrt(x)}; }

Rounded rounded_rsqrt(float x) {
  if (x == 0) return {std::copysign(kInfinity, x)};
  if (x == kInfinity) return {0};
  if (!(x > 0)) return {kNaN};
  return round(rsqrt_bracket(x), Function::rsqrt, x);
}

Rounded rounded_exp(float x) {
  if (std::isnan(x)) return {kNaN};
  if (std::isinf(x)) return {x > 0 ? kInfinity : 0};
  return round(exp_bracket(x), Function::exp, x);
}

Rounded rounded_log(float x) {
  if (x == 0) return {-kInfinity};
  if (x == kInfinity) return {kInfinity};
  if (!(x > 0)) return {kNaN};
  return round(log_bracket(x), Function::log, x);
}

Rounded rounded_sigmoid(float x) {
  if (std::isnan(x)) return {kNaN};
  if (std::isinf(x)) return {x > 0 ? 1.0f : 0.0f};
  return round(sigmoid_bracket(x), Function::sigmoid, x);
}

Rounded rounded_softplus(float x) {
  if (std::isnan(x)) return {kNaN};
  if (std::isinf(x)) return {x > 0 ? kInfinity : 0};
  return round(softplus_bracket(x), Function::softplus, x);
}

namespace {

constexpr std::size_t kChunk = 4096;  // elements per piece of parallel work

// Escalations of element(i) over [0, count); each chunk counts for itself.
template <class Element>
Escalations for_each_element(std::size_t count, const Element& element) {
  std::vector<Escalations> counts((count + kChunk - 1) / kChunk);
  parallel_for(counts.size(), [&](std::size_t chunk) {
    Escalations part;
    for (std::size_t i = chunk * kChunk; i < std::min(count, (chunk + 1) * kChunk); ++i) element(i, part);
    counts[chunk] = part;
  });
  Escalations total;
  for (const Escalations& part : counts) total += part;
  return total;
}

}  // namespace

Result<Escalations> for_each_rounded(RoundedUnary function, std::span<const float> x, std::span<float> y) {
  if (x.size() != y.size()) return bad_input("{} elements and room for {}: expected as many", x.size(), y.size());
  return for_each_element(x.size(), [&](std::size_t i, Escalations& e) { y[i] = e.count(function(x[i])); });
}

Result<Escalations> for_each_rounded(RoundedBinary function, std::span<const float> a, std::span<const float> b,
                                     std::span<float> y) {
  if (a.size() != b.size() || a.size() != y.size())
    return bad_input("{} and {} elements and room for {}: expected as many", a.size(), b.size(), y.size());
  return for_each_element(a.size(), [&](std::size_t i, Escalations& e) { y[i] = e.count(function(a[i], b[i])); });
}

}  // namespace assay::goldens::exact
