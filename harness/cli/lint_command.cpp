// The subcommand `assay lint`; see lint.h.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "harness/cli/checks.h"
#include "harness/cli/command.h"
#include "harness/cli/kernel_options.h"
#include "harness/cli/lint_report.h"
#include "harness/core/file.h"
#include "harness/device/schedule.h"

namespace assay::cli {
namespace {

struct Parsed {
  LintOptions options;
  std::vector<std::string> files, schedules;
  std::string tasks, order = "auto", format = "text", least = "note", out;
};

Result<void> decide(Parsed& parsed) {
  parsed.options.request.tasks = split_words(parsed.tasks);
  const auto order = device::parse_order(parsed.order);
  if (!order) return tl::unexpected(order.error());
  parsed.options.order = *order;
  for (const std::string& text : parsed.schedules) {
    const auto schedule = device::parse_schedule(text);
    if (!schedule) return tl::unexpected(schedule.error());
    parsed.options.schedules.push_back(*schedule);
  }
  if (parsed.schedules.empty()) parsed.options.schedules = default_schedules();
  parsed.options.least = parsed.least == "error"     ? Severity::error
                         : parsed.least == "warning" ? Severity::warning
                                                     : Severity::note;
  return {};
}

Result<void> deliver(const Parsed& parsed, std::span<const LintedFile> files, std::span<const Error> failures) {
  const std::string text = parsed.format == "json"    ? lint_json(files)
                           : parsed.format == "sarif" ? lint_sarif(files, failures)
                                                      : lint_text(files);
  if (!parsed.out.empty()) return write_text(parsed.out, text);
  std::cout << text;
  return {};
}

// Every file is read before the exit code is decided: one that cannot be read does not hide what the others hold.
int run_command(Parsed& parsed) {
  if (auto decided = decide(parsed); !decided) return report_error(decided.error());
  const auto backend = device::create_backend("sim");
  if (!backend) return report_error(backend.error());
  const auto files = files_to_lint(parsed.files);
  if (!files) return report_error(files.error());
  std::vector<LintedFile> linted;
  std::vector<Error> failures;
  int failed = 0;
  for (const std::filesystem::path& file : *files) {
    auto one = lint(file, parsed.options, **backend);
    if (one) {
      linted.push_back(std::move(*one));
    } else {
      failed = std::max(failed, report_error(one.error()));
      failures.push_back(std::move(one.error()));
    }
  }
  if (linted.empty() && parsed.format == "text") return failed;
  if (auto delivered = deliver(parsed, linted, failures); !delivered) return report_error(delivered.error());
  if (failed != 0) return failed;
  return std::ranges::any_of(linted, [](const LintedFile& file) { return !file.findings.empty(); }) ? 1 : 0;
}

}  // namespace

void register_lint_command(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("lint", "Check the rules of any .pto file, statically and by running it, without a golden");
  const auto parsed = std::make_shared<Parsed>();
  command
      ->add_option("FILE", parsed->files,
                   "textual .pto files; a folder stands for those in it, - for the standard input")
      ->required();
  command->add_option("--function", parsed->options.request.function,
                      "function to run (default: all that no other one calls)");
  add_launch_options(*command, parsed->options.request, parsed->tasks);
  command
      ->add_option("--schedule", parsed->schedules,
                   "interleaving: canonical, worst or seed=N; repeat (default: canonical, worst, seeds 1 to 8)")
      ->allow_extra_args(false);
  command->add_option("--order", parsed->order, kOrderHelp)->capture_default_str();
  command->add_option("--profile", parsed->options.profile, "machine profile (default: the file's pto.target_arch)");
  command->add_option("--level", parsed->least, "least severity to report")
      ->capture_default_str()
      ->check(CLI::IsMember({"note", "warning", "error"}));
  command->add_option("--format", parsed->format, "text, json or sarif")
      ->capture_default_str()
      ->check(CLI::IsMember({"text", "json", "sarif"}));
  command->add_option("--out", parsed->out, "file for the findings instead of standard output");
  command->add_option("--seed", parsed->options.request.seed, "seed of the fills")
      ->capture_default_str()
      ->check(at_least(0));
  command->callback([parsed, &exit_code] { exit_code = run_command(*parsed); });
}

}  // namespace assay::cli
