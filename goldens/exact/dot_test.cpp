#include "goldens/exact/dot.h"

#include <gtest/gtest.h>
#include <mpfr.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "goldens/exact/accumulator.h"
#include "goldens/exact/float_samples.h"
#include "goldens/exact/next_double.h"
#include "goldens/exact/rounding.h"

namespace assay::goldens::exact {
namespace {

using Pair = std::pair<float, float>;
using Pairs = std::vector<Pair>;
constexpr float kMax = std::numeric_limits<float>::max(), kTiny = std::numeric_limits<float>::denorm_min();

// Small seeds repeat: several cases each.
bool holds(const std::string& property, void (*body)(FloatSamples&)) {
  return rc::check(property, [&](std::uint64_t seed) {
    FloatSamples samples(seed);
    for (int i = 0; i < 20; ++i) body(samples);
  });
}

void shuffle(Pairs& pairs, FloatSamples& samples) {
  for (std::size_t i = pairs.size(); i > 1; --i) std::swap(pairs[i - 1], pairs[samples.below(i)]);
}

// Terms that add up to zero, of any size.
void add_cancelling(Pairs& pairs, std::size_t count, FloatSamples& samples) {
  for (std::size_t i = 0; i < count; ++i) {
    const float x = samples.finite(), y = samples.finite();
    pairs.push_back({x, y});
    pairs.push_back({-x, y});
  }
}

// One of: every class, cancelling with a rest, subnormal, huge, coarse (exact results and ties), moderate.
Pairs random_pairs(std::size_t count, FloatSamples& samples) {
  Pairs pairs;
  const auto kind = samples.below(6);
  for (std::size_t i = 0; i < count; ++i) {
    const float a = samples.finite(), b = samples.finite();
    switch (kind) {
      case 0:
        pairs.push_back({a, b});
        break;
      case 1:
        if (i % 4 == 0) add_cancelling(pairs, 1, samples);
        pairs.push_back({samples.coarse(), samples.coarse() * 0x1p-60f});
        break;
      case 2:
        pairs.push_back({a * 0x1p-120f, samples.moderate()});
        break;
      case 3:
        pairs.push_back({std::copysign(kMax, a), b});
        break;
      case 4:
        pairs.push_back({samples.coarse(), samples.coarse()});
        break;
      default:
        pairs.push_back({samples.moderate(), samples.moderate()});
    }
  }
  std::erase_if(pairs, [](const Pair& p) { return !is_finite(p.first) || !is_finite(p.second); });
  shuffle(pairs, samples);
  return pairs;
}

ExactAccumulator accumulated(const Pairs& pairs) {
  ExactAccumulator accumulator;
  for (const auto& [a, b] : pairs) accumulator.add_product(a, b);
  return accumulator;
}

Dyadic dyadic_dot(const Pairs& pairs) {
  Dyadic sum;
  for (const auto& [a, b] : pairs) sum = sum + exact_value(a) * exact_value(b);
  return sum;
}

Rounded dot_of(const Pairs& pairs) {
  std::vector<float> a, b;
  for (const auto& [x, y] : pairs) {
    a.push_back(x);
    b.push_back(y);
  }
  return rounded_dot(a, b);
}

// Nearest even, by distance to the double's neighbours.
bool is_nearest(double d, const Dyadic& exact) {
  const Dyadic distance = absolute(exact - exact_value(d));
  for (const double other : {next_below(d), next_above(d)}) {
    const auto order = distance <=> absolute(exact - exact_value(other));
    if (order > 0 || (order == 0 && (std::bit_cast<std::uint64_t>(d) & 1))) return false;
  }
  return true;
}

TEST(ExactAccumulator, EqualsDyadicSums) {
  EXPECT_TRUE(holds("sum of products", [](FloatSamples& samples) {
    const Pairs pairs = random_pairs(samples.below(60), samples);
    const Dyadic exact = dyadic_dot(pairs);
    ExactAccumulator sum = accumulated(pairs);
    RC_ASSERT(sum.exact() == exact);
    RC_ASSERT(same_float(sum.to_float(), std::bit_cast<float>(round_exact(kF32, exact, Rounding::rint))));
    RC_ASSERT(is_nearest(sum.to_double(), exact));
    const Bracket bracket = sum.bracket();
    RC_ASSERT(exact_value(bracket.lo) <= exact && exact <= exact_value(bracket.hi));
    RC_ASSERT((bracket.lo == bracket.hi) == (exact_value(bracket.lo) == exact));
    RC_ASSERT(bracket.lo == bracket.hi || next_above(bracket.lo) == bracket.hi);
    const Dyadic zero;
    RC_ASSERT(sum.is_zero() == (exact == zero));
    RC_ASSERT((sum.sign() <=> 0) == (exact <=> zero));
  }));
}

TEST(ExactAccumulator, OrderAndGroupingChangeNothing) {
  EXPECT_TRUE(holds("permutation and merge", [](FloatSamples& samples) {
    Pairs pairs = random_pairs(200, samples);
    ExactAccumulator whole = accumulated(pairs);
    shuffle(pairs, samples);
    const auto cut = static_cast<std::ptrdiff_t>(samples.below(pairs.size() + 1));
    ExactAccumulator left = accumulated({pairs.begin(), pairs.begin() + cut});
    left.merge(accumulated({pairs.begin() + cut, pairs.end()}));
    RC_ASSERT(left.exact() == whole.exact());
    const float dot = dot_of(pairs).value;
    shuffle(pairs, samples);
    RC_ASSERT(same_float(dot, dot_of(pairs).value));
    RC_ASSERT(same_float(dot, whole.to_float()));
  }));
}

// More of the greatest product than one bucket holds, and than float32 does.
TEST(ExactAccumulator, BucketsNeverOverflow) {
  constexpr int kTerms = (1 << 16) + 3;
  for (const float sign : {1.0f, -1.0f}) {
    ExactAccumulator sum;
    for (int i = 0; i < kTerms; ++i) sum.add_product(kMax, sign * kMax);
    const Dyadic product = exact_value(kMax) * exact_value(sign * kMax);
    EXPECT_TRUE(sum.exact() == product * Dyadic({kTerms, 0}));
    EXPECT_EQ(sum.to_float(), sign * INFINITY);
    for (int i = 0; i < kTerms; ++i) sum.add_product(-kMax, sign * kMax);
    EXPECT_TRUE(sum.is_zero());
  }
}

// 2^20 terms over the whole range, against MPFR additions that report whether they were exact.
TEST(ExactAccumulator, AMillionTermsEqualMpfr) {
  FloatSamples samples(5);
  ExactAccumulator sum;
  mpfr_t total;
  mpfr_init2(total, 1024);
  mpfr_set_zero(total, 1);
  for (int i = 0; i < 1 << 20; ++i) {
    const float a = samples.finite(), b = samples.finite();
    sum.add_product(a, b);
    ASSERT_EQ(mpfr_add_d(total, total, static_cast<double>(a) * static_cast<double>(b), MPFR_RNDN), 0);
    if ((i & (i - 1)) != 0) continue;
    ASSERT_EQ(sum.to_double(), mpfr_get_d(total, MPFR_RNDN)) << i;
  }
  EXPECT_EQ(sum.to_double(), mpfr_get_d(total, MPFR_RNDN));
  EXPECT_EQ(sum.to_float(), mpfr_get_flt(total, MPFR_RNDN));
  EXPECT_EQ(sum.bracket().lo, mpfr_get_d(total, MPFR_RNDD));
  EXPECT_EQ(sum.bracket().hi, mpfr_get_d(total, MPFR_RNDU));
  mpfr_clear(total);
}

struct SpecialRow {
  Pairs pairs;
  float expected;
};

TEST(ExactAccumulator, InfinitiesNanAndZerosByHand) {
  const float inf = INFINITY;
  const std::vector<SpecialRow> rows{{{}, 0.0f},
                                     {{{-0.0f, 1}}, 0.0f},
                                     {{{1, 1}, {-1, 1}}, 0.0f},
                                     {{{inf, 2}, {-kMax, kMax}}, inf},
                                     {{{inf, -2}, {5, 1}}, -inf},
                                     {{{inf, 1}, {inf, -1}}, NAN},
                                     {{{inf, 0}}, NAN},
                                     {{{NAN, 1}, {inf, 1}}, NAN},
                                     {{{kMax, 1}, {kMax, 1}, {-kMax, 1}}, kMax},           // beyond float32 on the way
                                     {{{kMax, 1}, {0x1p103f, 1}}, inf},                    // half way to 2^128: even
                                     {{{kMax, 1}, {0x1p103f, 1}, {-kTiny, kTiny}}, kMax},  // just below
                                     {{{-kTiny, 0.5f}}, -0.0f},                    // tie to even zero, sign kept
                                     {{{-kTiny, 0.5f}, {-kTiny, kTiny}}, -kTiny},  // just beyond
                                     {{{kTiny, 1.5f}}, 2 * kTiny}};
  for (const SpecialRow& row : rows) {
    EXPECT_TRUE(same_float(accumulated(row.pairs).to_float(), row.expected)) << &row - rows.data();
    EXPECT_TRUE(same_float(dot_of(row.pairs).value, row.expected)) << &row - rows.data();
  }
  EXPECT_EQ(accumulated({{inf, -1}}).sign(), -1);
  EXPECT_FALSE(accumulated({{inf, -1}}).is_finite());
}

// The middle of two neighbouring float32, hidden among terms that cancel; then one tiny product to either side.
TEST(RoundedDot, TiesGoToEvenAndTinyTermsDecide) {
  EXPECT_TRUE(holds("middles", [](FloatSamples& samples) {
    float lower = std::fabs(samples.finite());
    if (lower == kMax) lower = 1;
    const auto code = std::bit_cast<std::uint32_t>(lower);
    const float upper = std::bit_cast<float>(code + 1);
    const float step = upper - lower;  // a power of two
    const float sign = samples.coin() ? 1.0f : -1.0f;
    Pairs pairs{{sign * lower, 1}, {sign * step, 0.5f}};
    if (step == kTiny) pairs.back() = {sign * 0x1p-75f, 0x1p-75f};
    add_cancelling(pairs, samples.below(20), samples);
    const float even = code % 2 == 0 ? lower : upper;
    for (const auto& [tiny, expected] : {Pair{0, even}, Pair{kTiny, upper}, Pair{-kTiny, lower}}) {
      Pairs terms = pairs;
      terms.push_back({sign * tiny, kTiny});
      shuffle(terms, samples);
      RC_ASSERT(same_float(accumulated(terms).to_float(), sign * expected));
      RC_ASSERT(same_float(dot_of(terms).value, sign * expected));
    }
  }));
}

TEST(RoundedSum, EqualsTheAccumulator) {
  EXPECT_TRUE(holds("sum", [](FloatSamples& samples) {
    std::vector<float> x(samples.below(100));
    const bool coarse = samples.coin();
    for (float& value : x) value = coarse ? samples.coarse() : samples.any();
    ExactAccumulator sum;
    sum.add(x);
    RC_ASSERT(same_float(rounded_sum(x).value, sum.to_float()));
  }));
}

TEST(RoundedDot, SeldomEscalatesOnNormalData) {
  FloatSamples samples(6);
  std::vector<float> a(512), b(512);
  Escalations escalations;
  for (int i = 0; i < 40000; ++i) {
    for (std::size_t j = 0; j < 8; ++j) {
      a[samples.below(a.size())] = samples.moderate();
      b[samples.below(b.size())] = samples.moderate();
    }
    escalations.count(rounded_dot(a, b));
  }
  RecordProperty("escalations", std::to_string(escalations.escalations));
  RecordProperty("evaluations", std::to_string(escalations.evaluations));
  EXPECT_LT(escalations.rate(), 1e-4);
  // What the fast path cannot decide is counted.
  EXPECT_TRUE(dot_of({{1, 1}, {0x1p-24f, 1}, {kTiny, kTiny}}).escalated);
}

}  // namespace
}  // namespace assay::goldens::exact
