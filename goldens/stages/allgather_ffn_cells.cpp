// The AllGather FFN by cells (dsv4-chain 4), step by step. Cell r * GC + c of a grid of GR x GC cells holds the tokens
// of row r and shard c of the intermediate features.
//   allgather_ffn_hidden   hidden = f16_rint( fl( lrelu(x * wg) * (x * wu) ) ), of one cell
//   allgather_ffn_gather   hidden_full of a cell: hidden of its row's cells side by side, bits untouched
//   allgather_ffn_down     y = hidden_full * wd, of one cell
//   allgather_ffn_reduce   y of a row's last cell: hidden[r,0] * wd[r,0] + hidden[r,1] * wd[r,1] + ...  west to east;
//   the
//                          other cells store nothing
// lrelu(z) = z > 0 ? z : fl(0.1 z); products f16 * f16, accumulated in float32. activation=product is the published
// data generator's f16_rint( lrelu( fl(g * u) ) ), seed bug B09. Whether the cast to f16 saturates is not said: hidden
// values that overflow are open.
#include <algorithm>
#include <array>
#include <cmath>

#include "goldens/stages/registry.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

constexpr float kNegativeSlope = 0.1F;
constexpr std::array<std::string_view, 2> kActivations{"gate", "product"};

std::size_t extent(const Tensor& tensor, std::size_t axis) { return static_cast<std::size_t>(tensor.shape()[axis]); }

// x [rows, inputs] times w [inputs, outputs].
template <class Arithmetic>
auto multiply(const Arithmetic& math, std::span<const float> x, std::span<const float> w, std::size_t inputs,
              std::size_t outputs) {
  using Number = typename Arithmetic::Number;
  std::vector<Number> points(x.size());
  std::ranges::transform(x, points.begin(), [&](float value) { return math.input(value); });
  return math.multiply(std::span<const Number>(points), WeightMatrix{w, outputs, inputs, true});
}

Result<GoldenMap> evaluate_hidden(const StageRequest& request) {
  const auto activation = option(request, "activation", kActivations[0], kActivations);
  if (!activation) return tl::unexpected(activation.error());
  const Tensor &x = input(request, "x"), &wg = input(request, "wg");
  const std::vector<float> tokens = as_f32(x), gate = as_f32(wg), up = as_f32(input(request, "wu"));
  const std::size_t features = extent(wg, 0), shard = extent(wg, 1);
  GoldenOutput hidden =
      evaluate_enclosed(request.profile, {x.shape()[0], wg.shape()[1]}, OutputType{DType::f16}, [&](const auto& math) {
        const auto lrelu = [&](const auto& z) { return math.maximum(z, math.product(math.input(kNegativeSlope), z)); };
        auto g = multiply(math, tokens, gate, features, shard);
        const auto u = multiply(math, tokens, up, features, shard);
        for (std::size_t i = 0; i < g.size(); ++i)
          g[i] = *activation == "gate" ? math.product(lrelu(g[i]), u[i]) : lrelu(math.product(g[i], u[i]));
        return g;
      });
  const std::vector<float> lo = as_f32(hidden.lo), hi = as_f32(hidden.hi);
  if (hidden.open.empty()) hidden.open.assign(lo.size(), 0);
  for (std::size_t i = 0; i < lo.size(); ++i)
    if (std::isinf(lo[i]) || std::isinf(hi[i])) hidden.open[i] = 1;
  GoldenMap outputs;
  outputs["hidden"] = std::move(hidden);
  return outputs;
}

Result<std::size_t> grid_columns(std::string_view stage, const StageRequest& request, std::int64_t cells) {
  const std::int64_t columns = parameter(request, "GC");
  if (columns < 1 || cells % columns != 0) return bad_input("stage {}: {} cells in rows of {}", stage, cells, columns);
  return static_cast<std::size_t>(columns);
}

Result<GoldenMap> evaluate_gather(const StageRequest& request) {
  const Tensor& hidden = input(request, "hidden");
  const auto columns = grid_columns("allgather_ffn_gather", request, hidden.shape()[0]);
  if (!columns) return tl::unexpected(columns.error());
  const std::size_t cells = extent(hidden, 0), tokens = extent(hidden, 1), shard = extent(hidden, 2);
  Tensor full(DType::f16, {hidden.shape()[0], hidden.shape()[1], static_cast<std::int64_t>(*columns * shard)});
  const auto from = hidden.as<std::uint16_t>();
  const auto to = full.as<std::uint16_t>();
  for (std::size_t cell = 0; cell < cells; ++cell)
    for (std::size_t t = 0; t < tokens; ++t)
      for (std::size_t c = 0; c < *columns; ++c) {
        const std::size_t source = cell / *columns * *columns + c;
        std::ranges::copy(from.subspan((source * tokens + t) * shard, shard),
                          to.begin() + static_cast<std::ptrdiff_t>(((cell * tokens + t) * *columns + c) * shard));
      }
  GoldenMap outputs;
  outputs["hidden_full"] = determined(std::move(full));
  return outputs;
}

