#include "goldens/quantize/int8_rows.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>

#include "goldens/exact/float_samples.h"
#include "goldens/quantize/int8.h"
#include "goldens/quantize/int8_gemm.h"
#include "goldens/quantize/int8_kernels.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

constexpr std::size_t kColumns = 48;
const HullArithmetic kHulls = hull_arithmetic(Profile{});

std::vector<float> moderate(FloatSamples& samples, std::size_t count) {
  std::vector<float> x(count);
  std::ranges::generate(x, [&] { return samples.moderate(); });
  return x;
}

std::vector<Hull> points(std::span<const float> x) {
  std::vector<Hull> result;
  for (const float value : x) result.push_back(Hull::of(value));
  return result;
}

// Intervals of up to `ulps` units around x.
std::vector<Hull> widened(std::span<const float> x, std::uint32_t ulps, FloatSamples& samples) {
  std::vector<Hull> result;
  for (const float value : x) {
    Hull hull = Hull::of(value);
    for (auto n = samples.below(ulps + 1); n-- > 0;) hull.lo = std::nextafterf(hull.lo, -INFINITY);
    for (auto n = samples.below(ulps + 1); n-- > 0;) hull.hi = std::nextafterf(hull.hi, INFINITY);
    result.push_back(hull);
  }
  return result;
}

// A row that the hulls admit: ends and inner floats.
std::vector<float> choice(std::span<const Hull> hulls, FloatSamples& samples) {
  std::vector<float> result;
  for (const Hull& hull : hulls) {
    float value = samples.coin() ? hull.lo : hull.hi;
    for (auto n = samples.below(3); n-- > 0;) value = std::clamp(std::nextafterf(value, 0), hull.lo, hull.hi);
    result.push_back(value);
  }
  return result;
}

int greatest(const Int8Rows<Hull>& q, std::size_t r, std::size_t j) {
  for (const WiderCode& code : q.wider)
    if (code.row == r && code.column == j) return code.greatest;
  return q.least[r * q.columns + j];
}

TEST(Int8Rows, StrictRowsAreTheQuantisedRows) {
  FloatSamples samples(1);
  const auto x = moderate(samples, 5 * kColumns);
  for (const Rounding mode : {Rounding::rint, Rounding::round}) {
    const auto q = quantize_rows(StrictArithmetic{}, x, kColumns, mode);
    ASSERT_EQ(q.rows, 5u);
    EXPECT_TRUE(q.wider.empty());
    for (std::size_t r = 0; r < q.rows; ++r) {
      std::vector<std::int8_t> codes(kColumns);
      const auto scale = quantize_int8_row(std::span(x).subspan(r * kColumns, kColumns), mode, codes);
      EXPECT_TRUE(std::ranges::equal(codes, std::span(q.least).subspan(r * kColumns, kColumns)));
      EXPECT_EQ(q.quant[r], scale.quant);
      EXPECT_EQ(q.dequant[r], scale.dequant);
    }
  }
}

TEST(Int8Rows, PointsHaveTheStrictCodes) {
  FloatSamples samples(2);
  auto x = moderate(samples, 4 * kColumns);
  std::fill_n(x.begin(), kColumns, 1e-6f);  // below the floor of amax
  const auto strict = quantize_rows(StrictArithmetic{}, x, kColumns, Rounding::round);
  const auto hulls = quantize_rows(kHulls, points(x), kColumns, Rounding::round);
  EXPECT_EQ(hulls.least, strict.least);
  EXPECT_TRUE(hulls.wider.empty());
  for (std::size_t r = 0; r < 4; ++r) {
    EXPECT_TRUE(hulls.dequant[r].lo == strict.dequant[r] && hulls.dequant[r].hi == strict.dequant[r]);
    EXPECT_TRUE(hulls.quant[r].lo == strict.quant[r] && hulls.quant[r].hi == strict.quant[r]);
  }
}

