#include "harness/sim/global_memory.h"

#include <algorithm>
#include <bit>

#include "harness/pto/inference.h"

namespace assay::sim {
namespace {

constexpr std::int64_t kMostLineBytes = 64;  // of a line's masks

}  // namespace

GlobalTensor::GlobalTensor(std::size_t index, Tensor& tensor, device::Placement placement, std::int64_t line_bytes)
    : index_(index),
      tensor_(tensor),
      placement_(placement),
      line_bytes_(std::clamp<std::int64_t>(line_bytes, 8, kMostLineBytes)) {
  if (placement.undefined) defined_.resize((tensor.bytes().size() + 63) / 64);
}

std::int64_t GlobalTensor::first_undefined(std::int64_t begin, std::int64_t end) const {
  if (defined_.empty()) return -1;
  std::int64_t found = -1;
  for_each_word(begin, end, [&](std::size_t word, std::uint64_t mask) {
    auto& bits = const_cast<std::uint64_t&>(defined_[word]);
    const std::uint64_t clear = ~std::atomic_ref(bits).load(std::memory_order_relaxed) & mask;
    if (clear != 0) found = static_cast<std::int64_t>(word) * 64 + std::countr_zero(clear);
    return clear == 0;
  });
  return found;
}

std::int64_t GlobalTensor::undefined_bytes(std::int64_t begin, std::int64_t end) const {
  if (defined_.empty()) return 0;
  std::int64_t undefined = 0;
  for_each_word(begin, end, [&](std::size_t word, std::uint64_t mask) {
    undefined += std::popcount(~defined_[word] & mask);
    return true;
  });
  return undefined;
}

void GlobalTensor::define(std::int64_t begin, std::int64_t end) {
  if (defined_.empty()) return;
  for_each_word(begin, end, [&](std::size_t word, std::uint64_t mask) {
    std::atomic_ref(defined_[word]).fetch_or(mask, std::memory_order_relaxed);
    return true;
  });
}

// ---- lines in scalar caches

GlobalTensor::Page& GlobalTensor::page_of(std::int64_t line) {
  has_lines_.store(true, std::memory_order_release);
  return pages_[line / kPageLines];
}

ScalarStore GlobalTensor::store_of(const Dirt& dirt, std::int64_t line) const {
  const Sites::Site& site = stores_[dirt.sites[dirt.place_of(line)]];
  return {site.op, site.function, dirt.unit};
}

template <class Visitor>
void GlobalTensor::for_each_page(std::int64_t begin, std::int64_t end, const Visitor& visit) {
  const std::int64_t size = kPageLines * line_bytes_;
  for (auto at = pages_.lower_bound(begin / size); at != pages_.end() && at->first * size < end; ++at) {
    const std::int64_t first = at->first * size;
    visit(at->first, at->second, std::max(begin - first, std::int64_t{0}), std::min(end - first, size));
  }
}

template <class Visitor>
void GlobalTensor::for_each_line(std::int64_t begin, std::int64_t end, const Visitor& visit) const {
  for (std::int64_t line = begin / line_bytes_; line * line_bytes_ < end; ++line) {
    const std::int64_t first = line * line_bytes_;
    visit(line, bit_mask(std::max(begin - first, std::int64_t{0}), std::min(end - first, line_bytes_)));
  }
}

void GlobalTensor::add_holder(const ScalarCache* cache, std::int64_t line) {
  const std::lock_guard lock(mutex_);
  page_of(line).holders.push_back({cache, line % kPageLines, 0, {}});
}

void GlobalTensor::drop_holder(const ScalarCache* cache, std::int64_t line) {
  const std::lock_guard lock(mutex_);
  const auto found = pages_.find(line / kPageLines);
  if (found == pages_.end()) return;
  std::erase_if(found->second.holders,
                [&](const Holder& holder) { return holder.cache == cache && holder.line == line % kPageLines; });
  if (found->second.holders.empty()) found->second.holders.shrink_to_fit();
  if (found->second.empty()) pages_.erase(found);
}

void GlobalTensor::set_dirty(const ScalarCache* cache, std::int64_t begin, std::int64_t end, const ScalarStore& store) {
  const std::lock_guard lock(mutex_);
  const std::int64_t index = begin / line_bytes_, line = index % kPageLines;
  std::vector<Dirt>& all = page_of(index).dirt;
  // One entry per task on the core: what an earlier task there left stays its own.
  auto mine = std::find_if(all.begin(), all.end(), [&](const Dirt& dirt) {
    return dirt.cache == cache && dirt.unit.launch == store.unit.launch;
  });
  if (mine == all.end()) mine = all.insert(all.end(), Dirt{cache, store.unit, 0, 0, {}, {}});
  const std::size_t place = mine->place_of(line);
  if ((mine->lines >> line & 1) == 0) {
    mine->lines |= std::uint64_t{1} << line;
    mine->bytes.insert(mine->bytes.begin() + static_cast<std::ptrdiff_t>(place), 0);
    mine->sites.insert(mine->sites.begin() + static_cast<std::ptrdiff_t>(place), 0);
  }
  mine->bytes[place] |= bit_mask(begin - index * line_bytes_, end - index * line_bytes_);
  mine->sites[place] = stores_.number_of(store.op, store.function);
}

void GlobalTensor::clean(const ScalarCache* cache, RunUnit unit, std::int64_t first, std::int64_t last,
                         const std::function<void(std::int64_t)>& visit) {
  const std::lock_guard lock(mutex_);
  for_each_page(first * line_bytes_, (last + 1) * line_bytes_,
                [&](std::int64_t index, Page& page, std::int64_t begin, std::int64_t end) {
                  for (Dirt& dirt : page.dirt) {
                    if (dirt.cache != cache || dirt.unit.launch != unit.launch) continue;
                    dirt.cleaned |= dirt.lines & bit_mask(begin / line_bytes_, end / line_bytes_);
                    if (dirt.cleaned != 0) visit(index);
                  }
                });
}

std::vector<GlobalTensor::Stored> GlobalTensor::take_cleaned(const ScalarCache* cache, std::int64_t index) {
  const std::lock_guard lock(mutex_);
  std::vector<Stored> taken;
  const auto found = pages_.find(index);
  if (found == pages_.end()) return taken;
  std::vector<Dirt>& all = found->second.dirt;
  for (Dirt& dirt : all) {
    if (dirt.cache != cache || dirt.cleaned == 0) continue;
    Dirt kept{cache, dirt.unit, 0, 0, {}, {}};
    for (std::int64_t line = 0; line < kPageLines; ++line) {
      if ((dirt.lines >> line & 1) == 0) continue;
      const std::size_t place = dirt.place_of(line);
      if ((dirt.cleaned >> line & 1) != 0) {
        taken.push_back({index * kPageLines + line, dirt.bytes[place], store_of(dirt, line)});
        continue;
      }
      kept.lines |= std::uint64_t{1} << line;
      kept.bytes.push_back(dirt.bytes[place]);
      kept.sites.push_back(dirt.sites[place]);
    }
    dirt = std::move(kept);
  }
  std::erase_if(all, [](const Dirt& dirt) { return dirt.lines == 0; });
  return taken;
}

std::optional<ScalarStore> GlobalTensor::dirty(std::int64_t begin, std::int64_t end, const ScalarCache* except,
                                               RunUnit reader) {
  const std::lock_guard lock(mutex_);
  std::optional<ScalarStore> found;
  for_each_page(begin, end, [&](std::int64_t, const Page& page, std::int64_t from, std::int64_t to) {
    for (const Dirt& dirt : page.dirt) {
      const bool own = dirt.cache == except && dirt.unit.launch == reader.launch;
      if (own || found || dirt.unit.runs_beside(reader)) continue;
      for_each_line(from, to, [&](std::int64_t line, std::uint64_t bytes) {
        if (!found && (dirt.lines >> line & 1) != 0 && (dirt.bytes[dirt.place_of(line)] & bytes) != 0)
          found = store_of(dirt, line);
      });
    }
  });
  return found;
}

std::optional<ScalarStore> GlobalTensor::outdated(std::int64_t begin, std::int64_t end, const ScalarCache* cache,
                                                  RunUnit reader) {
  const std::lock_guard lock(mutex_);
  std::optional<ScalarStore> found;
  for_each_page(begin, end, [&](std::int64_t, const Page& page, std::int64_t from, std::int64_t to) {
    for_each_line(from, to, [&](std::int64_t line, std::uint64_t bytes) {
      for (const Holder& holder : page.holders)
        if (holder.cache == cache && holder.line == line && (holder.outdated & bytes) != 0 &&
            !holder.by.unit.runs_beside(reader))
          found = holder.by;
    });
  });
  return found;
}

void GlobalTensor::release(Page& page, std::int64_t begin, std::int64_t end,
                           const std::shared_ptr<const Clock>& clock) {
  if (releases_ > kMostReleases) {
    if (!clock || (page.released.size() == 1 && page.released[0].runs.empty() && page.released[0].clock == clock))
      return;
    Clock joined = *clock;
    for (const Release& release : page.released) joined.join(*release.clock);
    const bool is_first = page.released.empty();
    page.released.assign(1, {is_first ? clock : std::make_shared<const Clock>(std::move(joined)), {}});
    return;
  }
  const auto from = static_cast<std::uint16_t>(begin), to = static_cast<std::uint16_t>(end);
  for (Release& release : page.released) {
    std::vector<std::pair<std::uint16_t, std::uint16_t>> kept;
    for (const auto& [first, last] : release.runs) {
      if (first < from) kept.push_back({first, std::min(last, from)});
      if (last > to) kept.push_back({std::max(first, to), last});
    }
    releases_ += kept.size() - release.runs.size();
    release.runs = std::move(kept);
  }
  std::erase_if(page.released, [](const Release& release) { return release.runs.empty(); });
  if (!clock) return;
  if (page.released.empty() || page.released.back().clock != clock) page.released.push_back({clock, {}});
  auto& runs = page.released.back().runs;
  if (!runs.empty() && runs.back().second == from) {
    runs.back().second = to;
  } else {
    runs.push_back({from, to});
    ++releases_;
  }
}

void GlobalTensor::overwrite(std::int64_t begin, std::int64_t end, const ScalarStore& by, const ScalarCache* except,
                             std::shared_ptr<const Clock> released) {
  if (!has_lines()) return;
  const std::lock_guard lock(mutex_);
  if (released) page_of(begin / line_bytes_);
  for_each_page(begin, end, [&](std::int64_t, Page& page, std::int64_t from, std::int64_t to) {
    for (Holder& holder : page.holders) {
      const std::int64_t first = holder.line * line_bytes_;
      if (holder.cache == except || first >= to || first + line_bytes_ <= from) continue;
      holder.outdated |= bit_mask(std::max(from - first, std::int64_t{0}), std::min(to - first, line_bytes_));
      holder.by = by;
    }
    release(page, from, to, released);
  });
}

std::shared_ptr<const Clock> GlobalTensor::released(std::int64_t begin, std::int64_t end) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const Clock> found;
  for_each_page(begin, end, [&](std::int64_t, const Page& page, std::int64_t from, std::int64_t to) {
    for (const Release& release : page.released)
      if (release.runs.empty() || std::any_of(release.runs.begin(), release.runs.end(),
                                              [&](const auto& run) { return run.first <= from && to <= run.second; }))
        found = release.clock;
  });
  return found;
}

