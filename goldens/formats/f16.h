// IEEE binary16. The short form of narrow.h.
#pragma once

#include <cstdint>

#include "harness/core/profile/profile.h"

namespace assay::goldens {

// Overflow, saturation, NaN and signed zero as encode_bf16.
std::uint16_t encode_f16(float x, Rounding mode = Rounding::rint, bool saturate = false);
// Exact for every code.
float decode_f16(std::uint16_t code);

}  // namespace assay::goldens
