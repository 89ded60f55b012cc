// Verdicts and blame, with doubles in place of the simulator and the device.
#include <cmath>
#include <nlohmann/json.hpp>

#include "harness/core/manifest.h"
#include "harness/core/npy.h"
#include "harness/run/assumed.h"
#include "harness/run/execute_fixture.h"

namespace assay::run {
namespace {

using compare::Blame;
using compare::Verdict;
using device::RunStatus;
using Bodies = std::map<std::string, DoubleBackend::Body, std::less<>>;

// Flips the lowest bit of one element.
Corrupt flip(std::size_t index) {
  return [index](auto, std::span<float> y, std::size_t) {
    y[index] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(y[index]) ^ 1U);
  };
}

class ExecutorTest : public ExecuteTest {
 protected:
  ExecuteOptions with(Bodies bodies) const {
    ExecuteOptions result = options();
    for (const auto& [name, body] : bodies) result.backends.push_back(name);
    result.create_backend = [bodies](std::string_view name) -> Result<std::unique_ptr<device::Backend>> {
      const auto found = bodies.find(name);
      if (found == bodies.end()) return unavailable("no {} here", name);
      return std::make_unique<DoubleBackend>(std::string(name), found->second);
    };
    return result;
  }
  CaseResult execute(Bodies bodies, std::string_view line = "pipeline=copy") const {
    auto result = Executor(with(std::move(bodies))).execute(make_case(line));
    EXPECT_TRUE(result.has_value()) << to_string(result.error());
    return result.value_or(CaseResult{});
  }
  void golden(const std::string& source) const { write("copy/pipeline.toml", pipeline_text(source)); }
};

TEST_F(ExecutorTest, AgreementPasses) {
  const CaseResult result = execute({{"sim", copy_then()}, {"opencl", copy_then()}}, "pipeline=copy N=6");
  EXPECT_EQ(result.verdict, Verdict::passed) << result.reason;
  EXPECT_EQ(result.id, case_id(make_case("pipeline=copy N=6")));
  EXPECT_EQ(result.compared, 12);
  ASSERT_EQ(result.stages.size(), 1U);
  EXPECT_EQ(result.stages[0].blame, Blame::none);
  ASSERT_EQ(result.stages[0].outputs.size(), 3U);  // each against the golden, device against simulator
  EXPECT_EQ(result.stages[0].outputs[0].oracle, "command");
  EXPECT_EQ(result.stages[0].outputs[2].reference, "sim");
  EXPECT_EQ(result.stages[0].outputs[2].oracle, "peer");
  ASSERT_EQ(result.backends.size(), 2U);
  EXPECT_EQ(result.backends[0].status, "completed");
  EXPECT_GT(result.backends[0].device_seconds, 0);
}

// Every number of a2a3's arithmetic is assumed.
TEST_F(ExecutorTest, ABoundThatRestsOnAssumedNumbersSaysSo) {
  golden(R"({ npy = "expected" })");
  std::filesystem::create_directories(folder_ / "copy/expected");
  const pipeline::Pipeline p = read_pipeline();
  const Case c = make_case("pipeline=copy N=6 seed=1");
  const Tensor x = make_inputs(p, c, bind(p, c).value()).value().at("x");
  Tensor lo = x, hi = x;
  for (float& value : lo.as<float>()) value -= 0.5F;
  const auto rule = [&](const Tensor& high, const char* line) {
    EXPECT_TRUE(write_npy(folder_ / "copy/expected/y.npy", x));
    EXPECT_TRUE(write_npy(folder_ / "copy/expected/y.lo.npy", &high == &hi ? x : lo));
    EXPECT_TRUE(write_npy(folder_ / "copy/expected/y.hi.npy", high));
    const CaseResult result = execute({{"sim", copy_then()}}, line);
    EXPECT_EQ(result.verdict, Verdict::passed) << result.reason;
    return result.stages.at(0).outputs.at(0).comparison.rule;
  };
  EXPECT_EQ(rule(x, "pipeline=copy N=6 seed=1 policy=bound"), "bound(assumed)");
  EXPECT_EQ(rule(x, "pipeline=copy N=6 seed=1 policy=bound,zero=sign_matters"), "bound(assumed),zero=sign_matters");
  EXPECT_EQ(rule(x, "pipeline=copy N=6 seed=1 policy=bits"), "bits");
  // Without a width nothing rests on anything.
  EXPECT_EQ(rule(hi, "pipeline=copy N=6 seed=1 policy=bound"), "bound");
}

TEST(AssumedArithmetic, IsAnyNumberThatNobodyPublishedOrMeasured) {
  Profile profile;
  EXPECT_TRUE(arithmetic_is_assumed(profile));  // absent is assumed
  for (const char* key : {"contraction", "flush_subnormals", "sum_order", "ulp"})
    profile.evidence[key] = Evidence::published;
  EXPECT_FALSE(arithmetic_is_assumed(profile));
  profile.sum_order = SumOrder::chunked;  // now the chunk matters
  EXPECT_TRUE(arithmetic_is_assumed(profile));
  profile.evidence["sum_chunk"] = Evidence::measured;
  EXPECT_FALSE(arithmetic_is_assumed(profile));
  profile.evidence["ulp"] = Evidence::assumed;
  EXPECT_TRUE(arithmetic_is_assumed(profile));
}

struct BlameCase {
  const char* name;
  Corrupt simulator, device;
  Blame blame;
};

TEST_F(ExecutorTest, BlameFollowsWhoDiffers) {
  const BlameCase cases[] = {{"device", {}, flip(1), Blame::device},
                             {"simulator", flip(1), {}, Blame::simulator},
                             {"both", flip(1), flip(1), Blame::both},
                             {"all", flip(1), flip(2), Blame::all_differ}};
  for (const BlameCase& one : cases) {
    const CaseResult result = execute({{"sim", copy_then(one.simulator)}, {"opencl", copy_then(one.device)}});
    EXPECT_EQ(result.verdict, Verdict::failed) << one.name;
    EXPECT_EQ(result.stages.at(0).blame, one.blame) << one.name;
    EXPECT_NE(result.reason.find(compare::describe(one.blame)), std::string::npos) << result.reason;
    EXPECT_NE(result.reason.find("1 of 6 elements differ, up to 1 ulp"), std::string::npos) << result.reason;
  }
  EXPECT_EQ(execute({{"opencl", copy_then(flip(0))}}).stages.at(0).blame, Blame::device_only);
  EXPECT_EQ(execute({{"sim", copy_then(flip(0))}}).stages.at(0).blame, Blame::simulator_only);
}

TEST_F(ExecutorTest, PolicyOfTheCaseOverrides) {
  const Bodies bodies = {{"sim", copy_then()}, {"opencl", copy_then(flip(1))}};
  EXPECT_EQ(execute(bodies, "pipeline=copy policy=ulp(1)").verdict, Verdict::passed);
  EXPECT_EQ(execute(bodies, "pipeline=copy policy=bits").verdict, Verdict::failed);
}

TEST_F(ExecutorTest, WithoutAGoldenThePeerDecidesOrNobody) {
  golden("");
  const CaseResult alone = execute({{"sim", copy_then()}});
  EXPECT_EQ(alone.verdict, Verdict::unverified);
  EXPECT_NE(alone.reason.find("output y: nothing to compare sim with"), std::string::npos) << alone.reason;
  EXPECT_EQ(execute({{"sim", copy_then()}, {"opencl", copy_then()}}).verdict, Verdict::passed);
  const CaseResult apart = execute({{"sim", copy_then()}, {"opencl", copy_then(flip(3))}});
  EXPECT_EQ(apart.verdict, Verdict::failed);
  EXPECT_EQ(apart.stages.at(0).blame, Blame::undecided);
}

TEST_F(ExecutorTest, UnwrittenOutputsFail) {
  const auto nothing = [](const device::Launch&, const device::RunOptions&) { return device::RunReport{}; };
  const CaseResult result = execute({{"sim", nothing}});
  EXPECT_EQ(result.verdict, Verdict::failed);
  EXPECT_EQ(result.unwritten, 6);
  EXPECT_NE(result.reason.find("6 elements never written"), std::string::npos) << result.reason;
}

TEST_F(ExecutorTest, ACaseOfNoElementsIsUnverified) {
  std::string text = pipeline_text();
  text.replace(text.find("min = 2"), 7, "min = 0");
  write("copy/pipeline.toml", text);
  const CaseResult result = execute({{"sim", copy_then()}, {"opencl", copy_then()}}, "pipeline=copy N=0");
  EXPECT_EQ(result.verdict, Verdict::unverified);
  EXPECT_NE(result.reason.find("no element was compared"), std::string::npos) << result.reason;
}

// Whether two wrong results agree is a matter of the case's policy too.
TEST_F(ExecutorTest, WrongTogetherOrEachInItsOwnWay) {
  const auto sets = [](float value) {
    return copy_then([value](auto, std::span<float> y, std::size_t) { y[1] = value; });
  };
  const Bodies bodies = {{"sim", sets(100)}, {"opencl", sets(std::nextafter(100.0F, 200.0F))}};
  EXPECT_EQ(execute(bodies, "pipeline=copy policy=ulp(1)").stages.at(0).blame, Blame::both);
  EXPECT_EQ(execute(bodies, "pipeline=copy policy=bits").stages.at(0).blame, Blame::all_differ);
}

TEST_F(ExecutorTest, AWrongResultWeighsMoreThanACrashOrAHangElsewhere) {
  for (const RunStatus status : {RunStatus::crash, RunStatus::hang}) {
    const CaseResult result = execute({{"sim", copy_then(flip(0))}, {"opencl", report_of(status, "because")}});
    EXPECT_EQ(result.verdict, Verdict::failed) << result.reason;
  }
  EXPECT_EQ(execute({{"sim", report_of(RunStatus::error, "broken")}, {"opencl", copy_then(flip(0))}}).verdict,
            Verdict::error);
}

// Poison is a NaN, and so is what the device computes.
TEST_F(ExecutorTest, WithoutAGoldenTheSimulatorMustHaveWrittenToo) {
  golden("");
  const auto nothing = [](const device::Launch&, const device::RunOptions&) { return device::RunReport{}; };
  const auto not_a_number =
      copy_then([](auto, std::span<float> y, std::size_t n) { std::fill_n(y.begin(), n, std::nanf("")); });
  EXPECT_EQ(execute({{"sim", not_a_number}, {"opencl", not_a_number}}).verdict, Verdict::passed);
  for (const Bodies& bodies :
       {Bodies{{"sim", nothing}, {"opencl", not_a_number}}, Bodies{{"sim", not_a_number}, {"opencl", nothing}}}) {
    const CaseResult result = execute(bodies);
    EXPECT_EQ(result.verdict, Verdict::failed);
    EXPECT_EQ(result.unwritten, 6);
  }
}

TEST_F(ExecutorTest, StrayWritesFailThoughEveryOutputIsRight) {
  const CaseResult result = execute({{"sim", copy_then([](auto, auto y, std::size_t n) { y[n] = 0; })}});
  EXPECT_EQ(result.verdict, Verdict::failed);
  EXPECT_NE(result.reason.find("stray-write: tensor 'y'"), std::string::npos) << result.reason;
}

TEST_F(ExecutorTest, StatusesBecomeVerdicts) {
  const auto verdict = [&](RunStatus status) {
    return execute({{"sim", copy_then()}, {"opencl", report_of(status, "because")}}).verdict;
  };
  EXPECT_EQ(verdict(RunStatus::fault), Verdict::failed);
  EXPECT_EQ(verdict(RunStatus::budget), Verdict::hang);
  EXPECT_EQ(verdict(RunStatus::deadlock), Verdict::hang);
  EXPECT_EQ(verdict(RunStatus::hang), Verdict::hang);
  EXPECT_EQ(verdict(RunStatus::crash), Verdict::crash);
  EXPECT_EQ(verdict(RunStatus::error), Verdict::error);
  EXPECT_EQ(verdict(RunStatus::unsupported), Verdict::passed);  // the simulator passed; the record says the rest
  const CaseResult alone = execute({{"opencl", report_of(RunStatus::unsupported, "pto.tsort32, line 12")}});
  EXPECT_EQ(alone.verdict, Verdict::unsupported);
  EXPECT_EQ(alone.reason, "opencl: pto.tsort32, line 12");
}

TEST_F(ExecutorTest, FaultsCarryTheirDiagnostics) {
  const CaseResult result = execute({{"sim",
                                      [](const device::Launch&, const device::RunOptions&) {
                                        device::RunReport report;
                                        report.status = RunStatus::fault;
                                        device::Diagnostic& diagnostic = report.diagnostics.emplace_back();
                                        diagnostic.rule = "bounds";
                                        diagnostic.message = "ends at 9";
                                        diagnostic.function = "copy";
                                        diagnostic.location = {2, 3};
                                        return report;
                                      }}},
                                    "pipeline=copy expect=fail:bounds");
  EXPECT_EQ(result.verdict, Verdict::xfail) << result.reason;
  ASSERT_EQ(result.backends.at(0).diagnostics.size(), 1U);
  EXPECT_EQ(result.backends[0].reason, result.backends[0].diagnostics[0]);
  EXPECT_NE(result.backends[0].diagnostics[0].find("copy.pto:2:3"), std::string::npos)
      << result.backends[0].diagnostics[0];
  EXPECT_NE(result.backends[0].diagnostics[0].find("bounds: ends at 9"), std::string::npos);
}

TEST_F(ExecutorTest, Expectations) {
  const Bodies good = {{"sim", copy_then()}}, bad = {{"sim", copy_then(flip(0))}};
  EXPECT_EQ(execute(good, "pipeline=copy expect=pass").verdict, Verdict::passed);
  EXPECT_EQ(execute(good, "pipeline=copy expect=fail:mismatch").verdict, Verdict::xpass);
  EXPECT_EQ(execute(bad, "pipeline=copy expect=fail:mismatch").verdict, Verdict::xfail);
  EXPECT_EQ(execute(bad, "pipeline=copy expect=fail:simulator_only").verdict, Verdict::xfail);
  EXPECT_EQ(execute(bad, "pipeline=copy expect=\"fail:B04: ROUND for RINT\"").verdict, Verdict::xfail);
  const CaseResult other = execute(bad, "pipeline=copy expect=fail:bounds");
  EXPECT_EQ(other.verdict, Verdict::failed);
  EXPECT_NE(other.reason.find("another reason than the expected 'bounds'"), std::string::npos) << other.reason;
  const CaseResult skipped = execute(bad, "pipeline=copy expect=skip:later");
  EXPECT_EQ(skipped.verdict, Verdict::skipped);
  EXPECT_EQ(skipped.reason, "later");
  for (const char* wrong : {"expect=fail", "expect=fail:", "expect=maybe", "expect=skip"})
    EXPECT_FALSE(Executor(with(good)).execute(make_case(std::string("pipeline=copy ") + wrong)).has_value()) << wrong;
}

TEST_F(ExecutorTest, MissingBackendsAreSkippedUnlessRequired) {
  ExecuteOptions wanted = with({{"sim", copy_then()}});
  wanted.backends.push_back("cuda");
  const auto skipped = Executor(wanted).execute(make_case("pipeline=copy"));
  ASSERT_TRUE(skipped.has_value());
  EXPECT_EQ(skipped->verdict, Verdict::passed);
  EXPECT_EQ(skipped->backends.at(1).status, "skipped");
  EXPECT_EQ(skipped->backends.at(1).reason, "no cuda here");
  wanted.backends = {"cuda"};
  EXPECT_EQ(Executor(wanted).execute(make_case("pipeline=copy"))->verdict, Verdict::skipped);
  wanted.backends_required = true;
  const auto required = Executor(wanted).execute(make_case("pipeline=copy"));
  ASSERT_FALSE(required.has_value());
  EXPECT_EQ(exit_code(required.error()), 3);
}

TEST_F(ExecutorTest, BackendsOfTheCaseCountWithoutAnyInTheOptions) {
  ExecuteOptions none = with({{"sim", copy_then()}, {"opencl", copy_then()}});
  none.backends.clear();
  Executor executor(none);
  EXPECT_EQ(executor.execute(make_case("pipeline=copy"))->backends.size(), 1U);
  const auto both = executor.execute(make_case("pipeline=copy backends=opencl+sim+opencl"));
  ASSERT_EQ(both->backends.size(), 2U);
  EXPECT_EQ(both->backends[0].backend, "opencl");
}

TEST_F(ExecutorTest, BadInputOfTheCaseIsAnError) {
  Executor executor(with({{"sim", copy_then()}}));
  for (const char* line :
       {"pipeline=absent", "N=6", "pipeline=copy N=7", "pipeline=copy fill=nothing", "pipeline=copy seed=x",
        "pipeline=copy policy=near", "pipeline=copy profile=a9", "pipeline=copy Q=1"}) {
    const auto result = executor.execute(make_case(line));
    ASSERT_FALSE(result.has_value()) << line;
    EXPECT_EQ(exit_code(result.error()), 2) << to_string(result.error());
  }
}

TEST_F(ExecutorTest, CasesBeyondTheMemoryLimitAreSkipped) {
  ExecuteOptions small = with({{"sim", copy_then()}});
  small.memory_limit = 47;
  const CaseResult skipped = Executor(small).execute(make_case("pipeline=copy N=6")).value();
  EXPECT_EQ(skipped.verdict, Verdict::skipped);
  EXPECT_EQ(skipped.reason, "the tensors need 48 bytes; the limit is 47");
  small.memory_limit = 48;
  EXPECT_EQ(Executor(small).execute(make_case("pipeline=copy N=6"))->verdict, Verdict::passed);
}

TEST_F(ExecutorTest, FailuresLeaveAFolder) {
  ExecuteOptions keeping = with({{"sim", copy_then(flip(2))}});
  keeping.failures = folder_ / "failures";
  const Case c = make_case("pipeline=copy N=6");
  ASSERT_EQ(Executor(keeping).execute(c)->verdict, Verdict::failed);
  const auto folder = keeping.failures / case_id(c);
  const auto inputs = read_tensors(folder / "inputs");
  ASSERT_TRUE(inputs.has_value()) << to_string(inputs.error());
  const Tensor golden = read_tensors(folder / "golden")->at("y"), actual = read_tensors(folder / "actual-sim")->at("y");
  EXPECT_EQ(golden, inputs->at("x"));
  EXPECT_EQ(actual.bits(2), golden.bits(2) ^ 1U);
  EXPECT_TRUE(std::filesystem::exists(folder / "replay.txt"));
}

TEST_F(ExecutorTest, InOutTensorsAreReadAndWritten) {
  std::string text = pipeline_text(R"({ command = "cp {inputs}/y.npy {outputs}/y.npy" })");
  text.replace(text.find("role = \"output\""), 15, "role = \"inout\"");
  text.replace(text.find("inputs = [\"x\"]"), 14, "inputs = [\"x\", \"y\"]");
  write("copy/pipeline.toml", text);
  // The golden leaves y as it was; so does a kernel that writes nothing, and nothing counts as unwritten.
  const auto nothing = [](const device::Launch&, const device::RunOptions&) { return device::RunReport{}; };
  const CaseResult kept = execute({{"sim", nothing}});
  EXPECT_EQ(kept.verdict, Verdict::passed) << kept.reason;
  EXPECT_EQ(kept.unwritten, 0);
  const CaseResult overwritten = execute({{"sim", copy_then()}});
  EXPECT_EQ(overwritten.verdict, Verdict::failed);
  EXPECT_GT(overwritten.stages.at(0).outputs.at(0).comparison.mismatches, 0);
}

// ---- stages one after the other

class ChainTest : public ExecutorTest {
 protected:
  void SetUp() override {
    ExecutorTest::SetUp();
    write("copy/pipeline.toml", pipeline_text() + R"toml(
[tensors.z]
shape = ["N"]
dtype = "f32"
role = "output"
[[stages]]
name = "again"
inputs = ["y"]
outputs = ["z"]
golden = { command = "cp {inputs}/y.npy {outputs}/z.npy" }
[[stages.tasks]]
kernel = "copy.pto"
function = "copy"
args = ["y", "z", "N"]
)toml");
  }
  // Corrupts the n-th launch, counting the two runs of each stage.
  static DoubleBackend::Body in_stage(int stage, Corrupt corrupt) {
    auto launches = std::make_shared<int>(0);
    return [=](const device::Launch& launch, const device::RunOptions& options) {
      return copy_then((*launches)++ / 2 == stage ? corrupt : Corrupt{})(launch, options);
    };
  }
};

TEST_F(ChainTest, EachStageIsHeldAgainstTheInputsItReceived) {
  const CaseResult first = execute({{"sim", copy_then()}, {"opencl", in_stage(0, flip(1))}});
  ASSERT_EQ(first.stages.size(), 2U);
  EXPECT_EQ(first.stages[0].blame, Blame::device);
  // The wrong y is what the second stage received on the device: its copy of it is right.
  EXPECT_EQ(first.stages[1].blame, Blame::none);
  for (const OutputResult& output : first.stages[1].outputs) EXPECT_EQ(output.reference, "golden");
  EXPECT_EQ(first.verdict, Verdict::failed);
  const CaseResult second = execute({{"sim", copy_then()}, {"opencl", in_stage(1, flip(1))}});
  EXPECT_EQ(second.stages[0].blame, Blame::none);
  EXPECT_EQ(second.stages[1].blame, Blame::device);
}

TEST_F(ChainTest, AStageThatStopsEndsItsBackendOnly) {
  auto launches = std::make_shared<int>(0);
  const auto stops = [=](const device::Launch& launch, const device::RunOptions& options) {
    return (*launches)++ < 2 ? copy_then()(launch, options) : report_of(RunStatus::fault, "broken")(launch, options);
  };
  const CaseResult result = execute({{"sim", copy_then()}, {"opencl", stops}});
  EXPECT_EQ(result.verdict, Verdict::failed);
  EXPECT_EQ(result.stages.at(1).outputs.size(), 1U);
  EXPECT_EQ(result.stages.at(1).outputs[0].subject, "sim");
}

// ---- generate, run and verify apart

class ExchangeTest : public ExecutorTest {
 protected:
  Result<CaseResult> in_three_steps(Bodies bodies, std::string_view line = "pipeline=copy N=6") const {
    Executor executor(with(std::move(bodies)));
    if (const auto written = executor.write_inputs(make_case(line), folder_ / "x"); !written)
      return tl::unexpected(written.error());
    if (const auto run = executor.run_from(folder_ / "x"); !run) return tl::unexpected(run.error());
    return executor.verify(folder_ / "x");
  }
};

TEST_F(ExchangeTest, ThreeStepsEqualOne) {
  for (const Bodies& bodies : {Bodies{{"sim", copy_then()}, {"opencl", copy_then()}},
                               Bodies{{"sim", copy_then()}, {"opencl", copy_then(flip(4))}},
                               Bodies{{"sim", report_of(RunStatus::unsupported, "why")}, {"opencl", copy_then()}}}) {
    const auto apart = in_three_steps(bodies);
    ASSERT_TRUE(apart.has_value()) << to_string(apart.error());
    const CaseResult once = execute(bodies, "pipeline=copy N=6");
    EXPECT_EQ(apart->verdict, once.verdict) << apart->reason;
    EXPECT_EQ(apart->compared, once.compared);
    EXPECT_EQ(apart->stages.at(0).blame, once.stages.at(0).blame);
    std::filesystem::remove_all(folder_ / "x");
  }
}

TEST_F(ExchangeTest, UnwrittenElementsTravel) {
  const auto half = [](const device::Launch& launch, const device::RunOptions&) {
    const auto x = argument_elements<float>(launch, 0), y = argument_elements<float>(launch, 1);
    std::copy_n(x.begin(), 3, y.begin());
    return device::RunReport{};
  };
  const auto result = in_three_steps({{"sim", half}});
  ASSERT_TRUE(result.has_value()) << to_string(result.error());
  EXPECT_EQ(result->unwritten, 3);
}

TEST_F(ExchangeTest, AFolderMadeByAnybodyIsVerified) {
  Executor executor(with({{"sim", copy_then()}}));
  ASSERT_TRUE(executor.write_inputs(make_case("pipeline=copy N=6"), folder_ / "x").has_value());
  EXPECT_NE(executor.verify(folder_ / "x").error().message.find("holds no outputs"), std::string::npos);
  const Tensor x = read_tensors(folder_ / "x/inputs")->at("x");
  ASSERT_TRUE(write_tensors(folder_ / "x/outputs/silicon", {{"y", x}}).has_value());
  const auto good = executor.verify(folder_ / "x");
  ASSERT_TRUE(good.has_value()) << to_string(good.error());
  EXPECT_EQ(good->verdict, Verdict::passed) << good->reason;
  EXPECT_EQ(good->backends.at(0).backend, "silicon");
  std::filesystem::remove_all(folder_ / "x/outputs/silicon");
  ASSERT_TRUE(write_tensors(folder_ / "x/outputs/silicon", {{"y", Tensor(DType::f32, {5})}}).has_value());
  EXPECT_NE(executor.verify(folder_ / "x").error().message.find("is f32 5; expected f32 6"), std::string::npos);
  // Nothing that somebody left is passed over, even beside a folder that is in order.
  std::filesystem::remove_all(folder_ / "x/outputs/silicon");
  ASSERT_TRUE(write_tensors(folder_ / "x/outputs/silicon", {{"y", x}}).has_value());
  std::filesystem::create_directories(folder_ / "x/outputs/other");
  const auto nameless = executor.verify(folder_ / "x");
  ASSERT_FALSE(nameless.has_value());
  EXPECT_NE(nameless.error().message.find("outputs/other has no manifest.json"), std::string::npos);
}

TEST_F(ExchangeTest, MissingOutputsAndDamagedFilesAreNamed) {
  Executor executor(with({{"sim", copy_then()}}));
  EXPECT_FALSE(executor.run_from(folder_ / "absent").has_value());
  ASSERT_TRUE(executor.write_inputs(make_case("pipeline=copy N=6"), folder_ / "x").has_value());
  ASSERT_TRUE(write_tensors(folder_ / "x/outputs/silicon", {{"z", Tensor(DType::f32, {6})}}).has_value());
  const auto missing = executor.verify(folder_ / "x");
  ASSERT_TRUE(missing.has_value());
  EXPECT_EQ(missing->verdict, Verdict::error);
  EXPECT_NE(missing->reason.find("output 'y' is missing"), std::string::npos) << missing->reason;
  std::filesystem::resize_file(folder_ / "x/inputs/x.npy", 130);
  EXPECT_FALSE(executor.verify(folder_ / "x").has_value());
  EXPECT_FALSE(executor.run_from(folder_ / "x").has_value());
}

}  // namespace
}  // namespace assay::run
