// What definedness and bounds cost: the same kernels with and without RunOptions::check_accesses.
#include <benchmark/benchmark.h>

#include <string>

#include "harness/core/profile/profile.h"
#include "harness/pto/reader.h"
#include "harness/sim/backend.h"

namespace assay {
namespace {

// 16 KiB f32 tiles, `rounds` times: load, add, store; or only one of the three.
std::string kernel(std::string_view body) {
  return std::string(R"(module attributes {pto.target_arch = "a2a3"} {
  func.func @kernel(%x: !pto.ptr<f32>, %y: !pto.ptr<f32>, %rounds: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c16 = arith.constant 16 : index
    %c256 = arith.constant 256 : index
    %a0 = arith.constant 0 : i64
    %a1 = arith.constant 16384 : i64
    %a2 = arith.constant 32768 : i64
    %xv = pto.make_tensor_view %x, shape = [%c16, %c256], strides = [%c256, %c1] : !pto.tensor_view<?x?xf32>
    %yv = pto.make_tensor_view %y, shape = [%c16, %c256], strides = [%c256, %c1] : !pto.tensor_view<?x?xf32>
    %xp = pto.partition_view %xv, offsets = [%c0, %c0], sizes = [%c16, %c256] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<16x256xf32>
    %yp = pto.partition_view %yv, offsets = [%c0, %c0], sizes = [%c16, %c256] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<16x256xf32>
    %s = pto.alloc_tile addr = %a0 : !pto.tile_buf<vec, 16x256xf32>
    %t = pto.alloc_tile addr = %a1 : !pto.tile_buf<vec, 16x256xf32>
    %d = pto.alloc_tile addr = %a2 : !pto.tile_buf<vec, 16x256xf32>
    pto.tload ins(%xp : !pto.partition_tensor_view<16x256xf32>) outs(%s : !pto.tile_buf<vec, 16x256xf32>)
    pto.tload ins(%xp : !pto.partition_tensor_view<16x256xf32>) outs(%t : !pto.tile_buf<vec, 16x256xf32>)
    scf.for %i = %c0 to %rounds step %c1 {
)") + std::string(body) +
         "\n    }\n    return\n  }\n}\n";
}

constexpr std::string_view kAdd =
    "pto.tadd ins(%s, %t : !pto.tile_buf<vec, 16x256xf32>, !pto.tile_buf<vec, 16x256xf32>) "
    "outs(%d : !pto.tile_buf<vec, 16x256xf32>)";
constexpr std::string_view kLoad =
    "pto.tload ins(%xp : !pto.partition_tensor_view<16x256xf32>) outs(%s : !pto.tile_buf<vec, 16x256xf32>)";
constexpr std::string_view kStore =
    "pto.tstore ins(%s : !pto.tile_buf<vec, 16x256xf32>) outs(%yp : !pto.partition_tensor_view<16x256xf32>)";

void checks(benchmark::State& state, std::string_view body, bool on) {
  constexpr std::int64_t kRounds = 2000, kElements = 16 * 256;
  const auto module = pto::parse(kernel(body), "checks.pto");
  const auto profile = load_profile("a2a3");
  const auto backend = sim::kSimRecord.create("");
  if (!module || !profile || !backend) {
    state.SkipWithError("the kernel does not parse");
    return;
  }
  Tensor x(DType::f32, {16, 256}), y(DType::f32, {16, 256});
  Tensor* const tensors[] = {&x, &y};
  device::Launch launch;
  launch.module = &*module;
  launch.function = &module->functions.front();
  launch.tensors = tensors;
  launch.arguments = {device::PointerArgument{0, 0}, device::PointerArgument{1, 0}, kRounds};
  device::RunOptions options;
  options.profile = &*profile;
  options.check_accesses = on;
  for (auto _ : state) {
    const device::RunReport report = (*backend)->run(launch, options);
    if (report.status != device::RunStatus::completed) state.SkipWithError(report.reason.c_str());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * kRounds * kElements);
}
BENCHMARK_CAPTURE(checks, add_on, kAdd, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(checks, add_off, kAdd, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(checks, load_on, kLoad, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(checks, load_off, kLoad, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(checks, store_on, kStore, true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(checks, store_off, kStore, false)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace assay
