// The relation engine: trials of each relation, goldens that keep them, and goldens broken on purpose that do not.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "goldens/relations/bits.h"
#include "goldens/relations/relation_test_support.h"

namespace assay::goldens {
namespace {

using Slices = std::vector<std::int64_t>;

// ---- a stage of the test: out[e, s] = x[e, s] * w[e] for slots s < count[e], zero beyond; total[e] = count[e].
// `fault` says what it does wrong.
enum class Fault {
  none,
  reads_neighbour,
  reads_other_row,
  absolute_term,
  reads_padding,
  reads_unrouted,
  loses_count,
  row_dependent
};
Fault fault = Fault::none;

Result<GoldenMap> evaluate_slots(const StageRequest& request) {
  const Tensor &x = *request.inputs.at("x"), &w = *request.inputs.at("w"), &count = *request.inputs.at("count");
  const std::int64_t experts = x.shape()[0], slots = x.shape()[1];
  const auto values = x.as<float>(), weights = w.as<float>();
  const auto counts = count.as<std::int32_t>();
  Tensor out(DType::f32, x.shape()), total(DType::i32, count.shape());
  const auto result = out.as<float>();
  for (std::int64_t e = 0; e < experts; ++e) {
    const auto expert = static_cast<std::size_t>(e);
    total.as<std::int32_t>()[expert] = counts[expert] - (fault == Fault::loses_count && e == 0 ? 1 : 0);
    for (std::int64_t s = 0; s < std::min<std::int64_t>(slots, counts[expert]); ++s) {
      const auto at = static_cast<std::size_t>(e * slots + s);
      float value = values[at] * weights[expert];
      const std::size_t last = expert * static_cast<std::size_t>(slots) + static_cast<std::size_t>(slots) - 1;
      if (fault == Fault::reads_neighbour) value += values[(at + 1) % values.size()];
      if (fault == Fault::reads_other_row) value += values[(at + static_cast<std::size_t>(slots)) % values.size()];
      if (fault == Fault::absolute_term) value += 1e-3f;
      if (fault == Fault::reads_padding) value += 0 * values[last];
      if (fault == Fault::reads_unrouted) value += 0 * weights[weights.size() - 1];
      if (fault == Fault::row_dependent && e == 1) value *= 1.5f;
      result[at] = value;
    }
  }
  GoldenMap outputs;
  for (auto& [name, tensor] : {std::pair{"out", &out}, std::pair{"total", &total}}) {
    GoldenOutput one;
    one.lo = one.hi = one.value = *tensor;
    one.open.assign(static_cast<std::size_t>(tensor->size()), 0);
    outputs.emplace(name, std::move(one));
  }
  return outputs;
}

Stage slots_stage() {
  return {.name = "slots",
          .clause = "of this test",
          .inputs = {{"x", {DType::f32}, {"E", "S"}}, {"w", {DType::f32}, {"E"}}, {"count", {DType::i32}, {"E"}}},
          .outputs = {{"out", {DType::f32}, {"E", "S"}}, {"total", {DType::i32}, {"E"}}},
          .parameters = {{"routes"}},
          .options = {},
          .evaluate = evaluate_slots,
          .relations = {RowsRelation{"E"}, PowerOfTwoRelation{{{"x", 1}, {"w", 2}}, {{"out", 3}}},
                        PaddingRelation{"count", {"x"}, {"out"}}, UnroutedRelation{"count", {"w"}},
                        ConservedRelation{"total", {"routes"}}}};
}

class SlotsTest : public ::testing::Test {
 protected:
  void TearDown() override { fault = Fault::none; }

