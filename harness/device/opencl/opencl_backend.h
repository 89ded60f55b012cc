// The "opencl" backend: the lowered kernel runs as data on any OpenCL 1.2 device (design.md, "A device is real"). The
// environment variable ASSAY_OPENCL_DEVICE = "platform:device" (substrings) chooses one; see select_device.h.
#pragma once

#include <memory>

#include "harness/device/backend.h"
#include "harness/device/opencl/opencl_device.h"

namespace assay::device {

extern const BackendRecord kOpenclRecord;

// Error (ErrorKind::unavailable): no device. The device program is built here, so that a broken one is known at once.
Result<std::unique_ptr<Backend>> create_opencl_backend(OpenclOptions options);

}  // namespace assay::device
