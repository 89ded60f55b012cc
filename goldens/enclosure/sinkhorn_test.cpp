#include "goldens/enclosure/sinkhorn.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <numeric>

#include "goldens/enclosure/enclosure_test_support.h"
#include "goldens/enclosure/truth.h"

namespace assay::goldens {
namespace {

constexpr float kEps = 1e-6F;
using Floats = std::vector<float>;
using Hulls = std::vector<Hull>;

NumericFreedom free_machine(double ulp = 3) {
  return {.sum_order = SumOrder::any, .exp_ulp = ulp, .recip_ulp = ulp, .div_ulp = ulp};
}

// One compliant implementation: sums in a random order, functions anywhere within their bounds.
Floats machine_sinkhorn(FloatSamples& samples, const NumericFreedom& freedom, Floats c, std::size_t n,
                        std::size_t iterations) {
  const HullArithmetic math(freedom);
  const AnyMachine machine(samples, freedom);
  const bool biased = samples.coin(), up = samples.coin();
  const auto choose = [&](const Hull& hull, bool high) {
    return biased ? (high ? hull.hi : hull.lo) : pick(samples, hull);
  };
  const auto divide = [&](float a, float b, bool high) {
    return choose(math.quotient(Hull::of(a), Hull::of(b)), high);
  };
  const auto entry = [&](bool rows, std::size_t line, std::size_t k) -> float& {
    return c[rows ? line * n + k : k * n + line];
  };
  const auto normalise = [&](bool rows, float eps) {
    for (std::size_t line = 0; line < n; ++line) {
      Floats terms;
      for (std::size_t k = 0; k < n; ++k) terms.push_back(entry(rows, line, k));
      if (eps > 0 && samples.coin()) terms.push_back(eps);
      float sum = machine.total(terms);
      if (terms.size() == n && eps > 0) sum += eps;
      for (std::size_t k = 0; k < n; ++k)
        entry(rows, line, k) = divide(entry(rows, line, k), sum, up == ((line + k) % 2 == 0));
    }
  };
  for (std::size_t i = 0; i < n; ++i) {
    const float greatest = *std::max_element(&c[i * n], &c[i * n] + n);
    for (std::size_t k = 0; k < n; ++k)
      c[i * n + k] = choose(math.exponential(Hull::of(c[i * n + k] - greatest)), up == (k % 2 == 0));
  }
  normalise(true, 0);
  for (float& each : c) each += kEps;
  normalise(false, kEps);
  for (std::size_t step = 1; step < iterations; ++step) {
    normalise(true, kEps);
    normalise(false, kEps);
  }
  return c;
}

// Logits of one kind: uniform, moderate, and large ones that give nearly a permutation.
Floats random_logits(FloatSamples& samples, std::size_t n) {
  Floats logits(n * n);
  const auto kind = samples.below(5);
  const float scale = kind == 0 ? 0 : kind == 1 ? 0.01F : kind == 2 ? 1.0F : kind == 3 ? 6.0F : 40.0F;
  for (float& logit : logits) logit = scale * (static_cast<float>(samples.below(2001)) / 1000 - 1);
  if (samples.below(4) == 0)
    for (std::size_t i = 0; i < n; ++i) logits[i * n + (i + 1) % n] += 30;
  return logits;
}

Hulls box(FloatSamples& samples, const Floats& logits) {
  const float radius = std::array{0.0F, 1e-6F, 1e-3F, 2e-2F}[samples.below(4)];
  Hulls hulls;
  for (const float logit : logits) hulls.push_back({logit - radius, logit + radius, false});
  return hulls;
}

Floats corner_or_inside(FloatSamples& samples, const Hulls& hulls) {
  Floats x;
  for (const Hull& hull : hulls) x.push_back(pick(samples, hull));
  return x;
}

TEST(Sinkhorn, EveryAllowedMachineIsInside) {
  EXPECT_TRUE(check_samples(
      "any order, functions within their ulp",
      [](FloatSamples& samples) {
        NumericFreedom freedom = free_machine(samples.coin() ? 3 : 0);
        freedom.flush_subnormals = samples.coin();
        const std::size_t n = 1 + samples.below(5), iterations = 1 + samples.below(20);
        const Hulls logits = box(samples, random_logits(samples, n));
        const Hulls comb = sinkhorn(HullArithmetic(freedom), logits, n, iterations, kEps);
        for (int i = 0; i < 4; ++i) {
          const Floats result = machine_sinkhorn(samples, freedom, corner_or_inside(samples, logits), n, iterations);
          for (std::size_t k = 0; k < comb.size(); ++k)
            if (!comb[k].contains(result[k]))
              RC_FAIL(
                  fmt::format("{:a} not in [{:a}, {:a}]: {} streams, {} iterations, ulp {}, flush {}, logit {} to {}",
                              result[k], comb[k].lo, comb[k].hi, n, iterations, freedom.div_ulp,
                              freedom.flush_subnormals, logits[k].lo, logits[k].hi));
        }
      },
      3));
}

// The exact result is a real number, the hull one of float32: at most a step apart.
TEST(Sinkhorn, TheExactResultIsInside) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(check_samples(
      "MPFR",
      [](FloatSamples& samples) {
        const std::size_t n = 2 + samples.below(3), iterations = 1 + samples.below(20);
        const Hulls logits = box(samples, random_logits(samples, n));
        const Hulls comb = sinkhorn(HullArithmetic(free_machine()), logits, n, iterations, kEps);
        const Floats x = corner_or_inside(samples, logits);
        std::vector<Truth> exact(x.begin(), x.end());
        exact = sinkhorn(TruthArithmetic{}, exact, n, iterations, kEps);
        for (std::size_t k = 0; k < comb.size(); ++k)
          RC_ASSERT(Truth(std::nextafter(comb[k].lo, -infinity)) <= exact[k] &&
                    exact[k] <= Truth(std::nextafter(comb[k].hi, infinity)));
      },
      1));
}

TEST(Sinkhorn, StrictIsInsideAndDeterminedWithoutFreedom) {
  FloatSamples samples(51);
  for (int trial = 0; trial < 100; ++trial) {
    const Floats logits = random_logits(samples, 4);
    Hulls points;
    for (const float logit : logits) points.push_back(Hull::of(logit));
    const Floats strict = sinkhorn(StrictArithmetic{}, logits, 4, 20, kEps);
    const Hulls free = sinkhorn(HullArithmetic(free_machine()), points, 4, 20, kEps);
    const Hulls determined = sinkhorn(HullArithmetic(false, false), points, 4, 20, kEps);
    for (std::size_t i = 0; i < 16; ++i) {
      EXPECT_TRUE(free[i].contains(strict[i]));
      EXPECT_TRUE(determined[i].lo == strict[i] && determined[i].hi == strict[i]);
    }
  }
}

TEST(Sinkhorn, WideningNeverNarrows) {
  EXPECT_TRUE(check_samples(
      "wider logits",
      [](FloatSamples& samples) {
        const Floats centre = random_logits(samples, 4);
        const HullArithmetic math(free_machine());
        Hulls narrow, wide;
        for (const float logit : centre) {
          const float below = 1e-4F * static_cast<float>(samples.below(10)),
                      above = 1e-4F * static_cast<float>(samples.below(10));
          narrow.push_back({logit, logit, false});
          wide.push_back({logit - below, logit + above, false});
        }
        const Hulls a = sinkhorn(math, narrow, 4, 20, kEps), b = sinkhorn(math, wide, 4, 20, kEps);
        for (std::size_t i = 0; i < 16; ++i) RC_ASSERT(b[i].contains(a[i]));
      },
      2));
}

double relative_width(const Hulls& comb) {
  double widest = 0;
  for (const Hull& hull : comb) widest = std::max(widest, static_cast<double>(hull.hi) / hull.lo - 1);
  return widest;
}

TEST(Sinkhorn, WidthsAreReportedAndSmall) {
  FloatSamples samples(52);
  std::vector<double> points, inputs;
  for (int trial = 0; trial < 200; ++trial) {
    Hulls exact, inexact;
    for (int i = 0; i < 16; ++i) {
      const float logit = 0.5F * (static_cast<float>(samples.below(2001)) / 1000 - 1);
      exact.push_back(Hull::of(logit));
      inexact.push_back({logit - 1e-4F, logit + 1e-4F, false});
    }
    points.push_back(relative_width(sinkhorn(HullArithmetic(free_machine()), exact, 4, 20, kEps)));
    inputs.push_back(relative_width(sinkhorn(HullArithmetic(free_machine()), inexact, 4, 20, kEps)));
  }
  std::ranges::sort(points);
  std::ranges::sort(inputs);
  RecordProperty("median_relative_width_of_points", std::to_string(points[100]));
  RecordProperty("median_relative_width_of_1e-4_boxes", std::to_string(inputs[100]));
  EXPECT_LT(points[100], 1e-4);    // 39 normalisations, 3 ulp each
  EXPECT_LT(inputs[100], 1.2e-3);  // six times the width of the logits
}

// Faults of dsv4-chain 12: an iteration too few, comb transposed, no eps.
TEST(Sinkhorn, AFaultFallsOutside) {
  FloatSamples samples(53);
  int transposed = 0, unsoftened = 0, few = 0;
  for (int trial = 0; trial < 40; ++trial) {
    Floats logits(16);
    for (float& logit : logits) logit = 4 * (static_cast<float>(samples.below(2001)) / 1000 - 1);
    Hulls points;
    for (const float logit : logits) points.push_back(Hull::of(logit));
    const auto outside = [&](const Floats& comb, std::size_t iterations) {
      const Hulls hulls = sinkhorn(HullArithmetic(free_machine()), points, 4, iterations, kEps);
      for (std::size_t i = 0; i < 16; ++i)
        if (!hulls[i].contains(comb[i])) return 1;
      return 0;
    };
    Floats across(16);
    const Floats comb = sinkhorn(StrictArithmetic{}, logits, 4, 20, kEps);
    for (std::size_t i = 0; i < 16; ++i) across[i] = comb[i % 4 * 4 + i / 4];
    transposed += outside(across, 20);
    unsoftened += outside(sinkhorn(StrictArithmetic{}, logits, 4, 20, 1e-4F), 20);
    few += outside(sinkhorn(StrictArithmetic{}, logits, 4, 4, kEps), 5);
  }
  EXPECT_EQ(transposed, 40);
  EXPECT_EQ(unsoftened, 40);
  EXPECT_GE(few, 35);
}

TEST(Sinkhorn, NonFiniteLogitsLeaveAllOpen) {
  Hulls logits(16, Hull::of(1.0F));
  logits[5] = Hull::of(std::numeric_limits<float>::quiet_NaN());
  for (const Hull& hull : sinkhorn(HullArithmetic(free_machine()), logits, 4, 20, kEps))
    EXPECT_TRUE(hull.nan && hull.contains(std::numeric_limits<float>::infinity()));
}

// Logits known so badly that no bound in the logarithm helps: still between 0 and 1.
TEST(Sinkhorn, HopelessLogitsGiveTheUnitInterval) {
  const Hulls logits(16, Hull{-50, 50, false});
  for (const Hull& hull : sinkhorn(HullArithmetic(free_machine()), logits, 4, 20, kEps)) {
    EXPECT_EQ(hull.lo, 0);
    EXPECT_GE(hull.hi, 1);
    EXPECT_LT(hull.hi, 1.00001F);
  }
}

TEST(Sinkhorn, ManyIterationsStayBounded) {
  FloatSamples samples(54);
  const Floats logits = random_logits(samples, 4);
  Hulls points;
  for (const float logit : logits) points.push_back(Hull::of(logit));
  const Hulls comb = sinkhorn(HullArithmetic(free_machine()), points, 4, 300, kEps);
  const Floats strict = sinkhorn(StrictArithmetic{}, logits, 4, 300, kEps);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_TRUE(comb[i].contains(strict[i]));
}

}  // namespace
}  // namespace assay::goldens
