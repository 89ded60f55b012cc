// The fills that land a rounding point on a half: each claim is checked with arithmetic of the host that is exact or
// correctly rounded by the C++ implementation, never with the fills' own.
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>

#include "harness/core/fill.h"
#include "harness/core/fills/number.h"

namespace assay {
namespace {

Tensor filled(std::string_view text, DType dtype, Shape shape, std::string_view stream = "x") {
  Tensor tensor(dtype, std::move(shape));
  const auto done = fill(tensor, text, 5, stream);
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  return tensor;
}

float value(const Tensor& tensor, std::int64_t i) {
  const auto number = fills::decode(tensor.dtype(), tensor.bits(i));
  return static_cast<float>(std::ldexp(static_cast<double>(number->mantissa), number->exponent));
}

// Distance of an f32 from the nearest bf16 tie, in f32 ulps.
int from_bf16_tie(float v) { return static_cast<int>(std::bit_cast<std::uint32_t>(v) & 0xFFFF) - 0x8000; }

struct Counts {
  int on = 0, above = 0, below = 0;
  void count(int distance) { (distance == 0 ? on : distance == 1 ? above : below) += 1; }
  void expect_all(int total) const {
    EXPECT_NEAR(on, total / 2, total / 10);
    EXPECT_NEAR(above, total / 4, total / 10);
    EXPECT_NEAR(below, total / 4, total / 10);
  }
};

TEST(Ties, F32LiesOnBf16HalvesAndOneUlpBeside) {
  const Tensor tensor = filled("ties", DType::f32, {4000});
  Counts counts;
  int odd = 0, negative = 0, subnormal = 0;
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const int distance = from_bf16_tie(std::bit_cast<float>(static_cast<std::uint32_t>(tensor.bits(i))));
    ASSERT_LE(std::abs(distance), 1);
    counts.count(distance);
    odd += static_cast<int>(tensor.bits(i) >> 16 & 1);
    negative += static_cast<int>(tensor.bits(i) >> 31);
    subnormal += (tensor.bits(i) >> 23 & 0xFF) == 0;
    ASSERT_NE(tensor.bits(i) >> 23 & 0xFF, 0xFFU);
  }
  counts.expect_all(4000);
  EXPECT_NEAR(odd, 2000, 200);
  EXPECT_NEAR(negative, 2000, 200);
  EXPECT_GT(subnormal, 0);
}

TEST(Ties, HalfIntegersInEveryFloat) {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    const Tensor tensor = filled("half-integers", dtype, {2000});
    int halves = 0;
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
      const float v = std::abs(value(tensor, i));
      ASSERT_LE(v, 127.0F);
      halves += v * 2 == std::floor(v * 2) && v != std::floor(v);
    }
    EXPECT_GT(halves, 900) << name(dtype);
  }
  EXPECT_EQ(filled("ties", DType::bf16, {100}), filled("half-integers", DType::bf16, {100}));
}

// ffn_add: bf16_rne(fl(routed_y + float(sh))).
TEST(Ties, GridPlusHalfStepIsATie) {
  const Tensor routed = filled("half-step:exp=-8", DType::f32, {4000}, "routed_y");
  const Tensor sh = filled("bf16-grid:exp=0", DType::bf16, {4000}, "sh");
  Counts counts;
  for (std::int64_t i = 0; i < routed.size(); ++i) {
    const double exact = static_cast<double>(value(routed, i)) + static_cast<double>(value(sh, i));
    const float sum = value(routed, i) + value(sh, i);
    ASSERT_EQ(static_cast<double>(sum), exact);
    ASSERT_LE(std::abs(from_bf16_tie(sum)), 1);
    counts.count(from_bf16_tie(sum));
  }
  counts.expect_all(4000);
}

