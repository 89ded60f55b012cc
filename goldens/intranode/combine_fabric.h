// Test support: combine as a subject performs it, element by element over the senders' maps, and its mutants
// (ep-dispatch-combine 1.5, 1.6, 3.5 and section 4). Narrowing and widening are those of naive_formats.h.
#pragma once

#include "goldens/intranode/fabric.h"
#include "goldens/intranode/naive_formats.h"

namespace assay::goldens::intranode {

enum class CombineMutant : std::uint8_t {
  none,
  stale_entry,       // a refused or repeated destination adds some row
  unmasked_weights,  // its weights add a row: seed bug B17
  weighted_tokens,   // rows times the weight of their slot
  reverse_order,     // descending j
  last_j_owns,       // order of the last j that hits a PE
  double_accumulator,
  bf16_accumulator,
  truncated,       // toward zero instead of to nearest even
  other_fp8,       // e4m3fn for e4m3fnuz and back, both ways: seed bug B21
  other_overflow,  // NaN for saturation and back
  nibbles_swapped,
  negative_zero_fnuz,  // 0x80 for zero
  leaking_nan,         // zero times the row of an invalid slot
  first_rank_only,
  all_zero,       // seed bug B12
  not_quantised,  // no wire format
  last_addend_dropped,
  addend_twice
};
inline constexpr int kCombineMutants = 19;

// One combine after a legal dispatch.
struct CombineCase {
  Configuration config;
  TensorMap dispatch_inputs;
  Delivery delivery;
  Tensor rows;     // y [ws, N, h]
  Tensor weights;  // recv_weights [ws, R, k]
  std::optional<DType> wire;
  Overflow overflow = Overflow::nonsat;
};

// `specials`: NaN and infinities among the rows in use. Rows that are not in use hold any bits.
inline CombineCase combine_case(Worlds& worlds, const Configuration& config, DType dtype, bool specials) {
  CombineCase result{config, worlds.dispatch_inputs(config), {}, {}, {}, {}};
  result.delivery = Fabric(config, result.dispatch_inputs, worlds).dispatch(false);
  const std::int64_t slots = config.slots(), rows = slots + worlds.below(config.ws * config.m - slots + 1);
  result.rows = worlds.any_bits(dtype, {config.ws, rows, config.h});
  result.weights = worlds.any_bits(DType::f32, {config.ws, slots, config.k});
  const Tensor y = worlds.addends(dtype, {config.ws, slots, config.h}),
               v = worlds.addends(DType::f32, {config.ws, slots, config.k});
  for (std::int64_t pe = 0; pe < config.ws; ++pe)
    for (std::int64_t slot = 0; slot < result.delivery.counts[static_cast<std::size_t>(pe)]; ++slot) {
      for (std::int64_t c = 0; c < config.h; ++c)
        if (!specials || worlds.below(32) != 0)
          result.rows.set_bits((pe * rows + slot) * config.h + c, y.bits((pe * slots + slot) * config.h + c));
      for (std::int64_t j = 0; j < config.k; ++j)
        result.weights.set_bits((pe * slots + slot) * config.k + j, v.bits((pe * slots + slot) * config.k + j));
    }
  return result;
}

class CombineFabric {
 public:
  CombineFabric(const CombineCase& c, Worlds& worlds, bool start_with_first, CombineMutant mutant = CombineMutant::none)
      : c_(c), worlds_(worlds), start_with_first_(start_with_first), mutant_(mutant) {}

  TensorMap combine() {
    const Configuration& s = c_.config;
    TensorMap outputs;
    outputs["out"] = worlds_.any_bits(c_.rows.dtype(), {s.ws, s.m, s.h});
    outputs["out_weights"] = worlds_.any_bits(DType::f32, {s.ws, s.m, s.k});
    const Fabric fabric(s, c_.dispatch_inputs, worlds_);
    for (std::int64_t source = 0; source < s.ws * s.m; ++source)
      if (fabric.in_use(source) && !(is(CombineMutant::first_rank_only) && source >= s.m))
        combine_token(fabric, source, outputs);
    return outputs;
  }

 private:
  // A slot of the sender's map; not valid: refused, repeated or without destination.
  struct Slot {
    Place place;
    std::int64_t j;
    bool valid;
  };
  bool is(CombineMutant mutant) const { return mutant_ == mutant; }

  std::vector<Slot> slots_of(const Fabric& fabric, std::int64_t source) const {
    std::vector<Slot> slots;
    for (std::int64_t j = 0; j < c_.config.k; ++j) {
      const auto found = c_.delivery.map.find({source, j});
      const bool valid = found != c_.delivery.map.end();
      slots.push_back({valid ? found->second : Place{source / c_.config.m, 0}, j, valid});
    }
    if (is(CombineMutant::reverse_order)) std::reverse(slots.begin(), slots.end());
    if (is(CombineMutant::last_j_owns))
      std::stable_sort(slots.begin(), slots.end(), [&](const Slot& a, const Slot& b) {
        const auto last = [&](const Slot& slot) {
          std::int64_t last_j = slot.j;
          for (std::int64_t j = 0; slot.valid && j < c_.config.k; ++j)
            if (fabric.pe(source, j) == slot.place.pe) last_j = std::max(last_j, j);
          return last_j;
        };
        return last(a) < last(b);
      });
    std::size_t last_valid = slots.size();
    for (std::size_t i = 0; i < slots.size(); ++i)
      if (slots[i].valid) last_valid = i;
    if (last_valid == slots.size()) return slots;
    if (is(CombineMutant::last_addend_dropped)) slots[last_valid].valid = false;
    if (is(CombineMutant::addend_twice)) slots.push_back(slots[last_valid]);
    return slots;
  }

