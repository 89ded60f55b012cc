// The binary as its users see it: arguments, one clear line for what is wrong, exit codes.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "harness/cli/invocation.h"
#include "harness/core/file.h"
#include "harness/core/manifest.h"
#include "harness/core/npy.h"
#include "harness/core/scratch_directory.h"

namespace assay::cli {
namespace {

using testing::Invocation;

class CliTest : public ::testing::Test {
 protected:
  CliTest() : scratch_(ScratchDirectory::make().value()) {}

  std::string path(std::string_view name) const { return (scratch_.path() / name).string(); }
  void write(std::string_view name, std::string_view text) const { ASSERT_TRUE(write_text(path(name), text)); }

  // In the scratch folder.
  Invocation run(const std::string& arguments) const {
    return testing::shell_in(scratch_.path(), ASSAY_BINARY " " + arguments);
  }

  // Bad input: exit 2, one line that holds `part`, and nothing written.
  void refuses(const std::string& arguments, std::string_view part) const {
    const Invocation result = run(arguments);
    EXPECT_EQ(result.exit_code, 2) << arguments << "\n" << result.output;
    EXPECT_NE(result.output.find(part), std::string::npos) << arguments << "\n" << result.output;
    EXPECT_TRUE(result.output.starts_with("assay: ")) << result.output;
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << result.output;
    EXPECT_FALSE(std::filesystem::exists(path("out")));
  }

