#include "harness/sim/backend.h"

#include <map>

#include "harness/sim/interpreter.h"
#include "harness/sim/machine.h"
#include "harness/sim/program.h"

namespace assay::sim {
namespace {

using device::RunStatus;

// Empty, or why the launch does not fit the function.
std::string check_launch(const device::Launch& launch, const device::RunOptions& options) {
  if (!launch.module || !launch.function || !options.profile) return "a launch without module, function or profile";
  const pto::Function& function = *launch.function;
  if (launch.arguments.size() != function.arguments.size())
    return fmt::format("{} arguments for the {} of @{}", launch.arguments.size(), function.arguments.size(),
                       function.name);
  for (std::size_t i = 0; i < launch.arguments.size(); ++i) {
    const pto::Type& type = function.type(function.arguments[i]);
    const auto* argument = std::get_if<device::PointerArgument>(&launch.arguments[i]);
    const auto* pointer = std::get_if<pto::PtrType>(&type);
    if ((argument == nullptr) != (pointer == nullptr) || (!pointer && !std::holds_alternative<pto::ScalarType>(type)))
      return fmt::format("argument {} of @{} has type {}", i, function.name, pto::to_string(type));
    if (!argument) continue;
    if (argument->tensor >= launch.tensors.size()) return fmt::format("argument {} points to no tensor", i);
    const DType dtype = launch.tensors[argument->tensor]->dtype();
    if (info(dtype).bits != info(pointer->element).bits || info(dtype).bits < 8)
      return fmt::format("argument {} of @{} is a tensor of {}, expected {}", i, function.name, name(dtype),
                         name(pointer->element));
  }
  return "";
}

class SimBackend final : public device::Backend {
 public:
  std::string_view name() const override { return "sim"; }
  std::string description() const override { return "assay's checked simulator, program order, one agent per block"; }

  device::RunReport run(const device::Launch& launch, const device::RunOptions& options) override {
    device::RunReport report;
    if (report.reason = check_launch(launch, options); !report.reason.empty()) {
      report.status = RunStatus::error;
      return report;
    }
    const auto program = decode(*launch.module, *launch.function, *options.profile);
    if (!program) {
      report.status = program.error().status;
      report.reason = program.error().reason;
      return report;
    }
    execute(memories(*options.profile), *program, launch, options, report);
    return report;
  }

 private:
  // Memories are kept between runs; their sizes decide which ones fit a profile.
  Memories& memories(const Profile& profile) {
    std::string sizes;
    for (const auto& [space, memory] : profile.spaces) sizes += fmt::format("{}={} ", space, memory.bytes);
    return memories_.try_emplace(sizes, profile).first->second;
  }

  std::map<std::string, Memories> memories_;
};

Result<std::unique_ptr<device::Backend>> create(std::string_view option) {
  if (!option.empty()) return bad_input("backend 'sim' takes no option, found '{}'", option);
  return std::make_unique<SimBackend>();
}

}  // namespace

constinit const device::BackendRecord kSimRecord{"sim", "assay's checked simulator", create};

}  // namespace assay::sim
