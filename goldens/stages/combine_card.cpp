// combine_card (dsv4-chain 3.6, MID): one card adds its experts' weighted rows to the shared expert's.
//   ffn_out[t] = bf16_rint(sh[t] + sum over e of fl(recv_y[e,slot] * recv_w[e,slot]))
// over all local experts, e ascending, +0 for those that did not receive the token; the row's token is recv_token.
// The specification does not say whether the sum starts from sh (as the chain's form for one rank of 05-14 does; the
// golden's value) or sh is added to it at the end: the enclosure has both. Where contraction is allowed, a product may
// fuse into its addition. Infinities and NaN follow IEEE 754; rows >= count are not read.
#include <algorithm>

#include "goldens/formats/bf16.h"
#include "goldens/parallel.h"
#include "goldens/stages/registry.h"
#include "goldens/stages/routes.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

struct CardInputs {
  std::size_t tokens = 0, channels = 0, experts = 0;
  std::span<const std::uint16_t> recv_y, sh;
  std::span<const float> recv_w;
  std::vector<std::vector<std::size_t>> rows;  // per token: its rows, experts ascending
};

// A token's sum in one of the two orders, into `sum`.
template <class Arithmetic>
void add_token(const Arithmetic& math, const CardInputs& in, std::size_t token, bool start_with_shared,
               std::span<typename Arithmetic::Number> sum) {
  std::vector<float> row(in.channels), shared(in.channels);
  decode_bf16(in.sh.subspan(token * in.channels, in.channels), shared);
  const auto& rows = in.rows[token];
  const auto zero = math.input(0.0F);
  // An absent expert's +0 changes a sum only from -0, wherever among the others it is added.
  const bool absent = rows.size() < in.experts;
  for (std::size_t d = 0; d < in.channels; ++d) {
    sum[d] = start_with_shared ? math.input(shared[d]) : zero;
    if (absent) sum[d] = math.sum(sum[d], zero);
  }
  for (const std::size_t index : rows) {
    decode_bf16(in.recv_y.subspan(index * in.channels, in.channels), row);
    const auto weight = math.input(in.recv_w[index]);
    for (std::size_t d = 0; d < in.channels; ++d) sum[d] = math.add_product(sum[d], math.input(row[d]), weight);
  }
  if (start_with_shared) return;
  for (std::size_t d = 0; d < in.channels; ++d) sum[d] = math.sum(math.input(shared[d]), sum[d]);
}

template <class Arithmetic>
std::vector<typename Arithmetic::Number> add_tokens(const Arithmetic& math, const CardInputs& in,
                                                    bool start_with_shared) {
  std::vector<typename Arithmetic::Number> y(in.tokens * in.channels);
  parallel_for(in.tokens, [&](std::size_t token) {
    add_token(math, in, token, start_with_shared, std::span(y).subspan(token * in.channels, in.channels));
  });
  return y;
}

Result<CardInputs> read_inputs(const StageRequest& request) {
  const Tensor &recv_y = input(request, "recv_y"), &sh = input(request, "sh");
  const Tensor &token = input(request, "recv_token"), &count = input(request, "recv_count");
  const auto extent = [](const Tensor& tensor, std::size_t axis) {
    return static_cast<std::size_t>(tensor.shape()[axis]);
  };
  if (sh.shape()[1] == 0) return bad_input("sh has shape {}, expected channels", to_string(sh.shape()));
  if (auto checked = check_range("recv_count", count, 0, recv_y.shape()[1]); !checked)
    return tl::unexpected(checked.error());
  CardInputs in{.tokens = extent(sh, 0),
                .channels = extent(sh, 1),
                .experts = extent(recv_y, 0),
                .recv_y = recv_y.as<std::uint16_t>(),
                .sh = sh.as<std::uint16_t>(),
                .recv_w = input(request, "recv_w").as<float>(),
                .rows = std::vector<std::vector<std::size_t>>(extent(sh, 0))};
  for (std::size_t expert = 0; expert < in.experts; ++expert)
    for (std::int32_t slot = 0; slot < count.as<std::int32_t>()[expert]; ++slot) {
      const std::size_t row = expert * extent(recv_y, 1) + static_cast<std::size_t>(slot);
      const std::int32_t owner = token.as<std::int32_t>()[row];
      if (owner < 0 || static_cast<std::size_t>(owner) >= in.tokens)
        return bad_input("recv_token[{},{}] is {}, expected 0 to {}", expert, slot, owner, sh.shape()[0] - 1);
      auto& rows = in.rows[static_cast<std::size_t>(owner)];
      if (!rows.empty() && rows.back() / extent(recv_y, 1) == expert)
        return bad_input("recv_token[{},{}] is {}, which the expert has received before", expert, slot, owner);
      rows.push_back(row);
    }
  return in;
}

Result<GoldenMap> evaluate_combine_card(const StageRequest& request) {
  const auto in = read_inputs(request);
  if (!in) return tl::unexpected(in.error());
  const std::vector<float> values = add_tokens(StrictArithmetic{}, *in, true);
  const auto math = hull_arithmetic(request.profile);
  std::vector<Hull> hulls = add_tokens(math, *in, true);
  const std::vector<Hull> shared_last = add_tokens(math, *in, false);
  for (std::size_t i = 0; i < hulls.size(); ++i) hulls[i].include(shared_last[i]);
  const OutputType type{DType::bf16, Rounding::rint, false};
  GoldenMap outputs;
  outputs["ffn_out"] = enclosed(values, hulls, input(request, "sh").shape(), type);
  return outputs;
}

}  // namespace

Stage combine_card() {
  return {.name = "combine_card",
          .clause = "dsv4-chain 3.6",
          .inputs = {{"recv_y", {DType::bf16}, {"L", "R", "D"}},
                     {"recv_w", {DType::f32}, {"L", "R"}},
                     {"recv_token", {DType::i32}, {"L", "R"}},
                     {"recv_count", {DType::i32}, {"L"}},
                     {"sh", {DType::bf16}, {"T", "D"}}},
          .outputs = {{"ffn_out", {DType::bf16}, {"T", "D"}}},
          .parameters = {},
          .options = {},
          .evaluate = evaluate_combine_card,
          .relations = {RowsRelation{"D"}, PowerOfTwoRelation{{{"recv_y", 1}, {"sh", 1}}, {{"ffn_out", 1}}},
                        PowerOfTwoRelation{{{"recv_w", 1}, {"sh", 1}}, {{"ffn_out", 1}}},
                        PaddingRelation{"recv_count", {"recv_y", "recv_w", "recv_token"}, {}},
                        UnroutedRelation{"recv_count", {"recv_y", "recv_w", "recv_token"}}}};
}

}  // namespace assay::goldens
