#include <gtest/gtest.h>

#include "goldens/exact/float_ops.h"
#include "goldens/exact/rounding.h"
#include "goldens/quantize/int8.h"
#include "goldens/stages/stage_test_support.h"

namespace assay::goldens {
namespace {

Tensor i32_tensor(Shape shape, std::span<const std::int32_t> values) {
  Tensor result(DType::i32, std::move(shape));
  std::copy(values.begin(), values.end(), result.as<std::int32_t>().begin());
  return result;
}

StageCall random_call(FloatSamples& samples, std::int64_t tokens, std::int64_t columns) {
  std::vector<std::int32_t> acc(static_cast<std::size_t>(tokens * columns));
  for (std::int32_t& value : acc) value = static_cast<std::int32_t>(samples.bits()) >> samples.below(24);
  return {.stage = "dequant_rows",
          .inputs = {{"acc", i32_tensor({tokens, columns}, acc)},
                     {"row_scale", random_tensor(DType::f32, {tokens, 1}, samples)},
                     {"channel_scale", random_tensor(DType::f32, {1, columns}, samples)}}};
}

// 3 * (2^126 * 2^-126): the row scale first overflows with the third, the channel first would not.
TEST(DequantRows, RowScaleComesFirst) {
  StageCall call{.stage = "dequant_rows",
                 .inputs = {{"acc", i32_tensor({1, 2}, std::array{8, 1 << 24 | 1})},
                            {"row_scale", f32_tensor({1, 1}, {0x1p126f})},
                            {"channel_scale", f32_tensor({1, 2}, {0x1p-126f, 0.0f})}}};
  const GoldenOutput y = call.output("y");
  EXPECT_EQ(at(y.value, 0), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(at(y.value, 1)));  // infinity * 0
  EXPECT_TRUE(is_determined(y));
}

TEST(DequantRows, AccumulatorRoundsToEvenAbove2To24) {
  StageCall call{.stage = "dequant_rows",
                 .inputs = {{"acc", i32_tensor({1, 2}, std::array{(1 << 24) + 1, (1 << 24) + 3})},
                            {"row_scale", f32_tensor({1, 1}, {1.0f})},
                            {"channel_scale", f32_tensor({1, 2}, {1.0f, 1.0f})}}};
  const GoldenOutput y = call.output("y");
  EXPECT_EQ(at(y.value, 0), 0x1p24f);
  EXPECT_EQ(at(y.value, 1), 0x1p24f + 4);
}

TEST(DequantRows, EqualsExactArithmeticAndTheRowPrimitive) {
  FloatSamples samples(25);
  StageCall call = random_call(samples, 3, 50);
  const GoldenOutput y = call.output("y");
  call.options["output"] = "bf16";
  const GoldenOutput narrow = call.output("y");
  const Tensor &acc = call.inputs.at("acc"), &row = call.inputs.at("row_scale"),
               &channel = call.inputs.at("channel_scale");
  std::vector<float> primitive(50);
  for (std::int64_t t = 0; t < 3; ++t) {
    dequantize_row(acc.as<std::int32_t>().subspan(static_cast<std::size_t>(t) * 50, 50), at(row, t),
                   channel.as<float>(), primitive);
    for (std::int64_t n = 0; n < 50; ++n) {
      const double whole = acc.as<std::int32_t>()[static_cast<std::size_t>(t * 50 + n)];
      const float number = std::bit_cast<float>(round_exact(kF32, exact_value(whole), Rounding::rint));
      const float expected = exact::multiply(exact::multiply(number, at(row, t)), at(channel, n));
      if (whole == 0) continue;  // exact_value has no sign of zero
      ASSERT_TRUE(same_float(at(y.value, t * 50 + n), expected));
      ASSERT_TRUE(same_float(primitive[static_cast<std::size_t>(n)], expected));
      ASSERT_EQ(narrow.value.bits(t * 50 + n), round_exact(kBf16, expected, Rounding::rint));
    }
  }
}

TEST(DequantRows, RowsAndPowersOfTwo) {
  FloatSamples samples(26);
  StageCall call = random_call(samples, 4, 20);
  EXPECT_TRUE(commutes_with_rows(call, {"acc", "row_scale"}));
  const GoldenOutput plain = call.output("y");
  call.inputs.at("row_scale") = times_power_of_two(call.inputs.at("row_scale"), -6);
  EXPECT_EQ(call.output("y").value, times_power_of_two(plain.value, -6));
}

TEST(DequantRows, ContractionLeavesNoFreedomButFlushingDoes) {
  FloatSamples samples(27);
  StageCall call = random_call(samples, 2, 30);
  call.profile = contracting();
  EXPECT_TRUE(is_determined(call.output("y")));
  call.inputs.at("row_scale") = f32_tensor({2, 1}, {0x1p-140f, 1.0f});
  call.profile = flushing();
  const GoldenOutput y = call.output("y");
  EXPECT_TRUE(is_enclosed(y));
  EXPECT_FALSE(y.lo == y.hi);
}

}  // namespace
}  // namespace assay::goldens