Result<GoldenMap> evaluate_down(const StageRequest& request) {
  const Tensor &hidden = input(request, "hidden_full"), &wd = input(request, "wd");
  const std::vector<float> rows = as_f32(hidden), weights = as_f32(wd);
  GoldenMap outputs;
  outputs["y"] =
      evaluate_enclosed(request.profile, {hidden.shape()[0], wd.shape()[1]}, OutputType{},
                        [&](const auto& math) { return multiply(math, rows, weights, extent(wd, 0), extent(wd, 1)); });
  return outputs;
}

Result<GoldenMap> evaluate_reduce(const StageRequest& request) {
  const Tensor &hidden = input(request, "hidden"), &wd = input(request, "wd");
  const auto columns = grid_columns("allgather_ffn_reduce", request, hidden.shape()[0]);
  if (!columns) return tl::unexpected(columns.error());
  const std::vector<float> rows = as_f32(hidden), weights = as_f32(wd);
  const std::size_t cells = extent(hidden, 0), shard = extent(hidden, 2), features = extent(wd, 2);
  const std::size_t cell_rows = extent(hidden, 1) * shard, cell_weights = shard * features;
  const std::size_t cell_y = extent(hidden, 1) * features;
  GoldenOutput y = evaluate_enclosed(
      request.profile, {hidden.shape()[0], hidden.shape()[1], wd.shape()[2]}, OutputType{},
      [&]<class Arithmetic>(const Arithmetic& math) {
        std::vector<typename Arithmetic::Number> sums(cells * cell_y), sum;
        for (std::size_t cell = 0; cell < cells; ++cell) {
          const auto part = multiply(math, std::span(rows).subspan(cell * cell_rows, cell_rows),
                                     std::span(weights).subspan(cell * cell_weights, cell_weights), shard, features);
          if (cell % *columns == 0) {
            sum = part;
          } else {
            for (std::size_t i = 0; i < part.size(); ++i) sum[i] = math.sum(sum[i], part[i]);
          }
          std::ranges::copy(sum, sums.begin() + static_cast<std::ptrdiff_t>(cell * cell_y));
        }
        return sums;
      });
  if (y.open.empty()) y.open.assign(cells * cell_y, 0);
  for (std::size_t i = 0; i < y.open.size(); ++i)
    if (i / cell_y % *columns + 1 != *columns) y.open[i] = 1;
  GoldenMap outputs;
  outputs["y"] = std::move(y);
  return outputs;
}

}  // namespace

Stage allgather_ffn_hidden() {
  return {
      .name = "allgather_ffn_hidden",
      .clause = "dsv4-chain 4",
      .inputs = {{"x", {DType::f16}, {"T", "H"}}, {"wg", {DType::f16}, {"H", "Fi"}}, {"wu", {DType::f16}, {"H", "Fi"}}},
      .outputs = {{"hidden", {DType::f16}, {"T", "Fi"}}},
      .parameters = {},
      .options = {"activation"},
      .evaluate = evaluate_hidden,
      .relations = {RowsRelation{"T"}}};
}

Stage allgather_ffn_gather() {
  return {.name = "allgather_ffn_gather",
          .clause = "dsv4-chain 4",
          .inputs = {{"hidden", {DType::f16}, {"N", "T", "Fi"}}},
          .outputs = {{"hidden_full", {DType::f16}, {"N", "T", "F"}}},
          .parameters = {{"GC"}},
          .options = {},
          .evaluate = evaluate_gather,
          .relations = {RowsRelation{"T"}}};
}

Stage allgather_ffn_down() {
  return {.name = "allgather_ffn_down",
          .clause = "dsv4-chain 4",
          .inputs = {{"hidden_full", {DType::f16}, {"T", "F"}}, {"wd", {DType::f16}, {"F", "Hc"}}},
          .outputs = {{"y", {DType::f32}, {"T", "Hc"}}},
          .parameters = {},
          .options = {},
          .evaluate = evaluate_down,
          .relations = {RowsRelation{"T"}, PowerOfTwoRelation{{{"wd", 1}}, {{"y", 1}}}}};
}

Stage allgather_ffn_reduce() {
  return {.name = "allgather_ffn_reduce",
          .clause = "dsv4-chain 4",
          .inputs = {{"hidden", {DType::f16}, {"N", "T", "Fi"}}, {"wd", {DType::f16}, {"N", "Fi", "H"}}},
          .outputs = {{"y", {DType::f32}, {"N", "T", "H"}}},
          .parameters = {{"GC"}},
          .options = {},
          .evaluate = evaluate_reduce,
          .relations = {PowerOfTwoRelation{{{"wd", 1}}, {{"y", 1}}}}};
}

}  // namespace assay::goldens
