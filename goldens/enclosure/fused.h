// a * b + c with one rounding to nearest even, without the machine's FMA and without libm.
#pragma once

#include <bit>
#include <cstdint>

namespace assay::goldens {

// Proof. The product of two float32 has at most 48 significant bits and an exponent within double's: exact. Knuth's
// two-sum gives sum + error = product + c exactly (no overflow: both terms are below 2^257). Where the error is not
// zero and the last bit of the sum is even, moving the sum one step toward the error makes it the number
// product + c rounded to odd: of its two neighbours in double, the one with an odd last bit. Rounding to odd into a
// format that has two or more bits to spare, at every magnitude, followed by rounding to nearest into the narrower
// format is one correct rounding (Boldo and Melquiond): an odd last bit is neither a float32 nor the middle of two.
// Double has 29 bits to spare, and more where float32 is subnormal. float_ops.h is the independent definition.
inline float fused_multiply_add(float a, float b, float c) {
  const double product = static_cast<double>(a) * static_cast<double>(b);
  const double addend = c;
  double sum = product + addend;
  const double virtual_addend = sum - product;
  const double error = (product - (sum - virtual_addend)) + (addend - virtual_addend);
  auto bits = std::bit_cast<std::uint64_t>(sum);
  // Infinities and NaN make the error NaN: nothing rounded, nothing to correct.
  if ((error < 0 || error > 0) && (bits & 1) == 0) {
    // Away from zero where error and sum have the same sign. The sum is not zero: then it would be exact.
    bits += (error > 0) == (sum > 0) ? 1 : ~std::uint64_t{0};
    sum = std::bit_cast<double>(bits);
  }
  return static_cast<float>(sum);
}

}  // namespace assay::goldens
