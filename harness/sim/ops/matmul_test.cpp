// tmatmul and tgemv against sums written out here, and the rules they enforce.
#include <cmath>
#include <limits>
#include <random>

#include "harness/sim/cube_test.h"
#include "harness/sim/ops/products.h"

namespace assay::sim::testing {
namespace {

using device::RunStatus;

std::string why(const KernelRun& run) {
  return run.report.diagnostics.empty() ? run.report.reason : to_string(run.report.diagnostics.front(), "kernel.pto");
}

template <class T>
Tensor of(const std::vector<T>& values) {
  if constexpr (std::is_same_v<T, float>) return tensor_of(DType::f32, values);
  if constexpr (std::is_same_v<T, std::int8_t>) return tensor_of(DType::i8, values);
  if constexpr (std::is_same_v<T, std::int32_t>) return tensor_of(DType::i32, values);
  if constexpr (std::is_same_v<T, std::int64_t>) return tensor_of(DType::i64, values);
}

std::vector<std::int8_t> codes(std::int64_t count, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<std::int8_t> values(static_cast<std::size_t>(count));
  for (auto& value : values) value = static_cast<std::int8_t>(random() >> 8);
  return values;
}

KernelRun run_cube(const CubeKernel& kernel, Tensor a, Tensor b, Tensor c) {
  KernelRun run;
  run.text = text_of(kernel);
  run.tensors = {std::move(a), std::move(b), std::move(c)};
  return run_kernel(std::move(run));
}

KernelRun run_int8(const CubeKernel& kernel, const std::vector<std::int8_t>& a, const std::vector<std::int8_t>& b,
                   std::int32_t before = -77) {
  return run_cube(kernel, of(a), of(b),
                  of(std::vector<std::int32_t>(static_cast<std::size_t>(kernel.m * kernel.n), before)));
}

struct Shape {
  std::int64_t m, k, n;
  bool transposed, zz;
};

class Int8Products : public ::testing::TestWithParam<Shape> {};

// Whole boxes, K tails, N tails, single rows, more rows than the kernels take at once; weights as [k, n] and [n, k].
TEST_P(Int8Products, AreTheSumsOfProducts) {
  const Shape s = GetParam();
  CubeKernel kernel;
  kernel.m = s.m, kernel.k = s.k, kernel.n = s.n;
  kernel.transposed = s.transposed;
  kernel.zz_left = s.zz;
  const auto a = codes(s.m * s.k, 1), b = codes(s.k * s.n, 2);
  const KernelRun run = run_int8(kernel, a, b);
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  const auto c = run.tensors[2].as<std::int32_t>();
  for (std::int64_t i = 0; i < s.m; ++i)
    for (std::int64_t j = 0; j < s.n; ++j) {
      std::int64_t sum = 0;
      for (std::int64_t k = 0; k < s.k; ++k)
        sum += a[static_cast<std::size_t>(i * s.k + k)] *
               b[static_cast<std::size_t>(s.transposed ? j * s.k + k : k * s.n + j)];
      ASSERT_EQ(c[static_cast<std::size_t>(i * s.n + j)], sum) << i << ',' << j;
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Int8Products,
                         ::testing::Values(Shape{16, 32, 32, false, true}, Shape{16, 64, 48, true, true},
                                           Shape{1, 1, 1, false, true}, Shape{1, 33, 17, true, false},
                                           Shape{21, 95, 31, true, true}, Shape{48, 100, 16, false, false},
                                           Shape{17, 512, 100, true, true}));

TEST(Matmul, Int8WrapsToTheAccumulatorsWidth) {
  CubeKernel kernel;
  kernel.m = 1, kernel.k = 32, kernel.n = 1;
  kernel.body = R"(    %one = arith.constant 1 : index
    %lots = arith.constant 4096 : index
    pto.tmatmul ins(%left, %right : $L, $R) outs(%acc : $A)
    scf.for %i = %one to %lots step %one {
      pto.tmatmul.acc ins(%acc, %left, %right : $A, $L, $R) outs(%acc : $A)
    }
    pto.tstore ins(%acc : $A) outs(%cp : $P))";
  const std::vector<std::int8_t> least(32, -128);
  const KernelRun run = run_int8(kernel, least, least);
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  EXPECT_EQ(run.tensors[2].as<std::int32_t>()[0], std::numeric_limits<std::int32_t>::min());  // 4096 * 2^19 = 2^31
}

TEST(Matmul, AccumulatesInPlace) {
  CubeKernel kernel;
  kernel.body = R"(    pto.tmatmul ins(%left, %right : $L, $R) outs(%acc : $A)
    pto.tmatmul.acc ins(%acc, %left, %right : $A, $L, $R) outs(%acc : $A)
    pto.tmatmul.acc ins(%acc, %left, %right : $A, $L, $R) outs(%acc : $A)
    pto.tstore ins(%acc : $A) outs(%cp : $P))";
  const KernelRun run = run_int8(kernel, std::vector<std::int8_t>(512, 2), std::vector<std::int8_t>(512, 3));
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  for (std::int32_t value : run.tensors[2].as<std::int32_t>()) ASSERT_EQ(value, 3 * 32 * 6);
}

// isa 2.2: the device ignores acc_in.
TEST(Matmul, AnotherAccumulatorThanTheDestinationIsReported) {
  CubeKernel kernel;
  kernel.body = R"(    %far = arith.constant 4096 : i64
    %other = pto.alloc_tile addr = %far valid_row = %m valid_col = %n : $A
    pto.tmatmul ins(%left, %right : $L, $R) outs(%other : $A)
    pto.tmatmul ins(%left, %right : $L, $R) outs(%acc : $A)
    pto.tmatmul.acc ins(%other, %left, %right : $A, $L, $R) outs(%acc : $A)
    pto.tstore ins(%acc : $A) outs(%cp : $P))";
  const KernelRun run = run_int8(kernel, codes(512, 1), codes(512, 2));
  ASSERT_EQ(first_rule(run), "accumulator-ignored") << why(run);
  EXPECT_EQ(run.report.diagnostics[0].location.line, line_of(run.text, "pto.tmatmul.acc"));
  EXPECT_EQ(run.report.diagnostics[0].related->line, line_of(run.text, "%other = "));
}

