// Per-row symmetric INT8 quantisation and its inverse, exactly as dsv4-chain section 1.
#pragma once

#include <cstdint>
#include <span>

#include "harness/core/profile/profile.h"

namespace assay::goldens {

// The float32 nearest 1e-4; the least amax.
inline constexpr float kInt8AmaxEps = 1e-4f;

// s_q multiplies, s_dq goes with the quantised row. s_dq is 1 / s_q and not amax / 127.
struct Int8Scale {
  float quant = 0;    // s_q = fl(127 / amax): one divide
  float dequant = 0;  // s_dq = fl(1 / s_q)
};

// max(EPS, max |x_j|). All x finite; an empty row has amax EPS.
float int8_amax(std::span<const float> x);
Int8Scale int8_scale(float amax);

// q_j = RND(fl(x_j * s_q)), RND = RINT (from da8921cd on) or ROUND (P772). The int32 and fp16 steps in between are
// exact because |q| <= 127, and nothing is clamped. All x finite, q.size() >= x.size(), mode rint or round. Returns the
// scales.
Int8Scale quantize_int8_row(std::span<const float> x, Rounding mode, std::span<std::int8_t> q);

// The same for every row of x [rows, columns] into q [rows, columns], on the library's threads; scales.size() is the
// number of rows.
void quantize_int8_rows(std::span<const float> x, std::size_t columns, Rounding mode, std::span<std::int8_t> q,
                        std::span<Int8Scale> scales);

// RND of one product: |z| < 2^7 gives a code without wrapping, mode rint or round.
std::int8_t round_to_code(float z, Rounding mode);

// y_n = fl(fl(float(acc_n) * s_row) * s_chan_n): row scale first. float() rounds to nearest even above 2^24.
void dequantize_row(std::span<const std::int32_t> acc, float row_scale, std::span<const float> channel_scale,
                    std::span<float> y);

}  // namespace assay::goldens
