#include <algorithm>

#include "harness/sim/shared.h"

namespace assay::sim {
namespace {

// Waits kept to tell whether a notify is consumed twice.
constexpr std::size_t kMostConsumed = 64;

bool same_core(const CoreKey& a, const CoreKey& b) {  // whatever the task
  return a.rank == b.rank && a.block == b.block && a.vector == b.vector && a.sub_block == b.sub_block;
}

}  // namespace

bool holds(Compare compare, std::int32_t value, std::int32_t against) {
  switch (compare) {
    case Compare::eq:
      return value == against;
    case Compare::ne:
      return value != against;
    case Compare::gt:
      return value > against;
    case Compare::ge:
      return value >= against;
    case Compare::lt:
      return value < against;
    case Compare::le:
      return value <= against;
  }
  return false;
}

// Counts one more notify by somebody whose earlier one the wait has consumed.
void Signal::count(Consumed& consumed, const Notify& notify) {
  for (const Notify& known : consumed.notifies)
    if (same_core(known.by, notify.by) && known.origin.op == notify.origin.op && !consumed.repeated) {
      consumed.repeated = {known.origin, notify.origin};
      return;
    }
}

std::optional<Signal::Stale> Signal::stale(const Consumed& consumed) {
  if (!consumed.again || !consumed.repeated) return std::nullopt;
  return Stale{consumed.wait.origin, consumed.again->origin, consumed.repeated->first, consumed.repeated->second};
}

std::optional<Signal::Stale> Signal::notified(const Notify& notify, std::size_t most) {
  std::erase_if(consumed_, [&](const Consumed& consumed) {
    const Wait& wait = consumed.wait;
    return !holds(wait.compare, notify.before, wait.against) || !holds(wait.compare, notify.after, wait.against);
  });
  std::optional<Stale> found;
  for (Consumed& consumed : consumed_) {
    const bool was_known = consumed.repeated.has_value();
    count(consumed, notify);
    if (!was_known && !found) found = stale(consumed);
  }
  notifies_.push_back(notify);
  if (notifies_.size() > most) notifies_.erase(notifies_.begin());
  return found;
}

std::optional<Signal::Stale> Signal::waited(const Wait& wait) {
  for (Consumed& consumed : consumed_) {
    const Wait& first = consumed.wait;
    const bool same_wait = same_core(first.by, wait.by) && first.compare == wait.compare &&
                           first.against == wait.against &&
                           (first.origin.op == wait.origin.op || first.by.task != wait.by.task);
    if (!same_wait) continue;
    if (consumed.again) return std::nullopt;
    consumed.again = wait;
    return stale(consumed);
  }
  Consumed consumed{wait, std::nullopt, {}, std::nullopt};
  // Back to the notify that made the condition true.
  for (auto notify = notifies_.rbegin(); notify != notifies_.rend(); ++notify) {
    if (!holds(wait.compare, notify->after, wait.against)) break;
    consumed.notifies.insert(consumed.notifies.begin(), *notify);
    if (!holds(wait.compare, notify->before, wait.against)) break;
  }
  std::vector<Notify> seen;
  seen.swap(consumed.notifies);
  for (const Notify& notify : seen) {
    count(consumed, notify);
    consumed.notifies.push_back(notify);
  }
  consumed_.push_back(std::move(consumed));
  if (consumed_.size() > kMostConsumed) consumed_.erase(consumed_.begin());
  return std::nullopt;
}

}  // namespace assay::sim
