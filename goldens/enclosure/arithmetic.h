// What a stage's template may ask of its number type. Three types provide it: StrictArithmetic (float32 in the
// specified order), HullArithmetic (everything a correct implementation may hold) and TruthArithmetic (MPFR: the exact
// value). A stage writes its mathematics once over them; sums, dot products and matrix products are primitives and
// never loops, because an interval evaluated in one order does not enclose another order.
//
//   Number input(float)                       a value the stage received: a point
//   Number product(a, b), sum(a, b), difference(a, b), quotient(a, b)
//   Number add_product(c, a, b)               c + a * b, two roundings or, where contraction is allowed, one
//   Number sum_of_products(a, b, c, d)        a * b + c * d
//   Number maximum(a, b), minimum(a, b)       of numbers
//   Number reciprocal(a), square_root(a), reciprocal_root(a), exponential(a), logarithm(a)
//   Number sigmoid(a)                         recip(exp(-a) + 1)                     (dsv4-chain 1)
//   Number softplus(a)                        max(a, 0) + log(exp(-|a|) + 1)         (dsv4-chain 1)
//   Number total(span<Number>)                sum of all, in the profile's order
//   Number dot(span<Number>, span<Number>)    sum of products, in the profile's order
//   Number sum_of_squares(span<Number>)
//   vector<Number> multiply(span<Number> x, const WeightMatrix& w)     rows of x times w, [rows, w.outputs]
//   Number round_to(Number, DType, Rounding)  bf16 or f16 and back, non-saturating
//
// Int8 rows and their products are in goldens/quantize/int8_rows.h.
#pragma once

#include <cstddef>
#include <span>

#include "harness/core/profile/profile.h"

namespace assay::goldens {

// What a machine profile leaves open to float32 arithmetic. Errors are in ulp of the float32 result (Profile::ulp).
struct NumericFreedom {
  bool contraction = false;
  bool flush_subnormals = false;
  SumOrder sum_order = SumOrder::sequential;
  std::size_t sum_chunk = 0;  // elements, for SumOrder::chunked
  double exp_ulp = 0, log_ulp = 0, sqrt_ulp = 0, rsqrt_ulp = 0, recip_ulp = 0, div_ulp = 0;

  static NumericFreedom of(const Profile& profile);
};

// A matrix of weights by which rows are multiplied: y[r, n] = sum over k of x[r, k] * w[n, k].
struct WeightMatrix {
  std::span<const float> values;
  std::size_t outputs = 0, inputs = 0;
  bool input_major = false;  // false: element (n, k) at n * inputs + k; true: at k * outputs + n
};

}  // namespace assay::goldens
