// Correctly rounded sums and dot products of float32.
#pragma once

#include <span>

#include "goldens/exact/rounded.h"

namespace assay::goldens::exact {

// The exact sum, and the exact sum of a[i] * b[i] over equal sizes, rounded once to nearest even as ExactAccumulator
// does, whatever the order. Nothing summed is +0.
Rounded rounded_sum(std::span<const float> x);
Rounded rounded_dot(std::span<const float> a, std::span<const float> b);

}  // namespace assay::goldens::exact