TEST(Matmul, AccumulatingIntoBytesWithoutValueIsReported) {
  CubeKernel kernel;
  kernel.body = R"(    pto.tmatmul.acc ins(%acc, %left, %right : $A, $L, $R) outs(%acc : $A)
    pto.tstore ins(%acc : $A) outs(%cp : $P))";
  EXPECT_EQ(first_rule(run_int8(kernel, codes(512, 1), codes(512, 2))), "undefined-bytes");
}

// What lies behind the valid elements of L0 has no value and takes no part; a product that reaches it is reported.
TEST(Matmul, ElementsBehindTheValidOnesOfL0AreUndefined) {
  CubeKernel kernel;
  kernel.k = 20;
  kernel.body = R"(    %more = arith.constant 21 : index
    %wide = pto.alloc_tile addr = %z valid_row = %m valid_col = %more : $L
    %deep = pto.alloc_tile addr = %z valid_row = %more valid_col = %n : $R
    pto.tmatmul ins(%wide, %deep : $L, $R) outs(%acc : $A)
    pto.tstore ins(%acc : $A) outs(%cp : $P))";
  const KernelRun run = run_int8(kernel, codes(320, 1), codes(320, 2));
  ASSERT_EQ(first_rule(run), "undefined-bytes");
  EXPECT_NE(run.report.diagnostics[0].message.find("(0,20)"), std::string::npos) << why(run);
}

TEST(Matmul, DepthsThatDifferAreReported) {
  CubeKernel kernel;
  kernel.body = R"(    %less = arith.constant 31 : index
    %short = pto.alloc_tile addr = %z valid_row = %less valid_col = %n : $R
    pto.tmatmul ins(%left, %short : $L, $R) outs(%acc : $A))";
  EXPECT_EQ(first_rule(run_int8(kernel, codes(512, 1), codes(512, 2))), "valid-mismatch");
}

