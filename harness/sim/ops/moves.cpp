// tload, tstore, tmov (pto-format 3.2, 3.4; pto-isa 1.6, 2.1). Elements move as bits.
#include <algorithm>

#include "harness/sim/ops/cube_moves.h"
#include "harness/sim/ops/fixpipe.h"
#include "harness/sim/ops/support.h"
#include "harness/sim/ops/table.h"
#include "harness/sim/ops/window.h"
#include "harness/sim/relayout.h"

namespace assay::sim {
namespace {

using pto::OpCode;

std::size_t bytes(std::int64_t count) { return static_cast<std::size_t>(count); }

bool is_row_major(const Tile& tile) { return tile.box_rows == 0 && tile.col_stride == 1; }
bool is_col_major(const Tile& tile) { return tile.box_rows == 0 && tile.row_stride == 1; }

std::int64_t block_end(std::int64_t valid, std::int64_t extent, std::int64_t width) {
  const std::int64_t block = 32 / width;
  return std::min(extent, (valid + block - 1) / block * block);
}

// With a pad value the device fills up to the next 32-byte block of each row (each column when column-major), and no
// further; without one it leaves the bytes alone (pto-isa 1.6).
void pad_to_block(Machine& m, const Tile& tile) {
  if (tile.pad == pto::Pad::null || tile.box_rows != 0) return;
  const bool by_row = is_row_major(tile);
  const std::int64_t lines = by_row ? tile.valid_rows : tile.valid_cols;
  const std::int64_t valid = by_row ? tile.valid_cols : tile.valid_rows;
  const std::int64_t end = block_end(valid, by_row ? tile.cols : tile.rows, element_bytes(tile));
  const std::uint64_t pad = pad_bits(tile.dtype, tile.pad, m.profile().float_pad_is_infinite);
  for (std::int64_t line = 0; line < lines; ++line)
    for (std::int64_t at = valid; at < end; ++at) m.write_element(tile, by_row ? line : at, by_row ? at : line, pad);
}

// isa 1.2: a transfer to vec has fewer than 4096 bursts, one per row (per column when column-major).
bool check_bursts(Machine& m, const Tile& d) {
  constexpr std::int64_t kBursts = 4096;
  const std::int64_t bursts = is_col_major(d) && !is_row_major(d) ? d.valid_cols : d.valid_rows;
  if (d.space != pto::Space::vec || d.box_rows != 0 || bursts < kBursts) return true;
  return m.fault_at_tile("operand-range",
                         fmt::format("loads {} lines of the {}, a transfer has fewer than {}", bursts, describe(d),
                                     kBursts),
                         d);
}

bool tload(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const View& v = m.view(i.operands[0]);
  const Tile& d = destination(m, i);
  const std::int64_t rows = d.valid_rows, cols = d.valid_cols, width = element_bytes(d);
  if (!m.access_window(AccessKind::read, v, rows, cols)) return false;
  if (!check_bursts(m, d)) return false;
  const std::byte* global = m.global(v.base.tensor);
  const auto layout = plain_layout(v, rows, cols);
  if (layout && rows > 0 && cols > 0 && !m.tracing()) {
    relayout({*layout, global + v.base.offset * width}, {d, m.write_in_place(d, rows, cols)}, rows, cols);
    pad_to_block(m, d);
    return true;
  }
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(rows * cols * width, 8));
  for_each_row(v, rows, cols, [&](std::int64_t row, std::int64_t offset, std::int64_t stride) {
    std::byte* line = out + row * cols * width;
    if (stride == 1) {
      std::memcpy(line, global + offset * width, bytes(cols * width));
      return;
    }
    for (std::int64_t col = 0; col < cols; ++col)
      std::memcpy(line + col * width, global + (offset + col * stride) * width, bytes(width));
  });
  if (rows > 0 && cols > 0) pad_to_block(m, d);
  return finish(m, d, rows, cols, out);
}

// What is there plus what is stored, rounded once (atomicType = atomic_add).
void add_element(DType dtype, std::byte* there, const std::byte* stored) {
  if (dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16) {
    const auto value = [&](const std::byte* at) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, at, dtype == DType::f32 ? 4 : 2);
      if (dtype == DType::f32) return std::bit_cast<float>(bits);
      return dtype == DType::f16 ? f16_value(static_cast<std::uint16_t>(bits))
                                 : bf16_value(static_cast<std::uint16_t>(bits));
    };
    const float sum = quiet(value(there) + value(stored));
    narrow(dtype, &sum, 1, there);
    return;
  }
  visit_integer(dtype, [&](auto type) {
    using T = decltype(type);
    T a, b;
    std::memcpy(&a, there, sizeof(T));
    std::memcpy(&b, stored, sizeof(T));
    a = static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
    std::memcpy(there, &a, sizeof(T));
    return true;
  });
}

