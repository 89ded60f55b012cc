#include "goldens/enclosure/hull.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>

#include "goldens/enclosure/fused.h"
#include "goldens/enclosure/strict.h"
#include "goldens/exact/float_ops.h"
#include "goldens/exact/float_samples.h"

namespace assay::goldens {
namespace {

// A property draws a seed and checks many samples under it.
template <class Property>
bool check(const std::string& description, Property property) {
  return rc::check(description, [&] {
    FloatSamples samples(*rc::gen::noShrink(rc::gen::arbitrary<std::uint64_t>()));
    for (int i = 0; i < 50; ++i) property(samples);
  });
}

TEST(FusedMultiplyAdd, IsTheExactOne) {
  FloatSamples samples(6);
  for (int i = 0; i < 8000; ++i) {
    const bool coarse = samples.coin();
    const float a = coarse ? samples.coarse() : samples.any(), b = coarse ? samples.moderate() : samples.any();
    float c = samples.any();
    if (samples.coin()) c = std::nextafter(-(a * b), c);
    ASSERT_TRUE(same_float(fused_multiply_add(a, b, c), exact::multiply_add(a, b, c)))
        << std::hexfloat << a << " * " << b << " + " << c;
  }
}

// The middle of two float32 plus a term too small for double: rounding twice would go to even, rounding once goes up.
TEST(FusedMultiplyAdd, RoundsOnce) {
  const float half_step = 0x1p-24f, tiny = 0x1p-149f;
  EXPECT_EQ(fused_multiply_add(1 + 0x1p-12f, 1 + 0x1p-12f, tiny), 1 + 0x1p-11f + 0x1p-23f);
  EXPECT_EQ(fused_multiply_add(half_step, 1.0f, 1.0f), 1.0f);
  EXPECT_EQ(fused_multiply_add(1 + 0x1p-12f, 1 + 0x1p-12f, 0.0f), 1 + 0x1p-11f);
  // 1 + 2^-24 + 0.988 * 2^-52: the sum in double is odd already, and must not be moved onto the middle.
  EXPECT_EQ(fused_multiply_add(1 + 1984 * 0x1p-23f, (1 - 3967 * 0x1p-24f) * 0x1p-24f, 1.0f), 1 + 0x1p-23f);
}

// One of the implementations the profile allows: fuses or not, flushes or not, by chance.
class AnyImplementation {
 public:
  using Number = float;
  AnyImplementation(FloatSamples& samples, bool contraction, bool flush)
      : samples_(samples), contraction_(contraction), flush_(flush) {}

  float input(float x) const { return settle(x); }
  float product(float a, float b) const { return settle(a * b); }
  float sum(float a, float b) const { return settle(a + b); }
  float add_product(float c, float a, float b) const { return fuse() ? fused(a, b, c) : sum(c, product(a, b)); }
  float sum_of_products(float a, float b, float c, float d) const {
    return fuse() ? fused(a, b, product(c, d)) : add_product(product(a, b), c, d);
  }

