// Every tile operation on every backend, against the exact definition; and proof that the property can fail.
#include "harness/device/op_property.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "harness/pto/ir.h"

namespace assay::device {
namespace {

constexpr std::uint64_t kSeed = 20261121;
constexpr std::int64_t kCases = 40;

Profile machine() { return load_profile("a2a3").value(); }

std::unique_ptr<Backend> backend_or_null(const std::string& name) {
  auto backend = create_backend(name);
  return backend ? std::move(*backend) : nullptr;
}

std::string reason_of(const std::string& name) {
  const auto backend = create_backend(name);
  return backend ? "" : backend.error().message;
}

class OpProperty : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(OpProperty, AgreesWithItsDefinition) {
  const auto& [backend_name, op] = GetParam();
  const auto backend = backend_or_null(backend_name);
  if (!backend) GTEST_SKIP() << reason_of(backend_name);
  // Conversions: dtype pairs times rounding modes are many more kinds of cases than other operations have.
  const std::int64_t cases = op == "tcvt" ? 15 * kCases : kCases;
  const OpReport report = check_op(op, *backend, machine(), kSeed, cases);
  EXPECT_EQ(report.failure, "") << "seed " << kSeed;
  EXPECT_EQ(report.cases, cases);
  EXPECT_GT(report.compared, 100);
  RecordProperty("compared", std::to_string(report.compared));
  RecordProperty("open", std::to_string(report.open));
}

std::string test_name(const ::testing::TestParamInfo<OpProperty::ParamType>& param) {
  return std::get<0>(param.param) + "_" + std::get<1>(param.param);
}

INSTANTIATE_TEST_SUITE_P(Simulator, OpProperty,
                         ::testing::Combine(::testing::Values("sim"), ::testing::ValuesIn(property_ops())), test_name);
INSTANTIATE_TEST_SUITE_P(Device, OpProperty,
                         ::testing::Combine(::testing::Values("opencl"), ::testing::ValuesIn(property_ops())),
                         test_name);

// A backend that is right except for what `damage` does to the result, the last tensor of the launch.
class Damaged : public Backend {
 public:
  using Damage = void (*)(Tensor& result);
  Damaged(std::unique_ptr<Backend> inner, Damage damage) : inner_(std::move(inner)), damage_(damage) {}

  std::string_view name() const override { return "damaged"; }
  std::string description() const override { return "a faulty double"; }
  RunReport run(const Launch& launch, const RunOptions& options) override {
    RunReport report = inner_->run(launch, options);
    damage_(*launch.tensors.back());
    return report;
  }

 private:
  std::unique_ptr<Backend> inner_;
  Damage damage_;
};

// A backend that runs every conversion with another rounding mode than the one written.
class IgnoresRounding : public Backend {
 public:
  explicit IgnoresRounding(std::unique_ptr<Backend> inner) : inner_(std::move(inner)) {}

  std::string_view name() const override { return "ignores-rounding"; }
  std::string description() const override { return "a faulty double"; }
  RunReport run(const Launch& launch, const RunOptions& options) override {
    pto::Module module = *launch.module;
    for (pto::Operation* operation : pto::preorder(module.functions[0]))
      std::erase_if(operation->attributes, [](const auto& attribute) { return attribute.first == "rmode"; });
    Launch changed = launch;
    changed.module = &module;
    changed.function = &module.functions[0];
    return inner_->run(changed, options);
  }

 private:
  std::unique_ptr<Backend> inner_;
};

class OpPropertyFails : public ::testing::TestWithParam<std::string> {};

TEST_P(OpPropertyFails, WhenOneElementIsWrong) {
  auto inner = backend_or_null("sim");
  ASSERT_NE(inner, nullptr) << reason_of("sim");
  Damaged damaged(std::move(inner), [](Tensor& result) {
    if (result.size() > 0) result.set_bits(0, result.bits(0) ^ 0x40);
  });
  EXPECT_NE(check_op(GetParam(), damaged, machine(), kSeed, kCases).failure, "");
}

TEST_P(OpPropertyFails, WhenSomethingOutsideIsWritten) {
  auto inner = backend_or_null("sim");
  ASSERT_NE(inner, nullptr) << reason_of("sim");
  Damaged damaged(std::move(inner), [](Tensor& result) {
    if (result.size() > 0) result.set_bits(result.size() - 1, result.bits(result.size() - 1) ^ 1);
  });
  EXPECT_NE(check_op(GetParam(), damaged, machine(), kSeed, kCases).failure, "");
}

TEST_P(OpPropertyFails, WhenTheResultIsNeverWritten) {
  class Idle : public Backend {
    std::string_view name() const override { return "idle"; }
    std::string description() const override { return "a faulty double"; }
    RunReport run(const Launch&, const RunOptions&) override { return {}; }
  } idle;
  EXPECT_NE(check_op(GetParam(), idle, machine(), kSeed, kCases).failure, "");
}

INSTANTIATE_TEST_SUITE_P(Every, OpPropertyFails, ::testing::ValuesIn(property_ops()),
                         [](const auto& param) { return param.param; });

TEST(OpPropertyFailsToo, WhenTheRoundingModeIsIgnored) {
  auto inner = backend_or_null("sim");
  ASSERT_NE(inner, nullptr) << reason_of("sim");
  IgnoresRounding faulty(std::move(inner));
  EXPECT_NE(check_op("tcvt", faulty, machine(), kSeed, 60).failure, "");
}

TEST(OpCases, CoverTheWholeTableAndTheEdgesOfShapes) {
  const auto ops = property_ops();
  const auto defined = goldens::tile_op_names();
  EXPECT_EQ(ops.size(), defined.size());
  for (const std::string& op : ops) EXPECT_TRUE(std::find(defined.begin(), defined.end(), op) != defined.end()) << op;
  int empty = 0, full = 0, single = 0, tail = 0;
  const Profile profile = machine();
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const OpCase c = draw_op_case("tadd", seed, {}, profile);
    const goldens::TileShape& shape = c.out.shape;
    const std::int64_t block = 256 / info(shape.dtype).bits;
    empty += shape.valid_rows == 0 || shape.valid_cols == 0;
    full += shape.valid_rows == shape.rows && shape.valid_cols == shape.cols;
    single += shape.valid_cols == 1;
    tail += shape.valid_cols % block == 1 || shape.valid_cols % block == block - 1;
  }
  EXPECT_GT(empty, 3);
  EXPECT_GT(full, 3);
  EXPECT_GT(single, 10);
  EXPECT_GT(tail, 20);
}

}  // namespace
}  // namespace assay::device
