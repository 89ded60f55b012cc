// Strict float32 as a stage's number type: every operation rounds once, to nearest even, in the order written.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "goldens/enclosure/arithmetic.h"

namespace assay::goldens {

struct StrictArithmetic {
  using Number = float;
  // Sums start from +0 and go from left to right; with a chunk, inside each run of that many elements, and the sums of
  // the chunks are then added in ascending order (dsv4-chain 1). 0: no chunks.
  std::size_t sum_chunk = 0;

  static StrictArithmetic of(const Profile& profile);

  static float input(float x) { return x; }
  static float product(float a, float b) { return a * b; }
  static float sum(float a, float b) { return a + b; }
  static float difference(float a, float b) { return a - b; }
  static float quotient(float a, float b) { return a / b; }
  static float add_product(float c, float a, float b) { return c + a * b; }  // not contracted: -ffp-contract=off
  static float sum_of_products(float a, float b, float c, float d) { return a * b + c * d; }
  // NaN if either is.
  static float maximum(float a, float b) { return a != a || a > b ? a : b; }
  static float minimum(float a, float b) { return a != a || a < b ? a : b; }

  // Correctly rounded. exponential(-infinity) = 0; a logarithm or root of a negative number is NaN, of a zero as C99.
  static float reciprocal(float a) { return 1.0F / a; }
  static float square_root(float a);
  static float reciprocal_root(float a);
  static float exponential(float a);
  static float logarithm(float a);
  // The compositions of dsv4-chain 1, each operation rounded.
  static float sigmoid(float a) { return reciprocal(sum(exponential(-a), 1.0F)); }
  static float softplus(float a);

  float total(std::span<const float> terms) const;
  // a.size() == b.size()
  float dot(std::span<const float> a, std::span<const float> b) const;
  float sum_of_squares(std::span<const float> a) const { return dot(a, a); }
  // x [rows, w.inputs] gives [rows, w.outputs].
  std::vector<float> multiply(std::span<const float> x, const WeightMatrix& w) const;

  // To bf16 or f16 and back; overflow gives infinity.
  static float round_to(float a, DType dtype, Rounding rounding = Rounding::rint);
};

}  // namespace assay::goldens
