#include "harness/pipeline/pipeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace assay::pipeline {
namespace {

namespace fs = std::filesystem;

// A folder with a kernel file, into which each test writes its pipeline.
class PipelineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // One folder, so that nothing is left when it goes: a parameterised test has a / in its name.
    std::string test = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::ranges::replace(test, '/', '_');
    folder_ = fs::path(::testing::TempDir()) / ("pipeline_test_" + std::to_string(::getpid()) + "_" + test);
    fs::create_directories(folder_);
    std::ofstream(folder_ / "k.pto") << "module {}\n";
  }
  void TearDown() override { fs::remove_all(folder_); }

  Result<Pipeline> read(const std::string& text) {
    std::ofstream(folder_ / "pipeline.toml", std::ios::trunc) << text;
    return read_pipeline(folder_ / "pipeline.toml");
  }
  // `from` replaced by `to` in a good pipeline.
  Result<Pipeline> read_edited(const std::string& from, const std::string& to) {
    std::string text = kGood;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return read(text.replace(at, from.size(), to));
  }

  static constexpr const char* kGood = R"toml(clause = "here"
policy = "ulp(1)"
constraints = ["T <= D"]

[params]
T = { default = 4, min = 1, max = 64 }
D = 8
kind = { choices = ["f32", "bf16"], default = "bf16" }

[tensors.x]
shape = ["T", "D*2"]
dtype = "f32"

[tensors.work]
shape = [16]
dtype = "{kind}"
role = "temporary"

[tensors.y]
shape = ["T", "D*2"]
dtype = "bf16"
role = "output"

[[stages]]
name = "cast"
inputs = ["x"]
outputs = ["y"]
golden = { stage = "cast_bf16", options = { rounding = "rint" } }
policy = { y = "bits" }

[[stages.tasks]]
kernel = "k.pto"
function = "f_{kind}"
args = ["x", "work", "y", "T", 3, 0.5]
blocks = "ceildiv(T, 2)"

[fills.ties]
x = "ties"
"*" = "zeros"
)toml";

  fs::path folder_;
};

TEST_F(PipelineTest, ReadsEverything) {
  const auto read_back = read(kGood);
  ASSERT_TRUE(read_back.has_value()) << to_string(read_back.error());
  const Pipeline& p = *read_back;
  EXPECT_EQ(p.name, folder_.filename().string());
  EXPECT_EQ(p.clause, "here");
  EXPECT_EQ(compare::to_string(p.policy), compare::to_string(compare::parse_policy("ulp(1)").value()));
  ASSERT_EQ(p.parameters.size(), 3U);
  EXPECT_EQ(std::get<std::int64_t>(p.parameters[0].default_value), 8);  // sorted by name: D, T, kind
  EXPECT_EQ(p.parameters[1].min, 1);
  EXPECT_EQ(std::get<std::string>(p.parameters[2].default_value), "bf16");
  ASSERT_NE(p.find_tensor("x"), nullptr);
  EXPECT_EQ(p.find_tensor("x")->shape[1].text(), "D*2");
  EXPECT_EQ(p.find_tensor("work")->role, Role::temporary);
  EXPECT_EQ(p.find_tensor("none"), nullptr);
  ASSERT_EQ(p.stages.size(), 1U);
  const StageSpec& stage = p.stages[0];
  EXPECT_TRUE(std::holds_alternative<compare::Bits>(stage.policies.at("y").rule));
  EXPECT_EQ(std::get<BuiltinGolden>(stage.golden).options.at("rounding"), "rint");
  const Task& task = stage.tasks.at(0);
  EXPECT_EQ(task.kernel, fs::absolute(folder_ / "k.pto"));
  ASSERT_EQ(task.arguments.size(), 6U);
  EXPECT_EQ(std::get<std::string>(task.arguments[1].value), "work");
  EXPECT_EQ(std::get<Expression>(task.arguments[3].value).text(), "T");
  EXPECT_EQ(std::get<double>(task.arguments[5].value), 0.5);
  EXPECT_EQ(task.blocks.text(), "ceildiv(T, 2)");
  EXPECT_EQ(p.fills.at("ties").at("*"), "zeros");
}

