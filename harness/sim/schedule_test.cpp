// Schedules: which interleavings run, that the same one runs again, and that races show as values.
#include <fmt/format.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <set>

#include "harness/sim/kernel_test.h"

namespace assay::sim::testing {
namespace {

using device::RunStatus;
using device::Schedule;

// Adds 1 to 4 slabs of x through one buffer each for input and output. Without the back edges nothing keeps the next
// load, or the next add, from overwriting what is still in use.
std::string pipeline(bool back_edges) {
  const std::string back = back_edges ? "    " : "    // ";
  const auto flag = [](std::string_view op, std::string_view from, std::string_view to) {
    return fmt::format("pto.{}_flag[<PIPE_{}>, <PIPE_{}>, <EVENT_ID0>]\n", op, from, to);
  };
  std::string body = R"(    %c32 = arith.constant 32 : index
    %one = arith.constant 1.0 : f32
    %xb = pto.make_tensor_view %x, shape = [%c32, %c16], strides = [%c16, %c1] : $V
    %yb = pto.make_tensor_view %y, shape = [%c32, %c16], strides = [%c16, %c1] : $V
    %t = pto.alloc_tile addr = %a0 : $T
    %u = pto.alloc_tile addr = %a1 : $T
)";
  body += back + flag("set", "V", "MTE2") + back + flag("set", "MTE3", "V");
  body += R"(    scf.for %i = %c0 to %c32 step %c8 {
    %p = pto.partition_view %xb, offsets = [%i, %c0], sizes = [%c8, %c16] : $V -> $P
    %q = pto.partition_view %yb, offsets = [%i, %c0], sizes = [%c8, %c16] : $V -> $P
)";
  body += back + flag("wait", "V", "MTE2");
  body +=
      "    pto.tload ins(%p : $P) outs(%t : $T)\n    " + flag("set", "MTE2", "V") + "    " + flag("wait", "MTE2", "V");
  body += back + flag("wait", "MTE3", "V");
  body += "    pto.tadds ins(%t, %one : $T, f32) outs(%u : $T)\n";
  body += back + flag("set", "V", "MTE2");
  body += "    " + flag("set", "V", "MTE3") + "    " + flag("wait", "V", "MTE3");
  body += "    pto.tstore ins(%u : $T) outs(%q : $P)\n";
  body += back + flag("set", "MTE3", "V") + "    }\n";
  body += back + flag("wait", "V", "MTE2") + back + flag("wait", "MTE3", "V");
  return kernel(body);
}

KernelRun run_pipeline(bool back_edges, Schedule schedule) {
  KernelRun run;
  run.text = pipeline(back_edges);
  std::vector<float> x(512);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  run.tensors.push_back(floats(x));
  run.tensors.push_back(filled(512, -1.0F));
  run.options.schedule = schedule;
  return run_kernel(std::move(run));
}

std::string shown(const KernelRun& run) {
  std::string text(device::name(run.report.status));
  text += run.report.reason + fmt::format(" {} ", run.report.instructions);
  for (const device::Diagnostic& diagnostic : run.report.diagnostics) text += to_string(diagnostic, "k.pto") + "\n";
  return text;
}

bool is_right(const KernelRun& run) {
  const std::vector<float> y = values(run.tensors[1]);
  for (std::size_t i = 0; i < y.size(); ++i)
    if (y[i] != static_cast<float>(i) + 1.0F) return false;
  return true;
}

TEST(Schedules, RaceFreeProgramGivesTheSameBytesUnderAll) {
  std::vector<Schedule> schedules{{Schedule::Kind::canonical, 0}, {Schedule::Kind::worst, 0}};
  for (std::uint64_t seed = 0; seed < 50; ++seed) schedules.push_back({Schedule::Kind::seeded, seed});
  for (Schedule schedule : schedules) {
    const KernelRun run = run_pipeline(true, schedule);
    EXPECT_EQ(run.report.status, RunStatus::completed) << shown(run);
    EXPECT_TRUE(run.report.diagnostics.empty()) << shown(run);
    EXPECT_TRUE(is_right(run)) << "seed " << schedule.seed;
  }
}

TEST(Schedules, SameSeedSameRun) {
  for (Schedule::Kind kind : {Schedule::Kind::canonical, Schedule::Kind::seeded, Schedule::Kind::worst})
    for (std::uint64_t seed : {0, 7, 1234567}) {
      const KernelRun first = run_pipeline(false, {kind, seed}), second = run_pipeline(false, {kind, seed});
      EXPECT_EQ(shown(first), shown(second));
      EXPECT_EQ(values(first.tensors[1]), values(second.tensors[1]));
    }
}

TEST(Schedules, SeedsDiffer) {
  std::set<std::vector<float>> results;
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    results.insert(values(run_pipeline(false, {Schedule::Kind::seeded, seed}).tensors[1]));
  EXPECT_GT(results.size(), 2U);
}

