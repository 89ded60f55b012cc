#include "goldens/intranode/buckets.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "goldens/parallel.h"

namespace assay::goldens::intranode {
namespace {

// Pairs by local expert, ascending by slot, then by j.
std::vector<std::vector<Entry>> pairs(const Routing& routing, std::int64_t pe, std::span<const std::int32_t> sources) {
  std::vector<std::vector<Entry>> result(static_cast<std::size_t>(routing.geometry.experts_per_rank));
  for (std::size_t slot = 0; slot < sources.size(); ++slot) {
    const auto ids = routing.ids_of(sources[slot]);
    for (std::size_t j = 0; j < ids.size(); ++j)
      if (const std::int64_t expert = local_expert(routing.geometry, ids[j], pe); expert >= 0)
        result[static_cast<std::size_t>(expert)].push_back(
            {sources[slot], static_cast<std::int32_t>(slot), static_cast<std::int32_t>(j)});
  }
  return result;
}

// How many pairs a bucket has at least and at most, when any `accepted` of `candidates` sources are taken and some of
// them have pairs: `possible`, with repetition, ascending.
void bound_count(std::span<const Entry> possible, std::size_t candidates, std::size_t accepted, Bucket& bucket) {
  std::vector<std::int32_t> multiplicity;
  for (const Entry& entry : possible) {
    if (bucket.possible.empty() || bucket.possible.back() != entry.source) {
      bucket.possible.push_back(entry.source);
      multiplicity.push_back(0);
    }
    ++multiplicity.back();
  }
  multiplicity.resize(candidates, 0);
  std::ranges::sort(multiplicity);
  const auto taken = static_cast<std::ptrdiff_t>(accepted);
  bucket.least = std::accumulate(multiplicity.begin(), multiplicity.begin() + taken, 0);
  bucket.most = std::accumulate(multiplicity.end() - taken, multiplicity.end(), 0);
}

// The entries in the observed order, or nothing where that is not legal.
std::vector<Entry> reordered(std::span<const Entry> entries, std::span<const std::int32_t> order) {
  std::vector<std::size_t> by_source(entries.size()), by_position(entries.size());
  std::iota(by_source.begin(), by_source.end(), 0);
  std::iota(by_position.begin(), by_position.end(), 0);
  std::ranges::stable_sort(by_source, {}, [&](std::size_t i) { return entries[i].source; });
  std::ranges::stable_sort(by_position, {}, [&](std::size_t q) { return order[q]; });
  std::vector<Entry> result(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[by_source[i]].source != order[by_position[i]]) return {};
    result[by_position[i]] = entries[by_source[i]];
  }
  return result;
}

// Exchanges the entries of one source as the observed slot_of has them, where it is such an exchange.
void assign_positions(std::vector<Entry>& entries, std::span<const std::int32_t> slot_of, std::int64_t top_k,
                      std::int64_t first_row) {
  std::vector<Entry> result(entries.size());
  std::vector<std::uint8_t> taken(entries.size());
  for (const Entry& entry : entries) {
    const std::int64_t row = slot_of[static_cast<std::size_t>(entry.slot * top_k + entry.j)];
    const auto position = static_cast<std::size_t>(row - first_row);
    if (position >= entries.size() || taken[position] || entries[position].source != entry.source) return;
    taken[position] = 1;
    result[position] = entry;
  }
  entries = std::move(result);
}

std::span<const std::int32_t> slice(const Tensor& tensor, std::int64_t index, std::int64_t size) {
  return tensor.as<std::int32_t>().subspan(static_cast<std::size_t>(index * size), static_cast<std::size_t>(size));
}

// Orders a bucket whose entries are known, ascending by slot.
void order_bucket(const Routing& routing, std::int64_t pe, std::int64_t expert, const ObservedBuckets& observed,
                  Bucket& bucket) {
  const Geometry& geometry = routing.geometry;
  bucket.least = bucket.most = static_cast<std::int32_t>(bucket.entries.size());
  bucket.known = observed.src_info != nullptr || bucket.possible.size() <= 1;
  const bool fits = bucket.least <= bucket_rows(geometry);
  if (observed.src_info != nullptr && fits) {
    const std::int64_t index = pe * geometry.experts_per_rank + expert;
    const auto order = slice(*observed.src_info, index, bucket_rows(geometry)).first(bucket.entries.size());
    if (std::vector<Entry> entries = reordered(bucket.entries, order); !entries.empty())
      bucket.entries = std::move(entries);
  }
  bucket.positions_known = bucket.known && observed.slot_of != nullptr;
  if (bucket.positions_known)
    assign_positions(bucket.entries, slice(*observed.slot_of, pe, geometry.receive_slots * geometry.top_k),
                     geometry.top_k, expert * bucket_rows(geometry));
}

std::vector<Bucket> buckets_of(const Routing& routing, std::int64_t pe, const Arrivals& arrived,
                               const ObservedBuckets& observed) {
  auto entries = pairs(routing, pe, arrived.sources);
  const std::vector<std::int32_t>& candidates = routing.candidates_of(pe);
  const auto possible = arrived.known ? entries : pairs(routing, pe, candidates);
  std::vector<Bucket> buckets(entries.size());
  for (std::size_t expert = 0; expert < buckets.size(); ++expert) {
    Bucket& bucket = buckets[expert];
    bucket.entries = std::move(entries[expert]);
    bound_count(possible[expert], candidates.size(), arrived.sources.size(), bucket);
    if (arrived.known) order_bucket(routing, pe, static_cast<std::int64_t>(expert), observed, bucket);
  }
  return buckets;
}

}  // namespace

std::vector<std::uint8_t> Bucket::repeated() const {
  std::vector<std::uint8_t> result(entries.size());
  if (possible.size() == entries.size()) return result;
  std::vector<std::size_t> by_source(entries.size());
  std::iota(by_source.begin(), by_source.end(), 0);
  std::ranges::sort(by_source, {}, [&](std::size_t position) { return entries[position].source; });
  for (std::size_t i = 1; i < by_source.size(); ++i)
    if (entries[by_source[i]].source == entries[by_source[i - 1]].source)
      result[by_source[i]] = result[by_source[i - 1]] = 1;
  return result;
}

Buckets fill_buckets(const Routing& routing, const std::vector<Arrivals>& arrived, const ObservedBuckets& observed) {
  Buckets result(arrived.size());
  parallel_for(arrived.size(), [&](std::size_t pe) {
    result[pe] = buckets_of(routing, static_cast<std::int64_t>(pe), arrived[pe], observed);
  });
  return result;
}

}  // namespace assay::goldens::intranode
