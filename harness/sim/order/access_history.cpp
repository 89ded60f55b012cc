#include "harness/sim/order/access_history.h"

#include <algorithm>

#include "harness/sim/order/tile_runs.h"

namespace assay::sim {
namespace {

constexpr std::int64_t kPage = AccessPage::kBytes;
constexpr std::int64_t kPageOverhead = sizeof(AccessPage) + 96;  // in its table, and what the heap adds

void add_conflict(Conflicts& conflicts, std::size_t first, const Access& earlier, std::int64_t begin,
                  std::int64_t end) {
  for (std::size_t i = first; i < conflicts.size(); ++i) {
    Conflict& known = conflicts[i];
    if (known.earlier.op != earlier.op || known.earlier.kind != earlier.kind) continue;
    if (known.end == begin) known.end = end;
    return;
  }
  conflicts.push_back({earlier, begin, end});
}

Access access_of(const AccessPage::Entry& entry, const Sites& sites) {
  return {entry.kind, {entry.actor, entry.time}, sites[entry.site].op, sites[entry.site].function};
}

// Calls visit(page index, begin, end within the page).
template <class Visitor>
void for_each_page(std::int64_t begin, std::int64_t end, const Visitor& visit) {
  for (std::int64_t at = begin; at < end;) {
    const std::int64_t page = at / kPage, stop = std::min(end, (page + 1) * kPage);
    visit(page, at - page * kPage, stop - page * kPage);
    at = stop;
  }
}

}  // namespace

std::uint32_t Sites::number_of(const pto::Operation* op, const pto::Function* function) {
  const auto [found, is_new] = numbers_.try_emplace(op, static_cast<std::uint32_t>(sites_.size()));
  if (is_new) sites_.push_back({op, function});
  return found->second;
}

void Sites::clear() {
  sites_.clear();
  numbers_.clear();
}

// ---- one on-chip memory

void LocalHistory::clear() {
  pages_.clear();
  sites_.clear();
}

void LocalHistory::access(const Access& access, std::int64_t begin, std::int64_t end, const Ordering& ordering,
                          Conflicts& conflicts) {
  const std::uint32_t site = sites_.number_of(access.op, access.function);
  const std::size_t known = conflicts.size();
  if (const auto pages = static_cast<std::size_t>((end + kPage - 1) / kPage); pages_.size() < pages)
    pages_.resize(pages);
  for_each_page(begin, end, [&](std::int64_t page, std::int64_t from, std::int64_t to) {
    pages_[static_cast<std::size_t>(page)].access(
        access, site, from, to, ordering, [&](const AccessPage::Entry& entry, std::int64_t first, std::int64_t last) {
          add_conflict(conflicts, known, access_of(entry, sites_), page * kPage + first, page * kPage + last);
        });
  });
}

void LocalHistory::access(const Access& one, const Tile& tile, std::int64_t rows, std::int64_t cols,
                          const Ordering& ordering, Conflicts& conflicts) {
  for_each_byte_run(tile, rows, cols,
                    [&](std::int64_t begin, std::int64_t end) { access(one, begin, end, ordering, conflicts); });
}

void LocalHistory::forget(std::int64_t begin, std::int64_t end) {
  for_each_page(begin, end, [&](std::int64_t page, std::int64_t from, std::int64_t to) {
    if (static_cast<std::size_t>(page) < pages_.size()) pages_[static_cast<std::size_t>(page)].forget(from, to);
  });
}

std::int64_t LocalHistory::heap_bytes() const {
  std::int64_t bytes = static_cast<std::int64_t>(pages_.capacity() * sizeof(AccessPage));
  for (const AccessPage& page : pages_) bytes += page.heap_bytes();
  return bytes;
}

// ---- one tensor

void GlobalHistory::access(const Access& access, std::int64_t begin, std::int64_t end, const Ordering& ordering,
                           Conflicts& conflicts) {
  const std::uint32_t site = sites_.number_of(access.op, access.function);
  const std::size_t known = conflicts.size();
  for_each_page(begin, end, [&](std::int64_t index, std::int64_t from, std::int64_t to) {
    const auto [found, is_new] = pages_.try_emplace(index);
    AccessPage& page = found->second;
    heap_bytes_ -= is_new ? -kPageOverhead : page.heap_bytes();
    page.access(access, site, from, to, ordering,
                [&](const AccessPage::Entry& entry, std::int64_t first, std::int64_t last) {
                  add_conflict(conflicts, known, access_of(entry, sites_), index * kPage + first, index * kPage + last);
                });
    heap_bytes_ += page.heap_bytes();
  });
  if (heap_bytes_ > std::min(compact_at_, most_bytes_)) compact();
}

void GlobalHistory::compact() {
  if (settled_) {
    std::unordered_map<ActorId, std::uint64_t> times;
    const auto settled = [&](ActorId actor) {
      const auto [found, is_new] = times.try_emplace(actor, 0);
      if (is_new) found->second = settled_(actor);
      return found->second;
    };
    for (auto& [index, page] : pages_) page.settle(settled);
  }
  forget_sites();
  // By address, not as the table has them: the same program forgets the same pages.
  if (const std::int64_t most = most_bytes_ / 2; heap_bytes_ > most) {
    for (std::int64_t index : ascending_pages()) {
      if (heap_bytes_ <= most) break;
      const auto page = pages_.find(index);
      heap_bytes_ -= page->second.heap_bytes() + kPageOverhead;
      pages_.erase(page);
    }
    incomplete_ = true;
  }
  compact_at_ = std::max(compact_at_, 2 * heap_bytes_);
}

void GlobalHistory::probe(const Access& access, std::int64_t begin, std::int64_t end, const Ordering& ordering,
                          Conflicts& conflicts) const {
  const std::size_t known = conflicts.size();
  for_each_page(begin, end, [&](std::int64_t index, std::int64_t from, std::int64_t to) {
    const auto found = pages_.find(index);
    if (found == pages_.end()) return;
    found->second.probe(
        access, from, to, ordering, [&](const AccessPage::Entry& entry, std::int64_t first, std::int64_t last) {
          add_conflict(conflicts, known, access_of(entry, sites_), index * kPage + first, index * kPage + last);
        });
  });
}

std::vector<std::int64_t> GlobalHistory::ascending_pages() const {
  std::vector<std::int64_t> indices;
  indices.reserve(pages_.size());
  for (const auto& [index, page] : pages_) indices.push_back(index);
  std::sort(indices.begin(), indices.end());
  return indices;
}

std::vector<std::pair<Access, Conflict>> GlobalHistory::conflicts_with(const GlobalHistory& other) const {
  std::vector<std::pair<Access, Conflict>> found;
  for (std::int64_t index : other.ascending_pages()) {
    const auto mine = pages_.find(index);
    if (mine == pages_.end()) continue;
    const auto add = [&](const AccessPage::Entry& a, const AccessPage::Entry& b, std::int64_t begin, std::int64_t end) {
      const Access earlier = access_of(a, sites_), later = access_of(b, other.sites_);
      begin += index * kPage;
      end += index * kPage;
      for (auto& [access, conflict] : found) {
        if (access.op != later.op || access.kind != later.kind || conflict.earlier.op != earlier.op ||
            conflict.earlier.kind != earlier.kind)
          continue;
        if (conflict.end == begin) conflict.end = end;
        return;
      }
      found.push_back({later, {earlier, begin, end}});
    };
    mine->second.compare(other.pages_.at(index), add);
  }
  return found;
}

void GlobalHistory::merge(GlobalHistory&& other) {
  if (empty()) {
    const bool was_incomplete = incomplete_;
    *this = std::move(other);
    incomplete_ = incomplete_ || was_incomplete;
    settled_ = nullptr;  // of agents that are gone
    return;
  }
  std::vector<std::uint32_t> sites;
  for (const Sites::Site& site : other.sites_.all()) sites.push_back(sites_.number_of(site.op, site.function));
  for (const auto& [index, theirs] : other.pages_) {
    const auto [found, is_new] = pages_.try_emplace(index);
    heap_bytes_ -= is_new ? -kPageOverhead : found->second.heap_bytes();
    found->second.merge(theirs, sites);
    heap_bytes_ += found->second.heap_bytes();
  }
  incomplete_ = incomplete_ || other.incomplete_;
  other = {};
}

void GlobalHistory::forget_before(const Clock& clock) {
  for (auto at = pages_.begin(); at != pages_.end();) {
    const std::int64_t before = at->second.heap_bytes();
    at->second.forget_before(clock);
    if (at->second.empty()) {
      heap_bytes_ -= before + kPageOverhead;
      at = pages_.erase(at);
    } else {
      heap_bytes_ += at->second.heap_bytes() - before;
      ++at;
    }
  }
}

void GlobalHistory::forget_sites() {
  for (auto& [index, page] : pages_) {
    heap_bytes_ -= page.heap_bytes();
    page.forget_sites();
    heap_bytes_ += page.heap_bytes();
  }
}

}  // namespace assay::sim
