// Who executes: one core's share of one launch. A launch of a function with kernel_kind<cube> has one cube agent a block,
// kernel_kind<vector> one vector agent a block; a function that reaches both kinds (calls of functions with a kind,
// sections) has one cube agent and Profile::vector_cores vector agents a block; a function that says nothing has one
// agent that owns every memory (pto-format.md 3.6, 3.7).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "harness/pto/pipe.h"

namespace assay::sim {

struct AgentId {
  std::int64_t rank = 0;
  std::size_t task = 0;
  std::int64_t block = 0, blocks = 1;
  std::optional<pto::CoreKind> kind;  // nothing: every memory
  std::int64_t sub_block = 0, sub_blocks = 1;
  bool has_other_ranks = false;  // in its run: the rank is worth naming
};
std::string describe(const AgentId& agent);  // "rank 0 block 3 vector 1"

// Why something cannot go on, for the wait graph of a deadlock.
struct Wait {
  std::string for_what;  // "the signal at element 3 of %sig to be >= 2 (it is 1)"
  std::string from;      // "any notify of it", "PIPE_MTE2's set_flag ... EVENT_ID0"
  std::optional<pto::Location> where{};  // of the operation that would end the wait, or where whoever owes it stands
  const pto::Function* function = nullptr;  // of `where`, when it is not the waiting operation's
};

}  // namespace assay::sim
