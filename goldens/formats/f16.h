// IEEE binary16, by integer arithmetic. f16_test.cpp holds every code and every rounding boundary against the exact
// definition.
#pragma once

#include <cstdint>

#include "harness/core/profile/profile.h"

namespace assay::goldens {

// Overflow, saturation, NaN and signed zero as encode_bf16.
std::uint16_t encode_f16(float x, Rounding mode = Rounding::rint, bool saturate = false);
// Exact for every code.
float decode_f16(std::uint16_t code);

}  // namespace assay::goldens
