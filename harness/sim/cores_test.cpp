// Kinds of cores: sections, functions with a kind, agents of a block, flags between them; launches in graphs; scalars
// passed for narrower ones (pto-format 3.6, 3.7; seed bug B06).
#include <fmt/format.h>

#include <algorithm>

#include "harness/sim/kernel_test.h"

namespace assay::sim::testing {
namespace {

using device::RunStatus;
using device::Schedule;

KernelRun run_text(std::string text, std::vector<std::int64_t> scalars = {}, std::int64_t blocks = 1,
                   Schedule schedule = {}) {
  KernelRun run;
  run.text = std::move(text);
  run.tensors.push_back(filled(128, 2.0F));
  run.tensors.push_back(filled(128, -1.0F));
  run.scalars = std::move(scalars);
  run.blocks = blocks;
  run.options.schedule = schedule;
  return run_kernel(std::move(run));
}

// Each agent adds one to its own element of y: cubes from 0, vector cores from 16, two per block.
constexpr std::string_view kCount = R"(    %b = pto.get_block_idx
    %s = pto.get_subblock_idx
    %n = pto.get_subblock_num
    %one = arith.constant 1.0 : f32
    %bi = arith.index_cast %b : i64 to index
    pto.section.cube {
      %nf = arith.sitofp %n : i64 to f32
      pto.store_scalar %nf, %y[%bi] : !pto.ptr<f32>, f32
    }
    pto.section.vector {
      %b2 = arith.muli %bi, %c2 : index
      %si = arith.index_cast %s : i64 to index
      %at = arith.addi %b2, %si : index
      %to = arith.addi %at, %c16 : index
      %nf = arith.sitofp %n : i64 to f32
      pto.store_scalar %nf, %y[%to] : !pto.ptr<f32>, f32
    })";

TEST(Cores, MixedLaunchHasOneCubeAndTwoVectorCoresABlock) {
  const KernelRun run = run_text(kernel(kCount), {}, 3);
  ASSERT_EQ(run.report.status, RunStatus::completed) << run.report.reason;
  const std::vector<float> y = values(run.tensors[1]);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const float expected = i < 3 ? 1.0F : i >= 16 && i < 22 ? 2.0F : -1.0F;
    EXPECT_EQ(y[i], expected) << i;
  }
}

TEST(Cores, SectionsOfOneKindLaunchOneCore) {
  std::string text = kernel(kCount);
  const std::size_t at = text.find("pto.section.cube");
  text.replace(at, 16, "pto.section.vector");
  const KernelRun run = run_text(text);
  ASSERT_EQ(run.report.status, RunStatus::completed) << run.report.reason;
  EXPECT_EQ(values(run.tensors[1])[16], 1.0F);  // one sub-block
}

TEST(Cores, FunctionOfTheOtherKindIsSkipped) {
  const std::string text = R"(module attributes {pto.target_arch = "a2a3"} {
  func.func @both(%x: !pto.ptr<f32>, %y: !pto.ptr<f32>) {
    func.call @cube(%y) : (!pto.ptr<f32>) -> ()
    func.call @vector(%y) : (!pto.ptr<f32>) -> ()
    return
  }
  func.func @cube(%y: !pto.ptr<f32>) attributes {pto.kernel_kind = #pto.kernel_kind<cube>} {
    %c0 = arith.constant 0 : index
    %f = arith.constant 7.0 : f32
    pto.store_scalar %f, %y[%c0] : !pto.ptr<f32>, f32
    return
  }
  func.func @vector(%y: !pto.ptr<f32>) attributes {pto.kernel_kind = #pto.kernel_kind<vector>} {
    %c1 = arith.constant 1 : index
    %s = pto.get_subblock_idx
    %i = arith.index_cast %s : i64 to index
    %at = arith.addi %i, %c1 : index
    %f = arith.constant 8.0 : f32
    pto.store_scalar %f, %y[%at] : !pto.ptr<f32>, f32
    return
  }
})";
  const KernelRun run = run_text(text);
  ASSERT_EQ(run.report.status, RunStatus::completed) << run.report.reason;
  const std::vector<float> y = values(run.tensors[1]);
  EXPECT_EQ(std::vector<float>(y.begin(), y.begin() + 4), (std::vector<float>{7.0F, 8.0F, 8.0F, -1.0F}));
  // cube: call, constant, constant, store, return, call, return = 7; a vector core: call, call, 7 of the body, return.
  EXPECT_EQ(run.report.instructions, 27U);
}

