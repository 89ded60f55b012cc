#include "harness/compare/policy.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace assay::compare {
namespace {

std::string round_trip(std::string_view text) {
  const auto policy = parse_policy(text);
  return policy ? to_string(*policy) : "error: " + policy.error().message;
}

TEST(ParsePolicy, ReadsEveryRule) {
  EXPECT_EQ(round_trip("bits"), "bits");
  EXPECT_EQ(round_trip("bound"), "bound");
  EXPECT_EQ(round_trip("ulp(2)"), "ulp(2)");
  EXPECT_EQ(round_trip("allclose(rtol=1e-3,atol=1e-5)"), "allclose(rtol=0.001,atol=1e-05)");
  EXPECT_EQ(round_trip("allclose(atol=0.5)"), "allclose(rtol=0,atol=0.5)");
}

TEST(ParsePolicy, ReadsModifiersInAnyOrderAndSpaces) {
  EXPECT_EQ(round_trip(" ulp( 1 ) , zero=sign_matters , nan = same_bits,inf=max_finite_too "),
            "ulp(1),nan=same_bits,inf=max_finite_too,zero=sign_matters");
  EXPECT_EQ(round_trip("bits,nan=any_nan,inf=same_sign"), "bits");
  EXPECT_EQ(round_trip("bits,zero=sign_ignored,nan=never"), "bits,nan=never,zero=sign_ignored");
}

struct Wrong {
  std::string text, column, expected;
};
class WrongPolicies : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongPolicies, NameColumnAndExpectation) {
  const auto policy = parse_policy(GetParam().text);
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().kind, ErrorKind::bad_input);
  EXPECT_NE(policy.error().message.find("column " + GetParam().column + ":"), std::string::npos)
      << policy.error().message;
  EXPECT_NE(policy.error().message.find(GetParam().expected), std::string::npos) << policy.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    ParsePolicy, WrongPolicies,
    ::testing::Values(Wrong{"", "1", "bits, ulp(N)"}, Wrong{"exact", "1", "bits, ulp(N)"}, Wrong{"BITS", "1", "bits"},
                      Wrong{"ulp", "4", "'('"}, Wrong{"ulp(-1)", "5", "non-negative"}, Wrong{"ulp(1.5)", "6", "')'"},
                      Wrong{"ulp(99999999999999999999)", "5", "64-bit"}, Wrong{"ulp()", "5", "integer"},
                      Wrong{"allclose()", "10", "rtol= or atol="}, Wrong{"allclose(rtol=nan)", "15", "finite"},
                      Wrong{"allclose(rtol=-1e-3)", "15", "non-negative"}, Wrong{"allclose(rtol=inf)", "15", "finite"},
                      Wrong{"allclose(rtol=1,rtol=2)", "17", "each once"}, Wrong{"allclose(rtol=1", "16", "',' or ')'"},
                      Wrong{"bits nan=never", "6", "','"}, Wrong{"bits,", "6", "a modifier"},
                      Wrong{"bits,nan=maybe", "10", "any_nan, same_bits or never"},
                      Wrong{"bits,inf=both", "10", "same_sign or max_finite_too"},
                      Wrong{"bits,zero=0", "11", "sign_matters"}, Wrong{"bits,nan=never,nan=never", "16", "each once"},
                      Wrong{"bits,ftz=1", "6", "a modifier"}, Wrong{"bits(1)", "5", "','"}));

TEST(ParsePolicy, RefusesLongTexts) { EXPECT_FALSE(parse_policy("bits" + std::string(100'000, ' '))); }

TEST(ParsePolicy, InvertsToString) {
  EXPECT_TRUE(rc::check("parse(to_string(p)) == p", [] {
    Policy policy;
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        policy.rule = Bits{};
        break;
      case 1:
        policy.rule = Ulps{*rc::gen::inRange<std::int64_t>(0, std::numeric_limits<std::int64_t>::max())};
        break;
      case 2:
        policy.rule = Allclose{1.0 / (1 + *rc::gen::inRange(0, 100000)), 1e-30 * *rc::gen::inRange(0, 100000)};
        break;
      default:
        policy.rule = Bound{};
    }
    policy.nan = static_cast<NanRule>(*rc::gen::inRange(0, 3));
    policy.inf = static_cast<InfRule>(*rc::gen::inRange(0, 2));
    const int zero = *rc::gen::inRange(0, 3);
    if (zero < 2) policy.zero = static_cast<ZeroRule>(zero);
    const auto again = parse_policy(to_string(policy));
    RC_ASSERT(again.has_value());
    RC_ASSERT(again->rule.index() == policy.rule.index());
    if (const auto* ulps = std::get_if<Ulps>(&policy.rule)) RC_ASSERT(std::get<Ulps>(again->rule).limit == ulps->limit);
    if (const auto* close = std::get_if<Allclose>(&policy.rule)) {
      RC_ASSERT(std::get<Allclose>(again->rule).rtol == close->rtol);
      RC_ASSERT(std::get<Allclose>(again->rule).atol == close->atol);
    }
    RC_ASSERT(again->nan == policy.nan);
    RC_ASSERT(again->inf == policy.inf);
    RC_ASSERT(again->zero == policy.zero);
  }));
}

TEST(ParsePolicy, SurvivesRandomText) {
  EXPECT_TRUE(rc::check("no crash, and an error is one line", [](const std::string& text) {
    const auto policy = parse_policy(text);
    if (!policy && text.find('\n') == std::string::npos)
      RC_ASSERT(policy.error().message.find('\n') == std::string::npos);
  }));
}

TEST(Verdicts, NamesAndParsingAreInverse) {
  for (int i = 0; i < 10; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    EXPECT_EQ(parse_verdict(name(verdict)), verdict);
  }
  EXPECT_EQ(name(Verdict::unverified), "unverified");
  EXPECT_EQ(name(Verdict::hang), "hang");
  EXPECT_FALSE(parse_verdict("pass"));
  EXPECT_FALSE(parse_verdict(""));
}

TEST(AssignBlame, CoversEveryCombination) {
  const std::optional<bool> yes = true, no = false, none;
  EXPECT_EQ(assign_blame(yes, yes, yes), Blame::none);
  EXPECT_EQ(assign_blame(yes, yes, no), Blame::none);
  EXPECT_EQ(assign_blame(no, yes, no), Blame::device);
  EXPECT_EQ(assign_blame(no, yes, none), Blame::device);
  EXPECT_EQ(assign_blame(yes, no, no), Blame::simulator);
  EXPECT_EQ(assign_blame(no, no, yes), Blame::both);
  EXPECT_EQ(assign_blame(no, no, no), Blame::all_differ);
  EXPECT_EQ(assign_blame(no, no, none), Blame::all_differ);
  EXPECT_EQ(assign_blame(no, none, none), Blame::device_only);
  EXPECT_EQ(assign_blame(yes, none, none), Blame::none);
  EXPECT_EQ(assign_blame(none, no, none), Blame::simulator_only);
  EXPECT_EQ(assign_blame(none, yes, none), Blame::none);
  EXPECT_EQ(assign_blame(none, none, no), Blame::undecided);
  EXPECT_EQ(assign_blame(none, none, yes), Blame::none);
  EXPECT_EQ(assign_blame(none, none, none), Blame::none);
}

TEST(DescribeBlame, HasAPhraseForEach) {
  for (int i = 0; i <= static_cast<int>(Blame::undecided); ++i)
    EXPECT_GT(describe(static_cast<Blame>(i)).size(), 10U) << i;
}

}  // namespace
}  // namespace assay::compare
