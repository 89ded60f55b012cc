// For tests of case execution: a scratch pipeline whose stage copies x to y, and backends whose behaviour is a lambda.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "harness/run/execute.h"

namespace assay::run {

// Stands for a backend: does to the tensors whatever the test wants.
class DoubleBackend : public device::Backend {
 public:
  using Body = std::function<device::RunReport(const device::Launch&, const device::RunOptions&)>;
  DoubleBackend(std::string name, Body body) : name_(std::move(name)), body_(std::move(body)) {}
  std::string_view name() const override { return name_; }
  std::string description() const override { return "a test's double"; }
  device::RunReport run(const device::Launch& launch, const device::RunOptions& options) override {
    return body_(launch, options);
  }

 private:
  std::string name_;
  Body body_;
};

// The elements a pointer argument sees, up to the end of its storage, guard zone included.
template <class T>
std::span<T> argument_elements(const device::Launch& launch, std::size_t index) {
  const auto& pointer = std::get<device::PointerArgument>(launch.arguments.at(index));
  return launch.tensors[pointer.tensor]->template as<T>().subspan(static_cast<std::size_t>(pointer.element_offset));
}

// y[i] = x[i] for arguments (x, y, n); then `corrupt` sees (x, y).
using Corrupt = std::function<void(std::span<float> x, std::span<float> y, std::size_t n)>;
inline DoubleBackend::Body copy_then(Corrupt corrupt = {}) {
  return [corrupt](const device::Launch& launch, const device::RunOptions&) {
    const std::span<float> x = argument_elements<float>(launch, 0), y = argument_elements<float>(launch, 1);
    const auto n = static_cast<std::size_t>(std::get<std::int64_t>(launch.arguments.at(2)));
    std::copy_n(x.begin(), n, y.begin());
    if (corrupt) corrupt(x, y, n);
    device::RunReport report;
    report.instructions = n;
    report.device_seconds = 0.001;
    return report;
  };
}
inline DoubleBackend::Body report_of(device::RunStatus status, std::string reason) {
  return [=](const device::Launch&, const device::RunOptions&) {
    device::RunReport report;
    report.status = status;
    report.reason = reason;
    return report;
  };
}

class ExecuteTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // One folder, so that nothing is left when it goes: a parameterised test has a / in its name.
    std::string test = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::ranges::replace(test, '/', '_');
    folder_ = std::filesystem::path(::testing::TempDir()) / ("execute_test_" + std::to_string(::getpid()) + "_" + test);
    std::filesystem::create_directories(folder_ / "copy");
    write("copy/copy.pto", kKernel);
    write("copy/pipeline.toml", pipeline_text());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::trunc) << text;
  }

  // The pipeline with this golden and policy line, and lines of choice at the end.
  static std::string pipeline_text(const std::string& golden = R"({ command = "cp {inputs}/x.npy {outputs}/y.npy" })",
                                   const std::string& args = R"(["x", "y", "N"])", const std::string& end = "") {
    return R"toml(
policy = "bits"
constraints = ["N % 2 == 0"]
[params]
N = { default = 6, min = 2, max = 1000000000 }
word = { choices = ["copy", "other"] }
[tensors.x]
shape = ["N"]
dtype = "f32"
[tensors.y]
shape = ["N"]
dtype = "f32"
role = "output"
[[stages]]
name = "copy"
inputs = ["x"]
outputs = ["y"]
)toml" + (golden.empty() ? "" : "golden = " + golden + "\n") +
           R"toml(
[[stages.tasks]]
kernel = "copy.pto"
function = "{word}"
)toml" +
           "args = " + args + "\n" + end;
  }

  ExecuteOptions options() const {
    ExecuteOptions result;
    result.pipeline_directories = {folder_};
    return result;
  }
  pipeline::Pipeline read_pipeline() const { return pipeline::find_pipeline("copy", {folder_}).value(); }
  static Case make_case(std::string_view line) { return parse_replay(line).value(); }

  static constexpr const char* kKernel = R"mlir(module {
  func.func @copy(%x: !pto.ptr<f32>, %y: !pto.ptr<f32>, %n: index) {
    return
  }
  func.func @other(%x: !pto.ptr<f32>, %y: !pto.ptr<f32>, %n: i8) {
    return
  }
}
)mlir";

  std::filesystem::path folder_;
};

}  // namespace assay::run
