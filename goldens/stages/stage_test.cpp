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
  expect_refused(call, "1 = 1");
}

// The outputs of every stage carry the dtype, shape and sizes that its ports promise.
TEST(Stages, OutputsMatchTheirPorts) {
  for (const Stage& stage : stages()) {
    const auto extent = [](std::string_view symbol) { return symbol == "1" ? 1 : symbol == "HC" ? 2 : 3; };
    const auto shape_of = [&](const Port& port) {
      Shape shape;
      for (const std::string_view symbol : port.shape) shape.push_back(extent(symbol));
      return shape;
    };
    StageCall call{.stage = std::string(stage.name), .inputs = {}};
    for (const Port& port : stage.inputs)
      call.inputs[std::string(port.name)] = Tensor(port.dtypes.front(), shape_of(port));
    for (const StageParameter& parameter : stage.parameters) call.parameters[std::string(parameter.name)] = 2;
    const GoldenMap outputs = call.run().value();
    EXPECT_EQ(outputs.size(), stage.outputs.size());
    for (const Port& port : stage.outputs) {
      const GoldenOutput& output = outputs.at(std::string(port.name));
      for (const Tensor* tensor : {&output.value, &output.lo, &output.hi}) {
        EXPECT_EQ(tensor->dtype(), port.dtypes.front()) << stage.name;
        EXPECT_EQ(tensor->shape(), shape_of(port)) << stage.name;
      }
      EXPECT_EQ(static_cast<std::int64_t>(output.open.size()), output.value.size());
    }
  }
}

}  // namespace
}  // namespace assay::goldens
