#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "goldens/enclosure/width.h"
#include "goldens/relations/relation_test_support.h"
#include "goldens/stages/expert_test_support.h"

namespace assay::goldens {
namespace {

using Weight = ExpertModel::Weight;

struct Extents {
  std::int64_t tokens, hidden, intermediate;
};

StageCall p772_call(Extents extents, FloatSamples& samples) {
  StageCall call{.stage = "shared_expert",
                 .inputs = random_experts({}, extents.hidden, extents.intermediate, samples),
                 .options = {{"profile", "p772"}, {"config", "demo"}},
                 .profile = load_profile("a2a3").value()};
  call.inputs.emplace("x_norm",
                      random_tensor(DType::bf16, {extents.tokens, extents.hidden}, samples, &FloatSamples::coarse));
  return call;
}
StageCall quantised_call(const std::string& profile, Extents extents, FloatSamples& samples) {
  StageCall call = p772_call(extents, samples);
  call.options = {{"profile", profile}, {"config", "flash"}};
  call.inputs.at("x_norm") = i8_tensor({extents.tokens, extents.hidden}, samples);
  call.inputs.emplace("x_norm_scale", scales({extents.tokens, 1}, 1.0f / 30, samples));
  return call;
}

std::vector<float> modelled(const ExpertModel& model, const StageCall& call) {
  const Tensor& x = call.inputs.at("x_norm");
  const auto tokens = static_cast<std::size_t>(x.shape()[0]), hidden = static_cast<std::size_t>(x.shape()[1]);
  std::vector<float> y;
  for (std::size_t t = 0; t < tokens; ++t) {
    const ModelRow row = x.dtype() == DType::i8 ? codes_of(x, call.inputs.at("x_norm_scale"), t, hidden)
                                                : model_quantise(model, row_of(x, t, hidden));
    const auto one = model_expert(model, model_weights(call.inputs), row);
    y.insert(y.end(), one.begin(), one.end());
  }
  return y;
}

TEST(SharedExpert, EqualsExactEvaluation) {
  FloatSamples samples(1);
  StageCall call = p772_call({3, 20, 12}, samples);
  const GoldenOutput sh = call.output("sh");
  EXPECT_EQ(different(sh, modelled(exactly(p772_model(Weight::none), Rounding::round), call)), 0);
  EXPECT_TRUE(is_enclosed(sh));
  for (const std::string profile : {"mid", "head"}) {
    call = quantised_call(profile, {3, 20, 12}, samples);
    call.inputs.at("x_norm_scale") = scales({3, 1}, 1, samples);  // so that the limit matters
    ExpertModel model = exactly(p772_model(Weight::none), Rounding::rint);
    model.limit = profile == "head" ? 10.0f : 0.0f;
    EXPECT_EQ(different(call.output("sh"), modelled(model, call)), 0) << profile;
    model.limit = 10.0f - model.limit;
    EXPECT_NE(different(call.output("sh"), modelled(model, call)), 0) << profile;
  }
}

// By hand: one channel, x = 127 is quantised to 127 with scale 1. g = u = 127 * 2^-7 * 2: silu is a number of its own,
// so u makes h known: w3's scale 0 gives h = 0, and then y = 0 at the floor of amax.
TEST(SharedExpert, ZeroUpGivesPositiveZero) {
  FloatSamples samples(2);
  StageCall call = p772_call({2, 8, 8}, samples);
  call.inputs.at("s3") = Tensor(DType::f32, {8});
  const GoldenOutput sh = call.output("sh");
  for (std::int64_t i = 0; i < 16; ++i) EXPECT_EQ(sh.value.bits(i), 0u);
  EXPECT_TRUE(is_determined(sh));
}

// A row of zeros, and one whose codes are all zero because it is far below the floor of amax.
TEST(SharedExpert, RowsBelowTheFloorOfAmax) {
  FloatSamples samples(3);
  StageCall call = p772_call({3, 16, 8}, samples);
  auto x = call.inputs.at("x_norm").as<std::uint16_t>();
  std::fill_n(x.begin(), 16, std::uint16_t{0});
  std::fill_n(x.begin() + 16, 16, static_cast<std::uint16_t>(round_exact(kBf16, 1e-7f, Rounding::rint)));
  std::fill_n(x.begin() + 32, 16, static_cast<std::uint16_t>(round_exact(kBf16, 5e-5f, Rounding::rint)));
  const GoldenOutput sh = call.output("sh");
  for (std::int64_t i = 0; i < 32; ++i) EXPECT_EQ(sh.value.bits(i), 0u);
  EXPECT_EQ(different(sh, modelled(p772_model(Weight::none), call)), 0);
  ExpertModel no_floor = p772_model(Weight::none);
  no_floor.floor = 1e-30f;
  EXPECT_GT(outside(sh, modelled(no_floor, call)), 0);
}

TEST(SharedExpert, NonFiniteRowsAreOpenAndAlone) {
  FloatSamples samples(4);
  StageCall call = p772_call({3, 16, 8}, samples);
  const GoldenOutput whole = call.output("sh");
  call.inputs.at("x_norm").as<std::uint16_t>()[16 + 5] = 0x7F80;
  const GoldenOutput sh = call.output("sh");
  for (std::size_t i = 0; i < 48; ++i) {
    EXPECT_EQ(sh.open[i], i / 16 == 1);
    if (!sh.open[i]) {
      EXPECT_EQ(sh.value.bits(static_cast<std::int64_t>(i)), whole.value.bits(static_cast<std::int64_t>(i)));
    }
  }
  call.inputs.at("x_norm").as<std::uint16_t>()[16 + 5] = 0x3F80;
  call.inputs.at("s1").as<float>()[0] = std::numeric_limits<float>::max();  // g overflows in every row
  call.inputs.at("w1").as<std::int8_t>()[0] = 127;
  const GoldenOutput overflowed = call.output("sh");
  EXPECT_TRUE(std::ranges::all_of(overflowed.open, [](auto open) { return open == 1; }));
}

TEST(SharedExpert, DeclaredRelations) {
  FloatSamples samples(5);
  EXPECT_TRUE(relations_hold(p772_call({4, 24, 16}, samples)));
  EXPECT_TRUE(relations_hold(quantised_call("head", {4, 24, 16}, samples)));
}

// A row's power of two passes through the quantisation into its scale: the weights' scales take it back.
TEST(SharedExpert, PowersOfTwoCancelInTheScales) {
  FloatSamples samples(6);
  StageCall call = p772_call({3, 24, 16}, samples);
  const GoldenOutput before = call.output("sh");
  call.inputs.at("x_norm") = times_power_of_two(call.inputs.at("x_norm"), 3);
  for (const char* name : {"s1", "s3"}) call.inputs.at(name) = times_power_of_two(call.inputs.at(name), -3);
  const GoldenOutput after = call.output("sh");
  EXPECT_EQ(before.value, after.value);
  EXPECT_EQ(before.lo, after.lo);
  EXPECT_EQ(before.hi, after.hi);
}

// An exp and a reciprocal of the machine profile's accuracy.
RC_GTEST_PROP(SharedExpert, ImplementationsOfTheProfileStayInside, (std::uint64_t seed)) {
  FloatSamples samples(seed);
  StageCall call = samples.coin() ? p772_call({2, 32, 24}, samples) : quantised_call("head", {2, 32, 24}, samples);
  ExpertModel model = p772_model(Weight::none);
  if (call.options.at("profile") == "head") {
    model.to_code = code_to_even;
    model.limit = 10;
  }
  model.exponential = [&](float x) { return nudged(exact_exp(x), 2, samples); };
  model.reciprocal = [&](float x) { return nudged(1.0f / x, 2, samples); };
  const GoldenOutput sh = call.output("sh");
  RC_ASSERT(is_enclosed(sh));
  RC_ASSERT(outside(sh, modelled(model, call)) == 0);
}

class SharedExpertFaults : public ::testing::TestWithParam<std::pair<const char*, void (*)(ExpertModel&)>> {};

// Rows whose amax is 127 * 2^k make many exact halves.
TEST_P(SharedExpertFaults, LieOutside) {
  FloatSamples samples(7);
  StageCall call = p772_call({8, 128, 96}, samples);
  for (std::size_t t = 0; t < 8; ++t) {
    const auto row = call.inputs.at("x_norm").as<std::uint16_t>().subspan(t * 128, 128);
    for (auto& code : row) {
      const float tie = (static_cast<float>(samples.below(120)) + (t % 2 ? 0.5f : 0.25f)) * 0x1p-6f;
      code = static_cast<std::uint16_t>(round_exact(kBf16, samples.coin() ? tie : -tie, Rounding::rint));
    }
    const float amax = t < 4 ? 127 * 0x1p-6f : 2.0625f;
    row[0] = static_cast<std::uint16_t>(round_exact(kBf16, amax, Rounding::rint));
  }
  const GoldenOutput sh = call.output("sh");
  EXPECT_EQ(outside(sh, modelled(p772_model(Weight::none), call)), 0);
  ExpertModel fault = p772_model(Weight::none);
  GetParam().second(fault);
  EXPECT_GT(outside(sh, modelled(fault, call)), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, SharedExpertFaults,
    ::testing::Values(
        std::pair<const char*, void (*)(ExpertModel&)>{"ties to even",
                                                       [](ExpertModel& m) { m.to_code = code_to_even; }},
        std::pair<const char*, void (*)(ExpertModel&)>{"truncated codes",
                                                       [](ExpertModel& m) { m.to_code = code_truncated; }},
        std::pair<const char*, void (*)(ExpertModel&)>{"128 / amax", [](ExpertModel& m) { m.greatest_code = 128; }},
        std::pair<const char*, void (*)(ExpertModel&)>{"gate and up swapped", [](ExpertModel& m) { m.swapped = true; }},
        std::pair<const char*, void (*)(ExpertModel&)>{"stored by truncation",
                                                       [](ExpertModel& m) { m.store = Rounding::trunc; }}));

// The peers' older goldens: both operands dequantised, float32 products.
TEST(SharedExpert, FloatProductsLieOutside) {
  FloatSamples samples(8);
  StageCall call = p772_call({8, 256, 256}, samples);
  make_sums_cancel(call.inputs, samples);
  const GoldenOutput sh = call.output("sh");
  ExpertModel fault = p772_model(Weight::none);
  EXPECT_EQ(outside(sh, modelled(fault, call)), 0);
  fault.float_products = true;
  EXPECT_GT(outside(sh, modelled(fault, call)), 0);
}

// Seed bug B19, on rows that tell the two apart.
TEST(SharedExpert, ReciprocalTimes127LiesOutside) {
  FloatSamples samples(10);
  const std::vector<float> row = reciprocal_sensitive_row();
  ASSERT_GE(row.size(), 2u);
  StageCall call = p772_call({4, 96, 64}, samples);
  call.inputs.at("x_norm") = signed_rows({4, 96}, row, samples);
  const GoldenOutput sh = call.output("sh");
  ExpertModel fault = p772_model(Weight::none);
  EXPECT_EQ(outside(sh, modelled(fault, call)), 0);
  fault.scale_by_reciprocal = true;
  EXPECT_GT(outside(sh, modelled(fault, call)), 0);
}

// Channels of the real sizes on few rows: the enclosure stays as narrow as results are useful. A few elements in ten
// thousand straddle two codes, so only all profiles together are sure to show a width.
TEST(SharedExpert, MedianWidthAtProductionChannels) {
  FloatSamples samples(15);
  StageCall call = p772_call({2, 4096, 4096}, samples);
  call.inputs.at("x_norm") = random_tensor(DType::bf16, {2, 4096}, samples);
  double widest = 0;
  for (const std::string profile : {"p772", "mid", "head"}) {
    if (profile != "p772") call = quantised_call(profile, {2, 4096, 2048}, samples);
    const Widths found = widths(call.output("sh"));
    RecordProperty(profile + "_median_ulp", std::to_string(found.median_ulp));
    RecordProperty(profile + "_max_ulp", std::to_string(found.max_ulp));
    EXPECT_LE(found.median_ulp, 2) << profile;
    EXPECT_EQ(found.open, 0) << profile;
    widest = std::max<double>(widest, found.max_ulp);
  }
  EXPECT_GT(widest, 0);
}

TEST(SharedExpert, RefusesWhatTheProfileDoesNotTake) {
  FloatSamples samples(9);
  StageCall call = p772_call({2, 8, 8}, samples);
  call.options.at("profile") = "mid";
  EXPECT_FALSE(call.run());
  call = quantised_call("mid", {2, 8, 8}, samples);
  EXPECT_TRUE(call.run());
  call.inputs.erase("x_norm_scale");
  EXPECT_FALSE(call.run());
  call = p772_call({2, 8, 0}, samples);
  EXPECT_FALSE(call.run());
  call = p772_call({0, 8, 8}, samples);
  EXPECT_TRUE(call.run());
}

}  // namespace
}  // namespace assay::goldens
