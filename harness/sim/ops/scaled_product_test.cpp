// MX products against sums written out here, and where the cube takes scales from.
#include <cmath>

#include "harness/sim/kernel_test.h"

namespace assay::sim::testing {
namespace {

using device::RunStatus;

std::string why(const KernelRun& run) {
  return run.report.diagnostics.empty() ? run.report.reason : to_string(run.report.diagnostics.front(), "kernel.pto");
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// 16x64 times 64x32, e4m3fn; scales brought as they lie, [16, 2] and [2, 32]. The operands stand at 1024 in L0A and
// L0B.
constexpr std::string_view kFrame = R"(module attributes {pto.target_arch = "a5"} {
  func.func @product(%a: !pto.ptr<f8E4M3FN>, %s: !pto.ptr<!pto.f8E8M0>, %b: !pto.ptr<f8E4M3FN>, %t: !pto.ptr<!pto.f8E8M0>, %y: !pto.ptr<f32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c16 = arith.constant 16 : index
    %c32 = arith.constant 32 : index
    %c64 = arith.constant 64 : index
    %a0 = arith.constant 0 : i64
    %a64 = arith.constant 64 : i64
    %a96 = arith.constant 96 : i64
    %a1024 = arith.constant 1024 : i64
    %a4096 = arith.constant 4096 : i64
    %a8192 = arith.constant 8192 : i64
    %a12288 = arith.constant 12288 : i64
    %av = pto.make_tensor_view %a, shape = [%c16, %c64], strides = [%c64, %c1] : !pto.tensor_view<?x?xf8E4M3FN>
    %sv = pto.make_tensor_view %s, shape = [%c16, %c2], strides = [%c2, %c1] : !pto.tensor_view<?x?x!pto.f8E8M0>
    %bv = pto.make_tensor_view %b, shape = [%c64, %c32], strides = [%c32, %c1] : !pto.tensor_view<?x?xf8E4M3FN>
    %tv = pto.make_tensor_view %t, shape = [%c2, %c32], strides = [%c32, %c1] : !pto.tensor_view<?x?x!pto.f8E8M0>
    %yv = pto.make_tensor_view %y, shape = [%c16, %c32], strides = [%c32, %c1] : !pto.tensor_view<?x?xf32>
    %ap = pto.partition_view %av, offsets = [%c0, %c0], sizes = [%c16, %c64] : !pto.tensor_view<?x?xf8E4M3FN> -> !pto.partition_tensor_view<16x64xf8E4M3FN>
    %sp = pto.partition_view %sv, offsets = [%c0, %c0], sizes = [%c16, %c2] : !pto.tensor_view<?x?x!pto.f8E8M0> -> !pto.partition_tensor_view<16x2x!pto.f8E8M0>
    %bp = pto.partition_view %bv, offsets = [%c0, %c0], sizes = [%c64, %c32] : !pto.tensor_view<?x?xf8E4M3FN> -> !pto.partition_tensor_view<64x32xf8E4M3FN>
    %tp = pto.partition_view %tv, offsets = [%c0, %c0], sizes = [%c2, %c32] : !pto.tensor_view<?x?x!pto.f8E8M0> -> !pto.partition_tensor_view<2x32x!pto.f8E8M0>
    %yp = pto.partition_view %yv, offsets = [%c0, %c0], sizes = [%c16, %c32] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<16x32xf32>
    %am = pto.alloc_tile addr = %a0 : !pto.tile_buf<mat, 16x64xf8E4M3FN, blayout=col_major, slayout=row_major>
    %sm = pto.alloc_tile addr = %a4096 : !pto.tile_buf<mat, 16x2x!pto.f8E8M0, slayout=row_major, fractal=32>
    %bm = pto.alloc_tile addr = %a8192 : !pto.tile_buf<mat, 64x32xf8E4M3FN, blayout=col_major, slayout=row_major>
    %tm = pto.alloc_tile addr = %a12288 : !pto.tile_buf<mat, 2x32x!pto.f8E8M0, blayout=col_major, slayout=col_major, fractal=32>
    %al = pto.alloc_tile addr = %a1024 : $L
    %sl = pto.alloc_tile addr = $at : $S
    %br = pto.alloc_tile addr = %a1024 : $R
    %tr = pto.alloc_tile addr = %a64 : $T
    %c = pto.alloc_tile addr = %a0 : $C
    pto.tload ins(%ap : !pto.partition_tensor_view<16x64xf8E4M3FN>) outs(%am : !pto.tile_buf<mat, 16x64xf8E4M3FN, blayout=col_major, slayout=row_major>)
    pto.tload ins(%sp : !pto.partition_tensor_view<16x2x!pto.f8E8M0>) outs(%sm : !pto.tile_buf<mat, 16x2x!pto.f8E8M0, slayout=row_major, fractal=32>)
    pto.tload ins(%bp : !pto.partition_tensor_view<64x32xf8E4M3FN>) outs(%bm : !pto.tile_buf<mat, 64x32xf8E4M3FN, blayout=col_major, slayout=row_major>)
    pto.tload ins(%tp : !pto.partition_tensor_view<2x32x!pto.f8E8M0>) outs(%tm : !pto.tile_buf<mat, 2x32x!pto.f8E8M0, blayout=col_major, slayout=col_major, fractal=32>)
    $bind
    pto.tmov ins(%am : !pto.tile_buf<mat, 16x64xf8E4M3FN, blayout=col_major, slayout=row_major>) outs(%al : $L)
    pto.tmov ins(%sm : !pto.tile_buf<mat, 16x2x!pto.f8E8M0, slayout=row_major, fractal=32>) outs(%sl : $S)
    pto.tmov ins(%bm : !pto.tile_buf<mat, 64x32xf8E4M3FN, blayout=col_major, slayout=row_major>) outs(%br : $R)
    pto.tmov ins(%tm : !pto.tile_buf<mat, 2x32x!pto.f8E8M0, blayout=col_major, slayout=col_major, fractal=32>) outs(%tr : $T)
    pto.tmatmul.mx ins(%al, %sl, %br, %tr : $L, $S, $R, $T) outs(%c : $C) // HERE
    pto.tstore ins(%c : $C) outs(%yp : !pto.partition_tensor_view<16x32xf32>)
    return
  }
}
)";

// Ones times ones: every element is the sum over the blocks of 32 * 2^(scale - 127) * 2^(scale - 127).
KernelRun product(std::string_view address, std::string_view bind, const std::vector<std::uint8_t>& left_scales,
                  const std::vector<std::uint8_t>& right_scales) {
  constexpr std::uint8_t kOne = 0x38;
  KernelRun run;
  run.text = replace_all(replace_all(std::string(kFrame), "$at", address), "$bind", bind);
  run.text = replace_all(run.text, "$L", "!pto.tile_buf<left, 16x64xf8E4M3FN, blayout=col_major, slayout=row_major>");
  run.text = replace_all(run.text, "$R", "!pto.tile_buf<right, 64x32xf8E4M3FN, slayout=col_major>");
  run.text = replace_all(run.text, "$S", "!pto.tile_buf<scaling, 16x2x!pto.f8E8M0, slayout=row_major, fractal=32>");
  run.text = replace_all(run.text, "$T",
                         "!pto.tile_buf<scaling, 2x32x!pto.f8E8M0, blayout=col_major, slayout=col_major, fractal=32>");
  run.text =
      replace_all(run.text, "$C", "!pto.tile_buf<acc, 16x32xf32, blayout=col_major, slayout=row_major, fractal=1024>");
  run.profile = load_profile("a5").value();
  run.tensors = {tensor_of(DType::e4m3fn, std::vector<std::uint8_t>(16 * 64, kOne)),
                 tensor_of(DType::e8m0, left_scales),
                 tensor_of(DType::e4m3fn, std::vector<std::uint8_t>(64 * 32, kOne)),
                 tensor_of(DType::e8m0, right_scales), filled(16 * 32, -1)};
  return run_kernel(std::move(run));
}

std::vector<std::uint8_t> ramp(std::size_t count, std::size_t period) {
  std::vector<std::uint8_t> scales(count);
  for (std::size_t k = 0; k < count; ++k) scales[k] = static_cast<std::uint8_t>(124 + k % period);
  return scales;
}

TEST(ScaledProduct, TakesTheScalesOfItsRowColumnAndBlock) {
  const auto left = ramp(16 * 2, 7), right = ramp(2 * 32, 5);
  const KernelRun run = product("%a64", "", left, right);
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  const std::vector<float> y = values(run.tensors[4]);
  for (std::size_t i = 0; i < 16; ++i)
    for (std::size_t j = 0; j < 32; ++j) {
      float sum = 0;
      for (std::size_t block = 0; block < 2; ++block)
        sum += std::ldexp(32.0F, left[i * 2 + block] + right[block * 32 + j] - 254);
      ASSERT_EQ(y[i * 32 + j], sum) << i << ',' << j;
    }
}

TEST(ScaledProduct, ANanScaleMakesItsRowNan) {
  std::vector<std::uint8_t> left(32, 127);
  left[2 * 3 + 1] = 255;
  const KernelRun run = product("%a64", "", left, std::vector<std::uint8_t>(64, 127));
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  const std::vector<float> y = values(run.tensors[4]);
  for (std::size_t k = 0; k < y.size(); ++k) EXPECT_EQ(std::isnan(y[k]), k / 32 == 3) << k;
}

TEST(ScaledProduct, ScalesElsewhereThanTheCubeLooksAreReported) {
  const KernelRun run = product("%a96", "", std::vector<std::uint8_t>(32, 127), std::vector<std::uint8_t>(64, 127));
  ASSERT_EQ(first_rule(run), "scale-address") << why(run);
  EXPECT_EQ(run.report.diagnostics.front().location.line, line_of(run.text, "HERE"));
}

TEST(ScaledProduct, GettingTheAddressBindsTheScales) {
  const KernelRun run = product("%a96", "pto.tget_scale_addr ins(%al : $L) outs(%sl : $S)",
                                std::vector<std::uint8_t>(32, 127), std::vector<std::uint8_t>(64, 128));
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  EXPECT_EQ(values(run.tensors[4]), std::vector<float>(16 * 32, 128.0F));
}

TEST(ScaledProduct, ScalesHaveFourKibibytesEach) {
  const KernelRun run = product("%a4096", "", std::vector<std::uint8_t>(32, 127), std::vector<std::uint8_t>(64, 127));
  EXPECT_EQ(first_rule(run), "capacity") << why(run);
}

}  // namespace
}  // namespace assay::sim::testing