  static RelationCheck check(Fault what, std::initializer_list<std::int32_t> counts = {2, 3, 0}) {
    fault = what;
    Tensor x = f32_tensor({3, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
    Tensor w = f32_tensor({3}, {0.5f, 3, 1.5f});
    Tensor count(DType::i32, {3});
    std::ranges::copy(counts, count.as<std::int32_t>().begin());
    const InputMap inputs{{"x", &x}, {"w", &w}, {"count", &count}};
    const Parameters parameters{{"routes", 5}};
    return check_relations(slots_stage(), {inputs, parameters, {}, Profile{}}).value();
  }
  // Some violation begins with these words, and none with others.
  static void only(const RelationCheck& found, std::initializer_list<std::string_view> relations) {
    EXPECT_FALSE(found.violations.empty());
    for (const std::string& violation : found.violations)
      EXPECT_TRUE(std::ranges::any_of(relations, [&](std::string_view words) { return violation.starts_with(words); }))
          << violation;
    for (const std::string_view words : relations)
      EXPECT_TRUE(std::ranges::any_of(found.violations, [&](const std::string& violation) {
        return violation.starts_with(words);
      })) << words;
  }
};

TEST_F(SlotsTest, AStageThatKeepsThemAll) {
  const RelationCheck found = check(Fault::none);
  EXPECT_TRUE(found.violations.empty()) << found.violations.front();
  EXPECT_TRUE(found.inapplicable.empty()) << found.inapplicable.front();
  EXPECT_EQ(found.trials, (std::vector<int>{4, 2, 2, 2, 1}));
  EXPECT_GT(found.compared, 100);
}

TEST_F(SlotsTest, EachFaultBreaksTheRelationsThatSeeIt) {
  only(check(Fault::reads_neighbour), {"unused slots of x", "powers of two"});
  only(check(Fault::reads_other_row), {"rows of E", "unused slots of x", "powers of two"});
  only(check(Fault::absolute_term), {"powers of two of x, w"});
  only(check(Fault::reads_padding), {"unused slots of x"});
  only(check(Fault::row_dependent), {"rows of E"});
  only(check(Fault::loses_count), {"sum of total", "rows of E"});
}

TEST_F(SlotsTest, WeightsOfAnUnroutedExpert) {
  // Its NaN reaches every slot in use.
  const RelationCheck found = check(Fault::reads_unrouted);
  only(found, {"unrouted w"});
  EXPECT_NE(found.violations.front().find("NaN in the unrouted slices of w: output out"), std::string::npos);
}

TEST_F(SlotsTest, SaysWhatTheInputsDoNotAllow) {
  const RelationCheck found = check(Fault::none, {4, 4, 4});
  ASSERT_EQ(found.inapplicable.size(), 2u);
  EXPECT_EQ(found.inapplicable[0], "unused slots of x: no slot is unused");
  EXPECT_EQ(found.inapplicable[1], "unrouted w: no entry of count is zero");
  // 12 routes, the parameter says 5.
  only(found, {"sum of total"});
}

// ---- parts

TEST(Relations, TakesSlicesOfAnyAxisAndWidth) {
  Tensor bytes(DType::u8, {2, 3, 2});
  for (std::int64_t i = 0; i < 12; ++i) bytes.set_bits(i, static_cast<std::uint64_t>(i));
  const Tensor middle = take(bytes, 1, Slices{2, 0});
  EXPECT_EQ(middle.shape(), (Shape{2, 2, 2}));
  const Slices expected{4, 5, 0, 1, 10, 11, 6, 7};
  for (std::int64_t i = 0; i < 8; ++i)
    EXPECT_EQ(middle.bits(i), static_cast<std::uint64_t>(expected[static_cast<std::size_t>(i)]));
  Tensor nibbles(DType::e2m1, {2, 3});
  for (std::int64_t i = 0; i < 6; ++i) nibbles.set_bits(i, static_cast<std::uint64_t>(i + 1));
  const Tensor last = take(nibbles, 1, Slices{2, 2, 1});
  for (std::int64_t i = 0; i < 6; ++i)
    EXPECT_EQ(last.bits(i), static_cast<std::uint64_t>((Slices{3, 3, 2, 6, 6, 5})[static_cast<std::size_t>(i)]));
  EXPECT_EQ(take(bytes, 0, Slices{}).size(), 0);
}

TEST(Relations, ScalesBitsExactlyOrNotAtAll) {
  const ExponentField f32 = *exponent_field(DType::f32);
  for (const float x : {1.0f, -3.5f, 1e-30f, 0.0f, -0.0f, std::numeric_limits<float>::infinity(), 1e20f})
    for (const int k : {-7, -3, 0, 5, 20})
      EXPECT_EQ(scaled_bits(f32, std::bit_cast<std::uint32_t>(x), k),
                std::optional<std::uint64_t>(std::bit_cast<std::uint32_t>(std::ldexp(x, k))))
          << x << " " << k;
  EXPECT_FALSE(scaled_bits(f32, std::bit_cast<std::uint32_t>(1e38f), 5));
  EXPECT_FALSE(scaled_bits(f32, std::bit_cast<std::uint32_t>(1e-37f), -5));
  EXPECT_FALSE(scaled_bits(f32, 1, 5));  // subnormal
  EXPECT_FALSE(exponent_field(DType::i8));
  EXPECT_EQ(float_value(DType::f16, 0x3C00), 1.0);
  EXPECT_EQ(float_value(DType::f16, 0x8001), -0x1p-24);
  EXPECT_EQ(float_value(DType::bf16, 0xC040), -3.0);
}

TEST(Relations, FillersAreWhatTheirNamesSay) {
  for (const DTypeInfo& format : kDTypes) {
    if (!exponent_field(format.dtype)) continue;
    EXPECT_TRUE(std::isnan(float_value(format.dtype, nan_bits(format.dtype))));
    EXPECT_TRUE(std::isfinite(float_value(format.dtype, huge_bits(format.dtype))));
    EXPECT_TRUE(std::isinf(float_value(format.dtype, huge_bits(format.dtype) + 1)));
  }
  Tensor least(DType::i8, {1}), most(DType::i8, {1}), unsigned_most(DType::u16, {1});
  least.set_bits(0, nan_bits(DType::i8)), most.set_bits(0, huge_bits(DType::i8));
  unsigned_most.set_bits(0, huge_bits(DType::u16));
  EXPECT_EQ(integer_value(least, 0), -128);
  EXPECT_EQ(integer_value(most, 0), 127);
  EXPECT_EQ(integer_value(unsigned_most, 0), 65535);
}

TEST(Relations, RefusesWhatDoesNotFitTheStage) {
  const Stage stage = slots_stage();
  const RelationSubject subject = relation_subject(stage, {}, {});
  const auto refuses = [&](const Relation& relation, std::string_view part) {
    const auto checked = check_relation(relation, subject);
    ASSERT_FALSE(checked) << describe(relation);
    EXPECT_NE(checked.error().message.find(part), std::string::npos) << checked.error().message;
  };
  refuses(RowsRelation{"Q"}, "no input has the axis 'Q'");
  refuses(PowerOfTwoRelation{{{"y", 1}}, {}}, "'y' is no input, expected one of x, w, count");
  refuses(PowerOfTwoRelation{{}, {}}, "no input is scaled");
  refuses(PowerOfTwoRelation{{{"x", 0}}, {}}, "the factor of 'x' is 0");
  refuses(PowerOfTwoRelation{{{"x", 1}}, {{"x", 1}}}, "'x' is no output, expected one of out, total");
  refuses(PaddingRelation{"count", {"w"}, {}}, "'w' has the axes [E], expected them to begin with those of 'count'");
  refuses(PaddingRelation{"x", {"x"}, {}}, "begin with those of 'x', [E, S]");
  refuses(UnroutedRelation{"counts", {"w"}}, "'counts' is no input");
  refuses(ConservedRelation{"total", {}}, "no extents");
  // Only floats have powers of two.
  Tensor count(DType::i32, {3});
  const InputMap inputs{{"count", &count}};
  const std::vector<Relation> of_count{PowerOfTwoRelation{{{"count", 1}}, {}}};
  EXPECT_FALSE(make_trials(of_count, subject, inputs));
}

TEST(Relations, PowersOfTwoKeepAwayFromTheEndsOfTheRange) {
  const Stage stage = slots_stage();
  const std::vector<Relation> of_x{PowerOfTwoRelation{{{"x", 1}}, {{"out", 1}}, 1e-4}};
  const auto reason = [&](float value) {
    const Tensor x = f32_tensor({1, 2}, {value, 0});
    const InputMap inputs{{"x", &x}};
    const RelationSubject subject = relation_subject(stage, inputs, {});
    const Trials trials = make_trials(of_x, subject, inputs).value();
    return trials.inapplicable.empty() ? fmt::format("{} trials", trials.trials.size()) : trials.inapplicable[0];
  };
  EXPECT_EQ(reason(1), "2 trials");
  EXPECT_EQ(reason(2e-4f), "1 trials");  // times 2^-3 is below the floor
  EXPECT_NE(reason(5e-5f).find("row 0 of x is below the floor 0.0001"), std::string::npos) << reason(5e-5f);
  EXPECT_NE(reason(1e30f).find("not within 2^-30 and 2^30"), std::string::npos) << reason(1e30f);
  EXPECT_NE(reason(1e-40f).find("not within"), std::string::npos);
}

TEST(Relations, OneRowIsDoubledAndExtentsStayWhereTheyMust) {
  const Stage stage = slots_stage();
  const Tensor x = f32_tensor({1, 2}, {1, 2});
  const InputMap inputs{{"x", &x}};
  const RelationSubject subject = relation_subject(stage, inputs, {});
  const std::vector<Relation> rows{RowsRelation{"E"}, RowsRelation{"S"}};
  const Trials trials = make_trials(rows, subject, inputs).value();
  ASSERT_EQ(trials.trials.size(), 5u);
  EXPECT_EQ(trials.trials[0].name, "E doubled");
  EXPECT_EQ(trials.trials[0].extents.at("E"), 2);
  EXPECT_EQ(trials.trials[0].change().at("x"), f32_tensor({2, 2}, {1, 2, 1, 2}));
  EXPECT_EQ(trials.trials[1].name, "S reversed");
  EXPECT_TRUE(trials.trials[1].extents.empty());
  const Trials fixed = make_trials(rows, subject, inputs, {1, false}).value();
  ASSERT_EQ(fixed.trials.size(), 2u);
  EXPECT_EQ(fixed.inapplicable, std::vector<std::string>{"rows of E: E is 1"});
}

}  // namespace
}  // namespace assay::goldens
