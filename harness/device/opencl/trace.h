// What the instruction an agent executed last has written.
#pragma once

#include "harness/device/opencl/opencl_device.h"
#include "harness/device/tileops/lowered.h"

namespace assay::device {

// Reads the written elements back from the device. `tensor_base` are the byte offsets of the launch's tensors in global
// memory. The event's data are dense and row-major.
Result<TraceEvent> read_event(OpenclDevice& device, const LoweredProgram& program, std::int64_t pc,
                              std::span<const std::int64_t> registers, std::span<const std::int64_t> tensor_base);

}  // namespace assay::device
