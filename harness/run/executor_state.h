// What an executor keeps between cases. Internal to executor.cpp and exchange.cpp.
#pragma once

#include "harness/run/case_run.h"

namespace assay::run {

struct Executor::State {
  ExecuteOptions options;
  KernelCache kernels;
  std::map<std::string, std::unique_ptr<pipeline::Pipeline>, std::less<>> pipelines;
  std::map<std::string, Result<std::unique_ptr<device::Backend>>, std::less<>> backends;

  Result<const pipeline::Pipeline*> find_pipeline(std::string_view name);
  // The backend, or why there is none.
  const Result<std::unique_ptr<device::Backend>>& find_backend(const std::string& name);

  // Errors: everything that makes the case bad input.
  Result<PreparedCase> prepare(const Case& c);
  // Backends of the case, in order, without repetition.
  std::vector<std::string> backend_names(const Case& c) const;
  // Adds each backend of the case as a subject, or as skipped. Errors: an unknown name; one that is missing although
  // asked for, or broken.
  Result<void> add_backends(const PreparedCase& prepared, TensorMap inputs, CaseRun& run);
  // Runs every stage of the case on the run's subjects.
  Result<void> run_stages(const PreparedCase& prepared, CaseRun& run);
  device::RunOptions run_options(const PreparedCase& prepared) const;
  Result<StageOutcome> run_on_backend(const PreparedCase& prepared, const ResolvedStage& stage, const TensorMap& inputs,
                                      Subject& subject) const;
  // The same for one subject, without goldens; `unwritten` receives the masks.
  Result<void> run_without_golden(const PreparedCase& prepared, Subject& subject,
                                  std::map<std::string, std::vector<std::uint8_t>>& unwritten);
  // Bytes of the case's tensors; empty when they fit the limit.
  std::string too_large(const PreparedCase& prepared) const;
};

}  // namespace assay::run