// isa 1.2: m, k and n have twelve bits.
TEST(Matmul, ExtentsBeyondTheInstructionsFieldsAreReported) {
  CubeKernel kernel;
  kernel.m = 1, kernel.n = 1;
  kernel.transposed = true;
  const auto ones = [](std::int64_t count) { return std::vector<std::int8_t>(static_cast<std::size_t>(count), 1); };
  kernel.k = 4096;
  const KernelRun beyond = run_int8(kernel, ones(4096), ones(4096));
  ASSERT_EQ(first_rule(beyond), "operand-range") << why(beyond);
  EXPECT_EQ(beyond.report.diagnostics[0].location.line, line_of(beyond.text, "pto.tmatmul"));
  kernel.k = 4095;
  const KernelRun within = run_int8(kernel, ones(4095), ones(4095));
  ASSERT_EQ(within.report.status, RunStatus::completed) << why(within);
  EXPECT_EQ(within.tensors[2].as<std::int32_t>()[0], 4095);
}

TEST(Matmul, NothingMeetsNothing) {
  CubeKernel kernel;
  kernel.body = R"(    %none = pto.alloc_tile addr = %z valid_row = %c0 valid_col = %k : $L
    %empty = pto.alloc_tile addr = %z valid_row = %c0 valid_col = %n : $A
    pto.tmatmul ins(%none, %right : $L, $R) outs(%empty : $A)
    pto.tstore ins(%empty : $A) outs(%cp : $P))";
  const KernelRun run = run_int8(kernel, codes(512, 1), codes(512, 2), 5);
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  EXPECT_EQ(run.tensors[2].as<std::int32_t>()[0], 5);
}

TEST(Gemv, TakesOneRow) {
  CubeKernel kernel;
  kernel.body = R"(    pto.tgemv ins(%left, %right : $L, $R) outs(%acc : $A)
    pto.tstore ins(%acc : $A) outs(%cp : $P))";
  EXPECT_EQ(first_rule(run_int8(kernel, codes(512, 1), codes(512, 2))), "operand-range");
  kernel.m = 1;
  const KernelRun run = run_int8(kernel, std::vector<std::int8_t>(32, 1), std::vector<std::int8_t>(512, 2));
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  EXPECT_EQ(run.tensors[2].as<std::int32_t>()[15], 64);
}

TEST(Matmul, BiasSeedsEveryRow) {
  CubeKernel kernel;
  kernel.arguments = ", %p: !pto.ptr<i32>";
  const std::string bias = "!pto.tile_buf<bias, 1x16xi32>", mat = "!pto.tile_buf<mat, 1x16xi32>";
  kernel.body = fmt::format(R"(    %c16 = arith.constant 16 : index
    %far = arith.constant 4096 : i64
    %pv = pto.make_tensor_view %p, shape = [%c1, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xi32>
    %pp = pto.partition_view %pv, offsets = [%c0, %c0], sizes = [%c1, %c16] : !pto.tensor_view<?x?xi32> -> !pto.partition_tensor_view<?x?xi32>
    %pm = pto.alloc_tile addr = %far : {0}
    %bias = pto.alloc_tile addr = %z : {1}
    pto.tload ins(%pp : !pto.partition_tensor_view<?x?xi32>) outs(%pm : {0})
    pto.tmov ins(%pm : {0}) outs(%bias : {1})
    pto.tmatmul.bias ins(%left, %right, %bias : $L, $R, {1}) outs(%acc : $A)
    pto.tstore ins(%acc : $A) outs(%cp : $P))",
                            mat, bias);
  KernelRun run;
  run.text = text_of(kernel);
  std::vector<std::int32_t> row(16);
  for (int j = 0; j < 16; ++j) row[static_cast<std::size_t>(j)] = 1000 * j;
  run.tensors = {of(std::vector<std::int8_t>(512, 1)), of(std::vector<std::int8_t>(512, -1)),
                 of(std::vector<std::int32_t>(256, 9)), of(row)};
  run = run_kernel(std::move(run));
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  for (std::size_t e = 0; e < 256; ++e)
    ASSERT_EQ(run.tensors[2].as<std::int32_t>()[e], static_cast<std::int32_t>(e % 16) * 1000 - 32);
}

