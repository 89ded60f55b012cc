// compressor_softmax_pool, step 3 of the ratio-128 compressor (dsv4-chain 5): per batch entry and channel
//   pooled = sum over slots of softmax_slot(score_state) * kv_state, float32.
// Strictly as the profile's kernel does it (compressor_pool.h): online from the last slot on (mid), or maximum, exp and
// sum with p = e * (1 / sum) (head). The enclosure holds both forms. A NaN score or value makes the channel NaN; an
// infinite one leaves it open, as the forms then differ.
// Whether a call pools at all is start_pos's matter: a chain says pools=0 where it does not, and nothing is asked then.
#include <cmath>

#include "goldens/stages/compressor_output.h"
#include "goldens/stages/compressor_steps.h"
#include "goldens/stages/registry.h"

namespace assay::goldens {
namespace {

Result<GoldenMap> evaluate_compressor_softmax_pool(const StageRequest& request) {
  const auto form = compressor_form(request);
  if (!form) return tl::unexpected(form.error());
  const Tensor& state = input(request, "kv_state");
  const auto extent = [&](std::size_t axis) { return static_cast<std::size_t>(state.shape()[axis]); };
  if (extent(1) == 0 || extent(2) == 0)
    return bad_input("stage compressor_softmax_pool: kv_state has shape {}, expected slots and channels",
                     to_string(state.shape()));
  const auto values = state.as<float>(), scores = input(request, "score_state").as<float>();
  GoldenOutput pooled = output_of(enclosed_numbers(request.profile,
                                                   [&](const auto& math) {
                                                     return pool_states(
                                                         math, *form, extent(0), extent(1), extent(2),
                                                         [&](std::size_t i) { return math.input(scores[i]); },
                                                         [&](std::size_t i) { return math.input(values[i]); });
                                                   }),
                                  {state.shape()[0], state.shape()[2]}, OutputType{});
  // Of a single slot the online form never looks at the score, so a NaN there is told by one form alone.
  for (std::int64_t i = 0; i < pooled.value.size() && extent(1) == 1; ++i)
    if (std::isnan(scores[static_cast<std::size_t>(i)])) {
      pooled.open.resize(static_cast<std::size_t>(pooled.value.size()));
      pooled.open[static_cast<std::size_t>(i)] = 1;
    }
  if (parameter(request, "pools") == 0) pooled.open.assign(extent(0) * extent(2), 1);
  GoldenMap outputs;
  outputs["pooled"] = std::move(pooled);
  return outputs;
}

}  // namespace

Stage compressor_softmax_pool() {
  return {.name = "compressor_softmax_pool",
          .clause = "dsv4-chain 5",
          .inputs = {{"kv_state", {DType::f32}, {"B", "R", "N"}}, {"score_state", {DType::f32}, {"B", "R", "N"}}},
          .outputs = {{"pooled", {DType::f32}, {"B", "N"}}},
          .parameters = {{"pools", 1}},
          .options = {"profile"},
          .evaluate = evaluate_compressor_softmax_pool,
          .relations = {RowsRelation{"B"}, RowsRelation{"N"}, PowerOfTwoRelation{{{"kv_state", 1}}, {{"pooled", 1}}}}};
}

}  // namespace assay::goldens
