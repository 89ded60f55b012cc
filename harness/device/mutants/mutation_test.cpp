// Changing a body makes its property fail: the simulator with faults of mutants.txt in its bodies, one alive at a time.
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/device/mutants/selected.h"
#include "harness/device/op_property.h"

namespace assay::device {
namespace {

struct Mutant {
  int number;
  std::string_view property, file, text;
};

constexpr Mutant kMutants[] = {
#define MUTANT(number, property, file, text) {number, property, file, text},
#include "mutants.inc"
#undef MUTANT
};

constexpr std::uint64_t kSeed = 20261121;
constexpr std::int64_t kCases = 40;

Profile machine_for(std::string_view property) {
  Profile profile = load_profile("a2a3").value();
  if (absent(property, profile)) profile = load_profile("a5").value();
  if (absent(property, profile)) profile.absent_ops.clear();
  return profile;
}

OpReport report_with(int mutant, std::string_view property) {
  const auto backend = create_backend("sim");
  selected_mutant = mutant;
  OpReport report = check_op(property, **backend, machine_for(property), kSeed, kCases);
  selected_mutant = 0;
  return report;
}

class Mutation : public ::testing::TestWithParam<Mutant> {};

TEST_P(Mutation, IsFoundByTheProperty) {
  EXPECT_NE(report_with(GetParam().number, GetParam().property).failure, "")
      << "line " << GetParam().number << " of mutants.txt survives: " << GetParam().text;
}

TEST_P(Mutation, IsTheOnlyFault) { EXPECT_EQ(report_with(0, GetParam().property).failure, ""); }

std::string test_name(const ::testing::TestParamInfo<Mutant>& param) {
  std::string name = fmt::format("{}_line{}", param.param.property, param.param.number);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == '/'; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Bodies, Mutation, ::testing::ValuesIn(kMutants), test_name);

}  // namespace
}  // namespace assay::device
