#include <iterator>

#include "harness/device/backend.h"

namespace assay::device {
namespace {

void append(RunReport& into, RunReport&& task) {
  into.instructions += task.instructions;
  into.device_seconds += task.device_seconds;
  std::move(task.diagnostics.begin(), task.diagnostics.end(), std::back_inserter(into.diagnostics));
  into.status = task.status;
  into.reason = std::move(task.reason);
}

}  // namespace

RunReport Backend::run_graph(std::span<const Task> tasks, const RunOptions& options) {
  RunReport report;
  for (const Task& task : tasks) {
    append(report, run(task.launch, options));
    if (report.status != RunStatus::completed) break;
  }
  return report;
}

}  // namespace assay::device
