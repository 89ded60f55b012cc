#include "goldens/quantize/int8.h"

#include <cmath>

namespace assay::goldens {
namespace {

// |z| < 2^22: the integer part is exact in int32 and in float32, and so is the difference.
template <bool ties_away>
std::int32_t round_small(float z) {
  const auto whole = static_cast<std::int32_t>(z);
  const float rest = z - static_cast<float>(whole);
  // To even: a tie moves only away from an odd whole number.
  const bool tie_moves = ties_away || (whole & 1) != 0;
  const bool up = tie_moves ? rest >= 0.5f : rest > 0.5f;
  const bool down = tie_moves ? rest <= -0.5f : rest < -0.5f;
  return whole + static_cast<std::int32_t>(up) - static_cast<std::int32_t>(down);
}

template <bool ties_away>
void quantize(std::span<const float> x, float scale, std::span<std::int8_t> q) {
  const float* in = x.data();
  std::int8_t* out = q.data();
  for (std::size_t j = 0, n = x.size(); j < n; ++j)
    out[j] = static_cast<std::int8_t>(round_small<ties_away>(in[j] * scale));
}

}  // namespace

float int8_amax(std::span<const float> x) {
  float amax = kInt8AmaxEps;
  for (const float value : x) {
    const float magnitude = std::fabs(value);
    amax = magnitude > amax ? magnitude : amax;
  }
  return amax;
}

Int8Scale int8_scale(float amax) {
  const float quant = 127.0f / amax;
  return {quant, 1.0f / quant};
}

Int8Scale quantize_int8_row(std::span<const float> x, Rounding mode, std::span<std::int8_t> q) {
  const Int8Scale scale = int8_scale(int8_amax(x));
  mode == Rounding::round ? quantize<true>(x, scale.quant, q) : quantize<false>(x, scale.quant, q);
  return scale;
}

void dequantize_row(std::span<const std::int32_t> acc, float row_scale, std::span<const float> channel_scale,
                    std::span<float> y) {
  for (std::size_t n = 0; n < acc.size(); ++n) y[n] = (static_cast<float>(acc[n]) * row_scale) * channel_scale[n];
}

}  // namespace assay::goldens
