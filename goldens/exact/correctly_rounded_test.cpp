#include "goldens/exact/correctly_rounded.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <limits>
#include <vector>

#include "goldens/exact/float_ops.h"
#include "goldens/exact/float_truth.h"

namespace assay::goldens::exact {
namespace {

constexpr float kInf = INFINITY, kTiny = std::numeric_limits<float>::denorm_min();

TEST(CorrectlyRounded, OperationsFollowTheExactDefinition) {
  EXPECT_TRUE(rc::check("operations", [](std::uint64_t seed) {
    FloatSamples samples(seed);
    for (int i = 0; i < 20; ++i) {
      const float a = samples.any(), b = samples.any();
      RC_ASSERT(same_float(rounded_sum(a, b).value, add(a, b)));
      RC_ASSERT(same_float(rounded_difference(a, b).value, add(a, -b)));
      RC_ASSERT(same_float(rounded_product(a, b).value, multiply(a, b)));
      RC_ASSERT(same_float(rounded_quotient(a, b).value, divide(a, b)));
      RC_ASSERT(same_float(rounded_sqrt(a).value, square_root(a)));
    }
  }));
}

class FunctionRounded : public testing::TestWithParam<RoundedFunction> {};

TEST_P(FunctionRounded, EqualsMpfr) {
  const RoundedFunction& row = GetParam();
  FloatSamples samples(21);
  FloatTruth truth;
  for (std::uint64_t i = 0; i < 1 << 17; ++i) {
    float x = i % 2 ? stratified(i / 2, samples) : stratified_moderate(i / 2, samples);
    if (row.positive) x = std::fabs(x);
    if (x == 0) continue;
    ASSERT_TRUE(same_float(row.rounded(x).value, truth(row.function, x))) << row.name << "(" << std::hexfloat << x;
  }
}

// A bell of twelve uniform numbers, times a scale.
float bell(FloatSamples& samples, float scale) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += static_cast<double>(samples.bits() >> 11) * 0x1p-53;
  return static_cast<float>(sum) * scale;
}

TEST_P(FunctionRounded, SeldomEscalatesOnNormalData) {
  const RoundedFunction& row = GetParam();
  FloatSamples samples(22);
  Escalations escalations;
  for (int i = 0; i < 1 << 20; ++i) {
    const float x = bell(samples, i % 2 ? 1.0f : 10.0f);
    escalations.count(row.rounded(row.positive ? std::fabs(x) : x));
  }
  RecordProperty("escalations", std::to_string(escalations.escalations));
  RecordProperty("evaluations", std::to_string(escalations.evaluations));
  EXPECT_LT(escalations.rate(), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(All, FunctionRounded, testing::ValuesIn(kRoundedFunctions),
                         [](const auto& test) { return std::string(test.param.name); });

struct SpecialRow {
  Rounded (*function)(float);
  float x, expected;
};

TEST(CorrectlyRounded, SpecialArgumentsByHand) {
  const std::vector<SpecialRow> rows{{rounded_sqrt, -0.0f, -0.0f},
                                     {rounded_sqrt, -1, NAN},
                                     {rounded_sqrt, kInf, kInf},
                                     {rounded_rsqrt, 0.0f, kInf},
                                     {rounded_rsqrt, -0.0f, -kInf},
                                     {rounded_rsqrt, -kTiny, NAN},
                                     {rounded_rsqrt, kInf, 0.0f},
                                     {rounded_rsqrt, -kInf, NAN},
                                     {rounded_rsqrt, 0x1p-148f, 0x1p74f},
                                     {rounded_exp, -0.0f, 1},
                                     {rounded_exp, kInf, kInf},
                                     {rounded_exp, -kInf, 0.0f},
                                     {rounded_exp, 3e38f, kInf},
                                     {rounded_exp, -3e38f, 0.0f},
                                     {rounded_exp, 88.8f, kInf},
                                     {rounded_exp, -103.97f, kTiny},
                                     {rounded_exp, -103.98f, 0.0f},
                                     {rounded_log, -0.0f, -kInf},
                                     {rounded_log, 1, 0.0f},
                                     {rounded_log, -kTiny, NAN},
                                     {rounded_log, -kInf, NAN},
                                     {rounded_log, kInf, kInf},
                                     {rounded_sigmoid, 0, 0.5f},
                                     {rounded_sigmoid, kInf, 1},
                                     {rounded_sigmoid, -kInf, 0.0f},
                                     {rounded_sigmoid, 3e38f, 1},
                                     {rounded_sigmoid, -3e38f, 0.0f},
                                     {rounded_softplus, -kInf, 0.0f},
                                     {rounded_softplus, kInf, kInf},
                                     {rounded_softplus, 3e38f, 3e38f},
                                     {rounded_softplus, -3e38f, 0.0f},
                                     {rounded_softplus, -103.97f, kTiny}};
  for (const SpecialRow& row : rows)
    EXPECT_TRUE(same_float(row.function(row.x).value, row.expected)) << &row - rows.data() << ": " << row.x;
  for (const auto function : {rounded_sqrt, rounded_rsqrt, rounded_exp, rounded_log, rounded_sigmoid, rounded_softplus})
    EXPECT_TRUE(std::isnan(function(NAN).value));
}

// 1 / 2 + x / 4 is the middle of two float32 and sigmoid lies x^3 / 48 below it: some 2^-73, out of any double's sight.
TEST(CorrectlyRounded, SigmoidNextToMiddlesFallsShort) {
  int escalated = 0;
  for (int odd = 1; odd < 200; odd += 2) {
    const float x = static_cast<float>(odd) * 0x1p-23f;
    const float lower = 0.5f + static_cast<float>(odd - 1) * 0x1p-25f;
    const Rounded r = rounded_sigmoid(x);
    escalated += r.escalated;
    EXPECT_EQ(r.value, lower) << odd;
  }
  EXPECT_GE(escalated, 20);
}

// 1 + x is the middle of two float32, and e^x lies x^2 / 2 above it.
TEST(CorrectlyRounded, ExpNextToMiddlesRoundsUp) {
  for (int odd = 1; odd < 200; odd += 2) {
    EXPECT_EQ(rounded_exp(static_cast<float>(odd) * 0x1p-24f).value, 1 + static_cast<float>(odd + 1) * 0x1p-24f);
    EXPECT_EQ(rounded_exp(static_cast<float>(-odd) * 0x1p-25f).value, 1 - static_cast<float>(odd - 1) * 0x1p-25f);
  }
}

TEST(AgainstMidpoint, RisesInPrecisionUntilDecided) {
  // sigmoid(2^-49) = 1/2 + 2^-51 - 2^-147 / 48: 152 bits, more than the first step has.
  EXPECT_TRUE(against_midpoint(Function::sigmoid, 0x1p-49, 0.5 + 0x1p-51) < 0);
  EXPECT_TRUE(against_midpoint(Function::sigmoid, -0x1p-49, 0.5 - 0x1p-51) > 0);
  // softplus(x) = x + e^-x for large x; log and exp beside their first terms; rsqrt beside 1.
  EXPECT_TRUE(against_midpoint(Function::softplus, 300, 300) > 0);
  EXPECT_TRUE(against_midpoint(Function::exp, 0x1p-52, 1 + 0x1p-52) > 0);
  EXPECT_TRUE(against_midpoint(Function::log, 1 + 0x1p-52, 0x1p-52) < 0);
  // (1 - 2^-51)^(-1/2) = 1 + 2^-52 + 3/8 * 2^-102 + ...: above the first two terms.
  EXPECT_TRUE(against_midpoint(Function::rsqrt, 1 - 0x1p-51, 1 + 0x1p-52) > 0);
  EXPECT_TRUE(against_midpoint(Function::rsqrt, 1 + 0x1p-51, 1 - 0x1p-52) > 0);
}

TEST(ForEachRounded, EqualsOneByOneAndCounts) {
  FloatSamples samples(23);
  std::vector<float> x(10001), y(x.size()), z(x.size());
  for (float& value : x) value = samples.any();
  x[17] = 0x1.8p-22f;  // escalates in sigmoid
  const Escalations unary = for_each_rounded(rounded_sigmoid, x, y).value();
  Escalations expected;
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_TRUE(same_float(y[i], expected.count(rounded_sigmoid(x[i]))));
  EXPECT_EQ(unary.evaluations, x.size());
  EXPECT_EQ(unary.escalations, expected.escalations);
  EXPECT_GE(unary.escalations, 1u);
  ASSERT_TRUE(for_each_rounded(rounded_quotient, x, y, z).has_value());
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_TRUE(same_float(z[i], divide(x[i], y[i])));
  EXPECT_FALSE(for_each_rounded(rounded_exp, x, std::span(y).first(5)).has_value());
  EXPECT_FALSE(for_each_rounded(rounded_sum, x, std::span(y).first(5), z).has_value());
}

}  // namespace
}  // namespace assay::goldens::exact