  ScratchDirectory scratch_;
};

TEST_F(CliTest, SaysWhatItIs) {
  EXPECT_EQ(run("--version").output, "assay 0.1.0\n");
  const Invocation help = run("--help");
  EXPECT_EQ(help.exit_code, 0);
  for (const char* command : {"run", "list", "report", "verify", "backends", "worker"})
    EXPECT_NE(help.output.find(std::string("\n  ") + command + " "), std::string::npos) << help.output;
}

TEST_F(CliTest, RefusesBadArguments) {
  refuses("", "subcommand");
  refuses("dance", "dance");
  refuses("run --out out", "found no cases, expected CSV files or --replay");
  refuses("run --out out none.csv", "none.csv");
  refuses("run --out out --nonsense", "--nonsense");
  write("a.csv", "pipeline,T,D\ncast_bf16,1..4,16\n");
  refuses("run --out out a.csv --backend sim,gpu", "unknown backend 'gpu', expected one of sim");
  refuses("run --out out a.csv --backend sim,sim", "'sim' stands twice");
  refuses("run --out out a.csv --shard 3/2", "--shard '3/2'");
  refuses("run --out out a.csv --cover most", "--cover 'most'");
  refuses("run --out out a.csv --filter 'T>>1'", "--filter 'T>>1', column 3");
  refuses("run --out out a.csv --filter 'Z=1'", "unknown key 'Z'");
  refuses("run --out out a.csv --jobs 0", "--jobs");
  refuses("run --out out a.csv --timeout never", "--timeout");
  refuses("run --out out a.csv --replay 'pipeline=cast_bf16'", "expected one of them");
  refuses("run --out out --replay 'pipeline=cast_bf16 T=x'", "found 'x' for T");
  refuses("run --out out a.csv --inputs-only x --verify y", "excludes");
  refuses("run --resume a.csv", "--resume needs --out");
  refuses("run --out out a.csv --pipelines nowhere", "--pipelines nowhere: is no folder");
  refuses("run --out a.csv/out a.csv", "a.csv/out");
}

TEST_F(CliTest, RefusesBadMatrices) {
  const auto refuses_csv = [this](std::string_view csv, std::string_view part) {
    write("bad.csv", csv);
    refuses("run --out out bad.csv", part);
    const Invocation listed = run("list bad.csv");
    EXPECT_EQ(listed.exit_code, 2);
    EXPECT_NE(listed.output.find(part), std::string::npos) << listed.output;
  };
  refuses_csv("pipeline,T\nno_such,1\n", "bad.csv:2:1: ");
  refuses_csv("pipeline,T,Q\ncast_bf16,1,2\n", "bad.csv:1:12: unknown column 'Q', expected one of ");
  refuses_csv("pipeline,T\ncast_bf16,\"1\n", "bad.csv:2:11: found no closing quote");
  refuses_csv("pipeline,T\ncast_bf16,0\n", "bad.csv:2:11: found 0 for T, expected at least 1");
  refuses_csv("pipeline,T\ncast_bf16,9..1\n", "expands to nothing");
  refuses_csv("pipeline,T,constraint\ncast_bf16,1..9,T>9\n", "bad.csv:2:1: the row expands to nothing");
  refuses_csv("pipeline,fill\ncast_bf16,no_such\n", "bad.csv:2:11: ");
  refuses_csv("pipeline,policy\ncast_bf16,roughly\n", "bad.csv:2:11: ");
  refuses_csv("pipeline,profile\ncast_bf16,z80\n", "bad.csv:2:11: unknown profile 'z80', expected one of ");
  refuses_csv("pipeline,backends\ncast_bf16,gpu\n", "bad.csv:2:11: unknown backend 'gpu', expected one of ");
  refuses_csv("pipeline,x_dtype\nquant_rows,f64\n", "bad.csv:2:12: found 'f64' for x_dtype, expected one of ");
  refuses_csv("pipeline,expect\ncast_bf16,maybe\n", "bad.csv:2:11: expect is 'maybe'; expected pass, fail:CAUSE");
  refuses_csv("", "found no header row");
}

TEST_F(CliTest, ListsWithBytes) {
  write("a.csv", "pipeline,T,D,fill,expect\ncast_bf16,1..30,16,uniform,\ncast_bf16,31,16,uniform,skip:no reason\n");
  const Invocation listed = run("list a.csv");
  EXPECT_EQ(listed.exit_code, 0) << listed.output;
  // 16 elements of 4 and of 2 bytes.
  EXPECT_NE(listed.output.find("96 B  D=16 T=1 fill=uniform pipeline=cast_bf16\n"), std::string::npos) << listed.output;
  EXPECT_NE(listed.output.find("... 11 more, --all shows them"), std::string::npos) << listed.output;
  EXPECT_NE(listed.output.find("skipped: no reason"), std::string::npos) << listed.output;
  EXPECT_NE(listed.output.find("31 cases, 96 B to 2976 B each"), std::string::npos) << listed.output;
  const Invocation all = run("list --all a.csv");
  EXPECT_EQ(std::count(all.output.begin(), all.output.end(), '\n'), 1 + 31 + 2 + 1);
  EXPECT_NE(run("list a.csv --filter 'T<=3'").output.find("27 left out by --filter"), std::string::npos);
}

TEST_F(CliTest, AMillionCasesListInSeconds) {
  write("m.csv", "pipeline,T,D,fill,seed\ncast_bf16,1..100,1..100,uniform|ties,1..50\n");
  const auto start = std::chrono::steady_clock::now();
  const Invocation listed = run("list m.csv");
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_NE(listed.output.find("1000000 cases"), std::string::npos) << listed.output;
  RecordProperty("seconds", std::to_string(seconds.count()));
#ifdef NDEBUG
  EXPECT_LT(seconds.count(), 3);
#endif
}

TEST_F(CliTest, RunsAndReportsACase) {
  write("a.csv", "pipeline,T,D,fill\ncast_bf16,3,16,uniform|specials\n");
  const Invocation ran = run("run a.csv --backend sim --out out --jobs 1");
  EXPECT_EQ(ran.exit_code, 0) << ran.output;
  EXPECT_NE(ran.output.find("report: out/report.html"), std::string::npos) << ran.output;
  for (const char* name : {"results.csv", "summary.json", "junit.xml", "report.html", "results.db"})
    EXPECT_TRUE(std::filesystem::exists(path("out") + "/" + name)) << name;
  std::filesystem::remove(path("out/report.html"));
  EXPECT_EQ(run("report out").exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists(path("out/report.html")));
  EXPECT_EQ(run("report nowhere").exit_code, 2);
  const Invocation resumed = run("run a.csv --backend sim --out out --resume");
  EXPECT_EQ(resumed.exit_code, 0) << resumed.output;
  EXPECT_EQ(run("run --replay 'pipeline=cast_bf16 T=2 D=16' --backend sim").exit_code, 0);
}

TEST_F(CliTest, ThreeStepsGiveTheVerdictOfOne) {
  write("a.csv", "pipeline,T,D,fill\ncast_bf16,3,16,uniform|ties\n");
  for (const char* step : {"run a.csv --inputs-only x", "run --run-only x --backend sim"}) {
    const Invocation done = run(step);
    EXPECT_EQ(done.exit_code, 0) << done.output;
    EXPECT_EQ(done.output.find("failures"), std::string::npos) << done.output;  // nothing was to be verified yet
  }
  const Invocation verified = run("run --verify x --out out");
  EXPECT_EQ(verified.exit_code, 0) << verified.output;
  // One wrong byte in one output is a failure.
  for (const auto& entry : std::filesystem::directory_iterator(path("x"))) {
    const auto folder = entry.path() / "outputs" / "sim";
    auto tensors = read_tensors(folder);
    ASSERT_TRUE(tensors) << tensors.error().message;
    Tensor& y = tensors->at("y");
    y.set_bits(5, y.bits(5) ^ 1);
    const auto roles = Roles{{"y", "output"}};
    const auto manifest = read_manifest(folder);
    ASSERT_TRUE(write_tensors(folder, *tensors, roles, manifest->metadata));
    break;
  }
  EXPECT_EQ(run("run --verify x").exit_code, 1);
  const Invocation missing = run("run --verify nowhere --out other");
  EXPECT_EQ(missing.exit_code, 2) << missing.output;
  EXPECT_FALSE(std::filesystem::exists(path("other")));
}

TEST_F(CliTest, VerifyComparesFolders) {
  Tensor a(DType::bf16, {2, 3});
  for (std::int64_t i = 0; i < 6; ++i) a.set_bits(i, 0x3F80 + static_cast<std::uint64_t>(i));
  Tensor b = a;
  b.set_bits(4, a.bits(4) + 1);
  ASSERT_TRUE(write_tensors(path("a"), {{"y", a}}));
  ASSERT_TRUE(write_tensors(path("b"), {{"y", b}}));
  EXPECT_EQ(run("verify a a").exit_code, 0);
  const Invocation differ = run("verify a b");
  EXPECT_EQ(differ.exit_code, 1);
  EXPECT_NE(differ.output.find("y: failed: bf16 2x3, 6 of 6 compared, 1 differ"), std::string::npos) << differ.output;
  EXPECT_NE(differ.output.find("[4] found 0x3f84"), std::string::npos) << differ.output;
  EXPECT_EQ(run("verify a b --policy 'ulp(1)'").exit_code, 0);
  refuses("verify a b --policy 'nearly'", "nearly");
  refuses("verify a b --policy bound", "b holds no y.lo and y.hi");
  refuses("verify a none", "none: is no folder");
  // Without a manifest the other folder's says that the raw bits are bf16.
  std::filesystem::create_directories(path("raw"));
  ASSERT_TRUE(write_npy(path("raw/y.npy"), b));
  EXPECT_EQ(run("verify raw b").exit_code, 0);
  EXPECT_NE(run("verify raw b").output.find("bf16 2x3"), std::string::npos);
  ASSERT_TRUE(write_npy(path("raw/z.npy"), b));
  const Invocation more = run("verify raw b");
  EXPECT_EQ(more.exit_code, 1);
  EXPECT_NE(more.output.find("z: failed: only in the first folder"), std::string::npos) << more.output;
  const auto bytes = *read_file(path("raw/y.npy"), 1 << 20);
  ASSERT_TRUE(write_file(path("raw/y.npy"), std::span(bytes).first(bytes.size() - 1)));
  refuses("verify raw b", "y.npy");
}

TEST_F(CliTest, ReplayLinesNameTheFolderOfTheirPipeline) {
  std::filesystem::create_directories(path("mine/copy"));
  write("mine/copy/copy.pto", R"(func.func @copy(%x: !pto.ptr<f32>, %y: !pto.ptr<f32>) {
  %c0 = arith.constant 0 : index
  %v = pto.load_scalar %x[%c0] : !pto.ptr<f32> -> f32
  pto.store_scalar %v, %y[%c0] : !pto.ptr<f32>, f32
  return
}
)");
  write("mine/copy/pipeline.toml", R"(policy = "bits"
[tensors.x]
shape = [1]
dtype = "f32"
[tensors.y]
shape = [1]
dtype = "f32"
role = "output"
[[stages]]
name = "copy"
inputs = ["x"]
outputs = ["y"]
golden = { npy = "." }
[[stages.tasks]]
kernel = "copy.pto"
args = ["x", "y"]
)");
  Tensor wrong(DType::f32, {1});
  wrong.set_bits(0, 0x7F7FFFFF);
  ASSERT_TRUE(write_npy(path("mine/copy/y.npy"), wrong));
  const Invocation failed = run("run --replay 'pipeline=copy fill=normal seed=1' --pipelines mine");
  EXPECT_EQ(failed.exit_code, 1) << failed.output;
  const auto at = failed.output.find("assay run --replay");
  ASSERT_NE(at, std::string::npos) << failed.output;
  const std::string line = failed.output.substr(at + 6, failed.output.find('\n', at) - at - 6);
  EXPECT_NE(line.find(" --pipelines "), std::string::npos) << line;
  const Invocation again = run(line);
  EXPECT_EQ(again.exit_code, 1) << again.output;
  EXPECT_NE(again.output.find("elements differ"), std::string::npos) << again.output;
  // Bisection knows from the run where its pipelines were.
  EXPECT_EQ(run("run --replay 'pipeline=copy fill=normal seed=1' --pipelines mine --out out").exit_code, 1);
  const auto failure = std::filesystem::directory_iterator(path("out/failures"))->path().filename().string();
  const Invocation bisected = run("bisect " + failure + " --from out --device none");
  EXPECT_NE(bisected.output.find("stage        copy"), std::string::npos) << bisected.output;
}

TEST_F(CliTest, FuzzesFaultyPipelinesIntoCasesThatRun) {
  const Invocation found = run("fuzz faults/b04_hc_post --backend sim --runs 40 --csv found.csv");
  EXPECT_EQ(found.exit_code, 1) << found.output;
  EXPECT_NE(found.output.find("appended to found.csv"), std::string::npos) << found.output;
  const Invocation again = run("run found.csv");
  EXPECT_EQ(again.exit_code, 1) << again.output;
  EXPECT_NE(again.output.find("exit 1: 1 failed"), std::string::npos) << again.output;
  refuses("fuzz hc_post --runs 0", "--runs: found '0', expected a whole number from 1");
  refuses("fuzz hc_post --seed -1", "--seed: found '-1'");
  refuses("fuzz hc_post --time 0s", "--time '0s'");
  refuses("fuzz no_such --runs 1", "unknown pipeline 'no_such'");
  write("diary.csv", "dear,diary\n");
  refuses("fuzz hc_post --runs 1 --csv diary.csv", "diary.csv:1:1: found no column 'pipeline'");
}

// Without a word about backends, what is not here is skipped; by name it must be here.
TEST_F(CliTest, AMissingDeviceIsSkippedUnlessAskedFor) {
  ::setenv("OCL_ICD_VENDORS", scratch_.path().c_str(), 1);
  const char* commands[] = {"fuzz hc_post --runs 1", "bisect 'pipeline=hc_post T=1 D=16 fill=ties seed=1'"};
  const char* asked[] = {" --backend opencl", " --device opencl"};
  for (std::size_t i = 0; i < std::size(commands); ++i) {
    const Invocation skipped = run(commands[i]);
    EXPECT_EQ(skipped.exit_code, 0) << skipped.output;
    EXPECT_NE(skipped.output.find("note: backend 'opencl' is skipped: "), std::string::npos) << skipped.output;
    EXPECT_EQ(run(std::string(commands[i]) + asked[i]).exit_code, 3);
  }
  ::unsetenv("OCL_ICD_VENDORS");
}

TEST_F(CliTest, PlacesThatCannotBeWrittenAreBadInput) {
  write("a.csv", "pipeline,T,D\ncast_bf16,1,16\n");
  write("file", "");
  refuses("run a.csv --inputs-only file/x", "file/x: cannot be created");
  refuses("run a.csv --out file/x", "file/x: cannot be created");
  EXPECT_EQ(run("run a.csv --out there").exit_code, 0);
  refuses("report there --out file/x", "file/x: cannot be created");
}

TEST_F(CliTest, BackendsSayWhetherTheyAreThere) {
  const Invocation result = run("backends");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.output.find("sim"), std::string::npos);
  EXPECT_NE(result.output.find("opencl"), std::string::npos);
}

TEST_F(CliTest, WorkerIsNotForPeople) { refuses("worker 3<&-", "it is started by assay run"); }

}  // namespace
}  // namespace assay::cli
