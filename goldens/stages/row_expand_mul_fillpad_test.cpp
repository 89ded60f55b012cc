#include <gtest/gtest.h>

#include <limits>
#include <tuple>

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

TEST(RowExpandMulFillpad, SliceLeavesTheProductOut) {
  StageCall call = call_of(f32_tensor({2, 2}, {2, 5, -7, 9}), f32_tensor({2, 1}, {-3, std::nanf("")}), 2);
  call.parameters["valid_cols"] = 1;
  call.options = {{"op", "slice"}};
  EXPECT_EQ(call.output("out").value, f32_tensor({2, 2}, {2, 0, -7, 0}));
  call.options = {{"op", "mul"}};
  EXPECT_EQ(at(call.output("out").value, 0), -6.0f);
}

TEST(RowExpandMulFillpad, RowsAndPowersOfTwo) {
  FloatSamples samples(37);
  StageCall call = call_of(random_tensor(DType::f32, {4, 8}, samples), random_tensor(DType::f32, {4, 1}, samples), 4);
  EXPECT_TRUE(commutes_with_rows(call, {"gated", "scale"}));  // every row is valid
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

// hc_pre's use: four of eight columns are mixes, the others must not win a maximum.
TEST(RowExpandMulFillpad, NarrowsColumnsWithEveryPad) {
  using limits = std::numeric_limits<float>;
  FloatSamples samples(38);
  Profile finite;
  finite.float_pad_is_infinite = false;
  const std::vector<std::tuple<std::string, Profile, float>> pads{{"zero", Profile{}, 0.0f},
                                                                  {"zero", finite, 0.0f},
                                                                  {"min", Profile{}, -limits::infinity()},
                                                                  {"min", finite, limits::lowest()},
                                                                  {"max", Profile{}, limits::infinity()},
                                                                  {"max", finite, limits::max()}};
  for (const auto& [pad, profile, expected] : pads)
    for (const std::int64_t valid_cols : {0, 1, 4, 7, 8, 9}) {
      StageCall call = call_of(random_tensor(DType::f32, {3, 8}, samples, &FloatSamples::any),
                               random_tensor(DType::f32, {3, 1}, samples, &FloatSamples::any), 2);
      call.parameters["valid_cols"] = valid_cols;
      call.options = {{"pad", pad}};
      call.profile = profile;
      const GoldenOutput out = call.output("out");
      EXPECT_EQ(out.open, std::vector<std::uint8_t>(24));
      for (std::int64_t i = 0; i < 24; ++i) {
        const float product = exact::multiply(at(call.inputs.at("gated"), i), at(call.inputs.at("scale"), i / 8));
        const bool valid = i / 8 < 2 && i % 8 < valid_cols;
        ASSERT_TRUE(same_float(at(out.value, i), valid ? product : expected)) << pad << " " << valid_cols << " " << i;
      }
    }
}

// Seed bug B01: row 0 right in column 0 only, garbage in its next fifteen columns, nearly zero in the rest.
TEST(RowExpandMulFillpad, AnUnsetExtentIsOutside) {
  FloatSamples samples(39);
  StageCall call =
      call_of(random_tensor(DType::f32, {16, 256}, samples), random_tensor(DType::f32, {16, 1}, samples), 1);
  for (const Profile& profile : {Profile{}, contracting(), flushing()}) {
    call.profile = profile;
    const GoldenOutput out = call.output("out");
    int outside = 0;
    for (std::int64_t i = 0; i < 16 * 256; ++i) {
      const float value = i == 0 ? at(out.value, 0) : i < 16 ? samples.moderate() : 0.0f;
      outside += !(at(out.lo, i) <= value && value <= at(out.hi, i));
    }
    EXPECT_EQ(outside, 255);
  }
}

TEST(RowExpandMulFillpad, RefusesBadParameters) {
  StageCall call = call_of(f32_tensor({1, 1}, {1}), f32_tensor({1, 1}, {1}), -1);
  EXPECT_FALSE(call.run());
  call.parameters = {};
  EXPECT_NE(call.run().error().message.find("valid_rows"), std::string::npos);
  call.parameters = {{"valid_rows", 1}};
  call.options = {{"pad", "seven"}};
  EXPECT_FALSE(call.run());
  call.options = {};
  call.parameters = {{"valid_rows", 1}, {"valid_cols", -3}};
  EXPECT_NE(call.run().error().message.find("valid_cols is -3"), std::string::npos);
  call.parameters = {{"valid_rows", std::numeric_limits<std::int64_t>::max()},
                     {"valid_cols", std::numeric_limits<std::int64_t>::max()}};
  EXPECT_TRUE(call.run());
}

}  // namespace
}  // namespace assay::goldens
