// AllGather FFN over a whole grid of GR x GC cells (dsv4-chain 4): row r holds the tokens x[r], column c the shard c of
// the intermediate features.
//   g = x[r] * wg[c],  u = x[r] * wu[c]                                   f16 * f16, accumulated in float32
//   hidden[r,c] = f16_rint( fl( lrelu(g) * u ) )                          lrelu(z) = z > 0 ? z : fl(0.1 z)
// mode=allgather  y[r][:, c Hc .. (c+1) Hc) = concat over columns of hidden[r,.] * wd[c]    wd [GC, GC * Fi, H / GC]
// mode=reduce     y[r] = hidden[r,0] * wd[0] + hidden[r,1] * wd[1] + ...  west to east       wd [GC, Fi, H]
//
// activation=gate applies lrelu to the gate alone, as the kernels do. activation=product is the published data
// generator's f16_rint( lrelu( fl(g * u) ) ), seed bug B09: the two agree where u >= 0 and differ tenfold where g and u
// are both negative.
//
// Whether the cast to f16 saturates is not said: the tokens with a hidden value that overflows are open.
#include <algorithm>
#include <array>
#include <cmath>

#include "goldens/parallel.h"
#include "goldens/stages/registry.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

constexpr float kNegativeSlope = 0.1F;
constexpr std::array<std::string_view, 2> kModes{"allgather", "reduce"}, kActivations{"gate", "product"};

struct Ffn {
  std::size_t rows, columns, tokens, features, shard, outputs;  // GR, GC, T, H, Fi, columns of wd
  bool gather, gate_only;
  std::vector<float> x, wg, wu, wd;  // [GR,T,H] [GC,H,Fi] [GC,H,Fi] [GC,F,Hc] or [GC,Fi,H]

  std::size_t gathered() const { return columns * shard; }
};

bool is_infinite(float x) { return std::isinf(x); }
bool is_infinite(const Hull& x) { return x.has_number() && (std::isinf(x.lo) || std::isinf(x.hi)); }

// Monotone, so the hull of the greater of z and 0.1 z is that of the function.
template <class Arithmetic>
auto leaky_relu(const Arithmetic& math, const typename Arithmetic::Number& z) {
  return math.maximum(z, math.product(math.input(kNegativeSlope), z));
}

// hidden of the cell: [tokens, shard].
template <class Arithmetic>
auto hidden_of(const Arithmetic& math, const Ffn& ffn, std::size_t row, std::size_t column) {
  using Number = typename Arithmetic::Number;
  const std::size_t cell = ffn.tokens * ffn.features, weights = ffn.features * ffn.shard;
  std::vector<Number> x(cell);
  for (std::size_t i = 0; i < cell; ++i) x[i] = math.input(ffn.x[row * cell + i]);
  const auto project = [&](const std::vector<float>& w) {
    return math.multiply(std::span<const Number>(x),
                         WeightMatrix{std::span(w).subspan(column * weights, weights), ffn.shard, ffn.features, true});
  };
  const std::vector<Number> g = project(ffn.wg), u = project(ffn.wu);
  std::vector<Number> hidden(g.size());
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    const Number active =
        ffn.gate_only ? math.product(leaky_relu(math, g[i]), u[i]) : leaky_relu(math, math.product(g[i], u[i]));
    hidden[i] = math.round_to(active, DType::f16, Rounding::rint);
  }
  return hidden;
}

template <class Number>
struct FfnResult {
  std::vector<Number> y;                 // [GR, T, H]
  std::vector<std::uint8_t> overflowed;  // [GR, T]
};

// y[row] from the hidden values of its cells.
template <class Arithmetic, class Number>
void down_project(const Arithmetic& math, const Ffn& ffn, const std::vector<std::vector<Number>>& hidden,
                  std::span<Number> y) {
  const std::size_t inputs = ffn.gather ? ffn.gathered() : ffn.shard, weights = inputs * ffn.outputs;
  const auto project = [&](std::span<const Number> x, std::size_t column) {
    return math.multiply(x,
                         WeightMatrix{std::span(ffn.wd).subspan(column * weights, weights), ffn.outputs, inputs, true});
  };
  if (!ffn.gather) {
    for (std::size_t column = 0; column < ffn.columns; ++column) {
      const std::vector<Number> partial = project(hidden[column], column);
      for (std::size_t i = 0; i < y.size(); ++i) y[i] = column == 0 ? partial[i] : math.sum(y[i], partial[i]);
    }
    return;
  }
  std::vector<Number> all(ffn.tokens * inputs);
  for (std::size_t t = 0; t < ffn.tokens; ++t)
    for (std::size_t column = 0; column < ffn.columns; ++column)
      std::copy_n(hidden[column].data() + t * ffn.shard, ffn.shard, all.data() + t * inputs + column * ffn.shard);
  for (std::size_t column = 0; column < ffn.columns; ++column) {
    const std::vector<Number> part = project(all, column);
    for (std::size_t t = 0; t < ffn.tokens; ++t)
      std::copy_n(part.data() + t * ffn.outputs, ffn.outputs, y.data() + t * ffn.features + column * ffn.outputs);
  }
}

