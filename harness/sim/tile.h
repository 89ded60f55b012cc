// Addressing of tiles: footprint, element offsets, overlap (pto-isa 1.3, 1.4; pto-format 3.1).
#pragma once

#include "harness/core/error.h"
#include "harness/sim/values.h"

namespace assay::sim {

std::int64_t element_bytes(const Tile& tile);

// A tile of the type at the address, with the type's valid shape (kDynamic where the type has `?`). The error is a
// message naming the static rule the type breaks: row bytes not a multiple of 32, a partial box, no byte-sized element.
Result<Tile> make_tile(const pto::TileType& type, std::int64_t address);

// Offset in elements of (row, col) from element (0,0).
inline std::int64_t element_offset(const Tile& tile, std::int64_t row, std::int64_t col) {
  if (tile.box_rows == 0) return row * tile.row_stride + col * tile.col_stride;
  const std::int64_t box_row = row / tile.box_rows, box_col = col / tile.box_cols;
  const std::int64_t in_row = row % tile.box_rows, in_col = col % tile.box_cols;
  const std::int64_t box =
      tile.boxes_col_major ? box_col * tile.boxes_across + box_row : box_row * tile.boxes_across + box_col;
  const std::int64_t inner = tile.inner_col_major ? in_col * tile.box_rows + in_row : in_row * tile.box_cols + in_col;
  return box * tile.box_rows * tile.box_cols + inner;
}

// Row and column of a linear index: the window's elements in the order of its major dimension. 0 <= index < rows*cols.
struct Position {
  std::int64_t row = 0, col = 0;
};
inline Position position_of(const Tile& tile, std::int64_t index) {
  const bool by_column = tile.box_rows == 0 && tile.row_stride == 1 && tile.col_stride != 1;
  if (by_column) return {index % tile.rows, index / tile.rows};
  return {index / tile.cols, index % tile.cols};
}

// Bytes from element (0,0) to the end of the last byte of the physical window.
std::int64_t span_bytes(const Tile& tile);

// True when some byte belongs to the leading rows x cols rectangle of both tiles.
struct Extent {
  std::int64_t rows = 0, cols = 0;
};
bool overlap(const Tile& a, Extent a_extent, const Tile& b, Extent b_extent);

// "16x256 f32 tile at vec 0x4000"; private tiles say so instead of an address.
std::string describe(const Tile& tile);

}  // namespace assay::sim
