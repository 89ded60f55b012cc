#include "goldens/stages/several_outputs.h"

#include <algorithm>
#include <cmath>

namespace assay::goldens {

std::vector<std::uint8_t> clear_non_finite_rows(std::span<float> rows, std::size_t columns) {
  std::vector<std::uint8_t> cleared(rows.size() / columns);
  for (std::size_t row = 0; row < cleared.size(); ++row) {
    const auto elements = rows.subspan(row * columns, columns);
    if (std::ranges::all_of(elements, [](float x) { return std::isfinite(x); })) continue;
    std::ranges::fill(elements, 0.0F);
    cleared[row] = 1;
  }
  return cleared;
}

}  // namespace assay::goldens
