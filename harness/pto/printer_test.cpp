#include "harness/pto/printer.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "harness/pto/generate_module.h"
#include "harness/pto/reader.h"
#include "harness/pto/sample_module.h"
#include "harness/pto/verifier.h"

namespace assay::pto {
namespace {

TEST(Printer, SampleIsAFixedPoint) {
  const auto module = parse(testing::kScaleRows, "scale_rows.pto");
  ASSERT_TRUE(module);
  const std::string text = print(*module);
  const auto again = parse(text, "printed.pto");
  ASSERT_TRUE(again) << to_string(again.error());
  EXPECT_TRUE(equal(*module, *again));
  EXPECT_EQ(print(*again), text);
  EXPECT_NE(text.find("%xt = pto.alloc_tile addr = %a0 valid_row = %n : !pto.tile_buf<vec, 16x256xf32, valid=?x256>"),
            std::string::npos)
      << text;
}

TEST(Printer, RandomModulesAreAFixedPoint) {
  EXPECT_TRUE(rc::check("parse(print(m)) equals m", [](std::uint64_t seed) {
    GenerateOptions options;
    options.operations = *rc::gen::inRange(1, 60);
    const Module module = generate_module(seed, options);
    const auto problems = violations(module);
    if (!problems.empty()) RC_FAIL(to_string(problems[0]) + "\n" + print(module));
    const std::string text = print(module);
    const auto again = parse(text, "printed.pto");
    if (!again) RC_FAIL(to_string(again.error()) + "\n" + text);
    RC_ASSERT(equal(module, *again));
    RC_ASSERT(print(*again) == text);
    const auto verified = verify(*again);
    if (!verified) RC_FAIL(to_string(verified.error()));
  }));
}

// The property above would prove little if the generator left operations out.
TEST(Printer, GeneratedModulesHoldEveryOperation) {
  std::set<OpCode> seen{OpCode::func};
  for (std::uint64_t seed = 0; seed < 300; ++seed)
    for (const Function& function : generate_module(seed).functions)
      for (const Operation* operation : preorder(function)) seen.insert(operation->code);
  for (const OpInfo& row : all_ops()) EXPECT_TRUE(seen.contains(row.code)) << row.mnemonic;
}

TEST(Printer, EqualSeesEveryDifference) {
  const auto module = parse(testing::kScaleRows, "a");
  ASSERT_TRUE(module);
  const auto differs = [&](std::string_view from, std::string_view to) {
    std::string text(testing::kScaleRows);
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    const auto other = parse(text, "b");
    EXPECT_TRUE(other) << to_string(other.error());
    return other && !equal(*module, *other);
  };
  EXPECT_TRUE(differs("RINT", "ROUND"));
  EXPECT_TRUE(differs("constant 16384", "constant 16385"));
  EXPECT_TRUE(differs("@scale_rows", "@scale_row"));
  EXPECT_TRUE(differs("offsets = [%r, %c0]", "offsets = [%c0, %r]"));
  EXPECT_TRUE(differs("arith.subi", "arith.addi"));
  EXPECT_TRUE(differs("addr = %a0 valid_row = %n", "addr = %a0"));
  EXPECT_TRUE(differs("\"a2a3\"", "\"a5\""));
  EXPECT_FALSE(differs("    return", "  // a comment\n    return"));
}

TEST(Printer, OneOperation) {
  const auto module = parse(testing::kScaleRows, "a");
  ASSERT_TRUE(module);
  const Function& function = module->functions[0];
  EXPECT_EQ(print(function, function.body.body[11]), "scf.for %r = %c0 to %rows step %c16");
  EXPECT_EQ(print(function, function.body.body[11].regions[0].body[0]), "%left = arith.subi %rows, %r : index");
}

}  // namespace
}  // namespace assay::pto
