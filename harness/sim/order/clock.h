// Who has seen what: vector clocks over the pipes of all cores of a run. An actor is one pipe of one core; its time counts
// the operations it has executed. Sparse: cores that never met one another cost each other nothing.
#pragma once

#include <cstdint>

namespace assay::sim {

using ActorId = std::uint32_t;  // core * pto::kPipes + pipe

struct Epoch {
  ActorId actor = 0;
  std::uint64_t time = 0;
};

class Clock {
 public:
  // Latest operation of the actor known to have completed; 0 for none.
  std::uint64_t of(ActorId actor) const;
  bool covers(Epoch epoch) const { return of(epoch.actor) >= epoch.time; }
  void advance(Epoch epoch);  // of(epoch.actor) becomes at least epoch.time
  void join(const Clock& other);
};

}  // namespace assay::sim
