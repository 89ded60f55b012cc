// The tensors of a run as the machine sees them: owner, windows, definedness per byte, the history of accesses, and
// which lines stand in scalar caches.
//
// Blocks that run independently do so on several threads. What they tell one another through the scalar caches' lines
// would depend on time, so none of them sees it of another; the tasks after them see it of all.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <functional>
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
  // The stores of the cache's task to lines [first, last] are on their way to memory; visit(page) for pages with some.
  void clean(const ScalarCache* cache, RunUnit unit, std::int64_t first, std::int64_t last,
             const std::function<void(std::int64_t)>& visit);
  // A line's bytes that a cache holds newer.
  struct Stored {
    std::int64_t line;
    std::uint64_t bytes;
    ScalarStore by;
  };
  // Those of the page that were on their way; they are no longer the cache's.
  std::vector<Stored> take_cleaned(const ScalarCache* cache, std::int64_t page);
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
    for (const auto& [page, state] : pages_)
      for (std::int64_t line = 0; line < kPageLines; ++line)
        for (const Dirt& dirt : state.dirt)
          if ((dirt.lines >> line & 1) != 0) {
            const std::uint64_t bytes = dirt.bytes[dirt.place_of(line)];
            const std::int64_t begin = (page * kPageLines + line) * line_bytes_;
            visit(begin + std::countr_zero(bytes), begin + 64 - std::countl_zero(bytes), store_of(dirt, line));
          }
  }

 private:
  static constexpr std::int64_t kPageLines = 64;
  // What one task on one core stored to lines of a page and did not write back: for each line its bytes and the last
  // store, in order of lines. 12 bytes a line: a program may store to every line of a tensor.
  struct Dirt {
    const ScalarCache* cache;
    RunUnit unit;
    std::uint64_t lines = 0, cleaned = 0;
    std::vector<std::uint64_t> bytes;
    std::vector<std::uint32_t> sites;
    std::size_t place_of(std::int64_t line) const {
      return static_cast<std::size_t>(std::popcount(lines & ((std::uint64_t{1} << line) - 1)));
    }
  };
  // A cache that has the line; as many as lines stand in caches.
  struct Holder {
    const ScalarCache* cache;
    std::int64_t line;
    std::uint64_t outdated;
    ScalarStore by;
  };
  // Bytes of a page that a fence released. Beyond kMostReleases of a tensor each page has one for all of its bytes, of
  // everything released there: such a load sees more than it should, and a race may go unseen.
  static constexpr std::size_t kMostReleases = 4096;
  struct Release {
    std::shared_ptr<const Clock> clock;
    std::vector<std::pair<std::uint16_t, std::uint16_t>> runs;  // of the page's bytes; empty: all
  };
  struct Page {
    std::vector<Dirt> dirt;
    std::vector<Holder> holders;
    std::vector<Release> released;
    bool empty() const { return dirt.empty() && holders.empty() && released.empty(); }
  };
  // Calls visit(page's index, page, begin, end) with the range's bytes in it, for pages there are.
  template <class Visitor>
  void for_each_page(std::int64_t begin, std::int64_t end, const Visitor& visit);
  // Calls visit(line, mask of the page's bytes [begin, end) in it).
  template <class Visitor>
  void for_each_line(std::int64_t begin, std::int64_t end, const Visitor& visit) const;
  Page& page_of(std::int64_t line);
  ScalarStore store_of(const Dirt& dirt, std::int64_t line) const;
  void release(Page& page, std::int64_t begin, std::int64_t end, const std::shared_ptr<const Clock>& clock);

  std::size_t index_;
  Tensor& tensor_;
  device::Placement placement_;
  std::int64_t line_bytes_;
  bool written_ = false;
  Bits defined_;  // empty: all of it

  std::mutex mutex_;  // of what follows
  std::atomic<bool> has_lines_ = false;
  std::map<std::int64_t, Page> pages_;  // by line / kPageLines
  Sites stores_;
  std::size_t releases_ = 0;
};

// The accesses of agents that run together, per tensor.
class GlobalHistories {
 public:
  // `share`: how many of these the run has at once; together they keep to the run's memory.
  GlobalHistory& of(const GlobalTensor& tensor, std::int64_t share) {
    while (histories_.size() <= tensor.index()) histories_.emplace_back();
    GlobalHistory& history = histories_[tensor.index()];
    if (!history.is_bounded())
      history.bound(most_bytes(tensor.size_bytes(), share),
                    [this, &tensor](ActorId actor) { return settled(actor, tensor); });
    return history;
  }
  // Up to which time of the actor everybody who can reach the tensor has seen what it did.
  std::function<std::uint64_t(ActorId, const GlobalTensor&)> settled;
  bool is_incomplete() const {
    return std::any_of(histories_.begin(), histories_.end(),
                       [](const GlobalHistory& history) { return history.is_incomplete(); });
  }
  struct Found {
    std::size_t tensor;
    Access later;
    Conflict conflict;
  };
  // Takes over the accesses of agents whom nothing orders after these; the conflicts between the two.
  std::vector<Found> join(GlobalHistories&& other);

 private:
  // An eighth of the tensor and some.
  static std::int64_t most_bytes(std::int64_t tensor, std::int64_t share) {
    return (tensor / 8 + (std::int64_t{12} << 20)) / std::max<std::int64_t>(share, 1);
  }

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
  std::int64_t most_cores_ = 1;  // of a launch
  std::vector<std::unique_ptr<GlobalTensor>> tensors_;
  std::map<const Tensor*, std::size_t> indices_;
  std::mutex mutex_;  // of cores_
  std::map<std::tuple<std::int64_t, int, std::int64_t, std::int64_t>, std::vector<Core>> cores_;
};

}  // namespace assay::sim
