// Which operations touched which bytes, as far as a later operation may still conflict with them: the happens-before
// checker's memory. Exact in bytes. One LocalHistory per on-chip memory of a core, one GlobalHistory per tensor.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "harness/sim/order/access.h"
#include "harness/sim/order/access_page.h"
#include "harness/sim/values.h"

namespace assay::sim {

// Operations by the numbers that pages know them by.
class Sites {
 public:
  struct Site {
    const pto::Operation* op;
    const pto::Function* function;
  };
  std::uint32_t number_of(const pto::Operation* op, const pto::Function* function);
  const Site& operator[](std::uint32_t number) const { return sites_[number]; }
  const std::vector<Site>& all() const { return sites_; }
  void clear();

 private:
  std::vector<Site> sites_;
  std::unordered_map<const pto::Operation*, std::uint32_t> numbers_;
};

// Up to which time of an actor everybody who is there has seen what it did: that is ordered before whatever comes.
using Settled = std::function<std::uint64_t(ActorId)>;

// Conflicts of one access: one for each (earlier operation, kind of its access), in order of their bytes.
using Conflicts = std::vector<Conflict>;

class LocalHistory {
 public:
  void clear();
  // The leading rows x cols of the tile. Records the access and adds its conflicts with earlier ones.
  void access(const Access& access, const Tile& tile, std::int64_t rows, std::int64_t cols, const Ordering& ordering,
              Conflicts& conflicts);
  // Bytes [begin, end) of the memory.
  void access(const Access& access, std::int64_t begin, std::int64_t end, const Ordering& ordering,
              Conflicts& conflicts);
  // The bytes get another meaning: private storage given to another tile.
  void forget(std::int64_t begin, std::int64_t end);
  std::int64_t heap_bytes() const;

 private:
  Sites sites_;
  std::vector<AccessPage> pages_;
};

class GlobalHistory {
 public:
  // Bytes [begin, end) of the tensor. Records the access and adds its conflicts with earlier ones.
  void access(const Access& access, std::int64_t begin, std::int64_t end, const Ordering& ordering,
              Conflicts& conflicts);
  // The same without recording it.
  void probe(const Access& access, std::int64_t begin, std::int64_t end, const Ordering& ordering,
             Conflicts& conflicts) const;
  // Accesses of two histories whose actors nothing orders (blocks that ran independently): (the other's access, the
  // conflict with it) for each two operations, in order of their bytes. `merge` then takes the other's accesses over.
  std::vector<std::pair<Access, Conflict>> conflicts_with(const GlobalHistory& other) const;
  void merge(GlobalHistory&& other);
  // Drops what everybody who will come has seen.
  void forget_before(const Clock& clock);
  // Gives memory back at the price of less exact names: see AccessPage::forget_sites. Happens by itself when the history
  // has become large.
  void forget_sites();
  // The history keeps below `most_bytes`, whatever the program. What is settled needs no times; if that is not enough,
  // whole pages are forgotten, and races with what is in them stay unseen: the history is then incomplete.
  void bound(std::int64_t most_bytes, Settled settled) { most_bytes_ = most_bytes, settled_ = std::move(settled); }
  bool is_bounded() const { return most_bytes_ != kUnbounded; }
  bool is_incomplete() const { return incomplete_; }
  std::int64_t heap_bytes() const { return heap_bytes_; }
  bool empty() const { return pages_.empty(); }

 private:
  static constexpr std::int64_t kUnbounded = std::numeric_limits<std::int64_t>::max();
  std::vector<std::int64_t> ascending_pages() const;
  void compact();

  Sites sites_;
  std::unordered_map<std::int64_t, AccessPage> pages_;  // by address / AccessPage::kBytes
  std::int64_t heap_bytes_ = 0, compact_at_ = std::int64_t{4} << 20;
  std::int64_t most_bytes_ = kUnbounded;
  Settled settled_;
  bool incomplete_ = false;
};

}  // namespace assay::sim
