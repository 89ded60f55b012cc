// B01, B03 and B04 of seed-bugs.md as kernels: bisected to the named cause, and nothing found in the fixed ones.
#include <gtest/gtest.h>

#include "harness/bisect/bisect.h"

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

}  // namespace
}  // namespace assay::bisect
