// Policy relations, and stages that admit several answers, with doubles in place of the simulator and the device.
#include <cmath>
#include <nlohmann/json.hpp>

#include "harness/core/manifest.h"
#include "harness/run/execute_fixture.h"

namespace assay::run {
namespace {

using compare::Blame;
using compare::Verdict;
using Bodies = std::map<std::string, DoubleBackend::Body, std::less<>>;

class DoublesTest : public ExecuteTest {
 protected:
  CaseResult execute(const Bodies& bodies, std::string_view line) const {
    ExecuteOptions with = options();
    for (const auto& [name, body] : bodies) with.backends.push_back(name);
    with.create_backend = [bodies](std::string_view name) -> Result<std::unique_ptr<device::Backend>> {
      return std::make_unique<DoubleBackend>(std::string(name), bodies.find(name)->second);
    };
    auto result = Executor(with).execute(make_case(line));
    EXPECT_TRUE(result.has_value()) << to_string(result.error());
    return result.value_or(CaseResult{});
  }
};

// ---- relations: y = x of the fixture's pipeline

class RelationRunTest : public DoublesTest {
 protected:
  // A golden that cannot run: relations need none.
  static constexpr const char* kLine = "pipeline=copy N=6 policy=relations fill=normal";
  void declare(const std::string& relations, const std::string& golden = "{ command = \"false {inputs} {outputs}\" }") {
    write("copy/pipeline.toml", pipeline_text(golden + "\nrelations = " + relations));
  }
  void SetUp() override {
    DoublesTest::SetUp();
    declare(R"([{ rows = "N" }, { scaled = { x = 1 }, gives = { y = 1 } }])");
  }
  static std::vector<std::string> failing(const CaseResult& result) {
    std::vector<std::string> names;
    for (const OutputResult& output : result.stages.at(0).outputs)
      if (!output.comparison.passed) names.push_back(output.subject + " " + output.reference);
    return names;
  }
};

TEST_F(RelationRunTest, HoldWithoutAnyGolden) {
  const CaseResult result = execute({{"sim", copy_then()}, {"opencl", copy_then()}}, kLine);
  EXPECT_EQ(result.verdict, Verdict::passed) << result.reason;
  const StageResult& stage = result.stages.at(0);
  EXPECT_TRUE(stage.by_relations);
  EXPECT_EQ(stage.blame, Blame::none);
  std::vector<std::string> trials;
  for (const OutputResult& output : stage.outputs)
    if (output.subject == "sim") trials.push_back(output.reference);
  EXPECT_EQ(trials, (std::vector<std::string>{"N reversed", "N drawn with repetition", "x * 2^-3", "x * 2^5"}));
  EXPECT_EQ(stage.outputs.at(0).oracle, "relation");
  // The halves have 3 elements; the pipeline wants N even.
  ASSERT_EQ(stage.inapplicable.size(), 2u);
  EXPECT_NE(stage.inapplicable[0].find("first half of N: the case contradicts 'N % 2 == 0'"), std::string::npos)
      << stage.inapplicable[0];
  EXPECT_EQ(result.compared, 2 * 4 * 6);
}

TEST_F(RelationRunTest, OtherExtentsWhereThePipelineAllowsThem) {
  const CaseResult result = execute({{"sim", copy_then()}}, "pipeline=copy N=8 policy=relations");
  EXPECT_EQ(result.verdict, Verdict::passed) << result.reason;
  EXPECT_EQ(result.stages.at(0).outputs.size(), 6u);
  EXPECT_EQ(result.stages.at(0).outputs.at(2).reference, "first half of N");
  EXPECT_EQ(result.stages.at(0).outputs.at(2).comparison.compared, 4);
}

TEST_F(RelationRunTest, EachFaultBreaksTheRelationsThatSeeIt) {
  const auto broken = [&](Corrupt corrupt) {
    const CaseResult result = execute({{"sim", copy_then(std::move(corrupt))}}, kLine);
    EXPECT_EQ(result.verdict, Verdict::failed);
    EXPECT_NE(result.reason.find("sim against "), std::string::npos) << result.reason;
    return failing(result);
  };
  const std::vector<std::string> rows{"sim N reversed", "sim N drawn with repetition"};
  const std::vector<std::string> powers{"sim x * 2^-3", "sim x * 2^5"};
  // The first element alone: what depends on the position.
  EXPECT_EQ(broken([](auto, std::span<float> y, std::size_t) { y[0] *= 2; }), rows);
  // A term that does not scale.
  EXPECT_EQ(broken([](auto, std::span<float> y, std::size_t n) {
              for (float& value : y.first(n)) value += 0.25f;
            }),
            powers);
}

// A wrong function of one element that scales: relations cannot see it, and a pass does not claim they could.
TEST_F(RelationRunTest, AWrongSignIsBeyondThem) {
  const CaseResult result = execute({{"sim", copy_then([](auto, std::span<float> y, std::size_t n) {
                                        for (float& value : y.first(n)) value = -value;
                                      })}},
                                    kLine);
  EXPECT_EQ(result.verdict, Verdict::passed) << result.reason;
}

TEST_F(RelationRunTest, ARelatedRunThatFaultsFails) {
  // Only reversed inputs begin with another element.
  float first = 0;
  int runs = 0;
  const auto body = [&](const device::Launch& launch, const device::RunOptions& options) {
    const float now = argument_elements<float>(launch, 0)[0];
    if (runs++ == 0) first = now;
    auto report = copy_then()(launch, options);
    if (now != first) report.status = device::RunStatus::fault, report.reason = "bounds";
    return report;
  };
  const CaseResult result = execute({{"sim", body}}, kLine);
  EXPECT_EQ(result.verdict, Verdict::failed);
  EXPECT_NE(result.reason.find("sim against N reversed, the related run ended with fault: bounds"), std::string::npos)
      << result.reason;
}

TEST_F(RelationRunTest, BlameFallsOnTheOneThatBreaksThem) {
  const Corrupt fault = [](auto, std::span<float> y, std::size_t) { y[1] += 1; };
  EXPECT_EQ(execute({{"sim", copy_then()}, {"opencl", copy_then(fault)}}, kLine).stages.at(0).blame, Blame::device);
  EXPECT_EQ(execute({{"sim", copy_then(fault)}, {"opencl", copy_then()}}, kLine).stages.at(0).blame, Blame::simulator);
  EXPECT_EQ(execute({{"sim", copy_then(fault)}, {"opencl", copy_then(fault)}}, kLine).stages.at(0).blame, Blame::both);
}

TEST_F(RelationRunTest, TheFailureFolderHoldsTheRelatedRun) {
  ExecuteOptions with = options();
  with.backends = {"sim"};
  with.failures = folder_ / "failures";
  with.create_backend = [](std::string_view name) -> Result<std::unique_ptr<device::Backend>> {
    return std::make_unique<DoubleBackend>(std::string(name),
                                           copy_then([](auto, std::span<float> y, std::size_t) { y[0] *= 2; }));
  };
  const auto result = Executor(with).execute(make_case(kLine));
  ASSERT_TRUE(result.has_value()) << to_string(result.error());
  const auto actual = read_tensors(with.failures / result->id / "actual-sim").value();
  for (const char* name : {"y", "related.x", "related.y", "related.y.expected"})
    EXPECT_TRUE(actual.contains(name)) << name;
  EXPECT_NE(actual.at("related.y"), actual.at("related.y.expected"));
}

TEST_F(RelationRunTest, WhatIsNeverWrittenFails) {
  const auto half = [](const device::Launch& launch, const device::RunOptions&) {
    const auto x = argument_elements<float>(launch, 0), y = argument_elements<float>(launch, 1);
    std::copy_n(x.begin(), 3, y.begin());
    return device::RunReport{};
  };
  const CaseResult result = execute({{"sim", half}}, kLine);
  EXPECT_EQ(result.verdict, Verdict::failed);
  EXPECT_NE(result.reason.find("3 elements never written"), std::string::npos) << result.reason;
}

TEST_F(RelationRunTest, AStageWithoutRelationsIsUnverified) {
  declare("[]");
  const CaseResult none = execute({{"sim", copy_then()}, {"opencl", copy_then()}}, kLine);
  EXPECT_EQ(none.verdict, Verdict::unverified);
  EXPECT_NE(none.reason.find("no relation was tried on opencl: no relations are declared"), std::string::npos) << none.reason;
  // Nor is one whose relations these inputs do not allow.
  declare(R"([{ scaled = { x = 1 }, gives = { y = 1 } }])");
  const CaseResult tiny =
      execute({{"sim", copy_then()}}, "pipeline=copy N=6 policy=relations fill=constant:0x00000001");
  EXPECT_EQ(tiny.verdict, Verdict::unverified);
  EXPECT_NE(tiny.reason.find("powers of two of x: x[0] is"), std::string::npos) << tiny.reason;
}

TEST_F(RelationRunTest, ThePipelinesPolicyAsksForThemToo) {
  std::string text = pipeline_text("", R"(["x", "y", "N"])");
  text.replace(text.find("policy = \"bits\""), 15, "policy = \"relations\"");
  text.replace(text.find("outputs = [\"y\"]\n"), 16, "outputs = [\"y\"]\nrelations = [{ rows = \"N\" }]\n");
  write("copy/pipeline.toml", text);
  const CaseResult result = execute({{"sim", copy_then()}}, "pipeline=copy N=8");
  EXPECT_EQ(result.verdict, Verdict::passed) << result.reason;
  EXPECT_TRUE(result.stages.at(0).by_relations);
  const nlohmann::json json = result;
  EXPECT_TRUE(json.get<CaseResult>().stages.at(0).by_relations);
}

// ---- set-valued goldens: the order of slots is the subject's choice (ep-dispatch-combine 1.3)

class SetValuedTest : public DoublesTest {
 protected:
  void SetUp() override {
    DoublesTest::SetUp();
    std::filesystem::create_directories(folder_ / "slots");
    write("slots/slots.pto", R"mlir(module {
  func.func @slots(%x: !pto.ptr<f32>, %i: !pto.ptr<i32>, %w: !pto.ptr<f32>, %t: !pto.ptr<i32>, %total: !pto.ptr<i32>,
      %src: !pto.ptr<i32>, %tok: !pto.ptr<f32>, %idx: !pto.ptr<i32>, %wts: !pto.ptr<f32>) {
    return
  }
}
)mlir");
    write("slots/pipeline.toml", R"toml(
policy = "bits"
[params]
M = 3
[tensors.x]
shape = [1, "M", 4]
dtype = "f32"
[tensors.indices]
shape = [1, "M", 1]
dtype = "i32"
[tensors.weights]
shape = [1, "M", 1]
dtype = "f32"
[tensors.tokens]
shape = [1]
dtype = "i32"
[tensors.total_recv]
shape = [1]
dtype = "i32"
role = "output"
[tensors.src]
shape = [1, "M"]
dtype = "i32"
role = "output"
[tensors.tok]
shape = [1, "M", 4]
dtype = "f32"
role = "output"
[tensors.idx]
shape = [1, "M", 1]
dtype = "i32"
role = "output"
[tensors.wts]
shape = [1, "M", 1]
dtype = "f32"
role = "output"
[[stages]]
name = "slots"
inputs = ["x", "indices", "weights", "tokens"]
outputs = ["total_recv", "src", "tok", "idx", "wts"]
golden = { stage = "intranode_dispatch", params = { epr = "1" } }
[[stages.tasks]]
kernel = "slots.pto"
args = ["x", "indices", "weights", "tokens", "total_recv", "src", "tok", "idx", "wts"]
[fills.routes]
indices = "constant:0"
tokens = "constant:3"
x = "uniform"
weights = "uniform"
)toml");
  }

