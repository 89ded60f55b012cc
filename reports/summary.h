// What a run comes to: counts by verdict, the verdict of each pipeline, fill and backend, which fills caught which
// failure, and the exit code.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/compare/policy.h"
#include "harness/run/case.h"

namespace assay::reports {

inline constexpr std::size_t kVerdicts = 10;

struct VerdictCounts {
  std::array<std::int64_t, kVerdicts> of{};
  std::int64_t& operator[](compare::Verdict verdict) { return of[static_cast<std::size_t>(verdict)]; }
  std::int64_t operator[](compare::Verdict verdict) const { return of[static_cast<std::size_t>(verdict)]; }
  std::int64_t total() const;
  // The gravest verdict with a count: crash, hang, error, failed, xpass, unverified, xfail, unsupported, skipped,
  // passed.
  compare::Verdict worst() const;
  bool operator==(const VerdictCounts&) const = default;
};

// One cell of the verdict matrix.
struct Cell {
  std::string pipeline, fill, backend;
  auto operator<=>(const Cell&) const = default;
};

// How often cases under one fill met a failure, out of those that ran.
struct Catch {
  std::int64_t caught = 0, ran = 0;
  bool operator==(const Catch&) const = default;
};

// A place that fails: all failing cases of a pipeline that first go wrong in the same stage and in the same way.
struct Failure {
  std::string pipeline;
  std::string where;  // "stage cast_bf16, device diverges", "crash", "sim: fault"
  std::map<std::string, Catch, std::less<>> fills;
  std::string example;  // replay line of the first one
  std::int64_t cases = 0;
};

// How much of what its golden allows an output uses, over all cases compared under bound.
struct EnclosureUse {
  double slack = 0;               // greatest of the cases that pass
  std::int64_t median_width = 0;  // greatest median of a case, in representable values
  std::int64_t max_width = 0;
  std::int64_t comparisons = 0;
  bool operator==(const EnclosureUse&) const = default;
};

// Outputs held against a golden for which the peers' own tolerance is known, and what it says of them.
struct PeerUse {
  std::int64_t failing = 0, failing_accepted = 0, failing_unchecked = 0;  // that fail here
  std::int64_t passing = 0, passing_rejected = 0;                         // that pass here
  bool operator==(const PeerUse&) const = default;
};

// What went wrong outside the cases.
struct RunProblems {
  bool bad_input = false;        // a row, an argument
  bool harness_failure = false;  // assay itself, or a backend asked for that is missing
  int interrupted_by = 0;        // signal that ended the run early
  std::int64_t missing = 0;      // cases planned that have no result
};
struct Summary {
  VerdictCounts verdicts;                                       // per case
  std::map<std::string, VerdictCounts, std::less<>> pipelines;  // per case
  std::map<Cell, VerdictCounts> cells;                          // per case and backend
  std::vector<Failure> failures;                                // in order of first appearance
  std::int64_t compared = 0, unconstrained = 0, unwritten = 0;  // elements
  std::map<std::string, EnclosureUse, std::less<>> enclosures;  // by "stage.output"
  PeerUse peers;
  std::int64_t unverified_expected = 0;                         // of verdicts[unverified]: the case expects it
  double seconds = 0;                                           // wall time of the run
  double case_seconds = 0;                                      // sum over cases
  RunProblems problems;                                         // set by whoever runs the cases, before run_finished

  std::int64_t cases() const { return verdicts.total(); }
  // Cases in which something was executed: all but skipped and unsupported ones.
  std::int64_t ran() const;
};

class SummaryBuilder {
 public:
  void add(const run::CaseResult& result);
  // `seconds`: wall time since the run started.
  Summary summary(double seconds) const;

 private:
  void add_enclosure(const run::OutputResult& output);
  void add_peer(const run::OutputResult& output);

  Summary summary_;
  std::map<std::pair<std::string, std::string>, std::int64_t> ran_;        // pipeline, fill -> cases that ran
  std::map<std::pair<std::string, std::string>, std::size_t> failure_at_;  // pipeline, where -> index
};

// 128 + signal after an interrupt. Otherwise design section 5: 2 bad input, 3 harness failure or a case with verdict
// error, 1 a failure, crash, hang, unexpected pass, unexpected unverified, a planned case without a result, or nothing
// ran; otherwise 0. In this order.
int exit_code(const Summary& summary);
// One line that says why exit_code is what it is: "exit 1: 3 failed, 1 crash".
std::string explain_exit(const Summary& summary);

// failed, crash, hang, error, xpass, or unverified without being expected: what a user must look at.
bool needs_attention(const run::CaseResult& result);
// Whether the case expects to be unverified (expect = "unverified" or "unverified:REASON"), or was not to be judged.
bool unverified_is_expected(const run::CaseResult& result);

// The case's verdict on one backend alone, derived from its status and its comparisons with the golden.
compare::Verdict backend_verdict(const run::CaseResult& result, std::string_view backend);
// Backends that took part: those with results, or those the case names when it never got that far.
std::vector<std::string> backends_of(const run::CaseResult& result);
// Where and how a case fails, without its parameters; empty when it needs no attention.
std::string failure_place(const run::CaseResult& result);

}  // namespace assay::reports
