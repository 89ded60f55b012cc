// float32 to signed integers.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "harness/core/profile/profile.h"

namespace assay::goldens {

// x rounded to an integer by `mode` (ODD: an inexact result is the odd one of its two neighbours), as a `bits`-wide
// two's complement number, 2 <= bits <= 64. Out of range and infinite: clamped when saturating, otherwise nothing,
// because what comes out is the target's and not mathematics. NaN: nothing.
std::optional<std::int64_t> to_integer(float x, Rounding mode, int bits, bool saturate);

template <class Int>
std::optional<Int> to_integer(float x, Rounding mode, bool saturate) {
  const auto wide = to_integer(x, mode, std::numeric_limits<Int>::digits + 1, saturate);
  return wide ? std::optional(static_cast<Int>(*wide)) : std::nullopt;
}

}  // namespace assay::goldens
