// From the record of a case to its verdict.
#pragma once

#include <string>
#include <vector>

#include "harness/run/case.h"
#include "harness/run/execute.h"

namespace assay::run {

// Who is to blame for the outputs of a stage: the first output and device that blame anybody.
compare::Blame blame_of(const StageResult& stage);

// Sets verdict, reason and the counts from stages and backends, before any expectation. Precedence: error, failed or
// hang, unverified, passed; unsupported and skipped only where no backend did anything else. Passed needs every output
// of every stage held against a golden, or a peer where there is none, and at least one element compared. Returns the
// causes observed, without the rules of the machine.
std::vector<std::string> decide(CaseResult& result, const pipeline::Pipeline& pipeline);

}  // namespace assay::run
