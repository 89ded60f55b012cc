// The barrier of all cores of a launch.
#include <gtest/gtest.h>

#include "harness/sim/ranks_test.h"

namespace assay::sim::testing {
namespace {

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
