// routed_expert (dsv4-chain 3.4): the pipeline of expert_rows.h on the rows that each of a rank's experts received.
//   P772: recv_x is BF16 and quantised here; the route weight multiplies h before it is quantised.
//   MID: recv_x is INT8 with recv_scale; no route weight here (it enters in combine).
//   HEAD: as MID, and the route weight multiplies the row scale of the second dequantisation.
// recv_y is BF16, RINT. Rows in [count, the end of their tile of 16) are written as +0, rows beyond are never written:
// open. (MID's tiles had 32 rows for some time: a row that only such a tile reaches is open too.) Rows that are not
// finite somewhere on the way are open.
#include "goldens/stages/chain_options.h"
#include "goldens/stages/expert_rows.h"
#include "goldens/stages/registry.h"
#include "goldens/stages/routes.h"

namespace assay::goldens {
namespace {

constexpr std::size_t kTileRows = 16;

struct RoutedInputs {
  std::size_t experts = 0, slots = 0, channels = 0;  // L, R, D
  const Tensor* x = nullptr;
  const Tensor* scale = nullptr;
  const Tensor* weight = nullptr;  // null: none enters here
  std::span<const std::int32_t> count;

  std::size_t used(std::size_t expert) const { return static_cast<std::size_t>(count[expert]); }
  ExpertInput rows(std::size_t expert) const;
};

ExpertInput RoutedInputs::rows(std::size_t expert) const {
  ExpertInput result{.rows = used(expert)};
  const std::size_t first = expert * slots;
  if (scale) {
    result.codes = x->as<std::int8_t>().subspan(first * channels, result.rows * channels);
    result.scale = scale->as<float>().subspan(first, result.rows);
  } else {
    result.bf16 = x->as<std::uint16_t>().subspan(first * channels, result.rows * channels);
  }
  if (weight) result.weight = weight->as<float>().subspan(first, result.rows);
  return result;
}

Result<RoutedInputs> read_inputs(const StageRequest& request, const ChainProfile& profile) {
  const Tensor &x = input(request, "recv_x"), &count = input(request, "recv_count");
  const DType expected = profile.quantised_dispatch ? DType::i8 : DType::bf16;
  if (auto checked = check_chain_dtype(profile, "recv_x", x, expected); !checked)
    return tl::unexpected(checked.error());
  const auto extent = [&](std::size_t axis) { return static_cast<std::size_t>(x.shape()[axis]); };
  RoutedInputs in{.experts = extent(0),
                  .slots = extent(1),
                  .channels = extent(2),
                  .x = &x,
                  .scale = optional_input(request, "recv_scale"),
                  .weight = optional_input(request, "recv_w"),
                  .count = count.as<std::int32_t>()};
  if (profile.quantised_dispatch != (in.scale != nullptr))
    return bad_input("profile {}: input 'recv_scale' is {}, expected it with INT8 alone", profile.name,
                     in.scale ? "there" : "missing");
  const bool weighted = profile.route_weight != RouteWeight::combine;
  if (weighted && !in.weight) return bad_input("profile {}: input 'recv_w' is missing", profile.name);
  if (!weighted) in.weight = nullptr;
  if (auto checked = check_range("recv_count", count, 0, x.shape()[1]); !checked)
    return tl::unexpected(checked.error());
  return in;
}

// The output as it is where nothing is received: +0 up to the end of the tile, open beyond.
GoldenOutput unreceived(const RoutedInputs& in) {
  GoldenOutput y = determined(Tensor(DType::bf16, in.x->shape()));
  for (std::size_t expert = 0; expert < in.experts; ++expert) {
    const std::size_t tiles = (in.used(expert) + kTileRows - 1) / kTileRows;
    const std::size_t written = std::min(tiles * kTileRows, in.slots);
    const auto first = y.open.begin() + static_cast<std::ptrdiff_t>((expert * in.slots + written) * in.channels);
    std::fill_n(first, (in.slots - written) * in.channels, std::uint8_t{1});
  }
  return y;
}

void put_rows(const GoldenOutput& rows, std::size_t first, GoldenOutput& y) {
  const auto put = [&](const Tensor& from, Tensor& to) {
    std::ranges::copy(from.as<std::uint16_t>(), to.as<std::uint16_t>().begin() + static_cast<std::ptrdiff_t>(first));
  };
  put(rows.value, y.value);
  put(rows.lo, y.lo);
  put(rows.hi, y.hi);
  std::ranges::copy(rows.open, y.open.begin() + static_cast<std::ptrdiff_t>(first));
}

GoldenOutput evaluate_rows(const Profile& machine, const ExpertInput& rows, const ExpertWeights& weights,
                           const ExpertRules& rules) {
  const auto strict = expert_rows(StrictArithmetic{}, rows, weights, rules);
  const auto hulls = expert_rows(hull_arithmetic(machine), rows, weights, rules);
  const Shape shape{static_cast<std::int64_t>(rows.rows), static_cast<std::int64_t>(weights.hidden)};
  GoldenOutput y = enclosed(strict.y, hulls.y, shape, {DType::bf16, Rounding::rint, false});
  for (std::size_t i = 0; i < y.open.size(); ++i)
    y.open[i] |= static_cast<std::uint8_t>(strict.open[i / weights.hidden] | hulls.open[i / weights.hidden]);
  return y;
}

Result<GoldenMap> evaluate_routed_expert(const StageRequest& request) {
  const auto profile = chain_profile_option(request);
  if (!profile) return tl::unexpected(profile.error());
  const auto limit = swiglu_limit_option(request);
  if (!limit) return tl::unexpected(limit.error());
  const auto in = read_inputs(request, *profile);
  if (!in) return tl::unexpected(in.error());
  const ExpertRules rules{
      .rounding = profile->int8, .weight_hidden = profile->route_weight == RouteWeight::hidden, .limit = *limit};
  GoldenOutput y = unreceived(*in);
  for (std::size_t expert = 0; expert < in->experts; ++expert) {
    const auto weights = expert_weights(request, expert);
    if (!weights) return tl::unexpected(weights.error());
    if (in->used(expert) == 0) continue;
    put_rows(evaluate_rows(request.profile, in->rows(expert), *weights, rules), expert * in->slots * in->channels, y);
  }
  GoldenMap outputs;
  outputs["recv_y"] = std::move(y);
  return outputs;
}

}  // namespace

Stage routed_expert() {
  return {.name = "routed_expert",
          .clause = "dsv4-chain 3.4",
          .inputs = {{"recv_x", {DType::bf16, DType::i8}, {"L", "R", "D"}},
                     {"recv_scale", {DType::f32}, {"L", "R"}, true},
                     {"recv_w", {DType::f32}, {"L", "R"}, true},
                     {"recv_count", {DType::i32}, {"L"}},
                     {"w1", {DType::i8}, {"L", "I", "D"}},
                     {"s1", {DType::f32}, {"L", "I"}},
                     {"w3", {DType::i8}, {"L", "I", "D"}},
                     {"s3", {DType::f32}, {"L", "I"}},
                     {"w2", {DType::i8}, {"L", "D", "I"}},
                     {"s2", {DType::f32}, {"L", "D"}}},
          .outputs = {{"recv_y", {DType::bf16}, {"L", "R", "D"}}},
          .parameters = {},
          .options = {"profile", "config", "swiglu_limit"},
          .evaluate = evaluate_routed_expert,
          .relations = {RowsRelation{"L"}, PowerOfTwoRelation{{{"s2", 1}}, {{"recv_y", 1}}},
                        PaddingRelation{"recv_count", {"recv_x", "recv_scale", "recv_w"}, {"recv_y"}},
                        UnroutedRelation{"recv_count", {"w1", "s1", "w3", "s3", "w2", "s2"}}}};
}

}  // namespace assay::goldens