// ---- floats

CubeKernel float_kernel(std::int64_t m, std::int64_t k, std::int64_t n) {
  CubeKernel kernel;
  kernel.m = m, kernel.k = k, kernel.n = n;
  kernel.element = kernel.sum = kernel.out = "f32";
  return kernel;
}

// isa 2.8, profile a2a3: chunks of 512 ascending. 2^24 and then ones: inside a chunk they are lost one by one, the next
// chunk's sum is not.
TEST(Matmul, FloatSumsGoChunkByChunk) {
  const std::int64_t k = 1024;
  std::vector<float> a(static_cast<std::size_t>(k), 1.0F);
  a[0] = 0x1p24F;
  const auto run_order = [&](SumOrder order, std::int64_t chunk) {
    KernelRun run;
    run.text = text_of(float_kernel(1, k, 1));
    run.tensors = {of(a), of(std::vector<float>(static_cast<std::size_t>(k), 1.0F)), of(std::vector<float>(1, 0.0F))};
    run.profile.sum_order = order;
    run.profile.sum_chunk = chunk;
    run = run_kernel(std::move(run));
    EXPECT_EQ(run.report.status, RunStatus::completed) << why(run);
    return run.tensors[2].as<float>()[0];
  };
  EXPECT_EQ(run_order(SumOrder::chunked, 512), 0x1p24F + 512.0F);
  EXPECT_EQ(run_order(SumOrder::chunked, 256), 0x1p24F + 768.0F);
  EXPECT_EQ(run_order(SumOrder::sequential, 0), 0x1p24F);
}

// Products are rounded before they are added: with a fused multiply-add the sum would be 2^-24 squared, not 0.
TEST(Matmul, ProductsAreRoundedOnTheirOwn) {
  const float x = 1.0F + 0x1p-12F;
  const std::vector<float> a{x, -1.0F};
  std::vector<float> b{x, x * x};
  const KernelRun run = run_cube(float_kernel(1, 2, 1), of(a), of(b), of(std::vector<float>(1, 9.0F)));
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  EXPECT_EQ(run.tensors[2].as<float>()[0], 0.0F);
}

TEST(Matmul, HalfPrecisionOperandsAreExactInTheProduct) {
  for (const auto& [element, dtype, one, three] :
       {std::tuple("f16", DType::f16, 0x3C00, 0x4200), std::tuple("bf16", DType::bf16, 0x3F80, 0x4040)}) {
    CubeKernel kernel = float_kernel(16, 16, 16);
    kernel.element = element;
    std::vector<std::uint16_t> a(256, static_cast<std::uint16_t>(three)), b(256, static_cast<std::uint16_t>(one));
    const KernelRun run = run_cube(kernel, tensor_of(dtype, a), tensor_of(dtype, b), of(std::vector<float>(256, 0.0F)));
    ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
    for (float value : run.tensors[2].as<float>()) ASSERT_EQ(value, 48.0F) << element;
  }
}

TEST(Matmul, SumsOfInfinitiesAreTheCanonicalNaN) {
  const float inf = std::numeric_limits<float>::infinity();
  const KernelRun run = run_cube(float_kernel(1, 2, 1), of(std::vector<float>{inf, -inf}),
                                 of(std::vector<float>{1.0F, 1.0F}), of(std::vector<float>(1, 0.0F)));
  ASSERT_EQ(run.report.status, RunStatus::completed) << why(run);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(run.tensors[2].as<float>()[0]), 0x7FC00000U);
}

