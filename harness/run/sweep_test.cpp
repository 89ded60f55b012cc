#include "harness/run/sweep.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "harness/core/file.h"
#include "harness/core/scratch_directory.h"
#include "harness/run/execute.h"
#include "harness/run/store.h"

namespace assay::run {
namespace {

using compare::Verdict;

constexpr const char* kPipeline = R"(
policy = "bits"
[params]
n = { default = 1, min = 1, max = 100000 }
act = { choices = ["pass", "fail", "unverified", "bad_input", "unavailable", "crash", "hang", "slow", "garbage"] }
[tensors.x]
shape = ["n"]
dtype = "f32"
[tensors.y]
shape = ["n"]
dtype = "bf16"
role = "output"
[[stages]]
name = "demo"
inputs = ["x"]
outputs = ["y"]
golden = { stage = "cast_bf16" }
[[stages.tasks]]
kernel = "demo.pto"
args = ["x", "y", "n"]
)";

class SweepTest : public ::testing::Test {
 protected:
  SweepTest() : scratch_(ScratchDirectory::make().value()) {
    std::filesystem::create_directories(path("kernels/demo"));
    EXPECT_TRUE(write_text(path("kernels/demo/pipeline.toml"), kPipeline));
    EXPECT_TRUE(write_text(path("kernels/demo/demo.pto"), "module {}\n"));
    options_.cases.pipeline_directories = {path("kernels")};
    options_.cases.matrices = {path("cases.csv")};
    options_.worker_command = {ASSAY_FAKE_WORKER, "well", path("log").string()};
    options_.out = path("out");
    options_.timeout = 20;
    options_.jobs = 2;
  }

  std::filesystem::path path(std::string_view name) const { return scratch_.path() / name; }

  // The exit code, or the error's.
  int run(std::string_view csv) {
    EXPECT_TRUE(write_text(path("cases.csv"), csv));
    return run();
  }
  int run() {
    std::ostringstream console;
    auto outcome = sweep(options_, console);
    console_ = console.str();
    error_ = outcome ? "" : to_string(outcome.error());
    if (!outcome) return assay::exit_code(outcome.error());
    outcome_ = *outcome;
    return outcome->exit_code();
  }

  std::int64_t count(Verdict verdict) const { return outcome_.summary.verdicts[verdict]; }
  // Ids of the cases that reached a worker, over all runs so far.
  std::multiset<std::string> executed() const {
    std::multiset<std::string> ids;
    std::ifstream log(path("log"));
    for (std::string id; std::getline(log, id);) ids.insert(id);
    return ids;
  }
  std::string text_of(std::string_view name) const { return read_text(path(name), 1 << 24).value_or(""); }

