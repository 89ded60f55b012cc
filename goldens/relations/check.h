// Holds a stage's golden against its own relations: neither a closed form nor another oracle, but an implementation
// that mixes tokens, reads padding or drops a term breaks one of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "goldens/relations/trial.h"

namespace assay::goldens {

struct RelationCheck {
  std::vector<std::string> violations;    // relation, trial, output, first element with its bits
  std::vector<std::string> inapplicable;  // relations and trials that these inputs or extents do not allow, and why
  std::vector<int> trials;                // made, per relation
  std::int64_t compared = 0;              // elements
};

// Evaluates the stage on the request's inputs and on every trial's. Values, enclosures and open elements must follow;
// powers of two: values and open elements only, as an enclosure may have absolute terms. NaN equals NaN.
// Errors: relations that do not fit the stage, a request that the stage refuses.
Result<RelationCheck> check_relations(const Stage& stage, const StageRequest& request,
                                      const TrialOptions& options = {});

}  // namespace assay::goldens
