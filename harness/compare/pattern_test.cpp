// Patterns in words, from constructed mismatches, and that chance produces no claims.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "harness/compare/pattern_parts.h"
#include "harness/compare/policy.h"
#include "harness/compare/test_values.h"

namespace assay::compare {
namespace {

using Indices = std::vector<std::int64_t>;

// Indices of the elements for which the predicate on (row, column) holds.
Indices where(std::int64_t rows, std::int64_t columns,
              const std::function<bool(std::int64_t, std::int64_t)>& predicate) {
  Indices indices;
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c)
      if (predicate(r, c)) indices.push_back(r * columns + c);
  return indices;
}

std::string words(std::int64_t rows, std::int64_t columns,
                  const std::function<bool(std::int64_t, std::int64_t)>& predicate) {
  return describe_positions({rows, columns}, where(rows, columns, predicate));
}

TEST(DescribePositions, NamesRowsAndColumns) {
  EXPECT_EQ(words(4, 8, [](auto, auto) { return true; }), "all elements");
  EXPECT_EQ(words(4, 8, [](auto r, auto c) { return r == 2 && c == 5; }), "one element, [2, 5]");
  EXPECT_EQ(words(32, 8, [](auto r, auto) { return r == 3; }), "row 3");
  EXPECT_EQ(words(32, 8, [](auto r, auto) { return r >= 1 && r <= 15; }), "rows 1..15");
  EXPECT_EQ(words(32, 24, [](auto, auto c) { return c >= 8 && c <= 15; }), "columns 8..15 of every row");
  EXPECT_EQ(words(32, 24, [](auto r, auto c) { return c >= 8 && c <= 15 && r == 7; }), "columns 8..15 of row 7");
  EXPECT_EQ(words(32, 24, [](auto, auto c) { return c == 4; }), "column 4 of every row");
  EXPECT_EQ(words(32, 24, [](auto r, auto) { return r == 1 || r == 9 || r == 12; }), "rows 1, 9 and 12");
  EXPECT_EQ(words(32, 24, [](auto r, auto) { return r != 5; }), "every row but 5");
}

TEST(DescribePositions, NamesTails) {
  EXPECT_EQ(words(16, 20, [](auto, auto c) { return c >= 13; }), "the last 7 columns (13..19) of every row");
  EXPECT_EQ(words(37, 8, [](auto r, auto) { return r >= 32; }), "last ragged row block (rows 32..36)");
  EXPECT_EQ(words(37, 8, [](auto r, auto) { return r == 36; }), "the last row (36)");
  EXPECT_EQ(words(3, 600, [](auto, auto c) { return c >= 512; }),
            "last ragged column block (columns 512..599) of every row");
  EXPECT_EQ(words(6, 16, [](auto r, auto c) { return c >= 8 + r; }),
            "the tail of 6 of 6 rows, from a column between 8 and 13 on");
}

TEST(DescribePositions, NamesBlocks) {
  EXPECT_EQ(words(64, 8, [](auto r, auto) { return r / 16 == 1; }), "row block 1 (rows 16..31)");
  EXPECT_EQ(words(64, 8, [](auto r, auto) { return r >= 32; }), "row blocks 2..3 (rows 32..63)");
  EXPECT_EQ(words(2, 2048, [](auto, auto c) { return c / 512 == 2; }),
            "column block 2 (columns 1024..1535) of every row");
  EXPECT_EQ(words(32, 64, [](auto r, auto c) { return r / 16 == c / 16; }), "2 whole 16x16 tiles: (0, 0), (1, 1)");
}

TEST(DescribePositions, NamesStridesAndTheirPhase) {
  EXPECT_EQ(words(4, 64, [](auto, auto c) { return c % 16 == 0; }), "every 16th column");
  EXPECT_EQ(words(4, 64, [](auto, auto c) { return c % 16 == 3; }), "every 16th column (starting at 3)");
  EXPECT_EQ(words(4, 64, [](auto, auto c) { return c % 2 == 0; }), "every 2nd column");
  EXPECT_EQ(words(63, 4, [](auto r, auto) { return r % 21 == 1; }), "every 21st row (starting at 1)");
  EXPECT_EQ(words(4, 64, [](auto, auto c) { return c % 16 >= 8; }), "columns 8..15 of every 16");
  EXPECT_EQ(words(4, 64, [](auto r, auto c) { return c % 8 == 1 && r == 2; }),
            "every 8th column (starting at 1) of row 2");
  EXPECT_EQ(words(4, 60, [](auto, auto c) { return c % 16 >= 8; }), "columns 8..15 of every 16");
  EXPECT_EQ(words(4, 128, [](auto, auto c) { return c % 16 == 0 && c < 64; }), "every 16th column, from 0 to 48");
}

TEST(DescribePositions, NamesDiagonalsAndMemoryOrder) {
  EXPECT_EQ(words(8, 8, [](auto r, auto c) { return r == c; }), "the diagonal");
  EXPECT_EQ(words(8, 8, [](auto r, auto c) { return r != c; }), "everything but the diagonal");
  EXPECT_EQ(words(8, 12, [](auto r, auto c) { return c > r; }), "everything above the diagonal");
  EXPECT_EQ(words(8, 8, [](auto r, auto c) { return c < r; }), "everything below the diagonal");
  EXPECT_EQ(words(8, 10, [](auto r, auto c) { return r * 10 + c >= 25 && r * 10 + c <= 47; }),
            "elements 25..47 in memory order, [2, 5] to [4, 7]");
  EXPECT_EQ(words(8, 10, [](auto r, auto c) { return (r * 10 + c) % 7 == 3; }),
            "every 7th element in memory order, [0, 3] to [7, 3]");
}

TEST(DescribePositions, WorksForRanksOneToFour) {
  EXPECT_EQ(describe_positions({}, Indices{0}), "all elements");
  EXPECT_EQ(describe_positions({10}, Indices{4, 5, 6}), "elements 4..6");
  EXPECT_EQ(describe_positions({64}, Indices{0, 16, 32, 48}), "every 16th element");
  Indices third, fourth;
  for (std::int64_t i = 0; i < 3 * 4 * 8; ++i)
    if (i / 32 == 2 && i % 8 >= 6) third.push_back(i);
  EXPECT_EQ(describe_positions({3, 4, 8}, third),
            "the last 2 columns (6..7) of every row at the last index (2) of axis 0");
  for (std::int64_t i = 0; i < 2 * 3 * 4 * 8; ++i)
    if (i / 32 % 3 == 1 && i / 8 % 4 == 2) fourth.push_back(i);
  EXPECT_EQ(describe_positions({2, 3, 4, 8}, fourth), "row 2 at index 1 of axis 1");
}

TEST(DescribePositions, BelievesARuleThatChanceWouldNotProduce) {
  std::mt19937_64 random(4);
  const std::string text = words(64, 256, [&](auto, auto c) { return c % 16 == 0 && random() % 3 != 0; });
  EXPECT_NE(text.find("of the elements in every 16th column"), std::string::npos) << text;
  const std::string most = words(64, 64, [&](auto, auto) { return random() % 3 != 0; });
  EXPECT_NE(most.find("% of all elements"), std::string::npos) << most;
}

TEST(DescribePositions, CallsRandomElementsScattered) {
  std::mt19937_64 random(9);
  for (int round = 0; round < 2000; ++round) {
    const auto count = 2 + random() % 40;
    std::vector<bool> hit(64 * 256);
    for (std::uint64_t i = 0; i < count; ++i) hit[random() % hit.size()] = true;
    const std::string text = words(64, 256, [&](auto r, auto c) { return hit[static_cast<std::size_t>(r * 256 + c)]; });
    const bool modest = text.find("scattered") != std::string::npos || text.find("elements: [") != std::string::npos ||
                        (count <= 3 && text.find(" and ") != std::string::npos) || text.starts_with("one element");
    ASSERT_TRUE(modest) << text;
  }
}

// ---- values and moves, through describe_pattern

std::string pattern(const Tensor& actual, const Tensor& expected, const std::string& policy = "bits",
                    const std::vector<std::uint8_t>& unwritten = {}, const std::vector<std::uint8_t>& open = {}) {
  const Reference reference{&expected, nullptr, nullptr, open};
  const auto found = compare(actual, reference, *parse_policy(policy), unwritten);
  EXPECT_TRUE(found);
  return describe_pattern(actual, reference, *found, unwritten);
}

Tensor noise(DType dtype, const Shape& shape, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Tensor tensor(dtype, shape);
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const std::uint64_t bits =
        dtype == DType::f32 ? 0x3F000000U + random() % 0x01000000U + (random() % 2 << 31) : 1 + random() % 100;
    tensor.set_bits(i, bits);
  }
  return tensor;
}

