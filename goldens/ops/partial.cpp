// Operations on mismatched valid shapes (isa 2.3): where one operand alone has an element, that element is the result.
#include <array>

#include "goldens/ops/element.h"
#include "goldens/ops/shape_ops.h"

namespace assay::goldens::ops {
namespace {

bool has(const TileValue& t, std::int64_t i, std::int64_t j) {
  return i < t.shape.valid_rows && j < t.shape.valid_cols;
}

template <Binary kind>
Elements partial(const TileOp& op) {
  const TileValue *a = op.tile(0), *b = op.tile(1);
  if (a == nullptr || b == nullptr) return op.refuse("the operands are tiles");
  return op.each([&](std::int64_t i, std::int64_t j) {
    if (has(*a, i, j) && has(*b, i, j)) return binary(kind, op.out().dtype, a->at(i, j), b->at(i, j), op.profile);
    if (has(*a, i, j)) return exactly(a->at(i, j));
    return has(*b, i, j) ? exactly(b->at(i, j)) : open_element();
  });
}

// The index beside the value that won. Operands: two values, two indices.
template <Binary kind>
Elements partial_index(const TileOp& op) {
  const TileValue *a = op.tile(0), *b = op.tile(1), *at = op.tile(2), *bt = op.tile(3);
  if (a == nullptr || b == nullptr || at == nullptr || bt == nullptr) return op.refuse("the operands are tiles");
  const DType dtype = a->shape.dtype;
  return op.each_of(op.second_out(), [&](std::int64_t i, std::int64_t j) {
    if (!has(*a, i, j) && !has(*b, i, j)) return open_element();
    if (!has(*b, i, j)) return exactly(at->at(i, j));
    if (!has(*a, i, j)) return exactly(bt->at(i, j));
    const Admissible winner = binary(kind, dtype, a->at(i, j), b->at(i, j), op.profile);
    if (at->at(i, j) == bt->at(i, j)) return exactly(at->at(i, j));
    if (winner.open || winner.lo != winner.hi || a->at(i, j) == b->at(i, j)) return open_element();
    return exactly(winner.lo == a->at(i, j) ? at->at(i, j) : bt->at(i, j));
  });
}

constexpr std::array kRows{
    TileOpRow{"tpartadd", 2, partial<Binary::add>},
    TileOpRow{"tpartmul", 2, partial<Binary::multiply>},
    TileOpRow{"tpartmax", 2, partial<Binary::maximum>},
    TileOpRow{"tpartmin", 2, partial<Binary::minimum>},
    TileOpRow{"tpartargmax", 4, partial<Binary::maximum>, partial_index<Binary::maximum>},
    TileOpRow{"tpartargmin", 4, partial<Binary::minimum>, partial_index<Binary::minimum>},
};

}  // namespace

std::span<const TileOpRow> partial_rows() { return kRows; }

}  // namespace assay::goldens::ops