// ---- histories of several tensors

std::vector<GlobalHistories::Found> GlobalHistories::join(GlobalHistories&& other) {
  std::vector<Found> found;
  if (histories_.size() < other.histories_.size()) histories_.resize(other.histories_.size());
  for (std::size_t tensor = 0; tensor < other.histories_.size(); ++tensor) {
    for (auto& [later, conflict] : histories_[tensor].conflicts_with(other.histories_[tensor]))
      found.push_back({tensor, later, conflict});
    histories_[tensor].merge(std::move(other.histories_[tensor]));
  }
  return found;
}

// ---- the run

GlobalMemory::GlobalMemory(std::span<const device::Task> tasks, const Profile& profile)
    : line_bytes_(profile.cache_line_bytes) {
  std::map<const pto::Function*, std::vector<pto::Direction>> directions;
  for (const device::Task& task : tasks) {
    const device::Launch& launch = task.launch;
    add(launch);
    most_cores_ = std::max(most_cores_, launch.blocks * (1 + profile.vector_cores));
    const std::vector<GlobalTensor*> tensors = tensors_of(launch);
    auto found = directions.find(launch.function);
    if (found == directions.end())
      found = directions.emplace(launch.function, pto::argument_directions(*launch.module, *launch.function)).first;
    for (std::size_t i = 0; i < launch.arguments.size(); ++i) {
      const auto* pointer = std::get_if<device::PointerArgument>(&launch.arguments[i]);
      const pto::Direction direction = found->second[i];
      if (pointer && (direction == pto::Direction::out || direction == pto::Direction::inout))
        tensors[pointer->tensor]->set_written();
    }
  }
}

