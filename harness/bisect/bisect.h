// From a diverging case to the instruction, the elements and the reason (docs/bisection.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/bisect/edit.h"
#include "harness/bisect/probe.h"
#include "harness/core/error.h"
#include "harness/run/case.h"

namespace assay::bisect {

enum class Conclusion : std::uint8_t {
  agreement,   // nothing diverges
  divergence,  // device and simulator part at an instruction
  rule,        // the simulator stopped at a broken machine rule, and no single edit explains it
  cause,       // one edit makes every output match
  suspect,     // only the slice is known
};
std::string_view name(Conclusion conclusion);

struct Instruction {
  std::filesystem::path kernel;
  std::string function;
  std::uint32_t op_id = 0;
  std::string mnemonic;
  int line = 0, column = 0;
  std::string source;  // the line's text, trimmed
};

struct Finding {
  Conclusion conclusion = Conclusion::agreement;
  std::string stage;
  std::optional<Instruction> instruction;
  std::vector<std::int64_t> loop_indices;  // of the first occurrence, outermost first
  std::int64_t block = 0;
  std::string elements;                   // which, in words
  std::string explanation;                // why: the edit, the rule, or the two values
  std::optional<Edit> edit;               // Conclusion::cause
  std::string broken_rule;                // simulator's diagnostic, when there was one
  std::vector<std::string> alternatives;  // other edits that make every output match
  std::vector<Instruction> slice;         // Conclusion::suspect: instructions that feed the bad elements
  std::int64_t candidates = 0;            // edits tried
};

// "stage hc_post: cause: hc_post.pto:57:7 pto.tcvt ...", several lines.
std::string to_string(const Finding& finding);
void to_json(nlohmann::json& json, const Finding& finding);

struct BisectOptions {
  std::vector<std::filesystem::path> pipeline_directories;
  std::string device = "opencl";  // backend held against the simulator; empty: simulator and golden only
  bool contract_fma = false;
  std::int64_t max_candidates = 60'000;
};

// Works through the case's stages; the first that diverges is explained.
Result<Finding> bisect(const run::Case& c, const BisectOptions& options);

// Confirms an edited module on inputs other than the probe's own.
using Confirm = std::function<bool(std::size_t task, const std::shared_ptr<const pto::Module>& edited)>;

// Explains one stage; nothing when it is in order. `device` may be null.
std::optional<Finding> bisect_stage(const Probe& probe, device::Backend& simulator, device::Backend* device,
                                    const Confirm& confirm, std::int64_t max_candidates);

// The single edit that makes every output of `probe` match its golden on the simulator and that `confirm` accepts.
// `base` is the unedited run.
struct EditSearch {
  std::optional<Edit> found;
  std::size_t task = 0;
  std::vector<std::string> alternatives;
  std::int64_t candidates = 0;
};
EditSearch search_edits(const Probe& probe, device::Backend& simulator, const Probe::Answer& base,
                        const Confirm& confirm, std::int64_t max_candidates);

}  // namespace assay::bisect
