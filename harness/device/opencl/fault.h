// What a stopped agent's state says, in words.
#pragma once

#include <span>

#include "harness/device/tileops/lowered.h"

namespace assay::device {

struct AgentName {
  std::int64_t rank = 0, block = 0;
  std::string core;  // "cube", "vector 1"; empty where the block has one
};

// `state` has abi::kStateSlots values, `registers` are the agent's.
Diagnostic explain_fault(const LoweredProgram& program, std::span<const std::int64_t> state,
                         std::span<const std::int64_t> registers, const AgentName& agent);

// Values of the induction variables around the site.
std::vector<std::int64_t> loop_indices(const Site& site, std::span<const std::int64_t> registers);

}  // namespace assay::device
