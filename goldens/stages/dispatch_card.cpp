// dispatch_card (dsv4-chain 3.3b, MID): one card's view of dispatch. Of its own tokens' routes it keeps those to its
// experts first_local .. first_local + L - 1, in the order (t, k):
//   e = id - first_local   recv_x[e,slot,:] = x_norm[t,:]   recv_scale = x_norm_scale[t]   recv_w = weights[t,k]
//   recv_token = t
// Unused slots of recv_scale, recv_w and recv_token are zeroed, those of recv_x are undefined: open. Copies of bits.
// Routes to other cards' experts leave no trace, so ids have no upper bound here.
#include <algorithm>
#include <limits>

#include "goldens/stages/chain_options.h"
#include "goldens/stages/dispatch_window.h"
#include "goldens/stages/registry.h"
#include "goldens/stages/routes.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

Result<GoldenMap> evaluate_dispatch_card(const StageRequest& request) {
  const Tensor &x = input(request, "x_norm"), &weights = input(request, "weights"), &ids = input(request, "indices");
  const Tensor& scale = input(request, "x_norm_scale");
  const auto window = window_shape(request, 1, x.shape()[1]);
  if (!window) return tl::unexpected(window.error());
  constexpr std::int64_t greatest_id = std::numeric_limits<std::int32_t>::max();
  if (auto checked = check_range("indices", ids, 0, greatest_id); !checked) return tl::unexpected(checked.error());
  const std::int64_t first = parameter(request, "first_local"), experts = (*window)[1], slots = (*window)[2];
  if (first < 0 || first > greatest_id)
    return bad_input("parameter first_local is {}, expected 0 to {}", first, greatest_id);

  const Shape window_of_card(window->begin() + 1, window->end());
  const Shape slots_of_card{experts, slots};
  ReceivedRows received_x(x.dtype(), window_of_card, 2), received_scale(DType::f32, slots_of_card, 2),
      received_w(DType::f32, slots_of_card, 2), received_token(DType::i32, slots_of_card, 2);
  Tensor counts(DType::i32, {experts});
  const auto used = counts.as<std::int32_t>();
  for (std::int64_t route = 0; route < ids.size(); ++route) {
    const std::int64_t expert = ids.as<std::int32_t>()[static_cast<std::size_t>(route)] - first;
    if (expert < 0 || expert >= experts) continue;
    const std::int64_t token = route / ids.shape()[1], slot = used[static_cast<std::size_t>(expert)]++;
    if (slot >= slots) return bad_input("expert {} receives more rows than its {} slots", first + expert, slots);
    const auto from = static_cast<std::size_t>(token), to = static_cast<std::size_t>(expert * slots + slot);
    received_x.copy(x, from, to);
    received_scale.copy(scale, from, to);
    received_w.copy(weights, static_cast<std::size_t>(route), to);
    received_token.put(static_cast<std::int32_t>(token), to);
  }
  for (ReceivedRows* rows : {&received_scale, &received_w, &received_token}) rows->zero_unwritten();
  GoldenMap outputs;
  outputs["recv_x"] = std::move(received_x).output();
  outputs["recv_scale"] = std::move(received_scale).output();
  outputs["recv_w"] = std::move(received_w).output();
  outputs["recv_token"] = std::move(received_token).output();
  outputs["recv_count"] = determined(std::move(counts));
  return outputs;
}

}  // namespace

Stage dispatch_card() {
  return {.name = "dispatch_card",
          .clause = "dsv4-chain 3.3b",
          .inputs = {{"x_norm", {DType::i8}, {"T", "D"}},
                     {"x_norm_scale", {DType::f32}, {"T", "1"}},
                     {"weights", {DType::f32}, {"T", "K"}},
                     {"indices", {DType::i32}, {"T", "K"}}},
          .outputs = {{"recv_x", {DType::i8}, {"L", "R", "D"}},
                      {"recv_scale", {DType::f32}, {"L", "R"}},
                      {"recv_w", {DType::f32}, {"L", "R"}},
                      {"recv_token", {DType::i32}, {"L", "R"}},
                      {"recv_count", {DType::i32}, {"L"}}},
          .parameters = {{"L"}, {"R"}, {"first_local", 0}},
          .options = {},
          .evaluate = evaluate_dispatch_card,
          .relations = {RowsRelation{"D"}, PowerOfTwoRelation{{{"weights", 1}}, {{"recv_w", 1}}},
                        PowerOfTwoRelation{{{"x_norm_scale", 1}}, {{"recv_scale", 1}}}}};
}

}  // namespace assay::goldens
