#include "goldens/enclosure/nearly_point_products.h"

#include <gtest/gtest.h>

#include <cmath>

#include "goldens/exact/float_samples.h"

namespace assay::goldens {
namespace {

// The same enclosure as multiply, up to the last digits of sums in double: equal, or one float32 apart.
bool nearly_same(float a, float b) {
  return same_float(a, b) || same_float(std::nextafter(a, b), b) || (a == 0 && b == 0);
}

TEST(NearlyPointProducts, AreThoseOfMultiply) {
  FloatSamples samples(1);
  for (int i = 0; i < 400; ++i) {
    const std::size_t rows = samples.below(4), outputs = samples.below(4), inputs = samples.below(40);
    NumericFreedom freedom{.contraction = samples.below(6) == 0, .flush_subnormals = samples.below(6) == 0};
    freedom.sum_order = static_cast<SumOrder>(samples.below(3));
    if (freedom.sum_order == SumOrder::chunked) freedom.sum_chunk = 1 + samples.below(24);
    const HullArithmetic math(freedom);
    const auto draw = [&](auto kind) {
      return kind == 0 ? samples.any() : kind == 1 ? samples.coarse() : kind == 2 ? 0.0F : samples.moderate();
    };
    std::vector<float> weights(outputs * inputs);
    const auto kind = samples.below(5);
    for (float& w : weights) w = draw(samples.below(8) == 0 ? kind : 4);
    std::vector<Hull> x(rows * inputs);
    for (Hull& each : x) {
      each = math.input(draw(kind));
      if (samples.below(6) == 0) each.include(draw(kind));
    }
    const WeightMatrix w{weights, outputs, inputs, samples.below(5) == 0};
    const auto fast = multiply_nearly_points(math, x, w), plain = math.multiply(x, w);
    ASSERT_EQ(fast.size(), plain.size());
    for (std::size_t j = 0; j < fast.size(); ++j) {
      ASSERT_EQ(fast[j].nan, plain[j].nan) << i;
      ASSERT_TRUE(nearly_same(fast[j].lo, plain[j].lo)) << i << " " << fast[j].lo << " " << plain[j].lo;
      ASSERT_TRUE(nearly_same(fast[j].hi, plain[j].hi)) << i << " " << fast[j].hi << " " << plain[j].hi;
    }
  }
}

}  // namespace
}  // namespace assay::goldens
