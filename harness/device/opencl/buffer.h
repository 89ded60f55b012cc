// Device memory that grows and is reused between runs.
#pragma once

#include <span>

#include "harness/device/opencl/cl_handle.h"

namespace assay::device {

class DeviceBuffer {
 public:
  // At least `bytes`; the contents are lost when it grows.
  Result<void> reserve(cl_context context, std::uint64_t bytes);
  cl_mem get() const { return memory_.get(); }

  Result<void> write(cl_command_queue queue, std::uint64_t offset, std::span<const std::byte> bytes) const;
  // Waits for everything before it.
  Result<void> read(cl_command_queue queue, std::uint64_t offset, std::span<std::byte> bytes) const;

 private:
  ClMemory memory_;
  std::uint64_t bytes_ = 0;
};

}  // namespace assay::device
