// Every tile operation on every backend, against the exact definition; and proof that the property can fail.
#include "harness/device/op_property.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

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

// The machine a property is checked on: a2a3, a5 where the operation exists there alone; an a2a3 that has it where it
// exists nowhere but in the public simulator.
Profile machine_for(const std::string& property) {
  Profile profile = machine();
  if (!absent(property, profile)) return profile;
  if (auto other = load_profile("a5"); other && !absent(property, *other)) return *other;
  profile.absent_ops.clear();
  return profile;
}

class OpProperty : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {};

std::int64_t cases_of(const std::string& property) {
  // Conversions: dtype pairs times rounding modes are many more kinds of cases than other operations have.
  if (property == "tcvt") return 15 * kCases;
  return kCases;
}

TEST_P(OpProperty, AgreesWithItsDefinition) {
  const auto& [backend_name, property] = GetParam();
  const auto backend = backend_or_null(backend_name);
  if (!backend) GTEST_SKIP() << reason_of(backend_name);
  const std::int64_t cases = cases_of(property);
  const OpReport report = check_op(property, *backend, machine_for(property), kSeed, cases);
  EXPECT_EQ(report.failure, "") << "seed " << kSeed;
  EXPECT_EQ(report.cases, cases);
  EXPECT_GT(report.compared, 100);
  EXPECT_GT(report.compared, 2 * report.open) << "a property that leaves much open says little";
  RecordProperty("compared", std::to_string(report.compared));
  RecordProperty("open", std::to_string(report.open));
}

std::string identifier(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '.' || c == '/'; }, '_');
  return text;
}

std::string test_name(const ::testing::TestParamInfo<OpProperty::ParamType>& param) {
  return std::get<0>(param.param) + "_" + identifier(std::get<1>(param.param));
}

INSTANTIATE_TEST_SUITE_P(Simulator, OpProperty,
                         ::testing::Combine(::testing::Values("sim"), ::testing::ValuesIn(property_ops("sim"))),
                         test_name);
INSTANTIATE_TEST_SUITE_P(Device, OpProperty,
                         ::testing::Combine(::testing::Values("opencl"), ::testing::ValuesIn(property_ops("opencl"))),
                         test_name);

std::vector<std::string> absent_on_a2a3() {
  std::vector<std::string> names = property_ops();
  std::erase_if(names, [](const std::string& name) { return !absent(name, machine()); });
  return names;
}

class AbsentOp : public ::testing::TestWithParam<std::string> {};

TEST_P(AbsentOp, IsRefusedByTheMachineThatLacksIt) {
  const auto backend = backend_or_null("sim");
  ASSERT_NE(backend, nullptr) << reason_of("sim");
  const OpCase c = draw_op_case(GetParam(), kSeed, {}, machine());
  const RunReport report = report_of(c, *backend, machine());
  EXPECT_TRUE(report.status == RunStatus::fault || report.status == RunStatus::unsupported) << name(report.status);
  std::string said = report.reason;
  for (const Diagnostic& diagnostic : report.diagnostics) said += " " + diagnostic.message;
  EXPECT_NE(said.find(op_of(GetParam())), std::string::npos) << said;
}

INSTANTIATE_TEST_SUITE_P(OnA2a3, AbsentOp, ::testing::ValuesIn(absent_on_a2a3()),
                         [](const auto& param) { return identifier(param.param); });

std::vector<std::string> not_claimed_by_opencl() {
  const auto claimed = property_ops("opencl");
  std::vector<std::string> names = property_ops();
  std::erase_if(names, [&](const std::string& name) {
    return std::find(claimed.begin(), claimed.end(), name) != claimed.end() || name.find('/') != std::string::npos;
  });
  return names;
}

class UnclaimedOp : public ::testing::TestWithParam<std::string> {};

TEST_P(UnclaimedOp, IsUnsupportedAndNamed) {
  const auto backend = backend_or_null("opencl");
  if (!backend) GTEST_SKIP() << reason_of("opencl");
  // A kernel whose operands are not empty reaches the operation.
  const Profile profile = machine_for(GetParam());
  const RunReport report = report_of(draw_op_case(GetParam(), kSeed + 1, {}, profile), *backend, profile);
  EXPECT_EQ(report.status, RunStatus::unsupported) << name(report.status) << " " << report.reason;
  // Cube operations may be refused where their operands' spaces are, before they are reached.
  const bool space = report.reason.find("space") != std::string::npos || report.reason.find("mat") != std::string::npos;
  EXPECT_TRUE(space || report.reason.find(op_of(GetParam())) != std::string::npos) << report.reason;
}

INSTANTIATE_TEST_SUITE_P(OnOpenCl, UnclaimedOp, ::testing::ValuesIn(not_claimed_by_opencl()),
                         [](const auto& param) { return identifier(param.param); });

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
    for (std::int64_t i = 0; i < std::min<std::int64_t>(result.size(), 4); ++i)
      result.set_bits(i, result.bits(i) ^ 0x43);
  });
  EXPECT_NE(check_op(GetParam(), damaged, machine_for(GetParam()), kSeed, kCases).failure, "");
}

TEST_P(OpPropertyFails, WhenSomethingOutsideIsWritten) {
  auto inner = backend_or_null("sim");
  ASSERT_NE(inner, nullptr) << reason_of("sim");
  Damaged damaged(std::move(inner), [](Tensor& result) {
    if (result.size() > 0) result.set_bits(result.size() - 1, result.bits(result.size() - 1) ^ 1);
  });
  EXPECT_NE(check_op(GetParam(), damaged, machine_for(GetParam()), kSeed, kCases).failure, "");
}

TEST_P(OpPropertyFails, WhenTheResultIsNeverWritten) {
  class Idle : public Backend {
    std::string_view name() const override { return "idle"; }
    std::string description() const override { return "a faulty double"; }
    RunReport run(const Launch&, const RunOptions&) override { return {}; }
  } idle;
  EXPECT_NE(check_op(GetParam(), idle, machine_for(GetParam()), kSeed, kCases).failure, "");
}

INSTANTIATE_TEST_SUITE_P(Every, OpPropertyFails, ::testing::ValuesIn(property_ops()),
                         [](const auto& param) { return identifier(param.param); });

TEST(OpPropertyFailsToo, WhenTheRoundingModeIsIgnored) {
  auto inner = backend_or_null("sim");
  ASSERT_NE(inner, nullptr) << reason_of("sim");
  IgnoresRounding faulty(std::move(inner));
  EXPECT_NE(check_op("tcvt", faulty, machine(), kSeed, 60).failure, "");
}

TEST(OpCases, CoverTheWholeTableAndTheEdgesOfShapes) {
  const auto properties = property_ops();
  const auto defined = goldens::tile_op_names();
  std::set<std::string_view> ops;
  for (const std::string& property : properties) ops.insert(op_of(property));
  EXPECT_EQ(std::vector(ops.begin(), ops.end()), defined);
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
