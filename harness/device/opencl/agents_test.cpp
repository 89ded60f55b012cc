// Agents that wait for one another: ranks, blocks, the cores of a block. The host resumes them; nothing spins.
#include "harness/device/opencl/kernel_fixture.h"

namespace assay::device {
namespace {

// Launches of functions of one module, rank r being the r-th; all tensors are everybody's.
RunReport run_ranks(Kernel& kernel, const std::vector<std::string>& functions, std::vector<Tensor*> tensors,
                    std::int64_t blocks = 1, std::vector<std::vector<std::size_t>> after = {}) {
  std::vector<Task> tasks;
  for (std::size_t i = 0; i < functions.size(); ++i) {
    Task& task = tasks.emplace_back();
    task.launch.module = &kernel.module;
    task.launch.function = kernel.module.find_function(functions[i]);
    for (std::size_t t = 0; t < tensors.size(); ++t) task.launch.arguments.push_back(PointerArgument{t, 0});
    task.launch.blocks = blocks;
    task.launch.tensors = tensors;
    task.launch.rank = static_cast<std::int64_t>(i);
    if (i < after.size()) task.after = after[i];
  }
  return shared_backend().run_graph(tasks, kernel.options);
}

// A function over a signal %s of one word and a tensor %x of i32.
std::string function(const std::string& name, const std::string& body) {
  return "  func.func @" + name +
         "(%s: !pto.ptr<i32>, %x: !pto.ptr<i32>) {\n    %c0 = arith.constant 0 : index\n    %c1 = arith.constant 1 : "
         "index\n    %c8 = arith.constant 8 : index\n    %one = arith.constant 1 : i32\n    %two = arith.constant 2 : "
         "i32\n"
         "    %sv = pto.make_tensor_view %s, shape = [%c1, %c1], strides = [%c1, %c1] : !pto.tensor_view<?x?xi32>\n"
         "    %sig = pto.partition_view %sv, offsets = [%c0, %c0], sizes = [%c1, %c1] : !pto.tensor_view<?x?xi32> -> "
         "!pto.partition_tensor_view<1x1xi32>\n" +
         body + "    return\n  }\n";
}
const std::string kSignal = " : !pto.partition_tensor_view<1x1xi32>, i32)";

const std::string kWait = "    pto.comm.twait(%sig, %two" + kSignal + " {cmp = #pto<wait_cmp ge>}\n";
const std::string kCopy =  // x[1] = x[0] + 1
    "    %v = pto.load_scalar %x[%c0] : !pto.ptr<i32> -> i32\n    %w = arith.addi %v, %one : i32\n"
    "    pto.store_scalar %w, %x[%c1] : !pto.ptr<i32>, i32\n";
const std::string kNotify =  // x[0] = 1, then the signal counts one more
    "    pto.store_scalar %one, %x[%c0] : !pto.ptr<i32>, i32\n    pto.comm.tnotify(%sig, %one" + kSignal +
    " {notifyOp = #pto<notify_op atomic_add>}\n";

TEST(OpenclAgents, AWaitEndsWhenTheOtherRanksHaveNotified) {
  Kernel kernel("module {\n" + function("waits", kWait + kCopy) + function("notifies", kNotify) + "}\n");
  Tensor signal(DType::i32, {1}), x(DType::i32, {2});
  const RunReport report = run_ranks(kernel, {"waits", "notifies", "notifies"}, {&signal, &x});
  ASSERT_EQ(report.status, RunStatus::completed) << report.reason;
  EXPECT_EQ(signal.as<std::int32_t>()[0], 2);
  EXPECT_EQ(values_of<std::int32_t>(x), (std::vector<std::int32_t>{1, 2}));
}

TEST(OpenclAgents, NobodyWhoMovesIsADeadlockAndTheWaitIsNamed) {
  Kernel kernel("module {\n" + function("waits", kWait + kCopy) + function("notifies", kNotify) + "}\n");
  Tensor signal(DType::i32, {1}), x(DType::i32, {2});
  const RunReport report = run_ranks(kernel, {"waits", "notifies"}, {&signal, &x});
  ASSERT_EQ(report.status, RunStatus::deadlock);
  ASSERT_EQ(report.diagnostics.size(), 1u);
  EXPECT_EQ(report.diagnostics[0].rank, 0);
  EXPECT_EQ(report.diagnostics[0].function, "waits");
  EXPECT_EQ(report.diagnostics[0].location.line, 10);
  EXPECT_EQ(values_of<std::int32_t>(x)[1], 0);
}

TEST(OpenclAgents, TasksRunAfterThoseTheyName) {
  Kernel kernel("module {\n" + function("copies", kCopy) + function("notifies", kNotify) + "}\n");
  Tensor signal(DType::i32, {1}), x(DType::i32, {2});
  ASSERT_EQ(run_ranks(kernel, {"notifies", "copies"}, {&signal, &x}, 1, {{}, {0}}).status, RunStatus::completed);
  EXPECT_EQ(values_of<std::int32_t>(x), (std::vector<std::int32_t>{1, 2}));
}

TEST(OpenclAgents, AllBlocksMeetAtSyncall) {
  // x[8 + b] = x[b + 1 of n] once every block has stored x[b] = b + 1.
  Kernel kernel("module {\n" + function("meets", R"(
    %bi = pto.get_block_idx
    %ni = pto.get_block_num
    %b = arith.index_cast %bi : i64 to index
    %n = arith.index_cast %ni : i64 to index
    %next = arith.addi %b, %c1 : index
    %stored = arith.index_cast %next : index to i32
    pto.store_scalar %stored, %x[%b] : !pto.ptr<i32>, i32
    pto.syncall() mode = #pto.sync_all_mode<hard>
    %other = arith.remsi %next, %n : index
    %v = pto.load_scalar %x[%other] : !pto.ptr<i32> -> i32
    %at = arith.addi %b, %c8 : index
    pto.store_scalar %v, %x[%at] : !pto.ptr<i32>, i32
)") + "}\n");
  Tensor signal(DType::i32, {1}), x(DType::i32, {16});
  const RunReport report = run_ranks(kernel, {"meets"}, {&signal, &x}, 5);
  ASSERT_EQ(report.status, RunStatus::completed) << report.reason;
  EXPECT_EQ(values_of<std::int32_t>(x), (std::vector<std::int32_t>{1, 2, 3, 4, 5, 0, 0, 0, 2, 3, 4, 5, 1, 0, 0, 0}));
}

TEST(OpenclAgents, VectorCoresWaitForTheCubeCoreOfTheirBlock) {
  // The cube core stores x[0]; each vector core reads it after the flag and stores x[1 + sub-block].
  Kernel kernel("module {\n" + function("both", R"(
    pto.section.vector {
      pto.sync.wait <PIPE_MTE2>, 3
      %v = pto.load_scalar %x[%c0] : !pto.ptr<i32> -> i32
      %si = pto.get_subblock_idx
      %s0 = arith.index_cast %si : i64 to index
      %at = arith.addi %s0, %c1 : index
      %w = arith.addi %v, %one : i32
      pto.store_scalar %w, %x[%at] : !pto.ptr<i32>, i32
    }
    pto.section.cube {
      pto.store_scalar %two, %x[%c0] : !pto.ptr<i32>, i32
      pto.sync.set <PIPE_MTE3>, 3
    }
)") + "}\n");
  Tensor signal(DType::i32, {1}), x(DType::i32, {4});
  const RunReport report = run_ranks(kernel, {"both"}, {&signal, &x});
  ASSERT_EQ(report.status, RunStatus::completed) << report.reason;
  EXPECT_EQ(values_of<std::int32_t>(x), (std::vector<std::int32_t>{2, 3, 3, 0}));
}

}  // namespace
}  // namespace assay::device
