#include "goldens/enclosure/sums.h"

#include <algorithm>
#include <cmath>

#include "goldens/enclosure/ends.h"

namespace assay::goldens {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

}  // namespace

void TreeTerms::add(double least, double greatest, bool nan, bool may_be_negative_zero) {
  ++count_;
  nan_ = nan_ || nan;
  all_negative_zero_ = all_negative_zero_ && may_be_negative_zero;
  if (!(least <= greatest)) {
    surely_nan_ = true;
    return;
  }
  maybe_plus_ = maybe_plus_ || greatest == kInfinity;
  maybe_minus_ = maybe_minus_ || least == -kInfinity;
  surely_plus_ = surely_plus_ || (least == kInfinity && !nan);
  surely_minus_ = surely_minus_ || (greatest == -kInfinity && !nan);
  if (least == kInfinity || greatest == -kInfinity) return;
  // Where an end is infinite the result's is too; the other values of the term are finite float32, or its finite end,
  // which may be the exact value of a product that only fusing keeps from overflow.
  if (least == -kInfinity) least = std::min(greatest, -kMaxFloat);
  if (greatest == kInfinity) greatest = std::max(least, kMaxFloat);
  lower_ += least;
  upper_ += greatest;
  positive_ += std::max(greatest, 0.0);
  negative_ += std::max(-least, 0.0);
}

void TreeTerms::add_finite(std::size_t count, double lower, double upper, double positive, double negative) {
  count_ += count;
  lower_ += lower;
  upper_ += upper;
  positive_ += positive;
  negative_ += negative;
  all_negative_zero_ = false;
}

// The first addition, to zero, is exact.
double TreeTerms::double_error() const {
  return std::max(static_cast<double>(count_) - 1, 0.0) * 0x1p-52 * (positive_ + negative_);
}

Hull TreeTerms::correctly_rounded() const {
  Hull result;
  if (surely_nan_ || (surely_plus_ && surely_minus_)) return result;
  const double error = double_error();
  const auto lo = static_cast<float>(lower_ - error), hi = static_cast<float>(upper_ + error);
  result.include(surely_plus_ ? kInfinity : maybe_minus_ ? -kInfinity : lo);
  result.include(surely_minus_ ? -kInfinity : maybe_plus_ ? kInfinity : hi);
  return result;
}

// The proof is in sums.h.
Hull TreeTerms::finite_result(bool flush_subnormals, bool contraction) const {
  constexpr double kUnit = 0x1p-24;
  const auto n = static_cast<double>(count_);
  const double slack = n * 0x1p-52 * (positive_ + negative_);
  const double nodes = std::max(n - 1, 0.0), decay = 1 - nodes * kUnit;
  const bool underflows = contraction && positive_ + negative_ > 0;
  const double absolute = (flush_subnormals ? 2 * n * 0x1p-126 : 0) + (underflows ? n * 0x1p-150 : 0);
  double error = std::numeric_limits<double>::infinity();
  if (decay > 0.5) error = (nodes * kUnit * std::max(positive_, negative_) + absolute) / decay * (1 + 0x1p-40) + slack;
  const bool plus = maybe_plus_ || positive_ + error >= kOverflow;
  const bool minus = maybe_minus_ || negative_ + error >= kOverflow;
  Hull result;
  result.lo = minus ? -kInfinity : std::min(least_float_above(lower_ - error), std::numeric_limits<float>::max());
  result.hi = plus ? kInfinity : std::max(greatest_float_below(upper_ + error), -std::numeric_limits<float>::max());
  result.nan = plus && minus;
  if (result.lo == 0 && all_negative_zero_ && count_ > 0) result.lo = -0.0F;
  return result;
}

Hull TreeTerms::result(bool flush_subnormals, bool contraction) const {
  Hull result;
  if (!surely_nan_ && !(surely_plus_ && surely_minus_)) {
    result = finite_result(flush_subnormals, contraction);
    if (surely_plus_) result.lo = kInfinity;
    if (surely_minus_) result.hi = -kInfinity;
  }
  result.nan = result.nan || nan_ || surely_nan_ || (maybe_plus_ && maybe_minus_);
  return result;
}

}  // namespace assay::goldens
