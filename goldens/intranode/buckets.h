// The expert-major layout of StdMoE: per expert of a PE one bucket of E = ws * M rows (ep-dispatch-combine 1.4).
#pragma once

#include <cstdint>
#include <vector>

#include "goldens/intranode/routing.h"

namespace assay::goldens::intranode {

// A pair (s, j) whose expert is local: slot s of the PE holds `source`, whose j-th id is the bucket's expert.
struct Entry {
  std::int32_t source = 0;
  std::int32_t slot = 0, j = 0;
};

struct Bucket {
  std::vector<Entry> entries;  // by position
  // Whether the sources by position are the one answer: an observation was there to choose it, or all are one source.
  bool known = false;
  // The same of which position belongs to which j, where a source has several.
  bool positions_known = false;
  // What the bucket may hold, each source once, and how many entries at least and at most: while the PE's arrivals are
  // not known, over every set that it may accept.
  std::vector<std::int32_t> possible;
  std::int32_t least = 0, most = 0;

  // By position, whether another entry has the same source. Of a bucket whose PE's arrivals are known.
  std::vector<std::uint8_t> repeated() const;
};

// What a subject said of its buckets; null where it said nothing.
struct ObservedBuckets {
  const Tensor* src_info = nullptr;  // [WS, epr, E] i32
  const Tensor* slot_of = nullptr;   // [WS, R, K] i32
};

// [PE][local expert]. Positions are the observed ones where they are legal: the first count entries of the bucket's
// src_info are the sources of its pairs, each as often. Otherwise ascending by slot, then by j.
using Buckets = std::vector<std::vector<Bucket>>;
Buckets fill_buckets(const Routing& routing, const std::vector<Arrivals>& arrived, const ObservedBuckets& observed);

// E
inline std::int64_t bucket_rows(const Geometry& geometry) { return geometry.sources(); }

// The local expert of an id at a PE, or -1: an unsigned test, so that ids below the PE's are foreign too.
inline std::int64_t local_expert(const Geometry& geometry, std::int32_t id, std::int64_t pe) {
  const std::int64_t local = std::int64_t{id} - pe * geometry.experts_per_rank;
  const bool is_local = static_cast<std::uint64_t>(local) < static_cast<std::uint64_t>(geometry.experts_per_rank);
  return is_local ? local : -1;
}

}  // namespace assay::goldens::intranode
