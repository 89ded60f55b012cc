// The weighted sum of a token's streams that ends hc_pre (dsv4-chain 3.1).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "goldens/chain/chain_profile.h"
#include "goldens/parallel.h"

namespace assay::goldens {

// Streams of T tokens, [T, HC, D].
struct Streams {
  std::span<const float> values;
  std::size_t tokens = 0, streams = 0, channels = 0;

  std::span<const float> row(std::size_t t, std::size_t h) const {
    return values.subspan((t * streams + h) * channels, channels);
  }
};

// mixed[d] = ((0 + x0 p0) + x1 p1) + ...
template <class Arithmetic>
void mix_ascending(const Arithmetic& math, const Streams& x, std::size_t t,
                   std::span<const typename Arithmetic::Number> pre, std::span<typename Arithmetic::Number> mixed) {
  for (std::size_t d = 0; d < x.channels; ++d) mixed[d] = math.input(0.0F);
  for (std::size_t h = 0; h < x.streams; ++h) {
    const auto row = x.row(t, h);
    for (std::size_t d = 0; d < x.channels; ++d) mixed[d] = math.add_product(mixed[d], math.input(row[d]), pre[h]);
  }
}

// mixed[d] = (x0 p0 + x1 p1) + (x2 p2 + x3 p3); pairs of pairs likewise where there are more streams.
template <class Arithmetic>
void mix_pairwise(const Arithmetic& math, const Streams& x, std::size_t t,
                  std::span<const typename Arithmetic::Number> pre, std::span<typename Arithmetic::Number> mixed) {
  std::vector<typename Arithmetic::Number> level;
  for (std::size_t d = 0; d < x.channels; ++d) {
    const auto element = [&](std::size_t h) { return math.input(x.row(t, h)[d]); };
    level.clear();
    for (std::size_t h = 0; h < x.streams; h += 2)
      level.push_back(h + 1 < x.streams ? math.sum_of_products(element(h), pre[h], element(h + 1), pre[h + 1])
                                        : math.product(element(h), pre[h]));
    while (level.size() > 1) {
      for (std::size_t i = 0; i < level.size(); i += 2)
        level[i / 2] = i + 1 < level.size() ? math.sum(level[i], level[i + 1]) : level[i];
      level.resize((level.size() + 1) / 2);
    }
    mixed[d] = level.front();
  }
}

// [T, D] in float32, before it is stored. pre is [T, HC]; at least one stream.
template <class Arithmetic>
std::vector<typename Arithmetic::Number> mix_streams(const Arithmetic& math, MixOrder order, const Streams& x,
                                                     std::span<const typename Arithmetic::Number> pre) {
  std::vector<typename Arithmetic::Number> mixed(x.tokens * x.channels);
  parallel_for(x.tokens, [&](std::size_t t) {
    const auto weights = pre.subspan(t * x.streams, x.streams);
    const auto row = std::span(mixed).subspan(t * x.channels, x.channels);
    if (order == MixOrder::ascending)
      mix_ascending(math, x, t, weights, row);
    else
      mix_pairwise(math, x, t, weights, row);
  });
  return mixed;
}

}  // namespace assay::goldens