// 127 makes the scale 1: an element at a tie, and one that straddles it, by hand.
TEST(Int8Rows, WiderCodesByHand) {
  std::vector<Hull> row{Hull::of(127), {2.25f, 2.75f, false}, {-0.75f, 0.25f, false}, {2.6f, 2.7f, false}};
  const auto q = quantize_rows(kHulls, row, 4, Rounding::rint);
  EXPECT_EQ(q.least, (std::vector<std::int8_t>{127, 2, -1, 3}));
  ASSERT_EQ(q.wider.size(), 2u);
  EXPECT_EQ(q.wider[0].column, 1u);
  EXPECT_EQ(q.wider[0].greatest, 3);
  EXPECT_EQ(q.wider[1].greatest, 0);
  const std::vector<std::int8_t> w{1, 10, -100, 0, 0, -10, 0, 1};
  const auto y = int8_products(q, w, 2);
  // 127 + {20, 30} + {0, 100};  {-30, -20} + 3
  EXPECT_EQ(y[0].lo, 147);
  EXPECT_EQ(y[0].hi, 257);
  EXPECT_EQ(y[1].lo, -27);
  EXPECT_EQ(y[1].hi, -17);
}

// No choice of a row gives a code beyond 127, whatever scale the ends of other elements would allow.
TEST(Int8Rows, NoCodeIsBeyondTheLargest) {
  for (const float sign : {1.0f, -1.0f}) {
    // 127 * 1.02 would be 130 with the scale of the lower end.
    std::vector<Hull> row{{std::min(sign, sign * 1.02f), std::max(sign, sign * 1.02f), false}, Hull::of(0)};
    const auto q = quantize_rows(kHulls, row, 2, Rounding::round);
    EXPECT_EQ(std::abs(q.least[0]), sign > 0 ? 125 : 127);  // fl(127 / 1.02) * 1 is below 124.51
    EXPECT_EQ(greatest(q, 0, 0), sign > 0 ? 127 : -125);
    EXPECT_EQ(greatest(q, 0, 1), 0);
  }
}

