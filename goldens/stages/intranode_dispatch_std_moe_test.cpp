#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "goldens/intranode/fabric.h"
#include "goldens/intranode/judge.h"
#include "goldens/relations/relation_test_support.h"

namespace assay::goldens {
namespace {

using intranode::Configuration;
using intranode::Delivery;
using intranode::DispatchMutant;
using intranode::evaluate_observed;
using intranode::Fabric;
using intranode::first_mismatch;
using intranode::open_elements;
using intranode::Worlds;

StageCall packed_call(const Configuration& config, TensorMap inputs) {
  return {.stage = "intranode_dispatch_std_moe",
          .inputs = std::move(inputs),
          .parameters = {{"epr", config.epr}, {"cap", config.cap}},
          .options = {{"sentinel", "drop"}}};
}

Configuration packed_configuration(Worlds& worlds) {
  Configuration config = worlds.configuration();
  config.once_per_token = true;
  config.m = std::min<std::int64_t>(config.m, 5);
  return config;
}

void expect_accepts_a_subject(std::uint64_t seed) {
  Worlds worlds(seed);
  const Configuration config = packed_configuration(worlds);
  const StageCall call = packed_call(config, worlds.dispatch_inputs(config));
  const Delivery delivery = Fabric(config, call.inputs, worlds).dispatch(true);
  const auto golden = evaluate_observed(call, &delivery.outputs), alone = call.run();
  ASSERT_TRUE(golden) << golden.error().message;
  ASSERT_TRUE(alone) << alone.error().message;
  EXPECT_EQ(first_mismatch(*golden, delivery.outputs, true), "") << seed;
  EXPECT_EQ(first_mismatch(*alone, delivery.outputs, true), "") << seed;
  std::int64_t pairs = 0, received = 0;
  for (const std::int32_t count : golden->at("packed_recv_count").value.as<std::int32_t>()) pairs += count;
  for (const std::int64_t count : delivery.counts) received += count;
  EXPECT_TRUE(is_determined(golden->at("packed_recv_count")));
  const std::int64_t rows = golden->at("packed_recv_src_info").value.size();
  EXPECT_EQ(open_elements(golden->at("packed_recv_src_info")), rows - pairs);
  EXPECT_EQ(open_elements(golden->at("packed_recv_x")), (rows - pairs) * config.h);
  EXPECT_EQ(open_elements(golden->at("slot_of")), (config.ws * config.slots() - received) * config.k);
}

TEST(IntranodeDispatchStdMoe, AcceptsEverySubject) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) expect_accepts_a_subject(seed);
}
RC_GTEST_PROP(IntranodeDispatchStdMoe, AcceptsAnySubject, (std::uint64_t seed)) { expect_accepts_a_subject(seed); }

TEST(IntranodeDispatchStdMoe, RejectsMutants) {
  for (int mutant = static_cast<int>(DispatchMutant::foreign_counted); mutant < intranode::kDispatchMutants; ++mutant) {
    int bitten = 0;
    for (std::uint64_t seed = 0; seed < 80; ++seed) {
      Worlds worlds(seed * 1000 + static_cast<std::uint64_t>(mutant));
      const Configuration config = packed_configuration(worlds);
      const StageCall call = packed_call(config, worlds.dispatch_inputs(config));
      const Delivery delivery = Fabric(config, call.inputs, worlds, static_cast<DispatchMutant>(mutant)).dispatch(true);
      const GoldenMap golden = evaluate_observed(call, &delivery.outputs).value();
      EXPECT_EQ(!first_mismatch(golden, delivery.outputs, true).empty(), delivery.bites)
          << "mutant " << mutant << ", seed " << seed;
      bitten += delivery.bites;
    }
    EXPECT_GE(bitten, 3) << "mutant " << mutant;
  }
}

