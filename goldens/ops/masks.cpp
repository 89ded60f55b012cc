// Comparisons into packed masks and selection by them (isa 2.3): bit j mod 8 of byte j / 8 of a mask's row belongs to
// element j of that row.
#include <array>

#include "goldens/ops/element.h"
#include "goldens/ops/shape_ops.h"

namespace assay::goldens::ops {
namespace {

Elements compare(const TileOp& op) {
  const TileValue* a = op.tile(0);
  if (a == nullptr) return op.refuse("the first operand is a tile");
  std::string_view mode = op.attribute("cmpMode");
  if (mode.empty()) mode = "eq";
  const std::int64_t n = a->shape.valid_cols;
  return op.each([&](std::int64_t i, std::int64_t j) {
    if (8 * j >= n) return open_element();
    Admissible byte = exactly(0);
    byte.care = 0;
    for (std::int64_t k = 0; k < 8 && 8 * j + k < n; ++k) {
      byte.care |= std::uint64_t{1} << k;
      if (comparison_holds(mode, a->shape.dtype, a->at(i, 8 * j + k), op.at(1, i, 8 * j + k)))
        byte.lo |= std::uint64_t{1} << k;
    }
    byte.hi = byte.lo;
    return byte;
  });
}

bool selected(const TileValue& mask, std::int64_t i, std::int64_t j) { return (mask.at(i, j / 8) >> (j % 8) & 1) != 0; }

// The second operand where the mask is set, else the third.
Elements select(const TileOp& op) {
  const TileValue* mask = op.tile(0);
  if (mask == nullptr || mask->shape.rows < op.out().valid_rows || 8 * mask->shape.cols < op.out().valid_cols)
    return op.refuse("the mask has a bit for every element");
  return op.each([&](std::int64_t i, std::int64_t j) { return exactly(op.at(selected(*mask, i, j) ? 1 : 2, i, j)); });
}

constexpr std::array kRows{
    TileOpRow{"tcmp", 2, compare},
    TileOpRow{"tcmps", 2, compare},
    TileOpRow{"tsel", 3, select},
    TileOpRow{"tsels", 3, select},
};

}  // namespace

bool comparison_holds(std::string_view mode, DType dtype, std::uint64_t a, std::uint64_t b) {
  const Number x = decode(dtype, a), y = decode(dtype, b);
  if (x.is_nan() || y.is_nan()) return mode == "ne";
  const auto size = [](const Number& n) { return n.is_infinite() ? Dyadic{n.negative ? -1 : 1, 1000} : n.value; };
  const auto order = size(x) <=> size(y);
  if (mode == "eq") return order == 0;
  if (mode == "ne") return order != 0;
  if (mode == "lt") return order < 0;
  if (mode == "le") return order <= 0;
  if (mode == "gt") return order > 0;
  return order >= 0;
}

std::span<const TileOpRow> mask_rows() { return kRows; }

}  // namespace assay::goldens::ops
