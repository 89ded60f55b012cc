#include <CLI/CLI.hpp>

#include "harness/cli/command.h"
#include "harness/run/protocol.h"
#include "harness/run/worker_loop.h"

namespace assay::cli {

void register_worker_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("worker", "Execute cases for a sweep (started by assay run)");
  command->callback([&exit_code] {
    exit_code = run::serve_worker(run::kWorkerDescriptor, run::execution_service());
    if (exit_code != 0)
      exit_code = report_error(bad_input("worker: descriptor {} is no channel to a sweep; it is started by assay run",
                                         run::kWorkerDescriptor)
                                   .value());
  });
}

}  // namespace assay::cli
