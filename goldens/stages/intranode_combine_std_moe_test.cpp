#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "goldens/intranode/expert_fabric.h"
#include "goldens/intranode/judge.h"
#include "goldens/relations/relation_test_support.h"

namespace assay::goldens {
namespace {

using intranode::Configuration;
using intranode::evaluate_observed;
using intranode::expert_case;
using intranode::ExpertCase;
using intranode::ExpertFabric;
using intranode::ExpertMutant;
using intranode::first_mismatch;
using intranode::naive_narrow;
using intranode::naive_widen;
using intranode::open_elements;
using intranode::Worlds;

StageCall combine_call(const ExpertCase& c) {
  StageCall call{.stage = "intranode_combine_std_moe",
                 .inputs = intranode::routing_of(c.dispatch_inputs, c.delivery),
                 .parameters = {{"epr", c.config.epr}, {"cap", c.config.cap}},
                 .options = {{"sentinel", "drop"}}};
  call.inputs["slot_of"] = c.delivery.outputs.at("slot_of");
  call.inputs["packed_recv_x"] = c.packed;
  call.inputs["recv_weights"] = c.weights;
  const DType dtype = c.packed.dtype();
  if (dtype == DType::e4m3fn || dtype == DType::e4m3fnuz) call.options["overflow"] = "satfinite";
  return call;
}

ExpertCase random_case(Worlds& worlds, bool wide = false) {
  Configuration config = worlds.configuration();
  config.once_per_token = true;
  config.m = std::min<std::int64_t>(config.m, 5);
  const DType dtype = worlds.pick({DType::bf16, DType::f32, DType::e4m3fn, DType::e4m3fnuz, DType::e2m1});
  return expert_case(worlds, config, wide ? DType::f32 : dtype);
}

void expect_accepts_a_subject(std::uint64_t seed) {
  Worlds worlds(seed);
  const ExpertCase c = random_case(worlds);
  const StageCall call = combine_call(c);
  const auto alone = call.run();
  ASSERT_TRUE(alone) << alone.error().message;
  for (const bool fuses : {false, true}) {
    const TensorMap actual = ExpertFabric(c, worlds, fuses).combine();
    const GoldenMap seen = evaluate_observed(call, &actual).value();
    EXPECT_EQ(first_mismatch(seen, actual, false), "") << seed;
    EXPECT_EQ(first_mismatch(*alone, actual, false), "") << seed;
  }
}

TEST(IntranodeCombineStdMoe, AcceptsEverySubject) {
  for (std::uint64_t seed = 0; seed < 120; ++seed) expect_accepts_a_subject(seed);
}
RC_GTEST_PROP(IntranodeCombineStdMoe, AcceptsAnySubject, (std::uint64_t seed)) { expect_accepts_a_subject(seed); }

// Given what was observed, a mutant is rejected exactly where an element is neither of the two answers.
TEST(IntranodeCombineStdMoe, RejectsMutants) {
  for (int mutant = 1; mutant < intranode::kExpertMutants; ++mutant) {
    int different = 0;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      Worlds worlds(seed * 1000 + static_cast<std::uint64_t>(mutant));
      const ExpertCase c = random_case(worlds, seed % 2 == 0);
      const TensorMap separate = ExpertFabric(c, worlds, false).combine(),
                      fused = ExpertFabric(c, worlds, true).combine();
      TensorMap wrong = ExpertFabric(c, worlds, seed % 2 == 0, static_cast<ExpertMutant>(mutant)).combine();
      Tensor& out = wrong["out"];
      // Elements that equal the fused answer take the separate one, so that what is left is neither.
      for (std::int64_t i = 0; i < out.size(); ++i)
        if (out.bits(i) == fused.at("out").bits(i)) out.set_bits(i, separate.at("out").bits(i));
      const bool differs = answers_differ(c.config, c.dispatch_inputs, separate, wrong);
      const GoldenMap golden = evaluate_observed(combine_call(c), &wrong).value();
      EXPECT_EQ(!first_mismatch(golden, wrong, false).empty(), differs) << "mutant " << mutant << ", seed " << seed;
      different += differs;
    }
    EXPECT_GE(different, 2) << "mutant " << mutant;
  }
}

// Token 0 of rank 0; every rank has `experts` experts and its term of them all.
struct Terms {
  std::vector<std::vector<std::pair<float, float>>> by_pe;  // weight, x
};
ExpertCase one_token(DType dtype, const Terms& terms) {
  const auto ws = static_cast<std::int64_t>(terms.by_pe.size()), epr = static_cast<std::int64_t>(terms.by_pe[0].size());
  Worlds worlds(1);
  const Configuration config{.ws = ws, .m = 1, .h = 32, .k = ws * epr, .epr = epr, .dtype = dtype};
  ExpertCase c{config,
               worlds.dispatch_inputs(config),
               {},
               Tensor(dtype, {ws, epr, ws, 32}),
               Tensor(DType::f32, {ws, ws, config.k})};
  for (std::int64_t i = 0; i < ws * config.k; ++i)
    c.dispatch_inputs["indices"].set_bits(i, static_cast<std::uint64_t>(i % config.k));
  for (std::int64_t rank = 0; rank < ws; ++rank) c.dispatch_inputs["tokens"].set_bits(rank, rank == 0);
  c.delivery = intranode::Fabric(config, c.dispatch_inputs, worlds).dispatch(true);
  for (std::int64_t pe = 0; pe < ws; ++pe)
    for (std::int64_t e = 0; e < epr; ++e) {
      const auto [weight, x] = terms.by_pe[static_cast<std::size_t>(pe)][static_cast<std::size_t>(e)];
      c.weights.set_bits(pe * ws * config.k + pe * epr + e, std::bit_cast<std::uint32_t>(weight));
      for (std::int64_t h = 0; h < 32; ++h)
        c.packed.set_bits((pe * epr + e) * ws * 32 + h, naive_narrow(dtype, x, Overflow::satall));
    }
  return c;
}

float value_of(const ExpertCase& c) {
  const GoldenOutput out = combine_call(c).output("out");
  return naive_widen(out.value.dtype(), out.value.bits(0));
}

// 3.5: PE 0 gets 1 and 2^-8, PE 1 gets 2^-8: each level rounds to 1; one level would give 1.0078125.
TEST(IntranodeCombineStdMoe, NarrowsAtBothLevels) {
  EXPECT_EQ(value_of(one_token(DType::bf16, {{{{1, 1}, {1, 0x1p-8f}}, {{1, 0x1p-8f}, {0, 0}}}})), 1.0F);
  EXPECT_EQ(value_of(one_token(DType::f32, {{{{1, 1}, {1, 0x1p-8f}}, {{1, 0x1p-8f}, {0, 0}}}})), 1.0078125F);
}

// Identity experts with weights that are powers of two: (sum of weights) * x (1.6).
TEST(IntranodeCombineStdMoe, IdentityExpertsSumWeights) {
  const Terms terms{{{{0.5F, 3}, {0.25F, 3}}, {{2, 3}, {8, 3}}}};
  for (const DType dtype : {DType::bf16, DType::f32}) EXPECT_EQ(value_of(one_token(dtype, terms)), 10.75F * 3);
}

// S6: 1 * -(1 + 2^-11) + (1 + 2^-12)^2 is 0 with two roundings and 2^-24 with one. Nothing between them is an answer.
TEST(IntranodeCombineStdMoe, TwoAnswersAndNothingBetween) {
  const ExpertCase c = one_token(DType::f32, {{{{1, -(1 + 0x1p-11f)}, {1 + 0x1p-12f, 1 + 0x1p-12f}}}});
  const StageCall call = combine_call(c);
  const GoldenOutput alone = call.output("out");
  EXPECT_EQ(at(alone.value, 0), 0.0F);
  EXPECT_EQ(at(alone.lo, 0), 0.0F);
  EXPECT_EQ(at(alone.hi, 0), 0x1p-24f);
  const auto accepted = [&](float answer) {
    TensorMap observed;
    observed["out"] = alone.value;
    observed["out"].set_bits(5, std::bit_cast<std::uint32_t>(answer));
    const GoldenMap golden = evaluate_observed(call, &observed).value();
    EXPECT_EQ(golden.at("out").lo, golden.at("out").hi);
    EXPECT_EQ(at(golden.at("out").value, 5), answer == 0x1p-24f ? answer : 0);
    return first_mismatch(golden, observed, false).empty();
  };
  EXPECT_TRUE(accepted(0));
  EXPECT_TRUE(accepted(0x1p-24f));
  EXPECT_FALSE(accepted(0x1p-25f));
  EXPECT_FALSE(accepted(0x1p-23f));
  EXPECT_FALSE(accepted(std::nanf("")));
}

// Every PE of one subject multiplies and adds the same way: 0 and 2^-23 are answers, one PE each way is not.
TEST(IntranodeCombineStdMoe, ContractionIsOneForAllPes) {
  const std::vector<std::pair<float, float>> terms{{1, -(1 + 0x1p-11f)}, {1 + 0x1p-12f, 1 + 0x1p-12f}};
  const StageCall call = combine_call(one_token(DType::f32, {{terms, terms}}));
  for (const auto& [answer, legal] : {std::pair{0.0F, true}, {0x1p-23f, true}, {0x1p-24f, false}}) {
    TensorMap observed;
    observed["out"] = f32_tensor({2, 1, 32}, std::vector<float>(64, answer));
    EXPECT_EQ(first_mismatch(evaluate_observed(call, &observed).value(), observed, false).empty(), legal) << answer;
  }
}

// Two roundings overflow to infinity and then to NaN; one does not. Open without observation, exact with it.
TEST(IntranodeCombineStdMoe, NanOfOneAnswerOnly) {
  const float inf = std::numeric_limits<float>::infinity();
  const ExpertCase c = one_token(DType::f32, {{{{0x1p127f, -1}, {0x1p127f, 2}}, {{1, -inf}, {0, 0}}}});
  const StageCall call = combine_call(c);
  EXPECT_TRUE(std::isnan(at(call.output("out").value, 0)));
  EXPECT_TRUE(call.output("out").open[0]);
  TensorMap observed;
  observed["out"] = f32_tensor({2, 1, 32}, std::vector<float>(64, -inf));
  const GoldenOutput out = evaluate_observed(call, &observed).value().at("out");
  EXPECT_EQ(at(out.value, 0), -inf);
  EXPECT_FALSE(out.open[0]);
}

// 0 or 2^-14 before 464 is added: 464 is the tie that goes to 448, and anything above it overflows.
TEST(IntranodeCombineStdMoe, OverflowOfOneAnswerOnly) {
  const float x = 1.125F, w = (1 + 0x1p-23f) * 4096;
  StageCall call = combine_call(one_token(DType::e4m3fn, {{{{-(1.125F + 0x1p-23f) * 4096, 1}, {w, x}, {464, 1}}}}));
  EXPECT_FALSE(call.output("out").open[0]);
  call.options["overflow"] = "nonsat";
  const GoldenOutput out = call.output("out");
  EXPECT_EQ(out.value.bits(0), 0x7Eu);
  EXPECT_TRUE(out.open[0]);
  for (const auto& [code, legal] : {std::pair{0x7Eu, true}, {0x7Fu, true}, {0x7Du, false}}) {
    TensorMap observed;
    observed["out"] = Tensor(DType::e4m3fn, {1, 1, 32});
    for (std::int64_t h = 0; h < 32; ++h) observed["out"].set_bits(h, code);
    EXPECT_EQ(first_mismatch(evaluate_observed(call, &observed).value(), observed, false).empty(), legal) << code;
  }
}

// 3.3: what NaN becomes in a format without one is implementation defined.
TEST(IntranodeCombineStdMoe, NanInFp4IsOpen) {
  EXPECT_TRUE(combine_call(one_token(DType::e2m1, {{{{std::nanf(""), 1}}}})).output("out").open[0]);
  EXPECT_FALSE(combine_call(one_token(DType::e2m1, {{{{1, 1}}}})).output("out").open[0]);
}

TEST(IntranodeCombineStdMoe, SignOfZero) {
  const GoldenOutput both = combine_call(one_token(DType::bf16, {{{{1, -0.0F}, {-2, 0}}}})).output("out");
  EXPECT_EQ(both.lo.bits(0), 0x8000u);
  EXPECT_EQ(both.hi.bits(0), 0u);
  const GoldenOutput one = combine_call(one_token(DType::bf16, {{{{1, -0.0F}, {2, 0}}}})).output("out");
  EXPECT_EQ(one.lo.bits(0), 0u);
  // Between the levels a negative number becomes -0, where the format has one.
  EXPECT_EQ(combine_call(one_token(DType::e4m3fn, {{{{0x1p-20f, -1}}}})).output("out").lo.bits(0), 0x80u);
  EXPECT_EQ(combine_call(one_token(DType::e4m3fnuz, {{{{0x1p-20f, -1}}}})).output("out").lo.bits(0), 0u);
}

TEST(IntranodeCombineStdMoe, FlushedSubnormals) {
  StageCall call = combine_call(one_token(DType::f32, {{{{0x1p-70f, 0x1p-60f}, {1, 0x1p-125f}}}}));
  EXPECT_EQ(at(call.output("out").value, 0), 0x1p-125f + 0x1p-130f);
  call.profile = flushing();
  const GoldenOutput out = call.output("out");
  EXPECT_EQ(at(out.lo, 0), 0x1p-125f);
  EXPECT_EQ(at(out.hi, 0), 0x1p-125f + 0x1p-130f);
  StageCall normal = combine_call(one_token(DType::f32, {{{{3, 5}, {1, 7}}}}));
  normal.profile = flushing();
  EXPECT_EQ(at(normal.output("out").lo, 0), 22);
  EXPECT_EQ(at(normal.output("out").hi, 0), 22);
}

// With flushing everything that is legal without it stays inside.
TEST(IntranodeCombineStdMoe, FlushingOnlyWidens) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Worlds worlds(seed);
    ExpertCase c = random_case(worlds);
    for (std::int64_t i = 0; i < c.packed.size() && c.packed.dtype() == DType::bf16; ++i)
      if (worlds.below(3) == 0) c.packed.set_bits(i, worlds.samples.bits() & 0x80FF);
    StageCall call = combine_call(c);
    call.profile = flushing();
    for (const bool fuses : {false, true})
      EXPECT_EQ(first_mismatch(call.run().value(), ExpertFabric(c, worlds, fuses).combine(), false), "") << seed;
  }
}

