// {parameter} and {expression} in the texts of a pipeline: dtypes, function names, options, fills.
#pragma once

#include <string>
#include <string_view>

#include "harness/run/execute.h"

namespace assay::run {

// Replaces every {name} by the case's word or integer and every {expression} by its value. Error: a name that is not
// bound.
Result<std::string> substitute(std::string_view text, const Bindings& bindings);

Result<std::int64_t> evaluate(const Expression& expression, const Bindings& bindings);

}  // namespace assay::run
