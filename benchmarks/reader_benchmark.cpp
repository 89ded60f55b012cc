// Speed of reader, verifier and printer on a kernel of 50 000 lines, half in each spelling of tiles.
#include <benchmark/benchmark.h>

#include <string>

#include "harness/pto/printer.h"
#include "harness/pto/reader.h"
#include "harness/pto/verifier.h"

namespace assay::pto {
namespace {

std::string long_kernel(int lines) {
  std::string text = "func.func @f(%n: index) {\n%t = pto.alloc_tile : !pto.tile_buf<vec, 16x256xf32>\n";
  for (int i = 0; i < lines / 2; ++i)
    text += "  %v" + std::to_string(i) +
            " = arith.addi %n, %n : index\n"
            "  pto.tadd ins(%t, %t : !pto.tile_buf<loc=vec, dtype=f32, rows=16, cols=256, v_row=16, v_col=256, "
            "blayout=row_major, slayout=none_box, fractal=512, pad=0>, !pto.tile_buf<vec, 16x256xf32>) outs(%t : "
            "!pto.tile_buf<vec, 16x256xf32>)\n";
  return text + "return\n}\n";
}

void read_long_kernel(benchmark::State& state) {
  const std::string text = long_kernel(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    auto module = parse(text, "long.pto");
    if (!module) state.SkipWithError("the kernel does not parse");
    benchmark::DoNotOptimize(module);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}
BENCHMARK(read_long_kernel)->Arg(50'000)->Arg(500'000)->Unit(benchmark::kMillisecond);

void verify_long_kernel(benchmark::State& state) {
  const auto module = parse(long_kernel(static_cast<int>(state.range(0))), "long.pto");
  for (auto _ : state) benchmark::DoNotOptimize(violations(*module));
}
BENCHMARK(verify_long_kernel)->Arg(50'000)->Unit(benchmark::kMillisecond);

void print_long_kernel(benchmark::State& state) {
  const auto module = parse(long_kernel(static_cast<int>(state.range(0))), "long.pto");
  for (auto _ : state) benchmark::DoNotOptimize(print(*module));
}
BENCHMARK(print_long_kernel)->Arg(50'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace assay::pto
