#include "goldens/enclosure/hull.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "goldens/enclosure/ends.h"
#include "goldens/enclosure/fused.h"
#include "goldens/enclosure/strict.h"

namespace assay::goldens {
namespace {

// NaN operands spread; 0 * infinity makes one, also where the zero lies inside and no corner shows it.
bool product_may_be_nan(const Hull& a, const Hull& b) {
  return a.nan || b.nan || (contains_zero(a) && contains_infinity(b)) || (contains_infinity(a) && contains_zero(b));
}

bool sum_may_be_nan(const Hull& a, const Hull& b) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const auto opposite = [](const Hull& x, const Hull& y) {
    return x.has_number() && y.has_number() && x.hi == infinity && y.lo == -infinity;
  };
  return a.nan || b.nan || opposite(a, b) || opposite(b, a);
}

// The hull of operation at all corners of a and b; a corner that is NaN has been accounted for by the caller.
template <class Operation>
Hull corners(const Hull& a, const Hull& b, Operation operation) {
  Hull result;
  if (!a.has_number() || !b.has_number()) return result;
  for_ends(a, [&](float x) {
    for_ends(b, [&](float y) {
      if (const float value = operation(x, y); !std::isnan(value)) result.include(value);
    });
  });
  return result;
}

// The common case of add_product, without the search over corners: a and b are points, and everything is finite, which
// the differences show (infinity - infinity and NaN are not zero).
std::optional<Hull> contracted_point_product(const Hull& c, const Hull& a, const Hull& b) {
  if (!is_point(a) || !is_point(b) || c.nan || !c.has_number()) return std::nullopt;
  const float product = a.lo * b.lo;
  const float lo_twice = c.lo + product, lo_once = fused_multiply_add(a.lo, b.lo, c.lo);
  const float hi_twice = c.hi + product, hi_once = fused_multiply_add(a.lo, b.lo, c.hi);
  if (!((lo_twice - lo_twice) + (lo_once - lo_once) + (hi_twice - hi_twice) + (hi_once - hi_once) == 0))
    return std::nullopt;
  return Hull{below(lo_once, lo_twice) ? lo_once : lo_twice, below(hi_once, hi_twice) ? hi_twice : hi_once, false};
}

// The operation's corners where it multiplies. At the corner 0 * infinity the numbers come from the finite factors next
// to the infinity, if its hull has any: zeros of the corner's sign.
template <class Operation>
Hull product_corners(const Hull& a, const Hull& b, Operation operation) {
  constexpr float max = std::numeric_limits<float>::max();
  return corners(a, b, [&](float x, float y) {
    if (x == 0 && std::isinf(y) && b.lo < b.hi) return operation(x, std::copysign(max, y));
    if (y == 0 && std::isinf(x) && a.lo < a.hi) return operation(std::copysign(max, x), y);
    return operation(x, y);
  });
}

// a * b + c rounded once. Its NaNs are among those of rounding twice.
Hull fused(const Hull& a, const Hull& b, const Hull& c) {
  Hull result;
  if (!c.has_number()) return result;
  for_ends(c, [&](float addend) {
    result.include(product_corners(a, b, [&](float x, float y) { return fused_multiply_add(x, y, addend); }));
  });
  return result;
}

}  // namespace

Hull Hull::of(float x) {
  Hull result;
  result.include(x);
  return result;
}

void Hull::include(float x) {
  if (std::isnan(x)) {
    nan = true;
    return;
  }
  if (below(x, lo)) lo = x;
  if (below(hi, x)) hi = x;
}

void Hull::include(const Hull& other) {
  nan = nan || other.nan;
  if (!other.has_number()) return;
  include(other.lo);
  include(other.hi);
}

bool Hull::contains(float x) const {
  if (std::isnan(x)) return nan;
  return has_number() && !below(x, lo) && !below(hi, x);
}

bool Hull::contains(const Hull& other) const {
  return (nan || !other.nan) && (!other.has_number() || (contains(other.lo) && contains(other.hi)));
}

Hull HullArithmetic::settle(Hull x) const {
  constexpr float least_normal = std::numeric_limits<float>::min();
  const bool touches = x.has_number() && x.lo <= least_normal && x.hi >= -least_normal;
  if (freedom_.flush_subnormals && touches && !(x.lo == 0 && x.hi == 0)) {
    x.include(-0.0f);
    x.include(0.0f);
  }
  return x;
}

Hull HullArithmetic::absolute(const Hull& a) {
  const Hull mirrored = negated(a);
  if (!a.has_number() || !std::signbit(a.lo)) return a;
  if (std::signbit(a.hi)) return mirrored;
  return {0.0F, std::max(a.hi, mirrored.hi), a.nan};
}

Hull HullArithmetic::input(float x) const {
  const Hull point = Hull::of(x);
  return std::fpclassify(x) == FP_SUBNORMAL ? settle(point) : point;
}

Hull HullArithmetic::product(const Hull& a, const Hull& b) const {
  Hull result = is_point(a) && is_point(b) ? Hull::of(a.lo * b.lo)
                                           : product_corners(a, b, [](float x, float y) { return x * y; });
  result.nan = result.nan || product_may_be_nan(a, b);
  return settle(result);
}

Hull HullArithmetic::sum(const Hull& a, const Hull& b) const {
  Hull result =
      is_point(a) && is_point(b) ? Hull::of(a.lo + b.lo) : corners(a, b, [](float x, float y) { return x + y; });
  result.nan = result.nan || sum_may_be_nan(a, b);
  return settle(result);
}

Hull HullArithmetic::maximum(const Hull& a, const Hull& b) const {
  Hull result;
  result.nan = a.nan || b.nan;
  if (!a.has_number() || !b.has_number()) {
    result.include(a);
    result.include(b);
    return result;
  }
  result.lo = below(a.lo, b.lo) ? b.lo : a.lo;
  result.hi = below(a.hi, b.hi) ? b.hi : a.hi;
  // Two zeros of opposite signs: either.
  if (result.lo == 0 && (same_bits(a.lo, -0.0F) || same_bits(b.lo, -0.0F))) result.lo = -0.0F;
  if (a.nan) result.include(b);
  if (b.nan) result.include(a);
  return result;
}

Hull HullArithmetic::round_to(const Hull& a, DType dtype, Rounding rounding) const {
  Hull result;
  result.nan = a.nan;
  if (!a.has_number()) return result;
  result.include(StrictArithmetic::round_to(a.lo, dtype, rounding));  // rounding is monotone
  result.include(StrictArithmetic::round_to(a.hi, dtype, rounding));
  return result;
}

Hull HullArithmetic::add_product(const Hull& c, const Hull& a, const Hull& b) const {
  if (freedom_.contraction && !freedom_.flush_subnormals)
    if (const auto common = contracted_point_product(c, a, b)) return *common;
  Hull result = sum(c, product(a, b));
  if (freedom_.contraction) result.include(settle(fused(a, b, c)));
  return result;
}

Hull HullArithmetic::sum_of_products(const Hull& a, const Hull& b, const Hull& c, const Hull& d) const {
  Hull result = add_product(product(a, b), c, d);
  if (freedom_.contraction) result.include(settle(fused(a, b, product(c, d))));
  return result;
}

}  // namespace assay::goldens
