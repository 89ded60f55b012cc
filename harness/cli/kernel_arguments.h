// What a .pto file itself says about how its functions are launched, in attributes that other tools ignore
// (docs/lint.md): module attributes assay.tasks, assay.blocks, assay.ranks, assay.launches; argument attributes
// assay.window, assay.fill, assay.peer with assay.rank or assay.rank_offset, assay.value.
#pragma once

#include <string>
#include <vector>

#include "harness/cli/kernel_plan.h"

namespace assay::cli {

std::vector<std::string> declared_tasks(const pto::Module& module);

// Blocks, ranks and launches of the plan. Errors: out of range.
Result<void> decide_counts(KernelPlan& plan, const KernelRequest& request);

// KernelPlan::arguments and KernelTask::arguments: arguments of one name in several tasks are one. Errors: they differ
// in type, an attribute makes no sense.
Result<void> join_arguments(KernelPlan& plan);

}  // namespace assay::cli
