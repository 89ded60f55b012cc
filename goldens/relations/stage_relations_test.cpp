// The stages' goldens keep the relations that they declare.
#include <gtest/gtest.h>

#include "goldens/relations/relation_test_support.h"
#include "goldens/stages/expert_test_support.h"

namespace assay::goldens {
namespace {

Tensor random_i32(Shape shape, FloatSamples& samples) {
  Tensor result(DType::i32, std::move(shape));
  for (std::int32_t& value : result.as<std::int32_t>()) value = static_cast<std::int32_t>(samples.moderate() * 1000);
  return result;
}

// One call of each stage that has no test file of its own for them.
std::vector<StageCall> calls(FloatSamples& samples) {
  const auto f32 = [&](Shape shape) { return random_tensor(DType::f32, std::move(shape), samples); };
  const auto bf16 = [&](Shape shape) { return random_tensor(DType::bf16, std::move(shape), samples); };
  return {{"cast_bf16", {{"x", f32({5, 7})}}},
          {"dequant_rows",
           {{"acc", random_i32({5, 6}, samples)}, {"row_scale", f32({5, 1})}, {"channel_scale", f32({1, 6})}}},
          {"ffn_add", {{"routed_y", f32({4, 9})}, {"sh", bf16({4, 9})}}},
          {"local_expert",
           {{"recv_x", bf16({3, 4, 5})}, {"recv_w", f32({3, 4})}, {"recv_count", i32_tensor({3}, {4, 0, 2})}}},
          {"quant_rows", {{"x", f32({6, 8})}}, {}, {{"rounding", "rint"}}},
          {"quant_rows", {{"x", bf16({6, 8})}}, {}, {{"rounding", "round"}}},
          {"row_expand_mul_fillpad", {{"gated", f32({6, 5})}, {"scale", f32({6, 1})}}, {{"valid_rows", 4}}}};
}

TEST(StageRelations, HoldForTheGoldens) {
  for (const Profile& profile : {Profile{}, contracting(), flushing()})
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      FloatSamples samples(seed);
      for (StageCall& call : calls(samples)) {
        call.profile = profile;
        EXPECT_TRUE(relations_hold(call, {}, seed)) << call.stage;
      }
    }
}

TEST(StageRelations, EveryDeclaredRelationFitsItsStage) {
  for (const Stage& stage : stages())
    for (const Relation& relation : stage.relations) {
      const auto checked = check_relation(relation, relation_subject(stage, {}, {}));
      EXPECT_TRUE(checked) << stage.name << ": " << checked.error().message;
    }
}

}  // namespace
}  // namespace assay::goldens
