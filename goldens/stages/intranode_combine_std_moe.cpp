// Intranode MoE combine with StdMoE (ep-dispatch-combine 1.6), all ranks at once. Two levels, each with its own
// narrowing to the combine dtype:
//   Z_p[s, :]    = narrow(sum over ascending j, idx[s, j] local to p, of recv_weights[p, s, j] * packed_recv_x[row])
//   out[r, t, :] = narrow(sum over the owning j ascending of Z_{p_j}[s_j, :])
// with row = slot_of[p, s, j]. Foreign and invalid j are left out, whatever their slot_of or memory holds. idx[s, :] is
// the row of `indices` that src names. Rows from min(m_r, cur_tok) on are stale: open.
//
// S6: the first level may multiply and add (two roundings) or fuse them (one), all of it either way: two answers, and
// nothing between them, whatever the profile says of contraction. Given `observed` each element of out is held against
// the two and the one it equals is the golden, otherwise the separate one. Without observation [lo, hi] spans the two:
// exact where they are equal or neighbours, and too wide by what lies between where cancellation drives them apart.
// S4 (sign of an all-zero sum, at both levels), S5, S7 and S8 as in intranode_combine; where S8 leaves an element open
// to flushing, it is an interval.
//
// Zero-copy has the same answer: an implementation must form Z_p in its registered buffer. fp8_direct_cast excludes
// StdMoE. There is no weight output.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "goldens/enclosure/fused.h"
#include "goldens/formats/narrow.h"
#include "goldens/intranode/buckets.h"
#include "goldens/intranode/combine.h"
#include "goldens/intranode/ports.h"
#include "goldens/intranode/received.h"
#include "goldens/stages/registry.h"

namespace assay::goldens {
namespace {

using intranode::Accepted;
using intranode::bucket_rows;
using intranode::Contribution;
using intranode::Geometry;
using intranode::RowRange;
using intranode::RowValues;
using intranode::TwoStarts;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// One local pair of a slot: its weight and its row of packed_recv_x.
struct Term {
  float weight = 0;
  std::vector<float> row;
};

class ExpertRows {
 public:
  static Result<ExpertRows> read(const StageRequest& request, const Accepted& accepted);

  std::vector<Term> terms(const Accepted& accepted, const Contribution& at) const;
  std::size_t columns() const { return rows_.columns(); }

