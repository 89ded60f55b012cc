// Races, stale lines of scalar caches and undefined global memory: each rule found in a broken kernel, with both
// places, and silent in the repaired one.
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/sim/kernel_test.h"

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

// ---- graphs of launches over i32 tensors

struct GraphRun {
  std::string text;
  std::vector<Tensor> tensors;
  std::vector<device::Placement> placements;
  struct Launched {
    std::string function;
    std::vector<std::size_t> tensors;
    std::vector<std::size_t> after;
    std::int64_t rank = 0;
  };
  std::vector<Launched> launches;
  device::RunOptions options;
  device::RunReport report;
};

GraphRun run_graph(GraphRun run) {
  const Result<pto::Module> module = pto::parse(run.text, "graph.pto");
  EXPECT_TRUE(module) << to_string(module.error());
  if (!module) return run;
  const Profile profile = load_profile("a2a3").value();
  run.options.profile = &profile;
  run.options.instruction_budget = 100'000;
  std::vector<Tensor*> tensors;
  for (Tensor& tensor : run.tensors) tensors.push_back(&tensor);
  std::vector<device::Task> tasks;
  for (const GraphRun::Launched& launched : run.launches) {
    device::Task task;
    task.launch.module = &*module;
    for (const pto::Function& function : module->functions)
      if (function.name == launched.function) task.launch.function = &function;
    task.launch.tensors = tensors;
    task.launch.placements = run.placements;
    task.launch.rank = launched.rank;
    for (std::size_t tensor : launched.tensors) {
      const std::int64_t front = tensor < run.placements.size() ? run.placements[tensor].front : 0;
      task.launch.arguments.emplace_back(device::PointerArgument{tensor, front / 4});
    }
    task.after = launched.after;
    tasks.push_back(std::move(task));
  }
  run.report = make_sim()->run_graph(tasks, run.options);
  return run;
}

std::string rules(const GraphRun& run) {
  std::string text;
  for (const Diagnostic& found : run.report.diagnostics) text += found.rule + " ";
  return text;
}
std::string explain(const GraphRun& run) {
  std::string text = run.report.reason;
  for (const Diagnostic& found : run.report.diagnostics) text += "\n" + device::to_string(found, "graph.pto");
  return text;
}

std::int32_t word(const Tensor& tensor, std::size_t at) { return tensor.as<std::int32_t>()[at]; }
Tensor words(std::int32_t value, std::size_t count = 64) {
  return tensor_of(DType::i32, std::vector<std::int32_t>(count, value));
}

// @writer stores 7 to the first word of %x; @reader copies it to the first word of %y; @copier does so by DMA.
std::string writer_and_readers(std::string_view after_store, std::string_view before_load = "") {
  return R"(module attributes {pto.target_arch = "a2a3"} {
  func.func @writer(%x: !pto.ptr<i32>) {
    %c0 = arith.constant 0 : index
    %v = arith.constant 7 : i32
    pto.store_scalar %v, %x[%c0] : !pto.ptr<i32>, i32
)" + std::string(after_store) +
         R"(    pto.barrier <PIPE_ALL>
    return
  }
  func.func @reader(%x: !pto.ptr<i32>, %y: !pto.ptr<i32>) {
    %c0 = arith.constant 0 : index
)" + std::string(before_load) +
         R"(    %v = pto.load_scalar %x[%c0] : !pto.ptr<i32> -> i32
    pto.store_scalar %v, %y[%c0] : !pto.ptr<i32>, i32
    pto.cmo.cacheinvalid %y single_cache_line : !pto.ptr<i32>
    pto.fence.barrier_all
    pto.barrier <PIPE_ALL>
    return
  }
  func.func @copier(%x: !pto.ptr<i32>, %y: !pto.ptr<i32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c16 = arith.constant 16 : index
    %a0 = arith.constant 0 : i64
    %xv = pto.make_tensor_view %x, shape = [%c1, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xi32>
    %yv = pto.make_tensor_view %y, shape = [%c1, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xi32>
    %xp = pto.partition_view %xv, offsets = [%c0, %c0], sizes = [%c1, %c16] : !pto.tensor_view<?x?xi32> -> !pto.partition_tensor_view<1x16xi32>
    %yp = pto.partition_view %yv, offsets = [%c0, %c0], sizes = [%c1, %c16] : !pto.tensor_view<?x?xi32> -> !pto.partition_tensor_view<1x16xi32>
    %t = pto.alloc_tile addr = %a0 : !pto.tile_buf<vec, 1x16xi32>
    pto.tload ins(%xp : !pto.partition_tensor_view<1x16xi32>) outs(%t : !pto.tile_buf<vec, 1x16xi32>)
    pto.set_flag[<PIPE_MTE2>, <PIPE_MTE3>, <EVENT_ID0>]
    pto.wait_flag[<PIPE_MTE2>, <PIPE_MTE3>, <EVENT_ID0>]
    pto.tstore ins(%t : !pto.tile_buf<vec, 1x16xi32>) outs(%yp : !pto.partition_tensor_view<1x16xi32>)
    return
  }
}
)";
}
constexpr std::string_view kFlush =
    "    pto.cmo.cacheinvalid %x single_cache_line : !pto.ptr<i32>\n    pto.fence.barrier_all\n";
