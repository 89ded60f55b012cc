// How a source spreads over the destination's valid rectangle, and the per-row operand of the row expansions.
#pragma once

#include "harness/sim/machine.h"

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

// Which of the two sources is the per-row operand: the one without the destination's valid shape, src1 when both have
// it (pto-format 3.3). False after a fault (rules "valid-mismatch", "operand-layout").
bool find_row_operand(Machine& m, const Instruction& i, std::size_t& expanded);

// Reads it: [R,1], one element per row, or row-major with a 32-byte block per row. Without a scratch operand the
// column-major form overwrites the machine's hidden scratch window first (pto-isa 1.2).
bool read_row_operand(Machine& m, const Instruction& i, std::size_t expanded, Spread& spread);

}  // namespace assay::sim
