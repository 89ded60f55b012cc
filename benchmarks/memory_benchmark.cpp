// Memory the simulator takes beside the tensors of a launch: the peak of the process's resident memory over the run, less
// what was resident before. Issue 4: at most 1.25 x the tensors plus 64 MiB altogether, so at most a quarter of the
// tensors plus 64 MiB beside them; a run that takes more is an error. `beside_%` is of the tensors, without the 64 MiB.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string>

#include "harness/core/profile/profile.h"
#include "harness/pto/reader.h"
#include "harness/sim/backend.h"

namespace assay {
namespace {

constexpr double kMiB = 1 << 20;

double status_mib(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field + ":")) return std::stod(line.substr(field.size() + 1)) / 1024;
  return -1;
}

// From here on VmHWM is the peak since now.
bool reset_peak() {
  std::ofstream file("/proc/self/clear_refs");
  file << 5 << std::flush;
  return static_cast<bool>(file);
}

struct Kernel {
  std::string text;
  std::int64_t rows, cols;
  bool has_source = true;  // else only a result
};

// y = x + x by tiles of `height` x `width`, blocks take bands of rows in turn, one buffer per pipe handed on by flags.
Kernel elementwise(std::int64_t rows, std::int64_t cols, std::int64_t height, std::int64_t width) {
  const std::string tile = fmt::format("!pto.tile_buf<vec, {}x{}xf32>", height, width);
  const std::string part = fmt::format("!pto.partition_tensor_view<{}x{}xf32>", height, width);
  std::string text = R"(module attributes {pto.target_arch = "a2a3"} {
  func.func @kernel(%x: !pto.ptr<f32>, %y: !pto.ptr<f32>, %R: index, %C: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %h = arith.constant $H : index
    %w = arith.constant $W : index
    %a0 = arith.constant 0 : i64
    %a1 = arith.constant 65536 : i64
    %bi = pto.get_block_idx
    %bn = pto.get_block_num
    %b = arith.index_cast %bi : i64 to index
    %n = arith.index_cast %bn : i64 to index
    %first = arith.muli %b, %h : index
    %step = arith.muli %n, %h : index
    %xv = pto.make_tensor_view %x, shape = [%R, %C], strides = [%C, %c1] : !pto.tensor_view<?x?xf32>
    %yv = pto.make_tensor_view %y, shape = [%R, %C], strides = [%C, %c1] : !pto.tensor_view<?x?xf32>
    %s = pto.alloc_tile addr = %a0 : $T
    %d = pto.alloc_tile addr = %a1 : $T
    pto.set_flag[<PIPE_V>, <PIPE_MTE2>, <EVENT_ID0>]
    pto.set_flag[<PIPE_MTE3>, <PIPE_V>, <EVENT_ID0>]
    scf.for %r = %first to %R step %step {
      scf.for %c = %c0 to %C step %w {
        %xp = pto.partition_view %xv, offsets = [%r, %c], sizes = [%h, %w] : !pto.tensor_view<?x?xf32> -> $P
        %yp = pto.partition_view %yv, offsets = [%r, %c], sizes = [%h, %w] : !pto.tensor_view<?x?xf32> -> $P
        pto.wait_flag[<PIPE_V>, <PIPE_MTE2>, <EVENT_ID0>]
        pto.tload ins(%xp : $P) outs(%s : $T)
        pto.set_flag[<PIPE_MTE2>, <PIPE_V>, <EVENT_ID0>]
        pto.wait_flag[<PIPE_MTE2>, <PIPE_V>, <EVENT_ID0>]
        pto.wait_flag[<PIPE_MTE3>, <PIPE_V>, <EVENT_ID0>]
        pto.tadd ins(%s, %s : $T, $T) outs(%d : $T)
        pto.set_flag[<PIPE_V>, <PIPE_MTE2>, <EVENT_ID0>]
        pto.set_flag[<PIPE_V>, <PIPE_MTE3>, <EVENT_ID0>]
        pto.wait_flag[<PIPE_V>, <PIPE_MTE3>, <EVENT_ID0>]
        pto.tstore ins(%d : $T) outs(%yp : $P)
        pto.set_flag[<PIPE_MTE3>, <PIPE_V>, <EVENT_ID0>]
      }
    }
    pto.wait_flag[<PIPE_V>, <PIPE_MTE2>, <EVENT_ID0>]
    pto.wait_flag[<PIPE_MTE3>, <PIPE_V>, <EVENT_ID0>]
    return
  }
}
)";
  const auto replace = [&](std::string_view from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  };
  replace("$T", tile);
  replace("$P", part);
  replace("$H", std::to_string(height));
  replace("$W", std::to_string(width));
  return {text, rows, cols};
}

