// How many threads a worker's goldens use, and that results do not depend on it.
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <nlohmann/json.hpp>

#include "harness/run/worker_loop.h"

namespace assay::run {
namespace {

nlohmann::json result_with(int threads, const char* line) {
  WorkerSetup setup;
  setup.pipeline_directories = {std::filesystem::path(ASSAY_SOURCE_DIR) / "kernels"};
  setup.backends = {"sim"};
  setup.threads = threads;
  const auto handler = execution_service().configure(setup).value();
  if (threads > 0) {
    EXPECT_EQ(tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism),
              static_cast<std::size_t>(threads));
  }
  auto result = handler(parse_replay(line).value());
  EXPECT_TRUE(result.has_value());
  result->seconds = 0;
  for (BackendResult& backend : result->backends) backend.seconds = backend.device_seconds = 0;
  for (StageResult& stage : result->stages) stage.times.clear();
  return *result;
}

TEST(ExecutionService, ThreadsAreLimitedAndResultsAreTheSame) {
  const std::size_t before = tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism);
  for (const char* line : {"pipeline=hc_post T=9 D=72 fill=specials", "pipeline=quant_rows T=9 D=100 fill=normal"}) {
    const nlohmann::json one = result_with(1, line);
    EXPECT_EQ(one.at("verdict"), "passed") << one.dump();
    EXPECT_EQ(result_with(3, line), one);
    EXPECT_EQ(result_with(0, line), one);
  }
  EXPECT_EQ(tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism), before);
}

}  // namespace
}  // namespace assay::run
