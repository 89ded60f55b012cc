// Ops that move elements, where tiles of every layout keep them, and stores that add: worked out by hand.
#include <fmt/format.h>

#include <cmath>

#include "harness/device/opencl/kernel_fixture.h"

namespace assay::device {
namespace {

TEST(OpenclLayout, PadsUpToTheNextBlockOnLoadAndFillsOnRequest) {
  // 5 of 16 columns are valid: the load pads columns 5 to 7 (one 32 byte block), not 8 to 15; columns 8 on are poison.
  Kernel kernel(tile_kernel({{"a", "f32", 2, 16, 2, 5, ", pad=1", 0}},
                            {{"seen", "f32", 2, 16, 0, 0, "", 0}, {"f", "f32", 2, 16, 0, 0, ", pad=2", 4096}},
                            "pto.tfillpad ins(%a : $a) outs(%f : $f)"));
  Tensor a = floats({2, 5}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}), seen(DType::f32, {2, 16}), fill(DType::f32, {2, 16});
  ASSERT_EQ(kernel.run({&a, &seen, &fill}).status, RunStatus::completed);
  for (std::size_t row = 0; row < 2; ++row)
    for (std::size_t col = 0; col < 16; ++col) {
      const float value = static_cast<float>(row * 5 + col + 1);
      if (col < 8) {
        EXPECT_EQ(seen.as<float>()[row * 16 + col], col < 5 ? value : 0) << col;
      }
      EXPECT_EQ(fill.as<float>()[row * 16 + col], col < 5 ? value : INFINITY) << col;
    }
  EXPECT_NE(seen.bits(8), 0u);
}

TEST(OpenclLayout, FillingWithoutAPadValueIsAFault) {
  Kernel kernel(
      tile_kernel({{"a", "f32", 2, 16, 2, 5}}, {{"f", "f32", 2, 16}}, "pto.tfillpad ins(%a : $a) outs(%f : $f)"));
  Tensor a(DType::f32, {2, 5}), f(DType::f32, {2, 16});
  const RunReport report = kernel.run({&a, &f});
  ASSERT_EQ(report.status, RunStatus::fault);
  EXPECT_EQ(report.diagnostics.back().rule, "null-pad");
}

TEST(OpenclLayout, IndicesOutsideTheSourceAreFaults) {
  Kernel kernel(tile_kernel({{"a", "f32", 1, 8}, {"i", "i32", 1, 8}}, {{"g", "f32", 1, 8}},
                            "pto.tgather ins(%a, %i, %i : $a, $i, $i) outs(%g : $g)"));
  Tensor a(DType::f32, {8}), g(DType::f32, {8});
  for (const std::int32_t wrong : {8, -1}) {
    Tensor index = tensor_of<std::int32_t>(DType::i32, {8}, {0, 1, 2, wrong, 4, 5, 6, 7});
    const RunReport report = kernel.run({&a, &index, &g});
    ASSERT_EQ(report.status, RunStatus::fault);
    EXPECT_EQ(report.diagnostics.back().rule, "bounds");
    EXPECT_NE(report.diagnostics.back().message.find("element " + std::to_string(wrong)), std::string::npos);
  }
}

TEST(OpenclLayout, IotaGatherConcatenateTranspose) {
  Kernel kernel(tile_kernel({{"a", "f32", 8, 8, 2, 3}, {"i", "i32", 1, 8, 1, 4}},
                            {{"up", "i32", 1, 8},
                             {"down", "i32", 1, 8},
                             {"g", "f32", 1, 8, 1, 4},
                             {"j", "f32", 8, 8, 2, 6},
                             {"t", "f32", 8, 8, 3, 2}},
                            "%s = arith.constant 10 : i32\n"
                            "pto.tci ins(%s : i32) outs(%up : $up)\n"
                            "pto.tci ins(%s {descending = true} : i32) outs(%down : $down)\n"
                            "pto.tgather ins(%a, %i, %i : $a, $i, $i) outs(%g : $g)\n"
                            "pto.tconcat ins(%a, %a : $a, $a) outs(%j : $j)\n"
                            "pto.ttrans ins(%a, %a : $a, $a) outs(%t : $t)"));
  Tensor a = floats({2, 3}, {1, 2, 3, 4, 5, 6}), index = tensor_of<std::int32_t>(DType::i32, {1, 4}, {8, 0, 10, 1});
  Tensor up(DType::i32, {8}), down = up, g(DType::f32, {1, 4}), j(DType::f32, {2, 6}), t(DType::f32, {3, 2});
  const RunReport report = kernel.run({&a, &index, &up, &down, &g, &j, &t});
  ASSERT_EQ(report.status, RunStatus::completed) << report.reason;
  EXPECT_EQ(values_of<std::int32_t>(up), (std::vector<std::int32_t>{10, 11, 12, 13, 14, 15, 16, 17}));
  EXPECT_EQ(values_of<std::int32_t>(down), (std::vector<std::int32_t>{10, 9, 8, 7, 6, 5, 4, 3}));
  EXPECT_EQ(values_of<float>(g), (std::vector<float>{4, 1, 6, 2}));  // 8 elements a row: 8 is (1, 0)
  EXPECT_EQ(values_of<float>(j), (std::vector<float>{1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6}));
  EXPECT_EQ(values_of<float>(t), (std::vector<float>{1, 4, 2, 5, 3, 6}));
}

TEST(OpenclLayout, OverlappingMovesReadFirst) {
  // The destination starts one row after the source in the same memory.
  Kernel kernel(tile_kernel({{"a", "f32", 4, 8, 0, 0, "", 0}}, {{"b", "f32", 4, 8, 0, 0, "", 32}},
                            "pto.tmov ins(%a : $a) outs(%b : $b)"));
  Tensor a(DType::f32, {4, 8}), b(DType::f32, {4, 8});
  for (std::size_t i = 0; i < 32; ++i) a.as<float>()[i] = static_cast<float>(i);
  ASSERT_EQ(kernel.run({&a, &b}).status, RunStatus::completed);
  EXPECT_EQ(values_of<float>(b), values_of<float>(a));
}

TEST(OpenclLayout, BoxedTilesKeepTheirElements) {
  const std::string nz = ", blayout=col_major, slayout=row_major";
  Kernel kernel(tile_kernel({{"a", "f32", 32, 16}}, {{"y", "f32", 32, 16}},
                            "%n = pto.alloc_tile : !pto.tile_buf<vec, 32x16xf32" + nz +
                                ">\n"
                                "pto.tmov ins(%a : $a) outs(%n : !pto.tile_buf<vec, 32x16xf32" +
                                nz +
                                ">)\n"
                                "pto.tmov ins(%n : !pto.tile_buf<vec, 32x16xf32" +
                                nz + ">) outs(%y : $y)"));
  Tensor a(DType::f32, {32, 16}), y(DType::f32, {32, 16});
  for (std::size_t i = 0; i < 512; ++i) a.as<float>()[i] = static_cast<float>(i);
  ASSERT_EQ(kernel.run({&a, &y}).status, RunStatus::completed);
  EXPECT_EQ(values_of<float>(y), values_of<float>(a));
}

// pto-format 3.1: boxes of 16 rows, as wide as the fractal size says, one after the other by columns. Plain tiles over
// the same bytes show where the elements went, 16 at a time.
TEST(OpenclLayout, BoxesLieWhereTheFractalSizeSays) {
  Tensor x(DType::f32, {16, 16});
  for (std::size_t i = 0; i < 256; ++i) x.as<float>()[i] = static_cast<float>(i);
  for (const auto& [fractal, width] : {std::pair{512, 8}, std::pair{1024, 16}, std::pair{32, 2}}) {
    const std::string boxed =
        fmt::format("!pto.tile_buf<mat, 16x16xf32, blayout=col_major, slayout=row_major, fractal={}>", fractal);
    std::string text = fmt::format(R"(module {{ func.func @k(%x: !pto.ptr<f32>, %y: !pto.ptr<f32>) {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c16 = arith.constant 16 : index
    %at = arith.constant 0 : i64
    %xv = pto.make_tensor_view %x, shape = [%c16, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xf32>
    %yv = pto.make_tensor_view %y, shape = [%c16, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xf32>
    %xp = pto.partition_view %xv, offsets = [%c0, %c0], sizes = [%c16, %c16] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<16x16xf32>
    %m = pto.alloc_tile addr = %at : {0}
    pto.tload ins(%xp : !pto.partition_tensor_view<16x16xf32>) outs(%m : {0})
)",
                                   boxed);
    std::vector<float> expected;
    for (int row = 0; row < 16; ++row) {
      text += fmt::format(R"(    %at{0} = arith.constant {1} : i64
    %row{0} = arith.constant {0} : index
    %u{0} = pto.alloc_tile addr = %at{0} : !pto.tile_buf<mat, 1x16xf32>
    %p{0} = pto.partition_view %yv, offsets = [%row{0}, %c0], sizes = [%c1, %c16] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<1x16xf32>
    pto.tstore ins(%u{0} : !pto.tile_buf<mat, 1x16xf32>) outs(%p{0} : !pto.partition_tensor_view<1x16xf32>)
)",
                          row, 4 * 16 * row);
      for (int at = 16 * row; at < 16 * row + 16; ++at) {
        const int box = at / (16 * width), inside = at % (16 * width);
        expected.push_back(static_cast<float>(inside / width * 16 + box * width + inside % width));
      }
    }
    Kernel kernel(text + "    return\n  } }");
    Tensor y(DType::f32, {16, 16});
    const RunReport report = kernel.run({&x, &y});
    ASSERT_EQ(report.status, RunStatus::completed) << report.reason;
    EXPECT_EQ(values_of<float>(y), expected) << fractal;
  }
}

TEST(OpenclStore, AtomicAddAccumulatesOverBlocks) {
  Kernel kernel(R"(module { func.func @k(%x: !pto.ptr<f32>, %y: !pto.ptr<f32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %xv = pto.make_tensor_view %x, shape = [%c1, %c8], strides = [%c8, %c1] : !pto.tensor_view<?x?xf32>
    %yv = pto.make_tensor_view %y, shape = [%c1, %c8], strides = [%c8, %c1] : !pto.tensor_view<?x?xf32>
    %xp = pto.partition_view %xv, offsets = [%c0, %c0], sizes = [%c1, %c8] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<1x8xf32>
    %yp = pto.partition_view %yv, offsets = [%c0, %c0], sizes = [%c1, %c8] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<1x8xf32>
    %t = pto.alloc_tile : !pto.tile_buf<vec, 1x8xf32>
    pto.tload ins(%xp : !pto.partition_tensor_view<1x8xf32>) outs(%t : !pto.tile_buf<vec, 1x8xf32>)
    pto.tstore ins(%t : !pto.tile_buf<vec, 1x8xf32>) outs(%yp : !pto.partition_tensor_view<1x8xf32>) {atomicType = #pto<atomic_type atomic_add>}
    return
  } })");
  Tensor x = floats({8}, {1, 2, 3, 4, 5, 6, 7, 8}), y = floats({8}, std::vector<float>(8, 100));
  ASSERT_EQ(kernel.run({&x, &y}, {}, 5).status, RunStatus::completed);
  EXPECT_EQ(values_of<float>(y), (std::vector<float>{105, 110, 115, 120, 125, 130, 135, 140}));
}

