// Slack and widths of comparisons under bound.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "harness/compare/policy.h"
#include "harness/compare/width.h"

namespace assay::compare {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

Tensor floats(std::initializer_list<float> values) {
  Tensor tensor(DType::f32, {static_cast<std::int64_t>(values.size())});
  std::copy(values.begin(), values.end(), tensor.as<float>().begin());
  return tensor;
}

struct Enclosed {
  Tensor value, lo, hi;
  std::vector<std::uint8_t> open = {};
  Comparison against(std::initializer_list<float> actual, std::string_view policy = "bound") const {
    return compare(floats(actual), {&value, &lo, &hi, open}, *parse_policy(policy)).value();
  }
};

// 8 in [7, 10]: one to the left, two to the right.
const Enclosed kEight{floats({8, 8, 8}), floats({7, 7, 8}), floats({10, 10, 8})};

TEST(Slack, IsObservedOverAllowedErrorOnTheSideOfTheError) {
  const Comparison inside = kEight.against({9, 7.25f, 8});
  EXPECT_TRUE(inside.passed);
  EXPECT_EQ(inside.slack, 0.75);
  EXPECT_EQ(inside.slack_index, 1);
  EXPECT_EQ(kEight.against({9, 8, 8}).slack, 0.5);
  EXPECT_EQ(kEight.against({10, 7, 8}).slack, 1.0);
  const Comparison outside = kEight.against({12, 8, 8});
  EXPECT_FALSE(outside.passed);
  EXPECT_EQ(outside.slack, 2.0);
  EXPECT_EQ(outside.slack_index, 0);
}

TEST(Slack, ExactElementsHaveNone) {
  const Comparison exact = kEight.against({8, 8, 8});
  EXPECT_EQ(exact.slack, 0);
  EXPECT_EQ(exact.slack_index, -1);
  // Nothing is allowed where lo = hi = value.
  const Comparison off = kEight.against({8, 8, std::nextafter(8.0f, 9.0f)});
  EXPECT_EQ(off.slack, kInfinite);
  EXPECT_EQ(off.slack_index, 2);
  EXPECT_EQ(kEight.against({8, 8, NAN}).slack, kInfinite);
}

TEST(Slack, AboveOneExactlyForMismatches) {
  const float tiny = std::numeric_limits<float>::denorm_min(), huge = std::numeric_limits<float>::max();
  // The quotient rounds to 1; the element is outside all the same.
  const Enclosed wide{floats({-huge}), floats({-huge}), floats({huge})};
  EXPECT_EQ(wide.against({huge}).slack, 1.0);
  const Enclosed low{floats({-huge}), floats({-huge}), floats({0})};
  const Comparison beyond = low.against({tiny});
  EXPECT_FALSE(beyond.passed);
  EXPECT_GT(beyond.slack, 1.0);
  const Enclosed open_end{floats({1}), floats({1}), floats({std::numeric_limits<float>::infinity()})};
  EXPECT_LT(open_end.against({2}).slack, 1.0);
  EXPECT_EQ(open_end.against({std::numeric_limits<float>::infinity()}).slack, 1.0);
}

TEST(Slack, OpenElementsAndOtherRulesHaveNone) {
  Enclosed open = kEight;
  open.open = {0, 0, 1};
  const Comparison skipped = open.against({8, 8, 100});
  EXPECT_TRUE(skipped.passed);
  EXPECT_EQ(skipped.slack, 0);
  EXPECT_EQ(kEight.against({9, 9, 8}, "ulp(9000000)").slack_index, -1);
  EXPECT_EQ(kEight.against({9, 9, 8}, "bits").max_width, 0);
}

TEST(Slack, FastAndPlainPathsAgree) {
  // 5000 elements cross several blocks; NaN in the last block keeps it off the fast path.
  constexpr std::int64_t kCount = 5000;
  Tensor value(DType::f32, {kCount}), lo = value, hi = value, actual = value;
  double expected = 0;
  std::int64_t at = -1;
  for (std::int64_t i = 0; i < kCount; ++i) {
    const auto e = static_cast<std::size_t>(i);
    const float x = 1 + static_cast<float>(i % 97) / 64;
    const float allowed = static_cast<float>(1 + i % 5) / 1024;
    const float error = allowed * static_cast<float>(i % 89) / 128;
    value.as<float>()[e] = x, lo.as<float>()[e] = x - allowed, hi.as<float>()[e] = x + allowed;
    actual.as<float>()[e] = x + (i % 2 == 0 ? error : -error);
    if (const double slack = std::abs(double{actual.as<float>()[e]} - x) / allowed; slack > expected)
      expected = slack, at = i;
  }
  for (Tensor* one : {&value, &lo, &hi, &actual}) one->as<float>()[4999] = NAN;
  const Comparison found = compare(actual, {&value, &lo, &hi, {}}, *parse_policy("bound")).value();
  EXPECT_TRUE(found.passed);
  EXPECT_EQ(found.slack, expected);
  EXPECT_EQ(found.slack_index, at);
}

TEST(Widths, MedianAndGreatest) {
  const auto steps = [](float x, int n) {
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) + static_cast<std::uint32_t>(n));
  };
  const auto widths = [](const Tensor& lo, const Tensor& hi, const std::vector<std::uint8_t>& open) {
    const Comparison found = compare(lo, {&lo, &lo, &hi, open}, *parse_policy("bound")).value();
    return std::pair(found.median_width, found.max_width);
  };
  using Pair = std::pair<std::int64_t, std::int64_t>;
  const Tensor lo = floats({1, 1, 1, 1, -0.0f}), hi = floats({1, steps(1, 1), steps(1, 3), steps(1, 2000), 0.0f});
  EXPECT_EQ(widths(lo, hi, {}), Pair(1, 2000));            // of 0, 0, 1, 3, 2000
  EXPECT_EQ(widths(lo, hi, {1, 0, 0, 1, 1}), Pair(3, 3));  // the upper one of 1, 3
  EXPECT_EQ(widths(lo, hi, {0, 1, 1, 0, 1}), Pair(2000, 2000));
  EXPECT_EQ(widths(floats({NAN}), floats({NAN}), {}), Pair(0, 0));
  EXPECT_EQ(widths(floats({}), floats({}), {}), Pair(0, 0));
}

TEST(Relations, AreNoComparison) {
  const auto policy = parse_policy("relations");
  ASSERT_TRUE(policy);
  EXPECT_EQ(to_string(*policy), "relations");
  EXPECT_FALSE(parse_policy("relations,nan=never"));
  const Tensor x = floats({1});
  const auto refused = compare(x, {&x, nullptr, nullptr, {}}, *policy);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("not with a reference"), std::string::npos);
}

}  // namespace
}  // namespace assay::compare
