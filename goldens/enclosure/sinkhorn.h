// The normalisation of hc_pre's mixing matrix (dsv4-chain 3.1): softmax of the rows plus eps, a column normalisation,
// then iterations - 1 times a row and a column normalisation, each dividing by (sum + eps).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "goldens/enclosure/hull.h"
#include "goldens/enclosure/strict.h"

namespace assay::goldens {

// logits [streams, streams], index [in][out], rows are the first index. iterations >= 1, 1 <= streams <= 16, eps > 0.
// Rows add up from left to right, columns in pairs, as the specification states for four: (r0 + r1) + (r2 + r3).
std::vector<float> sinkhorn(const StrictArithmetic& math, std::span<const float> logits, std::size_t streams,
                            std::size_t iterations, float eps);

// What any order of the sums and every function within its bound may give, for any logits in the hulls. Interval
// arithmetic doubles its widths at each normalisation; this is a bound in the logarithm that does not (sinkhorn.cpp has
// the proof). Logits that are not finite leave every entry open: any number or NaN.
std::vector<Hull> sinkhorn(const HullArithmetic& math, std::span<const Hull> logits, std::size_t streams,
                           std::size_t iterations, float eps);

}  // namespace assay::goldens
