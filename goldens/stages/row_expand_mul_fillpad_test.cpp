#include <gtest/gtest.h>

#include "goldens/exact/float_ops.h"
#include "goldens/stages/stage_test_support.h"

namespace assay::goldens {
namespace {

StageCall call_of(Tensor gated, Tensor scale, std::int64_t valid_rows) {
  return {.stage = "row_expand_mul_fillpad",
          .inputs = {{"gated", std::move(gated)}, {"scale", std::move(scale)}},
          .parameters = {{"valid_rows", valid_rows}}};
}

TEST(RowExpandMulFillpad, EqualsExactArithmeticAndPadsTheRest) {
  FloatSamples samples(36);
  for (const std::int64_t valid_rows : {0, 1, 3, 4, 5, 16}) {
    const StageCall call = call_of(random_tensor(DType::f32, {4, 40}, samples, &FloatSamples::any),
                                   random_tensor(DType::f32, {4, 1}, samples, &FloatSamples::any), valid_rows);
    const GoldenOutput out = call.output("out");
    EXPECT_EQ(out.open, std::vector<std::uint8_t>(160));
    for (std::int64_t i = 0; i < 160; ++i) {
      const float product = exact::multiply(at(call.inputs.at("gated"), i), at(call.inputs.at("scale"), i / 40));
      ASSERT_TRUE(same_float(at(out.value, i), i / 40 < valid_rows ? product : 0.0f)) << valid_rows << " " << i;
    }
  }
}

TEST(RowExpandMulFillpad, NothingOfThePaddedRowsIsRead) {
  const float nan = std::nanf("");
  const StageCall call = call_of(f32_tensor({2, 1}, {2, nan}), f32_tensor({2, 1}, {-3, nan}), 1);
  const GoldenOutput out = call.output("out");
  EXPECT_EQ(at(out.value, 0), -6.0f);
  EXPECT_EQ(out.value.bits(1), 0u);
  EXPECT_TRUE(is_determined(out));
}

TEST(RowExpandMulFillpad, RowsAndPowersOfTwo) {
  FloatSamples samples(37);
  StageCall call = call_of(random_tensor(DType::f32, {4, 8}, samples), random_tensor(DType::f32, {4, 1}, samples), 4);
  EXPECT_TRUE(commutes_with_rows(call, {"gated", "scale"}));
  const GoldenOutput plain = call.output("out");
  call.inputs.at("scale") = times_power_of_two(call.inputs.at("scale"), 4);
  EXPECT_EQ(call.output("out").value, times_power_of_two(plain.value, 4));
}

TEST(RowExpandMulFillpad, FlushingWidensProductsAndNotThePad) {
  StageCall call = call_of(f32_tensor({2, 1}, {0x1p-100f, 0x1p-100f}), f32_tensor({2, 1}, {0x1p-40f, 0x1p-40f}), 1);
  call.profile = flushing();
  const GoldenOutput out = call.output("out");
  EXPECT_TRUE(is_enclosed(out));
  EXPECT_EQ(at(out.hi, 0), 0x1p-140f);
  EXPECT_EQ(at(out.lo, 0), 0.0f);
  EXPECT_EQ(out.lo.bits(1), 0u);
  EXPECT_EQ(out.hi.bits(1), 0u);
}

TEST(RowExpandMulFillpad, RefusesBadParameters) {
  StageCall call = call_of(f32_tensor({1, 1}, {1}), f32_tensor({1, 1}, {1}), -1);
  EXPECT_FALSE(call.run());
  call.parameters = {};
  EXPECT_NE(call.run().error().message.find("valid_rows"), std::string::npos);
  call.parameters = {{"valid_rows", 1}};
  call.options = {{"pad", "seven"}};
  EXPECT_FALSE(call.run());
}

}  // namespace
}  // namespace assay::goldens
