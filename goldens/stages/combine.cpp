// combine (dsv4-chain 3.6), all ranks at once: each route's row of recv_y returns to its token, and a token's rows are
// added in float32, k ascending.
//   P772: routed_y[t] = ((0 + y[t,0]) + y[t,1]) + ...                     float32
//   HEAD: ffn_out[t] = bf16_rint(((sh[t] + y[t,0]) + y[t,1]) + ...); ffn_out = sh for tokens >= num_tokens
// The rows that came from a rank are those that dispatch gave its routes (3.3a); which of its routes each answers is
// read from recv_idx. Where two rows answer the same route, or none does, or recv_count is not what the ids ask for,
// the token's result depends on a race or on stale contents: open. The order is specified and there is no product: only
// flushed subnormals leave freedom. Infinities and NaN follow IEEE 754.
#include <algorithm>
#include <optional>

#include "goldens/formats/bf16.h"
#include "goldens/parallel.h"
#include "goldens/stages/chain_options.h"
#include "goldens/stages/registry.h"
#include "goldens/stages/routes.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

// The row of recv_y that answers each route; nothing where that is open.
using Answers = std::vector<std::optional<std::size_t>>;

Answers find_answers(const RouteShape& shape, const RouteTable& table, const Tensor& recv_idx,
                     const Tensor& recv_count) {
  const auto count = recv_count.as<std::int32_t>();
  const auto address = recv_idx.as<std::int32_t>();
  const std::size_t per_source = shape.tokens * shape.choices;
  Answers answers(shape.routes());
  std::vector<std::uint8_t> times(shape.routes(), 0);
  for (std::size_t route = 0; route < shape.routes(); ++route) {
    const std::size_t row = table.row[route];
    if (row == kNoRow) continue;
    const std::size_t bank = row / shape.slots;
    const std::size_t answered = shape.source(route) * per_source + static_cast<std::size_t>(address[row]);
    if (times[answered] < 2) ++times[answered];
    if (count[bank] == table.counts[bank]) answers[answered] = row;
  }
  for (std::size_t route = 0; route < shape.routes(); ++route)
    if (times[route] != 1) answers[route].reset();
  return answers;
}

// Of the slots in use.
Result<void> check_addresses(const RouteShape& shape, const RouteTable& table, const Tensor& recv_idx) {
  const auto routes = static_cast<std::int32_t>(shape.tokens * shape.choices);
  for (const std::size_t row : table.row) {
    if (row == kNoRow) continue;
    if (const std::int32_t address = recv_idx.as<std::int32_t>()[row]; address < 0 || address >= routes)
      return bad_input("recv_idx{} is {}, expected 0 to {}", position(recv_idx.shape(), static_cast<std::int64_t>(row)),
                       address, routes - 1);
  }
  return {};
}

struct CombineInputs {
  RouteShape shape;
  std::size_t channels = 0;
  const Tensor* recv_y = nullptr;
  const Tensor* sh = nullptr;  // [N, T, D], or none: sums start at 0
  Answers answers = {};
};

template <class Arithmetic>
std::vector<typename Arithmetic::Number> add_rows(const Arithmetic& math, const CombineInputs& in) {
  const std::size_t tokens = in.shape.ranks * in.shape.tokens;
  std::vector<typename Arithmetic::Number> y(tokens * in.channels);
  parallel_for(tokens, [&](std::size_t token) {
    std::vector<float> row(in.channels, 0.0F);
    const auto sum = std::span(y).subspan(token * in.channels, in.channels);
    if (in.sh) decode_bf16(in.sh->as<std::uint16_t>().subspan(token * in.channels, in.channels), row);
    std::ranges::transform(row, sum.begin(), [&](float x) { return math.input(x); });
    if (token % in.shape.tokens >= in.shape.active) return;
    for (std::size_t k = 0; k < in.shape.choices; ++k) {
      const auto answer = in.answers[token * in.shape.choices + k];
      if (!answer) continue;
      decode_bf16(in.recv_y->as<std::uint16_t>().subspan(*answer * in.channels, in.channels), row);
      for (std::size_t d = 0; d < in.channels; ++d) sum[d] = math.sum(sum[d], math.input(row[d]));
    }
  });
  return y;
}

void open_unanswered(const CombineInputs& in, GoldenOutput& output) {
  for (std::size_t route = 0; route < in.answers.size(); ++route) {
    const std::size_t token = route / in.shape.choices;
    if (in.answers[route] || token % in.shape.tokens >= in.shape.active) continue;
    std::fill_n(output.open.begin() + static_cast<std::ptrdiff_t>(token * in.channels), in.channels, std::uint8_t{1});
  }
}

