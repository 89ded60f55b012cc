// gate, the router (dsv4-chain 3.2), per token t:
//   inv = 1 / sqrt((sum x_mixed^2) / D + rms_eps);  x_norm = bf16_rint(fl(fl(x_mixed * inv) * norm_w))
//   logit[e] = sum_d x_norm[d] gate_w[e,d], x_norm re-read as bf16;  score = sqrt(softplus(logit))
//   indices = the K greatest of score + gate_bias, descending, equal ones by ascending index
//   weights[k] = score[id_k] / (sum_k score[id_k]) * ROUTE_SCALE
// The weights come from the unbiased scores. The peers' first kernel took them from the sorted biased values, which a
// bias of zero hides: seed bug B18. A layer below the configuration's count of hash layers takes indices from
// tid2eid[input_ids[t]] and uses no bias.
// MID adds (x_norm_i8, x_norm_scale) = Q(x_norm). HEAD defers the norm: xg = x_mixed * norm_w stays float32,
// x_norm_i8 = Q(xg), x_norm_scale = fl(fl(amax * fl(1/127)) * inv), logit = inv * (xg . gate_w), and softplus has a
// floor; tokens from num_tokens on get scale, ids and weights 0.
//
// Open: tokens that are not finite; weights whose scores add up to 0; the codes of HEAD's inactive tokens. The answer
// is set-valued where scores nearly tie: any order and choice that the scores' hulls admit, and the weights that go
// with it.
#include <array>

#include "goldens/stages/chain_options.h"
#include "goldens/stages/gate_choice.h"
#include "goldens/stages/gate_scores.h"
#include "goldens/stages/registry.h"
#include "goldens/stages/several_outputs.h"

