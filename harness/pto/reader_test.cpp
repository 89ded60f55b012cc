#include "harness/pto/reader.h"

#include <gtest/gtest.h>

#include "harness/pto/sample_module.h"

namespace assay::pto {
namespace {

TEST(Reader, SampleOfTheSpecification) {
  const auto module = parse(testing::kScaleRows, "scale_rows.pto");
  ASSERT_TRUE(module) << to_string(module.error());
  ASSERT_EQ(module->functions.size(), 1U);
  const Function& function = module->functions[0];
  EXPECT_EQ(function.name, "scale_rows");
  ASSERT_EQ(function.arguments.size(), 4U);
  EXPECT_EQ(to_string(function.type(function.arguments[2])), "!pto.ptr<bf16>");
  EXPECT_EQ(word(function.attributes, "pto.kernel_kind"), "vector");
  EXPECT_EQ(word(module->attributes, "pto.target_arch"), "a2a3");
  ASSERT_EQ(function.body.body.size(), 13U);
  const Operation& loop = function.body.body[11];
  ASSERT_EQ(loop.code, OpCode::for_op);
  ASSERT_EQ(loop.regions.size(), 1U);
  ASSERT_EQ(loop.regions[0].body.size(), 15U);
  EXPECT_EQ(loop.regions[0].body.back().code, OpCode::yield);
  const Operation& conversion = loop.regions[0].body[12];
  EXPECT_EQ(conversion.code, OpCode::tcvt);
  EXPECT_EQ(word(conversion.attributes, "rmode"), "RINT");
  EXPECT_EQ(conversion.location, (Location{29, 7}));
  EXPECT_EQ(conversion.id, 24U);
  const TileType& tile = function.tile(conversion.segment(1)[0]);
  EXPECT_EQ(tile.element, DType::bf16);
  EXPECT_EQ(tile.valid_rows, kDynamic);
  EXPECT_EQ(tile.valid_cols, 256);
  EXPECT_FALSE(has_synchronisation(function));
}

}  // namespace
}  // namespace assay::pto
