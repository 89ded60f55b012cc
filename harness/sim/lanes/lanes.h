// Loops over elements, compiled for every instruction set Highway knows and chosen at run time. Each gives the bits of
// the plain operators (ops/arithmetic.h, numeric/) on every one of them; lanes_test.cpp compares them.
#pragma once

#include <cstdint>

#include "harness/core/profile/profile.h"

namespace assay::sim::lanes {

enum class Binary : std::uint8_t { add, subtract, multiply, divide, maximum, minimum };

// out[k] = a[k] op b[k]. An input may be the output, not overlap it otherwise.
void binary(Binary op, const float* a, const float* b, float* out, std::int64_t n);
// out[k] = a[k] op b.
void binary_with(Binary op, const float* a, float b, float* out, std::int64_t n);
// out[k] = a op b[k].
void binary_from(Binary op, float a, const float* b, float* out, std::int64_t n);

// The maximum or minimum of n > 0 elements; NaN wins, +0 is above -0.
float reduce(Binary op, const float* x, std::int64_t n);

// exp_f32 and sqrt_f32 of numeric/elementary.h.
void exponential(const float* x, float* out, std::int64_t n);
void square_root(const float* x, float* out, std::int64_t n);

void bf16_from_f32(Rounding mode, bool saturate, const float* from, std::uint16_t* to, std::int64_t n);
void f32_from_bf16(bool saturate, const std::uint16_t* from, float* to, std::int64_t n);
void f16_from_f32_nearest(bool saturate, const float* from, std::uint16_t* to, std::int64_t n);
// Keeps NaN payloads, as f16_value; `convert` makes them canonical.
void f32_from_f16(const std::uint16_t* from, float* to, std::int64_t n);
// Saturating; NaN becomes 0. `mode` is any but odd.
void i32_from_f32_saturating(Rounding mode, const float* from, std::int32_t* to, std::int64_t n);
void f32_from_i32_nearest(const std::int32_t* from, float* to, std::int64_t n);

}  // namespace assay::sim::lanes
