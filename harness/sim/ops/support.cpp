#include "harness/sim/ops/support.h"

#include <algorithm>

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

bool finish(Machine& m, const Tile& tile, std::int64_t rows, std::int64_t cols, const std::byte* dense) {
  const Instruction& i = m.current();
  if (i.scratch >= 0) {
    const Tile& scratch = m.tile(i.operands[static_cast<std::size_t>(i.scratch)]);
    if (scratch.box_rows == 0 && (scratch.row_stride == scratch.cols || scratch.rows == 1) && span_bytes(scratch) > 0)
      m.memory(scratch.space).undefine(scratch.address, span_bytes(scratch));
  }
  m.write(tile, rows, cols, dense);
  m.trace_tile(tile, rows, cols, dense);
  return true;
}

const float* widen(Machine& m, DType dtype, const std::byte* data, std::int64_t count, std::size_t stage) {
  const auto n = static_cast<std::size_t>(count);
  if (dtype == DType::f32 && !m.profile().flush_subnormals) return reinterpret_cast<const float*>(data);
  // read() may have used this stage for the narrow elements, so they are widened from the back.
  const bool same = data == m.staging(stage, 0);
  auto* out = reinterpret_cast<float*>(m.staging(stage, count * 4));
  const std::byte* source = same ? m.staging(stage, 0) : data;
  for (std::size_t k = n; k-- > 0;) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, source + k * (dtype == DType::f32 ? 4 : 2), dtype == DType::f32 ? 4 : 2);
    out[k] = dtype == DType::f32   ? std::bit_cast<float>(bits)
             : dtype == DType::f16 ? f16_value(static_cast<std::uint16_t>(bits))
                                   : bf16_value(static_cast<std::uint16_t>(bits));
  }
  flush(m, out, dtype == DType::f32 ? count : 0);
  return out;
}

void narrow(DType dtype, const float* values, std::int64_t count, std::byte* out) {
  if (dtype == DType::f32) {
    if (static_cast<const void*>(values) != out) std::memmove(out, values, static_cast<std::size_t>(count) * 4);
    return;
  }
  for (std::int64_t k = 0; k < count; ++k) {
    const std::uint16_t bits = dtype == DType::f16 ? f16_nearest(values[k]) : bf16_nearest(values[k]);
    std::memcpy(out + 2 * k, &bits, 2);
  }
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
