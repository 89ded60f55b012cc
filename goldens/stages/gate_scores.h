// The numbers of the gate, up to its scores, in any number type (dsv4-chain 3.2).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "goldens/chain/chain_profile.h"
#include "goldens/enclosure/arithmetic.h"
#include "goldens/enclosure/ends.h"
#include "goldens/exact/bracket.h"
#include "goldens/parallel.h"
#include "goldens/quantize/int8.h"
#include "goldens/quantize/int8_rows.h"
#include "goldens/stages/k_splits.h"

namespace assay::goldens {

struct GateInputs {
  std::span<const float> x_mixed, norm_w, gate_w, gate_bias;  // [T,D] [D] [E,D] [E], bias empty where there is none
  std::size_t tokens = 0, channels = 0, experts = 0;
  ChainProfile profile;
  float rms_eps = 0;
};

template <class Number>
struct GateNumbers {
  std::vector<Number> x_norm;     // [T,D]: x_norm after bf16 or, where the norm is deferred, x_mixed * norm_w
  std::vector<Number> scores;     // [T,E]
  std::vector<Number> biased;     // [T,E]: what top-K compares
  Int8Rows<Number> codes;         // of x_norm, where the profile dispatches INT8
  std::vector<Number> row_scale;  // [T]: goes with the codes
  // [T]: 1 where x_norm may be an infinity or NaN, or a score NaN. Unspecified by every profile: codes and row_scale
  // are those of a zero row.
  std::vector<std::uint8_t> not_finite;
};

inline bool surely_finite(float x) { return std::isfinite(x); }
inline bool surely_finite(const Hull& x) { return !x.nan && std::isfinite(x.lo) && std::isfinite(x.hi); }
inline bool may_be_nan(float x) { return std::isnan(x); }
inline bool may_be_nan(const Hull& x) { return x.nan || !x.has_number(); }

// HEAD's published reference writes softplus with log1p, whose result the written form's 1 + exp(-|x|), rounded, lies
// up to 1e-3 from where the floor begins: both are correct. t = exp(-|x|) off by exp_ulp changes log1p(t) by no more,
// relative; log_ulp and the last addition come on top. Where functions are correctly rounded the written form stands
// alone.
inline Hull with_log1p(const HullArithmetic& math, const Hull& x, Hull plain) {
  const NumericFreedom& freedom = math.freedom();
  if (freedom.log_ulp == 0 || !surely_finite(x)) return plain;
  const double error = (freedom.exp_ulp + freedom.log_ulp + 1) * 0x1.0001p-23;
  plain.include(greatest_float_below(exact::softplus_bracket(x.lo).lo * (1 - error)));
  plain.include(least_float_above(exact::softplus_bracket(x.hi).hi * (1 + error)));
  return plain;
}
inline float with_log1p(const StrictArithmetic&, float, float plain) { return plain; }

template <class Arithmetic>
class GateEvaluation {
 public:
  using Number = typename Arithmetic::Number;

  GateEvaluation(const Arithmetic& math, const GateInputs& in) : math_(math), in_(in) {}

  GateNumbers<Number> evaluate() const {
    std::vector<Number> x(in_.x_mixed.size());
    std::ranges::transform(in_.x_mixed, x.begin(), [&](float value) { return math_.input(value); });
    const std::vector<Number> inv = inverse_rms(x);
    GateNumbers<Number> result;
    result.x_norm = in_.profile.deferred_norm ? weighted(x) : normalised(x, inv);
    result.not_finite.resize(in_.tokens);
    for (std::size_t t = 0; t < in_.tokens; ++t)
      result.not_finite[t] =
          !std::ranges::all_of(row(result.x_norm, t), [](const Number& each) { return surely_finite(each); });
    if (in_.profile.quantised_dispatch) quantise(result, inv);
    score(logits(result.x_norm, inv), result);
    return result;
  }

 private:
  std::size_t part_width() const { return in_.channels / parts(); }
  std::size_t parts() const { return static_cast<std::size_t>(in_.profile.gate_splits); }
  std::span<const Number> row(const std::vector<Number>& x, std::size_t t) const {
    return std::span(x).subspan(t * in_.channels, in_.channels);
  }

  // 1 / sqrt((sum x^2) / D + eps), [T]; where the profile says so, the parts' sums are added up in any order.
  std::vector<Number> inverse_rms(const std::vector<Number>& x) const {
    std::vector<Number> result(in_.tokens);
    const auto count = math_.input(static_cast<float>(in_.channels)), eps = math_.input(in_.rms_eps);
    parallel_for(in_.tokens, [&](std::size_t t) {
      std::vector<Number> sums;
      for (std::size_t part = 0; part < parts(); ++part)
        sums.push_back(math_.sum_of_squares(row(x, t).subspan(part * part_width(), part_width())));
      const Number squares = parts() == 1 ? sums.front() : math_.total(std::span<const Number>(sums));
      const Number mean = math_.sum(math_.quotient(squares, count), eps);
      result[t] = in_.profile.gate_inverse_rms == InverseRms::reciprocal_root
                      ? math_.reciprocal_root(mean)
                      : math_.reciprocal(math_.square_root(mean));
    });
    return result;
  }

