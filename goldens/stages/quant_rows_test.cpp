#include <gtest/gtest.h>

#include <algorithm>

#include "goldens/exact/float_ops.h"
#include "goldens/exact/rounding.h"
#include "goldens/stages/stage_test_support.h"

namespace assay::goldens {
namespace {

StageCall quant(const Tensor& x, const std::string& rounding) {
  return {.stage = "quant_rows", .inputs = {{"x", x}}, .options = {{"rounding", rounding}}};
}

std::int64_t code(const GoldenOutput& q, std::int64_t i) { return static_cast<std::int8_t>(q.value.bits(i)); }

// amax 127 makes s_q = s_dq = 1: the codes are the rounded elements.
TEST(QuantRows, UnitScaleByHand) {
  const Tensor x = f32_tensor({1, 6}, {127, 0.5f, 1.5f, -2.5f, -0.0f, 2.25f});
  const std::vector<std::int64_t> rint{127, 0, 2, -2, 0, 2}, round{127, 1, 2, -3, 0, 2};
  for (const auto& [mode, expected] : {std::pair("rint", rint), std::pair("round", round)}) {
    const GoldenMap outputs = quant(x, mode).run().value();
    for (std::size_t j = 0; j < expected.size(); ++j)
      EXPECT_EQ(code(outputs.at("q"), static_cast<std::int64_t>(j)), expected[j]) << mode << " " << j;
    EXPECT_EQ(at(outputs.at("scale").value, 0), 1.0f);
  }
}

TEST(QuantRows, EqualsExactArithmetic) {
  FloatSamples samples(22);
  for (const DType dtype : {DType::f32, DType::bf16})
    for (const Rounding mode : {Rounding::rint, Rounding::round}) {
      const Tensor x = random_tensor(dtype, {6, 40}, samples, &FloatSamples::coarse);
      const GoldenMap outputs = quant(x, mode == Rounding::rint ? "rint" : "ROUND").run().value();
      for (std::int64_t t = 0; t < 6; ++t) {
        float amax = 1e-4f;
        for (std::int64_t j = 0; j < 40; ++j) amax = std::max(amax, std::fabs(at(x, t * 40 + j)));
        const float s_q = exact::divide(127, amax);
        EXPECT_EQ(at(outputs.at("scale").value, t), exact::divide(1, s_q));
        for (std::int64_t j = t * 40; j < (t + 1) * 40; ++j)
          ASSERT_EQ(code(outputs.at("q"), j), round_to_integer(exact_value(exact::multiply(at(x, j), s_q)), mode));
      }
    }
}

TEST(QuantRows, NonFiniteRowsAreOpenAndAlone) {
  const float infinity = std::numeric_limits<float>::infinity();
  const Tensor x = f32_tensor({3, 2}, {1, 2, infinity, 1, 3, std::nanf("")});
  const GoldenMap outputs = quant(x, "rint").run().value();
  EXPECT_EQ(outputs.at("q").open, (std::vector<std::uint8_t>{0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(outputs.at("scale").open, (std::vector<std::uint8_t>{0, 1, 1}));
  EXPECT_EQ(code(outputs.at("q"), 1), 127);
}

TEST(QuantRows, RowsAndPowersOfTwo) {
  FloatSamples samples(23);
  const Tensor x = random_tensor(DType::bf16, {4, 64}, samples);
  EXPECT_TRUE(commutes_with_rows(quant(x, "round"), {"x"}));
  const GoldenMap plain = quant(x, "round").run().value();
  const GoldenMap scaled = quant(times_power_of_two(x, 7), "round").run().value();
  EXPECT_EQ(plain.at("q").value, scaled.at("q").value);
  EXPECT_EQ(times_power_of_two(plain.at("scale").value, 7), scaled.at("scale").value);
}

// Why quant_rows.cpp gives no width under a flushing profile.
TEST(QuantRows, FlushingSubnormalsChangesNothing) {
  FloatSamples samples(24);
  for (const float largest : {0.0f, 1e-5f, 1.0f, 3e38f}) {
    Tensor x = random_tensor(DType::f32, {1, 64}, samples);
    const auto values = x.as<float>();
    for (float& value : values)
      value = std::bit_cast<float>(static_cast<std::uint32_t>(samples.bits()) & 0x807FFFFFu);  // subnormal
    values[0] = largest;
    Tensor flushed = x;
    for (float& value : flushed.as<float>())
      if (std::fabs(value) < std::numeric_limits<float>::min()) value = 0;
    for (const std::string mode : {"rint", "round"}) {
      const GoldenMap a = quant(x, mode).run().value(), b = quant(flushed, mode).run().value();
      EXPECT_EQ(a.at("q").value, b.at("q").value);
      EXPECT_EQ(a.at("scale").value, b.at("scale").value);
      EXPECT_TRUE(is_determined(a.at("q")) && is_determined(a.at("scale")));
    }
  }
}

// Seed bug B19: reciprocal times 127 instead of one division. Other scales on about a fifth of all rows (dsv4-chain
// 11).
TEST(QuantRows, ReciprocalTimes127HasOtherScales) {
  FloatSamples samples(25);
  const Tensor x = random_tensor(DType::f32, {1000, 8}, samples);
  const GoldenOutput scale = quant(x, "round").run().value().at("scale");
  int different = 0;
  for (std::int64_t t = 0; t < 1000; ++t) {
    float amax = 1e-4f;
    for (std::int64_t j = 0; j < 8; ++j) amax = std::max(amax, std::fabs(at(x, t * 8 + j)));
    const float fault = exact::divide(1, exact::multiply(exact::divide(1, amax), 127));
    different += fault < at(scale.lo, t) || fault > at(scale.hi, t);
  }
  EXPECT_GT(different, 100);
  EXPECT_LT(different, 400);
}

TEST(QuantRows, RefusesOtherModesAndRowsWithoutElements) {
  EXPECT_FALSE(quant(f32_tensor({1, 1}, {1.0f}), "floor").run());
  EXPECT_FALSE(quant(Tensor(DType::f32, {std::int64_t{1} << 40, 0}), "rint").run());  // 2^40 scales
}

}  // namespace
}  // namespace assay::goldens
