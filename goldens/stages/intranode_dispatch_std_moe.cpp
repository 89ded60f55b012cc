// Intranode MoE dispatch with StdMoE (ep-dispatch-combine 1.4): what intranode_dispatch gives, and the accepted rows
// once more, expert-major. Per PE and local expert one bucket of E = ws * M rows, whatever the cap:
//   packed_recv_x[p, e, q, :]    the row of the q-th pair (s, j) with idx[s, j] = e
//   packed_recv_src_info[p, e, q] its source
//   packed_recv_count[p, e]      how many pairs
//   slot_of[p, s, j]             e * E + q (e local), -1 for foreign and invalid ids
//
// Set-valued as intranode_dispatch, and in the position of pairs inside a bucket (S3), read off the observed
// packed_recv_src_info, bucket by bucket. Without observation positions ascend by slot, and what another order could
// change is open; packed_recv_count is then the interval of counts over all sets a PE may accept. Rows of a bucket from
// its count on, and slots from n_p on, are stale: open.
//
// Precondition of 1.4: an id occurs at most once per token. Option repeated_ids=reject (default) makes a repetition an
// error; with allow it takes one row per occurrence, and an error says which bucket overflows or could.
#include <algorithm>
#include <array>
#include <limits>

#include "goldens/intranode/buckets.h"
#include "goldens/intranode/ports.h"
#include "goldens/intranode/received.h"
#include "goldens/parallel.h"
#include "goldens/stages/registry.h"
#include "goldens/stages/support.h"

