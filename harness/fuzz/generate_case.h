// Draws cases of a pipeline: shapes near the edges that kernels get wrong, words, fills, alignment offsets and seeds.
#pragma once

#include <rapidcheck.h>

#include <cstdint>
#include <string>
#include <vector>

#include "harness/pipeline/pipeline.h"
#include "harness/run/case.h"

namespace assay::fuzz {

struct CaseSpace {
  const pipeline::Pipeline* pipeline = nullptr;
  std::vector<std::string> fills;     // drawn from; every built-in and pipeline fill by default
  run::Case fixed;                    // key=value pairs every drawn case has
  std::int64_t largest_extent = 520;  // of an integer parameter without a smaller maximum of its own
  std::int64_t largest_offset = 33;   // elements by which tensors start off their alignment
};

// Extents where tiles, 32-byte blocks and repeats begin and end: 1, 7..9, 15..17, 31..33, ... ascending, within [min,
// max].
std::vector<std::int64_t> edge_extents(std::int64_t min, std::int64_t max);

// Shrinks towards the smallest extents, the first word, the first fill, no offset and seed 0. Cases may break the
// pipeline's constraints: the caller discards those.
rc::Gen<run::Case> any_case(const CaseSpace& space);

}  // namespace assay::fuzz
