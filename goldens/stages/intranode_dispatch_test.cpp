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
using intranode::RoutingKind;
using intranode::Worlds;

StageCall dispatch_call(const Configuration& config, TensorMap inputs) {
  return {.stage = "intranode_dispatch",
          .inputs = std::move(inputs),
          .parameters = {{"epr", config.epr}, {"cap", config.cap}},
          .options = {{"sentinel", "drop"}}};
}

// Two ranks, two tokens each, four experts: token (r, t) goes to the experts given.
StageCall small_call(std::vector<std::int32_t> ids) {
  Worlds worlds(1);
  Configuration config{.ws = 2, .m = 2, .h = 32, .k = 2, .epr = 2};
  TensorMap inputs = worlds.dispatch_inputs(config);
  inputs["indices"] = Tensor(DType::i32, {2, 2, 2});
  std::ranges::copy(ids, inputs["indices"].as<std::int32_t>().begin());
  std::ranges::fill(inputs["tokens"].as<std::int32_t>(), 2);
  return dispatch_call(config, std::move(inputs));
}

void expect_bad(const StageCall& call, const std::string& part) {
  const auto result = call.run();
  ASSERT_FALSE(result) << part;
  EXPECT_EQ(result.error().kind, ErrorKind::bad_input);
  EXPECT_NE(result.error().message.find(part), std::string::npos) << result.error().message;
}

void expect_accepts_a_subject(std::uint64_t seed) {
  Worlds worlds(seed);
  const Configuration config = worlds.configuration();
  const StageCall call = dispatch_call(config, worlds.dispatch_inputs(config));
  const Delivery delivery = Fabric(config, call.inputs, worlds).dispatch(false);
  ASSERT_FALSE(delivery.bites);
  const auto golden = evaluate_observed(call, &delivery.outputs), alone = call.run();
  ASSERT_TRUE(golden) << golden.error().message;
  ASSERT_TRUE(alone) << alone.error().message;
  EXPECT_EQ(first_mismatch(*golden, delivery.outputs, true), "") << seed;
  EXPECT_EQ(first_mismatch(*alone, delivery.outputs, true), "") << seed;
  std::int64_t stale = config.ws * config.slots();
  for (const std::int64_t count : delivery.counts) stale -= count;
  for (const auto& [name, output] : *golden)
    EXPECT_EQ(open_elements(output),
              name == "total_recv" ? 0 : output.value.size() / (config.ws * config.slots()) * stale);
}

// Any order of arrival and any acceptance is the golden, exactly.
TEST(IntranodeDispatch, AcceptsEverySubject) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) expect_accepts_a_subject(seed);
}
RC_GTEST_PROP(IntranodeDispatch, AcceptsAnySubject, (std::uint64_t seed)) { expect_accepts_a_subject(seed); }

// Rejected exactly where the mutant did something that no legal dispatch does.
TEST(IntranodeDispatch, RejectsMutants) {
  constexpr int kMutants = static_cast<int>(DispatchMutant::foreign_counted);
  for (int mutant = 1; mutant < kMutants; ++mutant) {
    int bitten = 0;
    for (std::uint64_t seed = 0; seed < 120; ++seed) {
      Worlds worlds(seed * 1000 + static_cast<std::uint64_t>(mutant));
      const Configuration config = worlds.configuration();
      const StageCall call = dispatch_call(config, worlds.dispatch_inputs(config));
      const Delivery delivery =
          Fabric(config, call.inputs, worlds, static_cast<DispatchMutant>(mutant)).dispatch(false);
      const auto golden = evaluate_observed(call, &delivery.outputs);
      ASSERT_TRUE(golden) << golden.error().message;
      const bool rejected = !first_mismatch(*golden, delivery.outputs, true).empty();
      EXPECT_EQ(rejected, delivery.bites) << "mutant " << mutant << ", seed " << seed;
      bitten += delivery.bites;
    }
    EXPECT_GE(bitten, 3) << "mutant " << mutant;
  }
}

