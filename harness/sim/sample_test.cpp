// The sample file of pto-format 1.4 from end to end.
#include "harness/pto/sample_module.h"
#include "harness/sim/kernel_test.h"

namespace assay::sim::testing {
namespace {

constexpr std::int64_t kRows = 37, kCols = 256;

KernelRun sample() {
  KernelRun run;
  run.text = pto::testing::kScaleRows;
  std::vector<float> x(kRows * kCols), s(kRows);
  for (std::size_t k = 0; k < x.size(); ++k) x[k] = static_cast<float>(k % 128);
  for (std::size_t k = 0; k < s.size(); ++k) s[k] = static_cast<float>(k % 2 + 1);
  run.tensors = {floats(x), floats(s), Tensor(DType::bf16, {kRows, kCols})};
  run.scalars = {kRows};
  return run;
}

TEST(Sample, ScalesRowsWithTail) {
  const KernelRun run = run_kernel(sample());
  ASSERT_EQ(run.report.status, device::RunStatus::completed) << run.report.reason;
  const auto y = run.tensors[2].as<std::uint16_t>();
  for (std::size_t k = 0; k < y.size(); ++k) {
    const float value = static_cast<float>(k % 128) * static_cast<float>((k / kCols) % 2 + 1);
    std::uint32_t bits;  // small integers below 256 are bf16 values: their low half is zero
    std::memcpy(&bits, &value, 4);
    ASSERT_EQ(y[k], bits >> 16) << k;
    ASSERT_EQ(bits & 0xFFFF, 0U);
  }
}

TEST(Sample, SameBytesOnEveryRun) {
  const auto backend = make_sim();
  KernelRun first = sample(), second = sample();
  second.options.poison_seed = 99;
  run_on(*backend, first);
  run_on(*backend, second);
  EXPECT_EQ(first.tensors[2], second.tensors[2]);
  EXPECT_EQ(first.report.instructions, second.report.instructions);
}

}  // namespace
}  // namespace assay::sim::testing
