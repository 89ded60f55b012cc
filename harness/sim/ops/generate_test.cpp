// Triangles, random words, counts, interleaving; quantisation and what it does to its source.
#include <limits>

#include "harness/sim/numeric/round.h"
#include "harness/sim/ops/tile_run.h"

namespace assay::sim::testing {
namespace {

using F = std::vector<float>;
using U = std::vector<std::uint32_t>;

F triangle(int upper, int diagonal) {
  TileRun run;
  run.out("d", DType::f32, {3, 8, 3, 4});
  return run
      .completes(fmt::format("%k = arith.constant {} : i32\n    pto.ttri ins(%k : i32) outs(%d : $d) {{upperOrLower = "
                             "{} : i32}}",
                             diagonal, upper))
      .values<float>("d");
}

TEST(Generated, TrianglesIncludeTheirDiagonal) {
  EXPECT_EQ(triangle(0, 0), (F{1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0}));
  EXPECT_EQ(triangle(1, 0), (F{1, 1, 1, 1, 0, 1, 1, 1, 0, 0, 1, 1}));
  EXPECT_EQ(triangle(0, -2), (F{0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}));
  EXPECT_EQ(triangle(1, 2), (F{0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0}));
}

U random_words(const std::array<std::uint32_t, 6>& seed, std::int64_t count) {
  TileRun run;
  run.out("d", DType::u32, {1, 8, 1, count});
  std::string text;
  for (std::size_t k = 0; k < 6; ++k)
    text += fmt::format("%s{} = arith.constant {} : i32\n    ", k, static_cast<std::int32_t>(seed[k]));
  return run
      .completes(text + "pto.trandom ins(%s0, %s1, %s2, %s3, %s4, %s5 : i32, i32, i32, i32, i32, i32) outs(%d : $d)", "a5")
      .values<std::uint32_t>("d");
}

// Known answers of Philox4x32-10, published with Random123.
TEST(Generated, RandomWordsArePhilox) {
  EXPECT_EQ(random_words({0, 0, 0, 0, 0, 0}, 4), (U{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}));
  const std::uint32_t ones = 0xFFFFFFFF;
  EXPECT_EQ(random_words({ones, ones, ones, ones, ones, ones}, 4), (U{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}));
  EXPECT_EQ(random_words({0xA4093822, 0x299F31D0, 0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344}, 4),
            (U{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}));
}

TEST(Generated, TheCounterCarriesAndTailsAreCut) {
  const U whole = random_words({1, 2, 0xFFFFFFFF, 0xFFFFFFFF, 0, 0}, 8), tail = random_words({1, 2, 0xFFFFFFFF, 0xFFFFFFFF, 0, 0}, 6);
  EXPECT_EQ(U(whole.begin(), whole.begin() + 6), tail);
  EXPECT_EQ(U(whole.begin() + 4, whole.end()), random_words({1, 2, 0, 0, 1, 0}, 4));
}

TEST(Generated, HistogramsCountOneByteOfWhatPassesTheFilter) {
  std::vector<std::uint16_t> a(16, 0x1234);
  a[3] = 0x12FF, a[4] = 0x9934, a[5] = 0x1200;
  const auto counts = [&](std::string_view msb) {
    TileRun run;
    run.in("a", DType::u16, {1, 16}, a).in("i", DType::u8, {32, 1, 1, 1, true}, std::vector<std::uint8_t>{0x12});
    run.out("d", DType::u32, {1, 256});
    return run
        .completes(fmt::format("pto.thistogram ins(%a, %i : $a, $i) outs(%d : $d) {{isMSB = {}}}", msb), "a5")
        .values<std::uint32_t>("d");
  };
  const U high = counts("true"), low = counts("false");
  EXPECT_EQ(high[0x12], 15U);
  EXPECT_EQ(high[0x99], 1U);
  EXPECT_EQ(low[0x34], 13U);
  EXPECT_EQ(low[0xFF], 1U);
  EXPECT_EQ(low[0], 1U);
}

TEST(Interleaving, IsUndoneByDeinterleaving) {
  const F a{0, 1, 2, 3, 4, 5, 6, 7}, b{10, 11, 12, 13, 14, 15, 16, 17};
  TileRun run;
  run.in("a", DType::f32, {1, 8}, a).in("b", DType::f32, {1, 8}, b).out("c", DType::f32, {1, 8});
  run.out("d", DType::f32, {1, 8}).out("e", DType::f32, {1, 8}).out("f", DType::f32, {1, 8});
  run.completes(
      "pto.tinterleave ins(%a, %b : $a, $b) outs(%c, %d : $c, $d)\n"
      "    pto.tdeinterleave ins(%c, %d : $c, $d) outs(%e, %f : $e, $f)",
      "a5");
  EXPECT_EQ(run.values<float>("c"), (F{0, 10, 1, 11, 2, 12, 3, 13}));
  EXPECT_EQ(run.values<float>("d"), (F{4, 14, 5, 15, 6, 16, 7, 17}));
  EXPECT_EQ(run.values<float>("e"), a);
  EXPECT_EQ(run.values<float>("f"), b);
}

TEST(Interleaving, DestinationsMayNotOverlapEachOther) {
  TileRun run;
  run.in("a", DType::f32, {1, 8}, F(8, 1)).in("b", DType::f32, {1, 8}, F(8, 2)).out("c", DType::f32, {1, 8});
  EXPECT_EQ(run.run("pto.tinterleave ins(%a, %b : $a, $b) outs(%c, %c : $c, $c)", "a5").rule(), "overlap");
}

TEST(Interleaving, PairsAreSummed) {
  TileRun run;
  run.in("a", DType::f32, {2, 8}, F{1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 0, 1, 0, 1, 0, 1}).out("d", DType::f32, {2, 8, 2, 4});
  EXPECT_EQ(run.completes("pto.tpairreducesum ins(%a : $a) outs(%d : $d)").values<float>("d"),
            (F{3, 7, 11, 15, 1, 1, 1, 1}));
}

TileRun quantised(DType dtype, const F& x, float scale, float offset) {
  TileRun run;
  run.in("a", DType::f32, {1, 32}, x).in("s", DType::f32, {8, 1, 1, 1, true}, F{scale});
  run.in("o", DType::f32, {8, 1, 1, 1, true}, F{offset}).scratch("t", DType::f32, {1, 32}).out("d", dtype, {1, 32});
  return run;
}

TEST(Quantisation, RoundsToEvenAndClamps) {
  F x(32, 0.0F);
  x[0] = 0.5F, x[1] = 1.5F, x[2] = -2.5F, x[3] = 127.5F, x[4] = -200, x[5] = std::numeric_limits<float>::infinity();
  const auto d = quantised(DType::i8, x, 1, 0)
                     .completes("pto.tquant ins(%a, %s, %t : $a, $s, $t) outs(%d : $d) {quant_type = "
                                "#pto<quant_type INT8_SYM>}")
                     .values<std::int8_t>("d");
  EXPECT_EQ(std::vector<std::int8_t>(d.begin(), d.begin() + 6), (std::vector<std::int8_t>{0, 2, -2, 127, -128, 127}));
  const auto u = quantised(DType::u8, x, 2, 3)
                     .completes("pto.tquant ins(%a, %s, %o, %t : $a, $s, $o, $t) outs(%d : $d)")
                     .values<std::uint8_t>("d");
  EXPECT_EQ(std::vector<std::uint8_t>(u.begin(), u.begin() + 6), (std::vector<std::uint8_t>{4, 6, 0, 255, 0, 255}));
}

TEST(Quantisation, TheSourceIsGone) {
  EXPECT_EQ(quantised(DType::i8, F(32, 1), 1, 0)
                .run("pto.tquant ins(%a, %s, %t : $a, $s, $t) outs(%d : $d)\n    pto.tneg ins(%a : $a) outs(%t : $t)")
                .rule(),
            "undefined-bytes");
}

TEST(Quantisation, ScratchHoldsTheTileInSinglePrecision) {
  TileRun run;
  run.in("a", DType::f32, {2, 32}, F(64, 1)).in("s", DType::f32, {8, 1, 2, 1, true}, F{1, 1});
  run.scratch("t", DType::f32, {1, 32}).out("d", DType::i8, {2, 32});
  EXPECT_EQ(run.run("pto.tquant ins(%a, %s, %t : $a, $s, $t) outs(%d : $d)").rule(), "illegal-operand");
}

TEST(Quantisation, DequantisationSubtractsThenMultiplies) {
  TileRun run;
  std::vector<std::int8_t> x(32, 5);
  x[0] = -128;
  run.in("a", DType::i8, {1, 32}, x).in("s", DType::f32, {8, 1, 1, 1, true}, F{0.5F});
  run.in("o", DType::f32, {8, 1, 1, 1, true}, F{2}).out("d", DType::f32, {1, 32});
  const F d = run.completes("pto.tdequant ins(%a, %s, %o : $a, $s, $o) outs(%d : $d)").values<float>("d");
  EXPECT_EQ(d[0], -65.0F);
  EXPECT_EQ(d[31], 1.5F);
}

TEST(Quantisation, FusedConversionsSaturate) {
  const auto fused = [](std::string_view name, const F& a, const F& b) {
    TileRun run;
    run.in("a", DType::f32, {1, 16}, a).in("b", DType::f32, {1, 16}, b).out("d", DType::f16, {1, 16});
    return run.completes(fmt::format("pto.{} ins(%a, %b : $a, $b) outs(%d : $d)", name)).values<std::uint16_t>("d")[0];
  };
  EXPECT_EQ(fused("taddreluconv", F(16, 60000), F(16, 60000)), 0x7BFF);
  EXPECT_EQ(fused("taddreluconv", F(16, -3), F(16, 1)), 0);
  EXPECT_EQ(fused("tsubreluconv", F(16, 3), F(16, 1)), f16_nearest(2));
  TileRun deq;
  deq.in("a", DType::i32, {1, 16}, std::vector<std::int32_t>(16, 1 << 24)).in("b", DType::i32, {1, 16}, std::vector<std::int32_t>(16, 2));
  deq.out("d", DType::f16, {1, 16});
  deq.completes("%s = arith.constant 0.0009765625 : f32\n    pto.tadddeqrelu ins(%a, %b, %s : $a, $b, f32) outs(%d : $d)");
  EXPECT_EQ(deq.values<std::uint16_t>("d")[0], f16_nearest(16384));
}

TEST(Padding, InPlaceNeedsOneStorage) {
  TileRun run;
  run.in("a", DType::f32, {1, 8}, F(8, 1));
  const std::string padded = "!pto.tile_buf<vec, 1x8xf32, pad=1>";
  EXPECT_EQ(run.run(fmt::format("%x = arith.constant 8192 : i64\n    %b = pto.alloc_tile addr = %x : {0}\n    "
                                "pto.tfillpad_inplace ins(%a : $a) outs(%b : {0})",
                                padded))
                .rule(),
            "illegal-operand");
}

}  // namespace
}  // namespace assay::sim::testing
