// dispatch (dsv4-chain 3.3a, 3.3c), all ranks at once: every route's row, weight and return address go to the slots of
// the expert it is for, dense from 0 in the order (source, t, k).
//   recv_x[dst,e,slot,:] = x_norm[source,t,:]   recv_w = weights[source,t,k]   recv_idx = t * K + k
//   recv_scale = x_norm_scale[source,t] where x_norm is INT8   recv_count[dst,e] = rows in use
// P772 sends choice k to rank (source + k) mod N and takes ids as local ones; MID and HEAD (and the EXDC protocol,
// which is policy=global_ids over BF16) take id / L and id mod L. HEAD's lanes per source are compacted by the receiver
// in the order of the sources, which gives the same layout. HEAD's tokens from num_tokens on send nothing: their ids
// are all 0 (3.2), and a lane of T rows has no room for K routes of one token to one expert. Copies of bits: nothing is
// rounded. Rows >= count hold stale contents of the window: open. Seed bug B11 sends every route to rank 0, which
// leaves the layer's output as it is where ranks share their weights; the counts and receive buffers here do not agree
// with it.
#include <algorithm>
#include <cstring>

#include "goldens/stages/chain_options.h"
#include "goldens/stages/dispatch_window.h"
#include "goldens/stages/registry.h"
#include "goldens/stages/routes.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

Result<GoldenMap> evaluate_dispatch(const StageRequest& request) {
  const auto profile = chain_profile_option(request);
  if (!profile) return tl::unexpected(profile.error());
  const auto policy = route_policy_option(request, profile->route_policy);
  if (!policy) return tl::unexpected(policy.error());
  const Tensor &x = input(request, "x_norm"), &weights = input(request, "weights"), &ids = input(request, "indices");
  if (auto checked = check_payload(x, optional_input(request, "x_norm_scale")); !checked)
    return tl::unexpected(checked.error());
  const auto window = window_shape(request, x.shape()[0], x.shape()[2]);
  if (!window) return tl::unexpected(window.error());
  const auto active = active_tokens(request, *profile, static_cast<std::size_t>(ids.shape()[1]));
  if (!active) return tl::unexpected(active.error());
  const RouteShape shape{.ranks = static_cast<std::size_t>(ids.shape()[0]),
                         .tokens = static_cast<std::size_t>(ids.shape()[1]),
                         .choices = static_cast<std::size_t>(ids.shape()[2]),
                         .experts = static_cast<std::size_t>((*window)[1]),
                         .slots = static_cast<std::size_t>((*window)[2]),
                         .active = *active};
  const auto table = route_table(shape, *policy, ids);
  if (!table) return tl::unexpected(table.error());

  ReceiveWindow received(x.dtype(), *window);
  const Tensor* scale = optional_input(request, "x_norm_scale");
  for (std::size_t route = 0; route < shape.routes(); ++route) {
    const std::size_t row = table->row[route];
    if (row == kNoRow) continue;
    const std::size_t token = shape.source(route) * shape.tokens + shape.token(route);
    received.x.copy(x, token, row);
    received.weight.copy(weights, route, row);
    if (scale) received.scale.copy(*scale, token, row);
    received.address.put(static_cast<std::int32_t>(shape.token(route) * shape.choices + shape.choice(route)), row);
  }
  GoldenMap outputs = std::move(received).outputs("recv_idx", scale != nullptr);
  Tensor counts(DType::i32, {(*window)[0], (*window)[1]});
  std::ranges::copy(table->counts, counts.as<std::int32_t>().begin());
  outputs["recv_count"] = determined(std::move(counts));
  return outputs;
}

}  // namespace

Stage dispatch() {
  return {.name = "dispatch",
          .clause = "dsv4-chain 3.3a, 3.3c",
          .inputs = {{"x_norm", {DType::bf16, DType::i8}, {"N", "T", "D"}},
                     {"x_norm_scale", {DType::f32}, {"N", "T", "1"}, true},
                     {"weights", {DType::f32}, {"N", "T", "K"}},
                     {"indices", {DType::i32}, {"N", "T", "K"}}},
          .outputs = {{"recv_x", {DType::bf16, DType::i8}, {"N", "L", "R", "D"}},
                      {"recv_scale", {DType::f32}, {"N", "L", "R"}, true},
                      {"recv_w", {DType::f32}, {"N", "L", "R"}},
                      {"recv_idx", {DType::i32}, {"N", "L", "R"}},
                      {"recv_count", {DType::i32}, {"N", "L"}}},
          .parameters = {{"L"}, {"R"}, {"num_tokens", kAllTokens}},  // num_tokens: of each rank, HEAD alone
          .options = {"profile", "policy"},
          .evaluate = evaluate_dispatch,
          .relations = {RowsRelation{"D"}, PowerOfTwoRelation{{{"weights", 1}}, {{"recv_w", 1}}},
                        PowerOfTwoRelation{{{"x_norm_scale", 1}}, {{"recv_scale", 1}}},
                        ConservedRelation{"recv_count", {"N", "T", "K"}, "num_tokens", "T"}}};
}

}  // namespace assay::goldens
