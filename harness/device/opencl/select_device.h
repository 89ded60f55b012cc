// Which OpenCL device to use, and what it can do.
#pragma once

#include <CL/cl.h>

#include <string>
#include <string_view>

#include "harness/core/error.h"

namespace assay::device {

struct DeviceFacts {
  cl_platform_id platform = nullptr;
  cl_device_id device = nullptr;
  std::string platform_name, device_name, version;
  bool is_cpu = false;
  std::size_t compute_units = 1;
  std::size_t max_work_group = 1;
  std::uint64_t max_allocation = 0;  // bytes of one buffer
  std::uint64_t global_memory = 0;   // bytes
  bool subnormals = false;           // f32 keeps them
  bool exact_division = false;       // can be told to round division and square root correctly
  bool fma = false;                  // in hardware
};

// `wanted` is "platform substring:device substring", either part may be empty; empty as a whole takes the first GPU,
// else the first CPU, else any device. Devices below OpenCL 1.2 or without a compiler are passed over.
// Error (ErrorKind::unavailable): no platform, or nothing that matches; it lists what is there.
Result<DeviceFacts> select_device(std::string_view wanted);

}  // namespace assay::device
