#include "harness/sim/backend.h"

#include <map>

#include "harness/sim/tasks.h"

namespace assay::sim {
namespace {

using device::RunStatus;

class SimBackend final : public device::Backend {
 public:
  std::string_view name() const override { return "sim"; }
  std::string description() const override {
    return "program and explicit order, cube and vector cores, blocks and ranks; profiles a2a3 and a5";
  }

  device::RunReport run(const device::Launch& launch, const device::RunOptions& options) override {
    const device::Task task{launch, {}};
    return run_graph(std::span(&task, 1), options);
  }

  device::RunReport run_graph(std::span<const device::Task> tasks, const device::RunOptions& options) override {
    if (options.profile) return run_tasks(pool(*options.profile), tasks, options);
    device::RunReport report;
    report.status = RunStatus::error;
    report.reason = "a launch without module, function or profile";
    return report;
  }

 private:
  // Memories are kept between runs; their sizes decide which ones fit a profile.
  MemoryPool& pool(const Profile& profile) {
    std::string sizes;
    for (const auto& [space, memory] : profile.spaces) sizes += fmt::format("{}={} ", space, memory.bytes);
    return pools_.try_emplace(sizes, profile).first->second;
  }

  std::map<std::string, MemoryPool> pools_;
};

Result<std::unique_ptr<device::Backend>> create(std::string_view option) {
  if (!option.empty()) return bad_input("backend 'sim' takes no option, found '{}'", option);
  return std::make_unique<SimBackend>();
}

}  // namespace

constinit const device::BackendRecord kSimRecord{"sim", "assay's checked simulator", create};

}  // namespace assay::sim
