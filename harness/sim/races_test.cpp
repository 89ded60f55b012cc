// Races: each found in a broken kernel, with both places, and silent in the repaired one.
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/sim/graph_test.h"

namespace assay::sim::testing {
namespace {

using device::Diagnostic;

std::string rules(const KernelRun& run) {
  std::string text;
  for (const Diagnostic& found : run.report.diagnostics) text += found.rule + " ";
  return text;
}

KernelRun run_body(std::string_view body, std::int64_t blocks = 1, std::string_view dtype = "f32",
                   std::string_view arguments = "") {
  KernelRun run;
  run.text = kernel(body, dtype, arguments);
  run.tensors = {filled(128, 1), filled(128, 2)};
  run.blocks = blocks;
  run.options.order = device::Order::explicit_sync;
  return run_kernel(std::move(run));
}

// Tiles %s, %t, %u at three addresses.
constexpr std::string_view kTiles = R"(
    %s = pto.alloc_tile addr = %a0 : $T
    %t = pto.alloc_tile addr = %a1 : $T
    %u = pto.alloc_tile addr = %a2 : $T
)";
constexpr std::string_view kLoadS = "    pto.tload ins(%xp : $P) outs(%s : $T)\n";
constexpr std::string_view kStoreS = "    pto.tstore ins(%s : $T) outs(%yp : $P)\n";
constexpr std::string_view kStoreT = "    pto.tstore ins(%t : $T) outs(%yp : $P)\n";
constexpr std::string_view kAddST = "    pto.tadds ins(%s, %one : $T, f32) outs(%t : $T)\n";
constexpr std::string_view kFillS = "    pto.texpands ins(%one : f32) outs(%s : $T)\n";
constexpr std::string_view kFillT = "    pto.texpands ins(%one : f32) outs(%t : $T)\n";
constexpr std::string_view kLoadSAgain = "    pto.tload ins(%yp : $P) outs(%s : $T)\n";
constexpr std::string_view kAgainT =
    "    %two = arith.constant 2.0 : f32\n    pto.texpands ins(%two : f32) outs(%t : $T)\n";
constexpr std::string_view kOne = "    %one = arith.constant 1.0 : f32\n";

std::string flag(std::string_view from, std::string_view to, int id = 0) {
  const std::string item =
      "[<PIPE_" + std::string(from) + ">, <PIPE_" + std::string(to) + ">, <EVENT_ID" + std::to_string(id) + ">]\n";
  return "    pto.set_flag" + item + "    pto.wait_flag" + item;
}
template <class... Parts>
std::string join(const Parts&... parts) {
  return (std::string(kOne) + ... + std::string(parts));
}

struct RaceCase {
  std::string name, broken, fixed, rule;
  std::string earlier, later;  // marks of the lines
  std::int64_t blocks = 1;
};

class Races : public ::testing::TestWithParam<RaceCase> {};

TEST_P(Races, FoundWithBothPlacesAndSilentWhenFixed) {
  const RaceCase& c = GetParam();
  const KernelRun broken = run_body(c.broken, c.blocks);
  ASSERT_EQ(rules(broken), c.rule + " ") << broken.report.reason;
  const Diagnostic& found = broken.report.diagnostics.front();
  EXPECT_EQ(broken.report.status, device::RunStatus::fault);
  EXPECT_EQ(broken.report.reason, c.rule);
  EXPECT_EQ(found.location.line, line_of(broken.text, c.later)) << found.message;
  ASSERT_TRUE(found.related);
  EXPECT_EQ(found.related->line, line_of(broken.text, c.earlier)) << found.message;
  const KernelRun fixed = run_body(c.fixed, c.blocks);
  EXPECT_EQ(rules(fixed), "") << (fixed.report.diagnostics.empty() ? "" : fixed.report.diagnostics[0].message);
  EXPECT_EQ(fixed.report.status, device::RunStatus::completed) << fixed.report.reason;
}

std::vector<RaceCase> race_cases() {
  return {
      {"read_after_load", join(kTiles, kLoadS, kAddST), join(kTiles, kLoadS, flag("MTE2", "V"), kAddST), "race-raw",
       "pto.tload", "pto.tadds"},
      {"dependent_vector_operations", join(kTiles, kFillS, kAddST),
       join(kTiles, kFillS, "    pto.barrier <PIPE_V>\n", kAddST), "race-raw", "pto.texpands", "pto.tadds"},
      {"vector_write_after_write", join(kTiles, kFillT, kAgainT),
       join(kTiles, kFillT, "    pto.barrier <PIPE_V>\n", kAgainT), "race-waw", "pto.texpands ins(%one",
       "pto.texpands ins(%two"},
      {"buffer_loaded_again", join(kTiles, kLoadS, flag("MTE2", "V"), kAddST, kLoadSAgain),
       join(kTiles, kLoadS, flag("MTE2", "V"), kAddST, flag("V", "MTE2"), kLoadSAgain), "race-war", "pto.tadds",
       "pto.tload ins(%yp"},
      {"two_pipes_write", join(kTiles, kFillS, kLoadS), join(kTiles, kFillS, flag("V", "MTE2"), kLoadS), "race-waw",
       "pto.texpands", "pto.tload"},
      {"store_before_the_result", join(kTiles, kFillT, kStoreT), join(kTiles, kFillT, flag("V", "MTE3"), kStoreT),
       "race-raw", "pto.texpands", "pto.tstore"},
      {"global_memory", join(kTiles, kFillS, flag("V", "MTE3"), kStoreS, "    pto.tload ins(%yp : $P) outs(%t : $T)\n"),
       join(kTiles, kFillS, flag("V", "MTE3"), kStoreS, flag("MTE3", "MTE2"),
            "    pto.tload ins(%yp : $P) outs(%t : $T)\n"),
       "race-raw", "pto.tstore", "pto.tload"},
      {"scalar_read_of_a_tile", join(kTiles, kFillS, "    %v = pto.tgetval ins(%s, %c0 : $T, index) outs : f32\n"),
       join(kTiles, kFillS, flag("V", "S"), "    %v = pto.tgetval ins(%s, %c0 : $T, index) outs : f32\n"), "race-raw",
       "pto.texpands", "pto.tgetval"},
      {"blocks_write_the_same_bytes", join(kTiles, kFillS, flag("V", "MTE3"), kStoreS),
       join(kTiles,
            "    %b64 = pto.get_block_idx\n    %b = arith.index_cast %b64 : i64 to index\n"
            "    %mine = pto.partition_view %yv, offsets = [%b, %c0], sizes = [%c1, %c16] : $V -> $P\n"
            "    %line = pto.alloc_tile addr = %a0 : !pto.tile_buf<vec, 1x16x$E>\n"
            "    pto.texpands ins(%one : f32) outs(%line : !pto.tile_buf<vec, 1x16x$E>)\n",
            flag("V", "MTE3"), "    pto.tstore ins(%line : !pto.tile_buf<vec, 1x16x$E>) outs(%mine : $P)\n"),
       "race-waw", "pto.tstore", "pto.tstore", 4},
  };
}

INSTANTIATE_TEST_SUITE_P(All, Races, ::testing::ValuesIn(race_cases()),
                         [](const auto& info) { return info.param.name; });

TEST(Races, ProgramOrderHasNone) {
  KernelRun run;
  run.text = kernel(join(kTiles, kLoadS, kAddST, kLoadS));
  run.tensors = {filled(128, 1), filled(128, 2)};
  run = run_kernel(std::move(run));
  EXPECT_EQ(rules(run), "");
}

// Blocks are ordered by nothing in program order either.
TEST(Races, OfBlocksInProgramOrder) {
  const auto run_blocks = [](std::string_view row, std::string_view more = "") {
    KernelRun run;
    run.text =
        kernel(join("    %b64 = pto.get_block_idx\n    %b = arith.index_cast %b64 : i64 to index\n"
                    "    %mine = pto.partition_view %yv, offsets = [",
                    row,
                    ", %c0], sizes = [%c1, %c16] : $V -> $P\n"
                    "    %line = pto.alloc_tile addr = %a0 : !pto.tile_buf<vec, 1x16x$E>\n"
                    "    pto.texpands ins(%one : f32) outs(%line : !pto.tile_buf<vec, 1x16x$E>)\n"
                    "    pto.tstore ins(%line : !pto.tile_buf<vec, 1x16x$E>) outs(%mine : $P)",
                    more, "\n"));
    run.tensors = {filled(128, 1), filled(128, 2)};
    run.blocks = 4;
    run.options.order = device::Order::program;
    run.options.schedule.kind = device::Schedule::Kind::worst;
    return run_kernel(std::move(run));
  };
  const KernelRun same = run_blocks("%c0");
  ASSERT_EQ(rules(same), "race-waw ");
  const Diagnostic& found = same.report.diagnostics[0];
  const int line = line_of(same.text, "pto.tstore");
  EXPECT_EQ(found.location.line, line);
  ASSERT_TRUE(found.related);
  EXPECT_EQ(found.related->line, line);
  EXPECT_NE(found.message.find("bytes 0x0 to 0x40"), std::string::npos) << found.message;
  EXPECT_EQ(found.message.find("PIPE"), std::string::npos) << found.message;
  EXPECT_EQ(rules(run_blocks("%b")), "");
  EXPECT_EQ(rules(run_blocks("%c0", " {atomicType = #pto<atomic_type atomic_add>}")), "");
  // One reads what another one writes.
  const KernelRun reads = run_blocks("%b", "\n    %first = pto.load_scalar %y[%c0] : !pto.ptr<f32> -> f32");
  ASSERT_EQ(reads.report.diagnostics.size(), 1U) << rules(reads);
  EXPECT_TRUE(rules(reads) == "race-raw " || rules(reads) == "race-war ") << rules(reads);
}

// One missing edge is one finding, though both the read and the write of an operation in place lack it.
TEST(Races, AnOperationInPlaceRacesOnce) {
  EXPECT_EQ(rules(run_body(join(kTiles, kLoadS, "    pto.tadds ins(%s, %one : $T, f32) outs(%s : $T)\n"))),
            "race-raw ");
  EXPECT_EQ(rules(run_body(join(kTiles, kFillS, "    pto.barrier <PIPE_V>\n",
                                "    pto.tadds ins(%s, %one : $T, f32) outs(%s : $T)\n", kLoadS))),
            "race-waw ");
}

// Whatever runs first, the race is the first finding and named as the program has it; bytes that nobody writes stay
// undefined bytes.
TEST(Races, StandBeforeTheUndefinedBytesTheyLeadTo) {
  using Kind = device::Schedule::Kind;
  for (const device::Schedule schedule : {device::Schedule{Kind::canonical, 0}, device::Schedule{Kind::worst, 0},
                                          device::Schedule{Kind::seeded, 1}, device::Schedule{Kind::seeded, 2}}) {
    for (const bool loads : {true, false}) {
      KernelRun run;
      run.text = kernel(join(kTiles, loads ? kLoadS : std::string_view{}, kAddST));
      run.tensors = {filled(128, 1), filled(128, 2)};
      run.options.order = device::Order::explicit_sync;
      run.options.schedule = schedule;
      run = run_kernel(std::move(run));
      EXPECT_EQ(first_rule(run), loads ? "race-raw" : "undefined-bytes") << static_cast<int>(schedule.kind);
      EXPECT_EQ(run.report.reason, first_rule(run));
      if (!loads) continue;
      EXPECT_EQ(run.report.diagnostics[0].location.line, line_of(run.text, "pto.tadds"));
      EXPECT_EQ(run.report.diagnostics[0].related->line, line_of(run.text, "pto.tload"));
    }
  }
}

// tmov takes the bytes behind the valid columns along, up to the block's end.
TEST(Races, BlockTailsOfAMove) {
  const std::string narrow = "!pto.tile_buf<vec, 8x16x$E, valid=8x4>";
  const auto body = [&](const char* column, const std::string& order) {
    return join("    %s = pto.alloc_tile addr = %a0 : $T\n    %n = pto.alloc_tile addr = %a0 : " + narrow +
                    "\n    %m = pto.alloc_tile addr = %a1 : " + narrow + "\n    %at = arith.constant " + column +
                    " : index\n",
                kFillS, flag("V", "S"),
                "    pto.barrier <PIPE_V>\n    pto.tmov ins(%n : " + narrow + ") outs(%m : " + narrow + ")\n" + order +
                    "    pto.tsetval ins(%at, %one : index, f32) outs(%s : $T)\n");
  };
  EXPECT_EQ(rules(run_body(body("5", ""))), "race-war ");
  EXPECT_EQ(rules(run_body(body("5", flag("V", "S", 1)))), "");
  EXPECT_EQ(rules(run_body(body("9", ""))), "") << "the next block";
}

// tquant uses its source as a buffer: a store of the source beside it races.
TEST(Races, StorageThatAnOperationOverwrites) {
  const auto body = [&](const std::string& order) {
    return join(kTiles, "    %q = pto.alloc_tile addr = %a3 : !pto.tile_buf<vec, 8x32xi8, valid=8x16>\n",
                "    %k = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, 8x1x$E, blayout=col_major>\n", kFillS,
                "    pto.texpands ins(%one : f32) outs(%k : !pto.tile_buf<vec, 8x1x$E, blayout=col_major>)\n",
                flag("V", "MTE3"), "    pto.barrier <PIPE_V>\n", kStoreS, order,
                "    pto.tquant ins(%s, %k : $T, !pto.tile_buf<vec, 8x1x$E, blayout=col_major>) outs(%q : "
                "!pto.tile_buf<vec, 8x32xi8, valid=8x16>) {quant_type = #pto<quant_type INT8_SYM>}\n");
  };
  EXPECT_EQ(rules(run_body(body(""))), "race-war ");
  EXPECT_EQ(rules(run_body(body(flag("MTE3", "V", 1)))), "");
}

TEST(Races, BytesAreExact) {
  const auto body = [](int rows) {
    return join(kTiles, kFillS, "    %w = pto.subview %s[%c2, %c0] sizes [2, 16] : $T -> !pto.tile_buf<vec, 2x16x$E>\n",
                "    %p = pto.partition_view %xv, offsets = [%c0, %c0], sizes = [%c2, %c16] : $V -> $P\n",
                flag("V", "MTE2"), "    pto.tload ins(%p : $P) outs(%w : !pto.tile_buf<vec, 2x16x$E>)\n",
                "    %r = pto.subview %s[", rows == 0 ? "%c0" : "%c2", ", %c0] sizes [2, 16] : $T -> ",
                "!pto.tile_buf<vec, 2x16x$E>\n    %o = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, 2x16x$E>\n",
                "    pto.barrier <PIPE_V>\n    pto.tadds ins(%r, %one : !pto.tile_buf<vec, 2x16x$E>, f32) outs(%o : ",
                "!pto.tile_buf<vec, 2x16x$E>)\n");
  };
  EXPECT_EQ(rules(run_body(body(0))), "");
  const KernelRun same = run_body(body(2));
  ASSERT_EQ(rules(same), "race-raw ");
  EXPECT_NE(same.report.diagnostics[0].message.find("bytes 0x80 to 0x100 of space vec"), std::string::npos)
      << same.report.diagnostics[0].message;
}

TEST(StaleLines, DmaBehindTheCachesBack) {
  // %y's word is loaded, replaced by DMA, and loaded again.
  const auto text = [](std::string_view between) {
    return kernel(join(kTiles, kFillS, "    %v = pto.load_scalar %y[%c0] : !pto.ptr<f32> -> f32\n",
                       "    pto.barrier <PIPE_ALL>\n", kStoreS, "    pto.barrier <PIPE_ALL>\n", between,
                       "    %w = pto.load_scalar %y[%c0] : !pto.ptr<f32> -> f32\n"));
  };
  for (const bool fixed : {false, true}) {
    KernelRun run;
    run.text = text(fixed ? "    pto.cmo.cacheinvalid %y single_cache_line : !pto.ptr<f32>\n" : "");
    run.tensors = {filled(128, 1), filled(128, 2)};
    run = run_kernel(std::move(run));
    EXPECT_EQ(rules(run), fixed ? "" : "stale-line ");
    if (fixed) continue;
    EXPECT_EQ(run.report.diagnostics[0].location.line, line_of(run.text, "%w = "));
    EXPECT_EQ(run.report.diagnostics[0].related->line, line_of(run.text, "pto.tstore"));
  }
}

// ---- between cores

// Two launches that nothing orders: one stores %m, which nobody has written, and the other one loads it. Whoever runs
// first, the load should have waited for the store.
TEST(Races, NameTheWriterOnAnotherCoreThatUndefinedBytesMissed) {
  const std::string copy = R"(
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c16 = arith.constant 16 : index
    %a0 = arith.constant 0 : i64
    %fv = pto.make_tensor_view %from, shape = [%c1, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xf32>
    %tv = pto.make_tensor_view %to, shape = [%c1, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xf32>
    %fp = pto.partition_view %fv, offsets = [%c0, %c0], sizes = [%c1, %c16] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<1x16xf32>
    %tp = pto.partition_view %tv, offsets = [%c0, %c0], sizes = [%c1, %c16] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<1x16xf32>
    %t = pto.alloc_tile addr = %a0 : !pto.tile_buf<vec, 1x16xf32>
    pto.tload ins(%fp : !pto.partition_tensor_view<1x16xf32>) outs(%t : !pto.tile_buf<vec, 1x16xf32>)
    pto.barrier <PIPE_ALL>
    pto.tstore ins(%t : !pto.tile_buf<vec, 1x16xf32>) outs(%tp : !pto.partition_tensor_view<1x16xf32>)
    return
  }
)";
  const std::string head =
      "(%from: !pto.ptr<f32>, %to: !pto.ptr<f32>) attributes {pto.kernel_kind = "
      "#pto.kernel_kind<vector>} {";
  GraphRun graph;
  graph.text = "module attributes {pto.target_arch = \"a2a3\"} {\n  func.func @writer" + head + copy +
               "  func.func @reader" + head + copy + "}\n";
  for (const bool reader_first : {true, false})
    for (const device::Schedule& schedule : all_schedules()) {
      GraphRun run = graph;
      run.tensors = {filled(16, 1), filled(16, 2), filled(16, 3)};
      run.placements = {{0, false, false}, {0, false, true}, {0, false, true}};
      run.nodes = {{"writer", {pointer(0), pointer(1)}, 0, 1, {}}, {"reader", {pointer(1), pointer(2)}, 0, 1, {}}};
      if (reader_first) std::swap(run.nodes[0], run.nodes[1]);
      run.options.schedule = schedule;
      run = run_graph(std::move(run));
      ASSERT_FALSE(run.report.diagnostics.empty());
      const Diagnostic& found = run.report.diagnostics[0];
      EXPECT_EQ(found.rule, "race-raw") << shown(run.report);
      EXPECT_EQ(run.report.reason, "race-raw");
      EXPECT_EQ(found.function, "reader") << shown(run.report);
      ASSERT_TRUE(found.related);
      EXPECT_EQ(found.related_function, "writer") << shown(run.report);
      EXPECT_EQ(found.related->line, line_of(run.text, "pto.tstore"));
    }
  GraphRun alone = graph;
  alone.tensors = {filled(16, 1), filled(16, 2)};
  alone.placements = {{0, false, true}, {0, false, true}};
  alone.nodes = {{"reader", {pointer(0), pointer(1)}, 0, 1, {}}};
  EXPECT_EQ(sim::testing::rules(run_graph(std::move(alone)).report), std::vector<std::string>{"undefined-bytes"});
}

}  // namespace
}  // namespace assay::sim::testing
