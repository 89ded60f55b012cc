// tfillpad, tconcat, ttrans: elements move unchanged (pto-format 3.1, 3.3; pto-isa 2.1).
#include <algorithm>

#include "harness/sim/ops/support.h"
#include "harness/sim/ops/table.h"

namespace assay::sim {
namespace {

using pto::OpCode;

std::size_t bytes(std::int64_t count) { return static_cast<std::size_t>(count); }

// The source's valid rectangle, then the destination's pad value over the rest of its valid rectangle.
bool tfillpad(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  if (d.pad == pto::Pad::null)
    return m.fault_at_tile("null-pad", fmt::format("the {} has no pad value to fill with (pto-isa 1.6)", describe(d)),
                           d);
  const std::int64_t rows = std::min(s.valid_rows, d.valid_rows), cols = std::min(s.valid_cols, d.valid_cols);
  const std::byte* data = m.read(s, rows, cols, 0);
  if (!data) return false;
  const std::int64_t width = element_bytes(d);
  const std::uint64_t pad = pad_bits(d.dtype, d.pad, m.profile().float_pad_is_infinite);
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(d.valid_rows * d.valid_cols * width, 8));
  for (std::int64_t row = 0; row < d.valid_rows; ++row) {
    std::byte* line = out + row * d.valid_cols * width;
    const std::int64_t kept = row < rows ? cols : 0;
    if (kept > 0) std::memcpy(line, data + row * cols * width, bytes(kept * width));
    for (std::int64_t col = kept; col < d.valid_cols; ++col) std::memcpy(line + col * width, &pad, bytes(width));
  }
  return finish(m, d, d.valid_rows, d.valid_cols, out);
}

// The same, where source and destination are one storage.
bool tfillpad_inplace(Machine& m, const Instruction& i) {
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  if (s.space == d.space && s.address == d.address && s.row_stride == d.row_stride && s.col_stride == d.col_stride)
    return tfillpad(m, i);
  return m.fault_at_tile("illegal-operand",
                         fmt::format("{} is filled in place of the {}, which is another storage", describe(d),
                                     describe(s)),
                         s);
}

// The columns of both sources side by side.
bool tconcat(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &a = m.tile(i.operands[0]), &b = m.tile(i.operands[1]), &d = destination(m, i);
  if (a.valid_cols + b.valid_cols != d.valid_cols)
    return m.fault_at_tile("valid-mismatch",
                           fmt::format("{} and {} valid columns make {}, the {} has {}", a.valid_cols, b.valid_cols,
                                       a.valid_cols + b.valid_cols, describe(d), d.valid_cols),
                           d);
  const std::int64_t width = element_bytes(d), rows = d.valid_rows;
  const std::byte* left = m.read(a, rows, a.valid_cols, 0);
  const std::byte* right = left ? m.read(b, rows, b.valid_cols, 1) : nullptr;
  if (!right) return false;
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(rows * d.valid_cols * width, 8));
  for (std::int64_t row = 0; row < rows; ++row) {
    std::byte* line = out + row * d.valid_cols * width;
    std::memcpy(line, left + row * a.valid_cols * width, bytes(a.valid_cols * width));
    std::memcpy(line + a.valid_cols * width, right + row * b.valid_cols * width, bytes(b.valid_cols * width));
  }
  return finish(m, d, rows, d.valid_cols, out);
}

bool ttrans(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  const std::byte* data = m.read(m.tile(i.operands[0]), d.valid_cols, d.valid_rows, 0);
  if (!data) return false;
  const std::int64_t width = element_bytes(d);
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(d.valid_rows * d.valid_cols * width, 8));
  for (std::int64_t row = 0; row < d.valid_rows; ++row)
    for (std::int64_t col = 0; col < d.valid_cols; ++col)
      std::memcpy(out + (row * d.valid_cols + col) * width, data + (col * d.valid_rows + row) * width, bytes(width));
  return finish(m, d, d.valid_rows, d.valid_cols, out);
}

}  // namespace

Body layout_body(OpCode code) {
  switch (code) {
    case OpCode::tfillpad:
    case OpCode::tfillpad_expand:
      return tfillpad;
    case OpCode::tfillpad_inplace:
      return tfillpad_inplace;
    case OpCode::tconcat:
      return tconcat;
    case OpCode::ttrans:
      return ttrans;
    default:
      return nullptr;
  }
}

}  // namespace assay::sim
