#include "harness/device/opencl/kernel_fixture.h"

namespace assay::device {
namespace {

TEST(Opencl, AddsTwoTiles) {
  Kernel kernel(
      tile_kernel({{"a", "f32"}, {"b", "f32"}}, {{"y", "f32"}}, "pto.tadd ins(%a, %b : $a, $b) outs(%y : $y)"));
  Tensor a = floats({1, 8}, {1, 2, 3, 4, 5, 6, 7, 8}), b = floats({1, 8}, {10, 20, 30, 40, 50, 60, 70, 80});
  Tensor y(DType::f32, {1, 8});
  const RunReport report = kernel.run({&a, &b, &y});
  ASSERT_EQ(report.status, RunStatus::completed) << report.reason;
  EXPECT_EQ(values_of<float>(y), (std::vector<float>{11, 22, 33, 44, 55, 66, 77, 88}));
  EXPECT_GT(report.device_seconds, 0);
}

}  // namespace
}  // namespace assay::device
