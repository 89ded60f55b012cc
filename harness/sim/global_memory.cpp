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

GlobalTensor::Line& GlobalTensor::line(std::int64_t index) {
  has_lines_.store(true, std::memory_order_release);
  return lines_[index];
}

// Calls visit(line, mask of the range's bytes in it).
template <class Visitor>
void GlobalTensor::for_each_line(std::int64_t begin, std::int64_t end, const Visitor& visit) {
  for (auto at = lines_.lower_bound(begin / line_bytes_); at != lines_.end() && at->first * line_bytes_ < end; ++at) {
    const std::int64_t first = at->first * line_bytes_;
    visit(at->second, bit_mask(std::max(begin - first, std::int64_t{0}), std::min(end - first, line_bytes_)));
  }
}

void GlobalTensor::add_holder(const ScalarCache* cache, std::int64_t index) {
  const std::lock_guard lock(mutex_);
  line(index).holders.push_back({cache, 0, {}});
}

void GlobalTensor::drop_holder(const ScalarCache* cache, std::int64_t index) {
  const std::lock_guard lock(mutex_);
  const auto found = lines_.find(index);
  if (found == lines_.end()) return;
  Line& state = found->second;
  std::erase_if(state.holders, [&](const Holder& holder) { return holder.cache == cache; });
  if (state.holders.empty() && state.dirty.empty() && state.released.empty()) lines_.erase(found);
}

void GlobalTensor::set_dirty(const ScalarCache* cache, std::int64_t begin, std::int64_t end, const ScalarStore& store) {
  const std::lock_guard lock(mutex_);
  const std::int64_t index = begin / line_bytes_;
  const std::uint64_t bytes = bit_mask(begin - index * line_bytes_, end - index * line_bytes_);
  std::vector<Dirty>& all = line(index).dirty;
  // One entry per task on the core: what an earlier task there left stays its own.
  const auto mine = std::find_if(all.begin(), all.end(), [&](const Dirty& dirty) {
    return dirty.cache == cache && dirty.by.unit.launch == store.unit.launch;
  });
  if (mine == all.end()) {
    all.push_back({cache, bytes, store});
  } else {
    mine->bytes |= bytes;
    mine->by = store;
  }
}

void GlobalTensor::clear_dirty(const ScalarCache* cache, std::int64_t index) {
  const std::lock_guard lock(mutex_);
  const auto found = lines_.find(index);
  if (found != lines_.end())
    std::erase_if(found->second.dirty, [&](const Dirty& dirty) { return dirty.cache == cache; });
}

std::optional<ScalarStore> GlobalTensor::dirty(std::int64_t begin, std::int64_t end, const ScalarCache* except,
                                               RunUnit reader) {
  const std::lock_guard lock(mutex_);
  std::optional<ScalarStore> found;
  for_each_line(begin, end, [&](const Line& line, std::uint64_t bytes) {
    for (const Dirty& dirty : line.dirty) {
      const bool own = dirty.cache == except && dirty.by.unit.launch == reader.launch;
      if (!own && (dirty.bytes & bytes) != 0 && !dirty.by.unit.runs_beside(reader) && !found) found = dirty.by;
    }
  });
  return found;
}

std::optional<ScalarStore> GlobalTensor::outdated(std::int64_t begin, std::int64_t end, const ScalarCache* cache,
                                                  RunUnit reader) {
  const std::lock_guard lock(mutex_);
  std::optional<ScalarStore> found;
  for_each_line(begin, end, [&](const Line& line, std::uint64_t bytes) {
    for (const Holder& holder : line.holders)
      if (holder.cache == cache && (holder.outdated & bytes) != 0 && !holder.by.unit.runs_beside(reader))
        found = holder.by;
  });
  return found;
}

void GlobalTensor::overwrite(std::int64_t begin, std::int64_t end, const ScalarStore& by, const ScalarCache* except,
                             std::shared_ptr<const Clock> released) {
  if (!has_lines()) return;
  const std::lock_guard lock(mutex_);
  for_each_line(begin, end, [&](Line& line, std::uint64_t bytes) {
    for (Holder& holder : line.holders) {
      if (holder.cache == except) continue;
      holder.outdated |= bytes;
      holder.by = by;
    }
    for (Release& release : line.released) release.bytes &= ~bytes;
    std::erase_if(line.released, [](const Release& release) { return release.bytes == 0; });
    if (released) line.released.push_back({bytes, released});
  });
}

std::shared_ptr<const Clock> GlobalTensor::released(std::int64_t begin, std::int64_t end) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const Clock> found;
  for_each_line(begin, end, [&](const Line& line, std::uint64_t bytes) {
    for (const Release& release : line.released)
      if ((release.bytes & bytes) == bytes) found = release.clock;
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
  if (free == cores.end()) free = cores.insert(free, {std::make_unique<ScalarCache>(), false});
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
      lost.block = std::max<std::int64_t>(store.unit.block, 0);
      lost.rank = tensor->placement().rank;
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
    missing.rank = tensor->placement().rank;
    findings.push_back(std::move(missing));
  }
}

}  // namespace assay::sim
