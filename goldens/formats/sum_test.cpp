// What ep-dispatch-combine 3.2 to 3.5 says of sums of narrow formats, and of e4m3fnuz emulated with e4m3fn (1.11 item
// 3).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "goldens/exact/float_samples.h"
#include "goldens/exact/rounding.h"
#include "goldens/formats/narrow.h"

namespace assay::goldens {
namespace {

std::vector<float> finite_values(DType dtype) {
  std::vector<float> values;
  for (std::uint32_t code = 0; code < 2 * binary_format(dtype).sign_bit(); ++code)
    if (const float x = decode(dtype, code); std::isfinite(x)) values.push_back(x);
  return values;
}

float sequential_sum(const std::vector<float>& x) {
  float sum = 0;
  for (const float each : x) sum += each;
  return sum;
}

bool is_exact(const std::vector<float>& x) {
  Dyadic exact{0, 0};
  for (const float each : x) exact = exact + exact_value(each);
  return exact_value(sequential_sum(x)) == exact;
}

// The argument of 3.5: every value is a multiple of the least subnormal, and 64 of the largest stay below 2^24 of them.
TEST(Sums, SixtyFourAddendsAreExact) {
  for (const DType dtype : {DType::e4m3fn, DType::e4m3fnuz, DType::e2m1}) {
    const float unit = decode(dtype, 1);
    const std::vector<float> values = finite_values(dtype);
    for (const float x : values) ASSERT_EQ(x / unit, std::trunc(x / unit)) << name(dtype);
    ASSERT_LE(64 * std::ranges::max(values) / unit, 0x1p24f) << name(dtype);
    FloatSamples samples(21);
    for (int i = 0; i < 200; ++i) {
      std::vector<float> x(64);
      for (float& each : x) each = values[samples.below(values.size())];
      ASSERT_TRUE(is_exact(x)) << name(dtype);
      const float sum = sequential_sum(x);
      std::ranges::sort(x);
      ASSERT_EQ(sequential_sum(x), sum) << name(dtype);
    }
  }
}

// The bound is near: a few more of the largest lose the least; and e5m2 has no such property.
TEST(Sums, MoreAddendsOrAWiderFormatAreNot) {
  for (const DType dtype : {DType::e4m3fn, DType::e4m3fnuz}) {
    std::vector<float> x(75, decode(dtype, binary_format(dtype).max_finite()));
    x.push_back(decode(dtype, 1));
    EXPECT_FALSE(is_exact(x)) << name(dtype);
  }
  EXPECT_FALSE(is_exact({decode(DType::e5m2, kE5m2.max_finite()), decode(DType::e5m2, 1)}));
}

// 3.2: addition of bf16 depends on the order.
TEST(Sums, OrderDetector) {
  EXPECT_EQ(sequential_sum({0x1p24f, 1, -0x1p24f, 1}), 1.0f);
  EXPECT_EQ(sequential_sum({1, -0x1p24f, 1, 0x1p24f}), 2.0f);
}

std::uint32_t narrowed(DType dtype, float x, Overflow overflow = Overflow::nonsat) {
  return encode(dtype, x, Rounding::rint, {overflow, NanResult::signed_nan, true});
}

TEST(Sums, StatedResults) {
  EXPECT_EQ(narrowed(DType::e4m3fn, 8 * 56), 0x7Eu);
  EXPECT_EQ(narrowed(DType::e4m3fn, 8 * 60), 0x7Fu);
  EXPECT_EQ(narrowed(DType::e4m3fn, 8 * 60, Overflow::satfinite), 0x7Eu);
  EXPECT_EQ(decode(DType::e2m1, narrowed(DType::e2m1, 8 * 0.5f)), 4.0f);
  EXPECT_EQ(decode(DType::e2m1, narrowed(DType::e2m1, 8 * 1.0f)), 6.0f);
  // fp8_direct_cast: the wire rounds 1.0625 to 1.
  EXPECT_EQ(8 * decode(DType::e4m3fn, narrowed(DType::e4m3fn, 1.0625f)), 8.0f);
  // Two levels of StdMoE: 2^-8 is lost in each.
  const auto bf16 = [](float x) { return decode(DType::bf16, narrowed(DType::bf16, x)); };
  EXPECT_EQ(bf16(bf16(1.0f + 0x1p-8f) + bf16(0x1p-8f)), 1.0f);
  EXPECT_EQ(bf16(1.0f + 0x1p-8f + 0x1p-8f), 1.0078125f);
}

// 3.2 to 3.4, the edges as they stand there.
TEST(Narrowing, StatedEdges) {
  const float above = std::nextafter(464.0f, 1e9f), below = std::nextafter(248.0f, 0.0f);
  EXPECT_EQ(narrowed(DType::e4m3fn, 464), 0x7Eu);
  EXPECT_EQ(narrowed(DType::e4m3fn, above), 0x7Fu);
  EXPECT_EQ(narrowed(DType::e4m3fn, -above), 0xFFu);
  EXPECT_EQ(narrowed(DType::e4m3fnuz, below), 0x7Fu);
  EXPECT_EQ(narrowed(DType::e4m3fnuz, 248), 0x80u);
  EXPECT_EQ(narrowed(DType::e4m3fnuz, -248), 0x80u);
  EXPECT_EQ(narrowed(DType::e4m3fn, -0x1p-10f), 0x80u);
  EXPECT_EQ(narrowed(DType::e4m3fnuz, -0x1p-11f), 0u);
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(narrowed(DType::e4m3fn, infinity, Overflow::satfinite), 0x7Fu);
  EXPECT_EQ(narrowed(DType::e4m3fn, infinity, Overflow::satall), 0x7Eu);
  EXPECT_EQ(narrowed(DType::e4m3fnuz, -infinity, Overflow::satfinite), 0x80u);
  EXPECT_EQ(narrowed(DType::e4m3fnuz, -infinity, Overflow::satall), 0xFFu);
  EXPECT_EQ(narrowed(DType::e5m2, infinity, Overflow::satfinite), 0x7Cu);  // no overflow: it was infinite before
  const std::vector<std::pair<float, float>> fp4{{.25f, 0}, {.75f, 1}, {1.25f, 1}, {1.75f, 2}, {2.5f, 2},
                                                 {3.5f, 4}, {5, 4},    {5.5f, 6},  {1e30f, 6}, {infinity, 6}};
  for (const auto& [x, y] : fp4) {
    EXPECT_EQ(decode(DType::e2m1, narrowed(DType::e2m1, x)), y) << x;
    EXPECT_EQ(decode(DType::e2m1, narrowed(DType::e2m1, -x)), -y) << x;
  }
  EXPECT_EQ(narrowed(DType::e2m1, -0.25f), 8u);
  EXPECT_EQ(narrowed(DType::bf16, std::bit_cast<float>(0x7F7F7FFFu)), 0x7F7Fu);
  EXPECT_EQ(narrowed(DType::bf16, std::bit_cast<float>(0x7F7F8000u)), 0x7F80u);
  EXPECT_EQ(narrowed(DType::bf16, 1.00390625f), 0x3F80u);
}

// An e4m3fnuz code read as e4m3fn and halved.
float emulated_decode(std::uint32_t code) { return 0.5f * decode(DType::e4m3fn, code); }

TEST(Emulation, DecodingDiffersAtThreeCodes) {
  std::vector<std::uint32_t> differing;
  for (std::uint32_t code = 0; code < 256; ++code)
    if (!same_float(decode(DType::e4m3fnuz, code), emulated_decode(code))) differing.push_back(code);
  EXPECT_EQ(differing, (std::vector<std::uint32_t>{0x7F, 0x80, 0xFF}));
  EXPECT_TRUE(std::isnan(emulated_decode(0x7F)) && std::isnan(emulated_decode(0xFF)));
  EXPECT_TRUE(emulated_decode(0x80) == 0 && std::signbit(emulated_decode(0x80)));
}

TEST(Emulation, EncodingLosesTheTopBinadeAndTheSignOfZero) {
  const auto emulated = [](float x) { return narrowed(DType::e4m3fn, 2 * x, Overflow::satfinite); };
  EXPECT_EQ(decode(DType::e4m3fnuz, emulated(240)), 224.0f);
  EXPECT_EQ(emulated(-0.0f), 0x80u);
  EXPECT_EQ(emulated(-0x1p-12f), 0x80u);
  for (std::uint32_t code = 0; code < 256; ++code)  // a round trip hides it
    EXPECT_EQ(narrowed(DType::e4m3fn, 2 * emulated_decode(code)), code);
}

// 1533 of the 65536 sums of two codes differ in their byte. The count belongs to saturating encodings whose NaN is
// 0x7F without a sign, and to sums that start from the first addend; starting from +0 gives one more, because
// 0x80 + 0x80 then is +0 (byte 0) instead of the byte that e4m3fnuz has for NaN.
TEST(Emulation, SumsOfTwoCodes) {
  const NarrowingRules rules{Overflow::satfinite, NanResult::positive_nan, true};
  const auto differing = [&](bool from_zero) {
    int count = 0;
    for (std::uint32_t a = 0; a < 256; ++a)
      for (std::uint32_t b = 0; b < 256; ++b) {
        float right = decode(DType::e4m3fnuz, a), wrong = emulated_decode(a);
        if (from_zero) right += 0.0f, wrong += 0.0f;
        right += decode(DType::e4m3fnuz, b), wrong += emulated_decode(b);
        count += encode(DType::e4m3fnuz, right, Rounding::rint, rules) !=
                 encode(DType::e4m3fn, 2 * wrong, Rounding::rint, rules);
      }
    return count;
  };
  EXPECT_EQ(differing(false), 1533);
  EXPECT_EQ(differing(true), 1534);
}

}  // namespace
}  // namespace assay::goldens
