// The steps of the ratio-128 compressor (dsv4-chain 5) over a number type (goldens/enclosure/arithmetic.h). Rows of N
// channels; B batch entries, S tokens each, R slots.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

#include "goldens/parallel.h"
#include "goldens/stages/compressor_form.h"
#include "goldens/stages/compressor_pool.h"

namespace assay::goldens {

template <class Arithmetic>
std::vector<typename Arithmetic::Number> inputs_of(const Arithmetic& math, std::span<const float> values) {
  std::vector<typename Arithmetic::Number> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) result[i] = math.input(values[i]);
  return result;
}

// Step 1, for one of the two matrices: x [tokens, w.inputs] gives [tokens, w.outputs].
template <class Arithmetic>
std::vector<typename Arithmetic::Number> project_tokens(const Arithmetic& math, std::span<const float> x,
                                                        const WeightMatrix& w) {
  const std::vector<typename Arithmetic::Number> points = inputs_of(math, x);
  return math.multiply(std::span<const typename Arithmetic::Number>(points), w);
}

// Step 2: what a token's score becomes in its slot. score [B, S, N], ape [R, N].
template <class Arithmetic, class Number = typename Arithmetic::Number>
std::vector<Number> add_positions(const Arithmetic& math, const RingSpan& ring, std::span<const Number> score,
                                  std::span<const float> ape, std::size_t channels) {
  std::vector<Number> result(score.size());
  for (std::size_t i = 0; i < score.size(); ++i) {
    const std::size_t token = i / channels % ring.tokens;
    result[i] = math.sum(score[i], math.input(ape[ring.slot(token) * channels + i % channels]));
  }
  return result;
}

// 1 / sqrt(sum p^2 / N + 1e-6). Strictly the reciprocal of the root. The specification does not say whether that is
// two operations or one, so hulls hold both.
template <class Arithmetic, class Number = typename Arithmetic::Number>
Number inverse_rms(const Arithmetic& math, std::span<const Number> row) {
  constexpr float kEps = 1e-6F;
  const auto n = static_cast<float>(row.size());
  const Number squares = math.sum_of_squares(row);
  // The published width 512 is a power of two: the division is exact however it is done.
  const Number mean = std::has_single_bit(row.size()) ? math.product(squares, math.input(1.0F / n))
                                                      : math.quotient(squares, math.input(n));
  const Number shifted = math.sum(mean, math.input(kEps));
  Number result = math.reciprocal(math.square_root(shifted));
  if constexpr (std::is_same_v<Arithmetic, HullArithmetic>) result.include(math.reciprocal_root(shifted));
  return result;
}

struct RowWeights {
  std::span<const float> norm_w, cos, sin;  // [N] [P] [P], 2 P <= N
  std::span<const float> hadamard;          // [N, N]; rows are multiplied by it where `rotate`
  bool rotate = false;
};

// Step 4 and 5: RMSNorm, then the last 2 P channels rotated as pairs of neighbours (2j, 2j + 1).
template <class Arithmetic, class Number = typename Arithmetic::Number>
std::vector<Number> normalise_and_rotate(const Arithmetic& math, const CompressorForm& form, const RowWeights& weights,
                                         std::span<const Number> pooled) {
  const auto settled = [&](const Number& x) {
    return form.bf16_rows ? math.round_to(x, DType::bf16, Rounding::rint) : x;
  };
  const std::size_t channels = pooled.size(), pairs = weights.cos.size();
  std::vector<Number> row(channels);
  for (std::size_t c = 0; c < channels; ++c) row[c] = settled(pooled[c]);
  const Number inverse = inverse_rms(math, std::span<const Number>(row));
  for (std::size_t c = 0; c < channels; ++c)
    row[c] = settled(math.product(math.product(row[c], inverse), math.input(weights.norm_w[c])));
  for (std::size_t j = 0; j < pairs; ++j) {
    Number &even = row[channels - 2 * pairs + 2 * j], &odd = row[channels - 2 * pairs + 2 * j + 1];
    const Number cos = math.input(weights.cos[j]), sin = math.input(weights.sin[j]);
    const Number minus_odd = math.product(odd, math.input(-1.0F));
    const Number turned = settled(math.sum_of_products(even, cos, minus_odd, sin));
    odd = settled(math.sum_of_products(even, sin, odd, cos));
    even = turned;
  }
  return row;
}

// Steps 4 to 6 up to the store: kv_row [B, N] of pooled [B, N].
template <class Arithmetic, class Number = typename Arithmetic::Number>
std::vector<Number> kv_rows(const Arithmetic& math, const CompressorForm& form, const RowWeights& weights,
                            std::span<const Number> pooled) {
  const std::size_t channels = weights.norm_w.size();
  std::vector<Number> rows(pooled.size());
  parallel_for(channels == 0 ? 0 : pooled.size() / channels, [&](std::size_t b) {
    const auto row = normalise_and_rotate(math, form, weights, pooled.subspan(b * channels, channels));
    std::copy(row.begin(), row.end(), rows.begin() + static_cast<std::ptrdiff_t>(b * channels));
  });
  if (!weights.rotate) return rows;
  return math.multiply(std::span<const Number>(rows), WeightMatrix{weights.hadamard, channels, channels, true});
}

// Step 3: pooled [B, N]. score_of(i) and value_of(i) give element i of the states [B, R, N].
template <class Arithmetic, class ScoreOf, class ValueOf>
std::vector<typename Arithmetic::Number> pool_states(const Arithmetic& math, const CompressorForm& form,
                                                     std::size_t batch, std::size_t slots, std::size_t channels,
                                                     ScoreOf score_of, ValueOf value_of) {
  using Number = typename Arithmetic::Number;
  std::vector<Number> pooled(batch * channels);
  parallel_for(batch, [&](std::size_t b) {
    std::vector<Number> scores(slots), values(slots);
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t slot = 0; slot < slots; ++slot) {
        scores[slot] = score_of((b * slots + slot) * channels + c);
        values[slot] = value_of((b * slots + slot) * channels + c);
      }
      pooled[b * channels + c] =
          pool_slots(math, form.online, std::span<const Number>(scores), std::span<const Number>(values));
    }
  });
  return pooled;
}

}  // namespace assay::goldens
