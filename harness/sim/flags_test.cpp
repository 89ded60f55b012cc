// Explicit order: flags, events, barriers and buffer tokens between the pipes of a core, and what breaks their rules
// (pto-format 3.5; pto-isa 2.5).
#include <fmt/format.h>

#include "harness/sim/kernel_test.h"

namespace assay::sim::testing {
namespace {

using device::RunStatus;
using device::Schedule;

constexpr std::string_view kTiles = R"(    %one = arith.constant 1.0 : f32
    %t = pto.alloc_tile addr = %a0 : $T
    %u = pto.alloc_tile addr = %a1 : $T
)";
constexpr std::string_view kLoad = "    pto.tload ins(%xp : $P) outs(%t : $T)\n";
constexpr std::string_view kAdd = "    pto.tadds ins(%t, %one : $T, f32) outs(%u : $T)\n";
constexpr std::string_view kStore = "    pto.tstore ins(%u : $T) outs(%yp : $P)\n";

std::string set(std::string_view from, std::string_view to, int id = 0) {
  return fmt::format("    pto.set_flag[<PIPE_{}>, <PIPE_{}>, <EVENT_ID{}>]\n", from, to, id);
}
std::string wait(std::string_view from, std::string_view to, int id = 0) {
  return fmt::format("    pto.wait_flag[<PIPE_{}>, <PIPE_{}>, <EVENT_ID{}>]\n", from, to, id);
}

KernelRun run_body(const std::string& body, Schedule schedule = {}) {
  KernelRun run;
  run.text = kernel(std::string(kTiles) + body);
  run.tensors.push_back(filled(128, 2.0F));
  run.tensors.push_back(filled(128, -1.0F));
  run.options.schedule = schedule;
  return run_kernel(std::move(run));
}

std::string join(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (std::string_view part : parts) text += part;
  return text;
}

constexpr Schedule kSchedules[] = {{Schedule::Kind::canonical, 0},
                                   {Schedule::Kind::worst, 0},
                                   {Schedule::Kind::seeded, 1},
                                   {Schedule::Kind::seeded, 2},
                                   {Schedule::Kind::seeded, 3}};

// Each of these orders load, add and store: silent, and the right values, whatever the schedule.
class Ordered : public ::testing::TestWithParam<std::string> {};

TEST_P(Ordered, SilentUnderEverySchedule) {
  for (Schedule schedule : kSchedules) {
    const KernelRun run = run_body(GetParam(), schedule);
    EXPECT_EQ(run.report.status, RunStatus::completed) << run.report.reason;
    EXPECT_TRUE(run.report.diagnostics.empty());
    for (float value : values(run.tensors[1])) ASSERT_EQ(value, 3.0F);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Ways, Ordered,
    ::testing::Values(
        join({kLoad, set("MTE2", "V"), wait("MTE2", "V"), kAdd, set("V", "MTE3"), wait("V", "MTE3"), kStore}),
        // The highest id there is.
        join({kLoad, set("MTE2", "V", 7), wait("MTE2", "V", 7), kAdd, set("V", "MTE3", 7), wait("V", "MTE3", 7),
              kStore}),
        join({kLoad, "    pto.barrier <PIPE_ALL>\n", kAdd, "    pto.barrier <PIPE_ALL>\n", kStore}),
        // Through the scalar stream.
        join({kLoad, set("MTE2", "S"), wait("MTE2", "S"), kAdd, set("V", "S"), wait("V", "S"), kStore}),
        join({kLoad, "    pto.record_event[<TLOAD>, <TVEC>, <EVENT_ID0>]\n",
              "    pto.wait_event[<TLOAD>, <TVEC>, <EVENT_ID0>]\n", kAdd,
              "    pto.record_event[<TVEC>, <TSTORE_VEC>, <EVENT_ID1>]\n",
              "    pto.wait_event[<TVEC>, <TSTORE_VEC>, <EVENT_ID1>]\n", kStore}),
        // The id is an operand.
        join({kLoad, "    pto.set_flag_dyn[<PIPE_MTE2>, <PIPE_V>, %c2]\n",
              "    pto.wait_flag_dyn[<PIPE_MTE2>, <PIPE_V>, %c2]\n", kAdd, set("V", "MTE3"), wait("V", "MTE3"),
              kStore}),
        // A flag used twice, the second time after its first wait.
        join({kLoad, set("MTE2", "V"), wait("MTE2", "V"), set("V", "MTE2", 1), wait("V", "MTE2", 1), kLoad,
              set("MTE2", "V"), wait("MTE2", "V"), kAdd, set("V", "MTE3"), wait("V", "MTE3"), kStore}),
        join({"    pto.get_buf[<TLOAD>, 0]\n", kLoad, "    pto.rls_buf[<TLOAD>, 0]\n", "    pto.get_buf[<TVEC>, 0]\n",
              "    pto.get_buf[<TVEC>, 1]\n", kAdd, "    pto.rls_buf[<TVEC>, 0]\n", "    pto.rls_buf[<TVEC>, 1]\n",
              "    pto.get_buf[<TSTORE_VEC>, 1]\n", kStore, "    pto.rls_buf[<TSTORE_VEC>, 1]\n"})));

TEST(Flags, BarrierOfOnePipeLeavesTheOthersAlone) {
  const KernelRun run = run_body(join({kLoad, set("MTE2", "V"), wait("MTE2", "V"), kAdd, "    pto.barrier <PIPE_V>\n",
                                       "    pto.barrier_sync[<TVEC>]\n", set("V", "MTE3"), wait("V", "MTE3"), kStore}),
                                 {Schedule::Kind::worst, 0});
  EXPECT_EQ(run.report.status, RunStatus::completed) << run.report.reason;
  EXPECT_EQ(values(run.tensors[1])[0], 3.0F);
}

// A barrier of the scalar pipe makes nobody else wait for its accesses: only a flag from it does.
TEST(Flags, BarrierOfTheScalarPipeOrdersNoOtherPipe) {
  const std::string_view store = "    pto.tsetval ins(%c0, %one : index, f32) outs(%t : $T)\n";
  for (Schedule schedule : kSchedules) {
    const KernelRun barrier = run_body(
        join({kLoad, set("MTE2", "S"), wait("MTE2", "S"), store, "    pto.barrier <PIPE_S>\n", kAdd}), schedule);
    ASSERT_EQ(first_rule(barrier), "race-raw") << static_cast<int>(schedule.kind);
    EXPECT_EQ(barrier.report.diagnostics[0].location.line, line_of(barrier.text, "pto.tadds"));
    EXPECT_EQ(barrier.report.diagnostics[0].related->line, line_of(barrier.text, "pto.tsetval"));
    const KernelRun flag = run_body(
        join({kLoad, set("MTE2", "S"), wait("MTE2", "S"), store, set("S", "V"), wait("S", "V"), kAdd}), schedule);
    EXPECT_EQ(flag.report.status, RunStatus::completed) << flag.report.reason;
  }
}

// A get is ordered after the releases before it in the program, however early later ones are executed.
TEST(Flags, ABufferIsGotAfterTheReleasesBeforeIt) {
  const auto body = [](bool early) {
    const std::string get = "    pto.get_buf[<TVEC>, 0]\n", release = "    pto.rls_buf[<TLOAD>, 0]\n";
    return join({"    pto.get_buf[<TLOAD>, 0]\n", early ? std::string_view(release) : std::string_view(), kLoad,
                 early ? std::string_view() : std::string_view(release), get, kAdd, release});
  };
  for (Schedule schedule : kSchedules) {
    EXPECT_EQ(first_rule(run_body(body(true), schedule)), "race-raw") << static_cast<int>(schedule.kind);
    EXPECT_EQ(first_rule(run_body(body(false), schedule)), "") << static_cast<int>(schedule.kind);
  }
}

// ---- broken rules

TEST(Flags, SetAgainBeforeItsWait) {
  for (Schedule schedule : kSchedules) {
    const KernelRun run =
        run_body(join({set("MTE2", "V"), set("MTE2", "V"), wait("MTE2", "V"), wait("MTE2", "V")}), schedule);
    EXPECT_EQ(run.report.status, RunStatus::fault);
    ASSERT_EQ(run.report.diagnostics.size(), 1U);
    EXPECT_EQ(first_rule(run), "flag-reused");
    const int first = line_of(run.text, "pto.set_flag");
    EXPECT_EQ(run.report.diagnostics[0].location.line, first + 1);
    // The other end: the set before, or its wait where that happened by luck.
    ASSERT_TRUE(run.report.diagnostics[0].related);
    EXPECT_NE(run.report.diagnostics[0].related->line, first + 1);
  }
}

TEST(Flags, SetAgainThoughItsWaitIsOnlyUsuallyDone) {
  // In the order of issue the wait is first, but nothing makes MTE2 wait for it.
  const KernelRun run = run_body(join({set("MTE2", "V"), wait("MTE2", "V"), set("MTE2", "V"), wait("MTE2", "V")}));
  ASSERT_EQ(run.report.diagnostics.size(), 1U);
  EXPECT_EQ(first_rule(run), "flag-reused");
  EXPECT_EQ(run.report.diagnostics[0].related->line, line_of(run.text, "pto.wait_flag"));
}

TEST(Flags, LeftSetAtTheEnd) {
  for (Schedule schedule : kSchedules) {
    const KernelRun run = run_body(join({set("MTE2", "V", 3)}), schedule);
    EXPECT_EQ(run.report.status, RunStatus::fault);
    ASSERT_EQ(run.report.diagnostics.size(), 1U);
    EXPECT_EQ(first_rule(run), "flag-leaked");
    EXPECT_EQ(run.report.diagnostics[0].location.line, line_of(run.text, "pto.set_flag"));
    EXPECT_NE(run.report.diagnostics[0].message.find("PIPE_MTE2 -> PIPE_V, event 3"), std::string::npos);
  }
}

TEST(Flags, EventIdsOfTheProfile) {
  const KernelRun literal = run_body(join({set("MTE2", "V", 8), wait("MTE2", "V", 8)}));
  EXPECT_EQ(first_rule(literal), "event-id");
  EXPECT_EQ(literal.report.diagnostics[0].location.line, line_of(literal.text, "pto.set_flag"));
  const KernelRun dynamic = run_body(join(
      {"    pto.set_flag_dyn[<PIPE_MTE2>, <PIPE_V>, %c8]\n", "    pto.wait_flag_dyn[<PIPE_MTE2>, <PIPE_V>, %c8]\n"}));
  ASSERT_EQ(first_rule(dynamic), "event-id");
  EXPECT_EQ(dynamic.report.diagnostics[0].related->line, line_of(dynamic.text, "%c8 = "));
}

// ---- deadlocks

TEST(Deadlock, WaitThatNobodyEnds) {
  for (Schedule schedule : kSchedules) {
    const KernelRun run = run_body(join({kLoad, wait("V", "MTE3"), kStore}), schedule);
    EXPECT_EQ(run.report.status, RunStatus::deadlock);
    ASSERT_EQ(run.report.diagnostics.size(), 1U);
    const device::Diagnostic& waiting = run.report.diagnostics[0];
    EXPECT_EQ(waiting.rule, "deadlock");
    EXPECT_EQ(waiting.location.line, line_of(run.text, "pto.wait_flag"));
    EXPECT_NE(waiting.message.find("PIPE_MTE3"), std::string::npos) << waiting.message;
    EXPECT_NE(waiting.message.find("PIPE_V, which has no set_flag"), std::string::npos) << waiting.message;
    EXPECT_NE(waiting.message.find("stream, which has ended"), std::string::npos) << waiting.message;
  }
}

// Where no set is to come, the nearest one between the two pipes is the likely partner.
TEST(Deadlock, ALoneWaitNamesTheNearestSetOfItsPipes) {
  for (Schedule schedule : kSchedules) {
    const KernelRun run = run_body(join({set("MTE2", "V", 0), wait("MTE2", "V", 0), wait("MTE2", "V", 1)}), schedule);
    ASSERT_EQ(run.report.diagnostics.size(), 1U);
    const int first = line_of(run.text, "pto.set_flag");
    EXPECT_EQ(run.report.diagnostics[0].location.line, first + 2);
    ASSERT_TRUE(run.report.diagnostics[0].related);
    EXPECT_EQ(run.report.diagnostics[0].related->line, first);
  }
}

TEST(Deadlock, TwoPipesThatWaitForEachOther) {
  const std::string body = join({wait("MTE2", "V", 0), set("V", "MTE2", 1), wait("V", "MTE2", 1), set("MTE2", "V", 0)});
  for (Schedule schedule : kSchedules) {
    const KernelRun run = run_body(body, schedule);
    EXPECT_EQ(run.report.status, RunStatus::deadlock);
    ASSERT_EQ(run.report.diagnostics.size(), 2U);
    const int first = line_of(run.text, "pto.wait_flag");
    EXPECT_EQ(run.report.diagnostics[0].location.line, first);  // V waits for MTE2's set, queued behind its wait
    ASSERT_TRUE(run.report.diagnostics[0].related);
    EXPECT_EQ(run.report.diagnostics[0].related->line, first + 3);
    EXPECT_EQ(run.report.diagnostics[1].location.line, first + 2);
    EXPECT_EQ(run.report.diagnostics[1].related->line, first + 1);
  }
}

TEST(Deadlock, TheStreamWaits) {
  const KernelRun run = run_body(wait("V", "S"));
  EXPECT_EQ(run.report.status, RunStatus::deadlock);
  ASSERT_EQ(run.report.diagnostics.size(), 1U);
  EXPECT_NE(run.report.diagnostics[0].message.find("scalar stream"), std::string::npos);
}

TEST(Deadlock, BarrierOfAllPipesBehindAWait) {
  const KernelRun run = run_body(join({wait("MTE2", "V"), "    pto.barrier <PIPE_ALL>\n"}));
  EXPECT_EQ(run.report.status, RunStatus::deadlock);
  ASSERT_EQ(run.report.diagnostics.size(), 2U);  // V, and the stream that waits for V
  EXPECT_NE(run.report.diagnostics[1].message.find("waits for all pipes"), std::string::npos);
  EXPECT_EQ(run.report.diagnostics[1].related->line, line_of(run.text, "pto.wait_flag"));
  EXPECT_EQ(run.report.diagnostics[0].related->line, line_of(run.text, "pto.barrier <PIPE_ALL>"));
}

TEST(Order, ProgramOrderOverridesFlags) {
  KernelRun run;
  run.text = kernel(join({kTiles, kLoad, wait("MTE2", "V"), kAdd, kStore}));
  run.tensors.push_back(filled(128, 2.0F));
  run.tensors.push_back(filled(128, -1.0F));
  run.options.order = device::Order::program;
  run = run_kernel(std::move(run));
  EXPECT_EQ(run.report.status, RunStatus::completed) << run.report.reason;
  EXPECT_EQ(values(run.tensors[1])[0], 3.0F);
}

TEST(Order, MalformedFlagsAreRefused) {
  const KernelRun run = run_body("    pto.set_flag[<PIPE_X>, <PIPE_V>, <EVENT_ID0>]\n");
  EXPECT_NE(run.report.status, RunStatus::completed);
  EXPECT_NE(run.report.reason.find("unknown pipe"), std::string::npos) << run.report.reason;
  for (std::string_view id : {"4294967295", "-1", "99999999999"}) {
    const KernelRun huge = run_body(fmt::format("    pto.sync.wait <PIPE_V>, {}\n", id));
    EXPECT_NE(huge.report.status, RunStatus::completed) << id;
  }
}

// Tiles without addresses: storage is not given away while something queued may still use it, and comes back later.
TEST(Order, PrivateStorageOutlivesWhatIsQueued) {
  const std::string body =
      join({R"(    %c4000 = arith.constant 4000 : index
    scf.for %i = %c0 to %c4000 step %c1 {
    %p = pto.alloc_tile : !pto.tile_buf<vec, 64x64xf32>
    %q = pto.alloc_tile : $T
    pto.tload ins(%xp : $P) outs(%q : $T)
)",
            set("MTE2", "MTE3"), wait("MTE2", "MTE3"), R"(    pto.tstore ins(%q : $T) outs(%yp : $P)
)",
            set("MTE3", "MTE2", 1), wait("MTE3", "MTE2", 1), "    }\n"});
  for (Schedule schedule : kSchedules) {
    const KernelRun run = run_body(body, schedule);
    EXPECT_EQ(run.report.status, RunStatus::completed) << run.report.reason;
    EXPECT_EQ(values(run.tensors[1])[0], 2.0F);
  }
}

}  // namespace
}  // namespace assay::sim::testing
