// One stage of one case, made ready to be run many times with edited kernels: inputs, golden and policies are fixed,
// the modules vary. Runs cost a launch and a comparison, nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "goldens/stages/stage.h"
#include "harness/compare/policy.h"
#include "harness/device/backend.h"
#include "harness/run/execute.h"

namespace assay::bisect {

class Probe {
 public:
  // `inputs` holds every tensor the stage reads. `golden` may be empty: then nothing matches.
  Probe(run::ResolvedStage stage, std::vector<run::ResolvedTensor> tensors, TensorMap inputs, goldens::GoldenMap golden,
        compare::Policy default_policy, Profile profile);

  using Modules = std::vector<std::shared_ptr<const pto::Module>>;  // one per task
  const Modules& modules() const { return modules_; }
  // The modules with every task that shares task `task`'s module given `edited` instead.
  Modules replaced(std::size_t task, std::shared_ptr<const pto::Module> edited) const;

  struct Answer {
    device::RunReport report;
    std::size_t failed_task = 0;  // task the report stopped in, when it is not completed
    TensorMap outputs;
    std::map<std::string, compare::Comparison> comparisons;  // per output with a golden; empty when not completed
    bool matches = false;                                    // completed and every output passed
  };
  // `tracer` sees the events of task `traced_task` only.
  Answer run(const Modules& modules, device::Backend& backend, std::uint64_t budget = 20'000'000,
             std::size_t traced_task = 0, const device::Tracer& tracer = {}) const;

  const run::ResolvedStage& stage() const { return stage_; }
  const goldens::GoldenMap& golden() const { return golden_; }
  const Profile& profile() const { return profile_; }
  // Index into Launch::tensors of the named tensor; the order is that of names().
  const std::vector<std::string>& names() const { return names_; }

 private:
  void judge(Answer& answer) const;

  run::ResolvedStage stage_;
  TensorMap initial_;  // every tensor of the stage before the run; outputs poisoned
  std::vector<std::string> names_;
  std::vector<std::string> outputs_;
  goldens::GoldenMap golden_;
  std::map<std::string, compare::Policy> policies_;
  Modules modules_;
  Profile profile_;
};

}  // namespace assay::bisect
