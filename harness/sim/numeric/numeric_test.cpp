// Rounding and elementary functions on values worked out by hand, against wider arithmetic, and fast paths against the
// general one. (goldens/ hold the exact definitions; the properties in harness/device compare with them.)
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "harness/sim/numeric/convert.h"
#include "harness/sim/numeric/elementary.h"
#include "harness/sim/numeric/round.h"

namespace assay::sim {
namespace {

constexpr Rounding kModes[] = {Rounding::rint, Rounding::round, Rounding::floor,
                               Rounding::ceil, Rounding::trunc, Rounding::odd};

std::uint32_t bits_of_float(float value) { return std::bit_cast<std::uint32_t>(value); }
Exact exact(float value) { return decode_float(bits_of_float(value), kF32Format); }

TEST(Round, EveryModeOnTies) {
  // Value; then rint, round, floor, ceil, trunc, odd.
  const std::vector<std::vector<double>> rows = {{0.5, 0, 1, 0, 1, 0, 1},        {1.5, 2, 2, 1, 2, 1, 1},
                                                 {2.5, 2, 3, 2, 3, 2, 3},        {-0.5, 0, -1, -1, 0, 0, -1},
                                                 {-1.5, -2, -2, -2, -1, -1, -1}, {-2.5, -2, -3, -3, -2, -2, -3},
                                                 {2.25, 2, 2, 2, 3, 2, 3},       {3.0, 3, 3, 3, 3, 3, 3}};
  for (const auto& row : rows)
    for (std::size_t mode = 0; mode < std::size(kModes); ++mode)
      EXPECT_EQ(round_to_integer(exact(static_cast<float>(row[0])), {32, true}, kModes[mode], true),
                static_cast<std::int64_t>(row[mode + 1]))
          << row[0] << " mode " << mode;
}

TEST(Round, IntegersClampOrWrap) {
  EXPECT_EQ(round_to_integer(exact(300.0F), {8, true}, Rounding::rint, true), 127);
  EXPECT_EQ(round_to_integer(exact(300.0F), {8, true}, Rounding::rint, false), 44);
  EXPECT_EQ(round_to_integer(exact(-129.0F), {8, true}, Rounding::rint, true), -128);
  EXPECT_EQ(round_to_integer(exact(-129.0F), {8, true}, Rounding::rint, false), 127);
  EXPECT_EQ(round_to_integer(exact(-1.0F), {8, false}, Rounding::rint, true), 0);
  EXPECT_EQ(round_to_integer(exact(-1.0F), {8, false}, Rounding::rint, false), 255);
  EXPECT_EQ(round_to_integer(exact(INFINITY), {32, true}, Rounding::rint, true), 2147483647);
  EXPECT_EQ(round_to_integer(exact(-INFINITY), {32, true}, Rounding::rint, true), -2147483648LL);
  EXPECT_EQ(round_to_integer(exact(1e30F), {64, true}, Rounding::rint, true), INT64_MAX);
  EXPECT_EQ(round_to_integer(exact(NAN), {32, true}, Rounding::rint, true), 0);
  EXPECT_EQ(round_to_integer(from_integer(INT64_MIN), {64, true}, Rounding::rint, true), INT64_MIN);
  EXPECT_FALSE(fits(exact(2147483648.0F), {32, true}, Rounding::trunc));
  EXPECT_TRUE(fits(exact(-2147483648.0F), {32, true}, Rounding::trunc));
}

TEST(Round, EveryF16SurvivesF32AndBack) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = f16_value(static_cast<std::uint16_t>(bits));
    if (value != value) continue;
    for (Rounding mode : kModes) ASSERT_EQ(round_to_float(exact(value), kF16Format, mode, false), bits);
  }
}

