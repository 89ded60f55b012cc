// compressor_kv_score, step 1 of the ratio-128 compressor (dsv4-chain 5): kv = x * wkv, score = x * wgate for every
// token, bf16 times bf16 accumulated in float32. The weights are [D, N] (profile=mid) or [N, D] (profile=head).
// Seed bug B10: the published launch has B S / 64 tasks with integer division, so tokens beyond a multiple of 64 are
// never written; here every token is.
#include "goldens/stages/compressor_inputs.h"
#include "goldens/stages/compressor_output.h"
#include "goldens/stages/compressor_steps.h"
#include "goldens/stages/registry.h"

namespace assay::goldens {
namespace {

Result<GoldenMap> evaluate_compressor_kv_score(const StageRequest& request) {
  const auto form = compressor_form(request);
  if (!form) return tl::unexpected(form.error());
  const auto projection = read_projection("compressor_kv_score", request, *form);
  if (!projection) return tl::unexpected(projection.error());
  const Shape& x = input(request, "x").shape();
  const Shape shape{x[0], x[1], static_cast<std::int64_t>(projection->channels)};
  GoldenMap outputs;
  for (const auto& [name, weights] : {std::pair{"kv", projection->kv()}, std::pair{"score", projection->score()}})
    outputs[name] =
        output_of(enclosed_numbers(request.profile,
                                   [&](const auto& math) { return project_tokens(math, projection->x, weights); }),
                  shape, OutputType{});
  return outputs;
}

}  // namespace

Stage compressor_kv_score() {
  return {
      .name = "compressor_kv_score",
      .clause = "dsv4-chain 5",
      .inputs = {{"x", {DType::bf16}, {"B", "S", "D"}},
                 {"wkv", {DType::bf16}, {"Wi", "Wo"}},
                 {"wgate", {DType::bf16}, {"Wi", "Wo"}}},
      .outputs = {{"kv", {DType::f32}, {"B", "S", "N"}}, {"score", {DType::f32}, {"B", "S", "N"}}},
      .parameters = {},
      .options = {"profile"},
      .evaluate = evaluate_compressor_kv_score,
      .relations = {RowsRelation{"B"}, RowsRelation{"S"}, PowerOfTwoRelation{{{"x", 1}}, {{"kv", 1}, {"score", 1}}},
                    PowerOfTwoRelation{{{"wkv", 1}}, {{"kv", 1}}}, PowerOfTwoRelation{{{"wgate", 1}}, {{"score", 1}}}}};
}

}  // namespace assay::goldens
