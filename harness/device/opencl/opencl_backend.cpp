#include "harness/device/opencl/opencl_backend.h"

#include <cstdlib>
#include <mutex>

#include "harness/device/opencl/session.h"

namespace assay::device {
namespace {

RunReport failed(RunStatus status, std::string reason) {
  RunReport report;
  report.status = status;
  report.reason = std::move(reason);
  return report;
}

// What is wrong with the launch itself, or nothing.
std::string misuse(const Launch& launch) {
  const pto::Function& function = *launch.function;
  if (launch.arguments.size() != function.arguments.size())
    return fmt::format("{} arguments given, {} takes {}", launch.arguments.size(), function.name,
                       function.arguments.size());
  for (std::size_t i = 0; i < launch.arguments.size(); ++i) {
    const auto* pointer = std::get_if<PointerArgument>(&launch.arguments[i]);
    if (std::holds_alternative<pto::PtrType>(function.type(function.arguments[i])) != (pointer != nullptr))
      return fmt::format("argument {} of {} is {}a pointer", i, function.name, pointer ? "not " : "");
    if (pointer && pointer->tensor >= launch.tensors.size())
      return fmt::format("argument {} names tensor {} of {}", i, pointer->tensor, launch.tensors.size());
  }
  return launch.blocks < 0 ? fmt::format("{} blocks", launch.blocks) : "";
}

class OpenclBackend final : public Backend {
 public:
  explicit OpenclBackend(std::unique_ptr<OpenclDevice> device) : device_(std::move(device)) {}

  std::string_view name() const override { return "opencl"; }

  std::string description() const override {
    const DeviceFacts& facts = device_->facts();
    return fmt::format("{} on {}, {} compute units, {} MiB memory, {} MiB max allocation{}{}", facts.version,
                       facts.device_name, facts.compute_units, facts.global_memory >> 20, facts.max_allocation >> 20,
                       facts.subnormals ? "" : ", flushes subnormals",
                       facts.exact_division ? "" : ", division and square root not correctly rounded");
  }

  RunReport run(const Launch& launch, const RunOptions& options) override {
    const Task task{launch, {}};
    return run_graph(std::span(&task, 1), options);
  }

  RunReport run_graph(std::span<const Task> tasks, const RunOptions& options) override {
    const std::lock_guard lock(mutex_);
    std::vector<LoweredProgram> programs;
    for (const Task& task : tasks) {
      if (std::string wrong = misuse(task.launch); !wrong.empty()) return failed(RunStatus::error, std::move(wrong));
      auto lowered = lower(task.launch, options);
      if (!lowered) return failed(RunStatus::unsupported, lowered.error().message);
      programs.push_back(std::move(*lowered));
    }
    return run_session(*device_, programs, tasks, options);
  }

 private:
  std::unique_ptr<OpenclDevice> device_;
  std::mutex mutex_;  // one run at a time: they share the buffers
};

Result<std::unique_ptr<Backend>> create(std::string_view option) {
  if (!option.empty()) return bad_input("the backend opencl takes no option, found '{}'", option);
  OpenclOptions options;
  if (const char* wanted = std::getenv("ASSAY_OPENCL_DEVICE")) options.device = wanted;
  return create_opencl_backend(std::move(options));
}

}  // namespace

const BackendRecord kOpenclRecord{"opencl", "kernels as data on an OpenCL 1.2 device", create};

Result<std::unique_ptr<Backend>> create_opencl_backend(OpenclOptions options) {
  auto device = OpenclDevice::open(options);
  if (!device) return tl::unexpected(device.error());
  if (auto built = (*device)->program(false); !built) return tl::unexpected(built.error());
  return std::make_unique<OpenclBackend>(std::move(*device));
}

}  // namespace assay::device