  DType read_as() const {
    const DType dtype = c_.rows.dtype();
    if (!is(CombineMutant::other_fp8)) return dtype;
    return dtype == DType::e4m3fn ? DType::e4m3fnuz : dtype == DType::e4m3fnuz ? DType::e4m3fn : dtype;
  }

  float element(const Slot& slot, std::int64_t h) const {
    const std::int64_t rows = c_.rows.shape()[1];
    const auto bits = c_.rows.bits((slot.place.pe * rows + slot.place.slot) * c_.config.h + h);
    float value = naive_widen(read_as(), bits);
    if (c_.wire && !is(CombineMutant::not_quantised)) {
      DType wire = *c_.wire;
      if (is(CombineMutant::other_fp8)) wire = wire == DType::e4m3fn ? DType::e4m3fnuz : DType::e4m3fn;
      value = naive_widen(wire, naive_narrow_small(wire, value, overflow()));
    }
    if (is(CombineMutant::weighted_tokens)) value *= weight(slot, slot.j);
    return value;
  }
  float weight(const Slot& slot, std::int64_t i) const {
    return naive_widen(DType::f32,
                       c_.weights.bits((slot.place.pe * c_.config.slots() + slot.place.slot) * c_.config.k + i));
  }
  Overflow overflow() const {
    if (!is(CombineMutant::other_overflow)) return c_.overflow;
    return c_.overflow == Overflow::nonsat ? Overflow::satall : Overflow::nonsat;
  }

  template <class Read>
  float sum(const std::vector<Slot>& slots, bool adds_invalid, Read read) const {
    double wide = 0;
    float narrow = 0;
    bool first = start_with_first_;
    for (const Slot& slot : slots) {
      if (is(CombineMutant::leaking_nan) && !slot.valid) narrow += 0 * read(slot);
      if (!slot.valid && !adds_invalid) continue;
      narrow = first ? read(slot) : narrow + read(slot);
      wide += static_cast<double>(read(slot));
      if (is(CombineMutant::bf16_accumulator))
        narrow = naive_widen(DType::bf16, naive_narrow(DType::bf16, narrow, Overflow::nonsat));
      first = false;
    }
    return is(CombineMutant::double_accumulator) ? static_cast<float>(wide) : narrow;
  }

  std::uint64_t stored(float value) const {
    const DType dtype = read_as();
    if (is(CombineMutant::all_zero)) return 0;
    if (dtype == DType::e4m3fnuz && is(CombineMutant::negative_zero_fnuz) && value == 0) return 0x80;
    const std::uint64_t code = naive_narrow(dtype, value, overflow());
    const bool away = !naive_is_nan(dtype, code) && std::abs(naive_widen(dtype, code)) > std::abs(value);
    return is(CombineMutant::truncated) && away ? code - 1 : code;
  }

  void combine_token(const Fabric& fabric, std::int64_t source, TensorMap& outputs) {
    const Configuration& s = c_.config;
    const auto slots = slots_of(fabric, source);
    for (std::int64_t h = 0; h < s.h; ++h) {
      const std::int64_t to = is(CombineMutant::nibbles_swapped) && c_.rows.dtype() == DType::e2m1 ? h ^ 1 : h;
      const float value =
          sum(slots, is(CombineMutant::stale_entry), [&](const Slot& slot) { return element(slot, h); });
      outputs["out"].set_bits(source * s.h + to, stored(value));
    }
    for (std::int64_t i = 0; i < s.k; ++i) {
      const float value =
          sum(slots, is(CombineMutant::unmasked_weights), [&](const Slot& slot) { return weight(slot, i); });
      outputs["out_weights"].set_bits(source * s.k + i, std::bit_cast<std::uint32_t>(value));
    }
  }

  const CombineCase& c_;
  Worlds& worlds_;
  bool start_with_first_;
  CombineMutant mutant_;
};

// Whether two answers differ in a row in use by more than the sign of zero and the payload of NaN.
inline bool answers_differ(const Configuration& config, const TensorMap& inputs, const TensorMap& a,
                           const TensorMap& b) {
  for (const auto& [name, tensor] : a) {
    const std::int64_t columns = tensor.shape()[2];
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
      const std::int64_t source = i / columns;
      if (source % config.m >= static_cast<std::int32_t>(inputs.at("tokens").bits(source / config.m))) continue;
      const float x = naive_widen(tensor.dtype(), tensor.bits(i)), y = naive_widen(tensor.dtype(), b.at(name).bits(i));
      if (!(x == y) && !(std::isnan(x) && std::isnan(y))) return true;
    }
  }
  return false;
}

// The inputs of a combine stage that tell of the dispatch.
inline TensorMap routing_of(const TensorMap& dispatch_inputs, const Delivery& delivery) {
  return {{"indices", dispatch_inputs.at("indices")},
          {"tokens", dispatch_inputs.at("tokens")},
          {"total_recv", delivery.outputs.at("total_recv")},
          {"src", delivery.outputs.at("src")}};
}

}  // namespace assay::goldens::intranode
