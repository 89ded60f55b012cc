// Floating-point numbers to signed integers (dsv4-chain 1, pto-isa 2.6): the fast definitions.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include "goldens/formats/instruction_set.h"
#include "harness/core/profile/profile.h"

namespace assay::goldens {

// x rounded to an integer by `mode` (ODD: an inexact result is the odd one of its two neighbours), as a `bits`-wide
// two's complement number, 2 <= bits <= 64. Out of range and infinite: clamped when saturating, otherwise nothing,
// because what comes out is the target's and not mathematics. NaN: nothing.
std::optional<std::int64_t> to_integer(double x, Rounding mode, int bits, bool saturate);
inline std::optional<std::int64_t> to_integer(float x, Rounding mode, int bits, bool saturate) {
  return to_integer(static_cast<double>(x), mode, bits, saturate);  // exact, so it rounds once
}

template <class Int, class Float>
std::optional<Int> to_integer(Float x, Rounding mode, bool saturate) {
  const auto wide = to_integer(x, mode, std::numeric_limits<Int>::digits + 1, saturate);
  return wide ? std::optional(static_cast<Int>(*wide)) : std::nullopt;
}

// Elementwise, saturating; NaN gives 0, which no specification asks for. y.size() >= x.size().
void to_integers(std::span<const float> x, Rounding mode, std::span<std::int8_t> y,
                 InstructionSet set = instruction_sets().back());
void to_integers(std::span<const float> x, Rounding mode, std::span<std::int16_t> y,
                 InstructionSet set = instruction_sets().back());
void to_integers(std::span<const float> x, Rounding mode, std::span<std::int32_t> y,
                 InstructionSet set = instruction_sets().back());

}  // namespace assay::goldens
