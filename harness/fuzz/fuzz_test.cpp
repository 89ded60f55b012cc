#include "harness/fuzz/fuzz.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

namespace assay::fuzz {
namespace {

pipeline::Pipeline two_extents() {
  pipeline::Pipeline p;
  p.name = "toy";
  pipeline::Parameter t{"T", std::int64_t{16}, 1, 64, {}}, d{"D", std::int64_t{64}, 1, std::nullopt, {}};
  pipeline::Parameter x{"x_dtype", std::string("bf16"), {}, {}, {"bf16", "f32"}};
  p.parameters = {t, d, x};
  return p;
}

std::int64_t number(const run::Case& c, std::string_view key) {
  const auto text = c.get(key, "0");
  return std::stoll(std::string(text));
}

run::CaseResult verdict(const run::Case& c, compare::Verdict v) {
  run::CaseResult result;
  result.c = c;
  result.verdict = v;
  return result;
}

class FuzzTest : public ::testing::Test {
 protected:
  FuzzTest() : pipeline_(two_extents()) {
    options_.space.pipeline = &pipeline_;
    options_.space.fills = {"uniform", "normal", "ties", "specials"};
    options_.runs = 150;
  }
  pipeline::Pipeline pipeline_;
  FuzzOptions options_;
};

TEST_F(FuzzTest, EdgesAreWhereTilesBeginAndEnd) {
  EXPECT_EQ(edge_extents(1, 17), (std::vector<std::int64_t>{1, 7, 8, 9, 15, 16, 17}));
  EXPECT_EQ(edge_extents(30, 33), (std::vector<std::int64_t>{31, 32, 33}));
  EXPECT_TRUE(edge_extents(2, 3).empty());
}

TEST_F(FuzzTest, DrawsLegalCasesOfEveryFillAndWordAndManyEdges) {
  std::set<std::string> fills, words, extents, offsets;
  const auto outcome = fuzz(options_, [&](const run::Case& c) -> Result<run::CaseResult> {
    EXPECT_GE(number(c, "T"), 1);
    EXPECT_LE(number(c, "T"), 64);
    EXPECT_LE(number(c, "D"), options_.space.largest_extent);
    fills.insert(std::string(c.get("fill")));
    words.insert(std::string(c.get("x_dtype")));
    extents.insert(std::string(c.get("D")));
    offsets.insert(std::string(c.get("offset", "0")));
    return verdict(c, compare::Verdict::passed);
  });
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->cases, 150);
  EXPECT_FALSE(outcome->counterexample.has_value());
  EXPECT_EQ(fills.size(), 4U);
  EXPECT_EQ(words.size(), 2U);
  EXPECT_GT(offsets.size(), 5U);
  for (const char* edge : {"15", "16", "17", "255", "257"}) EXPECT_TRUE(extents.contains(edge)) << edge;
}

TEST_F(FuzzTest, ShrinksToTheSmallestFailingCase) {
  options_.runs = 2000;
  const auto outcome = fuzz(options_, [](const run::Case& c) -> Result<run::CaseResult> {
    const bool bad = number(c, "D") > 15 && number(c, "T") >= 3 && c.get("x_dtype") == "f32";
    return verdict(c, bad ? compare::Verdict::failed : compare::Verdict::passed);
  });
  ASSERT_TRUE(outcome.has_value());
  ASSERT_TRUE(outcome->counterexample.has_value());
  const run::Case& c = outcome->counterexample->c;
  EXPECT_EQ(number(c, "T"), 3) << run::replay_line(c);
  EXPECT_EQ(number(c, "D"), 16) << run::replay_line(c);
  EXPECT_EQ(c.get("fill"), "uniform");
  EXPECT_EQ(c.get("seed"), "0");
  EXPECT_FALSE(c.values.contains("offset"));
}

TEST_F(FuzzTest, ShrinkingStopsAtItsBudget) {
  options_.shrink_runs = 7;
  std::int64_t executed = 0;
  const auto outcome = fuzz(options_, [&](const run::Case& c) -> Result<run::CaseResult> {
    ++executed;
    return verdict(c, compare::Verdict::failed);
  });
  ASSERT_TRUE(outcome.has_value());
  EXPECT_LE(outcome->shrinks, 7);
  EXPECT_LE(executed, 8);
}

TEST_F(FuzzTest, AnotherKindOfFailureIsNotASmallerOne) {
  options_.runs = 2000;
  const auto outcome = fuzz(options_, [](const run::Case& c) -> Result<run::CaseResult> {
    if (number(c, "D") > 100) return verdict(c, compare::Verdict::failed);
    if (number(c, "D") < 50) return verdict(c, compare::Verdict::passed);
    return verdict(c, compare::Verdict::crash);
  });
  ASSERT_TRUE(outcome.has_value() && outcome->counterexample.has_value());
  const bool crash = outcome->counterexample->verdict == compare::Verdict::crash;
  EXPECT_EQ(number(outcome->counterexample->c, "D"), crash ? 50 : 101);
}

TEST_F(FuzzTest, ContradictoryCasesAreDiscardedAndDoNotCount) {
  const auto outcome = fuzz(options_, [](const run::Case& c) -> Result<run::CaseResult> {
    if (number(c, "D") % 2 != 0) return bad_input("D is odd");
    return verdict(c, compare::Verdict::passed);
  });
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->cases, 150);
  EXPECT_GT(outcome->discarded, 0);
}

