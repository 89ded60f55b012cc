#include "goldens/quantize/int8_gemm.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <vector>

#include "goldens/exact/float_samples.h"
#include "goldens/parallel.h"

namespace assay::goldens {
namespace {

std::vector<std::int8_t> random_codes(FloatSamples& samples, std::size_t count) {
  std::vector<std::int8_t> codes(count);
  for (auto& code : codes) code = static_cast<std::int8_t>(samples.bits());
  return codes;
}

// The definition, in a wider type and another order.
std::vector<std::int32_t> by_definition(const std::vector<std::int8_t>& a, const std::vector<std::int8_t>& b,
                                        Int8GemmShape shape) {
  std::vector<std::int32_t> acc;
  for (std::size_t r = 0; r < shape.rows; ++r)
    for (std::size_t n = 0; n < shape.outputs; ++n) {
      std::int64_t sum = 0;
      for (std::size_t k = shape.columns; k-- > 0;)
        sum += static_cast<std::int64_t>(a[r * shape.columns + k]) * b[n * shape.columns + k];
      acc.push_back(static_cast<std::int32_t>(sum));
    }
  return acc;
}

void expect_definition(const std::vector<std::int8_t>& a, const std::vector<std::int8_t>& b, Int8GemmShape shape) {
  std::vector<std::int32_t> fast(shape.rows * shape.outputs, -1), plain(shape.rows * shape.outputs, -1);
  int8_gemm(a, b, shape, fast);
  plain_int8_gemm(a, b, shape, plain);
  const auto expected = by_definition(a, b, shape);
  EXPECT_EQ(fast, expected) << shape.rows << " " << shape.outputs << " " << shape.columns;
  EXPECT_EQ(plain, expected);
}

class Int8Gemm : public testing::TestWithParam<Int8GemmShape> {};

TEST_P(Int8Gemm, EqualsTheDefinition) {
  FloatSamples samples(3);
  const Int8GemmShape shape = GetParam();
  expect_definition(random_codes(samples, shape.rows * shape.columns),
                    random_codes(samples, shape.outputs * shape.columns), shape);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Int8Gemm,
                         testing::Values(Int8GemmShape{0, 3, 4}, Int8GemmShape{3, 0, 4}, Int8GemmShape{2, 3, 0},
                                         Int8GemmShape{1, 1, 1}, Int8GemmShape{1, 257, 63}, Int8GemmShape{5, 7, 3},
                                         Int8GemmShape{17, 255, 65}, Int8GemmShape{16, 300, 512},
                                         Int8GemmShape{33, 513, 129}, Int8GemmShape{2, 40, 7168}));

// Pairs of equal signs at the ends of the range are where a 16-bit intermediate sum saturates, and where offsets by 128
// wrap.
TEST(Int8Gemm, EndsOfTheRange) {
  for (const std::size_t columns : {std::size_t{7168}, kLargestInt8Reduction})
    for (const int a : {-128, 127})
      for (const int b : {-128, 127})
        expect_definition(std::vector(2 * columns, static_cast<std::int8_t>(a)),
                          std::vector(3 * columns, static_cast<std::int8_t>(b)),
                          {.rows = 2, .outputs = 3, .columns = columns});
}

TEST(Int8Gemm, SameFromAnyThreadAndForAnyThreadCount) {
  FloatSamples samples(4);
  const Int8GemmShape shape{.rows = 9, .outputs = 700, .columns = 130};
  const auto a = random_codes(samples, shape.rows * shape.columns),
             b = random_codes(samples, shape.outputs * shape.columns);
  const auto expected = by_definition(a, b, shape);
  for (const std::size_t threads : {1, 2, 5}) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
    std::vector<std::vector<std::int32_t>> results(6, std::vector<std::int32_t>(expected.size()));
    parallel_for(results.size(), [&](std::size_t i) { int8_gemm(a, b, shape, results[i]); });
    for (const auto& result : results) EXPECT_EQ(result, expected);
  }
}

}  // namespace
}  // namespace assay::goldens