// Every element of y stored by the scalar unit, all of it written back at the end.
Kernel scalar_stores(std::int64_t rows, std::int64_t cols) {
  return {R"(module attributes {pto.target_arch = "a2a3"} {
  func.func @kernel(%y: !pto.ptr<f32>, %R: index, %C: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %v = arith.constant 1.5 : f32
    %n = arith.muli %R, %C : index
    scf.for %i = %c0 to %n step %c1 {
      pto.store_scalar %v, %y[%i] : !pto.ptr<f32>, f32
    }
    pto.cmo.cacheinvalid all
    pto.fence.barrier_all
    return
  }
}
)",
          rows, cols, false};
}

void memory(benchmark::State& state, const Kernel& kernel, device::Order order, std::int64_t blocks, bool undefined) {
  const auto module = pto::parse(kernel.text, "memory.pto");
  const auto profile = load_profile("a2a3");
  if (!module || !profile) {
    state.SkipWithError(module ? "no profile" : to_string(module.error()).c_str());
    return;
  }
  std::vector<Tensor> tensors;
  for (int t = kernel.has_source ? 0 : 1; t < 2; ++t) {
    tensors.emplace_back(DType::f32, Shape{kernel.rows, kernel.cols});
    std::memset(tensors.back().bytes().data(), 1, tensors.back().bytes().size());  // resident
  }
  std::vector<Tensor*> pointers;
  std::vector<device::Placement> placements(tensors.size());
  placements.back().undefined = undefined;
  device::Launch launch;
  launch.module = &*module;
  launch.function = &module->functions.front();
  launch.blocks = blocks;
  double tensors_mib = 0;
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    pointers.push_back(&tensors[t]);
    launch.arguments.emplace_back(device::PointerArgument{t, 0});
    tensors_mib += static_cast<double>(tensors[t].bytes().size()) / kMiB;
  }
  launch.tensors = pointers;
  launch.placements = placements;
  launch.arguments.emplace_back(kernel.rows);
  launch.arguments.emplace_back(kernel.cols);
  device::RunOptions options;
  options.profile = &*profile;
  options.order = order;
  double most = 0;
  for (auto _ : state) {
    const auto backend = sim::kSimRecord.create("");
    malloc_trim(0);  // what earlier runs left in the heap would hide what this one takes
    const double before = status_mib("VmRSS");
    if (!reset_peak() || before < 0) {
      state.SkipWithError("the process cannot measure its memory");
      return;
    }
    const device::RunReport report = (*backend)->run(launch, options);
    most = std::max(most, status_mib("VmHWM") - before);
    if (report.status != device::RunStatus::completed) {
      state.SkipWithError(
          report.diagnostics.empty() ? report.reason.c_str() : to_string(report.diagnostics[0], "memory.pto").c_str());
      return;
    }
  }
  state.counters["tensors_MiB"] = tensors_mib;
  state.counters["beside_MiB"] = most;
  state.counters["beside_%"] = 100 * most / tensors_mib;
  if (most > tensors_mib / 4 + 64) state.SkipWithError(fmt::format("{:.0f} MiB beside the tensors", most).c_str());
}

using device::Order;
const Kernel kTall = elementwise(1 << 14, 1 << 12, 64, 128);    // 2 x 256 MiB, pieces of 512 bytes
const Kernel kNarrow = elementwise(1 << 14, 1 << 12, 64, 16);   // pieces of 64 bytes
const Kernel kScalar = scalar_stores(1 << 11, 1 << 11);         // 16 MiB
void once(benchmark::internal::Benchmark* b) { b->Iterations(1)->Unit(benchmark::kMillisecond); }
BENCHMARK_CAPTURE(memory, elementwise_program, kTall, Order::program, 8, false)->Apply(once);
BENCHMARK_CAPTURE(memory, elementwise_explicit, kTall, Order::explicit_sync, 8, false)->Apply(once);
BENCHMARK_CAPTURE(memory, elementwise_undefined, kTall, Order::explicit_sync, 8, true)->Apply(once);
BENCHMARK_CAPTURE(memory, elementwise_one_block, kTall, Order::explicit_sync, 1, true)->Apply(once);
BENCHMARK_CAPTURE(memory, small_pieces, kNarrow, Order::explicit_sync, 8, true)->Apply(once);
BENCHMARK_CAPTURE(memory, small_pieces_one_block, kNarrow, Order::explicit_sync, 1, true)->Apply(once);
BENCHMARK_CAPTURE(memory, scalar_stores_program, kScalar, Order::program, 1, false)->Apply(once);
BENCHMARK_CAPTURE(memory, scalar_stores_explicit, kScalar, Order::explicit_sync, 1, false)->Apply(once);

}  // namespace
}  // namespace assay
