// Exact numbers of fills and their bits in every element type. Nothing here rounds: what does not fit is cut off toward
// zero, or refused where exactness is asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "harness/core/dtype.h"

namespace assay::fills {

__extension__ using Wide = __int128;

// mantissa * 2^exponent. |mantissa| < 2^126.
struct Dyadic {
  Wide mantissa = 0;
  int exponent = 0;
};

// A binary floating-point format: sign, exponent, fraction.
struct FloatFormat {
  int fraction_bits = 0;
  int bias = 0;
  std::uint64_t sign = 0;        // the sign bit
  std::uint64_t max_finite = 0;  // bits of the largest finite value
  std::uint64_t infinity = 0;    // bits of +infinity, 0 where the format has none
  std::uint64_t nan = 0;         // bits of a quiet NaN, 0 where the format has none
};
// Null for integers.
const FloatFormat* float_format(DType dtype);

// Least and greatest value of an integer type; of u64 the part below 2^63.
std::int64_t integer_min(DType dtype);
std::int64_t integer_max(DType dtype);

// Bits of the number, cut off toward zero and clamped to the largest finite value.
std::uint64_t encode(DType dtype, Dyadic number);
// Bits of the number, or nothing where the type cannot hold it exactly.
std::optional<std::uint64_t> encode_exactly(DType dtype, Dyadic number);
// The number with these bits; nothing for infinities and NaN.
std::optional<Dyadic> decode(DType dtype, std::uint64_t bits);

// The decimal's nearest f32, or the integer itself. Nothing for other texts, infinities and NaN.
std::optional<Dyadic> parse_number(std::string_view text);

// Neighbour in magnitude: `steps` representable values away from zero (negative: toward it). Sign is kept; the caller
// stays within the finite range.
constexpr std::uint64_t step_magnitude(std::uint64_t bits, int steps) {
  return bits + static_cast<std::uint64_t>(static_cast<std::int64_t>(steps));
}

}  // namespace assay::fills