  ScratchDirectory scratch_;
  SweepOptions options_;
  SweepOutcome outcome_;
  std::string console_, error_;
};

TEST_F(SweepTest, ReportsWhatHappened) {
  EXPECT_EQ(run("pipeline,act,n,timeout\ndemo,pass,1..20,\ndemo,fail|crash,1..2,\ndemo,hang,1,0.1\n"), 1) << error_;
  EXPECT_EQ(count(Verdict::passed), 20);
  EXPECT_EQ(count(Verdict::failed), 2);
  EXPECT_EQ(count(Verdict::crash), 2);
  EXPECT_EQ(count(Verdict::hang), 1);
  EXPECT_EQ(executed().size(), 25u);
  for (const char* name : {"out/results.csv", "out/summary.json", "out/junit.xml", "out/report.html", "out/results.db"})
    EXPECT_FALSE(text_of(name).empty()) << name;
  EXPECT_NE(text_of("out/results.csv").find("SIGSEGV"), std::string::npos);
}

TEST_F(SweepTest, ExitCodesInOrderOfPrecedence) {
  EXPECT_EQ(run("pipeline,act,n\ndemo,pass,1..3\n"), 0) << error_;
  EXPECT_EQ(run("pipeline,act,n\ndemo,pass,1..3\ndemo,unverified,1\n"), 1);
  EXPECT_EQ(run("pipeline,act,n,expect\ndemo,pass,1,\ndemo,unverified,1,unverified:no golden\n"), 0) << error_;
  EXPECT_EQ(run("pipeline,act,n\ndemo,pass|fail,1\n"), 1);
  EXPECT_EQ(run("pipeline,act,n\ndemo,pass|fail|unavailable,1\n"), 3);
  EXPECT_EQ(run("pipeline,act,n\ndemo,pass|garbage,1\n"), 3);
  EXPECT_EQ(run("pipeline,act,n\ndemo,pass|fail|unavailable|bad_input,1\n"), 2);
  EXPECT_EQ(run("pipeline,act,n,expect\ndemo,crash,1,fail:crash\ndemo,pass,1,\n"), 0) << error_;
  EXPECT_EQ(run("pipeline,act,n,expect\ndemo,crash,1,fail:hang\n"), 1);
  EXPECT_EQ(run("pipeline,act,n,expect\ndemo,pass,1..3,skip:not now\n"), 1);  // nothing ran
  EXPECT_EQ(count(Verdict::skipped), 3);
}

TEST(Expectation, UnverifiedNeedsAReasonAndMustNotOutliveIt) {
  CaseResult result;
  result.c.values["expect"] = "unverified:open rows";
  result.verdict = Verdict::unverified;
  ASSERT_TRUE(apply_expectation(result, {}));
  EXPECT_EQ(result.verdict, Verdict::unverified);
  result.verdict = Verdict::failed;
  ASSERT_TRUE(apply_expectation(result, {}));
  EXPECT_EQ(result.verdict, Verdict::failed);
  result.verdict = Verdict::passed;
  ASSERT_TRUE(apply_expectation(result, {}));
  EXPECT_EQ(result.verdict, Verdict::xpass);
  result.c.values["expect"] = "unverified:";
  EXPECT_FALSE(apply_expectation(result, {}));
}

TEST_F(SweepTest, BadInputWritesNothing) {
  EXPECT_EQ(run("pipeline,act,m\ndemo,pass,1\n"), 2);
  EXPECT_EQ(run("pipeline,act,n,constraint\ndemo,pass,1..4,n>4\n"), 2);
  EXPECT_EQ(run("pipeline,act\ndemo,\"pass\n"), 2);
  options_.cases.matrices = {path("none.csv")};
  EXPECT_EQ(run(), 2);
  EXPECT_NE(error_.find("none.csv"), std::string::npos) << error_;
  options_.cases.matrices.clear();
  EXPECT_EQ(run(), 2);
  options_.cases.replay = "pipeline=demo z=1";
  EXPECT_EQ(run(), 2);
  EXPECT_FALSE(std::filesystem::exists(path("out")));
  EXPECT_TRUE(executed().empty());
}

TEST_F(SweepTest, AMissingBackendMattersWhenItWasAskedFor) {
  options_.worker_command[1] = "missing";
  EXPECT_EQ(run("pipeline,act,backends\ndemo,pass,sim+opencl\n"), 0) << error_;
  EXPECT_NE(console_.find("'opencl' is skipped: no platform"), std::string::npos) << console_;
  std::filesystem::remove_all(path("out"));
  options_.backends = {"sim", "opencl"};
  options_.cases.plan.backends = "sim+opencl";
  EXPECT_EQ(run(), 3);
  EXPECT_EQ(error_, "backend 'opencl' was asked for: no platform");
  EXPECT_FALSE(std::filesystem::exists(path("out")));
}

TEST_F(SweepTest, NothingLeftToRunIsAFailure) {
  options_.cases.plan.filter = *Filter::parse("n>50");
  EXPECT_EQ(run("pipeline,act,n\ndemo,pass,1..3\n"), 1);
  EXPECT_FALSE(std::filesystem::exists(path("out")));
}

TEST_F(SweepTest, ReplayRunsOneCase) {
  options_.cases.matrices.clear();
  options_.cases.replay = "act=pass n=5 pipeline=demo seed=3";
  options_.out.clear();
  EXPECT_EQ(run(), 0) << error_;
  EXPECT_EQ(executed(), std::multiset<std::string>{case_id(*parse_replay(options_.cases.replay))});
}

TEST_F(SweepTest, ResumeRunsWhatIsMissing) {
  options_.cases.plan.filter = *Filter::parse("n<=10");
  EXPECT_EQ(run("pipeline,act,n\ndemo,pass,1..30\ndemo,fail,1\n"), 1);
  EXPECT_EQ(executed().size(), 11u);
  options_.cases.plan.filter.reset();
  options_.resume = true;
  EXPECT_EQ(run(), 1);
  EXPECT_EQ(outcome_.resumed, 11);
  EXPECT_EQ(outcome_.summary.cases(), 31);
  const auto ids = executed();
  EXPECT_EQ(ids.size(), 31u);
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 31u);
  const std::string csv = text_of("out/results.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 32);
  options_.contract_fma = true;
  EXPECT_EQ(run(), 2);
  EXPECT_NE(error_.find("fp-contract was 'off' and is 'on'"), std::string::npos) << error_;
  options_.resume = false;
  EXPECT_EQ(run(), 1);
  EXPECT_EQ(executed().size(), 62u);
}

TEST_F(SweepTest, HarnessErrorsAreTriedAgainOnResume) {
  EXPECT_EQ(run("pipeline,act,n\ndemo,pass|unavailable,1\n"), 3);
  options_.resume = true;
  EXPECT_EQ(run(), 3);
  EXPECT_EQ(executed().size(), 3u);
}

TEST_F(SweepTest, AnInterruptLeavesAResumableStoreAndReports) {
  for (const int signal : {SIGINT, SIGTERM}) {
    std::filesystem::remove_all(path("out"));
    std::filesystem::remove(path("log"));
    options_.resume = false;
    std::thread user([&, signal] {
      sigset_t none;
      sigfillset(&none);
      pthread_sigmask(SIG_BLOCK, &none, nullptr);
      while (executed().size() < 8) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      kill(getpid(), signal);
    });
    EXPECT_EQ(run("pipeline,act,n\ndemo,slow,1..60\n"), 128 + signal) << error_;
    user.join();
    const auto finished = outcome_.summary.cases();
    EXPECT_GT(finished, 0);
    EXPECT_LT(finished, 60);
    EXPECT_FALSE(text_of("out/report.html").empty());
    EXPECT_FALSE(text_of("out/summary.json").empty());
    options_.resume = true;
    EXPECT_EQ(run(), 0) << error_;
    EXPECT_EQ(outcome_.resumed, finished);
    EXPECT_EQ(outcome_.summary.cases(), 60);
  }
}

TEST_F(SweepTest, ShardsMergeToTheWhole) {
  const std::string csv = "pipeline,act,n\ndemo,pass,1..40\ndemo,fail,1..2\n";
  EXPECT_EQ(run(csv), 1);
  std::ostringstream console;
  const auto whole = report({path("out")}, path("whole"), console);
  ASSERT_TRUE(whole) << to_string(whole.error());
  EXPECT_EQ(whole->exit_code(), 1);
  for (int i = 1; i <= 3; ++i) {
    options_.cases.plan.shard = *parse_shard(fmt::format("{}/3", i));
    options_.out = path("sharded") / fmt::format("shard-{}-of-3", i);
    run();
  }
  const auto merged = report({path("sharded")}, path("merged"), console);
  ASSERT_TRUE(merged) << to_string(merged.error());
  EXPECT_EQ(merged->summary.cases(), 42);
  EXPECT_EQ(merged->summary.verdicts, whole->summary.verdicts);
  const auto columns_of = [](const std::string& csv_text) {
    std::vector<std::string> ids;
    std::istringstream lines(csv_text);
    for (std::string line; std::getline(lines, line);) ids.push_back(line.substr(0, line.find(',')));
    return ids;
  };
  EXPECT_EQ(columns_of(text_of("merged/results.csv")), columns_of(text_of("whole/results.csv")));
  // The same store twice counts each case once.
  EXPECT_EQ(report({path("sharded"), path("out")}, path("both"), console)->summary.cases(), 42);
  EXPECT_FALSE(report({path("kernels")}, path("bad"), console));
  EXPECT_FALSE(report({path("none")}, path("bad"), console));
}

TEST_F(SweepTest, OneSweepWritesToAFolder) {
  std::filesystem::create_directories(path("out"));
  EXPECT_TRUE(write_text(path("out/results.db"), "precious notes of somebody, and no store"));
  EXPECT_EQ(run("pipeline,act\ndemo,pass\n"), 2);
  EXPECT_NE(error_.find("is not a store of assay"), std::string::npos) << error_;
  EXPECT_EQ(text_of("out/results.db"), "precious notes of somebody, and no store");
}

TEST_F(SweepTest, ExchangeFoldersAreCheckedFirst) {
  options_.cases.matrices.clear();
  options_.mode = Mode::verify;
  options_.exchange = path("exchange");
  EXPECT_EQ(run(), 2);
  std::filesystem::create_directories(path("exchange/somewhere/inputs"));
  EXPECT_EQ(run(), 2);
  EXPECT_NE(error_.find("found no case"), std::string::npos) << error_;
  EXPECT_TRUE(write_text(path("exchange/somewhere/inputs/manifest.json"), "{\"tensors\":[],\"metadata\":{}}"));
  EXPECT_EQ(run(), 2);
  EXPECT_NE(error_.find("found no 'case' in its metadata"), std::string::npos) << error_;
  EXPECT_TRUE(write_text(path("exchange/somewhere/inputs/manifest.json"),
                         "{\"tensors\":[],\"metadata\":{\"case\":\"pipeline=demo n=3\"}}"));
  EXPECT_EQ(run(), 2);
  EXPECT_NE(error_.find("expected the folder's name"), std::string::npos) << error_;
}

}  // namespace
}  // namespace assay::run
