// The built-in kernels under policy relations, on the simulator and on OpenCL, and what relations see of seeded faults.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "harness/core/scratch_directory.h"
#include "harness/run/execute.h"

namespace assay::run {
namespace {

using compare::Verdict;

const std::filesystem::path kKernels = std::filesystem::path(ASSAY_SOURCE_DIR) / "kernels";

CaseResult run_in(const std::vector<std::filesystem::path>& pipelines, std::vector<std::string> backends,
                  const std::string& line) {
  ExecuteOptions options;
  options.pipeline_directories = pipelines;
  options.backends = std::move(backends);
  auto result = Executor(options).execute(parse_replay(line + " policy=relations").value());
  EXPECT_TRUE(result.has_value()) << line << ": " << to_string(result.error());
  return result.value_or(CaseResult{});
}

TEST(KernelRelations, HoldOnSimulatorAndDevice) {
  for (const char* line : {"pipeline=cast_bf16 T=9 D=40", "pipeline=quant_rows T=9 D=40 x_dtype=bf16",
                           "pipeline=quant_rows T=9 D=40 x_dtype=f32 rounding=round", "pipeline=dequant_rows T=9 N=40",
                           "pipeline=ffn_add T=9 D=40", "pipeline=hc_post T=5 D=40", "pipeline=mix_x T=5 D=40",
                           "pipeline=row_expand_mul_fillpad valid_rows=7", "pipeline=ffn_add_hc_post T=5 D=40",
                           "pipeline=mix_x T=1 D=1", "pipeline=ffn_add T=17 D=1031 fill=specials"}) {
    const CaseResult result = run_in({kKernels}, {"sim", "opencl"}, line);
    EXPECT_EQ(result.verdict, Verdict::passed) << line << ": " << result.reason;
    for (const StageResult& stage : result.stages) {
      EXPECT_TRUE(stage.by_relations);
      EXPECT_EQ(stage.blame, compare::Blame::none) << line;
    }
  }
}

// Kernels of this test: a built-in pipeline with one text of its kernel replaced.
class SeededFault {
 public:
  SeededFault(const std::string& pipeline, const std::string& text, const std::string& replacement)
      : scratch_(ScratchDirectory::make().value()) {
    std::filesystem::copy(kKernels / pipeline, scratch_.path() / pipeline);
    const auto file = scratch_.path() / pipeline / (pipeline + ".pto");
    std::ostringstream source;
    source << std::ifstream(file).rdbuf();
    std::string kernel = source.str();
    const std::size_t at = kernel.find(text);
    EXPECT_NE(at, std::string::npos) << text;
    if (at != std::string::npos) kernel.replace(at, text.size(), replacement);
    std::ofstream(file, std::ios::trunc) << kernel;
  }
  // The relations that fail, by the first word of their trials.
  std::string failing(const std::string& line) const {
    const CaseResult result = run_in({scratch_.path()}, {"sim"}, line);
    bool rows = false, powers = false;
    for (const StageResult& stage : result.stages)
      for (const OutputResult& output : stage.outputs)
        if (!output.comparison.passed) (output.reference.find("2^") == std::string::npos ? rows : powers) = true;
    EXPECT_EQ(result.verdict, rows || powers ? Verdict::failed : Verdict::passed) << result.reason;
    return std::string(rows ? "rows " : "") + (powers ? "powers" : "");
  }

 private:
  ScratchDirectory scratch_;
};

TEST(KernelRelations, SeeWhatMixesTokensOrAddsATerm) {
  // Every token is weighted as the first one.
  const SeededFault first_token("mix_x", "pto.load_scalar %pre[%pre_at]", "pto.load_scalar %pre[%h]");
  EXPECT_EQ(first_token.failing("pipeline=mix_x T=5 D=40"), "rows ");
  // The second operand comes from the first strip of rows whatever the strip.
  const SeededFault first_strip("ffn_add", "%sp = pto.partition_view %sv, offsets = [%r, %c]",
                                "%sp = pto.partition_view %sv, offsets = [%c0, %c]");
  EXPECT_EQ(first_strip.failing("pipeline=ffn_add T=16 D=40"), "rows ");
  // One strip alone hides it from them.
  EXPECT_EQ(first_strip.failing("pipeline=ffn_add T=8 D=40"), "");
  // The sum starts at a half.
  const SeededFault offset("mix_x", "%zero = arith.constant 0.0 : f32", "%zero = arith.constant 0.5 : f32");
  EXPECT_EQ(offset.failing("pipeline=mix_x T=5 D=40"), "powers");
}

// Each stage is judged on what it received; the distance over the whole chain is only told.
TEST(EndToEnd, DistanceOfAChainIsReportedAndNotJudged) {
  ExecuteOptions options;
  options.pipeline_directories = {kKernels};
  options.backends = {"sim", "opencl"};
  const Case c = parse_replay("pipeline=ffn_add_hc_post T=3 D=64 fill=ties").value();
  const CaseResult right = Executor(options).execute(c).value();
  ASSERT_EQ(right.end_to_end.size(), 2u);
  for (const EndToEnd& one : right.end_to_end) {
    EXPECT_EQ(one.output, "y");
    EXPECT_EQ(one.max_ulps, 0) << one.subject;
    EXPECT_EQ(one.compared, 3 * 4 * 64);
  }
  // A first stage that rounds down reaches the last output, whose own stage is right.
  const auto scratch = ScratchDirectory::make().value();
  for (const char* folder : {"ffn_add", "hc_post", "ffn_add_hc_post"})
    std::filesystem::copy(kKernels / folder, scratch.path() / folder);
  std::ostringstream source;
  source << std::ifstream(scratch.path() / "ffn_add/ffn_add.pto").rdbuf();
  std::string kernel = source.str();
  kernel.replace(kernel.find("round_mode RINT"), 15, "round_mode TRUNC");
  std::ofstream(scratch.path() / "ffn_add/ffn_add.pto", std::ios::trunc) << kernel;
  options.pipeline_directories = {scratch.path()};
  options.backends = {"sim"};
  const CaseResult wrong = Executor(options).execute(c).value();
  EXPECT_EQ(wrong.verdict, Verdict::failed);
  EXPECT_NE(wrong.stages.at(0).blame, compare::Blame::none);
  EXPECT_EQ(wrong.stages.at(1).blame, compare::Blame::none);
  ASSERT_EQ(wrong.end_to_end.size(), 1u);
  EXPECT_GT(wrong.end_to_end[0].max_ulps, 0);
  EXPECT_GT(wrong.end_to_end[0].max_abs, 0);
}

// B03 and B04 round ties the wrong way: the same for every token, and at every power of two. No relation sees that; the
// golden does.
TEST(KernelRelations, DoNotSeeAnotherRounding) {
  for (const char* line :
       {"pipeline=faults/b03_mix_x T=4 D=256 fill=ties", "pipeline=faults/b04_hc_post T=4 D=256 fill=ties"})
    EXPECT_EQ(run_in({kKernels}, {"sim"}, line).verdict, Verdict::passed) << line;
  // B01 breaks a rule of the machine on the way.
  const CaseResult b01 =
      run_in({kKernels}, {"sim"}, "pipeline=faults/b01_row_expand_mul_fillpad expect=fail:unset-valid-shape");
  EXPECT_EQ(b01.verdict, Verdict::xfail) << b01.reason;
}

}  // namespace
}  // namespace assay::run