void GlobalMemory::add(const device::Launch& launch) {
  for (std::size_t i = 0; i < launch.tensors.size(); ++i) {
    const auto [found, is_new] = indices_.try_emplace(launch.tensors[i], tensors_.size());
    if (!is_new) continue;
    device::Placement placement;
    placement.rank = launch.rank;
    if (i < launch.placements.size()) placement = launch.placements[i];
    tensors_.push_back(std::make_unique<GlobalTensor>(found->second, *launch.tensors[i], placement, line_bytes_));
  }
}

std::vector<GlobalTensor*> GlobalMemory::tensors_of(const device::Launch& launch) const {
  std::vector<GlobalTensor*> result;
  for (const Tensor* tensor : launch.tensors) result.push_back(tensors_[indices_.at(tensor)].get());
  return result;
}

ScalarCache& GlobalMemory::start_core(std::int64_t rank, int kind, std::int64_t block, std::int64_t sub_block,
                                      RunUnit unit) {
  const std::lock_guard lock(mutex_);
  std::vector<Core>& cores = cores_[{rank, kind, block, sub_block}];
  auto free = std::find_if(cores.begin(), cores.end(), [](const Core& core) { return !core.busy; });
  // A line with its record takes some 350 bytes; all caches of a run together stay below 8 MiB or so.
  constexpr std::int64_t kMostStored = 1 << 14, kLeastStored = 64;
  const auto most_stored = static_cast<std::size_t>(std::max(kMostStored / most_cores_, kLeastStored));
  if (free == cores.end()) free = cores.insert(free, {std::make_unique<ScalarCache>(most_stored), false});
  free->busy = true;
  free->cache->start(unit);
  return *free->cache;
}

