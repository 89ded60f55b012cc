#include "reports/summary.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "reports/sample_run.h"

namespace assay::reports {
namespace {

using compare::Verdict;
using testing::sample_case;
using testing::sample_results;

Summary summary_of(const std::vector<run::CaseResult>& results) {
  SummaryBuilder builder;
  for (const run::CaseResult& result : results) builder.add(result);
  return builder.summary(1);
}

Summary with(Verdict verdict) {
  return summary_of({sample_case(0, Verdict::passed, "p", "f"), sample_case(1, verdict, "p", "f")});
}

TEST(ExitCode, IsZeroOnlyWhenEverythingIsAsExpected) {
  for (const Verdict verdict : {Verdict::passed, Verdict::xfail, Verdict::skipped, Verdict::unsupported})
    EXPECT_EQ(exit_code(with(verdict)), 0) << compare::name(verdict);
  for (const Verdict verdict : {Verdict::failed, Verdict::crash, Verdict::hang, Verdict::xpass, Verdict::unverified})
    EXPECT_EQ(exit_code(with(verdict)), 1) << compare::name(verdict);
  EXPECT_EQ(exit_code(with(Verdict::error)), 3);
}

TEST(ExitCode, IsOneWhenNothingRan) {
  EXPECT_EQ(exit_code(summary_of({})), 1);
  EXPECT_EQ(exit_code(summary_of({sample_case(0, Verdict::skipped, "p", "f")})), 1);
  EXPECT_EQ(exit_code(summary_of({sample_case(0, Verdict::unsupported, "p", "f")})), 1);
  EXPECT_EQ(explain_exit(summary_of({})), "exit 1: no case was run");
}

TEST(ExitCode, HasPrecedenceTwoThreeOneZero) {
  Summary summary = summary_of(sample_results());
  EXPECT_EQ(exit_code(summary), 3);
  summary.problems.bad_input = true;
  EXPECT_EQ(exit_code(summary), 2);
  summary = with(Verdict::failed);
  summary.problems.harness_failure = true;
  EXPECT_EQ(exit_code(summary), 3);
  summary = with(Verdict::passed);
  summary.problems.harness_failure = true;
  EXPECT_EQ(exit_code(summary), 3);
}

TEST(ExitCode, AcceptsUnverifiedOnlyWhereItIsExpected) {
  run::CaseResult expected = sample_case(0, Verdict::unverified, "p", "f");
  expected.c.values["expect"] = "unverified:liveness only";
  EXPECT_EQ(exit_code(summary_of({expected})), 0);
  EXPECT_EQ(exit_code(summary_of({expected, sample_case(1, Verdict::unverified, "p", "f")})), 1);
  EXPECT_EQ(explain_exit(summary_of({expected})), "exit 0: everything as expected");
}

TEST(ExitCode, IsNotZeroWhenTheRunWasCutShort) {
  Summary summary = with(Verdict::passed);
  summary.problems.missing = 2;
  EXPECT_EQ(exit_code(summary), 1);
  EXPECT_EQ(explain_exit(summary), "exit 1: 2 cases without a result");
  summary.problems.interrupted_by = 2;
  EXPECT_EQ(exit_code(summary), 130);
  EXPECT_EQ(explain_exit(summary), "exit 130: interrupted by signal 2, 2 cases without a result");
}

TEST(ExitCode, UnverifiedIsInOrderWhereNothingWasToBeJudged) {
  run::CaseResult written = sample_case(0, Verdict::unverified, "p", "f");
  EXPECT_TRUE(needs_attention(written));
  written.judged = false;
  EXPECT_FALSE(needs_attention(written));
  EXPECT_EQ(exit_code(summary_of({written})), 0);
  EXPECT_TRUE(summary_of({written}).failures.empty());
  written.verdict = Verdict::failed;
  EXPECT_EQ(exit_code(summary_of({written})), 1);
}

TEST(Summary, CountsPerCasePipelineAndCell) {
  const Summary summary = summary_of(sample_results());
  EXPECT_EQ(summary.cases(), 12);
  EXPECT_EQ(summary.ran(), 10);
  for (std::size_t i = 0; i < kVerdicts; ++i) EXPECT_EQ(summary.verdicts.of[i], i < 2 ? 2 : 1) << i;
  EXPECT_EQ(summary.pipelines.at("ffn_add")[Verdict::failed], 2);
  EXPECT_EQ(summary.compared, 6 * 640);
  EXPECT_EQ(summary.unwritten, 5);
  const VerdictCounts& sim = summary.cells.at({"ffn_add", "ties", "sim"});
  EXPECT_EQ(sim[Verdict::passed], 1);
  EXPECT_EQ(sim[Verdict::failed], 1);
  EXPECT_EQ(summary.cells.at({"ffn_add", "ties", "opencl"})[Verdict::failed], 2);
  EXPECT_EQ(summary.cells.at({"cast_bf16", "ties", "opencl"})[Verdict::xfail], 1);
  EXPECT_EQ(summary.cells.at({"cast_bf16", "ties", "sim"})[Verdict::passed], 1);
  EXPECT_EQ(summary.cells.at({"quant_rows", "specials", "sim"})[Verdict::crash], 1);
  EXPECT_EQ(summary.cells.at({"quant_rows", "normal", "opencl"})[Verdict::unsupported], 1);
}

TEST(Summary, SaysWhichFillsCaughtEachFailure) {
  const Summary summary = summary_of(sample_results());
  ASSERT_FALSE(summary.failures.empty());
  const Failure& device = summary.failures[0];
  EXPECT_EQ(device.pipeline, "ffn_add");
  EXPECT_EQ(device.where, "stage ffn_add, output y: device diverges");
  EXPECT_EQ(device.cases, 1);
  EXPECT_EQ(device.fills.at("ties"), (Catch{1, 2}));
  EXPECT_EQ(device.fills.at("uniform"), (Catch{0, 1}));
  EXPECT_EQ(device.fills.at("normal"), (Catch{0, 1}));
  EXPECT_EQ(device.fills.count("specials"), 0U);
  EXPECT_TRUE(run::parse_replay(device.example));
  // Device and both are different failures although stage and output are the same.
  EXPECT_EQ(
      summary.failures[1].where,
      "stage ffn_add, output y: device and simulator agree, both differ from the golden: the kernel or the golden");
}

TEST(BackendVerdict, FollowsStatusAndOwnComparisons) {
  run::CaseResult result = testing::compared_case(0, Verdict::failed, "p", "f", true, false);
  EXPECT_EQ(backend_verdict(result, "sim"), Verdict::passed);
  EXPECT_EQ(backend_verdict(result, "opencl"), Verdict::failed);
  result.backends[0].status = "unsupported";
  EXPECT_EQ(backend_verdict(result, "sim"), Verdict::unsupported);
  result.backends[0].status = "deadlock";
  EXPECT_EQ(backend_verdict(result, "sim"), Verdict::hang);
  result.backends[0].status = "fault";
  EXPECT_EQ(backend_verdict(result, "sim"), Verdict::failed);
  result.backends[0].status = "error";
  EXPECT_EQ(backend_verdict(result, "sim"), Verdict::error);
}

TEST(BackendVerdict, OfAnUnexplainedFailureIsFailedEverywhere) {
  // All comparisons pass, the case does not.
  const run::CaseResult result = testing::compared_case(0, Verdict::failed, "p", "f", true, true);
  EXPECT_EQ(backend_verdict(result, "sim"), Verdict::failed);
  EXPECT_EQ(backend_verdict(result, "opencl"), Verdict::failed);
  EXPECT_EQ(failure_place(result), "failed outside the comparisons");
}

TEST(BackendVerdict, OfAStrayWriteIsItsWriters) {
  run::CaseResult result = testing::compared_case(0, Verdict::failed, "p", "f", true, true);
  for (run::BackendResult& backend : result.backends)
    if (backend.backend == "opencl") backend.diagnostics = {"stray-write: tensor 'y': 4 bytes after its end"};
  EXPECT_EQ(backend_verdict(result, "sim"), Verdict::passed);
  EXPECT_EQ(backend_verdict(result, "opencl"), Verdict::failed);
  EXPECT_EQ(failure_place(result), "opencl: stray-write");
}

TEST(BackendVerdict, OfAnExternalCommandThatDiedOrHungSaysSo) {
  run::CaseResult result = testing::compared_case(0, Verdict::crash, "p", "f", true, true);
  for (run::BackendResult& backend : result.backends)
    if (backend.backend == "opencl") backend.status = "crash";
  EXPECT_EQ(backend_verdict(result, "opencl"), Verdict::crash);
  EXPECT_EQ(backend_verdict(result, "sim"), Verdict::passed);
  result.verdict = Verdict::hang;
  for (run::BackendResult& backend : result.backends)
    if (backend.backend == "opencl") backend.status = "hang";
  EXPECT_EQ(backend_verdict(result, "opencl"), Verdict::hang);
}

// A passed case whose golden is an enclosure.
run::CaseResult enclosed_case(double slack, std::int64_t median, std::int64_t greatest, bool passed = true) {
  run::CaseResult result =
      testing::compared_case(0, passed ? Verdict::passed : Verdict::failed, "p", "f", passed, passed);
  compare::Comparison& c = result.stages[0].outputs[0].comparison;
  c.rule = "bound", c.slack = slack, c.slack_index = 7, c.median_width = median, c.max_width = greatest;
  return result;
}

TEST(Enclosures, TheGreatestSlackAndWidthsOfEachOutputAreKept) {
  SummaryBuilder builder;
  builder.add(enclosed_case(0.25, 1, 9));
  builder.add(enclosed_case(0.75, 2, 3));
  builder.add(enclosed_case(std::numeric_limits<double>::infinity(), 1, 1, false));
  builder.add(testing::compared_case(0, Verdict::passed, "p", "f", true, true));  // bits: no enclosure
  const Summary summary = builder.summary(1);
  ASSERT_EQ(summary.enclosures.size(), 1u);
  EXPECT_EQ(summary.enclosures.at("ffn_add.y"), (EnclosureUse{0.75, 2, 9, 3}));
  std::ostringstream out;
  ConsoleOptions plain;
  plain.clock = [] { return 0.0; };
  const auto console = console_reporter(out, plain);
  ASSERT_TRUE(console->run_finished(summary));
  EXPECT_NE(out.str().find("  ffn_add.y: slack 0.75, width median 2 at most 9 ulps, 3 comparisons\n"),
            std::string::npos)
      << out.str();
}

TEST(Enclosures, StandInTheFiles) {
  const auto folder = testing::scratch("enclosures");
  run::CaseResult chain = enclosed_case(0.5, 2, 3);
  chain.end_to_end = {{"y", "sim", 7, 0.5, 10}, {"z", "sim", 4, 0.25, 10}};
  testing::play(**csv_reporter(folder / "results.csv"), {chain});
  EXPECT_NE(testing::read_all(folder / "results.csv").find(",0.5,2,3,,7,"), std::string::npos);
  testing::play(**json_reporter(folder / "summary.json"), {enclosed_case(3, 2, 3, false)});
  const auto json = nlohmann::json::parse(testing::read_all(folder / "summary.json"));
  EXPECT_EQ(json["summary"]["enclosures"]["ffn_add.y"]["max_width"], 3);
  EXPECT_EQ(json["cases"][0]["stages"][0]["outputs"][0]["comparison"]["slack"], 3.0);
}

// No golden takes part where relations judge, and none is blamed.
TEST(Blame, OfARelationSpeaksOfNoGolden) {
  run::CaseResult result = testing::compared_case(0, Verdict::failed, "p", "f", false, false);
  result.stages[0].by_relations = true;
  constexpr std::string_view kBoth = "device and simulator agree, both break relations: the kernel or what it declares";
  EXPECT_EQ(failure_place(result), fmt::format("stage ffn_add, output y: {}", kBoth));
  const auto folder = testing::scratch("relation_blame");
  testing::play(**csv_reporter(folder / "results.csv"), {result});
  const std::string csv = testing::read_all(folder / "results.csv");
  EXPECT_NE(csv.find(kBoth), std::string::npos) << csv;
  EXPECT_EQ(csv.find("differ from the golden"), std::string::npos) << csv;
}

TEST(BackendVerdict, AgainstAPeerAloneIsUnverified) {
  run::CaseResult result = testing::compared_case(0, Verdict::unverified, "p", "f", true, true);
  for (run::OutputResult& output : result.stages[0].outputs) output.reference = "sim";
  EXPECT_EQ(backend_verdict(result, "opencl"), Verdict::unverified);
}

TEST(BackendVerdict, WithNothingComparedIsUnverified) {
  run::CaseResult result = testing::compared_case(0, Verdict::unverified, "p", "f", true, true);
  for (run::OutputResult& output : result.stages[0].outputs) output.comparison.compared = 0;
  EXPECT_EQ(backend_verdict(result, "sim"), Verdict::unverified);
}

}  // namespace
}  // namespace assay::reports