 private:
  bool fuse() const { return contraction_ && samples_.coin(); }
  float fused(float a, float b, float c) const { return settle(exact::multiply_add(a, b, c)); }
  float settle(float x) const {
    const bool small = x != 0 && std::fabs(x) < std::numeric_limits<float>::min();
    return flush_ && small && samples_.coin() ? (samples_.coin() ? 0.0f : -0.0f) : x;
  }
  FloatSamples& samples_;
  bool contraction_, flush_;
};

template <class Arithmetic>
typename Arithmetic::Number mixed_expression(const Arithmetic& math, const std::array<float, 8>& x) {
  auto y = math.sum_of_products(math.input(x[0]), math.input(x[1]), math.input(x[2]), math.input(x[3]));
  y = math.add_product(y, math.input(x[4]), math.input(x[5]));
  y = math.add_product(y, y, math.input(x[6]));
  return math.sum(math.product(y, math.input(x[7])), y);
}

std::array<float, 8> draw(FloatSamples& samples) {
  std::array<float, 8> x{};
  const auto kind = samples.below(3);
  for (float& value : x) value = kind == 0 ? samples.any() : kind == 1 ? samples.coarse() : samples.moderate();
  return x;
}

TEST(Hull, ContainsEveryAllowedImplementation) {
  EXPECT_TRUE(check("fused or not, flushed or not", [](FloatSamples& samples) {
    const bool contraction = samples.coin(), flush = samples.coin();
    const std::array<float, 8> x = draw(samples);
    const Hull hull = mixed_expression(HullArithmetic(contraction, flush), x);
    RC_ASSERT(hull.contains(mixed_expression(StrictArithmetic{}, x)));
    for (int i = 0; i < 20; ++i)
      RC_ASSERT(hull.contains(mixed_expression(AnyImplementation(samples, contraction, flush), x)));
  }));
}

TEST(Hull, WithoutFreedomIsThePoint) {
  EXPECT_TRUE(check("no contraction, no flush", [](FloatSamples& samples) {
    const std::array<float, 8> x = draw(samples);
    const Hull hull = mixed_expression(HullArithmetic(false, false), x);
    const float strict = mixed_expression(StrictArithmetic{}, x);
    RC_ASSERT(hull.nan == std::isnan(strict));
    RC_ASSERT(hull.nan != hull.has_number());
    RC_ASSERT(hull.nan || (same_float(hull.lo, strict) && same_float(hull.hi, strict)));
  }));
}

TEST(Hull, EndsAreReached) {
  EXPECT_TRUE(check("a * b + c is one of two values", [](FloatSamples& samples) {
    const float a = samples.moderate(), b = samples.moderate(), c = samples.moderate();
    const Hull hull = HullArithmetic(true, false).add_product(Hull::of(c), Hull::of(a), Hull::of(b));
    const float fused = exact::multiply_add(a, b, c), twice = exact::add(exact::multiply(a, b), c);
    RC_ASSERT(hull.lo == std::min(fused, twice));
    RC_ASSERT(hull.hi == std::max(fused, twice));
  }));
}

Hull random_hull(FloatSamples& samples) {
  const auto draw = samples.coin() ? &FloatSamples::any : &FloatSamples::special;
  Hull hull = Hull::of((samples.*draw)());
  if (samples.coin()) hull.include((samples.*draw)());
  return hull;
}

TEST(Hull, WideningAnInputNeverNarrows) {
  EXPECT_TRUE(check("operands widened, results contain the old ones", [](FloatSamples& samples) {
    const HullArithmetic math(samples.coin(), samples.coin());
    std::array<Hull, 4> narrow, wide;
    for (std::size_t i = 0; i < 4; ++i) {
      narrow[i] = wide[i] = random_hull(samples);
      if (samples.coin()) wide[i].include(random_hull(samples));
    }
    const auto& [a, b, c, d] = narrow;
    const auto& [e, f, g, h] = wide;
    RC_ASSERT(math.product(e, f).contains(math.product(a, b)));
    RC_ASSERT(math.sum(e, f).contains(math.sum(a, b)));
    RC_ASSERT(math.add_product(e, f, g).contains(math.add_product(a, b, c)));
    RC_ASSERT(math.sum_of_products(e, f, g, h).contains(math.sum_of_products(a, b, c, d)));
  }));
}

TEST(Hull, ContractionHasWidthWhereItMatters) {
  const float a = 1 + 0x1p-12f;  // a * a = 1 + 2^-11 + 2^-24 needs 25 bits
  const Hull hull = HullArithmetic(true, false).add_product(Hull::of(-1.0f), Hull::of(a), Hull::of(a));
  EXPECT_EQ(hull.lo, 0x1p-11f);
  EXPECT_EQ(hull.hi, 0x1p-11f + 0x1p-24f);
}

TEST(Hull, OverflowThatFusingAvoidsIsNanOrNumber) {
  const float max = std::numeric_limits<float>::max(), infinity = std::numeric_limits<float>::infinity();
  const Hull hull = HullArithmetic(true, false).add_product(Hull::of(-infinity), Hull::of(max), Hull::of(2.0f));
  EXPECT_TRUE(hull.nan);
  EXPECT_EQ(hull.hi, -infinity);
}

TEST(Hull, ZeroTimesAllNumbersIsZeroOrNan) {
  const float infinity = std::numeric_limits<float>::infinity();
  Hull all = Hull::of(infinity);
  all.include(-infinity);
  for (const HullArithmetic math : {HullArithmetic(false, false), HullArithmetic(true, false)})
    for (const Hull& product : {math.product(all, Hull::of(0.0f)), math.product(Hull::of(0.0f), all)}) {
      EXPECT_TRUE(product.nan && product.contains(0.0f) && product.contains(-0.0f));
      EXPECT_FALSE(product.contains(std::numeric_limits<float>::denorm_min()));
      EXPECT_TRUE(math.add_product(Hull::of(5.0f), all, Hull::of(0.0f)).contains(5.0f));
    }
}

TEST(Hull, FlushAdmitsBothZerosAndTheRoundedUpResult) {
  const HullArithmetic math(false, true);
  const Hull input = math.input(0x1p-130f);
  EXPECT_TRUE(input.contains(-0.0f));
  EXPECT_TRUE(input.contains(0x1p-130f));
  const float least = std::numeric_limits<float>::min();
  EXPECT_TRUE(math.product(Hull::of(least), Hull::of(1.0f)).contains(0.0f));
  EXPECT_FALSE(math.product(Hull::of(least), Hull::of(2.0f)).contains(0.0f));
}

TEST(Hull, SignedZerosAreApart) {
  EXPECT_FALSE(Hull::of(0.0f).contains(-0.0f));
  EXPECT_FALSE(Hull::of(-0.0f).contains(0.0f));
}

}  // namespace
}  // namespace assay::goldens
