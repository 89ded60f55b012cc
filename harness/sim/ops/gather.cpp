// tgather in its three forms, tgatherb, tscatter: elements of one tile by another (format 3.3, isa 2.4). Elements move as
// bits; an index outside its tile is a broken rule.
#include <algorithm>

#include "harness/sim/ops/attributes.h"
#include "harness/sim/ops/spread.h"
#include "harness/sim/ops/table.h"

namespace assay::sim {
namespace {

using pto::OpCode;

std::size_t bytes(std::int64_t count) { return static_cast<std::size_t>(count); }

bool out_of_bounds(Machine& m, const Tile& tile, std::int64_t index, std::int64_t row, std::int64_t col) {
  return m.fault_at_tile("bounds",
                         fmt::format("index {} at ({},{}), the {} has {} elements", index, row, col, describe(tile),
                                     tile.rows * tile.cols),
                         tile);
}

// Calls visit(k, index) for the indices of the leading rectangle; stops when it is false.
template <class Visitor>
bool for_each_index(Machine& m, const Tile& indices, Extent extent, std::size_t stage, const Visitor& visit) {
  const std::byte* data = m.read(indices, extent.rows, extent.cols, stage);
  if (!data) return false;
  return visit_integer(indices.dtype, [&](auto type) {
    using T = decltype(type);
    for (std::int64_t k = 0; k < extent.rows * extent.cols; ++k)
      if (!visit(k, static_cast<std::int64_t>(reinterpret_cast<const T*>(data)[k]))) return false;
    return true;
  });
}

// dst[i,j] = src_flat[idx[i,j]].
bool by_index(Machine& m, const Instruction& i) {
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  const std::int64_t width = element_bytes(d);
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(d.valid_rows * d.valid_cols * width, 8));
  const auto take = [&](std::int64_t k, std::int64_t index) {
    if (index < 0 || index >= s.rows * s.cols)
      return out_of_bounds(m, s, index, k / d.valid_cols, k % d.valid_cols);
    std::uint64_t bits = 0;
    const Position at = position_of(s, index);
    if (!m.read_element(s, at.row, at.col, bits)) return false;
    std::memcpy(out + k * width, &bits, bytes(width));
    return true;
  };
  return for_each_index(m, m.tile(i.operands[1]), {d.valid_rows, d.valid_cols}, 0, take) &&
         finish(m, d, d.valid_rows, d.valid_cols, out);
}

// The elements at the set positions of every four, packed: along each row, or whole rows with axis "col".
bool by_mask(Machine& m, const Instruction& i, const GatherForm& form) {
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  const auto taken = [&](std::int64_t k) { return (form.pattern >> (k % 4) & 1U) != 0; };
  const std::int64_t along = form.by_column ? s.valid_rows : s.valid_cols;
  std::vector<std::int64_t> kept;
  for (std::int64_t k = 0; k < along; ++k)
    if (taken(k)) kept.push_back(k);
  const auto count = static_cast<std::int64_t>(kept.size());
  const Extent expected = form.by_column ? Extent{count, s.valid_cols} : Extent{s.valid_rows, count};
  if (d.valid_rows != expected.rows || d.valid_cols != expected.cols)
    return m.fault_at_tile("valid-mismatch",
                           fmt::format("the pattern takes {}x{} elements, the {} has {}x{} valid ones", expected.rows,
                                       expected.cols, describe(d), d.valid_rows, d.valid_cols),
                           d);
  const std::byte* data = m.read(s, s.valid_rows, s.valid_cols, 0);
  if (!data) return false;
  const std::int64_t width = element_bytes(d);
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(expected.rows * expected.cols * width, 8));
  std::byte* at = out;
  for (std::int64_t row = 0; row < expected.rows; ++row)
    for (std::int64_t col = 0; col < expected.cols; ++col, at += width) {
      const std::int64_t from = form.by_column ? kept[bytes(row)] * s.valid_cols + col
                                               : row * s.valid_cols + kept[bytes(col)];
      std::memcpy(at, data + from * width, bytes(width));
    }
  return finish(m, d, expected.rows, expected.cols, out);
}

// Row by row, the columns whose element compares true with k, plus the offset [assumed: indices count in their row], and
// how many they are. What lies behind them in the destination's row stays.
template <class T>
bool by_comparison(Machine& m, const Instruction& i, const GatherForm& form, const T* x, T k) {
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i), &counts = destination(m, i, 1);
  std::vector<std::vector<std::int32_t>> found(bytes(s.valid_rows));
  for (std::int64_t row = 0; row < s.valid_rows; ++row) {
    for (std::int64_t col = 0; col < s.valid_cols; ++col)
      if (compare(form.mode, x[row * s.valid_cols + col], k))
        found[bytes(row)].push_back(static_cast<std::int32_t>(col + form.offset));
    if (static_cast<std::int64_t>(found[bytes(row)].size()) > d.valid_cols)
      return m.fault_at_tile("bounds",
                             fmt::format("row {} has {} matches, the {} takes {} a row", row, found[bytes(row)].size(),
                                         describe(d), d.valid_cols),
                             d);
  }
  std::vector<std::int32_t> sizes;
  for (std::int64_t row = 0; row < s.valid_rows; ++row) {
    const auto& line = found[bytes(row)];
    for (std::size_t col = 0; col < line.size(); ++col)
      m.write_element(d, row, static_cast<std::int64_t>(col), static_cast<std::uint32_t>(line[col]));
    m.trace_tile(d, 1, static_cast<std::int64_t>(line.size()), reinterpret_cast<const std::byte*>(line.data()));
    sizes.push_back(static_cast<std::int32_t>(line.size()));
  }
  const bool down = counts.valid_cols == 1;
  return finish(m, counts, down ? s.valid_rows : std::min<std::int64_t>(s.valid_rows, 1), down ? 1 : s.valid_rows,
                reinterpret_cast<const std::byte*>(sizes.data()));
}

