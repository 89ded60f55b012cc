#include "goldens/formats/bf16.h"

namespace assay::goldens {
namespace {

// With the sign in the topmost bit, adding to the pattern moves away from zero, and a carry out of the fraction lands
// in the exponent where it belongs, up to infinity. `u` is no NaN: those would run over into another class.
template <Rounding mode>
constexpr std::uint32_t round_to_upper_half(std::uint32_t u) {
  const std::uint32_t negative = u >> 31;
  switch (mode) {
    case Rounding::rint:
      return (u + 0x7FFF + ((u >> 16) & 1)) >> 16;
    case Rounding::round:
      return (u + 0x8000) >> 16;
    case Rounding::floor:
      return (u + negative * 0xFFFF) >> 16;
    case Rounding::ceil:
      return (u + (negative ^ 1) * 0xFFFF) >> 16;
    case Rounding::trunc:
      return u >> 16;
    case Rounding::odd:
      return (u >> 16) | static_cast<std::uint32_t>((u & 0xFFFF) != 0);
  }
  return 0;
}

template <Rounding mode, bool saturate>
std::uint16_t encode_one(float x) {
  const auto u = std::bit_cast<std::uint32_t>(x);
  std::uint32_t code = round_to_upper_half<mode>(u);
  if constexpr (saturate) code -= static_cast<std::uint32_t>((code & 0x7FFF) == 0x7F80);
  const bool nan = (u & 0x7FFFFFFF) > 0x7F800000;
  return static_cast<std::uint16_t>(nan ? (u >> 16) | 0x40 : code);
}

template <Rounding mode, bool saturate>
void encode_all(std::span<const float> x, std::span<std::uint16_t> y) {
  const float* in = x.data();
  std::uint16_t* out = y.data();
  for (std::size_t i = 0, n = x.size(); i < n; ++i) out[i] = encode_one<mode, saturate>(in[i]);
}

template <bool saturate>
void encode_by_mode(std::span<const float> x, Rounding mode, std::span<std::uint16_t> y) {
  switch (mode) {
    case Rounding::rint:
      return encode_all<Rounding::rint, saturate>(x, y);
    case Rounding::round:
      return encode_all<Rounding::round, saturate>(x, y);
    case Rounding::floor:
      return encode_all<Rounding::floor, saturate>(x, y);
    case Rounding::ceil:
      return encode_all<Rounding::ceil, saturate>(x, y);
    case Rounding::trunc:
      return encode_all<Rounding::trunc, saturate>(x, y);
    case Rounding::odd:
      return encode_all<Rounding::odd, saturate>(x, y);
  }
}

}  // namespace

void encode_bf16(std::span<const float> x, Rounding mode, bool saturate, std::span<std::uint16_t> y) {
  return saturate ? encode_by_mode<true>(x, mode, y) : encode_by_mode<false>(x, mode, y);
}

std::uint16_t encode_bf16(float x, Rounding mode, bool saturate) {
  std::uint16_t y = 0;
  encode_bf16({&x, 1}, mode, saturate, {&y, 1});
  return y;
}

void decode_bf16(std::span<const std::uint16_t> x, std::span<float> y) {
  for (std::size_t i = 0, n = x.size(); i < n; ++i) y[i] = decode_bf16(x[i]);
}

}  // namespace assay::goldens
