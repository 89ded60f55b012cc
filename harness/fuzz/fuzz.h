// Property-based fuzzing of a stage: golden, simulator and device agree on every legal case. A counterexample is shrunk
// within a budget and appended to a CSV that `assay run` accepts.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "harness/core/error.h"
#include "harness/fuzz/generate_case.h"
#include "harness/run/case.h"

namespace assay::fuzz {

struct FuzzOptions {
  CaseSpace space;
  std::uint64_t seed = 1;
  std::optional<std::int64_t> runs;               // successful cases to draw; 200 when no time is given either
  std::optional<std::chrono::milliseconds> time;  // stop drawing after this long
  std::int64_t shrink_runs = 400;                 // cases executed while shrinking, at most
  std::chrono::milliseconds shrink_time{30'000};
};

struct FuzzOutcome {
  std::int64_t cases = 0;      // executed while drawing
  std::int64_t discarded = 0;  // drawn, but contradictory: a constraint of the pipeline does not hold
  std::int64_t shrinks = 0;    // executed while shrinking
  bool shrink_budget_spent = false;
  std::map<std::string, std::int64_t> fills;      // cases executed per fill
  std::optional<run::CaseResult> counterexample;  // smallest failing case, as executed
  double seconds = 0;
};

// Executes one case: an error of kind bad_input means the case is contradictory and is discarded.
using Execute = std::function<Result<run::CaseResult>(const run::Case&)>;
// Called after every executed case; for progress.
using Progress = std::function<void(const FuzzOutcome&)>;

// A case fails when its verdict is failed, error, crash or hang. Every other verdict passes; a run in which no case was
// passed or xfail is an error, for then nothing was checked. The failure keeps its kind while shrinking: a case that
// fails otherwise than the first one does not count as smaller.
Result<FuzzOutcome> fuzz(const FuzzOptions& options, const Execute& execute, const Progress& progress = {});

// Whether a case can be appended to the file: there is none yet, or it is a matrix. Error: it is something else.
Result<void> check_appendable(const std::filesystem::path& csv);
// Appends the case as a row to the matrix, which is written when there is none. A header that lacks keys of the case
// gets them as further columns. Errors: those of check_appendable, and that the file cannot be written.
Result<void> append_case(const std::filesystem::path& csv, const run::Case& c);

}  // namespace assay::fuzz
