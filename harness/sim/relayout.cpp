#include "harness/sim/relayout.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace assay::sim {
namespace {

constexpr std::size_t kPiece = 32;  // bytes of a box line of most layouts

std::size_t bytes(std::int64_t count) { return static_cast<std::size_t>(count); }

// How many elements lie side by side in every line along rows (or columns), counted from a multiple of that number.
std::int64_t run_along(const Tile& tile, bool rows) {
  if (tile.box_rows == 0) return (rows ? tile.col_stride : tile.row_stride) == 1 ? INT64_MAX : 1;
  if (tile.inner_col_major == rows) return 1;
  return rows ? tile.box_cols : tile.box_rows;
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

// Pieces of every line that are copied before the next line's: long enough to read whole cache lines of a row-major
// source, few enough to write into as many places at once.
constexpr std::int64_t kPiecesAtOnce = 8, kLinesAhead = 8;

// `count` lines of up to kPiecesAtOnce pieces of `size` bytes; all distances in bytes.
struct Block {
  std::array<std::int64_t, kPiecesAtOnce> from{}, to{};  // of the first line's pieces
  std::int64_t pieces = 0, from_step = 0, to_step = 0;
};
template <class Copy>
void copy_block(const Block& block, const std::byte* from, std::byte* to, std::int64_t count, const Copy& copy) {
  for (std::int64_t line = 0; line < count; ++line) {
    // Lines of global memory lie in pages of their own, where no hardware foresees them.
    for (std::int64_t p = 0; p < block.pieces; p += 2)
      __builtin_prefetch(from + block.from[bytes(p)] + std::min(line + kLinesAhead, count - 1) * block.from_step);
    for (std::int64_t p = 0; p < block.pieces; ++p)
      copy(to + block.to[bytes(p)] + line * block.to_step, from + block.from[bytes(p)] + line * block.from_step);
  }
}

// Lines along rows, or along columns: in blocks whose lines are equally far apart on both sides.
void copy_lines(const ConstLaidOut& from, const LaidOut& to, bool rows, std::int64_t lines, std::int64_t length) {
  const std::int64_t width = element_bytes(to.layout);
  const std::int64_t run = std::min({run_along(from.layout, rows), run_along(to.layout, rows), length});
  const std::int64_t together = std::min({lines_together(from.layout, rows), lines_together(to.layout, rows), lines});
  Block block;
  block.from_step = line_step(from.layout, rows) * width;
  block.to_step = line_step(to.layout, rows) * width;
  for (std::int64_t line = 0; line < lines; line += together) {
    const std::int64_t count = std::min(together, lines - line);
    for (std::int64_t at = 0; at < length;) {
      const std::int64_t size = std::min(run, length - at) * width;
      const bool adjoin = block.from_step == size && block.to_step == size;  // the lines are one piece
      block.pieces = size == run * width && !adjoin ? std::min(kPiecesAtOnce, (length - at) / run) : 1;
      for (std::int64_t p = 0; p < block.pieces; ++p) {
        block.from[bytes(p)] = offset_of(from.layout, rows, line, at + p * run) * width;
        block.to[bytes(p)] = offset_of(to.layout, rows, line, at + p * run) * width;
      }
      if (adjoin)
        std::memcpy(to.data + block.to[0], from.data + block.from[0], bytes(size * count));
      else if (size == kPiece)
        copy_block(block, from.data, to.data, count,
                   [](std::byte* t, const std::byte* f) { std::memcpy(t, f, kPiece); });
      else
        copy_block(block, from.data, to.data, count,
                   [size](std::byte* t, const std::byte* f) { std::memcpy(t, f, bytes(size)); });
      at += size / width * block.pieces;
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

// Elements of a block that lies inside one box on either side are equally far apart in each direction.
struct Steps {
  std::int64_t row, col;
};
Steps steps_inside(const Tile& tile) {
  if (tile.box_rows == 0) return {tile.row_stride, tile.col_stride};
  return tile.inner_col_major ? Steps{1, tile.box_rows} : Steps{tile.box_cols, 1};
}

template <class Element>
void copy_blocks(const ConstLaidOut& from, const LaidOut& to, std::int64_t rows, std::int64_t cols) {
  const auto extent = [](std::int64_t a, std::int64_t b, std::int64_t whole) {
    return std::min(a == 0 ? whole : a, b == 0 ? whole : b);  // box extents are powers of two: the smaller divides
  };
  const std::int64_t height = extent(from.layout.box_rows, to.layout.box_rows, rows);
  const std::int64_t width = extent(from.layout.box_cols, to.layout.box_cols, cols);
  const Steps f = steps_inside(from.layout), t = steps_inside(to.layout);
  constexpr auto kSize = static_cast<std::int64_t>(sizeof(Element));
  for (std::int64_t top = 0; top < rows; top += height)
    for (std::int64_t left = 0; left < cols; left += width) {
      const std::byte* source = from.data + element_offset(from.layout, top, left) * kSize;
      std::byte* target = to.data + element_offset(to.layout, top, left) * kSize;
      const std::int64_t block_rows = std::min(height, rows - top), block_cols = std::min(width, cols - left);
      for (std::int64_t row = 0; row < block_rows; ++row)
        for (std::int64_t col = 0; col < block_cols; ++col)
          std::memcpy(target + (row * t.row + col * t.col) * kSize, source + (row * f.row + col * f.col) * kSize,
                      sizeof(Element));
    }
}

void copy_each(const ConstLaidOut& from, const LaidOut& to, std::int64_t rows, std::int64_t cols) {
  switch (element_bytes(to.layout)) {
    case 1:
      return copy_blocks<std::uint8_t>(from, to, rows, cols);
    case 2:
      return copy_blocks<std::uint16_t>(from, to, rows, cols);
    case 4:
      return copy_blocks<std::uint32_t>(from, to, rows, cols);
    default:
      return copy_blocks<std::uint64_t>(from, to, rows, cols);
  }
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
  copy_each(from, to, rows, cols);
}

}  // namespace assay::sim
