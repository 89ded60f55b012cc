#include "harness/sim/order/scalar_cache.h"

#include <cstring>

#include "harness/sim/global_memory.h"

namespace assay::sim {
namespace {

std::int64_t line_begin(const GlobalTensor& tensor, std::int64_t line) { return line * tensor.line_bytes(); }
std::int64_t line_end(const GlobalTensor& tensor, std::int64_t line) {
  return std::min(line_begin(tensor, line + 1), tensor.size_bytes());
}

// Calls visit(begin, end) for the runs of set bits, ascending.
template <class Visitor>
void for_each_run(std::uint64_t bits, const Visitor& visit) {
  for (int begin = 0; bits != 0;) {
    const int skip = std::countr_zero(bits);
    begin += skip;
    bits >>= skip;
    const int length = std::countr_one(bits);
    visit(begin, begin + length);
    begin += length;
    bits = length == 64 ? 0 : bits >> length;
  }
}

}  // namespace

bool ScalarCache::ByTensor::operator()(const Key& a, const Key& b) const {
  return std::pair(a.first->index(), a.second) < std::pair(b.first->index(), b.second);
}

void ScalarCache::start(RunUnit unit) {
  unit_ = unit;
  for (auto at = lines_.begin(); at != lines_.end();) at = at->second.dirty != 0 ? drop(at) : std::next(at);
  std::erase_if(stored_, [&](const Key& key) { return !lines_.contains(key); });
  invalidated_.clear();
  invalidated_all_ = false;
  dirtied_.clear();
}

void ScalarCache::spill(const Key& key, const Line& line) {
  auto& [tensor, index] = key;
  const std::int64_t begin = line_begin(*tensor, index);
  for_each_run(line.dirty, [&, tensor = tensor](int from, int to) {
    std::copy(line.data.begin() + from, line.data.begin() + to, tensor->bytes() + begin + from);
    tensor->define(begin + from, begin + to);
  });
}

ScalarCache::Line& ScalarCache::fill(GlobalTensor& tensor, std::int64_t index) {
  const Key key{&tensor, index};
  const auto [found, is_new] = lines_.try_emplace(key);
  Line& line = found->second;
  if (!is_new) return line;
  filled_.push_back(key);
  if (filled_.size() > kMostLines) {
    const auto oldest = lines_.find(filled_.front());
    if (oldest != lines_.end() && oldest->second.dirty != 0) stored_.push_back(filled_.front());
    filled_.pop_front();
    if (oldest != lines_.end() && oldest->second.dirty == 0 && oldest->first != key) drop(oldest);
  }
  if (stored_.size() > most_stored_) {
    const auto oldest = lines_.find(stored_.front());
    stored_.pop_front();
    if (oldest != lines_.end() && oldest->first != key) {
      spill(oldest->first, oldest->second);
      drop(oldest);
    }
  }
  const std::int64_t begin = line_begin(tensor, index);
  line.data.assign(tensor.bytes() + begin, tensor.bytes() + line_end(tensor, index));
  if (const auto mine = arriving_.find(key); mine != arriving_.end() && mine->second.by.unit.launch == unit_.launch)
    for_each_run(mine->second.dirty, [&](int from, int to) {
      std::copy(mine->second.data.begin() + from, mine->second.data.begin() + to, line.data.begin() + from);
    });
  line.polled = invalidated_all_ || invalidated_.erase(key) != 0;
  tensor.add_holder(this, index);
  return line;
}

ScalarCache::Lines::iterator ScalarCache::drop(Lines::iterator at) {
  at->first.first->drop_holder(this, at->first.second);
  return lines_.erase(at);
}

ScalarCache::Loaded ScalarCache::load(GlobalTensor& tensor, std::int64_t offset, std::int64_t width) {
  const std::int64_t index = offset / tensor.line_bytes(), at = offset - line_begin(tensor, index);
  const Line& line = fill(tensor, index);
  Loaded loaded;
  std::memcpy(&loaded.bits, line.data.data() + at, static_cast<std::size_t>(width));
  const std::uint64_t bytes = bit_mask(at, at + width);
  loaded.own = (line.dirty & bytes) == bytes;
  if (loaded.own) return loaded;
  loaded.stale = tensor.outdated(offset, offset + width, this, unit_);
  if (!loaded.stale) loaded.stale = tensor.dirty(offset, offset + width, this, unit_);
  loaded.polls = line.polled;
  if (line.polled && !loaded.stale) loaded.released = tensor.released(offset, offset + width);
  return loaded;
}

void ScalarCache::store(GlobalTensor& tensor, std::int64_t offset, std::int64_t width, std::uint64_t bits,
                        const pto::Operation& op, const pto::Function& function) {
  const std::int64_t index = offset / tensor.line_bytes(), at = offset - line_begin(tensor, index);
  Line& line = fill(tensor, index);
  std::memcpy(line.data.data() + at, &bits, static_cast<std::size_t>(width));
  line.dirty |= bit_mask(at, at + width);
  line.by = {&op, &function, unit_};
  tensor.set_dirty(this, offset, offset + width, line.by);
  dirtied_.insert(&tensor);
}

void ScalarCache::clean_and_invalidate(GlobalTensor& tensor, std::int64_t begin, std::int64_t end) {
  if (begin >= end) return;
  const std::int64_t first = begin / tensor.line_bytes(), last = (end - 1) / tensor.line_bytes();
  constexpr std::int64_t kRemembered = 64;
  for (std::int64_t line = first; line <= last && line < first + kRemembered; ++line)
    if (invalidated_.size() < kMostLines) invalidated_.insert({&tensor, line});
  for (auto at = lines_.lower_bound({&tensor, first});
       at != lines_.end() && at->first.first == &tensor && at->first.second <= last;) {
    if (Line& line = at->second; line.dirty != 0) {
      Line& way = arriving_[at->first];
      if (way.data.empty()) way.data = line.data;
      for_each_run(line.dirty, [&](int from, int to) {
        std::copy(line.data.begin() + from, line.data.begin() + to, way.data.begin() + from);
      });
      way.dirty |= line.dirty;
      way.by = line.by;
    }
    at = drop(at);
  }
  tensor.clean(this, unit_, first, last, [&](std::int64_t page) { cleaned_pages_.insert({&tensor, page}); });
  while (arriving_.size() > most_stored_) {
    spill(arriving_.begin()->first, arriving_.begin()->second);
    arriving_.erase(arriving_.begin());
  }
}

void ScalarCache::clean_and_invalidate_all() {
  invalidated_all_ = true;
  std::set<GlobalTensor*> tensors = dirtied_;
  for (const auto& [key, line] : lines_) tensors.insert(key.first);
  for (GlobalTensor* tensor : tensors) clean_and_invalidate(*tensor, 0, tensor->size_bytes());
  invalidated_.clear();
  filled_.clear();
  stored_.clear();
}

void ScalarCache::arrive(std::shared_ptr<const Clock> released) {
  for (const auto& [key, line] : arriving_) spill(key, line);
  for (const auto& [tensor, page] : cleaned_pages_) {
    for (const GlobalTensor::Stored& stored : tensor->take_cleaned(this, page)) {
      const Key key{tensor, stored.line};
      const auto way = arriving_.find(key);
      const auto still = lines_.find(key);
      // Stored again since: that is not on its way yet.
      const std::uint64_t again = still == lines_.end() ? 0 : still->second.dirty;
      const std::uint64_t arrived = stored.bytes & ~(again & ~(way == arriving_.end() ? 0 : way->second.dirty));
      const std::int64_t begin = line_begin(*tensor, stored.line);
      for_each_run(arrived, [&, tensor = tensor](int from, int to) {
        tensor->overwrite(begin + from, begin + to, stored.by, this, released);
      });
      for_each_run(again, [&, tensor = tensor](int from, int to) {
        tensor->set_dirty(this, begin + from, begin + to, still->second.by);
      });
    }
  }
  arriving_.clear();
  cleaned_pages_.clear();
}

void ScalarCache::fence(const Clock& seen) {
  if (!cleaned_pages_.empty()) arrive(std::make_shared<const Clock>(seen));
}

void ScalarCache::finish() { arrive(nullptr); }

}  // namespace assay::sim
