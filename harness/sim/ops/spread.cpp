#include "harness/sim/ops/spread.h"

namespace assay::sim {
namespace {

bool has_shape(const Tile& tile, const Tile& like) {
  return tile.valid_rows == like.valid_rows && tile.valid_cols == like.valid_cols;
}

bool is_col_major(const Tile& tile) { return tile.box_rows == 0 && tile.row_stride == 1; }

// Whether the tile can be the per-row operand.
bool is_row_operand(const Tile& tile) {
  if (tile.box_rows != 0) return false;
  if (is_col_major(tile)) return tile.valid_cols == 1;
  return tile.valid_cols == 32 / element_bytes(tile);
}

// The window is written before the operation reads its sources, so none of them may lie in it.
bool use_scratch_window(Machine& m, const Instruction& i) {
  for (Ref operand : i.operands) {
    if (operand.kind != Kind::tile) continue;
    const Tile& tile = m.tile(operand);
    if (!m.touches_scratch_window(tile)) continue;
    return m.fault_at_tile(
        "scratch-window",
        fmt::format("{} lies in the hidden scratch window [0x{:X}, 0x{:X}) that {} without scratch "
                    "operand overwrites",
                    describe(tile), m.profile().scratch_begin, m.profile().scratch_end, pto::mnemonic(i.code)),
        tile);
  }
  m.clobber_scratch_window();
  return true;
}

}  // namespace

bool spread_tile(Machine& m, const Tile& tile, Extent extent, std::size_t stage, Spread& spread) {
  spread = {m.read(tile, extent.rows, extent.cols, stage), extent.rows * extent.cols, extent.cols, true, 0};
  return spread.data != nullptr;
}

void spread_scalar(Machine& m, const Instruction& i, std::size_t operand, DType dtype, std::size_t stage,
                   Spread& spread) {
  const std::uint64_t bits = element_for_tile(m.scalar(i.operands[operand]), i.from_kind, dtype);
  std::byte* data = m.staging(stage, 8);
  std::memcpy(data, &bits, 8);
  spread = {data, 1, 0, false, 0};
}

bool spread_operand(Machine& m, const Instruction& i, std::size_t k, DType dtype, Extent extent, Spread& spread) {
  if (i.operands[k].kind != Kind::scalar) return spread_tile(m, m.tile(i.operands[k]), extent, k, spread);
  spread_scalar(m, i, k, dtype, k, spread);
  return true;
}

bool find_row_operand(Machine& m, const Instruction& i, std::size_t& expanded) {
  const Tile& d = destination(m, i);
  const Tile &a = m.tile(i.operands[0]), &b = m.tile(i.operands[1]);
  const bool a_full = has_shape(a, d), b_full = has_shape(b, d);
  if (a_full && is_row_operand(b))
    expanded = 1;
  else if (b_full && is_row_operand(a))
    expanded = 0;
  else if (!a_full && !b_full)
    return m.fault_at_tile(
        "valid-mismatch",
        fmt::format("valid shapes {}x{} and {}x{}, one must be the destination's {}x{} (pto-format 3.3)", a.valid_rows,
                    a.valid_cols, b.valid_rows, b.valid_cols, d.valid_rows, d.valid_cols),
        a);
  else {
    const Tile& other = a_full ? b : a;
    return m.fault_at_tile(
        "operand-layout",
        fmt::format("per-row operand {} with valid shape {}x{}, expected column-major [R,1] or row-major [R,{}] "
                    "(pto-format 3.3)",
                    describe(other), other.valid_rows, other.valid_cols, 32 / element_bytes(other)),
        other);
  }
  return true;
}

bool read_row_operand(Machine& m, const Instruction& i, std::size_t expanded, Spread& spread) {
  const Tile& tile = m.tile(i.operands[expanded]);
  const std::int64_t rows = destination(m, i).valid_rows;
  const bool per_row = is_col_major(tile);
  if (per_row && i.scratch < 0 && !use_scratch_window(m, i)) return false;
  const std::int64_t width = per_row ? 1 : 32 / element_bytes(tile);
  spread = {m.read(tile, rows, width, expanded), rows * width, width, !per_row, per_row ? 0 : width};
  return spread.data != nullptr;
}

}  // namespace assay::sim
