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

struct BadElements;

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
  // `tracer` sees the events of task `traced_task` only. The device contracts a*b+c where the profile allows it.
  Answer run(const Modules& modules, device::Backend& backend, std::uint64_t budget = 20'000'000,
             std::size_t traced_task = 0, const device::Tracer& tracer = {}) const;

  // Elements of each output that failed, as a trace names them.
  std::vector<BadElements> bad_elements(const Answer& answer) const;

  const run::ResolvedStage& stage() const { return stage_; }
  const goldens::GoldenMap& golden() const { return golden_; }
  const Profile& profile() const { return profile_; }
  // The same stage held to a machine that does not contract.
  Probe without_contraction() const;
  // The same stage under another interleaving.
  Probe under(device::Schedule schedule) const;
  // Elements in front of each tensor's first one in its memory (the case's offset).
  std::int64_t offset() const { return stage_.offset; }
  // Launch::tensors are in the order of names().
  const std::vector<std::string>& names() const { return names_; }

 private:
  void judge(Answer& answer) const;

  run::ResolvedStage stage_;
  Tensor memory_of(const run::ResolvedTensor& tensor, const Tensor* content) const;
  Tensor content_of(const run::ResolvedTensor& tensor, const Tensor& memory) const;

  std::vector<run::ResolvedTensor> tensors_;
  TensorMap initial_;  // memory of every tensor before the run: offset, then elements; outputs poisoned
  std::vector<std::string> names_;
  std::vector<std::string> outputs_;
  goldens::GoldenMap golden_;
  std::map<std::string, compare::Policy> policies_;
  Modules modules_;
  Profile profile_;
};

}  // namespace assay::bisect