constexpr std::string_view kFlushOnly = "    pto.cmo.cacheinvalid %x single_cache_line : !pto.ptr<i32>\n";

GraphRun chain(std::string text, std::string second) {
  GraphRun run;
  run.text = std::move(text);
  run.tensors = {words(-1), words(-2)};
  run.launches = {{"writer", {0}, {}}, {std::move(second), {0, 1}, {0}}};
  return run_graph(std::move(run));
}

class StaleLines : public ::testing::TestWithParam<const char*> {};

// Seed bug B02.
TEST_P(StaleLines, AStoreThatStaysInItsCache) {
  for (std::string_view flush : {std::string_view{}, std::string_view("    pto.fence.barrier_all\n")}) {
    const GraphRun run = chain(writer_and_readers(flush), GetParam());
    ASSERT_EQ(rules(run), "stale-line ") << explain(run);
    const Diagnostic& found = run.report.diagnostics[0];
    const bool by_scalar = std::string_view(GetParam()) == "reader";
    EXPECT_EQ(found.location.line, line_of(run.text, by_scalar ? "pto.load_scalar" : "pto.tload"));
    ASSERT_TRUE(found.related);
    EXPECT_EQ(found.related->line, line_of(run.text, "pto.store_scalar"));
    EXPECT_EQ(found.related_function, "writer");
    EXPECT_EQ(word(run.tensors[1], 0), -1) << "the stale value";
    EXPECT_EQ(word(run.tensors[0], 0), -1) << "what is never flushed never reaches memory";
  }
}

TEST_P(StaleLines, AFlushWithoutItsFence) {
  const GraphRun run = chain(writer_and_readers(kFlushOnly), GetParam());
  ASSERT_EQ(rules(run), "stale-line ") << explain(run);
  EXPECT_EQ(word(run.tensors[1], 0), -1);
  EXPECT_EQ(word(run.tensors[0], 0), 7) << "under way when the run ended";
}

TEST_P(StaleLines, FlushedAndFencedItIsSeen) {
  const GraphRun run = chain(writer_and_readers(kFlush), GetParam());
  EXPECT_EQ(rules(run), "") << explain(run);
  EXPECT_EQ(word(run.tensors[1], 0), 7);
}

INSTANTIATE_TEST_SUITE_P(All, StaleLines, ::testing::Values("reader", "copier"));

TEST(StaleLines, AStoreNobodyReadsIsReportedAtTheEnd) {
  GraphRun run;
  run.text = writer_and_readers("");
  run.tensors = {words(-1)};
  run.launches = {{"writer", {0}, {}}};
  run = run_graph(std::move(run));
  ASSERT_EQ(rules(run), "stale-line ") << explain(run);
  EXPECT_EQ(run.report.diagnostics[0].location.line, line_of(run.text, "pto.store_scalar"));
}

