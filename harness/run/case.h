// A case: one point to check, as key=value pairs, and the record of what happened to it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/compare/peer.h"
#include "harness/compare/policy.h"
#include "harness/core/error.h"

namespace assay::run {

// Keys every pipeline has: pipeline, fill, seed, profile, policy, backends ("sim+opencl"), expect ("pass",
// "fail:CAUSE", "skip:REASON"), tags, timeout (seconds), offset (elements by which every
// tensor starts behind an aligned address; 0 by default), order (auto, program, explicit, inserted), schedule (canonical, worst,
// seed=N), inputs (a folder of captured tensors). All other keys are parameters of the pipeline. Keys that are
// absent have the pipeline's defaults and are not part of the id.
inline constexpr std::int64_t kMostOffset = 4096;

struct Case {
  std::map<std::string, std::string, std::less<>> values;

  std::string_view get(std::string_view key, std::string_view otherwise = {}) const;
};

// 16 hex digits of a stable 64-bit hash of the sorted key=value pairs. `expect`, `tags`, `timeout` and `backends` do
// not take part: they say how to treat the case, not what it is.
std::string case_id(const Case& c);
// "pipeline=ffn_add fill=ties seed=3 D=64 T=5": sorted, values with spaces or quotes are quoted; parse is the inverse.
std::string replay_line(const Case& c);
Result<Case> parse_replay(std::string_view line);

// One output of one stage on one backend, or device against simulator (reference = "sim").
struct OutputResult {
  std::string stage, output;
  std::string subject;    // "sim", "opencl"
  std::string reference;  // "golden", "sim"; of a relation: the trial, "T reversed"
  std::string oracle;     // "builtin", "npy", "command", "peer", "relation"
  compare::Comparison comparison;
  std::string pattern;  // of a mismatch, in words
  compare::PeerOpinion peer{};  // against a golden, where the pipeline names the peers' tolerances
};

// compare::Blame in one word, as stored in JSON and named by `expect`.
inline constexpr std::array<std::string_view, 8> kBlameNames = {
    "none", "device", "simulator", "both", "all_differ", "device_only", "simulator_only", "undecided"};
static_assert(kBlameNames.size() == static_cast<std::size_t>(compare::Blame::undecided) + 1);

// Wall time of a part of a stage: a backend's runs, "golden" with its enclosures, "comparison".
struct StageTime {
  std::string part;
  double seconds = 0;
};

struct StageResult {
  std::string stage;
  compare::Blame blame = compare::Blame::none;
  std::vector<OutputResult> outputs;
  bool by_relations = false;              // judged by metamorphic relations instead of a golden
  std::vector<std::string> inapplicable;  // relations that were not tried, and why
  std::vector<StageTime> times;
};

// How the diagnostic of a changed input or guard zone begins.
inline constexpr std::string_view kStrayWrite = "stray-write: ";

struct BackendResult {
  std::string backend;
  std::string status;  // device::RunStatus in words, or "skipped"
  std::string reason;
  std::vector<std::string> diagnostics;
  double seconds = 0;         // wall
  double device_seconds = 0;  // device event time
  std::uint64_t instructions = 0;
};

// How far an output of a chain lies from what the goldens alone make of the case's inputs. Reported, never judged: each
// stage is judged on what it received.
struct EndToEnd {
  std::string output, subject;
  std::int64_t max_ulps = 0;
  double max_abs = 0;
  std::int64_t compared = 0;
};

struct CaseResult {
  Case c;
  std::string id;
  compare::Verdict verdict = compare::Verdict::unverified;  // after `expect` has been applied
  std::string reason;                                       // one line
  bool judged = true;  // false: only inputs were written or kernels run, nothing was to be compared
  std::vector<StageResult> stages;
  std::vector<BackendResult> backends;
  std::vector<EndToEnd> end_to_end;  // of the stages behind the first
  std::int64_t compared = 0, unconstrained = 0, unwritten = 0;
  double seconds = 0;
};

void to_json(nlohmann::json& json, const CaseResult& result);
void from_json(const nlohmann::json& json, CaseResult& result);

}  // namespace assay::run