void store_row(const Instruction& i, DType dtype, std::byte* to, const std::byte* from, std::int64_t cols,
               std::int64_t stride) {
  const std::int64_t width = info(dtype).bits / 8;
  if ((i.immediate & kAtomicAdd) != 0) {
    for (std::int64_t col = 0; col < cols; ++col) add_element(dtype, to + col * stride * width, from + col * width);
  } else if (stride == 1) {
    std::memcpy(to, from, bytes(cols * width));
  } else {
    for (std::int64_t col = 0; col < cols; ++col)
      std::memcpy(to + col * stride * width, from + col * width, bytes(width));
  }
}

void trace_store(Machine& m, const View& v, std::int64_t rows, std::int64_t cols, std::int64_t width) {
  if (!m.tracing()) return;
  std::vector<std::int64_t> offsets;
  std::vector<std::byte> data(bytes(rows * cols * width));
  const std::byte* global = m.global(v.base.tensor);
  offsets.reserve(bytes(rows * cols));
  for_each_row(v, rows, cols, [&](std::int64_t row, std::int64_t offset, std::int64_t stride) {
    for (std::int64_t col = 0; col < cols; ++col) {
      offsets.push_back(offset + col * stride);
      std::memcpy(data.data() + (row * cols + col) * width, global + offsets.back() * width, bytes(width));
    }
  });
  m.trace_global(v.base, rows, cols, std::move(offsets), std::move(data));
}

// Strides under which no two elements share a place: the order of the copies does not matter.
bool no_element_twice(const Tile& layout) {
  return (layout.col_stride == 1 && layout.row_stride >= layout.cols) ||
         (layout.row_stride == 1 && layout.col_stride >= layout.rows);
}

bool tstore(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& s = m.tile(i.operands[0]);
  const View& v = m.view(i.operands.back());
  const std::int64_t rows = s.valid_rows, cols = s.valid_cols;
  const bool from_acc = s.space == pto::Space::acc;
  const DType dtype = from_acc ? v.base.element : s.dtype;
  const std::int64_t width = info(dtype).bits / 8;
  const auto layout = plain_layout(v, rows, cols);
  const bool direct = layout && !from_acc && (i.immediate & kAtomicAdd) == 0 && no_element_twice(*layout);
  const std::byte* data = from_acc ? through_fixpipe(m, i, s, dtype, rows, cols)
                          : direct ? m.read_in_place(s, rows, cols)
                                   : m.read(s, rows, cols, 0);
  const AccessKind kind = (i.immediate & kAtomicAdd) != 0 ? AccessKind::atomic : AccessKind::write;
  if (!data || !m.access_window(kind, v, rows, cols)) return false;
  std::byte* global = m.global(v.base.tensor);
  if (direct && rows > 0 && cols > 0) {
    relayout({s, data}, {*layout, global + v.base.offset * width}, rows, cols);
    trace_store(m, v, rows, cols, width);
    return true;
  }
  for_each_row(v, rows, cols, [&](std::int64_t row, std::int64_t offset, std::int64_t stride) {
    store_row(i, dtype, global + offset * width, data + row * cols * width, cols, stride);
  });
  trace_store(m, v, rows, cols, width);
  return true;
}

// Lanes behind the valid ones travel as they are, with their definedness: the device moves whole 32-byte blocks.
void move_block_tails(Machine& m, const Tile& s, const Tile& d) {
  const bool by_row = is_row_major(s) && is_row_major(d), by_col = is_col_major(s) && is_col_major(d);
  if ((!by_row && !by_col) || s.space != d.space) return;
  const std::int64_t width = element_bytes(d);
  const std::int64_t valid = by_row ? d.valid_cols : d.valid_rows, lines = by_row ? d.valid_rows : d.valid_cols;
  const std::int64_t end = block_end(valid, by_row ? std::min(s.cols, d.cols) : std::min(s.rows, d.rows), width);
  if (end <= valid || lines == 0 || s.address == d.address) return;
  for (std::int64_t line = 0; line < lines; ++line) {
    const std::int64_t from =
        s.address + (by_row ? element_offset(s, line, valid) : element_offset(s, valid, line)) * width;
    const std::int64_t to =
        d.address + (by_row ? element_offset(d, line, valid) : element_offset(d, valid, line)) * width;
    m.move_bytes(d.space, from, to, (end - valid) * width);
  }
}

bool tmov(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  if (is_cube_move(s, d)) return cube_move(m, i);
  const std::int64_t size = d.valid_rows * d.valid_cols * element_bytes(d);
  const std::byte* data = m.read(s, d.valid_rows, d.valid_cols, 0);
  if (!data) return false;
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(size, 8));
  std::memcpy(out, data, bytes(size));
  if (d.valid_rows > 0 && d.valid_cols > 0) move_block_tails(m, s, d);
  return finish(m, d, d.valid_rows, d.valid_cols, out);
}

}  // namespace

Body move_body(OpCode code) {
  switch (code) {
    case OpCode::tload:
    case OpCode::tprefetch:  // no effect but its staging tile's content (format 3.2)
      return tload;
    case OpCode::tstore:
      return tstore;
    case OpCode::tmov:
      return tmov;
    default:
      return nullptr;
  }
}

}  // namespace assay::sim