void GlobalMemory::finish_core(ScalarCache& cache) {
  const std::lock_guard lock(mutex_);
  for (auto& [key, cores] : cores_)
    for (Core& core : cores)
      if (core.cache.get() == &cache) core.busy = false;
}

// Where the pointer of a scalar store was made: the function's head for an argument.
static pto::Location place_of_pointer(const ScalarStore& store) {
  const pto::ValueId pointer = store.op->operands.size() > 1 ? store.op->operands[1] : pto::ValueId{0};
  for (const pto::Operation* op : pto::preorder(*store.function))
    for (pto::ValueId result : op->results)
      if (result == pointer) return op->location;
  return store.function->location;
}

void GlobalMemory::finish(const device::Launch& last, std::vector<device::Diagnostic>& findings) {
  for (auto& [key, cores] : cores_)
    for (Core& core : cores) core.cache->finish();
  for (const auto& tensor : tensors_) {
    tensor->for_each_dirty([&](std::int64_t begin, std::int64_t end, const ScalarStore& store) {
      device::Diagnostic lost;
      lost.rule = "stale-line";
      lost.message = fmt::format(
          "the store to bytes {} to {} of tensor {} was never written back: memory keeps its old bytes (a "
          "cmo.cacheinvalid and a fence.barrier_all are missing)",
          begin - tensor->begin(), end - tensor->begin(), tensor->index());
      lost.function = store.function->name;
      lost.op_id = store.op->id;
      lost.location = store.op->location;
      lost.related = place_of_pointer(store);
      lost.block = std::max<std::int64_t>(store.unit.block, 0);
      lost.rank = tensor->placement().rank_of(begin);
      const bool is_known = std::any_of(findings.begin(), findings.end(), [&](const device::Diagnostic& known) {
        return known.rule == lost.rule && ((known.op_id == lost.op_id && known.function == lost.function) ||
                                           (known.related && known.related->line == lost.location.line));
      });
      if (!is_known) findings.push_back(std::move(lost));
    });
    const std::int64_t unwritten = tensor->first_undefined(tensor->begin(), tensor->end());
    if (unwritten < 0) continue;
    device::Diagnostic missing;
    missing.rule = "unwritten-output";
    missing.message = fmt::format("{} of the {} bytes of tensor {} were never written, the first at byte {}",
                                  tensor->undefined_bytes(tensor->begin(), tensor->end()),
                                  tensor->end() - tensor->begin(), tensor->index(), unwritten - tensor->begin());
    missing.function = last.function->name;
    missing.location = last.function->location;
    missing.rank = tensor->placement().rank_of(unwritten);
    findings.push_back(std::move(missing));
  }
}

}  // namespace assay::sim
