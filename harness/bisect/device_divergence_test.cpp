// Device against simulator: a device whose program has one corrupted body, and one that contracts.
#include <gtest/gtest.h>

#include "harness/bisect/bisect.h"
#include "harness/device/opencl/opencl_backend.h"

namespace assay::bisect {
namespace {

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(to_string(result.error()));
  return std::move(*result);
}

class DeviceDivergence : public ::testing::Test {
 protected:
  // The only stage of the case, ready to run.
  Probe probe(std::string_view line, Contraction contraction = Contraction::off) {
    const run::Case c = must(run::parse_replay(line));
    pipeline_ = must(pipeline::find_pipeline(c.get("pipeline"), {std::filesystem::path(ASSAY_SOURCE_DIR) / "kernels"}));
    const run::Bindings bindings = must(run::bind(pipeline_, c));
    const auto tensors = must(run::resolve_tensors(pipeline_, bindings));
    Profile profile = must(load_profile(pipeline_.profile));
    profile.contraction = contraction;
    const TensorMap inputs = must(run::make_inputs(pipeline_, c, bindings));
    const pipeline::StageSpec& stage = pipeline_.stages.front();
    auto golden = must(run::stage_golden(pipeline_, stage, bindings, tensors, inputs, profile));
    return Probe(must(run::resolve_stage(pipeline_, stage, bindings)), tensors, inputs, std::move(golden),
                 compare::Policy{}, profile);
  }

  static Confirm anything() {
    return [](std::size_t, const std::shared_ptr<const pto::Module>&) { return true; };
  }

  pipeline::Pipeline pipeline_;
  std::unique_ptr<device::Backend> simulator_ = must(device::create_backend("sim"));
};

TEST_F(DeviceDivergence, ACorruptedBodyIsNamedAtItsFirstInstruction) {
  device::OpenclOptions options;
  bool edited = false;
  options.source_edit = [&](std::string source) {
    const std::string was = "out[k] = a[k] + b[k];";
    const std::size_t at = source.find(was);
    edited = at != std::string::npos;
    if (edited) source.replace(at, was.size(), "out[k] = a[k] + b[k] * 1.001f;");
    return source;
  };
  auto broken = must(device::create_opencl_backend(std::move(options)));
  const Probe p = probe("pipeline=hc_post T=2 D=40 HC=2 fill=normal seed=3");
  const auto finding = bisect_stage(p, *simulator_, broken.get(), anything(), 1000);
  ASSERT_TRUE(edited) << "the device source has no such line any more";
  ASSERT_TRUE(finding.has_value());
  EXPECT_EQ(finding->conclusion, Conclusion::divergence) << to_string(*finding);
  EXPECT_EQ(finding->instruction->mnemonic, "pto.tadd") << to_string(*finding);
  EXPECT_EQ(finding->loop_indices, (std::vector<std::int64_t>{0, 0, 0, 0})) << "the first sum of the first token";
  EXPECT_NE(finding->elements.find("row 0, column"), std::string::npos);
  EXPECT_NE(finding->explanation.find("exact"), std::string::npos);
}

TEST_F(DeviceDivergence, AnIntactDeviceIsInOrder) {
  auto intact = must(device::create_backend("opencl"));
  const Probe p = probe("pipeline=hc_post T=2 D=40 HC=2 fill=normal seed=3");
  EXPECT_FALSE(bisect_stage(p, *simulator_, intact.get(), anything(), 1000).has_value());
}

TEST_F(DeviceDivergence, ContractionIsSeenAndExplained) {
  auto device = must(device::create_backend("opencl"));
  // Large, because a last bit of f32 seldom decides a bf16.
  const Probe p = probe("pipeline=hc_post T=8 D=4096 HC=4 fill=normal seed=3", Contraction::allowed);
  const auto finding = bisect_stage(p, *simulator_, device.get(), anything(), 1000);
  ASSERT_TRUE(finding.has_value()) << "bit equality must see one rounding instead of two";
  EXPECT_EQ(finding->conclusion, Conclusion::divergence);
  EXPECT_EQ(finding->instruction->mnemonic, "pto.tadd");
  EXPECT_NE(finding->explanation.find("fused a product"), std::string::npos) << to_string(*finding);
}

}  // namespace
}  // namespace assay::bisect
