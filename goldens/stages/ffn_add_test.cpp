#include <gtest/gtest.h>

#include "goldens/exact/float_ops.h"
#include "goldens/exact/rounding.h"
#include "goldens/stages/stage_test_support.h"

namespace assay::goldens {
namespace {

StageCall call_of(Tensor routed_y, Tensor sh) {
  return {.stage = "ffn_add", .inputs = {{"routed_y", std::move(routed_y)}, {"sh", std::move(sh)}}};
}

TEST(FfnAdd, SpecialSums) {
  const float infinity = std::numeric_limits<float>::infinity();
  const GoldenOutput y = call_of(f32_tensor({1, 5}, {-0.0f, 1.0f, infinity, infinity, 1.0f}),
                                 bf16_tensor({1, 5}, {-0.0f, -1.0f, -infinity, 1.0f, 0x1p-8f}))
                             .output("ffn_out");
  EXPECT_EQ(y.value.bits(0), 0x8000u);
  EXPECT_EQ(y.value.bits(1), 0x0000u);
  EXPECT_TRUE(std::isnan(at(y.value, 2)));
  EXPECT_EQ(y.value.bits(3), 0x7F80u);
  EXPECT_EQ(y.value.bits(4), 0x3F80u);  // the tie between 1 and its odd successor
  EXPECT_TRUE(is_determined(y));
}

// fl() first, then bf16: 1 + 2^-8 + 2^-25 is above the bf16 tie, but fl() puts it on the tie, and even is 1.
TEST(FfnAdd, RoundsTwice) {
  const GoldenOutput y = call_of(f32_tensor({1, 1}, {1 + 0x1p-8f}), bf16_tensor({1, 1}, {0x1p-25f})).output("ffn_out");
  EXPECT_EQ(y.value.bits(0), 0x3F80u);
}

TEST(FfnAdd, EqualsExactArithmetic) {
  FloatSamples samples(28);
  for (const auto draw : {&FloatSamples::any, &FloatSamples::coarse}) {
    const StageCall call = call_of(random_tensor(DType::f32, {3, 100}, samples, draw),
                                   random_tensor(DType::bf16, {3, 100}, samples, draw));
    const GoldenOutput y = call.output("ffn_out");
    for (std::int64_t i = 0; i < 300; ++i) {
      const float sum = exact::add(at(call.inputs.at("routed_y"), i), at(call.inputs.at("sh"), i));
      const auto code = static_cast<std::uint16_t>(round_exact(kBf16, sum, Rounding::rint));
      ASSERT_TRUE(same_float(at(y.value, i), decode_bf16(code))) << sum;
    }
  }
}

TEST(FfnAdd, RowsAndPowersOfTwo) {
  FloatSamples samples(29);
  StageCall call = call_of(random_tensor(DType::f32, {4, 30}, samples), random_tensor(DType::bf16, {4, 30}, samples));
  EXPECT_TRUE(commutes_with_rows(call, {"routed_y", "sh"}));
  const GoldenOutput plain = call.output("ffn_out");
  for (auto& [name, tensor] : call.inputs) tensor = times_power_of_two(tensor, 9);
  EXPECT_EQ(call.output("ffn_out").value, times_power_of_two(plain.value, 9));
}

TEST(FfnAdd, ContractionLeavesNoFreedomButFlushingDoes) {
  FloatSamples samples(30);
  StageCall call = call_of(random_tensor(DType::f32, {2, 200}, samples, &FloatSamples::any),
                           random_tensor(DType::bf16, {2, 200}, samples, &FloatSamples::any));
  call.profile = contracting();
  EXPECT_EQ(call.output("ffn_out").value.dtype(), DType::bf16);
  EXPECT_TRUE(is_enclosed(call.output("ffn_out")));
  EXPECT_TRUE(call.output("ffn_out").lo == call.output("ffn_out").hi);
  call.profile = flushing();
  EXPECT_TRUE(is_enclosed(call.output("ffn_out")));
  EXPECT_FALSE(call.output("ffn_out").lo == call.output("ffn_out").hi);
}

}  // namespace
}  // namespace assay::goldens
