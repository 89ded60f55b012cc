#include <CLI/CLI.hpp>
#include <iostream>

#include "harness/cli/command.h"
#include "harness/device/backend.h"

namespace assay::cli {
namespace {

// Exit code 0 also when some are missing: that is an answer.
int list_backends() {
  for (const device::BackendRecord& record : device::backend_records()) {
    auto backend = record.create("");
    const std::string state = backend ? (*backend)->description() : "not available: " + backend.error().message;
    std::cout << fmt::format("{:<10} {}\n{:<10} {}\n", record.name, record.summary, "", state);
  }
  return 0;
}

}  // namespace

void register_backends_command(CLI::App& app, int& exit_code) {
  app.add_subcommand("backends", "What is available here, and why the rest is not")->callback([&exit_code] {
    exit_code = list_backends();
  });
}

}  // namespace assay::cli