void expect_bad(const StageCall& call, const std::string& part) {
  const auto result = call.run();
  ASSERT_FALSE(result) << part;
  EXPECT_EQ(result.error().kind, ErrorKind::bad_input);
  EXPECT_NE(result.error().message.find(part), std::string::npos) << result.error().message;
}

TEST(IntranodeCombineStdMoe, IllegalInputs) {
  const StageCall good = combine_call(one_token(DType::bf16, {{{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}}}));
  ASSERT_TRUE(good.run());
  StageCall call = good;
  call.options["quant"] = "fp8_direct_cast";
  expect_bad(call, "quant=fp8_direct_cast with StdMoE");
  call = good;
  call.inputs["slot_of"].set_bits(0, 1);
  expect_bad(call, "slot_of[0, 0, 0] is 1, expected 0 to 0");
  call.inputs["slot_of"].set_bits(0, static_cast<std::uint64_t>(-1));
  expect_bad(call, "slot_of[0, 0, 0] is -1");
  call = good;
  call.inputs["packed_recv_x"] = Tensor(DType::bf16, {2, 2, 3, 32});
  expect_bad(call, "2 buckets of 3 rows per PE, expected epr = 2 of E = 2");
  call.inputs["packed_recv_x"] = Tensor(DType::bf16, {2, 2, 2, 4});
  expect_bad(call, "multiple of 16 bytes");
  call = good;
  call.parameters["epr"] = std::int64_t{1} << 29;
  expect_bad(call, "total_recv[1] is 1, expected 0");  // all ids are PE 0's then
  // The slot_of of foreign ids is not looked at.
  call = good;
  call.inputs["slot_of"].set_bits(2, 1 << 20);
  EXPECT_EQ(call.output("out").value, good.output("out").value);
}

