// Matrix products of rows whose elements are known exactly but for a few, as rows rounded to bf16 are.
#pragma once

#include <span>
#include <vector>

#include "goldens/enclosure/hull.h"
#include "goldens/enclosure/strict.h"

namespace assay::goldens {

// x [rows, w.inputs] gives [rows, w.outputs]: an enclosure as math.multiply's, many times faster where most elements of
// x are points and the profile leaves the order of sums free without contraction and flushing. Elsewhere it is
// math.multiply. Ends differ from math.multiply's by no more than the rounding of sums in double, which both allow for.
std::vector<Hull> multiply_nearly_points(const HullArithmetic& math, std::span<const Hull> x, const WeightMatrix& w);

}  // namespace assay::goldens
