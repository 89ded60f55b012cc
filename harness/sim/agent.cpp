#include "harness/sim/agent.h"

#include <fmt/format.h>

namespace assay::sim {

std::string describe(const AgentId& agent) {
  std::string text = agent.rank == 0 && !agent.has_other_ranks ? "" : fmt::format("rank {} ", agent.rank);
  text += fmt::format("block {}", agent.block);
  if (!agent.kind) return text;
  text += fmt::format(" {}", pto::name(*agent.kind));
  return agent.sub_blocks > 1 ? text + fmt::format(" {}", agent.sub_block) : text;
}

}  // namespace assay::sim
