#include "harness/sim/tile.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace assay::sim {
namespace {

using Segments = std::vector<std::pair<std::int64_t, std::int64_t>>;  // byte ranges, ascending

// Byte ranges of the leading rectangle; boxed tiles count their whole footprint.
Segments segments(const Tile& tile, Extent extent) {
  Segments result;
  if (extent.rows == 0 || extent.cols == 0) return result;
  const std::int64_t bytes = element_bytes(tile);
  if (tile.box_rows != 0) return {{tile.address, tile.address + span_bytes(tile)}};
  const bool by_row = tile.col_stride == 1;
  const std::int64_t lines = by_row ? extent.rows : extent.cols, length = by_row ? extent.cols : extent.rows;
  const std::int64_t step = (by_row ? tile.row_stride : tile.col_stride) * bytes;
  for (std::int64_t line = 0; line < lines; ++line)
    result.emplace_back(tile.address + line * step, tile.address + line * step + length * bytes);
  return result;
}

Result<Tile> box(Tile tile, const pto::TileType& type) {
  const std::int64_t bytes = element_bytes(tile);
  tile.inner_col_major = type.slayout == pto::InnerLayout::col_major;
  tile.boxes_col_major = type.blayout == pto::BoxOrder::col_major;
  std::int64_t across = 32 / bytes;  // 512 B: 16 x 32 B
  if (type.fractal == 1024) across = 16;
  if (type.fractal == 32) across = 2;
  if (type.fractal != 512 && type.fractal != 1024 && type.fractal != 32)
    return bad_input("fractal size {} of a boxed tile, expected 32, 512 or 1024", type.fractal);
  tile.box_rows = tile.inner_col_major ? across : 16;
  tile.box_cols = tile.inner_col_major ? 16 : across;
  const bool rows_waived = type.space == pto::Space::vec || type.rows == 1 || type.fractal == 32;
  if (tile.cols % tile.box_cols != 0 || (!rows_waived && tile.rows % tile.box_rows != 0))
    return bad_input("boxed tile of {}x{} elements, expected multiples of its {}x{} boxes (pto-isa 1.4)", tile.rows,
                     tile.cols, tile.box_rows, tile.box_cols);
  const std::int64_t extent = tile.boxes_col_major ? tile.rows : tile.cols;
  const std::int64_t box_extent = tile.boxes_col_major ? tile.box_rows : tile.box_cols;
  tile.boxes_across = (extent + box_extent - 1) / box_extent;
  return tile;
}

constexpr std::int64_t kMaxExtent = 1 << 24;  // far beyond every memory; keeps products inside 64 bits

}  // namespace

std::int64_t element_bytes(const Tile& tile) { return info(tile.dtype).bits / 8; }

Result<Tile> make_tile(const pto::TileType& type, std::int64_t address) {
  Tile tile;
  tile.space = type.space;
  tile.dtype = type.element;
  tile.address = address;
  tile.rows = type.rows;
  tile.cols = type.cols;
  tile.pad = type.pad;
  tile.valid_rows = type.valid_rows;
  tile.valid_cols = type.valid_cols;
  if (info(type.element).bits < 8)
    return bad_input("tile of {}, expected a byte-sized element type", name(type.element));
  if (type.rows < 0 || type.cols < 0 || type.rows > kMaxExtent || type.cols > kMaxExtent)
    return bad_input("tile of {}x{} elements, expected extents from 0 to {}", type.rows, type.cols, kMaxExtent);
  if (type.valid_rows > type.rows || type.valid_cols > type.cols || type.valid_rows < pto::kDynamic ||
      type.valid_cols < pto::kDynamic)
    return bad_input("valid shape {}x{} of a {}x{} tile", type.valid_rows, type.valid_cols, type.rows, type.cols);
  if (type.slayout != pto::InnerLayout::none_box) return box(tile, type);
  const bool row_major = type.blayout == pto::BoxOrder::row_major;
  tile.row_stride = row_major ? type.cols : 1;
  tile.col_stride = row_major ? 1 : type.rows;
  const std::int64_t line = (row_major ? type.cols : type.rows) * element_bytes(tile);
  if (line % 32 != 0)
    return bad_input("{} of {} bytes in a {}x{} {} tile, expected a multiple of 32 (pto-isa 1.4)",
                     row_major ? "row" : "column", line, type.rows, type.cols, name(type.element));
  return tile;
}

std::int64_t span_bytes(const Tile& tile) {
  if (tile.rows == 0 || tile.cols == 0) return 0;
  if (tile.box_rows == 0) return (element_offset(tile, tile.rows - 1, tile.cols - 1) + 1) * element_bytes(tile);
  const std::int64_t down = (tile.rows + tile.box_rows - 1) / tile.box_rows;
  const std::int64_t across = (tile.cols + tile.box_cols - 1) / tile.box_cols;
  // A window of a larger tile keeps its boxes' distances.
  const std::int64_t last = tile.boxes_col_major ? (across - 1) * tile.boxes_across + down - 1
                                                 : (down - 1) * tile.boxes_across + across - 1;
  return (last + 1) * tile.box_rows * tile.box_cols * element_bytes(tile);
}

bool overlap(const Tile& a, Extent a_extent, const Tile& b, Extent b_extent) {
  if (a.space != b.space) return false;
  if (a.address + span_bytes(a) <= b.address || b.address + span_bytes(b) <= a.address) return false;
  const Segments left = segments(a, a_extent), right = segments(b, b_extent);
  for (std::size_t i = 0, j = 0; i < left.size() && j < right.size();) {
    if (left[i].second <= right[j].first)
      ++i;
    else if (right[j].second <= left[i].first)
      ++j;
    else
      return true;
  }
  return false;
}

std::string describe(const Tile& tile) {
  std::string where = tile.storage >= 0 ? fmt::format("without address in {}", pto::name(tile.space))
                                        : fmt::format("at {} 0x{:X}", pto::name(tile.space), tile.address);
  return fmt::format("{}x{} {} tile {}", tile.rows, tile.cols, name(tile.dtype), where);
}

}  // namespace assay::sim
