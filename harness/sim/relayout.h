// Copies of elements between two layouts (pto-isa 1.3): piece by piece where both hold elements side by side, boxes as
// a whole where both have the same ones.
#pragma once

#include "harness/sim/tile.h"

namespace assay::sim {

// A layout and the bytes of its element (0,0). Global memory and dense rows are unboxed tiles.
struct ConstLaidOut {
  const Tile& layout;
  const std::byte* data;
};
struct LaidOut {
  const Tile& layout;
  std::byte* data;
};

// Elements (0,0) to (rows-1, cols-1), as bits. The element widths agree; the bytes do not overlap.
void relayout(const ConstLaidOut& from, const LaidOut& to, std::int64_t rows, std::int64_t cols);

// The same, element by element: what relayout is tested against.
void plain_relayout(const ConstLaidOut& from, const LaidOut& to, std::int64_t rows, std::int64_t cols);

}  // namespace assay::sim
