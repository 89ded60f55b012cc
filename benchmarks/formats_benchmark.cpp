// Rounding and quantisation of the goldens beside memcpy of the same input bytes. GB/s count bytes read.
#include <benchmark/benchmark.h>

#include <cstring>

#include "goldens/formats/bf16.h"
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

void bf16_rint(benchmark::State& state) {
  Tensor target(DType::bf16, {kRows, kColumns});
  for (auto _ : state) {
    goldens::encode_bf16(normal_rows().as<float>(), Rounding::rint, false, target.as<std::uint16_t>());
    benchmark::ClobberMemory();
  }
  count_bytes(state);
}
BENCHMARK(bf16_rint);

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
