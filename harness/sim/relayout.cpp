#include "harness/sim/relayout.h"

#include <algorithm>
#include <cstring>

namespace assay::sim {
namespace {

constexpr std::int64_t kPiece = 32;  // bytes of a box line of most layouts

std::size_t bytes(std::int64_t count) { return static_cast<std::size_t>(count); }

// How many elements lie side by side in every line along rows (or columns), counted from a multiple of that number.
std::int64_t run_along(const Tile& tile, bool rows) {
  if (tile.box_rows == 0) return (rows ? tile.col_stride : tile.row_stride) == 1 ? INT64_MAX : 1;
  if (tile.inner_col_major == rows) return 1;
  return rows ? tile.box_cols : tile.box_rows;
}

void copy_piece(std::byte* to, const std::byte* from, std::int64_t size) {
  if (size == kPiece)
    std::memcpy(to, from, kPiece);
  else
    std::memcpy(to, from, bytes(size));
}

// Distance in elements from a line's piece to the same piece of the next line, inside a box or an unboxed tile.
std::int64_t line_step(const Tile& tile, bool rows) {
  if (tile.box_rows == 0) return rows ? tile.row_stride : tile.col_stride;
  return rows ? tile.box_cols : tile.box_rows;
}

// Lines that are line_step apart, counted from a multiple of that number.
std::int64_t lines_together(const Tile& tile, bool rows) {
  if (tile.box_rows == 0) return INT64_MAX;
  if (rows == tile.boxes_col_major) return INT64_MAX;  // the next box of lines adjoins
  return rows ? tile.box_rows : tile.box_cols;
}

std::int64_t offset_of(const Tile& tile, bool rows, std::int64_t line, std::int64_t at) {
  return rows ? element_offset(tile, line, at) : element_offset(tile, at, line);
}

// Lines along rows, or along columns: in blocks whose lines are equally far apart on both sides.
void copy_lines(const ConstLaidOut& from, const LaidOut& to, bool rows, std::int64_t lines, std::int64_t length) {
  const std::int64_t width = element_bytes(to.layout);
  const std::int64_t run = std::min(run_along(from.layout, rows), run_along(to.layout, rows));
  const std::int64_t together = std::min({lines_together(from.layout, rows), lines_together(to.layout, rows), lines});
  const std::int64_t from_step = line_step(from.layout, rows) * width, to_step = line_step(to.layout, rows) * width;
  for (std::int64_t line = 0; line < lines; line += together) {
    const std::int64_t count = std::min(together, lines - line);
    for (std::int64_t at = 0; at < length; at += std::min(run, length - at)) {
      const std::int64_t size = std::min(run, length - at) * width;
      const std::byte* source = from.data + offset_of(from.layout, rows, line, at) * width;
      std::byte* target = to.data + offset_of(to.layout, rows, line, at) * width;
      if (from_step == size && to_step == size) {
        std::memcpy(target, source, bytes(size * count));
        continue;
      }
      for (std::int64_t k = 0; k < count; ++k) copy_piece(target + k * to_step, source + k * from_step, size);
    }
  }
}

template <std::size_t kWidth>
void copy_elements(const ConstLaidOut& from, const LaidOut& to, std::int64_t rows, std::int64_t cols) {
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t col = 0; col < cols; ++col)
      std::memcpy(to.data + bytes(element_offset(to.layout, row, col)) * kWidth,
                  from.data + bytes(element_offset(from.layout, row, col)) * kWidth, kWidth);
}

}  // namespace

void plain_relayout(const ConstLaidOut& from, const LaidOut& to, std::int64_t rows, std::int64_t cols) {
  switch (element_bytes(to.layout)) {
    case 1:
      return copy_elements<1>(from, to, rows, cols);
    case 2:
      return copy_elements<2>(from, to, rows, cols);
    case 4:
      return copy_elements<4>(from, to, rows, cols);
    default:
      return copy_elements<8>(from, to, rows, cols);
  }
}

void relayout(const ConstLaidOut& from, const LaidOut& to, std::int64_t rows, std::int64_t cols) {
  const std::int64_t by_row = std::min(run_along(from.layout, true), run_along(to.layout, true));
  const std::int64_t by_col = std::min(run_along(from.layout, false), run_along(to.layout, false));
  if (by_row > 1 && by_row >= by_col) return copy_lines(from, to, true, rows, cols);
  if (by_col > 1) return copy_lines(from, to, false, cols, rows);
  plain_relayout(from, to, rows, cols);
}

}  // namespace assay::sim
