// Operators by example: remainders, shifts, powers, fused steps, reductions; and what they refuse.
#include <cmath>
#include <limits>

#include "harness/sim/numeric/elementary.h"
#include "harness/sim/numeric/round.h"
#include "harness/sim/ops/tile_run.h"

namespace assay::sim::testing {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity(), kNaN = std::numeric_limits<float>::quiet_NaN();
using F = std::vector<float>;
using I = std::vector<std::int32_t>;

template <class T>
TileRun binary(DType dtype, const std::vector<T>& a, const std::vector<T>& b) {
  const TileShape shape{1, 8};
  TileRun run;
  run.in("a", dtype, shape, a).in("b", dtype, shape, b).out("d", dtype, shape);
  return run;
}
std::string op(std::string_view name) { return fmt::format("pto.{} ins(%a, %b : $a, $b) outs(%d : $d)", name); }

std::vector<std::uint32_t> bits(const F& values) {
  std::vector<std::uint32_t> result;
  for (float value : values) result.push_back(std::bit_cast<std::uint32_t>(value));
  return result;
}

TEST(VectorArithmetic, RemaindersDifferInTheSign) {
  const I a{7, -7, 7, -7, 6, -6, std::numeric_limits<std::int32_t>::min(), 0}, b{4, 4, -4, -4, 3, -3, -1, -5};
  EXPECT_EQ(binary(DType::i32, a, b).completes(op("trem")).values<std::int32_t>("d"), (I{3, 1, -1, -3, 0, 0, 0, 0}));
  EXPECT_EQ(binary(DType::i32, a, b).completes(op("tfmod")).values<std::int32_t>("d"), (I{3, -3, 3, -3, 0, 0, 0, 0}));
  const F x{5.5F, -5.5F, 5.5F, -5.5F, 6.0F, -6.0F, 5.0F, -1e-30F}, y{2.0F, 2.0F, -2.0F, -2.0F, -3.0F, 3.0F, -kInf, 1.0F};
  EXPECT_EQ(bits(binary(DType::f32, x, y).completes(op("trem")).values<float>("d")),
            bits({1.5F, 0.5F, -0.5F, -1.5F, -0.0F, 0.0F, -kInf, 1.0F}));
  EXPECT_EQ(bits(binary(DType::f32, x, y).completes(op("tfmod")).values<float>("d")),
            bits({1.5F, -1.5F, 1.5F, -1.5F, 0.0F, -0.0F, 5.0F, -1e-30F}));
}

TEST(VectorArithmetic, IntegerRemainderByZeroIsReportedAndFloatIsNaN) {
  const I a(8, 1);
  I b(8, 1);
  b[3] = 0;
  EXPECT_EQ(binary(DType::i32, a, b).run(op("trem")).rule(), "division-by-zero");
  EXPECT_EQ(binary(DType::i32, a, b).run(op("tfmod")).rule(), "division-by-zero");
  const auto d = binary(DType::f32, F(8, -1.0F), F(8, 0.0F)).completes(op("trem")).values<float>("d");
  EXPECT_EQ(bits(d), std::vector<std::uint32_t>(8, 0x7FC00000U));
}

TEST(VectorArithmetic, RightShiftFollowsTheSign) {
  const I a{-8, 8, -1, 1, -2147483647, 5, 6, 7}, by{1, 1, 31, 0, 4, 2, 1, 3};
  EXPECT_EQ(binary(DType::i32, a, by).completes(op("tshr")).values<std::int32_t>("d"),
            (I{-4, 4, -1, 1, -134217728, 1, 3, 0}));
  const std::vector<std::uint32_t> u{0x80000000U, 8, 0xFFFFFFFFU, 1, 2, 3, 4, 5}, v{31, 1, 16, 0, 1, 1, 1, 1};
  EXPECT_EQ(binary(DType::u32, u, v).completes(op("tshr")).values<std::uint32_t>("d"),
            (std::vector<std::uint32_t>{1, 4, 0xFFFF, 1, 1, 1, 2, 2}));
  EXPECT_EQ(binary(DType::i32, a, by).completes(op("tshl")).values<std::int32_t>("d")[2],
            std::numeric_limits<std::int32_t>::min());
}

TEST(VectorArithmetic, ShiftsOutsideTheWidthAreReported) {
  for (std::int32_t amount : {-1, 32, 100}) {
    I by(8, 1);
    by[5] = amount;
    EXPECT_EQ(binary(DType::i32, I(8, 3), by).run(op("tshl")).rule(), "shift-range") << amount;
    EXPECT_EQ(binary(DType::i32, I(8, 3), by).run(op("tshr")).rule(), "shift-range") << amount;
  }
}

TEST(VectorArithmetic, ScalarFormsAndScratch) {
  const TileShape shape{1, 16};
  std::vector<std::int16_t> a(16);
  for (std::size_t k = 0; k < 16; ++k) a[k] = static_cast<std::int16_t>(k * 1000);
  TileRun run;
  run.in("a", DType::i16, shape, a).scratch("t", DType::i16, shape).out("d", DType::i16, shape);
  const auto d = run.completes("%s = arith.constant 255 : i16\n    pto.txors ins(%a, %s, %t : $a, i16, $t) outs(%d : $d)")
                     .values<std::int16_t>("d");
  for (std::size_t k = 0; k < 16; ++k) EXPECT_EQ(d[k], a[k] ^ 255) << k;
}

TEST(VectorArithmetic, PowersFollowIeee) {
  const F x{2, -2, -2, 0, -0.0F, kNaN, 1, -8}, y{10, 3, 0.5F, -1, -1, 0, kNaN, kInf};
  EXPECT_EQ(bits(binary(DType::f32, x, y).completes(op("tpow")).values<float>("d")),
            bits({1024, -8, kNaN, kInf, -kInf, 1, 1, kInf}));
  // Against long double arithmetic, which is 2^11 times finer than the double the sequence uses.
  for (float base = 0.037F; base < 50; base *= 1.37F)
    for (float exponent = -9.0F; exponent < 9; exponent += 0.61F) {
      const long double truth = std::pow(static_cast<long double>(base), static_cast<long double>(exponent));
      const float got = pow_f32(base, exponent);
      const long double ulp = static_cast<long double>(std::nextafter(got, kInf)) - static_cast<long double>(got);
      EXPECT_LE(std::fabs(static_cast<long double>(got) - truth), 0.51L * ulp) << base << "^" << exponent;
    }
}

TEST(VectorArithmetic, SlopesApplyToElementsThatAreNotPositive) {
  const F a{2, -2, 0, -0.0F, kNaN, -kInf, kInf, -1}, slope{9, 0.5F, 7, 3, 1, 2, 5, 0};
  EXPECT_EQ(bits(binary(DType::f32, a, slope).completes(op("tprelu")).values<float>("d")),
            bits({2, -1, 0, -0.0F, kNaN, -kInf, kInf, -0.0F}));
}

TEST(VectorArithmetic, FusedOperandsStandInTheirOrder) {
  const F a(8, 3), b(8, 5), d(8, 7);
  const auto fused = [&](std::string_view name) {
    TileRun run;
    run.in("a", DType::f32, {1, 8}, a).in("b", DType::f32, {1, 8}, b).in("d", DType::f32, {1, 8}, d, true);
    return run.completes(op(name)).values<float>("d")[0];
  };
  EXPECT_EQ(fused("tmuladddst"), 3 * 5 + 7);
  EXPECT_EQ(fused("tfusedmuladd"), 3 * 7 + 5);
  EXPECT_EQ(fused("tfusedmuladdrelu"), 26);
  TileRun run;
  run.in("a", DType::f32, {1, 8}, a).in("d", DType::f32, {1, 8}, d, true);
  EXPECT_EQ(run.completes("%s = arith.constant -4.0 : f32\n    pto.taxpy ins(%a, %s : $a, f32) outs(%d : $d)")
                .values<float>("d")[0],
            -5);
}

// 1.0009765625 squared needs 21 bits; an f16 product drops the last ones before the addition (isa 2.8).
TEST(VectorArithmetic, HalfStepsRoundOneByOne) {
  const std::uint16_t x = 0x3C01, minus = f16_nearest(-1.001953125F);
  TileRun run;
  run.in("a", DType::f16, {1, 16}, std::vector<std::uint16_t>(16, x))
      .in("b", DType::f16, {1, 16}, std::vector<std::uint16_t>(16, x))
      .in("d", DType::f16, {1, 16}, std::vector<std::uint16_t>(16, minus), true);
  EXPECT_EQ(run.completes(op("tmuladddst")).values<std::uint16_t>("d")[0], 0);
}

TEST(VectorArithmetic, OperationsWithoutInstructionAreRefused) {
  KernelRun run;
  run.text = kernel("    pto.taddc ins(%t, %t, %t : $T, $T, $T) outs(%t : $T)");
  run.text = kernel("    %t = pto.alloc_tile addr = %a0 : $T\n    pto.tload ins(%xp : $P) outs(%t : $T)\n"
                    "    pto.taddc ins(%t, %t, %t : $T, $T, $T) outs(%t : $T)\n"
                    "    pto.tstore ins(%t : $T) outs(%yp : $P)");
  run.tensors = {filled(128, 2.0F), filled(128, 0.0F)};
  KernelRun refused = run;
  refused = run_kernel(std::move(refused));
  EXPECT_EQ(refused.report.status, device::RunStatus::unsupported);
  EXPECT_NE(refused.report.reason.find("pto.taddc is no instruction of a2a3"), std::string::npos);
  run.profile.absent_ops.clear();
  run = run_kernel(std::move(run));
  EXPECT_EQ(values(run.tensors[1])[5], 6.0F);
}

TEST(VectorArithmetic, PartialShapesTakeTheOperandThatIsThere) {
  const auto partial = [](TileShape a, TileShape b) {
    TileRun run;
    run.in("a", DType::f32, a, F(static_cast<std::size_t>(a.valid_rows * a.valid_cols), 2))
        .in("b", DType::f32, b, F(static_cast<std::size_t>(b.valid_rows * b.valid_cols), 5))
        .out("d", DType::f32, {2, 8, 2, 4});
    return run;
  };
  const std::string text = op("tpartadd");
  EXPECT_EQ(partial({2, 8, 2, 4}, {2, 8, 1, 3}).completes(text).values<float>("d"), (F{7, 7, 7, 2, 2, 2, 2, 2}));
  EXPECT_EQ(partial({2, 8, 1, 1}, {2, 8, 2, 4}).completes(text).values<float>("d"), (F{7, 5, 5, 5, 5, 5, 5, 5}));
  EXPECT_EQ(partial({2, 8, 1, 4}, {2, 8, 2, 3}).run(text).rule(), "valid-mismatch");  // nobody has (1,3)
  EXPECT_EQ(partial({2, 8, 2, 5}, {2, 8, 2, 4}).run(text).rule(), "valid-mismatch");
}

TEST(VectorArithmetic, PartialArgmaxTakesTheSecondOfEqualValues) {
  const F a{1, 5, 3, kNaN, 0, 0, 0, 0}, b{2, 4, 3, 1, 0, 0, 0, 0};
  TileRun run;
  run.in("a", DType::f32, {1, 8}, a).in("b", DType::f32, {1, 8}, b).in("i", DType::i32, {1, 8}, I(8, 10));
  run.in("j", DType::i32, {1, 8}, I(8, 20)).out("d", DType::f32, {1, 8}).out("e", DType::i32, {1, 8});
  run.completes("pto.tpartargmax ins(%a, %b, %i, %j : $a, $b, $i, $j) outs(%d, %e : $d, $e)");
  EXPECT_EQ(run.values<float>("d"), (F{2, 5, 3, 1, 0, 0, 0, 0}));
  EXPECT_EQ(run.values<std::int32_t>("e"), (I{20, 10, 20, 20, 20, 20, 20, 20}));
}

TEST(VectorReductions, ArgumentsPreferTheLowerIndexAndNaN) {
  const F a{1, 7, 7, 0, 0, 0, 0, 0, 4, kNaN, 9, kNaN, 0, 0, 0, 0};
  TileRun run;
  run.in("a", DType::f32, {2, 8, 2, 4}, F{1, 7, 7, 0, 4, kNaN, 9, kNaN}).scratch("t", DType::f32, {2, 8});
  run.out("v", DType::f32, {8, 1, 2, 1, true}).out("i", DType::i32, {8, 1, 2, 1, true});
  run.completes("pto.trowargmax ins(%a, %t : $a, $t) outs(%v, %i : $v, $i)");
  EXPECT_EQ(run.values<std::int32_t>("i"), (I{1, 1}));
  EXPECT_EQ(run.values<float>("v")[0], 7.0F);
  TileRun column;
  column.in("a", DType::f32, {2, 8, 2, 4}, F{1, 7, 7, 0, 4, kNaN, 9, 0}).out("i", DType::u32, {1, 8, 1, 4});
  EXPECT_EQ(column.completes("pto.tcolargmin ins(%a : $a) outs(%i : $i)").values<std::int32_t>("i"), (I{0, 1, 0, 0}));
}

TEST(VectorReductions, ColumnSumsGoDownTheRowsOrThroughATree) {
  F a(4 * 8, 0.0F);
  a[0] = 0x1p24F, a[8] = 1, a[16] = 1, a[24] = 1;  // sequentially the ones are lost
  const auto sum = [&](std::string_view attribute) {
    TileRun run;
    run.in("a", DType::f32, {4, 8}, a).scratch("t", DType::f32, {4, 8}).out("d", DType::f32, {1, 8});
    return run.completes(fmt::format("pto.tcolsum ins(%a, %t{} : $a, $t) outs(%d : $d)", attribute)).values<float>("d")[0];
  };
  EXPECT_EQ(sum(""), 0x1p24F);
  EXPECT_EQ(sum(" {isBinary = true}"), 0x1p24F + 2);
}

TEST(VectorReductions, IntegerProductsWrapAndSeveralResultColumnsAreReported) {
  TileRun run;
  run.in("a", DType::i32, {1, 8}, I{65536, 65536, 3, 1, 1, 1, 1, 1}).out("d", DType::i32, {8, 1, 1, 1, true});
  EXPECT_EQ(run.completes("pto.trowprod ins(%a : $a) outs(%d : $d)").values<std::int32_t>("d"), (I{0}));
  TileRun wide;
  wide.in("a", DType::f32, {1, 8}, F(8, 1)).out("d", DType::f32, {1, 8});
  EXPECT_EQ(wide.run("pto.trowmin ins(%a : $a) outs(%d : $d)").rule(), "valid-mismatch");
}

TEST(VectorReductions, ExpdifIsTheExponentialOfTheRoundedDifference) {
  TileRun run;
  run.in("a", DType::f32, {2, 8}, F(16, 3.0F)).in("b", DType::f32, {1, 8}, F(8, 3.0F)).out("d", DType::f32, {2, 8});
  EXPECT_EQ(run.completes("pto.tcolexpandexpdif ins(%a, %b : $a, $b) outs(%d : $d)").values<float>("d"), F(16, 1.0F));
}

}  // namespace
}  // namespace assay::sim::testing
