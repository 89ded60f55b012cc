// No fixture of the experts is inert: each rule of dsv4-chain 3.4 and 3.5 that a kernel leaves out changes the verdict
// of a case that the kernel as it stands passes.
#include "harness/run/kernel_fault.h"

namespace assay::run {
namespace {

constexpr const char* kQuantise = "routed_expert/quantise.pto";
constexpr const char* kMatmul = "routed_expert/matmul.pto";
constexpr const char* kSwiglu = "routed_expert/swiglu_requant.pto";
constexpr const char* kDequant = "routed_expert/dequant.pto";
constexpr const char* kSharedSwiglu = "shared_expert/swiglu_requant.pto";
constexpr const char* kRouted = "pipeline=routed_expert L=7 R=32 D=64 I=64 fill=normal";
constexpr const char* kRoutedClamped = "pipeline=routed_expert L=7 R=32 D=64 I=64 limit=10 fill=clamped";
constexpr const char* kHead = "pipeline=routed_expert/int8 form=head L=7 R=32 D=64 I=64 limit=10 fill=normal";

const KernelFault kFaults[] = {
    {"x: 128 / amax", {{kQuantise, "constant 127.0", "constant 128.0"}}, kRouted},
    {"h: 128 / amax", {{kSwiglu, "constant 127.0", "constant 128.0"}}, kRouted},
    {"x: no floor of amax",
     {{kQuantise, "0x38D1B717", "0x00800000"}},
     "pipeline=routed_expert L=7 R=32 D=64 I=64 fill=tiny"},
    {"h: no floor of amax",
     {{kSwiglu, "0x38D1B717", "0x00800000"}},
     "pipeline=routed_expert L=7 R=32 D=64 I=64 fill=tiny-h"},
    {"x: ties to even in P772",
     {{kQuantise, "ins(%z {rmode = #pto<round_mode ROUND>", "ins(%z {rmode = #pto<round_mode RINT>"}},
     "pipeline=routed_expert L=7 R=32 D=64 I=64 fill=ties"},
    {"no clamps", {{kSwiglu, "cmpi sgt, %limit,", "cmpi slt, %limit,"}}, kRoutedClamped},
    {"gate not clamped", {{kSwiglu, "tmins ins(%gt, %most", "tmuls ins(%gt, %one"}}, kRoutedClamped},
    {"up not clamped from above", {{kSwiglu, "tmins ins(%ut, %most", "tmuls ins(%ut, %one"}}, kRoutedClamped},
    {"up not clamped from below", {{kSwiglu, "tmaxs ins(%ut, %least", "tmuls ins(%ut, %one"}}, kRoutedClamped},
    {"gate clamped on the wrong side", {{kSwiglu, "tmins ins(%gt, %most", "tmaxs ins(%gt, %least"}}, kRoutedClamped},
    {"gate clamped from below only",
     {{kSwiglu, "tmins ins(%gt, %most", "tmaxs ins(%gt, %least"}},
     "pipeline=routed_expert L=7 R=32 D=64 I=64 limit=10 fill=negative-gate"},
    {"gate clamped from below only, HEAD",
     {{kSwiglu, "tmins ins(%gt, %most", "tmaxs ins(%gt, %least"}},
     "pipeline=routed_expert/int8 form=head L=7 R=32 D=64 I=64 limit=10 fill=negative-gate"},
    {"gate and up swapped", {{"routed_expert/pipeline.toml", R"("w1", "w3", "g")", R"("w3", "w1", "g")"}}, kRouted},
    {"one expert's weights for all", {{kMatmul, "muli %e, %N", "muli %c0, %N"}}, kRouted},
    {"one expert's channel scales for all", {{kSwiglu, "muli %e, %I", "muli %c0, %I"}}, kRouted},
    {"one expert's w2 scales for all", {{kDequant, "muli %e, %D", "muli %c0, %D"}}, kRouted},
    {"rows behind the first tile left out", {{kMatmul, "%c0 to %end step", "%c0 to %c16 step"}}, kRouted},
    {"all experts' rows in one expert: behind the first tile left out",
     {{kMatmul, "%c0 to %end step", "%c0 to %c16 step"}},
     "pipeline=routed_expert L=7 R=32 D=64 I=64 fill=one-expert"},
    {"tail rows not zeroed", {{kDequant, "minsi %slots_left, %c16", "addi %rows, %c0"}}, kRouted},
    {"counts not read",
     {{kQuantise, "index_cast %used : i32 to index\n", "addi %c0, %R : index\n"},
      {kMatmul, "index_cast %used : i32 to index\n", "addi %c0, %R : index\n"},
      {kSwiglu, "index_cast %used : i32 to index\n", "addi %c0, %R : index\n"},
      {kDequant, "index_cast %used : i32 to index\n", "addi %c0, %R : index\n"}},
     kRouted},
    {"x's scale for the route weight",
     {{kSwiglu, "trowexpandmul ins(%gt, %wt_col", "trowexpandmul ins(%gt, %sx_col"}},
     kRouted},
    {"route weight behind the quantisation of h",
     {{"routed_expert/pipeline.toml", "swiglu_requant_p772", "swiglu_requant_rint"},
      {"routed_expert/pipeline.toml", R"("s3", "recv_w", "recv_count")", R"("s3", "recv_count")"},
      {"routed_expert/pipeline.toml", "dequant_mid", "dequant_head"}},
     "pipeline=routed_expert L=7 R=32 D=64 I=64 fill=tiny-h"},
    {"HEAD: no route weight", {{kDequant, "pto.tmul ins(%st, %wt :", "pto.tmax ins(%st, %st :"}}, kHead},
    {"HEAD: one expert's weights for all", {{kMatmul, "muli %e, %N", "muli %c0, %N"}}, kHead},
    {"MID: route weight here",
     {{"routed_expert/int8/pipeline.toml", "dequant_{form}", "dequant_head"}},
     "pipeline=routed_expert/int8 form=mid L=7 R=32 D=64 I=64 limit=10 fill=normal"},
    {"shared, h: 128 / amax",
     {{kSharedSwiglu, "constant 127.0", "constant 128.0"}},
     "pipeline=shared_expert T=17 D=64 I=64 fill=normal"},
    {"shared: no clamps",
     {{kSharedSwiglu, "cmpi sgt, %limit,", "cmpi slt, %limit,"}},
     "pipeline=shared_expert/int8 form=head T=17 D=64 I=64 limit=10 fill=clamped"},
    {"shared, MID: clamps",
     {{"shared_expert/int8/pipeline.toml", "swiglu_requant_{form}", "swiglu_requant_head"}},
     "pipeline=shared_expert/int8 form=mid T=17 D=64 I=64 limit=10 fill=clamped"},
    {"shared: gate and up swapped",
     {{"shared_expert/pipeline.toml", R"("w1", "g")", R"("w3", "g")"},
      {"shared_expert/pipeline.toml", R"("w3", "u")", R"("w1", "u")"}},
     "pipeline=shared_expert T=17 D=64 I=64 fill=normal"},
    {"shared: no floor of h's amax",
     {{kSharedSwiglu, "0x38D1B717", "0x00800000"}},
     "pipeline=shared_expert T=17 D=64 I=64 fill=tiny-h"},
};

class ExpertFaults : public ::testing::TestWithParam<KernelFault> {};
INSTANTIATE_TEST_SUITE_P(Rules, ExpertFaults, ::testing::ValuesIn(kFaults));

TEST_P(ExpertFaults, ChangeAVerdict) { expect_changes_verdict(GetParam()); }

}  // namespace
}  // namespace assay::run
