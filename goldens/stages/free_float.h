// Test support: one implementation that a machine profile allows, drawn at random. Sums in any order the profile
// allows, products fused where it allows it, functions off by what it allows. Written on float, libm and MPFR alone.
#pragma once

#include <boost/multiprecision/mpfr.hpp>
#include <cmath>
#include <cstddef>
#include <vector>

#include "goldens/exact/float_samples.h"
#include "goldens/exact/rounding.h"

namespace assay::goldens {

// What model code asks of its numbers: Real, of(float), dot, sum, fused or plain a * b + c, functions, rounding.
class FreeFloat {
 public:
  using Real = float;
  FreeFloat(const Profile& profile, FloatSamples& samples) : profile_(profile), samples_(samples) {}

  static float of(float x) { return x; }
  static float to_float(float x) { return x; }
  // What the specification holds in float32: here everything.
  static float stored(float x) { return x; }
  bool coin() { return samples_.coin(); }

  float sum(std::vector<float> terms) {
    if (terms.empty()) return 0;
    if (profile_.sum_order != SumOrder::chunked) return any_tree(std::move(terms));
    const auto chunk = static_cast<std::size_t>(profile_.sum_chunk);
    float total = 0;
    for (std::size_t from = 0; from < terms.size(); from += chunk) {
      const auto begin = terms.begin() + static_cast<std::ptrdiff_t>(from);
      const float part = any_tree({begin, begin + static_cast<std::ptrdiff_t>(std::min(chunk, terms.size() - from))});
      total = from == 0 ? part : total + part;
    }
    return total;
  }
  float dot(const std::vector<float>& a, const std::vector<float>& b) {
    std::vector<float> products(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) products[i] = a[i] * b[i];
    return sum(std::move(products));
  }
  float multiply_add(float a, float b, float c) {
    return profile_.contraction == Contraction::allowed && coin() ? std::fma(a, b, c) : a * b + c;
  }
  // exp(0) is 1; so is every function where the exact result is a float32 within reach of no error.
  float exp(float x) { return x == 0 ? 1 : off(std::exp(static_cast<double>(x)), "exp"); }
  float divide(float a, float b) { return off(static_cast<double>(a) / b, "div"); }
  float reciprocal(float x) { return off(1 / static_cast<double>(x), "recip"); }
  float inverse_root(float x) {
    if (coin()) return off(1 / std::sqrt(static_cast<double>(x)), "rsqrt");
    return reciprocal(off(std::sqrt(static_cast<double>(x)), "sqrt"));
  }
  static float round(BinaryFormat format, float x) { return decode(format, round_exact(format, x, Rounding::rint)); }

 private:
  static float decode(BinaryFormat format, std::uint32_t code) {
    if ((code & format.infinity()) == format.infinity()) {
      const bool nan = (code & ~format.sign_bit()) != format.infinity();
      const float magnitude = nan ? std::nanf("") : std::numeric_limits<float>::infinity();
      return code & format.sign_bit() ? -magnitude : magnitude;
    }
    const Dyadic value = exact_value(format, code & ~format.sign_bit());
    const float magnitude =
        std::ldexp(static_cast<float>(value.significand.convert_to<std::uint32_t>()), value.exponent);
    return code & format.sign_bit() ? -magnitude : magnitude;
  }
  float any_tree(std::vector<float> terms) {
    while (terms.size() > 1) {
      std::swap(terms[samples_.below(terms.size())], terms.back());
      const float last = terms.back();
      terms.pop_back();
      float& other = terms[samples_.below(terms.size())];
      other = other + last;
    }
    return terms.front();
  }
  // The nearest float32 and then as many steps as its error and the profile's bound leave, either way.
  float off(double exact, const char* function) {
    auto result = static_cast<float>(exact);
    const auto found = profile_.ulp.find(function);
    if (found == profile_.ulp.end() || result == 0 || !std::isfinite(result)) return result;
    const auto steps = static_cast<std::uint64_t>(std::max(found->second - 0.5, 0.0));
    const float toward = coin() ? 0 : std::copysign(std::numeric_limits<float>::infinity(), result);
    // Toward zero the spacing only becomes finer, away from it the bound leaves half an ulp to spare.
    for (std::uint64_t i = samples_.below(steps + 1); i > 0; --i) result = std::nextafter(result, toward);
    return result;
  }

  const Profile& profile_;
  FloatSamples& samples_;
};

// The same questions answered by the exact value, to 100 digits.
class ExactReal {
 public:
  using Real = boost::multiprecision::mpfr_float_100;

  static Real of(float x) { return Real(x); }
  static float to_float(const Real& x) { return x.convert_to<float>(); }
  // Correctly rounded: between a float32 and the exact value there is room for the boundary of a coarser rounding.
  static Real stored(const Real& x) { return round(kF32, x); }
  static bool coin() { return false; }
  static Real sum(const std::vector<Real>& terms) {
    Real total = 0;
    for (const Real& term : terms) total += term;
    return total;
  }
  static Real dot(const std::vector<Real>& a, const std::vector<Real>& b) {
    Real total = 0;
    for (std::size_t i = 0; i < a.size(); ++i) total += a[i] * b[i];
    return total;
  }
  static Real multiply_add(const Real& a, const Real& b, const Real& c) { return a * b + c; }
  static Real exp(const Real& x) { return boost::multiprecision::exp(x); }
  static Real divide(const Real& a, const Real& b) { return a / b; }
  static Real reciprocal(const Real& x) { return 1 / x; }
  static Real inverse_root(const Real& x) { return 1 / boost::multiprecision::sqrt(x); }
  // To nearest even, subnormals too; without overflow.
  static Real round(BinaryFormat format, const Real& x) {
    if (x == 0) return x;
    const auto exponent = static_cast<int>(mpfr_get_exp(x.backend().data())) - 1;  // 2^exponent <= |x|
    const int lost = std::max(format.min_exponent() - exponent, 0);
    const int bits = format.fraction_bits + 1 - lost;
    if (bits < 1) return to_multiple(x, format.min_exponent() - format.fraction_bits);
    mpfr_t rounded;
    mpfr_init2(rounded, bits);
    mpfr_set(rounded, x.backend().data(), MPFR_RNDN);
    const Real result(rounded);
    mpfr_clear(rounded);
    return result;
  }

 private:
  // The nearest of 0 and 2^exponent, with x's sign.
  static Real to_multiple(const Real& x, int exponent) {
    const Real step = ldexp(Real(1), exponent);
    if (abs(x) * 2 <= step) return 0;
    return x < 0 ? Real(-step) : step;
  }
};

}  // namespace assay::goldens
