// "did you mean": the known name nearest to a misspelt one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace assay::pipeline {

// The candidate with the least edit distance (insertions, deletions, substitutions, swaps of neighbours), if that is at
// most a third of the longer name, rounded up; the first of equals. Empty when none is near.
std::string nearest(std::string_view name, std::span<const std::string> candidates);

// "; did you mean 'x'?", or "; known: a, b, c" when none is near, or "" without candidates. Lists at most 20 names.
std::string suggestion(std::string_view name, std::span<const std::string> candidates);

}  // namespace assay::pipeline
