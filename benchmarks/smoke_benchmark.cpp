// Cases per second of the smoke matrix in one process: fills, goldens, both backends twice, comparison; no reports.
#include <benchmark/benchmark.h>

#include "harness/run/execute.h"
#include "harness/run/sweep.h"

namespace assay {
namespace {

void smoke_cases(benchmark::State& state, std::vector<std::string> backends) {
  const std::filesystem::path root(ASSAY_SOURCE_DIR);
  run::CaseSource source;
  source.matrices = {root / "cases" / "smoke.csv"};
  source.pipeline_directories = {root / "kernels"};
  auto cases = run::expand_cases(source, run::Mode::check, {});
  if (!cases) {
    state.SkipWithError(to_string(cases.error()).c_str());
    return;
  }
  run::ExecuteOptions options;
  options.pipeline_directories = source.pipeline_directories;
  options.backends = std::move(backends);
  run::Executor executor(std::move(options));
  std::int64_t executed = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < cases->plan.entries().size(); ++i) {
      benchmark::DoNotOptimize(executor.execute(cases->plan.at(i)));
      ++executed;
    }
  }
  state.SetItemsProcessed(executed);
}
BENCHMARK_CAPTURE(smoke_cases, sim, {"sim"})->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(smoke_cases, sim_opencl, {"sim", "opencl"})->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace assay
