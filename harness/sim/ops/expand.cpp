// texpands, trowexpand, tcolexpand: one element, the first column, the first row over the destination's valid rectangle
// (pto-isa 2.1, 2.4). Elements move as bits.
#include <algorithm>

#include "harness/sim/ops/support.h"
#include "harness/sim/ops/table.h"

namespace assay::sim {
namespace {

using pto::OpCode;

template <class T, class Element>
void fill(const Tile& d, T* at, const Element& element) {
  for (std::int64_t row = 0; row < d.valid_rows; ++row)
    for (std::int64_t col = 0; col < d.valid_cols; ++col) std::memcpy(at++, element(row, col), sizeof(T));
}

template <class Element>
bool spread(Machine& m, const Tile& d, const Element& element) {
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(d.valid_rows * d.valid_cols * element_bytes(d), 8));
  switch (element_bytes(d)) {
    case 1:
      fill(d, reinterpret_cast<std::uint8_t*>(out), element);
      break;
    case 2:
      fill(d, reinterpret_cast<std::uint16_t*>(out), element);
      break;
    case 4:
      fill(d, reinterpret_cast<std::uint32_t*>(out), element);
      break;
    default:
      fill(d, reinterpret_cast<std::uint64_t*>(out), element);
  }
  return finish(m, d, d.valid_rows, d.valid_cols, out);
}

bool texpands(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  const std::uint64_t bits = element_for_tile(m.scalar(i.operands[0]), i.from_kind, d.dtype);
  return spread(m, d, [&](std::int64_t, std::int64_t) { return &bits; });
}

bool trowexpand(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  const std::byte* data = m.read(m.tile(i.operands[0]), d.valid_rows, d.valid_cols == 0 ? 0 : 1, 0);
  if (!data) return false;
  return spread(m, d, [&](std::int64_t row, std::int64_t) { return data + row * element_bytes(d); });
}

bool tcolexpand(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  const std::byte* data = m.read(m.tile(i.operands[0]), d.valid_rows == 0 ? 0 : 1, d.valid_cols, 0);
  if (!data) return false;
  return spread(m, d, [&](std::int64_t, std::int64_t col) { return data + col * element_bytes(d); });
}

}  // namespace

Body expand_body(OpCode code) {
  switch (code) {
    case OpCode::texpands:
      return texpands;
    case OpCode::trowexpand:
      return trowexpand;
    case OpCode::tcolexpand:
      return tcolexpand;
    default:
      return nullptr;
  }
}

}  // namespace assay::sim
