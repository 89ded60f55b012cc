// The slow path of correctly rounded functions: on which side of a number a transcendental value lies.
#pragma once

#include <compare>

namespace assay::goldens::exact {

enum class Function { exp, log, rsqrt, sigmoid, softplus };

// The exact value of the function at x against `midpoint`, by MPFR at rising precision. x is finite and in the domain,
// and the value is not `midpoint` itself; it is within a factor of two of it.
std::strong_ordering against_midpoint(Function function, double x, double midpoint);

}  // namespace assay::goldens::exact
