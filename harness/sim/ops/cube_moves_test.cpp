// textract, tinsert and the moves between the cube's memories.
#include <numeric>

#include "harness/sim/cube_test.h"

namespace assay::sim::testing {
namespace {

using device::RunStatus;

std::string why(const KernelRun& run) {
  return run.report.diagnostics.empty() ? run.report.reason : to_string(run.report.diagnostics.front(), "kernel.pto");
}

constexpr std::string_view kMat = "!pto.tile_buf<mat, 32x64xi8, valid=?x?, blayout=col_major, slayout=row_major>";

// %a is [32, 64], moved to the Mat tile %x; the body fills %y, which is stored to %c, [32, 64].
KernelRun run_moves(std::string_view body, std::string_view stored = "%y") {
  KernelRun run;
  run.text = fmt::format(R"(module {{
  func.func @kernel(%a: !pto.ptr<i8>, %c: !pto.ptr<i8>) {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c16 = arith.constant 16 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %z = arith.constant 0 : i64
    %far = arith.constant 65536 : i64
    %v = pto.make_tensor_view %a, shape = [%c32, %c64], strides = [%c64, %c1] : !pto.tensor_view<?x?xi8>
    %w = pto.make_tensor_view %c, shape = [%c32, %c64], strides = [%c64, %c1] : !pto.tensor_view<?x?xi8>
    %p = pto.partition_view %v, offsets = [%c0, %c0], sizes = [%c32, %c64] : !pto.tensor_view<?x?xi8> -> !pto.partition_tensor_view<?x?xi8>
    %q = pto.partition_view %w, offsets = [%c0, %c0], sizes = [%c32, %c64] : !pto.tensor_view<?x?xi8> -> !pto.partition_tensor_view<?x?xi8>
    %x = pto.alloc_tile addr = %z valid_row = %c32 valid_col = %c64 : {0}
    %y = pto.alloc_tile addr = %far valid_row = %c32 valid_col = %c64 : {0}
    pto.tload ins(%p : !pto.partition_tensor_view<?x?xi8>) outs(%x : {0})
{1}
    pto.tstore ins({2} : {0}) outs(%q : !pto.partition_tensor_view<?x?xi8>)
    return
  }}
}}
)",
                         kMat, body, stored);
  std::vector<std::int8_t> a(32 * 64);
  std::iota(a.begin(), a.end(), std::int8_t{0});
  run.tensors = {tensor_of(DType::i8, a), tensor_of(DType::i8, std::vector<std::int8_t>(32 * 64, -1))};
  return run_kernel(std::move(run));
}
std::int8_t original(std::int64_t row, std::int64_t col) { return static_cast<std::int8_t>(row * 64 + col); }

TEST(CubeMoves, LoadAndStoreOfBoxesIsTheIdentity) {
  const KernelRun run = run_moves("", "%x");
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  EXPECT_EQ(elements<std::int8_t>(run.tensors[1]), elements<std::int8_t>(run.tensors[0]));
}

TEST(CubeMoves, ExtractAndInsertMoveWindows) {
  const KernelRun run =
      run_moves(fmt::format(R"(    %p1 = pto.alloc_tile addr = %far valid_row = %c16 valid_col = %c32 : {0}
    %far2 = arith.constant 131072 : i64
    %part = pto.alloc_tile addr = %far2 valid_row = %c16 valid_col = %c32 : {0}
    pto.tmov ins(%x : {0}) outs(%y : {0})
    pto.textract ins(%x, %c16, %c32 : {0}, index, index) outs(%part : {0})
    pto.tinsert ins(%part, %c0, %c32 : {0}, index, index) outs(%y : {0}))",
                            kMat));
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  const auto c = run.tensors[1].as<std::int8_t>();
  for (std::int64_t r = 0; r < 32; ++r)
    for (std::int64_t k = 0; k < 64; ++k)
      ASSERT_EQ(c[static_cast<std::size_t>(r * 64 + k)], r < 16 && k >= 32 ? original(r + 16, k) : original(r, k))
          << r << ',' << k;
}

