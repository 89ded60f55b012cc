#include "harness/sim/order/access_page.h"

#include <algorithm>

namespace assay::sim {

std::string_view rule_of(const Conflict& conflict, const Access& later) {
  if (!writes(later.kind)) return "race-raw";
  return !writes(conflict.earlier.kind) ? "race-war" : "race-waw";
}

std::uint32_t AccessPage::allocate(const Entry& entry) {
  if (free_ == kNone) {
    entries_.push_back(entry);
    return static_cast<std::uint32_t>(entries_.size() - 1);
  }
  const std::uint32_t index = free_;
  free_ = entries_[index].next;
  entries_[index] = entry;
  return index;
}

void AccessPage::release(std::uint32_t entry) {
  entries_[entry].next = free_;
  free_ = entry;
}

void AccessPage::release_list(std::uint32_t head) {
  while (head != kNone) {
    const std::uint32_t next = entries_[head].next;
    release(head);
    head = next;
  }
}

std::uint32_t AccessPage::copy_list(std::uint32_t head) {
  std::uint32_t first = kNone, last = kNone;
  for (; head != kNone; head = entries_[head].next) {
    Entry entry = entries_[head];
    entry.next = kNone;
    const std::uint32_t copy = allocate(entry);
    (last == kNone ? first : entries_[last].next) = copy;
    last = copy;
  }
  return first;
}

bool AccessPage::same_list(std::uint32_t a, std::uint32_t b, bool any_site) const {
  for (; a != kNone && b != kNone; a = entries_[a].next, b = entries_[b].next) {
    const Entry &x = entries_[a], &y = entries_[b];
    if (x.time != y.time || x.actor != y.actor || x.kind != y.kind || (x.site != y.site && !any_site)) return false;
  }
  return a == b;
}

void AccessPage::insert(Cell& cell, const Entry& entry) {
  const std::uint32_t added = allocate(entry);
  std::uint32_t* link = &cell.head;
  if (!writes(entry.kind))
    while (*link != kNone && writes(entries_[*link].kind)) link = &entries_[*link].next;
  entries_[added].next = *link;
  *link = added;
}

std::size_t AccessPage::first_ending_after(std::int64_t at) const {
  const auto found =
      std::partition_point(cells_.begin(), cells_.end(), [&](const Cell& cell) { return cell.end <= at; });
  return static_cast<std::size_t>(found - cells_.begin());
}

std::size_t AccessPage::isolate(std::int64_t begin, std::int64_t end) {
  const auto from = static_cast<std::uint16_t>(begin), to = static_cast<std::uint16_t>(end);
  std::size_t first = first_ending_after(begin);
  const auto place = [&](std::size_t index) { return cells_.begin() + static_cast<std::ptrdiff_t>(index); };
  if (first < cells_.size() && cells_[first].begin < from) {
    Cell left = cells_[first];
    left.end = from;
    left.head = copy_list(left.head);
    cells_[first].begin = from;
    cells_.insert(place(first), left);
    ++first;
  }
  std::size_t at = first;
  for (std::uint16_t done = from; done < to; ++at) {
    if (at == cells_.size() || cells_[at].begin > done) {  // a gap
      const std::uint16_t gap_end = at == cells_.size() ? to : std::min(to, cells_[at].begin);
      cells_.insert(place(at), Cell{done, gap_end, kNone});
    } else if (cells_[at].end > to) {
      Cell right = cells_[at];
      right.begin = to;
      right.head = copy_list(right.head);
      cells_[at].end = to;
      cells_.insert(place(at + 1), right);
    }
    done = cells_[at].end;
  }
  return first;
}

void AccessPage::tidy(std::size_t first, std::size_t last, bool any_site) {
  if (cells_.empty()) return;
  first = first == 0 ? 0 : first - 1;
  last = std::min(last + 1, cells_.size() - 1);
  std::size_t kept = first;
  bool any = false;  // a cell stands at `kept`
  for (std::size_t at = first; at <= last; ++at) {
    const Cell cell = cells_[at];
    if (cell.head == kNone) continue;
    if (any && cells_[kept].end == cell.begin && same_list(cells_[kept].head, cell.head, any_site)) {
      cells_[kept].end = cell.end;
      release_list(cell.head);
      continue;
    }
    if (any) ++kept;
    cells_[kept] = cell;
    any = true;
  }
  const std::size_t end = any ? kept + 1 : kept;
  if (end <= last)
    cells_.erase(cells_.begin() + static_cast<std::ptrdiff_t>(end),
                 cells_.begin() + static_cast<std::ptrdiff_t>(last) + 1);
}

void AccessPage::forget(std::int64_t begin, std::int64_t end) {
  if (cells_.empty() || cells_.front().begin >= end || cells_.back().end <= begin) return;
  const std::size_t first = isolate(begin, end);
  std::size_t at = first;
  for (; at < cells_.size() && cells_[at].begin < end; ++at) {
    release_list(cells_[at].head);
    cells_[at].head = kNone;
  }
  tidy(first, at - 1);
}

void AccessPage::forget_before(const Clock& clock) {
  for (Cell& cell : cells_) {
    for (std::uint32_t* link = &cell.head; *link != kNone;) {
      const Entry& entry = entries_[*link];
      if (!clock.covers({entry.actor, entry.time})) {
        link = &entries_[*link].next;
        continue;
      }
      const std::uint32_t dropped = *link;
      *link = entry.next;
      release(dropped);
    }
  }
  tidy(0, cells_.size());
}

void AccessPage::merge(const AccessPage& other, const std::vector<std::uint32_t>& sites) {
  for (const Cell& theirs : other.cells_) {
    const std::size_t first = isolate(theirs.begin, theirs.end);
    std::size_t at = first;
    for (; at < cells_.size() && cells_[at].begin < theirs.end; ++at) {
      for (std::uint32_t link = theirs.head; link != kNone; link = other.entries_[link].next) {
        Entry entry = other.entries_[link];
        entry.site = sites[entry.site] & Entry::kSites;
        insert(cells_[at], entry);
      }
    }
    tidy(first, at - 1);
  }
}

void AccessPage::forget_sites() {
  tidy(0, cells_.size(), true);
  cells_.shrink_to_fit();
  // The lists one after the other, without holes.
  std::vector<Entry> kept;
  std::size_t count = 0;
  for (const Cell& cell : cells_)
    for (std::uint32_t link = cell.head; link != kNone; link = entries_[link].next) ++count;
  kept.reserve(count);
  for (Cell& cell : cells_) {
    const auto first = static_cast<std::uint32_t>(kept.size());
    for (std::uint32_t link = cell.head; link != kNone; link = entries_[link].next) {
      kept.push_back(entries_[link]);
      kept.back().next = static_cast<std::uint32_t>(kept.size());
    }
    cell.head = first;
    kept.back().next = kNone;
  }
  entries_ = std::move(kept);
  free_ = kNone;
}

}  // namespace assay::sim