// A core that loaded a word before another one replaced it keeps the old one until it invalidates the line.
TEST(StaleLines, ALineFilledBeforeTheStore) {
  for (const bool invalidates : {false, true}) {
    GraphRun run;
    run.text = writer_and_readers(kFlush, invalidates ? kFlush : std::string_view{});
    const std::string_view head = "func.func @writer(%x: !pto.ptr<i32>)";
    run.text.insert(run.text.find(head) + head.size(), " attributes {pto.kernel_kind = #pto.kernel_kind<cube>}");
    run.tensors = {words(-1), words(-2)};
    run.launches = {{"reader", {0, 1}, {}}, {"writer", {0}, {0}}, {"reader", {0, 1}, {1}}};
    run = run_graph(std::move(run));
    ASSERT_EQ(rules(run), invalidates ? "" : "stale-line ") << explain(run);
    EXPECT_EQ(word(run.tensors[1], 0), invalidates ? 7 : -1);
    if (invalidates) continue;
    EXPECT_EQ(run.report.diagnostics[0].location.line, line_of(run.text, "pto.load_scalar"));
    EXPECT_EQ(run.report.diagnostics[0].related->line, line_of(run.text, "pto.store_scalar %v, %x"));
  }
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

// ---- a flag made by hand: two launches that nothing orders

std::string handshake(std::string_view before_data_flag, std::string_view reader_invalidates) {
  return R"(module attributes {pto.target_arch = "a2a3"} {
  func.func @producer(%d: !pto.ptr<i32>, %f: !pto.ptr<i32>) {
    %c0 = arith.constant 0 : index
    %v = arith.constant 7 : i32
    %one = arith.constant 1 : i32
    pto.store_scalar %v, %d[%c0] : !pto.ptr<i32>, i32
)" + std::string(before_data_flag) +
         R"(    pto.store_scalar %one, %f[%c0] : !pto.ptr<i32>, i32
    pto.cmo.cacheinvalid %f single_cache_line : !pto.ptr<i32>
    pto.fence.barrier_all
    pto.barrier <PIPE_ALL>
    return
  }
  func.func @consumer(%d: !pto.ptr<i32>, %f: !pto.ptr<i32>, %y: !pto.ptr<i32>) {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0 : i32
    %seen = scf.while (%before = %zero) : (i32) -> (i32) {
)" + std::string(reader_invalidates) +
         R"(      %now = pto.load_scalar %f[%c0] : !pto.ptr<i32> -> i32
      %waits = arith.cmpi eq, %now, %zero : i32
      scf.condition(%waits) %now : i32
    } do {
    ^bb0(%again: i32):
      scf.yield %again : i32
    }
    %v = pto.load_scalar %d[%c0] : !pto.ptr<i32> -> i32
    pto.store_scalar %v, %y[%c0] : !pto.ptr<i32>, i32
    pto.cmo.cacheinvalid all
    pto.fence.barrier_all
    pto.barrier <PIPE_ALL>
    return
  }
}
)";
}

GraphRun run_handshake(std::string text, bool consumer_first, device::Schedule::Kind schedule) {
  GraphRun run;
  run.text = std::move(text);
  run.tensors = {words(0), words(0), words(-1)};
  run.launches = {{"producer", {0, 1}, {}}, {"consumer", {0, 1, 2}, {}}};
  if (consumer_first) std::swap(run.launches[0], run.launches[1]);
  run.options.schedule.kind = schedule;
  return run_graph(std::move(run));
}

TEST(HandMadeFlag, OrdersWhatWasFencedBeforeIt) {
  const std::string flush =
      "    pto.cmo.cacheinvalid %d single_cache_line : !pto.ptr<i32>\n    pto.fence.barrier_all\n";
  const std::string poll = "      pto.cmo.cacheinvalid %f single_cache_line : !pto.ptr<i32>\n";
  using Kind = device::Schedule::Kind;
  for (const bool consumer_first : {false, true}) {
    for (const Kind schedule : {Kind::canonical, Kind::seeded}) {
      const GraphRun good = run_handshake(handshake(flush, poll), consumer_first, schedule);
      EXPECT_EQ(rules(good), "") << explain(good);
      EXPECT_EQ(word(good.tensors[2], 0), 7);
      const GraphRun unflushed = run_handshake(handshake("", poll), consumer_first, schedule);
      EXPECT_EQ(rules(unflushed), "stale-line ") << explain(unflushed);
    }
  }
}

TEST(HandMadeFlag, PollingWithoutInvalidatingNeverSeesIt) {
  const std::string flush =
      "    pto.cmo.cacheinvalid %d single_cache_line : !pto.ptr<i32>\n    pto.fence.barrier_all\n";
  const GraphRun run = run_handshake(handshake(flush, ""), true, device::Schedule::Kind::canonical);
  EXPECT_EQ(run.report.status, device::RunStatus::budget) << explain(run);
  EXPECT_NE(rules(run).find("stale-line"), std::string::npos) << explain(run);
}

// ---- definedness and ownership of global memory

