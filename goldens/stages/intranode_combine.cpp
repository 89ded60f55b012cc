// Intranode MoE combine without StdMoE (ep-dispatch-combine 1.5, 3.5), all ranks at once. For token t of rank r, with
// (p_j, s_j) its accepted PEs and slots in ascending order of the owning j:
//   out[r, t, :]         = narrow(sum over j of y[p_j, s_j, :])          f32 accumulator, in that order
//   out_weights[r, t, :] = sum over j of recv_weights[p_j, s_j, :]       f32
// The sum is unweighted. Duplicates and refused pairs are left out of both sums, whatever their memory holds (seed bug
// B17 adds a stale weight row for them). Rows from min(m_r, cur_tok) on are stale: open.
//
// Push and zero-copy transports have one answer. Option quant=fp8_direct_cast: each bf16 addend goes through the wire
// format first, so the answer is RN_bf16 of the exact sum of quantised addends. fp8 and fp4 sums are exact in float32.
//
// S4: a sum is -0 only if every addend is -0 and the accumulator starts with the first one; [-0, +0] there, and +0
// everywhere else (seed bug B15). e4m3fnuz has no -0: code 0x80 is NaN. S5: NaN compares as a class. S7: the profile's
// narrowing rules, or option overflow. S8: the profile's flush_subnormals. Everything else is exact.
//
// The weight rows are recv_weights; without them those that dispatch delivered, if its `weights` are given; without
// either there is no output out_weights.
#include "goldens/intranode/combine.h"
#include "goldens/intranode/ports.h"
#include "goldens/stages/registry.h"

namespace assay::goldens {
namespace {

using intranode::Accepted;
using intranode::Contribution;
using intranode::RowRange;
using intranode::RowValues;
using intranode::StoredRows;
using intranode::TwoStarts;

// 1.1: at most ws * M rows; and what the source maps say is in use must be there.
Result<void> check_rows(const Accepted& accepted, std::int64_t rows) {
  const intranode::Geometry& geometry = accepted.routing().geometry;
  if (rows > geometry.sources())
    return bad_input("'y' has {} rows per PE, expected at most ws * M = {} (ep-dispatch-combine 1.1)", rows,
                     geometry.sources());
  for (std::int64_t pe = 0; pe < geometry.ranks; ++pe)
    if (rows < static_cast<std::int64_t>(accepted.count(static_cast<std::size_t>(pe))))
      return bad_input("'y' has {} rows per PE, expected at least total_recv[{}] = {}", rows, pe,
                       accepted.count(static_cast<std::size_t>(pe)));
  return {};
}

TwoStarts addend(std::vector<float> row) { return {row, row}; }

// Rows by PE and slot of a tensor with `rows_per_pe` rows.
GoldenOutput sum_slots(const Accepted& accepted, const RowValues& values, std::size_t rows_per_pe, StoredRows stored,
                       bool flush) {
  return combine_rows(accepted, std::move(stored), [&](std::int64_t, const std::vector<Contribution>& contributions) {
    std::vector<TwoStarts> addends;
    for (const Contribution& from : contributions)
      addends.push_back(addend(values.row(from.pe * rows_per_pe + from.slot)));
    return intranode::summed(addends, values.columns(), flush);
  });
}

// The delivered weights: every PE holds the token's own row.
GoldenOutput sum_delivered(const Accepted& accepted, const RowValues& weights, StoredRows stored, bool flush) {
  return combine_rows(accepted, std::move(stored),
                      [&](std::int64_t source, const std::vector<Contribution>& contributions) {
                        const std::vector<TwoStarts> addends(contributions.size(),
                                                             addend(weights.row(static_cast<std::size_t>(source))));
                        return intranode::summed(addends, weights.columns(), flush);
                      });
}

Result<GoldenMap> evaluate_intranode_combine(const StageRequest& request) {
  const Tensor& y = input(request, "y");
  const auto accepted = Accepted::read(request);
  if (!accepted) return tl::unexpected(accepted.error());
  const auto options = intranode::combine_options(request, y.dtype());
  if (!options) return tl::unexpected(options.error());
  if (auto checked = intranode::check_row_bytes("y", y.dtype(), y.shape()[2]); !checked)
    return tl::unexpected(checked.error());
  if (auto checked = check_rows(*accepted, y.shape()[1]); !checked) return tl::unexpected(checked.error());
  const intranode::Geometry& geometry = accepted->routing().geometry;
  const bool flush = request.profile.flush_subnormals;
  const RowValues rows = options->wire ? RowValues(y, *options->wire, options->wire_rules) : RowValues(y);
  GoldenMap outputs;
  outputs["out"] =
      sum_slots(*accepted, rows, static_cast<std::size_t>(y.shape()[1]),
                StoredRows(y.dtype(), {geometry.ranks, geometry.max_tokens, y.shape()[2]}, options->narrowing), flush);
  const auto weight_rows = [&] {
    return StoredRows(DType::f32, {geometry.ranks, geometry.max_tokens, geometry.top_k}, {});
  };
  if (const Tensor* received = optional_input(request, "recv_weights"))
    outputs["out_weights"] = sum_slots(*accepted, RowValues(*received),
                                       static_cast<std::size_t>(geometry.receive_slots), weight_rows(), flush);
  else if (const Tensor* sent = optional_input(request, "weights"))
    outputs["out_weights"] = sum_delivered(*accepted, RowValues(*sent), weight_rows(), flush);
  return outputs;
}

std::vector<Port> combine_inputs() {
  std::vector<Port> ports = intranode::routing_inputs();
  ports.push_back({"y", intranode::row_dtypes(), {"WS", "N", "H"}});
  ports.push_back({"recv_weights", {DType::f32}, {"WS", "R", "K"}, true});
  ports.push_back({"weights", {DType::f32}, {"WS", "M", "K"}, true});
  ports.push_back({"cur_tok", {DType::i32}, {"WS"}, true});
  return ports;
}

}  // namespace

Stage intranode_combine() {
  return {
      .name = "intranode_combine",
      .clause = "ep-dispatch-combine 1.5",
      .inputs = combine_inputs(),
      .outputs = {{"out", intranode::row_dtypes(), {"WS", "M", "H"}},
                  {"out_weights", {DType::f32}, {"WS", "M", "K"}, true}},
      .parameters = {{"epr"}, {"cap", 0}},
      .options = {"sentinel", "transport", "quant", "wire", "overflow"},
      .evaluate = evaluate_intranode_combine,
      .relations = {RowsRelation{"H"}, PowerOfTwoRelation{{{"recv_weights", 1}, {"weights", 1}}, {{"out_weights", 1}}},
                    PaddingRelation{"tokens", {"indices", "weights"}, {"out", "out_weights"}},
                    PaddingRelation{"total_recv", {"src", "y", "recv_weights"}, {}}}};
}

}  // namespace assay::goldens