// Two slots of one expert in one row.
TEST(IntranodeCombineStdMoe, RowsAreTakenOnce) {
  Worlds worlds(9);
  const Configuration config{.ws = 1, .m = 2, .h = 32, .k = 1, .epr = 1};
  ExpertCase c = expert_case(worlds, config, DType::bf16);
  c.dispatch_inputs["tokens"].set_bits(0, 2);
  c.dispatch_inputs["indices"].set_bits(0, 0);
  c.dispatch_inputs["indices"].set_bits(1, 0);
  c.delivery = intranode::Fabric(config, c.dispatch_inputs, worlds).dispatch(true);
  StageCall call = combine_call(c);
  EXPECT_TRUE(call.run());
  call.inputs["slot_of"].set_bits(1, call.inputs["slot_of"].bits(0));
  expect_bad(call, "a second time");
}

TEST(IntranodeCombineStdMoe, Relations) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    Worlds worlds(seed);
    const Configuration config{.ws = 3,
                               .m = 4,
                               .h = 32,
                               .k = 2,
                               .epr = 4,
                               .cap = seed % 2 == 0 ? 0 : 9,
                               .routing = static_cast<intranode::RoutingKind>(seed % intranode::kRoutingKinds),
                               .once_per_token = true};
    ExpertCase c = expert_case(worlds, config, seed % 3 == 0 ? DType::f32 : DType::bf16);
    c.dispatch_inputs["tokens"].as<std::int32_t>()[1] = std::min(2, c.dispatch_inputs["tokens"].as<std::int32_t>()[1]);
    c.delivery = intranode::Fabric(config, c.dispatch_inputs, worlds).dispatch(true);
    c.packed = worlds.addends(c.packed.dtype(), c.packed.shape());
    c.weights = worlds.addends(DType::f32, c.weights.shape());
    EXPECT_TRUE(relations_hold(combine_call(c), {}, seed));
  }
}

}  // namespace
}  // namespace assay::goldens
