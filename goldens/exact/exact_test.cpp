#include <gtest/gtest.h>

#include <cmath>

#include "goldens/exact/float_ops.h"
#include "goldens/exact/float_samples.h"
#include "goldens/exact/rounding.h"

namespace assay::goldens {
namespace {

// The processor's IEEE 754 arithmetic is an oracle of its own for the exact one.
TEST(ExactFloatOps, AgreeWithTheProcessor) {
  FloatSamples samples(1);
  for (int i = 0; i < 6000; ++i) {
    const float a = samples.any(), b = samples.any();
    ASSERT_TRUE(same_float(exact::add(a, b), a + b)) << a << " + " << b;
    ASSERT_TRUE(same_float(exact::multiply(a, b), a * b)) << a << " * " << b;
    ASSERT_TRUE(same_float(exact::divide(a, b), a / b)) << a << " / " << b;
  }
}

TEST(ExactFloatOps, MultiplyAddAgreesWithTheStandardLibrary) {
  FloatSamples samples(2);
  for (int i = 0; i < 6000; ++i) {
    const float a = samples.any(), b = samples.any();
    const float c = samples.coin() ? samples.any() : -(a * b);  // the product's rounding error remains
    ASSERT_TRUE(same_float(exact::multiply_add(a, b, c), std::fma(a, b, c))) << a << " * " << b << " + " << c;
  }
}

TEST(RoundExact, NarrowsDoublesLikeTheProcessor) {
  FloatSamples samples(3);
  for (int i = 0; i < 4000; ++i) {
    const double x = static_cast<double>(samples.finite()) * static_cast<double>(samples.finite());
    if (x == 0) continue;
    ASSERT_EQ(std::bit_cast<float>(round_exact(kF32, exact_value(x), Rounding::rint)), static_cast<float>(x)) << x;
  }
}

TEST(RoundExact, EveryCodeOfANarrowFormatIsItsOwnValue) {
  for (const BinaryFormat format : {kF16, kBf16})
    for (std::uint32_t code = 1; code < format.infinity(); ++code)
      ASSERT_EQ(round_exact(format, exact_value(format, code), Rounding::odd), code);
}

struct OverflowRow {
  float x;
  Rounding mode;
  std::uint32_t code, saturated;
};

// By hand: max finite is 0x7F7F, half a step above it is 0x1.FFp127.
TEST(RoundExact, OverflowFollowsTheMode) {
  const float tie = 0x1.FFp127f, under = std::nextafter(tie, 0.0f), infinity = std::numeric_limits<float>::infinity();
  const std::vector<OverflowRow> rows{
      {tie, Rounding::rint, 0x7F80, 0x7F7F},       {under, Rounding::rint, 0x7F7F, 0x7F7F},
      {tie, Rounding::round, 0x7F80, 0x7F7F},      {under, Rounding::round, 0x7F7F, 0x7F7F},
      {tie, Rounding::floor, 0x7F7F, 0x7F7F},      {-under, Rounding::floor, 0xFF80, 0xFF7F},
      {under, Rounding::ceil, 0x7F80, 0x7F7F},     {-tie, Rounding::ceil, 0xFF7F, 0xFF7F},
      {tie, Rounding::trunc, 0x7F7F, 0x7F7F},      {-tie, Rounding::odd, 0xFF7F, 0xFF7F},
      {infinity, Rounding::trunc, 0x7F80, 0x7F7F}, {-infinity, Rounding::floor, 0xFF80, 0xFF7F}};
  for (const OverflowRow& row : rows) {
    EXPECT_EQ(round_exact(kBf16, row.x, row.mode, false), row.code) << row.x << " " << static_cast<int>(row.mode);
    EXPECT_EQ(round_exact(kBf16, row.x, row.mode, true), row.saturated) << row.x << " " << static_cast<int>(row.mode);
  }
}

TEST(RoundExact, UnderflowAndZeroKeepTheSign) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(round_exact(kBf16, -tiny, Rounding::rint), 0x8000u);
  EXPECT_EQ(round_exact(kBf16, -tiny, Rounding::ceil), 0x8000u);
  EXPECT_EQ(round_exact(kBf16, -tiny, Rounding::floor), 0x8001u);
  EXPECT_EQ(round_exact(kBf16, tiny, Rounding::odd), 0x0001u);
  EXPECT_EQ(round_exact(kBf16, -0.0f, Rounding::round), 0x8000u);
}

// The inputs of pto-isa 2.6's table; ODD is von Neumann's, not "nearest, ties to odd".
TEST(RoundToInteger, TiesByHand) {
  const std::vector<double> inputs{0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.25, -3.75};
  const std::vector<std::pair<Rounding, std::vector<int>>> table{
      {Rounding::rint, {0, 2, 2, 0, -2, -2, 2, -4}},   {Rounding::round, {1, 2, 3, -1, -2, -3, 2, -4}},
      {Rounding::floor, {0, 1, 2, -1, -2, -3, 2, -4}}, {Rounding::ceil, {1, 2, 3, 0, -1, -2, 3, -3}},
      {Rounding::trunc, {0, 1, 2, 0, -1, -2, 2, -3}},  {Rounding::odd, {1, 1, 3, -1, -1, -3, 3, -3}}};
  for (const auto& [mode, expected] : table)
    for (std::size_t i = 0; i < inputs.size(); ++i)
      EXPECT_EQ(round_to_integer(exact_value(inputs[i]), mode), expected[i])
          << inputs[i] << " " << static_cast<int>(mode);
}

}  // namespace
}  // namespace assay::goldens