TEST_F(FuzzTest, NothingCheckedIsAnError) {
  EXPECT_FALSE(fuzz(options_, [](const run::Case&) -> Result<run::CaseResult> { return bad_input("never"); }));
  EXPECT_FALSE(fuzz(options_, [](const run::Case& c) -> Result<run::CaseResult> {
                 return verdict(c, compare::Verdict::skipped);
               }).has_value());
}

TEST_F(FuzzTest, ABrokenHarnessIsReportedAsSuch) {
  const auto outcome = fuzz(options_, [](const run::Case&) -> Result<run::CaseResult> { return internal_error("x"); });
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().kind, ErrorKind::internal);
}

TEST_F(FuzzTest, TheSameSeedDrawsTheSameCases) {
  const auto draw = [&](std::uint64_t seed) {
    std::vector<std::string> lines;
    options_.seed = seed;
    (void)fuzz(options_, [&](const run::Case& c) -> Result<run::CaseResult> {
      lines.push_back(run::replay_line(c));
      return verdict(c, compare::Verdict::passed);
    });
    return lines;
  };
  EXPECT_EQ(draw(5), draw(5));
  EXPECT_NE(draw(5), draw(6));
}

TEST_F(FuzzTest, TimeEndsTheDrawing) {
  options_.runs.reset();
  options_.time = std::chrono::milliseconds(60);
  const auto outcome = fuzz(
      options_, [](const run::Case& c) -> Result<run::CaseResult> { return verdict(c, compare::Verdict::passed); });
  ASSERT_TRUE(outcome.has_value());
  EXPECT_GT(outcome->cases, 10);
  EXPECT_LT(outcome->seconds, 30);
}

// A pipeline in a folder below is found by its path; what its file calls itself is for people.
TEST_F(FuzzTest, CasesNameThePipelineAsItWasAskedFor) {
  options_.space.fixed.values["pipeline"] = "faults/toy";
  options_.runs = 5;
  const auto outcome = fuzz(options_, [](const run::Case& c) -> Result<run::CaseResult> {
    EXPECT_EQ(c.get("pipeline"), "faults/toy");
    return verdict(c, compare::Verdict::passed);
  });
  ASSERT_TRUE(outcome.has_value());
}

std::string content(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(AppendCase, WritesAHeaderOnceAndAddsColumns) {
  const auto file = std::filesystem::temp_directory_path() / "assay_append_case_test" / "cases.csv";
  std::filesystem::remove_all(file.parent_path());
  EXPECT_TRUE(check_appendable(file).has_value());
  run::Case c;
  c.values = {{"pipeline", "toy"}, {"T", "3"}, {"fill", "choice:1|2"}};
  ASSERT_TRUE(append_case(file, c).has_value());
  c.values["T"] = "4";
  ASSERT_TRUE(append_case(file, c).has_value());
  EXPECT_EQ(content(file), "T,fill,pipeline\n3,choice:1\\|2,toy\n4,choice:1\\|2,toy\n");
  c.values["offset"] = "3";
  ASSERT_TRUE(append_case(file, c).has_value());
  c.values.erase("T");
  ASSERT_TRUE(append_case(file, c).has_value());
  EXPECT_EQ(
      content(file),
      "T,fill,pipeline,offset\n3,choice:1\\|2,toy\n4,choice:1\\|2,toy\n4,choice:1\\|2,toy,3\n,choice:1\\|2,toy,3\n");
  std::filesystem::remove_all(file.parent_path());
}

TEST(AppendCase, TakesAMatrixMadeByHandAndNothingElse) {
  const auto file = std::filesystem::temp_directory_path() / "assay_append_case_test_by_hand.csv";
  run::Case c;
  c.values = {{"pipeline", "toy"}, {"T", "3"}, {"fill", "ties"}};
  std::ofstream(file) << "\xEF\xBB\xBF# ours\r\n\"pipeline\",tags,T\r\ntoy,a,1|2";
  ASSERT_TRUE(append_case(file, c).has_value());
  EXPECT_EQ(content(file), "\xEF\xBB\xBF# ours\r\n\"pipeline\",tags,T,fill\r\ntoy,a,1|2\ntoy,,3,ties\n");
  for (const char* other : {"T,D\n1,2\n", "dear diary\n", "pipeline,\"T\n"}) {
    std::ofstream(file) << other;
    EXPECT_FALSE(check_appendable(file).has_value()) << other;
    EXPECT_FALSE(append_case(file, c).has_value()) << other;
    EXPECT_EQ(content(file), other);
  }
  std::filesystem::remove(file);
  std::filesystem::create_directories(file);
  EXPECT_FALSE(check_appendable(file).has_value());
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace assay::fuzz