RC_GTEST_PROP(Int8Rows, EveryAdmissibleRowStaysInside, (std::uint64_t seed)) {
  FloatSamples samples(seed);
  const auto hulls = widened(moderate(samples, 2 * kColumns), samples.coin() ? 4 : 5'000, samples);
  const Rounding mode = samples.coin() ? Rounding::rint : Rounding::round;
  const auto q = quantize_rows(kHulls, hulls, kColumns, mode);
  std::vector<std::int8_t> w(7 * kColumns);
  for (auto& weight : w) weight = static_cast<std::int8_t>(samples.bits());
  const auto products = int8_products(q, w, 7);
  for (int attempt = 0; attempt < 4; ++attempt) {
    const auto x = choice(hulls, samples);
    const auto one = quantize_rows(StrictArithmetic{}, x, kColumns, mode);
    const auto exact = int8_products(one, w, 7);
    for (std::size_t r = 0; r < 2; ++r) {
      RC_ASSERT(q.dequant[r].contains(one.dequant[r]));
      RC_ASSERT(q.quant[r].contains(one.quant[r]));
      for (std::size_t j = 0; j < kColumns; ++j) {
        const int code = one.least[r * kColumns + j];
        RC_ASSERT(q.least[r * kColumns + j] <= code && code <= greatest(q, r, j));
      }
    }
    for (std::size_t i = 0; i < exact.size(); ++i) RC_ASSERT(products[i].contains(exact[i]));
  }
}

RC_GTEST_PROP(Int8Rows, WiderInputsNeverNarrowAnOutput, (std::uint64_t seed)) {
  FloatSamples samples(seed);
  const auto narrow = widened(moderate(samples, kColumns), 1000, samples);
  std::vector<Hull> wide = narrow;
  for (Hull& hull : wide) {
    hull.lo = std::nextafterf(hull.lo, -INFINITY);
    hull.hi *= hull.hi > 0 ? 1.001f : 1.0f;
  }
  const auto a = quantize_rows(kHulls, narrow, kColumns, Rounding::rint);
  const auto b = quantize_rows(kHulls, wide, kColumns, Rounding::rint);
  for (std::size_t j = 0; j < kColumns; ++j)
    RC_ASSERT(b.least[j] <= a.least[j] && greatest(a, 0, j) <= greatest(b, 0, j));
  RC_ASSERT(b.dequant[0].contains(a.dequant[0]));
}

// Sums beyond 2^24 round when they become float32.
TEST(Int8Rows, LargeSumsRoundOnce) {
  std::vector<float> x(4096, 1.0f);
  x[1] = 126.0f / 127;
  const std::vector<std::int8_t> w(4096, 127);
  const auto y = int8_products(quantize_rows(StrictArithmetic{}, x, 4096, Rounding::rint), w, 1);
  EXPECT_EQ(y[0], static_cast<float>(4095 * 127 * 127 + 126 * 127));
}

// Every instruction set against the plain loops: random rows of odd lengths, ties, and the floats around every tie.
TEST(Int8Kernels, SameBitsInEveryInstructionSet) {
  FloatSamples samples(5);
  const Int8Kernels& plain = int8_kernels().front();
  EXPECT_EQ(plain.instruction_set, "plain");
  for (const Int8Kernels& kernels : int8_kernels())
    for (const Rounding mode : {Rounding::rint, Rounding::round})
      for (std::size_t length : {1, 3, 15, 16, 17, 63, 64, 65, 1000, 7168}) {
        auto x = moderate(samples, length);
        if (samples.coin()) x[samples.below(length)] = 1e30f;
        std::vector<std::int8_t> a(length), b(length);
        const auto scale_a = quantize_int8_row(plain, x, mode, a), scale_b = quantize_int8_row(kernels, x, mode, b);
        EXPECT_EQ(a, b) << kernels.instruction_set;
        EXPECT_EQ(scale_a.quant, scale_b.quant);
        EXPECT_EQ(scale_a.dequant, scale_b.dequant);
      }
}

TEST(Int8Kernels, AroundEveryTie) {
  std::vector<float> z;
  for (int half = -253; half <= 253; ++half) {
    const float tie = 0.5f * static_cast<float>(half);
    z.insert(z.end(), {tie, std::nextafterf(tie, -1000), std::nextafterf(tie, 1000)});
  }
  z.insert(z.end(), {-0.0f, 1e-40f, -1e-40f});
  for (const Int8Kernels& kernels : int8_kernels())
    for (const Rounding mode : {Rounding::rint, Rounding::round}) {
      std::vector<std::int8_t> q(z.size());
      (mode == Rounding::rint ? kernels.rint : kernels.round)(z.data(), z.size(), 1.0f, q.data());
      for (std::size_t j = 0; j < z.size(); ++j) {
        const double away = std::floor(std::fabs(static_cast<double>(z[j])) + 0.5);
        const bool tie = std::fabs(static_cast<double>(z[j])) + 0.5 == away;
        const double magnitude = mode == Rounding::rint && tie && std::fmod(away, 2) == 1 ? away - 1 : away;
        ASSERT_EQ(q[j], static_cast<int>(std::copysign(magnitude, z[j]))) << z[j] << " " << kernels.instruction_set;
      }
    }
}

// Every code of the longest row is free: what the codes add to the least sum leaves int32, which the sanitizers see;
// both together do not.
TEST(Int8Rows, SumsOfTheLongestUncertainRow) {
  Int8Rows<Hull> q;
  q.rows = 1;
  q.columns = kLargestInt8Reduction;
  q.least.assign(q.columns, -127);
  for (std::uint32_t j = 0; j < q.columns; ++j) q.wider.push_back({0, j, 127});
  const std::vector<std::int8_t> w(q.columns, 127);
  const Hull sum = int8_products(q, w, 1).front();
  constexpr auto greatest = static_cast<float>(kLargestInt8Reduction * 127 * 127);
  EXPECT_EQ(sum.lo, -greatest);
  EXPECT_EQ(sum.hi, greatest);
}

}  // namespace
}  // namespace assay::goldens
