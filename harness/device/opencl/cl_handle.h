// Ownership of OpenCL objects, and their errors as values.
#pragma once

#include <CL/cl.h>

#include <string_view>
#include <utility>

#include "harness/core/error.h"

namespace assay::device {

template <class Handle, cl_int (*Release)(Handle)>
class ClHandle {
 public:
  ClHandle() = default;
  explicit ClHandle(Handle handle) : handle_(handle) {}
  ClHandle(ClHandle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  ClHandle& operator=(ClHandle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~ClHandle() {
    if (handle_) Release(handle_);
  }
  Handle get() const { return handle_; }
  explicit operator bool() const { return handle_ != nullptr; }

 private:
  Handle handle_ = nullptr;
};

using ClContext = ClHandle<cl_context, clReleaseContext>;
using ClQueue = ClHandle<cl_command_queue, clReleaseCommandQueue>;
using ClProgram = ClHandle<cl_program, clReleaseProgram>;
using ClKernel = ClHandle<cl_kernel, clReleaseKernel>;
using ClMemory = ClHandle<cl_mem, clReleaseMemObject>;
using ClEvent = ClHandle<cl_event, clReleaseEvent>;

// Error of the call unless it succeeded.
inline Result<void> check(cl_int status, std::string_view call) {
  if (status == CL_SUCCESS) return {};
  return tl::unexpected(
      Error{ErrorKind::internal, fmt::format("{} failed with OpenCL error {}", call, status), {}, {}});
}

}  // namespace assay::device
