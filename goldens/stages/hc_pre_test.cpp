#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "goldens/relations/relation_test_support.h"
#include "goldens/stages/chain_test_support.h"

namespace assay::goldens {
namespace {

const std::vector<std::string> kProfiles{"p772", "mid", "head"};

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

// Where scale is zero, base alone decides: post = 2 sigmoid(base), and x_mixed weighs with sigmoid(base) + 1e-6. Equal
// logits make comb uniform: the fixed point of c / (4 c + eps) is (1 - eps) / 4.
TEST(HcPre, BaseAloneDecidesWhereScaleIsZero) {
  for (const std::string& profile : kProfiles) {
    StageCall call = hc_pre_call(profile, 2, 4, 8, 1);
    call.inputs.at("scale") = f32_tensor({3}, {0, 0, 0});
    std::vector<float> base(24, 0.75F);
    base[5] = -1;
    call.inputs.at("base") = f32_tensor({24}, base);
    const GoldenMap golden = call.run().value();
    for (std::int64_t t = 0; t < 2; ++t) {
      EXPECT_NEAR(at(golden.at("post").value, t * 4), 2 * logistic(0.75), 1e-6);
      EXPECT_NEAR(at(golden.at("post").value, t * 4 + 1), 2 * logistic(-1), 1e-6);
      for (std::int64_t i = 0; i < 16; ++i) EXPECT_NEAR(at(golden.at("comb").value, t * 16 + i), (1 - 1e-6) / 4, 1e-7);
      for (std::int64_t d = 0; d < 8; ++d) {
        double sum = 0;
        for (std::int64_t h = 0; h < 4; ++h)
          sum += static_cast<double>(at(call.inputs.at("x_hc"), (t * 4 + h) * 8 + d)) * (logistic(0.75) + 1e-6);
        EXPECT_NEAR(at(golden.at("x_mixed").value, t * 8 + d), sum, std::fabs(sum) * 0x1p-8 + 1e-6);
      }
    }
  }
}

// A row of fn that is one at k picks x_k: post = 2 sigmoid(x_k * inv * scale).
TEST(HcPre, OneHotRowsPickAnElement) {
  StageCall call = hc_pre_call("p772", 1, 4, 16, 2);
  Tensor& fn = call.inputs.at("fn");
  std::ranges::fill(fn.as<float>(), 0.0F);
  for (std::size_t h = 0; h < 4; ++h) fn.as<float>()[(4 + h) * 64 + 7 * h + 3] = 1;
  double squares = 0;
  for (std::int64_t k = 0; k < 64; ++k) squares += std::pow(static_cast<double>(at(call.inputs.at("x_hc"), k)), 2);
  const GoldenOutput post = call.output("post");
  for (std::int64_t h = 0; h < 4; ++h) {
    const double x = at(call.inputs.at("x_hc"), 7 * h + 3);
    EXPECT_NEAR(at(post.value, h), 2 * logistic(0.5 * x / std::sqrt(squares / 64 + 1e-6)), 1e-6);
  }
}

// Logits far apart: comb is a permutation, input stream i to output stream (i + 1) mod 4.
TEST(HcPre, CombIsInByOut) {
  StageCall call = hc_pre_call("mid", 1, 4, 8, 3);
  std::vector<float> base(24, 0.0F);
  for (std::size_t i = 0; i < 4; ++i) base[8 + 4 * i + (i + 1) % 4] = 40;
  call.inputs.at("base") = f32_tensor({24}, base);
  const GoldenOutput comb = call.output("comb");
  for (std::int64_t i = 0; i < 4; ++i)
    for (std::int64_t j = 0; j < 4; ++j)
      EXPECT_NEAR(at(comb.value, i * 4 + j), j == (i + 1) % 4 ? 1.0 : 0.0, 1e-5) << i << j;
}

// The last step normalises columns: sum over the inputs is 1 - eps or so.
TEST(HcPre, ColumnsOfCombAddUpToOne) {
  StageCall call = hc_pre_call("head", 3, 4, 64, 4);
  for (const std::int64_t iterations : {1, 2, 20}) {
    call.parameters["sinkhorn_iterations"] = iterations;
    const GoldenOutput comb = call.output("comb");
    for (std::int64_t t = 0; t < 3; ++t)
      for (std::int64_t j = 0; j < 4; ++j) {
        double sum = 0;
        for (std::int64_t i = 0; i < 4; ++i) sum += at(comb.value, (t * 4 + i) * 4 + j);
        EXPECT_NEAR(sum, 1, 3e-6);
      }
  }
}

template <class Real>
std::string outside_of(const GoldenMap& golden, const std::map<std::string, std::vector<Real>>& subject) {
  std::string result;
  for (const auto& [name, output] : golden)
    if (outside(output, subject.at(name)) + open_elements(output) != 0) result += name + " ";
  return result;
}

// What any implementation that the profile allows computes, and the exact value, lie inside.
TEST(HcPre, EnclosesEveryImplementation) {
  EXPECT_TRUE(rc::check("inside", [](std::uint64_t seed) {
    FloatSamples samples(seed);
    const auto channels = static_cast<std::int64_t>(4 + samples.below(samples.coin() ? 16 : 300));
    StageCall call = hc_pre_call(kProfiles[samples.below(3)], 2, 4, channels, seed);
    call.profile = some_machine(samples);
    const int iterations = samples.coin() ? 20 : 1 + static_cast<int>(samples.below(5));
    call.parameters["sinkhorn_iterations"] = iterations;
    const bool far_base = samples.coin();
    if (far_base)
      call.inputs.at("base") = filled(DType::f32, {24}, fmt::format("normal:scale={}", samples.below(8)), seed, "b");
    const GoldenMap golden = call.run().value();
    for (std::uint64_t i = 0; i < 3; ++i)
      RC_ASSERT(outside_of(golden, ChainReference(FloatModel(call.profile, seed + i), call).hc_pre(iterations)) == "");
    // The rounding after adding a large base to few terms is wider than what their orders leave.
    if (admits_exact_value(call.profile) && channels >= 64 && !far_base)
      RC_ASSERT(outside_of(golden, ChainReference(ExactModel(), call).hc_pre(iterations)) == "");
  }));
}

// Without freedom the golden is one value, which strict evaluation written apart gives bit for bit.
TEST(HcPre, IsOneValueWithoutFreedom) {
  for (const std::string& profile : kProfiles) {
    StageCall call = hc_pre_call(profile, 2, 4, 40, 5);
    call.profile = no_freedom();
    const GoldenMap golden = call.run().value();
    const auto subject = ChainReference(FloatModel(call.profile, 0), call).hc_pre();
    for (const auto& [name, output] : golden) {
      EXPECT_TRUE(is_determined(output)) << name;
      EXPECT_EQ(outside(output, subject.at(name)), 0) << profile << " " << name;
    }
  }
}

struct FaultCase {
  const char* name;
  ChainFaults faults;
  int iterations;
  const char* output;
};

// Every one of them stays inside the peers' tolerances on some fixture (dsv4-chain 12).
TEST(HcPre, FaultsFallOutside) {
  const FaultCase cases[]{{"comb transposed", {.transposed_comb = true}, 20, "comb"},
                          {"1 iteration", {}, 1, "comb"},
                          {"2 iterations", {}, 2, "comb"},
                          {"no factor 2", {.no_post_factor = true}, 20, "post"}};
  for (const std::string& profile : kProfiles) {
    StageCall call = hc_pre_call(profile, 4, 4, 256, 6);
    call.inputs.at("base") = filled(DType::f32, {24}, "normal", 6, "base");
    const GoldenMap golden = call.run().value();
    for (const FaultCase& fault : cases) {
      const auto subject = ChainReference(FloatModel(call.profile, 7), call, fault.faults).hc_pre(fault.iterations);
      EXPECT_GT(outside(golden.at(fault.output), subject.at(fault.output)), 0) << profile << ": " << fault.name;
    }
  }
}

// pre is sigmoid + 1e-6: where the sigmoid vanishes the rest is all there is.
TEST(HcPre, DroppedEpsOfPreFallsOutside) {
  for (const std::string& profile : kProfiles) {
    StageCall call = hc_pre_call(profile, 2, 4, 32, 8);
    call.inputs.at("base") = f32_tensor({24}, std::vector<float>(24, -12.0F));
    const GoldenOutput golden = call.output("x_mixed");
    const auto subject = ChainReference(FloatModel(call.profile, 9), call, {.no_hc_eps = true}).hc_pre();
    EXPECT_GT(outside(golden, subject.at("x_mixed")), golden.value.size() / 2) << profile;
  }
}

// Each normalisation adds 1e-6: it shows in the entries that are smaller than that.
TEST(HcPre, DroppedEpsOfCombFallsOutside) {
  for (const std::string& profile : kProfiles) {
    StageCall call = hc_pre_call(profile, 2, 4, 64, 18);
    std::vector<float> base(24, 0.0F);
    for (std::size_t i = 0; i < 4; ++i) base[8 + 5 * i] = 12;
    call.inputs.at("base") = f32_tensor({24}, base);
    const auto subject = ChainReference(FloatModel(call.profile, 9), call, {.no_hc_eps = true}).hc_pre();
    EXPECT_GT(outside(call.output("comb"), subject.at("comb")), 16) << profile;
  }
}

// inv on the way into the dot product rounds otherwise; free orders hide that, the specified order shows it.
TEST(HcPre, InvBeforeTheDotFallsOutsideWithoutFreedom) {
  StageCall call = hc_pre_call("p772", 4, 4, 64, 10);
  call.profile = no_freedom();
  const auto subject = ChainReference(FloatModel(call.profile, 11), call, {.inv_before_dot = true}).hc_pre();
  EXPECT_GT(outside(call.output("post"), subject.at("post")), 0);
}

// Seed bug B03. sigmoid(-200) is zero, so pre is 1e-6 alone, and the stream's value is one whose product by it lies
// halfway between two bf16.
TEST(HcPre, RoundInsteadOfRintFallsOutside) {
  StageCall call = hc_pre_call("head", 1, 4, 256, 12);
  std::vector<float> base(24, 0.0F);
  std::fill_n(base.begin(), 4, -200.0F);
  call.inputs.at("base") = f32_tensor({24}, base);
  const auto x = call.inputs.at("x_hc").as<float>();
  std::ranges::fill(x, 0.0F);
  int ties = 0;
  for (std::size_t d = 0; d < 256; ++d) {
    const float half = std::bit_cast<float>(0x3F808000u + static_cast<std::uint32_t>(d << 17));  // above an even one
    for (float candidate = half / 1e-6F * (1 - 0x1p-20F); candidate < half / 1e-6F * (1 + 0x1p-20F);
         candidate = std::nextafter(candidate, 0x1p60F))
      if (candidate * 1e-6F == half) x[d] = candidate;
    ties += x[d] != 0;
  }
  ASSERT_GT(ties, 64);
  const GoldenOutput golden = call.output("x_mixed");
  const auto right = ChainReference(FloatModel(call.profile, 13), call).hc_pre();
  EXPECT_EQ(outside(golden, right.at("x_mixed")), 0);
  const auto wrong = ChainReference(FloatModel(call.profile, 13), call, {.stores_round = true}).hc_pre();
  EXPECT_EQ(outside(golden, wrong.at("x_mixed")), ties);
}

TEST(HcPre, RelationsHold) {
  for (const std::string& profile : kProfiles)
    for (const Profile& target : {no_freedom(), machine("a2a3")}) {
      StageCall call = hc_pre_call(profile, 4, 4, 24, 14);
      call.profile = target;
      EXPECT_TRUE(relations_hold(call)) << profile;
    }
}

// A token that is not finite is open, and no other is.
TEST(HcPre, TokensThatAreNotFiniteAreOpen) {
  StageCall call = hc_pre_call("p772", 3, 4, 8, 15);
  const GoldenMap plain = call.run().value();
  call.inputs.at("x_hc").set_bits(32 + 5, 0x7FC0);  // NaN in token 1
  for (const auto& [name, output] : outputs_of(call)) {
    const auto row = static_cast<std::size_t>(output.value.size() / 3);
    for (std::size_t i = 0; i < output.open.size(); ++i) {
      EXPECT_EQ(output.open[i], i / row == 1) << name;
      if (i / row == 1) continue;
      EXPECT_EQ(output.value.bits(static_cast<std::int64_t>(i)),
                plain.at(name).value.bits(static_cast<std::int64_t>(i)));
    }
  }
}

TEST(HcPre, RefusesWhatDoesNotFit) {
  const auto refused = [](auto change, const char* found) {
    StageCall call = hc_pre_call("p772", 2, 4, 8, 16);
    change(call);
    const auto result = call.run();
    ASSERT_FALSE(result) << found;
    EXPECT_EQ(result.error().kind, ErrorKind::bad_input);
    EXPECT_NE(result.error().message.find(found), std::string::npos) << result.error().message;
  };
  refused([](StageCall& c) { c.inputs.at("fn") = Tensor(DType::f32, {24, 31}); }, "24x32");
  refused(
      [](StageCall& c) {
        c.inputs.at("fn") = Tensor(DType::f32, {23, 32});
        c.inputs.at("base") = Tensor(DType::f32, {23});
      },
      "M = 23");
  refused([](StageCall& c) { c.options["profile"] = "tail"; }, "head, mid, p772");
  refused([](StageCall& c) { c.options["config"] = "mini"; }, "demo, flash, pro");
  refused([](StageCall& c) { c.options["profile"] = "head"; }, "expected f32");
  refused([](StageCall& c) { c.parameters["sinkhorn_iterations"] = -1; }, "1 to 1000");
  refused([](StageCall& c) { c.parameters["sinkhorn_iterations"] = std::int64_t{1} << 40; }, "1 to 1000");
  refused(
      [](StageCall& c) {
        c.inputs.at("x_hc") = Tensor(DType::bf16, {2, 4, 0});
        c.inputs.at("fn") = Tensor(DType::f32, {24, 0});
      },
      "at least 1");
}

// Whatever the bits of the inputs, under every freedom: an answer, and the strict one lies inside.
TEST(HcPre, AnyInputsGiveAnAnswer) {
  FloatSamples samples(30);
  for (int i = 0; i < 60; ++i) {
    StageCall call = hc_pre_call(kProfiles[samples.below(3)], 2, 4, 4, samples.bits());
    call.profile = samples.coin() ? flushing() : some_machine(samples);
    for (auto& [name, tensor] : call.inputs)
      if (samples.below(3) == 0) tensor = random_tensor(tensor.dtype(), tensor.shape(), samples, &FloatSamples::any);
    for (const auto& [name, output] : outputs_of(call)) EXPECT_TRUE(is_enclosed(output)) << i << name;
  }
}

TEST(HcPre, OutputsMatchTheirPorts) {
  for (const std::string& profile : kProfiles) EXPECT_EQ(broken_port(hc_pre_call(profile, 3, 4, 8, 19)), "");
}

TEST(HcPre, NoTokensAreNoRows) {
  EXPECT_EQ(hc_pre_call("mid", 0, 4, 8, 17).output("comb").value.shape(), (Shape{0, 4, 4}));
}

// Long sums are wide; faults are wider. P772's own fixture, on which the peers' tolerances pass the first two.
TEST(HcPre, FaultsFallOutsideAtProductionShape) {
  const StageCall call = hc_pre_call("p772", 1, 4, 4096, 23);
  const GoldenOutput comb = call.output("comb");
  const auto outside_with = [&](ChainFaults faults, int iterations) {
    return outside(comb, ChainReference(FloatModel(call.profile, 24), call, faults).hc_pre(iterations).at("comb"));
  };
  EXPECT_EQ(outside_with({}, 20), 0);
  EXPECT_GT(outside_with({}, 1), 8);
  EXPECT_GT(outside_with({}, 2), 4);
  EXPECT_GT(outside_with({.transposed_comb = true}, 20), 8);
}

TEST(HcPre, ProductionShapes) {
  record_production(hc_pre_call("p772", 16, 4, 4096, 20), "p772");
  record_production(hc_pre_call("mid", 128, 4, 4096, 21), "mid_flash");
  record_production(hc_pre_call("head", 8, 4, 7168, 22), "head_pro");
}

}  // namespace
}  // namespace assay::goldens
