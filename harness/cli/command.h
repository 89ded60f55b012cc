// The subcommands of `assay`: each adds itself to the app and leaves the process's exit code (design.md section 5).
#pragma once

#include <string>

#include "harness/core/error.h"

namespace CLI {
class App;
}

namespace assay::cli {

void register_run_command(CLI::App& app, int& exit_code);
void register_list_command(CLI::App& app, int& exit_code);
void register_worker_command(CLI::App& app, int& exit_code);
void register_bisect_command(CLI::App& app, int& exit_code);
void register_fuzz_command(CLI::App& app, int& exit_code);
void register_exec_bundle_command(CLI::App& app, int& exit_code);
void register_lint_command(CLI::App& app, int& exit_code);
void register_sync_command(CLI::App& app, int& exit_code);
void register_report_command(CLI::App& app, int& exit_code);
void register_golden_command(CLI::App& app, int& exit_code);
void register_verify_command(CLI::App& app, int& exit_code);
void register_backends_command(CLI::App& app, int& exit_code);

// Prints "assay: file:line:column: message" to standard error and returns the exit code for it.
int report_error(const Error& error);

}  // namespace assay::cli
