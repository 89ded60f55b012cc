// Policy relations: a stage's subject is run again on related inputs, and its answers are held against one another.
// Needs no golden (docs/goldens.md).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "goldens/relations/trial.h"
#include "harness/run/case_run.h"

namespace assay::run {

// Runs the stage on other inputs, for which the case's parameters may differ.
using RelatedRun = std::function<Result<StageOutcome>(const TensorMap& inputs, const Bindings& bindings,
                                                      const std::vector<ResolvedTensor>& tensors)>;

// Tensors of the first trial that failed, for whoever looks at it.
struct RelatedTensors {
  TensorMap inputs, outputs;  // outputs: NAME as returned, NAME.expected
};

struct RelationResults {
  std::vector<OutputResult> outputs;      // one per trial and output; oracle "relation", reference the trial's name
  std::vector<std::string> inapplicable;  // relations and trials that were not tried, and why
  RelatedTensors failed;
};

// Holds one subject against every relation of the stage: those that its built-in golden brings and its own.
// Errors: relations that do not fit the stage; what `run` reports.
Result<RelationResults> run_relations(const PreparedCase& prepared, const pipeline::StageSpec& stage,
                                      const std::string& subject, const TensorMap& inputs, const StageOutcome& outcome,
                                      const RelatedRun& run);

}  // namespace assay::run
