// tquant and tdequant, and the operations that narrow what they computed: taddreluconv, tsubreluconv, tadddeqrelu
// (pto-isa 2.7, 2.3). Device numerics: every instruction of the sequence rounds.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "harness/sim/ops/arithmetic.h"
#include "harness/sim/ops/spread.h"
#include "harness/sim/ops/table.h"

namespace assay::sim {
namespace {

using pto::OpCode;

constexpr IntegerFormat kS32{32, true};

std::uint32_t bits_of(float value) { return std::bit_cast<std::uint32_t>(value); }

IntegerFormat integer_format(DType dtype) { return {info(dtype).bits, info(dtype).is_signed}; }

// f32 -RINT-> s32 -RINT-> f16 -RINT, saturating-> the 8-bit type. s32 and f16 saturate, as tcvt by default (isa 2.6).
std::byte quantise(float value, const IntegerFormat& format, std::uint16_t& half) {
  const std::int64_t whole = round_to_integer(decode_float(bits_of(value), kF32Format), kS32, Rounding::rint, true);
  half = static_cast<std::uint16_t>(round_to_float(from_integer(whole), kF16Format, Rounding::rint, true));
  return static_cast<std::byte>(round_to_integer(decode_float(half, kF16Format), format, Rounding::rint, true));
}

bool check_scratch(Machine& m, const Instruction& i, std::int64_t needed) {
  if (i.scratch < 0) return true;
  const Tile& scratch = m.tile(i.operands[static_cast<std::size_t>(i.scratch)]);
  if (span_bytes(scratch) >= needed) return true;
  return m.fault_at_tile("illegal-operand",
                         fmt::format("scratch {} of {} bytes, needs {} (isa 2.7)", describe(scratch),
                                     span_bytes(scratch), needed),
                         scratch);
}

// The per-row parameters: [R,1], or a 32-byte block a row whose element j mod 8 is column j's.
bool read_parameter(Machine& m, const Tile& tile, std::int64_t rows, std::size_t stage, Spread& spread) {
  const bool per_row = tile.valid_cols == 1;
  const std::int64_t block = 32 / element_bytes(tile);
  if (!per_row && tile.valid_cols != block)
    return m.fault_at_tile("operand-layout",
                           fmt::format("per-row operand {} with {} valid columns, expected 1 or {} (isa 2.7)",
                                       describe(tile), tile.valid_cols, block),
                           tile);
  const std::int64_t width = per_row ? 1 : block;
  spread = {m.read(tile, rows, width, stage), rows * width, width, !per_row, per_row ? 0 : block};
  return spread.data != nullptr;
}

float parameter(const Spread& spread, std::int64_t row, std::int64_t col) {
  return reinterpret_cast<const float*>(spread.data)[row * spread.row_step + spread.column(col)];
}

// ins(src, scale[, offset][, scratch]): the scale is a multiplier; the unsigned form adds an offset.
bool tquant(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  const std::int64_t rows = d.valid_rows, cols = d.valid_cols, count = rows * cols;
  if (!check_scratch(m, i, count * 4)) return false;
  const bool has_offset = d.dtype == DType::u8;
  Spread scale, offset;
  const std::byte* data = m.read(s, rows, cols, 0);
  if (!data || !read_parameter(m, m.tile(i.operands[1]), rows, 1, scale) ||
      (has_offset && !read_parameter(m, m.tile(i.operands[2]), rows, 2, offset)))
    return false;
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(count, 8));
  const auto* x = reinterpret_cast<const float*>(data);
  const IntegerFormat format = integer_format(d.dtype);
  std::uint16_t half = 0;
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t col = 0; col < cols; ++col) {
      float value = x[row * cols + col] * parameter(scale, row, col);
      if (has_offset) value += parameter(offset, row, col);
      out[row * cols + col] = quantise(value, format, half);
    }
  m.clobber(s, s.valid_rows, s.valid_cols);  // its storage served as the buffer of halves (isa 2.7)
  return finish(m, d, rows, cols, out);
}

// (src - offset of the row) * scale of the row, in two instructions; s8 reaches f32 through f16, exactly.
bool tdequant(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  const std::int64_t rows = d.valid_rows, cols = d.valid_cols;
  Spread scale, offset;
  const std::byte* data = m.read(s, rows, cols, 0);
  if (!data || !read_parameter(m, m.tile(i.operands[1]), rows, 1, scale) ||
      !read_parameter(m, m.tile(i.operands[2]), rows, 2, offset))
    return false;
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(rows * cols * 4, 8));
  auto* values = reinterpret_cast<float*>(out);
  visit_integer(s.dtype, [&](auto type) {
    const auto* x = reinterpret_cast<const decltype(type)*>(data);
    for (std::int64_t row = 0, k = 0; row < rows; ++row)
      for (std::int64_t col = 0; col < cols; ++col, ++k)
        values[k] = Multiply::apply(Subtract::apply(static_cast<float>(x[k]), parameter(offset, row, col)),
                                    parameter(scale, row, col));
    return true;
  });
  flush(m, values, rows * cols);
  return finish(m, d, rows, cols, out);
}

