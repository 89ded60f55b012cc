#include "harness/cli/kernel_command.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "harness/cli/checks.h"
#include "harness/cli/kernel_options.h"
#include "harness/cli/kernel_run.h"
#include "harness/device/schedule.h"

namespace assay::cli {
namespace {

struct Parsed {
  KernelRequest request;
  KernelOptions options;
  std::string file;
  std::string out;
  std::string backends;
  std::string policy = "bits";
  std::string order = "auto", schedule = "canonical", tasks;
};

// "sim,process:run {bundle}": a command may hold commas, so everything after a ':' belongs to it.
std::vector<std::string> split_backends(std::string_view text) {
  std::vector<std::string> list;
  while (!text.empty()) {
    const std::size_t comma = text.find(','), colon = text.find(':');
    const std::size_t end = comma == std::string_view::npos || colon < comma ? text.size() : comma;
    list.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return list;
}

int run_command(Parsed& parsed) {
  parsed.request.file = parsed.file;
  parsed.options.out = parsed.out;
  const auto policy = compare::parse_policy(parsed.policy);
  if (!policy) {
    std::cerr << to_string(policy.error()) << "\n";
    return exit_code(policy.error());
  }
  if (std::holds_alternative<compare::Relations>(policy->rule) || std::holds_alternative<compare::Peer>(policy->rule)) {
    std::cerr << fmt::format("assay: --policy {0} needs a pipeline: assay run with policy={0}\n", parsed.policy);
    return 2;
  }
  parsed.options.policy = *policy;
  const auto order = device::parse_order(parsed.order);
  const auto schedule = device::parse_schedule(parsed.schedule);
  for (const Error* error : {order ? nullptr : &order.error(), schedule ? nullptr : &schedule.error()})
    if (error) {
      std::cerr << "assay: " << to_string(*error) << "\n";
      return exit_code(*error);
    }
  parsed.options.order = *order;
  parsed.options.schedule = *schedule;
  parsed.request.tasks = split_words(parsed.tasks);
  if (!parsed.backends.empty()) {
    parsed.options.backends = split_backends(parsed.backends);
    parsed.options.backends_required = true;
  }
  return execute_kernel(parsed.request, parsed.options, device::create_backend, std::cout, std::cerr);
}

}  // namespace

void register_kernel_command(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("kernel", "Run a function of any .pto file and compare the backends");
  const auto parsed = std::make_shared<Parsed>();
  command->add_option("FILE", parsed->file, "textual .pto file")->required();
  command->add_option("FUNC", parsed->request.function, "function; may be left out when the file leaves no doubt");
  add_launch_options(*command, parsed->request, parsed->tasks);
  command->add_option("--order", parsed->order, kOrderHelp)->capture_default_str();
  command->add_option("--schedule", parsed->schedule, "interleaving on the simulator: canonical, worst or seed=N")
      ->capture_default_str();
  command->add_option("--backend", parsed->backends,
                      "comma-separated backends that must be there (default sim,opencl)");
  command->add_option("--out", parsed->out, "folder for every pointer argument after the run, as .npy per backend");
  command->add_option("--policy", parsed->policy, "how backends are compared")->capture_default_str();
  command->add_option("--seed", parsed->request.seed, "seed of the fills")->capture_default_str()->check(at_least(0));
  command->add_option("--profile", parsed->options.profile, "machine profile")->capture_default_str();
  command->add_flag("--fp-contract", parsed->options.contract_fma, "let device compilers contract a*b+c");
  command->callback([parsed, &exit_code] { exit_code = run_command(*parsed); });
}

}  // namespace assay::cli
