#include <fmt/format.h>
#include <gtest/gtest.h>

#include "goldens/enclosure/enclosure_test_support.h"
#include "goldens/enclosure/strict.h"
#include "goldens/enclosure/truth.h"
#include "goldens/exact/bracket.h"

namespace assay::goldens {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

NumericFreedom accuracy(double ulp) {
  return {.exp_ulp = ulp, .log_ulp = ulp, .sqrt_ulp = ulp, .rsqrt_ulp = ulp, .recip_ulp = ulp, .div_ulp = ulp};
}

// The unit in the last place of OpenCL C 1.2, 7.4, at a real number.
Truth ulp_of(const Truth& y) {
  const Truth magnitude = abs(y);
  if (magnitude < ldexp(Truth(1), -126)) return ldexp(Truth(1), -149);
  int exponent = 0;
  const Truth fraction = frexp(magnitude, &exponent);  // [1/2, 1)
  const bool power = fraction == Truth(0.5);
  return ldexp(Truth(1), std::min(exponent, 128) - 24 - (power ? 1 : 0));
}

struct Function {
  const char* name;
  Hull (HullArithmetic::*hull)(const Hull&) const;
  float (*strict)(float);
  Truth (*truth)(const Truth&);
  float least, greatest;
};
const Function kFunctions[] = {
    {"exp", &HullArithmetic::exponential, StrictArithmetic::exponential, TruthArithmetic::exponential, -120, 95},
    {"log", &HullArithmetic::logarithm, StrictArithmetic::logarithm, TruthArithmetic::logarithm, 0x1p-149F, 0x1p127F},
    {"sqrt", &HullArithmetic::square_root, StrictArithmetic::square_root, TruthArithmetic::square_root, 0, 0x1p127F},
    {"rsqrt", &HullArithmetic::reciprocal_root, StrictArithmetic::reciprocal_root, TruthArithmetic::reciprocal_root,
     0x1p-149F, 0x1p127F},
    {"recip", &HullArithmetic::reciprocal, StrictArithmetic::reciprocal, TruthArithmetic::reciprocal, -0x1p127F,
     0x1p127F}};

float argument(FloatSamples& samples, const Function& function) {
  for (;;) {
    const float x = samples.coin() ? samples.finite() : samples.moderate();
    if (x >= function.least && x <= function.greatest && x != 0) return x;
  }
}

// Every float32 within the bound is admitted, and none further than that by a step.
TEST(Functions, AdmitExactlyWhatIsWithinTheUlps) {
  for (const Function& function : kFunctions)
    for (const double ulp : {1.0, 2.5, 3.0})
      EXPECT_TRUE(check_samples(function.name, [&](FloatSamples& samples) {
        const HullArithmetic math(accuracy(ulp));
        const float x = argument(samples, function);
        const Hull hull = (math.*function.hull)(Hull::of(x));
        const Truth y = function.truth(Truth(x)), bound = Truth(ulp) * ulp_of(y);
        RC_ASSERT(!hull.nan);
        RC_ASSERT(hull.contains(function.strict(x)));
        const auto within = [&](float candidate) { return abs(Truth(candidate) - y) <= bound; };
        const float below = std::nextafter(hull.lo, -kInfinity), above = std::nextafter(hull.hi, kInfinity);
        if (y == 1 || y == 0) return;  // exact by C99
        if (!std::isinf(below) && !(hull.lo == 0)) RC_ASSERT(!within(below));
        if (!std::isinf(above) && !(hull.hi == 0)) RC_ASSERT(!within(above));
        // A power of two has the larger spacing on one side: there the hull is up to twice as wide.
        const Truth slack = 2 * bound + ulp_of(y);
        if (std::isfinite(hull.hi)) RC_ASSERT(abs(Truth(hull.lo) - y) <= slack && abs(Truth(hull.hi) - y) <= slack);
      }));
}

TEST(Functions, WithoutFreedomAreCorrectlyRounded) {
  for (const Function& function : kFunctions)
    EXPECT_TRUE(check_samples(function.name, [&](FloatSamples& samples) {
      const HullArithmetic math(false, false);
      const float x = argument(samples, function);
      const Truth y = function.truth(Truth(x));
      const auto nearest = static_cast<float>(y);  // mpfr_get_flt, to nearest even
      RC_ASSERT(same_float(function.strict(x), nearest));
      const Hull hull = (math.*function.hull)(Hull::of(x));
      RC_ASSERT(same_float(hull.lo, nearest) && same_float(hull.hi, nearest));
    }));
}

Hull random_interval(FloatSamples& samples) {
  Hull hull = Hull::of(samples.coin() ? samples.any() : samples.moderate());
  if (samples.coin() && hull.has_number()) hull = widened(samples, hull);
  if (samples.below(4) == 0) hull.include(samples.any());
  return hull;
}

template <class Apply>
void check_unary(const char* name, Apply apply) {
  EXPECT_TRUE(check_samples(name, [&](FloatSamples& samples) {
    NumericFreedom freedom = accuracy(samples.coin() ? 0 : 2.5);
    freedom.flush_subnormals = samples.coin();
    const HullArithmetic math(freedom);
    const Hull narrow = random_interval(samples), wide = samples.coin() && narrow.has_number()
                                                             ? widened(samples, narrow)
                                                             : Hull{-kInfinity, kInfinity, true};
    const Hull result = apply(math, narrow);
    RC_ASSERT(apply(math, wide).contains(result));
    if (!narrow.has_number()) return;
    for (int i = 0; i < 5; ++i) {
      const float x = pick(samples, narrow);
      const Hull at_x = apply(math, Hull::of(x));
      if (!result.contains(at_x))
        RC_FAIL(fmt::format("{:a} in [{:a}, {:a}]: [{:a}, {:a}] not in [{:a}, {:a}]", x, narrow.lo, narrow.hi, at_x.lo,
                            at_x.hi, result.lo, result.hi));
    }
  }));
}

TEST(Functions, AreMonotoneUnderWidening) {
  for (const Function& function : kFunctions)
    check_unary(function.name, [&](const HullArithmetic& math, const Hull& x) { return (math.*function.hull)(x); });
  check_unary("sigmoid", [](const HullArithmetic& math, const Hull& x) { return math.sigmoid(x); });
  check_unary("softplus", [](const HullArithmetic& math, const Hull& x) { return math.softplus(x); });
}

TEST(Functions, QuotientsHoldTheirPoints) {
  EXPECT_TRUE(check_samples("a / b", [](FloatSamples& samples) {
    const HullArithmetic math(accuracy(samples.coin() ? 0 : 2.5));
    const Hull a = random_interval(samples), b = random_interval(samples);
    const Hull result = math.quotient(a, b);
    if (!a.has_number() || !b.has_number()) return;
    for (int i = 0; i < 10; ++i) {
      const float x = pick(samples, a), y = pick(samples, b);
      RC_ASSERT(result.contains(x / y));
      RC_ASSERT(result.contains(math.quotient(Hull::of(x), Hull::of(y))));
    }
    const Hull wider = widened(samples, a), wide = math.quotient(wider, b);
    if (!wide.contains(result))
      RC_FAIL(fmt::format("[{:a}, {:a}] in [{:a}, {:a}], / [{:a}, {:a}]: [{:a}, {:a}] {} not in [{:a}, {:a}] {}", a.lo,
                          a.hi, wider.lo, wider.hi, b.lo, b.hi, result.lo, result.hi, result.nan, wide.lo, wide.hi,
                          wide.nan));
  }));
}

TEST(Functions, MaximumAndDifferenceHoldTheirPoints) {
  EXPECT_TRUE(check_samples("max, min, -", [](FloatSamples& samples) {
    const HullArithmetic math(false, false);
    const Hull a = random_interval(samples), b = random_interval(samples);
    if (!a.has_number() || !b.has_number()) return;
    const float x = pick(samples, a), y = pick(samples, b);
    RC_ASSERT(math.maximum(a, b).contains(StrictArithmetic::maximum(x, y)));
    RC_ASSERT(math.maximum(a, b).contains(StrictArithmetic::maximum(y, x)));
    RC_ASSERT(math.minimum(a, b).contains(StrictArithmetic::minimum(x, y)));
    RC_ASSERT(math.difference(a, b).contains(x - y));
  }));
}

// The composition of dsv4-chain 1 with every operation off by up to its bound.
float perturbed(FloatSamples& samples, const Hull& admissible) { return pick(samples, admissible); }

TEST(Functions, SigmoidAndSoftplusHoldEveryComposition) {
  const HullArithmetic math(accuracy(3));
  EXPECT_TRUE(check_samples("each operation free", [&](FloatSamples& samples) {
    const float centre = samples.coin() ? samples.moderate() : samples.coarse();
    Hull interval = Hull::of(centre);
    if (samples.coin()) interval = widened(samples, interval);
    if (samples.below(4) == 0) interval.include(samples.moderate());
    const Hull sigmoid = math.sigmoid(interval), softplus = math.softplus(interval);
    for (int i = 0; i < 10; ++i) {
      const float x = pick(samples, interval);
      const float e = perturbed(samples, math.exponential(Hull::of(-x)));
      RC_ASSERT(sigmoid.contains(perturbed(samples, math.reciprocal(Hull::of(e + 1.0F)))));
      const float f = perturbed(samples, math.exponential(Hull::of(-std::fabs(x))));
      RC_ASSERT(softplus.contains(std::max(x, 0.0F) + perturbed(samples, math.logarithm(Hull::of(f + 1.0F)))));
    }
    RC_ASSERT(sigmoid.contains(StrictArithmetic::sigmoid(centre)));
    RC_ASSERT(softplus.contains(StrictArithmetic::softplus(centre)));
  }));
}

// 1 + e^-|x| is rounded, by at most 2^-24: so far the hulls may be off the exact values.
TEST(Functions, TheExactSoftplusAndSigmoidAreWithinTheRoundingOfTheComposition) {
  const HullArithmetic math(accuracy(3));
  EXPECT_TRUE(check_samples("truth", [&](FloatSamples& samples) {
    const float x = std::max(samples.moderate(), -80.0F);
    const Truth error = Truth(0x1p-23) * std::max(1.0F, x);
    const Hull sigmoid = math.sigmoid(Hull::of(x)), softplus = math.softplus(Hull::of(x));
    const Truth s = TruthArithmetic::sigmoid(Truth(x)), p = TruthArithmetic::softplus(Truth(x));
    RC_ASSERT(Truth(sigmoid.lo) <= s * (1 + Truth(0x1p-23)) && s * (1 - Truth(0x1p-23)) <= Truth(sigmoid.hi));
    RC_ASSERT(Truth(softplus.lo) - error <= p && p <= Truth(softplus.hi) + error);
    RC_ASSERT(Truth(softplus.hi) - p <= 8 * error && p - Truth(softplus.lo) <= 8 * error);
  }));
}

TEST(Functions, SoftplusUnderflowsToZero) {
  EXPECT_EQ(StrictArithmetic::softplus(-16.7F), 0.0F);
  EXPECT_GT(StrictArithmetic::softplus(-16.5F), 0.0F);
  const HullArithmetic math(accuracy(3));
  EXPECT_EQ(math.softplus(Hull::of(-18.0F)).hi, 0.0F);
  const Hull edge = math.softplus(Hull::of(-16.6355324F));  // e^x is half a step of 1 up to its error
  EXPECT_TRUE(edge.contains(0.0F) && edge.hi > 0);
}

// An interval evaluated at once is not much wider than its points, although softplus mentions its operand twice.
TEST(Functions, SoftplusOfAnIntervalIsTight) {
  const HullArithmetic math(accuracy(3));
  for (const float x : {-8.0F, -1.0F, -0.01F, 0.0F, 0.5F, 3.0F, 20.0F}) {
    const float width = 0x1p-10F;
    const Hull hull = math.softplus(Hull{x - width, x + width, false});
    const Truth range = TruthArithmetic::softplus(Truth(x) + width) - TruthArithmetic::softplus(Truth(x) - width);
    EXPECT_LE(hull.hi - hull.lo, static_cast<double>(range) * 1.05 + 4e-6 * std::max(1.0F, x)) << x;
  }
}

TEST(Functions, EdgesFollowC99) {
  const HullArithmetic math(accuracy(3));
  const Hull inf = Hull::of(kInfinity), negative_inf = Hull::of(-kInfinity), zero = Hull::of(0.0F);
  EXPECT_TRUE(same_float(math.exponential(negative_inf).hi, 0.0F));
  EXPECT_EQ(math.exponential(inf).lo, kInfinity);
  EXPECT_EQ(math.exponential(zero).lo, 1.0F);
  EXPECT_EQ(math.exponential(zero).hi, 1.0F);
  EXPECT_EQ(math.logarithm(zero).hi, -kInfinity);
  EXPECT_EQ(math.logarithm(Hull::of(1.0F)).hi, 0.0F);
  EXPECT_TRUE(math.logarithm(Hull::of(-1.0F)).nan);
  EXPECT_FALSE(math.logarithm(Hull::of(-1.0F)).has_number());
  EXPECT_TRUE(math.square_root(Hull::of(-1.0F)).nan);
  EXPECT_TRUE(same_float(math.square_root(Hull::of(-0.0F)).lo, -0.0F));
  EXPECT_EQ(math.reciprocal_root(zero).lo, kInfinity);
  EXPECT_EQ(math.reciprocal(Hull::of(-0.0F)).hi, -kInfinity);
  EXPECT_TRUE(math.quotient(zero, zero).nan);
  EXPECT_TRUE(math.exponential(Hull::of(89.0F)).contains(kInfinity));
  EXPECT_TRUE(math.exponential(Hull::of(-200.0F)).contains(0.0F));
  EXPECT_FALSE(math.exponential(Hull::of(-200.0F)).contains(-0.0F));
}

// The end points come from comparisons with brackets, not from the rounding mode of the machine: no preset and no
// compiler flag may close them.
TEST(Functions, EnclosuresHaveWidthInEveryPreset) {
  const Hull third = HullArithmetic(accuracy(2.5)).quotient(Hull::of(1.0F), Hull::of(3.0F));
  EXPECT_LT(third.lo, third.hi);
  EXPECT_LT(static_cast<double>(third.lo) * 3, 1);
  EXPECT_GT(static_cast<double>(third.hi) * 3, 1);
  const exact::Bracket bracket = exact::quotient_bracket(1, 3);
  EXPECT_LT(bracket.lo, bracket.hi);
  const exact::Bracket product = exact::product_bracket(0.1, 0.1);
  EXPECT_LT(product.lo, product.hi);
}

TEST(Functions, RoundToMapsHullsToCodes) {
  const HullArithmetic math(false, false);
  EXPECT_TRUE(check_samples("bf16 and f16", [&](FloatSamples& samples) {
    const Hull a = random_interval(samples);
    if (!a.has_number()) return;
    const float x = pick(samples, a);
    for (const DType dtype : {DType::bf16, DType::f16})
      for (const Rounding mode : {Rounding::rint, Rounding::round, Rounding::trunc, Rounding::odd}) {
        const float rounded = StrictArithmetic::round_to(x, dtype, mode);
        RC_ASSERT(math.round_to(a, dtype, mode).contains(rounded));
        if (std::isfinite(x))
          RC_ASSERT(static_cast<float>(TruthArithmetic::round_to(Truth(x), dtype, mode)) == rounded);
      }
  }));
}

}  // namespace
}  // namespace assay::goldens