// Without observation an element is open exactly where two deliveries differ.
TEST(IntranodeDispatch, OpenIsWhatAnotherDeliveryChanges) {
  for (const std::int64_t cap : {0, 2, 3}) {
    Worlds worlds(static_cast<std::uint64_t>(cap) + 7);
    const Configuration config{
        .ws = 2, .m = 2, .h = 32, .k = 2, .epr = 2, .cap = cap, .dtype = DType::e2m1, .scale_bytes = 4};
    StageCall call = dispatch_call(config, worlds.dispatch_inputs(config));
    std::ranges::fill(call.inputs["tokens"].as<std::int32_t>(), 2);
    const std::array<std::int32_t, 8> ids{0, 1, 0, 3, 1, 2, 0, 1};  // PE 0: all four sources; PE 1: sources 1 and 2
    call.inputs["indices"] = Tensor(DType::i32, {2, 2, 2});
    std::ranges::copy(ids, call.inputs["indices"].as<std::int32_t>().begin());
    const GoldenMap golden = call.run().value();
    std::map<std::string, std::vector<std::set<std::uint64_t>>> seen;
    for (int run = 0; run < 400; ++run) {
      const Delivery delivery = Fabric(config, call.inputs, worlds).dispatch(false);
      for (const auto& [name, output] : golden)
        for (std::int64_t i = 0; i < output.value.size(); ++i) {
          auto& values = seen[name];
          values.resize(static_cast<std::size_t>(output.value.size()));
          values[static_cast<std::size_t>(i)].insert(delivery.outputs.at(name).bits(i));
        }
    }
    for (const auto& [name, output] : golden)
      for (std::size_t i = 0; i < output.open.size(); ++i)
        EXPECT_EQ(output.open[i] == 0, seen[name][i].size() == 1) << name << " " << i;
    EXPECT_GT(open_elements(golden.at("tok")), 0);
    EXPECT_LT(open_elements(golden.at("tok")), golden.at("tok").value.size());
  }
}

TEST(IntranodeDispatch, FirstChoiceAscendsBySource) {
  StageCall call = small_call({0, 1, 3, 0, 2, 3, 1, 2});
  GoldenMap golden = call.run().value();
  const auto src = golden.at("src").value.as<std::int32_t>();
  EXPECT_EQ(std::vector<std::int32_t>(src.begin(), src.end()), (std::vector<std::int32_t>{0, 1, 3, 0, 1, 2, 3, 0}));
  EXPECT_EQ(golden.at("total_recv").value.as<std::int32_t>()[1], 3);
  // An observed map that is not legal is not followed.
  for (const std::vector<std::int32_t>& wrong : {std::vector<std::int32_t>{3, 3, 0, 0, 3, 2, 1, 0},
                                                 {3, 2, 0, 0, 3, 2, 1, 0},
                                                 {3, -1, 0, 0, 3, 2, 1, 0},
                                                 {3, 1 << 30, 0, 0, 3, 2, 1, 0}}) {
    TensorMap observed;
    observed["src"] = Tensor(DType::i32, {2, 4});
    std::ranges::copy(wrong, observed["src"].as<std::int32_t>().begin());
    golden = evaluate_observed(call, &observed).value();
    EXPECT_EQ(golden.at("src").value.as<std::int32_t>()[0], 0);
    EXPECT_EQ(golden.at("src").value.as<std::int32_t>()[4], 3);  // PE 1 is judged apart
    EXPECT_FALSE(golden.at("src").open[0]);
    EXPECT_FALSE(golden.at("src").open[4]);
    EXPECT_TRUE(golden.at("src").open[7]);
  }
  TensorMap shapeless;
  shapeless["src"] = Tensor(DType::i32, {2, 3});
  EXPECT_FALSE(evaluate_observed(call, &shapeless));
}

