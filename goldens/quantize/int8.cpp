#include "goldens/quantize/int8.h"

#include "goldens/parallel.h"
#include "goldens/quantize/int8_kernels.h"

namespace assay::goldens {

std::int8_t round_to_code(float z, Rounding mode) {
  const auto whole = static_cast<std::int32_t>(z);
  const float rest = z - static_cast<float>(whole);  // exact: |z| < 2^23
  // To even: a tie moves only away from an odd whole number.
  const bool tie_moves = mode == Rounding::round || (whole & 1) != 0;
  const bool up = tie_moves ? rest >= 0.5f : rest > 0.5f;
  const bool down = tie_moves ? rest <= -0.5f : rest < -0.5f;
  return static_cast<std::int8_t>(whole + static_cast<std::int32_t>(up) - static_cast<std::int32_t>(down));
}

float int8_amax(std::span<const float> x) { return int8_kernels().back().amax(x.data(), x.size()); }

Int8Scale int8_scale(float amax) {
  const float quant = 127.0f / amax;
  return {quant, 1.0f / quant};
}

Int8Scale quantize_int8_row(std::span<const float> x, Rounding mode, std::span<std::int8_t> q) {
  return quantize_int8_row(int8_kernels().back(), x, mode, q);
}

void quantize_int8_rows(std::span<const float> x, std::size_t columns, Rounding mode, std::span<std::int8_t> q,
                        std::span<Int8Scale> scales) {
  parallel_for(scales.size(), [&](std::size_t r) {
    scales[r] = quantize_int8_row(x.subspan(r * columns, columns), mode, q.subspan(r * columns, columns));
  });
}

void dequantize_row(std::span<const std::int32_t> acc, float row_scale, std::span<const float> channel_scale,
                    std::span<float> y) {
  for (std::size_t n = 0; n < acc.size(); ++n) y[n] = (static_cast<float>(acc[n]) * row_scale) * channel_scale[n];
}

}  // namespace assay::goldens