  // bf16_rint(fl(fl(x * inv) * norm_w))
  std::vector<Number> normalised(const std::vector<Number>& x, const std::vector<Number>& inv) const {
    std::vector<Number> result(x.size());
    parallel_for(in_.tokens, [&](std::size_t t) {
      for (std::size_t i = t * in_.channels, d = 0; d < in_.channels; ++i, ++d) {
        const Number norm = math_.product(math_.product(x[i], inv[t]), math_.input(in_.norm_w[d]));
        result[i] = math_.round_to(norm, DType::bf16, Rounding::rint);
      }
    });
    return result;
  }

  // HEAD's xg = x * norm_w, never rounded to bf16.
  std::vector<Number> weighted(const std::vector<Number>& x) const {
    std::vector<Number> result(x.size());
    parallel_for(in_.tokens, [&](std::size_t t) {
      for (std::size_t i = t * in_.channels, d = 0; d < in_.channels; ++i, ++d)
        result[i] = math_.product(x[i], math_.input(in_.norm_w[d]));
    });
    return result;
  }

  // Codes and scales. With a deferred norm the codes do not depend on inv, and the scale is
  // fl(fl(amax * fl(1/127)) * inv), the one exception to 1 / s_q.
  void quantise(GateNumbers<Number>& result, const std::vector<Number>& inv) const {
    std::vector<Number> x = result.x_norm;
    for (std::size_t t = 0; t < in_.tokens; ++t)
      if (result.not_finite[t])
        std::fill_n(x.begin() + static_cast<std::ptrdiff_t>(t * in_.channels), in_.channels, math_.input(0.0F));
    result.codes = quantize_rows(math_, x, in_.channels, in_.profile.int8);
    result.row_scale = result.codes.dequant;
    if (!in_.profile.deferred_norm) return;
    parallel_for(in_.tokens, [&](std::size_t t) {
      const Number level = math_.product(amax(row(x, t)), math_.input(1.0F / 127.0F));
      result.row_scale[t] = math_.product(level, inv[t]);
    });
  }

  Number amax(std::span<const Number> x) const {
    Number result = math_.input(kInt8AmaxEps);
    const Number minus = math_.input(-1.0F);
    for (const Number& each : x) result = math_.maximum(result, math_.maximum(each, math_.product(each, minus)));
    return result;
  }

  // x_norm . gate_w, [T,E], times inv where the norm is deferred; the parts' sums are added up in any order.
  std::vector<Number> logits(const std::vector<Number>& x_norm, const std::vector<Number>& inv) const {
    const auto sums =
        multiply_in_parts(math_, std::span<const Number>(x_norm), {in_.gate_w, in_.experts, in_.channels}, parts());
    std::vector<Number> result = sums.front(), addends(parts());
    for (std::size_t i = 0; i < result.size(); ++i) {
      if (parts() > 1) {
        std::ranges::transform(sums, addends.begin(), [&](const auto& sum) { return sum[i]; });
        result[i] = math_.total(std::span<const Number>(addends));
      }
      if (in_.profile.deferred_norm) result[i] = math_.product(inv[i / in_.experts], result[i]);
    }
    return result;
  }

  Number softplus(const Number& logit) const {
    if (!in_.profile.softplus_floor) return math_.softplus(logit);
    const Number plain = with_log1p(math_, logit, math_.softplus(logit));
    // max(softplus(x), clamp(-x - 10, 0, 1) * exp(min(x, 0)))
    const Number zero = math_.input(0.0F), one = math_.input(1.0F);
    const Number blend = math_.difference(math_.product(logit, math_.input(-1.0F)), math_.input(10.0F));
    const Number clamped = math_.minimum(math_.maximum(blend, zero), one);
    return math_.maximum(plain, math_.product(clamped, math_.exponential(math_.minimum(logit, zero))));
  }

  void score(const std::vector<Number>& logits, GateNumbers<Number>& result) const {
    result.scores.resize(logits.size());
    result.biased.resize(logits.size());
    parallel_for(in_.tokens, [&](std::size_t t) {
      for (std::size_t e = 0; e < in_.experts; ++e) {
        const std::size_t i = t * in_.experts + e;
        result.scores[i] = math_.square_root(softplus(logits[i]));
        result.biased[i] =
            in_.gate_bias.empty() ? result.scores[i] : math_.sum(result.scores[i], math_.input(in_.gate_bias[e]));
        if (may_be_nan(result.scores[i]) || may_be_nan(result.biased[i])) result.not_finite[t] = 1;
      }
    });
  }

  Arithmetic math_;
  const GateInputs& in_;
};

}  // namespace assay::goldens
