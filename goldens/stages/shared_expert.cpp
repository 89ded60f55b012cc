// shared_expert (dsv4-chain 3.5): the pipeline of expert_rows.h on every token, without route weights.
//   P772: x is BF16 and quantised here.  MID, HEAD: x and its scale are the gate's INT8 pair.  sh is BF16, RINT.
// Clamps to SWIGLU_LIMIT in HEAD and in P772's golden (whose configuration has no limit), not in MID.
// Rows that are not finite somewhere on the way are open. Subject to the machine profile: exp and recip of the sigmoid,
// and what follows from them: the scale of h, and codes of h near a tie.
#include "goldens/stages/chain_options.h"
#include "goldens/stages/expert_rows.h"
#include "goldens/stages/registry.h"

namespace assay::goldens {
namespace {

Result<ExpertInput> read_rows(const StageRequest& request, const ChainProfile& profile) {
  const Tensor& x = input(request, "x_norm");
  const Tensor* scale = optional_input(request, "x_norm_scale");
  const DType expected = profile.quantised_dispatch ? DType::i8 : DType::bf16;
  if (auto checked = check_chain_dtype(profile, "x_norm", x, expected); !checked)
    return tl::unexpected(checked.error());
  if (profile.quantised_dispatch != (scale != nullptr))
    return bad_input("profile {}: input 'x_norm_scale' is {}, expected it with INT8 alone", profile.name,
                     scale ? "there" : "missing");
  ExpertInput rows{.rows = static_cast<std::size_t>(x.shape()[0])};
  if (scale) {
    rows.codes = x.as<std::int8_t>();
    rows.scale = scale->as<float>();
  } else {
    rows.bf16 = x.as<std::uint16_t>();
  }
  return rows;
}

Result<GoldenMap> evaluate_shared_expert(const StageRequest& request) {
  const auto profile = chain_profile_option(request);
  if (!profile) return tl::unexpected(profile.error());
  const auto limit = swiglu_limit_option(request);
  if (!limit) return tl::unexpected(limit.error());
  const auto weights = expert_weights(request, 0);
  if (!weights) return tl::unexpected(weights.error());
  const auto rows = read_rows(request, *profile);
  if (!rows) return tl::unexpected(rows.error());
  const ExpertRules rules{.rounding = profile->int8, .limit = profile->clamp_shared ? *limit : 0};

  const auto strict = expert_rows(StrictArithmetic{}, *rows, *weights, rules);
  const auto hulls = expert_rows(hull_arithmetic(request.profile), *rows, *weights, rules);
  const OutputType type{DType::bf16, Rounding::rint, false};
  GoldenOutput sh = enclosed(strict.y, hulls.y, input(request, "x_norm").shape(), type);
  for (std::size_t r = 0; r < rows->rows; ++r)
    if (strict.open[r] || hulls.open[r])
      std::fill_n(sh.open.begin() + static_cast<std::ptrdiff_t>(r * weights->hidden), weights->hidden, std::uint8_t{1});
  GoldenMap outputs;
  outputs["sh"] = std::move(sh);
  return outputs;
}

}  // namespace

Stage shared_expert() {
  return {.name = "shared_expert",
          .clause = "dsv4-chain 3.5",
          .inputs = {{"x_norm", {DType::bf16, DType::i8}, {"T", "D"}},
                     {"x_norm_scale", {DType::f32}, {"T", "1"}, true},
                     {"w1", {DType::i8}, {"I", "D"}},
                     {"s1", {DType::f32}, {"I"}},
                     {"w3", {DType::i8}, {"I", "D"}},
                     {"s3", {DType::f32}, {"I"}},
                     {"w2", {DType::i8}, {"D", "I"}},
                     {"s2", {DType::f32}, {"D"}}},
          .outputs = {{"sh", {DType::bf16}, {"T", "D"}}},
          .parameters = {},
          .options = {"profile", "config", "swiglu_limit"},
          .evaluate = evaluate_shared_expert,
          .relations = {RowsRelation{"T"}, PowerOfTwoRelation{{{"s2", 1}}, {{"sh", 1}}}}};
}

}  // namespace assay::goldens
