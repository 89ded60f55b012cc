// One access to memory and when it is ordered after another one: the rules of the happens-before checker.
#pragma once

#include <cstdint>
#include <string_view>

#include "harness/pto/ir.h"
#include "harness/sim/order/clock.h"

namespace assay::sim {

// Two atomics never conflict. `test`: a wait or test of a signal, made to meet notifies (atomics): it conflicts with
// plain writes only.
enum class AccessKind : std::uint8_t { read, write, atomic, test };
constexpr bool writes(AccessKind kind) { return kind == AccessKind::write || kind == AccessKind::atomic; }

struct Access {
  AccessKind kind = AccessKind::read;
  // On an overlapping pipe every operation has a time of its own; elsewhere operations may share one until the actor's
  // clock is released.
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

struct Ordering {
  const Clock& clock;     // of the later access
  bool overlapping_pipe;  // Profile::overlapping_pipes has the later access's pipe
};

constexpr bool may_conflict(AccessKind a, AccessKind b) {
  if (a == AccessKind::write || b == AccessKind::write) return true;
  return (a == AccessKind::atomic && b == AccessKind::read) || (a == AccessKind::read && b == AccessKind::atomic);
}

// Whether the later access comes after the earlier one: its clock covers it, or both are the same actor's and its
// operations complete in order, or the earlier one only reads (operands are read in the order of issue), or they belong
// to one operation.
inline bool is_ordered(AccessKind earlier, Epoch at, const Access& later, const Ordering& ordering) {
  if (at.actor == later.epoch.actor &&
      (!ordering.overlapping_pipe || !writes(earlier) || at.time == later.epoch.time))
    return true;
  return ordering.clock.covers(at);
}
inline bool is_ordered(const Access& earlier, const Access& later, const Ordering& ordering) {
  return is_ordered(earlier.kind, earlier.epoch, later, ordering);
}

// Whether whatever conflicts with an access of the first kind also conflicts with one of the second.
constexpr bool is_covered_by(AccessKind first, AccessKind second) {
  return first == second || first == AccessKind::test || second == AccessKind::write;
}

}  // namespace assay::sim
