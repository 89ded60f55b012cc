// The machine between operations: control, memories from run to run, aliasing, private tiles, budgets, what is refused.
#include <thread>

#include "harness/sim/kernel_test.h"
#include "harness/sim/memory.h"

namespace assay::sim::testing {
namespace {

using device::RunStatus;

std::vector<float> ramp() {
  std::vector<float> x(128);
  for (std::size_t k = 0; k < x.size(); ++k) x[k] = static_cast<float>(k) - 40;
  return x;
}

KernelRun run_of(const std::string& body, std::string_view arguments = "", std::vector<std::int64_t> scalars = {}) {
  KernelRun run;
  run.text = kernel(body, "f32", arguments);
  run.tensors = {floats(ramp()), filled(128, -1.0F)};
  run.scalars = std::move(scalars);
  return run;
}

std::string why(const KernelRun& run) {
  return run.report.diagnostics.empty() ? run.report.reason : to_string(run.report.diagnostics.back(), "kernel.pto");
}

#define ASSERT_COMPLETED(run) ASSERT_EQ((run).report.status, RunStatus::completed) << why(run)

// ---- memory

TEST(Memory, UndefinedBytesHoldTheSeedsPatternAndDefinedOnesTheirValue) {
  Memory memory(4096);
  memory.begin(1);
  const std::vector<std::byte> first(memory.touch(100, 64), memory.touch(100, 64) + 64);
  EXPECT_EQ(memory.first_undefined(100, 64), 100);
  memory.touch(100, 64)[0] = std::byte{7};
  memory.define(100, 1);
  EXPECT_EQ(memory.first_undefined(100, 64), 101);
  EXPECT_EQ(memory.first_undefined(100, 1), -1);
  memory.begin(1);
  EXPECT_EQ(std::vector<std::byte>(memory.touch(100, 64), memory.touch(100, 64) + 64), first);
  EXPECT_EQ(memory.first_undefined(100, 1), 100);
  memory.begin(2);
  EXPECT_NE(std::vector<std::byte>(memory.touch(100, 64), memory.touch(100, 64) + 64), first);
}

TEST(Memory, UndefineRestoresThePattern) {
  Memory memory(2048);
  memory.begin(5);
  const std::vector<std::byte> fresh(memory.touch(0, 2048), memory.touch(0, 2048) + 2048);
  std::fill_n(memory.touch(1000, 100), 100, std::byte{1});
  memory.define(1000, 100);
  memory.undefine(1010, 20);
  EXPECT_EQ(memory.first_undefined(1000, 100), 1010);
  EXPECT_EQ(memory.first_undefined(1030, 70), -1);
  EXPECT_TRUE(std::equal(fresh.begin() + 1010, fresh.begin() + 1030, memory.touch(1010, 20)));
}

TEST(Memory, ClaimedBytesAreDefinedAndTheirNeighboursUndefinedAsBefore) {
  Memory memory(8192);
  memory.begin(5);
  const std::vector<std::byte> fresh(memory.touch(0, 8192), memory.touch(0, 8192) + 8192);
  std::fill_n(memory.claim(0, 8192), 8192, std::byte{1});
  memory.begin(5);
  std::fill_n(memory.claim(1000, 3000), 3000, std::byte{2});  // ends within the first and the fourth page
  EXPECT_EQ(memory.first_undefined(1000, 3000), -1);
  const std::byte* data = memory.touch(0, 8192);
  EXPECT_TRUE(std::equal(fresh.begin(), fresh.begin() + 1000, data));
  EXPECT_TRUE(std::equal(fresh.begin() + 4000, fresh.end(), data + 4000));
  EXPECT_EQ(memory.first_undefined(999, 1), 999);
  EXPECT_EQ(memory.first_undefined(1000, 7192), 4000);
  EXPECT_EQ(memory.first_undefined(0, 1000), 0);
}

// Pages that are known to be defined lose that with the first byte that is not.
TEST(Memory, PartsOfDefinedPagesBecomeUndefined) {
  Memory memory(8192);
  memory.begin(5);
  memory.claim(0, 4096);
  EXPECT_EQ(memory.first_undefined(0, 4096), -1);
  memory.undefine(1500, 1);
  EXPECT_EQ(memory.first_undefined(0, 4096), 1500);
  memory.define(1500, 1);
  EXPECT_EQ(memory.first_undefined(0, 4096), -1);
  memory.touch(4096, 4096);
  memory.copy_definedness(2100, 5000, 10);
  EXPECT_EQ(memory.first_undefined(0, 4096), 2100);
  memory.copy_definedness(2100, 0, 10);
  EXPECT_EQ(memory.first_undefined(0, 4096), -1);
  EXPECT_EQ(memory.first_undefined(0, 8192), 4096);
  memory.begin(5);
  memory.touch(0, 4096);
  EXPECT_EQ(memory.first_undefined(0, 4096), 0);
}

TEST(Machine, NothingIsLeftFromTheRunBefore) {
  const auto backend = make_sim();
  KernelRun writer = run_of("    %t = pto.alloc_tile addr = %a0 : $T\n    pto.tload ins(%xp : $P) outs(%t : $T)");
  run_on(*backend, writer);
  ASSERT_COMPLETED(writer);
  KernelRun reader = run_of("    %t = pto.alloc_tile addr = %a0 : $T\n    pto.tstore ins(%t : $T) outs(%yp : $P)");
  run_on(*backend, reader);
  EXPECT_EQ(first_rule(reader), "undefined-bytes");
}

TEST(Machine, NothingIsLeftFromTheBlockBefore) {
  KernelRun run = run_of(R"(    %b = pto.get_block_idx
    %z = arith.constant 0 : i64
    %first = arith.cmpi eq, %b, %z : i64
    %t = pto.alloc_tile addr = %a0 : $T
    scf.if %first {
      pto.tload ins(%xp : $P) outs(%t : $T)
    }
    pto.tstore ins(%t : $T) outs(%yp : $P))");
  run.blocks = 2;
  run = run_kernel(std::move(run));
  EXPECT_EQ(first_rule(run), "undefined-bytes");
  EXPECT_EQ(run.report.diagnostics.back().block, 1);
  EXPECT_EQ(values(run.tensors[1]), ramp());  // block 0 had finished
}

TEST(Machine, PoisonSeedDoesNotReachDefinedOutputs) {
  KernelRun a = run_of(
      "    %t = pto.alloc_tile addr = %a0 : $T\n    pto.tload ins(%xp : $P) outs(%t : $T)\n"
      "    pto.texp ins(%t : $T) outs(%t : $T)\n    pto.tstore ins(%t : $T) outs(%yp : $P)");
  KernelRun b = a;
  b.options.poison_seed = 77;
  a = run_kernel(std::move(a));
  b = run_kernel(std::move(b));
  ASSERT_COMPLETED(a);
  EXPECT_EQ(a.tensors[1], b.tensors[1]);
}

TEST(Machine, BackendsInThreadsDoNotShareState) {
  std::vector<KernelRun> runs(
      4, run_of("    %t = pto.alloc_tile addr = %a0 : $T\n    pto.tload ins(%xp : $P) outs(%t : $T)\n"
                "    pto.tstore ins(%t : $T) outs(%yp : $P)"));
  {
    std::vector<std::jthread> threads;
    for (KernelRun& run : runs) threads.emplace_back([&run] { run = run_kernel(std::move(run)); });
  }
  for (const KernelRun& run : runs) EXPECT_EQ(values(run.tensors[1]), ramp());
}

// ---- aliasing and private tiles

TEST(Machine, AllocationsOfOneAddressAlias) {
  const KernelRun run = run_kernel(run_of(R"(    %t = pto.alloc_tile addr = %a0 : $T
    pto.tload ins(%xp : $P) outs(%t : $T)
    %u = pto.alloc_tile addr = %a0 : $T
    pto.tneg ins(%u : $T) outs(%u : $T)
    pto.tstore ins(%t : $T) outs(%yp : $P))"));
  ASSERT_COMPLETED(run);
  EXPECT_EQ(values(run.tensors[1])[0], 40.0F);
}

TEST(Machine, PrivateTilesDoNotAliasOneAnother) {
  const KernelRun run = run_kernel(run_of(R"(    %t = pto.alloc_tile : $T
    %u = pto.alloc_tile : $T
    pto.tload ins(%xp : $P) outs(%t : $T)
    pto.tneg ins(%t : $T) outs(%u : $T)
    pto.tstore ins(%t : $T) outs(%yp : $P))"));
  ASSERT_COMPLETED(run);
  EXPECT_EQ(values(run.tensors[1]), ramp());
}

TEST(Machine, PrivateTileIsFreshInEveryIteration) {
  const KernelRun run = run_kernel(run_of(R"(    scf.for %i = %c0 to %c2 step %c1 {
      %t = pto.alloc_tile : $T
      %first = arith.cmpi eq, %i, %c0 : index
      scf.if %first {
        pto.tload ins(%xp : $P) outs(%t : $T)
      }
      pto.tstore ins(%t : $T) outs(%yp : $P)
    })"));
  EXPECT_EQ(first_rule(run), "undefined-bytes");
  EXPECT_EQ(run.report.diagnostics.back().loop_indices, std::vector<std::int64_t>{1});
}

// The tile made in one iteration lives on in the next one, beside the next one's own.
TEST(Machine, PrivateTileIsCarriedByALoop) {
  KernelRun run = run_of(R"(    %n = arith.constant 1000 : index
    %s = pto.alloc_tile : $T
    pto.tload ins(%xp : $P) outs(%s : $T)
    %x1 = pto.alloc_tile : $T
    pto.tload ins(%xp : $P) outs(%x1 : $T)
    %r = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %s) -> ($T) {
      %t = pto.alloc_tile : $T
      pto.tadd ins(%acc, %x1 : $T, $T) outs(%t : $T)
      scf.yield %t : $T
    }
    pto.tstore ins(%r : $T) outs(%yp : $P))");
  run = run_kernel(std::move(run));
  ASSERT_COMPLETED(run);
  EXPECT_EQ(values(run.tensors[1])[41], 1001.0F);
}

// ---- control

TEST(Control, LoopsCarryValuesAndSwapThem) {
  // Fibonacci: the yield reads both arguments before it writes either.
  const KernelRun run = run_kernel(run_of(R"(    %one = arith.constant 1 : i32
    %zero = arith.constant 0 : i32
    %r:2 = scf.for %i = %c0 to %c16 step %c1 iter_args(%a = %zero, %b = %one) -> (i32, i32) {
      %s = arith.addi %a, %b : i32
      scf.yield %b, %s : i32, i32
    }
    %f = arith.sitofp %r#0 : i32 to f32
    pto.store_scalar %f, %y[%c0] : !pto.ptr<f32>, f32)"));
  ASSERT_COMPLETED(run);
  EXPECT_EQ(values(run.tensors[1])[0], 987.0F);
}

TEST(Control, LoopThatNeverRunsGivesItsInitialValues) {
  const KernelRun run = run_kernel(run_of(R"(    %f = arith.constant 2.5 : f32
    %g = arith.constant 9.0 : f32
    %r = scf.for %i = %c8 to %c8 step %c1 iter_args(%a = %f) -> (f32) {
      scf.yield %g : f32
    }
    pto.store_scalar %r, %y[%c0] : !pto.ptr<f32>, f32)"));
  ASSERT_COMPLETED(run);
  EXPECT_EQ(values(run.tensors[1])[0], 2.5F);
}

TEST(Control, LoopToTheTypesEndStops) {
  const KernelRun run = run_kernel(run_of(R"(    %lo = arith.constant 9223372036854775800 : index
    %hi = arith.constant 9223372036854775807 : index
    %r = scf.for %i = %lo to %hi step %c2 iter_args(%a = %c0) -> (index) {
      %n = arith.addi %a, %c1 : index
      scf.yield %n : index
    }
    %k = arith.index_cast %r : index to i32
    %f = arith.sitofp %k : i32 to f32
    pto.store_scalar %f, %y[%c0] : !pto.ptr<f32>, f32)"));
  ASSERT_COMPLETED(run);
  EXPECT_EQ(values(run.tensors[1])[0], 4.0F);
}

TEST(Control, WhileCountsAndIfChooses) {
  const KernelRun run = run_kernel(run_of(R"(    %r = scf.while (%n = %c0) : (index) -> index {
      %more = arith.cmpi slt, %n, %c8 : index
      scf.condition(%more) %n : index
    } do {
    ^bb0(%m: index):
      %odd = arith.andi %m, %c1 : index
      %is = arith.cmpi ne, %odd, %c0 : index
      %step = scf.if %is -> (index) {
        scf.yield %c2 : index
      } else {
        scf.yield %c1 : index
      }
      %next = arith.addi %m, %step : index
      scf.yield %next : index
    }
    %k = arith.index_cast %r : index to i32
    %f = arith.sitofp %k : i32 to f32
    pto.store_scalar %f, %y[%c0] : !pto.ptr<f32>, f32)"));
  ASSERT_COMPLETED(run);
  EXPECT_EQ(values(run.tensors[1])[0], 9.0F);  // 0 1 3 5 7 9
}

std::string module_of(std::string_view functions) {
  return fmt::format("module attributes {{pto.target_arch = \"a2a3\"}} {{\n{}\n}}\n", functions);
}

TEST(Control, CallsPassValuesBothWaysAndKeepTheirOwnSlots) {
  KernelRun run;
  run.text = module_of(R"(
  func.func @kernel(%y: !pto.ptr<f32>) {
    %c0 = arith.constant 0 : index
    %n = arith.constant 10 : i32
    %r = func.call @factorial(%n) : (i32) -> i32
    %f = arith.sitofp %r : i32 to f32
    pto.store_scalar %f, %y[%c0] : !pto.ptr<f32>, f32
    return
  }
  func.func @factorial(%n: i32) -> i32 {
    %one = arith.constant 1 : i32
    %small = arith.cmpi sle, %n, %one : i32
    %r = scf.if %small -> (i32) {
      scf.yield %one : i32
    } else {
      %m = arith.subi %n, %one : i32
      %inner = func.call @factorial(%m) : (i32) -> i32
      %p = arith.muli %n, %inner : i32
      scf.yield %p : i32
    }
    return %r : i32
  })");
  run.tensors = {filled(1, 0)};
  run = run_kernel(std::move(run));
  ASSERT_COMPLETED(run);
  EXPECT_EQ(values(run.tensors[0])[0], 3628800.0F);
}

TEST(Control, RecursionWithoutEndIsAFault) {
  KernelRun run;
  run.text = module_of(R"(
  func.func @kernel(%y: !pto.ptr<f32>) {
    func.call @kernel(%y) : (!pto.ptr<f32>) -> ()
    return
  })");
  run.tensors = {filled(1, 0)};
  run = run_kernel(std::move(run));
  EXPECT_EQ(run.report.status, RunStatus::fault);
  EXPECT_EQ(first_rule(run), "call-depth");
}

TEST(Control, BudgetEndsALoopWithoutEnd) {
  KernelRun run = run_of(R"(    %true = arith.constant true
    scf.while : () -> () {
      scf.condition(%true)
    } do {
      scf.yield
    })");
  run.options.instruction_budget = 10000;
  run = run_kernel(std::move(run));
  EXPECT_EQ(run.report.status, RunStatus::budget) << why(run);
  EXPECT_EQ(run.report.instructions, 10000U);
}

TEST(Control, BudgetIsPerBlock) {
  KernelRun run = run_of("");
  run.blocks = 4;
  const std::uint64_t needed = run_kernel(run).report.instructions / 4;
  run.options.instruction_budget = needed;
  ASSERT_COMPLETED(run_kernel(run));
  run.options.instruction_budget = needed - 1;
  EXPECT_EQ(run_kernel(run).report.status, RunStatus::budget);
}

TEST(Control, BlocksKnowTheirNumber) {
  KernelRun run = run_of(R"(    %b = pto.get_block_idx
    %n = pto.get_block_num
    %i = arith.index_cast %b : i64 to index
    %k = arith.muli %b, %n : i64
    %f = arith.sitofp %k : i64 to f32
    pto.store_scalar %f, %y[%i] : !pto.ptr<f32>, f32)");
  run.blocks = 3;
  run = run_kernel(std::move(run));
  ASSERT_COMPLETED(run);
  EXPECT_EQ(values(run.tensors[1])[2], 6.0F);
  EXPECT_EQ(values(run.tensors[1])[3], -1.0F);
}

TEST(Control, LocalArrayKeepsSnapshots) {
  const KernelRun run = run_kernel(run_of(R"(    %one = arith.constant 1 : i32
    %two = arith.constant 2 : i32
    %l = pto.declare_local_array : !pto.local_array<4xi32>
    pto.local_array_set %l[%c1], %one : !pto.local_array<4xi32>, i32
    %old = pto.local_array_get %l[%c1] : !pto.local_array<4xi32> -> i32
    pto.local_array_set %l[%c1], %two : !pto.local_array<4xi32>, i32
    %f = arith.sitofp %old : i32 to f32
    pto.store_scalar %f, %y[%c0] : !pto.ptr<f32>, f32)"));
  ASSERT_COMPLETED(run);
  EXPECT_EQ(values(run.tensors[1])[0], 1.0F);
}

TEST(Control, ScalarArgumentsArrive) {
  const KernelRun run = run_kernel(run_of(R"(    %s = arith.extsi %n : i32 to i64
    %f = arith.sitofp %s : i64 to f32
    pto.store_scalar %f, %y[%k] : !pto.ptr<f32>, f32)",
                                          ", %n: i32, %k: index", {-7, 3}));
  ASSERT_COMPLETED(run);
  EXPECT_EQ(values(run.tensors[1])[3], -7.0F);
}

// ---- what is refused

TEST(Refused, SpacesTheTargetLacksByLine) {
  KernelRun run = run_of("    %t = pto.alloc_tile addr = %a0 : !pto.tile_buf<left, 16x16xf16, "
                         "blayout=row_major, slayout=row_major>");
  run.profile.spaces.erase("left");
  run = run_kernel(std::move(run));
  EXPECT_EQ(run.report.status, RunStatus::unsupported);
  EXPECT_NE(run.report.reason.find("left"), std::string::npos) << run.report.reason;
  EXPECT_NE(run.report.reason.find(fmt::format("line {}", line_of(run.text, "alloc_tile"))), std::string::npos)
      << run.report.reason;
}

TEST(Refused, LaunchThatDoesNotFit) {
  KernelRun run = run_of("");
  run.tensors[0] = Tensor(DType::f16, {128});
  run = run_kernel(std::move(run));
  EXPECT_EQ(run.report.status, RunStatus::error);
  EXPECT_NE(run.report.reason.find("f16"), std::string::npos) << run.report.reason;
}

TEST(Refused, OptionOfTheBackend) {
  const auto made = kSimRecord.create("fast");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::bad_input);
}

}  // namespace
}  // namespace assay::sim::testing