 private:
  ExpertRows(const Tensor& packed, const Tensor& slot_of, const Tensor& weights)
      : rows_(packed), slot_of_(slot_of.as<std::int32_t>()), weights_(weights.as<float>()) {}
  RowValues rows_;
  std::span<const std::int32_t> slot_of_;
  std::span<const float> weights_;
};

std::size_t pair_index(const Geometry& geometry, std::size_t pe, std::size_t slot, std::size_t j) {
  return (pe * static_cast<std::size_t>(geometry.receive_slots) + slot) * static_cast<std::size_t>(geometry.top_k) + j;
}

// Every local pair has a row of its own in its expert's bucket, the first count of which are in use.
Result<void> check_slot_of(const Accepted& accepted, std::size_t pe, std::span<const std::int32_t> slot_of) {
  const Geometry& geometry = accepted.routing().geometry;
  std::vector<std::int64_t> count(static_cast<std::size_t>(geometry.experts_per_rank));
  std::vector<std::uint8_t> taken(static_cast<std::size_t>(geometry.experts_per_rank * bucket_rows(geometry)));
  const auto each_local = [&](const auto& body) -> Result<void> {
    for (std::size_t slot = 0; slot < accepted.count(pe); ++slot) {
      const auto ids = accepted.routing().ids_of(accepted.source(pe, slot));
      for (std::size_t j = 0; j < ids.size(); ++j)
        if (const auto expert = local_expert(geometry, ids[j], static_cast<std::int64_t>(pe)); expert >= 0)
          if (auto checked = body(slot, j, expert); !checked) return checked;
    }
    return {};
  };
  auto counted = each_local([&](std::size_t, std::size_t, std::int64_t expert) -> Result<void> {
    if (++count[static_cast<std::size_t>(expert)] <= bucket_rows(geometry)) return {};
    return bad_input("the bucket of expert {} of PE {} gets more than E = {} rows (ep-dispatch-combine 1.4)", expert,
                     pe, bucket_rows(geometry));
  });
  if (!counted) return counted;
  return each_local([&](std::size_t slot, std::size_t j, std::int64_t expert) -> Result<void> {
    const std::int64_t row = slot_of[pair_index(geometry, pe, slot, j)], first = expert * bucket_rows(geometry);
    if (row < first || row >= first + count[static_cast<std::size_t>(expert)])
      return bad_input(
          "slot_of[{}, {}, {}] is {}, expected {} to {}, the rows in use of expert {} "
          "(ep-dispatch-combine 1.4)",
          pe, slot, j, row, first, first + count[static_cast<std::size_t>(expert)] - 1, expert);
    if (taken[static_cast<std::size_t>(row)]++)
      return bad_input("slot_of[{}, {}, {}] is {} a second time (ep-dispatch-combine 1.4)", pe, slot, j, row);
    return {};
  });
}

Result<ExpertRows> ExpertRows::read(const StageRequest& request, const Accepted& accepted) {
  const Geometry& geometry = accepted.routing().geometry;
  const Tensor &packed = input(request, "packed_recv_x"), &slot_of = input(request, "slot_of");
  if (packed.shape()[1] != geometry.experts_per_rank || packed.shape()[2] != bucket_rows(geometry))
    return bad_input(
        "'packed_recv_x' has {} buckets of {} rows per PE, expected epr = {} of E = {} "
        "(ep-dispatch-combine 1.4)",
        packed.shape()[1], packed.shape()[2], geometry.experts_per_rank, bucket_rows(geometry));
  for (std::size_t pe = 0; !accepted.routing().undefined && pe < static_cast<std::size_t>(geometry.ranks); ++pe)
    if (auto checked = check_slot_of(accepted, pe, slot_of.as<std::int32_t>()); !checked)
      return tl::unexpected(checked.error());
  return ExpertRows(packed, slot_of, input(request, "recv_weights"));
}

std::vector<Term> ExpertRows::terms(const Accepted& accepted, const Contribution& at) const {
  const Geometry& geometry = accepted.routing().geometry;
  const auto rows_of_pe = static_cast<std::size_t>(geometry.experts_per_rank * bucket_rows(geometry));
  const auto ids = accepted.routing().ids_of(accepted.source(at.pe, at.slot));
  std::vector<Term> result;
  for (std::size_t j = 0; j < ids.size(); ++j) {
    if (local_expert(geometry, ids[j], static_cast<std::int64_t>(at.pe)) < 0) continue;
    const std::size_t pair = pair_index(geometry, at.pe, at.slot, j);
    result.push_back({weights_[pair], rows_.row(at.pe * rows_of_pe + static_cast<std::size_t>(slot_of_[pair]))});
  }
  return result;
}

float separately(float a, float b, float c) { return c + a * b; }

// The first level before its narrowing, one way of multiplying and adding.
template <class MultiplyAdd>
TwoStarts weighted_sum(std::span<const Term> terms, std::size_t columns, MultiplyAdd multiply_add) {
  TwoStarts sum{std::vector<float>(columns), {}};
  for (const Term& term : terms)
    for (std::size_t h = 0; h < columns; ++h)
      sum.from_zero[h] = multiply_add(term.weight, term.row[h], sum.from_zero[h]);
  sum.from_first = sum.from_zero;
  for (std::size_t h = 0; h < columns; ++h) {
    if (sum.from_zero[h] != 0) continue;
    sum.from_first[h] = -0.0F;
    for (const Term& term : terms) sum.from_first[h] = multiply_add(term.weight, term.row[h], sum.from_first[h]);
  }
  return sum;
}

// Both levels, for one token.
class TokenSum {
 public:
  TokenSum(std::vector<std::vector<Term>> terms, std::size_t columns, DType dtype, const NarrowingRules& rules)
      : terms_(std::move(terms)), columns_(columns), dtype_(dtype), rules_(rules) {}

  TwoStarts separate() const { return evaluate(separately); }
  TwoStarts fused() const {
    return evaluate([](float a, float b, float c) { return fused_multiply_add(a, b, c); });
  }
  // S8: what an element may be when subnormals may be flushed; everything when it may narrow to NaN beside numbers.
  void widen_by_flushing(RowRange& range) const;