TEST(Matmul, OperandsInOtherSpacesOrTypesAreRefused) {
  CubeKernel kernel;
  kernel.body = "    pto.tmatmul ins(%right, %left : $R, $L) outs(%acc : $A)";
  EXPECT_EQ(run_int8(kernel, codes(512, 1), codes(512, 2)).report.status, RunStatus::error);
  kernel.body = "    pto.tmatmul ins(%left, %right : $L, $R) outs(%acc : $A)";
  kernel.sum = "f32";
  EXPECT_EQ(run_int8(kernel, codes(512, 1), codes(512, 2)).report.status, RunStatus::error);
}

// ---- the fast paths beside the definitions

TEST(Products, FloatFastPathGivesTheSameBits) {
  std::minstd_rand random(7);
  for (const ProductShape shape : {ProductShape{1, 1, 1}, ProductShape{3, 700, 64}, ProductShape{5, 513, 130}}) {
    const auto draw = [&](std::int64_t count) {
      std::vector<float> values(static_cast<std::size_t>(count));
      for (float& value : values)
        value = std::ldexp(static_cast<float>(random()) / 0x1p30F - 1.0F, static_cast<int>(random() % 40) - 20);
      return values;
    };
    const auto a = draw(shape.m * shape.k), b = draw(shape.k * shape.n), seed = draw(shape.m * shape.n);
    for (std::int64_t chunk : {0, 100, 512}) {
      auto plain = seed, fast = seed;
      plain_product(a.data(), b.data(), shape, chunk, plain.data());
      fast_product(a.data(), b.data(), shape, chunk, fast.data());
      ASSERT_EQ(std::memcmp(plain.data(), fast.data(), plain.size() * 4), 0) << shape.k << ' ' << chunk;
    }
  }
}

TEST(Products, EveryPanelKernelGivesTheSameSums) {
  std::size_t count = 0;
  const NamedPanel* kernels = panels(count);
  ASSERT_GE(count, 1U);
  for (const auto& [m, k] : {std::pair(1, 1), std::pair(4, 32), std::pair(23, 95), std::pair(37, 4095)}) {
    const std::int64_t depth = padded_depth(k);
    const auto whole = codes(m * depth, 3);
    std::vector<std::int8_t> rows(whole);
    for (std::int64_t r = 0; r < m; ++r)
      for (std::int64_t j = k; j < depth; ++j) rows[static_cast<std::size_t>(r * depth + j)] = 0;
    const std::int64_t step = 2 * kBoxBytes;  // another column of boxes lies between
    auto boxes = codes(depth / kBoxDepth * step, 4);
    boxes[0] = -128;
    std::vector<std::int32_t> sums(static_cast<std::size_t>(m));
    sum_rows(rows.data(), m, depth, sums.data());
    const Int8Left a{rows.data(), m, depth, sums.data()};
    std::vector<std::int32_t> expected(static_cast<std::size_t>(m * kPanelCols));
    for (std::int64_t r = 0; r < m; ++r)
      for (std::int64_t c = 0; c < kPanelCols; ++c)
        for (std::int64_t j = 0; j < k; ++j)
          expected[static_cast<std::size_t>(r * kPanelCols + c)] +=
              rows[static_cast<std::size_t>(r * depth + j)] *
              boxes[static_cast<std::size_t>(j / kBoxDepth * step + c * kBoxDepth + j % kBoxDepth)];
    std::vector<std::byte> room(static_cast<std::size_t>(depth * kPanelCols + 64));
    std::byte* scratch = room.data() + (64 - reinterpret_cast<std::uintptr_t>(room.data()) % 64) % 64;
    for (std::size_t which = 0; which < count; ++which) {
      std::vector<std::int32_t> panel(expected.size(), -1);
      kernels[which].kernel(a, reinterpret_cast<const std::byte*>(boxes.data()), step, scratch, panel.data());
      ASSERT_EQ(panel, expected) << kernels[which].name << ' ' << m << 'x' << k;
    }
  }
}

}  // namespace
}  // namespace assay::sim::testing
