// What the bodies of ring operations share: the operation's end of its ring.
#pragma once

#include "harness/sim/machine.h"
#include "harness/sim/shared.h"

namespace assay::sim {

// A function without a kind is cube and vector core 0 at once (pto-format 3.6).
struct RingEnd {
  RingKey key;
  CoreKey core;
  std::int64_t lane = 0;
  Split split = Split::none;
  Ring* ring = nullptr;
  Shared::RingUse* use = nullptr;
};
RingEnd find_end(Machine& m, const Instruction& i);
// Rules "fifo-init" and "fifo-split".
bool check_ready_to_use(Machine& m, const RingEnd& end);

std::string label(const RingKey& key);  // "ring 0 cube to vector"
Wait explain_full(Machine& m, const Instruction& i, const RingEnd& end, std::int64_t entry);

// ---- entries in global memory: talloc and pop name a slot there, and the program stores and loads it (pto-format 3.7)
bool bind_global_slots(Machine& m, const Instruction& i, const RingEnd& end, Direction direction, bool both);
bool issue_allocate(Machine& m, const Instruction& i);
bool can_allocate(Machine& m, const Instruction& i);
bool allocate(Machine& m, const Instruction& i);
Wait explain_allocate(Machine& m, const Instruction& i);
bool push_global(Machine& m, const Instruction& i, const RingEnd& end);
bool issue_pop_global(Machine& m, const Instruction& i, const RingEnd& end);
bool pop_global(Machine& m, const Instruction& i, const RingEnd& end);
// Whether the view is the slot of that entry; false after a fault "fifo-slot".
bool check_entry(Machine& m, const RingEnd& end, const View& view, std::int64_t entry);

}  // namespace assay::sim
