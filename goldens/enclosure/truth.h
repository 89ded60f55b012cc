// The exact value as a stage's number type: MPFR with 60 decimal digits, 200 bits. For tests and small shapes: heavy to
// include and a thousand times slower than float32.
#pragma once

#include <algorithm>
#include <boost/multiprecision/gmp.hpp>
#include <boost/multiprecision/mpfr.hpp>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "goldens/enclosure/arithmetic.h"
#include "goldens/exact/rounding.h"

namespace assay::goldens {

using Truth =
    boost::multiprecision::number<boost::multiprecision::mpfr_float_backend<60>, boost::multiprecision::et_off>;

// A finite Truth as a dyadic rational; magnitudes outside [2^-500, 2^500] as these, which round alike in every format.
inline Dyadic exact_value(const Truth& x) {
  const Truth tiny = ldexp(Truth(1), -500), huge = ldexp(Truth(1), 500), magnitude = abs(x);
  if (magnitude == 0) return {};
  const Truth kept = magnitude < tiny ? tiny : magnitude > huge ? huge : magnitude;
  boost::multiprecision::mpz_int significand;
  const long exponent = mpfr_get_z_2exp(significand.backend().data(), kept.backend().data());
  const boost::multiprecision::cpp_int integer(significand.str());
  return {x < 0 ? boost::multiprecision::cpp_int(-integer) : integer, static_cast<int>(exponent)};
}

struct TruthArithmetic {
  using Number = Truth;

  static Truth input(float x) { return Truth(x); }
  static Truth product(const Truth& a, const Truth& b) { return a * b; }
  static Truth sum(const Truth& a, const Truth& b) { return a + b; }
  static Truth difference(const Truth& a, const Truth& b) { return a - b; }
  static Truth quotient(const Truth& a, const Truth& b) { return a / b; }
  static Truth add_product(const Truth& c, const Truth& a, const Truth& b) { return c + a * b; }
  static Truth sum_of_products(const Truth& a, const Truth& b, const Truth& c, const Truth& d) { return a * b + c * d; }
  static Truth maximum(const Truth& a, const Truth& b) { return isnan(a) || a > b ? a : b; }
  static Truth minimum(const Truth& a, const Truth& b) { return isnan(a) || a < b ? a : b; }
  static Truth reciprocal(const Truth& a) { return 1 / a; }
  static Truth square_root(const Truth& a) { return sqrt(a); }
  static Truth reciprocal_root(const Truth& a) { return 1 / sqrt(a); }
  static Truth exponential(const Truth& a) { return exp(a); }
  static Truth logarithm(const Truth& a) { return log(a); }
  static Truth sigmoid(const Truth& a) { return 1 / (exp(-a) + 1); }
  // log1p: 1 + e^-|a| needs more than 200 bits below a = -139.
  static Truth softplus(const Truth& a) { return maximum(a, Truth(0)) + log1p(exp(-abs(a))); }

  static Truth total(std::span<const Truth> terms) {
    Truth result = 0;
    for (const Truth& term : terms) result += term;
    return result;
  }
  static Truth dot(std::span<const Truth> a, std::span<const Truth> b) {
    Truth result = 0;
    for (std::size_t i = 0; i < a.size(); ++i) result += a[i] * b[i];
    return result;
  }
  static Truth sum_of_squares(std::span<const Truth> a) { return dot(a, a); }
  static std::vector<Truth> multiply(std::span<const Truth> x, const WeightMatrix& w) {
    const std::size_t rows = w.inputs == 0 ? 0 : x.size() / w.inputs;
    std::vector<Truth> y(rows * w.outputs);
    for (std::size_t i = 0; i < y.size(); ++i)
      for (std::size_t k = 0; k < w.inputs; ++k) {
        const std::size_t n = i % w.outputs, row = i / w.outputs;
        y[i] += x[row * w.inputs + k] * Truth(w.values[w.input_major ? k * w.outputs + n : n * w.inputs + k]);
      }
    return y;
  }

  // The exact value rounded once to bf16 or f16; f32 stays exact.
  static Truth round_to(const Truth& a, DType dtype, Rounding rounding = Rounding::rint) {
    if ((dtype != DType::bf16 && dtype != DType::f16) || !isfinite(a) || a == 0) return a;
    const BinaryFormat format = dtype == DType::bf16 ? kBf16 : kF16;
    const std::uint32_t code = round_exact(format, exact_value(a), rounding);
    const std::uint32_t sign = format.sign_bit();
    const Dyadic magnitude = exact_value(format, code & ~sign);
    Truth result(magnitude.significand.str());
    result = ldexp(result, magnitude.exponent);
    if (result >= ldexp(Truth(1), format.max_exponent() + 1)) result = std::numeric_limits<float>::infinity();
    return (code & sign) != 0 ? Truth(-result) : result;
  }
};

// sinkhorn.h, exactly.
inline std::vector<Truth> sinkhorn(const TruthArithmetic&, std::span<const Truth> logits, std::size_t streams,
                                   std::size_t iterations, float epsilon) {
  const Truth eps = epsilon;
  std::vector<Truth> c(logits.begin(), logits.end());
  const auto normalise = [&](bool rows, const Truth& added) {
    for (std::size_t line = 0; line < streams; ++line) {
      Truth sum = added;
      const auto entry = [&](std::size_t k) -> Truth& { return c[rows ? line * streams + k : k * streams + line]; };
      for (std::size_t k = 0; k < streams; ++k) sum += entry(k);
      for (std::size_t k = 0; k < streams; ++k) entry(k) /= sum;
    }
  };
  const Truth greatest = *std::ranges::max_element(c);
  for (Truth& each : c) each = exp(each - greatest);
  normalise(true, 0);
  for (Truth& each : c) each += eps;
  normalise(false, eps);
  for (std::size_t i = 1; i < iterations; ++i) {
    normalise(true, eps);
    normalise(false, eps);
  }
  return c;
}

}  // namespace assay::goldens
