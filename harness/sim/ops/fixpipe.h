// What leaves the accumulator: conversion, quantisation and ReLU of the fixpipe (pto-isa 2.7).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "harness/sim/machine.h"

namespace assay::sim {

// Modes of the fixpipe; the per-channel forms differ in where their parameter comes from.
enum class FixpipeMode : std::uint8_t {
  none,          // the accumulator's own type
  f32_to_float,  // F322F16, F322BF16
  requantise,    // REQ8, VREQ8: i32 to 8 bits
  dequantise,    // DEQF16, VDEQF16: i32 to f16
  quantise,      // QF322B8_PRE, VQF322B8_PRE: f32 to 8 bits
  scale,         // QF322F16_PRE, QF322BF16_PRE: f32 to f16, bf16
  shift,         // SHIFTS322S16, VSHIFTS322S16: i32 to i16
};
// Nothing for pairs the fixpipe has no mode for.
std::optional<FixpipeMode> fixpipe_mode(DType accumulator, DType destination, bool has_parameter);

// The 64-bit parameter word.
struct FixpipeParameter {
  float scale = 1.0F;      // bits 13 to 31: sign, 8 exponent and 10 fraction bits of an f32; the bits below are ignored
  int shift = 0;           // bits 32 to 35; the hardware shifts by one more
  int offset = 0;          // bits 37 to 45, two's complement
  bool is_signed = false;  // bit 46: int8, else uint8
};
FixpipeParameter decode_parameter(std::uint64_t word);

// One element: accumulator bits to destination bits. ReLU comes first. NaN and what is no number become 0 in 8 bits.
std::uint32_t fixpipe_element(FixpipeMode mode, DType accumulator, DType destination, std::uint32_t bits,
                              const FixpipeParameter& parameter, bool relu);

// The leading rows x cols of the accumulator tile as dense elements of `destination`, in a staging buffer. The
// instruction's parameter, if any, is a scalar operand, or a tile of scaling with one word per column. Null after a
// fault (rules "illegal-conversion", "operand-range", those of Machine::read).
const std::byte* through_fixpipe(Machine& m, const Instruction& i, const Tile& accumulator, DType destination,
                                 std::int64_t rows, std::int64_t cols);

}  // namespace assay::sim
