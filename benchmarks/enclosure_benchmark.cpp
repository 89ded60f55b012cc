// Sums and functions over strict float32 and over hulls, beside a plain loop.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "goldens/enclosure/hull.h"
#include "goldens/enclosure/sinkhorn.h"
#include "goldens/enclosure/strict.h"
#include "harness/core/profile/profile.h"

namespace assay::goldens {
namespace {

std::vector<float> numbers(std::size_t count) {
  std::vector<float> result(count);
  std::uint32_t state = 1;
  for (float& each : result) {
    state = state * 1664525 + 1013904223;
    each = static_cast<float>(state >> 8) * 0x1p-23F - 1;
  }
  return result;
}

std::vector<Hull> points(const std::vector<float>& values) {
  std::vector<Hull> result;
  for (const float value : values) result.push_back(Hull::of(value));
  return result;
}

NumericFreedom a2a3() { return NumericFreedom::of(load_profile("a2a3").value()); }

struct Matrices {
  std::size_t rows, inputs, outputs;
  std::vector<float> x, w;
  bool input_major;

  explicit Matrices(const benchmark::State& state)
      : rows(static_cast<std::size_t>(state.range(0))),
        inputs(static_cast<std::size_t>(state.range(1))),
        outputs(static_cast<std::size_t>(state.range(2))),
        x(numbers(rows * inputs)),
        w(numbers(outputs * inputs)),
        input_major(state.range(3) != 0) {}
  WeightMatrix weights() const { return {w, outputs, inputs, input_major}; }
  void count(benchmark::State& state) const {
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(rows * inputs * outputs));
  }
};

void plain_multiply(benchmark::State& state) {
  const Matrices in(state);
  std::vector<float> y(in.rows * in.outputs);
  for (auto _ : state) {
    for (std::size_t r = 0; r < in.rows; ++r)
      for (std::size_t n = 0; n < in.outputs; ++n) {
        float sum = 0;
        for (std::size_t k = 0; k < in.inputs; ++k)
          sum += in.x[r * in.inputs + k] * in.w[in.input_major ? k * in.outputs + n : n * in.inputs + k];
        y[r * in.outputs + n] = sum;
      }
    benchmark::DoNotOptimize(y.data());
  }
  in.count(state);
}

void strict_multiply(benchmark::State& state) {
  const Matrices in(state);
  for (auto _ : state) benchmark::DoNotOptimize(StrictArithmetic{512}.multiply(in.x, in.weights()));
  in.count(state);
}

void hull_multiply(benchmark::State& state) {
  const Matrices in(state);
  const std::vector<Hull> x = points(in.x);
  const HullArithmetic math(a2a3());
  for (auto _ : state) benchmark::DoNotOptimize(math.multiply(x, in.weights()));
  in.count(state);
}

void shapes(benchmark::internal::Benchmark* each) {
  each->Args({16, 16384, 24, 0})
      ->Args({128, 4096, 256, 0})
      ->Args({128, 4096, 1024, 1})
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}
BENCHMARK(plain_multiply)->Apply(shapes);
BENCHMARK(strict_multiply)->Apply(shapes);
BENCHMARK(hull_multiply)->Apply(shapes);

void hull_dot(benchmark::State& state) {
  const std::vector<Hull> a = points(numbers(4096));
  const HullArithmetic math(a2a3());
  for (auto _ : state) benchmark::DoNotOptimize(math.dot(a, a));
  state.SetItemsProcessed(state.iterations() * 4096);
}
BENCHMARK(hull_dot);

template <class Apply>
void each_point(benchmark::State& state, Apply apply) {
  const std::vector<Hull> x = points(numbers(4096));
  const HullArithmetic math(a2a3());
  for (auto _ : state)
    for (const Hull& each : x) benchmark::DoNotOptimize(apply(math, each));
  state.SetItemsProcessed(state.iterations() * 4096);
}
BENCHMARK_CAPTURE(each_point, sigmoid, [](const HullArithmetic& math, const Hull& x) { return math.sigmoid(x); });
BENCHMARK_CAPTURE(each_point, softplus, [](const HullArithmetic& math, const Hull& x) { return math.softplus(x); });
BENCHMARK_CAPTURE(each_point, quotient,
                  [](const HullArithmetic& math, const Hull& x) { return math.quotient(x, Hull::of(3.0F)); });

void hull_sinkhorn(benchmark::State& state) {
  const std::vector<Hull> logits = points(numbers(16));
  const HullArithmetic math(a2a3());
  for (auto _ : state) benchmark::DoNotOptimize(sinkhorn(math, logits, 4, 20, 1e-6F));
}
BENCHMARK(hull_sinkhorn)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace assay::goldens