// ---- tquant.mx: blocks of 32 share an exponent (OCP MX 1.0, 6.3)

// The nearest e4m3fn, ties to even; beyond 448 the largest (OCP OFP8). Signs of zeros stay.
std::uint8_t e4m3_of(float value) {
  constexpr int kLeast = -6, kBias = 7;
  const int sign = std::signbit(value) ? 0x80 : 0;
  const float magnitude = std::min(std::abs(value), 448.0F);
  if (magnitude == 0) return static_cast<std::uint8_t>(sign);
  int exponent = std::max(std::ilogb(magnitude), kLeast);
  int eighths = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 3 - exponent)));
  if (eighths == 16) eighths = 8, ++exponent;
  const int code = eighths < 8 ? eighths : ((exponent + kBias) << 3) + eighths - 8;
  return static_cast<std::uint8_t>(sign | code);
}

struct BlockScale {
  std::uint8_t exponent;  // e8m0
  float multiplier;       // 2^(127 - exponent)
};

// ocp: the block's largest power of two becomes e4m3fn's, 2^8, and what exceeds 448 saturates. nv: the least power of
// two under which the largest magnitude is at most 448. A maximum that is infinite or NaN has no scale: NaN.
BlockScale scale_of(float maximum, bool covers) {
  if (!(maximum < std::numeric_limits<float>::infinity())) return {0xFF, kCanonicalNaN};
  const std::uint32_t bits = bits_of(covers ? maximum * (1.0F / 448.0F) : maximum);
  int exponent = static_cast<int>(bits >> 23);
  if (covers && exponent > 0 && (bits & 0x7FFFFF) != 0) ++exponent;
  if (!covers) exponent = std::max(exponent - 8, 0);
  return {static_cast<std::uint8_t>(exponent), std::ldexp(1.0F, 127 - exponent)};
}

// outs: elements, exponents, maxima, multipliers. Blocks lie along the rows, or down the columns.
bool quantise_blocks(Machine& m, const Instruction& i) {
  constexpr std::int64_t kBlock = 32;
  if (!enter_tile_op(m, i)) return false;
  const Tile& s = m.tile(i.operands[0]);
  const bool down = (i.immediate & kBlocksDown) != 0, covers = (i.immediate & kScaleCovers) != 0;
  const std::int64_t rows = s.valid_rows, cols = s.valid_cols;
  if ((down ? rows : cols) % kBlock != 0)
    return m.fault_at_tile(
        "valid-mismatch",
        fmt::format("{}x{} valid elements of the {} are no whole blocks of {}", rows, cols, describe(s), kBlock), s);
  const std::int64_t block_rows = down ? rows / kBlock : rows, block_cols = down ? cols : cols / kBlock;
  for (std::size_t out = 0; out < 4; ++out) {
    const Tile& d = destination(m, i, out);
    const std::int64_t r = out == 0 ? rows : block_rows, c = out == 0 ? cols : block_cols;
    const bool flat = out > 0 && !down && d.valid_rows == 1 && d.valid_cols == r * c && s.cols == cols;
    if (!flat && (d.valid_rows != r || d.valid_cols != c))
      return m.fault_at_tile(
          "valid-mismatch",
          fmt::format("{}x{} valid elements in the {}, expected {}x{}", d.valid_rows, d.valid_cols, describe(d), r, c),
          d);
  }
  const std::byte* data = m.read(s, rows, cols, 0);
  if (!data) return false;
  const auto* x = reinterpret_cast<const float*>(data);
  const auto blocks = static_cast<std::size_t>(block_rows * block_cols);
  std::vector<std::byte> codes(static_cast<std::size_t>(rows * cols)), exponents(blocks);
  std::vector<float> maxima(blocks), multipliers(blocks);
  const auto block_of = [&](std::int64_t row, std::int64_t col) {
    return static_cast<std::size_t>(down ? row / kBlock * block_cols + col : row * block_cols + col / kBlock);
  };
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t col = 0; col < cols; ++col) {
      float& maximum = maxima[block_of(row, col)];
      maximum = maximum_of(maximum, std::abs(x[row * cols + col]));
    }
  for (std::size_t block = 0; block < blocks; ++block) {
    const BlockScale scale = scale_of(maxima[block], covers);
    exponents[block] = static_cast<std::byte>(scale.exponent);
    multipliers[block] = scale.multiplier;
  }
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t col = 0; col < cols; ++col) {
      const float scaled = x[row * cols + col] * multipliers[block_of(row, col)];
      codes[static_cast<std::size_t>(row * cols + col)] =
          static_cast<std::byte>(scaled != scaled ? 0x7F : e4m3_of(scaled));
    }
  const std::byte* const results[] = {codes.data(), exponents.data(), reinterpret_cast<const std::byte*>(maxima.data()),
                                      reinterpret_cast<const std::byte*>(multipliers.data())};
  for (std::size_t out = 0; out < 4; ++out) {
    const Tile& d = destination(m, i, out);
    if (!finish(m, d, d.valid_rows, d.valid_cols, results[out])) return false;
  }
  return true;
}

