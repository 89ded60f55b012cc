// The window of global memory a transfer touches: the partition's leading rows and columns, its leading dimensions
// collapsed row by row (pto-format 3.2).
#pragma once

#include "harness/sim/machine.h"

namespace assay::sim {

// The rectangle lies in the partition, in the view behind it and in the tensor (rule "bounds").
bool check_window(Machine& m, const View& view, std::int64_t rows, std::int64_t cols);

// Calls visit(row, offset in elements of column 0 in the tensor, stride of columns). The window was checked.
template <class Visitor>
void for_each_row(const View& view, std::int64_t rows, std::int64_t cols, const Visitor& visit) {
  if (cols == 0) return;
  const std::size_t last = view.rank - 1;
  for (std::int64_t row = 0; row < rows; ++row) {
    std::int64_t rest = row, offset = view.base.offset;
    for (std::size_t d = last; d-- > 0;) {
      offset += rest % view.shape[d] * view.strides[d];
      rest /= view.shape[d];
    }
    visit(row, offset, view.strides[last]);
  }
}

// The window as one unboxed layout, where all its rows are equally far apart; element (0,0) stands at view.base.offset.
std::optional<Tile> plain_layout(const View& view, std::int64_t rows, std::int64_t cols);

}  // namespace assay::sim
