// One opened device: context, queue, the programs built so far, and the buffers every run uses again.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "harness/device/opencl/buffer.h"
#include "harness/device/opencl/select_device.h"

namespace assay::device {

struct OpenclOptions {
  std::string device;                   // see select_device
  std::size_t work_items = 0;           // that execute one agent; 0: one on a CPU, 64 elsewhere
  std::int64_t instructions = 1 << 16;  // an agent executes in one launch
  // Changes the device program before it is built; for tests of what depends on it.
  std::function<std::string(std::string)> source_edit;
};

// The device program, built once with and once without contraction.
struct BuiltProgram {
  ClProgram program;
  ClKernel start, run;
};

class OpenclDevice {
 public:
  static Result<std::unique_ptr<OpenclDevice>> open(const OpenclOptions& options);

  // Built at the first call. Error: the device compiler's messages.
  Result<const BuiltProgram*> program(bool contract);

  const DeviceFacts& facts() const { return facts_; }
  const OpenclOptions& options() const { return options_; }
  std::size_t work_items() const { return work_items_; }
  cl_context context() const { return context_.get(); }
  cl_command_queue queue() const { return queue_.get(); }

  struct Buffers {
    DeviceBuffer code, image, registers, states, arenas, global, tensors;
  };
  Buffers& buffers() { return buffers_; }

 private:
  OpenclOptions options_;
  DeviceFacts facts_;
  std::size_t work_items_ = 1;
  ClContext context_;
  ClQueue queue_;
  std::array<BuiltProgram, 2> programs_;
  Buffers buffers_;
};

}  // namespace assay::device
