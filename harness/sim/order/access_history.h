// Which operations touched which bytes, as far as a later operation may still conflict with them: the happens-before
// checker's memory. Exact in bytes. One LocalHistory per on-chip memory of a core, one GlobalHistory per tensor.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "harness/pto/ir.h"
#include "harness/sim/order/clock.h"
#include "harness/sim/values.h"

namespace assay::sim {

enum class AccessKind : std::uint8_t { read, write, atomic };  // two atomics never conflict

struct Access {
  AccessKind kind = AccessKind::read;
  Epoch epoch;
  const pto::Operation* op = nullptr;
  const pto::Function* function = nullptr;
};

// Two accesses to a common byte, not both reads, that nothing orders. Rule: "race-raw" (the later one reads),
// "race-war" (the earlier one read), "race-waw".
struct Conflict {
  Access earlier;
  std::int64_t begin = 0, end = 0;  // first run of common bytes
};
std::string_view rule_of(const Conflict& conflict, const Access& later);

// Whether the later access comes after the earlier one: its clock covers it, or both are the same actor's and its
// operations complete in order, or the earlier one only reads (operands are read in the order of issue).
struct Ordering {
  const Clock& clock;     // of the later access
  bool overlapping_pipe;  // Profile::overlapping_pipes has the later access's pipe
};
bool is_ordered(const Access& earlier, const Access& later, const Ordering& ordering);

class LocalHistory {
 public:
  void clear();
  // The leading rows x cols of the tile. Records the access and returns the first conflict with an earlier one.
  std::optional<Conflict> access(const Access& access, const Tile& tile, std::int64_t rows, std::int64_t cols,
                                 const Ordering& ordering);
};

class GlobalHistory {
 public:
  // Bytes [begin, end) of the tensor.
  std::optional<Conflict> access(const Access& access, std::int64_t begin, std::int64_t end, const Ordering& ordering);
  // Accesses of two histories whose actors nothing orders (blocks that ran independently): the first conflict, in byte
  // order. `merge` then takes the other's accesses over.
  std::optional<std::pair<Access, Conflict>> conflict_with(const GlobalHistory& other) const;
  void merge(GlobalHistory&& other);
};

}  // namespace assay::sim