TEST(Round, F16Overflow) {
  EXPECT_EQ(round_to_float(exact(65519.0F), kF16Format, Rounding::rint, false), 0x7BFFU);
  EXPECT_EQ(round_to_float(exact(65520.0F), kF16Format, Rounding::rint, false), 0x7C00U);
  EXPECT_EQ(round_to_float(exact(65520.0F), kF16Format, Rounding::trunc, false), 0x7BFFU);
  EXPECT_EQ(round_to_float(exact(65505.0F), kF16Format, Rounding::ceil, false), 0x7C00U);
  EXPECT_EQ(round_to_float(exact(-65505.0F), kF16Format, Rounding::ceil, false), 0xFBFFU);
  EXPECT_EQ(round_to_float(exact(1e10F), kF16Format, Rounding::rint, true), 0x7BFFU);
  EXPECT_EQ(round_to_float(exact(-INFINITY), kF16Format, Rounding::rint, true), 0xFBFFU);
  EXPECT_EQ(round_to_float(exact(1e10F), kF16Format, Rounding::odd, false), 0x7BFFU);
}

TEST(Round, F16Subnormals) {
  EXPECT_EQ(round_to_float(exact(0x1p-24F), kF16Format, Rounding::rint, false), 1U);
  EXPECT_EQ(round_to_float(exact(0x1p-25F), kF16Format, Rounding::rint, false), 0U);
  EXPECT_EQ(round_to_float(exact(0x1.8p-25F), kF16Format, Rounding::rint, false), 1U);
  EXPECT_EQ(round_to_float(exact(0x1p-25F), kF16Format, Rounding::round, false), 1U);
  EXPECT_EQ(round_to_float(exact(0x1p-149F), kF16Format, Rounding::ceil, false), 1U);
  EXPECT_EQ(round_to_float(exact(-0x1p-149F), kF16Format, Rounding::ceil, false), 0x8000U);
  EXPECT_EQ(round_to_float(exact(0x1.FFCp-15F), kF16Format, Rounding::rint, false), 0x0400U);  // up to the least normal
}

TEST(Round, SixtyFourBitIntegersToF32) {
  EXPECT_EQ(round_to_float(from_integer(INT64_MAX), kF32Format, Rounding::rint, false), bits_of_float(0x1p63F));
  EXPECT_EQ(round_to_float(from_integer(INT64_MAX), kF32Format, Rounding::trunc, false), bits_of_float(0x1.FFFFFEp62F));
  EXPECT_EQ(round_to_float(from_integer(16777217), kF32Format, Rounding::rint, false), bits_of_float(16777216.0F));
  EXPECT_EQ(round_to_float(from_unsigned(~std::uint64_t{0}), kF32Format, Rounding::rint, false),
            bits_of_float(0x1p64F));
}

TEST(Convert, FastBf16AgreesWithTheGeneralPath) {
  std::vector<std::uint32_t> inputs;
  for (std::uint32_t high = 0; high < 0x10000; ++high)
    for (std::uint32_t low : {0U, 1U, 0x7FFFU, 0x8000U, 0x8001U, 0xFFFFU}) inputs.push_back(high << 16 | low);
  std::vector<std::uint16_t> fast(inputs.size());
  for (Rounding mode : kModes)
    for (bool saturate : {false, true}) {
      convert(DType::f32, DType::bf16, {mode, saturate}, reinterpret_cast<const std::byte*>(inputs.data()),
              reinterpret_cast<std::byte*>(fast.data()), static_cast<std::int64_t>(inputs.size()));
      for (std::size_t k = 0; k < inputs.size(); ++k)
        ASSERT_EQ(fast[k], round_to_float(decode_float(inputs[k], kF32Format), kBf16Format, mode, saturate))
            << std::hex << inputs[k] << " " << name(mode) << " " << saturate;
    }
}

TEST(Convert, F32ToF32RoundsToIntegralValues) {
  const std::vector<float> x = {2.5F, -0.25F, 1e20F, INFINITY};
  std::vector<float> y(x.size());
  convert(DType::f32, DType::f32, {Rounding::rint, false}, reinterpret_cast<const std::byte*>(x.data()),
          reinterpret_cast<std::byte*>(y.data()), 4);
  EXPECT_EQ(y[0], 2.0F);
  EXPECT_EQ(bits_of_float(y[1]), 0x80000000U);
  EXPECT_EQ(y[2], 1e20F);
  EXPECT_EQ(y[3], INFINITY);
}

