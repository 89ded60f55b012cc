// Lines of scalar caches that memory or another cache has outgrown (seed bug B02), and flags made by hand of stores,
// flushes and loads.
#include <gtest/gtest.h>

#include "harness/sim/words_test.h"

namespace assay::sim::testing {
namespace {

using device::Diagnostic;

class StaleLines : public ::testing::TestWithParam<const char*> {};

// Seed bug B02.
TEST_P(StaleLines, AStoreThatStaysInItsCache) {
  for (std::string_view flush : {std::string_view{}, std::string_view("    pto.fence.barrier_all\n")}) {
    const WordsRun run = chain(writer_and_readers(flush), GetParam());
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
  const WordsRun run = chain(writer_and_readers(kFlushOnly), GetParam());
  ASSERT_EQ(rules(run), "stale-line ") << explain(run);
  EXPECT_EQ(word(run.tensors[1], 0), -1);
  EXPECT_EQ(word(run.tensors[0], 0), 7) << "under way when the run ended";
}

TEST_P(StaleLines, FlushedAndFencedItIsSeen) {
  const WordsRun run = chain(writer_and_readers(kFlush), GetParam());
  EXPECT_EQ(rules(run), "") << explain(run);
  EXPECT_EQ(word(run.tensors[1], 0), 7);
}

INSTANTIATE_TEST_SUITE_P(All, StaleLines, ::testing::Values("reader", "copier"));

TEST(StaleLines, AStoreNobodyReadsIsReportedAtTheEnd) {
  WordsRun run;
  run.text = writer_and_readers("");
  run.tensors = {words(-1)};
  run.launches = {{"writer", {0}, {}}};
  run = run_graph(std::move(run));
  ASSERT_EQ(rules(run), "stale-line ") << explain(run);
  EXPECT_EQ(run.report.diagnostics[0].location.line, line_of(run.text, "pto.store_scalar"));
  ASSERT_TRUE(run.report.diagnostics[0].related) << "where its pointer comes from";
  EXPECT_EQ(run.report.diagnostics[0].related->line, line_of(run.text, "func.func @writer"));
}

// A core that loaded a word before another one replaced it keeps the old one until it invalidates the line.
TEST(StaleLines, ALineFilledBeforeTheStore) {
  for (const bool invalidates : {false, true}) {
    WordsRun run;
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

WordsRun run_handshake(std::string text, bool consumer_first, device::Schedule::Kind schedule) {
  WordsRun run;
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
      const WordsRun good = run_handshake(handshake(flush, poll), consumer_first, schedule);
      EXPECT_EQ(rules(good), "") << explain(good);
      EXPECT_EQ(word(good.tensors[2], 0), 7);
      const WordsRun unflushed = run_handshake(handshake("", poll), consumer_first, schedule);
      EXPECT_EQ(rules(unflushed), "stale-line ") << explain(unflushed);
    }
  }
}

TEST(HandMadeFlag, PollingWithoutInvalidatingNeverSeesIt) {
  const std::string flush =
      "    pto.cmo.cacheinvalid %d single_cache_line : !pto.ptr<i32>\n    pto.fence.barrier_all\n";
  const WordsRun run = run_handshake(handshake(flush, ""), true, device::Schedule::Kind::canonical);
  EXPECT_EQ(run.report.status, device::RunStatus::budget) << explain(run);
  EXPECT_NE(rules(run).find("stale-line"), std::string::npos) << explain(run);
}

}  // namespace
}  // namespace assay::sim::testing
