#include "harness/cli/case_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "harness/cli/checks.h"
#include "harness/core/command.h"
#include "harness/core/manifest.h"
#include "harness/device/backend.h"
#include "harness/device/schedule.h"
#include "harness/run/matrix.h"

namespace assay::cli {

void add_case_options(CLI::App& command, CaseOptions& options) {
  command.add_option("CASES", options.files, "Case matrices (CSV)");
  command.add_option("--replay", options.replay, "One case instead: 'pipeline=NAME key=value ...'");
  command.add_option("--inputs", options.inputs,
                     "Folder of .npy or .safetensors files with a manifest, in place of fills, for the case of --replay or of "
                     "the manifest");
  command.add_option("--filter", options.filter, "Keep cases for which EXPR holds: \"pipeline=quant_* && T<=16\"");
  command.add_option("--cover", options.cover, "all (default), pairwise, or N-wise: a covering array of each row");
  command.add_option("--shard", options.shard, "I/N: the I-th of N disjoint parts of the cases");
  command.add_option("--backend", options.backend, "Backends instead of the matrix's, which must be there: sim,opencl");
  command.add_option("--pipelines", options.pipelines, "Folder of pipelines (repeatable)");
  command.add_option("--seed", options.seed, "Seed of cases that name none, and of --cover")->check(at_least(0));
  command.add_option("--order", options.order, "Order of cases that name none: auto, program, explicit or inserted");
  command.add_option("--schedule", options.schedule,
                     "Interleaving on the simulator of cases that name none: canonical, worst or seed=N");
  command.add_option("--repeat", options.repeat, "Run each case N times, each time with other inputs")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}));
}

Result<std::vector<std::string>> backend_list(const std::string& text) {
  std::vector<std::string> backends;
  for (std::size_t start = 0; start < text.size();) {
    const bool command = text.compare(start, 8, "process:") == 0;
    const std::size_t end = command ? text.size() : std::min(text.find_first_of(",+", start), text.size());
    std::string backend = text.substr(start, end - start);
    start = end + 1;
    if (auto complaint = run::check_backend(backend)) return bad_input("--backend: {}", *complaint);
    if (std::find(backends.begin(), backends.end(), backend) != backends.end())
      return bad_input("--backend: '{}' stands twice", backend);
    backends.push_back(std::move(backend));
  }
  return backends;
}

Result<std::vector<std::string>> backends_or_default(const std::string& asked,
                                                     const std::vector<std::string>& otherwise) {
  if (!asked.empty()) return backend_list(asked);
  std::vector<std::string> present;
  for (const std::string& name : otherwise) {
    const auto backend = device::create_backend(name);
    if (!backend && backend.error().kind != ErrorKind::unavailable) return tl::unexpected(backend.error());
    if (backend) {
      present.push_back(name);
    } else {
      std::cout << fmt::format("note: backend '{}' is skipped: {}\n", name, backend.error().message);
    }
  }
  return present;
}

std::vector<std::filesystem::path> pipeline_directories(const std::vector<std::string>& given,
                                                        const std::vector<std::string>& matrices) {
  std::vector<std::filesystem::path> directories;
  const auto add = [&](const std::filesystem::path& directory) {
    std::error_code error;
    const auto path = std::filesystem::weakly_canonical(directory, error);
    if (error || !std::filesystem::is_directory(path, error)) return;
    if (std::find(directories.begin(), directories.end(), path) == directories.end()) directories.push_back(path);
  };
  for (const std::string& directory : given) add(directory);
  for (const std::string& matrix : matrices) {
    std::error_code error;
    const auto folder = std::filesystem::absolute(matrix, error).parent_path();
    add(folder.parent_path() / "kernels");
    add(folder / "kernels");
  }
  add("kernels");
  add(std::filesystem::path(ASSAY_SOURCE_DIR) / "kernels");
  return directories;
}

std::string pipeline_options(const std::vector<std::filesystem::path>& directories) {
  const auto always = pipeline_directories({}, {});
  std::string options;
  for (const auto& directory : directories)
    if (std::find(always.begin(), always.end(), directory) == always.end())
      options += " --pipelines " + shell_quoted(directory.string());
  return options;
}

// The case of --replay, or the one the manifest's metadata name, on the folder's tensors.
Result<std::string> replay_with_inputs(const CaseOptions& options) {
  if (!options.files.empty()) return bad_input("found CSV files and --inputs, expected one of them");
  std::string line = options.replay;
  if (line.empty()) {
    const auto manifest = read_manifest(options.inputs);
    if (!manifest) return tl::unexpected(manifest.error());
    const auto named = manifest->metadata.find("case");
    if (named == manifest->metadata.end())
      return bad_input("{}: the metadata have no 'case' such as 'pipeline=hc_post'; expected one, or --replay",
                       (std::filesystem::path(options.inputs) / kManifestFile).string());
    line = named->second;
  }
  auto c = run::parse_replay(line);
  if (!c) return tl::unexpected(c.error());
  std::error_code error;
  const auto folder = std::filesystem::canonical(options.inputs, error);
  if (error) return bad_input("--inputs {}: {}", options.inputs, error.message());
  c->values["inputs"] = folder.string();
  return run::replay_line(*c);
}

Result<run::CaseSource> case_source(const CaseOptions& options) {
  run::CaseSource source;
  source.matrices.assign(options.files.begin(), options.files.end());
  source.replay = options.replay;
  if (!options.inputs.empty()) {
    auto line = replay_with_inputs(options);
    if (!line) return tl::unexpected(line.error());
    source.replay = std::move(*line);
  }
  for (const std::string& directory : options.pipelines)
    if (!std::filesystem::is_directory(directory)) return bad_input("--pipelines {}: is no folder", directory);
  source.pipeline_directories = pipeline_directories(options.pipelines, options.files);
  if (!options.filter.empty()) {
    auto filter = run::Filter::parse(options.filter);
    if (!filter) return tl::unexpected(filter.error());
    source.plan.filter = std::move(*filter);
  }
  auto cover = run::parse_cover(options.cover);
  if (!cover) return tl::unexpected(cover.error());
  auto shard = run::parse_shard(options.shard);
  if (!shard) return tl::unexpected(shard.error());
  auto backends = backend_list(options.backend);
  if (!backends) return tl::unexpected(backends.error());
  source.plan.cover = *cover;
  source.plan.shard = *shard;
  source.plan.repeat = options.repeat;
  if (options.seed >= 0) source.plan.seed = options.seed;
  if (!options.order.empty()) {
    if (const auto order = device::parse_order_of_case(options.order); !order) return tl::unexpected(order.error());
    source.plan.order = options.order;
  }
  if (!options.schedule.empty()) {
    if (const auto schedule = device::parse_schedule(options.schedule); !schedule)
      return tl::unexpected(schedule.error());
    source.plan.schedule = options.schedule;
  }
  if (!backends->empty()) source.plan.backends = fmt::format("{}", fmt::join(*backends, "+"));
  return source;
}

}  // namespace assay::cli
