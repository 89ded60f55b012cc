#include "goldens/stages/routes.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

constexpr std::array<std::string_view, 2> kPolicies{"local_ids", "global_ids"};

}  // namespace

std::string position(const Shape& shape, std::int64_t index) {
  std::vector<std::int64_t> coordinates(shape.size());
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    coordinates[axis] = index % shape[axis];
    index /= shape[axis];
  }
  return fmt::format("[{}]", fmt::join(coordinates, ","));
}

Result<void> check_range(std::string_view name, const Tensor& tensor, std::int64_t least, std::int64_t greatest) {
  const auto values = tensor.as<std::int32_t>().first(static_cast<std::size_t>(tensor.size()));
  const auto found =
      std::ranges::find_if(values, [&](std::int32_t value) { return value < least || value > greatest; });
  if (found == values.end()) return {};
  return bad_input("{}{} is {}, expected {} to {}", name, position(tensor.shape(), found - values.begin()), *found,
                   least, greatest);
}

Result<RouteTable> route_table(const RouteShape& shape, RoutePolicy policy, const Tensor& ids) {
  const bool local = policy == RoutePolicy::local_ids;
  const auto experts = static_cast<std::int64_t>(local ? shape.experts : shape.ranks * shape.experts);
  const auto id = ids.as<std::int32_t>();
  RouteTable table{std::vector<std::size_t>(shape.routes(), kNoRow),
                   std::vector<std::int32_t>(shape.ranks * shape.experts, 0)};
  // Ascending routes are ascending (source, token, choice): the running count is the slot.
  for (std::size_t route = 0; route < shape.routes(); ++route) {
    if (shape.token(route) >= shape.active) continue;
    if (id[route] < 0 || id[route] >= experts)
      return bad_input("indices{} is {}, expected 0 to {}", position(ids.shape(), static_cast<std::int64_t>(route)),
                       id[route], experts - 1);
    const auto expert = static_cast<std::size_t>(id[route]);
    const std::size_t bank =
        local ? (shape.source(route) + shape.choice(route)) % shape.ranks * shape.experts + expert : expert;
    const auto slot = static_cast<std::size_t>(table.counts[bank]++);
    if (slot >= shape.slots)
      return bad_input("expert {} of rank {} receives more rows than its {} slots", bank % shape.experts,
                       bank / shape.experts, shape.slots);
    table.row[route] = bank * shape.slots + slot;
  }
  return table;
}

Result<RoutePolicy> route_policy_option(const StageRequest& request, RoutePolicy fallback) {
  const auto policy = option(request, "policy", kPolicies[static_cast<std::size_t>(fallback)], kPolicies);
  if (!policy) return tl::unexpected(policy.error());
  return *policy == "local_ids" ? RoutePolicy::local_ids : RoutePolicy::global_ids;
}

}  // namespace assay::goldens
