// A sweep: cases from matrices, a replay line or an exchange folder, run in workers, kept in a store, reported as they
// come.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/error.h"
#include "harness/run/plan.h"
#include "harness/run/protocol.h"
#include "reports/summary.h"

namespace assay::run {

// Which cases. Exactly one source: matrices, replay, or (for Mode::run and Mode::verify) the folders of `exchange`.
struct CaseSource {
  std::vector<std::filesystem::path> matrices;
  std::string replay;
  std::vector<std::filesystem::path> pipeline_directories;
  PlanOptions plan;
};

struct SweepOptions {
  CaseSource cases;
  Mode mode = Mode::check;
  std::filesystem::path exchange;     // of .npy files, for every mode but check
  std::vector<std::string> backends;  // asked for: must be there. Empty: those of the cases
  bool contract_fma = false;
  std::int64_t case_memory = 0;  // bytes of a case's tensors above which it is skipped; 0: the default
  std::filesystem::path out;  // empty: nothing is written
  bool resume = false;
  int jobs = 1;
  double timeout = 120;     // seconds, for cases that name none
  std::int64_t memory = 0;  // resident bytes of one worker; 0: no limit
  std::vector<std::string> worker_command;
  std::string command_line;    // for the reports
  std::string replay_options;  // what a replay of one case needs besides its line: " --pipelines DIR"
};

struct SweepOutcome {
  reports::Summary summary;
  std::int64_t resumed = 0;      // results taken over from an earlier run
  std::filesystem::path report;  // report.html, or empty
  int exit_code() const { return reports::exit_code(summary); }
};

// The cases of a source, checked. `matrix` must outlive the plan. Errors: bad input.
struct Cases {
  std::unique_ptr<Matrix> matrix;
  Plan plan;
  Vocabulary vocabulary;
};
Result<Cases> expand_cases(const CaseSource& source, Mode mode, const std::filesystem::path& exchange);

// Errors: bad input, found before anything is written; a missing backend that was asked for; a harness failure.
// Interrupt and termination signals end the sweep early with a store that can be resumed. `console` gets progress and
// the summary table.
Result<SweepOutcome> sweep(const SweepOptions& options, std::ostream& console);

// Every report again from the stores in `directories` and their shard-* folders, into `out`. A case that stands in
// several stores counts once: the result that finished last. Errors: no store found, a store that cannot be read.
Result<SweepOutcome> report(const std::vector<std::filesystem::path>& directories, const std::filesystem::path& out,
                            std::ostream& console);

}  // namespace assay::run