 private:
  template <class MultiplyAdd>
  TwoStarts evaluate(MultiplyAdd multiply_add) const;
  bool flush_matters_in(std::size_t column) const;
  Hull partial(std::span<const Term> terms, std::size_t column) const;
  Hull narrowed(const Hull& hull) const;

  std::vector<std::vector<Term>> terms_;  // by accepted PE
  std::size_t columns_;
  DType dtype_;
  NarrowingRules rules_;
};

template <class MultiplyAdd>
TwoStarts TokenSum::evaluate(MultiplyAdd multiply_add) const {
  std::vector<TwoStarts> partials;
  for (const std::vector<Term>& terms : terms_) {
    const TwoStarts sum = weighted_sum(terms, columns_, multiply_add);
    TwoStarts& partial = partials.emplace_back(
        TwoStarts{intranode::stored(sum.from_zero, dtype_, rules_), intranode::stored(sum.from_first, dtype_, rules_)});
    // In a format without NaN what it becomes is implementation defined (3.3): it stays NaN, which leaves out open.
    for (std::size_t h = 0; h < columns_; ++h)
      if (std::isnan(sum.from_zero[h])) partial.from_zero[h] = partial.from_first[h] = sum.from_zero[h];
  }
  return intranode::sum_rows(partials, columns_);
}

bool TokenSum::flush_matters_in(std::size_t column) const {
  float total = 0;
  for (const std::vector<Term>& terms : terms_) {
    float sum = 0, fused = 0;
    for (const Term& term : terms) {
      const float x = term.row[column], product = term.weight * x;
      sum += product;
      fused = fused_multiply_add(term.weight, x, fused);
      const bool vanished = product == 0 && x != 0 && term.weight != 0;
      for (const float value : {x, term.weight, product, sum, fused})
        if (vanished || intranode::flush_matters(value)) return true;
    }
    total += sum;
    if (intranode::flush_matters(total)) return true;
  }
  return false;
}

Hull TokenSum::partial(std::span<const Term> terms, std::size_t column) const {
  const HullArithmetic math(true, true);
  Hull sum = math.product(math.input(terms.front().weight), math.input(terms.front().row[column]));
  for (const Term& term : terms.subspan(1))
    sum = math.add_product(sum, math.input(term.weight), math.input(term.row[column]));
  if (sum.contains(-0.0F)) sum.include(0.0F);
  return sum;
}

Hull TokenSum::narrowed(const Hull& hull) const {
  Hull result;
  result.nan = hull.nan;
  if (!hull.has_number()) return result;
  const std::array ends{hull.lo, hull.hi};
  for (const float end : intranode::stored(ends, dtype_, rules_)) result.include(end);
  // Between ends that overflow to NaN there may be any number.
  if (result.nan && hull.lo != hull.hi) return {-kInfinity, kInfinity, true};
  return result;
}

void TokenSum::widen_by_flushing(RowRange& range) const {
  const HullArithmetic math(false, true);
  for (std::size_t h = 0; h < columns_; ++h) {
    if (terms_.empty() || !flush_matters_in(h)) continue;
    Hull total = narrowed(partial(terms_.front(), h));
    for (std::size_t i = 1; i < terms_.size(); ++i) total = math.sum(total, narrowed(partial(terms_[i], h)));
    if (total.contains(-0.0F)) total.include(0.0F);
    range.set(h, total);
  }
}

// Whether storing x gives this code, NaN as a class.
bool stores(float x, std::uint64_t code, DType dtype, const NarrowingRules& rules) {
  const std::uint32_t stored = encode(dtype, x, Rounding::rint, rules);
  return stored == code ||
         (std::isnan(decode(dtype, stored)) && std::isnan(decode(dtype, static_cast<std::uint32_t>(code))));
}

bool same_bits(float a, float b) { return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); }

// S6. `seen`: the observed tensor [WS, M, H], or null; `first`: the row's first element in it.
RowRange either_way(const TwoStarts& separate, const TwoStarts& fused, const Tensor* seen, std::size_t first,
                    const NarrowingRules& rules) {
  RowRange range = RowRange::of(separate);
  for (std::size_t h = 0; h < separate.from_zero.size(); ++h) {
    const std::array one{separate.from_zero[h], separate.from_first[h]}, other{fused.from_zero[h], fused.from_first[h]};
    if (same_bits(one[0], other[0]) && same_bits(one[1], other[1])) continue;
    if (seen == nullptr) {
      Hull hull;
      for (const float x : {one[0], one[1], other[0], other[1]}) hull.include(Hull::of(x));
      range.set(h, hull);
      continue;
    }
    const std::uint64_t code = seen->bits(static_cast<std::int64_t>(first + h));
    const auto gives = [&](float x) { return stores(x, code, seen->dtype(), rules); };
    if (std::ranges::any_of(one, gives) || std::ranges::none_of(other, gives)) continue;
    range.value[h] = range.hi[h] = other[0];
    range.lo[h] = other[1];
  }
  return range;
}

Result<GoldenMap> evaluate_intranode_combine_std_moe(const StageRequest& request) {
  const Tensor& packed = input(request, "packed_recv_x");
  const auto accepted = Accepted::read(request);
  if (!accepted) return tl::unexpected(accepted.error());
  if (request.options.contains("quant") && request.options.at("quant") != "none")
    return bad_input("option quant={} with StdMoE, expected none (ep-dispatch-combine 1.1)",
                     request.options.at("quant"));
  const auto options = intranode::combine_options(request, packed.dtype());
  if (!options) return tl::unexpected(options.error());
  const std::int64_t columns = packed.shape()[3];
  if (auto checked = intranode::check_row_bytes("packed_recv_x", packed.dtype(), columns); !checked)
    return tl::unexpected(checked.error());
  const auto rows = ExpertRows::read(request, *accepted);
  if (!rows) return tl::unexpected(rows.error());
  const Geometry& geometry = accepted->routing().geometry;
  const Shape shape{geometry.ranks, geometry.max_tokens, columns};
  const auto seen = intranode::observed(request, "out", packed.dtype(), shape);
  if (!seen) return tl::unexpected(seen.error());
  GoldenMap outputs;
  outputs["out"] =
      combine_rows(*accepted, intranode::StoredRows(packed.dtype(), shape, options->narrowing),
                   [&](std::int64_t source, const std::vector<Contribution>& contributions) {
                     std::vector<std::vector<Term>> terms;
                     for (const Contribution& from : contributions) terms.push_back(rows->terms(*accepted, from));
                     const TokenSum sum(std::move(terms), rows->columns(), packed.dtype(), options->narrowing);
                     RowRange range = either_way(sum.separate(), sum.fused(), *seen,
                                                 static_cast<std::size_t>(source * columns), options->narrowing);
                     if (request.profile.flush_subnormals) sum.widen_by_flushing(range);
                     return range;
                   });
  return outputs;
}

std::vector<Port> combine_inputs() {
  std::vector<Port> ports = intranode::routing_inputs();
  ports.push_back({"slot_of", {DType::i32}, {"WS", "R", "K"}});
  ports.push_back({"packed_recv_x", intranode::row_dtypes(), {"WS", "EPR", "E", "H"}});
  ports.push_back({"recv_weights", {DType::f32}, {"WS", "R", "K"}});
  ports.push_back({"cur_tok", {DType::i32}, {"WS"}, true});
  return ports;
}

}  // namespace

Stage intranode_combine_std_moe() {
  return {.name = "intranode_combine_std_moe",
          .clause = "ep-dispatch-combine 1.6",
          .inputs = combine_inputs(),
          .outputs = {{"out", intranode::row_dtypes(), {"WS", "M", "H"}}},
          .parameters = {{"epr"}, {"cap", 0}},
          .options = {"sentinel", "transport", "quant", "wire", "overflow"},
          .evaluate = evaluate_intranode_combine_std_moe,
          .set_valued = true,
          .relations = {RowsRelation{"H"}, PowerOfTwoRelation{{{"recv_weights", 1}}, {{"out", 1}}},
                        PaddingRelation{"tokens", {"indices"}, {"out"}},
                        PaddingRelation{"total_recv", {"src", "slot_of", "recv_weights"}, {}}}};
}

}  // namespace assay::goldens
