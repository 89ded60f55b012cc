// tci and the index form of tgather (pto-format 3.3).
#include <algorithm>

#include "harness/sim/ops/support.h"
#include "harness/sim/ops/table.h"

namespace assay::sim {
namespace {

using pto::OpCode;

// start + k, or start - k, over the k-th element of the valid rectangle; wraps in the element's width.
bool tci(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  const std::int64_t count = d.valid_rows * d.valid_cols;
  const std::uint64_t start = m.scalar(i.operands[0]), step = i.immediate == kDescending ? ~std::uint64_t{0} : 1;
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(count * 8, 8));
  visit_integer(d.dtype, [&](auto type) {
    using T = decltype(type);
    for (std::int64_t k = 0; k < count; ++k)
      reinterpret_cast<T*>(out)[k] = static_cast<T>(start + step * static_cast<std::uint64_t>(k));
    return true;
  });
  return finish(m, d, d.valid_rows, d.valid_cols, out);
}

bool tgather(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &s = m.tile(i.operands[0]), &indices = m.tile(i.operands[1]), &d = destination(m, i);
  const std::byte* data = m.read(indices, d.valid_rows, d.valid_cols, 0);
  if (!data) return false;
  const std::int64_t count = d.valid_rows * d.valid_cols;
  const auto width = static_cast<std::size_t>(element_bytes(d));
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(count * element_bytes(d), 8));
  const bool ok = visit_integer(indices.dtype, [&](auto type) {
    using T = decltype(type);
    for (std::int64_t k = 0; k < count; ++k) {
      const auto index = static_cast<std::int64_t>(reinterpret_cast<const T*>(data)[k]);
      std::uint64_t bits = 0;
      if (index < 0 || index >= s.rows * s.cols)
        return m.fault_at_tile("bounds",
                               fmt::format("index {} at ({},{}), the {} has {} elements", index, k / d.valid_cols,
                                           k % d.valid_cols, describe(s), s.rows * s.cols),
                               s);
      const Position at = position_of(s, index);
      if (!m.read_element(s, at.row, at.col, bits)) return false;
      std::memcpy(out + static_cast<std::size_t>(k) * width, &bits, width);
    }
    return true;
  });
  return ok && finish(m, d, d.valid_rows, d.valid_cols, out);
}

}  // namespace

Body index_body(OpCode code) {
  if (code == OpCode::tci) return tci;
  return code == OpCode::tgather ? tgather : nullptr;
}

}  // namespace assay::sim
