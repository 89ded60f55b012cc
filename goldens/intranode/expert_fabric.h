// Test support: combine with StdMoE as a subject performs it, and its mutants (ep-dispatch-combine 1.6).
#pragma once

#include "goldens/intranode/combine_fabric.h"

namespace assay::goldens::intranode {

enum class ExpertMutant : std::uint8_t {
  none,
  single_rounding,     // no narrowing between the levels
  unweighted,          // pre-reduction skipped
  reverse_order,       // descending j, at both levels
  foreign_added,       // select replaced by a multiplication: NaN of foreign slots leaks
  truncated,           // the first narrowing, toward zero
  double_accumulator,  // at the first level
  neighbour_row,       // slot_of off by one
  last_term_dropped
};
inline constexpr int kExpertMutants = 9;

struct ExpertCase {
  Configuration config;
  TensorMap dispatch_inputs;
  Delivery delivery;
  Tensor packed;   // [ws, epr, E, h]
  Tensor weights;  // recv_weights [ws, R, k]
  Overflow overflow = Overflow::satfinite;
};

// Rows in use are random numbers, everything else any bits.
inline ExpertCase expert_case(Worlds& worlds, const Configuration& config, DType dtype) {
  ExpertCase result{config, worlds.dispatch_inputs(config), {}, {}, {}};
  result.delivery = Fabric(config, result.dispatch_inputs, worlds).dispatch(true);
  const std::int64_t rows = config.ws * config.m;
  result.packed = worlds.any_bits(dtype, {config.ws, config.epr, rows, config.h});
  result.weights = worlds.any_bits(DType::f32, {config.ws, config.slots(), config.k});
  for (std::int64_t bucket = 0; bucket < config.ws * config.epr; ++bucket) {
    const auto count = static_cast<std::int64_t>(result.delivery.outputs.at("packed_recv_count").bits(bucket));
    const Tensor values = worlds.addends(dtype, {count, config.h});
    for (std::int64_t i = 0; i < values.size(); ++i)
      result.packed.set_bits(bucket * rows * config.h + i, values.bits(i));
  }
  const Tensor weights = worlds.addends(DType::f32, result.weights.shape());
  for (std::int64_t row = 0; row < config.ws * config.slots(); ++row)
    if (row % config.slots() < result.delivery.counts[static_cast<std::size_t>(row / config.slots())])
      for (std::int64_t j = 0; j < config.k; ++j)
        result.weights.set_bits(row * config.k + j, weights.bits(row * config.k + j));
  return result;
}

class ExpertFabric {
 public:
  ExpertFabric(const ExpertCase& c, Worlds& worlds, bool fuses, ExpertMutant mutant = ExpertMutant::none)
      : c_(c), worlds_(worlds), fuses_(fuses), mutant_(mutant) {}

  TensorMap combine() {
    const Configuration& s = c_.config;
    TensorMap outputs;
    outputs["out"] = worlds_.any_bits(c_.packed.dtype(), {s.ws, s.m, s.h});
    const Fabric fabric(s, c_.dispatch_inputs, worlds_);
    for (std::int64_t source = 0; source < s.ws * s.m; ++source)
      for (std::int64_t h = 0; h < s.h && fabric.in_use(source); ++h)
        outputs["out"].set_bits(source * s.h + h,
                                naive_narrow(c_.packed.dtype(), token_sum(fabric, source, h), c_.overflow));
    return outputs;
  }

 private:
  bool is(ExpertMutant mutant) const { return mutant_ == mutant; }
  std::vector<std::int64_t> order() const {
    std::vector<std::int64_t> js(static_cast<std::size_t>(c_.config.k));
    std::iota(js.begin(), js.end(), 0);
    if (is(ExpertMutant::reverse_order)) std::reverse(js.begin(), js.end());
    return js;
  }

  float token_sum(const Fabric& fabric, std::int64_t source, std::int64_t h) const {
    float sum = 0;
    for (const std::int64_t j : order()) {
      const auto found = c_.delivery.map.find({source, j});
      if (found != c_.delivery.map.end()) sum += partial(fabric, source, found->second, h);
    }
    return sum;
  }

  // Z
  float partial(const Fabric& fabric, std::int64_t source, Place at, std::int64_t h) const {
    const Configuration& s = c_.config;
    const std::int64_t row = at.pe * s.slots() + at.slot, rows = s.ws * s.m;
    float sum = 0, before = 0;
    double wide = 0;
    for (const std::int64_t j : order()) {
      const bool local = fabric.pe(source, j) == at.pe;
      if (!local && !is(ExpertMutant::foreign_added)) continue;
      auto place = static_cast<std::int64_t>(c_.delivery.outputs.at("slot_of").bits(row * s.k + j));
      if (!local) place = rows - 1;  // memory that is not in use, times zero
      if (is(ExpertMutant::neighbour_row)) place = (place + 1) % rows;
      const float x = naive_widen(c_.packed.dtype(), c_.packed.bits((at.pe * s.epr * rows + place) * s.h + h));
      float w = is(ExpertMutant::unweighted) ? 1 : naive_widen(DType::f32, c_.weights.bits(row * s.k + j));
      if (!local) w = 0;
      before = sum;
      const float product = w * x;
      sum = fuses_ ? std::fma(w, x, sum) : sum + product;
      wide += static_cast<double>(w) * static_cast<double>(x);
    }
    if (is(ExpertMutant::last_term_dropped)) sum = before;
    if (is(ExpertMutant::double_accumulator)) sum = static_cast<float>(wide);
    if (is(ExpertMutant::single_rounding)) return sum;
    std::uint64_t code = naive_narrow(c_.packed.dtype(), sum, c_.overflow);
    const float back = naive_widen(c_.packed.dtype(), code);
    if (is(ExpertMutant::truncated) && std::abs(back) > std::abs(sum)) --code;
    return naive_widen(c_.packed.dtype(), code);
  }

  const ExpertCase& c_;
  Worlds& worlds_;
  bool fuses_;
  ExpertMutant mutant_;
};

}  // namespace assay::goldens::intranode