// actual[i] = expected[source(i)] where source is not negative, otherwise other noise.
Tensor moved(const Tensor& expected, const std::function<std::int64_t(std::int64_t)>& source) {
  Tensor actual = noise(expected.dtype(), expected.shape(), 99);
  for (std::int64_t i = 0; i < expected.size(); ++i)
    if (source(i) >= 0) actual.set_bits(i, expected.bits(source(i)));
  return actual;
}

TEST(DescribePattern, SaysNothingWhenNothingIsWrong) {
  const Tensor tensor = noise(DType::f32, {8, 8}, 1);
  EXPECT_EQ(pattern(tensor, tensor), "");
}

TEST(DescribePattern, NamesMoves) {
  const Tensor square = noise(DType::f32, {16, 16}, 1), wide = noise(DType::f32, {8, 24}, 2);
  EXPECT_EQ(pattern(moved(square, [](auto i) { return i % 16 * 16 + i / 16; }), square),
            "everything but the diagonal; transposed");
  EXPECT_NE(pattern(moved(wide, [](auto i) { return i % 8 * 24 + i / 8; }), wide).find("stored column by column"),
            std::string::npos);
  EXPECT_EQ(pattern(moved(wide, [](auto i) { return i - 24; }), wide),
            "all elements; shifted by 1 row: actual[r] holds expected[r-1]");
  EXPECT_EQ(pattern(moved(wide, [](auto i) { return i % 24 == 23 ? -1 : i + 1; }), wide),
            "all elements; shifted by 1 column: actual[c] holds expected[c+1]");
  EXPECT_EQ(pattern(moved(wide, [](auto i) { return i / 24 == 2   ? i + 72
                                                    : i / 24 == 5 ? i - 72
                                                                  : i; }), wide),
            "rows 2 and 5; rows 2 and 5 are swapped");
  EXPECT_EQ(pattern(moved(wide, [](auto i) { return i % 24; }), wide), "rows 1..7; these rows repeat row 0");
  EXPECT_EQ(pattern(moved(wide, [](auto i) { return (i / 24 * 3 % 8) * 24 + i % 24; }), wide)
                    .find("these rows hold the values of other rows") != std::string::npos,
            true);
}

