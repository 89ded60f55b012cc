// The options that say which cases: shared by run and list.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "harness/core/error.h"
#include "harness/run/sweep.h"

namespace CLI {
class App;
}

namespace assay::cli {

struct CaseOptions {
  std::vector<std::string> files;
  std::string replay, inputs, filter, cover = "all", shard = "1/1", backend;
  std::vector<std::string> pipelines;
  std::string order, schedule;
  std::int64_t seed = -1;
  std::int64_t repeat = 1;
};

void add_case_options(CLI::App& command, CaseOptions& options);
// Errors: a filter, cover, shard or backend that makes no sense.
Result<run::CaseSource> case_source(const CaseOptions& options);
// "sim,opencl" -> two; a process backend's command keeps its commas. Errors: an unknown backend, one named twice.
Result<std::vector<std::string>> backend_list(const std::string& text);
// As backend_list, of what was asked for; without a word, those of `otherwise` that are here, with a note on each
// other. Error also: one of these is here and broken.
Result<std::vector<std::string>> backends_or_default(const std::string& asked,
                                                     const std::vector<std::string>& otherwise);

// Where pipelines are looked for, in this order: `given`, kernels/ beside each matrix's folder and in it, kernels/ of
// the working directory, kernels/ of the source tree this binary was built from.
std::vector<std::filesystem::path> pipeline_directories(const std::vector<std::string>& given,
                                                        const std::vector<std::string>& matrices);
// " --pipelines DIR" for each of these that is not looked into anyway.
std::string pipeline_options(const std::vector<std::filesystem::path>& directories);

}  // namespace assay::cli
