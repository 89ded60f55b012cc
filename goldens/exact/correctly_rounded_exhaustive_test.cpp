#include <gtest/gtest.h>

#include <atomic>

#include "goldens/exact/float_truth.h"
#include "goldens/parallel.h"

namespace assay::goldens::exact {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::size_t kParts = 256;

class FunctionExhaustive : public testing::TestWithParam<RoundedFunction> {};

TEST_P(FunctionExhaustive, FourMillionStratifiedArgumentsEqualMpfr) {
  const RoundedFunction& row = GetParam();
  std::atomic<std::uint64_t> wrong = 0, checked = 0;
  parallel_for(kParts, [&](std::size_t part) {
    FloatSamples samples(part);
    FloatTruth truth;
    for (std::uint64_t i = 0; i < (1 << 22) / kParts; ++i) {
      const bool moderate = !row.positive && i % 2;  // half of them where the function is not constant
      float x = moderate ? stratified_moderate(i + part, samples) : stratified(i + part, samples);
      if (row.positive) x = std::fabs(x);
      if (x == 0) x = std::numeric_limits<float>::denorm_min();
      wrong += !same_float(row.rounded(x).value, truth(row.function, x));
      ++checked;
    }
    mpfr_free_cache();
  });
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(checked, std::uint64_t{1} << 22);
}

INSTANTIATE_TEST_SUITE_P(All, FunctionExhaustive, testing::ValuesIn(kRoundedFunctions),
                         [](const auto& test) { return std::string(test.param.name); });

// significand * 2^exponent of a positive float32, the significand below 2^24.
struct FloatParts {
  std::uint64_t significand;
  int exponent;
};
FloatParts float_parts(float x) {
  const auto code = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t field = code >> 23;
  if (field == 0) return {code, -149};
  return {(code & 0x7FFFFF) | 0x800000, static_cast<int>(field) - 150};
}

// Whether y is the float32 nearest to 1 / sqrt(x), by integers: the middles m = (2 s +- 1) 2^(e - 1) below and above y
// must have m^2 x < 1 < m^2 x; of a power of two the middle below is half as far. m^2 x is below 2^78 in units of
// 2^(2 e - 4 + exponent of x), and 1 is 2^-that.
bool nearest_reciprocal_root(float x, float y) {
  const FloatParts a = float_parts(x), r = float_parts(y);
  const int one = -(2 * r.exponent - 4 + a.exponent);
  if (one < 0 || one > 120) return false;
  const std::uint64_t middle = 4 * r.significand, above = middle + 2,
                      below = middle - (r.significand == 0x800000 ? 1 : 2);
  return Wide{above} * above * a.significand > Wide{1} << one && Wide{below} * below * a.significand < Wide{1} << one;
}

TEST(ReciprocalRoot, EveryPositiveFloatByIntegers) {
  std::atomic<std::uint64_t> wrong = 0, escalated = 0;
  constexpr std::uint32_t kInfinity = 0x7F800000, kStep = kInfinity / kParts;
  static_assert(kStep * kParts == kInfinity);
  parallel_for(kParts, [&](std::size_t part) {
    std::uint64_t bad = 0, slow = 0;
    for (std::uint32_t i = 0; i < kStep; ++i) {
      const std::uint32_t code = static_cast<std::uint32_t>(part) * kStep + i;
      if (code == 0) continue;
      const float x = std::bit_cast<float>(code);
      const Rounded r = rounded_rsqrt(x);
      bad += !nearest_reciprocal_root(x, r.value);
      slow += r.escalated;
    }
    wrong += bad;
    escalated += slow;
  });
  EXPECT_EQ(wrong, 0u);
  RecordProperty("escalations", std::to_string(escalated));
  EXPECT_LT(escalated, kInfinity / 10000);
}

}  // namespace
}  // namespace assay::goldens::exact
