// Gathering and scattering inside a tile and in global memory: forms, untouched elements, indices outside.
#include "harness/sim/ops/tile_run.h"

namespace assay::sim::testing {
namespace {

using F = std::vector<float>;
using I = std::vector<std::int32_t>;
using U = std::vector<std::uint32_t>;

F ramp(std::size_t count) {
  F values(count);
  for (std::size_t k = 0; k < count; ++k) values[k] = static_cast<float>(k);
  return values;
}

TEST(Gathering, PatternsNameTheElementsOfEveryFourFromTheEnd) {
  const std::pair<std::string_view, F> cases[] = {
      {"P0101", {0, 2, 4, 6, 8, 10, 12, 14}}, {"P1010", {1, 3, 5, 7, 9, 11, 13, 15}}, {"P0001", {0, 4, 8, 12}},
      {"P0010", {1, 5, 9, 13}},               {"P0100", {2, 6, 10, 14}},               {"P1000", {3, 7, 11, 15}},
      {"P1111", ramp(16)}};
  for (const auto& [pattern, expected] : cases) {
    TileRun run;
    run.in("a", DType::f32, {1, 16}, ramp(16));
    run.out("d", DType::f32, {1, 16, 1, static_cast<std::int64_t>(expected.size())});
    run.completes(fmt::format(
        "pto.tgather ins(%a, {{maskPattern = #pto.mask_pattern<{}>}} : $a) outs(%d : $d)", pattern));
    EXPECT_EQ(run.values<float>("d"), expected) << pattern;
  }
}

TEST(Gathering, TheDestinationHasThePatternsShape) {
  TileRun run;
  run.in("a", DType::f32, {1, 16}, ramp(16)).out("d", DType::f32, {1, 16});
  EXPECT_EQ(run.run("pto.tgather ins(%a, {maskPattern = #pto.mask_pattern<P0101>} : $a) outs(%d : $d)").rule(),
            "valid-mismatch");
}

std::string compared(std::string_view mode, int offset) {
  return fmt::format("%k = arith.constant 2.0 : f32\n    pto.tgather ins(%a, %k, %t : $a, f32, $t) outs(%d, %c : $d, $c) "
                     "{{cmpMode = #pto<cmp {}>, offset = {} : i32}}",
                     mode, offset);
}

TEST(Gathering, ComparisonsGiveColumnsAndCounts) {
  TileRun run;
  run.in("a", DType::f32, {2, 8}, F{1, 3, 2, 5, 0, 2, 9, 1, 0, 0, 0, 7, 0, 0, 0, 0}).scratch("t", DType::u8, {1, 32});
  run.in("d", DType::i32, {2, 8}, I(16, -5), true).out("c", DType::i32, {1, 8, 1, 2});
  run.completes(compared("gt", 100));
  EXPECT_EQ(run.values<std::int32_t>("c"), (I{3, 1}));
  EXPECT_EQ(run.values<std::int32_t>("d"), (I{101, 103, 106, -5, -5, -5, -5, -5, 103, -5, -5, -5, -5, -5, -5, -5}));
}

TEST(Gathering, MoreMatchesThanRoomIsReported) {
  TileRun run;
  run.in("a", DType::f32, {1, 16}, F(16, 2)).scratch("t", DType::u8, {1, 32}).out("d", DType::i32, {1, 8});
  run.out("c", DType::i32, {1, 8, 1, 1});
  EXPECT_EQ(run.run(compared("eq", 0)).rule(), "bounds");
}

TileRun by_bytes(const U& offsets) {
  TileRun run;
  run.in("a", DType::f32, {2, 8}, ramp(16)).in("o", DType::u32, {1, 8}, offsets).out("d", DType::f32, {1, 8});
  return run.run("pto.tgatherb ins(%a, %o : $a, $o) outs(%d : $d)");
}

TEST(Gathering, ByteOffsetsAreCheckedForAlignmentAndBounds) {
  EXPECT_EQ(by_bytes({60, 0, 4, 32, 28, 8, 8, 12}).values<float>("d"), (F{15, 0, 1, 8, 7, 2, 2, 3}));
  EXPECT_EQ(by_bytes({0, 2, 0, 0, 0, 0, 0, 0}).rule(), "alignment");
  EXPECT_EQ(by_bytes({0, 64, 0, 0, 0, 0, 0, 0}).rule(), "bounds");
  EXPECT_EQ(by_bytes({0, 0xFFFFFFFCU, 0, 0, 0, 0, 0, 0}).rule(), "bounds");
}

TileRun scattered(const I& indices) {
  TileRun run;
  run.in("a", DType::f32, {1, 8}, ramp(8)).in("i", DType::i32, {1, 8}, indices).in("d", DType::f32, {2, 8}, F(16, -1), true);
  return run.run("pto.tscatter ins(%a, %i : $a, $i) outs(%d : $d)");
}

TEST(Scattering, TheLastWriterStaysAndTheRestIsUntouched) {
  EXPECT_EQ(scattered({15, 0, 3, 3, 8, 9, 9, 9}).values<float>("d"),
            (F{1, -1, -1, 3, -1, -1, -1, -1, 4, 7, -1, -1, -1, -1, -1, 0}));
  EXPECT_EQ(scattered({0, 1, 2, 3, 4, 5, 6, 16}).rule(), "bounds");
  EXPECT_EQ(scattered({0, 1, 2, 3, 4, 5, 6, -1}).rule(), "bounds");
}

TEST(Scattering, SourceAndDestinationMayNotOverlap) {
  TileRun run;
  run.in("d", DType::f32, {1, 8}, ramp(8)).in("i", DType::i32, {1, 8}, I(8, 0));
  EXPECT_EQ(run.run("pto.tscatter ins(%d, %i : $d, $i) outs(%d : $d)").rule(), "overlap");
}

// Global memory: %xp is a table of 8 rows of 16 elements, element k holding k; indices are start, start + 1, ...
KernelRun table_kernel(const std::string& body) {
  KernelRun run;
  run.text = kernel(body);
  run.tensors = {floats(ramp(128)), filled(128, -1.0F)};
  return run_kernel(std::move(run));
}
KernelRun gathered_rows(int start, std::string_view attributes) {
  return table_kernel(fmt::format(R"(    %s = arith.constant {} : i32
    %i = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, 1x8xi32>
    pto.tci ins(%s : i32) outs(%i : !pto.tile_buf<vec, 1x8xi32>)
    %d = pto.alloc_tile addr = %a2 : $T
    pto.mgather ins(%xp, %i : $P, !pto.tile_buf<vec, 1x8xi32>) outs(%d : $T){}
    pto.tstore ins(%d : $T) outs(%yp : $P))",
                                  start, attributes));
}
float first_of(const KernelRun& run, std::size_t row) { return values(run.tensors[1])[row * 16]; }

TEST(GlobalGathering, RowsAreTheDefaultAndOutsideIsReported) {
  const KernelRun inside = gathered_rows(0, "");
  EXPECT_EQ(values(inside.tensors[1]), ramp(128));
  EXPECT_EQ(first_rule(gathered_rows(3, "")), "bounds");
  EXPECT_EQ(first_rule(gathered_rows(-1, "")), "bounds");
}

TEST(GlobalGathering, PoliciesForRowsOutside) {
  const auto run = [](std::string_view policy) {
    return gathered_rows(3, fmt::format(" {{coalesce = #pto<coalesce row>, gatherOob = #pto<gather_oob {}>}}", policy));
  };
  EXPECT_EQ(first_of(run("zero"), 4), 7 * 16.0F);
  EXPECT_EQ(first_of(run("zero"), 5), 0.0F);
  EXPECT_EQ(first_of(run("clamp"), 7), 7 * 16.0F);
  EXPECT_EQ(first_of(run("wrap"), 5), 0.0F);
  EXPECT_EQ(first_of(run("wrap"), 6), 16.0F);
  EXPECT_NE(run("skip").report.status, device::RunStatus::completed);
}

KernelRun scattered_elements(int start, std::string_view attributes) {
  return table_kernel(fmt::format(R"(    %s = arith.constant {} : i32
    %i = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, 1x8xi32>
    pto.tci ins(%s : i32) outs(%i : !pto.tile_buf<vec, 1x8xi32>) {{descending = true}}
    %t = pto.alloc_tile addr = %a2 : $T
    pto.tload ins(%xp : $P) outs(%t : $T)
    %d = pto.subview %t[%c1, %c0] sizes [1, 8] : $T -> !pto.tile_buf<vec, 1x8xf32>
    pto.mscatter ins(%d, %i : !pto.tile_buf<vec, 1x8xf32>, !pto.tile_buf<vec, 1x8xi32>) outs(%yp : $P){})",
                                  start, attributes));
}