TEST(Schedules, MissingBackEdgeShowsAsAValueUnderWorst) {
  const KernelRun canonical = run_pipeline(false, {});
  EXPECT_TRUE(is_right(canonical));  // the broken program's luck
  EXPECT_NE(canonical.report.status, RunStatus::completed);
  const KernelRun worst = run_pipeline(false, {Schedule::Kind::worst, 0});
  EXPECT_FALSE(is_right(worst));
  EXPECT_EQ(worst.report.status, RunStatus::fault) << shown(worst);
}

TEST(Schedules, OperationsKeepTheOperandsTheyWereIssuedWith) {
  // The tile's valid shape changes after the operations that used it were queued.
  KernelRun run;
  run.text = kernel(R"(    %t = pto.alloc_tile addr = %a0 valid_row = %c8 valid_col = %c16 : $D
    pto.tload ins(%xp : $P) outs(%t : $D)
    pto.set_flag[<PIPE_MTE2>, <PIPE_MTE3>, <EVENT_ID0>]
    pto.wait_flag[<PIPE_MTE2>, <PIPE_MTE3>, <EVENT_ID0>]
    pto.tstore ins(%t : $D) outs(%yp : $P)
    pto.set_validshape %t, %c1, %c1 : $D)");
  run.tensors.push_back(filled(128, 5.0F));
  run.tensors.push_back(filled(128, -1.0F));
  run.options.schedule.kind = Schedule::Kind::worst;
  run = run_kernel(std::move(run));
  EXPECT_EQ(run.report.status, RunStatus::completed) << shown(run);
  for (float value : values(run.tensors[1])) ASSERT_EQ(value, 5.0F);
}

// ---- blocks on threads

constexpr std::string_view kPerBlock = R"(    %b = pto.get_block_idx
    %i = arith.index_cast %b : i64 to index
    %f = arith.sitofp %b : i64 to f32
    %d = arith.subi %i, %k : index
    %e = arith.divsi %c16, %d : index
    pto.store_scalar %f, %y[%i] : !pto.ptr<f32>, f32)";

KernelRun run_blocks(int threads, std::int64_t failing) {
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads));
  KernelRun run;
  run.text = kernel(kPerBlock, "f32", ", %k: index");
  run.tensors.push_back(filled(128, 0.0F));
  run.tensors.push_back(filled(128, -1.0F));
  run.scalars = {failing};
  run.blocks = 64;
  return run_kernel(std::move(run));
}

TEST(Threads, SameBytesAndReport) {
  const KernelRun one = run_blocks(1, 1000), two = run_blocks(2, 1000);
  EXPECT_EQ(one.report.status, RunStatus::completed) << shown(one);
  EXPECT_EQ(shown(one), shown(two));
  EXPECT_EQ(values(one.tensors[1]), values(two.tensors[1]));
  EXPECT_EQ(values(two.tensors[1])[63], 63.0F);
}

TEST(Threads, TheFirstFaultIsTheLowestBlocks) {
  for (int threads : {1, 2}) {
    const KernelRun run = run_blocks(threads, 17);
    ASSERT_EQ(run.report.diagnostics.size(), 1U);
    EXPECT_EQ(first_rule(run), "division-by-zero");
    EXPECT_EQ(run.report.diagnostics[0].block, 17);
    EXPECT_EQ(shown(run), shown(run_blocks(1, 17)));
  }
}

// ---- agents that poll

constexpr std::string_view kPoll = R"(    %b = pto.get_block_idx
    %zero = arith.constant 0 : i64
    %first = arith.cmpi eq, %b, %zero : i64
    %none = arith.constant 0.0 : f32
    %one = arith.constant 1.0 : f32
    scf.if %first {
      scf.while : () -> () {
        %v = pto.load_scalar %y[%c1] : !pto.ptr<f32> -> f32
        %again = arith.cmpf oeq, %v, %none : f32
        scf.condition(%again)
      } do {
        scf.yield
      }
      pto.store_scalar %one, %y[%c2] : !pto.ptr<f32>, f32
    } else {
      pto.store_scalar $V, %y[%c1] : !pto.ptr<f32>, f32
    })";

KernelRun run_poll(std::string_view stored) {
  std::string body(kPoll);
  body.replace(body.find("$V"), 2, stored);
  KernelRun run;
  run.text = kernel(body);
  run.tensors.push_back(filled(128, 0.0F));
  run.tensors.push_back(filled(128, 0.0F));
  run.blocks = 2;
  run.options.instruction_budget = 100'000;
  return run_kernel(std::move(run));
}

TEST(Polling, GivesWayToTheBlockItWaitsFor) {
  const KernelRun run = run_poll("%one");
  EXPECT_EQ(run.report.status, RunStatus::completed) << shown(run);
  EXPECT_EQ(values(run.tensors[1])[2], 1.0F);
}

TEST(Polling, EndsAtTheBudget) { EXPECT_EQ(run_poll("%none").report.status, RunStatus::budget); }

}  // namespace
}  // namespace assay::sim::testing
