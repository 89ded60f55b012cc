// Memory that the tensors of each case of a plan take.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/core/error.h"
#include "harness/run/plan.h"

namespace assay::run {

// One number per entry of the plan: run::bytes_needed of the case. Cases that differ only in what tensors do not depend
// on (fill, seed, policy, ...) are computed once.
Result<std::vector<std::int64_t>> case_bytes(const Plan& plan);

}  // namespace assay::run