// Largest error in ulp of f32 over a sweep of bit patterns, against long double functions.
template <class Function, class Truth>
double worst_ulp(const Function& function, const Truth& truth, std::uint32_t begin, std::uint32_t end) {
  double worst = 0;
  for (std::uint32_t bits = begin; bits < end; bits += 9973) {
    const float x = std::bit_cast<float>(bits), y = function(x);
    const long double exact_value = truth(static_cast<long double>(x));
    if (!(std::abs(exact_value) <= 0x1.FFFFFEp127L)) continue;
    const int exponent = std::max(exact_value == 0 ? -126 : std::ilogb(exact_value), -126);
    worst = std::max(worst, static_cast<double>(std::abs(y - exact_value) / std::ldexp(1.0L, exponent - 23)));
  }
  return worst;
}

TEST(Elementary, ErrorsStayBelowTheStatedBound) {
  constexpr double kBound = 0.51;
  const std::uint32_t inf = 0x7F800000;
  EXPECT_LT(worst_ulp(
                exp_f32, [](long double x) { return std::exp(x); }, 0, inf),
            kBound);
  EXPECT_LT(worst_ulp(
                exp_f32, [](long double x) { return std::exp(x); }, 0x80000000, 0x80000000 + inf),
            kBound);
  EXPECT_LT(worst_ulp(
                log_f32, [](long double x) { return std::log(x); }, 1, inf),
            kBound);
  EXPECT_LT(worst_ulp(
                log_f32, [](long double x) { return std::log(x); }, 0x3F700000, 0x3F900000),
            kBound);
  EXPECT_LT(worst_ulp(
                rsqrt_f32, [](long double x) { return 1 / std::sqrt(x); }, 1, inf),
            kBound);
  EXPECT_LE(worst_ulp(
                sqrt_f32, [](long double x) { return std::sqrt(x); }, 1, inf),
            0.5);
  EXPECT_LE(worst_ulp(
                recip_f32, [](long double x) { return 1 / x; }, 1, inf),
            0.5);
}

TEST(Elementary, Specials) {
  EXPECT_EQ(exp_f32(0.0F), 1.0F);
  EXPECT_EQ(exp_f32(89.0F), INFINITY);
  EXPECT_EQ(exp_f32(0x1.62E42Ep6F), 0x1.FFFF08p127F);  // the largest x with a finite result
  EXPECT_EQ(exp_f32(0x1.62E430p6F), INFINITY);
  EXPECT_EQ(exp_f32(INFINITY), INFINITY);
  EXPECT_EQ(bits_of_float(exp_f32(-INFINITY)), 0U);
  EXPECT_EQ(log_f32(1.0F), 0.0F);
  EXPECT_EQ(log_f32(-0.0F), -INFINITY);
  EXPECT_EQ(log_f32(INFINITY), INFINITY);
  EXPECT_EQ(rsqrt_f32(-0.0F), -INFINITY);
  EXPECT_EQ(rsqrt_f32(INFINITY), 0.0F);
  EXPECT_EQ(bits_of_float(sqrt_f32(-0.0F)), 0x80000000U);
  EXPECT_EQ(recip_f32(-0.0F), -INFINITY);
  for (float (*function)(float) : {exp_f32, log_f32, sqrt_f32, rsqrt_f32, recip_f32})
    EXPECT_EQ(bits_of_float(function(std::bit_cast<float>(0xFFFFFFFFU))), 0x7FC00000U);
  for (float (*function)(float) : {log_f32, sqrt_f32, rsqrt_f32})
    EXPECT_EQ(bits_of_float(function(-1.0F)), 0x7FC00000U);
}

}  // namespace
}  // namespace assay::sim
