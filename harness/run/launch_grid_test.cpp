// The compressor's kernels as one launch for all blocks and as one launch for each: the same bits.
#include <gtest/gtest.h>

#include "harness/run/execute.h"

namespace assay::run {
namespace {

const std::filesystem::path kKernels = std::filesystem::path(ASSAY_SOURCE_DIR) / "kernels";

struct Ran {
  TensorMap outputs;
  std::size_t tasks = 0;
};

Ran outputs_of(const std::string& line) {
  const auto backend = device::create_backend("sim").value();
  const Case c = parse_replay(line).value();
  const pipeline::Pipeline p = pipeline::find_pipeline(c.get("pipeline"), {kKernels}).value();
  const Bindings bindings = bind(p, c).value();
  const auto tensors = resolve_tensors(p, bindings).value();
  const auto stage = resolve_stage(p, p.stages[0], bindings);
  EXPECT_TRUE(stage.has_value()) << to_string(stage.error());
  if (!stage) return {};
  const Profile profile = load_profile("a2a3").value();
  device::RunOptions options;
  options.profile = &profile;
  const auto outcome = run_stage(*stage, tensors, make_inputs(p, c, bindings).value(), *backend, options);
  EXPECT_TRUE(outcome.has_value()) << to_string(outcome.error());
  if (!outcome) return {};
  EXPECT_EQ(outcome->report.status, device::RunStatus::completed) << line << ": " << outcome->report.reason;
  return {outcome->outputs, stage->tasks.size()};
}

TEST(LaunchGrid, OneLaunchABlockGivesTheBitsOfOneLaunch) {
  for (const char* line :
       {"pipeline=compressor_kv_score form=mid B=35 S=2 D=520 N=72",
        "pipeline=compressor_kv_score form=head B=35 D=520 N=72",
        "pipeline=compressor_state_scatter B=9 S=3 N=64 start_pos=126",
        "pipeline=compressor_state_scatter_next B=9 S=3 N=64 start_pos=126",
        "pipeline=compressor_softmax_pool form=mid B=17 N=64", "pipeline=compressor_softmax_pool form=head B=17 N=64",
        "pipeline=compressor_norm_rope_write form=mid B=65 N=64 rotate=1",
        "pipeline=compressor_norm_rope_write form=head norm_w_dtype=bf16 B=65 N=64 rotate=1"}) {
    const Ran whole = outputs_of(std::string(line) + " grid=spmd fill=normal seed=5");
    const Ran parts = outputs_of(std::string(line) + " grid=tasks fill=normal seed=5");
    EXPECT_EQ(whole.outputs, parts.outputs) << line;
    EXPECT_FALSE(whole.outputs.empty()) << line;
    EXPECT_GT(parts.tasks, whole.tasks) << line;
  }
}

}  // namespace
}  // namespace assay::run
