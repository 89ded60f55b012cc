// The comparator beside memcmp of the same bytes. GB/s count the bytes of the actual tensor.
#include <benchmark/benchmark.h>

#include <cstring>

#include "harness/compare/policy.h"
#include "harness/core/fill.h"

namespace assay {
namespace {

constexpr std::int64_t kElements = 4 << 20;

Tensor filled(DType dtype) {
  Tensor tensor(dtype, {kElements / 4096, 4096});
  if (!fill(tensor, "normal", 1, "x")) std::abort();
  return tensor;
}

void equal_bytes(benchmark::State& state) {
  const Tensor a = filled(DType::bf16), b = a;
  for (auto _ : state) benchmark::DoNotOptimize(std::memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(a.bytes().size()));
}
BENCHMARK(equal_bytes)->Name("memcmp_bf16");

// Every `gap`-th element one ulp away; 0: equal.
void compare_tensors(benchmark::State& state, DType dtype, const char* policy, std::int64_t gap) {
  const Tensor expected = filled(dtype);
  Tensor actual = expected;
  for (std::int64_t i = 0; gap > 0 && i < actual.size(); i += gap) actual.set_bits(i, actual.bits(i) ^ 1);
  const auto parsed = compare::parse_policy(policy);
  const compare::Reference reference{&expected, &expected, &expected, {}};
  for (auto _ : state) benchmark::DoNotOptimize(compare::compare(actual, reference, *parsed));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(actual.bytes().size()));
  state.SetItemsProcessed(state.iterations() * actual.size());
}
BENCHMARK_CAPTURE(compare_tensors, bits_bf16_equal, DType::bf16, "bits", 0);
BENCHMARK_CAPTURE(compare_tensors, bound_bf16_equal, DType::bf16, "bound", 0);
BENCHMARK_CAPTURE(compare_tensors, bits_f32_equal, DType::f32, "bits", 0);
BENCHMARK_CAPTURE(compare_tensors, ulp_bf16_every_37th_off, DType::bf16, "ulp(1)", 37);
BENCHMARK_CAPTURE(compare_tensors, allclose_f32_every_37th_off, DType::f32, "allclose(rtol=1e-3,atol=1e-5)", 37);

}  // namespace
}  // namespace assay
