// The loops of the INT8 quantisation in several instruction sets, all with the same results bit for bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "goldens/quantize/int8.h"

namespace assay::goldens {

struct Int8Kernels {
  std::string_view instruction_set;
  // max(EPS, max |x_j|), all finite.
  float (*amax)(const float* x, std::size_t count);
  // RND(fl(x_j * scale)), all products below 2^7 in magnitude.
  void (*rint)(const float* x, std::size_t count, float scale, std::int8_t* q);
  void (*round)(const float* x, std::size_t count, float scale, std::int8_t* q);
};

// Those that this machine can run; the first is the plain one, the last the fastest.
std::span<const Int8Kernels> int8_kernels();

// quantize_int8_row with the given loops.
Int8Scale quantize_int8_row(const Int8Kernels& kernels, std::span<const float> x, Rounding mode,
                            std::span<std::int8_t> q);

}  // namespace assay::goldens
