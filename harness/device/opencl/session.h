// One run of a graph of tasks: tensors up, agents as there is room, launches until every one is done, tensors down.
#pragma once

#include "harness/device/opencl/opencl_device.h"
#include "harness/device/tileops/lowered.h"

namespace assay::device {

// One program per task.
RunReport run_session(OpenclDevice& device, std::span<const LoweredProgram> programs, std::span<const Task> tasks,
                      const RunOptions& options);

}  // namespace assay::device
