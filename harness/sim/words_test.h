// Test support: graphs of launches over tensors of i32 words, which scalars write and DMA copies.
#pragma once

#include "harness/sim/kernel_test.h"

namespace assay::sim::testing {

struct WordsRun {
  std::string text;
  std::vector<Tensor> tensors;
  std::vector<device::Placement> placements;
  struct Launched {
    std::string function;
    std::vector<std::size_t> tensors;
    std::vector<std::size_t> after;
    std::int64_t rank = 0;
  };
  std::vector<Launched> launches;
  device::RunOptions options;
  device::RunReport report;
};

inline WordsRun run_graph(WordsRun run) {
  const Result<pto::Module> module = pto::parse(run.text, "graph.pto");
  EXPECT_TRUE(module) << to_string(module.error());
  if (!module) return run;
  const Profile profile = load_profile("a2a3").value();
  run.options.profile = &profile;
  run.options.instruction_budget = 100'000;
  std::vector<Tensor*> tensors;
  for (Tensor& tensor : run.tensors) tensors.push_back(&tensor);
  std::vector<device::Task> tasks;
  for (const WordsRun::Launched& launched : run.launches) {
    device::Task task;
    task.launch.module = &*module;
    for (const pto::Function& function : module->functions)
      if (function.name == launched.function) task.launch.function = &function;
    task.launch.tensors = tensors;
    task.launch.placements = run.placements;
    task.launch.rank = launched.rank;
    for (std::size_t tensor : launched.tensors) {
      const std::int64_t front = tensor < run.placements.size() ? run.placements[tensor].front : 0;
      task.launch.arguments.emplace_back(device::PointerArgument{tensor, front / 4});
    }
    task.after = launched.after;
    tasks.push_back(std::move(task));
  }
  run.report = make_sim()->run_graph(tasks, run.options);
  return run;
}

inline std::string rules(const WordsRun& run) {
  std::string text;
  for (const device::Diagnostic& found : run.report.diagnostics) text += found.rule + " ";
  return text;
}
inline std::string explain(const WordsRun& run) {
  std::string text = run.report.reason;
  for (const device::Diagnostic& found : run.report.diagnostics) text += "\n" + device::to_string(found, "graph.pto");
  return text;
}

inline std::int32_t word(const Tensor& tensor, std::size_t at) { return tensor.as<std::int32_t>()[at]; }
inline Tensor words(std::int32_t value, std::size_t count = 64) {
  return tensor_of(DType::i32, std::vector<std::int32_t>(count, value));
}

// @writer stores 7 to the first word of %x; @reader copies it to the first word of %y; @copier does so by DMA.
inline std::string writer_and_readers(std::string_view after_store, std::string_view before_load = "") {
  return R"(module attributes {pto.target_arch = "a2a3"} {
  func.func @writer(%x: !pto.ptr<i32>) {
    %c0 = arith.constant 0 : index
    %v = arith.constant 7 : i32
    pto.store_scalar %v, %x[%c0] : !pto.ptr<i32>, i32
)" + std::string(after_store) +
         R"(    pto.barrier <PIPE_ALL>
    return
  }
  func.func @reader(%x: !pto.ptr<i32>, %y: !pto.ptr<i32>) {
    %c0 = arith.constant 0 : index
)" + std::string(before_load) +
         R"(    %v = pto.load_scalar %x[%c0] : !pto.ptr<i32> -> i32
    pto.store_scalar %v, %y[%c0] : !pto.ptr<i32>, i32
    pto.cmo.cacheinvalid %y single_cache_line : !pto.ptr<i32>
    pto.fence.barrier_all
    pto.barrier <PIPE_ALL>
    return
  }
  func.func @copier(%x: !pto.ptr<i32>, %y: !pto.ptr<i32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c16 = arith.constant 16 : index
    %a0 = arith.constant 0 : i64
    %xv = pto.make_tensor_view %x, shape = [%c1, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xi32>
    %yv = pto.make_tensor_view %y, shape = [%c1, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xi32>
    %xp = pto.partition_view %xv, offsets = [%c0, %c0], sizes = [%c1, %c16] : !pto.tensor_view<?x?xi32> -> !pto.partition_tensor_view<1x16xi32>
    %yp = pto.partition_view %yv, offsets = [%c0, %c0], sizes = [%c1, %c16] : !pto.tensor_view<?x?xi32> -> !pto.partition_tensor_view<1x16xi32>
    %t = pto.alloc_tile addr = %a0 : !pto.tile_buf<vec, 1x16xi32>
    pto.tload ins(%xp : !pto.partition_tensor_view<1x16xi32>) outs(%t : !pto.tile_buf<vec, 1x16xi32>)
    pto.set_flag[<PIPE_MTE2>, <PIPE_MTE3>, <EVENT_ID0>]
    pto.wait_flag[<PIPE_MTE2>, <PIPE_MTE3>, <EVENT_ID0>]
    pto.tstore ins(%t : !pto.tile_buf<vec, 1x16xi32>) outs(%yp : !pto.partition_tensor_view<1x16xi32>)
    return
  }
}
)";
}
inline constexpr std::string_view kFlush =
    "    pto.cmo.cacheinvalid %x single_cache_line : !pto.ptr<i32>\n    pto.fence.barrier_all\n";
inline constexpr std::string_view kFlushOnly = "    pto.cmo.cacheinvalid %x single_cache_line : !pto.ptr<i32>\n";

inline WordsRun chain(std::string text, std::string second) {
  WordsRun run;
  run.text = std::move(text);
  run.tensors = {words(-1), words(-2)};
  run.launches = {{"writer", {0}, {}}, {std::move(second), {0, 1}, {0}}};
  return run_graph(std::move(run));
}

}  // namespace assay::sim::testing
