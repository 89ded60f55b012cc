// Test support: the formats, modes and policies, and the float32 where a format's output can step.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <vector>

#include "goldens/formats/narrow_exact.h"

namespace assay::goldens {

inline constexpr std::array kModes{Rounding::rint, Rounding::round, Rounding::floor,
                                   Rounding::ceil, Rounding::trunc, Rounding::odd};
inline constexpr std::array kNarrowFormats{DType::f16,      DType::bf16, DType::e4m3fn,
                                           DType::e4m3fnuz, DType::e5m2, DType::e2m1};

// Every combination of overflow, NaN and zero rules.
inline std::vector<NarrowingRules> all_rules() {
  std::vector<NarrowingRules> rules;
  for (const Overflow overflow : {Overflow::nonsat, Overflow::satfinite, Overflow::satall})
    for (const NanResult nan : {NanResult::signed_nan, NanResult::positive_nan, NanResult::maximum, NanResult::zero})
      for (const bool negative_zero : {true, false}) rules.push_back({overflow, nan, negative_zero});
  return rules;
}

// Positive, ascending by code: the value of every code, the overflow's too, and the middle below each, each with one
// ulp of Float to either side. Where these round right, only monotony is left to show.
template <class Float>
std::vector<Float> step_probes(BinaryFormat format) {
  std::vector<Float> probes;
  const auto add = [&](const Dyadic& d) {
    const auto x = static_cast<Float>(std::ldexp(static_cast<double>(d.significand), d.exponent));
    for (const Float probe : {std::nextafter(x, Float{0}), x, std::nextafter(x, std::numeric_limits<Float>::max())})
      probes.push_back(probe);
  };
  for (std::uint32_t code = 0; code <= format.overflow(); ++code) {
    const Dyadic here = exact_magnitude(format, code);
    if (code > 0) {
      const Dyadic sum = here + exact_magnitude(format, code - 1);
      add({sum.significand, sum.exponent - 1});
    }
    add(here);
  }
  return probes;
}

}  // namespace assay::goldens
