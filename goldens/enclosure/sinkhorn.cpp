// Proof of the enclosure. Let c be the matrix of an exact evaluation at the centres of the logits, in double, and C any
// matrix that a correct implementation may hold at the same place; L[i,j] = log C[i,j] - log c[i,j].
//
// Row step: C' = C / (sum_k C[i,k] + eps), with weights w[i,k] = c[i,k] / (sum_k c[i,k] + eps). Then
//   log(sum_k C[i,k] + eps) - log(sum_k c[i,k] + eps) = log(sum_k w[i,k] e^L[i,k] + w_eps e^0) = sum_k w[i,k] L[i,k] +
//   q
// where the weights with w_eps add up to one, q >= 0 by Jensen's inequality and q <= (range of L and 0)^2 / 8 by
// Hoeffding's lemma. So L' = L[i,j] - sum_k w[i,k] L[i,k] - q_i + rounding: linear in L but for q_i, which is common to
// the row, and at most (2 max_k |L[i,k]|)^2 / 8. Columns alike. The softmax is a row step without eps, which what is
// common to a row does not change: the maximum that was subtracted does not matter. Adding eps maps L to v L + q with
// v = p / (p + eps) and 0 <= q <= L^2 / 8, by the same two inequalities for two terms.
//
// Being linear, L is the sum of the errors made at each step and in the input, each propagated on its own (LogErrors).
// A row step followed by a column step nearly cancels what is common to a row, so errors made by the sums die out with
// Birkhoff's contraction, and errors of single entries stay what they are: no doubling, unlike interval arithmetic.
//
// Errors made at a step, u = 2^-24, relative and so in the logarithm, up to the factor kLog:
// - a sum of n positive terms and eps in any order: n u / (1 - n u), common to the row;
// - a quotient: div_ulp ulp of the exact quotient, or u where that is 0; per entry;
// - logit - max: u |logit - max|, an absolute error of the exponent; per entry;
// - an exponential: exp_ulp ulp, or u; per entry. Where it underflows, and where something is flushed to zero, the
// error
//   is absolute, at most (exp_ulp + div_ulp + 1) 2^-126, and at most kTiny (1 + exp_ulp) / eps of what is left after
//   adding eps, the row's greatest exponential being near one. Logits more than kFar below their row's greatest count
//   as underflow: e^-kFar < 2^-129;
// - the evaluation of c in double, of the weights (below 2^-45 relative each) and of the propagated errors themselves:
//   below kDouble relative for c, and below kDouble times the sum of all |L| for the others.
// The relative bounds of quotients need entries that are not subnormal, which is checked.
#include "goldens/enclosure/sinkhorn.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "goldens/enclosure/ends.h"
#include "goldens/enclosure/log_errors.h"
#include "goldens/exact/bracket.h"

namespace assay::goldens {
namespace {

constexpr double kUnit = 0x1p-24, kDouble = 0x1p-40, kLog = 1 + 0x1p-10, kTiny = 0x1p-110, kLeastEntry = 0x1p-110,
                 kFar = 90, kMostUlp = 64;

// (r0 + r1) + (r2 + r3)
template <class Arithmetic, class Number = typename Arithmetic::Number>
Number pairwise(const Arithmetic& math, std::span<const Number> terms) {
  if (terms.size() == 1) return terms[0];
  const std::size_t half = (terms.size() + 1) / 2;
  return math.sum(pairwise<Arithmetic>(math, terms.first(half)), pairwise<Arithmetic>(math, terms.subspan(half)));
}

// The definition over any number type. Over hulls it is valid where sums have one order only.
template <class Arithmetic, class Number = typename Arithmetic::Number>
std::vector<Number> evaluate(const Arithmetic& math, std::span<const Number> logits, std::size_t n,
                             std::size_t iterations, float epsilon) {
  std::vector<Number> c(logits.begin(), logits.end()), line(n);
  const Number eps = math.input(epsilon);
  for (std::size_t i = 0; i < n; ++i) {
    const std::span row = std::span(c).subspan(i * n, n);
    Number greatest = row[0];
    for (const Number& each : row) greatest = math.maximum(greatest, each);
    for (Number& each : row) each = math.exponential(math.difference(each, greatest));
    const Number sum = math.total(row);
    for (Number& each : row) each = math.sum(math.quotient(each, sum), eps);
  }
  for (std::size_t step = 1; step < 2 * iterations; ++step)
    for (std::size_t i = 0; i < n; ++i) {
      const bool rows = step % 2 == 0;
      const auto entry = [&](std::size_t k) -> Number& { return c[rows ? i * n + k : k * n + i]; };
      for (std::size_t k = 0; k < n; ++k) line[k] = entry(k);
      const Number sum =
          math.sum(rows ? math.total(line) : pairwise<Arithmetic>(math, std::span<const Number>(line)), eps);
      for (std::size_t k = 0; k < n; ++k) entry(k) = math.quotient(entry(k), sum);
    }
  return c;
}

// ulps of error relative to any number within a factor of (1 + spread) of y.
double relative_error(double ulps, double y, double spread) {
  if (ulps == 0) return kUnit;
  const double least = y / (1 + spread);
  return std::max(ulps * std::ldexp(1.0, std::ilogb(y * (1 + spread)) - 23) / least, kUnit);
}

// The trajectory c with the bounds of |L| along it.
class Trajectory {
 public:
  Trajectory(const NumericFreedom& freedom, std::size_t n, double eps)
      : freedom_(freedom), n_(n), eps_(eps), c_(n * n), errors_(n), bounds_(n * n) {}

