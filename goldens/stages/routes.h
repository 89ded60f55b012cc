// Where dispatch sends a token's routes (dsv4-chain 3.3). A route is (source rank, token, choice), in this order
// r = (source * T + t) * K + k over all ranks; within its source it is named t * K + k.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "goldens/chain/chain_profile.h"
#include "goldens/stages/stage.h"
#include "harness/core/error.h"
#include "harness/core/tensor.h"

namespace assay::goldens {

// The extents that dispatch and combine share.
struct RouteShape {
  std::size_t ranks = 0, tokens = 0, choices = 0;  // N, T, K
  std::size_t experts = 0, slots = 0;              // per rank: L, and rows of each: R
  std::size_t active = 0;                          // tokens of each rank that are sent, at most T

  std::size_t routes() const { return ranks * tokens * choices; }
  std::size_t source(std::size_t route) const { return route / (tokens * choices); }
  std::size_t token(std::size_t route) const { return route / choices % tokens; }
  std::size_t choice(std::size_t route) const { return route % choices; }
  // Row of the [N, L, R, ...] tensors.
  std::size_t row(std::size_t rank, std::size_t expert, std::size_t slot) const {
    return (rank * experts + expert) * slots + slot;
  }
};

// The row of a route that is not sent.
inline constexpr std::size_t kNoRow = std::numeric_limits<std::size_t>::max();

struct RouteTable {
  std::vector<std::size_t> row;      // per route: its row of [N, L, R], or kNoRow
  std::vector<std::int32_t> counts;  // [N, L]: rows in use, dense from slot 0 in the order of the routes
};

// `ids` is [N, T, K]: with local_ids in [0, L), sent to rank (source + k) mod N; with global_ids in [0, N * L), expert
// id mod L of rank id / L. Ids of tokens that are not sent are not looked at.
// Errors: an id out of range; more rows for an expert than R, which no kernel checks (fixtures reseed).
Result<RouteTable> route_table(const RouteShape& shape, RoutePolicy policy, const Tensor& ids);

// Option policy (local_ids or global_ids); `fallback` where absent.
Result<RoutePolicy> route_policy_option(const StageRequest& request, RoutePolicy fallback);

// Every element in [least, greatest], or an error that names the first one that is not: "recv_count[1,3] is -1, ...".
Result<void> check_range(std::string_view name, const Tensor& tensor, std::int64_t least, std::int64_t greatest);

// "[1,3]": the position of an element.
std::string position(const Shape& shape, std::int64_t index);

}  // namespace assay::goldens
