#include "harness/sim/shared.h"

#include <fmt/format.h>

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
  if (times_.size() < time) times_.resize(time);
  auto& [count, clock] = times_[time - 1];
  ++count;
  clock.join(done);
}
std::uint64_t AllCoreBarrier::arrivals(const CoreKey& core) const {
  const auto found = arrivals_.find(core);
  return found == arrivals_.end() ? 0 : found->second;
}
std::int64_t AllCoreBarrier::arrived(std::uint64_t time) const {
  return time == 0 || time > times_.size() ? 0 : times_[time - 1].first;
}
const Clock& AllCoreBarrier::clock(std::uint64_t time) const { return times_[time - 1].second; }

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
