#include "harness/run/plan.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <chrono>
#include <set>

#include "harness/run/test_vocabulary.h"

namespace assay::run {
namespace {

class PlanTest : public ::testing::Test {
 protected:
  Matrix matrix(std::string_view csv) const {
    auto parsed = parse_matrix(csv, "m.csv", vocabulary_);
    EXPECT_TRUE(parsed) << to_string(parsed.error());
    return parsed ? std::move(*parsed) : Matrix{};
  }
  static std::vector<std::string> lines(const Plan& plan) {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < plan.entries().size(); ++i) lines.push_back(replay_line(plan.at(i)));
    return lines;
  }
  static std::string error_of(const Matrix& matrix, const PlanOptions& options = {}) {
    const auto plan = Plan::make(matrix, options);
    return plan ? "no error" : to_string(plan.error());
  }
  TestVocabulary words_;
  Vocabulary vocabulary_ = words_.make();
};

using Lines = std::vector<std::string>;

TEST_F(PlanTest, ExpandsInColumnOrderWithTheLastColumnFastest) {
  const Matrix m = matrix("T,pipeline,fill,tags\n1|2,add,uniform|ties,x\n");
  const auto plan = Plan::make(m, {});
  ASSERT_TRUE(plan);
  EXPECT_EQ(lines(*plan), (Lines{"T=1 fill=uniform pipeline=add tags=x", "T=1 fill=ties pipeline=add tags=x",
                                 "T=2 fill=uniform pipeline=add tags=x", "T=2 fill=ties pipeline=add tags=x"}));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(id_text(plan->entries()[i].id), case_id(plan->at(i)));
}

TEST_F(PlanTest, ConstraintsOfRowAndPipelineFilter) {
  const Matrix m = matrix("pipeline,T,D,constraint\nquant,1..4,8..64+8,T*D<=64\n");
  const auto plan = Plan::make(m, {});
  ASSERT_TRUE(plan);
  std::size_t expected = 0;  // by hand: D a multiple of 16 and T*D <= 64
  for (int t = 1; t <= 4; ++t)
    for (int d = 8; d <= 64; d += 8) expected += d % 16 == 0 && t * d <= 64;
  EXPECT_EQ(plan->entries().size(), expected);
  EXPECT_EQ(plan->row_counts()[0].combinations, 32);
  EXPECT_EQ(plan->row_counts()[0].constrained, 32 - static_cast<int>(expected));
}

TEST_F(PlanTest, CursorAgreesWithTryingEveryCombination) {
  EXPECT_TRUE(rc::check("pruned walk = filtered product", [this] {
    const auto bound = *rc::gen::inRange(1, 60);
    const auto factor = *rc::gen::inRange(1, 5);
    const Matrix m =
        matrix(fmt::format("D,pipeline,T,seed,constraint\n16..96+{},quant,1..7,0..3,T*D<={} && (T+seed)%{}!=1\n",
                           8 * factor, bound * 8, factor + 1));
    RowCursor walk(m.rows[0]), try_all(m.rows[0]);
    std::vector<std::int64_t> walked, tried;
    for (auto more = walk.first(); *more; more = walk.next()) walked.push_back(walk.ordinal());
    for (std::int64_t i = 0; i < try_all.combinations(); ++i) {
      try_all.seek(i);
      if (*try_all.holds()) tried.push_back(i);
    }
    RC_ASSERT(walked == tried);
    RC_ASSERT(walk.passed_over() + static_cast<std::int64_t>(walked.size()) == walk.combinations());
  }));
}

TEST_F(PlanTest, ContradictionsAreBadInputWithTheRow) {
  EXPECT_EQ(error_of(matrix("pipeline,T,constraint\nadd,1..4,T>4\n")),
            "m.csv:2:1: the row expands to nothing: its constraints leave none of 4 combinations");
  EXPECT_EQ(error_of(matrix("pipeline,D\nadd,8\nquant,8\n")),
            "m.csv:3:1: the row expands to nothing: its constraints leave none of 1 combination");
  const std::string division = error_of(matrix("pipeline,T,constraint\nadd,1..4,8/(T-2)>0\n"));
  EXPECT_TRUE(division.starts_with("m.csv:2:1: constraint with T=2: ")) << division;
  EXPECT_NE(division.find("divides by zero"), std::string::npos) << division;
  PlanOptions pairwise;
  pairwise.cover = 2;
  EXPECT_EQ(error_of(matrix("pipeline,T,D,constraint\nadd,1..4,1..4,T+D>99\n"), pairwise),
            "m.csv:2:1: the row expands to nothing: its constraints leave none of 16 combinations");
  EXPECT_NE(error_of(matrix("pipeline,T,D,seed\nadd,1..4096,1..4096,1..4096\n")).find("--cover pairwise"),
            std::string::npos);
}

TEST_F(PlanTest, RepeatedCasesRunOnceOrAreRefused) {
  const auto merged = Plan::make(matrix("pipeline,T,tags\nadd,1..4,a\nadd,3..6,b\n"), {});
  ASSERT_TRUE(merged);
  EXPECT_EQ(merged->entries().size(), 6u);
  EXPECT_EQ(merged->row_counts()[1].merged, 2);
  EXPECT_EQ(merged->notices(), Lines{"m.csv:3 repeats cases of m.csv:2; each runs once"});
  EXPECT_NE(error_of(matrix("pipeline,T,expect\nadd,1..4,\nadd,3,fail:B01\n"))
                .find("with expect 'fail:B01' instead of 'pass'"),
            std::string::npos);
  EXPECT_EQ(error_of(matrix("pipeline,T,expect\nadd,1..4,\nadd,3,pass\n")), "no error");
}

TEST_F(PlanTest, FilterSelects) {
  const Matrix m = matrix("pipeline,T,fill,tags\nadd,1..10,uniform|ties,a+b\nquant,1..10,ties,c\n");
  const auto count = [&](std::string_view text) {
    PlanOptions options;
    options.filter = *Filter::parse(text);
    const auto plan = Plan::make(m, options);
    return plan ? static_cast<int>(plan->entries().size()) : -1;
  };
  EXPECT_EQ(count("pipeline=add"), 20);
  EXPECT_EQ(count("pipeline=q*"), 10);
  EXPECT_EQ(count("T<=3 && fill=ties"), 6);
  EXPECT_EQ(count("T<=3 || T=10"), 12);
  EXPECT_EQ(count("!(T<=3 || T=10)"), 18);
  EXPECT_EQ(count("tags=b"), 20);
  EXPECT_EQ(count("fill=uni*|spec*"), 10);
  EXPECT_EQ(count("x_dtype=bf16"), 10);  // the default counts; a pipeline without the key does not match
  EXPECT_EQ(count("x_dtype!=bf16"), 20);
  EXPECT_EQ(count("T>100"), 0);
  EXPECT_EQ(count("Z=1"), -1);
  PlanOptions one;
  one.filter = *Filter::parse("id=" + case_id(Plan::make(m, {})->at(7)));
  EXPECT_EQ(Plan::make(m, one)->entries().size(), 1u);
}

TEST_F(PlanTest, ShardsAreDisjointAndComplete) {
  const Matrix m = matrix("pipeline,T,D\nadd,1..20,1..20\n");
  std::multiset<std::uint64_t> all, together;
  const auto whole = Plan::make(m, {});
  for (const auto& entry : whole->entries()) all.insert(entry.id);
  for (int i = 1; i <= 7; ++i) {
    PlanOptions options;
    options.shard = *parse_shard(fmt::format("{}/7", i));
    const auto shard = Plan::make(m, options);
    EXPECT_GT(shard->entries().size(), 20u);
    for (const auto& entry : shard->entries()) together.insert(entry.id);
  }
  EXPECT_EQ(all, together);
  for (const char* bad : {"0/3", "4/3", "1", "a/b", "1/0", "-1/3"}) EXPECT_FALSE(parse_shard(bad)) << bad;
}

TEST_F(PlanTest, RepetitionsAndSeeds) {
  const Matrix m = matrix("pipeline,T,seed\nadd,1,5\nadd,2,\n");
  PlanOptions options;
  options.repeat = 2;
  options.seed = 9;
  const auto plan = Plan::make(m, options);
  EXPECT_EQ(lines(*plan), (Lines{"T=1 pipeline=add seed=5", "T=1 pipeline=add seed=1000008", "T=2 pipeline=add seed=9",
                                 "T=2 pipeline=add seed=1000012"}));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(id_text(plan->entries()[i].id), case_id(plan->at(i)));
}

TEST_F(PlanTest, CoverHonoursConstraintsAndShrinks) {
  PlanOptions options;
  options.cover = 2;
  const Matrix m = matrix(
      "pipeline,T,D,x_dtype,fill,seed,constraint\nquant,1..5,16..80+16,bf16|f32,uniform|ties|specials,1..4,T*D<=200\n");
  const auto plan = Plan::make(m, options);
  ASSERT_TRUE(plan);
  EXPECT_LE(plan->entries().size(), 40u);
  std::set<std::pair<std::string, std::string>> pairs;
  for (std::size_t i = 0; i < plan->entries().size(); ++i) {
    const Case c = plan->at(i);
    EXPECT_LE(std::stoi(c.values.at("T")) * std::stoi(c.values.at("D")), 200);
    pairs.emplace(c.values.at("T"), c.values.at("D"));
  }
  std::size_t feasible = 0;
  for (int t = 1; t <= 5; ++t)
    for (int d = 16; d <= 80; d += 16) feasible += t * d <= 200;
  EXPECT_EQ(pairs.size(), feasible);
  EXPECT_EQ(*parse_cover("all"), 0);
  EXPECT_EQ(*parse_cover("pairwise"), 2);
  EXPECT_EQ(*parse_cover("3-wise"), 3);
  for (const char* bad : {"0-wise", "9-wise", "some", "-wise"}) EXPECT_FALSE(parse_cover(bad)) << bad;
}

TEST_F(PlanTest, AMillionCasesExpandInSeconds) {
  const auto start = std::chrono::steady_clock::now();
  const auto plan =
      Plan::make(matrix("pipeline,T,D,fill,seed,constraint\nadd,1..50,1..200,uniform|ties,1..50,T>0\n"), {});
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->entries().size(), 1'000'000u);
  RecordProperty("seconds", std::to_string(seconds));
#ifdef NDEBUG
  EXPECT_LT(seconds, 3);
#endif
}

}  // namespace
}  // namespace assay::run