TEST(Cores, TileOfMemoriesTheCoreDoesNotHave) {
  const KernelRun run = run_text(kernel(R"(    pto.section.cube {
      %t = pto.alloc_tile addr = %a0 : $T
      pto.tload ins(%xp : $P) outs(%t : $T)
    }
    pto.section.vector {
    })"));
  EXPECT_EQ(run.report.status, RunStatus::fault);
  ASSERT_EQ(first_rule(run), "wrong-core");
  EXPECT_EQ(run.report.diagnostics[0].location.line, line_of(run.text, "pto.tload"));
  EXPECT_EQ(run.report.diagnostics[0].core, "cube");
}

constexpr Schedule kSchedules[] = {
    {Schedule::Kind::canonical, 0}, {Schedule::Kind::worst, 0}, {Schedule::Kind::seeded, 5}};

// The cube core waits for both vector cores, which wait for it.
std::string meeting(std::string_view to_vector, std::string_view vector_waits, std::string_view to_cube,
                    std::string_view cube_waits) {
  return kernel(fmt::format(R"(    %two = arith.constant 2.0 : f32
    pto.section.cube {{
{}{}      %b64 = pto.get_block_idx
      %b = arith.index_cast %b64 : i64 to index
      pto.store_scalar %two, %y[%b] : !pto.ptr<f32>, f32
      pto.cmo.cacheinvalid all
      pto.fence.barrier_all
    }}
    pto.section.vector {{
{}{}    }})",
                            to_vector, cube_waits, vector_waits, to_cube));
}

TEST(CrossCore, FlagsOfABlock) {
  for (Schedule schedule : kSchedules) {
    const KernelRun run = run_text(meeting("      pto.sync.set <PIPE_FIX>, 3\n", "      pto.sync.wait <PIPE_V>, 3\n",
                                           "      pto.sync.set <PIPE_V>, 4\n", "      pto.sync.wait <PIPE_S>, 4\n"),
                                   {}, 2, schedule);
    EXPECT_EQ(run.report.status, RunStatus::completed) << run.report.reason;
    EXPECT_EQ(values(run.tensors[1])[0], 2.0F);
  }
}

TEST(CrossCore, IntraBlockFlagsNameTheVectorCore) {
  for (Schedule schedule : kSchedules) {
    const KernelRun run =
        run_text(meeting("      pto.set_intra_block <PIPE_FIX>, 1\n      pto.set_intra_block <PIPE_FIX>, 17\n",
                         "      pto.wait_intra_block <PIPE_V>, 1\n", "      pto.set_intra_block <PIPE_V>, 2\n",
                         "      pto.wait_intra_block <PIPE_S>, 2\n      pto.wait_intra_block <PIPE_S>, 18\n"),
                 {}, 1, schedule);
    EXPECT_EQ(run.report.status, RunStatus::completed) << run.report.reason;
  }
}

TEST(CrossCore, ASetThatNeverComesIsADeadlock) {
  for (Schedule schedule : kSchedules) {
    const KernelRun run =
        run_text(meeting("", "      pto.wait_intra_block <PIPE_V>, 1\n", "", "      pto.sync.wait <PIPE_S>, 4\n"), {},
                 1, schedule);
    EXPECT_EQ(run.report.status, RunStatus::deadlock);
    ASSERT_EQ(run.report.diagnostics.size(), 3U);
    std::vector<std::string> cores;
    for (const device::Diagnostic& waiting : run.report.diagnostics) {
      EXPECT_EQ(waiting.rule, "deadlock");
      EXPECT_EQ(waiting.location.line, line_of(run.text, waiting.core == "cube" ? "sync.wait" : "wait_intra_block"));
      cores.push_back(waiting.core);
      const bool cube = waiting.core == "cube";
      EXPECT_NE(waiting.message.find(cube ? "by block 0 vector 0, block 0 vector 1" : "by block 0 cube"),
                std::string::npos)
          << waiting.message;
    }
    EXPECT_EQ(cores, (std::vector<std::string>{"cube", "vector 0", "vector 1"}));
  }
}