// docs/opencl.md: blocks that add to global memory run one after the other, in ascending order.
TEST(OpenclStore, AtomicAddsOfManyBlocksHappenInOrder) {
  Kernel kernel(R"(module { func.func @k(%x: !pto.ptr<f32>, %y: !pto.ptr<f32>, %blocks: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %c16 = arith.constant 16 : index
    %block = pto.get_block_idx
    %b = arith.index_cast %block : i64 to index
    %xv = pto.make_tensor_view %x, shape = [%blocks, %c8], strides = [%c8, %c1] : !pto.tensor_view<?x?xf32>
    %yv = pto.make_tensor_view %y, shape = [%c1, %c8], strides = [%c8, %c1] : !pto.tensor_view<?x?xf32>
    %xp = pto.partition_view %xv, offsets = [%b, %c0], sizes = [%c1, %c8] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<1x8xf32>
    %yp = pto.partition_view %yv, offsets = [%c0, %c0], sizes = [%c1, %c8] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<1x8xf32>
    %t = pto.alloc_tile : !pto.tile_buf<vec, 1x8xf32>
    pto.tload ins(%xp : !pto.partition_tensor_view<1x8xf32>) outs(%t : !pto.tile_buf<vec, 1x8xf32>)
    scf.for %i = %c0 to %c16 step %c1 {
      pto.tstore ins(%t : !pto.tile_buf<vec, 1x8xf32>) outs(%yp : !pto.partition_tensor_view<1x8xf32>) {atomicType = #pto<atomic_type atomic_add>}
    }
    return
  } })");
  // Blocks that ran together would take turns every few instructions.
  OpenclOptions options;
  options.instructions = 5;
  auto backend = create_opencl_backend(options);
  ASSERT_TRUE(backend);
  constexpr std::int64_t kBlocks = 24;
  Tensor x(DType::f32, {kBlocks, 8}), y = floats({8}, std::vector<float>(8, 0));
  float expected = 0;
  for (std::size_t block = 0; block < kBlocks; ++block) {
    // Small terms survive or not, depending on what was added before them.
    const float term = block % 3 == 0 ? 0x1p20f : block % 3 == 1 ? 0.75f : -0x1p20f;
    std::fill_n(x.as<float>().begin() + static_cast<std::ptrdiff_t>(8 * block), 8, term);
    for (int i = 0; i < 16; ++i) expected += term;
  }
  ASSERT_NE(expected, 0.75f * 16 * 8) << "the order must matter";
  ASSERT_EQ(kernel.run({&x, &y}, {kBlocks}, kBlocks, **backend).status, RunStatus::completed);
  EXPECT_EQ(values_of<float>(y), std::vector<float>(8, expected));
}

}  // namespace
}  // namespace assay::device
