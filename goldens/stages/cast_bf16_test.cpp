#include <gtest/gtest.h>

#include "goldens/exact/rounding.h"
#include "goldens/stages/stage_test_support.h"

namespace assay::goldens {
namespace {

StageCall cast(const Tensor& x, Options options = {}) {
  return {.stage = "cast_bf16", .inputs = {{"x", x}}, .options = std::move(options)};
}

// 1 + 2^-8 is the tie between 1 and 1 + 2^-7; max is beyond the last bf16 by more than half a step.
TEST(CastBf16, ClosedForm) {
  const float max = std::numeric_limits<float>::max(), infinity = std::numeric_limits<float>::infinity();
  const Tensor x = f32_tensor({1, 6}, {1 + 0x1p-8f, -1 - 0x1p-8f, -0.0f, max, -infinity, std::nanf("")});
  const std::map<std::string, std::vector<std::uint16_t>> table{
      {"rint", {0x3F80, 0xBF80, 0x8000, 0x7F80, 0xFF80}},  {"round", {0x3F81, 0xBF81, 0x8000, 0x7F80, 0xFF80}},
      {"floor", {0x3F80, 0xBF81, 0x8000, 0x7F7F, 0xFF80}}, {"ceil", {0x3F81, 0xBF80, 0x8000, 0x7F80, 0xFF80}},
      {"trunc", {0x3F80, 0xBF80, 0x8000, 0x7F7F, 0xFF80}}, {"odd", {0x3F81, 0xBF81, 0x8000, 0x7F7F, 0xFF80}}};
  for (const auto& [mode, expected] : table) {
    const GoldenOutput y = cast(x, {{"rounding", mode}}).output("y");
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_EQ(y.value.bits(static_cast<std::int64_t>(i)), expected[i]) << mode << " " << i;
    EXPECT_TRUE(std::isnan(at(y.value, 5)));
    EXPECT_TRUE(is_determined(y));
  }
  const GoldenOutput saturated = cast(x, {{"saturate", "on"}}).output("y");
  EXPECT_EQ(saturated.value.bits(3), 0x7F7Fu);
  EXPECT_EQ(saturated.value.bits(4), 0xFF7Fu);
  EXPECT_TRUE(std::isnan(at(saturated.value, 5)));
}

TEST(CastBf16, DefaultIsRintAndExact) {
  FloatSamples samples(20);
  const Tensor x = random_tensor(DType::f32, {4, 300}, samples, &FloatSamples::finite);
  const GoldenOutput y = cast(x).output("y");
  for (std::int64_t i = 0; i < x.size(); ++i) ASSERT_EQ(y.value.bits(i), round_exact(kBf16, at(x, i), Rounding::rint));
}

TEST(CastBf16, RowsAndPowersOfTwo) {
  FloatSamples samples(21);
  const Tensor x = random_tensor(DType::f32, {4, 40}, samples);
  EXPECT_TRUE(commutes_with_rows(cast(x, {{"rounding", "round"}}), {"x"}));
  EXPECT_EQ(cast(times_power_of_two(x, 5)).output("y").value, times_power_of_two(cast(x).output("y").value, 5));
}

TEST(CastBf16, FlushingReachesDownToZero) {
  StageCall call = cast(f32_tensor({1, 2}, {0x1p-130f, 1.0f}));
  call.profile = flushing();
  const GoldenOutput y = call.output("y");
  EXPECT_TRUE(is_enclosed(y));
  EXPECT_EQ(at(y.lo, 0), 0.0f);
  EXPECT_EQ(at(y.hi, 0), 0x1p-130f);
  EXPECT_EQ(y.lo.bits(1), y.hi.bits(1));
}

TEST(CastBf16, RefusesUnknownModes) {
  const Tensor x = f32_tensor({1, 1}, {1.0f});
  EXPECT_FALSE(cast(x, {{"rounding", "nearest"}}).run());
  EXPECT_FALSE(cast(x, {{"saturate", "yes"}}).run());
}

}  // namespace
}  // namespace assay::goldens
