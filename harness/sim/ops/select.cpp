// Comparisons that write packed masks, selections that read them (isa 2.3, format 3.3). Element (i, j) is bit j mod 8,
// from the least significant, of byte j / 8 of the mask's row i; the bits behind the last column of a byte are 0
// [assumed]. The mask tile's valid columns are no measure of it: kernels give them as elements or as bytes.
#include <algorithm>

#include "harness/sim/ops/attributes.h"
#include "harness/sim/ops/spread.h"
#include "harness/sim/ops/table.h"

namespace assay::sim {
namespace {

using pto::OpCode;

std::int64_t mask_bytes(std::int64_t cols) { return (cols + 7) / 8; }

// The mask's rows as bytes; false after a fault.
bool as_bytes(Machine& m, const Tile& mask, Tile& bytes) {
  if (mask.box_rows != 0 || mask.col_stride != 1)
    return m.fault_at_tile("operand-layout", fmt::format("mask {}, expected row-major", describe(mask)), mask);
  const std::int64_t width = element_bytes(mask);
  bytes = mask;
  if (width > 1) bytes.dtype = DType::u8;
  bytes.cols *= width;
  bytes.row_stride *= width;
  return true;
}

bool check_rows(Machine& m, const Tile& tile, std::int64_t rows) {
  if (tile.valid_rows == rows) return true;
  return m.fault_at_tile("valid-mismatch",
                         fmt::format("{} valid rows of the {}, the other operands have {}", tile.valid_rows,
                                     describe(tile), rows),
                         tile);
}

template <class T>
void pack_bits(Comparison mode, const Spread& a, const Spread& b, Extent extent, std::byte* out) {
  const std::int64_t line = mask_bytes(extent.cols);
  std::fill_n(out, extent.rows * line, std::byte{0});
  for (std::int64_t row = 0; row < extent.rows; ++row) {
    const T* x = reinterpret_cast<const T*>(a.data) + row * a.row_step;
    const T* y = reinterpret_cast<const T*>(b.data) + row * b.row_step;
    for (std::int64_t col = 0; col < extent.cols; ++col)
      if (compare(mode, x[a.column(col)], y[b.column(col)]))
        out[row * line + col / 8] |= static_cast<std::byte>(1U << (col % 8));
  }
}

// tcmp, tcmps: over the first source's valid rectangle. A comparison with NaN is false, except ne.
bool compare_to_mask(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  const Extent extent{s.valid_rows, s.valid_cols};
  Tile mask;
  if (!as_bytes(m, d, mask) || !check_rows(m, d, extent.rows)) return false;
  Spread sources[2];
  for (std::size_t k = 0; k < 2; ++k)
    if (!spread_operand(m, i, k, s.dtype, extent, sources[k])) return false;
  const auto mode = static_cast<Comparison>(i.immediate);
  if (!m.check_covers(mask, extent.rows, mask_bytes(extent.cols))) return false;
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(extent.rows * mask_bytes(extent.cols), 8));
  if (info(s.dtype).is_float) {
    for (std::size_t k = 0; k < 2; ++k)
      sources[k].data = reinterpret_cast<const std::byte*>(widen(m, s.dtype, sources[k].data, sources[k].count, k));
    pack_bits<float>(mode, sources[0], sources[1], extent, out);
  } else {
    visit_integer(s.dtype, [&](auto type) {
      pack_bits<decltype(type)>(mode, sources[0], sources[1], extent, out);
      return true;
    });
  }
  return finish(m, mask, extent.rows, extent.cols == 0 ? 0 : mask_bytes(extent.cols), out);
}

// Elements move as bits: where `takes_first(row, col)`, the first source's.
template <class Choice>
bool choose(Machine& m, const Instruction& i, const Spread& first, const Spread& second, const Choice& takes_first) {
  const Tile& d = destination(m, i);
  const std::int64_t width = element_bytes(d);
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(d.valid_rows * d.valid_cols * width, 8));
  std::byte* at = out;
  for (std::int64_t row = 0; row < d.valid_rows; ++row)
    for (std::int64_t col = 0; col < d.valid_cols; ++col, at += width) {
      const Spread& from = takes_first(row, col) ? first : second;
      std::memcpy(at, from.data + (row * from.row_step + from.column(col)) * width, static_cast<std::size_t>(width));
    }
  return finish(m, d, d.valid_rows, d.valid_cols, out);
}

bool choose_by_mask(Machine& m, const Instruction& i, const Spread& first, const Spread& second) {
  const Tile& d = destination(m, i);
  const std::int64_t line = mask_bytes(d.valid_cols);
  Tile mask;
  if (!as_bytes(m, m.tile(i.operands[0]), mask)) return false;
  const std::byte* bits = m.read(mask, d.valid_rows, line, 2);
  if (!bits) return false;
  return choose(m, i, first, second, [&](std::int64_t row, std::int64_t col) {
    return (static_cast<unsigned>(bits[row * line + col / 8]) >> (col % 8) & 1U) != 0;
  });
}

// ins(mask, src0, src1[, scratch]): src0 where the bit is set.
bool tsel(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  const Extent extent{d.valid_rows, d.valid_cols};
  Spread first, second;
  return spread_tile(m, m.tile(i.operands[1]), extent, 0, first) &&
         spread_tile(m, m.tile(i.operands[2]), extent, 1, second) && choose_by_mask(m, i, first, second);
}

// ins(mask, src, scratch, scalar): src where the bit is set, else the scalar (format 3.3). ins(src0, src1, mode): one
// mode for all elements (isa 2.3), src0 when it is 1 [assumed].
bool tsels(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  const Extent extent{d.valid_rows, d.valid_cols};
  Spread first, second;
  if (i.ins == 4) {
    spread_scalar(m, i, 3, d.dtype, 1, second);
    return spread_tile(m, m.tile(i.operands[1]), extent, 0, first) && choose_by_mask(m, i, first, second);
  }
  if (!spread_tile(m, m.tile(i.operands[0]), extent, 0, first) ||
      !spread_tile(m, m.tile(i.operands[1]), extent, 1, second))
    return false;
  const bool takes_first = m.integer(i.operands[2]) == 1;
  return choose(m, i, first, second, [&](std::int64_t, std::int64_t) { return takes_first; });
}

}  // namespace

Body select_body(OpCode code) {
  switch (code) {
    case OpCode::tcmp:
    case OpCode::tcmps:
      return compare_to_mask;
    case OpCode::tsel:
      return tsel;
    case OpCode::tsels:
      return tsels;
    default:
      return nullptr;
  }
}

}  // namespace assay::sim