TEST(DescribePattern, ClaimsNoMoveForConstantData) {
  Tensor expected(DType::i8, {16, 16}), actual(DType::i8, {16, 16});
  for (std::int64_t i = 0; i < 256; ++i) expected.set_bits(i, 7), actual.set_bits(i, i < 16 ? 8 : 7);
  EXPECT_EQ(pattern(actual, expected), "row 0; every mismatch is one away from zero, as when ties are rounded away");
}

TEST(DescribePattern, ClaimsNoMoveForIndependentNoise) {
  for (std::uint64_t seed = 1; seed < 200; ++seed) {
    const Tensor expected = noise(DType::f32, {16, 16}, seed), actual = noise(DType::f32, {16, 16}, seed + 1000);
    const std::string text = pattern(actual, expected);
    ASSERT_EQ(text.find("shifted"), std::string::npos) << text;
    ASSERT_EQ(text.find("transposed"), std::string::npos) << text;
    ASSERT_EQ(text.find("rows hold"), std::string::npos) << text;
    ASSERT_EQ(text.find("times"), std::string::npos) << text;
    ASSERT_EQ(text.find("one ulp"), std::string::npos) << text;
  }
}

// One row of values, every element wrong in the given way.
std::string values(DType dtype, const std::vector<std::uint64_t>& actual, const std::vector<std::uint64_t>& expected,
                   const std::string& policy = "bits") {
  return pattern(testing::row_of(dtype, actual), testing::row_of(dtype, expected), policy);
}