TEST(CrossCore, AllCoresOfAKindAcrossBlocks) {
  const std::string text = kernel(R"(    %b = pto.get_block_idx
    %zero = arith.constant 0 : i64
    %first = arith.cmpi eq, %b, %zero : i64
    pto.sync.set <PIPE_MTE3>, 3 {ffts_mode = 0 : i32}
    scf.if %first {
      pto.sync.wait <PIPE_S>, 3 {ffts_mode = 0 : i32}
    } else {
      pto.sync.wait <PIPE_V>, 3 {ffts_mode = 0 : i32}
    })");
  for (Schedule schedule : kSchedules) EXPECT_EQ(run_text(text, {}, 4, schedule).report.status, RunStatus::completed);
}

TEST(CrossCore, IdsOfFlags) {
  const auto rule = [](std::string_view set, int id, std::string_view section) {
    return first_rule(
        run_text(kernel(fmt::format("    pto.section.cube {{\n    }}\n    pto.section.vector {{\n    }}\n    "
                                    "pto.section.{} {{\n      pto.{} <PIPE_S>, {}\n    }}",
                                    section, set, id))));
  };
  for (const std::string_view section : {"cube", "vector"}) {
    EXPECT_EQ(rule("sync.set", 15, section), "");
    EXPECT_EQ(rule("sync.set", 16, section), "event-id");
    EXPECT_EQ(rule("sync.wait", 15, section), "deadlock");
    EXPECT_EQ(rule("sync.wait", 16, section), "event-id");
    const bool cube = section == "cube";  // ids from 16 on are vector core 1's
    EXPECT_EQ(rule("set_intra_block", 31, section), cube ? "" : "event-id");
    EXPECT_EQ(rule("set_intra_block", 32, section), "event-id");
    EXPECT_EQ(rule("wait_intra_block", 31, section), cube ? "deadlock" : "event-id");
    EXPECT_EQ(rule("wait_intra_block", 32, section), "event-id");
  }
}

// A flag of all cores of a kind, or of both vector cores, comes when every one of them has set it; and who waits for it
// comes after what all of them did.
TEST(CrossCore, AGatheredFlagNeedsEveryMember) {
  const auto text = [](int mode, std::string_view who_sets) {
    return kernel(fmt::format(R"(    %b = pto.get_block_idx
    %s = pto.get_subblock_idx
    %zero = arith.constant 0 : i64
    %first_block = arith.cmpi eq, %b, %zero : i64
    %first_core = arith.cmpi eq, %s, %zero : i64
    %all = arith.constant true
    pto.section.cube {{
    }}
    pto.section.vector {{
      scf.if %{} {{
        pto.sync.set <PIPE_V>, 3 {{ffts_mode = {} : i32}}
      }}
      scf.if %first_core {{
        pto.sync.wait <PIPE_V>, 3 {{ffts_mode = {} : i32}}
      }}
    }})",
                              who_sets, mode, mode));
  };
  for (Schedule schedule : kSchedules) {
    for (const int mode : {0, 1}) {
      EXPECT_EQ(run_text(text(mode, "all"), {}, 3, schedule).report.status, RunStatus::completed) << mode;
      EXPECT_EQ(run_text(text(mode, "first_core"), {}, 3, schedule).report.status, RunStatus::deadlock) << mode;
    }
    EXPECT_EQ(run_text(text(0, "first_block"), {}, 3, schedule).report.status, RunStatus::deadlock);
  }
}

