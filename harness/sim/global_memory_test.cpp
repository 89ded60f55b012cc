// Global memory: which bytes are defined, where tensors end, and whose memory a rank may reach.
#include <gtest/gtest.h>

#include "harness/sim/words_test.h"

namespace assay::sim::testing {
namespace {

TEST(GlobalDefinedness, ReadBeforeWritten) {
  WordsRun run;
  run.text = writer_and_readers(kFlush);
  run.tensors = {words(-1), words(-2)};
  run.placements = {{0, false, true}, {0, false, false}};
  run.launches = {{"reader", {0, 1}, {}}};
  const WordsRun scalar = run_graph(run);
  EXPECT_EQ(rules(scalar), "undefined-bytes ") << explain(scalar);
  run.launches = {{"copier", {0, 1}, {}}};
  const WordsRun dma = run_graph(run);
  EXPECT_EQ(rules(dma), "undefined-bytes ") << explain(dma);
  EXPECT_EQ(dma.report.diagnostics[0].location.line, line_of(dma.text, "pto.tload"));
}

TEST(GlobalDefinedness, OutputsThatAreNotWritten) {
  WordsRun run;
  run.text = writer_and_readers(kFlush);
  run.tensors = {words(-1, 16), words(-2, 16)};
  run.placements = {{0, false, false}, {0, false, true}};
  run.launches = {{"reader", {0, 1}, {}}};
  const WordsRun partly = run_graph(run);
  ASSERT_EQ(rules(partly), "unwritten-output ") << explain(partly);
  EXPECT_NE(partly.report.diagnostics[0].message.find("60 of the 64 bytes"), std::string::npos) << explain(partly);
  EXPECT_NE(partly.report.diagnostics[0].message.find("the first at byte 4"), std::string::npos) << explain(partly);
  run.launches = {{"copier", {0, 1}, {}}};
  const WordsRun all = run_graph(run);
  EXPECT_EQ(rules(all), "") << explain(all);
}

// ---- guards: 64 bytes in front of %x's words and behind them

WordsRun guarded(std::string text, std::vector<WordsRun::Launched> launches, std::size_t count) {
  WordsRun run;
  run.text = std::move(text);
  run.tensors = {words(-1, 32 + count), words(-2)};
  run.placements = {{.rank = 0, .window = false, .undefined = false, .front = 64, .back = 64}, {}};
  run.launches = std::move(launches);
  return run_graph(std::move(run));
}

TEST(Guards, AreNoPartOfTheTensor) {
  const std::string text = writer_and_readers(kFlush);
  const WordsRun fits = guarded(text, {{"copier", {0, 1}, {}}}, 16);
  EXPECT_EQ(rules(fits), "") << explain(fits);
  const WordsRun behind = guarded(text, {{"copier", {0, 1}, {}}}, 15);
  ASSERT_EQ(rules(behind), "bounds ") << explain(behind);
  const auto says = [](const WordsRun& run, std::string_view words) {
    return run.report.diagnostics[0].message.find(words) != std::string::npos;
  };
  EXPECT_TRUE(says(behind, "elements 0 to 15 of %x's tensor, where memory runs from 0 to 15 (i32)")) << explain(behind);
  std::string before = text;
  for (const std::string_view access : {"%x[%c0] : !pto.ptr<i32>, i32", "%x[%c0] : !pto.ptr<i32> -> i32"})
    before.replace(before.find(access), 7, "%x[%n]");
  for (std::size_t at = 0; (at = before.find("    %c0 = arith.constant 0 : index\n", at)) != std::string::npos;
       at += 64)
    before.insert(at, "    %n = arith.constant -1 : index\n");
  for (const WordsRun::Launched& launched : {WordsRun::Launched{"writer", {0}, {}}, {"reader", {0, 1}, {}}}) {
    const WordsRun run = guarded(before, {launched}, 16);
    ASSERT_EQ(rules(run), "bounds ") << explain(run);
    EXPECT_TRUE(says(run, "element 0 + -1 of %x's tensor, where memory runs from 0 to 16 (i32)")) << explain(run);
  }
}

TEST(Guards, FindingsCountFromTheFirstByteBehindThem) {
  const WordsRun run = guarded(writer_and_readers(""), {{"writer", {0}, {}}, {"copier", {0, 1}, {0}}}, 16);
  ASSERT_EQ(rules(run), "stale-line ") << explain(run);
  EXPECT_NE(run.report.diagnostics[0].message.find("bytes 0x0 to 0x40 of %x's tensor"), std::string::npos)
      << explain(run);
}

TEST(ForeignMemory, OnlyWindowsOfOtherRanks) {
  for (const bool window : {false, true}) {
    for (const char* function : {"reader", "copier"}) {
      WordsRun run;
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
