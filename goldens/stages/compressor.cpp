// compressor: a whole call of the ratio-128 compressor (dsv4-chain 5), its steps chained. The steps' own files define
// them.
//   1 kv, score of every token (compressor_kv_score)
//   2 the tokens before the boundary of the ring go to their slots (compressor_state_scatter)
//   where the call ends a ring, (start_pos mod R) + S >= R:
//   3 the pool of the ring (compressor_softmax_pool)
//   4-6 the compressed row (compressor_norm_rope_write) into kv[:, 0, :] and kv_cache[:, start_pos / R, :]
//   7 the tokens past the boundary go to their slots, and never enter this pool (compressor_state_scatter_next)
// What a call does not write keeps its bits; kv's untouched tokens are open where kv is not given.
//
// profile=head is HEAD's arithmetic over the dense rings of this clause; its paging (block tables, slot mappings,
// unmapped pages) moves rows and is not part of this stage.
#include "goldens/stages/compressor_inputs.h"
#include "goldens/stages/registry.h"

namespace assay::goldens {
namespace {

constexpr std::string_view kName = "compressor";

struct Call {
  CompressorForm form;
  Projection projection;
  RowInputs row;
  RingSpan ring;
  std::size_t batch;
  std::span<const float> ape, kv_state, score_state;  // [R, N] [B, R, N] [B, R, N]

  std::size_t channels() const { return projection.channels; }
};

Result<Call> read_call(const StageRequest& request) {
  const auto form = compressor_form(request);
  if (!form) return tl::unexpected(form.error());
  auto projection = read_projection(kName, request, *form);
  if (!projection) return tl::unexpected(projection.error());
  auto row = read_row_inputs(kName, request, *form);
  if (!row) return tl::unexpected(row.error());
  const Tensor &x = input(request, "x"), &ape = input(request, "ape");
  if (ape.shape()[1] != static_cast<std::int64_t>(projection->channels))
    return bad_input("stage {}: wkv gives {} channels, expected {}", kName, projection->channels, ape.shape()[1]);
  const auto ring = ring_span(kName, request, ape.shape()[0], x.shape()[1], ape.shape()[1]);
  if (!ring) return tl::unexpected(ring.error());
  return Call{.form = *form,
              .projection = std::move(*projection),
              .row = std::move(*row),
              .ring = *ring,
              .batch = static_cast<std::size_t>(x.shape()[0]),
              .ape = ape.as<float>(),
              .kv_state = input(request, "kv_state").as<float>(),
              .score_state = input(request, "score_state").as<float>()};
}

template <class Number>
struct CallResult {
  std::vector<Number> kv, score, rows;  // [B, S, N] [B, S, N], with its position; [B, N] where the call pools
};

template <class Arithmetic>
auto run_call(const Arithmetic& math, const Call& call) {
  using Number = typename Arithmetic::Number;
  const std::size_t channels = call.channels(), slots = call.ring.ratio, tokens = call.ring.tokens;
  CallResult<Number> result;
  result.kv = project_tokens(math, call.projection.x, call.projection.kv());
  const auto score = project_tokens(math, call.projection.x, call.projection.score());
  result.score = add_positions(math, call.ring, std::span<const Number>(score), call.ape, channels);
  if (!call.ring.pools()) return result;
  // The ring as the pool sees it: the call's tokens before the boundary stand in the last slots.
  const auto seen = [&](std::span<const float> state, const std::vector<Number>& written) {
    return [&math, state, &written, slots, channels, tokens, first = call.ring.first_slot](std::size_t i) {
      const std::size_t b = i / (slots * channels), slot = i / channels % slots;
      if (slot < first) return math.input(state[i]);
      return written[(b * tokens + slot - first) * channels + i % channels];
    };
  };
  const auto pooled = pool_states(math, call.form, call.batch, slots, channels, seen(call.score_state, result.score),
                                  seen(call.kv_state, result.kv));
  result.rows = kv_rows(math, call.form, call.row.weights(), std::span<const Number>(pooled));
  return result;
}

Result<GoldenMap> evaluate_compressor(const StageRequest& request) {
  const auto call = read_call(request);
  if (!call) return tl::unexpected(call.error());
  auto strict = run_call(strict_arithmetic(request.profile), *call);
  auto hulls = run_call(hull_arithmetic(request.profile), *call);
  const Numbers kv{std::move(strict.kv), std::move(hulls.kv)}, score{std::move(strict.score), std::move(hulls.score)},
      rows{std::move(strict.rows), std::move(hulls.rows)};
  const Shape& x = input(request, "x").shape();
  GoldenMap outputs = untouched_rows(request, {x[0], x[1], static_cast<std::int64_t>(call->channels())});
  outputs["kv_state"] = determined(input(request, "kv_state"));
  outputs["score_state"] = determined(input(request, "score_state"));
  scatter_tokens(outputs, kv, score, call->ring, 0, call->ring.tokens);
  if (call->ring.pools())
    if (auto written = write_rows(kName, outputs, rows, call->ring); !written) return tl::unexpected(written.error());
  return outputs;
}

}  // namespace

Stage compressor() {
  return {.name = kName,
          .clause = "dsv4-chain 5",
          .inputs = {{"x", {DType::bf16}, {"B", "S", "D"}},
                     {"wkv", {DType::bf16}, {"Wi", "Wo"}},
                     {"wgate", {DType::bf16}, {"Wi", "Wo"}},
                     {"ape", {DType::f32}, {"R", "N"}},
                     {"norm_w", {DType::f32, DType::bf16}, {"N"}},
                     {"cos", {DType::f32}, {"1", "P"}},
                     {"sin", {DType::f32}, {"1", "P"}},
                     {"hadamard", {DType::bf16}, {"N", "N"}},
                     {"kv_state", {DType::f32}, {"B", "R", "N"}},
                     {"score_state", {DType::f32}, {"B", "R", "N"}},
                     {"kv", {DType::f32}, {"B", "S", "N"}, true},
                     {"kv_cache", {DType::bf16}, {"B", "M", "N"}}},
          .outputs = {{"kv", {DType::f32}, {"B", "S", "N"}},
                      {"kv_state", {DType::f32}, {"B", "R", "N"}},
                      {"score_state", {DType::f32}, {"B", "R", "N"}},
                      {"kv_cache", {DType::bf16}, {"B", "M", "N"}}},
          .parameters = {{"start_pos"}, {"rotate", 0}},
          .options = {"profile"},
          .evaluate = evaluate_compressor,
          .relations = {RowsRelation{"B"},
                        PowerOfTwoRelation{{{"norm_w", 1}, {"kv", 1}, {"kv_cache", 1}}, {{"kv", 1}, {"kv_cache", 1}}}}};
}

}  // namespace assay::goldens
