// Matrix products of rows that are known exactly, as the inputs of a stage are: what the arithmetic's multiply gives,
// bit for bit, many times faster.
#pragma once

#include <span>
#include <vector>

#include "goldens/enclosure/hull.h"
#include "goldens/enclosure/strict.h"

namespace assay::goldens {

// x [rows, w.inputs] gives [rows, w.outputs].
std::vector<float> multiply_points(const StrictArithmetic& math, std::span<const float> x, const WeightMatrix& w);
std::vector<Hull> multiply_points(const HullArithmetic& math, std::span<const float> x, const WeightMatrix& w);

}  // namespace assay::goldens