TEST(DescribePattern, NamesWhatIsWrongWithTheValues) {
  EXPECT_EQ(values(DType::bf16, {0, 0, 0}, {0x3F80, 0x4000, 0xC000}), "all elements; actual is all zero");
  EXPECT_EQ(values(DType::bf16, {0, 0, 0x3F80}, {0x3F80, 0x4000, 0x3F80}), "elements 0..1; actual is zero there");
  EXPECT_EQ(values(DType::bf16, {7, 9, 0x3F80}, {0, 0, 0}), "all elements; zero is expected there");
  EXPECT_EQ(values(DType::bf16, {0, 0x8000, 0}, {1, 0x8002, 9}), "all elements; only subnormals, flushed to zero");
  EXPECT_EQ(values(DType::bf16, {2, 3}, {1, 9}), "all elements; only subnormals");
  EXPECT_EQ(values(DType::bf16, {0x8000, 0}, {0, 0x8000}), "all elements; only the sign of zero");
  EXPECT_EQ(values(DType::bf16, {0x7FC0, 0xFFC0}, {1, 0x3F80}), "all elements; NaN where a finite value is expected");
  EXPECT_EQ(values(DType::bf16, {0x7F80, 0xFF80}, {0x7FC0, 0x7FC0}), "all elements; infinity where NaN is expected");
  EXPECT_EQ(values(DType::bf16, {0x7F7F, 0x7F7F}, {0x7F80, 0x7F80}),
            "all elements; a finite value where infinity is expected");
  EXPECT_EQ(values(DType::bf16, {0x7F80, 0x7F80}, {0xFF80, 0xFF80}), "all elements; infinity of the wrong sign");
  EXPECT_EQ(values(DType::bf16, {0x7FC0, 0x7F80}, {0x7F80, 0x7FC0}), "all elements; only NaN and infinities");
  EXPECT_EQ(values(DType::bf16, {0xBF80, 0x4000}, {0x3F80, 0xC000}), "all elements; the sign is flipped");
  EXPECT_EQ(values(DType::i8, {0x7F, 0x7F, 0x7F}, {1, 2, 3}), "all elements; saturated: actual is 127 there");
  EXPECT_EQ(values(DType::i8, {9, 9, 9}, {1, 2, 3}), "all elements; actual is the constant 9 there");
  EXPECT_EQ(values(DType::i16, {11, 22, 33}, {1, 12, 23}), "all elements; actual is the expected plus 10");
  EXPECT_EQ(values(DType::i16, {2, 8, 6}, {1, 4, 3}), "all elements; actual is 2 times the expected");
}

TEST(DescribePattern, NamesRoundingDirections) {
  EXPECT_EQ(values(DType::bf16, {0x3F81, 0xBF81, 0x4001}, {0x3F80, 0xBF80, 0x4000}),
            "all elements; every mismatch is one ulp away from zero, as when ties are rounded away");
  EXPECT_EQ(values(DType::bf16, {0x3F80, 0xBF80, 0x4000}, {0x3F81, 0xBF81, 0x4001}),
            "all elements; every mismatch is one ulp toward zero, as when rounding truncates");
  EXPECT_EQ(values(DType::bf16, {0x3F81, 0xBF80, 0x4001}, {0x3F80, 0xBF81, 0x4000}),
            "all elements; every mismatch is one ulp up");
  EXPECT_EQ(values(DType::bf16, {0x3F80, 0xBF81, 0x4000}, {0x3F81, 0xBF80, 0x4001}),
            "all elements; every mismatch is one ulp down");
  EXPECT_EQ(values(DType::bf16, {0x3F81, 0x3F82, 0xBF80, 0xC000}, {0x3F80, 0x3F83, 0xBF81, 0xC001}),
            "all elements; every mismatch is one ulp off, in both directions");
  EXPECT_EQ(values(DType::i8, {0xFF, 2, 3}, {0xFE, 3, 4}),
            "all elements; every mismatch is one toward zero, as when "
            "rounding truncates");
}

TEST(DescribePattern, NamesWhatWasNeverWritten) {
  const Tensor expected = noise(DType::i32, {4, 8}, 3);
  std::vector<std::uint8_t> unwritten(32), open(32);
  for (std::size_t i = 0; i < 32; ++i) unwritten[i] = i % 8 >= 6;
  EXPECT_EQ(pattern(expected, expected, "bits", unwritten), "never written: the last 2 columns (6..7) of every row");
  Tensor actual = expected;
  actual.set_bits(9, 1000);
  EXPECT_EQ(pattern(actual, expected, "bits", unwritten)
                .find("never written: the last 2 columns (6..7) of every row; one element, [1, 1]"),
            0U);
  for (std::size_t i = 0; i < 24; ++i) open[i] = 1;
  EXPECT_EQ(pattern(expected, expected, "bits", unwritten, open),
            "never written: the last 2 columns (6..7) of the last row (3)");
}

TEST(DescribePattern, SaysSoWhenOnlyThePrefixOfTheMismatchesIsKnown) {
  const Tensor expected(DType::i8, {1100, 1024});
  Tensor actual = expected;
  for (std::byte& byte : actual.bytes()) byte = std::byte{5};
  EXPECT_EQ(pattern(actual, expected).find("1126400 mismatches, of which the first 1048576: "), 0U);
}

}  // namespace
}  // namespace assay::compare
