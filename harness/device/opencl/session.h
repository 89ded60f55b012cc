// One run: tensors up, agents in waves, launches until every agent is done, tensors down.
#pragma once

#include "harness/device/opencl/opencl_device.h"
#include "harness/device/tileops/lowered.h"

namespace assay::device {

RunReport run_session(OpenclDevice& device, const LoweredProgram& program, const Launch& launch,
                      const RunOptions& options);

}  // namespace assay::device