bool by_comparison(Machine& m, const Instruction& i, const GatherForm& form) {
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i), &counts = destination(m, i, 1);
  const bool fits = counts.valid_cols == 1 ? counts.valid_rows >= s.valid_rows
                                           : counts.valid_rows >= 1 && counts.valid_cols >= s.valid_rows;
  if (d.valid_rows != s.valid_rows || !fits)
    return m.fault_at_tile("valid-mismatch",
                           fmt::format("{} valid rows of the source, {} of the {}, {}x{} counts", s.valid_rows,
                                       d.valid_rows, describe(d), counts.valid_rows, counts.valid_cols),
                           d);
  const std::byte* data = m.read(s, s.valid_rows, s.valid_cols, 0);
  if (!data) return false;
  Spread k;
  spread_scalar(m, i, 1, s.dtype, 1, k);
  if (info(s.dtype).is_float)
    return by_comparison(m, i, form, widen(m, s.dtype, data, s.valid_rows * s.valid_cols, 0),
                         *widen(m, s.dtype, k.data, 1, 1));
  return visit_integer(s.dtype, [&](auto type) {
    using T = decltype(type);
    return by_comparison(m, i, form, reinterpret_cast<const T*>(data), *reinterpret_cast<const T*>(k.data));
  });
}

bool tgather(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const GatherForm form = GatherForm::unpack(i.immediate);
  switch (form.kind) {
    case GatherForm::Kind::mask:
      return by_mask(m, i, form);
    case GatherForm::Kind::compare:
      return by_comparison(m, i, form);
    default:
      return by_index(m, i);
  }
}

// dst[i,j] = the element `offset` bytes behind the source's first.
bool tgatherb(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  const std::int64_t width = element_bytes(d);
  if (s.box_rows != 0)
    return m.fault_at_tile("operand-layout", fmt::format("byte offsets into the boxed {}", describe(s)), s);
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(d.valid_rows * d.valid_cols * width, 8));
  const bool by_row = s.col_stride == 1;
  const std::int64_t line = by_row ? s.row_stride : s.col_stride, extent = by_row ? s.cols : s.rows;
  const auto take = [&](std::int64_t k, std::int64_t raw) {
    const auto offset = static_cast<std::int64_t>(static_cast<std::uint32_t>(raw));
    const std::int64_t row = k / d.valid_cols, col = k % d.valid_cols;
    if (offset % width != 0)
      return m.fault_at_tile(
          "alignment", fmt::format("byte offset {} at ({},{}) of elements of {} bytes", offset, row, col, width), s);
    const std::int64_t at = offset / width, major = at / line, minor = at % line;
    if (offset + width > span_bytes(s) || minor >= extent)
      return m.fault_at_tile("bounds",
                             fmt::format("byte offset {} at ({},{}), the {} has {} bytes", offset, row, col,
                                         describe(s), span_bytes(s)),
                             s);
    std::uint64_t bits = 0;
    if (!m.read_element(s, by_row ? major : minor, by_row ? minor : major, bits)) return false;
    std::memcpy(out + k * width, &bits, bytes(width));
    return true;
  };
  return for_each_index(m, m.tile(i.operands[1]), {d.valid_rows, d.valid_cols}, 0, take) &&
         finish(m, d, d.valid_rows, d.valid_cols, out);
}

// dst_flat[idx[i,j]] = src[i,j], in the order of rows, so that the last of several writers stays [assumed]; elements
// without an index keep what they held.
bool tscatter(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  const Extent extent{s.valid_rows, s.valid_cols};
  const std::int64_t width = element_bytes(d);
  const std::byte* data = m.read(s, extent.rows, extent.cols, 0);
  if (!data) return false;
  std::vector<std::int64_t> targets;
  targets.reserve(bytes(extent.rows * extent.cols));
  const auto check = [&](std::int64_t k, std::int64_t index) {
    if (index < 0 || index >= d.rows * d.cols) return out_of_bounds(m, d, index, k / extent.cols, k % extent.cols);
    targets.push_back(index);
    return true;
  };
  if (!for_each_index(m, m.tile(i.operands[1]), extent, 1, check)) return false;
  for (std::size_t k = 0; k < targets.size(); ++k) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, data + static_cast<std::int64_t>(k) * width, bytes(width));
    const Position at = position_of(d, targets[k]);
    m.write_element(d, at.row, at.col, bits);
  }
  m.trace_tile(d, extent.rows, extent.cols, data);
  return true;
}

}  // namespace

Body gather_body(OpCode code) {
  switch (code) {
    case OpCode::tgather:
      return tgather;
    case OpCode::tgatherb:
      return tgatherb;
    case OpCode::tscatter:
      return tscatter;
    default:
      return nullptr;
  }
}

}  // namespace assay::sim
