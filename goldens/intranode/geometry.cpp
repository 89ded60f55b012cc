#include "goldens/intranode/geometry.h"

#include <algorithm>
#include <limits>

#include "goldens/stages/support.h"

namespace assay::goldens::intranode {
namespace {

constexpr std::int64_t kMostRanks = 8;  // one node
constexpr std::int64_t kLargestK = 64;  // one lane of a wavefront per expert of a token
constexpr std::int64_t kRowBytes = 16;  // the unit of copies
constexpr std::int64_t kLargestId = std::numeric_limits<std::int32_t>::max();

Result<void> check_range(std::string_view field, std::int64_t value, std::int64_t most) {
  if (value >= 1 && value <= most) return {};
  return bad_input("{} is {}, expected 1 to {} (ep-dispatch-combine 1.1)", field, value, most);
}

Result<void> check_cap(std::int64_t cap, std::int64_t ranks) {
  if (cap == 0 || cap >= ranks) return {};
  return bad_input("cap is {}, expected 0 (off) or at least ws = {} (ep-dispatch-combine 1.1)", cap, ranks);
}

}  // namespace

Result<Geometry> read_geometry(const StageRequest& request) {
  const Shape& shape = input(request, "indices").shape();
  const std::int64_t cap = parameter(request, "cap");
  Geometry geometry;
  geometry.ranks = shape[0];
  geometry.max_tokens = shape[1];
  geometry.top_k = shape[2];
  geometry.experts_per_rank = parameter(request, "epr");
  if (auto checked = check_range("ws", geometry.ranks, kMostRanks); !checked) return tl::unexpected(checked.error());
  const std::int64_t most_per_rank = kLargestId / geometry.ranks;
  if (auto checked = check_range("M", geometry.max_tokens, most_per_rank); !checked)
    return tl::unexpected(checked.error());
  if (auto checked = check_range("k", geometry.top_k, kLargestK); !checked) return tl::unexpected(checked.error());
  if (auto checked = check_range("epr", geometry.experts_per_rank, most_per_rank); !checked)
    return tl::unexpected(checked.error());
  if (auto checked = check_cap(cap, geometry.ranks); !checked) return tl::unexpected(checked.error());
  const std::int64_t rounded_up = cap / geometry.ranks + (cap % geometry.ranks == 0 ? 0 : 1);
  const std::int64_t share = cap == 0 ? geometry.max_tokens : std::min(rounded_up, geometry.max_tokens);
  geometry.receive_slots = geometry.ranks * share;
  return geometry;
}

Result<void> check_row_bytes(std::string_view tensor, DType dtype, std::int64_t columns) {
  const std::int64_t bits = columns * info(dtype).bits;
  if (bits > 0 && bits % (8 * kRowBytes) == 0) return {};
  return bad_input(
      "a row of '{}' is {} {} elements, {} bits; expected a positive multiple of {} bytes "
      "(ep-dispatch-combine 1.1)",
      tensor, columns, name(dtype), bits, kRowBytes);
}

}  // namespace assay::goldens::intranode
