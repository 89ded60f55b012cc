#include "harness/sim/ops/support.h"

#include <algorithm>

#include "harness/sim/lanes/lanes.h"

namespace assay::sim {
namespace {

bool check_overlap(Machine& m, const Tile& destination, const Tile& source, const char* what) {
  const Extent to{destination.valid_rows, destination.valid_cols};
  const Extent from{source.valid_rows < 0 ? source.rows : source.valid_rows,
                    source.valid_cols < 0 ? source.cols : source.valid_cols};
  if (!overlap(destination, to, source, from)) return true;
  return m.fault_at_tile(
      "overlap", fmt::format("destination {} overlaps its {} {}", describe(destination), what, describe(source)),
      source);
}

// Scratch is written by the operation, never read from it: what it held is gone (pto-format 3.3).
bool clobber_scratch(Machine& m, const Instruction& i, std::size_t scratch) {
  const Tile& tile = m.tile(i.operands[scratch]);
  if (span_bytes(tile) == 0) return true;
  for (std::size_t k = 0; k < i.operands.size(); ++k) {
    if (k == scratch || i.operands[k].kind != Kind::tile) continue;
    const Tile& other = m.tile(i.operands[k]);
    if (overlap(tile, {tile.rows, tile.cols}, other, {other.valid_rows, other.valid_cols}))
      return m.fault_at_tile("overlap",
                             fmt::format("scratch {} overlaps the operand {}", describe(tile), describe(other)), tile);
  }
  return true;
}

}  // namespace

bool enter_tile_op(Machine& m, const Instruction& i) {
  const std::size_t scratch = i.scratch < 0 ? i.operands.size() : static_cast<std::size_t>(i.scratch);
  for (std::size_t k = 0; k < i.operands.size(); ++k) {
    if (i.operands[k].kind != Kind::tile) continue;
    const Tile& tile = m.tile(i.operands[k]);
    if (!m.check_alignment(tile) || (k != scratch && !m.check_valid_set(tile))) return false;
  }
  const bool in_place_safe = pto::info(i.code).in_place_safe;
  for (std::size_t to = i.ins; to < i.operands.size(); ++to) {
    if (i.operands[to].kind != Kind::tile) continue;
    for (std::size_t k = in_place_safe ? i.ins : 0; k < to; ++k)
      if (k != scratch && i.operands[k].kind == Kind::tile &&
          !check_overlap(m, m.tile(i.operands[to]), m.tile(i.operands[k]), k < i.ins ? "source" : "fellow destination"))
        return false;
  }
  return i.scratch < 0 || clobber_scratch(m, i, scratch);
}

static void clobber_scratch_tile(Machine& m) {
  const Instruction& i = m.current();
  if (i.scratch < 0) return;
  const Tile& scratch = m.tile(i.operands[static_cast<std::size_t>(i.scratch)]);
  m.clobber(scratch, scratch.rows, scratch.cols);
}

bool finish(Machine& m, const Tile& tile, std::int64_t rows, std::int64_t cols, const std::byte* dense) {
  clobber_scratch_tile(m);
  m.write(tile, rows, cols, dense);
  m.trace_tile(tile, rows, cols, dense);
  return true;
}

std::byte* result_in_place(Machine& m, const Tile& tile, std::int64_t rows, std::int64_t cols,
                           std::span<const SourceBytes> sources) {
  const bool dense = tile.box_rows == 0 && tile.col_stride == 1 && (tile.row_stride == cols || rows == 1);
  if (!dense || rows == 0 || cols == 0) return nullptr;
  const std::int64_t size = rows * cols * element_bytes(tile);
  const std::byte* target = m.memory(tile.space).raw(tile.address);
  for (const SourceBytes& source : sources) {
    const bool apart = source.data + source.size <= target || target + size <= source.data;
    const bool same = source.aligned && source.data == target && source.size == size;
    if (!apart && !same) return nullptr;
  }
  return m.write_in_place(tile, rows, cols);
}

bool finish_in_place(Machine& m, const Tile& tile, std::int64_t rows, std::int64_t cols, const std::byte* dense) {
  clobber_scratch_tile(m);
  m.trace_tile(tile, rows, cols, dense);
  return true;
}

const float* widen(Machine& m, DType dtype, const std::byte* data, std::int64_t count, std::size_t stage) {
  const auto n = static_cast<std::size_t>(count);
  if (dtype == DType::f32 && !m.profile().flush_subnormals) return reinterpret_cast<const float*>(data);
  // read() may have used this stage for the narrow elements: they move to its end, and widening catches up with them no
  // earlier than at the last one.
  const std::size_t width = dtype == DType::f32 ? 4 : 2;
  const bool same = data == m.staging(stage, 0);
  std::byte* buffer = m.staging(stage, count * 4);
  auto* out = reinterpret_cast<float*>(buffer);
  const std::byte* source = same ? buffer + n * (4 - width) : data;
  if (same && n > 0) std::memmove(buffer + n * (4 - width), buffer, n * width);
  if (dtype == DType::f32) {
    if (!same && n > 0) std::memcpy(buffer, source, n * 4);
    flush(m, out, count);
  } else if (dtype == DType::f16) {
    lanes::f32_from_f16(reinterpret_cast<const std::uint16_t*>(source), out, count);
  } else {
    lanes::f32_from_bf16(false, reinterpret_cast<const std::uint16_t*>(source), out, count);
  }
  return out;
}

void narrow(DType dtype, const float* values, std::int64_t count, std::byte* out) {
  if (dtype == DType::f32) {
    if (static_cast<const void*>(values) != out) std::memmove(out, values, static_cast<std::size_t>(count) * 4);
    return;
  }
  auto* to = reinterpret_cast<std::uint16_t*>(out);
  if (dtype == DType::f16)
    lanes::f16_from_f32_nearest(false, values, to, count);
  else
    lanes::bf16_from_f32(Rounding::rint, false, values, to, count);
}

void flush(const Machine& m, float* values, std::int64_t count) {
  if (!m.profile().flush_subnormals) return;
  for (std::int64_t k = 0; k < count; ++k) {
    const auto bits = std::bit_cast<std::uint32_t>(values[k]);
    if ((bits & 0x7F800000U) == 0) values[k] = std::bit_cast<float>(bits & 0x80000000U);
  }
}

std::uint64_t pad_bits(DType dtype, pto::Pad pad, bool infinite) {
  if (pad == pto::Pad::zero) return 0;
  const bool top = pad == pto::Pad::max;
  const int width = info(dtype).bits;
  const std::uint64_t ones = ~std::uint64_t{0} >> (64 - width), sign = std::uint64_t{1} << (width - 1);
  if (dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16) {
    const std::uint64_t inf = dtype == DType::f32 ? 0x7F800000U : dtype == DType::f16 ? 0x7C00U : 0x7F80U;
    return (infinite ? inf : inf - 1) | (top ? 0 : sign);
  }
  if (!info(dtype).is_signed) return top ? ones : 0;
  return top ? ones ^ sign : sign;
}

}  // namespace assay::sim
