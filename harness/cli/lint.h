// `assay lint`: the static rules of a .pto file and everything the simulator finds when it runs the file's functions
// under several schedules, without a golden. docs/lint.md describes it for users.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "harness/cli/kernel_plan.h"
#include "harness/cli/lint_rules.h"
#include "harness/device/backend.h"

namespace assay::cli {

struct Finding {
  std::string rule;
  Severity severity = Severity::error;
  std::string message;
  pto::Location location;
  std::string function;
  std::optional<pto::Location> related;
  std::string related_function;  // where it is another one
  std::int64_t block = 0, rank = 0;
  std::string core;                    // "vector 1"; empty where cores are not told apart
  std::vector<std::string> schedules;  // under which it showed; empty for static findings
};

struct LintedRun {
  std::string tasks;      // "@writer, @reader"
  std::string arguments;  // what was chosen, as `assay kernel` prints it
  std::string chosen;     // "rows = 16, n = 16": scalars that nobody gave
};

struct LintedFile {
  std::string file;
  std::shared_ptr<const std::string> source;
  std::string profile;
  std::vector<LintedRun> runs;
  std::vector<Finding> findings;  // errors first, in the order they showed: causes before what follows; each once
};

struct LintOptions {
  KernelRequest request;                    // all but the file
  std::vector<device::Schedule> schedules;  // in the order they are run
  device::Order order = device::Order::automatic;
  std::string profile;  // empty: the module's pto.target_arch, else a2a3
  Severity least = Severity::note;
  std::uint64_t instruction_budget = 20'000'000;  // per block
};

// The machine profile of the module's pto.target_arch; a2a3 where it says nothing.
std::string profile_of(const pto::Module& module);

// canonical, worst and seeds 1 to 8.
std::vector<device::Schedule> default_schedules();

// Folders stand for every .pto file in them.
Result<std::vector<std::filesystem::path>> files_to_lint(std::span<const std::string> named);

// Errors are bad input: no such file, text that is no module of this level, an argument that does not fit. A module
// that breaks the verifier's rules is a finding, and is not run.
Result<LintedFile> lint(const std::filesystem::path& file, const LintOptions& options, device::Backend& backend);

// Adds a function that calls both ends of a ring which stand in the module as a cube and a vector function nobody
// calls.
void launch_ring_ends_together(pto::Module& module);

// Findings that need no run: of a module the verifier has passed.
std::vector<Finding> static_findings(const pto::Module& module, const Profile& profile);

}  // namespace assay::cli
