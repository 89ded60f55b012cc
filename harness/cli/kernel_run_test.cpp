#include "harness/cli/kernel_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "harness/cli/kernel_fixture.h"
#include "harness/core/manifest.h"

namespace assay::cli {
namespace {

using device::Launch;
using device::RunOptions;
using device::RunReport;
using device::RunStatus;
using testing::Behaviour;
using testing::Folder;

class KernelRunTest : public ::testing::Test {
 protected:
  Folder folder{::testing::UnitTest::GetInstance()->current_test_info()->name()};
  KernelRequest request = request_for(folder.write("copy.pto", testing::kCopy));
  KernelOptions options;
  std::map<std::string, Behaviour, std::less<>> behaviours{{"sim", testing::copy}, {"opencl", testing::copy}};
  std::ostringstream out, err;

  static KernelRequest request_for(const std::filesystem::path& file) {
    KernelRequest made;
    made.file = file;
    made.arguments = {"rows=5"};
    return made;
  }

  int execute() {
    out.str("");
    err.str("");
    return execute_kernel(
        request, options,
        [this](std::string_view name) -> Result<std::unique_ptr<device::Backend>> {
          const auto found = behaviours.find(name.substr(0, name.find(':')));
          if (found == behaviours.end()) return bad_input("unknown backend '{}'", name);
          if (!found->second) return unavailable("no such device here");
          return std::make_unique<testing::ScriptedBackend>(found->second);
        },
        out, err);
  }
  bool says(std::string_view text) const { return out.str().find(text) != std::string::npos; }
};

TEST_F(KernelRunTest, AgreementIsZero) {
  EXPECT_EQ(execute(), 0) << out.str() << err.str();
  EXPECT_TRUE(says("y: sim and opencl agree on 40 elements (bits)")) << out.str();
  EXPECT_TRUE(says("sim: completed, 5 operations")) << out.str();
}

TEST_F(KernelRunTest, AgreementOnNothingIsUnverified) {
  request.arguments = {"rows=0"};
  EXPECT_EQ(execute(), 1);
  EXPECT_TRUE(says("unverified: the kernel wrote nothing")) << out.str();
}

TEST_F(KernelRunTest, DivergenceIsOneAndShown) {
  behaviours["opencl"] = [](const Launch& launch, const RunOptions& run) {
    const RunReport report = testing::copy(launch, run);
    testing::words(launch, 1)[11] ^= 1;
    return report;
  };
  EXPECT_EQ(execute(), 1);
  EXPECT_TRUE(says("y: sim and opencl differ in 1 of 40 elements (bits)")) << out.str();
  EXPECT_TRUE(says("largest distance 1 ulp")) << out.str();
  EXPECT_TRUE(says("[1, 3] sim 0x")) << out.str();
  options.policy = compare::parse_policy("ulp(1)").value();
  EXPECT_EQ(execute(), 0) << out.str();
}

TEST_F(KernelRunTest, UnwrittenElements) {
  const Behaviour half = [](const Launch& launch, const RunOptions&) {
    for (std::size_t i = 0; i < 20; ++i) testing::words(launch, 1)[i] = testing::words(launch, 0)[i];
    return RunReport{};
  };
  behaviours["sim"] = half;
  EXPECT_EQ(execute(), 1);
  EXPECT_TRUE(says("sim and opencl differ in 20 of 40")) << out.str();
  EXPECT_TRUE(says("y: 20 of 40 elements were never written")) << out.str();
  behaviours["opencl"] = half;
  EXPECT_EQ(execute(), 0) << out.str();
  EXPECT_TRUE(says("agree on 20 elements")) << out.str();
}

TEST_F(KernelRunTest, UndefinedBytesShowWhereBackendsAgree) {
  const Behaviour undefined = [](const Launch& launch, const RunOptions& run) {
    const RunReport report = testing::copy(launch, run);
    testing::words(launch, 1)[0] = static_cast<std::uint32_t>(run.poison_seed);
    return report;
  };
  behaviours["sim"] = behaviours["opencl"] = undefined;
  EXPECT_EQ(execute(), 1);
  EXPECT_TRUE(says("y: 1 elements depend on undefined memory")) << out.str();
}

TEST_F(KernelRunTest, StrayWrites) {
  behaviours["opencl"] = [](const Launch& launch, const RunOptions& run) {
    const RunReport report = testing::copy(launch, run);
    testing::words(launch, 1)[40] = 7;
    return report;
  };
  EXPECT_EQ(execute(), 1);
  EXPECT_TRUE(says("stray write: argument 'y': wrote 4 bytes after its end, the first at +0")) << out.str();
  behaviours["opencl"] = [](const Launch& launch, const RunOptions& run) {
    const RunReport report = testing::copy(launch, run);
    testing::words(launch, 0)[3] = 7;
    return report;
  };
  EXPECT_EQ(execute(), 1);
  EXPECT_TRUE(says("argument 'x' changed, but the kernel never stores through it")) << out.str();
}

TEST_F(KernelRunTest, FaultsArePrintedWithTheirLine) {
  behaviours["sim"] = [](const Launch& launch, const RunOptions&) {
    RunReport report;
    report.status = RunStatus::fault;
    device::Diagnostic diagnostic;
    diagnostic.rule = "bounds";
    diagnostic.message = "reads too far";
    diagnostic.function = launch.function->name;
    diagnostic.op_id = 9;
    diagnostic.location = {11, 5};
    diagnostic.loop_indices = {2};
    report.diagnostics.push_back(std::move(diagnostic));
    return report;
  };
  EXPECT_EQ(execute(), 1);
  EXPECT_TRUE(says(":11:5: bounds: reads too far")) << out.str();
  EXPECT_TRUE(says("    %t = pto.alloc_tile : !pto.tile_buf<vec, 1x8xf32>\n    ^")) << out.str();
  EXPECT_TRUE(says("unverified")) << out.str();
  for (const auto& [status, code] : {std::pair{RunStatus::budget, 1},
                                     {RunStatus::deadlock, 1},
                                     {RunStatus::unsupported, 1},
                                     {RunStatus::error, 3}}) {
    behaviours["sim"] = [status = status](const Launch&, const RunOptions&) {
      return RunReport{status, "because", {}, 0, 0};
    };
    EXPECT_EQ(execute(), code);
    EXPECT_TRUE(says("because"));
  }
}

TEST_F(KernelRunTest, MissingBackends) {
  behaviours["opencl"] = nullptr;
  EXPECT_EQ(execute(), 1);
  EXPECT_TRUE(says("opencl: skipped: no such device here")) << out.str();
  EXPECT_TRUE(says("unverified: no two backends completed")) << out.str();
  options.backends_required = true;
  EXPECT_EQ(execute(), 3);
  EXPECT_NE(err.str().find("no such device here"), std::string::npos);
  options.backends = {"sim"};
  EXPECT_EQ(execute(), 0);
  options.backends = {"sin"};
  EXPECT_EQ(execute(), 2);
  options.backends = {"sim", "sim"};
  EXPECT_EQ(execute(), 2);
}

TEST_F(KernelRunTest, WritesEveryPointerPerBackend) {
  options.out = folder / "out";
  behaviours["process"] = testing::copy;
  options.backends = {"sim", "process:./run.sh {bundle}"};
  EXPECT_EQ(execute(), 0) << err.str();
  for (const char* backend : {"sim", "process"}) {
    const auto manifest = read_manifest(options.out / backend);
    ASSERT_TRUE(manifest) << to_string(manifest.error());
    ASSERT_EQ(manifest->tensors.size(), 2U);
    EXPECT_EQ(manifest->find("x")->role, "in");
    EXPECT_EQ(manifest->find("y")->role, "out");
    EXPECT_EQ(manifest->metadata.at("argument.rows"), "5");
    const auto tensors = read_tensors(options.out / backend);
    ASSERT_TRUE(tensors);
    EXPECT_EQ(tensors->at("x"), tensors->at("y"));
    EXPECT_EQ(tensors->at("y").shape(), (Shape{5, 8}));
  }
}

TEST_F(KernelRunTest, BadInputIsTwoAndWritesNothing) {
  options.out = folder / "out";
  request.arguments = {"rows=5", "nope=1"};
  EXPECT_EQ(execute(), 2);
  const std::string message = err.str();
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 1) << message;
  EXPECT_FALSE(std::filesystem::exists(options.out));
  request.arguments = {};
  options.profile = "a3000";
  EXPECT_EQ(execute(), 2);
  EXPECT_FALSE(std::filesystem::exists(options.out));
}

TEST_F(KernelRunTest, BlocksAreLaunchedOneByOneWhereTheIndexIsAnArgument) {
  request.file = folder.write("spmd.pto", R"(func.func @f(%y: !pto.ptr<i32>, %my_block_idx: i32) {
    %i = arith.index_cast %my_block_idx : i32 to index
    pto.store_scalar %my_block_idx, %y[%i] : !pto.ptr<i32>, i32
    return })");
  request.arguments = {};
  request.blocks = 4;
  const Behaviour store = [](const Launch& launch, const RunOptions&) {
    const auto index = std::get<std::int64_t>(launch.arguments[1]);
    EXPECT_EQ(launch.blocks, 1);
    testing::words(launch, 0)[static_cast<std::size_t>(index)] = static_cast<std::uint32_t>(index);
    return RunReport{};
  };
  behaviours["sim"] = behaviours["opencl"] = store;
  EXPECT_EQ(execute(), 0) << out.str() << err.str();
  EXPECT_TRUE(says("agree on 4 elements")) << out.str();
}

TEST(CompareOutcomes, AnUnwrittenElementDoesNotMatchANanThatWasWritten) {
  KernelOutcome a, b;
  Tensor y(DType::f32, {2});
  y.set_bits(0, 0xFFFFFFFF);  // poison on one side, a result on the other
  for (KernelOutcome* outcome : {&a, &b}) {
    outcome->tensors.emplace("y", y);
    outcome->unwritten["y"] = {0, 0};
  }
  EXPECT_TRUE(compare_outcomes(a, b, {}).value().front().comparison.passed);
  a.unwritten["y"] = {1, 0};
  EXPECT_FALSE(compare_outcomes(a, b, {}).value().front().comparison.passed);
  b.unwritten["y"] = {1, 0};
  EXPECT_TRUE(compare_outcomes(a, b, {}).value().front().comparison.passed);
}

}  // namespace
}  // namespace assay::cli
