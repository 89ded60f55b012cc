#include "goldens/enclosure/sums.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "goldens/enclosure/enclosure_test_support.h"
#include "goldens/enclosure/strict.h"
#include "goldens/enclosure/truth.h"
#include "goldens/exact/dot.h"

namespace assay::goldens {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

NumericFreedom random_order(FloatSamples& samples) {
  NumericFreedom freedom{.contraction = samples.coin(), .flush_subnormals = samples.below(4) == 0};
  freedom.sum_order = static_cast<SumOrder>(samples.below(3));
  if (freedom.sum_order == SumOrder::chunked) freedom.sum_chunk = 1 + samples.below(8);
  return freedom;
}

using Floats = std::vector<float>;
using Hulls = std::vector<Hull>;

Floats random_terms(FloatSamples& samples, std::size_t count) {
  Floats terms(count);
  const auto kind = samples.below(4);
  for (float& x : terms)
    x = kind == 0 ? samples.any() : kind == 1 ? samples.coarse() : kind == 2 ? samples.finite() : samples.moderate();
  return terms;
}

// Full significands of one binade: every addition rounds.
Floats full_terms(FloatSamples& samples, std::size_t count) {
  Floats terms(count);
  for (float& x : terms)
    x = (samples.below(4) == 0 ? -1.0F : 1.0F) * (1 + 0x1p-23F * static_cast<float>(samples.below(1 << 23)));
  return terms;
}

Hulls hulls_around(FloatSamples& samples, const HullArithmetic& math, const Floats& x) {
  Hulls hulls;
  for (const float each : x) {
    hulls.push_back(math.input(each));
    if (each == each && samples.below(3) == 0) hulls.back() = widened(samples, hulls.back());
  }
  return hulls;
}

Floats pick_each(FloatSamples& samples, const Hulls& hulls) {
  Floats x;
  for (const Hull& hull : hulls)
    x.push_back(hull.has_number() ? pick(samples, hull) : std::numeric_limits<float>::quiet_NaN());
  return x;
}

TEST(Sums, EveryAllowedOrderIsInside) {
  EXPECT_TRUE(check_samples("dot and total of any machine are inside", [](FloatSamples& samples) {
    const NumericFreedom freedom = random_order(samples);
    const HullArithmetic math(freedom);
    const std::size_t count = samples.below(20);
    const Hulls a = hulls_around(samples, math, random_terms(samples, count)),
                b = hulls_around(samples, math, random_terms(samples, count));
    const Hull dot = math.dot(a, b), total = math.total(a), squares = math.sum_of_squares(a);
    for (int i = 0; i < 10; ++i) {
      const Floats x = pick_each(samples, a), y = pick_each(samples, b);
      const AnyMachine machine(samples, freedom);
      const float machine_dot = machine.dot(x, y);
      if (!dot.contains(machine_dot))
        RC_FAIL(fmt::format("{:a} not in [{:a}, {:a}]: {} terms, order {}, contraction {}, flush {}", machine_dot,
                            dot.lo, dot.hi, count, static_cast<int>(freedom.sum_order), freedom.contraction,
                            freedom.flush_subnormals));
      RC_ASSERT(total.contains(machine.total(x)));
      RC_ASSERT(squares.contains(machine.dot(x, x)));
    }
  }));
}

TEST(Sums, StrictIsInside) {
  EXPECT_TRUE(check_samples("strict sums", [](FloatSamples& samples) {
    const NumericFreedom freedom = random_order(samples);
    const HullArithmetic math(freedom);
    const StrictArithmetic strict{freedom.sum_chunk};
    const std::size_t count = samples.below(40);
    const Floats x = random_terms(samples, count), y = random_terms(samples, count);
    Hulls a, b;
    for (const float each : x) a.push_back(math.input(each));
    for (const float each : y) b.push_back(math.input(each));
    RC_ASSERT(math.total(a).contains(strict.total(x)));
    RC_ASSERT(math.dot(a, b).contains(strict.dot(x, y)));
    RC_ASSERT(math.sum_of_squares(a).contains(strict.sum_of_squares(x)));
  }));
}

// A float32 between the hull's ends or one step beyond: the hull is of results, which are rounded.
TEST(Sums, TheExactSumIsBetweenTheNeighbours) {
  EXPECT_TRUE(check_samples("exact sums", [](FloatSamples& samples) {
    NumericFreedom freedom = random_order(samples);
    freedom.sum_order = SumOrder::any;
    freedom.sum_chunk = 0;
    const HullArithmetic math(freedom);
    const std::size_t count = 1 + samples.below(30);
    Hulls a, b;
    std::vector<Truth> x, y;
    for (std::size_t i = 0; i < count; ++i) {
      const float p = samples.moderate(), q = samples.moderate();
      a.push_back(Hull::of(p));
      b.push_back(Hull::of(q));
      x.emplace_back(p);
      y.emplace_back(q);
    }
    const Hull total = math.total(a);
    const Truth exact = TruthArithmetic::total(x);
    RC_ASSERT(std::nextafter(total.lo, -kInfinity) < exact && exact < std::nextafter(total.hi, kInfinity));
  }));
}

// What an accumulator without rounding returns, chunks or not. Terms of about one size, so that ties and last digits
// count, and of any size.
TEST(Sums, TheExactSumRoundedOnceIsInside) {
  EXPECT_TRUE(check_samples("exact sums of free orders", [](FloatSamples& samples) {
    NumericFreedom freedom = random_order(samples);
    if (freedom.sum_order == SumOrder::sequential) freedom.sum_order = SumOrder::any;
    const HullArithmetic math(freedom);
    const std::size_t count = 1 + samples.below(20);
    const Floats x = samples.coin() ? random_terms(samples, count) : full_terms(samples, count),
                 y = samples.coin() ? random_terms(samples, count) : full_terms(samples, count);
    Hulls a, b;
    bool finite = true;
    for (std::size_t i = 0; i < count; ++i) {
      a.push_back(math.input(x[i]));
      b.push_back(math.input(y[i]));
      finite = finite && std::isfinite(x[i] * y[i]) && std::isfinite(x[i] * x[i]);
    }
    if (!finite) return;
    RC_ASSERT(math.total(a).contains(exact::rounded_sum(x).value));
    RC_ASSERT(math.dot(a, b).contains(exact::rounded_dot(x, y).value));
    RC_ASSERT(math.sum_of_squares(a).contains(exact::rounded_dot(x, x).value));
    RC_ASSERT(math.multiply(a, {y, 1, count})[0].contains(exact::rounded_dot(x, y).value));
  }));
}

TEST(Sums, WideningNeverNarrows) {
  EXPECT_TRUE(check_samples("wider terms, wider sums", [](FloatSamples& samples) {
    const HullArithmetic math(random_order(samples));
    const std::size_t count = samples.below(20);
    const Hulls a = hulls_around(samples, math, random_terms(samples, count)),
                b = hulls_around(samples, math, random_terms(samples, count));
    Hulls c = a, d = b;
    for (Hull& each : c)
      if (each.has_number() && samples.coin()) each = widened(samples, each);
    for (Hull& each : d)
      if (each.has_number() && samples.coin()) each = widened(samples, each);
    RC_ASSERT(math.total(c).contains(math.total(a)));
    RC_ASSERT(math.dot(c, d).contains(math.dot(a, b)));
    RC_ASSERT(math.sum_of_squares(c).contains(math.sum_of_squares(a)));
  }));
}

TEST(Sums, SequentialWithoutFreedomIsStrict) {
  EXPECT_TRUE(check_samples("one order, one value", [](FloatSamples& samples) {
    const HullArithmetic math(false, false);
    const Floats x = random_terms(samples, 12), y = random_terms(samples, 12);
    Hulls a, b;
    for (const float each : x) a.push_back(math.input(each));
    for (const float each : y) b.push_back(math.input(each));
    const Hull dot = math.dot(a, b);
    const float strict = StrictArithmetic{}.dot(x, y);
    RC_ASSERT((strict == strict ? !dot.nan && dot.lo == strict && dot.hi == strict : dot.nan && !dot.has_number()));
  }));
}

HullArithmetic free_order(bool contraction = false) {
  return HullArithmetic(NumericFreedom{.contraction = contraction, .sum_order = SumOrder::any});
}

Hull total_of(const HullArithmetic& math, std::initializer_list<float> terms) {
  Hulls hulls;
  for (const float term : terms) hulls.push_back(math.input(term));
  return math.total(hulls);
}

TEST(Sums, InfinitiesAndNan) {
  const HullArithmetic math = free_order();
  const Hull infinite = total_of(math, {1, kInfinity, -5});
  EXPECT_TRUE(infinite.lo == kInfinity && !infinite.nan);
  const Hull both = total_of(math, {kInfinity, 1, -kInfinity});
  EXPECT_TRUE(both.nan && !both.has_number());
  const Hull nan = total_of(math, {1, std::numeric_limits<float>::quiet_NaN()});
  EXPECT_TRUE(nan.nan && !nan.has_number());
}

TEST(Sums, OverflowInSomeOrders) {
  const float max = std::numeric_limits<float>::max();
  const HullArithmetic math = free_order();
  const Hull hull = total_of(math, {max, max, -max / 2});  // (max + max) - max / 2 or max + (max - max / 2)
  EXPECT_TRUE(hull.contains(kInfinity) && !hull.nan && hull.lo > 0);
  EXPECT_TRUE(total_of(math, {max, max, -max, -max}).nan);
}

TEST(Sums, Zeros) {
  const HullArithmetic math = free_order();
  const Hull mixed = total_of(math, {0.0F, -0.0F, 0.0F});
  EXPECT_TRUE(mixed.contains(0.0F) && !mixed.contains(-0.0F));
  EXPECT_TRUE(total_of(math, {-0.0F, -0.0F}).contains(-0.0F));
  EXPECT_TRUE(math.total({}).contains(0.0F));
}

// 2^24 and n ones: adding the ones first or last differs by n. The bound is at most a few times what is reached.
TEST(Sums, TheBoundIsOfTheSizeOfWhatHappens) {
  const HullArithmetic math = free_order();
  Hulls terms(100, Hull::of(1.0F));
  terms.push_back(Hull::of(0x1p24F));
  const Hull hull = math.total(terms);
  EXPECT_TRUE(hull.contains(0x1p24F));
  EXPECT_TRUE(hull.contains(0x1p24F + 100));
  EXPECT_LE(hull.hi - hull.lo, 2.1 * 100 + 2);
}

// A chunk whose product is dropped, or the order of a chunk's partial sums, must show.
TEST(Sums, AFaultFallsOutside) {
  FloatSamples samples(7);
  const NumericFreedom freedom{.sum_order = SumOrder::chunked, .sum_chunk = 512};
  const HullArithmetic math(freedom);
  int caught = 0;
  for (int trial = 0; trial < 50; ++trial) {
    Floats x(4096), y(4096);
    for (std::size_t i = 0; i < x.size(); ++i) {
      x[i] = samples.coarse();
      y[i] = samples.coarse();
    }
    Hulls a, b;
    for (std::size_t i = 0; i < x.size(); ++i) {
      a.push_back(Hull::of(x[i]));
      b.push_back(Hull::of(y[i]));
    }
    const Hull hull = math.dot(a, b);
    const auto dropped = samples.below(4096);
    ASSERT_TRUE(hull.contains(StrictArithmetic{512}.dot(x, y)));
    x[dropped] = 0;
    caught += !hull.contains(StrictArithmetic{512}.dot(x, y));
  }
  EXPECT_GE(caught, 25);  // the others are products too small to show
}

}  // namespace
}  // namespace assay::goldens