// n_p counts distinct tokens: sum over PEs = sum over tokens of the PEs they reach (1.7).
TEST(IntranodeDispatch, CountsAreConserved) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Worlds worlds(seed);
    Configuration config = worlds.configuration();
    config.cap = 0;
    const StageCall call = dispatch_call(config, worlds.dispatch_inputs(config));
    const Fabric fabric(config, call.inputs, worlds);
    std::int64_t reached = 0, received = 0;
    for (std::int64_t source = 0; source < config.ws * config.m; ++source) {
      std::set<std::int64_t> pes;
      for (std::int64_t j = 0; j < config.k; ++j) pes.insert(fabric.pe(source, j));
      pes.erase(-1);
      if (fabric.in_use(source)) reached += static_cast<std::int64_t>(pes.size());
    }
    const GoldenOutput total = call.output("total_recv");
    for (const std::int32_t count : total.value.as<std::int32_t>()) received += count;
    EXPECT_EQ(received, reached);
    EXPECT_TRUE(is_determined(total));
  }
}

// 1.2: R = ws * min(ceil(cap / ws), M), which may exceed the cap.
TEST(IntranodeDispatch, ReceiveSlots) {
  Worlds worlds(3);
  const auto slots = [&](std::int64_t ws, std::int64_t m, std::int64_t cap) {
    const Configuration config{.ws = ws, .m = m, .h = 8, .k = 1, .epr = 1, .cap = cap};
    return dispatch_call(config, worlds.dispatch_inputs(config)).output("src").value.shape()[1];
  };
  EXPECT_EQ(slots(8, 128, 513), 520);
  EXPECT_EQ(slots(8, 128, 0), 1024);
  EXPECT_EQ(slots(8, 128, 8), 8);
  EXPECT_EQ(slots(8, 128, 1024), 1024);
  EXPECT_EQ(slots(8, 128, std::numeric_limits<std::int64_t>::max()), 1024);
  EXPECT_EQ(slots(3, 5, 7), 9);
}

TEST(IntranodeDispatch, InvalidIds) {
  StageCall call = small_call({0, -1, 1, 3, 4, 2, -7, 3});
  EXPECT_EQ(call.output("total_recv").value.as<std::int32_t>()[0], 2);  // sources 0 and 1
  EXPECT_EQ(call.output("total_recv").value.as<std::int32_t>()[1], 3);
  call.options["sentinel"] = "undefined";
  const GoldenMap undefined = call.run().value();
  for (const auto& [name, output] : undefined) EXPECT_EQ(open_elements(output), output.value.size());
  call.options["sentinel"] = "reject";
  expect_bad(call, "indices[0, 0, 1] is -1");
  call.options.clear();
  expect_bad(call, "sentinel=drop or undefined");
  call.inputs["tokens"].as<std::int32_t>()[0] = call.inputs["tokens"].as<std::int32_t>()[1] = 0;
  EXPECT_EQ(call.output("total_recv").value.as<std::int32_t>()[0], 0);  // rows that are not in use are not looked at
}

TEST(IntranodeDispatch, IdsBeyondInt32) {
  StageCall call = small_call({0, 1, 2, 3, 0, 1, 2, 3});
  Tensor wide(DType::i64, {2, 2, 2});
  wide.as<std::int64_t>()[5] = (std::int64_t{1} << 32) + 1;
  call.inputs["indices"] = wide;
  expect_bad(call, "indices[1, 0, 1] is 4294967297, which int32 does not hold");
}

