// Test support: hc_pre and gate once more over a model of arithmetic (chain_model.h), from dsv4-chain 3.1 and 3.2, with
// faults to switch on.
#pragma once

#include <numeric>

#include "goldens/stages/chain_model.h"
#include "goldens/stages/stage_test_support.h"

namespace assay::goldens {

struct ChainFaults {
  bool transposed_comb = false, no_hc_eps = false, inv_before_dot = false, no_post_factor = false;
  bool stores_round = false;    // B03
  bool biased_weights = false;  // B18
  bool larger_index_first = false, not_normalised = false, no_route_scale = false, no_norm_weight = false;
};

template <class Model>
class ChainReference {
 public:
  using Real = typename Model::Real;
  using Reals = std::vector<Real>;

  ChainReference(Model model, const StageCall& call, ChainFaults faults = {})
      : model_(std::move(model)), call_(call), faults_(faults) {
    const auto found = call.options.find("profile");
    profile_ = found == call.options.end() ? "p772" : found->second;
  }

  // By output's name, row-major.
  std::map<std::string, Reals> hc_pre(int iterations = 20);
  // `ids`: [T,K], chosen by the reference itself where it is empty.
  std::map<std::string, Reals> gate(std::size_t top_k, float route_scale, std::vector<std::int32_t>& ids);

 private:
  Real one() { return Model::in(1.0F); }
  Reals read(const std::string& name, std::int64_t begin, std::int64_t count) const {
    Reals result;
    for (std::int64_t i = begin; i < begin + count; ++i) result.push_back(Model::in(at(call_.inputs.at(name), i)));
    return result;
  }
  Real sigmoid(const Real& x) { return model_.recip(model_.exp(-x) + one()); }
  // The form of dsv4-chain 1, which underflows: the rounding of the sum is what makes it 0 below -16.64.
  Real softplus(const Real& x) {
    Real result = model_.log(model_.to_f32(model_.exp(x < 0 ? x : Real(-x)) + one()));
    if (x > 0) result = x + result;
    if (profile_ != "head") return result;
    const Real blend = std::clamp(Real(-x - Model::in(10)), Model::in(0), Model::in(1));
    return std::max(result, Real(blend * model_.exp(std::min(x, Model::in(0)))));
  }
  // hc_pre multiplies by 1 / (4 D), the gate divides by D.
  Real root_of_mean(const Real& mean, bool one_step) {
    return one_step ? model_.rsqrt(mean) : model_.recip(model_.sqrt(mean));
  }
  Real hc_inverse_rms(const Reals& x) {
    const Real share = model_.to_f32(one() / Model::in(static_cast<float>(x.size())));
    return root_of_mean(model_.mul_add(model_.dot(x, x), share, Model::in(1e-6F)), profile_ != "p772");
  }
  Real gate_inverse_rms(const Reals& x) {
    const Real squares = split_dot(x, x, profile_ == "head" ? 8 : 1, false);
    return root_of_mean(model_.div(squares, Model::in(static_cast<float>(x.size()))) + Model::in(1e-6F), false);
  }
  // In `parts` runs of equal length.
  Real split_dot(const Reals& a, const Reals& b, std::size_t parts, bool ascending) {
    Reals sums;
    const auto width = static_cast<std::ptrdiff_t>(a.size() / parts);
    for (std::ptrdiff_t begin = 0; begin < static_cast<std::ptrdiff_t>(a.size()); begin += width)
      sums.push_back(model_.dot(Reals(a.begin() + begin, a.begin() + begin + width),
                                Reals(b.begin() + begin, b.begin() + begin + width)));
    if (!ascending && parts > 1) return model_.sum(sums);
    Real total = sums[0];
    for (std::size_t i = 1; i < sums.size(); ++i) total = total + sums[i];
    return total;
  }
  Reals sinkhorn(Reals c, std::size_t n, int iterations);
  Real mix(const Reals& x, const Reals& pre);

