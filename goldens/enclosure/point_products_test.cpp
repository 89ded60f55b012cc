#include "goldens/enclosure/point_products.h"

#include <gtest/gtest.h>

#include "goldens/exact/float_samples.h"

namespace assay::goldens {
namespace {

using Draw = float (FloatSamples::*)();

bool same_hull(const Hull& a, const Hull& b) {
  return same_float(a.lo, b.lo) && same_float(a.hi, b.hi) && a.nan == b.nan;
}

// Both layouts, panels that are not full, chunks that do not divide the inputs, and every class of number.
TEST(PointProducts, EqualTheGeneralProductBitForBit) {
  FloatSamples samples(61);
  for (const Draw draw : {&FloatSamples::moderate, &FloatSamples::coarse, &FloatSamples::any, &FloatSamples::special})
    for (const bool input_major : {false, true})
      for (int freedom_bits = 0; freedom_bits < 12; ++freedom_bits) {
        const NumericFreedom freedom{
            .contraction = freedom_bits % 2 == 1,
            .flush_subnormals = freedom_bits / 2 % 2 == 1,
            .sum_order = std::array{SumOrder::any, SumOrder::chunked,
                                    SumOrder::sequential}[static_cast<std::size_t>(freedom_bits / 4)],
            .sum_chunk = freedom_bits / 4 == 1 ? 7u : 0u};
        const std::size_t inputs = 1 + samples.below(40), outputs = 1 + samples.below(70), rows = 3;
        std::vector<float> x(rows * inputs), weights(inputs * outputs);
        for (float& value : x) value = (samples.*draw)();
        for (float& value : weights) value = (samples.*draw)();
        for (std::size_t k = 0; k < inputs; ++k) x[k] = samples.coin() ? 0.0F : -0.0F;
        const WeightMatrix w{weights, outputs, inputs, input_major};
        const HullArithmetic hulls(freedom);
        std::vector<Hull> points;
        for (const float value : x) points.push_back(hulls.input(value));
        const std::vector<Hull> expected = hulls.multiply(points, w), found = multiply_points(hulls, x, w);
        const StrictArithmetic strict{freedom.sum_chunk};
        const std::vector<float> strict_expected = strict.multiply(x, w), strict_found = multiply_points(strict, x, w);
        ASSERT_EQ(found.size(), rows * outputs);
        for (std::size_t i = 0; i < found.size(); ++i) {
          ASSERT_TRUE(same_hull(found[i], expected[i])) << i << " freedom " << freedom_bits;
          ASSERT_TRUE(same_float(strict_found[i], strict_expected[i])) << i;
        }
      }
}

TEST(PointProducts, NoInputsGiveNoRows) {
  EXPECT_TRUE(multiply_points(StrictArithmetic{}, {}, WeightMatrix{{}, 4, 0, false}).empty());
  EXPECT_TRUE(multiply_points(HullArithmetic(NumericFreedom{}), {}, WeightMatrix{{}, 4, 0, false}).empty());
}

}  // namespace
}  // namespace assay::goldens
