// One case on its way through its stages: what each backend received and returned, how it compares, who is to blame.
// Used by the executor, whether outcomes come from running a backend or from files.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/run/execute.h"
#include "reports/failure.h"

namespace assay::run {

// The backend that counts as the simulator when blame is assigned.
inline constexpr std::string_view kSimulator = "sim";
// Stages of the second invocation are "dispatch#2".
inline constexpr char kInvocationMark = '#';

// A case with everything that follows from it.
struct PreparedCase {
  Case c;
  const pipeline::Pipeline* pipeline = nullptr;
  Bindings bindings;
  std::vector<ResolvedTensor> tensors;
  std::vector<ResolvedWindow> windows;
  std::int64_t invocations = 1;  // bindings.invocation is the one at hand
  Profile profile;
  std::optional<compare::Policy> policy;  // of the case; overrides the pipeline's
};

// A backend and the values it holds: the case's inputs, and what its stages returned so far.
struct Subject {
  std::string name;
  device::Backend* backend = nullptr;  // null when outcomes come from files
  TensorMap values;
  WindowContents windows, windows_before;  // now, and before the stage at hand
  bool alive = true;  // every stage so far completed
  BackendResult result;

  bool is_simulator() const { return name == kSimulator; }
};

// The subject's answer to a stage goes into its values and its record.
void record(Subject& subject, const StageOutcome& outcome);
// The stage's inputs among the values a subject holds.
TensorMap inputs_of(const pipeline::StageSpec& stage, const TensorMap& values);

class CaseRun {
 public:
  // `contract_fma`: goldens of devices (not of the simulator) allow contraction.
  CaseRun(const PreparedCase& prepared, bool contract_fma);

  // A backend that takes part, or one that does not and why.
  void add_subject(std::string name, device::Backend* backend, TensorMap inputs);
  void add_skipped(std::string name, std::string reason);
  std::vector<Subject>& subjects() { return subjects_; }
  // Before finish: those that do not take part.
  const std::vector<BackendResult>& skipped() const { return result_.backends; }

  // The stages run again, on these inputs; windows stay as they are.
  void begin_invocation(const TensorMap& inputs);

  // How a subject answers a stage.
  using Source = std::function<Result<StageOutcome>(const pipeline::StageSpec&, const TensorMap& inputs, Subject&)>;
  // How a subject answers the stage on other inputs; absent where answers come from files.
  using Related = std::function<Result<StageOutcome>(const TensorMap& inputs, const Bindings& bindings,
                                                     const std::vector<ResolvedTensor>& tensors, Subject&)>;
  // Errors: bad input of the golden, of the relations or of the source.
  Result<void> run_stage(const pipeline::StageSpec& stage, const Source& source, const Related& related = {});

  // The verdict with `expect` applied. Call once, after the last stage.
  Result<CaseResult> finish();
  // Tensors of the first stage that went wrong, or of the last one.
  const reports::FailureTensors& failure_tensors() const { return failure_; }

 private:
  struct Answer {
    Subject* subject = nullptr;
    TensorMap inputs;
    StageOutcome outcome;
    goldens::GoldenMap golden;
    bool contraction = false;
  };

  Result<std::vector<Answer>> collect(const pipeline::StageSpec& stage, const Source& source, StageResult& result);
  bool is_by_relations(const pipeline::StageSpec& stage) const;
  Result<void> hold_relations(const pipeline::StageSpec& stage, const Answer& answer, const Related& related,
                              StageResult& result);
  void name_assumption(const goldens::GoldenOutput& golden, compare::Comparison& comparison) const;
  Result<void> evaluate_golden(const pipeline::StageSpec& stage, std::vector<Answer>& answers, std::size_t index);
  compare::Policy policy_of(const pipeline::StageSpec& stage, const std::string& output, bool contraction) const;
  compare::PeerOpinion peer_opinion(const Answer& answer, const std::string& output,
                                    const compare::Reference& reference) const;
  Result<void> compare_with_golden(const pipeline::StageSpec& stage, const Answer& answer, StageResult& result);
  Result<void> compare_with_simulator(const pipeline::StageSpec& stage, const Answer& device, const Answer& simulator,
                                      StageResult& result);
  Result<void> follow_chain(const pipeline::StageSpec& stage, std::vector<Answer>& answers);
  void keep_tensors(const pipeline::StageSpec& stage, std::vector<Answer>& answers, bool went_wrong);

  const PreparedCase& prepared_;
  bool contract_fma_;
  std::vector<Subject> subjects_;
  CaseResult result_;
  std::vector<std::string> broken_rules_;
  reports::FailureTensors failure_;
  bool at_first_stage_ = true;  // of the invocation
  std::string suffix_;          // of stages' names, from the second invocation on
  std::map<std::string, TensorMap, std::less<>> related_failures_;  // by subject, of the stage at hand
  bool failure_kept_ = false;
  // What the goldens made of the case's inputs so far; nothing once a stage has no golden that stands for itself.
  std::optional<TensorMap> chain_;
};

}  // namespace assay::run