// Windows that begin inside a box go element by element.
TEST(CubeMoves, WindowsMayBeginInsideABox) {
  const KernelRun run = run_moves(fmt::format(R"(    %c3 = arith.constant 3 : index
    %c5 = arith.constant 5 : index
    %far2 = arith.constant 131072 : i64
    %part = pto.alloc_tile addr = %far2 valid_row = %c3 valid_col = %c5 : {0}
    pto.tmov ins(%x : {0}) outs(%y : {0})
    pto.textract ins(%x, %c5, %c3 : {0}, index, index) outs(%part : {0})
    pto.tinsert ins(%part, %c1, %c16 : {0}, index, index) outs(%y : {0}))",
                                              kMat));
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  const auto c = run.tensors[1].as<std::int8_t>();
  EXPECT_EQ(c[1 * 64 + 16], original(5, 3));
  EXPECT_EQ(c[3 * 64 + 20], original(7, 7));
  EXPECT_EQ(c[1 * 64 + 21], original(1, 21));
}

TEST(CubeMoves, WindowsBeyondTheTileAreReported) {
  const std::string part =
      fmt::format("    %part = pto.alloc_tile addr = %far valid_row = %c16 valid_col = %c32 : {}\n", kMat);
  EXPECT_EQ(first_rule(run_moves(
                part + fmt::format("    pto.textract ins(%x, %c32, %c0 : {0}, index, index) outs(%part : {0})", kMat))),
            "bounds");
  EXPECT_EQ(first_rule(run_moves(
                part + fmt::format("    pto.tinsert ins(%x, %c0, %c1 : {0}, index, index) outs(%y : {0})", kMat))),
            "bounds");
}

TEST(CubeMoves, WhatWasNeverWrittenIsReported) {
  const KernelRun run =
      run_moves(fmt::format("    pto.textract ins(%y, %c0, %c0 : {0}, index, index) outs(%x : {0})", kMat), "%x");
  EXPECT_EQ(first_rule(run), "undefined-bytes");
}

// isa 1.2: the bias table is filled in bursts of 64 bytes, the fixpipe's parameters in bursts of 128.
TEST(CubeMoves, BurstsAreWhole) {
  const auto moved = [](std::string_view source, std::string_view target) {
    return first_rule(run_moves(fmt::format(R"(    %s = pto.alloc_tile addr = %far : {0}
    %t = pto.alloc_tile addr = %z : {1}
    pto.tmov ins(%s : {0}) outs(%t : {1}))",
                                            source, target),
                                "%x"));
  };
  EXPECT_EQ(moved("!pto.tile_buf<mat, 1x8xi32>", "!pto.tile_buf<bias, 1x8xi32>"), "alignment");
  EXPECT_EQ(moved("!pto.tile_buf<mat, 1x16xi32>", "!pto.tile_buf<bias, 1x16xi32>"), "undefined-bytes");
  EXPECT_EQ(moved("!pto.tile_buf<mat, 1x8xi64>", "!pto.tile_buf<scaling, 1x8xi64>"), "alignment");
  EXPECT_EQ(moved("!pto.tile_buf<mat, 1x32xi32>", "!pto.tile_buf<scaling, 1x32xi32>"), "alignment");
  EXPECT_EQ(moved("!pto.tile_buf<mat, 1x16xi64>", "!pto.tile_buf<scaling, 1x16xi64>"), "undefined-bytes");
}

