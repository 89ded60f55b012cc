// B01, B03 and B04 of seed-bugs.md as kernels: bisected to the named cause, and nothing found in the fixed ones.
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/bisect/bisect.h"
#include "harness/core/file.h"
#include "harness/core/npy.h"
#include "harness/core/scratch_directory.h"

namespace assay::bisect {
namespace {

Finding bisect_line(const std::string& line) {
  const std::filesystem::path root(ASSAY_SOURCE_DIR);
  BisectOptions options;
  options.pipeline_directories = {root / "kernels", root / "kernels" / "faults"};
  auto c = run::parse_replay(line);
  EXPECT_TRUE(c.has_value());
  auto finding = bisect(*c, options);
  EXPECT_TRUE(finding.has_value()) << (finding ? "" : to_string(finding.error()));
  return finding.value_or(Finding{});
}

TEST(SeedBugs, B01ProductTileWithoutItsDeclaredValidShape) {
  const Finding finding = bisect_line("pipeline=b01_row_expand_mul_fillpad valid_rows=1 fill=normal seed=1");
  ASSERT_EQ(finding.conclusion, Conclusion::cause) << to_string(finding);
  EXPECT_EQ(finding.instruction->mnemonic, "pto.alloc_tile");
  EXPECT_EQ(finding.edit->kind, EditKind::valid_shape);
  EXPECT_NE(finding.explanation.find("unset valid shape -> the declared shape"), std::string::npos)
      << to_string(finding);
  EXPECT_NE(finding.broken_rule.find("unset-valid-shape"), std::string::npos) << to_string(finding);
  EXPECT_GT(finding.instruction->line, 0);
}

TEST(SeedBugs, B03RoundWhereTheGoldenSaysRint) {
  const Finding finding = bisect_line("pipeline=b03_mix_x T=3 D=64 fill=ties seed=1");
  ASSERT_EQ(finding.conclusion, Conclusion::cause) << to_string(finding);
  EXPECT_EQ(finding.instruction->mnemonic, "pto.tcvt");
  EXPECT_EQ(finding.edit->description, "rmode ROUND -> RINT");
}

TEST(SeedBugs, B04RoundAtTheStoreOfHcPost) {
  const Finding finding = bisect_line("pipeline=b04_hc_post T=3 D=64 HC=4 fill=ties seed=1");
  ASSERT_EQ(finding.conclusion, Conclusion::cause) << to_string(finding);
  EXPECT_EQ(finding.instruction->mnemonic, "pto.tcvt");
  EXPECT_EQ(finding.edit->description, "rmode ROUND -> RINT");
  EXPECT_EQ(finding.loop_indices.size(), 3U) << "token, chunk and output stream";
}

TEST(SeedBugs, FixedKernelsAreSilent) {
  for (const char* line :
       {"pipeline=row_expand_mul_fillpad valid_rows=1 fill=normal seed=1", "pipeline=mix_x T=3 D=64 fill=ties seed=1",
        "pipeline=hc_post T=3 D=64 HC=4 fill=ties seed=1", "pipeline=gate T=2 D=64 fill=normal seed=1"})
    EXPECT_EQ(bisect_line(line).conclusion, Conclusion::agreement) << line;
}

// A test where the kernel must wait: right whenever block 0 comes first, which `canonical` sees to.
constexpr const char* kLate = R"(module attributes {pto.target_arch = "a2a3"} {
  func.func @late(%sig: !pto.ptr<i32>, %y: !pto.ptr<i32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %zero = arith.constant 0 : i64
    %one = arith.constant 1 : i32
    %two = arith.constant 2 : i32
    %b = pto.get_block_idx
    %first = arith.cmpi eq, %b, %zero : i64
    %sv = pto.make_tensor_view %sig, shape = [%c1, %c1], strides = [%c1, %c1] : !pto.tensor_view<?x?xi32>
    %s = pto.partition_view %sv, offsets = [%c0, %c0], sizes = [%c1, %c1] : !pto.tensor_view<?x?xi32> -> !pto.partition_tensor_view<1x1xi32>
    %yv = pto.make_tensor_view %y, shape = [%c1, %c8], strides = [%c8, %c1] : !pto.tensor_view<?x?xi32>
    %p = pto.partition_view %yv, offsets = [%c0, %c0], sizes = [%c1, %c8] : !pto.tensor_view<?x?xi32> -> !pto.partition_tensor_view<1x8xi32>
    %t = pto.alloc_tile addr = %zero : !pto.tile_buf<vec, 1x8xi32>
    scf.if %first {
      pto.comm.tnotify(%s, %one : !pto.partition_tensor_view<1x1xi32>, i32) {notifyOp = #pto<notify_op set>}
    } else {
      %there = pto.comm.ttest(%s, %one : !pto.partition_tensor_view<1x1xi32>, i32) {cmp = #pto<wait_cmp ge>} -> i1
      %v = arith.select %there, %one, %two : i32
      pto.texpands ins(%v : i32) outs(%t : !pto.tile_buf<vec, 1x8xi32>)
      pto.set_flag[<PIPE_V>, <PIPE_MTE3>, <EVENT_ID0>]
      pto.wait_flag[<PIPE_V>, <PIPE_MTE3>, <EVENT_ID0>]
      pto.tstore ins(%t : !pto.tile_buf<vec, 1x8xi32>) outs(%p : !pto.partition_tensor_view<1x8xi32>)
    }
    return
  }
}
)";
constexpr const char* kLatePipeline = R"(clause = "a test looks where it must wait"
policy = "bits"
[params]
n = 8
[tensors.sig]
shape = ["1"]
dtype = "i32"
role = "inout"
[tensors.y]
shape = ["n"]
dtype = "i32"
role = "output"
[fills.zero]
sig = "constant:0"
[[stages]]
name = "late"
inputs = ["sig"]
outputs = ["sig", "y"]
golden = { npy = "expected" }
[[stages.tasks]]
kernel = "late.pto"
args = ["sig", "y"]
blocks = "2"
)";

TEST(Schedules, AreKeptByABisection) {
  const auto scratch = ScratchDirectory::make().value();
  const std::filesystem::path folder = scratch.path() / "late";
  std::filesystem::create_directories(folder / "expected");
  ASSERT_TRUE(write_text(folder / "late.pto", kLate));
  ASSERT_TRUE(write_text(folder / "pipeline.toml", kLatePipeline));
  for (const auto& [name, size] : {std::pair{"sig.npy", 1}, std::pair{"y.npy", 8}}) {
    Tensor ones(DType::i32, {size});
    std::ranges::fill(ones.as<std::int32_t>(), 1);
    ASSERT_TRUE(write_npy(folder / "expected" / name, ones));
  }
  BisectOptions options;
  options.pipeline_directories = {scratch.path()};
  const auto under = [&](const std::string& schedule) {
    auto finding = bisect(*run::parse_replay("pipeline=late fill=zero order=explicit schedule=" + schedule), options);
    EXPECT_TRUE(finding.has_value()) << (finding ? "" : to_string(finding.error()));
    return finding.value_or(Finding{});
  };
  EXPECT_EQ(under("canonical").conclusion, Conclusion::agreement);
  for (const char* schedule : {"worst", "seed=1"}) {
    const Finding finding = under(schedule);
    EXPECT_NE(finding.conclusion, Conclusion::agreement) << schedule;
    // Exchanging the blocks would suit this interleaving and no other.
    EXPECT_EQ(to_string(finding).find("predicate eq -> ne"), std::string::npos) << to_string(finding);
    ASSERT_TRUE(finding.instruction) << to_string(finding);
    const std::string& at = finding.instruction->mnemonic;  // the test, or what chooses by it
    EXPECT_TRUE(at == "pto.comm.ttest" || at == "arith.select") << to_string(finding);
  }
}

}  // namespace
}  // namespace assay::bisect