  void softmax(std::span<const Hull> logits);
  void normalise(bool rows);
  // Whether the bounds hold: no entry near the subnormal numbers, and errors small enough for the inequalities used.
  bool valid() const {
    return greatest_bound() < 0.5 && std::ranges::all_of(c_, [](double c) { return c > kLeastEntry; });
  }
  double greatest_bound() const { return *std::ranges::max_element(bounds_); }
  std::vector<Hull> hulls() const;

 private:
  std::size_t entry(std::size_t line, std::size_t k, bool rows) const { return rows ? line * n_ + k : k * n_ + line; }
  // Divides lines by their sums plus eps; the sums are rounded `additions` times.
  void divide(bool rows, double eps, std::size_t additions);
  void add_errors(std::vector<double> element, std::vector<double> common, bool rows) {
    for (double& each : element) each = each * kLog + kDouble * (1 + magnitude_);
    for (double& each : common) each *= kLog;
    errors_.add(std::move(element), std::move(common), rows);
    bounds_ = errors_.bounds();
    magnitude_ = std::accumulate(bounds_.begin(), bounds_.end(), 0.0);
  }

  NumericFreedom freedom_;
  std::size_t n_;
  double eps_;
  std::vector<double> c_;
  LogErrors errors_;
  std::vector<double> bounds_;
  double magnitude_ = 0;
};

void Trajectory::divide(bool rows, double eps, std::size_t additions) {
  std::vector<double> weights(n_ * n_), element(n_ * n_), common(n_);
  for (std::size_t line = 0; line < n_; ++line) {
    double sum = eps, widest = 0;
    for (std::size_t k = 0; k < n_; ++k) {
      sum += c_[entry(line, k, rows)];
      widest = std::max(widest, bounds_[entry(line, k, rows)]);
    }
    for (std::size_t k = 0; k < n_; ++k) weights[entry(line, k, rows)] = c_[entry(line, k, rows)] /= sum;
    const double rounding = static_cast<double>(additions) * kUnit;
    common[line] = widest * widest / 2 + rounding / (1 - rounding);
  }
  const double spread = 6 * greatest_bound() + kDouble;  // above e^(2 B + B^2 / 2) - 1 for B < 1/2
  for (std::size_t i = 0; i < c_.size(); ++i)
    element[i] = relative_error(freedom_.div_ulp, std::max(c_[i], 0x1p-126), spread);
  errors_.normalise(weights, rows);
  add_errors(std::move(element), std::move(common), rows);
}

void Trajectory::softmax(std::span<const Hull> logits) {
  std::vector<double> element(n_ * n_);
  for (std::size_t i = 0; i < n_; ++i) {
    double greatest = -std::numeric_limits<double>::infinity(), upper = greatest, sure = greatest;
    for (std::size_t k = i * n_; k < (i + 1) * n_; ++k) {
      greatest = std::max(greatest, (static_cast<double>(logits[k].lo) + logits[k].hi) / 2);
      upper = std::max<double>(upper, logits[k].hi);
      sure = std::max<double>(sure, logits[k].lo);
    }
    for (std::size_t k = i * n_; k < (i + 1) * n_; ++k) {
      if (logits[k].hi - sure < -kFar) continue;  // zero, without relative error
      const double centre = (static_cast<double>(logits[k].lo) + logits[k].hi) / 2;
      const exact::Bracket e = exact::exp_bracket(centre - greatest);
      c_[k] = e.lo + (e.hi - e.lo) / 2;
      // centre - greatest is rounded in double: below kDouble of its magnitude.
      const double distance = upper - logits[k].lo;
      element[k] = (static_cast<double>(logits[k].hi) - logits[k].lo) / 2 + (kUnit + kDouble) * distance +
                   std::max(freedom_.exp_ulp * 0x1p-23, kUnit);
    }
  }
  add_errors(std::move(element), std::vector<double>(n_), true);
  if (greatest_bound() >= 0.5) return;
  divide(true, 0, n_ - 1);
  std::vector<double> kept(n_ * n_), added(n_ * n_);
  for (std::size_t i = 0; i < c_.size(); ++i) {
    kept[i] = c_[i] / (c_[i] + eps_);
    c_[i] += eps_;
    added[i] = bounds_[i] * bounds_[i] / 8 + kUnit + kTiny * (1 + freedom_.exp_ulp) / eps_;
  }
  errors_.scale(kept);
  add_errors(std::move(added), std::vector<double>(n_), true);
}

void Trajectory::normalise(bool rows) { divide(rows, eps_, n_); }

// 1 - B <= e^-B and e^B <= 1 + B + B^2 for 0 <= B <= 1.
std::vector<Hull> Trajectory::hulls() const {
  std::vector<Hull> result(c_.size());
  for (std::size_t i = 0; i < c_.size(); ++i) {
    const double bound = bounds_[i] * (1 + kDouble) + kDouble;
    result[i] = {least_float_above(c_[i] * (1 - bound)), greatest_float_below(c_[i] * (1 + bound + bound * bound)),
                 false};
  }
  return result;
}

std::optional<std::vector<Hull>> logarithmic_bound(const NumericFreedom& freedom, std::span<const Hull> logits,
                                                   std::size_t n, std::size_t iterations, float eps) {
  if (freedom.exp_ulp > kMostUlp || freedom.div_ulp > kMostUlp || !(eps > 0x1p-60F)) return std::nullopt;
  Trajectory trajectory(freedom, n, eps);
  trajectory.softmax(logits);
  for (std::size_t step = 1; step < 2 * iterations; ++step) {
    if (!trajectory.valid()) return std::nullopt;
    trajectory.normalise(step % 2 == 0);
  }
  if (!trajectory.valid()) return std::nullopt;
  return trajectory.hulls();
}

bool one_order(const NumericFreedom& freedom, std::size_t n) {
  return freedom.sum_order == SumOrder::sequential || n == 1;
}

}  // namespace

std::vector<float> sinkhorn(const StrictArithmetic& math, std::span<const float> logits, std::size_t streams,
                            std::size_t iterations, float eps) {
  return evaluate(math, logits, streams, iterations, eps);
}

std::vector<Hull> sinkhorn(const HullArithmetic& math, std::span<const Hull> logits, std::size_t streams,
                           std::size_t iterations, float eps) {
  const NumericFreedom& freedom = math.freedom();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  if (std::ranges::any_of(logits, [](const Hull& x) { return x.nan || !x.has_number() || contains_infinity(x); }))
    return std::vector<Hull>(logits.size(), Hull{-infinity, infinity, true});
  // An entry is a term of the sum it is divided by: at most 1, and not negative.
  const double most = 1 + (static_cast<double>(streams) + 1) * kUnit * 2 + freedom.div_ulp * 0x1p-22;
  std::vector<Hull> result(logits.size(),
                           Hull{freedom.flush_subnormals ? -0.0F : 0.0F, static_cast<float>(most), false});
  const auto intersect = [&](const std::vector<Hull>& other) {
    for (std::size_t i = 0; i < result.size(); ++i) {
      if (below(result[i].lo, other[i].lo)) result[i].lo = other[i].lo;
      if (below(other[i].hi, result[i].hi)) result[i].hi = other[i].hi;
    }
  };
  if (const auto bound = logarithmic_bound(freedom, logits, streams, iterations, eps)) intersect(*bound);
  if (one_order(freedom, streams)) intersect(evaluate(math, logits, streams, iterations, eps));
  return result;
}

}  // namespace assay::goldens