TEST(GlobalScattering, ElementsGoWhereTheirIndicesSay) {
  const auto y = values(scattered_elements(20, "").tensors[1]);
  EXPECT_EQ(y[20], 16.0F);
  EXPECT_EQ(y[13], 23.0F);
  EXPECT_EQ(y[12], -1.0F);
  const auto added = values(scattered_elements(20, " {scatterAtomicOp = #pto<scatter_atomic_op add>}").tensors[1]);
  EXPECT_EQ(added[20], 15.0F);
  const auto least = values(scattered_elements(20, " {scatterAtomicOp = #pto<scatter_atomic_op min>}").tensors[1]);
  EXPECT_EQ(least[20], -1.0F);
}

TEST(GlobalScattering, IndicesOutside) {
  EXPECT_EQ(first_rule(scattered_elements(130, "")), "bounds");
  const auto skipped = values(scattered_elements(130, " {scatterOob = #pto<scatter_oob skip>}").tensors[1]);
  EXPECT_EQ(skipped[127], 19.0F);
  EXPECT_EQ(skipped[123], 23.0F);
  const auto wrapped = values(scattered_elements(130, " {scatterOob = #pto<scatter_oob wrap>}").tensors[1]);
  EXPECT_EQ(wrapped[2], 16.0F);
}

}  // namespace
}  // namespace assay::sim::testing