template <class Arithmetic>
auto feed_forward(const Arithmetic& math, const Ffn& ffn) {
  using Number = typename Arithmetic::Number;
  FfnResult<Number> result{std::vector<Number>(ffn.rows * ffn.tokens * ffn.features),
                           std::vector<std::uint8_t>(ffn.rows * ffn.tokens)};
  parallel_for(ffn.rows, [&](std::size_t row) {
    std::vector<std::vector<Number>> hidden(ffn.columns);
    for (std::size_t column = 0; column < ffn.columns; ++column) {
      hidden[column] = hidden_of(math, ffn, row, column);
      for (std::size_t i = 0; i < hidden[column].size(); ++i)
        if (is_infinite(hidden[column][i])) result.overflowed[row * ffn.tokens + i / ffn.shard] = 1;
    }
    down_project(math, ffn, hidden,
                 std::span(result.y).subspan(row * ffn.tokens * ffn.features, ffn.tokens * ffn.features));
  });
  return result;
}

// wd has the shape that the mode asks for, and no cell is without weights.
Result<void> check_down(const Tensor& wg, const Tensor& wd, bool gather) {
  const std::int64_t columns = wg.shape()[0], features = wg.shape()[1], shard = wg.shape()[2];
  if (wg.size() == 0 || wd.size() == 0)
    return bad_input("stage allgather_ffn: wg has shape {} and wd {}, expected elements", to_string(wg.shape()),
                     to_string(wd.shape()));
  if (gather && features % columns != 0)
    return bad_input("stage allgather_ffn: H = {} is not divisible by the {} columns of the grid", features, columns);
  // wg has elements, so the products cannot overflow.
  const Shape expected = gather ? Shape{columns, shard * columns, features / columns} : Shape{columns, shard, features};
  if (wd.shape() == expected) return {};
  return bad_input("stage allgather_ffn: wd has shape {}, expected {} in mode {}", to_string(wd.shape()),
                   to_string(expected), gather ? "allgather" : "reduce");
}

void open_tokens(GoldenOutput& y, std::span<const std::uint8_t> rows, std::size_t features) {
  for (std::size_t i = 0; i < y.open.size(); ++i)
    if (rows[i / features]) y.open[i] = 1;
}

Result<GoldenMap> evaluate_allgather_ffn(const StageRequest& request) {
  const auto mode = option(request, "mode", kModes[0], kModes);
  if (!mode) return tl::unexpected(mode.error());
  const auto activation = option(request, "activation", kActivations[0], kActivations);
  if (!activation) return tl::unexpected(activation.error());
  const Tensor &x = input(request, "x"), &wg = input(request, "wg"), &wd = input(request, "wd");
  const bool gather = *mode == "allgather";
  if (auto checked = check_down(wg, wd, gather); !checked) return tl::unexpected(checked.error());
  if (x.size() == 0) return GoldenMap{{"y", determined(Tensor(DType::f32, x.shape()))}};
  const auto extent = [](const Tensor& tensor, std::size_t axis) {
    return static_cast<std::size_t>(tensor.shape()[axis]);
  };
  const Ffn ffn{.rows = extent(x, 0),
                .columns = extent(wg, 0),
                .tokens = extent(x, 1),
                .features = extent(x, 2),
                .shard = extent(wg, 2),
                .outputs = extent(wd, 2),
                .gather = gather,
                .gate_only = *activation == "gate",
                .x = as_f32(x),
                .wg = as_f32(wg),
                .wu = as_f32(input(request, "wu")),
                .wd = as_f32(wd)};
  const auto strict = feed_forward(strict_arithmetic(request.profile), ffn);
  const auto hulls = feed_forward(hull_arithmetic(request.profile), ffn);
  GoldenMap outputs;
  GoldenOutput& y = outputs["y"] = enclosed(strict.y, hulls.y, x.shape(), OutputType{});
  open_tokens(y, hulls.overflowed, ffn.features);
  return outputs;
}

}  // namespace

Stage allgather_ffn() {
  return {.name = "allgather_ffn",
          .clause = "dsv4-chain 4",
          .inputs = {{"x", {DType::f16}, {"GR", "T", "H"}},
                     {"wg", {DType::f16}, {"GC", "H", "Fi"}},
                     {"wu", {DType::f16}, {"GC", "H", "Fi"}},
                     {"wd", {DType::f16}, {"GC", "Fd", "Hd"}}},
          .outputs = {{"y", {DType::f32}, {"GR", "T", "H"}}},
          .parameters = {},
          .options = {"mode", "activation"},
          .evaluate = evaluate_allgather_ffn,
          .relations = {RowsRelation{"GR"}, RowsRelation{"T"}, PowerOfTwoRelation{{{"wd", 1}}, {{"y", 1}}}}};
}

}  // namespace assay::goldens
