// Inputs that somebody captured: a folder of .npy or .safetensors files with a manifest, in place of fills (the case's
// key `inputs`; docs/cases.md).
#pragma once

#include <optional>

#include "harness/core/manifest.h"
#include "harness/run/execute.h"

namespace assay::run {

// The manifest of the case's `inputs`; nothing when it names none.
Result<std::optional<Manifest>> captured_manifest(const Case& c);

// Gives parameters that the case leaves open the values the captured tensors have: integers that stand alone as an
// extent, words that stand alone as a dtype. Error: two tensors that disagree.
Result<void> bind_captured(const pipeline::Pipeline& pipeline, const Case& c, const Manifest& manifest,
                           Bindings& bindings);

// The inputs among `tensors`, read. Errors: a tensor that is none of the pipeline's inputs; another dtype or shape than
// the pipeline's; a file that does not hold what the manifest says. Those left out are filled when the case names a
// fill, and are an error otherwise.
Result<TensorMap> captured_inputs(const std::vector<ResolvedTensor>& tensors, const Case& c, const Manifest& manifest);

}  // namespace assay::run
