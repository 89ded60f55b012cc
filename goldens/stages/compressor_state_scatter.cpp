// compressor_state_scatter and compressor_state_scatter_next, steps 2 and 7 of the ratio-128 compressor (dsv4-chain 5):
// token s of a call at start_pos goes to slot (start_pos + s) mod R of the ring,
//   kv_state[slot] = kv,  score_state[slot] = fl(score + ape[slot]).
// The first stage writes the tokens before the boundary of the ring, which the pool then sees; the second one, after
// the pool, those past it. Every other slot keeps its bits.
//
// The published kernel orders the second after the pool by adding kv_final - kv_final to what it writes: a NaN or an
// infinity there poisons the next ring (seed bug B20). Here the next ring depends on the next tokens alone.
#include "goldens/stages/compressor_inputs.h"
#include "goldens/stages/compressor_output.h"
#include "goldens/stages/compressor_steps.h"
#include "goldens/stages/registry.h"

namespace assay::goldens {
namespace {

Result<GoldenMap> evaluate_scatter(std::string_view stage, const StageRequest& request, bool next) {
  const Tensor &kv = input(request, "kv"), &state = input(request, "kv_state");
  const auto ring = ring_span(stage, request, state.shape()[1], kv.shape()[1], kv.shape()[2]);
  if (!ring) return tl::unexpected(ring.error());
  GoldenMap outputs;
  outputs["kv_state"] = determined(state);
  outputs["score_state"] = determined(input(request, "score_state"));
  const auto channels = static_cast<std::size_t>(kv.shape()[2]);
  const auto ape = input(request, "ape").as<float>();
  const auto score = input(request, "score").as<float>(), copied = kv.as<float>();
  const Numbers positioned = evaluate_numbers(request.profile, [&]<class Arithmetic>(const Arithmetic& math) {
    const auto numbers = inputs_of(math, score);
    return add_positions(math, *ring, std::span<const typename Arithmetic::Number>(numbers), ape, channels);
  });
  const Numbers values{{copied.begin(), copied.end()}, {}};
  scatter_tokens(outputs, values, positioned, *ring, next ? ring->before() : 0, next ? ring->tokens : ring->before());
  return outputs;
}

Result<GoldenMap> evaluate_now(const StageRequest& request) {
  return evaluate_scatter("compressor_state_scatter", request, false);
}
Result<GoldenMap> evaluate_next(const StageRequest& request) {
  return evaluate_scatter("compressor_state_scatter_next", request, true);
}

Stage scatter_stage(std::string_view name, Result<GoldenMap> (*evaluate)(const StageRequest&)) {
  return {.name = name,
          .clause = "dsv4-chain 5",
          .inputs = {{"kv", {DType::f32}, {"B", "S", "N"}},
                     {"score", {DType::f32}, {"B", "S", "N"}},
                     {"ape", {DType::f32}, {"R", "N"}},
                     {"kv_state", {DType::f32}, {"B", "R", "N"}},
                     {"score_state", {DType::f32}, {"B", "R", "N"}}},
          .outputs = {{"kv_state", {DType::f32}, {"B", "R", "N"}}, {"score_state", {DType::f32}, {"B", "R", "N"}}},
          .parameters = {{"start_pos"}},
          .options = {},
          .evaluate = evaluate,
          .relations = {RowsRelation{"B"}, RowsRelation{"N"},
                        PowerOfTwoRelation{{{"kv", 1}, {"kv_state", 1}}, {{"kv_state", 1}}},
                        PowerOfTwoRelation{{{"score", 1}, {"ape", 1}, {"score_state", 1}}, {{"score_state", 1}}}}};
}

}  // namespace

Stage compressor_state_scatter() { return scatter_stage("compressor_state_scatter", evaluate_now); }
Stage compressor_state_scatter_next() { return scatter_stage("compressor_state_scatter_next", evaluate_next); }

}  // namespace assay::goldens
