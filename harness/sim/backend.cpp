#include "harness/sim/backend.h"

namespace assay::sim {
namespace {

class SimBackend final : public device::Backend {
 public:
  std::string_view name() const override { return "sim"; }
  std::string description() const override { return "checked simulator, program order"; }
  device::RunReport run(const device::Launch&, const device::RunOptions&) override {
    device::RunReport report;
    report.status = device::RunStatus::error;
    report.reason = "the interpreter is not linked";
    return report;
  }
};

Result<std::unique_ptr<device::Backend>> create(std::string_view option) {
  if (!option.empty()) return bad_input("backend 'sim' takes no option, found '{}'", option);
  return std::make_unique<SimBackend>();
}

}  // namespace

constinit const device::BackendRecord kSimRecord{"sim", "the checked simulator", create};

}  // namespace assay::sim
