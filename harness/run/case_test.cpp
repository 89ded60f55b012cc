#include "harness/run/case.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace assay::run {
namespace {

Case make_case(std::initializer_list<std::pair<const std::string, std::string>> values) {
  Case c;
  for (const auto& [key, value] : values) c.values[key] = value;
  return c;
}

TEST(CaseId, IsStable) {
  // Stored results and failure folders are found by this number; changing the hash orphans them.
  EXPECT_EQ(case_id(make_case({{"pipeline", "ffn_add"}, {"T", "5"}})),
            case_id(parse_replay("T=5 pipeline=ffn_add").value()));
  EXPECT_EQ(case_id(Case{}).size(), 16U);
}

TEST(CaseId, DependsOnWhatTheCaseIsAndNotOnHowItIsTreated) {
  const Case base = make_case({{"pipeline", "ffn_add"}, {"T", "5"}});
  for (const char* key : {"backends", "expect", "tags", "timeout"}) {
    Case treated = base;
    treated.values[key] = "x";
    EXPECT_EQ(case_id(treated), case_id(base)) << key;
  }
  for (const char* key : {"fill", "seed", "profile", "policy", "D"}) {
    Case other = base;
    other.values[key] = "1";
    EXPECT_NE(case_id(other), case_id(base)) << key;
  }
  // A boundary between key and value or between pairs cannot move.
  EXPECT_NE(case_id(make_case({{"a", "bc"}})), case_id(make_case({{"ab", "c"}})));
  EXPECT_NE(case_id(make_case({{"a", "1"}, {"b", "2"}})), case_id(make_case({{"a", "1b2"}})));
}

TEST(ReplayLine, IsSortedAndQuotesWhatNeedsIt) {
  EXPECT_EQ(replay_line(make_case({{"pipeline", "ffn_add"}, {"D", "64"}, {"backends", "sim+opencl"}})),
            "D=64 backends=sim+opencl pipeline=ffn_add");
  EXPECT_EQ(replay_line(make_case({{"expect", "fail:two words"}, {"tags", ""}})),
            "expect=\"fail:two words\" tags=\"\"");
}

TEST(ReplayLine, ParseIsTheInverse) {
  EXPECT_TRUE(rc::check("parse_replay(replay_line(c)) == c", [] {
    const auto values = *rc::gen::nonEmpty(rc::gen::container<std::map<std::string, std::string>>(
        rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', '{'))),
        rc::gen::arbitrary<std::string>()));
    Case c;
    c.values.insert(values.begin(), values.end());
    const auto parsed = parse_replay(replay_line(c));
    RC_ASSERT(parsed.has_value());
    RC_ASSERT(parsed->values == c.values);
  }));
}

TEST(ReplayLine, MistakesAreNamedWithTheirColumn) {
  const std::pair<std::string, std::string> cases[] = {{"", "empty"},
                                                       {"   ", "empty"},
                                                       {"pipeline", "column 1: 'pipeline' is not key=value"},
                                                       {"a=1 =2", "column 5"},
                                                       {"a=1 a=2", "stands twice"},
                                                       {"a=1 b=\"x", "column 7: the quote is not closed"},
                                                       {"a=\"x\"y", "column 6"}};
  for (const auto& [line, expected] : cases) {
    const auto parsed = parse_replay(line);
    ASSERT_FALSE(parsed.has_value()) << line;
    EXPECT_NE(parsed.error().message.find(expected), std::string::npos) << parsed.error().message;
    EXPECT_EQ(exit_code(parsed.error()), 2);
  }
  EXPECT_FALSE(parse_replay(std::string(1 << 20, 'a')).has_value());
}

TEST(ReplayLine, RandomTextNeverThrows) {
  EXPECT_TRUE(rc::check("parse_replay survives", [](const std::string& text) {
    const auto parsed = parse_replay(text);
    if (parsed) RC_ASSERT(parse_replay(replay_line(*parsed))->values == parsed->values);
  }));
}

CaseResult sample() {
  CaseResult result;
  result.c = make_case({{"pipeline", "ffn_add"}, {"T", "5"}});
  result.id = case_id(result.c);
  result.verdict = compare::Verdict::xfail;
  result.reason = "one \"line\"";
  result.compared = 7, result.unconstrained = 2, result.unwritten = 1, result.seconds = 0.25;
  compare::Comparison comparison;
  comparison.elements = 9, comparison.compared = 7, comparison.mismatches = 1, comparison.worst_index = 3;
  comparison.max_ulps = std::numeric_limits<std::int64_t>::max();
  comparison.smallest_rtol = std::numeric_limits<double>::infinity();
  comparison.smallest_atol = 0.5;
  comparison.rule = "ulp(1)";
  comparison.first = {{3, 0xffffffffffffffffU, 1, 2, 3, 4}};
  result.stages = {{"add",
                    compare::Blame::all_differ,
                    {{"add", "y", "sim", "golden", "builtin", comparison, "row 3"}},
                    true,
                    {"rows of T: not tried"},
                    {{"sim", 0.5}, {"golden", 0.25}}}};
  result.backends = {{"sim", "completed", "", {"k.pto:1:2: bounds: x"}, 0.5, 0.125, 42}};
  return result;
}

TEST(CaseJson, RoundTrips) {
  const CaseResult original = sample();
  const nlohmann::json node = original;
  const auto copy = nlohmann::json::parse(node.dump()).get<CaseResult>();
  EXPECT_EQ(nlohmann::json(copy), node);
  EXPECT_EQ(copy.c.values, original.c.values);
  EXPECT_EQ(copy.verdict, original.verdict);
  EXPECT_EQ(copy.stages.at(0).blame, compare::Blame::all_differ);
  EXPECT_TRUE(copy.stages.at(0).by_relations);
  EXPECT_EQ(copy.stages.at(0).inapplicable, original.stages.at(0).inapplicable);
  const compare::Comparison& comparison = copy.stages.at(0).outputs.at(0).comparison;
  EXPECT_EQ(comparison.smallest_rtol, std::numeric_limits<double>::infinity());
  EXPECT_EQ(comparison.first.at(0).actual, 0xffffffffffffffffU);
  EXPECT_EQ(comparison.max_ulps, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(copy.backends.at(0).instructions, 42U);
}

TEST(CaseJson, SlackAndWidthsRoundTripWhereThereAreAny) {
  CaseResult original = sample();
  compare::Comparison& comparison = original.stages[0].outputs[0].comparison;
  const nlohmann::json without = original;
  EXPECT_FALSE(without.at("stages").at(0).at("outputs").at(0).at("comparison").contains("slack"));
  comparison.slack = std::numeric_limits<double>::infinity(), comparison.slack_index = 3;
  comparison.median_width = 1, comparison.max_width = 4;
  const auto copy = nlohmann::json::parse(nlohmann::json(original).dump()).get<CaseResult>();
  const compare::Comparison& back = copy.stages.at(0).outputs.at(0).comparison;
  EXPECT_EQ(back.slack, comparison.slack);
  EXPECT_EQ(back.slack_index, 3);
  EXPECT_EQ(back.median_width, 1);
  EXPECT_EQ(back.max_width, 4);
}

TEST(CaseJson, WrongContentThrowsJsonExceptionsOnly) {
  for (const char* text :
       {R"({})", R"({"case":{},"verdict":"maybe"})", R"({"case":{"T":5},"verdict":"passed"})",
        R"({"case":{},"verdict":"passed","stages":[{"blame":"nobody"}]})", R"({"case":[],"verdict":3})"})
    EXPECT_THROW(nlohmann::json::parse(text).get<CaseResult>(), nlohmann::json::exception) << text;
}

}  // namespace
}  // namespace assay::run
