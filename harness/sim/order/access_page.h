// The accesses to one page of a memory that can still conflict with a later one, exact in bytes. The page is cut into
// cells: runs of bytes that the same accesses touched.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "harness/sim/order/access.h"

namespace assay::sim {

class AccessPage {
 public:
  static constexpr std::int64_t kBytes = 4096;

  // 16 bytes: a tensor written in small pieces has one for each of them.
  struct Entry {
    Entry(const Access& access, std::uint32_t op)
        : time(access.epoch.time & kTimes), site(op & kSites), kind(access.kind), actor(access.epoch.actor) {}

    static constexpr std::uint64_t kTimes = (std::uint64_t{1} << 40) - 1;
    static constexpr std::uint32_t kSites = (1U << 22) - 1;
    std::uint64_t time : 40;
    std::uint64_t site : 22;  // index the owner gives to an operation
    AccessKind kind : 2;
    ActorId actor;
    std::uint32_t next = kNone;
  };
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  struct Cell {
    std::uint16_t begin, end;
    std::uint32_t head;  // entries: those that write before those that only read
  };

  // Records the access to bytes [begin, end) of the page and calls found(Entry, begin, end) for each unordered earlier
  // one. An earlier access is dropped once everything that could conflict with it would conflict with this one: this
  // one's kind covers its kind, and it is ordered before this one or is the same actor's.
  template <class Found>
  void access(const Access& access, std::uint32_t site, std::int64_t begin, std::int64_t end, const Ordering& ordering,
              const Found& found);
  // The same without recording it.
  template <class Found>
  void probe(const Access& access, std::int64_t begin, std::int64_t end, const Ordering& ordering,
             const Found& found) const;
  // Drops everything about the bytes.
  void forget(std::int64_t begin, std::int64_t end);
  // Drops what the clock covers.
  void forget_before(const Clock& clock);
  // Calls found(mine, theirs, begin, end) for each two accesses that conflict where no clock orders the pages' actors.
  template <class Found>
  void compare(const AccessPage& other, const Found& found) const;
  // Takes over the other's accesses; its site s becomes sites[s].
  void merge(const AccessPage& other, const std::vector<std::uint32_t>& sites);
  // What an actor did up to settled(actor) gets the time 0, which every clock covers: neighbouring cells become alike.
  template <class Settled>
  void settle(const Settled& settled) {
    for (Cell& cell : cells_)
      for (std::uint32_t link = cell.head; link != kNone; link = entries_[link].next)
        if (Entry& entry = entries_[link]; entry.time <= settled(entry.actor)) entry.time = 0;
  }
  // Neighbouring cells with the same accesses become one though different operations made them: races are found as
  // before, but a conflict names one operation of several of the same actor.
  void forget_sites();

  bool empty() const { return cells_.empty(); }
  std::int64_t heap_bytes() const {
    return static_cast<std::int64_t>(cells_.capacity() * sizeof(Cell) + entries_.capacity() * sizeof(Entry));
  }

 private:
  std::uint32_t allocate(const Entry& entry);
  void release(std::uint32_t entry);
  void release_list(std::uint32_t head);
  std::uint32_t copy_list(std::uint32_t head);
  bool same_list(std::uint32_t a, std::uint32_t b, bool any_site) const;
  void insert(Cell& cell, const Entry& entry);
  std::size_t first_ending_after(std::int64_t at) const;
  // Cuts cells so that [begin, end) is made of whole cells, empty ones where nothing was; the first one's index.
  std::size_t isolate(std::int64_t begin, std::int64_t end);
  // Joins equal neighbours among cells [first, last] and drops empty ones.
  void tidy(std::size_t first, std::size_t last, bool any_site = false);

  std::vector<Cell> cells_;  // ascending, disjoint
  std::vector<Entry> entries_;
  std::uint32_t free_ = kNone;
};

template <class Found>
void AccessPage::access(const Access& access, std::uint32_t site, std::int64_t begin, std::int64_t end,
                        const Ordering& ordering, const Found& found) {
  std::size_t first = first_ending_after(begin);
  const bool whole = first < cells_.size() && cells_[first].begin == begin && cells_[first].end == end;
  if (!whole) first = isolate(begin, end);
  std::size_t at = first;
  for (; at < cells_.size() && cells_[at].begin < end; ++at) {
    Cell& cell = cells_[at];
    for (std::uint32_t* link = &cell.head; *link != kNone;) {
      const Entry& entry = entries_[*link];
      const bool mine = entry.actor == access.epoch.actor;
      const bool conflicts = may_conflict(entry.kind, access.kind), covered = is_covered_by(entry.kind, access.kind);
      const bool ordered =
          (conflicts || (covered && !mine)) && is_ordered(entry.kind, {entry.actor, entry.time}, access, ordering);
      if (conflicts && !ordered) found(entry, cell.begin, cell.end);
      if (covered && (mine || ordered)) {
        const std::uint32_t dropped = *link;
        *link = entry.next;
        release(dropped);
      } else {
        link = &entries_[*link].next;
      }
    }
    insert(cell, {access, site});
  }
  tidy(first, at - 1);
}

template <class Found>
void AccessPage::probe(const Access& access, std::int64_t begin, std::int64_t end, const Ordering& ordering,
                       const Found& found) const {
  for (std::size_t at = first_ending_after(begin); at < cells_.size() && cells_[at].begin < end; ++at)
    for (std::uint32_t link = cells_[at].head; link != kNone; link = entries_[link].next)
      if (const Entry& entry = entries_[link];
          may_conflict(entry.kind, access.kind) && !is_ordered(entry.kind, {entry.actor, entry.time}, access, ordering))
        found(entry, std::max<std::int64_t>(cells_[at].begin, begin), std::min<std::int64_t>(cells_[at].end, end));
}

template <class Found>
void AccessPage::compare(const AccessPage& other, const Found& found) const {
  for (std::size_t i = 0, j = 0; i < cells_.size() && j < other.cells_.size();) {
    const Cell &mine = cells_[i], &theirs = other.cells_[j];
    const std::int64_t begin = std::max(mine.begin, theirs.begin), end = std::min(mine.end, theirs.end);
    for (std::uint32_t a = mine.head; begin < end && a != kNone; a = entries_[a].next) {
      for (std::uint32_t b = theirs.head; b != kNone; b = other.entries_[b].next) {
        if (may_conflict(entries_[a].kind, other.entries_[b].kind)) {
          found(entries_[a], other.entries_[b], begin, end);
        } else if (entries_[a].kind == AccessKind::read) {
          break;  // only reads follow
        }
      }
    }
    mine.end <= theirs.end ? ++i : ++j;
  }
}

}  // namespace assay::sim
