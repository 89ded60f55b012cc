// The tensors of a run as the machine sees them: owner, windows, definedness per byte, the history of accesses, and
// which lines stand in scalar caches.
//
// Blocks that run independently do so on several threads. What they tell one another through the scalar caches' lines
// would depend on time, so none of them sees it of another; the tasks after them see it of all.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "harness/core/tensor.h"
#include "harness/device/backend.h"
#include "harness/sim/bits.h"
#include "harness/sim/order/access_history.h"
#include "harness/sim/order/scalar_cache.h"

namespace assay::sim {

class GlobalTensor {
 public:
  GlobalTensor(std::size_t index, Tensor& tensor, device::Placement placement, std::int64_t line_bytes);

  std::size_t index() const { return index_; }  // within the run
  std::byte* bytes() { return tensor_.bytes().data(); }
  std::int64_t size_bytes() const { return static_cast<std::int64_t>(tensor_.bytes().size()); }
  const device::Placement& placement() const { return placement_; }
  // The bytes between its guards. Findings count from the first of them.
  std::int64_t begin() const { return placement_.front; }
  std::int64_t end() const { return size_bytes() - placement_.back; }

  // Whether some launch of the run can write it; tensors that nobody writes need no history and no cache.
  bool is_written() const { return written_; }
  void set_written() { written_ = true; }

  // Definedness, where Placement::undefined asks for it.
  bool tracks_definedness() const { return !defined_.empty(); }
  std::int64_t first_undefined(std::int64_t begin, std::int64_t end) const;  // -1: all defined
  std::int64_t undefined_bytes(std::int64_t begin, std::int64_t end) const;
  void define(std::int64_t begin, std::int64_t end);

  // ---- lines in scalar caches
  std::int64_t line_bytes() const { return line_bytes_; }
  bool has_lines() const { return has_lines_.load(std::memory_order_acquire); }
  void add_holder(const ScalarCache* cache, std::int64_t line);
  void drop_holder(const ScalarCache* cache, std::int64_t line);
  // The cache has a newer value of the bytes.
  void set_dirty(const ScalarCache* cache, std::int64_t begin, std::int64_t end, const ScalarStore& store);
  void clear_dirty(const ScalarCache* cache, std::int64_t line);
  // A store to [begin, end) that a cache other than this one has not written back.
  std::optional<ScalarStore> dirty(std::int64_t begin, std::int64_t end, const ScalarCache* except, RunUnit reader);
  // A write to memory that this cache's copy of [begin, end) does not know.
  std::optional<ScalarStore> outdated(std::int64_t begin, std::int64_t end, const ScalarCache* cache, RunUnit reader);
  // Memory has new bytes. `released`: what the core had done that wrote them back and fenced.
  void overwrite(std::int64_t begin, std::int64_t end, const ScalarStore& by, const ScalarCache* except,
                 std::shared_ptr<const Clock> released = nullptr);
  std::shared_ptr<const Clock> released(std::int64_t begin, std::int64_t end);
  // Calls visit(begin of the first byte, end, store) for what no cache ever wrote back, in order of addresses.
  template <class Visitor>
  void for_each_dirty(const Visitor& visit) const {
    for (const auto& [line, state] : lines_)
      for (const Dirty& dirty : state.dirty)
        visit(line * line_bytes_ + std::countr_zero(dirty.bytes),
              line * line_bytes_ + 64 - std::countl_zero(dirty.bytes), dirty.by);
  }

 private:
  struct Dirty {
    const ScalarCache* cache;
    std::uint64_t bytes;
    ScalarStore by;
  };
  struct Holder {
    const ScalarCache* cache;
    std::uint64_t outdated;
    ScalarStore by;
  };
  struct Release {
    std::uint64_t bytes;
    std::shared_ptr<const Clock> clock;
  };
  struct Line {
    std::vector<Dirty> dirty;
    std::vector<Holder> holders;
    std::vector<Release> released;
  };
  template <class Visitor>
  void for_each_line(std::int64_t begin, std::int64_t end, const Visitor& visit);
  Line& line(std::int64_t index);

  std::size_t index_;
  Tensor& tensor_;
  device::Placement placement_;
  std::int64_t line_bytes_;
  bool written_ = false;
  Bits defined_;  // empty: all of it

  std::mutex mutex_;  // of what follows
  std::atomic<bool> has_lines_ = false;
  std::map<std::int64_t, Line> lines_;
};

// The accesses of agents that run together, per tensor.
class GlobalHistories {
 public:
  GlobalHistory& of(const GlobalTensor& tensor) {
    if (histories_.size() <= tensor.index()) histories_.resize(tensor.index() + 1);
    return histories_[tensor.index()];
  }
  struct Found {
    std::size_t tensor;
    Access later;
    Conflict conflict;
  };
  // Takes over the accesses of agents whom nothing orders after these; the conflicts between the two.
  std::vector<Found> join(GlobalHistories&& other);

 private:
  std::vector<GlobalHistory> histories_;
};

// All of a run of tasks.
class GlobalMemory {
 public:
  GlobalMemory(std::span<const device::Task> tasks, const Profile& profile);

  // By index into the launch's tensors.
  std::vector<GlobalTensor*> tensors_of(const device::Launch& launch) const;
  GlobalTensor& tensor(std::size_t index) { return *tensors_[index]; }

  // The scalar cache of a core for one task: it still holds what an earlier task's scalars left there, but for what was
  // stored and never written back, which reaches nobody. Give it back when the task's agent is done.
  ScalarCache& start_core(std::int64_t rank, int kind, std::int64_t block, std::int64_t sub_block, RunUnit unit);
  void finish_core(ScalarCache& cache);

  // The end of the run, as whoever launched it sees it: adds "stale-line" for stores that were never written back and
  // "unwritten-output" for bytes that nobody defined.
  void finish(const device::Launch& last, std::vector<device::Diagnostic>& findings);

 private:
  void add(const device::Launch& launch);

  struct Core {
    std::unique_ptr<ScalarCache> cache;
    bool busy = false;
  };
  std::int64_t line_bytes_;
  std::vector<std::unique_ptr<GlobalTensor>> tensors_;
  std::map<const Tensor*, std::size_t> indices_;
  std::mutex mutex_;  // of cores_
  std::map<std::tuple<std::int64_t, int, std::int64_t, std::int64_t>, std::vector<Core>> cores_;
};

}  // namespace assay::sim
