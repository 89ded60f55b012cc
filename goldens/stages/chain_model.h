// Test support: the chain's arithmetic as a subject may have it, written apart from the goldens' number types.
// FloatModel is one float32 implementation drawn at random from those that a machine profile allows; ExactModel has no
// error but the roundings that the specification asks for.
#pragma once

#include <algorithm>
#include <boost/multiprecision/mpfr.hpp>
#include <cmath>
#include <vector>

#include "goldens/exact/float_samples.h"
#include "harness/core/profile/profile.h"

namespace assay::goldens {

class ExactModel {
 public:
  using Real = boost::multiprecision::mpfr_float_50;

  static Real in(float x) { return Real(x); }
  static Real mul_add(const Real& a, const Real& b, const Real& c) { return a * b + c; }
  static Real div(const Real& a, const Real& b) { return a / b; }
  static Real sqrt(const Real& a) { return boost::multiprecision::sqrt(a); }
  static Real rsqrt(const Real& a) { return 1 / boost::multiprecision::sqrt(a); }
  static Real exp(const Real& a) { return boost::multiprecision::exp(a); }
  static Real log(const Real& a) { return boost::multiprecision::log(a); }
  static Real recip(const Real& a) { return 1 / a; }
  // A float32 rounding that is part of a definition, not an error.
  static Real to_f32(const Real& a) { return Real(static_cast<float>(a)); }
  static Real sum(const std::vector<Real>& terms) {
    Real result = 0;
    for (const Real& term : terms) result += term;
    return result;
  }
  static Real dot(const std::vector<Real>& a, const std::vector<Real>& b) {
    Real result = 0;
    for (std::size_t i = 0; i < a.size(); ++i) result += a[i] * b[i];
    return result;
  }
  // The nearest integer, ties to even or away from zero.
  static Real nearest(const Real& x, bool to_even) {
    const Real below = floor(x), rest = x - below;
    if (rest != Real(0.5)) return rest < Real(0.5) ? below : below + 1;
    if (to_even) return Real(2) * floor((below + 1) / 2);
    return x < 0 ? below : below + 1;
  }
  // The nearest bf16, away from subnormals and overflow.
  static Real to_bf16(const Real& x, bool to_even = true) {
    if (x == 0) return x;
    int exponent = 0;
    const Real fraction = frexp(x, &exponent);  // 1/2 <= |fraction| < 1: eight bits before the point
    return ldexp(nearest(ldexp(fraction, 8), to_even), exponent - 8);
  }
};

class FloatModel {
 public:
  using Real = float;
  FloatModel(const Profile& profile, std::uint64_t seed) : profile_(profile), random_(seed) {}

  static float in(float x) { return x; }
  float mul_add(float a, float b, float c) { return contracts() && random_.coin() ? std::fma(a, b, c) : a * b + c; }
  float div(float a, float b) { return off(a / b, static_cast<double>(a) / static_cast<double>(b), "div"); }
  float sqrt(float a) { return off(std::sqrt(a), std::sqrt(static_cast<double>(a)), "sqrt"); }
  float rsqrt(float a) { return off_exact(1 / std::sqrt(static_cast<double>(a)), "rsqrt"); }
  float recip(float a) { return off(1 / a, 1 / static_cast<double>(a), "recip"); }
  float exp(float a) { return off_exact(std::exp(static_cast<double>(a)), "exp"); }
  static float to_f32(float a) { return a; }
  float log(float a) { return off_exact(std::log(static_cast<double>(a)), "log"); }

  float sum(const std::vector<float>& terms) {
    return by_chunks(terms.size(), [&](std::vector<std::size_t> chunk) {
      std::vector<float> values;
      for (const std::size_t i : chunk) values.push_back(terms[i]);
      return fold(std::move(values));
    });
  }
  float dot(const std::vector<float>& a, const std::vector<float>& b) {
    const bool fuse = contracts() && random_.coin();
    return by_chunks(a.size(), [&](std::vector<std::size_t> chunk) {
      std::vector<float> values;
      float fused = 0;
      for (const std::size_t i : chunk) {
        values.push_back(a[i] * b[i]);
        fused = std::fma(a[i], b[i], fused);
      }
      return fuse ? fused : fold(std::move(values));
    });
  }
  static float nearest(float x, bool to_even) { return to_even ? std::nearbyint(x) : std::round(x); }
  // dsv4-chain 1, on the bits. No NaN.
  static float to_bf16(float x, bool to_even = true) {
    const auto u = std::bit_cast<std::uint32_t>(x);
    return std::bit_cast<float>((u + (to_even ? 0x7FFF + ((u >> 16) & 1) : 0x8000)) & 0xFFFF0000);
  }

 private:
  bool contracts() const { return profile_.contraction == Contraction::allowed; }

  // Any float within the profile's bound of the true value, which double gives to far less than half an ulp.
  float off_exact(double value, const char* function) { return off(static_cast<float>(value), value, function); }
  float off(float rounded, double value, const char* function) {
    const auto found = profile_.ulp.find(function);
    if (found == profile_.ulp.end() || found->second <= 0.5 ||
        !(std::fabs(value) > 0x1p-100 && std::fabs(value) < 0x1p100))
      return rounded;
    const double ulp = std::ldexp(1.0, std::ilogb(value) - 23);
    const double share = static_cast<double>(static_cast<std::int64_t>(random_.below(2001)) - 1000) / 1000;
    return static_cast<float>(value + share * (found->second - 0.5) * ulp);
  }

  // The sums of what each chunk holds, in ascending order of chunks. Inside a chunk any order: its indices shuffled.
  template <class Chunk>
  float by_chunks(std::size_t count, Chunk chunk) {
    std::size_t width = std::max<std::size_t>(count, 1);
    if (profile_.sum_order == SumOrder::chunked) width = static_cast<std::size_t>(profile_.sum_chunk);
    float total = 0;
    for (std::size_t begin = 0; begin < count; begin += width) {
      std::vector<std::size_t> indices;
      for (std::size_t i = begin; i < std::min(count, begin + width); ++i) indices.push_back(i);
      if (profile_.sum_order != SumOrder::sequential)
        for (std::size_t i = indices.size(); i > 1; --i) std::swap(indices[i - 1], indices[random_.below(i)]);
      const float part = chunk(std::move(indices));
      total = begin == 0 ? part : total + part;
    }
    return total;
  }
  // Left to right, or along a random tree where any order is allowed.
  float fold(std::vector<float> values) {
    const bool tree = profile_.sum_order != SumOrder::sequential && random_.coin();
    while (values.size() > 1) {
      const std::size_t i = tree ? random_.below(values.size() - 1) : 0;
      if (tree) {
        values[i] += values.back();
        values.pop_back();
      } else {
        float total = values[0];
        for (std::size_t j = 1; j < values.size(); ++j) total += values[j];
        return total;
      }
    }
    return values.empty() ? 0.0F : values[0];
  }

  const Profile& profile_;
  FloatSamples random_;
};

}  // namespace assay::goldens
