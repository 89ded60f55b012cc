// Inputs that were captured somewhere take the place of fills.
#include "harness/run/captured.h"

#include "harness/core/file.h"
#include "harness/run/execute_fixture.h"

namespace assay::run {
namespace {

class CapturedTest : public ExecuteTest {
 protected:
  // x: 1, 2, ... as `count` floats; the manifest's entry says `text` of it.
  std::string capture(std::int64_t count, const std::string& text) const {
    const auto folder = folder_ / "captured";
    Tensor x(DType::f32, {count});
    for (std::int64_t i = 0; i < count; ++i) x.as<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i + 1);
    EXPECT_TRUE(write_tensors(folder, {{"x", x}}));
    EXPECT_TRUE(write_text(folder / kManifestFile, R"({"tensors": [)" + text + "]}"));
    return folder.string();
  }
  static std::string entry(std::string_view name, std::string_view dtype, std::string_view shape,
                           std::string_view file = "x.npy") {
    return fmt::format(R"({{"name": "{}", "dtype": "{}", "shape": [{}], "file": "{}"}})", name, dtype, shape, file);
  }
  Case case_of(const std::string& folder, std::string_view line = "pipeline=copy") const {
    Case c = make_case(line);
    c.values["inputs"] = folder;
    return c;
  }
  std::string error(const Case& c) const {
    const pipeline::Pipeline p = read_pipeline();
    const auto bindings = bind(p, c);
    if (!bindings) return bindings.error().message;
    const auto inputs = make_inputs(p, c, *bindings);
    return inputs ? "" : inputs.error().message;
  }
};

TEST_F(CapturedTest, TakeThePlaceOfFillsAndGiveTheParameters) {
  const Case c = case_of(capture(8, entry("x", "f32", "8")));
  const pipeline::Pipeline p = read_pipeline();
  const auto bindings = bind(p, c);
  ASSERT_TRUE(bindings) << to_string(bindings.error());
  EXPECT_EQ(bindings->integers.at("N"), 8);
  const auto inputs = make_inputs(p, c, *bindings);
  ASSERT_TRUE(inputs) << to_string(inputs.error());
  EXPECT_EQ(inputs->at("x").as<float>()[7], 8.0F);
}

TEST_F(CapturedTest, RunLikeAnyCase) {
  Executor executor([&] {
    ExecuteOptions made = options();
    made.create_backend = [](std::string_view) -> Result<std::unique_ptr<device::Backend>> {
      return std::make_unique<DoubleBackend>("sim", copy_then());
    };
    return made;
  }());
  const auto result = executor.execute(case_of(capture(8, entry("x", "f32", "8"))));
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->verdict, compare::Verdict::passed) << result->reason;
  EXPECT_EQ(result->compared, 8);
}

TEST_F(CapturedTest, RefuseWhatDoesNotFit) {
  EXPECT_EQ(error(case_of(capture(8, entry("x", "f32", "8")))), "");
  const auto refuses = [&](const Case& c, std::string_view says) {
    EXPECT_NE(error(c).find(says), std::string::npos) << error(c) << "\nexpected: " << says;
  };
  refuses(case_of((folder_ / "none").string()), "manifest.json");
  refuses(case_of(capture(8, entry("xx", "f32", "8"))), "'xx' is no input of the pipeline");
  refuses(case_of(capture(8, entry("y", "f32", "8"))), "'y' is no input of the pipeline");
  refuses(case_of(capture(8, entry("x", "i32", "8"))), "'x' is i32 8; expected f32 8");
  refuses(case_of(capture(8, entry("x", "f32", "8")), "pipeline=copy N=6"), "'x' is f32 8; expected f32 6");
  refuses(case_of(capture(8, entry("x", "f32", "6"))), "shape");
  refuses(case_of(capture(7, entry("x", "f32", "7"))), "contradicts 'N % 2 == 0'");
  refuses(case_of(capture(1, entry("x", "f32", "1"))), "N = 1, which the pipeline does not allow");
  refuses(case_of(capture(8, "")), "no x; expected every input");
  EXPECT_EQ(error(case_of(capture(8, ""), "pipeline=copy fill=normal")), "");
  const std::string folder = capture(8, entry("x", "f32", "8"));
  std::filesystem::resize_file(std::filesystem::path(folder) / "x.npy", 140);
  refuses(case_of(folder), "x.npy");
}

}  // namespace
}  // namespace assay::run