TEST(GlobalDefinedness, ReadBeforeWritten) {
  GraphRun run;
  run.text = writer_and_readers(kFlush);
  run.tensors = {words(-1), words(-2)};
  run.placements = {{0, false, true}, {0, false, false}};
  run.launches = {{"reader", {0, 1}, {}}};
  const GraphRun scalar = run_graph(run);
  EXPECT_EQ(rules(scalar), "undefined-bytes ") << explain(scalar);
  run.launches = {{"copier", {0, 1}, {}}};
  const GraphRun dma = run_graph(run);
  EXPECT_EQ(rules(dma), "undefined-bytes ") << explain(dma);
  EXPECT_EQ(dma.report.diagnostics[0].location.line, line_of(dma.text, "pto.tload"));
}

TEST(GlobalDefinedness, OutputsThatAreNotWritten) {
  GraphRun run;
  run.text = writer_and_readers(kFlush);
  run.tensors = {words(-1, 16), words(-2, 16)};
  run.placements = {{0, false, false}, {0, false, true}};
  run.launches = {{"reader", {0, 1}, {}}};
  const GraphRun partly = run_graph(run);
  ASSERT_EQ(rules(partly), "unwritten-output ") << explain(partly);
  EXPECT_NE(partly.report.diagnostics[0].message.find("60 of the 64 bytes"), std::string::npos) << explain(partly);
  EXPECT_NE(partly.report.diagnostics[0].message.find("the first at byte 4"), std::string::npos) << explain(partly);
  run.launches = {{"copier", {0, 1}, {}}};
  const GraphRun all = run_graph(run);
  EXPECT_EQ(rules(all), "") << explain(all);
}

// ---- guards: 64 bytes in front of %x's words and behind them

GraphRun guarded(std::string text, std::vector<GraphRun::Launched> launches, std::size_t count) {
  GraphRun run;
  run.text = std::move(text);
  run.tensors = {words(-1, 32 + count), words(-2)};
  run.placements = {{.rank = 0, .window = false, .undefined = false, .front = 64, .back = 64}, {}};
  run.launches = std::move(launches);
  return run_graph(std::move(run));
}

TEST(Guards, AreNoPartOfTheTensor) {
  const std::string text = writer_and_readers(kFlush);
  const GraphRun fits = guarded(text, {{"copier", {0, 1}, {}}}, 16);
  EXPECT_EQ(rules(fits), "") << explain(fits);
  const GraphRun behind = guarded(text, {{"copier", {0, 1}, {}}}, 15);
  ASSERT_EQ(rules(behind), "bounds ") << explain(behind);
  const auto says = [](const GraphRun& run, std::string_view words) {
    return run.report.diagnostics[0].message.find(words) != std::string::npos;
  };
  EXPECT_TRUE(says(behind, "elements 0 to 15 of %x's tensor, where memory runs from 0 to 15 (i32)")) << explain(behind);
  std::string before = text;
  for (const std::string_view access : {"%x[%c0] : !pto.ptr<i32>, i32", "%x[%c0] : !pto.ptr<i32> -> i32"})
    before.replace(before.find(access), 7, "%x[%n]");
  for (std::size_t at = 0; (at = before.find("    %c0 = arith.constant 0 : index\n", at)) != std::string::npos;
       at += 64)
    before.insert(at, "    %n = arith.constant -1 : index\n");
  for (const GraphRun::Launched& launched : {GraphRun::Launched{"writer", {0}, {}}, {"reader", {0, 1}, {}}}) {
    const GraphRun run = guarded(before, {launched}, 16);
    ASSERT_EQ(rules(run), "bounds ") << explain(run);
    EXPECT_TRUE(says(run, "element 0 + -1 of %x's tensor, where memory runs from 0 to 16 (i32)")) << explain(run);
  }
}

TEST(Guards, FindingsCountFromTheFirstByteBehindThem) {
  const GraphRun run = guarded(writer_and_readers(""), {{"writer", {0}, {}}, {"copier", {0, 1}, {0}}}, 16);
  ASSERT_EQ(rules(run), "stale-line ") << explain(run);
  EXPECT_NE(run.report.diagnostics[0].message.find("bytes 0x0 to 0x40 of %x's tensor"), std::string::npos)
      << explain(run);
}

TEST(ForeignMemory, OnlyWindowsOfOtherRanks) {
  for (const bool window : {false, true}) {
    for (const char* function : {"reader", "copier"}) {
      GraphRun run;
      run.text = writer_and_readers(kFlush);
      run.tensors = {words(-1), words(-2)};
      run.placements = {{0, false, false}, {1, window, false}};
      run.launches = {{function, {0, 1}, {}}};
      run = run_graph(std::move(run));
      EXPECT_EQ(rules(run), window ? "" : "foreign-memory ") << explain(run);
    }
  }
}

}  // namespace
}  // namespace assay::sim::testing
