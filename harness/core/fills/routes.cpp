// routes: which experts tokens go to.
#include <algorithm>

#include "harness/core/fills/fill_function.h"

namespace assay::fills {

// Rows of distinct integers below `experts`, every choice of them alike. With `hot` the first of every row is that one.
Result<void> routes(Request& request) {
  if (request.format() != nullptr) return request.refuse("expert ids are integers");
  const std::int64_t greatest = integer_max(request.dtype()), choices = request.columns();
  if (!request.has("experts")) return request.refuse("argument 'experts' is missing");
  const auto experts = request.integer("experts", 1, 1, greatest);
  if (!experts) return tl::unexpected(experts.error());
  const auto hot = request.integer("hot", -1, -1, *experts - 1);
  if (!hot) return tl::unexpected(hot.error());
  if (choices > *experts) return request.refuse("rows of {} distinct ids, of {} experts", choices, *experts);
  std::vector<std::int64_t> taken;  // of the row, ascending
  for (std::int64_t i = 0; i < request.tensor.size(); ++i) {
    if (i % choices == 0) taken.clear();
    const auto left = static_cast<std::uint64_t>(*experts - static_cast<std::int64_t>(taken.size()));
    auto id = static_cast<std::int64_t>(scale_to(request.random.bits(static_cast<std::uint64_t>(i)), left));
    for (const std::int64_t other : taken) id += other <= id ? 1 : 0;
    if (*hot >= 0 && i % choices == 0) id = *hot;
    taken.insert(std::upper_bound(taken.begin(), taken.end(), id), id);
    request.tensor.set_bits(i, encode(request.dtype(), {id, 0}));
  }
  return {};
}

}  // namespace assay::fills
