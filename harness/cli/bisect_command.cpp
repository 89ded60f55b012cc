#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "harness/bisect/bisect.h"
#include "harness/cli/case_options.h"
#include "harness/cli/checks.h"
#include "harness/cli/command.h"
#include "harness/core/file.h"
#include "harness/run/matrix.h"
#include "harness/run/store.h"

namespace assay::cli {
namespace {

struct BisectCommandOptions {
  std::string replay, from, device, json;
  std::vector<std::string> pipelines;
  bool contract_fma = false;
  std::int64_t candidates = 60'000;
};

// A replay line, or with --from the id (or the beginning of one) of a case in that run.
Result<run::Case> chosen_case(const BisectCommandOptions& options) {
  if (options.from.empty()) return run::parse_replay(options.replay);
  const std::filesystem::path failures = std::filesystem::path(options.from) / "failures";
  std::vector<std::filesystem::path> found;
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(failures, missing))
    if (entry.path().filename().string().starts_with(options.replay)) found.push_back(entry.path());
  if (missing) return bad_input("{}: no folder of failures there", failures.string());
  if (found.size() != 1)
    return bad_input("{} failing cases of {} have an id that begins with '{}', expected one", found.size(),
                     options.from, options.replay);
  auto line = read_text(found.front() / "replay.txt", 1 << 20);
  if (!line) return tl::unexpected(line.error());
  line->erase(line->find_last_not_of(" \n\r\t") + 1);
  return run::parse_replay(*line);
}

// Where that run looked for its pipelines.
Result<std::vector<std::filesystem::path>> recorded_directories(const std::filesystem::path& from) {
  auto store = run::Store::read(from / run::kStoreFile);
  if (!store) return tl::unexpected(store.error());
  auto facts = store->facts();
  if (!facts) return tl::unexpected(facts.error());
  const auto recorded = facts->find(run::kPipelineDirectoriesFact);
  std::istringstream lines(recorded == facts->end() ? std::string() : recorded->second);
  std::vector<std::filesystem::path> directories;
  for (std::string line; std::getline(lines, line);) directories.emplace_back(line);
  return directories;
}

// What was asked for must be there. Without a word the device of the case, or OpenCL, where it is.
Result<std::string> chosen_device(const std::string& asked, const run::Case& c) {
  if (asked == "none") return std::string();
  if (!asked.empty()) return asked;
  std::vector<std::string> named = run::split_words(c.get("backends"));
  std::erase(named, "sim");
  if (named.empty()) named = {"opencl"};
  return backends_or_default("", {named.front()}).map([](const std::vector<std::string>& present) {
    return present.empty() ? std::string() : present.front();
  });
}

int exit_code_of(bisect::Conclusion conclusion) {
  if (conclusion == bisect::Conclusion::agreement) return 0;
  return conclusion == bisect::Conclusion::suspect ? 125 : 1;  // 125: git bisect run cannot decide
}

int bisect_case(const BisectCommandOptions& options) {
  auto c = chosen_case(options);
  if (!c) return report_error(c.error());
  bisect::BisectOptions chosen;
  chosen.pipeline_directories = pipeline_directories(options.pipelines, {});
  if (!options.from.empty()) {
    auto recorded = recorded_directories(options.from);
    if (!recorded) return report_error(recorded.error());
    chosen.pipeline_directories.insert(chosen.pipeline_directories.end(), recorded->begin(), recorded->end());
  }
  auto device = chosen_device(options.device, *c);
  if (!device) return report_error(device.error());
  chosen.device = std::move(*device);
  chosen.contract_fma = options.contract_fma;
  chosen.max_candidates = options.candidates;
  auto finding = bisect::bisect(*c, chosen);
  if (!finding) return report_error(finding.error());
  std::cout << bisect::to_string(*finding);
  if (!options.json.empty()) {
    auto written = write_text(options.json, nlohmann::json(*finding).dump(2) + "\n");
    if (!written) return report_error(written.error());
  }
  return exit_code_of(finding->conclusion);
}

}  // namespace

void register_bisect_command(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("bisect", "Name the stage, kernel, instruction, elements and reason of a mismatch");
  auto options = std::make_shared<BisectCommandOptions>();
  command->add_option("case", options->replay, "A replay line, or with --from the id of a failing case")->required();
  command->add_option("--from", options->from, "Folder of a run: take the case from its failures");
  command->add_option(
      "--device", options->device,
      "Backend held against the simulator (default: opencl, if it is there); none for the simulator alone");
  command->add_option("--pipelines", options->pipelines, "Folder of pipelines; may be repeated");
  command->add_option("--candidates", options->candidates, "Single edits tried at most")
      ->capture_default_str()
      ->check(at_least(0));
  command->add_option("--json", options->json, "Also write the finding to this file");
  command->add_flag("--fp-contract", options->contract_fma, "Let the device contract a*b+c");
  command->callback([=, &exit_code] { exit_code = bisect_case(*options); });
}

}  // namespace assay::cli
