// counts: how many slots of each expert are used.
#include <algorithm>
#include <numeric>

#include "harness/core/fills/fill_function.h"

namespace assay::fills {
namespace {

// Around nothing, a tile of 16 rows and everything: each once, ascending.
std::vector<std::int64_t> edges(std::int64_t max) {
  std::vector<std::int64_t> result;
  for (const std::int64_t edge :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{15}, std::int64_t{16}, std::int64_t{17}, max - 1, max})
    if (edge >= 0 && edge <= max) result.push_back(edge);
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

// 0 to count - 1, shuffled by the words of elements behind `first`.
std::vector<std::int64_t> shuffled(const Request& request, std::int64_t count, std::int64_t first) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i) {
    const PhiloxCounter words = request.random.block(static_cast<std::uint64_t>(first) + i);
    std::swap(order[i - 1], order[scale_to(words[0] | std::uint64_t{words[1]} << 32, i)]);
  }
  return order;
}

}  // namespace

// Without `experts`: every run of as many elements as there are edges of [0, max] holds each edge once, in an order of
// its own. With it: that many elements, drawn anywhere, hold max, and all others 0.
Result<void> counts(Request& request) {
  if (request.format() != nullptr) return request.refuse("counts are integers");
  const auto max = request.integer("max", 32, 1, std::min(integer_max(request.dtype()), std::int64_t{1} << 31));
  if (!max) return tl::unexpected(max.error());
  const std::int64_t size = request.tensor.size();
  const auto experts = request.integer("experts", 1, 1, std::max<std::int64_t>(size, 1));
  if (!experts) return tl::unexpected(experts.error());
  const auto set = [&](std::int64_t i, std::int64_t value) {
    request.tensor.set_bits(i, static_cast<std::uint64_t>(value));
  };
  if (request.has("experts")) {
    const auto order = shuffled(request, size, 0);
    for (std::int64_t i = 0; i < size; ++i) set(order[static_cast<std::size_t>(i)], i < *experts ? *max : 0);
    return {};
  }
  const auto values = edges(*max);
  const auto run = static_cast<std::int64_t>(values.size());
  for (std::int64_t first = 0; first < size; first += run) {
    const auto order = shuffled(request, run, first);
    for (std::int64_t i = first; i < std::min(first + run, size); ++i)
      set(i, values[static_cast<std::size_t>(order[static_cast<std::size_t>(i - first)])]);
  }
  return {};
}

}  // namespace assay::fills
