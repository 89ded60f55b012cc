// Runs a decoded program.
#pragma once

#include "harness/device/backend.h"
#include "harness/sim/program.h"

namespace assay::sim {

class Memories;

// Runs the blocks in ascending order, each on memories started afresh, and fills the report.
void execute(Memories& memories, const Program& program, const device::Launch& launch,
             const device::RunOptions& options, device::RunReport& report);

}  // namespace assay::sim
