// Goldens that are .npy files or commands; built-in ones run through the executor's tests.
#include "harness/core/npy.h"
#include "harness/run/execute_fixture.h"

namespace assay::run {
namespace {

class GoldenTest : public ExecuteTest {
 protected:
  Result<goldens::GoldenMap> golden(const std::string& source) const {
    write("copy/pipeline.toml", pipeline_text(source));
    const pipeline::Pipeline p = read_pipeline();
    const Bindings bindings = bind(p, make_case("N=6")).value();
    const TensorMap inputs = make_inputs(p, make_case("N=6"), bindings).value();
    return stage_golden(p, p.stages[0], bindings, resolve_tensors(p, bindings).value(), inputs,
                        load_profile("a2a3").value());
  }
  std::string error(const std::string& source) const {
    const auto made = golden(source);
    return made ? "" : made.error().message;
  }
  void write_tensor(const std::string& name, float value, Shape shape = {6}) const {
    Tensor tensor(DType::f32, std::move(shape));
    for (float& element : tensor.as<float>()) element = value;
    std::filesystem::create_directories(folder_ / "copy/expected_6");
    ASSERT_TRUE(write_npy(folder_ / "copy/expected_6" / name, tensor).has_value());
  }
  static constexpr const char* kNpy = R"({ npy = "expected_{N}" })";
};

TEST_F(GoldenTest, NoneIsEmpty) { EXPECT_TRUE(golden("").value().empty()); }

TEST_F(GoldenTest, NpyFilesAreRead) {
  write_tensor("y.npy", 2);
  const auto point = golden(kNpy);
  ASSERT_TRUE(point.has_value()) << to_string(point.error());
  EXPECT_EQ(point->at("y").value.as<float>()[5], 2.0F);
  EXPECT_EQ(point->at("y").lo, point->at("y").value);
  write_tensor("y.lo.npy", 1);
  write_tensor("y.hi.npy", 3);
  const auto enclosure = golden(kNpy);
  EXPECT_EQ(enclosure->at("y").lo.as<float>()[0], 1.0F);
  EXPECT_EQ(enclosure->at("y").hi.as<float>()[0], 3.0F);
}

TEST_F(GoldenTest, NpyFilesMustFit) {
  EXPECT_NE(error(kNpy).find("expected_6/y.npy"), std::string::npos) << error(kNpy);
  write_tensor("y.npy", 2, {7});
  EXPECT_NE(error(kNpy).find("the shape is 7; expected 6"), std::string::npos) << error(kNpy);
  write_tensor("y.npy", 2);
  std::filesystem::resize_file(folder_ / "copy/expected_6/y.npy", 140);
  EXPECT_NE(error(kNpy), "");
  ASSERT_TRUE(write_npy(folder_ / "copy/expected_6/y.npy", Tensor(DType::i32, {6})).has_value());
  EXPECT_NE(error(kNpy), "");
}

TEST_F(GoldenTest, CommandReadsInputsAndWritesOutputs) {
  const auto made = golden(R"({ command = "test -f {inputs}/manifest.json && cp {inputs}/x.npy {outputs}/y.npy" })");
  ASSERT_TRUE(made.has_value()) << to_string(made.error());
  const pipeline::Pipeline p = read_pipeline();
  const TensorMap inputs = make_inputs(p, make_case("N=6"), bind(p, make_case("N=6")).value()).value();
  EXPECT_EQ(made->at("y").value, inputs.at("x"));
}

TEST_F(GoldenTest, CommandRunsInThePipelinesFolder) {
  write("copy/golden.sh", "cp $1/x.npy $2/y.npy\n");
  EXPECT_EQ(error(R"({ command = "sh golden.sh {inputs} {outputs}" })"), "");
}

TEST_F(GoldenTest, FailingCommandsAreNamed) {
  EXPECT_NE(
      error(R"({ command = "echo {inputs} >/dev/null; echo no luck >&2; exit 3 # {outputs}" })").find("3: no luck"),
      std::string::npos);
  EXPECT_NE(error(R"({ command = "true {inputs} {outputs}" })").find("y.npy"), std::string::npos);
  EXPECT_NE(error(R"({ command = "sleep 60 # {inputs} {outputs}", timeout = 0.1 })"), "");
  EXPECT_NE(error(R"({ command = "kill -SEGV $$ # {inputs} {outputs}" })").find("signal 11"), std::string::npos);
  EXPECT_NE(error(R"({ command = "head -c 100 {inputs}/x.npy > {outputs}/y.npy" })"), "");
}

}  // namespace
}  // namespace assay::run