TEST_F(PipelineTest, ReadsArgumentsByNameAndOtherGoldens) {
  const auto named = read_edited(R"(["x", "work", "y", "T", 3, 0.5])", R"({ a = "x", b = "y", w = "work" })");
  ASSERT_TRUE(named.has_value()) << to_string(named.error());
  EXPECT_EQ(named->stages[0].tasks[0].arguments[0].parameter, "a");
  const std::string golden = R"(golden = { stage = "cast_bf16", options = { rounding = "rint" } })";
  const auto npy = read_edited(golden, R"(golden = { npy = "expected/{T}" })");
  ASSERT_TRUE(npy.has_value()) << to_string(npy.error());
  EXPECT_EQ(std::get<NpyGolden>(npy->stages[0].golden).directory, fs::absolute(folder_) / "expected/{T}");
  const auto command = read_edited(golden, R"(golden = { command = "./g {inputs} {outputs}", timeout = 2.5 })");
  ASSERT_TRUE(command.has_value()) << to_string(command.error());
  EXPECT_EQ(std::get<CommandGolden>(command->stages[0].golden).timeout, 2.5);
  const auto none = read_edited(golden, "");
  ASSERT_TRUE(none.has_value()) << to_string(none.error());
  EXPECT_TRUE(std::holds_alternative<std::monostate>(none->stages[0].golden));
}

struct Mistake {
  const char* from;
  const char* to;
  int line;             // where it is reported
  const char* message;  // part of it
};

class PipelineMistakes : public PipelineTest, public ::testing::WithParamInterface<Mistake> {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / ("pipeline_mistakes_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    std::ofstream(folder_ / "k.pto") << "module {}\n";
  }
};

TEST_P(PipelineMistakes, AreNamedWithTheirPlace) {
  const Mistake& mistake = GetParam();
  const auto result = read_edited(mistake.from, mistake.to);
  ASSERT_FALSE(result.has_value()) << mistake.to;
  const Error& error = result.error();
  EXPECT_EQ(exit_code(error), 2);
  EXPECT_NE(error.message.find(mistake.message), std::string::npos) << to_string(error);
  ASSERT_TRUE(error.where.has_value());
  EXPECT_EQ(error.where->file, (folder_ / "pipeline.toml").string());
  EXPECT_EQ(error.where->line, mistake.line) << to_string(error);
  EXPECT_GE(error.where->column, 1);
  EXPECT_NE(error.excerpt.find('^'), std::string::npos);
}

