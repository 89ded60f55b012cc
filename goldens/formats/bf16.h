// bfloat16: the upper half of a float32 (dsv4-chain 1). The short form of narrow.h.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "harness/core/profile/profile.h"

namespace assay::goldens {

// Rounds as to an unbounded exponent, then applies IEEE 754 overflow: RINT and ROUND give infinity from half a step
// above the largest finite value on, FLOOR and CEIL only toward their own side, TRUNC and ODD never. `saturate`: what
// would be infinite, infinities included, becomes the signed largest finite value. NaN stays NaN (quiet; its payload is
// not specified) whether saturating or not. Zero and underflow keep the sign.
std::uint16_t encode_bf16(float x, Rounding mode = Rounding::rint, bool saturate = false);
// Elementwise; y.size() >= x.size().
void encode_bf16(std::span<const float> x, Rounding mode, bool saturate, std::span<std::uint16_t> y);

// Exact for every code.
inline float decode_bf16(std::uint16_t code) { return std::bit_cast<float>(static_cast<std::uint32_t>(code) << 16); }
// Elementwise; y.size() >= x.size().
void decode_bf16(std::span<const std::uint16_t> x, std::span<float> y);

}  // namespace assay::goldens
