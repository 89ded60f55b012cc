#include "goldens/enclosure/width.h"

#include <gtest/gtest.h>

namespace assay::goldens {
namespace {

GoldenOutput output(DType dtype, std::initializer_list<std::array<std::uint64_t, 2>> ends) {
  GoldenOutput result;
  const auto count = static_cast<std::int64_t>(ends.size());
  result.value = result.lo = result.hi = Tensor(dtype, {count});
  result.open.assign(ends.size(), 0);
  std::int64_t i = 0;
  for (const auto& [lo, hi] : ends) {
    result.lo.set_bits(i, lo);
    result.hi.set_bits(i++, hi);
  }
  return result;
}

TEST(Widths, CountStepsOfTheDtype) {
  const Widths bf16 = widths(output(DType::bf16, {{0x3F80, 0x3F80}, {0x3F80, 0x3F83}, {0xBF80, 0xBF7F}}));
  EXPECT_EQ(bf16.elements, 3);
  EXPECT_EQ(bf16.determined, 1);
  EXPECT_EQ(bf16.median_ulp, 1);
  EXPECT_EQ(bf16.max_ulp, 3);
  EXPECT_EQ(widths(output(DType::bf16, {{0x8001, 0x0001}})).max_ulp, 2);  // through zero
  EXPECT_EQ(widths(output(DType::f32, {{0x80000000, 0}})).max_ulp, 0);    // both zeros are one value
  EXPECT_EQ(widths(output(DType::i8, {{0xFF, 0x02}})).max_ulp, 3);        // -1 to 2
  EXPECT_EQ(widths(output(DType::u8, {{0x01, 0xFF}})).max_ulp, 254);
  EXPECT_EQ(widths(output(DType::i64, {{0, 5}})).max_ulp, 5);
  EXPECT_EQ(widths(output(DType::e2m1, {{0x9, 0x1}, {0, 0}, {0, 0}})).max_ulp, 2);
}

TEST(Widths, NanIsOneAnswerAndOpenElementsAreNotMeasured) {
  GoldenOutput f32 = output(DType::f32, {{0x7FC00000, 0x7FC00000}, {0, 9}, {0, 100}});
  f32.open[2] = 1;
  const Widths result = widths(f32);
  EXPECT_EQ(result.open, 1);
  EXPECT_EQ(result.max_ulp, 9);
  EXPECT_EQ(result.determined, 1);
  EXPECT_EQ(widths(output(DType::f32, {})).median_ulp, 0);
}

}  // namespace
}  // namespace assay::goldens
