// Narrowing to, and widening from, every small floating-point format (ep-dispatch-combine 3, dsv4-chain 1): the fast
// definitions. goldens_formats_exhaustive_test proves encoding equal to narrow_exact.h's definition for every float32.
//
// Formats: f32 (nothing to narrow from float), f16, bf16, e4m3fn, e4m3fnuz, e5m2, e2m1. Codes are right aligned, sign
// included. Whole tensors have the layout of DType: e2m1 packs two elements a byte, the lower nibble is the even one;
// an odd last element leaves the upper nibble zero. Any other dtype is the caller's mistake: codes are 0, values NaN.
//
// Rounding is as to an unbounded exponent, except that FLOOR, CEIL and TRUNC never overflow away from their side, and
// ODD only where the largest finite code is even. What overflow, infinities, NaN and -0 give: NarrowingRules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "harness/core/dtype.h"
#include "harness/core/profile/profile.h"

namespace assay::goldens {

std::uint32_t encode(DType destination, float x, Rounding mode, const NarrowingRules& rules);
// One rounding, from all 53 bits.
std::uint32_t encode(DType destination, double x, Rounding mode, const NarrowingRules& rules);
// Elementwise; y holds at least bytes_of(destination, x.size()).
void encode(DType destination, std::span<const float> x, Rounding mode, const NarrowingRules& rules,
            std::span<std::byte> y);

// Exact for every code. `code` has no bits beyond the format's.
float decode(DType source, std::uint32_t code);
// Elementwise; codes hold at least bytes_of(source, y.size()).
void decode(DType source, std::span<const std::byte> codes, std::span<float> y);

}  // namespace assay::goldens
