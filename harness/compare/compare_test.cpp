// What the comparator says in named situations; definition_test.cpp checks it against a naive one.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "harness/compare/policy.h"
#include "harness/compare/test_values.h"

namespace assay::compare {
namespace {

using testing::row_of;

constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max();
const double kInfinite = std::numeric_limits<double>::infinity();

Comparison run(const Tensor& actual, const Tensor& expected, const std::string& policy) {
  const auto result = compare(actual, {&expected, &expected, &expected, {}}, *parse_policy(policy));
  EXPECT_TRUE(result) << result.error().message;
  return result.value_or(Comparison{});
}

bool passes(DType dtype, std::uint64_t a, std::uint64_t e, const std::string& policy) {
  return run(row_of(dtype, {a}), row_of(dtype, {e}), policy).passed;
}

TEST(Compare, ReportsFiguresAlsoWhenItPasses) {
  const Tensor expected = row_of(DType::f32, {0x3F800000, 0x40000000, 0x41000000});  // 1, 2, 8
  const Tensor actual = row_of(DType::f32, {0x3F800001, 0x40000000, 0x41000003});
  const Comparison found = run(actual, expected, "ulp(4)");
  EXPECT_TRUE(found.passed);
  EXPECT_EQ(found.compared, 3);
  EXPECT_EQ(found.max_ulps, 3);
  EXPECT_EQ(found.worst_index, 2);
  EXPECT_EQ(found.max_abs, 3 * std::ldexp(1.0, -20));
  EXPECT_EQ(found.smallest_atol, found.max_abs);
  EXPECT_EQ(found.smallest_rtol, 3 * std::ldexp(1.0, -23));
  EXPECT_EQ(found.rule, "ulp(4)");
}

TEST(Compare, FindsAOneUlpDifferenceThatUlpAccepts) {
  EXPECT_FALSE(passes(DType::bf16, 0x3F80, 0x3F81, "bits"));
  EXPECT_FALSE(passes(DType::bf16, 0x3F80, 0x3F81, "ulp(0)"));
  EXPECT_TRUE(passes(DType::bf16, 0x3F80, 0x3F81, "ulp(1)"));
  EXPECT_FALSE(passes(DType::bf16, 0x3F80, 0x3F82, "ulp(1)"));
  EXPECT_FALSE(passes(DType::bf16, 0x3F80, 0x3F81, "bound"));
}

TEST(Compare, TreatsSignedZeroAsThePolicySays) {
  EXPECT_FALSE(passes(DType::f32, 0x80000000, 0, "bits"));
  EXPECT_TRUE(passes(DType::f32, 0x80000000, 0, "bits,zero=sign_ignored"));
  for (const char* rule : {"ulp(0)", "allclose(atol=0)", "bound"}) {
    EXPECT_TRUE(passes(DType::f32, 0x80000000, 0, rule)) << rule;
    EXPECT_FALSE(passes(DType::f32, 0x80000000, 0, std::string(rule) + ",zero=sign_matters")) << rule;
  }
  EXPECT_FALSE(passes(DType::f32, 0x80000000, 0, "ulp(1000000),zero=sign_matters"));
  EXPECT_FALSE(passes(DType::f32, 0x80000000, 0, "allclose(atol=1e9),zero=sign_matters"));
}

TEST(Compare, TreatsNanAsThePolicySays) {
  EXPECT_TRUE(passes(DType::f32, 0x7FC00000, 0xFFC12345, "bits"));
  EXPECT_FALSE(passes(DType::f32, 0x7FC00000, 0xFFC12345, "bits,nan=same_bits"));
  EXPECT_TRUE(passes(DType::f32, 0x7FC00001, 0x7FC00001, "bits,nan=same_bits"));
  EXPECT_FALSE(passes(DType::f32, 0x7FC00000, 0x7FC00000, "bits,nan=never"));
  for (const char* rule : {"bits", "ulp(9223372036854775807)", "allclose(rtol=1e300,atol=1e300)", "bound"}) {
    EXPECT_FALSE(passes(DType::f32, 0x7FC00000, 0x3F800000, rule)) << rule;
    EXPECT_FALSE(passes(DType::f32, 0x3F800000, 0x7FC00000, rule)) << rule;
    EXPECT_FALSE(passes(DType::f32, 0x7F800000, 0x7FC00000, rule)) << rule;
  }
  const Comparison found = run(row_of(DType::f32, {0x7FC00000}), row_of(DType::f32, {0}), "bits");
  EXPECT_EQ(found.max_ulps, kFar);
  EXPECT_EQ(found.smallest_atol, kInfinite);
  EXPECT_EQ(found.smallest_rtol, kInfinite);
}

TEST(Compare, TreatsInfinityAsThePolicySays) {
  const std::uint64_t infinity = 0x7F80, largest = 0x7F7F, negative = 0xFF80;
  EXPECT_TRUE(passes(DType::bf16, infinity, infinity, "allclose(atol=0)"));
  EXPECT_FALSE(passes(DType::bf16, infinity, negative, "allclose(rtol=1e300,atol=1e300)"));
  // One ulp apart, and still not a match unless the policy says so.
  EXPECT_FALSE(passes(DType::bf16, infinity, largest, "ulp(1)"));
  for (const char* rule : {"bits", "ulp(0)", "allclose(atol=0)", "bound"}) {
    const std::string too = std::string(rule) + ",inf=max_finite_too";
    EXPECT_TRUE(passes(DType::bf16, infinity, largest, too)) << rule;
    EXPECT_TRUE(passes(DType::bf16, largest, infinity, too)) << rule;
    EXPECT_FALSE(passes(DType::bf16, largest - 1, infinity, too)) << rule;
    EXPECT_FALSE(passes(DType::bf16, largest | 0x8000, infinity, too)) << rule;
    EXPECT_FALSE(passes(DType::bf16, infinity, largest, rule)) << rule;
  }
}

TEST(Compare, KeepsSixtyFourBitIntegersApart) {
  const std::uint64_t big = 0x7FFFFFFFFFFFFFFFU;
  EXPECT_FALSE(passes(DType::i64, big, big - 1, "bits"));
  EXPECT_FALSE(passes(DType::i64, big, big - 1, "allclose(atol=0.5)"));
  EXPECT_TRUE(passes(DType::i64, big, big - 1, "allclose(atol=1)"));
  EXPECT_FALSE(passes(DType::u64, 0xFFFFFFFFFFFFFFFFU, 0xFFFFFFFFFFFFFFFDU, "allclose(atol=1)"));
  // -2^63 against 2^63 - 1 does not wrap around.
  EXPECT_FALSE(passes(DType::i64, 0x8000000000000000U, big, "allclose(atol=1e18)"));
  EXPECT_TRUE(passes(DType::i64, 0x8000000000000000U, big, "allclose(atol=1.9e19)"));
}

TEST(Compare, BoundsAreInclusiveInValueOrder) {
  const Tensor value = row_of(DType::bf16, {0xBF80});                                   // -1
  const Tensor lo = row_of(DType::bf16, {0xBF82}), hi = row_of(DType::bf16, {0xBF7F});  // a little more, a little less
  const auto inside = [&](std::uint64_t bits) {
    return compare(row_of(DType::bf16, {bits}), {&value, &lo, &hi, {}}, *parse_policy("bound"))->passed;
  };
  EXPECT_TRUE(inside(0xBF82));
  EXPECT_TRUE(inside(0xBF81));
  EXPECT_TRUE(inside(0xBF7F));
  EXPECT_FALSE(inside(0xBF83));
  EXPECT_FALSE(inside(0xBF7E));
  EXPECT_FALSE(inside(0x3F80));
}

TEST(Compare, RefusesAReferenceThatIsNoEnclosure) {
  const Tensor value = row_of(DType::f32, {0x3F800000}), more = row_of(DType::f32, {0x3F800001});
  const Tensor nan = row_of(DType::f32, {0x7FC00000});
  const Policy bound = *parse_policy("bound");
  EXPECT_FALSE(compare(value, {&value, &more, &more, {}}, bound));
  EXPECT_FALSE(compare(value, {&value, &value, &nan, {}}, bound));
  const auto wrong = compare(more, {&more, &value, &value, {}}, bound);
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("element 0"), std::string::npos);
  // NaN in the value asks for a NaN, whatever the bounds are.
  EXPECT_TRUE(compare(nan, {&nan, &value, &nan, {}}, bound)->passed);
}

TEST(Compare, OpenElementsAreNotComparedAndCounted) {
  const Tensor expected = row_of(DType::i8, {1, 2, 3}), actual = row_of(DType::i8, {1, 9, 3});
  const std::vector<std::uint8_t> open{0, 1, 0};
  const auto found = *compare(actual, {&expected, nullptr, nullptr, open}, {});
  EXPECT_TRUE(found.passed);
  EXPECT_EQ(found.unconstrained, 1);
  EXPECT_EQ(found.compared, 2);
  EXPECT_EQ(found.max_ulps, 0);
}

TEST(Compare, UnwrittenElementsFailEvenWhenTheirValueIsRight) {
  const Tensor tensor = row_of(DType::i8, {1, 2, 3});
  const std::vector<std::uint8_t> unwritten{0, 0, 1};
  const auto found = *compare(tensor, {&tensor, nullptr, nullptr, {}}, {}, unwritten);
  EXPECT_FALSE(found.passed);
  EXPECT_EQ(found.unwritten, 1);
  EXPECT_EQ(found.mismatches, 0);
  EXPECT_EQ(found.compared, 2);
  const std::vector<std::uint8_t> open{0, 0, 1};
  const auto excused = *compare(tensor, {&tensor, nullptr, nullptr, open}, {}, unwritten);
  EXPECT_TRUE(excused.passed);
  EXPECT_EQ(excused.unwritten, 0);
  EXPECT_EQ(excused.unconstrained, 1);
}

TEST(Compare, ListsTheFirstTwentyMismatches) {
  Tensor expected(DType::i32, {100}), actual(DType::i32, {100});
  for (std::int64_t i = 0; i < 100; i += 2) actual.set_bits(i, static_cast<std::uint64_t>(i + 1));
  const Comparison found = run(actual, expected, "bits");
  EXPECT_EQ(found.mismatches, 50);
  ASSERT_EQ(found.first.size(), 20U);
  EXPECT_EQ(found.first[3].index, 6);
  EXPECT_EQ(found.first[3].actual, 7U);
  EXPECT_EQ(found.first[3].expected, 0U);
  EXPECT_EQ(found.first[3].ulps, 7);
  EXPECT_EQ(found.worst_index, 98);
  EXPECT_EQ(found.mismatch_indices.size(), 50U);
}

TEST(Compare, NamesTheWorstMismatchAmongLargerDistancesThatPass) {
  // Under allclose the large value is far in ulps and passes; the small one is what is wrong.
  const Tensor expected = row_of(DType::f32, {0x00000000, 0x4B800000}),
               actual = row_of(DType::f32, {0x00000100, 0x3F800000});
  const Comparison found = run(actual, expected, "allclose(rtol=1)");
  EXPECT_EQ(found.mismatches, 1);
  EXPECT_EQ(found.worst_index, 0);
}

TEST(Compare, RefusesWhatDoesNotFit) {
  const Tensor a(DType::f32, {2, 3}), b(DType::f32, {3, 2}), c(DType::i32, {2, 3});
  EXPECT_NE(compare(a, {&b, nullptr, nullptr, {}}, {}).error().message.find("f32 3x2, expected f32 2x3"),
            std::string::npos);
  EXPECT_FALSE(compare(a, {&c, nullptr, nullptr, {}}, {}));
  EXPECT_FALSE(compare(a, {}, {}));
  EXPECT_FALSE(compare(a, {&a, nullptr, nullptr, {}}, *parse_policy("bound")));
  const std::vector<std::uint8_t> mask(5);
  EXPECT_FALSE(compare(a, {&a, nullptr, nullptr, mask}, {}));
  EXPECT_FALSE(compare(a, {&a, nullptr, nullptr, {}}, {}, mask));
}

TEST(Compare, NothingComparedIsNotAFailureOfItsOwnAndSaysSo) {
  const Tensor empty(DType::f32, {0, 4});
  const Comparison found = run(empty, empty, "bits");
  EXPECT_EQ(found.compared, 0);
  EXPECT_EQ(found.worst_index, -1);
}

TEST(Compare, IgnoresTheUnusedNibbleOfAnOddCount) {
  Tensor expected = row_of(DType::e2m1, {1, 2, 3}), actual = expected;
  actual.bytes()[1] |= std::byte{0xF0};
  EXPECT_TRUE(run(actual, expected, "bits").passed);
  actual.set_bits(2, 4);
  EXPECT_FALSE(run(actual, expected, "bits").passed);
}

}  // namespace
}  // namespace assay::compare
