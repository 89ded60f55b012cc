#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <tbb/global_control.h>

#include "goldens/enclosure/width.h"
#include "goldens/relations/relation_test_support.h"
#include "goldens/stages/expert_test_support.h"

namespace assay::goldens {
namespace {

using Weight = ExpertModel::Weight;

struct Extents {
  std::int64_t slots, hidden, intermediate;
};

StageCall call_of(const std::string& profile, const std::vector<std::int32_t>& counts, Extents e,
                  FloatSamples& samples) {
  const auto experts = static_cast<std::int64_t>(counts.size());
  StageCall call{.stage = "routed_expert",
                 .inputs = random_experts({experts}, e.hidden, e.intermediate, samples),
                 .options = {{"profile", profile}, {"config", profile == "p772" ? "demo" : "flash"}},
                 .profile = load_profile("a2a3").value()};
  call.inputs.emplace("recv_count", i32_tensor({experts}, counts));
  if (profile == "p772") {
    call.inputs.emplace("recv_x",
                        random_tensor(DType::bf16, {experts, e.slots, e.hidden}, samples, &FloatSamples::coarse));
  } else {
    call.inputs.emplace("recv_x", i8_tensor({experts, e.slots, e.hidden}, samples));
    call.inputs.emplace("recv_scale", scales({experts, e.slots}, 1.0f / 30, samples));
  }
  if (profile != "mid") call.inputs.emplace("recv_w", scales({experts, e.slots}, 0.5f, samples));
  return call;
}

ExpertModel model_of(const std::string& profile) {
  ExpertModel model = p772_model(profile == "p772"  ? Weight::hidden
                                 : profile == "mid" ? Weight::none
                                                    : Weight::row_scale);
  if (profile != "p772") {
    model.to_code = code_to_even;
    model.limit = 10;
  }
  return model;
}

// The model's rows of one expert.
std::vector<float> modelled(const ExpertModel& model, const StageCall& call, std::size_t expert) {
  const Tensor& x = call.inputs.at("recv_x");
  const auto slots = static_cast<std::size_t>(x.shape()[1]), hidden = static_cast<std::size_t>(x.shape()[2]);
  std::vector<float> y;
  for (std::size_t r = expert * slots;
       r < expert * slots + call.inputs.at("recv_count").bits(static_cast<std::int64_t>(expert)); ++r) {
    const ModelRow row = x.dtype() == DType::i8 ? codes_of(x, call.inputs.at("recv_scale"), r, hidden)
                                                : model_quantise(model, row_of(x, r, hidden));
    const auto weight = call.inputs.find("recv_w");
    const auto one = model_expert(model, model_weights(call.inputs, expert), row,
                                  weight == call.inputs.end() ? 1 : at(weight->second, static_cast<std::int64_t>(r)));
    y.insert(y.end(), one.begin(), one.end());
  }
  return y;
}

template <class Count>
int over_experts(const StageCall& call, const GoldenOutput& y, const ExpertModel& model, Count count) {
  const Shape& shape = call.inputs.at("recv_x").shape();
  int total = 0;
  for (std::int64_t e = 0; e < shape[0]; ++e)
    total +=
        count(y, modelled(model, call, static_cast<std::size_t>(e)), static_cast<std::size_t>(e * shape[1] * shape[2]));
  return total;
}
int all_outside(const StageCall& call, const GoldenOutput& y, const ExpertModel& model) {
  return over_experts(call, y, model, outside);
}

TEST(RoutedExpert, EqualsExactEvaluationInEveryProfile) {
  FloatSamples samples(1);
  for (const std::string profile : {"p772", "mid", "head"}) {
    StageCall call = call_of(profile, {2, 0, 3}, {4, 20, 12}, samples);
    if (profile != "p772") call.inputs.at("recv_scale") = scales({3, 4}, 1, samples);  // so that the limits matter
    const GoldenOutput y = call.output("recv_y");
    const Rounding mode = profile == "p772" ? Rounding::round : Rounding::rint;
    EXPECT_EQ(over_experts(call, y, exactly(model_of(profile), mode), different), 0) << profile;
    EXPECT_TRUE(is_enclosed(y));
  }
}

// dsv4-chain 3.4: +0 to the end of the tile of 16 rows, nothing beyond.
TEST(RoutedExpert, TilesOfSixteenRows) {
  FloatSamples samples(2);
  const std::vector<std::int32_t> counts{0, 1, 15, 16, 17, 31, 32};
  StageCall call = call_of("p772", counts, {32, 8, 8}, samples);
  call.inputs.at("s2").as<float>()[3] = -1;  // a product of the masked zero would be -0
  const GoldenOutput y = call.output("recv_y");
  const std::vector<std::int64_t> written{0, 16, 16, 16, 32, 32, 32};
  for (std::size_t e = 0; e < counts.size(); ++e)
    for (std::int64_t r = 0; r < 32; ++r)
      for (std::int64_t d = 0; d < 8; ++d) {
        const std::int64_t i = (static_cast<std::int64_t>(e) * 32 + r) * 8 + d;
        EXPECT_EQ(y.open[static_cast<std::size_t>(i)], r >= written[e]);
        if (r >= counts[e]) {
          EXPECT_EQ(y.value.bits(i), 0u);
        }
      }
}

TEST(RoutedExpert, DeclaredRelations) {
  FloatSamples samples(3);
  for (const std::string profile : {"p772", "mid", "head"})
    EXPECT_TRUE(relations_hold(call_of(profile, {2, 0, 3, 1}, {4, 24, 16}, samples))) << profile;
}

// The order of the rows of an expert is the order of its results.
TEST(RoutedExpert, PermutedAndRepeatedRows) {
  FloatSamples samples(4);
  StageCall call = call_of("p772", {5}, {5, 24, 16}, samples);
  const GoldenOutput before = call.output("recv_y");
  const std::vector<std::int64_t> rows{4, 2, 2, 0, 1};
  const auto choose = [&](const Tensor& tensor, const Shape& flat) {
    Tensor rows_first(tensor.dtype(), flat);
    std::ranges::copy(tensor.bytes(), rows_first.bytes().begin());
    Tensor chosen = take_rows(rows_first, rows), result(tensor.dtype(), tensor.shape());
    std::ranges::copy(chosen.bytes(), result.bytes().begin());
    return result;
  };
  call.inputs.at("recv_x") = choose(call.inputs.at("recv_x"), {5, 24});
  call.inputs.at("recv_w") = choose(call.inputs.at("recv_w"), {5});
  const GoldenOutput after = call.output("recv_y");
  EXPECT_EQ(after.value, choose(before.value, {5, 24}));
  EXPECT_EQ(after.lo, choose(before.lo, {5, 24}));
  EXPECT_EQ(after.hi, choose(before.hi, {5, 24}));
}

// Quantisation commutes with a positive row scalar: a weight that is a power of two moves the result by it, wherever it
// enters. A weight of zero gives zeros, a negative one the negated row.
TEST(RoutedExpert, RouteWeightsOfSimpleValues) {
  FloatSamples samples(5);
  for (const std::string profile : {"p772", "head"}) {
    StageCall call = call_of(profile, {4}, {4, 24, 16}, samples);
    auto w = call.inputs.at("recv_w").as<float>();
    std::ranges::fill(w, 1.0f);
    const GoldenOutput one = call.output("recv_y");
    std::ranges::fill(w, 0.25f);
    EXPECT_EQ(call.output("recv_y").value, times_power_of_two(one.value, -2)) << profile;
    std::ranges::fill(w, -1.0f);
    const GoldenOutput negated = call.output("recv_y");
    for (std::int64_t i = 0; i < 4 * 24; ++i) EXPECT_EQ(at(negated.value, i), -at(one.value, i)) << profile << " " << i;
    std::ranges::fill(w, 0.0f);
    const GoldenOutput zero = call.output("recv_y");
    for (std::int64_t i = 0; i < 4 * 24; ++i) EXPECT_EQ(at(zero.value, i), 0) << profile;
  }
}

// h at the floor of amax: P772 meets it where the weight makes h small, HEAD does not.
TEST(RoutedExpert, TheFloorOfAmaxSeesTheWeightInP772Alone) {
  FloatSamples samples(6);
  for (const std::string profile : {"p772", "head"}) {
    StageCall call = call_of(profile, {1}, {1, 24, 16}, samples);
    call.inputs.at("recv_w").as<float>()[0] = 0x1p-30f;
    const GoldenOutput y = call.output("recv_y");
    const auto is_zero = [&](int i) { return at(y.value, i) == 0; };
    int zeros = 0;
    for (int i = 0; i < 24; ++i) zeros += is_zero(i);
    EXPECT_EQ(zeros == 24, profile == "p772") << profile;
  }
}

TEST(RoutedExpert, NonFiniteRowsAreOpenAndAlone) {
  FloatSamples samples(7);
  StageCall call = call_of("p772", {3}, {3, 16, 8}, samples);
  call.inputs.at("recv_x").as<std::uint16_t>()[16] = 0x7FC0;
  call.inputs.at("recv_w").as<float>()[2] = INFINITY;
  const GoldenOutput y = call.output("recv_y");
  for (std::size_t i = 0; i < 48; ++i) EXPECT_EQ(y.open[i], i >= 16);
}

// HEAD: the weight multiplies the row's scale, where an infinite one is as unspecified as in P772's h.
TEST(RoutedExpert, NonFiniteWeightsOfHeadAreOpenAndAlone) {
  FloatSamples samples(18);
  StageCall call = call_of("head", {3}, {3, 16, 8}, samples);
  call.inputs.at("recv_w").as<float>()[1] = INFINITY;
  call.inputs.at("recv_w").as<float>()[2] = std::nanf("");
  const GoldenOutput y = call.output("recv_y");
  for (std::size_t i = 0; i < 48; ++i) EXPECT_EQ(y.open[i], i >= 16);
}

RC_GTEST_PROP(RoutedExpert, ImplementationsOfTheProfileStayInside, (std::uint64_t seed)) {
  FloatSamples samples(seed);
  const std::string profile = samples.coin() ? "p772" : samples.coin() ? "mid" : "head";
  const StageCall call = call_of(profile, {2, 1}, {3, 32, 24}, samples);
  ExpertModel model = model_of(profile);
  model.exponential = [&](float x) { return nudged(exact_exp(x), 2, samples); };
  model.reciprocal = [&](float x) { return nudged(1.0f / x, 2, samples); };
  const GoldenOutput y = call.output("recv_y");
  RC_ASSERT(is_enclosed(y));
  RC_ASSERT(all_outside(call, y, model) == 0);
}

// Dropped, or applied where the profile does not. Where a positive weight enters makes no difference but for rounding
// and the floor (dsv4-chain 3.4).
TEST(RoutedExpert, FaultsOfTheWeightLieOutside) {
  FloatSamples samples(8);
  for (const std::string profile : {"p772", "mid", "head"}) {
    StageCall call = call_of(profile, {16, 16}, {16, 128, 96}, samples);
    if (profile == "mid") call.inputs.emplace("recv_w", scales({2, 16}, 0.5f, samples));  // is not to enter
    const GoldenOutput y = call.output("recv_y");
    ExpertModel model = model_of(profile);
    EXPECT_EQ(all_outside(call, y, model), 0) << profile;
    model.weight = profile == "mid" ? Weight::row_scale : Weight::none;
    EXPECT_GT(all_outside(call, y, model), 16 * 128) << profile;
  }
}

TEST(RoutedExpert, ReciprocalTimes127AndFloatProductsLieOutside) {
  FloatSamples samples(13);
  StageCall call = call_of("p772", {8}, {8, 128, 128}, samples);
  make_sums_cancel(call.inputs, samples);
  call.inputs.at("recv_x") = signed_rows({1, 8, 128}, reciprocal_sensitive_row(), samples);
  const GoldenOutput y = call.output("recv_y");
  ExpertModel right = model_of("p772"), reciprocal = right, products = right;
  reciprocal.scale_by_reciprocal = true;
  products.float_products = true;
  EXPECT_EQ(all_outside(call, y, right), 0);
  EXPECT_GT(all_outside(call, y, reciprocal), 0);
  EXPECT_GT(all_outside(call, y, products), 0);
}

TEST(RoutedExpert, GateHasNoLowerClamp) {
  FloatSamples samples(9);
  StageCall call = call_of("head", {8}, {8, 32, 24}, samples);
  // Gates from -11 to -14, so that the small silu of such gates is all there is of h.
  std::ranges::fill(call.inputs.at("recv_x").as<std::int8_t>(), std::int8_t{100});
  std::ranges::fill(call.inputs.at("w1").as<std::int8_t>(), std::int8_t{-100});
  for (float& s : call.inputs.at("recv_scale").as<float>()) s = 1e-3f;
  for (float& s : call.inputs.at("s1").as<float>()) s = (11 + static_cast<float>(samples.below(1000)) * 3e-3f) / 320;
  for (float& s : call.inputs.at("s3").as<float>()) s = 1;
  const GoldenOutput y = call.output("recv_y");
  ExpertModel model = model_of("head");
  EXPECT_EQ(all_outside(call, y, model), 0);
  model.gate_clamped_below = true;
  EXPECT_GT(all_outside(call, y, model), 0);
  model = model_of("head");
  model.limit = 0;
  EXPECT_GT(all_outside(call, y, model), 0);
}

// bf16_rne of dsv4-chain 1, of a finite number.
std::uint32_t stored(float y) {
  const auto u = std::bit_cast<std::uint32_t>(y);
  return (u + 0x7FFF + ((u >> 16) & 1)) >> 16;
}

// Which product comes first shows in a bit of float32, so in BF16 almost never: here each channel's scale is one for
// which it does. HEAD: fl(fl(acc * fl(s_h * w)) * s_w2), its association is load-bearing (dsv4-chain 3.4).
TEST(RoutedExpert, AssociationOfTheScales) {
  FloatSamples samples(16);
  for (const std::string profile : {"p772", "head"}) {
    StageCall call = call_of(profile, {1}, {1, 32, 24}, samples);
    const ExpertModel model = model_of(profile);
    const Tensor& x = call.inputs.at("recv_x");
    const ModelRow row =
        profile == "p772" ? model_quantise(model, row_of(x, 0, 32)) : codes_of(x, call.inputs.at("recv_scale"), 0, 32);
    const float w = at(call.inputs.at("recv_w"), 0);
    const ModelRow h = model_quantise(model, model_hidden(model, model_weights(call.inputs), row, w));
    const float scale = profile == "p772" ? h.scale : h.scale * w;
    const std::vector<float> ones(32, 1.0f);
    const std::vector<float> acc = model_linear(model, {h.codes, 1}, model_weights(call.inputs).w2, ones.data(), 32, 1);
    int found = 0;
    for (std::size_t d = 0; d < 32; ++d)
      for (int attempt = 0; attempt < 100'000; ++attempt) {
        const float s2 = 0.5f + static_cast<float>(samples.below(1 << 23)) * 0x1p-24f;
        const bool weight_last = profile == "head" && d % 2 == 0;
        const float other = weight_last ? ((acc[d] * h.scale) * s2) * w : acc[d] * (scale * s2);
        if (stored(other) == stored((acc[d] * scale) * s2)) continue;
        call.inputs.at("s2").as<float>()[d] = s2;
        ++found;
        break;
      }
    EXPECT_GE(found, 8) << profile;
    EXPECT_EQ(all_outside(call, call.output("recv_y"), model), 0);
    EXPECT_EQ(over_experts(call, call.output("recv_y"), model, different), 0) << profile;
  }
}

// h = fl(fl(g * sigmoid(g)) * u): here every channel's up scale is one for which another order of the two products
// crosses the tie between two codes.
TEST(RoutedExpert, OrderOfTheActivationsProducts) {
  FloatSamples samples(17);
  StageCall call = call_of("mid", {1}, {1, 32, 24}, samples);
  call.options["config"] = "demo";  // no limit
  ExpertModel model = model_of("mid");
  model.limit = 0;
  const ModelRow row = codes_of(call.inputs.at("recv_x"), call.inputs.at("recv_scale"), 0, 32);
  const ModelWeights w = model_weights(call.inputs);
  const std::vector<float> g = model_linear(model, row, w.w1, w.s1, 24, row.scale);
  const std::vector<float> ones(24, 1.0f);
  const std::vector<float> acc = model_linear(model, {row.codes, 1}, w.w3, ones.data(), 24, 1);
  // The first channel has the row's amax.
  auto s3 = call.inputs.at("s3").as<float>();
  s3[0] *= 1000;
  const float s_q = 127 / std::fabs(model_hidden(model, w, row, 1)[0]);
  int found = 0;
  for (std::size_t i = 1; i < 24; ++i) {
    const float sigmoid = 1 / (exact_exp(-g[i]) + 1);
    for (int attempt = 0; attempt < 600'000; ++attempt) {
      // u such that |h| is up to 3/4 of the amax.
      const auto part = static_cast<float>(samples.below(1 << 24)) * 0x1p-24f;
      const float s = 0.75f * part * std::fabs(127 / s_q / (g[i] * sigmoid * acc[i] * row.scale));
      const float u = (acc[i] * row.scale) * s;
      if (code_to_even(((g[i] * sigmoid) * u) * s_q) == code_to_even(((u * sigmoid) * g[i]) * s_q)) continue;
      s3[i] = s;
      ++found;
      break;
    }
  }
  EXPECT_GE(found, 8);
  EXPECT_EQ(over_experts(call, call.output("recv_y"), model, different), 0);
}

class RoutedExpertFaults : public ::testing::TestWithParam<void (*)(ExpertModel&)> {};

TEST_P(RoutedExpertFaults, LieOutside) {
  FloatSamples samples(10);
  const StageCall call = call_of("p772", {16, 16}, {16, 256, 128}, samples);
  const GoldenOutput y = call.output("recv_y");
  ExpertModel model = model_of("p772");
  EXPECT_EQ(all_outside(call, y, model), 0);
  GetParam()(model);
  EXPECT_GT(all_outside(call, y, model), 0);
}

INSTANTIATE_TEST_SUITE_P(Faults, RoutedExpertFaults,
                         ::testing::Values([](ExpertModel& m) { m.to_code = code_truncated; },
                                           [](ExpertModel& m) { m.greatest_code = 128; },
                                           [](ExpertModel& m) { m.swapped = true; },
                                           [](ExpertModel& m) { m.store = Rounding::trunc; }));

// Channels of the real sizes on few rows: the enclosure stays as narrow as results are useful.
TEST(RoutedExpert, MedianWidthAtProductionChannels) {
  FloatSamples samples(11);
  for (const std::string profile : {"p772", "mid", "head"}) {
    StageCall call = call_of(profile, {2}, {2, 4096, profile == "p772" ? 4096 : 2048}, samples);
    if (profile == "p772") {
      Tensor x = random_tensor(DType::bf16, {1, 2, 4096}, samples);
      call.inputs.at("recv_x") = std::move(x);
    }
    const Widths found = widths(call.output("recv_y"));
    RecordProperty(profile + "_median_ulp", std::to_string(found.median_ulp));
    RecordProperty(profile + "_max_ulp", std::to_string(found.max_ulp));
    EXPECT_LE(found.median_ulp, 2) << profile;
    EXPECT_LT(found.open, found.elements);
  }
}

TEST(RoutedExpert, SameBytesForAnyThreadCount) {
  FloatSamples samples(14);
  const StageCall call = call_of("p772", {5, 0, 3}, {6, 96, 600}, samples);
  const GoldenOutput expected = call.output("recv_y");
  for (const std::size_t threads : {1, 3, 8}) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
    const GoldenOutput y = call.output("recv_y");
    EXPECT_EQ(y.value, expected.value);
    EXPECT_EQ(y.lo, expected.lo);
    EXPECT_EQ(y.hi, expected.hi);
    EXPECT_EQ(y.open, expected.open);
  }
}

// More freedom of the machine never narrows the enclosure, and none leaves the golden alone.
TEST(RoutedExpert, WiderProfilesContainNarrowerOnes) {
  FloatSamples samples(15);
  StageCall call = call_of("p772", {8}, {8, 96, 64}, samples);
  std::vector<GoldenOutput> outputs;
  for (const double ulp : {0.0, 1.0, 3.0, 64.0, 4096.0}) {
    call.profile = Profile{};
    if (ulp > 0) call.profile.ulp = {{"exp", ulp}, {"recip", ulp}};
    outputs.push_back(call.output("recv_y"));
  }
  EXPECT_TRUE(is_determined(outputs.front()));
  EXPECT_GT(widths(outputs.back()).max_ulp, 0);
  for (std::size_t i = 1; i < outputs.size(); ++i)
    for (std::int64_t j = 0; j < 8 * 96; ++j) {
      EXPECT_LE(at(outputs[i].lo, j), at(outputs[i - 1].lo, j));
      EXPECT_GE(at(outputs[i].hi, j), at(outputs[i - 1].hi, j));
    }
}

TEST(RoutedExpert, LimitMayBeGivenInsteadOfTheConfigurations) {
  FloatSamples samples(14);
  StageCall call = call_of("head", {3}, {4, 16, 24}, samples);
  for (const char* name : {"s1", "s3"})
    for (float& scale : call.inputs.at(name).as<float>()) scale *= 64;
  const auto recv_y = [&](const char* config, const char* limit) {
    StageCall one = call;
    one.options["config"] = config;
    if (limit) one.options["swiglu_limit"] = limit;
    return one.output("recv_y").value;
  };
  EXPECT_NE(recv_y("flash", nullptr), recv_y("demo", nullptr));
  EXPECT_EQ(recv_y("demo", "10"), recv_y("flash", nullptr));
  EXPECT_EQ(recv_y("flash", "0"), recv_y("demo", nullptr));
}

TEST(RoutedExpert, RefusesBadInputs) {
  FloatSamples samples(12);
  const StageCall good = call_of("p772", {2, 1}, {3, 8, 8}, samples);
  EXPECT_TRUE(good.run());
  for (const std::int32_t count : {-1, 4}) {
    StageCall call = good;
    call.inputs.at("recv_count") = i32_tensor({2}, {2, count});
    const auto result = call.run();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message, fmt::format("recv_count[1] is {}, expected 0 to 3", count));
  }
  StageCall call = good;
  call.inputs.erase("recv_w");
  EXPECT_FALSE(call.run());
  call = good;
  call.options["profile"] = "head";
  EXPECT_FALSE(call.run());
  for (const char* limit : {"-1", "none", "inf"}) {
    call = good;
    call.options["swiglu_limit"] = limit;
    EXPECT_FALSE(call.run()) << limit;
  }
  call = call_of("head", {1}, {1, 8, 8}, samples);
  call.inputs.erase("recv_scale");
  EXPECT_FALSE(call.run());
}

}  // namespace
}  // namespace assay::goldens
