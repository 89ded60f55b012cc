// Exact and correctly rounded float32 arithmetic: time per element and, as counters, escalations per evaluation.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "goldens/exact/accumulator.h"
#include "goldens/exact/bracket.h"
#include "goldens/exact/correctly_rounded.h"
#include "goldens/exact/dot.h"
#include "harness/core/fill.h"

namespace assay::goldens::exact {
namespace {

constexpr std::int64_t kElements = 1 << 16;

std::vector<float> normal_values(const char* name) {
  Tensor tensor(DType::f32, {kElements});
  if (!fill(tensor, "normal", 1, name)) std::abort();
  std::vector<float> values(kElements);
  std::memcpy(values.data(), tensor.bytes().data(), tensor.bytes().size());
  return values;
}

const std::vector<float>& left() {
  static const std::vector<float> values = normal_values("a");
  return values;
}
const std::vector<float>& right() {
  static const std::vector<float> values = normal_values("b");
  return values;
}

void report(benchmark::State& state, std::int64_t elements, const Escalations& escalations) {
  state.SetItemsProcessed(state.iterations() * elements);
  state.counters["per_element"] = benchmark::Counter(static_cast<double>(state.iterations() * elements),
                                                     benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  if (escalations.evaluations != 0) state.counters["escalation_rate"] = escalations.rate();
}

// Dot products of the given length.
void exact_dot(benchmark::State& state) {
  const auto length = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    ExactAccumulator sum;
    sum.add_products(std::span(left()).first(length), std::span(right()).first(length));
    benchmark::DoNotOptimize(sum.to_float());
  }
  report(state, state.range(0), {});
}
BENCHMARK(exact_dot)->Arg(128)->Arg(4096)->Arg(kElements);

void rounded_dot_products(benchmark::State& state) {
  const auto length = static_cast<std::size_t>(state.range(0));
  Escalations escalations;
  std::size_t start = 0;
  for (auto _ : state) {
    if (start + length > left().size()) start = 0;
    benchmark::DoNotOptimize(escalations.count(
        rounded_dot(std::span(left()).subspan(start, length), std::span(right()).subspan(start, length))));
    ++start;  // another product each time, so that the rate means something
  }
  report(state, state.range(0), escalations);
}
BENCHMARK(rounded_dot_products)->Name("rounded_dot")->Arg(128)->Arg(4096)->Arg(kElements - 4096);

// One thread, element by element.
void unary(benchmark::State& state, RoundedUnary function, bool positive) {
  std::vector<float> x = left();
  if (positive)
    for (float& value : x) value = std::fabs(value);
  Escalations escalations;
  for (auto _ : state)
    for (const float value : x) benchmark::DoNotOptimize(escalations.count(function(value)));
  report(state, kElements, escalations);
}
BENCHMARK_CAPTURE(unary, sqrt, rounded_sqrt, true)->Name("rounded_sqrt");
BENCHMARK_CAPTURE(unary, rsqrt, rounded_rsqrt, true)->Name("rounded_rsqrt");
BENCHMARK_CAPTURE(unary, exp, rounded_exp, false)->Name("rounded_exp");
BENCHMARK_CAPTURE(unary, log, rounded_log, true)->Name("rounded_log");
BENCHMARK_CAPTURE(unary, sigmoid, rounded_sigmoid, false)->Name("rounded_sigmoid");
BENCHMARK_CAPTURE(unary, softplus, rounded_softplus, false)->Name("rounded_softplus");

void binary(benchmark::State& state, RoundedBinary function) {
  Escalations escalations;
  for (auto _ : state)
    for (std::size_t i = 0; i < left().size(); ++i)
      benchmark::DoNotOptimize(escalations.count(function(left()[i], right()[i])));
  report(state, kElements, escalations);
}
BENCHMARK_CAPTURE(binary, sum, rounded_sum)->Name("rounded_sum");
BENCHMARK_CAPTURE(binary, product, rounded_product)->Name("rounded_product");
BENCHMARK_CAPTURE(binary, quotient, rounded_quotient)->Name("rounded_quotient");

// Whole tensors over all threads.
void tensor(benchmark::State& state, RoundedUnary function) {
  std::vector<float> y(kElements);
  Escalations escalations;
  for (auto _ : state) escalations += for_each_rounded(function, left(), y).value();
  report(state, kElements, escalations);
}
BENCHMARK_CAPTURE(tensor, exp, rounded_exp)->Name("for_each_rounded_exp")->UseRealTime();
BENCHMARK_CAPTURE(tensor, softplus, rounded_softplus)->Name("for_each_rounded_softplus")->UseRealTime();

void bracket(benchmark::State& state, Bracket (*function)(double)) {
  for (auto _ : state)
    for (const float value : left())
      benchmark::DoNotOptimize(function(std::fabs(static_cast<double>(value)) + 0x1p-40));
  report(state, kElements, {});
}
BENCHMARK_CAPTURE(bracket, exp, exp_bracket)->Name("exp_bracket");
BENCHMARK_CAPTURE(bracket, log, log_bracket)->Name("log_bracket");
BENCHMARK_CAPTURE(bracket, log1p, log1p_bracket)->Name("log1p_bracket");
BENCHMARK_CAPTURE(bracket, rsqrt, rsqrt_bracket)->Name("rsqrt_bracket");
BENCHMARK_CAPTURE(bracket, sigmoid, sigmoid_bracket)->Name("sigmoid_bracket");
BENCHMARK_CAPTURE(bracket, softplus, softplus_bracket)->Name("softplus_bracket");

}  // namespace
}  // namespace assay::goldens::exact