// The last member to set is not the only one whose accesses the flag orders.
TEST(CrossCore, AGatheredFlagOrdersWhatEveryMemberDid) {
  const auto text = [](bool waits) {
    return kernel(fmt::format(R"(    %t = pto.alloc_tile addr = %a0 : !pto.tile_buf<vec, 1x16xf32>
    %one = arith.constant 1.0 : f32
    %s64 = pto.get_subblock_idx
    %s = arith.index_cast %s64 : i64 to index
    %other = arith.subi %c1, %s : index
    %own = pto.partition_view %yv, offsets = [%s, %c0], sizes = [%c1, %c16] : $V -> $P
    %theirs = pto.partition_view %yv, offsets = [%other, %c0], sizes = [%c1, %c16] : $V -> $P
    pto.section.cube {{
    }}
    pto.section.vector {{
      pto.texpands ins(%one : f32) outs(%t : !pto.tile_buf<vec, 1x16xf32>)
      pto.barrier <PIPE_ALL>
      pto.tstore ins(%t : !pto.tile_buf<vec, 1x16xf32>) outs(%own : $P)
      pto.sync.set <PIPE_MTE3>, 3 {{ffts_mode = 1 : i32}}
      {}
      pto.tload ins(%theirs : $P) outs(%t : !pto.tile_buf<vec, 1x16xf32>)
    }})",
                              waits ? "pto.sync.wait <PIPE_MTE2>, 3 {ffts_mode = 1 : i32}" : ""));
  };
  for (Schedule schedule : kSchedules) {
    const KernelRun ordered = run_text(text(true), {}, 1, schedule);
    EXPECT_EQ(ordered.report.status, RunStatus::completed) << ordered.report.reason;
    const KernelRun racing = run_text(text(false), {}, 1, schedule);
    EXPECT_TRUE(first_rule(racing).starts_with("race-"));
  }
}

// ---- graphs

struct Graph {
  pto::Module module;
  std::vector<Tensor> tensors;
  std::vector<device::Task> tasks;
  std::vector<Tensor*> pointers;

  // Launches of the function over (from, to), on a rank.
  void add(std::size_t from, std::size_t to, std::int64_t rank, std::vector<std::size_t> after) {
    device::Task task;
    task.launch.module = &module;
    task.launch.function = &module.functions.front();
    task.launch.rank = rank;
    task.launch.tensors = pointers;
    task.launch.arguments = {device::PointerArgument{from, 0}, device::PointerArgument{to, 0}};
    task.after = std::move(after);
    tasks.push_back(std::move(task));
  }
};

Graph graph_of(std::size_t tensors) {
  Graph graph;
  graph.module = pto::parse(kernel(R"(    %t = pto.alloc_tile addr = %a0 : $T
    %one = arith.constant 1.0 : f32
    pto.tload ins(%xp : $P) outs(%t : $T)
    pto.tadds ins(%t, %one : $T, f32) outs(%t : $T)
    pto.tstore ins(%t : $T) outs(%yp : $P))"),
                            "kernel.pto")
                     .value();
  graph.tensors.reserve(tensors);
  for (std::size_t i = 0; i < tensors; ++i) {
    graph.tensors.push_back(filled(128, 0.0F));
    graph.pointers.push_back(&graph.tensors.back());
  }
  return graph;
}

TEST(Graphs, ChainsForksAndRanks) {
  Graph graph = graph_of(5);
  graph.add(0, 1, 0, {});
  graph.add(1, 2, 1, {0});
  graph.add(1, 3, 2, {0});
  graph.add(3, 4, 2, {1, 2});
  const Profile profile = load_profile("a2a3").value();
  for (Schedule schedule : kSchedules) {
    for (Tensor& tensor : graph.tensors) std::ranges::fill(tensor.bytes(), std::byte{0});
    device::RunOptions options;
    options.profile = &profile;
    options.schedule = schedule;
    // Placements name nobody: windows for all.
    const std::vector<device::Placement> placements(5, device::Placement{0, true});
    for (device::Task& task : graph.tasks) task.launch.placements = placements;
    const device::RunReport report = make_sim()->run_graph(graph.tasks, options);
    EXPECT_EQ(report.status, RunStatus::completed) << report.reason;
    EXPECT_EQ(values(graph.tensors[1])[0], 1.0F);
    EXPECT_EQ(values(graph.tensors[2])[127], 2.0F);
    EXPECT_EQ(values(graph.tensors[4])[127], 3.0F);
  }
}

