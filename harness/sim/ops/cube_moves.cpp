#include "harness/sim/ops/cube_moves.h"

#include <algorithm>

#include "harness/sim/ops/fixpipe.h"
#include "harness/sim/ops/support.h"
#include "harness/sim/ops/table.h"
#include "harness/sim/relayout.h"

namespace assay::sim {
namespace {

using pto::OpCode;
using pto::Space;

// The part of a tile that begins at (row, col), when it begins with a box.
std::optional<Tile> window_at(const Tile& tile, std::int64_t row, std::int64_t col) {
  if (tile.box_rows != 0 && (row % tile.box_rows != 0 || col % tile.box_cols != 0)) return std::nullopt;
  Tile window = tile;
  window.address += element_offset(tile, row, col) * element_bytes(tile);
  window.rows -= row;
  window.cols -= col;
  return window;
}

bool check_window_at(Machine& m, const Tile& tile, std::int64_t row, std::int64_t col, std::int64_t rows,
                     std::int64_t cols) {
  if (row >= 0 && col >= 0 && row <= tile.rows - rows && col <= tile.cols - cols) return true;
  return m.fault_at_tile("bounds",
                         fmt::format("{}x{} window at ({},{}) of the {}", rows, cols, row, col, describe(tile)), tile);
}

// Elements (row, col) to (row + rows - 1, col + cols - 1) as dense rows; null after a fault.
const std::byte* read_window(Machine& m, const Tile& tile, std::int64_t row, std::int64_t col, std::int64_t rows,
                             std::int64_t cols) {
  if (const auto window = window_at(tile, row, col)) return m.read(*window, rows, cols, 0);
  const auto width = static_cast<std::size_t>(element_bytes(tile));
  std::byte* out = m.staging(0, rows * cols * element_bytes(tile));
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < cols; ++c) {
      std::uint64_t bits = 0;
      if (!m.read_element(tile, row + r, col + c, bits)) return nullptr;
      std::memcpy(out + static_cast<std::size_t>(r * cols + c) * width, &bits, width);
    }
  return out;
}

bool write_window(Machine& m, const Tile& tile, std::int64_t row, std::int64_t col, std::int64_t rows,
                  std::int64_t cols, const std::byte* dense) {
  if (const auto window = window_at(tile, row, col)) {
    m.write(*window, rows, cols, dense);
    m.trace_tile(*window, rows, cols, dense);
    return true;
  }
  const auto width = static_cast<std::size_t>(element_bytes(tile));
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < cols; ++c) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, dense + static_cast<std::size_t>(r * cols + c) * width, width);
      m.write_element(tile, row + r, col + c, bits);
    }
  return true;
}

// isa 1.2: bursts of 64 bytes into the bias table, of 128 into the fixpipe's parameters, whose elements have 64 bits.
bool check_burst(Machine& m, const Tile& to) {
  const std::int64_t burst = to.space == Space::bias ? 64 : to.space == Space::scaling ? 128 : 1;
  if (to.space == Space::scaling && element_bytes(to) != 8)
    return m.fault_at_tile(
        "alignment",
        fmt::format("elements of the {} have {} bytes, the fixpipe's parameters 8", describe(to), element_bytes(to)),
        to);
  if (span_bytes(to) % burst == 0) return true;
  return m.fault_at_tile("alignment",
                         fmt::format("the {} has {} bytes, moves to space {} come in bursts of {}", describe(to),
                                     span_bytes(to), pto::name(to.space), burst),
                         to);
}

// Bias rows of f16 and bf16 become f32 on the way (isa 2.1); everything else keeps its bits.
bool is_widening(const Tile& from, const Tile& to) {
  return to.space == Space::bias && to.dtype == DType::f32 && (from.dtype == DType::f16 || from.dtype == DType::bf16);
}

bool check_same_bits(Machine& m, const Tile& from, const Tile& to) {
  if (element_bytes(from) == element_bytes(to) || is_widening(from, to)) return true;
  return m.fault_at_tile("illegal-conversion",
                         fmt::format("a move of {} elements to {} ones", name(from.dtype), name(to.dtype)), from);
}

// Rows x cols elements of `from` beginning at (row, col), as elements of `to`; null after a fault.
const std::byte* taken(Machine& m, const Instruction& i, const Tile& from, std::int64_t row, std::int64_t col,
                       const Tile& to, std::int64_t rows, std::int64_t cols) {
  if (from.space == Space::acc) {
    const auto window = window_at(from, row, col);
    if (window) return through_fixpipe(m, i, *window, to.dtype, rows, cols);
    m.fault_at_tile("alignment",
                    fmt::format("a window at ({},{}) of the {} splits its {}x{} boxes", row, col, describe(from),
                                from.box_rows, from.box_cols),
                    from);
    return nullptr;
  }
  if (!check_same_bits(m, from, to)) return nullptr;
  const std::byte* data = read_window(m, from, row, col, rows, cols);
  if (!data || !is_widening(from, to)) return data;
  return reinterpret_cast<const std::byte*>(widen(m, from.dtype, data, rows * cols, 0));
}

// One copy, from layout to layout, where nothing converts and nobody watches.
bool copies_directly(Machine& m, const Tile& from, const Tile& to) {
  return from.space != Space::acc && !is_widening(from, to) && !m.tracing() &&
         !overlap(to, {to.rows, to.cols}, from, {from.rows, from.cols});
}

bool move_part(Machine& m, const Instruction& i, const Tile& from, std::int64_t from_row, std::int64_t from_col,
               const Tile& to, std::int64_t to_row, std::int64_t to_col, std::int64_t rows, std::int64_t cols) {
  if (!check_window_at(m, from, from_row, from_col, rows, cols) ||
      !check_window_at(m, to, to_row, to_col, rows, cols) || !check_burst(m, to))
    return false;
  if (rows == 0 || cols == 0) return true;
  const auto source = window_at(from, from_row, from_col), target = window_at(to, to_row, to_col);
  if (source && target && copies_directly(m, from, to)) {
    if (!check_same_bits(m, from, to)) return false;
    const std::byte* data = m.read_in_place(*source, rows, cols);
    if (!data) return false;
    relayout({*source, data}, {*target, m.write_in_place(*target, rows, cols)}, rows, cols);
    return true;
  }
  const std::byte* data = taken(m, i, from, from_row, from_col, to, rows, cols);
  return data && write_window(m, to, to_row, to_col, rows, cols, data);
}

// dst[i, j] = src[row + i, col + j] over the destination's valid rectangle.
bool textract(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  return move_part(m, i, s, m.integer(i.operands[1]), m.integer(i.operands[2]), d, 0, 0, d.valid_rows, d.valid_cols);
}

// dst[row + i, col + j] = src[i, j] over the source's valid rectangle.
bool tinsert(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  return move_part(m, i, s, 0, 0, d, m.integer(i.operands[1]), m.integer(i.operands[2]), s.valid_rows, s.valid_cols);
}

}  // namespace

bool is_cube_move(const Tile& source, const Tile& destination) {
  return source.space != Space::vec || destination.space != Space::vec;
}

bool cube_move(Machine& m, const Instruction& i) {
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  return m.check_covers(s, d.valid_rows, d.valid_cols) && move_part(m, i, s, 0, 0, d, 0, 0, d.valid_rows, d.valid_cols);
}

Body cube_move_body(OpCode code) {
  if (code == OpCode::textract) return textract;
  return code == OpCode::tinsert ? tinsert : nullptr;
}

}  // namespace assay::sim
