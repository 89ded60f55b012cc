// Lists of pairs: order, ties, executed counts, refused shapes.
#include <algorithm>
#include <limits>

#include "harness/sim/numeric/round.h"
#include "harness/sim/ops/tile_run.h"

namespace assay::sim::testing {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
using F = std::vector<float>;
using U = std::vector<std::uint32_t>;

std::uint32_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }

// Descending values from `first`, one apart, with indices from `index`: a sorted list as f32 elements.
F list(float first, std::size_t pairs, std::uint32_t index, float step = 1) {
  F result;
  for (std::size_t k = 0; k < pairs; ++k) {
    result.push_back(first - step * static_cast<float>(k));
    result.push_back(std::bit_cast<float>(index + static_cast<std::uint32_t>(k)));
  }
  return result;
}

TEST(Sorting, BlocksOfThirtyTwoAreSortedApart) {
  F a(40);
  U index(40);
  for (std::size_t k = 0; k < 40; ++k) a[k] = static_cast<float>(k % 7), index[k] = static_cast<std::uint32_t>(k);
  a[5] = kNaN;
  TileRun run;
  run.in("a", DType::f32, {1, 40}, a).in("i", DType::u32, {1, 40}, index).out("d", DType::f32, {1, 80});
  const U d = run.completes("pto.tsort32 ins(%a, %i : $a, $i) outs(%d : $d)").values<std::uint32_t>("d");
  EXPECT_EQ(d[1], 5U);  // NaN first
  EXPECT_EQ((U{d[2], d[3], d[4], d[5]}), (U{bits(6), 6, bits(6), 13}));  // ties by lower index
  EXPECT_EQ((U{d[64], d[65]}), (U{bits(6), 34}));                        // the second block, of eight
  for (std::size_t k = 1; k < 31; ++k) EXPECT_GE(std::bit_cast<float>(d[2 * k]), std::bit_cast<float>(d[2 * k + 2]));
}

TEST(Sorting, HalfPairsAreEightBytesToo) {
  std::vector<std::uint16_t> a(32);
  U index(32);
  for (std::size_t k = 0; k < 32; ++k) {
    a[k] = f16_nearest(static_cast<float>(k));
    index[k] = 100000 + static_cast<std::uint32_t>(k);
  }
  TileRun run;
  run.in("a", DType::f16, {1, 32}, a).in("i", DType::u32, {1, 32}, index).out("d", DType::f16, {1, 128});
  const auto d = run.completes("pto.tsort32 ins(%a, %i : $a, $i) outs(%d : $d)").values<std::uint32_t>("d");
  EXPECT_EQ((U{d[0], d[1], d[62], d[63]}), (U{f16_nearest(31.0F), 100031, 0, 100000}));
}

TEST(Sorting, DestinationMustHoldThePairs) {
  TileRun run;
  run.in("a", DType::f32, {1, 32}, F(32, 1)).in("i", DType::u32, {1, 32}, U(32, 1)).out("d", DType::f32, {1, 32});
  EXPECT_EQ(run.run("pto.tsort32 ins(%a, %i : $a, $i) outs(%d : $d)").rule(), "valid-mismatch");
}

std::string blocks(std::int64_t length) {
  return fmt::format("%n = arith.constant {} : i32\n    pto.tmrgsort ins(%a, %n : $a, i32) outs(%d : $d)", length);
}

TEST(Sorting, FourBlocksBecomeOne) {
  F a;
  for (float first : {10.0F, 50.5F, 30.25F, 20.75F}) {
    const F block = list(first, 32, static_cast<std::uint32_t>(first * 100));
    a.insert(a.end(), block.begin(), block.end());
  }
  TileRun run;
  run.in("a", DType::f32, {1, 256}, a).out("d", DType::f32, {1, 256});
  const F d = run.completes(blocks(64)).values<float>("d");
  F expected, got;
  for (std::size_t k = 0; k < 256; k += 2) expected.push_back(a[k]), got.push_back(d[k]);
  std::sort(expected.rbegin(), expected.rend());
  EXPECT_EQ(got, expected);
  EXPECT_EQ(bits(d[1]), 5050U);
}

