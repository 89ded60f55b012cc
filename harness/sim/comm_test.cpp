// Ranks with memory of their own: gather, broadcast, reduce, a ring and barriers made of put, notify and wait; each
// with its broken twin.
#include <gtest/gtest.h>

#include <functional>

#include "harness/sim/graph_test.h"

namespace assay::sim::testing {
namespace {

constexpr std::int64_t kWidth = 16;  // elements of one rank's share

std::string repeat(std::int64_t ranks, const std::function<std::string(std::int64_t)>& text) {
  std::string all;
  for (std::int64_t rank = 0; rank < ranks; ++rank) all += text(rank);
  return all;
}

const std::string kView = "!pto.tensor_view<?x?xf32>", kPart = "!pto.partition_tensor_view<?x?xf32>";
const std::string kSignals = "!pto.tensor_view<?x?xi32>", kSignal = "!pto.partition_tensor_view<?x?xi32>";
const std::string kTile = "!pto.tile_buf<vec, 1x16xf32>";

// A function of every rank's data (%x), result (%o0, ...) and signals (%s0, ...), %own_o and %own_s among them, its
// rank and the epoch; constants, views %xp (its 1 x 16 share), %ovK (ranks x 16), %spK (word `rank` of rank K's
// signals), %mine (all its own words) and the tile %stage.
std::string kernel_of_ranks(std::int64_t ranks, const std::string& body) {
  const auto list = [&](const char* format, const char* separator) {
    std::string text;
    for (std::int64_t rank = 0; rank < ranks; ++rank)
      text += (rank ? separator : "") + fmt::format(fmt::runtime(format), rank);
    return text;
  };
  return fmt::format(R"(module attributes {{pto.target_arch = "a2a3"}} {{
  func.func @kernel(%rank: index, %epoch: i32, %x: !pto.ptr<f32>, %own_o: !pto.ptr<f32>, %own_s: !pto.ptr<i32>, {}, {})
      attributes {{pto.kernel_kind = #pto.kernel_kind<vector>}} {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %n = arith.constant {} : index
    %w = arith.constant {} : index
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %all = arith.constant {} : i32
    %a0 = arith.constant 0 : i64
    %a1 = arith.constant 1024 : i64
    %stage = pto.alloc_tile addr = %a0 : {}
    %tile = pto.alloc_tile addr = %a1 : {}
    %root = arith.cmpi eq, %rank, %c0 : index
    %xv = pto.make_tensor_view %x, shape = [%c1, %w], strides = [%w, %c1] : {}
    %xp = pto.partition_view %xv, offsets = [%c0, %c0], sizes = [%c1, %w] : {} -> {}
    %minev = pto.make_tensor_view %own_s, shape = [%c1, %n], strides = [%n, %c1] : {}
    %mine = pto.partition_view %minev, offsets = [%c0, %c0], sizes = [%c1, %n] : {} -> {}
    %word = pto.partition_view %minev, offsets = [%c0, %c0], sizes = [%c1, %c1] : {} -> {}
    %ownv = pto.make_tensor_view %own_o, shape = [%n, %w], strides = [%w, %c1] : {}
)",
                     list("%o{}: !pto.ptr<f32>", ", "), list("%s{}: !pto.ptr<i32>", ", "), ranks, kWidth, ranks, kTile,
                     kTile, kView, kView, kPart, kSignals, kSignals, kSignal, kSignals, kSignal, kView) +
         repeat(ranks,
                [&](std::int64_t k) {
                  return fmt::format(
                      R"(    %ov{0} = pto.make_tensor_view %o{0}, shape = [%n, %w], strides = [%w, %c1] : {1}
    %op{0} = pto.partition_view %ov{0}, offsets = [%rank, %c0], sizes = [%c1, %w] : {1} -> {2}
    %of{0} = pto.partition_view %ov{0}, offsets = [%c0, %c0], sizes = [%c1, %w] : {1} -> {2}
    %sv{0} = pto.make_tensor_view %s{0}, shape = [%c1, %n], strides = [%n, %c1] : {3}
    %sp{0} = pto.partition_view %sv{0}, offsets = [%c0, %rank], sizes = [%c1, %c1] : {3} -> {4}
    %sf{0} = pto.partition_view %sv{0}, offsets = [%c0, %c0], sizes = [%c1, %c1] : {3} -> {4}
)",
                      k, kView, kPart, kSignals, kSignal);
                }) +
         body + "    return\n  }\n}\n";
}

std::string put(const std::string& to, const std::string& from, const char* atomic = "atomic_none") {
  return fmt::format("    pto.comm.tput({}, {}, buf(%stage) : {}, {}, {}) {{atomicType = #pto<atomic_type {}>}}\n", to,
                     from, kPart, kPart, kTile, atomic);
}
std::string notify(const std::string& to, const std::string& value = "%one", const char* how = "set") {
  return fmt::format("    pto.comm.tnotify({}, {} : {}, i32) {{notifyOp = #pto<notify_op {}>}}\n", to, value, kSignal,
                     how);
}
std::string wait(const std::string& on, const std::string& value = "%one", const char* compare = "ge") {
  return fmt::format("    pto.comm.twait({}, {} : {}, i32) {{cmp = #pto<wait_cmp {}>}}\n", on, value, kSignal, compare);
}
const std::string kDrain = "    pto.barrier <PIPE_ALL>\n";
std::string only_root(const std::string& body) { return "    scf.if %root {\n" + body + "    }\n"; }
std::string others(const std::string& body) { return "    scf.if %root {\n    } else {\n" + body + "    }\n"; }

// Rank r's data, result and signals are tensors 3r, 3r + 1 and 3r + 2; results and signals are windows.
GraphRun make_run(std::int64_t ranks, std::string text, std::int64_t launches = 1) {
  GraphRun run;
  run.text = std::move(text);
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    std::vector<float> x;
    for (std::int64_t i = 0; i < kWidth; ++i) x.push_back(static_cast<float>(100 * (rank + 1) + i));
    run.tensors.push_back(floats(x));
    run.tensors.push_back(filled(ranks * kWidth, -1.0F));
    run.tensors.push_back(tensor_of(DType::i32, std::vector<std::int32_t>(static_cast<std::size_t>(ranks), 0)));
    run.placements.insert(run.placements.end(), {{rank, true}, {rank, true}, {rank, true}});
  }
  for (std::int64_t launch = 0; launch < launches; ++launch)
    for (std::int64_t rank = 0; rank < ranks; ++rank) {
      const auto own = static_cast<std::size_t>(3 * rank);
      GraphRun::Node node{"kernel",
                          {integer(rank), integer(launch + 1), pointer(own), pointer(own + 1), pointer(own + 2)},
                          rank,
                          1,
                          {}};
      for (std::size_t offset : {1, 2})
        for (std::int64_t k = 0; k < ranks; ++k)
          node.arguments.push_back(pointer(static_cast<std::size_t>(3 * k) + offset));
      if (launch > 0) node.after = {static_cast<std::size_t>((launch - 1) * ranks + rank)};
      run.nodes.push_back(std::move(node));
    }
  return run;
}

GraphRun run_ranks(std::int64_t ranks, const std::string& body, device::Schedule schedule, std::int64_t launches = 1) {
  GraphRun run = make_run(ranks, kernel_of_ranks(ranks, body), launches);
  run.options.schedule = schedule;
  return run_graph(std::move(run));
}

// What rank r's share holds, and what every rank's together do.
float share(std::int64_t rank, std::int64_t i) { return static_cast<float>(100 * (rank + 1) + i); }
std::vector<float> gathered(std::int64_t ranks) {
  std::vector<float> all;
  for (std::int64_t rank = 0; rank < ranks; ++rank)
    for (std::int64_t i = 0; i < kWidth; ++i) all.push_back(share(rank, i));
  return all;
}

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

// The data may still be on its way when the signal arrives (pto-format section 4, class 12).
TEST(Ranks, ANotifyBeforeTheTransferHasDrainedIsARace) {
  for (const device::Schedule& schedule : all_schedules()) {
    const GraphRun run = run_ranks(2, all_gather(2, "") + read_back(2), schedule);
    const auto found = rules(run.report);
    EXPECT_TRUE(std::find(found.begin(), found.end(), "race-raw") != found.end()) << shown(run.report);
  }
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

TEST(Ranks, MemoryThatIsNoWindowIsOutOfReach) {
  GraphRun run = make_run(2, kernel_of_ranks(2, put("%op1", "%xp")));
  run.placements[4].window = false;  // rank 1's result
  run.nodes.resize(1);
  run = run_graph(std::move(run));
  EXPECT_EQ(rules(run.report), std::vector<std::string>{"foreign-memory"}) << shown(run.report);
}

TEST(Ranks, OnlyTheRootDrivesACollective) {
  const std::string body = fmt::format(
      "    pto.comm.tbroadcast(%xp, recv(%stage), group(%of0, %of1) : {0}, {1}, {0}, {0}) {{root = 0 : "
      "i32}}\n",
      kPart, kTile);
  const GraphRun run = run_ranks(2, body, {});
  EXPECT_EQ(rules(run.report), std::vector<std::string>{"collective-root"}) << shown(run.report);
}

// ---- transfers

TEST(Ranks, LargeTransfersPassThroughSmallTilesAndAtomicsAdd) {
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

TEST(Ranks, TestPollsUntilTheSignalIsThere) {
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

// ---- all cores of a launch

// Every block stores its share, meets the others, and loads its neighbour's.
std::string neighbours(const std::string& barrier) {
  return fmt::format(R"(module attributes {{pto.target_arch = "a2a3"}} {{
  func.func @kernel(%x: !pto.ptr<f32>, %m: !pto.ptr<f32>, %y: !pto.ptr<f32>, %n: index, %ws: !pto.ptr<i32>)
      attributes {{pto.kernel_kind = #pto.kernel_kind<vector>}} {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %w = arith.constant 16 : index
    %a0 = arith.constant 0 : i64
    %t = pto.alloc_tile addr = %a0 : {0}
    %b64 = pto.get_block_idx
    %b = arith.index_cast %b64 : i64 to index
    %b1 = arith.addi %b, %c1 : index
    %next = arith.remsi %b1, %n : index
    %xv = pto.make_tensor_view %x, shape = [%n, %w], strides = [%w, %c1] : {1}
    %mv = pto.make_tensor_view %m, shape = [%n, %w], strides = [%w, %c1] : {1}
    %yv = pto.make_tensor_view %y, shape = [%n, %w], strides = [%w, %c1] : {1}
    %xp = pto.partition_view %xv, offsets = [%b, %c0], sizes = [%c1, %w] : {1} -> {2}
    %mp = pto.partition_view %mv, offsets = [%b, %c0], sizes = [%c1, %w] : {1} -> {2}
    %np = pto.partition_view %mv, offsets = [%next, %c0], sizes = [%c1, %w] : {1} -> {2}
    %yp = pto.partition_view %yv, offsets = [%b, %c0], sizes = [%c1, %w] : {1} -> {2}
    pto.tload ins(%xp : {2}) outs(%t : {0})
    pto.barrier <PIPE_ALL>
    pto.tstore ins(%t : {0}) outs(%mp : {2})
{3}
    pto.tload ins(%np : {2}) outs(%t : {0})
    pto.barrier <PIPE_ALL>
    pto.tstore ins(%t : {0}) outs(%yp : {2})
    return
  }}
}}
)",
                     kTile, kView, kPart, barrier);
}

GraphRun run_neighbours(const std::string& barrier, std::int64_t blocks, device::Schedule schedule) {
  GraphRun run;
  run.text = neighbours(barrier);
  run.tensors = {floats(gathered(blocks)), filled(blocks * kWidth, -1.0F), filled(blocks * kWidth, -1.0F),
                 tensor_of(DType::i32, std::vector<std::int32_t>(16, 0))};
  run.nodes = {{"kernel", {pointer(0), pointer(1), pointer(2), integer(blocks), pointer(3)}, 0, blocks, {}}};
  run.options.schedule = schedule;
  return run_graph(std::move(run));
}

TEST(SyncAll, BlocksSeeWhatOthersDidBeforeIt) {
  for (const char* barrier :
       {"    pto.syncall() mode = #pto.sync_all_mode<hard>, core_type = #pto.sync_core_type<aiv_only>",
        "    pto.syncall(%ws : !pto.ptr<i32>) mode = #pto.sync_all_mode<soft>, core_type = #pto.sync_core_type<mix>"})
    for (std::int64_t blocks : {1, 2, 7, 20})
      for (const device::Schedule& schedule : all_schedules()) {
        const GraphRun run = run_neighbours(barrier, blocks, schedule);
        EXPECT_EQ(run.report.status, device::RunStatus::completed) << shown(run.report);
        for (std::int64_t b = 0; b < blocks; ++b)
          EXPECT_EQ(values(run.tensors[2])[static_cast<std::size_t>(b * kWidth)], share((b + 1) % blocks, 0));
      }
}

TEST(SyncAll, ACoreThatLeavesIsNamed) {
  const std::string barrier =
      "    %stays = arith.cmpi ne, %b, %c0 : index\n    scf.if %stays {\n"
      "    pto.syncall() mode = #pto.sync_all_mode<hard>, core_type = #pto.sync_core_type<aiv_only>\n    }";
  for (const device::Schedule& schedule : all_schedules()) {
    const GraphRun run = run_neighbours(barrier, 3, schedule);
    EXPECT_EQ(run.report.status, device::RunStatus::deadlock) << shown(run.report);
    const std::string graph = shown(run.report);
    EXPECT_NE(graph.find("2 of 3 have arrived"), std::string::npos) << graph;
    EXPECT_NE(graph.find("(finished)"), std::string::npos) << graph;
  }
}

}  // namespace
}  // namespace assay::sim::testing
