// Rounding and quantisation of the goldens beside memcpy.
#include <benchmark/benchmark.h>
#include <tbb/task_arena.h>

#include <cstring>

#include "goldens/formats/bf16.h"
#include "goldens/parallel.h"
#include "goldens/quantize/int8.h"
#include "harness/core/fill.h"

namespace assay {
namespace {

constexpr std::int64_t kRows = 256, kColumns = 4096;  // 4 MiB of f32: larger than L2

const Tensor& normal_rows() {
  static const Tensor rows = [] {
    Tensor tensor(DType::f32, {kRows, kColumns});
    if (!fill(tensor, "normal", 1, "x")) std::abort();
    return tensor;
  }();
  return rows;
}

void count_bytes(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(normal_rows().bytes().size()));
}

void copy(benchmark::State& state) {
  Tensor target(DType::f32, {kRows, kColumns});
  for (auto _ : state) {
    std::memcpy(target.bytes().data(), normal_rows().bytes().data(), target.bytes().size());
    benchmark::ClobberMemory();
  }
  count_bytes(state);
}
BENCHMARK(copy)->Name("memcpy_f32");

// 256 MiB of float32 to bf16 beside memcpy of the same input, with as many threads on either side. GB/s count bytes
// read and bytes written; both targets are written before the clock starts, so that no page is touched for the first
// time.
constexpr std::int64_t kLarge = std::int64_t{64} << 20;

Tensor touched(DType dtype) {
  Tensor tensor(dtype, {kLarge});
  std::memset(tensor.bytes().data(), 1, tensor.bytes().size());
  return tensor;
}

const Tensor& large_operand() {
  static const Tensor operand = [] {
    Tensor tensor = touched(DType::f32);
    const auto part = normal_rows().bytes();
    for (std::size_t at = 0; at < tensor.bytes().size(); at += part.size())
      std::memcpy(tensor.bytes().data() + at, part.data(), part.size());
    return tensor;
  }();
  return operand;
}

void count_traffic(benchmark::State& state, const Tensor& target) {
  const std::size_t bytes = large_operand().bytes().size() + target.bytes().size();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

// Argument: threads; 0: all there are.
template <class Body>
void with_threads(benchmark::State& state, Tensor& target, const Body& body) {
  tbb::task_arena arena(state.range(0) == 0 ? tbb::task_arena::automatic : static_cast<int>(state.range(0)));
  for (auto _ : state) {
    arena.execute(body);
    benchmark::ClobberMemory();
  }
  count_traffic(state, target);
}

void large_copy(benchmark::State& state) {
  Tensor target = touched(DType::f32);
  const auto from = large_operand().bytes();
  with_threads(state, target, [&] {
    if (state.range(0) == 1) return static_cast<void>(std::memcpy(target.bytes().data(), from.data(), from.size()));
    const std::size_t piece = std::size_t{8} << 20;
    goldens::parallel_for(from.size() / piece, [&](std::size_t i) {
      std::memcpy(target.bytes().data() + i * piece, from.data() + i * piece, piece);
    });
  });
}
BENCHMARK(large_copy)->Name("memcpy_256MiB_threads")->Arg(1)->Arg(0)->UseRealTime()->Unit(benchmark::kMillisecond);

void large_bf16(benchmark::State& state, Rounding mode) {
  Tensor target = touched(DType::bf16);
  const auto from = large_operand().as<float>();
  with_threads(state, target, [&] { goldens::encode_bf16(from, mode, false, target.as<std::uint16_t>()); });
}
BENCHMARK_CAPTURE(large_bf16, rint, Rounding::rint)
    ->Name("bf16_rint_256MiB_threads")
    ->Arg(1)
    ->Arg(0)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

void int8_quantise(benchmark::State& state) {
  Tensor target(DType::i8, {kRows, kColumns});
  const auto x = normal_rows().as<float>();
  const auto q = target.as<std::int8_t>();
  for (auto _ : state) {
    for (std::size_t row = 0; row < kRows; ++row)
      benchmark::DoNotOptimize(goldens::quantize_int8_row(x.subspan(row * kColumns, kColumns), Rounding::rint,
                                                          q.subspan(row * kColumns, kColumns)));
  }
  count_bytes(state);
}
BENCHMARK(int8_quantise);

}  // namespace
}  // namespace assay
