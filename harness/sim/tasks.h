// Runs launches: one, or a graph of them. Blocks that wait for nobody outside themselves run one by one or on several
// threads; everything else runs together under the scheduler.
#pragma once

#include <span>

#include "harness/sim/cluster.h"

namespace assay::sim {

device::RunReport run_tasks(MemoryPool& pool, std::span<const device::Task> tasks, const device::RunOptions& options);

}  // namespace assay::sim