// Without a cap and with every row in use, the counts of all PEs add up to ws * M * k (1.7).
TEST(IntranodeDispatchStdMoe, CountsAreConserved) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Worlds worlds(seed);
    const Configuration config{.ws = 4, .m = 3, .h = 32, .k = 6, .epr = 2};
    StageCall call = packed_call(config, worlds.dispatch_inputs(config));
    std::ranges::fill(call.inputs["tokens"].as<std::int32_t>(), 3);
    for (std::int64_t source = 0; source < 12; ++source) {
      const auto ids = worlds.token_ids(config);
      for (std::size_t j = 0; j < 6; ++j)
        call.inputs["indices"].as<std::int32_t>()[static_cast<std::size_t>(source) * 6 + j] =
            static_cast<std::int32_t>(ids[j]);
    }
    const GoldenOutput counts = call.output("packed_recv_count");
    std::int64_t total = 0;
    for (const std::int32_t count : counts.value.as<std::int32_t>()) total += count;
    EXPECT_EQ(total, 4 * 3 * 6);
    EXPECT_TRUE(is_determined(counts));
  }
}

// Under a cap the counts are bounded by the sets that a PE may accept, tightly.
TEST(IntranodeDispatchStdMoe, CountsUnderACap) {
  Worlds worlds(11);
  const Configuration config{.ws = 2, .m = 3, .h = 32, .k = 2, .epr = 3, .cap = 4};
  StageCall call = packed_call(config, worlds.dispatch_inputs(config));
  std::ranges::fill(call.inputs["tokens"].as<std::int32_t>(), 3);
  // PE 0: all six sources, of which four have expert 0 and three expert 1. PE 1: source 5, expert 4.
  const std::array<std::int32_t, 12> ids{0, 1, 0, 1, 0, 1, 0, 2, 2, -1, 2, 4};
  call.inputs["indices"] = Tensor(DType::i32, {2, 3, 2});
  std::ranges::copy(ids, call.inputs["indices"].as<std::int32_t>().begin());
  const GoldenMap golden = call.run().value();
  const auto bounds = [&](std::size_t at) {
    const GoldenOutput& counts = golden.at("packed_recv_count");
    return std::pair(counts.lo.as<std::int32_t>()[at], counts.hi.as<std::int32_t>()[at]);
  };
  EXPECT_EQ(bounds(0), std::pair(2, 4));
  EXPECT_EQ(bounds(1), std::pair(1, 3));
  EXPECT_EQ(bounds(2), std::pair(1, 3));
  EXPECT_EQ(bounds(4), std::pair(1, 1));
  // Rows that some set leaves out are open whatever they hold; PE 1 has one candidate and nothing open in use.
  EXPECT_TRUE(golden.at("packed_recv_src_info").open[2]);
  EXPECT_FALSE(golden.at("packed_recv_src_info").open[(3 + 1) * 6]);
  EXPECT_EQ(golden.at("packed_recv_src_info").value.as<std::int32_t>()[(3 + 1) * 6], 5);
  EXPECT_EQ(golden.at("slot_of").value.as<std::int32_t>()[4 * 2 + 1], 6);
  EXPECT_FALSE(golden.at("slot_of").open[4 * 2 + 1]);
  std::map<std::size_t, std::set<std::uint64_t>> seen;
  for (int run = 0; run < 300; ++run) {
    const Delivery delivery = Fabric(config, call.inputs, worlds).dispatch(true);
    EXPECT_EQ(first_mismatch(golden, delivery.outputs, true), "");
    for (std::size_t at = 0; at < 3; ++at)
      seen[at].insert(delivery.outputs.at("packed_recv_count").bits(static_cast<std::int64_t>(at)));
  }
  EXPECT_EQ(seen[0], (std::set<std::uint64_t>{2, 3, 4}));
  EXPECT_EQ(seen[1], (std::set<std::uint64_t>{1, 2, 3}));
}

