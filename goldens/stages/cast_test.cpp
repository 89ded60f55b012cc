#include <gtest/gtest.h>

#include "goldens/formats/narrow.h"
#include "goldens/formats/narrow_exact.h"
#include "goldens/relations/relation_test_support.h"
#include "goldens/stages/stage_test_support.h"

namespace assay::goldens {
namespace {

StageCall cast_call(const Tensor& x, Options options, std::string_view profile = "") {
  StageCall call{.stage = "cast", .inputs = {{"x", x}}, .options = std::move(options)};
  if (!profile.empty()) call.profile = load_profile(profile).value();
  return call;
}

std::uint64_t cast_one(float x, Options options, std::string_view profile = "") {
  return cast_call(f32_tensor({1, 1}, {x}), std::move(options), profile).output("y").value.bits(0);
}

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// ep-dispatch-combine 3.2: 464 is the tie between 448 and what would be 480.
TEST(Cast, OverflowPolicies) {
  const auto e4m3fn = [](float x, const char* policy) { return cast_one(x, {{"to", "e4m3fn"}, {"overflow", policy}}); };
  for (const char* policy : {"nonsat", "satfinite", "satall"}) EXPECT_EQ(e4m3fn(464, policy), 0x7Eu);
  EXPECT_EQ(e4m3fn(-465, "nonsat"), 0xFFu);
  EXPECT_EQ(e4m3fn(-465, "satfinite"), 0xFEu);
  EXPECT_EQ(e4m3fn(kInfinity, "satfinite"), 0x7Fu);
  EXPECT_EQ(e4m3fn(kInfinity, "satall"), 0x7Eu);
  EXPECT_EQ(cast_one(248, {{"to", "e4m3fnuz"}, {"saturation", "OFF"}}), 0x80u);
  EXPECT_EQ(cast_one(248, {{"to", "e4m3fnuz"}, {"saturation", "ON"}}), 0x7Fu);
  EXPECT_EQ(cast_one(-0.0F, {{"to", "e4m3fnuz"}}), 0u);
  EXPECT_EQ(cast_one(2.5F, {{"to", "e2m1"}}), 4u);
}

// pto-isa 2.6 on a2a3: NONE truncates to integers and rounds between floats; f32 to f16 saturates unless OFF is
// written; f32 to i16 does not unless ON is.
TEST(Cast, MeansWhatTheProfileSays) {
  EXPECT_EQ(cast_one(-1.75F, {{"to", "i32"}, {"mode", "NONE"}}, "a2a3"), 0xFFFFFFFFu);
  EXPECT_EQ(cast_one(2.5F, {{"to", "i32"}, {"mode", "RINT"}}, "a2a3"), 2u);
  EXPECT_EQ(cast_one(2.5F, {{"to", "i32"}, {"mode", "ROUND"}}, "a2a3"), 3u);
  EXPECT_EQ(cast_one(1e6F, {{"to", "f16"}}, "a2a3"), 0x7BFFu);
  EXPECT_EQ(cast_one(1e6F, {{"to", "f16"}, {"saturation", "OFF"}}, "a2a3"), 0x7C00u);
  EXPECT_EQ(cast_one(-1e6F, {{"to", "i16"}, {"saturation", "ON"}}, "a2a3"), 0x8000u);
  EXPECT_EQ(cast_call(f32_tensor({1, 1}, {1e6F}), {{"to", "i16"}}, "a2a3").output("y").open[0], 1);
}

TEST(Cast, NanWithoutACodeIsOpen) {
  const Tensor nan = f32_tensor({1, 1}, {std::nanf("")});
  for (const char* to : {"e2m1", "i8", "i16", "i32"})
    EXPECT_EQ(cast_call(nan, {{"to", to}, {"saturation", "ON"}}).output("y").open[0], 1) << to;
  for (const char* to : {"bf16", "f16", "f32", "e4m3fn", "e4m3fnuz", "e5m2"}) {
    const GoldenOutput y = cast_call(nan, {{"to", to}}).output("y");
    EXPECT_EQ(y.open[0], 0) << to;
    const DType dtype = *parse_dtype(to);
    EXPECT_TRUE(std::isnan(decode(dtype, static_cast<std::uint32_t>(y.value.bits(0))))) << to;
  }
}

TEST(Cast, EqualsTheExactDefinition) {
  FloatSamples samples(41);
  const Tensor x = random_tensor(DType::f32, {3, 101}, samples, &FloatSamples::any);
  for (const DType to : {DType::bf16, DType::f16, DType::e4m3fn, DType::e4m3fnuz, DType::e5m2, DType::e2m1})
    for (const char* mode : {"RINT", "ROUND", "FLOOR", "CEIL", "TRUNC", "ODD"}) {
      const StageCall call = cast_call(x, {{"to", std::string(name(to))}, {"mode", mode}});
      const GoldenOutput y = call.output("y");
      for (std::int64_t i = 0; i < x.size(); ++i) {
        if (std::isnan(at(x, i))) continue;
        ASSERT_EQ(y.value.bits(i),
                  narrow_exact(binary_format(to), at(x, i), *parse_rounding(mode), call.profile.narrowing(to)))
            << name(to) << " " << mode << " " << at(x, i);
      }
    }
}

// Every code of a small format widens to itself.
TEST(Cast, WidensExactly) {
  for (const DType from : {DType::e4m3fn, DType::e4m3fnuz, DType::e5m2}) {
    Tensor x(from, {16, 16});
    for (std::int64_t i = 0; i < 256; ++i) x.set_bits(i, static_cast<std::uint64_t>(i));
    const GoldenOutput y = cast_call(x, {{"to", "bf16"}}).output("y");
    for (std::int64_t i = 0; i < 256; ++i) {
      const float value = decode(from, static_cast<std::uint32_t>(i));
      ASSERT_TRUE(same_float(at(y.value, i), value)) << name(from) << " " << i;
    }
  }
}

TEST(Cast, FlushingReachesDownToBothZeros) {
  StageCall call = cast_call(f32_tensor({1, 3}, {0x1p-130F, -0x1p-130F, 1}), {{"to", "bf16"}});
  call.profile.flush_subnormals = true;
  const GoldenOutput y = call.output("y");
  EXPECT_TRUE(is_enclosed(y));
  EXPECT_EQ(y.lo.bits(0), 0x8000u);
  EXPECT_EQ(at(y.hi, 0), 0x1p-130F);
  EXPECT_EQ(at(y.lo, 1), -0x1p-130F);
  EXPECT_EQ(y.hi.bits(1), 0u);
  EXPECT_EQ(y.lo.bits(2), y.hi.bits(2));
}

TEST(Cast, KeepsItsRelationsAndPorts) {
  FloatSamples samples(42);
  for (const char* to : {"bf16", "e4m3fn", "e2m1", "i8"}) {
    const StageCall call =
        cast_call(random_tensor(DType::f32, {4, 6}, samples), {{"to", to}, {"mode", "ROUND"}, {"saturation", "ON"}});
    EXPECT_TRUE(relations_hold(call)) << to;
    EXPECT_EQ(broken_port(call), "") << to;
  }
}

TEST(Cast, RefusesWhatItDoesNotKnow) {
  const Tensor x = f32_tensor({1, 1}, {1});
  EXPECT_FALSE(cast_call(x, {{"to", "u64"}}).run());
  EXPECT_FALSE(cast_call(x, {{"mode", "nearest"}}).run());
  EXPECT_FALSE(cast_call(x, {{"saturation", "maybe"}}).run());
  EXPECT_FALSE(cast_call(x, {{"overflow", "wrap"}}).run());
  EXPECT_FALSE(cast_call(x, {{"to", "i8"}, {"overflow", "satall"}}).run());
  EXPECT_FALSE(cast_call(x, {{"to", "e5m2"}, {"overflow", "satall"}, {"saturation", "ON"}}).run());
}

}  // namespace
}  // namespace assay::goldens
