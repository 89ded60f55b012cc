#include "goldens/intranode/contributions.h"

#include <algorithm>

#include "goldens/stages/support.h"

namespace assay::goldens::intranode {
namespace {

Result<std::vector<Arrivals>> read_arrivals(const StageRequest& request, const Routing& routing) {
  const Geometry& geometry = routing.geometry;
  const Tensor& src = input(request, "src");
  const std::int64_t slots = geometry.receive_slots;
  if (src.shape()[1] != slots)
    return bad_input("'src' has {} slots per PE, expected R = {} (ep-dispatch-combine 1.2)", src.shape()[1], slots);
  if (routing.undefined) return arrivals(routing, nullptr);
  for (std::int64_t pe = 0; pe < geometry.ranks; ++pe) {
    const std::int64_t count = input(request, "total_recv").as<std::int32_t>()[static_cast<std::size_t>(pe)];
    if (count != routing.accepted_at(pe))
      return bad_input("total_recv[{}] is {}, expected {} (ep-dispatch-combine 1.2)", pe, count,
                       routing.accepted_at(pe));
    const auto sources =
        src.as<std::int32_t>().subspan(static_cast<std::size_t>(pe * slots), static_cast<std::size_t>(count));
    if (const auto reason = check_sources(routing, pe, sources))
      return bad_input("{} (ep-dispatch-combine 1.3)", *reason);
  }
  return arrivals(routing, &src);
}

Result<std::vector<std::int64_t>> combined_rows(const StageRequest& request, const Routing& routing) {
  std::vector<std::int64_t> rows = routing.tokens;
  const Tensor* current = optional_input(request, "cur_tok");
  for (std::size_t rank = 0; current != nullptr && rank < rows.size(); ++rank) {
    const std::int64_t count = current->as<std::int32_t>()[rank];
    if (count < 0 || count > routing.geometry.max_tokens)
      return bad_input("cur_tok[{}] is {}, expected 0 to M = {} (ep-dispatch-combine 1.5)", rank, count,
                       routing.geometry.max_tokens);
    rows[rank] = std::min(rows[rank], count);
  }
  return rows;
}

}  // namespace

Result<Accepted> Accepted::read(const StageRequest& request) {
  Accepted result;
  auto routing = read_routing(request);
  if (!routing) return tl::unexpected(routing.error());
  result.routing_ = std::move(*routing);
  auto arrived = read_arrivals(request, result.routing_);
  if (!arrived) return tl::unexpected(arrived.error());
  result.arrived_ = std::move(*arrived);
  auto combined = combined_rows(request, result.routing_);
  if (!combined) return tl::unexpected(combined.error());
  result.combined_ = std::move(*combined);
  for (const Arrivals& arrived_here : result.arrived_) {
    std::vector<std::int32_t>& slots = result.slots_.emplace_back(result.routing_.destinations.size(), -1);
    for (std::size_t slot = 0; slot < arrived_here.sources.size(); ++slot)
      slots[static_cast<std::size_t>(arrived_here.sources[slot])] = static_cast<std::int32_t>(slot);
  }
  return result;
}

bool Accepted::is_combined(std::int64_t source) const {
  const std::int64_t tokens = routing_.geometry.max_tokens;
  return !routing_.undefined && source % tokens < combined_[static_cast<std::size_t>(source / tokens)];
}

std::vector<Contribution> Accepted::contributions(std::int64_t source) const {
  std::vector<Contribution> result;
  unsigned seen = 0;
  for (const std::int32_t id : routing_.ids_of(source)) {
    const auto owner = routing_.pe_of(id);
    if (!owner || (seen >> *owner & 1)) continue;
    seen |= 1u << *owner;
    const auto pe = static_cast<std::size_t>(*owner);
    const std::int32_t slot = slots_[pe][static_cast<std::size_t>(source)];
    if (slot >= 0) result.push_back({pe, static_cast<std::size_t>(slot)});
  }
  return result;
}

}  // namespace assay::goldens::intranode
