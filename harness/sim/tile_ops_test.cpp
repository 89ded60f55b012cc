// Tile operations by example: what they write, what they leave alone, in place and across layouts.
#include <fmt/format.h>

#include <limits>

#include "harness/sim/kernel_test.h"

namespace assay::sim::testing {
namespace {

using device::RunStatus;

std::vector<float> ramp() {
  std::vector<float> x(128);
  for (std::size_t k = 0; k < x.size(); ++k) x[k] = static_cast<float>(k);
  return x;
}

// Runs the body with x = ramp and y = -1 everywhere; gives y, or empty and a failure.
std::vector<float> run_f32(const std::string& body, std::vector<float> x = ramp()) {
  KernelRun run;
  run.text = kernel(body);
  run.tensors = {floats(x), filled(128, -1.0F)};
  run = run_kernel(std::move(run));
  EXPECT_EQ(run.report.status, RunStatus::completed)
      << (run.report.diagnostics.empty() ? run.report.reason : to_string(run.report.diagnostics.back(), "kernel.pto"));
  return run.report.status == RunStatus::completed ? values(run.tensors[1]) : std::vector<float>(128);
}

std::string loaded(std::string_view body) {
  return "    %t = pto.alloc_tile addr = %a0 : $T\n    pto.tload ins(%xp : $P) outs(%t : $T)\n" + std::string(body);
}

TEST(TileOps, StoreLeavesTheRestAlone) {
  const auto y = run_f32(R"(    %t = pto.alloc_tile addr = %a0 valid_row = %c2 valid_col = %c8 : $D
    pto.tload ins(%xp : $P) outs(%t : $D)
    pto.tstore ins(%t : $D) outs(%yp : $P))");
  EXPECT_EQ(y[7], 7.0F);
  EXPECT_EQ(y[8], -1.0F);
  EXPECT_EQ(y[23], 23.0F);
  EXPECT_EQ(y[32], -1.0F);
}

TEST(TileOps, EmptyValidShapesMoveNothing) {
  const auto y = run_f32(R"(    %t = pto.alloc_tile addr = %a0 valid_row = %c0 valid_col = %c8 : $D
    %s = pto.alloc_tile addr = %a1 valid_row = %c0 valid_col = %c1 : $D
    pto.tload ins(%xp : $P) outs(%t : $D)
    pto.tneg ins(%t : $D) outs(%t : $D)
    pto.trowsum ins(%t : $D) outs(%s : $D)
    pto.tstore ins(%t : $D) outs(%yp : $P))");
  EXPECT_EQ(y, std::vector<float>(128, -1.0F));
}

TEST(TileOps, NarrowingInPlaceReadsBeforeItWrites) {
  const auto y = run_f32(loaded(R"(    %h = pto.alloc_tile addr = %a0 : !pto.tile_buf<vec, 8x16xf16>
    pto.tcvt ins(%t {rmode = #pto<round_mode RINT>} : $T) outs(%h : !pto.tile_buf<vec, 8x16xf16>)
    pto.tcvt ins(%h {rmode = #pto<round_mode RINT>} : !pto.tile_buf<vec, 8x16xf16>) outs(%t : $T)
    pto.tstore ins(%t : $T) outs(%yp : $P))"));
  EXPECT_EQ(y, ramp());
}

// Device behaviour (pto-isa 1.6): a tload pads to the next 32-byte block and no further.
TEST(TileOps, LoadPadsToTheBlockWhenAPadValueIsSet) {
  const std::string tile = "!pto.tile_buf<vec, 8x16xf32, valid=?x?, pad=1>";
  const auto body = [&](std::string_view cols) {
    return fmt::format(R"(    %c3 = arith.constant 3 : index
    %t = pto.alloc_tile addr = %a0 valid_row = %c8 valid_col = %c3 : {0}
    pto.tload ins(%xp : $P) outs(%t : {0})
    %u = pto.alloc_tile addr = %a0 valid_row = %c8 valid_col = {1} : $D
    pto.tstore ins(%u : $D) outs(%yp : $P))",
                       tile, cols);
  };
  const auto y = run_f32(body("%c8"));
  EXPECT_EQ(y[2], 2.0F);
  EXPECT_EQ(y[3], 0.0F);
  EXPECT_EQ(y[7], 0.0F);
  KernelRun run;
  run.text = kernel(body("%c16"));
  run.tensors = {floats(ramp()), filled(128, -1.0F)};
  EXPECT_EQ(first_rule(run_kernel(std::move(run))), "undefined-bytes");
}

TEST(TileOps, LoadWithoutPadValueLeavesTheBlockAlone) {
  const auto y = run_f32(loaded(R"(    %c3 = arith.constant 3 : index
    pto.tneg ins(%t : $T) outs(%t : $T)
    %u = pto.alloc_tile addr = %a0 valid_row = %c8 valid_col = %c3 : $D
    pto.tload ins(%xp : $P) outs(%u : $D)
    pto.tstore ins(%t : $T) outs(%yp : $P))"));
  EXPECT_EQ(y[2], 2.0F);
  EXPECT_EQ(y[3], -3.0F);
}

// Device behaviour (pto-isa 2.1): a tmov takes the whole 32-byte block along, undefined lanes included.
TEST(TileOps, MoveTakesTheBlockAlong) {
  const std::string move = R"(    %c3 = arith.constant 3 : index
    %s = pto.alloc_tile addr = %a0 valid_row = %c8 valid_col = %c3 : $D
    %d = pto.alloc_tile addr = %a1 valid_row = %c8 valid_col = %c3 : $D
    {}
    pto.tmov ins(%s : $D) outs(%d : $D)
    %u = pto.alloc_tile addr = %a1 valid_row = %c8 valid_col = %c8 : $D
    pto.tstore ins(%u : $D) outs(%yp : $P))";
  const auto y = run_f32(loaded(fmt::format(fmt::runtime(move), "")));
  EXPECT_EQ(y[7], 7.0F);
  KernelRun run;  // only the valid lanes of the source hold values: the destination's block loses its own
  run.text = kernel(fmt::format(fmt::runtime(move), R"(pto.tload ins(%xp : $P) outs(%s : $D)
    %whole = pto.alloc_tile addr = %a1 : $T
    pto.tload ins(%xp : $P) outs(%whole : $T))"));
  run.tensors = {floats(ramp()), filled(128, -1.0F)};
  EXPECT_EQ(first_rule(run_kernel(std::move(run))), "undefined-bytes");
}

TEST(TileOps, RowExpansionTakesEitherPositionAndBothModes) {
  const std::string column = R"(    %s = pto.alloc_tile addr = %a1 : $C
    pto.trowmax ins(%t : $T) outs(%s : $C)
    %tmp = pto.alloc_tile addr = %a3 : $T
    pto.trowexpandsub ins({0}, %tmp : {1}, $T) outs(%t : $T)
    pto.tstore ins(%t : $T) outs(%yp : $P))";
  const auto right = run_f32(loaded(fmt::format(fmt::runtime(column), "%t, %s", "$T, $C")));
  EXPECT_EQ(right[16], -15.0F);
  const auto left = run_f32(loaded(fmt::format(fmt::runtime(column), "%s, %t", "$C, $T")));
  EXPECT_EQ(left[16], 15.0F);
  // Block mode: 8 floats a row, column j takes element j mod 8 and not element 0.
  const auto block = run_f32(loaded(R"(    %b = pto.alloc_tile addr = %a0 valid_row = %c8 valid_col = %c8 : $D
    %o = pto.alloc_tile addr = %a1 : $T
    pto.trowexpandsub ins(%t, %b : $T, $D) outs(%o : $T)
    pto.tstore ins(%o : $T) outs(%yp : $P))"));
  EXPECT_EQ(block[5], 0.0F);
  EXPECT_EQ(block[13], 8.0F);
}

TEST(TileOps, ScalarDivisionHasTwoOrders) {
  const std::string body = R"(    %f = arith.constant 2.0 : f32
    pto.tdivs ins({}) outs(%t : $T)
    pto.tstore ins(%t : $T) outs(%yp : $P))";
  EXPECT_EQ(run_f32(loaded(fmt::format(fmt::runtime(body), "%t, %f : $T, f32")))[8], 4.0F);
  EXPECT_EQ(run_f32(loaded(fmt::format(fmt::runtime(body), "%f, %t : f32, $T")))[8], 0.25F);
}

TEST(TileOps, MaximumKnowsSignedZerosAndNaN) {
  std::vector<float> x(128, 0.0F);
  x[1] = -0.0F;
  x[2] = std::numeric_limits<float>::quiet_NaN();
  x[3] = -std::numeric_limits<float>::infinity();
  const auto y = run_f32(loaded(R"(    %z = arith.constant -0.0 : f32
    pto.tmaxs ins(%t, %z : $T, f32) outs(%t : $T)
    pto.tstore ins(%t : $T) outs(%yp : $P))"),
                         x);
  EXPECT_FALSE(std::signbit(y[0]));
  EXPECT_TRUE(std::signbit(y[1]));
  EXPECT_NE(y[2], y[2]);
  EXPECT_EQ(y[3], 0.0F);
}

TEST(TileOps, FillPadCopiesAndFills) {
  const auto y = run_f32(loaded(R"(    %s = pto.alloc_tile addr = %a0 valid_row = %c2 valid_col = %c8 : $D
    %o = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, 8x16xf32, pad=3>
    pto.tfillpad ins(%s : $D) outs(%o : !pto.tile_buf<vec, 8x16xf32, pad=3>)
    pto.tstore ins(%o : !pto.tile_buf<vec, 8x16xf32, pad=3>) outs(%yp : $P))"));
  EXPECT_EQ(y[7], 7.0F);
  EXPECT_EQ(y[8], -std::numeric_limits<float>::infinity());
  EXPECT_EQ(y[23], 23.0F);
  EXPECT_EQ(y[32], -std::numeric_limits<float>::infinity());
}

TEST(TileOps, TransposeConcatenateAndGather) {
  const auto y = run_f32(loaded(R"(    %u = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, 16x8xf32>
    %tmp = pto.alloc_tile addr = %a2 : !pto.tile_buf<vec, 16x8xf32>
    pto.ttrans ins(%t, %tmp : $T, !pto.tile_buf<vec, 16x8xf32>) outs(%u : !pto.tile_buf<vec, 16x8xf32>)
    %half = pto.subview %u[%c8, %c0] sizes [8, 8] : !pto.tile_buf<vec, 16x8xf32> -> !pto.tile_buf<vec, 8x8xf32>
    %top = pto.subview %u[%c0, %c0] sizes [8, 8] : !pto.tile_buf<vec, 16x8xf32> -> !pto.tile_buf<vec, 8x8xf32>
    %o = pto.alloc_tile addr = %a3 : $T
    pto.tconcat ins(%half, %top : !pto.tile_buf<vec, 8x8xf32>, !pto.tile_buf<vec, 8x8xf32>) outs(%o : $T)
    pto.tstore ins(%o : $T) outs(%yp : $P))"));
  EXPECT_EQ(y[0], 8.0F);       // transposed (8,0) = (0,8)
  EXPECT_EQ(y[1], 24.0F);      // transposed (8,1) = (1,8)
  EXPECT_EQ(y[16 + 8], 1.0F);  // transposed (1,0) = (0,1)
  const auto reversed = run_f32(loaded(R"(    %k = arith.constant 127 : i32
    %i = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, 8x16xi32>
    pto.tci ins(%k : i32) outs(%i : !pto.tile_buf<vec, 8x16xi32>) {descending = true}
    %o = pto.alloc_tile addr = %a2 : $T
    pto.tgather ins(%t, %i : $T, !pto.tile_buf<vec, 8x16xi32>) outs(%o : $T)
    pto.tstore ins(%o : $T) outs(%yp : $P))"));
  EXPECT_EQ(reversed[0], 127.0F);
  EXPECT_EQ(reversed[127], 0.0F);
}

TEST(TileOps, WindowsKeepTheParentsPitch) {
  const auto y = run_f32(loaded(R"(    %w = pto.subview %t[%c2, %c8] sizes [2, 8] : $T -> !pto.tile_buf<vec, 2x8xf32>
    pto.tneg ins(%w : !pto.tile_buf<vec, 2x8xf32>) outs(%w : !pto.tile_buf<vec, 2x8xf32>)
    pto.tstore ins(%t : $T) outs(%yp : $P))"));
  for (std::size_t k = 0; k < 128; ++k) {
    const bool inside = k / 16 >= 2 && k / 16 < 4 && k % 16 >= 8;
    EXPECT_EQ(y[k], inside ? -static_cast<float>(k) : static_cast<float>(k)) << k;
  }
}

TEST(TileOps, ReshapeSeesTheSameBytes) {
  const auto y = run_f32(loaded(R"(    %r = pto.treshape %t : $T -> !pto.tile_buf<vec, 16x8xf32>
    %i = pto.bitcast %r : !pto.tile_buf<vec, 16x8xf32> -> !pto.tile_buf<vec, 16x8xi32>
    %one = arith.constant 8388608 : i32
    pto.tadds ins(%i, %one : !pto.tile_buf<vec, 16x8xi32>, i32) outs(%i : !pto.tile_buf<vec, 16x8xi32>)
    pto.tstore ins(%t : $T) outs(%yp : $P))"));
  EXPECT_EQ(y[3], 6.0F);  // one more in the exponent
}

TEST(TileOps, BoxedTilesGoThroughAMatAndBack) {
  const std::string nz = "!pto.tile_buf<mat, 16x16xf32, valid=8x16, blayout=col_major, slayout=row_major>";
  const auto y = run_f32(fmt::format(R"(    %m = pto.alloc_tile addr = %a0 : {0}
    pto.tload ins(%xp : $P) outs(%m : {0})
    pto.tstore ins(%m : {0}) outs(%yp : $P))",
                                     nz));
  EXPECT_EQ(y, ramp());
}

// pto-format 3.1: boxes of 16 rows, as wide as the fractal size says, one after the other by columns. 8 of 16 rows are
// loaded; a plain tile over the same bytes shows where they went, 16 elements at a time.
TEST(TileOps, BoxesLieWhereTheFractalSizeSays) {
  for (const auto& [fractal, width] : {std::pair{512, 8}, std::pair{1024, 16}, std::pair{32, 2}}) {
    std::string body = fmt::format(R"(    %m = pto.alloc_tile addr = %a0 : {0}
    pto.tload ins(%xp : $P) outs(%m : {0})
)",
                                   fmt::format("!pto.tile_buf<mat, 16x16xf32, valid=8x16, blayout=col_major, "
                                               "slayout=row_major, fractal={}>",
                                               fractal));
    std::vector<float> expected;
    for (int row = 0; row < 8; ++row) {
      const int box = row / (width / 2), first = row % (width / 2) * 16;
      body += fmt::format(R"(    %at{0} = arith.constant {1} : i64
    %row{0} = arith.constant {0} : index
    %u{0} = pto.alloc_tile addr = %at{0} : !pto.tile_buf<mat, 1x16xf32>
    %p{0} = pto.partition_view %yv, offsets = [%row{0}, %c0], sizes = [%c1, %c16] : $V -> $P
    pto.tstore ins(%u{0} : !pto.tile_buf<mat, 1x16xf32>) outs(%p{0} : $P)
)",
                          row, 4 * (box * 16 * width + first));
      for (int k = first; k < first + 16; ++k)
        expected.push_back(static_cast<float>(k / width * 16 + box * width + k % width));
    }
    EXPECT_EQ(run_f32(body), expected) << fractal;
  }
}

TEST(TileOps, ViewsOfHigherRankCollapseRowByRow) {
  const auto y = run_f32(R"(    %c4 = arith.constant 4 : index
    %c64 = arith.constant 64 : index
    %v = pto.make_tensor_view %x, shape = [%c2, %c4, %c16], strides = [%c16, %c2, %c1] : !pto.tensor_view<?x?x?xf32>
    %p = pto.partition_view %v, offsets = [%c0, %c1, %c0], sizes = [%c2, %c2, %c16] : !pto.tensor_view<?x?x?xf32> -> !pto.partition_tensor_view<?x?x?xf32>
    %t = pto.alloc_tile addr = %a0 valid_row = %c4 valid_col = %c16 : $D
    pto.tload ins(%p : !pto.partition_tensor_view<?x?x?xf32>) outs(%t : $D)
    pto.tstore ins(%t : $D) outs(%yp : $P))");
  EXPECT_EQ(y[0], 2.0F);        // (0,1,0)
  EXPECT_EQ(y[16], 4.0F);       // (0,2,0)
  EXPECT_EQ(y[32], 18.0F);      // (1,1,0)
  EXPECT_EQ(y[48 + 3], 23.0F);  // (1,2,3)
}

TEST(TileOps, AtomicStoreAdds) {
  const auto y =
      run_f32(loaded(R"(    pto.tstore ins(%t : $T) outs(%yp : $P) {atomicType = #pto<atomic_type atomic_add>})"));
  EXPECT_EQ(y[0], -1.0F);
  EXPECT_EQ(y[10], 9.0F);
}

// 512 columns are one chunk of the a2a3 profile: halves are added onto halves, so 2^24 meets a partner first.
TEST(TileOps, RowSumKeepsOneDocumentedOrder) {
  KernelRun run;
  run.text = R"(module attributes {pto.target_arch = "a2a3"} {
  func.func @kernel(%x: !pto.ptr<f32>, %y: !pto.ptr<f32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c1024 = arith.constant 1024 : index
    %xv = pto.make_tensor_view %x, shape = [%c1, %c1024], strides = [%c1024, %c1] : !pto.tensor_view<?x?xf32>
    %xp = pto.partition_view %xv, offsets = [%c0, %c0], sizes = [%c1, %c1024] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<1x1024xf32>
    %t = pto.alloc_tile : !pto.tile_buf<vec, 1x1024xf32>
    %s = pto.alloc_tile : !pto.tile_buf<vec, 8x1xf32, valid=1x1, blayout=col_major>
    pto.tload ins(%xp : !pto.partition_tensor_view<1x1024xf32>) outs(%t : !pto.tile_buf<vec, 1x1024xf32>)
    pto.trowsum ins(%t : !pto.tile_buf<vec, 1x1024xf32>) outs(%s : !pto.tile_buf<vec, 8x1xf32, valid=1x1, blayout=col_major>)
    %v = pto.tgetval ins(%s, %c0 : !pto.tile_buf<vec, 8x1xf32, valid=1x1, blayout=col_major>, index) outs : f32
    pto.store_scalar %v, %y[%c0] : !pto.ptr<f32>, f32
    return
  }
}
)";
  std::vector<float> x(1024, 1.0F);
  x[0] = 0x1p24F;
  run.tensors = {floats(x), filled(1, 0)};
  KernelRun sequential = run;
  run = run_kernel(std::move(run));
  ASSERT_EQ(run.report.status, RunStatus::completed) << run.report.reason;
  // Chunk 0: 2^24 + 1 stays, then + 2 + 4 ... + 256 are exact: 2^24 + 510. Chunk 1: 512.
  EXPECT_EQ(values(run.tensors[1])[0], 16777216.0F + 510.0F + 512.0F);
  sequential.profile.sum_order = SumOrder::sequential;
  sequential = run_kernel(std::move(sequential));
  EXPECT_EQ(values(sequential.tensors[1])[0], 16777216.0F);
}

TEST(TileOps, SubnormalsAreFlushedWhereTheProfileSaysSo) {
  const std::string body = loaded(R"(    %two = arith.constant 2.0 : f32
    pto.tmuls ins(%t, %two : $T, f32) outs(%t : $T)
    pto.tstore ins(%t : $T) outs(%yp : $P))");
  KernelRun run;
  run.text = kernel(body);
  run.tensors = {filled(128, 0x1p-140F), filled(128, -1.0F)};
  KernelRun flushing = run;
  flushing.profile.flush_subnormals = true;
  EXPECT_EQ(values(run_kernel(std::move(run)).tensors[1])[0], 0x1p-139F);
  EXPECT_EQ(values(run_kernel(std::move(flushing)).tensors[1])[0], 0.0F);
}

TEST(TileOps, IntegersWrap) {
  KernelRun run;
  run.text = kernel(loaded(R"(    pto.tadd ins(%t, %t : $T, $T) outs(%t : $T)
    pto.tstore ins(%t : $T) outs(%yp : $P))"),
                    "i16");
  run.tensors = {tensor_of(DType::i16, std::vector<std::int16_t>(128, 20000)), Tensor(DType::i16, {128})};
  run = run_kernel(std::move(run));
  ASSERT_EQ(run.report.status, RunStatus::completed) << run.report.reason;
  EXPECT_EQ(run.tensors[1].as<std::int16_t>()[5], static_cast<std::int16_t>(40000 - 65536));
}

TEST(TileOps, ElementsOfTilesAreReadAndWrittenOneByOne) {
  const auto y = run_f32(loaded(R"(    %c100 = arith.constant 100 : index
    %v = pto.tgetval ins(%t, %c100 : $T, index) outs : f32
    %w = arith.negf %v : f32
    pto.tsetval ins(%c2, %w : index, f32) outs(%t : $T)
    pto.tstore ins(%t : $T) outs(%yp : $P))"));
  EXPECT_EQ(y[2], -100.0F);
  EXPECT_EQ(y[100], 100.0F);
}

}  // namespace
}  // namespace assay::sim::testing
