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
// Roundings. Relative to the denominator let Q be the weighted mean of |v|, and P+ and P- those of the values' positive
// and negative parts, M the greater of them. A partial sum, scaled by the factors a still to come, is a sum of some of
// the terms, so at most M. The numerator's additions, R - 1 in whatever order, and its products with a factor a, one
// per change, are off by u M each; what a term's own product rounds off (two products in the two-pass form) adds up to
// u Q each. Together (R - 1 + changes) u M + 2 u Q. The denominator has no signs: R - 1 + changes roundings are (R - 1
// + changes) u of it, and the division, or the reciprocal, is off by its profile's ulp: both relative to the mean.
// Fusing a product removes a rounding. With t the sum of all relative errors, at most 0.1, what is of second order is
// below 4 t times that: (1 + a) / (1 - b) - 1 <= (a + b)(1 + 2 t).
//
// Underflow. An operation's result below 2^-126 is off by at most h = (e + 1) 2^-149, or 2^-126 where subnormals may be
// flushed. There are fewer than 4 R operations, and what one leaves behind is multiplied by a value, a weight or the
// other sum, so by at most (R + 1)(max |v| + 1) and later by factors that do not exceed 1 but by E: together less than
// 8 R (R + 1) h (max |v| + 1), relative to a denominator of at least 1 - E and so of at least 1/2.
//
// Overflow. A weight is at most 1.12 (E <= 0.1 and second order), and the roundings of a sum at most 0.1 of it: nothing
// exceeds 1.25 R max |v|.
#include "goldens/stages/compressor_pool.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "goldens/enclosure/ends.h"
#include "goldens/exact/bracket.h"

namespace assay::goldens {
namespace {

constexpr double kUnit = 0x1p-24;
constexpr double kSlack = 1 + 0x1p-20;  // over what the double arithmetic below rounds off
constexpr Hull kAnything{-std::numeric_limits<float>::infinity(), std::numeric_limits<float>::infinity(), true};

struct Interval {
  double lo, hi;
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
  double additions = 0;     // (R - 1 + changes) u
  double division = 0;
  double underflow = 0;  // for values up to 1

  double roundings() const { return 2 * additions + 2 * kUnit + division; }  // t
};

Errors errors_of(const NumericFreedom& freedom, std::size_t slots, std::size_t changes) {
  const auto count = static_cast<double>(slots), rescaled = static_cast<double>(changes);
  const double exp_ulp = std::max(freedom.exp_ulp, 0.5);
  const double least = (exp_ulp + 1) * 0x1p-149 + (freedom.flush_subnormals ? 0x1p-126 : 0.0);
  return {.exponentials = (rescaled + 1) * exp_ulp * 2 * kUnit,
          .additions = (count - 1 + rescaled) * kUnit,
          .division = std::max({freedom.div_ulp, freedom.recip_ulp, 0.5}) * 2 * kUnit,
          .underflow = 8 * count * (count + 1) * least};
}

struct Weights {
  std::vector<Interval> each;
  Interval total{0, 0};
};

// An upper bound on the weighted mean of value(i); of second order in what double rounds off, which is far below the
// bound's other terms.
template <class Value>
double greatest_mean(const Weights& weights, Value value) {
  double middle = 0, middles = 0, excess = 0, magnitudes = 0;
  for (std::size_t i = 0; i < weights.each.size(); ++i) {
    middle += (weights.each[i].lo + weights.each[i].hi) * value(i);
    middles += weights.each[i].lo + weights.each[i].hi;
  }
  const double center = middle / middles;
  for (std::size_t i = 0; i < weights.each.size(); ++i) {
    const double above = value(i) - center;
    excess += above * (above < 0 ? weights.each[i].lo : weights.each[i].hi);
    magnitudes += std::fabs(above) * weights.each[i].hi;
  }
  // The sums of double are off by less than (R + 4) 2^-53 of the magnitudes that enter them.
  const double slack = static_cast<double>(weights.each.size() + 4) * 0x1p-52;
  excess += magnitudes * slack;
  return center + std::fabs(center) * slack + excess / (excess >= 0 ? weights.total.lo : weights.total.hi);
}

// The weights of slots relative to exp(-maximum); nothing where they are too uncertain to bound.
std::optional<Weights> weights_of(std::span<const Hull> scores, double maximum, const Errors& errors) {
  Weights weights;
  for (const Hull& score : scores) {
    const double from = score.lo - maximum, to = score.hi - maximum;
    // Beyond 690 the weight is nothing, however its argument is rounded.
    const double first_order = errors.exponentials + kUnit * std::min(-from, 690.0);
    if (first_order > 0.1) return std::nullopt;
    const double error = first_order * (1 + 2 * first_order) * kSlack;
    weights.each.push_back(
        {weight_bracket(from).lo * (1 - error) / kSlack, weight_bracket(to).hi * (1 + error) * kSlack});
    weights.total.lo += weights.each.back().lo;
    weights.total.hi += weights.each.back().hi;
  }
  weights.total.lo /= kSlack;
  weights.total.hi *= kSlack;
  return weights.total.lo > 0 ? std::optional(std::move(weights)) : std::nullopt;
}

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
  const auto weights = weights_of(scores, maximum, errors);
  float greatest = 0;
  for (const Hull& value : values) greatest = std::max({greatest, std::fabs(value.lo), std::fabs(value.hi)});
  if (!weights || errors.roundings() > 0.1 || 1.25 * static_cast<double>(slots) * greatest > kMaxFloat)
    return kAnything;
  const auto lo = [&](std::size_t i) -> double { return values[i].lo; };
  const auto hi = [&](std::size_t i) -> double { return values[i].hi; };
  const double above = greatest_mean(*weights, hi);
  const double below = -greatest_mean(*weights, [&](std::size_t i) { return -lo(i); });
  const double positive = greatest_mean(*weights, [&](std::size_t i) { return std::max(hi(i), 0.0); });
  const double negative = greatest_mean(*weights, [&](std::size_t i) { return std::max(-lo(i), 0.0); });
  const double mean = std::max(std::fabs(above), std::fabs(below));
  const double rounded = errors.additions * std::max(positive, negative) + 2 * kUnit * (positive + negative) +
                         mean * (errors.additions + errors.division);
  const double margin = rounded * (1 + 4 * errors.roundings()) * kSlack + errors.underflow * (greatest + 1.0);
  return {greatest_float_below(below - margin), least_float_above(above + margin), false};
}

}  // namespace assay::goldens