namespace assay::goldens {
namespace {

using intranode::Bucket;
using intranode::bucket_rows;
using intranode::Buckets;
using intranode::Dispatched;
using intranode::Geometry;
using intranode::Routing;
using intranode::SourceRows;

constexpr std::array<std::string_view, 2> kRepeatedIds{"reject", "allow"};
constexpr std::int64_t kMostElements = std::int64_t{1} << 31;  // of packed_recv_x

Result<void> check_repeated_ids(const StageRequest& request, const Routing& routing) {
  const auto repeated = option(request, "repeated_ids", "reject", kRepeatedIds);
  if (!repeated) return tl::unexpected(repeated.error());
  if (*repeated == "allow") return {};
  for (const auto& candidates : routing.candidates)
    for (const std::int32_t source : candidates) {
      std::vector<std::int32_t> ids;
      for (const std::int32_t id : routing.ids_of(source))
        if (routing.pe_of(id)) ids.push_back(id);
      std::ranges::sort(ids);
      const auto twice = std::ranges::adjacent_find(ids);
      if (twice != ids.end())
        return bad_input(
            "indices[{}, {}] has expert {} twice, which StdMoE does not provide for; option "
            "repeated_ids=allow declares one row per occurrence (ep-dispatch-combine 1.4)",
            source / routing.geometry.max_tokens, source % routing.geometry.max_tokens, *twice);
    }
  return {};
}

Result<void> check_size(const Geometry& geometry, std::int64_t columns) {
  const std::int64_t rows = geometry.experts() * bucket_rows(geometry);  // both below 2^31
  const std::int64_t rows_of_pe = geometry.experts_per_rank * bucket_rows(geometry);
  if (rows <= kMostElements / columns && rows_of_pe <= std::numeric_limits<std::int32_t>::max()) return {};
  return bad_input("epr = {} gives packed_recv_x {} rows of {} elements, expected at most {} elements",
                   geometry.experts_per_rank, rows, columns, kMostElements);
}

Result<void> check_overflow(const Geometry& geometry, const Buckets& buckets) {
  for (std::size_t pe = 0; pe < buckets.size(); ++pe)
    for (std::size_t expert = 0; expert < buckets[pe].size(); ++expert)
      if (buckets[pe][expert].most > bucket_rows(geometry))
        return bad_input(
            "the bucket of expert {} of PE {} gets up to {} rows, expected at most E = {} "
            "(ep-dispatch-combine 1.4)",
            expert, pe, buckets[pe][expert].most, bucket_rows(geometry));
  return {};
}

std::vector<std::uint8_t> all_open(const Tensor& value) {
  return std::vector<std::uint8_t>(static_cast<std::size_t>(value.size()), 1);
}

GoldenOutput with_open(Tensor value, std::vector<std::uint8_t> open) {
  GoldenOutput result = determined(std::move(value));
  result.open = std::move(open);
  return result;
}

GoldenOutput bucket_counts(const Geometry& geometry, const Buckets& buckets) {
  const Shape shape{geometry.ranks, geometry.experts_per_rank};
  GoldenOutput result = determined(Tensor(DType::i32, shape));
  std::size_t at = 0;
  for (const auto& of_pe : buckets)
    for (const Bucket& bucket : of_pe) {
      result.value.as<std::int32_t>()[at] = static_cast<std::int32_t>(bucket.entries.size());
      result.lo.as<std::int32_t>()[at] = bucket.least;
      result.hi.as<std::int32_t>()[at++] = bucket.most;
    }
  return result;
}

// One row per entry of `rows` by source: packed_recv_x, and packed_recv_src_info of rows that are their own number.
GoldenOutput packed_rows(const Geometry& geometry, const Buckets& buckets, const SourceRows& rows, Shape shape) {
  Tensor value(rows.dtype, std::move(shape));
  std::vector<std::uint8_t> open = all_open(value);
  const auto experts = static_cast<std::size_t>(geometry.experts_per_rank),
             columns = static_cast<std::size_t>(rows.columns);
  parallel_for(buckets.size() * experts, [&](std::size_t index) {
    const Bucket& bucket = buckets[index / experts][index % experts];
    const std::size_t first = index * static_cast<std::size_t>(bucket_rows(geometry));
    const std::vector<std::uint8_t> mask =
        bucket.known ? std::vector<std::uint8_t>(columns) : differing(rows, bucket.possible);
    for (std::size_t q = 0; q < bucket.entries.size(); ++q) {
      const auto row = rows.row(bucket.entries[q].source);
      std::ranges::copy(row, value.bytes().begin() + static_cast<std::ptrdiff_t>((first + q) * row.size()));
      if (static_cast<std::int64_t>(q) < bucket.least)
        std::ranges::copy(mask, open.begin() + static_cast<std::ptrdiff_t>((first + q) * columns));
    }
  });
  return with_open(std::move(value), std::move(open));
}

GoldenOutput packed_sources(const Geometry& geometry, const Buckets& buckets) {
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(geometry.sources()));
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::int32_t>(i);
  return packed_rows(geometry, buckets, {DType::i32, 1, std::as_bytes(std::span(numbers))},
                     {geometry.ranks, geometry.experts_per_rank, bucket_rows(geometry)});
}

// -1 where slot and column are in use and the id is foreign; open where some source that the slot may hold has a local
// one there, until the buckets say more.
void mark_foreign(const Dispatched& dispatched, std::size_t pe, std::span<std::int32_t> rows,
                  std::span<std::uint8_t> open) {
  const Routing& routing = dispatched.routing;
  const auto& arrived = dispatched.arrived[pe];
  const auto top_k = static_cast<std::size_t>(routing.geometry.top_k);
  const auto is_local = [&](std::int32_t source, std::size_t j) {
    return local_expert(routing.geometry, routing.ids_of(source)[j], static_cast<std::int64_t>(pe)) >= 0;
  };
  for (std::size_t j = 0; j < top_k; ++j) {
    const bool maybe_local =
        !arrived.known && std::ranges::any_of(routing.candidates[pe], [&](std::int32_t c) { return is_local(c, j); });
    for (std::size_t slot = 0; slot < arrived.sources.size(); ++slot) {
      rows[slot * top_k + j] = -1;
      open[slot * top_k + j] = maybe_local || is_local(arrived.sources[slot], j);
    }
  }
}

GoldenOutput slot_rows(const Dispatched& dispatched, const Buckets& buckets) {
  const Geometry& geometry = dispatched.routing.geometry;
  Tensor value(DType::i32, {geometry.ranks, geometry.receive_slots, geometry.top_k});
  std::vector<std::uint8_t> open = all_open(value);
  const auto size = static_cast<std::size_t>(geometry.receive_slots * geometry.top_k);
  for (std::size_t pe = 0; pe < buckets.size(); ++pe) {
    const auto rows = value.as<std::int32_t>().subspan(pe * size, size);
    const auto mask = std::span(open).subspan(pe * size, size);
    mark_foreign(dispatched, pe, rows, mask);
    for (std::size_t expert = 0; expert < buckets[pe].size(); ++expert) {
      const Bucket& bucket = buckets[pe][expert];
      const bool known = bucket.known && dispatched.arrived[pe].known;
      const std::vector<std::uint8_t> repeated = known ? bucket.repeated() : std::vector<std::uint8_t>{};
      for (std::size_t q = 0; q < bucket.entries.size(); ++q) {
        const auto at = static_cast<std::size_t>(bucket.entries[q].slot * geometry.top_k + bucket.entries[q].j);
        rows[at] = static_cast<std::int32_t>(static_cast<std::int64_t>(expert) * bucket_rows(geometry) +
                                             static_cast<std::int64_t>(q));
        if (known) mask[at] = !bucket.positions_known && repeated[q] != 0;
      }
    }
  }
  return with_open(std::move(value), std::move(open));
}

Result<intranode::ObservedBuckets> observed_buckets(const StageRequest& request, const Geometry& geometry) {
  const Shape buckets{geometry.ranks, geometry.experts_per_rank, bucket_rows(geometry)},
      slots{geometry.ranks, geometry.receive_slots, geometry.top_k};
  const auto src_info = intranode::observed(request, "packed_recv_src_info", DType::i32, buckets);
  if (!src_info) return tl::unexpected(src_info.error());
  const auto slot_of = intranode::observed(request, "slot_of", DType::i32, slots);
  if (!slot_of) return tl::unexpected(slot_of.error());
  return intranode::ObservedBuckets{*src_info, *slot_of};
}

Result<GoldenMap> evaluate_intranode_dispatch_std_moe(const StageRequest& request) {
  const Tensor& x = input(request, "x");
  auto dispatched = intranode::dispatch(request);
  if (!dispatched) return tl::unexpected(dispatched.error());
  const Routing& routing = dispatched->routing;
  const Geometry& geometry = routing.geometry;
  if (auto checked = check_size(geometry, x.shape()[2]); !checked) return tl::unexpected(checked.error());
  if (auto checked = check_repeated_ids(request, routing); !checked) return tl::unexpected(checked.error());
  const auto observed = observed_buckets(request, geometry);
  if (!observed) return tl::unexpected(observed.error());
  const Buckets buckets = fill_buckets(routing, dispatched->arrived, *observed);
  if (auto checked = check_overflow(geometry, buckets); !checked) return tl::unexpected(checked.error());
  GoldenMap outputs = std::move(dispatched->outputs);
  outputs["packed_recv_count"] = bucket_counts(geometry, buckets);
  outputs["packed_recv_src_info"] = packed_sources(geometry, buckets);
  outputs["packed_recv_x"] =
      packed_rows(geometry, buckets, SourceRows::of(x),
                  {geometry.ranks, geometry.experts_per_rank, bucket_rows(geometry), x.shape()[2]});
  outputs["slot_of"] = slot_rows(*dispatched, buckets);
  if (routing.undefined)
    for (auto& [name, output] : outputs) std::ranges::fill(output.open, std::uint8_t{1});
  return outputs;
}

std::vector<Port> packed_outputs() {
  std::vector<Port> ports = intranode::dispatch_outputs();
  ports.push_back({"packed_recv_x", intranode::row_dtypes(), {"WS", "EPR", "E", "H"}});
  ports.push_back({"packed_recv_src_info", {DType::i32}, {"WS", "EPR", "E"}});
  ports.push_back({"packed_recv_count", {DType::i32}, {"WS", "EPR"}});
  ports.push_back({"slot_of", {DType::i32}, {"WS", "R", "K"}});
  return ports;
}

}  // namespace

Stage intranode_dispatch_std_moe() {
  return {.name = "intranode_dispatch_std_moe",
          .clause = "ep-dispatch-combine 1.4",
          .inputs = intranode::dispatch_inputs(),
          .outputs = packed_outputs(),
          .parameters = intranode::dispatch_parameters(),
          .options = {"sentinel", "repeated_ids"},
          .evaluate = evaluate_intranode_dispatch_std_moe,
          .set_valued = true,
          .relations = intranode::dispatch_relations()};
}

}  // namespace assay::goldens
