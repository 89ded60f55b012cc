// The pool of the ratio-128 compressor (dsv4-chain 5, step 3): one channel's values weighted by the softmax of its
// scores over the slots.
#pragma once

#include <span>
#include <type_traits>
#include <vector>

#include "goldens/enclosure/hull.h"
#include "goldens/enclosure/strict.h"

namespace assay::goldens {

// The last slot first (m = score, l = 1, o = value), then slots 0, 1, ...:
//   m' = max(m, s);  a = exp(m - m');  b = exp(s - m');  l = a l + b;  o = o a + v b
// and o / l in the end. scores and values have the same size, at least 1.
template <class Arithmetic, class Number = typename Arithmetic::Number>
Number pool_online(const Arithmetic& math, std::span<const Number> scores, std::span<const Number> values) {
  Number maximum = scores.back(), denominator = math.input(1.0F), numerator = values.back();
  for (std::size_t i = 0; i + 1 < scores.size(); ++i) {
    const Number next = math.maximum(maximum, scores[i]);
    const Number rescale = math.exponential(math.difference(maximum, next));
    const Number weight = math.exponential(math.difference(scores[i], next));
    denominator = math.add_product(weight, rescale, denominator);
    numerator = math.sum_of_products(numerator, rescale, values[i], weight);
    maximum = next;
  }
  return math.quotient(numerator, denominator);
}

// e = exp(score - max), p = e * (1 / sum e), then the sum of p * value.
template <class Arithmetic, class Number = typename Arithmetic::Number>
Number pool_in_two_passes(const Arithmetic& math, std::span<const Number> scores, std::span<const Number> values) {
  Number maximum = scores.front();
  for (const Number& score : scores) maximum = math.maximum(maximum, score);
  std::vector<Number> weights(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) weights[i] = math.exponential(math.difference(scores[i], maximum));
  const Number scale = math.reciprocal(math.total(weights));
  for (Number& weight : weights) weight = math.product(weight, scale);
  return math.dot(weights, values);
}

// Everything that pool_online and pool_in_two_passes may return under the freedom, whatever the order of the sums in
// the latter. The bound is proven in compressor_pool.cpp.
Hull pool_hull(const NumericFreedom& freedom, std::span<const Hull> scores, std::span<const Hull> values);

template <class Arithmetic, class Number = typename Arithmetic::Number>
Number pool_slots(const Arithmetic& math, bool online, std::span<const Number> scores, std::span<const Number> values) {
  if constexpr (std::is_same_v<Arithmetic, HullArithmetic>)
    return pool_hull(math.freedom(), scores, values);
  else
    return online ? pool_online(math, scores, values) : pool_in_two_passes(math, scores, values);
}

}  // namespace assay::goldens
