// Brackets of real functions in double: numbers that provably enclose the exact value, a few units of 2^-50 of it wide.
// Integer and IEEE double operations only, no libm: the same bits on every machine.
#pragma once

namespace assay::goldens::exact {

// lo <= value <= hi.
struct Bracket {
  double lo = 0, hi = 0;
};

// Any finite x. Beyond the range of double: lo and hi saturate (0 below, infinity above).
Bracket exp_bracket(double x);
Bracket log_bracket(double x);                 // x > 0, finite
Bracket log1p_bracket(double x);               // x > -1, finite
Bracket sqrt_bracket(double x);                // x >= 0, finite
Bracket rsqrt_bracket(double x);               // x > 0, finite
Bracket quotient_bracket(double a, double b);  // b != 0, both finite
Bracket sigmoid_bracket(double x);             // 1 / (1 + e^-x)
Bracket softplus_bracket(double x);            // log(1 + e^x)

}  // namespace assay::goldens::exact