// quant_rows: z = fl(x * fl(127 / amax)).
TEST(Ties, QuantTiesLandOnHalves) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const Tensor tensor = filled("quant-ties", dtype, {50, 64});
    int halves = 0, beside = 0;
    for (std::int64_t row = 0; row < 50; ++row) {
      float amax = 0;
      for (std::int64_t j = 0; j < 64; ++j) amax = std::max(amax, std::abs(value(tensor, row * 64 + j)));
      const float scale = 127.0F / amax;
      EXPECT_EQ(scale, std::exp2(std::round(std::log2(scale)))) << "the scale is a power of two";
      for (std::int64_t j = 0; j < 64; ++j) {
        const float z = std::abs(value(tensor, row * 64 + j) * scale);
        if (z == 127.0F) continue;
        const float nearest = std::floor(z) + 0.5F;
        halves += z == nearest;
        beside += z == std::nextafter(nearest, 0.0F) || z == std::nextafter(nearest, 200.0F);
      }
    }
    EXPECT_NEAR(halves, 1575, 150) << name(dtype);
    if (dtype == DType::f32) {
      EXPECT_NEAR(beside, 1575, 150);
    }
  }
}

// dequant_rows with a bf16 result: bf16_rne(fl(float(q) * s)).
TEST(Ties, OddTimesThreeIsABf16Tie) {
  const Tensor q = filled("odd:lo=87,hi=127", DType::i8, {4000}, "q");
  const Tensor s = filled("choice:0x40400000|0x40400001|0x403FFFFF", DType::f32, {4000}, "s");
  std::array<int, 3> seen{};
  for (std::int64_t i = 0; i < q.size(); ++i) {
    const int distance = from_bf16_tie(value(q, i) * value(s, i));
    ASSERT_LE(std::abs(distance), 1);
    ++seen[static_cast<std::size_t>(distance + 1)];
  }
  for (const int count : seen) EXPECT_GT(count, 1000);
}

// dequant_rows with an f32 result, and row_expand_mul: fl(a * 3) for an odd significand a.
TEST(Ties, ThreeTimesAnOddSignificandIsAnF32Tie) {
  const Tensor a = filled("odd-significand", DType::f32, {2000});
  for (std::int64_t i = 0; i < a.size(); ++i) {
    const double exact = 3.0 * static_cast<double>(value(a, i));
    const auto rounded = static_cast<float>(exact);
    const double error = std::abs(exact - static_cast<double>(rounded));
    const double ulp =
        static_cast<double>(std::nextafter(std::abs(rounded), 1e30F)) - std::abs(static_cast<double>(rounded));
    ASSERT_EQ(error, ulp / 2) << i;
  }
}

// hc_post: y = fl(ffn_out * post), then four times y = fl(y + fl(x_hc * comb)), bf16 at the end.
TEST(Ties, HcPostCompositionReachesTies) {
  const std::int64_t n = 2000;
  const Tensor ffn = filled("bf16-grid:exp=0", DType::bf16, {n}, "ffn_out");
  const Tensor x = filled("choice:0|1|0|-1", DType::bf16, {n, 4}, "x_hc");
  const Tensor comb = filled("half-step:exp=-8", DType::f32, {n, 4}, "comb");
  int on = 0, beside = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    float y = value(ffn, i);
    for (std::int64_t h = 0; h < 4; ++h) y += value(x, 4 * i + h) * value(comb, 4 * i + h);
    on += from_bf16_tie(y) == 0;
    beside += std::abs(from_bf16_tie(y)) == 1;
  }
  EXPECT_GT(on, n / 10);
  EXPECT_GT(beside, n / 10);
}

TEST(Ties, OddIntegersAreOddAndInRange) {
  const Tensor tensor = filled("odd:lo=4,hi=9", DType::i32, {1000});
  std::array<int, 10> seen{};
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const auto v = std::abs(static_cast<int>(value(tensor, i)));
    ASSERT_EQ(v % 2, 1);
    ASSERT_TRUE(v >= 5 && v <= 9);
    ++seen[static_cast<std::size_t>(v)];
  }
  EXPECT_TRUE(seen[5] > 0 && seen[7] > 0 && seen[9] > 0);
}

TEST(Ties, GridsAreExact) {
  const Tensor tensor = filled("grid:exp=-3,max=5", DType::bf16, {1000});
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const float eighths = value(tensor, i) * 8;
    ASSERT_EQ(eighths, std::floor(eighths));
    ASSERT_LE(std::abs(eighths), 5);
  }
}

}  // namespace
}  // namespace assay
