// The expert's pipeline (dsv4-chain 3.4, 3.5), which routed and shared experts have in common, over a number type:
//   g = dequant(q_x * w1^T; s_x, s_w1)   u = dequant(q_x * w3^T; s_x, s_w3)
//   with a limit: g = min(g, limit), u = clamp(u, -limit, limit); g has no lower clamp
//   h = fl(fl(g * sigmoid(g)) * u), times the row's route weight in P772 (before h is quantised)
//   (q_h, s_h) = Q(h row);   y = dequant(q_h * w2^T; s_h, s_w2); in HEAD the row scale is fl(s_h * route weight)
// Products are exact integers; dequant multiplies by the row's scale first. The peers' older goldens dequantise first
// and multiply in float32, which flips last bits of BF16 (dsv4-chain 1).
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "goldens/formats/bf16.h"
#include "goldens/parallel.h"
#include "goldens/quantize/int8_rows.h"
#include "goldens/stages/stage.h"
#include "goldens/stages/support.h"

namespace assay::goldens {

struct ExpertWeights {
  std::size_t hidden = 0, intermediate = 0;                // D, I
  std::span<const std::int8_t> w1 = {}, w3 = {}, w2 = {};  // [I, D], [I, D], [D, I]
  std::span<const float> s1 = {}, s3 = {}, s2 = {};        // [I], [I], [D]
};
// Expert `index` of w1, s1, w3, s3 [L, I, ...], w2, s2 [L, D, ...], or of inputs without L: 0.
// Error: D or I below 1 or beyond what an exact sum in INT32 allows.
Result<ExpertWeights> expert_weights(const StageRequest& request, std::size_t index);

// Rows that an expert receives: BF16 that it quantises itself, or codes with their scales.
struct ExpertInput {
  std::size_t rows = 0;
  std::span<const std::uint16_t> bf16 = {};  // [rows, D], or empty
  std::span<const std::int8_t> codes = {};   // [rows, D], or empty
  std::span<const float> scale = {};         // [rows], with codes
  std::span<const float> weight = {};        // [rows]: route weights; empty: none enter here
};

struct ExpertRules {
  Rounding rounding = Rounding::rint;
  bool weight_hidden = false;  // where a weight enters: h, or else the row scale of the second dequantisation
  float limit = 0;             // 0: none
};

template <class Number>
struct ExpertRows {
  std::vector<Number> y;           // [rows, D]
  std::vector<std::uint8_t> open;  // [rows]: something on the way was not finite, which no peer specifies
};

inline bool is_finite(float x) { return std::isfinite(x); }
inline bool is_finite(const Hull& x) { return !x.nan && std::isfinite(x.lo) && std::isfinite(x.hi); }

// Marks the rows of x that are not finite everywhere, and makes them zero.
template <class Number>
void close_rows(std::vector<Number>& x, std::size_t columns, Number zero, std::vector<std::uint8_t>& open) {
  for (std::size_t r = 0; r < open.size(); ++r) {
    const auto row = std::span(x).subspan(r * columns, columns);
    if (std::ranges::all_of(row, [](const Number& value) { return is_finite(value); })) continue;
    std::ranges::fill(row, zero);
    open[r] = 1;
  }
}

template <class Arithmetic, class Number = typename Arithmetic::Number>
Int8Rows<Number> quantised_input(const Arithmetic& math, const ExpertInput& in, std::size_t columns, Rounding rounding,
                                 std::vector<std::uint8_t>& open) {
  if (in.bf16.empty()) {
    Int8Rows<Number> result;
    result.rows = in.rows;
    result.columns = columns;
    result.least.assign(in.codes.begin(), in.codes.end());
    for (const float scale : in.scale) result.dequant.push_back(math.input(scale));
    close_rows(result.dequant, 1, math.input(0), open);
    return result;
  }
  std::vector<float> values(in.bf16.size());
  decode_bf16(in.bf16, values);
  std::vector<Number> x(values.size());
  std::ranges::transform(values, x.begin(), [&](float value) { return math.input(value); });
  close_rows(x, columns, math.input(0), open);
  return quantize_rows(math, x, columns, rounding);
}

// fl(fl(acc * row) * channel), in place.
template <class Arithmetic, class Number = typename Arithmetic::Number>
void dequantise(const Arithmetic& math, std::span<Number> acc, const Number& row, std::span<const float> channel) {
  for (std::size_t n = 0; n < acc.size(); ++n) acc[n] = math.product(math.product(acc[n], row), math.input(channel[n]));
}

// h of one row, into g.
template <class Arithmetic>
void activate(const Arithmetic& math, std::span<typename Arithmetic::Number> g,
              std::span<const typename Arithmetic::Number> u, float limit, const typename Arithmetic::Number* weight) {
  for (std::size_t i = 0; i < g.size(); ++i) {
    auto gate = g[i], up = u[i];
    if (limit > 0) {
      gate = math.minimum(gate, math.input(limit));
      up = math.maximum(math.minimum(up, math.input(limit)), math.input(-limit));
    }
    g[i] = math.product(math.product(gate, math.sigmoid(gate)), up);
    if (weight) g[i] = math.product(g[i], *weight);
  }
}

template <class Arithmetic, class Number = typename Arithmetic::Number>
ExpertRows<Number> expert_rows(const Arithmetic& math, const ExpertInput& in, const ExpertWeights& w,
                               const ExpertRules& rules) {
  ExpertRows<Number> result{{}, std::vector<std::uint8_t>(in.rows, 0)};
  const Int8Rows<Number> x = quantised_input(math, in, w.hidden, rules.rounding, result.open);
  std::vector<Number> g = int8_products(x, w.w1, w.intermediate), u = int8_products(x, w.w3, w.intermediate);
  const auto row_of = [](std::vector<Number>& all, std::size_t r, std::size_t columns) {
    return std::span(all).subspan(r * columns, columns);
  };
  parallel_for(in.rows, [&](std::size_t r) {
    dequantise(math, row_of(g, r, w.intermediate), x.dequant[r], w.s1);
    dequantise(math, row_of(u, r, w.intermediate), x.dequant[r], w.s3);
  });
  close_rows(g, w.intermediate, math.input(0), result.open);
  close_rows(u, w.intermediate, math.input(0), result.open);
  std::vector<Number> weight;
  for (const float value : in.weight) weight.push_back(math.input(value));
  parallel_for(in.rows, [&](std::size_t r) {
    const bool weighted = rules.weight_hidden && !weight.empty();
    activate(math, row_of(g, r, w.intermediate), row_of(u, r, w.intermediate), rules.limit,
             weighted ? &weight[r] : nullptr);
  });
  close_rows(g, w.intermediate, math.input(0), result.open);
  const Int8Rows<Number> h = quantize_rows(math, g, w.intermediate, rules.rounding);
  result.y = int8_products(h, w.w2, w.hidden);
  parallel_for(in.rows, [&](std::size_t r) {
    const bool weighted = !rules.weight_hidden && !weight.empty();
    const Number scale = weighted ? math.product(h.dequant[r], weight[r]) : h.dequant[r];
    if (!is_finite(scale)) result.open[r] = 1;
    dequantise(math, row_of(result.y, r, w.hidden), scale, w.s2);
  });
  return result;
}

}  // namespace assay::goldens