TEST(IntranodeDispatch, IllegalConfigurations) {
  const StageCall good = small_call({0, 1, 2, 3, 0, 1, 2, 3});
  ASSERT_TRUE(good.run());
  const auto with = [&](const std::string& name, std::int64_t value) {
    StageCall call = good;
    call.parameters[name] = value;
    return call;
  };
  expect_bad(with("epr", 0), "epr is 0");
  expect_bad(with("epr", std::int64_t{1} << 40), "epr is");
  expect_bad(with("epr", (std::int64_t{1} << 30)), "epr is");  // 2 * 2^30 is not an int32
  EXPECT_TRUE(with("epr", (std::int64_t{1} << 30) - 1).run());
  expect_bad(with("cap", 1), "cap is 1");
  expect_bad(with("cap", -1), "cap is -1");
  expect_bad(with("scale_dim", 4), "scale_type_size is -1");
  StageCall call = good;
  call.inputs["tokens"].as<std::int32_t>()[1] = 3;
  expect_bad(call, "tokens[1] is 3");
  call.inputs["tokens"].as<std::int32_t>()[1] = -1;
  expect_bad(call, "tokens[1] is -1");
  call = good;
  call.inputs["x"] = Tensor(DType::bf16, {2, 2, 4});
  expect_bad(call, "expected a positive multiple of 16 bytes");
  call.inputs["x"] = Tensor(DType::e2m1, {2, 2, 16});
  expect_bad(call, "64 bits");
  call.inputs["x"] = Tensor(DType::bf16, {2, 2, 0});
  expect_bad(call, "expected a positive multiple of 16 bytes");
  Worlds worlds(4);
  Configuration config{.ws = 9, .m = 1, .h = 8, .k = 1, .epr = 1};
  expect_bad(dispatch_call(config, worlds.dispatch_inputs(config)), "ws is 9, expected 1 to 8");
  config = {.ws = 1, .m = 1, .h = 8, .k = 65, .epr = 65};
  expect_bad(dispatch_call(config, worlds.dispatch_inputs(config)), "k is 65, expected 1 to 64");
  config = {.ws = 1, .m = 0, .h = 8, .k = 1, .epr = 1};
  expect_bad(dispatch_call(config, worlds.dispatch_inputs(config)), "M is 0");
}

TEST(IntranodeDispatch, ScalesAreAllOrNone) {
  Worlds worlds(5);
  const Configuration config{.ws = 2, .m = 2, .h = 32, .k = 2, .epr = 2, .scale_bytes = 28};
  StageCall call = dispatch_call(config, worlds.dispatch_inputs(config));
  const auto stated = [&](std::int64_t dim, std::int64_t size) {
    call.parameters["scale_dim"] = dim;
    call.parameters["scale_type_size"] = size;
    return call.run().has_value();
  };
  EXPECT_TRUE(stated(7, 4));
  EXPECT_TRUE(stated(28, 1));
  EXPECT_FALSE(stated(6, 4));
  EXPECT_FALSE(stated(0, 0));
  EXPECT_FALSE(stated(std::int64_t{1} << 62, 28));
  call.inputs.erase("scales");
  EXPECT_TRUE(stated(0, 0));
  EXPECT_TRUE(stated(0, 4));
  EXPECT_FALSE(stated(7, 4));
  EXPECT_FALSE(call.run());
  call.inputs["scales"] = Tensor(DType::u8, {2, 2, 0});
  EXPECT_FALSE(stated(-1, -1));
}

TEST(IntranodeDispatch, Relations) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Worlds worlds(seed);
    Configuration config{.ws = 3, .m = 4, .h = 32, .k = 2, .epr = 4, .cap = seed % 2 == 0 ? 0 : 6, .scale_bytes = 8};
    config.routing = static_cast<RoutingKind>(seed % intranode::kRoutingKinds);
    StageCall call = dispatch_call(config, worlds.dispatch_inputs(config));
    for (const char* name : {"x", "weights"})
      call.inputs[name] = random_tensor(call.inputs[name].dtype(), call.inputs[name].shape(), worlds.samples);
    call.inputs["tokens"].as<std::int32_t>()[1] = 2;
    EXPECT_TRUE(relations_hold(call, {}, seed));
  }
}

}  // namespace
}  // namespace assay::goldens
