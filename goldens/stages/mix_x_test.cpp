#include <gtest/gtest.h>

#include "goldens/exact/float_ops.h"
#include "goldens/exact/rounding.h"
#include "goldens/relations/relation_test_support.h"
#include "goldens/stages/stage_test_support.h"

namespace assay::goldens {
namespace {

StageCall random_call(FloatSamples& samples, float (FloatSamples::*draw)(), std::int64_t tokens = 4) {
  return {.stage = "mix_x",
          .inputs = {{"x_hc", random_tensor(DType::bf16, {tokens, 4, 8}, samples, draw)},
                     {"pre", random_tensor(DType::f32, {tokens, 4}, samples, draw)}}};
}

TEST(MixX, EqualsExactArithmetic) {
  FloatSamples samples(40);
  for (const auto draw : {&FloatSamples::any, &FloatSamples::coarse, &FloatSamples::moderate}) {
    const StageCall call = random_call(samples, draw);
    const GoldenOutput x_mixed = call.output("x_mixed");
    EXPECT_TRUE(is_enclosed(x_mixed));
    for (std::int64_t t = 0; t < 4; ++t)
      for (std::int64_t d = 0; d < 8; ++d) {
        float mix = 0;
        for (std::int64_t h = 0; h < 4; ++h)
          mix = exact::add(mix, exact::multiply(at(call.inputs.at("x_hc"), (t * 4 + h) * 8 + d),
                                                at(call.inputs.at("pre"), t * 4 + h)));
        const auto code = static_cast<std::uint16_t>(round_exact(kBf16, mix, Rounding::rint));
        ASSERT_TRUE(same_float(at(x_mixed.value, t * 8 + d), decode_bf16(code)));
      }
  }
}

// HEAD adds pairs: in ascending order a one next to 2^24 is lost.
TEST(MixX, HeadAddsPairs) {
  StageCall call{
      .stage = "mix_x",
      .inputs = {{"x_hc", f32_tensor({1, 4, 1}, {0x1p24F, -0x1p24F, 1, 2})}, {"pre", f32_tensor({1, 4}, {1, 1, 1, 1})}},
      .options = {{"profile", "head"}}};
  EXPECT_EQ(at(call.output("x_mixed").value, 0), 3);
  call.inputs.at("x_hc") = f32_tensor({1, 4, 1}, {0x1p24F, 1, 1, -0x1p24F});
  EXPECT_EQ(at(call.output("x_mixed").value, 0), 1);
  call.inputs.at("x_hc") = bf16_tensor({1, 4, 1}, {0x1p24F, 1, 1, -0x1p24F});
  EXPECT_FALSE(call.run());  // HEAD's stream is float32
  call.options["profile"] = "mid";
  EXPECT_EQ(at(call.output("x_mixed").value, 0), 0);
}

TEST(MixX, HeadEqualsExactArithmetic) {
  FloatSamples samples(42);
  StageCall call = random_call(samples, &FloatSamples::moderate);
  call.options["profile"] = "head";
  call.inputs.at("x_hc") = random_tensor(DType::f32, {4, 4, 8}, samples);
  const GoldenOutput x_mixed = call.output("x_mixed");
  for (std::int64_t t = 0; t < 4; ++t)
    for (std::int64_t d = 0; d < 8; ++d) {
      const auto term = [&](std::int64_t h) {
        return exact::multiply(at(call.inputs.at("x_hc"), (t * 4 + h) * 8 + d), at(call.inputs.at("pre"), t * 4 + h));
      };
      const float sum = exact::add(exact::add(term(0), term(1)), exact::add(term(2), term(3)));
      const auto code = static_cast<std::uint16_t>(round_exact(kBf16, sum, Rounding::rint));
      ASSERT_TRUE(same_float(at(x_mixed.value, t * 8 + d), decode_bf16(code)));
    }
}

// Seed bug B03: on the tie 1 + 2^-8 ROUND gives the odd neighbour.
TEST(MixX, StoresRint) {
  const StageCall call{.stage = "mix_x",
                       .inputs = {{"x_hc", bf16_tensor({1, 2, 1}, {1, 1})}, {"pre", f32_tensor({1, 2}, {1, 0x1p-8f})}}};
  EXPECT_EQ(call.output("x_mixed").value.bits(0), 0x3F80u);
}

// The sum starts from +0, so a sum of negative zeros is +0.
TEST(MixX, StartsFromPositiveZero) {
  const StageCall call{.stage = "mix_x",
                       .inputs = {{"x_hc", bf16_tensor({1, 1, 1}, {-0.0f})}, {"pre", f32_tensor({1, 1}, {1})}}};
  EXPECT_EQ(call.output("x_mixed").value.bits(0), 0u);
}

TEST(MixX, RowsAndPowersOfTwo) {
  FloatSamples samples(41);
  StageCall call = random_call(samples, &FloatSamples::moderate);
  EXPECT_TRUE(commutes_with_rows(call, {"x_hc", "pre"}));
  const GoldenOutput plain = call.output("x_mixed");
  call.inputs.at("pre") = times_power_of_two(call.inputs.at("pre"), 3);
  EXPECT_EQ(call.output("x_mixed").value, times_power_of_two(plain.value, 3));
  call.profile = contracting();
  EXPECT_TRUE(is_enclosed(call.output("x_mixed")));
}

TEST(MixX, RelationsHold) {
  FloatSamples samples(43);
  StageCall call = random_call(samples, &FloatSamples::moderate);
  for (const Profile& profile : {Profile{}, contracting()}) {
    call.profile = profile;
    EXPECT_TRUE(relations_hold(call));
    EXPECT_EQ(broken_port(call), "");
  }
}

}  // namespace
}  // namespace assay::goldens
