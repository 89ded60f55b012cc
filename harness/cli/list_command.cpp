#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <map>

#include "harness/cli/case_options.h"
#include "harness/cli/command.h"
#include "harness/run/case_bytes.h"

namespace assay::cli {
namespace {

constexpr std::size_t kShown = 10;  // at each end

struct ListOptions {
  CaseOptions cases;
  bool all = false;
};

std::string human_bytes(std::int64_t bytes) {
  if (bytes < 10'000) return fmt::format("{} B", bytes);
  constexpr const char* units[] = {"KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 10'000 && unit + 1 < std::size(units); ++unit) value /= 1024;
  return fmt::format("{:.{}f} {}", value, value < 100 ? 1 : 0, units[unit]);
}

std::string row_line(const run::MatrixRow& row, const run::RowCount& count, std::int64_t repeat) {
  std::string line = row.where.file.empty() ? "the case" : fmt::format("{}:{}", row.where.file, row.where.line);
  line += fmt::format("  {}: {} of {}{} combination{}", row.pipeline->name, count.kept,
                      repeat > 1 ? fmt::format("{} x ", repeat) : "", count.combinations,
                      count.combinations == 1 ? "" : "s");
  const std::pair<std::int64_t, const char*> reasons[] = {{count.constrained, "excluded by constraints"},
                                                          {count.uncovered, "left out by --cover or constraints"},
                                                          {count.filtered, "left out by --filter"},
                                                          {count.elsewhere, "in other shards"},
                                                          {count.merged, "listed before"}};
  for (const auto& [number, what] : reasons)
    if (number > 0) line += fmt::format(", {} {}", number, what);
  if (row.treatment.expect.starts_with("skip:")) line += fmt::format(", skipped: {}", row.treatment.expect.substr(5));
  return line + '\n';
}

void print_cases(std::string& text, const run::Plan& plan, const std::vector<std::int64_t>& bytes, bool all) {
  run::PlanWalker walker(plan);
  const std::size_t size = plan.entries().size();
  text += fmt::format("{:<16}  {:>9}  {}\n", "id", "bytes", "case");
  for (std::size_t i = 0; i < size; ++i) {
    if (!all && i == kShown && size > 2 * kShown) {
      text += fmt::format("... {} more, --all shows them\n", size - 2 * kShown);
      i = size - kShown;
    }
    text += fmt::format("{:016x}  {:>9}  {}\n", plan.entries()[i].id, human_bytes(bytes[i]),
                        run::replay_line(walker.at(i)));
    if (text.size() > (1 << 20)) {
      std::cout << text;
      text.clear();
    }
  }
}

int list_cases(const ListOptions& options) {
  auto source = case_source(options.cases);
  if (!source) return report_error(source.error());
  auto cases = run::expand_cases(*source, run::Mode::check, {});
  if (!cases) return report_error(cases.error());
  const run::Plan& plan = cases->plan;
  auto bytes = run::case_bytes(plan);
  if (!bytes) return report_error(bytes.error());
  std::string text;
  if (!plan.entries().empty()) print_cases(text, plan, *bytes, options.all);
  for (std::size_t row = 0; row < plan.matrix().rows.size(); ++row)
    text += row_line(plan.matrix().rows[row], plan.row_counts()[row], options.cases.repeat);
  for (const std::string& notice : plan.notices()) text += "note: " + notice + '\n';
  text += fmt::format("{} case{}", plan.entries().size(), plan.entries().size() == 1 ? "" : "s");
  if (!bytes->empty()) {
    const auto [least, most] = std::minmax_element(bytes->begin(), bytes->end());
    text += fmt::format(", {} to {} each", human_bytes(*least), human_bytes(*most));
  }
  std::cout << text << '\n';
  return 0;
}

}  // namespace

void register_list_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("list", "Show the cases that run would execute, and what is left out");
  auto options = std::make_shared<ListOptions>();
  add_case_options(*command, options->cases);
  command->add_flag("--all", options->all, "Every case, not only the first and the last");
  command->callback([=, &exit_code] { exit_code = list_cases(*options); });
}

}  // namespace assay::cli
