// No fixture of the router is inert: each rule of dsv4-chain 3.1, 3.2 and 3.8 that a kernel leaves out changes the
// verdict of a case that the kernel as it stands passes. A fault is named by the rule it breaks.
#include "harness/run/kernel_fault.h"

namespace assay::run {
namespace {

constexpr const char *kWeights = "hc_pre/hc_weights.pto", *kNorm = "gate/gate_norm.pto",
                     *kScores = "gate/gate_scores.pto", *kChoose = "gate/gate_choose.pto";

// What is not here no fill can show: the epsilon under the row sums of sinkhorn (dsv4-chain 3.1) scales all four rows
// alike once they add up to nearly the same, and the column sums behind cancel that; HEAD's row scale fl(fl(amax *
// fl(1/127)) * inv) lies within the accuracy that the profile gives inv's root, as does x_norm's rounding of ties.
const KernelFault kFaults[] = {
    {"sinkhorn repeats", {{kWeights, "to %rounds step", "to %c1 step"}}, "pipeline=hc_pre T=5 D=64 fill=normal seed=1"},
    {"softmax adds an epsilon",
     {{kWeights, "pto.tadds ins(%c, %eps", nullptr}},
     "pipeline=hc_pre T=5 D=64 fill=saturated seed=1"},
    {"column sums add an epsilon",
     {{kWeights, "pto.tadds ins(%col_sums, %eps", nullptr}},
     "pipeline=hc_pre T=5 D=64 fill=saturated seed=1"},
    {"softmax subtracts the maximum",
     {{kWeights, "pto.tsub ins(%j", nullptr}},
     "pipeline=hc_pre T=5 D=64 fill=saturated seed=1"},
    {"pre adds an epsilon",
     {{kWeights, "pto.tadds ins(%mix_pre, %eps", nullptr}},
     "pipeline=hc_pre T=5 D=64 fill=saturated seed=1"},
    {"the norm of hc_pre adds an epsilon",
     {{kWeights, "pto.tadds ins(%inv, %eps", nullptr}},
     "pipeline=hc_pre T=5 D=64 fill=tiny seed=1"},
    {"zero tokens have a norm",
     {{kWeights, "pto.tadds ins(%inv, %eps", nullptr}},
     "pipeline=hc_pre/mid T=5 D=64 fill=zero-rows seed=1"},
    {"post is doubled",
     {{kWeights, "pto.tmuls ins(%mix_post, %two", nullptr}},
     "pipeline=hc_pre T=5 D=64 fill=normal seed=1"},
    {"post has a scale of its own",
     {{kWeights, "pto.tmuls ins(%mix_post, %scale1", "pto.tmuls ins(%mix_post, %scale0"}},
     "pipeline=hc_pre T=5 D=64 fill=normal seed=1"},
    {"base counts", {{kWeights, "pto.trowexpandadd", nullptr}}, "pipeline=hc_pre T=5 D=64 fill=normal seed=1"},
    {"chunks add up",
     {{"hc_pre/hc_linear.pto", "pto.tadd ins(%acc, %part", nullptr}},
     "pipeline=hc_pre T=5 D=200 fill=normal seed=1"},
    {"K-splits add up",
     {{kWeights, "pto.tadd ins(%sum_there, %more", nullptr}},
     "pipeline=hc_pre/head T=5 D=64 fill=normal seed=1"},
    {"streams add in pairs",
     {{"mix_x/mix_pairs.pto", "pto.tadd ins(%x0, %x2", nullptr}},
     "pipeline=mix_x/head T=5 D=64 fill=normal seed=1"},
    {"x_mixed is RINT",
     {{"mix_x/mix_pairs.pto", "round_mode RINT", "round_mode ROUND"}},
     "pipeline=mix_x/head T=5 D=64 fill=ties seed=1"},
    {"comb is [in][out]",
     {{"hc_post/hc_post_head.pto", "arith.addi %from_hc, %o", "arith.addi %from_hc, %i"}},
     "pipeline=hc_post/head T=5 D=64 fill=normal seed=1"},
    {"weights are of unbiased scores",
     {{kChoose, "pto.tgather ins(%score, %ids", "pto.tgather ins(%biased, %ids"}},
     "pipeline=gate T=5 D=64 fill=equal seed=1"},
    {"the bias ranks",
     {{kChoose, "pto.tadd ins(%score, %bias_row", "pto.tmax ins(%score, %score"}},
     "pipeline=gate T=5 D=64 fill=equal seed=1"},
    {"equal scores take the smaller index",
     {{kChoose, "pto.tmrgsort ins(%low, %high,", "pto.tmrgsort ins(%high, %low,"}},
     "pipeline=gate/mid T=5 D=64 fill=equal seed=1"},
    {"pads rank last",
     {{kChoose, "%least_32 = arith.constant -1.0e30", "%least_32 = arith.constant 0.0"}},
     "pipeline=gate T=5 D=64 K=8 fill=underflow seed=1"},
    {"weights are scaled",
     {{kChoose, "pto.tmuls ins(%weight, %route_scale", nullptr}},
     "pipeline=gate/mid T=5 D=64 fill=normal seed=1"},
    {"hash layers look up",
     {{kChoose, "%hash_layers = arith.constant 3", "%hash_layers = arith.constant 0"}},
     "pipeline=gate/mid T=5 D=64 layer_id=2 fill=normal seed=1"},
    {"hash layers end",
     {{kChoose, "cmpi slt, %layer_id", "cmpi sle, %layer_id"}},
     "pipeline=gate/mid T=5 D=64 layer_id=3 fill=normal seed=1"},
    {"ids are 0 from num_tokens on",
     {{kChoose, "cmpi slt, %t, %num_tokens", "cmpi slt, %t, %T"}},
     "pipeline=gate/head T=5 D=64 num_tokens=3 fill=normal seed=1"},
    {"scales are 0 from num_tokens on",
     {{kNorm, "arith.minsi %active_below, %tokens", "arith.minsi %tokens, %tokens"}},
     "pipeline=gate/head T=9 D=64 num_tokens=3 fill=normal seed=1"},
    {"softplus has a floor",
     {{kScores, "pto.tmax ins(%x, %floor", nullptr}},
     "pipeline=gate/head T=5 D=64 fill=floor seed=1"},
    {"scores are roots", {{kScores, "pto.tsqrt", nullptr}}, "pipeline=gate T=5 D=64 fill=normal seed=1"},
    {"logits are normed", {{kScores, "pto.trowexpandmul", nullptr}}, "pipeline=gate/head T=5 D=64 fill=normal seed=1"},
    {"eight parts add up",
     {{kScores, "pto.tadd ins(%x, %more", nullptr}},
     "pipeline=gate/head T=5 D=64 fill=normal seed=1"},
    {"amax has a floor",
     {{kNorm, "%amax_floor = arith.constant 0x38D1B717", "%amax_floor = arith.constant 0.0"}},
     "pipeline=gate/mid T=5 D=64 fill=zero-rows seed=1"},
    {"amax of small tokens has a floor",
     {{kNorm, "%amax_floor = arith.constant 0x38D1B717", "%amax_floor = arith.constant 0.0"}},
     "pipeline=gate/head T=5 D=64 fill=tiny seed=1"},
    {"the norm adds an epsilon",
     {{kNorm, "pto.tadds ins(%inv, %eps", nullptr}},
     "pipeline=gate T=5 D=64 fill=tiny seed=1"},
    {"the norm has a weight", {{kNorm, "pto.tcolexpandmul", nullptr}}, "pipeline=gate T=5 D=64 fill=normal seed=1"},
    {"INT8 rounds ties to even",
     {{kNorm, "round_mode RINT>, satmode = #pto<saturation_mode ON>",
       "round_mode ROUND>, satmode = #pto<saturation_mode ON>"}},
     "pipeline=gate/head T=5 D=64 fill=ties seed=1"},
};

class RouterFaults : public ::testing::TestWithParam<KernelFault> {};
INSTANTIATE_TEST_SUITE_P(Rules, RouterFaults, ::testing::ValuesIn(kFaults));

TEST_P(RouterFaults, ChangeAVerdict) { expect_changes_verdict(GetParam()); }

}  // namespace
}  // namespace assay::run
