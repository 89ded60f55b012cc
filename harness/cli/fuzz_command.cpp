#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <iostream>
#include <memory>
#include <set>

#include "harness/cli/case_options.h"
#include "harness/cli/checks.h"
#include "harness/cli/command.h"
#include "harness/core/command.h"
#include "harness/core/fill.h"
#include "harness/fuzz/fuzz.h"
#include "harness/run/execute.h"

namespace assay::cli {
namespace {

struct FuzzCommandOptions {
  std::string pipeline, time, csv, backend, fix;
  std::vector<std::string> pipelines, fills;
  std::int64_t runs = 0, shrink_runs = 400, largest = 520;
  std::uint64_t seed = 1;
  bool contract_fma = false;
};

// "90", "90s", "5m", "1h".
Result<std::chrono::milliseconds> parse_duration(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const double scale = unit.empty() || unit == "s" ? 1e3
                       : unit == "ms"              ? 1
                       : unit == "m"               ? 6e4
                       : unit == "h"               ? 3.6e6
                                                   : 0;
  if (error != std::errc{} || scale == 0 || value <= 0 || value * scale > 1e9)
    return bad_input("found --time '{}', expected a number above 0 followed by ms, s, m or h, at most 277 h", text);
  return std::chrono::milliseconds(static_cast<std::int64_t>(value * scale));
}

// The fills the pipeline composes for its stages, and the general ones.
std::vector<std::string> fills_of(const pipeline::Pipeline& pipeline, const std::vector<std::string>& asked) {
  if (!asked.empty()) return asked;
  std::vector<std::string> fills{"uniform", "normal"};
  for (const char* name : {"exact-sum", "order-sensitive", "ties", "specials", "tagged"}) fills.emplace_back(name);
  for (const auto& [name, tensors] : pipeline.fills)
    if (std::find(fills.begin(), fills.end(), name) == fills.end()) fills.push_back(name);
  return fills;
}

std::string csv_of(const FuzzCommandOptions& options) {
  return options.csv.empty() ? "out/fuzz/" + options.pipeline + ".csv" : options.csv;
}

class ProgressLine {
 public:
  void operator()(const fuzz::FuzzOutcome& outcome) {
    const auto now = std::chrono::steady_clock::now();
    const auto every = terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(10'000);
    if (now - last_ < every) return;
    last_ = now;
    const double seconds = std::chrono::duration<double>(now - begin_).count();
    const std::string line = fmt::format("{} cases, {} discarded, {:.0f} cases/s", outcome.cases, outcome.discarded,
                                         static_cast<double>(outcome.cases) / seconds);
    std::cerr << (terminal_ ? "\r" : "") << line << (terminal_ ? "\033[K" : "\n") << std::flush;
    drawn_ = true;
  }
  void finish() const {
    if (terminal_ && drawn_) std::cerr << "\r\033[K";
  }

 private:
  bool terminal_ = isatty(2) == 1;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now(), last_ = begin_;
};

int print_outcome(const FuzzCommandOptions& options, const fuzz::FuzzOutcome& outcome) {
  std::cout << fmt::format("{}: {} cases in {:.1f} s ({:.0f} cases/s), {} drawn cases were contradictory\n",
                           options.pipeline, outcome.cases, outcome.seconds,
                           static_cast<double>(outcome.cases) / std::max(outcome.seconds, 1e-9), outcome.discarded);
  for (const auto& [fill, count] : outcome.fills) std::cout << fmt::format("  {:<16} {} cases\n", fill, count);
  if (!outcome.counterexample) {
    std::cout << "no counterexample\n";
    return 0;
  }
  const run::CaseResult& bad = *outcome.counterexample;
  const std::string csv = csv_of(options);
  std::cout << fmt::format("counterexample after {} shrinking runs{}: {}\n  {}\n  replay: assay run --replay {}{}\n",
                           outcome.shrinks, outcome.shrink_budget_spent ? " (budget spent)" : "",
                           compare::name(bad.verdict), bad.reason, shell_quoted(run::replay_line(bad.c)),
                           pipeline_options(pipeline_directories(options.pipelines, {})));
  if (auto appended = fuzz::append_case(csv, bad.c); !appended) return report_error(appended.error());
  std::cout << fmt::format("  appended to {}\n", csv);
  return 1;
}

int fuzz_pipeline(const FuzzCommandOptions& options) {
  const auto folders = pipeline_directories(options.pipelines, {});
  auto pipeline = pipeline::find_pipeline(options.pipeline, folders);
  if (!pipeline) return report_error(pipeline.error());
  auto backends = backends_or_default(options.backend, {"sim", "opencl"});
  if (!backends) return report_error(backends.error());
  if (auto appendable = fuzz::check_appendable(csv_of(options)); !appendable) return report_error(appendable.error());
  fuzz::FuzzOptions chosen;
  chosen.space.pipeline = &*pipeline;
  chosen.space.fills = fills_of(*pipeline, options.fills);
  chosen.space.largest_extent = options.largest;
  if (!options.fix.empty()) {
    auto fixed = run::parse_replay(options.fix);
    if (!fixed) return report_error(fixed.error());
    chosen.space.fixed = std::move(*fixed);
  }
  chosen.space.fixed.values["pipeline"] = options.pipeline;
  // Part of the counterexample: a run of it on the simulator alone would not show what only the device does.
  chosen.space.fixed.values["backends"] = fmt::format("{}", fmt::join(*backends, "+"));
  chosen.seed = options.seed;
  chosen.shrink_runs = options.shrink_runs;
  if (options.runs > 0) chosen.runs = options.runs;
  if (!options.time.empty()) {
    auto time = parse_duration(options.time);
    if (!time) return report_error(time.error());
    chosen.time = *time;
  }
  run::ExecuteOptions execution;
  execution.pipeline_directories = folders;
  execution.backends = *backends;
  execution.backends_required = true;
  execution.contract_fma = options.contract_fma;
  run::Executor executor(std::move(execution));
  ProgressLine progress;
  auto outcome = fuzz::fuzz(
      chosen, [&](const run::Case& c) { return executor.execute(c); },
      [&](const fuzz::FuzzOutcome& so_far) { progress(so_far); });
  progress.finish();
  if (!outcome) return report_error(outcome.error());
  return print_outcome(options, *outcome);
}

}  // namespace

void register_fuzz_command(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("fuzz", "Draw random cases of a pipeline, shrink what fails, keep it as a case");
  auto options = std::make_shared<FuzzCommandOptions>();
  command->add_option("pipeline", options->pipeline, "Name or .toml file of a pipeline")->required();
  command->add_option("--time", options->time, "Draw for this long: 90s, 5m, 1h");
  command->add_option("--runs", options->runs, "Draw this many cases; 200 without --time")->check(at_least(1));
  command->add_option("--seed", options->seed, "Same seed, same cases")->capture_default_str()->check(at_least(0));
  command->add_option("--backend", options->backend,
                      "Backends held against the golden, which must be there (default: sim,opencl, if it is)");
  command->add_option("--fill", options->fills, "Draw only these fills; may be repeated");
  command->add_option("--fix", options->fix, "key=value pairs every case has");
  command->add_option("--largest", options->largest, "Largest extent drawn")->capture_default_str()->check(at_least(1));
  command->add_option("--shrink-runs", options->shrink_runs, "Cases executed while shrinking, at most")
      ->capture_default_str()
      ->check(at_least(0));
  command->add_option("--csv", options->csv, "Where a counterexample is appended; out/fuzz/PIPELINE.csv by default");
  command->add_option("--pipelines", options->pipelines, "Folder of pipelines; may be repeated");
  command->add_flag("--fp-contract", options->contract_fma, "Let the device contract a*b+c");
  command->callback([=, &exit_code] { exit_code = fuzz_pipeline(*options); });
}

}  // namespace assay::cli
