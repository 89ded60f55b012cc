// The definition of narrowing to a floating-point format, over exact dyadic numbers: the two neighbours of the operand,
// the one that the mode picks, then the rules for overflow, infinities, NaN and -0. For tests: microseconds each.
#pragma once

#include "goldens/exact/rounding.h"

namespace assay::goldens {

// Of a finite operand, given the neighbours of its magnitude.
std::uint32_t narrow_exact(BinaryFormat format, const Neighbours& neighbours, bool negative, Rounding mode,
                           const NarrowingRules& rules);
std::uint32_t narrow_exact(BinaryFormat format, float x, Rounding mode, const NarrowingRules& rules);
std::uint32_t narrow_exact(BinaryFormat format, double x, Rounding mode, const NarrowingRules& rules);

}  // namespace assay::goldens
