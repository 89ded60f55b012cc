// Test support: properties over seeded samples, and one of the implementations that a profile allows.
#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "goldens/enclosure/hull.h"
#include "goldens/exact/float_ops.h"
#include "goldens/exact/float_samples.h"

namespace assay::goldens {

// A property draws a seed and checks many samples under it.
template <class Property>
bool check_samples(const std::string& description, Property property, int samples_each = 50) {
  return rc::check(description, [&] {
    FloatSamples samples(*rc::gen::noShrink(rc::gen::arbitrary<std::uint64_t>()));
    for (int i = 0; i < samples_each; ++i) property(samples);
  });
}

// A float32 of the hull, its end points often. The hull has numbers.
inline float pick(FloatSamples& samples, const Hull& hull) {
  const auto choice = samples.below(4);
  if (choice == 0 || !(hull.lo < hull.hi)) return hull.lo;
  if (choice == 1) return hull.hi;
  const double part = static_cast<double>(samples.below(1001)) / 1000;
  const double lo = std::max<double>(hull.lo, -std::numeric_limits<float>::max());
  const double hi = std::min<double>(hull.hi, std::numeric_limits<float>::max());
  const float x = std::clamp(static_cast<float>(lo + (hi - lo) * part), hull.lo, hull.hi);
  return x == 0 && !hull.contains(x) ? -x : x;
}

// The hull and some numbers on both sides of it.
inline Hull widened(FloatSamples& samples, Hull hull) {
  const auto steps = static_cast<int>(samples.below(40));
  for (int i = 0; i < steps; ++i) {
    hull.lo = std::nextafter(hull.lo, -std::numeric_limits<float>::infinity());
    if (samples.coin()) hull.hi = std::nextafter(hull.hi, std::numeric_limits<float>::infinity());
  }
  return hull;
}

// Additions and products as some machine does them, by chance: any tree over the terms of a chunk, fused or not,
// flushed or not.
class AnyMachine {
 public:
  AnyMachine(FloatSamples& samples, NumericFreedom freedom) : samples_(samples), freedom_(freedom) {}

  float settle(float x) const {
    const bool small = x != 0 && std::fabs(x) < std::numeric_limits<float>::min();
    return freedom_.flush_subnormals && small && samples_.coin() ? (samples_.coin() ? 0.0F : -0.0F) : x;
  }
  float add(float a, float b) const { return settle(a + b); }
  float multiply(float a, float b) const { return settle(a * b); }

  float dot(const std::vector<float>& a, const std::vector<float>& b) const {
    return over_chunks(a.size(), [&](std::size_t begin, std::size_t end) {
      std::vector<Node> nodes;
      for (std::size_t i = begin; i < end; ++i) nodes.push_back({0, a[i], b[i], true});
      return tree(std::move(nodes));
    });
  }
  float total(const std::vector<float>& terms) const {
    return over_chunks(terms.size(), [&](std::size_t begin, std::size_t end) {
      std::vector<Node> nodes;
      for (std::size_t i = begin; i < end; ++i) nodes.push_back({terms[i], 0, 0, false});
      return tree(std::move(nodes));
    });
  }

 private:
  struct Node {
    float value, a, b;
    bool product;  // a * b, not yet computed
  };

  template <class Sum>
  float over_chunks(std::size_t count, Sum sum) const {
    if (freedom_.sum_order != SumOrder::chunked) return value(sum(std::size_t{0}, count));
    Node result{0, 0, 0, false};
    for (std::size_t begin = 0; begin < count; begin += freedom_.sum_chunk)
      result = added(result, sum(begin, std::min(begin + freedom_.sum_chunk, count)));
    return value(result);
  }

  float value(const Node& node) const { return node.product ? multiply(node.a, node.b) : node.value; }
  Node added(const Node& x, const Node& y) const {
    const bool fuse = freedom_.contraction && samples_.coin();
    if (fuse && x.product) return {settle(exact::multiply_add(x.a, x.b, value(y))), 0, 0, false};
    if (fuse && y.product) return {settle(exact::multiply_add(y.a, y.b, value(x))), 0, 0, false};
    return {add(value(x), value(y)), 0, 0, false};
  }

  // Balanced, lopsided or random; over sorted or shuffled terms, which drives the partial sums far.
  // A product that is alone has not been computed: it may fuse into the sum of the chunks.
  Node tree(std::vector<Node> nodes) const {
    if (nodes.empty()) return {0, 0, 0, false};
    if (freedom_.sum_order != SumOrder::sequential) {
      if (samples_.coin())
        std::ranges::sort(nodes, [](const Node& x, const Node& y) { return key(x) > key(y); });
      else
        for (std::size_t i = nodes.size() - 1; i > 0; --i) std::swap(nodes[i], nodes[samples_.below(i + 1)]);
    }
    const auto shape = freedom_.sum_order == SumOrder::sequential ? 0 : samples_.below(3);
    while (nodes.size() > 1) {
      const std::size_t left = shape == 0 ? 0 : samples_.below(nodes.size() - 1);
      nodes[left] = added(nodes[left], nodes[left + 1]);
      nodes.erase(nodes.begin() + static_cast<std::ptrdiff_t>(left) + 1);
    }
    return nodes[0];
  }
  static float key(const Node& x) {
    const float value = x.product ? x.a * x.b : x.value;
    return value == value ? value : 0;
  }

  FloatSamples& samples_;
  NumericFreedom freedom_;
};

}  // namespace assay::goldens
