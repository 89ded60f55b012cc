#include <CLI/CLI.hpp>
#include <iostream>

#include "harness/cli/command.h"
#include "harness/run/sweep.h"

namespace assay::cli {
namespace {

struct ReportOptions {
  std::vector<std::string> directories;
  std::string out;
};

int write_reports(const ReportOptions& options) {
  const std::vector<std::filesystem::path> directories(options.directories.begin(), options.directories.end());
  if (options.out.empty() && directories.size() > 1)
    return report_error(bad_input("report: several folders need --out DIR for what they merge to").value());
  const std::filesystem::path out = options.out.empty() ? directories.front() : std::filesystem::path(options.out);
  auto outcome = run::report(directories, out, std::cout);
  if (!outcome) return report_error(outcome.error());
  std::cout << "report: " << outcome->report.string() << '\n';
  return outcome->exit_code();
}

}  // namespace

void register_report_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("report", "Write every report again from stores; merges shards");
  auto options = std::make_shared<ReportOptions>();
  command->add_option("DIR", options->directories, "What --out of assay run was")->required();
  command->add_option("--out", options->out, "Folder for the reports (default: DIR)");
  command->callback([=, &exit_code] { exit_code = write_reports(*options); });
}

}  // namespace assay::cli
