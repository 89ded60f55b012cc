#include "reports/summary.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

namespace assay::reports {

using compare::Verdict;

namespace {

// Gravest first.
constexpr std::array<Verdict, kVerdicts> kGravity{
    Verdict::crash,      Verdict::hang,  Verdict::error,       Verdict::failed,  Verdict::xpass,
    Verdict::unverified, Verdict::xfail, Verdict::unsupported, Verdict::skipped, Verdict::passed};

bool was_run(Verdict verdict) { return verdict != Verdict::skipped && verdict != Verdict::unsupported; }

std::string fill_of(const run::CaseResult& result) { return std::string(result.c.get("fill", "default")); }

std::string pipeline_of(const run::CaseResult& result) { return std::string(result.c.get("pipeline", "unknown")); }

}  // namespace

std::int64_t VerdictCounts::total() const { return std::accumulate(of.begin(), of.end(), std::int64_t{0}); }

Verdict VerdictCounts::worst() const {
  for (const Verdict verdict : kGravity)
    if ((*this)[verdict] > 0) return verdict;
  return Verdict::skipped;
}

std::int64_t Summary::ran() const { return cases() - verdicts[Verdict::skipped] - verdicts[Verdict::unsupported]; }

void SummaryBuilder::add(const run::CaseResult& result) {
  const std::string pipeline = pipeline_of(result), fill = fill_of(result);
  ++summary_.verdicts[result.verdict];
  ++summary_.pipelines[pipeline][result.verdict];
  for (const std::string& backend : backends_of(result))
    ++summary_.cells[Cell{pipeline, fill, backend}][backend_verdict(result, backend)];
  summary_.compared += result.compared;
  summary_.unconstrained += result.unconstrained;
  summary_.unwritten += result.unwritten;
  summary_.case_seconds += result.seconds;
  for (const run::StageResult& stage : result.stages)
    for (const run::OutputResult& output : stage.outputs) {
      add_enclosure(output);
      add_peer(output);
    }
  if (result.verdict == Verdict::unverified && unverified_is_expected(result)) ++summary_.unverified_expected;
  if (was_run(result.verdict)) ++ran_[{pipeline, fill}];

  const std::string where = failure_place(result);
  if (where.empty()) return;
  const auto [at, fresh] = failure_at_.try_emplace({pipeline, where}, summary_.failures.size());
  if (fresh) summary_.failures.push_back({pipeline, where, {}, run::replay_line(result.c), 0});
  Failure& failure = summary_.failures[at->second];
  ++failure.cases;
  ++failure.fills[fill].caught;
}

void SummaryBuilder::add_enclosure(const run::OutputResult& output) {
  const compare::Comparison& c = output.comparison;
  if (output.reference != "golden" || c.max_width == 0) return;
  EnclosureUse& use = summary_.enclosures[output.stage + "." + output.output];
  ++use.comparisons;
  use.median_width = std::max(use.median_width, c.median_width);
  use.max_width = std::max(use.max_width, c.max_width);
  if (c.passed) use.slack = std::max(use.slack, c.slack);
}

void SummaryBuilder::add_peer(const run::OutputResult& output) {
  if (output.peer.rule.empty()) return;
  PeerUse& peers = summary_.peers;
  if (output.comparison.passed) {
    ++peers.passing;
    peers.passing_rejected += output.peer.checks && !output.peer.accepts ? 1 : 0;
  } else {
    ++peers.failing;
    peers.failing_accepted += output.peer.checks && output.peer.accepts ? 1 : 0;
    peers.failing_unchecked += output.peer.checks ? 0 : 1;
  }
}

Summary SummaryBuilder::summary(double seconds) const {
  Summary summary = summary_;
  summary.seconds = seconds;
  for (Failure& failure : summary.failures)
    for (const auto& [key, ran] : ran_)
      if (key.first == failure.pipeline) failure.fills[key.second].ran = ran;
  return summary;
}

int exit_code(const Summary& summary) {
  const VerdictCounts& verdicts = summary.verdicts;
  if (summary.problems.interrupted_by != 0) return 128 + summary.problems.interrupted_by;
  if (summary.problems.bad_input) return 2;
  if (summary.problems.harness_failure || verdicts[Verdict::error] > 0) return 3;
  const std::int64_t wrong = verdicts[Verdict::failed] + verdicts[Verdict::crash] + verdicts[Verdict::hang] +
                             verdicts[Verdict::xpass] + verdicts[Verdict::unverified] - summary.unverified_expected;
  return wrong > 0 || summary.problems.missing > 0 || summary.ran() == 0 ? 1 : 0;
}

std::string explain_exit(const Summary& summary) {
  std::vector<std::string> reasons;
  const auto count = [&](Verdict verdict, std::int64_t expected = 0) {
    const std::int64_t number = summary.verdicts[verdict] - expected;
    if (number > 0) reasons.push_back(fmt::format("{} {}", number, compare::name(verdict)));
  };
  if (const int signal = summary.problems.interrupted_by; signal != 0)
    reasons.push_back(fmt::format("interrupted by signal {}", signal));
  if (summary.problems.bad_input) reasons.emplace_back("bad input");
  if (summary.problems.harness_failure) reasons.emplace_back("the harness failed");
  for (const Verdict verdict : {Verdict::error, Verdict::failed, Verdict::crash, Verdict::hang, Verdict::xpass})
    count(verdict);
  count(Verdict::unverified, summary.unverified_expected);
  if (const std::int64_t missing = summary.problems.missing; missing > 0)
    reasons.push_back(fmt::format("{} case{} without a result", missing, missing == 1 ? "" : "s"));
  if (summary.ran() == 0) reasons.emplace_back("no case was run");
  if (reasons.empty()) reasons.emplace_back("everything as expected");
  return fmt::format("exit {}: {}", exit_code(summary), fmt::join(reasons, ", "));
}

}  // namespace assay::reports