// isa 2.1: a bias row of f16 becomes f32 on its way.
TEST(CubeMoves, HalfBiasIsWidened) {
  CubeKernel kernel;
  kernel.element = "f16";
  kernel.sum = kernel.out = "f32";
  kernel.arguments = ", %p: !pto.ptr<f16>";
  kernel.body = R"(    %c16 = arith.constant 16 : index
    %far = arith.constant 8192 : i64
    %pv = pto.make_tensor_view %p, shape = [%c1, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xf16>
    %pp = pto.partition_view %pv, offsets = [%c0, %c0], sizes = [%c1, %c16] : !pto.tensor_view<?x?xf16> -> !pto.partition_tensor_view<?x?xf16>
    %pm = pto.alloc_tile addr = %far : !pto.tile_buf<mat, 1x16xf16>
    %bias = pto.alloc_tile addr = %z : !pto.tile_buf<bias, 1x16xf32>
    pto.tload ins(%pp : !pto.partition_tensor_view<?x?xf16>) outs(%pm : !pto.tile_buf<mat, 1x16xf16>)
    pto.tmov ins(%pm : !pto.tile_buf<mat, 1x16xf16>) outs(%bias : !pto.tile_buf<bias, 1x16xf32>)
    pto.tmatmul.bias ins(%left, %right, %bias : $L, $R, !pto.tile_buf<bias, 1x16xf32>) outs(%acc : $A)
    pto.tstore ins(%acc : $A) outs(%cp : $P))";
  KernelRun run;
  run.text = text_of(kernel);
  std::vector<std::uint16_t> zeros(512, 0), row(16, 0x3555);  // 0.333251953125
  run.tensors = {tensor_of(DType::f16, zeros), tensor_of(DType::f16, zeros), filled(256, 9.0F),
                 tensor_of(DType::f16, row)};
  run = run_kernel(std::move(run));
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  for (float value : values(run.tensors[2])) ASSERT_EQ(value, 0.333251953125F);
}

// isa 1.2: fewer than 4096 bursts into UB; the fixpipe stores at most 4095 columns.
TEST(Transfers, ExtentsBeyondTheInstructionsFieldsAreReported) {
  const auto run_with = [](std::string_view body, std::string_view target) {
    KernelRun run;
    run.text = fmt::format(R"(module {{
  func.func @kernel(%a: !pto.ptr<f32>) {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %c16 = arith.constant 16 : index
    %many = arith.constant 4096 : index
    %z = arith.constant 0 : i64
{}
    return
  }}
}}
)",
                           body);
    run.tensors = {filled(65536, 1.0F)};
    run.profile = load_profile(target).value();
    return run_kernel(std::move(run));
  };
  const auto load = [&](std::string_view rows) {
    return run_with(
        fmt::format(
            R"(    %v = pto.make_tensor_view %a, shape = [%many, %c8], strides = [%c8, %c1] : !pto.tensor_view<?x?xf32>
    %p = pto.partition_view %v, offsets = [%c0, %c0], sizes = [%many, %c8] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<?x?xf32>
    %t = pto.alloc_tile addr = %z : !pto.tile_buf<vec, 4096x8xf32, valid={0}x8>
    pto.tload ins(%p : !pto.partition_tensor_view<?x?xf32>) outs(%t : !pto.tile_buf<vec, 4096x8xf32, valid={0}x8>))",
            rows),
        "a2a3");
  };
  EXPECT_EQ(first_rule(load("4096")), "operand-range");
  const KernelRun most = load("4095");
  EXPECT_EQ(most.report.status, RunStatus::completed) << why(most);
  const KernelRun wide = run_with(
      R"(    %v = pto.make_tensor_view %a, shape = [%c16, %many], strides = [%many, %c1] : !pto.tensor_view<?x?xf32>
    %p = pto.partition_view %v, offsets = [%c0, %c0], sizes = [%c16, %many] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<?x?xf32>
    %t = pto.alloc_tile addr = %z : !pto.tile_buf<acc, 16x4096xf32, blayout=col_major, slayout=row_major, fractal=1024>
    pto.tstore ins(%t : !pto.tile_buf<acc, 16x4096xf32, blayout=col_major, slayout=row_major, fractal=1024>) outs(%p : !pto.partition_tensor_view<?x?xf32>))",
      "a5");
  EXPECT_EQ(first_rule(wide), "operand-range") << why(wide);
}

}  // namespace
}  // namespace assay::sim::testing