TEST(Sorting, BlockLengthsAreChecked) {
  for (std::int64_t length : {0, 32, 65, 128, 512}) {
    TileRun run;
    run.in("a", DType::f32, {1, 256}, F(256, 1)).out("d", DType::f32, {1, 256});
    EXPECT_EQ(run.run(blocks(length)).rule(), "illegal-operand") << length;
  }
}

struct Merged {
  F values;
  std::vector<std::int32_t> counts;
};
Merged merge(std::string_view attribute) {
  TileRun run;
  run.in("a", DType::f32, {1, 8}, list(10, 4, 0)).in("b", DType::f32, {1, 16}, list(9.5F, 8, 100, 0.25F));
  run.scratch("t", DType::f32, {1, 24}).in("d", DType::f32, {1, 24}, F(24, -99), true);
  run.out("c", DType::i32, {1, 8, 1, 4});
  run.completes(fmt::format(R"(%e = pto.declare_local_array : !pto.local_array<4xi16>
    pto.tmrgsort ins(%a, %b, %t {{exhausted = {}}} : $a, $b, $t) outs(%d, %e : $d, !pto.local_array<4xi16>)
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c3 = arith.constant 3 : index
    %e0 = pto.local_array_get %e[%c0] : !pto.local_array<4xi16> -> i16
    %e1 = pto.local_array_get %e[%c1] : !pto.local_array<4xi16> -> i16
    %e2 = pto.local_array_get %e[%c2] : !pto.local_array<4xi16> -> i16
    %e3 = pto.local_array_get %e[%c3] : !pto.local_array<4xi16> -> i16
    %w0 = arith.extsi %e0 : i16 to i32
    %w1 = arith.extsi %e1 : i16 to i32
    %w2 = arith.extsi %e2 : i16 to i32
    %w3 = arith.extsi %e3 : i16 to i32
    pto.tsetval ins(%c0, %w0 : index, i32) outs(%c : $c)
    pto.tsetval ins(%c1, %w1 : index, i32) outs(%c : $c)
    pto.tsetval ins(%c2, %w2 : index, i32) outs(%c : $c)
    pto.tsetval ins(%c3, %w3 : index, i32) outs(%c : $c))",
                            attribute));
  return {run.values<float>("d"), run.values<std::int32_t>("c")};
}

// a: 10 9 8 7, b: 9.5 9.25 9 8.75 8.5 8.25 8 7.75. Ties take the earlier list.
TEST(Sorting, ListsMergeWhole) {
  const Merged merged = merge("false");
  F got;
  for (std::size_t k = 0; k < 24; k += 2) got.push_back(merged.values[k]);
  EXPECT_EQ(got, (F{10, 9.5F, 9.25F, 9, 9, 8.75F, 8.5F, 8.25F, 8, 8, 7.75F, 7}));
  EXPECT_EQ(bits(merged.values[7]), 1U);  // the tie at 9: list a
  EXPECT_EQ(merged.counts, (std::vector<std::int32_t>{4, 8, 0, 0}));
}

TEST(Sorting, MergingStopsWhenAListIsExhausted) {
  const Merged merged = merge("true");
  EXPECT_EQ(merged.counts, (std::vector<std::int32_t>{3, 8, 0, 0}));  // b's 7.75 is its last
  EXPECT_EQ(merged.values[20], 7.75F);
  EXPECT_EQ(merged.values[22], -99.0F);
}

TEST(Sorting, ScratchMustHoldAllPairs) {
  TileRun run;
  run.in("a", DType::f32, {1, 16}, list(10, 8, 0)).in("b", DType::f32, {1, 16}, list(9, 8, 0));
  run.scratch("t", DType::f32, {1, 24}).out("d", DType::f32, {1, 32});
  EXPECT_EQ(run.run("%e = pto.declare_local_array : !pto.local_array<4xi16>\n    pto.tmrgsort ins(%a, %b, %t : $a, $b, "
                    "$t) outs(%d, %e : $d, !pto.local_array<4xi16>)")
                .rule(),
            "illegal-operand");
}

}  // namespace
}  // namespace assay::sim::testing
