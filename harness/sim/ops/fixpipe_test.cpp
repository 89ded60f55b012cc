// The fixpipe against values worked out by hand from pto-isa 2.7.
#include "harness/sim/ops/fixpipe.h"

#include <bit>
#include <cmath>
#include <limits>

#include "harness/sim/cube_test.h"

namespace assay::sim::testing {
namespace {

using device::RunStatus;

std::uint64_t word_of(float scale, int offset, bool is_signed, int shift = 0) {
  return std::uint64_t{std::bit_cast<std::uint32_t>(scale)} | static_cast<std::uint64_t>(shift) << 32 |
         static_cast<std::uint64_t>(offset & 0x1FF) << 37 | static_cast<std::uint64_t>(is_signed) << 46;
}

TEST(FixpipeWord, HasItsFields) {
  const FixpipeParameter p = decode_parameter(word_of(-1.5F, -3, true, 9));
  EXPECT_EQ(p.scale, -1.5F);
  EXPECT_EQ(p.shift, 9);
  EXPECT_EQ(p.offset, -3);
  EXPECT_TRUE(p.is_signed);
  EXPECT_EQ(decode_parameter(word_of(1.0F, 255, false)).offset, 255);
  EXPECT_EQ(decode_parameter(word_of(1.0F, -256, false)).offset, -256);
  EXPECT_FALSE(decode_parameter(word_of(1.0F, -256, false)).is_signed);
}

// Ten fraction bits: what stands below bit 13 does not count, bit 36 belongs to no field.
TEST(FixpipeWord, ScaleHasTenFractionBits) {
  EXPECT_EQ(decode_parameter(word_of(1.0F + 0x1p-10F, 0, true)).scale, 1.0F + 0x1p-10F);
  EXPECT_EQ(decode_parameter(word_of(1.0F + 0x1p-11F, 0, true)).scale, 1.0F);
  const FixpipeParameter p = decode_parameter(std::uint64_t{1} << 36);
  EXPECT_EQ(p.shift, 0);
  EXPECT_EQ(p.offset, 0);
}

std::int32_t requantised(std::int32_t value, std::uint64_t word, bool relu = false) {
  const std::uint32_t bits = fixpipe_element(FixpipeMode::requantise, DType::i32, DType::i8,
                                             static_cast<std::uint32_t>(value), decode_parameter(word), relu);
  return (word >> 46 & 1U) != 0 ? static_cast<std::int8_t>(bits) : static_cast<std::int32_t>(bits);
}

struct Requantised {
  std::int32_t value;
  float scale;
  int offset;
  bool is_signed;
  std::int32_t expected;
};
class Requantisation : public ::testing::TestWithParam<Requantised> {};
TEST_P(Requantisation, RoundsClampsShiftsClamps) {
  const Requantised r = GetParam();
  EXPECT_EQ(requantised(r.value, word_of(r.scale, r.offset, r.is_signed)), r.expected);
}
INSTANTIATE_TEST_SUITE_P(Values, Requantisation,
                         ::testing::Values(Requantised{1, 0.5F, 0, true, 0},      // 0.5, tie to even
                                           Requantised{3, 0.5F, 0, true, 2},      // 1.5
                                           Requantised{-5, 0.5F, 0, true, -2},    // -2.5
                                           Requantised{254, 0.5F, 0, true, 127},  //
                                           Requantised{255, 0.5F, 0, true, 127},  // 127.5 rounds to 128 and is clamped
                                           Requantised{-257, 0.5F, 0, true, -128},  // -128.5
                                           Requantised{1000, 1.0F, -200, true,
                                                       55},  // 255 after nine bits, not 1000 - 200
                                           Requantised{-1000, 1.0F, 200, true, -56},  // -256 after nine bits
                                           Requantised{100, 1.0F, -3, true, 97},      // a negative offset is one
                                           Requantised{-5, 1.0F, 0, false, 0},        // unsigned below
                                           Requantised{300, 1.0F, 0, false, 255},     // unsigned above
                                           Requantised{-10, 1.0F, 20, false, 10},     //
                                           Requantised{255, 1.0F, 255, false, 255},   //
                                           Requantised{7, -2.0F, 0, true, -14}));     // the scale has a sign

TEST(Requantisation, ReluComesFirst) {
  EXPECT_EQ(requantised(-50, word_of(1.0F, 7, true), true), 7);
  EXPECT_EQ(requantised(-50, word_of(-1.0F, 0, true), true), 0);
  EXPECT_EQ(requantised(50, word_of(-1.0F, 0, true), true), -50);
}

TEST(Fixpipe, FloatToBytes) {
  const auto quantised = [](float value, std::uint64_t word) {
    return static_cast<std::int8_t>(fixpipe_element(FixpipeMode::quantise, DType::f32, DType::i8,
                                                    std::bit_cast<std::uint32_t>(value), decode_parameter(word),
                                                    false));
  };
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(quantised(2.5F, word_of(1.0F, 0, true)), 2);
  EXPECT_EQ(quantised(3.5F, word_of(1.0F, 0, true)), 4);
  EXPECT_EQ(quantised(inf, word_of(1.0F, -200, true)), 55);
  EXPECT_EQ(quantised(-inf, word_of(1.0F, 0, true)), -128);
  EXPECT_EQ(quantised(std::nanf(""), word_of(1.0F, 5, true)), 5);
}

TEST(Fixpipe, IntegersToHalf) {
  const auto half = [](std::int32_t value, float scale) {
    return fixpipe_element(FixpipeMode::dequantise, DType::i32, DType::f16, static_cast<std::uint32_t>(value),
                           decode_parameter(word_of(scale, 99, true)), false);
  };
  EXPECT_EQ(half(3, 0.5F), 0x3E00U);
  EXPECT_EQ(half(2049, 1.0F), 0x6800U);        // halfway between 2048 and 2050: even
  EXPECT_EQ(half(1 << 30, 1.0F), 0x7BFFU);     // saturates
  EXPECT_EQ(half(-(1 << 30), 1.0F), 0xFBFFU);  //
}

TEST(Fixpipe, ShiftClampsAfterItShifts) {
  const auto shifted = [](std::int32_t value, int field) {
    return static_cast<std::int16_t>(fixpipe_element(FixpipeMode::shift, DType::i32, DType::i16,
                                                     static_cast<std::uint32_t>(value),
                                                     decode_parameter(word_of(1.0F, 0, true, field)), false));
  };
  EXPECT_EQ(shifted(100, 0), 50);
  EXPECT_EQ(shifted(-1, 0), -1);  // towards minus infinity
  EXPECT_EQ(shifted(1 << 20, 3), 32767);
  EXPECT_EQ(shifted(-(1 << 20), 3), -32768);
  EXPECT_EQ(shifted(1 << 20, 15), 16);
}

TEST(Fixpipe, HasNoModeForOtherPairs) {
  EXPECT_FALSE(fixpipe_mode(DType::i32, DType::f32, true));
  EXPECT_FALSE(fixpipe_mode(DType::i32, DType::f16, false));
  EXPECT_FALSE(fixpipe_mode(DType::f32, DType::i8, false));
  EXPECT_FALSE(fixpipe_mode(DType::f32, DType::i32, true));
  EXPECT_FALSE(fixpipe_mode(DType::i32, DType::i32, true));
}

// ---- in a kernel

std::string why(const KernelRun& run) {
  return run.report.diagnostics.empty() ? run.report.reason : to_string(run.report.diagnostics.front(), "kernel.pto");
}

// a is the row numbers in column 0, b the column numbers in row 0: C = row * column.
KernelRun run_outer(CubeKernel kernel, Tensor c, std::vector<std::uint64_t> words = {}) {
  std::vector<std::int8_t> a(static_cast<std::size_t>(kernel.m * kernel.k)),
      b(static_cast<std::size_t>(kernel.k * kernel.n));
  for (std::int64_t r = 0; r < kernel.m; ++r)
    a[static_cast<std::size_t>(r * kernel.k)] = static_cast<std::int8_t>(r - 4);
  for (std::int64_t j = 0; j < kernel.n; ++j) b[static_cast<std::size_t>(j)] = static_cast<std::int8_t>(j);
  KernelRun run;
  run.text = text_of(kernel);
  run.tensors = {tensor_of(DType::i8, a), tensor_of(DType::i8, b), std::move(c)};
  if (!words.empty()) run.tensors.push_back(tensor_of(DType::i64, words));
  return run_kernel(std::move(run));
}

TEST(FixpipeStore, ScalarParameterAndRelu) {
  CubeKernel kernel;
  kernel.out = "i8";
  kernel.body = fmt::format(R"(    %w = arith.constant {} : i64
    pto.tmatmul ins(%left, %right : $L, $R) outs(%acc : $A)
    pto.tstore ins(%acc, %w : $A, i64) outs(%cp : $P) {{reluPreMode = #pto<relu_pre_mode normal_relu>}})",
                            word_of(0.5F, 1, true));
  const KernelRun run = run_outer(kernel, tensor_of(DType::i8, std::vector<std::int8_t>(256, 99)));
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  for (int r = 0; r < 16; ++r)
    for (int j = 0; j < 16; ++j) {
      const int product = std::max(0, (r - 4) * j), half = product / 2;
      const int rounded = product % 2 == 0 ? half : half + (half % 2);
      ASSERT_EQ(run.tensors[2].as<std::int8_t>()[static_cast<std::size_t>(16 * r + j)], std::min(rounded + 1, 127));
    }
}

std::string channel_body(std::string_view use) {
  return fmt::format(R"(    %c16 = arith.constant 16 : index
    %far = arith.constant 8192 : i64
    %wv = pto.make_tensor_view %w, shape = [%c1, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xi64>
    %wp = pto.partition_view %wv, offsets = [%c0, %c0], sizes = [%c1, %c16] : !pto.tensor_view<?x?xi64> -> !pto.partition_tensor_view<?x?xi64>
    %wm = pto.alloc_tile addr = %far : !pto.tile_buf<mat, 1x16xi64>
    %fp = pto.alloc_tile addr = %z : !pto.tile_buf<scaling, 1x16xi64>
    pto.tload ins(%wp : !pto.partition_tensor_view<?x?xi64>) outs(%wm : !pto.tile_buf<mat, 1x16xi64>)
    pto.tmov ins(%wm : !pto.tile_buf<mat, 1x16xi64>) outs(%fp : !pto.tile_buf<scaling, 1x16xi64>)
    pto.tmatmul ins(%left, %right : $L, $R) outs(%acc : $A)
{})",
                     use);
}

// isa 2.7: per channel is per column on the device; the public simulator indexes by row.
TEST(FixpipeStore, ParametersArePerColumn) {
  CubeKernel kernel;
  kernel.out = "i8";
  kernel.arguments = ", %w: !pto.ptr<i64>";
  kernel.body = channel_body("    pto.tstore ins(%acc, %fp : $A, !pto.tile_buf<scaling, 1x16xi64>) outs(%cp : $P)");
  std::vector<std::uint64_t> words(16);
  for (int j = 0; j < 16; ++j) words[static_cast<std::size_t>(j)] = word_of(1.0F, j * 4, true);
  const KernelRun run = run_outer(kernel, tensor_of(DType::i8, std::vector<std::int8_t>(256, 99)), words);
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  for (int r = 0; r < 16; ++r)
    for (int j = 0; j < 16; ++j)
      ASSERT_EQ(run.tensors[2].as<std::int8_t>()[static_cast<std::size_t>(16 * r + j)],
                std::min((r - 4) * j + 4 * j, 127));
}

TEST(FixpipeMove, AccumulatorToL1KeepsItsParameter) {
  CubeKernel kernel;
  kernel.out = "i8";
  kernel.n = 32;
  const std::string mat = "!pto.tile_buf<mat, 16x32xi8, blayout=col_major, slayout=row_major>";
  kernel.body = fmt::format(R"(    %w = arith.constant {1} : i64
    %far = arith.constant 8192 : i64
    %q = pto.alloc_tile addr = %far : {0}
    pto.tmatmul ins(%left, %right : $L, $R) outs(%acc : $A)
    pto.tmov ins(%acc, %w : $A, i64) outs(%q : {0})
    pto.tstore ins(%q : {0}) outs(%cp : $P))",
                            mat, word_of(0.25F, 0, true));
  const KernelRun run = run_outer(kernel, tensor_of(DType::i8, std::vector<std::int8_t>(512, 99)));
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  const auto c = run.tensors[2].as<std::int8_t>();
  EXPECT_EQ(c[8 * 32 + 8], 8);     // 4 * 8 / 4
  EXPECT_EQ(c[15 * 32 + 31], 85);  // 11 * 31 / 4 = 85.25
  EXPECT_EQ(c[0 * 32 + 6], -6);    // -4 * 6 / 4
}

TEST(FixpipeStore, AtomicAddAddsWhatTheFixpipeGives) {
  CubeKernel kernel;
  kernel.body = R"(    pto.tmatmul ins(%left, %right : $L, $R) outs(%acc : $A)
    pto.tstore ins(%acc : $A) outs(%cp : $P) {atomicType = #pto<atomic_type atomic_add>, reluPreMode = #pto<relu_pre_mode normal_relu>})";
  const KernelRun run = run_outer(kernel, tensor_of(DType::i32, std::vector<std::int32_t>(256, 1000)));
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  EXPECT_EQ(run.tensors[2].as<std::int32_t>()[16 * 15 + 15], 1165);
  EXPECT_EQ(run.tensors[2].as<std::int32_t>()[15], 1000);
}

TEST(FixpipeStore, PairsWithoutModeAreReported) {
  CubeKernel kernel;
  kernel.out = "f16";
  const KernelRun run = run_outer(kernel, tensor_of(DType::f16, std::vector<std::uint16_t>(256)));
  EXPECT_EQ(first_rule(run), "illegal-conversion") << why(run);
}

TEST(FixpipeStore, UndefinedParametersAreReported) {
  CubeKernel kernel;
  kernel.out = "i8";
  kernel.body = R"(    %fp = pto.alloc_tile addr = %z : !pto.tile_buf<scaling, 1x16xi64>
    pto.tmatmul ins(%left, %right : $L, $R) outs(%acc : $A)
    pto.tstore ins(%acc, %fp : $A, !pto.tile_buf<scaling, 1x16xi64>) outs(%cp : $P))";
  EXPECT_EQ(first_rule(run_outer(kernel, tensor_of(DType::i8, std::vector<std::int8_t>(256)))), "undefined-bytes");
}

}  // namespace
}  // namespace assay::sim::testing
