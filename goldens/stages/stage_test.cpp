#include "goldens/stages/stage.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "goldens/stages/stage_test_support.h"

namespace assay::goldens {
namespace {

StageCall ffn_add_call() {
  return {.stage = "ffn_add",
          .inputs = {{"routed_y", Tensor(DType::f32, {2, 3})}, {"sh", Tensor(DType::bf16, {2, 3})}}};
}

void expect_refused(const StageCall& call, std::string_view found) {
  const auto result = call.run();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::bad_input);
  EXPECT_NE(result.error().message.find(found), std::string::npos) << result.error().message;
}

TEST(Stages, AreSortedAndFoundByName) {
  EXPECT_TRUE(std::ranges::is_sorted(stages(), {}, &Stage::name));
  for (const Stage& stage : stages()) {
    EXPECT_EQ(find_stage(stage.name).value(), &stage);
    EXPECT_FALSE(stage.clause.empty());
  }
  const auto unknown = find_stage("ffn_sub");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("hc_post"), std::string::npos);
}

TEST(Stages, AcceptWhatFits) {
  EXPECT_TRUE(ffn_add_call().run());
  StageCall empty = ffn_add_call();
  empty.inputs = {{"routed_y", Tensor(DType::f32, {0, 3})}, {"sh", Tensor(DType::bf16, {0, 3})}};
  EXPECT_EQ(empty.output("ffn_out").value.shape(), (Shape{0, 3}));
}

TEST(Stages, RefuseByName) {
  StageCall missing = ffn_add_call();
  missing.inputs.erase("sh");
  expect_refused(missing, "'sh' is missing");
  StageCall unknown = ffn_add_call();
  unknown.inputs["shh"] = Tensor(DType::bf16, {2, 3});
  expect_refused(unknown, "'shh'");
  StageCall dtype = ffn_add_call();
  dtype.inputs["sh"] = Tensor(DType::f32, {2, 3});
  expect_refused(dtype, "expected bf16");
  StageCall rank = ffn_add_call();
  rank.inputs["sh"] = Tensor(DType::bf16, {6});
  expect_refused(rank, "[T, D]");
  StageCall extent = ffn_add_call();
  extent.inputs["sh"] = Tensor(DType::bf16, {2, 4});
  expect_refused(extent, "D = 3");
  StageCall option = ffn_add_call();
  option.options["rounding"] = "rint";
  expect_refused(option, "'rounding=rint'");
}

TEST(Stages, RefuseAnExtentThatIsNotTheLiteral) {
  const StageCall call{.stage = "row_expand_mul_fillpad",
                       .inputs = {{"gated", Tensor(DType::f32, {2, 3})}, {"scale", Tensor(DType::f32, {2, 3})}},
                       .parameters = {{"valid_rows", 1}}};
  expect_refused(call, "expected 1 along axis 1");
}

// The stages that have no test file with a fixture of their own.
TEST(Stages, OutputsMatchTheirPorts) {
  const Tensor f32(DType::f32, {3, 4}), bf16(DType::bf16, {3, 4});
  const StageCall calls[]{
      {"cast_bf16", {{"x", f32}}},
      {"dequant_rows",
       {{"acc", Tensor(DType::i32, {3, 4})},
        {"row_scale", Tensor(DType::f32, {3, 1})},
        {"channel_scale", Tensor(DType::f32, {1, 4})}}},
      {"ffn_add", {{"routed_y", f32}, {"sh", bf16}}},
      {"quant_rows", {{"x", bf16}}},
      {"row_expand_mul_fillpad", {{"gated", f32}, {"scale", Tensor(DType::f32, {3, 1})}}, {{"valid_rows", 2}}}};
  for (const StageCall& call : calls) EXPECT_EQ(broken_port(call), "") << call.stage;
}

}  // namespace
}  // namespace assay::goldens
