// Packed masks: their bytes, who reads and who writes them.
#include <limits>

#include "harness/sim/ops/tile_run.h"

namespace assay::sim::testing {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
using F = std::vector<float>;
using B = std::vector<std::uint8_t>;

TileRun comparison(std::string_view mode, const F& a, const F& b) {
  TileRun run;
  run.in("a", DType::f32, {1, 8}, a).in("b", DType::f32, {1, 8}, b).out("m", DType::u8, {1, 32, 1, 1});
  run.completes(fmt::format("pto.tcmp ins(%a, %b {{cmpMode = #pto<cmp {}>}} : $a, $b) outs(%m : $m)", mode));
  return run;
}

TEST(Masks, BitsFollowTheColumnsFromTheLowEnd) {
  const F a{1, 2, 3, 4, 5, kNaN, 7, 8}, b{1, 0, 9, 4, 9, kNaN, 0, kNaN};
  EXPECT_EQ(comparison("eq", a, b).values<std::uint8_t>("m"), B{0b00001001});
  EXPECT_EQ(comparison("ne", a, b).values<std::uint8_t>("m"), B{0b11110110});
  EXPECT_EQ(comparison("lt", a, b).values<std::uint8_t>("m"), B{0b00010100});
  EXPECT_EQ(comparison("le", a, b).values<std::uint8_t>("m"), B{0b00011101});
  EXPECT_EQ(comparison("gt", a, b).values<std::uint8_t>("m"), B{0b01000010});
  EXPECT_EQ(comparison("greater_equal", a, b).values<std::uint8_t>("m"), B{0b01001011});
}

TEST(Masks, RowsStartAtTheirTilesRowsAndTailsAreZero) {
  F a(2 * 19, 1.0F);
  a[3] = -1;
  a[19 + 18] = -1;
  TileRun run;
  run.in("a", DType::f32, {2, 24, 2, 19}, a).in("m", DType::u8, {2, 32}, B(64, 0xEE), true);
  run.completes("%z = arith.constant 0.0 : f32\n"
                "    pto.tcmps ins(%a, %z {cmpMode = #pto<cmp gt>} : $a, f32) outs(%m : $m)");
  const B m = run.values<std::uint8_t>("m");
  EXPECT_EQ(B(m.begin(), m.begin() + 4), (B{0xF7, 0xFF, 0x07, 0xEE}));  // the fourth byte is not the mask's
  EXPECT_EQ(B(m.begin() + 32, m.begin() + 36), (B{0xFF, 0xFF, 0x03, 0xEE}));
}

TEST(Masks, RowsOfSourceAndMaskMustAgree) {
  TileRun run;
  run.in("a", DType::f32, {2, 8}, F(16, 1)).in("b", DType::f32, {2, 8}, F(16, 1)).out("m", DType::u8, {1, 32});
  EXPECT_EQ(run.run("pto.tcmp ins(%a, %b : $a, $b) outs(%m : $m)").rule(), "valid-mismatch");
}

TEST(Masks, MaskTooSmallForItsBitsIsReported) {
  TileRun run;
  run.in("a", DType::f32, {1, 264}, F(264, 1)).in("b", DType::f32, {1, 264}, F(264, 1)).out("m", DType::u8, {1, 32});
  EXPECT_EQ(run.run("pto.tcmp ins(%a, %b : $a, $b) outs(%m : $m)").rule(), "valid-mismatch");
}

TEST(Masks, SelectionReadsOneBitAnElement) {
  F a(16), b(16);
  for (std::size_t k = 0; k < 16; ++k) a[k] = static_cast<float>(k), b[k] = -1;
  TileRun run;
  run.in("m", DType::u8, {1, 32, 1, 2}, B{0b10000001, 0b00010000}).in("a", DType::f32, {1, 16}, a);
  run.in("b", DType::f32, {1, 16}, b).scratch("t", DType::u8, {1, 32}).out("d", DType::f32, {1, 16});
  run.completes("pto.tsel ins(%m, %a, %b, %t : $m, $a, $b, $t) outs(%d : $d)");
  EXPECT_EQ(run.values<float>("d"), (F{0, -1, -1, -1, -1, -1, -1, 7, -1, -1, -1, -1, 12, -1, -1, -1}));
}

TEST(Masks, ScalarSelectionsHaveAMaskOrOneModeForAll) {
  const F a{0, 1, 2, 3, 4, 5, 6, 7};
  TileRun masked;
  masked.in("m", DType::u8, {1, 32, 1, 1}, B{0b00001111}).in("a", DType::f32, {1, 8}, a);
  masked.scratch("t", DType::f32, {1, 8}).out("d", DType::f32, {1, 8});
  masked.completes("%s = arith.constant 9.0 : f32\n    pto.tsels ins(%m, %a, %t, %s : $m, $a, $t, f32) outs(%d : $d)");
  EXPECT_EQ(masked.values<float>("d"), (F{0, 1, 2, 3, 9, 9, 9, 9}));
  for (int mode : {0, 1}) {
    TileRun global;
    global.in("a", DType::f32, {1, 8}, a).in("b", DType::f32, {1, 8}, F(8, -1)).out("d", DType::f32, {1, 8});
    global.completes(fmt::format(
        "%s = arith.constant {} : i32\n    pto.tsels ins(%a, %b, %s : $a, $b, i32) outs(%d : $d)", mode));
    EXPECT_EQ(global.values<float>("d"), mode == 1 ? a : F(8, -1));
  }
}

TEST(Masks, UndefinedMaskBytesAreReported) {
  TileRun run;
  run.scratch("m", DType::u8, {1, 32}).in("a", DType::f32, {1, 8}, F(8, 1)).in("b", DType::f32, {1, 8}, F(8, 1));
  run.out("d", DType::f32, {1, 8});
  EXPECT_EQ(run.run("pto.tsel ins(%m, %a, %b : $m, $a, $b) outs(%d : $d)").rule(), "undefined-bytes");
}

}  // namespace
}  // namespace assay::sim::testing
