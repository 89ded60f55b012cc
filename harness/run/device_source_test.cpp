// The device is real: the body of one operation is corrupted in the OpenCL device program, and only what OpenCL
// computed is judged wrong. The simulator's comparison with the golden stays as it was, to the bit.
#include <gtest/gtest.h>

#include "harness/device/opencl/opencl_backend.h"
#include "harness/run/execute.h"

namespace assay::run {
namespace {

using compare::Blame;
using compare::Verdict;

struct Corruption {
  const char* operation;
  const char* body;  // stands once in the device program
  const char* corrupted;
  const char* uses;    // a case whose kernels use the operation
  const char* spares;  // one whose kernels do not
};

constexpr Corruption kCorruptions[] = {
    {"addition", "out[k] = a[k] + b[k];", "out[k] = a[k] + b[k] * 1.25f;", "pipeline=ffn_add T=3 D=40 fill=normal",
     "pipeline=dequant_rows T=3 N=40 fill=normal"},
    {"rounding to bf16", "kept + round_up_32(kept, magnitude & 0xffffu, 0x8000u, sign, mode);", "kept;",
     "pipeline=cast_bf16 T=3 D=40 fill=ties", "pipeline=dequant_rows T=3 N=40 fill=normal"},
};

// Simulator and OpenCL, whose device program has `corruption` where that is given.
CaseResult execute(const char* line, const Corruption* corruption) {
  ExecuteOptions options;
  options.pipeline_directories = {std::filesystem::path(ASSAY_SOURCE_DIR) / "kernels"};
  options.backends = {"sim", "opencl"};
  options.backends_required = true;
  bool once = corruption == nullptr;
  options.create_backend = [&](std::string_view name) -> Result<std::unique_ptr<device::Backend>> {
    if (name != "opencl" || corruption == nullptr) return device::create_backend(name);
    device::OpenclOptions edited;
    edited.source_edit = [&](std::string source) {
      const std::string body = corruption->body;
      const std::size_t at = source.find(body);
      once = at != std::string::npos && source.find(body, at + 1) == std::string::npos;
      return once ? source.replace(at, body.size(), corruption->corrupted) : source;
    };
    return device::create_opencl_backend(std::move(edited));
  };
  auto result = Executor(options).execute(parse_replay(line).value());
  EXPECT_TRUE(result.has_value()) << line << ": " << to_string(result.error());
  EXPECT_TRUE(once) << "the device program does not hold this text once: " << corruption->body;
  return result.value_or(CaseResult{});
}

// All comparisons of the case, as "output of SUBJECT against REFERENCE: mismatches", by whether OpenCL has a part.
struct Judgements {
  std::vector<std::string> simulator, device;
  bool device_passed = true;
};
Judgements judgements(const CaseResult& result) {
  Judgements all;
  for (const StageResult& stage : result.stages)
    for (const OutputResult& output : stage.outputs) {
      const compare::Comparison& c = output.comparison;
      EXPECT_GT(c.compared, 0);
      const bool device = output.subject == "opencl" || output.reference == "opencl";
      (device ? all.device : all.simulator)
          .push_back(output.output + " of " + output.subject + " against " + output.reference + ": " +
                     std::to_string(c.mismatches) + " of " + std::to_string(c.compared) + ", " +
                     std::to_string(c.max_ulps) + " ulp" + (c.passed ? "" : ", failed"));
      if (device) all.device_passed = all.device_passed && c.passed;
    }
  return all;
}

TEST(DeviceSource, ACorruptedBodyChangesOnlyOpenclVerdicts) {
  for (const Corruption& corruption : kCorruptions) {
    SCOPED_TRACE(corruption.operation);
    const CaseResult intact = execute(corruption.uses, nullptr), broken = execute(corruption.uses, &corruption);
    const Judgements before = judgements(intact), after = judgements(broken);
    EXPECT_EQ(intact.verdict, Verdict::passed) << intact.reason;
    EXPECT_TRUE(before.device_passed);
    EXPECT_EQ(broken.verdict, Verdict::failed) << broken.reason;
    EXPECT_FALSE(after.device_passed);
    ASSERT_EQ(broken.stages.size(), 1U);
    EXPECT_EQ(broken.stages[0].blame, Blame::device);
    ASSERT_FALSE(before.simulator.empty());
    EXPECT_EQ(after.simulator, before.simulator);
    EXPECT_NE(after.device, before.device);
  }
}

TEST(DeviceSource, CasesThatDoNotUseTheOperationStayAsTheyWere) {
  for (const Corruption& corruption : kCorruptions) {
    SCOPED_TRACE(corruption.operation);
    const CaseResult intact = execute(corruption.spares, nullptr), broken = execute(corruption.spares, &corruption);
    EXPECT_EQ(broken.verdict, Verdict::passed) << broken.reason;
    EXPECT_EQ(judgements(broken).device, judgements(intact).device);
  }
}

}  // namespace
}  // namespace assay::run
