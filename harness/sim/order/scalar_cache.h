// The scalar data cache of one core: lines of global memory that scalar loads and stores work on, coherent with nobody
// until written back and invalidated (cmo.cacheinvalid) and fenced (fence.barrier_all). pto-isa.md 2.5, seed bug B02.
//
// Decided where the ISA is silent:
// - A line is written back by cmo.cacheinvalid only, never by luck, and only the bytes the core stored: cores may write
//   words of one line.
// - Between cmo.cacheinvalid and the fence the bytes are on their way: the core itself sees them, nobody else does.
//   They arrive with the end of the run at the latest.
// - A task's stores that were not written back when it ended reach nobody, not even a later task on the same core.
// - Clean lines stay; a core keeps at most kMostLines of them.
// - A cache is no memory: a core keeps at most `most_stored` lines with stores. Beyond that its oldest ones go to
// memory,
//   as they do on a device; that they were never written back is reported all the same, but memory shows the new bytes.
// - A flag made by hand needs both ends: the writer stores, invalidates and fences; the reader invalidates the line and
//   loads. Such a load is ordered after the fence whose value it sees, and no later store races with it (a reader
//   polls). Any other load is an ordinary access.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "harness/pto/ir.h"
#include "harness/sim/order/clock.h"

namespace assay::sim {

class GlobalTensor;  // one tensor of the run, see global_memory.h

// Agents that run in one thread: all of them, or those of one of many blocks that run independently.
struct RunUnit {
  std::uint32_t launch = 0;
  std::int64_t block = -1;
  bool runs_beside(RunUnit other) const { return launch == other.launch && block != other.block; }
};

struct ScalarStore {
  const pto::Operation* op = nullptr;
  const pto::Function* function = nullptr;
  RunUnit unit;
};

class ScalarCache {
 public:
  static constexpr std::size_t kMostLines = 1024;

  explicit ScalarCache(std::size_t most_stored) : most_stored_(most_stored) {}
  void start(RunUnit unit);  // a task begins on the core

  struct Loaded {
    std::uint64_t bits = 0;
    // Memory has been written by someone else since the line was filled, or another core holds a newer value that it
    // has not written back; the bits are then the old ones.
    std::optional<ScalarStore> stale;
    bool own = false;                       // stored by this core and not written back
    bool polls = false;                     // the line was filled after the core invalidated it
    std::shared_ptr<const Clock> released;  // of the fence whose value this is
  };
  Loaded load(GlobalTensor& tensor, std::int64_t offset, std::int64_t width);
  void store(GlobalTensor& tensor, std::int64_t offset, std::int64_t width, std::uint64_t bits,
             const pto::Operation& op, const pto::Function& function);
  // Writes back and drops the lines of [begin, end).
  void clean_and_invalidate(GlobalTensor& tensor, std::int64_t begin, std::int64_t end);
  void clean_and_invalidate_all();
  // What was written back arrives; `seen`: what the core had done and seen.
  void fence(const Clock& seen);
  void finish();  // of the run

 private:
  struct Line {
    std::vector<std::byte> data;
    std::uint64_t dirty = 0;
    ScalarStore by;  // the last store
    bool polled = false;
  };
  using Key = std::pair<GlobalTensor*, std::int64_t>;
  struct ByTensor {
    bool operator()(const Key& a, const Key& b) const;
  };
  using Lines = std::map<Key, Line, ByTensor>;

  Line& fill(GlobalTensor& tensor, std::int64_t line);
  Lines::iterator drop(Lines::iterator at);
  void spill(const Key& key, const Line& line);  // its stores go to memory
  void arrive(std::shared_ptr<const Clock> released);

  std::size_t most_stored_;
  RunUnit unit_;
  Lines lines_, arriving_;
  std::deque<Key> filled_;                 // clean lines leave in the order they came
  std::deque<Key> stored_;                 // those that had been stored to when their turn came
  std::set<Key, ByTensor> cleaned_pages_;  // with lines on their way
  std::set<Key, ByTensor> invalidated_;
  bool invalidated_all_ = false;
  std::set<GlobalTensor*> dirtied_;  // by this task
};

}  // namespace assay::sim
