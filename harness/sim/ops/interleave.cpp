// tinterleave, tdeinterleave, tpairreducesum: neighbouring elements of a row (isa 2.4).
#include <algorithm>

#include "harness/sim/ops/support.h"
#include "harness/sim/ops/table.h"

namespace assay::sim {
namespace {

using pto::OpCode;

std::size_t bytes(std::int64_t count) { return static_cast<std::size_t>(count); }

bool same_shape(Machine& m, const Tile& d, const Tile& other) {
  if (d.valid_rows == other.valid_rows && d.valid_cols == other.valid_cols && d.valid_cols % 2 == 0) return true;
  return m.fault_at_tile("valid-mismatch",
                         fmt::format("valid shapes {}x{} and {}x{}, expected equal ones with an even number of columns",
                                     d.valid_rows, d.valid_cols, other.valid_rows, other.valid_cols),
                         other);
}

// A row of the sources as one stream of 2n elements: alternating when interleaving, one after the other when not. The
// destinations take its halves, or its even and its odd elements.
template <bool kInterleave>
bool shuffle(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  const Tile* tiles[] = {&m.tile(i.operands[0]), &m.tile(i.operands[1]), &d, &destination(m, i, 1)};
  for (const Tile* tile : tiles)
    if (!same_shape(m, d, *tile)) return false;
  const std::int64_t rows = d.valid_rows, cols = d.valid_cols, width = element_bytes(d);
  const std::byte* sources[2];
  for (std::size_t k = 0; k < 2; ++k)
    if (!(sources[k] = m.read(*tiles[k], rows, cols, k))) return false;
  std::byte* outs[] = {m.staging(2, std::max<std::int64_t>(rows * cols * width, 8)),
                       m.staging(kOutputStage, std::max<std::int64_t>(rows * cols * width, 8))};
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t n = 0; n < 2 * cols; ++n) {
      const std::int64_t alternating = row * cols + n / 2, half = row * cols + n % cols;
      const auto parity = bytes(n % 2), part = bytes(n / cols);
      if (kInterleave)
        std::memcpy(outs[part] + half * width, sources[parity] + alternating * width, bytes(width));
      else
        std::memcpy(outs[parity] + alternating * width, sources[part] + half * width, bytes(width));
    }
  return finish(m, d, rows, cols, outs[0]) && finish(m, *tiles[3], rows, cols, outs[1]);
}

// dst[i,j] = src[i,2j] + src[i,2j+1]. The destination's valid columns are the pairs, or, as the device has it, the
// source's columns, of which the first half is written.
bool tpairreducesum(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  const std::int64_t rows = d.valid_rows, pairs = s.valid_cols / 2;
  if (s.valid_rows != rows || (d.valid_cols != pairs && d.valid_cols != s.valid_cols))
    return m.fault_at_tile("valid-mismatch",
                           fmt::format("{}x{} valid elements give {}x{} sums, the {} has {}x{}", s.valid_rows,
                                       s.valid_cols, s.valid_rows, pairs, describe(d), rows, d.valid_cols),
                           d);
  const std::byte* data = m.read(s, rows, 2 * pairs, 0);
  if (!data) return false;
  const float* x = widen(m, d.dtype, data, rows * 2 * pairs, 0);
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(rows * pairs * 4, 8));
  auto* sums = reinterpret_cast<float*>(out);
  for (std::int64_t k = 0; k < rows * pairs; ++k) sums[k] = quiet(x[2 * k] + x[2 * k + 1]);
  if (d.dtype == DType::f32) flush(m, sums, rows * pairs);
  narrow(d.dtype, sums, rows * pairs, out);
  return finish(m, d, rows, pairs, out);
}

}  // namespace

Body interleave_body(OpCode code) {
  switch (code) {
    case OpCode::tinterleave:
      return shuffle<true>;
    case OpCode::tdeinterleave:
      return shuffle<false>;
    case OpCode::tpairreducesum:
      return tpairreducesum;
    default:
      return nullptr;
  }
}

}  // namespace assay::sim