TEST(Graphs, StopAtTheFirstTaskThatDoesNotComplete) {
  Graph graph = graph_of(3);
  graph.add(0, 1, 0, {});
  graph.add(1, 2, 0, {0});
  const Profile profile = load_profile("a2a3").value();
  device::RunOptions options;
  options.profile = &profile;
  options.instruction_budget = 3;
  const device::RunReport report = make_sim()->run_graph(graph.tasks, options);
  EXPECT_EQ(report.status, RunStatus::budget);
  EXPECT_EQ(values(graph.tensors[2])[0], 0.0F);
}

TEST(Graphs, EdgesPointBackwards) {
  Graph graph = graph_of(2);
  graph.add(0, 1, 0, {0});
  const Profile profile = load_profile("a2a3").value();
  device::RunOptions options;
  options.profile = &profile;
  EXPECT_EQ(make_sim()->run_graph(graph.tasks, options).status, RunStatus::error);
}

// ---- scalars passed for narrower ones

struct Passed {
  std::string type;
  std::int64_t value;
  bool fits;
};
class LaunchArguments : public ::testing::TestWithParam<Passed> {};

TEST_P(LaunchArguments, FitTheirType) {
  const KernelRun run = run_text(kernel("", "f32", fmt::format(", %n: {}", GetParam().type)), {GetParam().value});
  EXPECT_EQ(run.report.status == RunStatus::completed, GetParam().fits) << run.report.reason;
  if (GetParam().fits) return;
  ASSERT_EQ(first_rule(run), "narrowing");
  EXPECT_TRUE(run.report.diagnostics[0].related);
  EXPECT_NE(run.report.diagnostics[0].message.find("%n"), std::string::npos);
}

constexpr std::int64_t kTwo31 = std::int64_t{1} << 31;
INSTANTIATE_TEST_SUITE_P(Values, LaunchArguments,
                         ::testing::Values(Passed{"i32", kTwo31 - 1, true}, Passed{"i32", -kTwo31, true},
                                           Passed{"i32", kTwo31, false}, Passed{"i32", -kTwo31 - 1, false},
                                           Passed{"i32", std::int64_t{1} << 40, false},
                                           Passed{"ui32", 2 * kTwo31 - 1, true}, Passed{"ui32", -1, false},
                                           Passed{"i64", std::int64_t{1} << 40, true},
                                           Passed{"index", std::int64_t{1} << 40, true}, Passed{"i16", 65535, true},
                                           Passed{"i16", 65536, false}));

// The verifier refuses a call whose types differ; modules made otherwise meet the rule when they run.
TEST(Call, ArgumentOfANarrowerType) {
  const std::string text = R"(module attributes {pto.target_arch = "a2a3"} {
  func.func @kernel(%x: !pto.ptr<f32>, %y: !pto.ptr<f32>, %n: i64) {
    func.call @inner(%y, %n) : (!pto.ptr<f32>, i64) -> ()
    return
  }
  func.func @inner(%y: !pto.ptr<f32>, %m: i64) {
    %c0 = arith.constant 0 : index
    %f = arith.sitofp %m : i64 to f32
    pto.store_scalar %f, %y[%c0] : !pto.ptr<f32>, f32
    return
  }
})";
  for (const auto& [value, fits] : {std::pair{kTwo31 - 1, true}, std::pair{kTwo31, false}}) {
    pto::Module module = pto::parse(text, "kernel.pto").value();
    pto::Function& inner = module.functions[1];
    inner.values[inner.arguments[1]].type = pto::ScalarType{pto::ScalarKind::i32};
    std::vector<Tensor> tensors{filled(8, 0.0F), filled(8, 0.0F)};
    std::vector<Tensor*> pointers{&tensors[0], &tensors[1]};
    const Profile profile = load_profile("a2a3").value();
    device::Launch launch;
    launch.module = &module;
    launch.function = &module.functions.front();
    launch.tensors = pointers;
    launch.arguments = {device::PointerArgument{0, 0}, device::PointerArgument{1, 0}, std::int64_t{value}};
    device::RunOptions options;
    options.profile = &profile;
    const device::RunReport report = make_sim()->run(launch, options);
    EXPECT_EQ(report.status == RunStatus::completed, fits) << report.reason;
    if (!fits) {
      EXPECT_EQ(report.diagnostics.at(0).rule, "narrowing");
    }
  }
}

}  // namespace
}  // namespace assay::sim::testing
