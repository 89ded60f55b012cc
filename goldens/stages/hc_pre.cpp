// hc_pre (dsv4-chain 3.1), per token t, with x = x_hc[t] flattened, length HC*D:
//   inv = 1 / sqrt((sum x^2) / (HC*D) + rms_eps);  mix[m] = (sum_k x_k fn[m,k]) * inv          m = 0 .. 2*HC + HC*HC -
//   1 pre[h]  = sigmoid(mix[h] * scale0 + base[h]) + hc_eps post[h] = 2 * sigmoid(mix[HC+h] * scale1 + base[HC+h]) comb
//   = sinkhorn(mix[2*HC + HC*i + j] * scale2 + base[2*HC + HC*i + j])                    index [in i][out j] x_mixed[d]
//   = bf16_rint(sum_h x_hc[t,h,d] * pre[h])
// The profile says which inverse root, in how many K-splits the linear map adds up, and the order of the last sum.
// inv is applied after the dot product. The peers' own golden stored x_mixed half-away until after MID
// (dsv4-chain 3.1), and seed bug B03 is the kernel that does: here it is RINT. Tokens whose x_hc is not finite are
// open.
#include <algorithm>
#include <cmath>

#include "goldens/enclosure/sinkhorn.h"
#include "goldens/stages/chain_options.h"
#include "goldens/stages/k_splits.h"
#include "goldens/stages/mix_streams.h"
#include "goldens/stages/registry.h"
#include "goldens/stages/several_outputs.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

constexpr std::int64_t kMaxIterations = 1000;
constexpr std::size_t kMaxStreams = 16;  // of the bound in sinkhorn.h

struct HcPreInputs {
  Streams x_hc;
  std::span<const float> fn, scale, base;  // [M, HC*D] [3] [M]
  ChainProfile profile;
  float hc_eps = 0, rms_eps = 0;
  std::size_t iterations = 0;

  std::size_t flat() const { return x_hc.streams * x_hc.channels; }
  std::size_t mixes() const { return base.size(); }
};

template <class Number>
struct HcPreNumbers {
  std::vector<Number> x_mixed, post, comb;  // [T,D] before bf16, [T,HC], [T,HC,HC]
};

template <class Arithmetic>
std::vector<typename Arithmetic::Number> inverse_rms(const Arithmetic& math, const HcPreInputs& in,
                                                     std::span<const typename Arithmetic::Number> x) {
  std::vector<typename Arithmetic::Number> result(in.x_hc.tokens);
  const auto share = math.input(1.0F / static_cast<float>(in.flat())), eps = math.input(in.rms_eps);
  parallel_for(result.size(), [&](std::size_t t) {
    const auto squares = math.sum_of_squares(x.subspan(t * in.flat(), in.flat()));
    const auto mean = math.add_product(eps, squares, share);
    result[t] = in.profile.hc_inverse_rms == InverseRms::reciprocal_root ? math.reciprocal_root(mean)
                                                                         : math.reciprocal(math.square_root(mean));
  });
  return result;
}

// sum_k x_k fn[m,k], [T, M]: every K-split on its own, then the splits added ascending.
template <class Arithmetic>
std::vector<typename Arithmetic::Number> linear(const Arithmetic& math, const HcPreInputs& in,
                                                std::span<const typename Arithmetic::Number> x) {
  const auto splits =
      multiply_in_parts(math, x, {in.fn, in.mixes(), in.flat()}, static_cast<std::size_t>(in.profile.hc_linear_splits));
  auto result = splits.front();
  for (std::size_t split = 1; split < splits.size(); ++split)
    for (std::size_t i = 0; i < result.size(); ++i) result[i] = math.sum(result[i], splits[split][i]);
  return result;
}

// From one token's mix[0..M): its weights pre, and the rows of post and comb.
template <class Arithmetic>
void weigh(const Arithmetic& math, const HcPreInputs& in, std::span<const typename Arithmetic::Number> mix,
           std::span<typename Arithmetic::Number> pre, std::span<typename Arithmetic::Number> post,
           std::span<typename Arithmetic::Number> comb) {
  using Number = typename Arithmetic::Number;
  const std::size_t streams = in.x_hc.streams;
  const auto affine = [&](std::size_t m, std::size_t scale) {
    return math.add_product(math.input(in.base[m]), mix[m], math.input(in.scale[scale]));
  };
  for (std::size_t h = 0; h < streams; ++h) {
    pre[h] = math.sum(math.sigmoid(affine(h, 0)), math.input(in.hc_eps));
    post[h] = math.product(math.input(2.0F), math.sigmoid(affine(streams + h, 1)));
  }
  std::vector<Number> logits(comb.size());
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = affine(2 * streams + i, 2);
  const auto normalised = sinkhorn(math, std::span<const Number>(logits), streams, in.iterations, in.hc_eps);
  std::ranges::copy(normalised, comb.begin());
}

template <class Arithmetic, class Number = typename Arithmetic::Number>
HcPreNumbers<Number> compute(const Arithmetic& math, const HcPreInputs& in) {
  const std::size_t streams = in.x_hc.streams, tokens = in.x_hc.tokens;
  std::vector<Number> x(in.x_hc.values.size());
  std::ranges::transform(in.x_hc.values, x.begin(), [&](float value) { return math.input(value); });
  const auto inv = inverse_rms<Arithmetic>(math, in, x);
  auto mix = linear<Arithmetic>(math, in, x);
  std::vector<Number> pre(tokens * streams);
  HcPreNumbers<Number> result{.x_mixed = {},
                              .post = std::vector<Number>(tokens * streams),
                              .comb = std::vector<Number>(tokens * streams * streams)};
  parallel_for(tokens, [&](std::size_t t) {
    const auto row = std::span(mix).subspan(t * in.mixes(), in.mixes());
    for (Number& each : row) each = math.product(each, inv[t]);
    weigh<Arithmetic>(math, in, row, std::span(pre).subspan(t * streams, streams),
                      std::span(result.post).subspan(t * streams, streams),
                      std::span(result.comb).subspan(t * streams * streams, streams * streams));
  });
  result.x_mixed = mix_streams<Arithmetic>(math, in.profile.mix_order, in.x_hc, pre);
  return result;
}

