#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "goldens/exact/float_ops.h"
#include "goldens/relations/relation_test_support.h"
#include "goldens/stages/expert_test_support.h"

namespace assay::goldens {
namespace {

constexpr std::int64_t kRanks = 2, kTokens = 5, kChoices = 2, kExperts = 4, kSlots = 10, kChannels = 6;
constexpr std::int64_t kRoutes = kTokens * kChoices;

// A consistent return path: the rows that dispatch of these ids makes.
StageCall call_of(const std::string& profile, FloatSamples& samples,
                  float (FloatSamples::*draw)() = &FloatSamples::coarse) {
  const bool local = profile == "p772";
  std::vector<std::int32_t> ids;
  for (std::int64_t t = 0; t < kRanks * kTokens; ++t) {
    const auto range = static_cast<std::uint64_t>(local ? kExperts : kRanks * kExperts);
    const auto first = static_cast<std::int32_t>(samples.below(range));
    ids.insert(ids.end(), {first, (first + 1 + static_cast<std::int32_t>(samples.below(range - 1))) %
                                      static_cast<std::int32_t>(range)});
  }
  const Tensor indices = i32_tensor({kRanks, kTokens, kChoices}, ids);
  const StageCall dispatched{.stage = "dispatch",
                             .inputs = {{"x_norm", Tensor(DType::bf16, {kRanks, kTokens, 1})},
                                        {"weights", Tensor(DType::f32, {kRanks, kTokens, kChoices})},
                                        {"indices", indices}},
                             .parameters = {{"L", kExperts}, {"R", kSlots}},
                             .options = {{"profile", profile}}};
  StageCall call{
      .stage = "combine",
      .inputs = {{"recv_y", random_tensor(DType::bf16, {kRanks, kExperts, kSlots, kChannels}, samples, draw)},
                 {"recv_idx", dispatched.output("recv_idx").value},
                 {"recv_count", dispatched.output("recv_count").value},
                 {"indices", indices}},
      .options = {{"profile", profile}}};
  if (!local) call.inputs.emplace("sh", random_tensor(DType::bf16, {kRanks, kTokens, kChannels}, samples, draw));
  return call;
}

// The slot of every route by the formulas of dsv4-chain 3.3a.
std::int64_t row_of_route(const StageCall& call, std::int64_t source, std::int64_t route) {
  const bool local = call.options.at("profile") == "p772";
  const Tensor& ids = call.inputs.at("indices");
  const auto bank = [&](std::int64_t s, std::int64_t r) {
    const auto id = static_cast<std::int64_t>(ids.bits(s * kRoutes + r));
    return local ? (s + r % kChoices) % kRanks * kExperts + id : id;
  };
  std::int64_t slot = 0;
  for (std::int64_t s = 0; s <= source; ++s)
    for (std::int64_t r = 0; r < (s == source ? route : kRoutes); ++r) slot += bank(s, r) == bank(source, route);
  return bank(source, route) * kSlots + slot;
}

// How a subject adds; the last choices may be dropped, and each partial sum stored as bf16.
struct Adding {
  float (*add)(float, float) = exact::add;
  std::int64_t choices = kChoices;
  bool partial_bf16 = false;
  bool shifted = false;  // stale ids: the rows of the token before
};

std::vector<float> added(const StageCall& call, const Adding& how) {
  const bool shared = call.inputs.contains("sh");
  std::vector<float> sums;
  for (std::int64_t i = 0; i < kRanks * kTokens; ++i)
    for (std::int64_t d = 0; d < kChannels; ++d) {
      float sum = shared ? at(call.inputs.at("sh"), i * kChannels + d) : 0.0f;
      for (std::int64_t k = 0; k < how.choices; ++k) {
        const std::int64_t token = how.shifted ? (i % kTokens + 1) % kTokens : i % kTokens;
        const std::int64_t row = row_of_route(call, i / kTokens, token * kChoices + k);
        sum = how.add(sum, at(call.inputs.at("recv_y"), row * kChannels + d));
        if (how.partial_bf16) sum = decode_bf16(static_cast<std::uint16_t>(round_exact(kBf16, sum, Rounding::rint)));
      }
      if (shared) sum = decode_bf16(static_cast<std::uint16_t>(round_exact(kBf16, sum, Rounding::rint)));
      sums.push_back(sum);
    }
  return sums;
}

std::string output_of(const StageCall& call) { return call.inputs.contains("sh") ? "ffn_out" : "routed_y"; }

TEST(Combine, EqualsExactSumsInOrder) {
  FloatSamples samples(1);
  for (const std::string profile : {"p772", "head"})
    for (const auto draw : {&FloatSamples::coarse, &FloatSamples::any}) {
      const StageCall call = call_of(profile, samples, draw);
      const GoldenOutput y = call.output(output_of(call));
      EXPECT_EQ(different(y, added(call, {})), 0) << profile;
      EXPECT_TRUE(is_determined(y));
    }
}

// Minus zero: P772 starts from +0, HEAD from sh.
TEST(Combine, SignOfZero) {
  FloatSamples samples(2);
  for (const std::string profile : {"p772", "head"}) {
    StageCall call = call_of(profile, samples);
    for (const char* name : {"recv_y", "sh"})
      if (call.inputs.contains(name))
        std::ranges::fill(call.inputs.at(name).as<std::uint16_t>(), std::uint16_t{0x8000});
    EXPECT_EQ(call.output(output_of(call)).value.bits(0), profile == "p772" ? 0u : 0x8000u);
  }
}

TEST(Combine, FaultsLieOutside) {
  FloatSamples samples(3);
  for (const std::string profile : {"p772", "head"}) {
    const StageCall call = call_of(profile, samples, &FloatSamples::moderate);
    const GoldenOutput y = call.output(output_of(call));
    EXPECT_EQ(outside(y, added(call, {})), 0);
    EXPECT_GT(outside(y, added(call, {.partial_bf16 = true})), 0) << profile;
    EXPECT_GT(outside(y, added(call, {.choices = kChoices - 1})), 0) << profile;
    EXPECT_GT(outside(y, added(call, {.shifted = true})), 0) << profile;
  }
}

// As the gate and dispatch leave them (dsv4-chain 3.2): ids of 0, which take no slot. Experts that return what they
// receive give every active token its own row K times.
TEST(Combine, InactiveTokensTakeNoSlotsAndKeepTheSharedExpert) {
  FloatSamples samples(14);
  constexpr std::int64_t tokens = 8, choices = 6, experts = 3, slots = kRanks * tokens, channels = 3;
  const Tensor x = random_tensor(DType::bf16, {kRanks, tokens, channels}, samples);
  const Tensor sh = random_tensor(DType::bf16, {kRanks, tokens, channels}, samples);
  for (const std::int64_t active : {-1, 0, 1, 3, 8, 99}) {
    std::vector<std::int32_t> ids;
    for (std::int64_t i = 0; i < kRanks * tokens * choices; ++i)
      ids.push_back(i / choices % tokens < active ? static_cast<std::int32_t>(i % choices) : 0);
    const Tensor indices = i32_tensor({kRanks, tokens, choices}, ids);
    const GoldenMap sent =
        StageCall{
            .stage = "dispatch",
            .inputs = {{"x_norm", x}, {"weights", Tensor(DType::f32, {kRanks, tokens, choices})}, {"indices", indices}},
            .parameters = {{"L", experts}, {"R", slots}, {"num_tokens", active}},
            .options = {{"profile", "head"}}}
            .run()
            .value();
    const StageCall call{.stage = "combine",
                         .inputs = {{"recv_y", sent.at("recv_x").value},
                                    {"recv_idx", sent.at("recv_idx").value},
                                    {"recv_count", sent.at("recv_count").value},
                                    {"indices", indices},
                                    {"sh", sh}},
                         .parameters = {{"num_tokens", active}},
                         .options = {{"profile", "head"}}};
    const GoldenOutput y = call.output("ffn_out");
    for (std::int64_t i = 0; i < x.size(); ++i) {
      float sum = at(sh, i);
      for (std::int64_t k = 0; k < (i / channels % tokens < active ? choices : 0); ++k) sum = exact::add(sum, at(x, i));
      ASSERT_EQ(y.value.bits(i), round_exact(kBf16, sum, Rounding::rint)) << active << " " << i;
      ASSERT_EQ(y.open[static_cast<std::size_t>(i)], 0);
    }
  }
}

TEST(Combine, DeclaredRelations) {
  FloatSamples samples(5);
  EXPECT_TRUE(relations_hold(call_of("p772", samples, &FloatSamples::moderate)));
  EXPECT_TRUE(relations_hold(call_of("head", samples, &FloatSamples::moderate), {"unrouted"}));
}

TEST(Combine, FlushedSubnormalsHaveWidth) {
  FloatSamples samples(6);
  StageCall call = call_of("p772", samples, &FloatSamples::any);
  call.profile = flushing();
  const GoldenOutput y = call.output("routed_y");
  EXPECT_TRUE(is_enclosed(y));
  EXPECT_FALSE(y.lo == y.hi);
}

// With experts that return what they receive, every token gets its own row K times: a closed form of dispatch and
// combine together, at every number of ranks and choices.
class ReturnPath : public ::testing::TestWithParam<std::tuple<const char*, std::int64_t, std::int64_t>> {};

TEST_P(ReturnPath, BringsEveryTokenHome) {
  const auto [profile, ranks, choices] = GetParam();
  constexpr std::int64_t tokens = 7, experts = 6, channels = 3, slots = 8 * tokens * 6;
  FloatSamples samples(13);
  const bool local = std::string(profile) == "p772";
  std::vector<std::int32_t> ids;
  for (std::int64_t i = 0; i < ranks * tokens * choices; ++i)
    ids.push_back(
        static_cast<std::int32_t>(samples.below(static_cast<std::uint64_t>(local ? experts : ranks * experts))));
  if (ranks > 1) std::fill_n(ids.begin(), tokens * choices, 2);  // one rank sends everything to one expert
  const Tensor x = random_tensor(DType::bf16, {ranks, tokens, channels}, samples);
  const Tensor indices = i32_tensor({ranks, tokens, choices}, ids);
  const GoldenMap sent =
      StageCall{
          .stage = "dispatch",
          .inputs = {{"x_norm", x}, {"weights", Tensor(DType::f32, {ranks, tokens, choices})}, {"indices", indices}},
          .parameters = {{"L", experts}, {"R", slots}},
          .options = {{"profile", profile}}}
          .run()
          .value();
  StageCall call{.stage = "combine",
                 .inputs = {{"recv_y", sent.at("recv_x").value},
                            {"recv_idx", sent.at("recv_idx").value},
                            {"recv_count", sent.at("recv_count").value},
                            {"indices", indices}},
                 .options = {{"profile", profile}}};
  if (!local) call.inputs.emplace("sh", Tensor(DType::bf16, {ranks, tokens, channels}));
  const GoldenOutput y = call.output(output_of(call));
  for (std::int64_t i = 0; i < x.size(); ++i) {
    float sum = 0;
    for (std::int64_t k = 0; k < choices; ++k) sum += at(x, i);
    if (!local) sum = decode_bf16(static_cast<std::uint16_t>(round_exact(kBf16, sum, Rounding::rint)));
    ASSERT_EQ(at(y.value, i), sum);
    ASSERT_EQ(y.open[static_cast<std::size_t>(i)], 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, ReturnPath,
                         ::testing::Combine(::testing::Values("p772", "head"), ::testing::Values(1, 2, 4, 8),
                                            ::testing::Values(1, 2, 6)));

// Two rows for one route, or none: what the token gets is a race or stale.
TEST(Combine, AmbiguousReturnsAreOpen) {
  FloatSamples samples(7);
  StageCall call = call_of("p772", samples);
  const std::int64_t row = row_of_route(call, 0, 0);
  call.inputs.at("recv_idx").set_bits(row, 2 * kChoices);  // rank 0's token 2, choice 0, is answered twice
  const GoldenOutput y = call.output("routed_y");
  for (std::size_t i = 0; i < y.open.size(); ++i) {
    const std::size_t token = i / kChannels;
    EXPECT_EQ(y.open[i], token == 0 || token == 2) << token;
  }
  call = call_of("p772", samples);
  const std::int64_t bank = row_of_route(call, 1, 3) / kSlots;
  call.inputs.at("recv_count").set_bits(bank, call.inputs.at("recv_count").bits(bank) - 1);
  const GoldenOutput short_count = call.output("routed_y");
  EXPECT_EQ(short_count.open[static_cast<std::size_t>((kTokens + 1) * kChannels)], 1);
}

TEST(Combine, RefusesBadInputs) {
  FloatSamples samples(8);
  const StageCall good = call_of("p772", samples);
  StageCall call = good;
  const std::int64_t row = row_of_route(call, 1, 1);
  call.inputs.at("recv_idx").set_bits(row, kRoutes);
  EXPECT_NE(call.run().error().message.find("is 10, expected 0 to 9"), std::string::npos);
  call = good;
  call.inputs.at("recv_count").set_bits(3, 0xFFFFFFFF);
  EXPECT_EQ(call.run().error().message, "recv_count[0,3] is -1, expected 0 to 10");
  call = good;
  call.inputs.emplace("sh", Tensor(DType::bf16, {kRanks, kTokens, kChannels}));
  EXPECT_FALSE(call.run());
  call = good;
  call.options["profile"] = "mid";
  EXPECT_FALSE(call.run());
  call = good;
  call.parameters["num_tokens"] = 1;
  EXPECT_EQ(call.run().error().message, "parameter num_tokens=1: profile p772 has none");
  // No choices and no slots: nothing bounds the tokens and channels of the result.
  constexpr std::int64_t huge = std::int64_t{1} << 40;
  call = good;
  call.inputs = {{"recv_y", Tensor(DType::bf16, {1, 0, 1, huge})},
                 {"recv_idx", Tensor(DType::i32, {1, 0, 1})},
                 {"recv_count", Tensor(DType::i32, {1, 0})},
                 {"indices", Tensor(DType::i32, {1, huge, 0})}};
  EXPECT_NE(call.run().error().message.find("expected choices and channels"), std::string::npos);
}

// Three experts of a card with up to three rows each.
StageCall card_call(FloatSamples& samples) {
  return {.stage = "combine_card",
          .inputs = {{"recv_y", random_tensor(DType::bf16, {3, 4, 8}, samples)},
                     {"recv_w", random_tensor(DType::f32, {3, 4}, samples)},
                     {"recv_token", i32_tensor({3, 4}, {0, 1, 3, 0, 1, 0, 0, 0, 3, 0, 1, 0})},
                     {"recv_count", i32_tensor({3}, {3, 1, 3})},
                     {"sh", random_tensor(DType::bf16, {4, 8}, samples)}}};
}
const std::vector<std::vector<std::int64_t>> kCardRows{{0, 9}, {1, 4, 10}, {}, {2, 8}};

enum class Order { shared_first, shared_last };
std::vector<float> card_sums(const StageCall& call, Order order, float (*multiply_add)(float, float, float),
                             bool partial_bf16 = false) {
  const auto as_bf16 = [](float x) {
    return decode_bf16(static_cast<std::uint16_t>(round_exact(kBf16, x, Rounding::rint)));
  };
  std::vector<float> sums;
  for (std::int64_t t = 0; t < 4; ++t)
    for (std::int64_t d = 0; d < 8; ++d) {
      const float sh = at(call.inputs.at("sh"), t * 8 + d);
      float sum = order == Order::shared_first ? sh : 0.0f;
      for (const std::int64_t row : kCardRows[static_cast<std::size_t>(t)]) {
        sum = multiply_add(at(call.inputs.at("recv_y"), row * 8 + d), at(call.inputs.at("recv_w"), row), sum);
        if (partial_bf16) sum = as_bf16(sum);
      }
      sums.push_back(as_bf16(order == Order::shared_first ? sum : exact::add(sh, sum)));
    }
  return sums;
}
float twice_rounded(float a, float b, float c) { return exact::add(exact::multiply(a, b), c); }

TEST(CombineCard, EqualsExactSumsInOrder) {
  FloatSamples samples(9);
  for (int trial = 0; trial < 20; ++trial) {
    const StageCall call = card_call(samples);
    const GoldenOutput y = call.output("ffn_out");
    EXPECT_EQ(different(y, card_sums(call, Order::shared_first, twice_rounded)), 0);
    EXPECT_EQ(outside(y, card_sums(call, Order::shared_last, twice_rounded)), 0);
    EXPECT_TRUE(is_enclosed(y));
  }
}

// -1 + 2^-24 is exact and 2^-24 + 1 is not: starting from sh gives 2^-24, adding it at the end 0.
TEST(CombineCard, BothPlacesOfTheSharedExpertAreInside) {
  const StageCall call{.stage = "combine_card",
                       .inputs = {{"recv_y", bf16_tensor({2, 1, 1}, {0x1p-24f, 1.0f})},
                                  {"recv_w", f32_tensor({2, 1}, {1.0f, 1.0f})},
                                  {"recv_token", i32_tensor({2, 1}, {0, 0})},
                                  {"recv_count", i32_tensor({2}, {1, 1})},
                                  {"sh", bf16_tensor({1, 1}, {-1.0f})}}};
  const GoldenOutput y = call.output("ffn_out");
  EXPECT_EQ(at(y.value, 0), 0x1p-24f);
  EXPECT_EQ(at(y.lo, 0), 0);
  EXPECT_EQ(at(y.hi, 0), 0x1p-24f);
}

RC_GTEST_PROP(CombineCard, FusedOrNotStaysInside, (std::uint64_t seed)) {
  FloatSamples samples(seed);
  StageCall call = card_call(samples);
  call.profile = contracting();
  const GoldenOutput y = call.output("ffn_out");
  for (const Order order : {Order::shared_first, Order::shared_last})
    for (const auto how : {exact::multiply_add, twice_rounded}) RC_ASSERT(outside(y, card_sums(call, order, how)) == 0);
}

TEST(CombineCard, FaultsLieOutside) {
  FloatSamples samples(10);
  const StageCall call = card_call(samples);
  const GoldenOutput y = call.output("ffn_out");
  EXPECT_GT(outside(y, card_sums(call, Order::shared_first, twice_rounded, true)), 0);
  EXPECT_GT(outside(y, card_sums(call, Order::shared_first, [](float a, float, float c) { return a + c; })), 0);
}

// An absent expert adds +0: a token that no expert received turns -0 into +0; with all of them present -0 stays.
TEST(CombineCard, AbsentExpertsAddPositiveZero) {
  FloatSamples samples(11);
  StageCall call = card_call(samples);
  std::ranges::fill(call.inputs.at("sh").as<std::uint16_t>(), std::uint16_t{0x8000});
  std::ranges::fill(call.inputs.at("recv_y").as<std::uint16_t>(), std::uint16_t{0x8000});
  for (float& w : call.inputs.at("recv_w").as<float>()) w = 1;
  const GoldenOutput y = call.output("ffn_out");
  EXPECT_EQ(y.value.bits(2 * 8), 0u);
  EXPECT_EQ(y.value.bits(0), 0u);
  EXPECT_EQ(y.value.bits(8), 0x8000u);
}

TEST(CombineCard, DeclaredRelationsAndRefusals) {
  FloatSamples samples(12);
  const StageCall good = card_call(samples);
  EXPECT_TRUE(relations_hold([&] {
    StageCall call = good;
    call.inputs.at("recv_count") = i32_tensor({3}, {3, 0, 3});
    return call;
  }()));
  StageCall call = good;
  call.inputs.at("recv_token").set_bits(8, 4);
  EXPECT_EQ(call.run().error().message, "recv_token[2,0] is 4, expected 0 to 3");
  call = good;
  call.inputs.at("recv_token").set_bits(1, 0);
  EXPECT_EQ(call.run().error().message, "recv_token[0,1] is 0, which the expert has received before");
  call = good;
  call.inputs.at("recv_count").set_bits(1, 5);
  EXPECT_EQ(call.run().error().message, "recv_count[1] is 5, expected 0 to 4");
  call = good;
  call.inputs.at("recv_y") = Tensor(DType::bf16, {3, 4, 0});
  call.inputs.at("sh") = Tensor(DType::bf16, {std::int64_t{1} << 40, 0});
  EXPECT_NE(call.run().error().message.find("expected channels"), std::string::npos);
}

}  // namespace
}  // namespace assay::goldens
