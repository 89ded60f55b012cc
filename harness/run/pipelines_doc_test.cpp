// docs/pipelines.md is right: its files are taken out of the text and run.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "goldens/stages/stage.h"
#include "harness/run/execute.h"
#include "harness/run/matrix.h"

namespace assay::run {
namespace {

namespace fs = std::filesystem;

// The document's fenced blocks "```language path", by path.
std::map<std::string, std::string> files_of(const fs::path& document) {
  std::map<std::string, std::string> files;
  std::ifstream stream(document);
  std::string line, path;
  while (std::getline(stream, line)) {
    if (!line.starts_with("```")) {
      if (!path.empty()) files[path] += line + "\n";
      continue;
    }
    const auto space = line.find(' ');
    path = path.empty() && space != std::string::npos ? line.substr(space + 1) : "";
  }
  return files;
}

// The golden of the walk-through without numpy: y = x + bias in float32, which rounding the sum in double gives
// exactly.
constexpr const char* kPerlGolden = R"perl(
use strict;
sub read_npy { open(my $f, '<:raw', $_[0]) or die; local $/; my $b = <$f>; my $n = 10 + unpack('v', substr($b, 8, 2));
  return (substr($b, 0, $n), unpack('f<*', substr($b, $n))); }
my ($in, $out) = @ARGV;
my ($header, @x) = read_npy("$in/x.npy");
my ($unused, @bias) = read_npy("$in/bias.npy");
open(my $f, '>:raw', "$out/y.npy") or die;
print $f $header, pack('f<*', map { $x[$_] + $bias[$_ % @bias] } 0..$#x);
)perl";

class PipelinesDocument : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / ("pipelines_doc_test_" + std::to_string(::getpid()));
    for (const auto& [path, text] : files_of(fs::path(ASSAY_SOURCE_DIR) / "docs/pipelines.md")) write(path, text);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const fs::path& path, const std::string& text) const {
    fs::create_directories((folder_ / path).parent_path());
    std::ofstream(folder_ / path) << text;
  }
  void expect_passes() const {
    ExecuteOptions options;
    options.pipeline_directories = {folder_};
    options.backends = {"sim", "opencl"};
    Executor executor(options);
    for (const char* line : {"pipeline=add_bias rows=1 cols=1", "pipeline=add_bias rows=9 cols=65 fill=small seed=2",
                             "pipeline=add_bias rows=7 cols=1030 fill=order-sensitive"}) {
      const auto result = executor.execute(parse_replay(line).value());
      ASSERT_TRUE(result.has_value()) << to_string(result.error());
      EXPECT_EQ(result->verdict, compare::Verdict::passed) << line << ": " << result->reason;
    }
  }

  fs::path folder_;
};

TEST_F(PipelinesDocument, WalkThroughRuns) {
  write("add_bias/golden.pl", kPerlGolden);
  std::ifstream stream(folder_ / "add_bias/pipeline.toml");
  std::ostringstream text;
  text << stream.rdbuf();
  std::string toml = text.str();
  const std::string python = "python3 golden.py";
  ASSERT_NE(toml.find(python), std::string::npos);
  write("add_bias/pipeline.toml", toml.replace(toml.find(python), python.size(), "perl golden.pl"));
  expect_passes();
}

TEST_F(PipelinesDocument, WalkThroughRunsAsWritten) {
  // The system's python3 has the packaged numpy; another one in front of it may not.
  const char* path = std::getenv("PATH");
  setenv("PATH", (std::string("/usr/bin:") + (path ? path : "")).c_str(), 1);
  if (std::system("python3 -c 'import numpy' >/dev/null 2>&1") != 0) GTEST_SKIP() << "no python3 with numpy here";
  expect_passes();
}

TEST_F(PipelinesDocument, CasesAreAMatrix) {
  const auto matrix = read_matrix({folder_ / "cases.csv"}, make_vocabulary({folder_}));
  ASSERT_TRUE(matrix.has_value()) << to_string(matrix.error());
  EXPECT_EQ(matrix->rows.size(), 1U);
}

TEST(GoldensDocument, ListsEveryBuiltInStage) {
  std::ifstream stream(fs::path(ASSAY_SOURCE_DIR) / "docs/goldens.md");
  std::ostringstream text;
  text << stream.rdbuf();
  for (const goldens::Stage& stage : goldens::stages()) {
    const std::string row = fmt::format("\n| `{}` | {} |", stage.name, stage.clause);
    EXPECT_NE(text.str().find(row), std::string::npos) << row;
  }
}

}  // namespace
}  // namespace assay::run
