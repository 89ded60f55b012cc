#include <gtest/gtest.h>

#include <set>

#include "goldens/relations/relation_test_support.h"
#include "goldens/stages/expert_test_support.h"

namespace assay::goldens {
namespace {

struct Extents {
  std::int64_t ranks, tokens, choices, experts, slots, channels;
};

// Distinct choices of each token, as a top-k gives them.
std::vector<std::int32_t> random_ids(std::int64_t tokens, std::int64_t choices, std::uint64_t range,
                                     FloatSamples& samples) {
  std::vector<std::int32_t> ids;
  for (std::int64_t t = 0; t < tokens; ++t) {
    std::set<std::int32_t> used;
    while (static_cast<std::int64_t>(used.size()) < choices) {
      const auto id = static_cast<std::int32_t>(samples.below(range));
      if (used.insert(id).second) ids.push_back(id);
    }
  }
  return ids;
}

StageCall call_of(const std::string& profile, const Extents& e, FloatSamples& samples) {
  const bool local = profile == "p772";
  const auto range = static_cast<std::uint64_t>(local ? e.experts : e.ranks * e.experts);
  StageCall call{.stage = "dispatch",
                 .inputs = {{"weights", random_tensor(DType::f32, {e.ranks, e.tokens, e.choices}, samples)},
                            {"indices", i32_tensor({e.ranks, e.tokens, e.choices},
                                                   random_ids(e.ranks * e.tokens, e.choices, range, samples))}},
                 .parameters = {{"L", e.experts}, {"R", e.slots}},
                 .options = {{"profile", profile}}};
  if (local) {
    call.inputs.emplace("x_norm", random_tensor(DType::bf16, {e.ranks, e.tokens, e.channels}, samples));
  } else {
    call.inputs.emplace("x_norm", i8_tensor({e.ranks, e.tokens, e.channels}, samples));
    call.inputs.emplace("x_norm_scale", random_tensor(DType::f32, {e.ranks, e.tokens, 1}, samples));
  }
  return call;
}

// dsv4-chain 3.3a by its formulas: send_counts, slot_off and the number of earlier routes, each recomputed.
struct Routed {
  std::int64_t rank, expert, slot;
};
Routed by_formula(const StageCall& call, std::int64_t source, std::int64_t route, bool local) {
  const Tensor& ids = call.inputs.at("indices");
  const std::int64_t ranks = ids.shape()[0], choices = ids.shape()[2], routes = ids.shape()[1] * choices;
  const std::int64_t experts = call.parameters.at("L");
  const auto target = [&](std::int64_t s, std::int64_t r) {
    const auto id = static_cast<std::int64_t>(ids.bits(s * routes + r));
    return local ? std::pair{(s + r % choices) % ranks, id} : std::pair{id / experts, id % experts};
  };
  const auto send_count = [&](std::int64_t s, std::int64_t before) {
    std::int64_t count = 0;
    for (std::int64_t r = 0; r < before; ++r) count += target(s, r) == target(source, route);
    return count;
  };
  std::int64_t slot = send_count(source, route);
  for (std::int64_t s = 0; s < source; ++s) slot += send_count(s, routes);
  return {target(source, route).first, target(source, route).second, slot};
}

class DispatchForms : public ::testing::TestWithParam<std::pair<const char*, Extents>> {};

TEST_P(DispatchForms, EqualTheFormulas) {
  FloatSamples samples(1);
  const auto& [profile, e] = GetParam();
  const bool local = std::string(profile) == "p772";
  const StageCall call = call_of(profile, e, samples);
  const GoldenMap outputs = call.run().value();
  std::set<std::int64_t> used;
  std::vector<std::int64_t> counts(static_cast<std::size_t>(e.ranks * e.experts), 0);
  for (std::int64_t source = 0; source < e.ranks; ++source)
    for (std::int64_t route = 0; route < e.tokens * e.choices; ++route) {
      const Routed to = by_formula(call, source, route, local);
      const std::int64_t row = (to.rank * e.experts + to.expert) * e.slots + to.slot;
      const std::int64_t token = source * e.tokens + route / e.choices;
      EXPECT_TRUE(used.insert(row).second);
      ++counts[static_cast<std::size_t>(to.rank * e.experts + to.expert)];
      for (std::int64_t d = 0; d < e.channels; ++d)
        ASSERT_EQ(outputs.at("recv_x").value.bits(row * e.channels + d),
                  call.inputs.at("x_norm").bits(token * e.channels + d));
      EXPECT_EQ(outputs.at("recv_w").value.bits(row),
                call.inputs.at("weights").bits(source * e.tokens * e.choices + route));
      EXPECT_EQ(outputs.at("recv_idx").value.bits(row), static_cast<std::uint64_t>(route));
      if (!local) {
        EXPECT_EQ(outputs.at("recv_scale").value.bits(row), call.inputs.at("x_norm_scale").bits(token));
      }
    }
  for (std::size_t i = 0; i < counts.size(); ++i)
    EXPECT_EQ(outputs.at("recv_count").value.bits(static_cast<std::int64_t>(i)), static_cast<std::uint64_t>(counts[i]));
  for (std::int64_t row = 0; row < e.ranks * e.experts * e.slots; ++row) {
    EXPECT_EQ(outputs.at("recv_w").open[static_cast<std::size_t>(row)], !used.contains(row));
    EXPECT_EQ(outputs.at("recv_idx").open[static_cast<std::size_t>(row)], !used.contains(row));
    for (std::int64_t d = 0; d < e.channels; ++d)
      EXPECT_EQ(outputs.at("recv_x").open[static_cast<std::size_t>(row * e.channels + d)], !used.contains(row));
  }
  for (const std::uint8_t open : outputs.at("recv_count").open) EXPECT_EQ(open, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, DispatchForms,
    ::testing::Values(std::pair{"p772", Extents{2, 16, 2, 8, 32, 6}}, std::pair{"p772", Extents{1, 5, 1, 3, 5, 4}},
                      std::pair{"p772", Extents{4, 7, 6, 8, 56, 3}}, std::pair{"mid", Extents{2, 9, 6, 4, 18, 5}},
                      std::pair{"head", Extents{8, 8, 2, 3, 64, 2}}, std::pair{"head", Extents{2, 0, 2, 3, 4, 2}}));

// EXDC (dsv4-chain 0): the protocol over BF16 with global ids.
TEST(Dispatch, GlobalIdsOverBf16) {
  FloatSamples samples(2);
  StageCall call = call_of("p772", {2, 4, 2, 3, 8, 4}, samples);
  call.options["policy"] = "global_ids";
  call.inputs.at("indices") = i32_tensor({2, 4, 2}, {0, 5, 0, 5, 3, 4, 1, 2, 5, 0, 5, 1, 2, 3, 4, 0});
  const GoldenMap outputs = call.run().value();
  const std::vector<std::uint64_t> counts{4, 2, 2, 2, 2, 4};
  for (std::int64_t i = 0; i < 6; ++i)
    EXPECT_EQ(outputs.at("recv_count").value.bits(i), counts[static_cast<std::size_t>(i)]);
}

// P772 with K = N = 2 (dsv4-chain 3.3a): top-1 stays, top-2 goes to the peer.
TEST(Dispatch, FirstChoiceStaysSecondGoesToThePeer) {
  FloatSamples samples(3);
  StageCall call = call_of("p772", {2, 1, 2, 2, 2, 1}, samples);
  call.inputs.at("indices") = i32_tensor({2, 1, 2}, {0, 1, 0, 1});
  call.inputs.at("weights") = f32_tensor({2, 1, 2}, {1, 2, 3, 4});
  const GoldenMap outputs = call.run().value();
  const GoldenOutput& w = outputs.at("recv_w");
  EXPECT_EQ(at(w.value, 0), 1);  // rank 0, expert 0: its own first choice
  EXPECT_EQ(at(w.value, 2), 4);  // rank 0, expert 1: the peer's second choice
  EXPECT_EQ(at(w.value, 4), 3);
  EXPECT_EQ(at(w.value, 6), 2);
}

// Seed bug B11: everything goes to rank 0. Counts and receive buffers do not agree with it.
TEST(Dispatch, AllRoutesToRankZeroDisagree) {
  FloatSamples samples(4);
  const StageCall call = call_of("p772", {2, 16, 2, 8, 32, 4}, samples);
  const GoldenMap right = call.run().value();
  StageCall fault = call;
  fault.options["policy"] = "global_ids";
  fault.parameters["L"] = 8;  // ids stay below L: rank 0 receives everything
  const GoldenMap wrong = fault.run().value();
  int counts = 0, rows = 0;
  for (std::int64_t i = 0; i < 16; ++i)
    counts += right.at("recv_count").value.bits(i) != wrong.at("recv_count").value.bits(i);
  for (std::size_t i = 0; i < right.at("recv_x").open.size(); ++i)
    rows += !right.at("recv_x").open[i] && right.at("recv_x").value.bits(static_cast<std::int64_t>(i)) !=
                                               wrong.at("recv_x").value.bits(static_cast<std::int64_t>(i));
  EXPECT_GT(counts, 0);
  EXPECT_GT(rows, 0);
}

// dsv4-chain 3.2, 3.3c: the ids of HEAD's tokens from num_tokens on are 0, K times each, and a lane of T rows takes an
// expert's rows from one source. They send nothing: what arrives is what the other tokens alone send.
TEST(Dispatch, InactiveTokensOfHeadSendNothing) {
  FloatSamples samples(9);
  const Extents e{.ranks = 2, .tokens = 8, .choices = 6, .experts = 3, .slots = 16, .channels = 4};  // R = N T
  const StageCall whole = call_of("head", e, samples);
  for (const std::int64_t active : {0, 1, 3, 8}) {
    StageCall call = whole, part = whole;
    call.parameters["num_tokens"] = active;
    const auto ids = call.inputs.at("indices").as<std::int32_t>();
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (static_cast<std::int64_t>(i) / e.choices % e.tokens >= active) ids[i] = 0;
    for (auto& [name, tensor] : part.inputs) {
      Tensor first(tensor.dtype(), {e.ranks, active, tensor.shape()[2]});
      for (std::int64_t i = 0, row = active * tensor.shape()[2]; i < first.size(); ++i)
        first.set_bits(i, tensor.bits(i / row * e.tokens * tensor.shape()[2] + i % row));
      tensor = std::move(first);
    }
    const GoldenMap sent = call.run().value(), alone = part.run().value();
    for (const auto& [name, output] : alone) {
      EXPECT_EQ(sent.at(name).value, output.value) << name << active;
      EXPECT_EQ(sent.at(name).open, output.open) << name << active;
    }
    EXPECT_TRUE(relations_hold(call)) << active;
  }
  StageCall call = call_of("p772", {2, 4, 2, 4, 8, 3}, samples);
  call.parameters["num_tokens"] = 2;
  EXPECT_EQ(call.run().error().message, "parameter num_tokens=2: profile p772 has none");
}

TEST(Dispatch, DeclaredRelations) {
  FloatSamples samples(5);
  EXPECT_TRUE(relations_hold(call_of("p772", {2, 6, 2, 4, 12, 5}, samples), {"x_norm_scale"}));
  EXPECT_TRUE(relations_hold(call_of("head", {2, 6, 2, 4, 12, 5}, samples)));
}

TEST(Dispatch, RefusesBadInputs) {
  FloatSamples samples(6);
  const StageCall good = call_of("p772", {2, 4, 2, 4, 8, 3}, samples);
  const auto message = [](const StageCall& call) {
    const auto result = call.run();
    return result ? std::string("accepted") : result.error().message;
  };
  StageCall call = good;
  call.inputs.at("indices").as<std::int32_t>()[5] = 4;
  EXPECT_EQ(message(call), "indices[0,2,1] is 4, expected 0 to 3");
  call.inputs.at("indices").as<std::int32_t>()[5] = -1;
  EXPECT_EQ(message(call), "indices[0,2,1] is -1, expected 0 to 3");
  call = good;
  call.inputs.at("indices") = i32_tensor({2, 4, 2}, std::vector<std::int32_t>(16, 1));
  call.parameters["R"] = 7;
  EXPECT_EQ(message(call), "expert 1 of rank 1 receives more rows than its 7 slots");
  for (const char* name : {"L", "R"})
    for (const std::int64_t value : {std::int64_t{0}, std::int64_t{-3}, std::int64_t{1} << 40}) {
      call = good;
      call.parameters[name] = value;
      EXPECT_FALSE(call.run()) << name << value;
    }
  call = good;
  call.parameters = {{"L", 1 << 20}, {"R", 1 << 20}};
  EXPECT_FALSE(call.run());
  call.parameters = {{"L", 1 << 11}, {"R", 1 << 11}};
  EXPECT_EQ(message(call), "receive buffers of 8388608 rows, expected at most 4194304");
  call = good;
  call.inputs.at("x_norm") = i8_tensor({2, 4, 3}, samples);
  EXPECT_EQ(message(call), "input 'x_norm' is i8 without 'x_norm_scale', expected i8 with it or bf16 without");
}

StageCall card_call(std::int64_t first, FloatSamples& samples) {
  return {.stage = "dispatch_card",
          .inputs = {{"x_norm", i8_tensor({6, 5}, samples)},
                     {"x_norm_scale", random_tensor(DType::f32, {6, 1}, samples)},
                     {"weights", random_tensor(DType::f32, {6, 2}, samples)},
                     {"indices", i32_tensor({6, 2}, {0, 4, 4, 5, 6, 3, 7, 4, 1, 2, 5, 4})}},
          .parameters = {{"L", 3}, {"R", 5}, {"first_local", first}}};
}

// Experts 4, 5 and 6 of this card, by hand.
TEST(DispatchCard, KeepsItsOwnExperts) {
  FloatSamples samples(7);
  const StageCall call = card_call(4, samples);
  const GoldenMap outputs = call.run().value();
  const std::vector<std::vector<std::pair<int, int>>> expected{
      {{0, 1}, {1, 0}, {3, 1}, {5, 1}}, {{1, 1}, {5, 0}}, {{2, 0}}};  // (t, k) per expert
  for (std::int64_t e = 0; e < 3; ++e) {
    const auto& routes = expected[static_cast<std::size_t>(e)];
    EXPECT_EQ(outputs.at("recv_count").value.bits(e), routes.size());
    for (std::int64_t slot = 0; slot < 5; ++slot) {
      const std::int64_t row = e * 5 + slot;
      const bool is_used = slot < static_cast<std::int64_t>(routes.size());
      const auto [t, k] = is_used ? routes[static_cast<std::size_t>(slot)] : std::pair{0, 0};
      const auto expect = [&](const char* name, std::uint64_t bits) {
        EXPECT_EQ(outputs.at(name).value.bits(row), is_used ? bits : 0) << name << e << slot;
        EXPECT_EQ(outputs.at(name).open[static_cast<std::size_t>(row)], 0);
      };
      expect("recv_token", static_cast<std::uint64_t>(t));
      expect("recv_w", call.inputs.at("weights").bits(t * 2 + k));
      expect("recv_scale", call.inputs.at("x_norm_scale").bits(t));
      for (std::int64_t d = 0; d < 5; ++d) {
        EXPECT_EQ(outputs.at("recv_x").open[static_cast<std::size_t>(row * 5 + d)], !is_used);
        if (is_used) {
          EXPECT_EQ(outputs.at("recv_x").value.bits(row * 5 + d), call.inputs.at("x_norm").bits(t * 5 + d));
        }
      }
    }
  }
}

TEST(DispatchCard, DeclaredRelationsAndRefusals) {
  FloatSamples samples(8);
  EXPECT_TRUE(relations_hold(card_call(4, samples)));
  EXPECT_TRUE(card_call(1'000'000, samples).run());
  EXPECT_FALSE(card_call(-1, samples).run());
  StageCall call = card_call(4, samples);
  call.inputs.at("indices").as<std::int32_t>()[3] = -2;
  EXPECT_EQ(call.run().error().message, "indices[1,1] is -2, expected 0 to 2147483647");
  call = card_call(4, samples);
  call.parameters["R"] = 3;
  EXPECT_EQ(call.run().error().message, "expert 4 receives more rows than its 3 slots");
}

}  // namespace
}  // namespace assay::goldens
