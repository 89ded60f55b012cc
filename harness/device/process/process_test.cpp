// The process backend against commands that work, crash, hang, stay silent and leave the wrong shape.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "harness/core/file.h"
#include "harness/core/npy.h"
#include "harness/device/process/bundle.h"
#include "harness/device/process/process_backend.h"
#include "harness/pto/printer.h"
#include "harness/pto/reader.h"

namespace assay::device {
namespace {

constexpr std::string_view kKernel = R"(
module {
  func.func @copy(%x: !pto.ptr<f32>, %y: !pto.ptr<f32>, %n: index, %scale: f32) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %a = arith.constant 0 : i64
    %xv = pto.make_tensor_view %x, shape = [%c1, %c8], strides = [%c8, %c1] : !pto.tensor_view<?x?xf32>
    %yv = pto.make_tensor_view %y, shape = [%c1, %c8], strides = [%c8, %c1] : !pto.tensor_view<?x?xf32>
    %xp = pto.partition_view %xv, offsets = [%c0, %c0], sizes = [%c1, %c8] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<1x8xf32>
    %yp = pto.partition_view %yv, offsets = [%c0, %c0], sizes = [%c1, %c8] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<1x8xf32>
    %t = pto.alloc_tile addr = %a : !pto.tile_buf<vec, 1x8xf32>
    pto.tload ins(%xp : !pto.partition_tensor_view<1x8xf32>) outs(%t : !pto.tile_buf<vec, 1x8xf32>)
    pto.tmuls ins(%t, %scale : !pto.tile_buf<vec, 1x8xf32>, f32) outs(%t : !pto.tile_buf<vec, 1x8xf32>)
    pto.tstore ins(%t : !pto.tile_buf<vec, 1x8xf32>) outs(%yp : !pto.partition_tensor_view<1x8xf32>)
    return
  }
}
)";

class ProcessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto parsed = pto::parse(kKernel, "copy.pto");
    ASSERT_TRUE(parsed.has_value()) << to_string(parsed.error());
    module_ = std::move(*parsed);
    profile_ = *load_profile("a2a3");
    for (int i = 0; i < 8; ++i) x_.as<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i);
    std::fill(y_.bytes().begin(), y_.bytes().end(), std::byte{0xA5});
    before_ = y_;
    tensors_ = {&x_, &y_};
    launch_.module = &module_;
    launch_.function = &module_.functions.front();
    launch_.arguments = {PointerArgument{0, 0}, PointerArgument{1, 0}, std::int64_t{8}, 2.0};
    launch_.blocks = 1;
    launch_.tensors = tensors_;
    options_.profile = &profile_;
    folder_ = std::filesystem::temp_directory_path() / ("assay_process_test_" + std::to_string(getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  RunReport run(const std::string& option) {
    auto backend = kProcessRecord.create(option);
    EXPECT_TRUE(backend.has_value()) << (backend ? "" : to_string(backend.error()));
    return (*backend)->run(launch_, options_);
  }

  // A .npy of `tensor` beside the test, for commands to copy.
  std::string saved(const Tensor& tensor, const std::string& name) {
    const auto file = folder_ / name;
    EXPECT_TRUE(write_npy(file, tensor).has_value());
    return file.string();
  }

  pto::Module module_;
  Profile profile_;
  Tensor x_{DType::f32, {1, 8}}, y_{DType::f32, {1, 8}}, before_;
  std::vector<Tensor*> tensors_;
  Launch launch_;
  RunOptions options_;
  std::filesystem::path folder_;
};

TEST_F(ProcessTest, AWorkingCommandsOutputsArriveInTheTensors) {
  Tensor answer(DType::f32, {1, 8});
  for (int i = 0; i < 8; ++i) answer.as<float>()[static_cast<std::size_t>(i)] = 2.0F * static_cast<float>(i);
  const RunReport report =
      run("mkdir {bundle}/outputs && cp " + saved(answer, "answer.npy") + " {bundle}/outputs/y.npy");
  EXPECT_EQ(report.status, RunStatus::completed) << report.reason;
  EXPECT_EQ(y_, answer);
}

TEST_F(ProcessTest, TheBundleHoldsKernelInputsAndLaunch) {
  ASSERT_TRUE(write_bundle(folder_, launch_, options_).has_value());
  const auto bundle = read_bundle(folder_);
  ASSERT_TRUE(bundle.has_value()) << to_string(bundle.error());
  EXPECT_TRUE(pto::equal(bundle->module, module_));
  EXPECT_EQ(bundle->names, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(bundle->tensors[0], x_);
  EXPECT_EQ(std::get<std::int64_t>(bundle->arguments[2]), 8);
  EXPECT_EQ(std::get<double>(bundle->arguments[3]), 2.0);
  EXPECT_EQ(bundle->profile, "a2a3");
}

TEST_F(ProcessTest, ACrashingCommandIsACrashWithItsWords) {
  const RunReport report = run("echo about to die >&2; kill -SEGV $$; true {bundle}");
  EXPECT_EQ(report.status, RunStatus::crash);
  EXPECT_NE(report.reason.find("signal 11"), std::string::npos) << report.reason;
  EXPECT_NE(report.reason.find("about to die"), std::string::npos) << report.reason;
  EXPECT_EQ(run("exit 7; true {bundle}").status, RunStatus::crash);
  EXPECT_EQ(run("echo first; echo second; exit 7; true {bundle}").reason,
            "exit status 7; it printed: first second");  // one line, whatever the command says
  EXPECT_EQ(y_, before_);
}

TEST_F(ProcessTest, AHangingCommandIsAHang) {
  const RunReport report = run("timeout=0.2 sleep 60; true {bundle}");
  EXPECT_EQ(report.status, RunStatus::hang);
  EXPECT_EQ(y_, before_);
}

TEST_F(ProcessTest, ASilentCommandIsAnErrorThatNamesWhatIsMissing) {
  const RunReport report = run("true");
  EXPECT_EQ(report.status, RunStatus::error);
  EXPECT_NE(report.reason.find("'y'"), std::string::npos) << report.reason;
  EXPECT_EQ(y_, before_);
}

TEST_F(ProcessTest, AWrongShapeIsAnErrorAndChangesNothing) {
  const std::string wrong = saved(Tensor(DType::f32, {2, 4}), "wrong.npy");
  const RunReport report = run("mkdir {bundle}/outputs && cp " + wrong + " {bundle}/outputs/y.npy");
  EXPECT_EQ(report.status, RunStatus::error);
  EXPECT_NE(report.reason.find("2x4"), std::string::npos) << report.reason;
  EXPECT_NE(report.reason.find("1x8"), std::string::npos) << report.reason;
  EXPECT_EQ(y_, before_);
}

TEST_F(ProcessTest, TheReportOfTheOtherSideIsPassedOn) {
  ASSERT_TRUE(write_bundle(folder_, launch_, options_).has_value());
  auto bundle = read_bundle(folder_);
  ASSERT_TRUE(bundle.has_value());
  RunReport fault;
  fault.status = RunStatus::fault;
  Diagnostic diagnostic;
  diagnostic.rule = "bounds";
  diagnostic.location = {12, 5};
  diagnostic.loop_indices = {1, 2};
  fault.diagnostics.push_back(diagnostic);
  ASSERT_TRUE(write_outputs(folder_, *bundle, fault).has_value());
  const auto report = read_outputs(folder_, launch_);
  ASSERT_TRUE(report.has_value()) << to_string(report.error());
  EXPECT_EQ(report->status, RunStatus::fault);
  ASSERT_EQ(report->diagnostics.size(), 1U);
  EXPECT_EQ(report->diagnostics[0].rule, "bounds");
  EXPECT_EQ(report->diagnostics[0].location.line, 12);
  EXPECT_EQ(report->diagnostics[0].loop_indices, (std::vector<std::int64_t>{1, 2}));
}

TEST_F(ProcessTest, MalformedDescriptionsAreRefused) {
  ASSERT_TRUE(write_bundle(folder_, launch_, options_).has_value());
  const std::string good = *read_text(folder_ / "launch.json", 1 << 20);
  const auto refused = [&](std::string text) {
    EXPECT_TRUE(write_text(folder_ / "launch.json", text).has_value());
    const auto bundle = read_bundle(folder_);
    EXPECT_FALSE(bundle.has_value()) << text;
    if (bundle) return;
    EXPECT_EQ(bundle.error().kind, ErrorKind::bad_input);
  };
  refused("");
  refused("[1]");
  refused("{}");
  refused(good.substr(0, good.size() / 2));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  refused(with("\"copy\"", "\"nobody\""));
  refused(with("\"blocks\": 1", "\"blocks\": 0"));
  refused(with("\"blocks\": 1", "\"blocks\": \"1\""));
  refused(with("\"tensor\": \"x\"", "\"tensor\": \"q\""));
  refused(with("\"float\"", "\"flat\""));
}

TEST_F(ProcessTest, OptionsAreChecked) {
  EXPECT_FALSE(kProcessRecord.create("").has_value());
  EXPECT_FALSE(kProcessRecord.create("timeout=x run").has_value());
  EXPECT_FALSE(kProcessRecord.create("timeout=-1 run").has_value());
  EXPECT_FALSE(kProcessRecord.create("timeout=5").has_value());
  EXPECT_TRUE(kProcessRecord.create("timeout=5 run").has_value());
}

}  // namespace
}  // namespace assay::device
