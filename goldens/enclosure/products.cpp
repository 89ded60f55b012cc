// Sums and dot products of the number types.
#include <algorithm>
#include <cmath>

#include "goldens/enclosure/ends.h"
#include "goldens/enclosure/hull.h"
#include "goldens/enclosure/strict.h"
#include "goldens/enclosure/sums.h"

namespace assay::goldens {
namespace {

struct Leaf {
  double least = 0, greatest = 0;
  bool nan = false, may_be_negative_zero = false;

  void add_to(TreeTerms& terms) const { terms.add(least, greatest, nan, may_be_negative_zero); }
};

Leaf leaf_of(const Hull& x) {
  return {x.lo, x.hi, x.nan, x.has_number() && x.lo <= 0 && std::signbit(x.lo) && x.hi >= 0};
}

// A product before its rounding, as it is fused into an addition and enters the exact sum; the rounded one included.
Leaf with_exact(Leaf leaf, const Hull& a, const Hull& b) {
  if (!a.has_number() || !b.has_number()) return leaf;
  for_ends(a, [&](double x) {
    for_ends(b, [&](double y) {
      const double exact = x * y;  // 48 bits
      if (!std::isfinite(exact)) return;
      leaf.least = std::min(leaf.least, exact);
      leaf.greatest = std::max(leaf.greatest, exact);
    });
  });
  return leaf;
}

// Runs of `chunk` elements, or one run of all: visit(begin, end).
template <class Visit>
void for_chunks(std::size_t count, std::size_t chunk, Visit visit) {
  if (chunk == 0) chunk = std::max<std::size_t>(count, 1);
  for (std::size_t begin = 0; begin < count; begin += chunk) visit(begin, std::min(begin + chunk, count));
}

// total, dot: term(i) is added to the running sum of its chunk.
template <class Step>
float strict_sum(std::size_t count, std::size_t chunk, Step step) {
  float result = 0;
  for_chunks(count, chunk, [&](std::size_t begin, std::size_t end) {
    float partial = 0;
    for (std::size_t i = begin; i < end; ++i) partial = step(partial, i);
    result += partial;
  });
  return result;
}

}  // namespace

StrictArithmetic StrictArithmetic::of(const Profile& profile) { return {NumericFreedom::of(profile).sum_chunk}; }

NumericFreedom NumericFreedom::of(const Profile& profile) {
  const auto ulp = [&](const char* function) {
    const auto found = profile.ulp.find(function);
    return found == profile.ulp.end() ? 0.0 : found->second;
  };
  const bool chunked = profile.sum_order == SumOrder::chunked && profile.sum_chunk > 0;
  return {.contraction = profile.contraction == Contraction::allowed,
          .flush_subnormals = profile.flush_subnormals,
          .sum_order = profile.sum_order,
          .sum_chunk = chunked ? static_cast<std::size_t>(profile.sum_chunk) : 0,
          .exp_ulp = ulp("exp"),
          .log_ulp = ulp("log"),
          .sqrt_ulp = ulp("sqrt"),
          .rsqrt_ulp = ulp("rsqrt"),
          .recip_ulp = ulp("recip"),
          .div_ulp = ulp("div")};
}

float StrictArithmetic::total(std::span<const float> terms) const {
  return strict_sum(terms.size(), sum_chunk, [&](float partial, std::size_t i) { return partial + terms[i]; });
}

float StrictArithmetic::dot(std::span<const float> a, std::span<const float> b) const {
  return strict_sum(a.size(), sum_chunk, [&](float partial, std::size_t i) { return partial + a[i] * b[i]; });
}

// leaf(i) enters a tree in free order, and exact(i) the exact sum; chunks are trees whose results are added from left
// to right. That order of roundings may leave out the exact sum rounded once, which is closer to the truth than what it
// allows: it is admitted. A later chunk of one element only is add_one(result, i): no tree of its own rounds it.
template <class LeafAt, class ExactAt, class AddOne>
Hull HullArithmetic::sum_in_order(std::size_t count, LeafAt leaf, ExactAt exact, AddOne add_one) const {
  Hull result = Hull::of(0.0F);
  TreeTerms all;
  bool all_negative_zero = count > 0;
  for_chunks(count, freedom_.sum_chunk, [&](std::size_t begin, std::size_t end) {
    TreeTerms terms;
    for (std::size_t i = begin; i < end; ++i) {
      const Leaf each = leaf(i);
      each.add_to(terms);
      exact(i, each).add_to(all);
      all_negative_zero = all_negative_zero && each.may_be_negative_zero;
    }
    if (begin > 0 && end - begin == 1)
      result = add_one(result, begin);
    else
      result = sum(result, settle(terms.result(freedom_.flush_subnormals, freedom_.contraction)));
  });
  result.include(all.correctly_rounded());
  // Sums that start with their first term, not with +0.
  if (all_negative_zero) result.include(-0.0F);
  return result;
}

// From left to right, starting from +0 or with the first term, which differ where every term is -0.
template <class Step, class MayBeNegativeZero>
Hull sequential(std::size_t count, Step step, MayBeNegativeZero may_be_negative_zero) {
  Hull result = Hull::of(0.0F);
  bool all_negative_zero = count > 0;
  for (std::size_t i = 0; i < count; ++i) {
    result = step(result, i);
    all_negative_zero = all_negative_zero && may_be_negative_zero(i);
  }
  if (all_negative_zero) result.include(-0.0F);
  return result;
}

Hull HullArithmetic::total(std::span<const Hull> terms) const {
  if (freedom_.sum_order == SumOrder::sequential)
    return sequential(
        terms.size(), [&](const Hull& sum_so_far, std::size_t i) { return sum(sum_so_far, terms[i]); },
        [&](std::size_t i) { return terms[i].contains(-0.0F); });
  return sum_in_order(
      terms.size(), [&](std::size_t i) { return leaf_of(terms[i]); },
      [](std::size_t, const Leaf& leaf) { return leaf; },
      [&](const Hull& sum_so_far, std::size_t i) { return sum(sum_so_far, terms[i]); });
}

Hull HullArithmetic::dot(std::span<const Hull> a, std::span<const Hull> b) const {
  if (freedom_.sum_order == SumOrder::sequential) {
    const auto step = [&](const Hull& sum_so_far, std::size_t i) {
      Hull result = add_product(sum_so_far, a[i], b[i]);
      // Without +0 in front either of the first two products may fuse into their sum.
      if (i == 1 && freedom_.contraction) result.include(sum_of_products(a[0], b[0], a[1], b[1]));
      return result;
    };
    return sequential(a.size(), step, [&](std::size_t i) { return product(a[i], b[i]).contains(-0.0F); });
  }
  const auto exact = [&](std::size_t i, const Leaf& leaf) { return with_exact(leaf, a[i], b[i]); };
  return sum_in_order(
      a.size(),
      [&](std::size_t i) {
        const Leaf rounded = leaf_of(product(a[i], b[i]));
        return freedom_.contraction ? exact(i, rounded) : rounded;
      },
      [&](std::size_t i, const Leaf& leaf) { return freedom_.contraction ? leaf : exact(i, leaf); },
      [&](const Hull& sum_so_far, std::size_t i) { return add_product(sum_so_far, a[i], b[i]); });
}

// A square is monotone in the magnitude: no corner has operands of opposite signs.
Hull HullArithmetic::sum_of_squares(std::span<const Hull> a) const {
  std::vector<Hull> magnitudes(a.size());
  std::ranges::transform(a, magnitudes.begin(), absolute);
  return dot(magnitudes, magnitudes);
}

}  // namespace assay::goldens
