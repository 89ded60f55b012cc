#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "goldens/relations/relation_test_support.h"
#include "goldens/stages/chain_test_support.h"

namespace assay::goldens {
namespace {

const std::vector<std::string> kProfiles{"p772", "mid", "head"};

Tensor i32_tensor(Shape shape, std::span<const std::int32_t> values) {
  Tensor result(DType::i32, std::move(shape));
  std::ranges::copy(values, result.as<std::int32_t>().begin());
  return result;
}

// The golden for a subject that returned `ids`.
GoldenMap golden_given(const StageCall& call, const Tensor& ids) {
  InputMap inputs;
  for (const auto& [name, tensor] : call.inputs) inputs[name] = &tensor;
  const InputMap observed{{"indices", &ids}};
  return evaluate(*find_stage("gate").value(), {inputs, call.parameters, call.options, call.profile, &observed})
      .value();
}
GoldenMap golden_given(const StageCall& call, std::span<const std::int32_t> ids, std::int64_t top_k) {
  return golden_given(call, i32_tensor({static_cast<std::int64_t>(ids.size()) / top_k, top_k}, ids));
}

std::vector<float> ids_of(const GoldenOutput& output) {
  std::vector<float> ids;
  for (std::int64_t i = 0; i < output.value.size(); ++i) ids.push_back(number_at(output.value, i));
  return ids;
}

// Two channels of equal magnitude, so x_norm is about (+-1, +-1), and logits that gate_w spells out.
StageCall two_channel_call(const std::string& profile, std::initializer_list<float> logits) {
  StageCall call = gate_call(profile, "demo", 1, 8, static_cast<std::int64_t>(logits.size()), 1);
  call.inputs.at("x_mixed") = bf16_tensor({1, 8}, {1, 1, 1, 1, 1, 1, 1, 1});
  std::vector<float> gate_w(8 * logits.size()), norm_w(8, 1.0F);
  std::size_t e = 0;
  for (const float logit : logits) gate_w[8 * e++] = logit;
  call.inputs.at("gate_w") = f32_tensor({static_cast<std::int64_t>(logits.size()), 8}, gate_w);
  call.inputs.at("norm_w") = profile == "head" ? bf16_tensor({8}, norm_w) : f32_tensor({8}, norm_w);
  call.inputs.erase("gate_bias");
  return call;
}

double score_of(double logit) { return std::sqrt(std::log1p(std::exp(logit))); }

// x_norm is 1 / sqrt(1 + 1e-6) in every channel: logits are the first column of gate_w, ids their order.
TEST(Gate, ClosedForm) {
  for (const std::string& profile : kProfiles) {
    StageCall call = two_channel_call(profile, {0.5F, -1, 2, 1});
    call.parameters["topk"] = 3;
    call.options["route_scale"] = "1.5";
    const GoldenMap golden = call.run().value();
    EXPECT_EQ(ids_of(golden.at("indices")), (std::vector<float>{2, 3, 0}));
    const double sum = score_of(2) + score_of(1) + score_of(0.5);
    const double expected[]{score_of(2) / sum, score_of(1) / sum, score_of(0.5) / sum};
    for (std::int64_t k = 0; k < 3; ++k)
      EXPECT_NEAR(at(golden.at("weights").value, k), 1.5 * expected[k], 2e-6) << profile;
    EXPECT_EQ(golden.contains("x_norm"), profile != "head");
    EXPECT_EQ(golden.contains("x_norm_i8"), profile != "p772");
    EXPECT_EQ(golden.contains("x_norm_scale"), profile != "p772");
    if (profile == "p772") continue;
    for (std::int64_t d = 0; d < 8; ++d) EXPECT_EQ(number_at(golden.at("x_norm_i8").value, d), 127);
    EXPECT_NEAR(at(golden.at("x_norm_scale").value, 0), 1.0 / 127, 1e-8);
  }
}

// dsv4-chain 3.2: the smaller index first; and a bias changes ids, not weights.
// HEAD's reference takes log1p, which differs from the written form by up to 1e-3 where exp(x) is far below one.
TEST(Gate, HeadAdmitsLog1p) {
  for (const float logit : {-3.0F, -8.25F, -9.125F, -9.5F, -9.75F, -9.875F, -9.9375F, -10.0F}) {
    StageCall call = two_channel_call("head", {1, logit});
    call.parameters["topk"] = 2;
    call.options["route_scale"] = "1";
    call.profile = load_profile("a2a3").value();
    const double inv = 1 / std::sqrt(1 + 1e-6), first = score_of(inv), second = score_of(logit * inv);
    const GoldenOutput weights = call.output("weights");
    EXPECT_LE(number_at(weights.lo, 1), second / (first + second)) << logit;
    EXPECT_GE(number_at(weights.hi, 1), second / (first + second)) << logit;
  }
}

TEST(Gate, EqualScoresKeepTheirOrder) {
  for (const std::string& profile : kProfiles) {
    StageCall call = two_channel_call(profile, {1, 0, 1, 1});
    EXPECT_EQ(ids_of(call.output("indices")), (std::vector<float>{0, 2})) << profile;
    call.profile = no_freedom();
    EXPECT_EQ(open_elements(call.output("indices")), 0) << profile;
    call.inputs["gate_bias"] = f32_tensor({4}, {0, 5, 0, 4});
    const GoldenMap golden = call.run().value();
    EXPECT_EQ(ids_of(golden.at("indices")), (std::vector<float>{1, 3})) << profile;
    EXPECT_NEAR(at(golden.at("weights").value, 0), score_of(0) / (score_of(0) + score_of(1)), 1e-6);
  }
}

// Logits so low that softplus underflows: 0/0 weights are open, ids are not. HEAD's floor keeps the scores apart.
TEST(Gate, VanishingScores) {
  for (const std::string& profile : kProfiles) {
    StageCall call = two_channel_call(profile, {-40, -50, -60});
    const GoldenMap golden = call.run().value();
    EXPECT_EQ(ids_of(golden.at("indices")), (std::vector<float>{0, 1})) << profile;
    EXPECT_EQ(open_elements(golden.at("indices")), 0) << profile;
    EXPECT_EQ(open_elements(golden.at("weights")), profile == "head" ? 0 : 2) << profile;
    call.profile = no_freedom();
    EXPECT_EQ(open_elements(call.output("weights")), profile == "head" ? 0 : 2) << profile;
    if (profile == "head") {
      EXPECT_NEAR(at(golden.at("weights").value, 1), 1 / (1 + std::exp(5.0)), 1e-6);
    }
  }
}

// What of a subject that chose `ids` lies outside the golden for those ids; empty: nothing.
template <class Real>
std::string outside_of(const StageCall& call, const std::map<std::string, std::vector<Real>>& subject,
                       const std::vector<std::int32_t>& ids, const std::vector<std::string>& names) {
  const GoldenMap golden = golden_given(call, ids, 6);
  std::string result;
  if (outside(golden.at("indices"), ids) != 0) result += "indices ";
  for (const std::string& name : names)
    if (const auto found = golden.find(name); found != golden.end())
      if (outside(found->second, subject.at(name)) + open_elements(found->second) != 0) result += name + " ";
  return result;
}

// What any implementation that the profile allows computes lies inside, its ids are admissible, its weights go with
// them; and so does the exact value.
TEST(Gate, EnclosesEveryImplementation) {
  EXPECT_TRUE(rc::check("inside", [](std::uint64_t seed) {
    FloatSamples samples(seed);
    const std::string profile = kProfiles[samples.below(3)];
    const auto channels = static_cast<std::int64_t>(8 * (2 + samples.below(samples.coin() ? 4 : 100)));
    const auto experts = static_cast<std::int64_t>(6 + samples.below(20));
    StageCall call = gate_call(profile, "pro", 2, channels, experts, seed);
    call.profile = some_machine(samples);
    if (samples.coin()) call.inputs.erase("gate_bias");
    if (samples.coin())  // many near-ties
      call.inputs.at("gate_w") = filled(DType::f32, {experts, channels}, "normal:scale=1e-4", seed, "w");
    if (samples.below(4) == 0)
      call.inputs.at("gate_w") = filled(DType::f32, {experts, channels}, "uniform:lo=-0.5,hi=0", seed, "w");
    const std::vector<std::string> rounded{"x_norm", "weights"}, all{"x_norm", "weights", "x_norm_i8", "x_norm_scale"};
    for (std::uint64_t i = 0; i < 3; ++i) {
      std::vector<std::int32_t> ids;
      const auto subject = ChainReference(FloatModel(call.profile, seed + i), call).gate(6, 2.5F, ids);
      RC_ASSERT(outside_of(call, subject, ids, all) == "");
    }
    if (!admits_exact_value(call.profile)) return;
    std::vector<std::int32_t> ids;
    const auto exact = ChainReference(ExactModel(), call).gate(6, 2.5F, ids);
    RC_ASSERT(outside_of(call, exact, ids, rounded) == "");
  }));
}

TEST(Gate, IsOneValueWithoutFreedom) {
  for (const std::string& profile : kProfiles) {
    StageCall call = gate_call(profile, "flash", 3, 64, 16, 5);
    call.profile = no_freedom();
    std::vector<std::int32_t> ids;
    const auto subject = ChainReference(FloatModel(call.profile, 0), call).gate(6, 1.5F, ids);
    for (const auto& [name, output] : outputs_of(call)) {
      if (name == "indices") {
        EXPECT_EQ(output.lo, output.value);
        EXPECT_EQ(outside(output, ids), 0) << profile;
      } else {
        EXPECT_TRUE(is_determined(output)) << name;
        EXPECT_EQ(outside(output, subject.at(name)), 0) << profile << " " << name;
      }
    }
  }
}

struct FaultCase {
  const char* name;
  ChainFaults faults;
  const char* output;
};

// The weights of the subject's own ids, so that nothing but the fault is wrong. B18 needs a bias that is not zero.
TEST(Gate, FaultsFallOutside) {
  const FaultCase cases[]{{"biased weights, seed bug B18", {.biased_weights = true}, "weights"},
                          {"not normalised", {.not_normalised = true}, "weights"},
                          {"no route scale", {.no_route_scale = true}, "weights"}};
  for (const std::string& profile : kProfiles) {
    const StageCall call = gate_call(profile, "pro", 4, 512, 32, 6);
    for (const FaultCase& fault : cases) {
      std::vector<std::int32_t> ids;
      const auto subject = ChainReference(FloatModel(call.profile, 7), call, fault.faults).gate(6, 2.5F, ids);
      const GoldenMap golden = golden_given(call, ids, 6);
      EXPECT_EQ(outside(golden.at("indices"), ids), 0) << fault.name;
      EXPECT_GT(outside(golden.at(fault.output), subject.at(fault.output)), 12) << profile << ": " << fault.name;
    }
  }
}

TEST(Gate, BiasedWeightsWithZeroBiasCannotBeSeen) {
  StageCall call = gate_call("p772", "pro", 4, 64, 32, 6);
  call.inputs.at("gate_bias") = Tensor(DType::f32, {32});
  std::vector<std::int32_t> ids;
  const auto subject = ChainReference(FloatModel(call.profile, 7), call, {.biased_weights = true}).gate(6, 2.5F, ids);
  EXPECT_EQ(outside(golden_given(call, ids, 6).at("weights"), subject.at("weights")), 0);
}

TEST(Gate, DroppedNormWeightFallsOutside) {
  for (const std::string& profile : kProfiles) {
    const StageCall call = gate_call(profile, "demo", 2, 64, 8, 8);
    std::vector<std::int32_t> ids;
    const auto subject = ChainReference(FloatModel(call.profile, 9), call, {.no_norm_weight = true}).gate(2, 1, ids);
    const GoldenMap golden = call.run().value();
    const char* name = profile == "p772" ? "x_norm" : "x_norm_i8";
    EXPECT_GT(outside(golden.at(name), subject.at(name)), 32) << profile;
  }
}

// Seed bug B03 on x_norm: inv is 1 / sqrt(1/4 + 1e-6) or so; norm_w moves every product to the middle of two bf16.
TEST(Gate, RoundInsteadOfRintFallsOutside) {
  StageCall call = gate_call("p772", "demo", 1, 64, 8, 10);
  call.inputs.at("x_mixed") = bf16_tensor({1, 64}, std::vector<float>(64, 0.0F));
  call.inputs.at("x_mixed").set_bits(0, 0x5D80);  // 2^60: inv is 8 / 2^60 whatever the order, eps is lost
  call.profile = no_freedom();
  const auto norm_w = call.inputs.at("norm_w").as<float>();
  norm_w[0] = 0x1.01p-3F;  // x_norm = 1 + 2^-8 before bf16
  const GoldenOutput golden = call.output("x_norm");
  EXPECT_EQ(golden.value.bits(0), 0x3F80u);
  std::vector<std::int32_t> ids;
  const auto wrong = ChainReference(FloatModel(call.profile, 0), call, {.stores_round = true}).gate(2, 1, ids);
  EXPECT_EQ(outside(golden, wrong.at("x_norm")), 1);
}

// Equal columns of gate_w, the same sums in the same order: a subject that keeps ties apart the other way is wrong
// where nothing is free, and only there.
TEST(Gate, LargerIndexFirstFallsOutsideWithoutFreedom) {
  StageCall call = two_channel_call("mid", {1, 0, 1, 1});
  call.profile = no_freedom();
  std::vector<std::int32_t> ids;
  ChainReference(FloatModel(call.profile, 0), call, {.larger_index_first = true}).gate(2, 1, ids);
  EXPECT_EQ(ids, (std::vector<std::int32_t>{3, 2}));
  EXPECT_EQ(outside(golden_given(call, ids, 2).at("indices"), ids), 1);
}

// Ids of a subject that nothing admits: repeated, out of range, a low score. The golden stays the first choice.
TEST(Gate, InadmissibleIdsAreNotTheGolden) {
  const StageCall call = two_channel_call("p772", {3, 2, 1, 0});
  for (const std::vector<std::int32_t>& ids :
       std::vector<std::vector<std::int32_t>>{{0, 0}, {0, 4}, {-1, 0}, {1, 0}, {0, 3}, {0, 1 << 30}}) {
    const GoldenMap golden = golden_given(call, ids, 2);
    EXPECT_EQ(ids_of(golden.at("indices")), (std::vector<float>{0, 1}));
    EXPECT_EQ(open_elements(golden.at("indices")), 0);
    EXPECT_GT(outside(golden.at("indices"), ids), 0);
  }
}

// Two scores closer than their hulls are wide: open without a subject, and each order is the golden of the subject that
// returned it.
TEST(Gate, NearTiesAreOpenOrFollowTheSubject) {
  StageCall call = two_channel_call("p772", {3, 1, 1.000001F, 0});
  const GoldenMap unobserved = call.run().value();
  EXPECT_EQ(ids_of(unobserved.at("indices")), (std::vector<float>{0, 2}));
  EXPECT_EQ(unobserved.at("indices").open, (std::vector<std::uint8_t>{0, 1}));
  EXPECT_EQ(unobserved.at("weights").open, (std::vector<std::uint8_t>{1, 1}));
  for (const std::int32_t second : {1, 2}) {
    const GoldenMap golden = golden_given(call, std::vector<std::int32_t>{0, second}, 2);
    EXPECT_EQ(ids_of(golden.at("indices")), (std::vector<float>{0, static_cast<float>(second)}));
    EXPECT_EQ(open_elements(golden.at("indices")) + open_elements(golden.at("weights")), 0);
  }
}

TEST(Gate, HashLayersTakeTheirIdsFromTheTable) {
  for (const std::string& profile : kProfiles) {
    StageCall call = gate_call(profile, "flash", 3, 64, 8, 11);
    call.parameters = {{"topk", 2}, {"layer_id", 2}};
    call.inputs["tid2eid"] = i32_tensor({4, 2}, std::vector<std::int32_t>{7, 6, 5, 4, 3, 2, 1, 0});
    call.inputs["input_ids"] = Tensor(DType::i64, {3});
    const auto tokens = call.inputs.at("input_ids").as<std::int64_t>();
    tokens[0] = 3, tokens[1] = 0, tokens[2] = 3;
    const GoldenMap golden = call.run().value();
    EXPECT_EQ(ids_of(golden.at("indices")), (std::vector<float>{1, 0, 7, 6, 1, 0}));
    std::vector<std::int32_t> ids{1, 0, 7, 6, 1, 0};
    const auto subject = ChainReference(FloatModel(call.profile, 12), call).gate(2, 1.5F, ids);
    EXPECT_EQ(outside(golden.at("weights"), subject.at("weights")), 0) << profile;
    call.parameters["layer_id"] = 3;  // not a hash layer any more
    EXPECT_NE(ids_of(call.output("indices")), ids_of(golden.at("indices")));
  }
}

TEST(Gate, InactiveTokensOfHeadAreZero) {
  StageCall call = gate_call("head", "flash", 3, 64, 8, 13);
  const GoldenMap whole = call.run().value();
  for (const std::int64_t active :
       {std::int64_t{-5}, std::int64_t{0}, std::int64_t{1}, std::int64_t{3}, std::int64_t{9}}) {
    call.parameters["num_tokens"] = active;
    for (const auto& [name, output] : outputs_of(call)) {
      const std::int64_t row = output.value.size() / 3;
      for (std::int64_t i = 0; i < output.value.size(); ++i) {
        const bool zeroed = i / row >= active;
        EXPECT_EQ(output.open[static_cast<std::size_t>(i)], zeroed && name == "x_norm_i8" ? 1 : 0) << name;
        if (output.open[static_cast<std::size_t>(i)]) continue;
        for (auto end : {&GoldenOutput::value, &GoldenOutput::lo, &GoldenOutput::hi})
          EXPECT_EQ((output.*end).bits(i), zeroed ? 0 : (whole.at(name).*end).bits(i)) << name;
      }
    }
  }
}

TEST(Gate, TokensThatAreNotFiniteAreOpen) {
  for (const std::string& profile : kProfiles) {
    StageCall call = gate_call(profile, "flash", 3, 64, 8, 14);
    call.inputs.at("x_mixed").set_bits(64 + 5, 0x7F80);
    for (const auto& [name, output] : outputs_of(call))
      for (std::size_t i = 0; i < output.open.size(); ++i)
        EXPECT_EQ(output.open[i], i / (output.open.size() / 3) == 1) << profile << " " << name;
  }
}

TEST(Gate, RelationsHold) {
  for (const std::string& profile : kProfiles)
    for (const Profile& target : {no_freedom(), machine("a2a3")}) {
      StageCall call = gate_call(profile, "flash", 4, 64, 16, 15);
      call.profile = target;
      EXPECT_TRUE(relations_hold(call)) << profile;
    }
}

// Which rows are active depends on where they stand: no relation of rows, and no false alarm.
TEST(Gate, InactiveTokensHaveNoRelationOfRows) {
  StageCall call = gate_call("head", "flash", 4, 64, 16, 15);
  const auto check = [&] {
    InputMap inputs;
    for (const auto& [name, tensor] : call.inputs) inputs[name] = &tensor;
    return check_relations(*find_stage("gate").value(), {inputs, call.parameters, call.options, call.profile}).value();
  };
  EXPECT_GT(check().trials.at(0), 0);
  call.parameters["num_tokens"] = 4;
  EXPECT_GT(check().trials.at(0), 0);
  call.parameters["num_tokens"] = 2;
  EXPECT_EQ(check().trials.at(0), 0);
  EXPECT_EQ(check().inapplicable, std::vector<std::string>{"rows of T: T is 4 and num_tokens 2"});
}

// x_norm scales with norm_w, and gate_w takes it back: logits, ids and weights stay.
TEST(Gate, PowersOfTwoOfTheNormWeight) {
  StageCall call = gate_call("p772", "flash", 4, 64, 16, 16);
  call.profile = no_freedom();
  const GoldenMap plain = call.run().value();
  call.inputs.at("norm_w") = times_power_of_two(call.inputs.at("norm_w"), 3);
  call.inputs.at("gate_w") = times_power_of_two(call.inputs.at("gate_w"), -3);
  const GoldenMap scaled = call.run().value();
  EXPECT_EQ(scaled.at("x_norm").value, times_power_of_two(plain.at("x_norm").value, 3));
  EXPECT_EQ(scaled.at("indices").value, plain.at("indices").value);
  EXPECT_EQ(scaled.at("weights").value, plain.at("weights").value);
}

TEST(Gate, RefusesWhatDoesNotFit) {
  const auto refused = [](auto change, const char* found) {
    StageCall call = gate_call("p772", "demo", 2, 64, 8, 17);
    change(call);
    const auto result = call.run();
    ASSERT_FALSE(result) << found;
    EXPECT_EQ(result.error().kind, ErrorKind::bad_input);
    EXPECT_NE(result.error().message.find(found), std::string::npos) << result.error().message;
  };
  const auto hash = [](StageCall& c, std::int32_t id, std::int64_t token) {
    c.options["config"] = "flash";
    c.parameters = {{"layer_id", 0}, {"topk", 1}};
    c.inputs["tid2eid"] = i32_tensor({2, 1}, std::vector<std::int32_t>{0, id});
    c.inputs["input_ids"] = Tensor(DType::i64, {2});
    c.inputs.at("input_ids").as<std::int64_t>()[0] = token;
  };
  refused([](StageCall& c) { c.parameters["topk"] = 9; }, "1 to 8");
  refused([](StageCall& c) { c.parameters["topk"] = -1; }, "1 to 8");
  refused([](StageCall& c) { c.parameters["layer_id"] = -2; }, "layer_id=-2");
  refused([](StageCall& c) { c.parameters["num_tokens"] = 1; }, "profile p772");
  refused([](StageCall& c) { c.options["route_scale"] = "nan"; }, "finite");
  refused([](StageCall& c) { c.options["route_scale"] = "1.5x"; }, "finite");
  refused([](StageCall& c) { c.options["profile"] = "head"; }, "expected bf16");
  refused([](StageCall& c) { c.options["config"] = "flash", c.parameters["layer_id"] = 0; }, "tid2eid");
  refused([&](StageCall& c) { hash(c, 8, 1); }, "0 to 7");
  refused([&](StageCall& c) { hash(c, -1, 1); }, "0 to 7");
  refused([&](StageCall& c) { hash(c, 0, 2); }, "0 to 1");
  refused([&](StageCall& c) { hash(c, 0, -1); }, "0 to 1");
  refused([&](StageCall& c) { hash(c, 0, 0), c.parameters["topk"] = 2; }, "columns");
  refused(
      [](StageCall& c) {
        c.inputs.at("x_mixed") = Tensor(DType::bf16, {2, 0});
        c.inputs.at("norm_w") = Tensor(DType::f32, {0});
        c.inputs.at("gate_w") = Tensor(DType::f32, {8, 0});
      },
      "positive multiple");
}

// Whatever the bits of the inputs, under every freedom: an answer with unique ids in range, and the strict one inside.
TEST(Gate, AnyInputsGiveAnAnswer) {
  FloatSamples samples(30);
  for (int i = 0; i < 100; ++i) {
    StageCall call = gate_call(kProfiles[samples.below(3)], "demo", 2, 8, 5, samples.bits());
    call.profile = samples.coin() ? flushing() : some_machine(samples);
    for (auto& [name, tensor] : call.inputs)
      if (samples.below(3) == 0) tensor = random_tensor(tensor.dtype(), tensor.shape(), samples, &FloatSamples::any);
    for (const auto& [name, output] : outputs_of(call)) {
      if (name == "x_norm" || name == "x_norm_scale" || name == "weights") {
        EXPECT_TRUE(is_enclosed(output)) << i << name;
      }
      if (name != "indices" || open_elements(output) != 0) continue;
      for (std::size_t t = 0; t < 2; ++t) {
        const auto ids = output.value.as<std::int32_t>().subspan(2 * t, 2);
        EXPECT_TRUE(ids[0] != ids[1] && std::min(ids[0], ids[1]) >= 0 && std::max(ids[0], ids[1]) < 5) << i;
      }
    }
  }
}

TEST(Gate, OutputsMatchTheirPorts) {
  for (const std::string& profile : kProfiles) EXPECT_EQ(broken_port(gate_call(profile, "pro", 3, 16, 8, 19)), "");
}

TEST(Gate, ObservedIdsOfAnotherShapeAreRefused) {
  const StageCall call = gate_call("p772", "demo", 2, 64, 8, 18);
  const Tensor ids(DType::i32, {2, 3});
  InputMap inputs;
  for (const auto& [name, tensor] : call.inputs) inputs[name] = &tensor;
  const InputMap observed{{"indices", &ids}};
  EXPECT_FALSE(evaluate(*find_stage("gate").value(), {inputs, {}, call.options, call.profile, &observed}));
}

TEST(Gate, BiasedWeightsFallOutsideAtProductionShape) {
  const StageCall call = gate_call("mid", "flash", 2, 4096, 256, 23);
  for (const bool biased : {false, true}) {
    std::vector<std::int32_t> ids;
    const auto subject =
        ChainReference(FloatModel(call.profile, 24), call, {.biased_weights = biased}).gate(6, 1.5F, ids);
    const GoldenMap golden = golden_given(call, ids, 6);
    EXPECT_EQ(outside(golden.at("indices"), ids), 0);
    const std::int64_t found = outside(golden.at("weights"), subject.at("weights"));
    EXPECT_TRUE(biased ? found >= 9 : found == 0) << found;
  }
}

TEST(Gate, ProductionShapes) {
  record_production(gate_call("p772", "demo", 16, 4096, 8, 20), "p772_demo");
  record_production(gate_call("mid", "flash", 128, 4096, 256, 21), "mid_flash");
  record_production(gate_call("head", "pro", 8, 7168, 384, 22), "head_pro");
}

}  // namespace
}  // namespace assay::goldens