  // Hands the tokens on in this order.
  static DoubleBackend::Body in_order(std::array<int, 3> order) {
    return [order](const device::Launch& launch, const device::RunOptions&) {
      const auto x = argument_elements<float>(launch, 0), w = argument_elements<float>(launch, 2);
      const auto total = argument_elements<std::int32_t>(launch, 4), src = argument_elements<std::int32_t>(launch, 5);
      const auto tok = argument_elements<float>(launch, 6), wts = argument_elements<float>(launch, 8);
      const auto idx = argument_elements<std::int32_t>(launch, 7);
      total[0] = 3;
      for (std::size_t slot = 0; slot < 3; ++slot) {
        const auto token = static_cast<std::size_t>(order[slot]);
        src[slot] = order[slot], idx[slot] = 0, wts[slot] = w[token];
        std::copy_n(x.begin() + static_cast<std::ptrdiff_t>(4 * token), 4,
                    tok.begin() + static_cast<std::ptrdiff_t>(4 * slot));
      }
      return device::RunReport{};
    };
  }
};

TEST_F(SetValuedTest, EachSubjectsAnswerIsJudgedByItself) {
  const CaseResult result =
      execute({{"sim", in_order({0, 1, 2})}, {"opencl", in_order({2, 0, 1})}}, "pipeline=slots fill=routes");
  EXPECT_EQ(result.verdict, Verdict::passed) << result.reason;
  EXPECT_EQ(result.stages.at(0).blame, Blame::none);
  // Two admissible answers are not held against each other.
  for (const OutputResult& output : result.stages.at(0).outputs) EXPECT_EQ(output.reference, "golden");
  EXPECT_EQ(result.stages.at(0).outputs.size(), 10u);
}

TEST_F(SetValuedTest, AnAnswerThatIsNotAdmissibleIsItsSubjectsFault) {
  const CaseResult result =
      execute({{"sim", in_order({1, 0, 2})}, {"opencl", in_order({2, 2, 1})}}, "pipeline=slots fill=routes");
  EXPECT_EQ(result.verdict, Verdict::failed);
  EXPECT_EQ(result.stages.at(0).blame, Blame::device) << result.reason;
}

TEST_F(SetValuedTest, AnOutputThatTheOptionsDoNotGiveIsNamed) {
  // Without scales among the inputs there are none among the outputs.
  std::string text = [&] {
    std::ifstream stream(folder_ / "slots/pipeline.toml");
    return std::string(std::istreambuf_iterator<char>(stream), {});
  }();
  text.replace(text.find("[[stages]]"), 10,
               "[tensors.recv_scales]\nshape = [1, \"M\", 4]\ndtype = \"u8\"\nrole = \"output\"\n[[stages]]");
  text.replace(text.find("\"idx\", \"wts\"]\ngolden"), 13, "\"idx\", \"wts\", \"recv_scales\"]");
  write("slots/pipeline.toml", text);
  ExecuteOptions with = options();
  with.backends = {"sim"};
  with.create_backend = [](std::string_view name) -> Result<std::unique_ptr<device::Backend>> {
    return std::make_unique<DoubleBackend>(std::string(name), in_order({0, 1, 2}));
  };
  const auto result = Executor(with).execute(make_case("pipeline=slots fill=routes"));
  ASSERT_FALSE(result.has_value());
  EXPECT_NE(result.error().message.find("gives no 'recv_scales'"), std::string::npos) << result.error().message;
}

}  // namespace
}  // namespace assay::run
