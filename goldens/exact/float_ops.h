// float32 arithmetic by exact evaluation and one rounding to nearest even: what an IEEE 754 operation is defined to
// give. An oracle for tests: microseconds per operation.
#pragma once

namespace assay::goldens::exact {

// Operands of any class. Results that involve infinities or NaN follow IEEE 754; a NaN's payload is not specified.
float add(float a, float b);
float multiply(float a, float b);
float divide(float a, float b);
float square_root(float a);
// a * b + c with one rounding.
float multiply_add(float a, float b, float c);

}  // namespace assay::goldens::exact
