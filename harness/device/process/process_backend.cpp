#include "harness/device/process/process_backend.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>

#include "harness/core/command.h"
#include "harness/core/scratch_directory.h"
#include "harness/device/process/bundle.h"

namespace assay::device {
namespace {

RunReport failed(RunStatus status, std::string reason) {
  RunReport report;
  report.status = status;
  report.reason = std::move(reason);
  return report;
}

// In one line, as every reason.
std::string with_output(std::string reason, std::string output) {
  output.erase(output.find_last_not_of(" \r\n") + 1);
  std::replace_if(
      output.begin(), output.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return output.empty() ? reason : reason + "; it printed: " + output;
}

class ProcessBackend : public Backend {
 public:
  ProcessBackend(std::string command, std::chrono::milliseconds limit) : command_(std::move(command)), limit_(limit) {}

  std::string_view name() const override { return "process"; }
  std::string description() const override { return "command: " + command_; }
  bool traces() const override { return false; }

  RunReport run(const Launch& launch, const RunOptions& options) override {
    const auto folder = ScratchDirectory::make();
    if (!folder) return failed(RunStatus::error, to_string(folder.error()));
    if (auto written = write_bundle(folder->path(), launch, options); !written)
      return failed(RunStatus::error, to_string(written.error()));
    auto outcome = run_command(with_placeholder(command_, "bundle", folder->path().string()), limit_);
    if (!outcome) return failed(RunStatus::error, to_string(outcome.error()));
    const std::string what = with_output(describe(*outcome, limit_), outcome->output);
    if (outcome->timed_out) return failed(RunStatus::hang, what);
    if (!outcome->succeeded()) return failed(RunStatus::crash, what);
    auto report = read_outputs(folder->path(), launch);
    if (!report) return failed(RunStatus::error, with_output(to_string(report.error()), outcome->output));
    return *report;
  }

 private:
  std::string command_;
  std::chrono::milliseconds limit_;
};

Result<std::unique_ptr<Backend>> create(std::string_view option) {
  constexpr std::string_view kTimeout = "timeout=";
  std::chrono::milliseconds limit{60'000};
  if (option.starts_with(kTimeout)) {
    option.remove_prefix(kTimeout.size());
    double seconds = 0;
    const auto [end, error] = std::from_chars(option.data(), option.data() + option.size(), seconds);
    if (error != std::errc{} || seconds <= 0 || seconds > 86'400 || end == option.data() + option.size() || *end != ' ')
      return bad_input("process: found 'timeout={}', expected 'timeout=SECONDS COMMAND'", option);
    limit = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
    option.remove_prefix(static_cast<std::size_t>(end - option.data()) + 1);
  }
  if (option.find_first_not_of(' ') == std::string_view::npos)
    return bad_input("process: no command; expected 'process:COMMAND', where {{bundle}} is the bundle's folder");
  std::string command(option);
  if (command.find("{bundle}") == std::string::npos) command += " {bundle}";
  return std::make_unique<ProcessBackend>(std::move(command), limit);
}

}  // namespace

const BackendRecord kProcessRecord{"process", "an external command that is handed a bundle (process:COMMAND)", create};

}  // namespace assay::device
