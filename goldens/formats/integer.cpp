#include "goldens/formats/integer.h"

#include <algorithm>
#include <bit>

#include "goldens/formats/pick.h"

namespace assay::goldens {
namespace {

// |x| rounded; 2^64 - 1 stands for everything that does not fit 64 bits.
std::uint64_t round_magnitude(std::uint32_t magnitude, bool negative, Rounding mode) {
  const auto field = static_cast<int>(magnitude >> 23);
  const std::uint64_t significand = (magnitude & 0x7FFFFF) | (field ? 0x800000u : 0u);
  const int exponent = std::max(field, 1) - 150;
  if (exponent > 40) return ~std::uint64_t{0};
  if (exponent >= 0) return significand << exponent;
  const int shift = std::min(-exponent, 25);  // 25: below one half
  const std::uint64_t kept = significand >> shift;
  const std::uint64_t rest = significand & ((1u << shift) - 1);
  if (rest == 0) return kept;
  return kept + rounds_up(mode, negative, kept & 1, rest <=> (std::uint64_t{1} << (shift - 1)));
}

}  // namespace

std::optional<std::int64_t> to_integer(float x, Rounding mode, int bits, bool saturate) {
  const auto u = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t magnitude = u & 0x7FFFFFFF;
  const bool negative = u >> 31;
  if (magnitude > 0x7F800000) return std::nullopt;
  const std::uint64_t limit = (std::uint64_t{1} << (bits - 1)) - (negative ? 0 : 1);
  const std::uint64_t rounded = round_magnitude(magnitude, negative, mode);
  if (rounded > limit && !saturate) return std::nullopt;
  const std::uint64_t clamped = std::min(rounded, limit);
  return static_cast<std::int64_t>(negative ? ~clamped + 1 : clamped);
}

}  // namespace assay::goldens
