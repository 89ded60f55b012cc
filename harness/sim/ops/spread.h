// How a source spreads over the destination's valid rectangle: in full, one element a row, one row, one scalar.
#pragma once

#include "harness/sim/ops/support.h"

namespace assay::sim {

// Element (row, col) of the destination takes data[row * row_step + column(col)].
struct Spread {
  const std::byte* data = nullptr;
  std::int64_t count = 0;     // elements at data
  std::int64_t row_step = 0;  // elements from one row to the next
  bool each_column = true;    // false: one element for the whole row
  std::int64_t block = 0;     // above 0: columns repeat with this period

  std::int64_t column(std::int64_t col) const { return !each_column ? 0 : block > 0 ? col % block : col; }
};

// The leading rectangle of the tile; false after a fault.
bool spread_tile(Machine& m, const Tile& tile, Extent extent, std::size_t stage, Spread& spread);
// The scalar operand as an element of the dtype.
void spread_scalar(Machine& m, const Instruction& i, std::size_t operand, DType dtype, std::size_t stage,
                   Spread& spread);
// Operand `k` of an elementwise operation: a tile over the extent, or a scalar.
bool spread_operand(Machine& m, const Instruction& i, std::size_t k, DType dtype, Extent extent, Spread& spread);

// Which of the two sources is the per-row operand: the one without the destination's valid shape, src1 when both have
// it (pto-format 3.3). False after a fault (rules "valid-mismatch", "operand-layout").
bool find_row_operand(Machine& m, const Instruction& i, std::size_t& expanded);

// Reads it: [R,1], one element per row, or row-major with a 32-byte block per row. Without a scratch operand the
// column-major form overwrites the machine's hidden scratch window first (pto-isa 1.2).
bool read_row_operand(Machine& m, const Instruction& i, std::size_t expanded, Spread& spread);

}  // namespace assay::sim
