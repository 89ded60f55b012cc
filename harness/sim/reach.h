// What a launch of a function involves: the functions it reaches, and what they ask of the machine.
#pragma once

#include <vector>

#include "harness/pto/pipe.h"
#include "harness/sim/program.h"

namespace assay::sim {

struct Reach {
  std::vector<const pto::Function*> functions;  // the entry first
  bool orders = false;                          // orders pipes, waits or notifies: explicit order
  bool waits_for_others = false;                // for other blocks, launches or ranks
  bool has_atomics = false;
  std::vector<Core> cores;  // of a block
};
Reach reach_of(const pto::Module& module, const pto::Function& entry, const Profile& profile);

// The function's kernel_kind, else the module's.
std::optional<pto::CoreKind> kernel_kind(const pto::Module& module, const pto::Function& function);

// The kinds of core that can execute the operation, by the memories its tiles are in.
std::uint8_t cores_of(const pto::Operation& op, const pto::Function& function);

}  // namespace assay::sim