namespace assay::goldens {
namespace {

constexpr std::int64_t kNoHashLayer = -1, kOfConfig = 0;

struct GateCall {
  GateInputs in;
  std::size_t top_k = 0, active = 0;  // tokens from `active` on are written as zero
  float route_scale = 1;
  std::vector<std::int32_t> hash_ids;      // [T,K] in a hash layer, else empty
  std::span<const std::int32_t> observed;  // [T,K], or empty
};

// tid2eid[input_ids[t]], [T,K]; both are untrusted. Zeros from `active` on.
Result<std::vector<std::int32_t>> hashed_ids(const StageRequest& request, const GateCall& call) {
  const Tensor *table = optional_input(request, "tid2eid"), *ids = optional_input(request, "input_ids");
  if (table == nullptr || ids == nullptr)
    return bad_input("stage gate: layer_id={} is a hash layer, expected inputs 'tid2eid' and 'input_ids'",
                     parameter(request, "layer_id"));
  const std::int64_t vocabulary = table->shape()[0], width = table->shape()[1];
  if (width != static_cast<std::int64_t>(call.top_k))
    return bad_input("stage gate: input 'tid2eid' has shape {}, expected topk = {} columns", to_string(table->shape()),
                     call.top_k);
  std::vector<std::int32_t> result(call.in.tokens * call.top_k);
  for (std::size_t t = 0; t < call.active; ++t) {
    const std::int64_t token = ids->as<std::int64_t>()[t];
    if (token < 0 || token >= vocabulary)
      return bad_input("stage gate: input_ids[{}] = {}, expected 0 to {}", t, token, vocabulary - 1);
    for (std::size_t k = 0; k < call.top_k; ++k) {
      const std::int32_t id = table->as<std::int32_t>()[static_cast<std::size_t>(token) * call.top_k + k];
      if (id < 0 || static_cast<std::size_t>(id) >= call.in.experts)
        return bad_input("stage gate: tid2eid[{}, {}] = {}, expected 0 to {}", token, k, id, call.in.experts - 1);
      result[t * call.top_k + k] = id;
    }
  }
  return result;
}

Result<std::size_t> top_k_of(const StageRequest& request, const ModelConfig& config, std::size_t experts) {
  const std::int64_t asked = parameter(request, "topk"), k = asked == kOfConfig ? config.top_k : asked;
  if (k < 1 || static_cast<std::size_t>(k) > experts)
    return bad_input("stage gate: topk={} of {} experts, expected 1 to {}", k, experts, experts);
  return static_cast<std::size_t>(k);
}

Result<std::span<const std::int32_t>> observed_ids(const StageRequest& request, const GateCall& call) {
  if (request.observed == nullptr) return std::span<const std::int32_t>();
  const auto found = request.observed->find("indices");
  if (found == request.observed->end()) return std::span<const std::int32_t>();
  const Shape expected{static_cast<std::int64_t>(call.in.tokens), static_cast<std::int64_t>(call.top_k)};
  if (found->second->dtype() != DType::i32 || found->second->shape() != expected)
    return bad_input("stage gate: observed 'indices' is {} {}, expected i32 {}", name(found->second->dtype()),
                     to_string(found->second->shape()), to_string(expected));
  return found->second->as<std::int32_t>();
}

Result<GateInputs> read_inputs(const StageRequest& request, const ModelConfig& config) {
  auto profile = chain_profile_option(request);
  if (!profile) return tl::unexpected(profile.error());
  if (auto checked = check_chain_dtype(*profile, "norm_w", input(request, "norm_w"), profile->norm_weight); !checked)
    return tl::unexpected(checked.error());
  const Shape& shape = input(request, "gate_w").shape();
  GateInputs in{.x_mixed = {},
                .norm_w = {},
                .gate_w = input(request, "gate_w").as<float>(),
                .gate_bias = {},
                .tokens = static_cast<std::size_t>(input(request, "x_mixed").shape()[0]),
                .channels = static_cast<std::size_t>(shape[1]),
                .experts = static_cast<std::size_t>(shape[0]),
                .profile = std::move(*profile),
                .rms_eps = config.rms_eps};
  const auto parts = static_cast<std::size_t>(in.profile.gate_splits);
  if (in.channels == 0 || in.channels % parts != 0)
    return bad_input("stage gate: D = {}, expected a positive multiple of {} in profile {}", in.channels, parts,
                     in.profile.name);
  return in;
}

// All but the values of x_mixed and norm_w.
Result<GateCall> read(const StageRequest& request) {
  const auto config = model_config_option(request);
  if (!config) return tl::unexpected(config.error());
  auto in = read_inputs(request, *config);
  if (!in) return tl::unexpected(in.error());
  GateCall call{.in = std::move(*in), .route_scale = config->route_scale, .hash_ids = {}, .observed = {}};
  const auto top_k = top_k_of(request, *config, call.in.experts);
  if (!top_k) return tl::unexpected(top_k.error());
  const auto active = active_tokens(request, call.in.profile, call.in.tokens);
  if (!active) return tl::unexpected(active.error());
  const auto scale = number_option(request, "route_scale");
  if (!scale) return tl::unexpected(scale.error());
  call.top_k = *top_k;
  call.active = *active;
  call.route_scale = scale->value_or(call.route_scale);
  const std::int64_t layer = parameter(request, "layer_id");
  if (layer < kNoHashLayer) return bad_input("parameter layer_id={}: expected a layer, or -1", layer);
  if (layer != kNoHashLayer && layer < config->hash_layers) {
    auto ids = hashed_ids(request, call);
    if (!ids) return tl::unexpected(ids.error());
    call.hash_ids = std::move(*ids);
  } else if (const Tensor* bias = optional_input(request, "gate_bias")) {
    call.in.gate_bias = bias->as<float>();
  }
  const auto observed = observed_ids(request, call);
  if (!observed) return tl::unexpected(observed.error());
  call.observed = *observed;
  return call;
}

template <class Arithmetic>
std::vector<typename Arithmetic::Number> weights_of(const Arithmetic& math, const GateCall& call,
                                                    std::span<const typename Arithmetic::Number> scores,
                                                    std::span<const std::int32_t> ids) {
  std::vector<typename Arithmetic::Number> result(ids.size(), math.input(0.0F));
  std::vector<typename Arithmetic::Number> chosen(call.top_k, math.input(0.0F));
  for (std::size_t t = 0; t < call.active; ++t) {
    for (std::size_t k = 0; k < call.top_k; ++k)
      chosen[k] = scores[t * call.in.experts + static_cast<std::size_t>(ids[t * call.top_k + k])];
    const auto total = math.total(std::span<const typename Arithmetic::Number>(chosen));
    for (std::size_t k = 0; k < call.top_k; ++k)
      result[t * call.top_k + k] = math.product(math.quotient(chosen[k], total), math.input(call.route_scale));
  }
  return result;
}

struct Evaluated {
  GateNumbers<float> values;
  GateNumbers<Hull> hulls;
  std::vector<std::uint8_t> unspecified;  // [T]: 1 where the token is not finite, or its numbers may not be
};

GoldenOutput codes_output(const Evaluated& evaluated, const Shape& shape) {
  Tensor value(DType::i8, shape), least(DType::i8, shape);
  std::ranges::copy(evaluated.values.codes.least, value.as<std::int8_t>().begin());
  std::ranges::copy(evaluated.hulls.codes.least, least.as<std::int8_t>().begin());
  Tensor greatest = least;
  for (const WiderCode& wider : evaluated.hulls.codes.wider)
    greatest.as<std::int8_t>()[wider.row * evaluated.hulls.codes.columns + wider.column] = wider.greatest;
  return enclosed_codes(std::move(value), std::move(least), std::move(greatest));
}

// x_norm, x_norm_i8 and x_norm_scale, as far as the profile has them.
void add_norm_outputs(const GateCall& call, const Evaluated& evaluated, GoldenMap& outputs) {
  const auto tokens = static_cast<std::int64_t>(call.in.tokens), channels = static_cast<std::int64_t>(call.in.channels);
  const Shape rows{tokens, channels};
  if (!call.in.profile.deferred_norm)
    outputs["x_norm"] = enclosed(evaluated.values.x_norm, evaluated.hulls.x_norm, rows, {DType::bf16});
  if (!call.in.profile.quantised_dispatch) return;
  GoldenOutput codes = codes_output(evaluated, rows);
  GoldenOutput scale = enclosed(evaluated.values.row_scale, evaluated.hulls.row_scale, {tokens, 1}, {});
  std::vector<std::uint8_t> open_codes = evaluated.unspecified, open_scale = evaluated.unspecified;
  for (std::size_t t = call.active; t < call.in.tokens; ++t) {
    open_codes[t] = 1;
    open_scale[t] = 0;
    for (Tensor* tensor : {&scale.value, &scale.lo, &scale.hi}) tensor->set_bits(static_cast<std::int64_t>(t), 0);
  }
  open_rows(codes, open_codes);
  open_rows(scale, open_scale);
  outputs["x_norm_i8"] = std::move(codes);
  outputs["x_norm_scale"] = std::move(scale);
}

// The ids of every token, [T,K], and 1 for every position that is uncertain.
struct Choices {
  Tensor ids;
  std::vector<std::uint8_t> uncertain;
};

Choices choose(const GateCall& call, const Evaluated& evaluated) {
  Choices result{Tensor(DType::i32, {static_cast<std::int64_t>(call.in.tokens), static_cast<std::int64_t>(call.top_k)}),
                 std::vector<std::uint8_t>(call.in.tokens * call.top_k)};
  const auto ids = result.ids.as<std::int32_t>();
  if (!call.hash_ids.empty()) {
    std::ranges::copy(call.hash_ids, ids.begin());
    return result;
  }
  for (std::size_t t = 0; t < call.active; ++t) {
    if (evaluated.unspecified[t]) continue;
    const auto row = [&](const auto& all) { return std::span(all).subspan(t * call.in.experts, call.in.experts); };
    const auto observed = call.observed.empty() ? call.observed : call.observed.subspan(t * call.top_k, call.top_k);
    const ExpertChoice choice =
        choose_experts(row(evaluated.values.biased), row(evaluated.hulls.biased), call.top_k, observed);
    std::ranges::copy(choice.ids, ids.begin() + static_cast<std::ptrdiff_t>(t * call.top_k));
    std::ranges::copy(choice.uncertain, result.uncertain.begin() + static_cast<std::ptrdiff_t>(t * call.top_k));
  }
  return result;
}

// Every weight depends on every chosen expert through the sum: where one is uncertain, all of the token's are open.
void add_choice_outputs(const StageRequest& request, const GateCall& call, const Evaluated& evaluated,
                        GoldenMap& outputs) {
  const Choices choices = choose(call, evaluated);
  const auto ids = choices.ids.as<std::int32_t>();
  const auto values =
      weights_of<StrictArithmetic>(strict_arithmetic(request.profile), call, evaluated.values.scores, ids);
  const auto hulls = weights_of<HullArithmetic>(hull_arithmetic(request.profile), call, evaluated.hulls.scores, ids);
  GoldenOutput indices = determined(choices.ids), weights = enclosed(values, hulls, choices.ids.shape(), {});
  std::vector<std::uint8_t> open_ids(call.in.tokens), open_weights(call.in.tokens);
  for (std::size_t t = 0; t < call.active; ++t) {
    const auto row = [&](const auto& all) { return std::span(all).subspan(t * call.top_k, call.top_k); };
    const bool no_weight = std::ranges::any_of(row(values), [](float w) { return std::isnan(w); });
    open_ids[t] = evaluated.unspecified[t] != 0 && call.hash_ids.empty();
    open_weights[t] = evaluated.unspecified[t] != 0 || no_weight || std::ranges::count(row(choices.uncertain), 1) > 0;
  }
  indices.open = choices.uncertain;
  open_rows(indices, open_ids);
  open_rows(weights, open_weights);
  outputs["indices"] = std::move(indices);
  outputs["weights"] = std::move(weights);
}

Result<GoldenMap> evaluate_gate(const StageRequest& request) {
  auto call = read(request);
  if (!call) return tl::unexpected(call.error());
  std::vector<float> x_mixed = as_f32(input(request, "x_mixed"));
  const std::vector<float> norm_w = as_f32(input(request, "norm_w"));
  const std::vector<std::uint8_t> not_finite = clear_non_finite_rows(x_mixed, call->in.channels);
  call->in.x_mixed = x_mixed;
  call->in.norm_w = norm_w;
  Evaluated evaluated{GateEvaluation(strict_arithmetic(request.profile), call->in).evaluate(),
                      GateEvaluation(hull_arithmetic(request.profile), call->in).evaluate(), not_finite};
  for (std::size_t t = 0; t < call->in.tokens; ++t)
    if (evaluated.values.not_finite[t] != 0 || evaluated.hulls.not_finite[t] != 0) evaluated.unspecified[t] = 1;
  GoldenMap outputs;
  add_norm_outputs(*call, evaluated, outputs);
  add_choice_outputs(request, *call, evaluated, outputs);
  if (const auto x_norm = outputs.find("x_norm"); x_norm != outputs.end()) open_rows(x_norm->second, not_finite);
  return outputs;
}

}  // namespace

Stage gate() {
  return {.name = "gate",
          .clause = "dsv4-chain 3.2",
          .inputs = {{"x_mixed", {DType::bf16}, {"T", "D"}},
                     {"norm_w", {DType::f32, DType::bf16}, {"D"}},
                     {"gate_w", {DType::f32}, {"E", "D"}},
                     {"gate_bias", {DType::f32}, {"E"}, true},
                     {"tid2eid", {DType::i32}, {"VOCAB", "K"}, true},
                     {"input_ids", {DType::i64}, {"T"}, true}},
          .outputs = {{"x_norm", {DType::bf16}, {"T", "D"}, true},
                      {"x_norm_i8", {DType::i8}, {"T", "D"}, true},
                      {"x_norm_scale", {DType::f32}, {"T", "1"}, true},
                      {"indices", {DType::i32}, {"T", "K"}},
                      {"weights", {DType::f32}, {"T", "K"}}},
          // topk 0: the configuration's; layer_id -1: no hash layer; num_tokens counts in HEAD alone.
          .parameters = {{"topk", kOfConfig}, {"layer_id", kNoHashLayer}, {"num_tokens", kAllTokens}},
          .options = {"profile", "config", "route_scale"},
          .evaluate = evaluate_gate,
          .set_valued = true,
          .relations = {RowsRelation{"T", "num_tokens"}}};
}

}  // namespace assay::goldens
