// What the file's assay.* attributes and the options for ranks, tasks and launches make of a plan and of its launches.
#include "harness/cli/kernel_arguments.h"

#include <gtest/gtest.h>

#include "harness/cli/kernel_fixture.h"
#include "harness/cli/kernel_run.h"

namespace assay::cli {
namespace {

using testing::Folder;

constexpr std::string_view kExchange = R"(
module attributes {assay.tasks = ["send", "take"]} {
func.func @send(%x: !pto.ptr<i32>, %peer: !pto.ptr<i32> {assay.peer = "box", assay.rank_offset = 1 : i32}, %epoch: i32 {assay.value = "launch"}) {
  %c0 = arith.constant 0 : index
  %c7 = arith.constant 7 : index
  %v = pto.load_scalar %x[%c0] : !pto.ptr<i32> -> i32
  pto.store_scalar %v, %peer[%c7] : !pto.ptr<i32>, i32
  return
}
func.func @take(%box: !pto.ptr<i32> {assay.window}, %y: !pto.ptr<i32>, %me: index {assay.value = "rank"}, %all: i32 {assay.value = "ranks"}, %k: i32 {assay.value = 5 : i32}) {
  %c3 = arith.constant 3 : index
  %v = pto.load_scalar %box[%c3] : !pto.ptr<i32> -> i32
  pto.store_scalar %v, %y[%me] : !pto.ptr<i32>, i32
  return
}
}
)";

class KernelArgumentsTest : public ::testing::Test {
 protected:
  Folder folder{::testing::UnitTest::GetInstance()->current_test_info()->name()};
  Result<KernelPlan> plan(std::string_view text, std::int64_t ranks = 2, std::vector<std::string> arguments = {}) {
    KernelRequest request;
    request.file = folder.write("k.pto", text);
    request.ranks = ranks;
    request.launches = 2;
    request.arguments = std::move(arguments);
    return plan_kernel(request);
  }
  std::string refusal(std::string_view arguments, std::int64_t ranks = 2) {
    const auto made = plan(fmt::format("func.func @f({}) {{\n  return\n}}\n", arguments), ranks);
    return made ? "accepted" : to_string(made.error());
  }
};

TEST_F(KernelArgumentsTest, TensorsAreMatchedByNameAndPeersPointIntoThem) {
  const auto made = plan(kExchange);
  ASSERT_TRUE(made) << to_string(made.error());
  ASSERT_EQ(made->tasks.size(), 2U);
  EXPECT_EQ(made->tasks[0].function->name, "send");
  const KernelArgument& peer = made->arguments[1];
  const KernelArgument& box = made->arguments[*peer.peer];
  EXPECT_EQ(box.name, "box");
  EXPECT_EQ(box.direction, pto::Direction::inout);  // read here, written through the peer
  EXPECT_EQ(box.content.size(), 8);                 // the peer reaches element 7
  EXPECT_EQ(box.given, "constant:0");
  EXPECT_TRUE(box.window);
  std::vector<std::string> names;
  for (const PlannedTensor& tensor : tensors_of(*made)) names.push_back(tensor.name);
  EXPECT_EQ(names, (std::vector<std::string>{"x.rank0", "x.rank1", "box.rank0", "box.rank1", "y.rank0", "y.rank1"}));
  EXPECT_EQ(made->arguments.back().given, "5");
}

// Captures the graph instead of running it.
class Recorder : public device::Backend {
 public:
  std::string_view name() const override { return "recorder"; }
  std::string description() const override { return "keeps the graph"; }
  device::RunReport run(const device::Launch&, const device::RunOptions&) override { return {}; }
  device::RunReport run_graph(std::span<const device::Task> tasks, const device::RunOptions&) override {
    for (const device::Task& task : tasks) {
      functions.push_back(task.launch.function->name);
      ranks.push_back(task.launch.rank);
      after.push_back(task.after);
      arguments.push_back(task.launch.arguments);
      placements.assign(task.launch.placements.begin(), task.launch.placements.end());
    }
    return {};
  }
  std::vector<std::string> functions;
  std::vector<std::int64_t> ranks;
  std::vector<std::vector<std::size_t>> after;
  std::vector<std::vector<device::Argument>> arguments;
  std::vector<device::Placement> placements;
};

TEST_F(KernelArgumentsTest, TheGraphOrdersTheTasksOfARankAndNothingElse) {
  const auto made = plan(kExchange);
  ASSERT_TRUE(made);
  Recorder recorder;
  run_once(*made, recorder, {});
  EXPECT_EQ(recorder.functions,
            (std::vector<std::string>{"send", "send", "take", "take", "send", "send", "take", "take"}));
  EXPECT_EQ(recorder.ranks, (std::vector<std::int64_t>{0, 1, 0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(recorder.after, (std::vector<std::vector<std::size_t>>{{}, {}, {0}, {1}, {2}, {3}, {4}, {5}}));
  using device::PointerArgument;
  // x.rank0 x.rank1 box.rank0 box.rank1 y.rank0 y.rank1
  EXPECT_EQ(std::get<PointerArgument>(recorder.arguments[0][1]).tensor, 3U);
  EXPECT_EQ(std::get<PointerArgument>(recorder.arguments[1][1]).tensor, 2U);
  EXPECT_EQ(std::get<PointerArgument>(recorder.arguments[3][0]).tensor, 3U);
  EXPECT_EQ(std::get<std::int64_t>(recorder.arguments[0][2]), 0);
  EXPECT_EQ(std::get<std::int64_t>(recorder.arguments[4][2]), 1);  // the second launch
  EXPECT_EQ(std::get<std::int64_t>(recorder.arguments[3][2]), 1);  // rank
  EXPECT_EQ(std::get<std::int64_t>(recorder.arguments[3][3]), 2);  // ranks
  EXPECT_EQ(std::get<std::int64_t>(recorder.arguments[3][4]), 5);
  ASSERT_EQ(recorder.placements.size(), 6U);
  EXPECT_TRUE(recorder.placements[3].window);
  EXPECT_EQ(recorder.placements[3].rank, 1);
  EXPECT_FALSE(recorder.placements[1].window);
}

TEST_F(KernelArgumentsTest, MistakesAreRefusedByName) {
  const auto has = [](const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has(refusal("%p: !pto.ptr<i32> {assay.peer = \"q\", assay.rank = 0 : i32}"), "\"q\" names no tensor"));
  EXPECT_TRUE(has(refusal("%q: !pto.ptr<i32>, %p: !pto.ptr<i32> {assay.peer = \"q\"}"), "takes assay.rank"));
  EXPECT_TRUE(has(refusal("%q: !pto.ptr<i32>, %p: !pto.ptr<i32> {assay.peer = \"q\", assay.rank = 1 : i32}", 1),
                  "points into rank 1, but there is one rank; give --ranks"));
  EXPECT_TRUE(has(refusal("%q: !pto.ptr<f32>, %p: !pto.ptr<i32> {assay.peer = \"q\", assay.rank = 1 : i32}"),
                  "points into 'q', which is"));
  EXPECT_TRUE(has(refusal("%q: !pto.ptr<i32> {assay.windows}"), "unknown attribute assay.windows"));
  EXPECT_TRUE(has(refusal("%q: !pto.ptr<i32> {assay.value = \"rank\"}"), "belongs to a scalar"));
  EXPECT_TRUE(has(refusal("%q: i32 {assay.window}"), "belongs to a pointer"));
  EXPECT_TRUE(has(refusal("%q: f32 {assay.value = \"rank\"}"), "belongs to an integer"));
  EXPECT_TRUE(has(refusal("%q: i32 {assay.value = \"block\"}"), "expected \"rank\", \"ranks\" or \"launch\""));
  EXPECT_TRUE(has(refusal("%q: !pto.ptr<i32> {assay.rank = 1 : i32}"), "belong to assay.peer"));
  EXPECT_TRUE(has(refusal("%q: i32", 65), "65 ranks, expected 1 to 64"));
  const auto given = plan(kExchange, 2, {"peer=poison"});
  ASSERT_FALSE(given);
  EXPECT_TRUE(has(given.error().message, "takes no value")) << given.error().message;
}

TEST_F(KernelArgumentsTest, TheUsersValueHoldsAgainstTheFiles) {
  const auto made = plan(kExchange, 2, {"k=9", "me=1"});
  ASSERT_TRUE(made) << to_string(made.error());
  EXPECT_EQ(std::get<std::int64_t>(made->arguments.back().scalar), 9);
}

}  // namespace
}  // namespace assay::cli
