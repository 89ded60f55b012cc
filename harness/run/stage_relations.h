// The relations of a pipeline's stage, and its shapes when one of its axes gets another extent.
#pragma once

#include <vector>

#include "goldens/relations/trial.h"
#include "harness/run/case_run.h"

namespace assay::run {

// Relations over one naming of axes. Tensors have the pipeline's names.
struct StageRelations {
  std::vector<goldens::Relation> relations;
  goldens::RelationSubject subject;
  const goldens::Stage* builtin = nullptr;  // whose they are; null: the stage's own
};

// Those of the stage's built-in golden, whose axes are the symbols of its ports, and those the pipeline file declares,
// whose axes are the texts of the shapes. Names of ports that the pipeline does not bind are left out.
// Errors: a tensor whose rank is not its port's.
Result<std::vector<StageRelations>> stage_relations(const pipeline::Pipeline& pipeline,
                                                    const pipeline::StageSpec& stage, const Bindings& bindings,
                                                    const std::vector<ResolvedTensor>& tensors);

// The case's values when the trial's axes have their new extents: each must be a parameter of the pipeline alone.
struct Reshaped {
  Bindings bindings;
  std::vector<ResolvedTensor> tensors;
};
// Errors: why the pipeline cannot have these extents.
Result<Reshaped> reshape(const PreparedCase& prepared, const pipeline::StageSpec& stage, const StageRelations& group,
                         const goldens::Trial& trial, const TensorMap& inputs);

}  // namespace assay::run
