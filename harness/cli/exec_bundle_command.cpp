#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "harness/cli/command.h"
#include "harness/device/process/bundle.h"

namespace assay::cli {
namespace {

struct ExecBundleOptions {
  std::string directory, backend = "sim";
};

int exec_bundle(const ExecBundleOptions& options) {
  auto bundle = device::read_bundle(options.directory);
  if (!bundle) return report_error(bundle.error());
  auto profile = load_profile(bundle->profile);
  if (!profile) return report_error(profile.error());
  auto backend = device::create_backend(options.backend);
  if (!backend) return report_error(backend.error());
  std::vector<Tensor*> tensors;
  for (Tensor& tensor : bundle->tensors) tensors.push_back(&tensor);
  device::Launch launch;
  launch.module = &bundle->module;
  launch.function = bundle->module.find_function(bundle->function);
  launch.arguments = bundle->arguments;
  launch.blocks = bundle->blocks;
  launch.tensors = tensors;
  device::RunOptions run;
  run.profile = &*profile;
  run.poison_seed = bundle->poison_seed;
  run.instruction_budget = bundle->instruction_budget;
  run.contract_fma = bundle->contract_fma;
  const device::RunReport report = (*backend)->run(launch, run);
  if (auto written = device::write_outputs(options.directory, *bundle, report); !written)
    return report_error(written.error());
  std::cout << fmt::format("{}: {}{}{}\n", options.directory, device::name(report.status),
                           report.reason.empty() ? "" : ": ", report.reason);
  for (const device::Diagnostic& diagnostic : report.diagnostics)
    std::cout << device::to_string(diagnostic, "kernel.pto") << '\n';
  return 0;  // how the subject fared stands in report.json
}

}  // namespace

void register_exec_bundle_command(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("exec-bundle", "Run a bundle of the process backend here and leave its outputs in it");
  auto options = std::make_shared<ExecBundleOptions>();
  command->add_option("directory", options->directory, "The bundle: kernel.pto, launch.json, inputs/")->required();
  command->add_option("--backend", options->backend, "What runs it")->capture_default_str();
  command->callback([=, &exit_code] { exit_code = exec_bundle(*options); });
}

}  // namespace assay::cli
