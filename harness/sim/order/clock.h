// Who has seen what: vector clocks over the pipes of all cores of a run. An actor is one pipe of one core. Its time may
// count its operations or only the releases of its clock (operations between two releases are the same to everybody
// else); the coarser, the smaller the histories of accesses.
//
// Sparse and shared: a core's own pipes stand in the clock itself, so that flags within a core copy a few words; what
// is known of other cores is an immutable tree, and all cores that passed a barrier together share one.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "harness/pto/pipe.h"

namespace assay::sim {

using ActorId = std::uint32_t;  // core * pto::kPipes + pipe

struct Epoch {
  ActorId actor = 0;
  std::uint64_t time = 0;
};

class Clock {
 public:
  // Latest operation of the actor known to have completed; 0 for none.
  std::uint64_t of(ActorId actor) const {
    const std::uint32_t core = actor / pto::kPipes;
    if (core == home_) return times_[actor % pto::kPipes];
    return rest_.tree ? elsewhere(core, actor % pto::kPipes) : 0;
  }
  bool covers(Epoch epoch) const { return of(epoch.actor) >= epoch.time; }
  void advance(Epoch epoch);  // of(epoch.actor) becomes at least epoch.time
  void join(const Clock& other);

  using Times = std::array<std::uint64_t, pto::kPipes>;
  // Times of the cores below 16^height; inner nodes have 16 children, leaves are Times. Never changes once shared.
  struct Tree {
    std::shared_ptr<const void> tree;
    unsigned height = 0;
  };

 private:
  static constexpr std::uint32_t kNoCore = ~std::uint32_t{0};

  std::uint64_t elsewhere(std::uint32_t core, std::size_t pipe) const;
  void learn(std::uint32_t core, const Times& times);

  std::uint32_t home_ = kNoCore;  // the core whose times stand here; `rest_` may know older ones of it
  Times times_{};
  Tree rest_;
  std::shared_ptr<const void> absorbed_;  // a tree that is part of rest_: joining it again changes nothing
};

}  // namespace assay::sim