void store_half(float value, std::int64_t k, std::byte* out) {
  const auto half = static_cast<std::uint16_t>(
      round_to_float(decode_float(bits_of(value), kF32Format), kF16Format, Rounding::rint, true));
  std::memcpy(out + 2 * k, &half, 2);
}

// relu(a + b) or relu(a - b), narrowed with saturation: f32 to f16, f16 to i8 (nearest even [assumed]), i16 to i8. The
// sum of halves is a half; the sum of integers does not wrap [assumed].
template <class Op>
bool relu_convert(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  const std::int64_t rows = d.valid_rows, cols = d.valid_cols, count = rows * cols;
  const std::byte* a = m.read(s, rows, cols, 0);
  const std::byte* b = a ? m.read(m.tile(i.operands[1]), rows, cols, 1) : nullptr;
  if (!b) return false;
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(count * 2, 8));
  const IntegerFormat format = integer_format(d.dtype);
  if (s.dtype == DType::i16) {
    const auto *x = reinterpret_cast<const std::int16_t*>(a), *y = reinterpret_cast<const std::int16_t*>(b);
    for (std::int64_t k = 0; k < count; ++k) {
      const std::int32_t value = std::max(Op::apply(std::int32_t{x[k]}, std::int32_t{y[k]}), 0);
      out[k] = static_cast<std::byte>(std::min(value, 127));
    }
    return finish(m, d, rows, cols, out);
  }
  const float* x = widen(m, s.dtype, a, count, 0);
  const float* y = widen(m, s.dtype, b, count, 1);
  for (std::int64_t k = 0; k < count; ++k) {
    const float value = maximum_of(Op::apply(x[k], y[k]), 0.0F);
    if (s.dtype == DType::f32) {
      store_half(value, k, out);
      continue;
    }
    const Exact half = decode_float(f16_nearest(value), kF16Format);
    out[k] = static_cast<std::byte>(round_to_integer(half, format, Rounding::rint, true));
  }
  return finish(m, d, rows, cols, out);
}

// relu((a + b) * scale) as a saturated half. The i32 sum wraps; the scale is applied between 2^-17 and 2^17 [assumed], as
// the public description of the instruction has it.
bool tadddeqrelu(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  const std::int64_t rows = d.valid_rows, cols = d.valid_cols;
  if (!check_scratch(m, i, rows * cols * 4)) return false;
  const std::byte* a = m.read(m.tile(i.operands[0]), rows, cols, 0);
  const std::byte* b = a ? m.read(m.tile(i.operands[1]), rows, cols, 1) : nullptr;
  if (!b) return false;
  const float scale = as_float(m.scalar(i.operands[2]));
  const auto *x = reinterpret_cast<const std::int32_t*>(a), *y = reinterpret_cast<const std::int32_t*>(b);
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(rows * cols * 2, 8));
  for (std::int64_t k = 0; k < rows * cols; ++k) {
    const float small = static_cast<float>(Add::apply(x[k], y[k])) * 0x1p-17F;
    store_half(maximum_of(quiet(small * scale) * 0x1p17F, 0.0F), k, out);
  }
  return finish(m, d, rows, cols, out);
}

}  // namespace

Body quantise_body(OpCode code) {
  switch (code) {
    case OpCode::tquant_mx:
      return quantise_blocks;
    case OpCode::tquant:
      return tquant;
    case OpCode::tdequant:
      return tdequant;
    case OpCode::taddreluconv:
      return relu_convert<Add>;
    case OpCode::tsubreluconv:
      return relu_convert<Subtract>;
    case OpCode::tadddeqrelu:
      return tadddeqrelu;
    default:
      return nullptr;
  }
}

}  // namespace assay::sim
