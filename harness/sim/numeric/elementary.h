// Elementary functions of f32 as fixed sequences of double additions, multiplications and divisions: the same bits on
// every machine, no libm. Errors stay below 0.51 ulp of f32, tested against wider arithmetic; NaN in or out of domain
// gives the canonical quiet NaN.
#pragma once

namespace assay::sim {

float exp_f32(float x);
float log_f32(float x);
float sqrt_f32(float x);   // correctly rounded
float rsqrt_f32(float x);  // 1/sqrt(x); rsqrt(+-0) = +-infinity
float recip_f32(float x);  // correctly rounded 1/x
// x^y with the special cases of IEEE 754-2019 pow: 1 for y = +-0 or x = 1, also with NaN; NaN for negative x and y that
// is no integer.
float pow_f32(float x, float y);

}  // namespace assay::sim
