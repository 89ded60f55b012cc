#include <gtest/gtest.h>

#include "goldens/enclosure/enclosure_test_support.h"
#include "goldens/enclosure/strict.h"

namespace assay::goldens {
namespace {

// One in eight elements is an interval, and now and then one is special.
std::vector<Hull> row_of(FloatSamples& samples, std::size_t count) {
  std::vector<Hull> x;
  for (std::size_t k = 0; k < count; ++k) {
    x.push_back(Hull::of(samples.below(400) == 0 ? samples.special() : samples.moderate()));
    if (samples.below(8) == 0 && x.back().has_number()) x.back() = widened(samples, x.back());
  }
  return x;
}

std::vector<float> weights_of(FloatSamples& samples, std::size_t count) {
  std::vector<float> w(count);
  for (float& each : w) each = samples.below(300) == 0 ? samples.special() : samples.moderate();
  return w;
}

bool nearly_same(float a, float b) {
  return same_float(a, b) || std::nextafter(a, b) == b || std::fabs(a - b) <= 0x1p-40F * std::fabs(a);
}

// The product is the dot products of rows and outputs, in either layout, up to the rounding of sums in double.
TEST(MatrixProducts, AreDotProducts) {
  EXPECT_TRUE(check_samples(
      "multiply against dot",
      [](FloatSamples& samples) {
        NumericFreedom freedom{.contraction = samples.below(4) == 0, .flush_subnormals = samples.below(4) == 0};
        freedom.sum_order = static_cast<SumOrder>(samples.below(3));
        if (freedom.sum_order == SumOrder::chunked) freedom.sum_chunk = 1 + samples.below(9);
        const HullArithmetic math(freedom);
        const std::size_t rows = samples.below(4), inputs = 1 + samples.below(30), outputs = 1 + samples.below(20);
        const std::vector<Hull> x = row_of(samples, rows * inputs);
        const std::vector<float> values = weights_of(samples, outputs * inputs);
        const bool input_major = samples.coin();
        const auto y = math.multiply(x, {values, outputs, inputs, input_major});
        RC_ASSERT(y.size() == rows * outputs);
        for (std::size_t i = 0; i < y.size(); ++i) {
          std::vector<Hull> w;
          for (std::size_t k = 0; k < inputs; ++k)
            w.push_back(math.input(values[input_major ? k * outputs + i % outputs : i % outputs * inputs + k]));
          const Hull dot = math.dot(std::span(x).subspan(i / outputs * inputs, inputs), w);
          RC_ASSERT(y[i].nan == dot.nan);
          RC_ASSERT(nearly_same(y[i].lo, dot.lo) && nearly_same(y[i].hi, dot.hi));
        }
      },
      5));
}

TEST(MatrixProducts, StrictOnesAreDotProductsBitForBit) {
  FloatSamples samples(61);
  for (const std::size_t chunk : {std::size_t{0}, std::size_t{7}})
    for (const bool input_major : {false, true}) {
      const StrictArithmetic math{chunk};
      const std::vector<float> x = weights_of(samples, 19 * 40), values = weights_of(samples, 21 * 40);
      const auto y = math.multiply(x, {values, 21, 40, input_major});
      for (std::size_t i = 0; i < y.size(); ++i) {
        std::vector<float> w;
        for (std::size_t k = 0; k < 40; ++k) w.push_back(values[input_major ? k * 21 + i % 21 : i % 21 * 40 + k]);
        EXPECT_TRUE(same_float(y[i], math.dot(std::span(x).subspan(i / 21 * 40, 40), w)));
      }
    }
}

// bf16 steps from lo to hi, at production length.
double median_bf16_width(FloatSamples& samples, const NumericFreedom& freedom, std::size_t inputs) {
  std::vector<Hull> x;
  for (std::size_t k = 0; k < inputs; ++k) x.push_back(Hull::of(samples.moderate()));
  std::vector<float> w(32 * inputs);
  for (float& each : w) each = samples.moderate() / 256;
  const HullArithmetic math(freedom);
  std::vector<double> widths;
  for (const Hull& y : math.multiply(x, {w, 32, inputs})) {
    const Hull code = math.round_to(y, DType::bf16);
    const double ulp = std::ldexp(1.0, std::ilogb(code.hi) - 7);
    widths.push_back((static_cast<double>(code.hi) - code.lo) / ulp);
  }
  std::ranges::nth_element(widths, widths.begin() + 16);
  return widths[16];
}

TEST(MatrixProducts, WidthsAtProductionSizes) {
  FloatSamples samples(62);
  for (const std::size_t inputs : {4096, 16384}) {
    const double chunked = median_bf16_width(samples, {.sum_order = SumOrder::chunked, .sum_chunk = 512}, inputs);
    const double any = median_bf16_width(samples, {.sum_order = SumOrder::any}, inputs);
    RecordProperty("median_bf16_ulp_chunked_" + std::to_string(inputs), std::to_string(chunked));
    RecordProperty("median_bf16_ulp_any_" + std::to_string(inputs), std::to_string(any));
    EXPECT_LE(chunked, 2);
  }
}

}  // namespace
}  // namespace assay::goldens
