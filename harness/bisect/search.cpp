// The search for the single edit that explains a stage whose simulator result differs from its golden.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/bisect/bisect.h"
#include "harness/bisect/slice.h"
#include "harness/pto/verifier.h"

namespace assay::bisect {
namespace {

constexpr std::size_t kTraceEvents = 100'000;
constexpr std::size_t kTraceBytes = std::size_t{256} << 20;
constexpr std::size_t kAlternatives = 5;

// Ids of the task's function: those of the slice first, then the rest.
struct SearchOrder {
  std::vector<std::uint32_t> slice, rest;
};

SearchOrder search_order(const Probe& probe, device::Backend& simulator, const Probe::Answer& base, std::size_t task) {
  const pto::Function& function = *probe.modules()[task]->find_function(probe.stage().tasks[task].function);
  std::vector<std::uint32_t> slice;
  if (base.report.status == device::RunStatus::completed) {
    std::vector<device::TraceEvent> trace;
    std::size_t bytes = 0;
    bool whole = true;
    probe.run(probe.modules(), simulator, 20'000'000, task, [&](const device::TraceEvent& event) {
      bytes += event.data.size() + event.element_offsets.size() * sizeof(std::int64_t);
      whole = trace.size() < kTraceEvents && bytes < kTraceBytes;
      if (whole) trace.push_back(event);
      return whole;
    });
    if (whole) slice = dynamic_slice(function, trace, probe.bad_elements(base));
  }
  SearchOrder order;
  order.slice = slice;
  const std::set<std::uint32_t> in_slice(slice.begin(), slice.end());
  for (const pto::Operation* op : pto::preorder(function))
    if (!in_slice.contains(op->id)) order.rest.push_back(op->id);
  return order;
}

class Searcher {
 public:
  Searcher(const Probe& probe, device::Backend& simulator, const Probe::Answer& base, const Confirm& confirm,
           std::int64_t max_candidates)
      : probe_(probe), simulator_(simulator), base_(base), confirm_(confirm), max_(max_candidates) {
    // A correct kernel is about as long as the faulty one; a candidate that runs away is stopped early.
    const bool whole = base.report.status == device::RunStatus::completed;
    budget_ = whole ? std::max<std::uint64_t>(10'000, 4 * base.report.instructions) : 2'000'000;
  }

  EditSearch search() {
    for (std::size_t task = 0; task < probe_.modules().size() && !result_.found; ++task) {
      if (repeats(task)) continue;
      const SearchOrder order = search_order(probe_, simulator_, base_, task);
      for (const auto* ids : {&order.slice, &order.rest})
        for (int kind = 0; kind < kEditKinds && !result_.found; ++kind)
          try_kind(task, static_cast<EditKind>(kind), *ids);
    }
    return std::move(result_);
  }

 private:
  bool repeats(std::size_t task) const {
    const auto& modules = probe_.modules();
    const auto& tasks = probe_.stage().tasks;
    for (std::size_t earlier = 0; earlier < task; ++earlier)
      if (modules[earlier] == modules[task] && tasks[earlier].function == tasks[task].function) return true;
    return false;
  }

  const pto::Function& function(std::size_t task) const {
    return *probe_.modules()[task]->find_function(probe_.stage().tasks[task].function);
  }

  // Where the simulator stopped for want of defined bytes, only what reads them can be missing a producer.
  bool worth_inserting_at(std::uint32_t id) const {
    if (base_.report.status != device::RunStatus::fault || base_.report.diagnostics.empty()) return true;
    const device::Diagnostic& last = base_.report.diagnostics.back();
    return last.rule != "undefined-bytes" || last.op_id == id;
  }

  void try_kind(std::size_t task, EditKind kind, const std::vector<std::uint32_t>& ids) {
    for (std::uint32_t id : ids) {
      if (kind == EditKind::missing_operation && !worth_inserting_at(id)) continue;
      for (Edit& edit : enumerate_edits(function(task), kind, id)) {
        if (result_.candidates >= max_) return;
        if (!explains(task, edit)) continue;
        if (!result_.found) {
          result_.found = std::move(edit);
          result_.task = task;
        } else if (result_.alternatives.size() < kAlternatives) {
          result_.alternatives.push_back(describe(task, edit));
        }
      }
      if (result_.found) return;
    }
  }

  bool explains(std::size_t task, const Edit& edit) {
    const pto::Function& f = function(task);
    auto edited = apply_edit(*probe_.modules()[task], f.name, edit);
    if (!edited || !pto::verify(*edited)) return false;
    ++result_.candidates;
    auto module = std::make_shared<const pto::Module>(std::move(*edited));
    const Probe::Answer answer = probe_.run(probe_.replaced(task, module), simulator_, budget_);
    return answer.matches && confirm_(task, module);
  }

  std::string describe(std::size_t task, const Edit& edit) const {
    const pto::Operation& op = *pto::preorder(function(task))[edit.op_id];
    return fmt::format("line {}: {}: {}", op.location.line, name(edit.kind), edit.description);
  }

  const Probe& probe_;
  device::Backend& simulator_;
  const Probe::Answer& base_;
  const Confirm& confirm_;
  std::int64_t max_;
  std::uint64_t budget_ = 0;
  EditSearch result_;
};

}  // namespace

EditSearch search_edits(const Probe& probe, device::Backend& simulator, const Probe::Answer& base,
                        const Confirm& confirm, std::int64_t max_candidates) {
  return Searcher(probe, simulator, base, confirm, max_candidates).search();
}

}  // namespace assay::bisect
