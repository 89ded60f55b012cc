// Input validation shared by all stages.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>

#include "goldens/stages/stage.h"

namespace assay::goldens {

using Extents = std::map<std::string_view, std::int64_t>;

// Binds each shape symbol of the stage's inputs to an extent. Optional inputs may be absent.
// Errors: an input that is missing, not of the stage, of an
// illegal dtype or of another rank; a symbol with two extents; an extent that is not the number its port names.
Result<Extents> bind_inputs(const Stage& stage, const InputMap& inputs);

// Every option is one of the stage's and every parameter without fallback is there.
Result<void> check_options(const Stage& stage, const StageRequest& request);

}  // namespace assay::goldens
