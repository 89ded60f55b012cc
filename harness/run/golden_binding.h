// How a pipeline's stage is bound to a built-in golden.
#pragma once

#include <string>
#include <string_view>

#include "harness/run/execute.h"

namespace assay::run {

// The tensor that a port of the golden stands for.
std::string tensor_of(const pipeline::BuiltinGolden& golden, std::string_view port);
// Explicit parameters, then the case's parameters of the same names. Error: one that the golden needs is missing.
Result<goldens::Parameters> builtin_parameters(const pipeline::BuiltinGolden& golden, const goldens::Stage& stage,
                                               const Bindings& bindings);

}  // namespace assay::run