constexpr Mistake kMistakes[] = {
    // keys
    {"clause =", "clauze =", 1, "unknown key 'clauze' in the pipeline; did you mean 'clause'?"},
    {"min = 1,", "minimum = 1,", 6, "unknown key 'minimum' in parameter 'T'"},
    {"dtype = \"f32\"", "dtype = \"f32\"\nunits = 3", 13, "unknown key 'units' in tensor 'x'"},
    {"name = \"cast\"", "name = \"cast\"\nouputs = []", 26, "did you mean 'outputs'?"},
    {"blocks =", "block =", 35, "did you mean 'blocks'?"},
    {"stage = \"cast_bf16\",", "stage = \"cast_bf16\", port = {},", 28, "did you mean 'ports'?"},
    // types
    {"\"here\"", "3", 1, "clause is an integer; expected a string"},
    {"\"here\"", "\"\"", 1, "clause is empty"},
    {"\"ulp(1)\"", "\"ulpp(1)\"", 2, "ulpp"},
    {"[\"T <= D\"]", "\"T <= D\"", 3, "constraints is a string; expected an array"},
    {"[\"T <= D\"]", "[2.5]", 3, "a constraint is a float"},
    {"[\"T <= D\"]", "[\"T <= \"]", 3, "a constraint 'T <= '"},
    {"[\"T <= D\"]", "[\"T <= E\"]", 3, "'E' is not an integer parameter"},
    {"[\"T <= D\"]", "[\"T <= kind\"]", 3, "'kind' is not an integer parameter"},
    // parameters
    {"D = 8", "D = \"8\"", 7, "parameter 'D' is a string"},
    {"D = 8", "D = {}", 7, "parameter 'D' has no default"},
    {"D = 8", "seed = 8", 7, "'seed' is a key that every case has"},
    {"D = 8", "\"D-\" = 8", 7, "parameter name 'D-'"},
    {"default = 4", "default = 0", 6, "default 0 of 'T' is outside its min and max"},
    {"max = 64", "max = 0", 6, "min 1 of 'T' is above its max 0"},
    {"default = \"bf16\"", "default = \"fp16\"", 8, "default 'fp16' of 'kind' is not among its choices"},
    {"[\"f32\", \"bf16\"]", "[]", 8, "choices holds 0 words"},
    {"[\"f32\", \"bf16\"]", "[\"bf16\", \"bf16\"]", 8, "'bf16' stands twice"},
    {"[\"f32\", \"bf16\"]", "[\"bf16\", \"fp32\"]", 16, "unknown dtype 'fp32'"},
    // tensors
    {"dtype = \"f32\"", "dtype = \"fp32\"", 12, "unknown dtype 'fp32'; did you mean 'f32'?"},
    {"dtype = \"{kind}\"", "dtype = \"{kin}\"", 16, "'{kin}' is not a parameter; did you mean 'kind'?"},
    {"dtype = \"{kind}\"", "dtype = \"{D}\"", 16, "dtype {D} is an integer parameter"},
    {"dtype = \"f32\"\n", "", 10, "tensor 'x' has no 'dtype'"},
    {"shape = [16]", "shape = []", 15, "shape has 0 dimensions"},
    {"shape = [16]", "shape = [1,2,3,4,5,6]", 15, "shape has 6 dimensions"},
    {"role = \"temporary\"", "role = \"temp\"", 17, "unknown role 'temp'"},
    {"role = \"output\"", "role = \"outptu\"", 22, "did you mean 'output'?"},
    {"\"x\", \"work\",", "\"x\",", 14, "tensor 'work' is not used by any stage"},
    // stages
    {"name = \"cast\"", "name = \"ca st\"", 25, "stage name 'ca st'"},
    {"name = \"cast\"\n", "", 24, "a stage has no 'name'"},
    {"inputs = [\"x\"]", "inputs = [\"xx\"]", 26, "stage 'cast' names the unknown tensor 'xx'"},
    {"inputs = [\"x\"]", "inputs = [\"x\", \"y\"]", 24, "reads 'y', which no earlier stage produces"},
    {"inputs = [\"x\"]", "inputs = [\"x\", \"work\"]", 24, "temporary 'work' cannot be a stage input"},
    {"outputs = [\"y\"]", "outputs = [\"y\", \"x\"]", 24, "writes 'x', whose role is input"},
    {"outputs = [\"y\"]", "outputs = []", 24, "stage 'cast' has no outputs"},
    {"policy = { y =", "policy = { z =", 29, "policy for 'z', which is not an output"},
    // tasks
    {"\"k.pto\"", "\"absent.pto\"", 32, "absent.pto' does not exist"},
    {"f_{kind}", "f_{knd}", 33, "did you mean 'kind'?"},
    {"\"work\", \"y\"", "\"wrok\", \"y\"", 34,
     "'wrok' is neither a tensor nor an integer parameter; did you mean 'work'?"},
    {"\"T\", 3", "\"T +\", 3", 34, "an argument 'T +'"},
    {"\"T\", 3", "[], 3", 34, "an argument is an array"},
    {"[\"x\", \"work\", \"y\", \"T\", 3, 0.5]", "7", 34, "args is an integer"},
    {"ceildiv(T, 2)", "ceildiv(T)", 35, "blocks 'ceildiv(T)'"},
    {"ceildiv(T, 2)", "launch", 35, "'launch' is not an integer parameter"},
    {"ceildiv(T, 2)", "kind_is_f23", 35, "did you mean 'kind_is_f32'?"},
    {"D = 8", "launch = 8", 7, "'launch' is a key that every case has"},
    // goldens
    {"\"cast_bf16\"", "\"cast_bf61\"", 28, "unknown built-in golden 'cast_bf61'; did you mean 'cast_bf16'?"},
    {"{ rounding =", "{ roundin =", 28, "golden 'cast_bf16' has no option 'roundin'; did you mean 'rounding'?"},
    {"options =", "ports = { z = \"x\" }, options =", 28, "golden 'cast_bf16' has no port 'z'"},
    {"options =", "ports = { x = \"y\" }, options =", 28, "input port 'x' of golden 'cast_bf16' is tensor 'y'"},
    {"options =", "params = { n = 1 }, options =", 28, "golden 'cast_bf16' has no parameter 'n'"},
    {"options =", "npy = \"d\", options =", 28, "golden has 2 of 'stage', 'npy' and 'command'"},
    {"stage = \"cast_bf16\", options = { rounding = \"rint\" }", "command = \"g {inputs}\"", 28,
     "does not use {outputs}"},
    {"stage = \"cast_bf16\", options = { rounding = \"rint\" }", "command = \"g {inputs} {outputs}\", timeout = -1", 28,
     "timeout is not a number of seconds"},
    // fills
    {"x = \"ties\"", "y = \"ties\"", 38, "'y' is not an input; only inputs are filled"},
    {"x = \"ties\"", "z = \"ties\"", 38, "fill names the unknown tensor 'z'"},
    {"x = \"ties\"", "x = 3", 38, "a fill is an integer"},
    {"x = \"ties\"", "x = \"normal:scale={Q}\"", 38, "'{Q}' is not a parameter"},
    // text
    {"[tensors.y]", "[tensors.y", 19, "not TOML"},
    {"shape = [16]", "shape = [16", 15, "not TOML"},
};
INSTANTIATE_TEST_SUITE_P(All, PipelineMistakes, ::testing::ValuesIn(kMistakes));

