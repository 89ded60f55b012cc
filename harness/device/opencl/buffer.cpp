#include "harness/device/opencl/buffer.h"

#include <algorithm>

namespace assay::device {

Result<void> DeviceBuffer::reserve(cl_context context, std::uint64_t bytes) {
  if (memory_ && bytes <= bytes_) return {};
  bytes = std::max<std::uint64_t>(bytes, 256);
  memory_ = ClMemory();
  bytes_ = 0;
  cl_int status = CL_SUCCESS;
  memory_ = ClMemory(clCreateBuffer(context, CL_MEM_READ_WRITE, bytes, nullptr, &status));
  if (auto made = check(status, fmt::format("allocating {} bytes", bytes)); !made) return made;
  bytes_ = bytes;
  return {};
}

Result<void> DeviceBuffer::write(cl_command_queue queue, std::uint64_t offset, std::span<const std::byte> bytes) const {
  if (bytes.empty()) return {};
  return check(
      clEnqueueWriteBuffer(queue, memory_.get(), CL_TRUE, offset, bytes.size(), bytes.data(), 0, nullptr, nullptr),
      "clEnqueueWriteBuffer");
}

Result<void> DeviceBuffer::read(cl_command_queue queue, std::uint64_t offset, std::span<std::byte> bytes) const {
  if (bytes.empty()) return {};
  return check(
      clEnqueueReadBuffer(queue, memory_.get(), CL_TRUE, offset, bytes.size(), bytes.data(), 0, nullptr, nullptr),
      "clEnqueueReadBuffer");
}

}  // namespace assay::device
