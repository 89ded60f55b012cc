// Strict float32 as a stage's number type: every operation rounds once, to nearest even, in the order written.
#pragma once

namespace assay::goldens {

struct StrictArithmetic {
  using Number = float;
  static float input(float x) { return x; }
  static float product(float a, float b) { return a * b; }
  static float sum(float a, float b) { return a + b; }
  static float add_product(float c, float a, float b) { return c + a * b; }  // not contracted: -ffp-contract=off
  static float sum_of_products(float a, float b, float c, float d) { return a * b + c * d; }
};

}  // namespace assay::goldens
