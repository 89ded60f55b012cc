// Ranks with memory of their own: gather, broadcast, reduce, a ring and barriers made of put, notify and wait; each
// with its broken twin.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "harness/sim/ranks_test.h"

namespace assay::sim::testing {
namespace {

// ---- what ranks do with one another

// Everybody puts its share into everybody's result, says so, and waits for all the others'; then doubles what it got.
std::string all_gather(std::int64_t ranks, const std::string& drain = kDrain) {
  return repeat(ranks, [&](std::int64_t k) { return put(fmt::format("%op{}", k), "%xp"); }) + drain +
         repeat(ranks, [&](std::int64_t k) { return notify(fmt::format("%sp{}", k)); }) + wait("%mine");
}
// And reads what it has received: each row once more into the result's place.
std::string read_back(std::int64_t ranks) {
  return repeat(ranks, [&](std::int64_t k) {
    return fmt::format(R"(    %r{0} = arith.constant {0} : index
    %back{0} = pto.partition_view %ownv, offsets = [%r{0}, %c0], sizes = [%c1, %w] : {1} -> {2}
    pto.tload ins(%back{0} : {2}) outs(%tile : {3})
    pto.barrier <PIPE_ALL>
    pto.tstore ins(%tile : {3}) outs(%back{0} : {2})
    pto.barrier <PIPE_ALL>
)",
                       k, kView, kPart, kTile);
  });
}

class RankCounts : public ::testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(All, RankCounts, ::testing::Values(2, 4, 8));

void expect_completed(const GraphRun& run, const std::function<std::vector<float>(std::int64_t)>& expected,
                      std::int64_t ranks) {
  EXPECT_EQ(run.report.status, device::RunStatus::completed) << shown(run.report);
  for (std::int64_t rank = 0; rank < ranks; ++rank)
    EXPECT_EQ(values(run.tensors[static_cast<std::size_t>(3 * rank + 1)]), expected(rank)) << "rank " << rank;
}

TEST_P(RankCounts, AllGather) {
  const std::int64_t ranks = GetParam();
  for (const device::Schedule& schedule : all_schedules())
    expect_completed(
        run_ranks(ranks, all_gather(ranks) + read_back(ranks), schedule), [&](std::int64_t) { return gathered(ranks); },
        ranks);
}

TEST_P(RankCounts, BroadcastFromTheRoot) {
  const std::int64_t ranks = GetParam();
  std::string group, types;
  for (std::int64_t k = 0; k < ranks; ++k) {
    group += fmt::format("{}%of{}", k ? ", " : "", k);
    types += ", " + kPart;
  }
  const std::string body =
      only_root(fmt::format("    pto.comm.tbroadcast(%xp, recv(%stage), group({}) : {}, {}{}) {{root = 0 : i32}}\n",
                            group, kPart, kTile, types) +
                kDrain + repeat(ranks, [](std::int64_t k) { return notify(fmt::format("%sp{}", k)); })) +
      wait("%word");
  for (const device::Schedule& schedule : all_schedules())
    expect_completed(
        run_ranks(ranks, body, schedule),
        [&](std::int64_t) {
          std::vector<float> expected(static_cast<std::size_t>(ranks * kWidth), -1.0F);
          for (std::int64_t i = 0; i < kWidth; ++i) expected[static_cast<std::size_t>(i)] = share(0, i);
          return expected;
        },
        ranks);
}

TEST_P(RankCounts, ReduceAtTheRoot) {
  const std::int64_t ranks = GetParam();
  std::string group, types;
  for (std::int64_t k = 0; k < ranks; ++k) {
    group += fmt::format("{}%of{}", k ? ", " : "", k);
    types += ", " + kPart;
  }
  const std::pair<const char*, std::function<float(std::int64_t)>> operators[] = {
      {"sum",
       [&](std::int64_t i) {
         float sum = 0;
         for (std::int64_t r = 0; r < ranks; ++r) sum += share(r, i);
         return sum;
       }},
      {"max", [&](std::int64_t i) { return share(ranks - 1, i); }},
      {"min", [&](std::int64_t i) { return share(0, i); }}};
  for (const auto& [name, expected] : operators) {
    // Everybody puts its share into the first row of its own window; the root's result goes to its second row.
    const std::string body =
        put("%mineo", "%xp") + kDrain + notify("%sp0") +
        only_root(
            wait("%mine") +
            fmt::format("    pto.comm.treduce(%second, %acc, recv(%stage), group({}) : {}, {}, {}{}) {{reduceOp = "
                        "#pto<reduce_op {}>, root = 0 : i32}}\n",
                        group, kPart, kTile, kTile, types, name));
    const std::string prelude = fmt::format(
        "    %mineo = pto.partition_view %ownv, offsets = [%c0, %c0], sizes = [%c1, %w] : {0} -> {1}\n"
        "    %second = pto.partition_view %ownv, offsets = [%c1, %c0], sizes = [%c1, %w] : {0} -> {1}\n"
        "    %a2 = arith.constant 2048 : i64\n    %acc = pto.alloc_tile addr = %a2 : {2}\n",
        kView, kPart, kTile);
    for (const device::Schedule& schedule : all_schedules()) {
      const GraphRun run = run_ranks(ranks, prelude + body, schedule);
      EXPECT_EQ(run.report.status, device::RunStatus::completed) << shown(run.report);
      for (std::int64_t i = 0; i < kWidth; ++i)
        EXPECT_EQ(values(run.tensors[1])[static_cast<std::size_t>(kWidth + i)], expected(i)) << name << " " << i;
    }
  }
}

TEST_P(RankCounts, GatherAndScatterByTheRoot) {
  const std::int64_t ranks = GetParam();
  std::string sources, targets, types;
  for (std::int64_t k = 0; k < ranks; ++k) {
    sources += fmt::format("{}%of{}", k ? ", " : "", k);
    types += ", " + kPart;
  }
  // Shares into the first rows; gathered into the root's whole result; scattered back into the first rows.
  const std::string body =
      fmt::format(
          "    %mineo = pto.partition_view %ownv, offsets = [%c0, %c0], sizes = [%c1, %w] : {0} -> {1}\n"
          "    %whole = pto.partition_view %ownv, offsets = [%c0, %c0], sizes = [%n, %w] : {0} -> {1}\n",
          kView, kPart) +
      put("%mineo", "%xp") + kDrain + notify("%sp0") +
      only_root(
          wait("%mine") +
          fmt::format("    pto.comm.tgather(%whole, recv(%stage), group({0}) : {1}, {2}{3}) {{root = 0 : i32}}\n"
                      "    pto.barrier <PIPE_ALL>\n"
                      "    pto.comm.tscatter(%whole, recv(%stage), group({0}) : {1}, {2}{3}) {{root = 0 : i32}}\n",
                      sources, kPart, kTile, types));
  for (const device::Schedule& schedule : all_schedules())
    expect_completed(
        run_ranks(ranks, body, schedule),
        [&](std::int64_t rank) {
          if (rank == 0) return gathered(ranks);
          std::vector<float> expected(static_cast<std::size_t>(ranks * kWidth), -1.0F);
          for (std::int64_t i = 0; i < kWidth; ++i) expected[static_cast<std::size_t>(i)] = share(rank, i);
          return expected;
        },
        ranks);
}

// Each rank hands what it has to the next one, ranks - 1 times; the words count the steps.
std::string ring_pass(std::int64_t ranks) {
  // Rank r's neighbour is reached through its own results and signals, given as %o and %s of every rank: chosen here.
  std::string body = "    %next0 = arith.addi %rank, %c1 : index\n    %next = arith.remsi %next0, %n : index\n";
  for (std::int64_t step = 0; step < ranks; ++step)
    for (std::int64_t k = 0; k < ranks; ++k) {
      const std::string name = fmt::format("{}_{}", step, k);
      const std::string source = step == 0 ? "%xp" : fmt::format("%from{}", name);
      std::string move;
      if (step > 0)
        move += fmt::format(
            "      %row{0} = arith.constant {1} : index\n"
            "      %from{0} = pto.partition_view %ownv, offsets = [%row{0}, %c0], sizes = [%c1, %w] : {2} -> {3}\n",
            name, step - 1, kView, kPart);
      move += fmt::format(
          "      %to_row{0} = arith.constant {1} : index\n      %count{0} = arith.constant {4} : i32\n"
          "      %to{0} = pto.partition_view %ov{5}, offsets = [%to_row{0}, %c0], sizes = [%c1, %w] : {2} -> {3}\n",
          name, step, kView, kPart, step + 1, k);
      move += put("%to" + name, source) + kDrain + notify(fmt::format("%sf{}", k), "%count" + name);
      body += fmt::format("    %k{0} = arith.constant {1} : index\n    %is{0} = arith.cmpi eq, %next, %k{0} : index\n",
                          name, k) +
              fmt::format("    scf.if %is{} {{\n", name) + move + "    }\n" +
              (k + 1 < ranks ? ""
                             : fmt::format("    %step{0} = arith.constant {1} : i32\n", step, step + 1) +
                                   wait("%word", fmt::format("%step{}", step)));
    }
  return body;
}

TEST_P(RankCounts, SharesPassAroundTheRing) {
  const std::int64_t ranks = GetParam();
  for (const device::Schedule& schedule : all_schedules())
    expect_completed(
        run_ranks(ranks, ring_pass(ranks), schedule),
        [&](std::int64_t rank) {
          std::vector<float> expected;  // row s: the share of the rank s + 1 places back
          for (std::int64_t step = 0; step < ranks; ++step)
            for (std::int64_t i = 0; i < kWidth; ++i)
              expected.push_back(share((rank + 2 * ranks - step - 1) % ranks, i));
          return expected;
        },
        ranks);
}

// Everybody adds one to everybody's counter, then waits for all: passes `epochs` times, the threshold grows.
std::string barriers(std::int64_t ranks, int epochs, const std::function<std::string(int)>& threshold) {
  std::string body;
  for (int epoch = 1; epoch <= epochs; ++epoch)
    body += fmt::format("    %t{} = arith.constant {} : i32\n", epoch, epoch * ranks) +
            repeat(ranks, [&](std::int64_t k) { return notify(fmt::format("%sf{}", k), "%one", "atomic_add"); }) +
            wait("%word", threshold(epoch));
  return body;
}

TEST_P(RankCounts, BarriersCountTheirEpochs) {
  const std::int64_t ranks = GetParam();
  const std::string body = barriers(ranks, 3, [](int epoch) { return fmt::format("%t{}", epoch); });
  for (const device::Schedule& schedule : all_schedules()) {
    const GraphRun run = run_ranks(ranks, body, schedule);
    EXPECT_EQ(run.report.status, device::RunStatus::completed) << shown(run.report);
    for (std::int64_t rank = 0; rank < ranks; ++rank)
      EXPECT_EQ(run.tensors[static_cast<std::size_t>(3 * rank + 2)].bits(0), static_cast<std::uint64_t>(3 * ranks));
  }
}

// ---- the broken twins

TEST(Ranks, AMissingNotifyIsADeadlockWithItsWaitGraph) {  // seed bug B22
  const std::string body =
      put("%op0", "%xp") + put("%op1", "%xp") + kDrain + notify("%sp0") + others(notify("%sp1")) + wait("%mine");
  for (const device::Schedule& schedule : all_schedules()) {
    const GraphRun run = run_ranks(2, body, schedule);
    EXPECT_EQ(run.report.status, device::RunStatus::deadlock) << shown(run.report);
    ASSERT_EQ(run.report.diagnostics.size(), 1U) << shown(run.report);
    const device::Diagnostic& waiting = run.report.diagnostics[0];
    EXPECT_EQ(waiting.rank, 1);
    EXPECT_EQ(waiting.location.line, line_of(run.text, "pto.comm.twait"));
    EXPECT_NE(waiting.message.find("the signal at element 0 of %mine to be >= 1 (it is 0)"), std::string::npos)
        << waiting.message;
    EXPECT_NE(waiting.message.find("all others have finished"), std::string::npos) << waiting.message;
    ASSERT_TRUE(waiting.related) << "the nearest notify";
    EXPECT_EQ(waiting.related->line, line_of(run.text, "pto.comm.tnotify(%sp1"));
  }
}

TEST(Ranks, ARankThatLeavesBeforeTheBarrierIsADeadlock) {  // seed bug B13
  std::string body =
      "    %last = arith.constant 3 : index\n    %leaves = arith.cmpi eq, %rank, %last : index\n"
      "    scf.if %leaves {\n    } else {\n" +
      barriers(4, 1, [](int) { return "%all"; }) + "    }\n";
  for (const device::Schedule& schedule : all_schedules()) {
    const GraphRun run = run_ranks(4, body, schedule);
    EXPECT_EQ(run.report.status, device::RunStatus::deadlock) << shown(run.report);
    ASSERT_EQ(run.report.diagnostics.size(), 3U) << shown(run.report);
    for (const device::Diagnostic& waiting : run.report.diagnostics) {
      EXPECT_NE(waiting.rank, 3);
      EXPECT_EQ(waiting.rule, "deadlock");
      EXPECT_NE(waiting.message.find("to be >= 4 (it is 3)"), std::string::npos) << waiting.message;
      EXPECT_EQ(waiting.message.find(fmt::format("rank {} block 0", waiting.rank)), 0U) << waiting.message;
    }
  }
}

TEST(Ranks, ASignalThatIsNeverResetSatisfiesTheNextLaunch) {  // seed bug B08
  for (const device::Schedule& schedule : all_schedules()) {
    const GraphRun run = run_ranks(2, all_gather(2), schedule, 2);
    EXPECT_EQ(rules(run.report), std::vector<std::string>{"stale-signal"}) << shown(run.report);
    const GraphRun fixed =
        run_ranks(2,
                  repeat(2, [](std::int64_t k) { return put(fmt::format("%op{}", k), "%xp"); }) + kDrain +
                      repeat(2, [](std::int64_t k) { return notify(fmt::format("%sp{}", k), "%epoch"); }) +
                      wait("%mine", "%epoch"),
                  schedule, 2);
    EXPECT_EQ(fixed.report.status, device::RunStatus::completed) << shown(fixed.report);
  }
}

// The data may still be on its way when the signal arrives (pto-format section 4, class 12). Where the transfer comes
// last, it meets the store that followed the load on the reader.
TEST(Ranks, ANotifyBeforeTheTransferHasDrainedIsARace) {
  std::set<std::string> all;
  for (const device::Schedule& schedule : all_schedules()) {
    const GraphRun run = run_ranks(2, all_gather(2, "") + read_back(2), schedule);
    const auto found = rules(run.report);
    all.insert(found.begin(), found.end());
    ASSERT_FALSE(found.empty());
    EXPECT_TRUE(found[0] == "race-raw" || found[0] == "race-waw") << shown(run.report);
    EXPECT_NE(run.report.diagnostics[0].message.find("pto.comm.tput"), std::string::npos) << shown(run.report);
  }
  EXPECT_TRUE(all.contains("race-raw"));
}

// A wait is made to meet notifies; a plain store of its word beside it is ordered by nothing.
TEST(Ranks, APlainStoreBesideAWaitIsARace) {
  const std::string store =
      "    pto.store_scalar %one, %s1[%c0] : !pto.ptr<i32>, i32\n"
      "    pto.cmo.cacheinvalid %s1 single_cache_line : !pto.ptr<i32>\n    pto.fence.barrier_all\n";
  for (const device::Schedule& schedule : all_schedules()) {
    const auto run = [&](const std::string& first) {
      return run_ranks(2, only_root(first) + others(wait("%word")) + kDrain, schedule);
    };
    const GraphRun racing = run(store), notified = run(notify("%sf1"));
    EXPECT_EQ(rules(racing.report), std::vector<std::string>{"race-raw"}) << shown(racing.report);
    EXPECT_EQ(rules(notified.report), std::vector<std::string>{}) << shown(notified.report);
  }
}

}  // namespace
}  // namespace assay::sim::testing
