// float32 functions whose result is the exact value rounded once to nearest, ties to even. Operands of any class:
// NaN gives NaN (which one is not specified), subnormals count in full, results underflow gradually and overflow to
// infinity.
#pragma once

#include <span>

#include "goldens/exact/rounded.h"
#include "harness/core/error.h"

namespace assay::goldens::exact {

// As IEEE 754 defines them for infinities and zeros.
Rounded rounded_sum(float a, float b);
Rounded rounded_difference(float a, float b);
Rounded rounded_product(float a, float b);
Rounded rounded_quotient(float a, float b);

Rounded rounded_sqrt(float x);      // -0 gives -0; below zero NaN
Rounded rounded_rsqrt(float x);     // 1 / sqrt(x): +0 infinity, -0 -infinity, infinity +0; below zero NaN
Rounded rounded_exp(float x);       // -infinity gives +0
Rounded rounded_log(float x);       // +0 and -0 give -infinity, 1 gives +0; below zero NaN
Rounded rounded_sigmoid(float x);   // 1 / (1 + e^-x): -infinity gives +0, infinity 1
Rounded rounded_softplus(float x);  // log(1 + e^x): -infinity gives +0, infinity infinity

using RoundedUnary = Rounded (*)(float);
using RoundedBinary = Rounded (*)(float, float);

// Element by element over whole tensors, in parallel; y may be an operand itself. Sizes that differ are bad_input.
Result<Escalations> for_each_rounded(RoundedUnary function, std::span<const float> x, std::span<float> y);
Result<Escalations> for_each_rounded(RoundedBinary function, std::span<const float> a, std::span<const float> b,
                                     std::span<float> y);

}  // namespace assay::goldens::exact
