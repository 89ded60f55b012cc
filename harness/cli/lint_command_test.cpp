// assay lint as its users see it: arguments, formats, exit codes.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "harness/cli/invocation.h"
#include "harness/cli/kernel_fixture.h"
#include "harness/core/file.h"
#include "harness/core/scratch_directory.h"

namespace assay::cli {
namespace {

using testing::Invocation;

// A tile beyond the end of the unified buffer.
constexpr std::string_view kTooHigh = R"(func.func @f(%x: !pto.ptr<f32>) {
  %at = arith.constant 196608 : i64
  %t = pto.alloc_tile addr = %at : !pto.tile_buf<vec, 1x8xf32>
  return
}
)";

class LintCommandTest : public ::testing::Test {
 protected:
  LintCommandTest() : scratch_(ScratchDirectory::make().value()) {
    EXPECT_TRUE(write_text(scratch_.path() / "good.pto", testing::kCopy));
    EXPECT_TRUE(write_text(scratch_.path() / "bad.pto", kTooHigh));
    EXPECT_TRUE(write_text(scratch_.path() / "broken.pto", "func.func @f("));
  }
  Invocation run(const std::string& arguments) const {
    return testing::shell_in(scratch_.path(), ASSAY_BINARY " " + arguments);
  }
  void refuses(const std::string& arguments, std::string_view part) const {
    const Invocation result = run(arguments);
    EXPECT_EQ(result.exit_code, 2) << arguments << "\n" << result.output;
    EXPECT_NE(result.output.find(part), std::string::npos) << arguments << "\n" << result.output;
  }

  ScratchDirectory scratch_;
};

TEST_F(LintCommandTest, IsListedAndDescribed) {
  EXPECT_NE(run("--help").output.find("\n  lint "), std::string::npos);
  const Invocation help = run("lint --help");
  EXPECT_EQ(help.exit_code, 0);
  for (const char* option : {"--arg", "--blocks", "--ranks", "--tasks", "--launches", "--schedule", "--order",
                             "--profile", "--level", "--format", "--out", "--function"})
    EXPECT_NE(help.output.find(option), std::string::npos) << option;
}

TEST_F(LintCommandTest, ExitCodes) {
  EXPECT_EQ(run("lint good.pto").exit_code, 0);
  EXPECT_EQ(run("lint bad.pto").exit_code, 1);
  EXPECT_EQ(run("lint good.pto bad.pto").exit_code, 1);
  EXPECT_EQ(run("lint broken.pto bad.pto").exit_code, 2);
}

TEST_F(LintCommandTest, ReadsTheStandardInput) {
  const Invocation bad = run("lint - < bad.pto");
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_NE(bad.output.find("<stdin>:3:"), std::string::npos) << bad.output;
  EXPECT_EQ(run("lint - < good.pto").exit_code, 0);
  EXPECT_EQ(run("lint - < broken.pto").exit_code, 2);
}

TEST_F(LintCommandTest, RefusesBadArguments) {
  refuses("lint", "FILE");
  refuses("lint none.pto", "none.pto");
  refuses("lint broken.pto", "broken.pto:1:");
  refuses("lint good.pto --schedule best", "schedule 'best', expected canonical, worst or seed=N");
  refuses("lint good.pto --order any", "order 'any', expected auto, program or explicit");
  refuses("lint good.pto --format xml", "--format");
  refuses("lint good.pto --level fatal", "--level");
  refuses("lint good.pto --ranks 0", "--ranks");
  refuses("lint good.pto --tasks copy,none", "no function 'none'");
  refuses("lint good.pto --function none", "no function 'none'");
  refuses("lint good.pto --arg q=3", "no argument 'q'");
  refuses("lint good.pto --profile z80", "unknown profile 'z80'");
  refuses("lint good.pto --out nowhere/x", "nowhere");
  refuses("kernel good.pto --schedule best", "schedule 'best'");
}

TEST_F(LintCommandTest, TextNamesPlaceRuleAndBothLines) {
  const std::string text = run("lint bad.pto").output;
  EXPECT_TRUE(text.starts_with("bad.pto:3:8: error: capacity: ")) << text;
  EXPECT_NE(text.find("  %t = pto.alloc_tile addr = %at"), std::string::npos) << text;
  EXPECT_NE(text.find("canonical and 9 more schedules"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("1 finding in 1 file\n")) << text;
  EXPECT_EQ(run("lint good.pto").output, "nothing found in 1 file\n");
  EXPECT_NE(run("lint bad.pto --schedule seed=5").output.find(", seed=5]"), std::string::npos);
}

TEST_F(LintCommandTest, JsonAndSarifAreRead) {
  const auto json = nlohmann::json::parse(run("lint good.pto bad.pto --format json").output);
  EXPECT_EQ(json.at("count"), 1);
  EXPECT_EQ(json.at("files").at(1).at("findings").at(0).at("rule"), "capacity");
  EXPECT_EQ(json.at("files").at(1).at("findings").at(0).at("location").at("line"), 3);
  EXPECT_EQ(run("lint bad.pto --format sarif --out found.sarif").output, "");
  EXPECT_EQ(run("lint bad.pto --format sarif | python3 -m json.tool > /dev/null").output, "");
  const auto sarif = nlohmann::json::parse(read_text(scratch_.path() / "found.sarif", 1 << 20).value());
  EXPECT_EQ(sarif.at("runs").at(0).at("results").at(0).at("ruleId"), "capacity");
  EXPECT_EQ(sarif.at("runs").at(0).at("artifacts").at(0).at("location").at("uri"), "bad.pto");
}

}  // namespace
}  // namespace assay::cli
