// Which bytes of its memory the leading rows x cols of a tile are.
#pragma once

#include <algorithm>

#include "harness/sim/tile.h"

namespace assay::sim {

// Calls visit(begin, end) for maximal runs of byte addresses, ascending except where strides are smaller than lines.
template <class Visitor>
void for_each_byte_run(const Tile& tile, std::int64_t rows, std::int64_t cols, const Visitor& visit) {
  if (rows <= 0 || cols <= 0) return;
  const std::int64_t width = element_bytes(tile);
  std::int64_t run_begin = 0, run_end = -1;
  const auto add = [&](std::int64_t offset, std::int64_t elements) {
    const std::int64_t begin = tile.address + offset * width, end = begin + elements * width;
    if (begin == run_end) {
      run_end = end;
      return;
    }
    if (run_end >= 0) visit(run_begin, run_end);
    run_begin = begin;
    run_end = end;
  };
  if (tile.box_rows == 0) {
    const bool by_row = tile.col_stride == 1;
    const std::int64_t lines = by_row ? rows : cols, length = by_row ? cols : rows;
    const std::int64_t step = by_row ? tile.row_stride : tile.col_stride;
    for (std::int64_t line = 0; line < lines; ++line) add(line * step, length);
  } else {
    const std::int64_t down = (rows + tile.box_rows - 1) / tile.box_rows;
    const std::int64_t across = (cols + tile.box_cols - 1) / tile.box_cols;
    const auto add_box = [&](std::int64_t box_row, std::int64_t box_col) {
      const std::int64_t row = box_row * tile.box_rows, col = box_col * tile.box_cols;
      const std::int64_t box_rows = std::min(rows - row, tile.box_rows), box_cols = std::min(cols - col, tile.box_cols);
      const std::int64_t lines = tile.inner_col_major ? box_cols : box_rows;
      const std::int64_t length = tile.inner_col_major ? box_rows : box_cols;
      if (box_rows == tile.box_rows && box_cols == tile.box_cols) {
        add(element_offset(tile, row, col), tile.box_rows * tile.box_cols);
        return;
      }
      for (std::int64_t line = 0; line < lines; ++line)
        add(element_offset(tile, tile.inner_col_major ? row : row + line, tile.inner_col_major ? col + line : col),
            length);
    };
    if (tile.boxes_col_major)
      for (std::int64_t box_col = 0; box_col < across; ++box_col)
        for (std::int64_t box_row = 0; box_row < down; ++box_row) add_box(box_row, box_col);
    else
      for (std::int64_t box_row = 0; box_row < down; ++box_row)
        for (std::int64_t box_col = 0; box_col < across; ++box_col) add_box(box_row, box_col);
  }
  visit(run_begin, run_end);
}

}  // namespace assay::sim
