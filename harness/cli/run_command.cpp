#include <fmt/ranges.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "harness/cli/case_options.h"
#include "harness/cli/command.h"
#include "harness/run/sweep.h"

namespace assay::cli {
namespace {

struct RunOptions {
  CaseOptions cases;
  std::string out, inputs_only, run_only, verify;
  bool fp_contract = false;
  int jobs = 0;
  double timeout = 120;
  std::int64_t memory = 0, case_memory = 0;
  bool resume = false;
};

void add_options(CLI::App& command, RunOptions& options) {
  add_case_options(command, options.cases);
  command.add_option("--out", options.out, "Folder for the store, the reports and the failure folders");
  command.add_flag("--resume", options.resume, "Go on with what --out holds; run only what is missing");
  command.add_option("--jobs", options.jobs, "Workers (default: one per processor)")->check(CLI::Range(1, 1024));
  command.add_option("--timeout", options.timeout, "Seconds for a case that names none (default 120)")
      ->check(CLI::Range(0.001, 1e6));
  command.add_option("--memory", options.memory, "MiB that a worker may have resident (default: no limit)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40));
  command.add_option("--case-memory", options.case_memory,
                     "GiB of tensors above which a case is skipped (default 16)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20));
  command.add_flag("--fp-contract", options.fp_contract, "Let device compilers contract a*b+c");
  auto* inputs =
      command.add_option("--inputs-only", options.inputs_only, "Write the inputs of each case to DIR/ID/inputs");
  auto* run = command.add_option("--run-only", options.run_only, "Run the cases whose inputs DIR holds");
  auto* verify = command.add_option("--verify", options.verify, "Judge the outputs that DIR holds");
  inputs->excludes(run)->excludes(verify);
  run->excludes(verify);
}

// Processors this process may use.
int processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

std::string quoted(const std::string& word) {
  if (!word.empty() && word.find_first_of(" '\"\\$&|;()<>*?!#") == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

Result<run::SweepOptions> sweep_options(const RunOptions& options, const std::vector<std::string>& words) {
  run::SweepOptions sweep;
  auto source = case_source(options.cases);
  if (!source) return tl::unexpected(source.error());
  sweep.cases = std::move(*source);
  sweep.backends = *backend_list(options.cases.backend);
  const std::pair<run::Mode, const std::string&> modes[] = {{run::Mode::inputs, options.inputs_only},
                                                            {run::Mode::run, options.run_only},
                                                            {run::Mode::verify, options.verify}};
  for (const auto& [mode, directory] : modes) {
    if (directory.empty()) continue;
    sweep.mode = mode;
    sweep.exchange = directory;
  }
  sweep.out = options.out;
  if (sweep.cases.plan.shard.count > 1 && !options.out.empty())
    sweep.out /= fmt::format("shard-{}-of-{}", sweep.cases.plan.shard.index + 1, sweep.cases.plan.shard.count);
  if (options.resume && options.out.empty()) return bad_input("--resume needs --out DIR");
  sweep.resume = options.resume;
  sweep.contract_fma = options.fp_contract;
  sweep.replay_options =
      pipeline_options(sweep.cases.pipeline_directories) + (options.fp_contract ? " --fp-contract" : "");
  sweep.jobs = options.jobs > 0 ? options.jobs : processors();
  sweep.timeout = options.timeout;
  sweep.memory = options.memory << 20;
  sweep.case_memory = options.case_memory << 30;
  sweep.worker_command = {"/proc/self/exe", "worker"};
  std::vector<std::string> line;
  for (const std::string& word : words) line.push_back(quoted(word));
  sweep.command_line = fmt::format("{}", fmt::join(line, " "));
  return sweep;
}

int run_cases(const RunOptions& options, const std::vector<std::string>& words) {
  auto sweep = sweep_options(options, words);
  if (!sweep) return report_error(sweep.error());
  auto outcome = run::sweep(*sweep, std::cout);
  if (!outcome) return report_error(outcome.error());
  if (outcome->summary.problems.interrupted_by != 0 && !sweep->out.empty())
    std::cout << "interrupted; --resume goes on from here\n";
  if (!outcome->report.empty()) std::cout << "report: " << outcome->report.string() << '\n';
  return outcome->exit_code();
}

}  // namespace

void register_run_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("run", "Run cases on backends and judge them");
  auto options = std::make_shared<RunOptions>();
  add_options(*command, *options);
  command->callback([=, &app, &exit_code] {
    std::vector<std::string> words{app.get_name()};
    for (const CLI::Option* option : command->get_options()) {
      if (option->count() == 0) continue;
      if (!option->get_positional()) words.push_back(option->get_name());
      if (option->get_expected_max() > 0)
        for (const std::string& value : option->results()) words.push_back(value);
    }
    words.insert(words.begin() + 1, "run");
    exit_code = run_cases(*options, words);
  });
}

}  // namespace assay::cli
