// How operations reach tiles: the checks and the copies between tiles and dense rows.
#include <algorithm>
#include <cstring>

#include "harness/sim/machine.h"
#include "harness/sim/relayout.h"

namespace assay::sim {
namespace {

std::size_t bytes(std::int64_t count) { return static_cast<std::size_t>(count); }

// A leading rectangle whose elements lie row by row without gaps.
bool is_dense(const Tile& tile, std::int64_t rows, std::int64_t cols) {
  if (tile.box_rows != 0) return false;
  const bool row_is_run = cols == 1 || tile.col_stride == 1;
  const bool rows_adjoin = rows == 1 || tile.row_stride == cols;
  return row_is_run && rows_adjoin;
}

// Calls visit(element offset, length) for the spans without gaps that make up the leading rectangle, until it returns
// false. Of boxed tiles: whole strips and boxes where they adjoin, else the box lines.
template <class Visitor>
bool for_each_span(const Tile& tile, std::int64_t rows, std::int64_t cols, const Visitor& visit) {
  if (rows == 0 || cols == 0) return true;
  if (tile.box_rows == 0) {
    if (is_dense(tile, rows, cols)) return visit(0, rows * cols);
    const bool by_row = tile.col_stride == 1;
    const std::int64_t lines = by_row ? rows : cols, length = by_row ? cols : rows;
    const std::int64_t step = by_row ? tile.row_stride : tile.col_stride;
    if (step == length) return visit(0, lines * length);
    for (std::int64_t line = 0; line < lines; ++line)
      if (!visit(line * step, length)) return false;
    return true;
  }
  // Lines run along the inner order: rows of a box when it is row-major, its columns when column-major.
  const bool by_row = !tile.inner_col_major;
  const std::int64_t lines = by_row ? rows : cols, length = by_row ? cols : rows;
  const std::int64_t box_lines = by_row ? tile.box_rows : tile.box_cols;
  const std::int64_t box_length = by_row ? tile.box_cols : tile.box_rows;
  const bool stacked = by_row == tile.boxes_col_major;  // a box goes on where the one with the next lines begins
  for (std::int64_t at = 0; at < length; at += box_length) {
    const std::int64_t width = std::min(box_length, length - at);
    const std::int64_t step = width < box_length ? 1 : stacked ? lines : box_lines;
    for (std::int64_t line = 0; line < lines; line += step) {
      const std::int64_t offset = by_row ? element_offset(tile, line, at) : element_offset(tile, at, line);
      if (!visit(offset, width * std::min(step, lines - line))) return false;
    }
  }
  return true;
}

// The tile's leading rectangle as dense rows.
Tile dense_rows(const Tile& tile, std::int64_t rows, std::int64_t cols) {
  Tile dense;
  dense.dtype = tile.dtype;
  dense.rows = rows;
  dense.cols = cols;
  dense.row_stride = cols;
  dense.col_stride = 1;
  return dense;
}

}  // namespace

std::byte* Machine::staging(std::size_t stage, std::int64_t size) {
  std::vector<std::byte>& buffer = stages_[stage];
  if (buffer.size() < bytes(size)) buffer.resize(bytes(size));
  return buffer.data();
}

bool Machine::check_capacity(const Tile& tile) {
  const std::int64_t capacity = memory(tile.space).capacity();
  const std::int64_t end = tile.address + span_bytes(tile);
  if (tile.storage >= 0 || (tile.address >= 0 && end <= capacity)) return true;
  return fault_at_operand("capacity",
                          fmt::format("{} occupies bytes 0x{:X} to 0x{:X}; space {} ends at 0x{:X} ({} bytes)",
                                      describe(tile), tile.address, end, pto::name(tile.space), capacity, capacity),
                          0);
}

bool Machine::check_alignment(const Tile& tile) {
  const std::int64_t alignment = profile().spaces.find(pto::name(tile.space))->second.alignment;
  if (tile.address % alignment == 0) return true;
  return fault_at_tile(
      "alignment",
      fmt::format("{} starts {} bytes after a {}-byte boundary", describe(tile), tile.address % alignment, alignment),
      tile);
}

bool Machine::check_valid_set(const Tile& tile) {
  if (tile.valid_rows >= 0 && tile.valid_cols >= 0) return true;
  const char* which = tile.valid_rows >= 0 ? "columns" : tile.valid_cols >= 0 ? "rows" : "rows and columns";
  return fault_at_tile("unset-valid-shape",
                       fmt::format("reads the valid {} of the {}, which were never set", which, describe(tile)), tile);
}

bool Machine::set_valid(Tile& tile, std::int64_t rows, std::int64_t cols) {
  if (rows < 0 || cols < 0)
    return fault_at_tile("negative-valid-shape", fmt::format("valid shape {}x{} of the {}", rows, cols, describe(tile)),
                         tile);
  if (rows > tile.rows || cols > tile.cols)
    return fault_at_tile("valid-shape-bounds",
                         fmt::format("valid shape {}x{} exceeds the {}", rows, cols, describe(tile)), tile);
  tile.valid_rows = rows;
  tile.valid_cols = cols;
  return true;
}

bool Machine::check_covers(const Tile& tile, std::int64_t rows, std::int64_t cols) {
  if (rows <= tile.rows && cols <= tile.cols) return true;
  return fault_at_tile("valid-mismatch",
                       fmt::format("needs {}x{} elements of the {}, which is smaller", rows, cols, describe(tile)),
                       tile);
}

bool Machine::report_undefined(const Tile& tile, Extent begin, Extent end) {
  Memory& space = memory(tile.space);
  const std::int64_t width = element_bytes(tile);
  for (std::int64_t row = begin.rows; row < end.rows; ++row) {
    for (std::int64_t col = begin.cols; col < end.cols; ++col) {
      const std::int64_t address = tile.address + element_offset(tile, row, col) * width;
      const std::int64_t at = space.first_undefined(address, width);
      if (at < 0) continue;
      const bool in_window = tile.space == pto::Space::vec && scratch_clobbered_by_ != nullptr &&
                             at >= profile().scratch_begin && at < profile().scratch_end;
      const std::string message = fmt::format("reads byte 0x{:X} of space {}, element ({},{}) of the {}, which ", at,
                                              pto::name(tile.space), row, col, describe(tile));
      if (!in_window) return fault_at_tile("undefined-bytes", message + "holds no value", tile);
      return fault("scratch-window",
                   message + fmt::format("lies in the hidden scratch window [0x{:X}, 0x{:X}) that {} overwrote",
                                         profile().scratch_begin, profile().scratch_end,
                                         pto::mnemonic(scratch_clobbered_by_->code)),
                   scratch_clobbered_by_->location);
    }
  }
  return true;
}

const std::byte* Machine::read_in_place(const Tile& tile, std::int64_t rows, std::int64_t cols) {
  if (!check_covers(tile, rows, cols)) return nullptr;
  if (rows == 0 || cols == 0) return staging(0, 1);
  Memory& space = memory(tile.space);
  const std::int64_t width = element_bytes(tile);
  if (pipes_) record_local(AccessKind::read, tile, rows, cols);
  if (!options_.check_accesses) return space.raw(tile.address);
  const std::byte* data = space.touch(tile.address, span_bytes(tile));
  const bool defined = for_each_span(tile, rows, cols, [&](std::int64_t offset, std::int64_t length) {
    return space.first_undefined(tile.address + offset * width, length * width) < 0;
  });
  if (defined) return data;
  report_undefined(tile, {0, 0}, {rows, cols});
  return nullptr;
}

const std::byte* Machine::read(const Tile& tile, std::int64_t rows, std::int64_t cols, std::size_t stage) {
  const std::byte* data = read_in_place(tile, rows, cols);
  if (!data || is_dense(tile, rows, cols) || rows == 0 || cols == 0) return data;
  std::byte* copy = staging(stage, rows * cols * element_bytes(tile));
  relayout({tile, data}, {dense_rows(tile, rows, cols), copy}, rows, cols);
  return copy;
}

bool Machine::read_element(const Tile& tile, std::int64_t row, std::int64_t col, std::uint64_t& bits) {
  Memory& space = memory(tile.space);
  const std::int64_t width = element_bytes(tile), address = tile.address + element_offset(tile, row, col) * width;
  if (pipes_) record_local(AccessKind::read, tile.space, address, address + width);
  const std::byte* data = options_.check_accesses ? space.touch(address, width) : space.raw(address);
  bits = 0;
  if (options_.check_accesses && space.first_undefined(address, width) >= 0)
    return report_undefined(tile, {row, col}, {row + 1, col + 1});
  std::memcpy(&bits, data, bytes(width));
  return true;
}

std::byte* Machine::write_in_place(const Tile& tile, std::int64_t rows, std::int64_t cols) {
  if (rows == 0 || cols == 0) return staging(0, 1);
  Memory& space = memory(tile.space);
  const std::int64_t width = element_bytes(tile);
  if (pipes_) record_local(AccessKind::write, tile, rows, cols);
  if (!options_.check_accesses) return space.raw(tile.address);
  for_each_span(tile, rows, cols, [&](std::int64_t offset, std::int64_t length) {
    space.claim(tile.address + offset * width, length * width);
    return true;
  });
  return space.raw(tile.address);
}

void Machine::write(const Tile& tile, std::int64_t rows, std::int64_t cols, const std::byte* dense) {
  std::byte* data = write_in_place(tile, rows, cols);
  if (rows == 0 || cols == 0) return;
  if (is_dense(tile, rows, cols))
    std::memmove(data, dense, bytes(rows * cols * element_bytes(tile)));
  else
    relayout({dense_rows(tile, rows, cols), dense}, {tile, data}, rows, cols);
}

void Machine::write_element(const Tile& tile, std::int64_t row, std::int64_t col, std::uint64_t bits) {
  Memory& space = memory(tile.space);
  const std::int64_t width = element_bytes(tile), address = tile.address + element_offset(tile, row, col) * width;
  if (pipes_) record_local(AccessKind::write, tile.space, address, address + width);
  std::byte* to = options_.check_accesses ? space.touch(address, width) : space.raw(address);
  std::memcpy(to, &bits, bytes(width));
  if (options_.check_accesses) space.define(address, width);
}

void Machine::clobber(const Tile& tile, std::int64_t rows, std::int64_t cols, AccessKind kind) {
  if (rows <= 0 || cols <= 0) return;
  if (pipes_) record_local(kind, tile, rows, cols);
  Memory& space = memory(tile.space);
  const std::int64_t width = element_bytes(tile);
  for_each_span(tile, rows, cols, [&](std::int64_t offset, std::int64_t length) {
    space.undefine(tile.address + offset * width, length * width);
    return true;
  });
}

void Machine::move_bytes(pto::Space at, std::int64_t from, std::int64_t to, std::int64_t size) {
  Memory& space = memory(at);
  if (pipes_) {
    record_local(AccessKind::read, at, from, from + size);
    record_local(AccessKind::write, at, to, to + size);
  }
  if (!options_.check_accesses) {
    std::memmove(space.raw(to), space.raw(from), bytes(size));
    return;
  }
  std::byte* target = space.touch(to, size);
  std::memmove(target, space.touch(from, size), bytes(size));
  space.copy_definedness(to, from, size);
}

void Machine::clobber_scratch_window() {
  if (profile().scratch_begin >= profile().scratch_end) return;
  if (pipes_) record_local(AccessKind::write, pto::Space::vec, profile().scratch_begin, profile().scratch_end);
  memory(pto::Space::vec).undefine(profile().scratch_begin, profile().scratch_end - profile().scratch_begin);
  scratch_clobbered_by_ = current_->source;
}

bool Machine::touches_scratch_window(const Tile& tile) const {
  return tile.space == pto::Space::vec && tile.storage < 0 && tile.address < profile().scratch_end &&
         tile.address + span_bytes(tile) > profile().scratch_begin;
}

}  // namespace assay::sim
