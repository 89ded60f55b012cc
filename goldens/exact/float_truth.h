// Test support: float32 functions correctly rounded by raw MPFR, and stratified float32 arguments.
#pragma once

#include <mpfr.h>

#include <array>
#include <bit>
#include <cmath>

#include "goldens/exact/against_midpoint.h"
#include "goldens/exact/correctly_rounded.h"
#include "goldens/exact/float_samples.h"

namespace assay::goldens::exact {

// Of a finite x inside the domain. The formulas are not those of against_midpoint.cpp: sigmoid as e^x / (1 + e^x),
// where nothing cancels, and softplus as log(1 + e^x), whose cancellation for negative x costs at most 160 bits where
// the result is not below every float32. Two ends that lie 2^(lost - precision) to either side must round alike, else
// the precision rises.
class FloatTruth {
 public:
  FloatTruth() { mpfr_inits2(320, value_, end_, static_cast<mpfr_ptr>(nullptr)); }
  FloatTruth(const FloatTruth&) = delete;
  FloatTruth& operator=(const FloatTruth&) = delete;
  ~FloatTruth() { mpfr_clears(value_, end_, static_cast<mpfr_ptr>(nullptr)); }

  float operator()(Function function, float x) {
    // Beyond 200 e^-|x| is below 2^-288: exp overflows or underflows, sigmoid is 0 or 1, softplus 0 or x.
    if (function != Function::log && function != Function::rsqrt && std::fabs(x) > 200) {
      if (function == Function::softplus && x > 0) return x;
      x = std::copysign(200.0f, x);
    }
    const int lost = function == Function::softplus && x < 0 ? 170 : 10;
    for (mpfr_prec_t precision = 128 + lost;; precision *= 2) {
      mpfr_set_prec(value_, precision);
      mpfr_set_prec(end_, precision);
      evaluate(function, x);
      const float below = moved(-1, lost - precision), above = moved(1, lost - precision);
      if (same_float(below, above)) return above;
    }
  }

 private:
  void evaluate(Function function, float x) {
    mpfr_set_flt(value_, x, MPFR_RNDN);
    switch (function) {
      case Function::exp:
        mpfr_exp(value_, value_, MPFR_RNDN);
        return;
      case Function::log:
        mpfr_log(value_, value_, MPFR_RNDN);
        return;
      case Function::rsqrt:
        mpfr_rec_sqrt(value_, value_, MPFR_RNDN);
        return;
      case Function::sigmoid:
        mpfr_exp(value_, value_, MPFR_RNDN);
        mpfr_add_ui(end_, value_, 1, MPFR_RNDN);
        mpfr_div(value_, value_, end_, MPFR_RNDN);
        return;
      case Function::softplus:
        mpfr_exp(value_, value_, MPFR_RNDN);
        mpfr_add_ui(value_, value_, 1, MPFR_RNDN);
        mpfr_log(value_, value_, MPFR_RNDN);
        return;
    }
  }
  // value * (1 + direction * 2^exponent), rounded to float32.
  float moved(int direction, mpfr_exp_t exponent) {
    mpfr_mul_2si(end_, value_, exponent, MPFR_RNDN);
    mpfr_mul_si(end_, end_, direction, MPFR_RNDN);
    mpfr_add(end_, value_, end_, MPFR_RNDN);
    return mpfr_get_flt(end_, MPFR_RNDN);
  }

  mpfr_t value_, end_;
};

// Every exponent in turn, both signs; every eighth fraction within two steps of a power of two.
inline float stratified(std::uint64_t i, FloatSamples& samples) {
  const auto exponent = static_cast<std::uint32_t>(i % 255);
  auto fraction = static_cast<std::uint32_t>(samples.bits() & 0x7FFFFF);
  if (samples.below(8) == 0) fraction = static_cast<std::uint32_t>(samples.below(5) - 2) & 0x7FFFFF;
  const auto sign = static_cast<std::uint32_t>(samples.bits() & 1) << 31;
  return std::bit_cast<float>(sign | (exponent << 23) | fraction);
}

// Exponents at which exp, sigmoid and softplus are not constant: 2^-30 to 2^7.
inline float stratified_moderate(std::uint64_t i, FloatSamples& samples) { return stratified(97 + i % 37, samples); }

struct RoundedFunction {
  const char* name;
  Function function;
  Rounded (*rounded)(float);
  bool positive;  // the domain
};
inline constexpr std::array kRoundedFunctions{RoundedFunction{"exp", Function::exp, rounded_exp, false},
                                              RoundedFunction{"log", Function::log, rounded_log, true},
                                              RoundedFunction{"rsqrt", Function::rsqrt, rounded_rsqrt, true},
                                              RoundedFunction{"sigmoid", Function::sigmoid, rounded_sigmoid, false},
                                              RoundedFunction{"softplus", Function::softplus, rounded_softplus, false}};

}  // namespace assay::goldens::exact
