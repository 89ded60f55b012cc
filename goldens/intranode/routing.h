// Which token goes to which PE, and in which receive slot it ends up (ep-dispatch-combine 1.2, 1.3).
//
// Sources: token t of rank r is r * M + t.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "goldens/intranode/geometry.h"

namespace assay::goldens::intranode {

// What the option `sentinel` declares of expert ids outside [0, ws * epr) in the rows that are in use. Nothing is
// assumed: undeclared means reject.
enum class InvalidIds : std::uint8_t {
  drop,       // they go nowhere; their slots are like duplicates
  reject,     // an error
  undefined,  // nothing is known of a call that has any
};

struct Routing {
  Geometry geometry;
  std::vector<std::int64_t> tokens;        // m_r by rank
  std::vector<std::int32_t> ids;           // [source, k], narrowed to int32; zero in rows from m_r on
  std::vector<std::uint8_t> destinations;  // bit p: the source sends to PE p; a PE that several ids hit counts once
  std::vector<std::vector<std::int32_t>> candidates;  // by PE: the sources that send to it, ascending
  bool undefined = false;                             // invalid ids under InvalidIds::undefined

  // The PE of an id, or nothing for one out of range: an unsigned test, so that negative ids are out of range too.
  std::optional<std::int64_t> pe_of(std::int32_t id) const {
    if (static_cast<std::uint32_t>(id) >= static_cast<std::uint32_t>(geometry.experts())) return std::nullopt;
    return id / geometry.experts_per_rank;
  }
  std::span<const std::int32_t> ids_of(std::int64_t source) const {
    const auto k = static_cast<std::size_t>(geometry.top_k);
    return std::span(ids).subspan(static_cast<std::size_t>(source) * k, k);
  }
  const std::vector<std::int32_t>& candidates_of(std::int64_t pe) const {
    return candidates[static_cast<std::size_t>(pe)];
  }
  // n_p = min(|C_p|, R)
  std::int64_t accepted_at(std::int64_t pe) const;
};

// Reads `indices` [WS, M, K] i32 or i64, `tokens` [WS] i32 (m_r), the option `sentinel` (drop, reject, undefined) and
// the geometry. Errors: tokens outside [0, M], ids beyond int32 (narrowing would alias another id), invalid ids under
// reject.
Result<Routing> read_routing(const StageRequest& request);

// The sources that one PE accepted, by slot.
struct Arrivals {
  std::vector<std::int32_t> sources;  // n_p
  // Whether this is the one answer: a source map was there to choose it, or there is no more than one candidate.
  // Otherwise it is the first choice among several: the least n_p candidates, ascending.
  bool known = false;
};

// Why `sources`, what a PE says of its first n_p slots, is no legal source map; nothing where it is one: candidates of
// this PE, each at most once.
std::optional<std::string> check_sources(const Routing& routing, std::int64_t pe,
                                         std::span<const std::int32_t> sources);

// By PE. `source_map` [WS, R] i32 is taken at the PEs where it is legal; elsewhere, and when it is null, the first
// choice.
std::vector<Arrivals> arrivals(const Routing& routing, const Tensor* source_map);

}  // namespace assay::goldens::intranode