Result<void> check_shapes(const HcPreInputs& in, const Tensor& fn) {
  const std::size_t streams = in.x_hc.streams;
  if (in.flat() == 0) return bad_input("stage hc_pre: HC = {}, D = {}, expected at least 1", streams, in.x_hc.channels);
  if (streams > kMaxStreams) return bad_input("stage hc_pre: HC = {}, expected at most {}", streams, kMaxStreams);
  if (in.mixes() != 2 * streams + streams * streams)
    return bad_input("stage hc_pre: M = {} for HC = {}, expected 2 HC + HC HC = {}", in.mixes(), streams,
                     2 * streams + streams * streams);
  if (fn.shape()[1] != static_cast<std::int64_t>(in.flat()))
    return bad_input("stage hc_pre: input 'fn' has shape {}, expected {}x{}", to_string(fn.shape()), in.mixes(),
                     in.flat());
  if (in.flat() % static_cast<std::size_t>(in.profile.hc_linear_splits) != 0)
    return bad_input("stage hc_pre: HC D = {}, expected a multiple of the {} K-splits of profile {}", in.flat(),
                     in.profile.hc_linear_splits, in.profile.name);
  return {};
}

// All but x_hc's values.
Result<HcPreInputs> read(const StageRequest& request) {
  auto profile = chain_profile_option(request);
  if (!profile) return tl::unexpected(profile.error());
  const auto config = model_config_option(request);
  if (!config) return tl::unexpected(config.error());
  const std::int64_t asked = parameter(request, "sinkhorn_iterations"),
                     iterations = asked == 0 ? config->sinkhorn_iterations : asked;
  if (iterations < 1 || iterations > kMaxIterations)
    return bad_input("parameter sinkhorn_iterations={}: expected 1 to {}, or 0 for the configuration's", iterations,
                     kMaxIterations);
  const Tensor& x_hc = input(request, "x_hc");
  if (auto checked = check_chain_dtype(*profile, "x_hc", x_hc, profile->stream); !checked)
    return tl::unexpected(checked.error());
  const auto extent = [&](std::size_t axis) { return static_cast<std::size_t>(x_hc.shape()[axis]); };
  HcPreInputs in{.x_hc = {{}, extent(0), extent(1), extent(2)},
                 .fn = input(request, "fn").as<float>(),
                 .scale = input(request, "scale").as<float>(),
                 .base = input(request, "base").as<float>(),
                 .profile = std::move(*profile),
                 .hc_eps = config->hc_eps,
                 .rms_eps = config->rms_eps,
                 .iterations = static_cast<std::size_t>(iterations)};
  if (auto checked = check_shapes(in, input(request, "fn")); !checked) return tl::unexpected(checked.error());
  return in;
}

Result<GoldenMap> evaluate_hc_pre(const StageRequest& request) {
  auto in = read(request);
  if (!in) return tl::unexpected(in.error());
  std::vector<float> x_hc = as_f32(input(request, "x_hc"));
  const std::vector<std::uint8_t> unspecified = clear_non_finite_rows(x_hc, in->flat());
  in->x_hc.values = x_hc;
  const auto tokens = static_cast<std::int64_t>(in->x_hc.tokens), streams = static_cast<std::int64_t>(in->x_hc.streams),
             channels = static_cast<std::int64_t>(in->x_hc.channels);
  GoldenMap outputs = evaluate_outputs(request.profile, [&]<class Arithmetic>(const Arithmetic& math) {
    auto numbers = compute(math, *in);
    return std::array{
        NamedNumbers{"x_mixed", {tokens, channels}, {DType::bf16, Rounding::rint, false}, std::move(numbers.x_mixed)},
        NamedNumbers{"post", {tokens, streams}, {}, std::move(numbers.post)},
        NamedNumbers{"comb", {tokens, streams, streams}, {}, std::move(numbers.comb)}};
  });
  for (auto& [name, output] : outputs) open_rows(output, unspecified);
  return outputs;
}

}  // namespace

Stage hc_pre() {
  return {.name = "hc_pre",
          .clause = "dsv4-chain 3.1",
          .inputs = {{"x_hc", {DType::bf16, DType::f32}, {"T", "HC", "D"}},
                     {"fn", {DType::f32}, {"M", "HC*D"}},
                     {"scale", {DType::f32}, {"3"}},
                     {"base", {DType::f32}, {"M"}}},
          .outputs = {{"x_mixed", {DType::bf16}, {"T", "D"}},
                      {"post", {DType::f32}, {"T", "HC"}},
                      {"comb", {DType::f32}, {"T", "HC", "HC"}}},
          .parameters = {{"sinkhorn_iterations", 0}},  // 0: the configuration's
          .options = {"profile", "config"},
          .evaluate = evaluate_hc_pre,
          .relations = {RowsRelation{"T"}, PowerOfTwoRelation{{{"fn", 1}, {"scale", -1}}, {}}}};
}

}  // namespace assay::goldens
