#include "harness/sim/ops/window.h"

#include <algorithm>

namespace assay::sim {
namespace {

bool outside(Machine& m, const View& view, const std::string& message) {
  return m.fault("bounds", message, view.made_by ? view.made_by->location : m.function().location);
}

// Extents of each dimension that the leading rows and columns reach.
std::array<std::int64_t, kMaxRank> reached(const View& view, std::int64_t rows, std::int64_t cols) {
  std::array<std::int64_t, kMaxRank> extent{};
  extent[view.rank - 1] = cols;
  std::int64_t last = rows - 1;  // index of the last row, taken apart from the innermost dimension outwards
  bool wraps = false;
  for (std::size_t d = view.rank - 1; d-- > 0;) {
    const std::int64_t outer = last / view.shape[d];
    wraps = outer > 0;
    extent[d] = wraps ? view.shape[d] : last % view.shape[d] + 1;
    last = outer;
  }
  return extent;
}

}  // namespace

bool check_window(Machine& m, const View& view, std::int64_t rows, std::int64_t cols) {
  if (rows == 0 || cols == 0 || !m.checks_accesses()) return true;
  __int128 view_rows = 1;
  for (std::size_t d = 0; d + 1 < view.rank; ++d) view_rows = std::min<__int128>(view_rows * view.shape[d], INT64_MAX);
  const std::int64_t view_cols = view.shape[view.rank - 1];
  if (rows > view_rows || cols > view_cols)
    return outside(m, view,
                   fmt::format("moves {}x{} elements of a partition of {}x{}", rows, cols,
                               static_cast<std::int64_t>(view_rows), view_cols));
  const std::array<std::int64_t, kMaxRank> extent = reached(view, rows, cols);
  __int128 least = view.base.offset, most = view.base.offset;
  for (std::size_t d = 0; d < view.rank; ++d) {
    if (extent[d] > view.limits[d])
      return outside(
          m, view,
          fmt::format("dimension {} of the partition reaches {} elements from its offset, where its view has {} left",
                      d, extent[d], std::max<std::int64_t>(view.limits[d], 0)));
    const __int128 reach = static_cast<__int128>(extent[d] - 1) * view.strides[d];
    (reach < 0 ? least : most) += reach;
  }
  if (view.base.tensor == kNoTensor) return outside(m, view, "a view of no tensor");
  const Machine::Elements elements = m.elements(view.base.tensor, view.base.element);
  const std::int64_t width = std::max<std::int64_t>(info(view.base.element).bits / 8, 1);
  const auto shown = [](__int128 value) {
    return static_cast<std::int64_t>(std::clamp<__int128>(value, INT64_MIN, INT64_MAX));
  };
  if (elements.has(least) && elements.has(most)) {
    const device::Placement placement = m.placement(view.base.tensor);
    const std::int64_t begin = static_cast<std::int64_t>(least) * width;
    const std::int64_t end = static_cast<std::int64_t>(most + 1) * width;
    if (placement.slice == 0 || placement.rank_of(begin) == placement.rank_of(end - 1)) return true;
    return outside(m, view,
                   fmt::format("bytes {} to {} of symmetric memory, of which every rank has {}, reach from rank {} "
                               "into rank {}",
                               begin - placement.front, end - placement.front, placement.slice,
                               placement.rank_of(begin), placement.rank_of(end - 1)));
  }
  const Place where = m.place_of(view.base.tensor, view.base.offset * width);
  const std::int64_t first = where.origin / width;
  return outside(m, view,
                 fmt::format("elements {} to {} of {}, where memory runs from {} to {} ({})", shown(least - first),
                             shown(most - first), where.name, elements.begin - first, elements.end - first,
                             name(view.base.element)));
}

std::optional<Tile> plain_layout(const View& view, std::int64_t rows, std::int64_t cols) {
  if (view.rank > 2 && rows > view.shape[view.rank - 2]) return std::nullopt;
  Tile layout;
  layout.dtype = view.base.element;
  layout.rows = rows;
  layout.cols = cols;
  layout.row_stride = view.rank > 1 ? view.strides[view.rank - 2] : 0;
  layout.col_stride = view.strides[view.rank - 1];
  return layout;
}

}  // namespace assay::sim