TEST_F(PipelineTest, RefusesFilesThatCannotBeRead) {
  EXPECT_NE(read_pipeline(folder_ / "absent.toml").error().message.find("no such file"), std::string::npos);
  EXPECT_NE(read_pipeline(folder_).error().message.find("not a regular file"), std::string::npos);
  EXPECT_NE(read(std::string(1 << 20, '#')).error().message.find("at most"), std::string::npos);
  EXPECT_NE(read("").error().message.find("has no 'tensors'"), std::string::npos);
}

TEST_F(PipelineTest, StagesFlowInOneDirection) {
  const std::string second = R"(
[[stages]]
name = "again"
inputs = ["y"]
outputs = ["y"]
[[stages.tasks]]
kernel = "k.pto"
args = ["y"]
)";
  const auto twice = read(std::string(kGood) + second);
  ASSERT_FALSE(twice.has_value());
  EXPECT_NE(twice.error().message.find("'y' is produced by two stages"), std::string::npos) << to_string(twice.error());
}

TEST_F(PipelineTest, StagesUpdateAnInoutInTurn) {
  const std::string text = R"(
[tensors.x]
shape = [4]
dtype = "f32"
role = "inout"
)";
  const auto stage = [](const std::string& name) {
    return "[[stages]]\nname = \"" + name +
           "\"\ninputs = [\"x\"]\noutputs = [\"x\"]\n[[stages.tasks]]\nkernel = \"k.pto\"\nargs = [\"x\"]\n";
  };
  const auto twice = read(text + stage("a") + stage("b"));
  EXPECT_TRUE(twice.has_value()) << to_string(twice.error());
}

TEST_F(PipelineTest, ReadsLaunches) {
  const auto launched = read_edited("3, 0.5]", "\"launch\", 0.5]\nlaunches = \"kind_is_bf16 * T\"");
  ASSERT_TRUE(launched.has_value()) << to_string(launched.error());
  EXPECT_TRUE(launched->stages[0].tasks[0].has_launches);
  EXPECT_EQ(launched->stages[0].tasks[0].launches.text(), "kind_is_bf16 * T");
}

TEST_F(PipelineTest, IsFoundByNameAndByPath) {
  ASSERT_TRUE(read(kGood).has_value());
  const std::vector<fs::path> directories = {folder_.parent_path()};
  const std::string name = folder_.filename().string();
  EXPECT_TRUE(find_pipeline(name, directories).has_value());
  EXPECT_TRUE(find_pipeline((folder_ / "pipeline.toml").string(), {}).has_value());
  const auto misspelt = find_pipeline(name + "s", directories);
  ASSERT_FALSE(misspelt.has_value());
  EXPECT_NE(misspelt.error().message.find("did you mean '" + name + "'?"), std::string::npos)
      << misspelt.error().message;
  EXPECT_FALSE(find_pipeline("", directories).has_value());
}

TEST(BuiltinPipelines, AllReadAndAreFoundByTheirFolder) {
  const fs::path kernels = fs::path(ASSAY_SOURCE_DIR) / "kernels";
  int found = 0;
  for (const auto& entry : fs::recursive_directory_iterator(kernels)) {
    if (entry.path().filename() != "pipeline.toml") continue;
    const std::string name = fs::relative(entry.path().parent_path(), kernels).string();
    const auto read_back = find_pipeline(name, {kernels});
    EXPECT_TRUE(read_back.has_value()) << name << ": " << to_string(read_back.error());
    ++found;
  }
  EXPECT_GE(found, 11);
}

}  // namespace
}  // namespace assay::pipeline
