// Vector operations of the simulator through Backend::run, all checks on: a kernel that repeats one operation on tiles in
// UB. items_per_second are elements; `of_memcpy` is the share of the speed at which memcpy moves the same bytes.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "harness/core/profile/profile.h"
#include "harness/pto/reader.h"
#include "harness/sim/backend.h"

namespace assay {
namespace {

constexpr std::int64_t kRounds = 2000;

struct Operation {
  std::string_view text;  // $T the tile, $H the 16-bit one, $I the i32 one, $C a column, $R a row
  std::int64_t bytes;     // an element read and written
};

std::string replaced(std::string text, std::string_view from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// %a and %b hold values, %i integers, %h bf16, %f f16, %c a column, %r a row; %d and %o are destinations.
std::string kernel(std::int64_t rows, std::int64_t cols, std::string_view body) {
  std::string text = R"(module attributes {pto.target_arch = "a2a3"} {
  func.func @kernel(%x: !pto.ptr<f32>, %rounds: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %rows = arith.constant $ROWS : index
    %cols = arith.constant $COLS : index
    %s = arith.constant 1.5 : f32
    %xv = pto.make_tensor_view %x, shape = [%rows, %cols], strides = [%cols, %c1] : !pto.tensor_view<?x?xf32>
    %xp = pto.partition_view %xv, offsets = [%c0, %c0], sizes = [%rows, %cols] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<?x?xf32>
    %a = pto.alloc_tile : $T
    %b = pto.alloc_tile : $T
    %d = pto.alloc_tile : $T
    %i = pto.alloc_tile : $I
    %h = pto.alloc_tile : $H
    %f = pto.alloc_tile : $F
    %c = pto.alloc_tile : $C
    %r = pto.alloc_tile : $R
    pto.tload ins(%xp : !pto.partition_tensor_view<?x?xf32>) outs(%a : $T)
    pto.tload ins(%xp : !pto.partition_tensor_view<?x?xf32>) outs(%b : $T)
    pto.tcvt ins(%a {rmode = #pto<round_mode RINT>} : $T) outs(%i : $I)
    pto.tcvt ins(%a {rmode = #pto<round_mode RINT>} : $T) outs(%h : $H)
    pto.tcvt ins(%a {rmode = #pto<round_mode RINT>} : $T) outs(%f : $F)
    pto.trowmax ins(%a : $T) outs(%c : $C)
    pto.tcolmax ins(%a : $T) outs(%r : $R)
    scf.for %n = %c0 to %rounds step %c1 {
      $BODY
    }
    return
  }
}
)";
  text = replaced(text, "$BODY", std::string(body));
  text = replaced(text, "$ROWS", std::to_string(rows));
  text = replaced(text, "$COLS", std::to_string(cols));
  text = replaced(text, "$T", fmt::format("!pto.tile_buf<vec, {}x{}xf32>", rows, cols));
  text = replaced(text, "$I", fmt::format("!pto.tile_buf<vec, {}x{}xi32>", rows, cols));
  text = replaced(text, "$H", fmt::format("!pto.tile_buf<vec, {}x{}xbf16>", rows, cols));
  text = replaced(text, "$F", fmt::format("!pto.tile_buf<vec, {}x{}xf16>", rows, cols));
  text = replaced(text, "$C", fmt::format("!pto.tile_buf<vec, {}x1xf32, blayout=col_major>", rows));
  return replaced(text, "$R", fmt::format("!pto.tile_buf<vec, 1x{}xf32>", cols));
}

// Processor time: other work on the machine does not count.
double seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// Bytes per second of memcpy between two buffers of the size, best of a few.
double memcpy_speed(std::size_t size) {
  std::vector<std::byte> from(size, std::byte{1}), to(size);
  double best = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    const double begin = seconds();
    for (int k = 0; k < 20000; ++k) {
      std::memcpy(to.data(), from.data(), size);
      benchmark::DoNotOptimize(to.data());
      benchmark::ClobberMemory();
    }
    best = std::max(best, 20000.0 * static_cast<double>(size) / (seconds() - begin));
  }
  return best;
}

void vector_op(benchmark::State& state, Operation operation) {
  const std::int64_t rows = state.range(0), cols = state.range(1);
  const auto module = pto::parse(kernel(rows, cols, operation.text), "vector.pto");
  const auto profile = load_profile("a2a3");
  const auto backend = sim::kSimRecord.create("");
  if (!module || !profile || !backend) {
    state.SkipWithError(module ? "no backend" : to_string(module.error()).c_str());
    return;
  }
  Tensor x(DType::f32, {rows, cols});
  const auto values = x.as<float>();
  for (std::size_t k = 0; k < values.size(); ++k) values[k] = 0.37F * static_cast<float>(k % 97) - 11;
  Tensor* const tensors[] = {&x};
  device::Launch launch;
  launch.module = &*module;
  launch.function = &module->functions.front();
  launch.tensors = tensors;
  launch.arguments = {device::PointerArgument{0, 0}, kRounds};
  device::RunOptions options;
  options.profile = &*profile;
  const double begin = seconds();
  for (auto _ : state) {
    const device::RunReport report = (*backend)->run(launch, options);
    if (report.status != device::RunStatus::completed) {
      state.SkipWithError(report.reason.c_str());
      return;
    }
  }
  const double elapsed = seconds() - begin;
  const auto elements = static_cast<double>(state.iterations()) * static_cast<double>(kRounds * rows * cols);
  state.SetItemsProcessed(static_cast<std::int64_t>(elements));
  const double written = elements * static_cast<double>(operation.bytes) / 2 / elapsed;
  state.counters["of_memcpy"] = written / memcpy_speed(static_cast<std::size_t>(rows * cols * operation.bytes / 2));
}

void shapes(benchmark::internal::Benchmark* b) {
  b->Args({16, 256})->Args({64, 128})->Unit(benchmark::kMillisecond);
}

BENCHMARK_CAPTURE(vector_op, tadd, {"pto.tadd ins(%a, %b : $T, $T) outs(%d : $T)", 12})->Apply(shapes);
BENCHMARK_CAPTURE(vector_op, tadd_in_place, {"pto.tadd ins(%a, %b : $T, $T) outs(%a : $T)", 12})->Apply(shapes);
BENCHMARK_CAPTURE(vector_op, tdiv, {"pto.tdiv ins(%a, %b : $T, $T) outs(%d : $T)", 12})->Apply(shapes);
BENCHMARK_CAPTURE(vector_op, tmax, {"pto.tmax ins(%a, %b : $T, $T) outs(%d : $T)", 12})->Apply(shapes);
BENCHMARK_CAPTURE(vector_op, tmuls, {"pto.tmuls ins(%a, %s : $T, f32) outs(%d : $T)", 8})->Apply(shapes);
BENCHMARK_CAPTURE(vector_op, texpands, {"pto.texpands ins(%s : f32) outs(%d : $T)", 4})->Apply(shapes);
BENCHMARK_CAPTURE(vector_op, tadd_i32, {"pto.tadd ins(%i, %i : $I, $I) outs(%i : $I)", 12})->Apply(shapes);
BENCHMARK_CAPTURE(vector_op, trowexpandmul, {"pto.trowexpandmul ins(%a, %c, %b : $T, $C, $T) outs(%d : $T)", 8})
    ->Apply(shapes);
BENCHMARK_CAPTURE(vector_op, tcolexpandadd, {"pto.tcolexpandadd ins(%a, %r : $T, $R) outs(%d : $T)", 8})->Apply(shapes);
BENCHMARK_CAPTURE(vector_op, tcvt_f32_bf16, {"pto.tcvt ins(%a {rmode = #pto<round_mode RINT>} : $T) outs(%h : $H)", 6})
    ->Apply(shapes);
BENCHMARK_CAPTURE(vector_op, tcvt_f32_f16, {"pto.tcvt ins(%a {rmode = #pto<round_mode RINT>} : $T) outs(%f : $F)", 6})
    ->Apply(shapes);
BENCHMARK_CAPTURE(vector_op, tcvt_bf16_f32, {"pto.tcvt ins(%h : $H) outs(%d : $T)", 6})->Apply(shapes);
BENCHMARK_CAPTURE(vector_op, tcvt_f32_i32, {"pto.tcvt ins(%a {rmode = #pto<round_mode RINT>} : $T) outs(%i : $I)", 8})
    ->Apply(shapes);
// Row amax as kernels write it.
BENCHMARK_CAPTURE(vector_op, row_amax, {"pto.tabs ins(%a : $T) outs(%d : $T)\n      pto.trowmax ins(%d : $T) outs(%c : $C)", 8})
    ->Apply(shapes);
BENCHMARK_CAPTURE(vector_op, trowmax, {"pto.trowmax ins(%a : $T) outs(%c : $C)", 4})->Apply(shapes);
BENCHMARK_CAPTURE(vector_op, trowsum, {"pto.trowsum ins(%a : $T) outs(%c : $C)", 4})->Apply(shapes);
BENCHMARK_CAPTURE(vector_op, texp, {"pto.texp ins(%a : $T) outs(%d : $T)", 8})->Apply(shapes);
BENCHMARK_CAPTURE(vector_op, tneg, {"pto.tneg ins(%a : $T) outs(%d : $T)", 8})->Apply(shapes);

}  // namespace
}  // namespace assay
