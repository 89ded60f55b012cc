// No inert fixture: a kernel from which one rule of its specification is taken away fails under the project's own fills,
// and the kernel as it is passes the same case. The edits are text in a copy of kernels/.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "harness/core/file.h"
#include "harness/core/scratch_directory.h"
#include "harness/run/execute.h"

namespace assay::run {
namespace {

using compare::Verdict;

struct RuleCase {
  const char *rule, *kernel;
  const char *text, *instead;  // every occurrence; nullptr: the lines that hold the text go
  const char* line;            // the case in which the rule takes effect
};

constexpr const char *kWeights = "hc_pre/hc_weights.pto", *kNorm = "gate/gate_norm.pto",
                     *kScores = "gate/gate_scores.pto", *kChoose = "gate/gate_choose.pto";

// What is not here no fill can show: the epsilon under the row sums of sinkhorn (dsv4-chain 3.1) scales all four rows
// alike once they add up to nearly the same, and the column sums behind cancel that; HEAD's row scale fl(fl(amax *
// fl(1/127)) * inv) lies within the accuracy that the profile gives inv's root, as does x_norm's rounding of ties.
constexpr RuleCase kRules[] = {
    {"sinkhorn repeats", kWeights, "to %rounds step", "to %c1 step", "pipeline=hc_pre T=5 D=64 fill=normal"},
    {"softmax adds an epsilon", kWeights, "pto.tadds ins(%c, %eps", nullptr, "pipeline=hc_pre T=5 D=64 fill=saturated"},
    {"column sums add an epsilon", kWeights, "pto.tadds ins(%col_sums, %eps", nullptr,
     "pipeline=hc_pre T=5 D=64 fill=saturated"},
    {"softmax subtracts the maximum", kWeights, "pto.tsub ins(%j", nullptr, "pipeline=hc_pre T=5 D=64 fill=saturated"},
    {"pre adds an epsilon", kWeights, "pto.tadds ins(%mix_pre, %eps", nullptr,
     "pipeline=hc_pre T=5 D=64 fill=saturated"},
    {"the norm of hc_pre adds an epsilon", kWeights, "pto.tadds ins(%inv, %eps", nullptr,
     "pipeline=hc_pre T=5 D=64 fill=tiny"},
    {"zero tokens have a norm", kWeights, "pto.tadds ins(%inv, %eps", nullptr,
     "pipeline=hc_pre/mid T=5 D=64 fill=zero-rows"},
    {"post is doubled", kWeights, "pto.tmuls ins(%mix_post, %two", nullptr, "pipeline=hc_pre T=5 D=64 fill=normal"},
    {"post has a scale of its own", kWeights, "pto.tmuls ins(%mix_post, %scale1", "pto.tmuls ins(%mix_post, %scale0",
     "pipeline=hc_pre T=5 D=64 fill=normal"},
    {"base counts", kWeights, "pto.trowexpandadd", nullptr, "pipeline=hc_pre T=5 D=64 fill=normal"},
    {"chunks add up", "hc_pre/hc_linear.pto", "pto.tadd ins(%acc, %part", nullptr,
     "pipeline=hc_pre T=5 D=200 fill=normal"},
    {"K-splits add up", kWeights, "pto.tadd ins(%sum_there, %more", nullptr,
     "pipeline=hc_pre/head T=5 D=64 fill=normal"},
    {"streams add in pairs", "mix_x/mix_pairs.pto", "pto.tadd ins(%x0, %x2", nullptr,
     "pipeline=mix_x/head T=5 D=64 fill=normal"},
    {"x_mixed is RINT", "mix_x/mix_pairs.pto", "round_mode RINT", "round_mode ROUND",
     "pipeline=mix_x/head T=5 D=64 fill=ties"},
    {"comb is [in][out]", "hc_post/hc_post_head.pto", "arith.addi %from_hc, %o", "arith.addi %from_hc, %i",
     "pipeline=hc_post/head T=5 D=64 fill=normal"},

    {"weights are of unbiased scores", kChoose, "pto.tgather ins(%score, %ids", "pto.tgather ins(%biased, %ids",
     "pipeline=gate T=5 D=64 fill=equal"},
    {"the bias ranks", kChoose, "pto.tadd ins(%score, %bias_row", "pto.tmax ins(%score, %score",
     "pipeline=gate T=5 D=64 fill=equal"},
    {"equal scores take the smaller index", kChoose, "pto.tmrgsort ins(%low, %high,", "pto.tmrgsort ins(%high, %low,",
     "pipeline=gate/mid T=5 D=64 fill=equal"},
    {"pads rank last", kChoose, "%pad = arith.constant -1.0e30", "%pad = arith.constant 0.0",
     "pipeline=gate T=5 D=64 K=8 fill=underflow"},
    {"weights are scaled", kChoose, "pto.tmuls ins(%weight, %route_scale", nullptr,
     "pipeline=gate/mid T=5 D=64 fill=normal"},
    {"hash layers look up", kChoose, "%hash_layers = arith.constant 3", "%hash_layers = arith.constant 0",
     "pipeline=gate/mid T=5 D=64 layer_id=2 fill=normal"},
    {"hash layers end", kChoose, "cmpi slt, %layer_id", "cmpi sle, %layer_id",
     "pipeline=gate/mid T=5 D=64 layer_id=3 fill=normal"},
    {"ids are 0 from num_tokens on", kChoose, "cmpi slt, %t, %num_tokens", "cmpi slt, %t, %T",
     "pipeline=gate/head T=5 D=64 num_tokens=3 fill=normal"},
    {"scales are 0 from num_tokens on", kNorm, "arith.minsi %active_below, %tokens", "arith.minsi %tokens, %tokens",
     "pipeline=gate/head T=9 D=64 num_tokens=3 fill=normal"},
    {"softplus has a floor", kScores, "pto.tmax ins(%x, %floor", nullptr, "pipeline=gate/head T=5 D=64 fill=floor"},
    {"scores are roots", kScores, "pto.tsqrt", nullptr, "pipeline=gate T=5 D=64 fill=normal"},
    {"logits are normed", kScores, "pto.trowexpandmul", nullptr, "pipeline=gate/head T=5 D=64 fill=normal"},
    {"eight parts add up", kScores, "pto.tadd ins(%x, %more", nullptr, "pipeline=gate/head T=5 D=64 fill=normal"},
    {"amax has a floor", kNorm, "%amax_floor = arith.constant 0x38D1B717", "%amax_floor = arith.constant 0.0",
     "pipeline=gate/mid T=5 D=64 fill=zero-rows"},
    {"amax of small tokens has a floor", kNorm, "%amax_floor = arith.constant 0x38D1B717",
     "%amax_floor = arith.constant 0.0", "pipeline=gate/head T=5 D=64 fill=tiny"},
    {"the norm adds an epsilon", kNorm, "pto.tadds ins(%inv, %eps", nullptr, "pipeline=gate T=5 D=64 fill=tiny"},
    {"the norm has a weight", kNorm, "pto.tcolexpandmul", nullptr, "pipeline=gate T=5 D=64 fill=normal"},
    {"INT8 rounds ties to even", kNorm, "round_mode RINT>, satmode = #pto<saturation_mode ON>",
     "round_mode ROUND>, satmode = #pto<saturation_mode ON>", "pipeline=gate/head T=5 D=64 fill=ties"},
};

std::string edited(const std::string& kernel, const RuleCase& rule) {
  std::string result;
  for (std::size_t begin = 0; begin < kernel.size();) {
    const std::size_t end = kernel.find('\n', begin);
    std::string line = kernel.substr(begin, end - begin);
    begin = end == std::string::npos ? kernel.size() : end + 1;
    const std::size_t at = line.find(rule.text);
    if (at != std::string::npos && rule.instead == nullptr) continue;
    if (at != std::string::npos) line.replace(at, std::string(rule.text).size(), rule.instead);
    result += line + "\n";
  }
  return result;
}

CaseResult run_in(const std::filesystem::path& kernels, const RuleCase& rule) {
  ExecuteOptions options;
  options.pipeline_directories = {kernels};
  options.backends = {"sim"};
  Executor executor(options);
  auto result = executor.execute(parse_replay(fmt::format("{} seed=1", rule.line)).value());
  EXPECT_TRUE(result.has_value()) << rule.rule << ": " << to_string(result.error());
  return result.value_or(CaseResult{});
}

TEST(KernelRules, EachTakesEffect) {
  const std::filesystem::path kernels = std::filesystem::path(ASSAY_SOURCE_DIR) / "kernels";
  const auto scratch = ScratchDirectory::make().value();
  std::filesystem::copy(kernels, scratch.path(), std::filesystem::copy_options::recursive);
  for (const RuleCase& rule : kRules) {
    SCOPED_TRACE(rule.rule);
    const CaseResult intact = run_in(kernels, rule);
    EXPECT_EQ(intact.verdict, Verdict::passed) << intact.reason;
    const std::string text = read_text(kernels / rule.kernel, 1 << 20).value();
    ASSERT_NE(text.find(rule.text), std::string::npos) << rule.kernel << " has no " << rule.text;
    ASSERT_TRUE(write_text(scratch.path() / rule.kernel, edited(text, rule)));
    const CaseResult without = run_in(scratch.path(), rule);
    EXPECT_EQ(without.verdict, Verdict::failed) << without.reason;
    ASSERT_TRUE(write_text(scratch.path() / rule.kernel, text));
  }
}

}  // namespace
}  // namespace assay::run
