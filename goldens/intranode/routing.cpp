#include "goldens/intranode/routing.h"

#include <algorithm>
#include <array>
#include <limits>

#include "goldens/stages/support.h"

namespace assay::goldens::intranode {
namespace {

constexpr std::array<std::string_view, 3> kSentinel{"drop", "reject", "undefined"};

Result<InvalidIds> invalid_ids(const StageRequest& request) {
  const auto chosen = option(request, "sentinel", "reject", kSentinel);
  if (!chosen) return tl::unexpected(chosen.error());
  return *chosen == "drop" ? InvalidIds::drop : *chosen == "undefined" ? InvalidIds::undefined : InvalidIds::reject;
}

Result<std::vector<std::int64_t>> read_tokens(const StageRequest& request, const Geometry& geometry) {
  std::vector<std::int64_t> tokens;
  for (const std::int32_t count : input(request, "tokens").as<std::int32_t>()) {
    if (count < 0 || count > geometry.max_tokens)
      return bad_input("tokens[{}] is {}, expected 0 to M = {} (ep-dispatch-combine 1.1)", tokens.size(), count,
                       geometry.max_tokens);
    tokens.push_back(count);
  }
  return tokens;
}

std::int64_t id_at(const Tensor& indices, std::size_t at) {
  return indices.dtype() == DType::i64 ? indices.as<std::int64_t>()[at] : indices.as<std::int32_t>()[at];
}

// One source: its ids and its set of destinations.
Result<void> read_source(const Tensor& indices, InvalidIds policy, std::int64_t source, Routing& routing) {
  const Geometry& geometry = routing.geometry;
  for (std::int64_t j = 0; j < geometry.top_k; ++j) {
    const auto at = static_cast<std::size_t>(source * geometry.top_k + j);
    const std::int64_t wide = id_at(indices, at);
    const auto where = [&] {
      return fmt::format("indices[{}, {}, {}] is {}", source / geometry.max_tokens, source % geometry.max_tokens, j,
                         wide);
    };
    const auto id = static_cast<std::int32_t>(wide);
    if (id != wide) return bad_input("{}, which int32 does not hold (ep-dispatch-combine 1.1)", where());
    routing.ids[at] = id;
    if (const auto pe = routing.pe_of(id)) {
      routing.destinations[static_cast<std::size_t>(source)] |= static_cast<std::uint8_t>(1u << *pe);
      continue;
    }
    if (policy == InvalidIds::reject)
      return bad_input(
          "{}, expected 0 to {}; option sentinel=drop or undefined declares what the subject does with "
          "other ids (ep-dispatch-combine 1.3)",
          where(), geometry.experts() - 1);
    routing.undefined = routing.undefined || policy == InvalidIds::undefined;
  }
  return {};
}

}  // namespace

std::int64_t Routing::accepted_at(std::int64_t pe) const {
  return std::min(static_cast<std::int64_t>(candidates_of(pe).size()), geometry.receive_slots);
}

Result<Routing> read_routing(const StageRequest& request) {
  const auto geometry = read_geometry(request);
  if (!geometry) return tl::unexpected(geometry.error());
  const auto policy = invalid_ids(request);
  if (!policy) return tl::unexpected(policy.error());
  auto tokens = read_tokens(request, *geometry);
  if (!tokens) return tl::unexpected(tokens.error());
  Routing routing{*geometry, std::move(*tokens), {}, {}, {}};
  routing.ids.resize(static_cast<std::size_t>(geometry->sources() * geometry->top_k));
  routing.destinations.resize(static_cast<std::size_t>(geometry->sources()));
  routing.candidates.resize(static_cast<std::size_t>(geometry->ranks));
  for (std::int64_t rank = 0; rank < geometry->ranks; ++rank)
    for (std::int64_t t = 0; t < routing.tokens[static_cast<std::size_t>(rank)]; ++t) {
      const std::int64_t source = rank * geometry->max_tokens + t;
      if (auto read = read_source(input(request, "indices"), *policy, source, routing); !read)
        return tl::unexpected(read.error());
      for (std::size_t pe = 0; pe < routing.candidates.size(); ++pe)
        if (routing.destinations[static_cast<std::size_t>(source)] >> pe & 1)
          routing.candidates[pe].push_back(static_cast<std::int32_t>(source));
    }
  return routing;
}

std::optional<std::string> check_sources(const Routing& routing, std::int64_t pe,
                                         std::span<const std::int32_t> sources) {
  std::vector<std::uint8_t> seen(routing.destinations.size());
  for (std::size_t slot = 0; slot < sources.size(); ++slot) {
    const auto source = static_cast<std::size_t>(static_cast<std::uint32_t>(sources[slot]));
    if (source >= seen.size() || !(routing.destinations[source] >> pe & 1))
      return fmt::format("src[{}, {}] is {}, which does not send to PE {}", pe, slot, sources[slot], pe);
    if (seen[source]++) return fmt::format("src[{}, {}] is {} a second time", pe, slot, sources[slot]);
  }
  return std::nullopt;
}

std::vector<Arrivals> arrivals(const Routing& routing, const Tensor* source_map) {
  std::vector<Arrivals> result(static_cast<std::size_t>(routing.geometry.ranks));
  const auto slots = static_cast<std::size_t>(routing.geometry.receive_slots);
  for (std::size_t pe = 0; pe < result.size(); ++pe) {
    const auto count = static_cast<std::size_t>(routing.accepted_at(static_cast<std::int64_t>(pe)));
    std::span<const std::int32_t> sources = std::span(routing.candidates[pe]).first(count);
    result[pe].known = source_map != nullptr || routing.candidates[pe].size() <= 1;
    if (source_map != nullptr) {
      const auto given = source_map->as<std::int32_t>().subspan(pe * slots, count);
      if (!check_sources(routing, static_cast<std::int64_t>(pe), given)) sources = given;
    }
    result[pe].sources.assign(sources.begin(), sources.end());
  }
  return result;
}

}  // namespace assay::goldens::intranode