TEST(IntranodeDispatchStdMoe, RepeatedIds) {
  Worlds worlds(12);
  const Configuration config{.ws = 1, .m = 2, .h = 32, .k = 3, .epr = 2};
  StageCall call = packed_call(config, worlds.dispatch_inputs(config));
  call.inputs["tokens"].as<std::int32_t>()[0] = 2;
  call.inputs["indices"] = Tensor(DType::i32, {1, 2, 3});
  const std::array<std::int32_t, 6> ids{-1, -1, -1, 1, 0, 1};
  std::ranges::copy(ids, call.inputs["indices"].as<std::int32_t>().begin());
  EXPECT_NE(call.run().error().message.find("indices[0, 1] has expert 1 twice"), std::string::npos);
  call.options["repeated_ids"] = "allow";
  const GoldenMap golden = call.run().value();
  EXPECT_EQ(golden.at("packed_recv_count").value.as<std::int32_t>()[1], 2);
  EXPECT_TRUE(golden.at("slot_of").open[0]);  // either of the two rows
  EXPECT_FALSE(golden.at("slot_of").open[1]);
  EXPECT_EQ(golden.at("slot_of").value.as<std::int32_t>()[1], 0);
  std::set<std::uint64_t> first_rows;
  for (int run = 0; run < 40; ++run) {
    const Delivery delivery = Fabric(config, call.inputs, worlds).dispatch(true);
    const GoldenMap seen = evaluate_observed(call, &delivery.outputs).value();
    EXPECT_EQ(first_mismatch(seen, delivery.outputs, true), "");
    EXPECT_EQ(open_elements(seen.at("slot_of")), 3);  // the unused slot
    first_rows.insert(seen.at("slot_of").value.bits(0));
    TensorMap broken = delivery.outputs;  // one row for both
    broken.at("slot_of").set_bits(2, broken.at("slot_of").bits(0));
    const GoldenMap right = evaluate_observed(call, &broken).value();
    EXPECT_NE(first_mismatch(right, broken, true), "");
    EXPECT_EQ(right.at("slot_of").value.bits(0), 2u);
    EXPECT_EQ(right.at("packed_recv_src_info").value.bits(3), 1u);
  }
  EXPECT_EQ(first_rows, (std::set<std::uint64_t>{2, 3}));
  for (std::int64_t j = 0; j < 3; ++j) call.inputs["indices"].set_bits(j, 1);  // five rows for a bucket of two
  EXPECT_NE(call.run().error().message.find("expert 1 of PE 0 gets up to 5 rows"), std::string::npos);
}

TEST(IntranodeDispatchStdMoe, SizeIsBounded) {
  Worlds worlds(13);
  const Configuration config{.ws = 8, .m = 4, .h = 64, .k = 2, .epr = 2};
  StageCall call = packed_call(config, worlds.dispatch_inputs(config));
  for (const std::int64_t epr : {std::int64_t{1} << 28, (std::int64_t{1} << 28) - 1, std::int64_t{1} << 20}) {
    call.parameters["epr"] = epr;
    const auto refused = call.run();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("epr"), std::string::npos) << refused.error().message;
  }
}

TEST(IntranodeDispatchStdMoe, Relations) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    Worlds worlds(seed);
    const Configuration config{
        .ws = 3, .m = 3, .h = 32, .k = 2, .epr = 2, .cap = seed % 2 == 0 ? 0 : 6, .scale_bytes = 8};
    StageCall call = packed_call(config, worlds.dispatch_inputs(config));
    for (const char* name : {"x", "weights"})
      call.inputs[name] = random_tensor(call.inputs[name].dtype(), call.inputs[name].shape(), worlds.samples);
    call.inputs["tokens"].as<std::int32_t>()[1] = 2;
    const auto ids = worlds.token_ids(config);
    call.inputs["indices"].as<std::int32_t>()[6] = static_cast<std::int32_t>(ids[0]);
    call.inputs["indices"].as<std::int32_t>()[7] = -1;
    call.inputs["indices"].as<std::int32_t>()[8] = static_cast<std::int32_t>(ids[1]);
    call.inputs["indices"].as<std::int32_t>()[9] = -1;
    EXPECT_TRUE(relations_hold(call, {}, seed));
  }
}

}  // namespace
}  // namespace assay::goldens
