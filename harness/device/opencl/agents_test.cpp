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

// Entries go from the vector cores, half each, to the cube core, through a product with the unit matrix, and back.
std::string there_and_back(int entries) {
  const std::string mat = "!pto.tile_buf<mat, 16x16xf32, blayout=col_major, slayout=row_major>";
  const std::string left = "!pto.tile_buf<left, 16x16xf32, blayout=row_major, slayout=row_major>";
  const std::string right = "!pto.tile_buf<right, 16x16xf32, blayout=row_major, slayout=col_major>";
  const std::string acc = "!pto.tile_buf<acc, 16x16xf32, blayout=col_major, slayout=row_major, fractal=1024>";
  const std::string half = "!pto.tile_buf<vec, 8x16xf32>";
  std::string text = R"(module {
  func.func @k(%x: !pto.ptr<f32>, %unit: !pto.ptr<f32>, %y: !pto.ptr<f32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %c16 = arith.constant 16 : index
    %n = arith.constant $N : index
    %height = arith.muli %n, %c16 : index
    %a0 = arith.constant 0 : i64
    %a1 = arith.constant 8192 : i64
    %slots = arith.constant 0 : i32
    pto.section.cube {
      pto.aic_initialize_pipe {id = 0, dir_mask = 3, slot_size = 1024, slot_num = 2} (v2c_consumer_buf = %slots : i32)
      %um = pto.alloc_tile addr = %a1 : $MAT
      %left = pto.alloc_tile addr = %a0 : $LEFT
      %right = pto.alloc_tile addr = %a0 : $RIGHT
      %acc = pto.alloc_tile addr = %a0 : $ACC
      %uv = pto.make_tensor_view %unit, shape = [%c16, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xf32>
      %up = pto.partition_view %uv, offsets = [%c0, %c0], sizes = [%c16, %c16] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<16x16xf32>
      pto.tload ins(%up : !pto.partition_tensor_view<16x16xf32>) outs(%um : $MAT)
      pto.tmov ins(%um : $MAT) outs(%right : $RIGHT)
      scf.for %i = %c0 to %n step %c1 {
        %t = pto.tpop_from_aiv {id = 0, split = 1} -> $MAT
        pto.tmov ins(%t : $MAT) outs(%left : $LEFT)
        pto.tfree_from_aiv {id = 0, split = 1}
        pto.tmatmul ins(%left, %right : $LEFT, $RIGHT) outs(%acc : $ACC)
        pto.tpush_to_aiv(%acc : $ACC) {id = 0, split = 1}
      }
    }
    pto.section.vector {
      pto.aiv_initialize_pipe {id = 0, dir_mask = 3, slot_size = 1024, slot_num = 2} (c2v_consumer_buf = %slots : i32)
      %sub64 = pto.get_subblock_idx
      %sub = arith.index_cast %sub64 : i64 to index
      %shift = arith.muli %sub, %c8 : index
      %xv = pto.make_tensor_view %x, shape = [%height, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xf32>
      %yv = pto.make_tensor_view %y, shape = [%height, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xf32>
      %own = pto.alloc_tile addr = %a1 : $HALF
      scf.for %i = %c0 to %n step %c1 {
        %row = arith.muli %i, %c16 : index
        %r = arith.addi %row, %shift : index
        %xp = pto.partition_view %xv, offsets = [%r, %c0], sizes = [%c8, %c16] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<8x16xf32>
        %yp = pto.partition_view %yv, offsets = [%r, %c0], sizes = [%c8, %c16] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<8x16xf32>
        pto.tload ins(%xp : !pto.partition_tensor_view<8x16xf32>) outs(%own : $HALF)
        pto.tpush_to_aic(%own : $HALF) {id = 0, split = 1}
        %t = pto.tpop_from_aic {id = 0, split = 1} -> $HALF
        pto.tstore ins(%t : $HALF) outs(%yp : !pto.partition_tensor_view<8x16xf32>)
        pto.tfree_from_aic {id = 0, split = 1}
      }
    }
    return
  }
}
)";
  const auto replace = [&](const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  };
  replace("$MAT", mat), replace("$LEFT", left), replace("$RIGHT", right), replace("$ACC", acc), replace("$HALF", half);
  replace("$N", std::to_string(entries));
  return text;
}

void expect_there_and_back(Backend& backend) {
  constexpr int kEntries = 5;
  Kernel kernel(there_and_back(kEntries));
  Tensor x(DType::f32, {kEntries * 16, 16}), unit(DType::f32, {16, 16}), y(DType::f32, x.shape());
  for (std::size_t i = 0; i < x.as<float>().size(); ++i) x.as<float>()[i] = static_cast<float>(i) - 300;
  for (std::size_t i = 0; i < 16; ++i) unit.as<float>()[i * 17] = 1;
  const RunReport report = kernel.run({&x, &unit, &y}, {}, 1, backend);
  ASSERT_EQ(report.status, RunStatus::completed) << report.reason;
  EXPECT_EQ(values_of<float>(y), values_of<float>(x));
}

TEST(OpenclAgents, RingsCarryTilesBetweenTheCoresOfABlock) { expect_there_and_back(shared_backend()); }

TEST(OpenclAgents, SeveralLanesMakeOneCore) {
  OpenclOptions options;
  options.work_items = 4;
  auto backend = create_opencl_backend(options);
  ASSERT_TRUE(backend) << to_string(backend.error());
  expect_there_and_back(**backend);
}

// One tensor of raw bytes holds a part per rank; pointers into it have the kernel's types.
TEST(OpenclAgents, WindowsAreBytesThatPointersOfAnyTypeReach) {
  Kernel kernel("module {\n" + function("waits", kWait + kCopy) + function("notifies", kNotify) + "}\n");
  constexpr std::int64_t kPart = 64, kData = 16;  // bytes of a part, where its data begin
  Tensor window(DType::u8, {3 * kPart});
  Tensor* const tensors[] = {&window};
  std::vector<Task> tasks(3);
  for (std::size_t rank = 0; rank < tasks.size(); ++rank) {
    Launch& launch = tasks[rank].launch;
    launch.module = &kernel.module;
    launch.function = kernel.module.find_function(rank == 1 ? "waits" : "notifies");
    launch.arguments = {PointerArgument{0, kPart / 4}, PointerArgument{0, (kPart + kData) / 4}};  // rank 1's part
    launch.tensors = tensors;
    launch.rank = static_cast<std::int64_t>(rank);
  }
  const RunReport report = shared_backend().run_graph(tasks, kernel.options);
  ASSERT_EQ(report.status, RunStatus::completed) << report.reason;
  std::vector<std::uint8_t> expected(3 * kPart, 0);
  expected[kPart] = 2;          // both notified
  expected[kPart + kData] = 1;  // what they stored
  expected[kPart + kData + 4] = 2;
  EXPECT_EQ(values_of<std::uint8_t>(window), expected);
}

}  // namespace
}  // namespace assay::device
