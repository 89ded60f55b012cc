#include "harness/sim/shared.h"

#include <fmt/format.h>

#include <limits>

namespace assay::sim {

namespace {
constexpr std::size_t kMostDiagnostics = 64;
}

CoreKey key_of(const AgentId& agent) {
  const bool is_vector = agent.kind == pto::CoreKind::vector;
  return {agent.rank, agent.task, agent.block, is_vector, is_vector ? agent.sub_block : 0};
}

void AllCoreBarrier::arrive(const CoreKey& core, const Clock& done) {
  const std::uint64_t time = ++arrivals_[core];
  if (time <= passed_) return;
  if (times_.size() < time - passed_) times_.resize(time - passed_);
  auto& [count, clock] = times_[time - passed_ - 1];
  ++count;
  clock.join(done);
  if (times_.size() <= kMostTimes) return;
  passed_clock_.join(times_.front().second);
  times_.pop_front();
  ++passed_;
}
std::uint64_t AllCoreBarrier::arrivals(const CoreKey& core) const {
  const auto found = arrivals_.find(core);
  return found == arrivals_.end() ? 0 : found->second;
}
std::int64_t AllCoreBarrier::arrived(std::uint64_t time) const {
  if (time == 0 || time > passed_ + times_.size()) return 0;
  return time <= passed_ ? std::numeric_limits<std::int64_t>::max() : times_[time - passed_ - 1].first;
}
const Clock& AllCoreBarrier::clock(std::uint64_t time) const {
  return time <= passed_ ? passed_clock_ : times_[time - passed_ - 1].second;
}

Signal* Signals::find(const SignalKey& key) {
  auto found = signals_.find(key);
  if (found == signals_.end()) found = signals_.find({key.tensor, -1});
  return found == signals_.end() ? nullptr : &found->second;
}
std::pair<Signal*, bool> Signals::of(const SignalKey& key) {
  const auto found = signals_.find(key);
  if (found != signals_.end()) return {&found->second, true};
  const bool own = signals_.size() < kMost;
  return {&signals_[own ? key : SignalKey{key.tensor, -1}], own};
}

void Shared::end_task(const AgentId& any, device::RunReport& report) {
  std::erase_if(rings, [&](const auto& item) {
    const auto& [key, ring] = item;
    if (key.rank != any.rank || key.task != any.task) return false;
    for (const Ring::Leftover& left : ring.leftovers()) {
      device::Diagnostic diagnostic;
      diagnostic.rule = "fifo-leaked";
      diagnostic.message = fmt::format("entry {} of ring {} {} was {} at the end of the task", left.entry, key.id,
                                       name(key.direction), left.popped ? "popped and not freed" : "never popped");
      diagnostic.function = left.origin.function->name;
      diagnostic.op_id = left.origin.op->id;
      diagnostic.location = left.origin.op->location;
      diagnostic.related = ring.initialised_by.op->location;
      diagnostic.related_function = ring.initialised_by.function->name;
      diagnostic.block = key.block;
      diagnostic.rank = key.rank;
      const bool on_vector = (key.direction == Direction::to_vector) == left.popped;
      diagnostic.core = on_vector ? fmt::format("vector {}", left.lane) : "cube";
      if (report.diagnostics.size() >= kMostDiagnostics) return true;
      if (report.status == device::RunStatus::completed) {
        report.status = device::RunStatus::fault;
        report.reason = diagnostic.rule;
      }
      report.diagnostics.push_back(std::move(diagnostic));
    }
    return true;
  });
  std::erase_if(ring_uses, [&](const auto& item) {
    return item.first.first.rank == any.rank && item.first.first.task == any.task;
  });
}

}  // namespace assay::sim
