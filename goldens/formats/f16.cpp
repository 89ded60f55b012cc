#include "goldens/formats/f16.h"

#include <algorithm>
#include <bit>

#include "goldens/formats/binary_format.h"
#include "goldens/formats/pick.h"

namespace assay::goldens {
namespace {

// A finite float32 as significand * 2^exponent.
struct Parts {
  std::uint32_t significand;
  int exponent;
};

constexpr Parts parts(std::uint32_t magnitude) {
  const auto field = static_cast<int>(magnitude >> 23);
  return {(magnitude & 0x7FFFFF) | (field ? 0x800000u : 0u), std::max(field, 1) - 150};
}

std::uint32_t round_finite(BinaryFormat format, std::uint32_t magnitude, bool negative, Rounding mode) {
  const auto [significand, exponent] = parts(magnitude);
  const int leading = exponent + 23;  // exponent of a normal float32; subnormals lie far below every f16
  // Below 2^(max_exponent + 1) the two neighbours come from dividing the significand by the step of its binade.
  if (leading > format.max_exponent())
    return format.max_finite() + rounds_up(mode, negative, true, std::strong_ordering::greater);
  const int scale = std::max(leading, format.min_exponent());
  const int shift = std::min(scale - format.fraction_bits - exponent, 25);  // 25: below half of the least subnormal
  const std::uint32_t kept = significand >> shift;
  const std::uint32_t rest = significand & ((1u << shift) - 1);
  // A kept hidden bit counts as one exponent step; without it the number is subnormal and its exponent field zero.
  const auto field = static_cast<std::uint32_t>(scale - format.min_exponent());
  const std::uint32_t code = (field << format.fraction_bits) + kept;
  if (rest == 0) return code;
  return code + rounds_up(mode, negative, code & 1, rest <=> (1u << (shift - 1)));
}

}  // namespace

std::uint16_t encode_f16(float x, Rounding mode, bool saturate) {
  constexpr BinaryFormat format = kF16;
  const auto u = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t magnitude = u & 0x7FFFFFFF;
  const std::uint32_t sign = (u >> 31) * format.sign_bit();
  if (magnitude > 0x7F800000) return static_cast<std::uint16_t>(sign | format.quiet_nan());
  std::uint32_t code = magnitude == 0x7F800000 ? format.infinity() : round_finite(format, magnitude, sign != 0, mode);
  if (saturate) code = std::min(code, format.max_finite());
  return static_cast<std::uint16_t>(sign | code);
}

float decode_f16(std::uint16_t code) {
  constexpr BinaryFormat format = kF16;
  const std::uint32_t sign = (code & format.sign_bit()) << 16;
  const std::uint32_t magnitude = code & (format.sign_bit() - 1);
  if (magnitude >= format.infinity()) {
    const std::uint32_t payload = (magnitude & ((1u << format.fraction_bits) - 1)) << (23 - format.fraction_bits);
    return std::bit_cast<float>(sign | 0x7F800000 | payload);
  }
  const auto field = static_cast<int>(magnitude >> format.fraction_bits);
  const std::uint32_t hidden = field ? 1u << format.fraction_bits : 0u;
  const auto significand =
      static_cast<float>((magnitude & ((1u << format.fraction_bits) - 1)) | hidden);  // below 2^11: exact
  const int exponent = std::max(field, 1) - format.bias() - format.fraction_bits;
  const float step = std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23);
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(significand * step) | sign);
}

}  // namespace assay::goldens
