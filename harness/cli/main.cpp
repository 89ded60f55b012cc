// assay: one subcommand per file beside this one.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <new>

#include "harness/cli/command.h"
#include "harness/cli/kernel_command.h"
#include "harness/run/version.h"

namespace assay::cli {

int report_error(const Error& error) {
  std::cout.flush();
  std::cerr << "assay: " << to_string(error) << '\n';
  return assay::exit_code(error);
}

namespace {

void register_commands(CLI::App& app, int& exit_code) {
  register_run_command(app, exit_code);
  register_list_command(app, exit_code);
  register_kernel_command(app, exit_code);
  register_lint_command(app, exit_code);
  register_sync_command(app, exit_code);
  register_report_command(app, exit_code);
  register_golden_command(app, exit_code);
  register_verify_command(app, exit_code);
  register_backends_command(app, exit_code);
  register_bisect_command(app, exit_code);
  register_fuzz_command(app, exit_code);
  register_exec_bundle_command(app, exit_code);
  register_worker_command(app, exit_code);
}

int main_of(int argc, char** argv) {
  CLI::App app("Checks kernel pipelines against goldens, on simulator and device, and says where and why they differ.",
               "assay");
  app.set_version_flag("--version", "assay " + std::string(run::version()));
  app.require_subcommand(0, 1);
  app.failure_message(
      [](const CLI::App*, const CLI::Error& error) { return fmt::format("assay: {}\n", error.what()); });
  int exit_code = 0;
  register_commands(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (app.get_subcommands().empty()) {
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
    return report_error(bad_input("found no subcommand, expected one of {}", fmt::join(names, ", ")).value());
  }
  std::cout.flush();
  return exit_code;
}

}  // namespace
}  // namespace assay::cli

int main(int argc, char** argv) {
  try {
    return assay::cli::main_of(argc, argv);
  } catch (const std::bad_alloc&) {
    std::cerr << "assay: out of memory\n";
    return 3;
  } catch (const std::exception& exception) {
    std::cerr << "assay: unexpected exception: " << exception.what() << '\n';
    return 3;
  }
}