  Model model_;
  const StageCall& call_;
  ChainFaults faults_;
  std::string profile_;
};

template <class Model>
typename ChainReference<Model>::Reals ChainReference<Model>::sinkhorn(Reals c, std::size_t n, int iterations) {
  const Real eps = Model::in(faults_.no_hc_eps ? 0.0F : 1e-6F);
  const auto rows = [&](auto divisor_of) {
    for (std::size_t i = 0; i < n; ++i) {
      const Real divisor = divisor_of(
          Reals(c.begin() + static_cast<std::ptrdiff_t>(i * n), c.begin() + static_cast<std::ptrdiff_t>(i * n + n)));
      for (std::size_t j = 0; j < n; ++j) c[i * n + j] = model_.div(c[i * n + j], divisor);
    }
  };
  for (std::size_t i = 0; i < n; ++i) {
    const Real top = *std::max_element(c.begin() + static_cast<std::ptrdiff_t>(i * n),
                                       c.begin() + static_cast<std::ptrdiff_t>(i * n + n));
    for (std::size_t j = 0; j < n; ++j) c[i * n + j] = model_.exp(c[i * n + j] - top);
  }
  rows([&](const Reals& row) { return model_.sum(row); });
  for (Real& each : c) each = each + eps;
  for (int iteration = 0; iteration < iterations; ++iteration) {
    if (iteration > 0) rows([&](const Reals& row) { return Real(model_.sum(row) + eps); });
    for (std::size_t j = 0; j < n; ++j) {
      Reals column;
      for (std::size_t i = 0; i < n; ++i) column.push_back(c[i * n + j]);
      const Real divisor =
          (n == 4 ? Real(Real(column[0] + column[1]) + Real(column[2] + column[3])) : model_.sum(column)) + eps;
      for (std::size_t i = 0; i < n; ++i) c[i * n + j] = model_.div(c[i * n + j], divisor);
    }
  }
  return c;
}

template <class Model>
typename Model::Real ChainReference<Model>::mix(const Reals& x, const Reals& pre) {
  if (profile_ == "head" && x.size() == 4)
    return model_.mul_add(x[0], pre[0], Real(x[1] * pre[1])) + model_.mul_add(x[2], pre[2], Real(x[3] * pre[3]));
  Real total = Model::in(0);
  for (std::size_t h = 0; h < x.size(); ++h) total = model_.mul_add(x[h], pre[h], total);
  return total;
}

template <class Model>
std::map<std::string, typename ChainReference<Model>::Reals> ChainReference<Model>::hc_pre(int iterations) {
  const Shape& shape = call_.inputs.at("x_hc").shape();
  const auto n = static_cast<std::size_t>(shape[1]), channels = static_cast<std::size_t>(shape[2]),
             mixes = 2 * n + n * n;
  const auto flat = static_cast<std::int64_t>(n * channels);
  const Reals scale = read("scale", 0, 3), base = read("base", 0, static_cast<std::int64_t>(mixes));
  std::map<std::string, Reals> out;
  for (std::int64_t t = 0; t < shape[0]; ++t) {
    const Reals x = read("x_hc", t * flat, flat);
    const Real inv = hc_inverse_rms(x);
    Reals scaled = x;
    if (faults_.inv_before_dot)
      for (Real& each : scaled) each = each * inv;
    Reals affine;
    for (std::size_t m = 0; m < mixes; ++m) {
      const Reals fn = read("fn", static_cast<std::int64_t>(m) * flat, flat);
      Real dot = split_dot(scaled, fn, profile_ == "head" ? 4 : 1, true);
      if (!faults_.inv_before_dot) dot = dot * inv;
      affine.push_back(model_.mul_add(dot, scale[m < n ? 0 : m < 2 * n ? 1 : 2], base[m]));
    }
    Reals pre;
    for (std::size_t h = 0; h < n; ++h) {
      pre.push_back(sigmoid(affine[h]) + Model::in(faults_.no_hc_eps ? 0.0F : 1e-6F));
      const Real post = sigmoid(affine[n + h]);
      out["post"].push_back(faults_.no_post_factor ? post : Real(Model::in(2) * post));
    }
    const Reals comb =
        sinkhorn(Reals(affine.begin() + static_cast<std::ptrdiff_t>(2 * n), affine.end()), n, iterations);
    for (std::size_t i = 0; i < n * n; ++i)
      out["comb"].push_back(faults_.transposed_comb ? comb[i % n * n + i / n] : comb[i]);
    for (std::size_t d = 0; d < channels; ++d) {
      Reals column;
      for (std::size_t h = 0; h < n; ++h) column.push_back(x[h * channels + d]);
      out["x_mixed"].push_back(Model::to_bf16(mix(column, pre), !faults_.stores_round));
    }
  }
  return out;
}

template <class Model>
std::map<std::string, typename ChainReference<Model>::Reals> ChainReference<Model>::gate(
    std::size_t top_k, float route_scale, std::vector<std::int32_t>& ids) {
  const Shape& shape = call_.inputs.at("x_mixed").shape();
  const std::int64_t channels = shape[1], experts = call_.inputs.at("gate_w").shape()[0];
  const bool head = profile_ == "head", chooses = ids.empty();
  const Reals norm_w = read("norm_w", 0, channels);
  std::map<std::string, Reals> out;
  for (std::int64_t t = 0; t < shape[0]; ++t) {
    const Reals x = read("x_mixed", t * channels, channels);
    const Real inv = gate_inverse_rms(x);
    Reals x_norm;
    for (std::size_t d = 0; d < x.size(); ++d) {
      const Real weight = faults_.no_norm_weight ? one() : norm_w[d];
      x_norm.push_back(head ? Real(x[d] * weight)
                            : Model::to_bf16(Real(Real(x[d] * inv) * weight), !faults_.stores_round));
    }
    if (!head) out["x_norm"].insert(out["x_norm"].end(), x_norm.begin(), x_norm.end());
    Real amax = Model::in(1e-4F);
    for (const Real& each : x_norm) amax = std::max(amax, Real(each < 0 ? Real(-each) : each));
    const Real quant = Model::in(127) / amax;
    for (const Real& each : x_norm) out["x_norm_i8"].push_back(Model::nearest(Real(each * quant), profile_ != "p772"));
    out["x_norm_scale"].push_back(head ? Real(Real(amax * Model::in(1.0F / 127)) * inv) : Real(one() / quant));
    Reals scores, biased;
    for (std::int64_t e = 0; e < experts; ++e) {
      Real logit = split_dot(x_norm, read("gate_w", e * channels, channels), head ? 8 : 1, false);
      if (head) logit = inv * logit;
      scores.push_back(model_.sqrt(softplus(logit)));
      biased.push_back(scores.back());
      if (call_.inputs.contains("gate_bias"))
        biased.back() = biased.back() + Model::in(at(call_.inputs.at("gate_bias"), e));
    }
    if (chooses) {
      std::vector<std::int32_t> order(scores.size());
      std::iota(order.begin(), order.end(), 0);
      if (faults_.larger_index_first) std::reverse(order.begin(), order.end());
      std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
        return biased[static_cast<std::size_t>(a)] > biased[static_cast<std::size_t>(b)];
      });
      ids.insert(ids.end(), order.begin(), order.begin() + static_cast<std::ptrdiff_t>(top_k));
    }
    Reals chosen;
    for (std::size_t k = 0; k < top_k; ++k) {
      const auto id = static_cast<std::size_t>(ids[static_cast<std::size_t>(t) * top_k + k]);
      chosen.push_back((faults_.biased_weights ? biased : scores)[id]);
    }
    const Real total = model_.sum(chosen);
    for (const Real& each : chosen) {
      const Real share = faults_.not_normalised ? each : model_.div(each, total);
      out["weights"].push_back(faults_.no_route_scale ? share : Real(share * Model::in(route_scale)));
    }
  }
  return out;
}

}  // namespace assay::goldens
