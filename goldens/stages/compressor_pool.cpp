// Interval arithmetic would lose the pool: the numerator and the denominator hold the same exponentials, and in the
// online form every step multiplies both. The bound here treats the pool as what it is, a weighted mean.
//
// Let u = 2^-24, R the number of slots, s and v the scores and values, M >= every s, w_i = exp(s_i - M).
//
// Weights. An implementation's weight of slot i is a product of exponentials whose arguments add up to s_i - m, m the
// greatest score: one (two passes), or b and the rescaling factors a of later steps (online). It is the same in the
// numerator and in the denominator, and a common factor exp(m - M) cancels. An argument d is rounded once, which
// multiplies exp(d) by exp(t |d|), |t| <= u; the arguments have one sign, so together at most by
// exp(u (M - s_i)). Each exponential is off by its profile's e ulp, relatively at most e 2^-23. Of the factors a only
// those of steps where the maximum may change count: exp(0) is 1 (C99 F.9.3.1, which OpenCL 7.5.1 demands and other
// targets are assumed to keep). So the weight is w_i (1 + E_i), |E_i| <= u (M - s_i) + (changes + 1) e 2^-23 and second
// order terms.
//
// Mean. With weights W_i in [L_i, H_i] and any c, mean - c = sum W_i (v_i - c) / sum W_i. Its numerator is at most the
// sum of the greater of L_i (v_i - c) and H_i (v_i - c), and its denominator lies between the sums of L and of H. With
// c the mean itself errors of the weights count only times the spread of the values: one-hot weights have none.
//
// Roundings. On its way into the numerator a term is rounded by its product, by at most R - 1 additions in whatever
// order, and by one product per change of the maximum, or by the product with the reciprocal; in the denominator by
// R - 1 additions and one product per change. Fusing a product removes a rounding. The division, or the reciprocal, is
// off by its profile's ulp. With t the sum of all of them the result is off by less than Q (t + 3 t^2), t <= 0.1, where
// Q is the weighted mean of |v|: (1 + a)(1 + b) / (1 - c) - 1 <= t + 3 t^2 for a + b + c = t.
//
// Underflow. An operation's result below 2^-126 is off by at most h = (e + 1) 2^-149, or 2^-126 where subnormals may be
// flushed. There are fewer than 4 R operations, and what one leaves behind is multiplied by a value, a weight or the
// other sum, so by at most (R + 1)(max |v| + 1) and later by factors that do not exceed 1 but by E: together less than
// 8 R (R + 1) h (max |v| + 1), relative to a denominator of at least 1 - E and so of at least 1/2.
#include "goldens/stages/compressor_pool.h"

#include <algorithm>
#include <cmath>

#include "goldens/enclosure/ends.h"
#include "goldens/exact/bracket.h"

