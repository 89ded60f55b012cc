// Brackets of real functions in double: numbers that provably enclose the exact value, a few units of 2^-52 of it wide.
// Integer and IEEE double operations only, no libm: the same bits on every machine. The proofs are in bracket.cpp and
// exp_log_bracket.cpp.
//
// Use on intervals. The functions themselves are monotone in each argument (rsqrt falls, the others rise; quotient by
// sign), so [f(a).lo, f(b).hi] encloses f over [a, b] by
// f(a).lo <= f(a) <= f(x) <= f(b) <= f(b).hi. That needs no monotony of lo and hi themselves, and exp, log and log1p do
// not promise it: at neighbouring arguments lo may step back by one unit.
//
// Arguments outside the stated domain, infinities and NaN give {NaN, NaN}.
#pragma once

namespace assay::goldens::exact {

// lo <= value <= hi.
struct Bracket {
  double lo = 0, hi = 0;
};

// Beyond the range of double lo and hi saturate: a tiny positive value has lo = 0 and hi = 2^-1074, a huge one has the
// largest double and infinity. Signs are kept: what is positive has lo >= 0, and what is not zero has hi > 0.

// At most one unit wide; a value that is a double has lo = hi. (Sums with an operand above 2^1000: two units.)
Bracket sum_bracket(double a, double b);
Bracket product_bracket(double a, double b);
Bracket quotient_bracket(double a, double b);  // b != 0, both finite
Bracket sqrt_bracket(double x);                // x >= 0, finite
Bracket rsqrt_bracket(double x);               // x > 0, finite; at most five units wide

// Two units wide: 2^-51 of the value. Exact at exp(0), log(1), log1p(0).
Bracket exp_bracket(double x);    // Any finite x.
Bracket log_bracket(double x);    // x > 0, finite
Bracket log1p_bracket(double x);  // x > -1, finite

// Of any finite x. While the value is a normal double, at most 2^-49 of it wide, softplus 2^-48, at both ends of x.
Bracket sigmoid_bracket(double x);   // 1 / (1 + e^-x), exact at 0
Bracket softplus_bracket(double x);  // log(1 + e^x)

}  // namespace assay::goldens::exact
