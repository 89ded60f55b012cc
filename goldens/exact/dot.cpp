#include "goldens/exact/dot.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "goldens/exact/accumulator.h"
#include "goldens/exact/next_double.h"

namespace assay::goldens::exact {
namespace {

// sum + all errors = the exact sum of the terms, where `errors` is the rounded sum of the errors and `magnitude` of
// their magnitudes.
struct Compensated {
  double sum = 0, errors = 0, magnitude = 0;

  // Knuth's two-sum: sum + term = new sum + error, exactly.
  void add(double term) {
    const double total = sum + term;
    const double virtual_term = total - sum;
    const double error = (sum - (total - virtual_term)) + (term - virtual_term);
    sum = total;
    errors += error;
    magnitude += std::fabs(error);
  }
};

constexpr std::size_t kLanes = 8;  // independent sums, for vector registers

// Terms are float32 or products of two: exact in double, multiples of 2^-298 and at most 2^256, so nothing here
// overflows or underflows.
template <class Term>
Compensated compensated_sum(std::size_t count, const Term& term) {
  std::array<double, kLanes> sum{}, errors{}, magnitude{};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      Compensated part{sum[lane], errors[lane], magnitude[lane]};
      part.add(term(i + lane));
      sum[lane] = part.sum;
      errors[lane] = part.errors;
      magnitude[lane] = part.magnitude;
    }
  Compensated all{sum[0], errors[0], magnitude[0]};
  for (std::size_t lane = 1; lane < kLanes; ++lane) {
    all.add(sum[lane]);
    all.errors += errors[lane];
    all.magnitude += magnitude[lane];
  }
  for (; i < count; ++i) all.add(term(i));
  return all;
}

// `errors` adds up m < 2^50 numbers in some order: it is off by at most g * (sum of magnitudes), g = m u / (1 - m u),
// u = 2^-53 (Higham), and the computed `magnitude` is at least (1 - g) of that sum. So it is off by at most
// g / (1 - g) * magnitude < 2 m u * magnitude, with room for the roundings of the bound itself.
template <class Term, class Exact>
Rounded rounded_total(std::size_t count, const Term& term, const Exact& exact) {
  const Compensated total = compensated_sum(count, term);
  const double bound = static_cast<double>(count + 2 * kLanes) * 0x1p-52 * total.magnitude;
  if (total.magnitude == 0) return {static_cast<float>(total.sum + 0.0)};  // -0 becomes +0
  if (is_finite(total.sum) && is_finite(bound)) {
    const auto lo = static_cast<float>(sum_bracket(total.sum, next_below(total.errors - bound)).lo);
    const auto hi = static_cast<float>(sum_bracket(total.sum, next_above(total.errors + bound)).hi);
    if (std::bit_cast<std::uint32_t>(lo) == std::bit_cast<std::uint32_t>(hi)) return {lo};
  }
  ExactAccumulator accumulator;
  exact(accumulator);
  return {accumulator.to_float(), true};
}

}  // namespace

Rounded rounded_sum(std::span<const float> x) {
  return rounded_total(
      x.size(), [&](std::size_t i) { return static_cast<double>(x[i]); },
      [&](ExactAccumulator& accumulator) { accumulator.add(x); });
}

Rounded rounded_dot(std::span<const float> a, std::span<const float> b) {
  return rounded_total(
      std::min(a.size(), b.size()),
      [&](std::size_t i) { return static_cast<double>(a[i]) * static_cast<double>(b[i]); },
      [&](ExactAccumulator& accumulator) { accumulator.add_products(a, b); });
}

}  // namespace assay::goldens::exact