namespace assay::goldens {
namespace {

constexpr double kUnit = 0x1p-24;
constexpr double kSlack = 1 + 0x1p-20;  // over what the double arithmetic below rounds off
constexpr Hull kAnything{-std::numeric_limits<float>::infinity(), std::numeric_limits<float>::infinity(), true};

struct Interval {
  double lo, hi;
  double magnitude() const { return std::max(std::fabs(lo), std::fabs(hi)); }
};

bool is_bounded(const Hull& x) { return x.has_number() && !x.nan && !std::isinf(x.lo) && !std::isinf(x.hi); }

// Slots at which the online maximum may rise. It starts with the last slot.
std::size_t possible_changes(std::span<const Hull> scores) {
  std::size_t changes = 0;
  float least_maximum = scores.back().lo;
  for (const Hull& score : scores.first(scores.size() - 1)) {
    changes += score.hi > least_maximum;
    least_maximum = std::max(least_maximum, score.lo);
  }
  return changes;
}

// exp(d) for d <= 0; below 2^-1000 the underflow term covers what is left.
exact::Bracket weight_bracket(double d) { return d < -690 ? exact::Bracket{0, 0x1p-990} : exact::exp_bracket(d); }

struct Errors {
  double exponentials = 0;  // of every weight, relative
  double roundings = 0;     // t
  double underflow = 0;     // for values up to 1
};

Errors errors_of(const NumericFreedom& freedom, std::size_t slots, std::size_t changes) {
  const auto count = static_cast<double>(slots), rescaled = static_cast<double>(changes);
  const double exp_error = std::max(freedom.exp_ulp, 0.5) * 2 * kUnit;
  const double division = std::max({freedom.div_ulp, freedom.recip_ulp, 0.5}) * 2 * kUnit;
  const double least = (std::max(freedom.exp_ulp, 0.5) + 1) * 0x1p-149 + (freedom.flush_subnormals ? 0x1p-126 : 0.0);
  return {.exponentials = (rescaled + 1) * exp_error,
          .roundings = (2 * (count + rescaled) + 1) * kUnit + division,
          .underflow = 8 * count * (count + 1) * least};
}

// One side of the bound on the mean: the numerator's greatest value over the denominator's end that makes it greatest.
double excess(double numerator, const Interval& total) { return numerator / (numerator >= 0 ? total.lo : total.hi); }

}  // namespace

Hull pool_hull(const NumericFreedom& freedom, std::span<const Hull> scores, std::span<const Hull> values) {
  const std::size_t slots = scores.size();
  float maximum = -std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < slots; ++i) {
    for (const Hull& x : {scores[i], values[i]})
      if (x.nan && !x.has_number()) return {.nan = true};  // spreads through every form
    if (!is_bounded(scores[i]) || !is_bounded(values[i])) return kAnything;
    maximum = std::max(maximum, scores[i].hi);
  }
  const Errors errors = errors_of(freedom, slots, possible_changes(scores));
  std::vector<Interval> weights(slots);
  Interval total{0, 0};
  double middle = 0, middles = 0, magnitudes = 0, greatest = 0;
  for (std::size_t i = 0; i < slots; ++i) {
    const double from = static_cast<double>(scores[i].lo) - maximum, to = static_cast<double>(scores[i].hi) - maximum;
    // Beyond 690 the weight is nothing, however its argument is rounded.
    const double argument = kUnit * std::min(-from, 690.0);
    const double error = (errors.exponentials + argument) * (1 + 2 * (errors.exponentials + argument)) * kSlack;
    if (error > 0.1) return kAnything;
    weights[i] = {weight_bracket(from).lo * (1 - error) / kSlack, weight_bracket(to).hi * (1 + error) * kSlack};
    total.lo += weights[i].lo;
    total.hi += weights[i].hi;
    const double value = 0.5 * (static_cast<double>(values[i].lo) + values[i].hi);
    const double magnitude = std::max(std::fabs(values[i].lo), std::fabs(values[i].hi));
    middle += (weights[i].lo + weights[i].hi) * value;
    middles += weights[i].lo + weights[i].hi;
    magnitudes += weights[i].hi * magnitude;
    greatest = std::max(greatest, magnitude);
  }
  if (errors.roundings > 0.1 || !(total.lo > 0) || static_cast<double>(slots) * greatest * kSlack > kMaxFloat)
    return kAnything;
  const double center = middle / middles;
  Interval numerator{0, 0};
  for (std::size_t i = 0; i < slots; ++i) {
    const double below_center = values[i].lo - center, above_center = values[i].hi - center;
    numerator.lo += below_center * (below_center < 0 ? weights[i].hi : weights[i].lo);
    numerator.hi += above_center * (above_center < 0 ? weights[i].lo : weights[i].hi);
  }
  const double mean_of_magnitudes = std::min(magnitudes / total.lo, greatest) * kSlack;
  const double t = errors.roundings;
  const double margin = mean_of_magnitudes * (t + 3 * t * t) * kSlack +
                        mean_of_magnitudes * static_cast<double>(slots + 1) * 0x1p-50 +
                        errors.underflow * (greatest + 1);
  return {greatest_float_below(center - excess(-numerator.lo, total) - margin),
          least_float_above(center + excess(numerator.hi, total) + margin), false};
}

}  // namespace assay::goldens