Result<CombineInputs> read_inputs(const StageRequest& request, const ChainProfile& profile) {
  const auto policy = route_policy_option(request, profile.route_policy);
  if (!policy) return tl::unexpected(policy.error());
  const auto active = active_tokens(request, profile, static_cast<std::size_t>(input(request, "indices").shape()[1]));
  if (!active) return tl::unexpected(active.error());
  const Tensor &recv_y = input(request, "recv_y"), &ids = input(request, "indices");
  const Tensor &recv_idx = input(request, "recv_idx"), &recv_count = input(request, "recv_count");
  const auto extent = [](const Tensor& tensor, std::size_t axis) {
    return static_cast<std::size_t>(tensor.shape()[axis]);
  };
  CombineInputs in{.shape = {.ranks = extent(ids, 0),
                             .tokens = extent(ids, 1),
                             .choices = extent(ids, 2),
                             .experts = extent(recv_y, 1),
                             .slots = extent(recv_y, 2),
                             .active = *active},
                   .channels = extent(recv_y, 3),
                   .recv_y = &recv_y};
  if (ids.shape()[2] == 0 || recv_y.shape()[3] == 0)
    return bad_input("indices has shape {} and recv_y {}, expected choices and channels", to_string(ids.shape()),
                     to_string(recv_y.shape()));
  if (auto checked = check_range("recv_count", recv_count, 0, recv_y.shape()[2]); !checked)
    return tl::unexpected(checked.error());
  const auto table = route_table(in.shape, *policy, ids);
  if (!table) return tl::unexpected(table.error());
  if (auto checked = check_addresses(in.shape, *table, recv_idx); !checked) return tl::unexpected(checked.error());
  in.answers = find_answers(in.shape, *table, recv_idx, recv_count);
  return in;
}

Result<GoldenMap> evaluate_combine(const StageRequest& request) {
  const auto profile = chain_profile_option(request);
  if (!profile) return tl::unexpected(profile.error());
  if (profile->route_weight == RouteWeight::combine)
    return bad_input("profile {} weights rows where they are added: stage combine_card", profile->name);
  const bool with_shared = profile->route_weight == RouteWeight::w2_scale;
  const Tensor* sh = optional_input(request, "sh");
  if (with_shared != (sh != nullptr))
    return bad_input("profile {}: input 'sh' is {}, expected it {}", profile->name, sh ? "there" : "missing",
                     with_shared ? "" : "absent: ffn_add adds it");
  auto in = read_inputs(request, *profile);
  if (!in) return tl::unexpected(in.error());
  in->sh = sh;

  const Tensor& recv_y = input(request, "recv_y");
  const Tensor& ids = input(request, "indices");
  const OutputType type{with_shared ? DType::bf16 : DType::f32, Rounding::rint, false};
  GoldenOutput output = evaluate_output(request.profile, {ids.shape()[0], ids.shape()[1], recv_y.shape()[3]}, type,
                                        [&]<class Arithmetic>(const Arithmetic& math) { return add_rows(math, *in); });
  open_unanswered(*in, output);
  GoldenMap outputs;
  outputs[with_shared ? "ffn_out" : "routed_y"] = std::move(output);
  return outputs;
}

}  // namespace

Stage combine() {
  return {
      .name = "combine",
      .clause = "dsv4-chain 3.6",
      .inputs = {{"recv_y", {DType::bf16}, {"N", "L", "R", "D"}},
                 {"recv_idx", {DType::i32}, {"N", "L", "R"}},
                 {"recv_count", {DType::i32}, {"N", "L"}},
                 {"indices", {DType::i32}, {"N", "T", "K"}},
                 {"sh", {DType::bf16}, {"N", "T", "D"}, true}},
      .outputs = {{"routed_y", {DType::f32}, {"N", "T", "D"}, true}, {"ffn_out", {DType::bf16}, {"N", "T", "D"}, true}},
      .parameters = {{"num_tokens", kAllTokens}},  // of each rank, HEAD alone
      .options = {"profile", "policy"},
      .evaluate = evaluate_combine,
      .relations = {RowsRelation{"D"},
                    PowerOfTwoRelation{{{"recv_y", 1}, {"sh", 1}}, {{"routed_y", 1}, {"ffn_out", 1}}},
                    PaddingRelation{"recv_count", {"recv_y", "recv_idx"}, {}},
                    UnroutedRelation{"recv_count", {"recv_y", "recv_idx"}}}};
}

}  // namespace assay::goldens
