// What the instruction an agent executed last has written.
#pragma once

#include "harness/device/opencl/opencl_device.h"
#include "harness/device/tileops/lowered.h"

namespace assay::device {

// Where an agent's memories begin: its arena, and each tensor of the device in global memory.
struct MemoryBases {
  std::int64_t arena = 0;
  std::span<const std::int64_t> tensors;
};

// Reads the written elements back from the device. TraceEvent::tensor is the device's number of the tensor. The event's
// data are dense and row-major.
Result<TraceEvent> read_event(OpenclDevice& device, const LoweredProgram& program, std::int64_t pc,
                              std::span<const std::int64_t> registers, const MemoryBases& bases);

}  // namespace assay::device
