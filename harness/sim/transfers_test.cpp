// Put, get and the staging tiles they pass through; collectives' roots; tests of signals.
#include <gtest/gtest.h>

#include "harness/sim/ranks_test.h"

namespace assay::sim::testing {
namespace {

TEST(Transfers, MemoryThatIsNoWindowIsOutOfReach) {
  GraphRun run = make_run(2, kernel_of_ranks(2, put("%op1", "%xp")));
  run.placements[4].window = false;  // rank 1's result
  run.nodes.resize(1);
  run = run_graph(std::move(run));
  EXPECT_EQ(rules(run.report), std::vector<std::string>{"foreign-memory"}) << shown(run.report);
}

TEST(Transfers, OnlyTheRootDrivesACollective) {
  const std::string body = fmt::format(
      "    pto.comm.tbroadcast(%xp, recv(%stage), group(%of0, %of1) : {0}, {1}, {0}, {0}) {{root = 0 : "
      "i32}}\n",
      kPart, kTile);
  const GraphRun run = run_ranks(2, body, {});
  EXPECT_EQ(rules(run.report), std::vector<std::string>{"collective-root"}) << shown(run.report);
}

TEST(Transfers, LargeTransfersPassThroughSmallTilesAndAtomicsAdd) {
  for (const char* stages : {"%small", "%small, %other"})
    for (const char* atomic : {"atomic_none", "atomic_add"}) {
      const bool two = std::string_view(stages).size() > 6;
      const std::string small = "!pto.tile_buf<vec, 1x8xf32, valid=1x5>";
      const std::string body = fmt::format(
          "    %small = pto.alloc_tile addr = %a0 : {0}\n    %other = pto.alloc_tile addr = %a1 : {0}\n"
          "    pto.comm.tput(%op1, %xp, buf({1}) : {2}, {2}, {0}{3}) {{atomicType = #pto<atomic_type {4}>}}\n",
          small, stages, kPart, two ? ", " + small : "", atomic);
      for (const device::Schedule& schedule : all_schedules()) {
        GraphRun run = make_run(2, kernel_of_ranks(2, body));
        run.nodes.resize(1);
        run.options.schedule = schedule;
        run = run_graph(std::move(run));
        EXPECT_EQ(run.report.status, device::RunStatus::completed) << shown(run.report);
        const float before = std::string_view(atomic) == "atomic_add" ? -1.0F : 0.0F;
        for (std::int64_t i = 0; i < kWidth; ++i)
          EXPECT_EQ(values(run.tensors[4])[static_cast<std::size_t>(i)], before + share(0, i)) << i;
      }
    }
}

TEST(Transfers, TestPollsUntilTheSignalIsThere) {
  const std::string poll = fmt::format(R"(    scf.while () : () -> () {{
      %done = pto.comm.ttest(%mine, %one : {}, i32) {{cmp = #pto<wait_cmp ge>}} -> i1
      %true = arith.constant true
      %again = arith.xori %done, %true : i1
      scf.condition(%again)
    }} do {{
      scf.yield
    }}
)",
                                       kSignal);
  for (const device::Schedule& schedule : all_schedules()) {
    const GraphRun run = run_ranks(2, notify("%sp0") + notify("%sp1") + poll, schedule);
    EXPECT_EQ(run.report.status, device::RunStatus::completed) << shown(run.report);
  }
}

// tget on its own: MTE2 goes on after its last store, the scalar stream does not.
TEST(Transfers, GetBringsAnothersElements) {
  const std::string get = fmt::format("    pto.comm.tget(%of0, %xp, buf(%stage) : {0}, {0}, {1})\n", kPart, kTile);
  const auto body = [&](const std::string& order) {
    return only_root(get + order + "    %first = pto.load_scalar %own_o[%c0] : !pto.ptr<f32> -> f32\n" +
                     fmt::format("    pto.tload ins(%of0 : {}) outs(%tile : {})\n", kPart, kTile) + kDrain +
                     fmt::format("    pto.tstore ins(%tile : {}) outs(%of1 : {})\n", kTile, kPart));
  };
  for (const device::Schedule& schedule : all_schedules()) {
    const GraphRun good = run_ranks(2, body(kDrain), schedule);
    EXPECT_EQ(good.report.status, device::RunStatus::completed) << shown(good.report);
    for (std::int64_t i = 0; i < kWidth; ++i)
      EXPECT_EQ(values(good.tensors[4])[static_cast<std::size_t>(i)], share(0, i)) << i;
    const GraphRun racing = run_ranks(2, body(""), schedule);
    ASSERT_EQ(rules(racing.report), std::vector<std::string>{"race-raw"}) << shown(racing.report);
    EXPECT_EQ(racing.report.diagnostics[0].location.line, line_of(racing.text, "pto.load_scalar"));
    EXPECT_EQ(racing.report.diagnostics[0].related->line, line_of(racing.text, "pto.comm.tget"));
  }
}

// From the other rank's memory, of every length through a small tile.
TEST(Transfers, GetFromAnotherRankThroughASmallTile) {
  const std::string small = "!pto.tile_buf<vec, 1x8xf32, valid=1x3>";
  const std::string body = fmt::format(
      "    %small = pto.alloc_tile addr = %a0 : {0}\n"
      "    pto.comm.tget(%mine_row, %of1, buf(%small) : {1}, {1}, {0})\n",
      small, kPart);
  const std::string row = fmt::format(
      "    %mine_row = pto.partition_view %ownv, offsets = [%c0, %c0], sizes = [%c1, %w] : {} -> {}\n", kView, kPart);
  for (const device::Schedule& schedule : all_schedules()) {
    GraphRun run = make_run(2, kernel_of_ranks(2, row + body));
    run.nodes.resize(1);
    for (std::int64_t i = 0; i < kWidth; ++i) run.tensors[4].as<float>()[static_cast<std::size_t>(i)] = share(5, i);
    run.options.schedule = schedule;
    run = run_graph(std::move(run));
    EXPECT_EQ(run.report.status, device::RunStatus::completed) << shown(run.report);
    for (std::int64_t i = 0; i < kWidth; ++i)
      EXPECT_EQ(values(run.tensors[1])[static_cast<std::size_t>(i)], share(5, i)) << i;
  }
}

}  // namespace
}  // namespace assay::sim::testing
