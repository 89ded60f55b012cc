// Which pointers a function loads and stores.
#include <map>
#include <set>
#include <utility>

#include "harness/pto/inference.h"

namespace assay::pto {
namespace {

using Roots = std::set<std::size_t>;  // indices of pointer arguments

struct Summary {
  std::vector<bool> loaded, stored;  // per argument
  std::vector<Roots> results;        // arguments a returned pointer may come from
  bool operator==(const Summary&) const = default;
};

class Tracer {
 public:
  explicit Tracer(const Module& module) : module_(module) {}

  // Functions that call themselves start from a summary of nothing and are traced again until it holds.
  const Summary& summary(const Function& function) {
    const auto [known, fresh] = summaries_.emplace(&function, Summary{});
    Summary& found = known->second;
    if (!fresh) {
      if (tracing_.contains(&function)) met_itself_ = true;
      return found;
    }
    found = nothing_of(function);
    tracing_.insert(&function);
    for (bool again = true; again;) {
      const bool outer = std::exchange(met_itself_, false);
      Summary made = trace(function);
      again = met_itself_ && made != found;
      met_itself_ = met_itself_ || outer;
      found = std::move(made);
      // What was traced on the way may rest on the earlier summary.
      if (again) std::erase_if(summaries_, [&](const auto& entry) { return !tracing_.contains(entry.first); });
    }
    tracing_.erase(&function);
    return found;
  }

 private:
  struct State {
    const Function& function;
    std::vector<Roots> roots;  // per value
    Summary summary;
    bool changed = true;
  };

  static Summary nothing_of(const Function& function) {
    const std::vector<bool> none(function.arguments.size(), function.is_external);
    return {none, none, std::vector<Roots>(function.results.size())};
  }

  Summary trace(const Function& function) {
    const std::size_t count = function.arguments.size();
    State state{function, std::vector<Roots>(function.values.size()), {}, true};
    state.summary = nothing_of(function);
    for (std::size_t i = 0; i < count; ++i)
      if (std::holds_alternative<PtrType>(function.type(function.arguments[i])))
        state.roots[function.arguments[i]] = {i};
    // Loops carry pointers backwards: repeat until nothing new is reached.
    while (state.changed) {
      state.changed = false;
      visit(state, function.body, nullptr);
    }
    return std::move(state.summary);
  }

  static void flow(State& state, ValueId to, const Roots& from) {
    const std::size_t before = state.roots[to].size();
    state.roots[to].insert(from.begin(), from.end());
    state.changed = state.changed || state.roots[to].size() != before;
  }
  static void flow(State& state, ValueId to, ValueId from) {
    const Roots copy = state.roots[from];
    flow(state, to, copy);
  }
  static void mark(const State& state, std::vector<bool>& what, ValueId id) {
    for (std::size_t root : state.roots[id]) what[root] = true;
  }

  void visit(State& state, const Region& region, const Operation* parent) {
    for (const Operation& operation : region.body) {
      visit_operation(state, operation, parent);
      for (const Region& inner : operation.regions) visit(state, inner, &operation);
    }
  }

  // Values that leave a region: to the results of its operation and, in loops, back to its arguments.
  static void leave(State& state, const Operation& terminator, const Operation* parent) {
    if (terminator.code == OpCode::return_op) {
      for (std::size_t i = 0; i < terminator.operands.size(); ++i) {
        const Roots& from = state.roots[terminator.operands[i]];
        state.summary.results[i].insert(from.begin(), from.end());
      }
      return;
    }
    const std::size_t skip = terminator.code == OpCode::condition ? 1 : 0;
    for (std::size_t i = 0; i + skip < terminator.operands.size(); ++i) {
      const ValueId from = terminator.operands[i + skip];
      if (parent->code == OpCode::while_op) {
        if (skip)
          flow(state, parent->results[i], from), flow(state, parent->regions[1].arguments[i], from);
        else
          flow(state, parent->regions[0].arguments[i], from);
      } else {
        flow(state, parent->results[i], from);
        if (parent->code == OpCode::for_op) flow(state, parent->regions[0].arguments[i + 1], from);
      }
    }
  }

  void visit_operation(State& state, const Operation& operation, const Operation* parent) {
    Summary& summary = state.summary;
    const auto& operands = operation.operands;
    switch (operation.code) {
      case OpCode::make_tensor_view:
      case OpCode::partition_view:
      case OpCode::addptr:
        flow(state, operation.results[0], operands[0]);
        return;
      case OpCode::arith_select:
        flow(state, operation.results[0], operands[1]);
        flow(state, operation.results[0], operands[2]);
        return;
      case OpCode::for_op:
      case OpCode::while_op: {
        const bool counted = operation.code == OpCode::for_op;
        const auto initial = operation.segment(counted ? 3 : 0);
        for (std::size_t i = 0; i < initial.size(); ++i) {
          flow(state, operation.regions[0].arguments[i + (counted ? 1 : 0)], initial[i]);
          if (counted) flow(state, operation.results[i], initial[i]);
        }
        return;
      }
      case OpCode::yield:
      case OpCode::condition:
      case OpCode::return_op:
        leave(state, operation, parent);
        return;
      case OpCode::load_scalar:
        mark(state, summary.loaded, operands[0]);
        return;
      case OpCode::store_scalar:
        mark(state, summary.stored, operands[1]);
        return;
      case OpCode::tload:
      case OpCode::tprefetch:
      case OpCode::comm_twait:
      case OpCode::comm_ttest:
        mark(state, summary.loaded, operands[0]);
        return;
      case OpCode::mgather:  // table, indices and scratch may all be views
        for (ValueId id : operation.segment(0)) mark(state, summary.loaded, id);
        if (operation.segments[0] == 3) mark(state, summary.stored, operands[2]);
        return;
      case OpCode::mscatter: {
        const ValueId target = operation.segment(1)[0];
        mark(state, summary.stored, target);
        const std::string_view atomic = word(operation.attributes, "scatterAtomicOp");
        if (!atomic.empty() && atomic != "none") mark(state, summary.loaded, target);
        return;
      }
      case OpCode::comm_build_async_session:  // the engine's own records
        mark(state, summary.loaded, operands[1]);
        mark(state, summary.stored, operands[1]);
        return;
      case OpCode::comm_tput:
      case OpCode::comm_tget:
      case OpCode::comm_tput_async:
      case OpCode::comm_tget_async:
        mark(state, summary.stored, operands[0]);
        mark(state, summary.loaded, operands[1]);
        if (word(operation.attributes, "atomicType") == "atomic_add") mark(state, summary.loaded, operands[0]);
        return;
      case OpCode::comm_tnotify:
        mark(state, summary.stored, operands[0]);
        if (word(operation.attributes, "notifyOp") == "atomic_add") mark(state, summary.loaded, operands[0]);
        return;
      case OpCode::comm_tbroadcast:  // source to the group
      case OpCode::comm_tscatter:
        mark(state, summary.loaded, operands[0]);
        for (ValueId id : operation.segment(2)) mark(state, summary.stored, id);
        return;
      case OpCode::comm_tgather:  // group to the destination
      case OpCode::comm_treduce:
        mark(state, summary.stored, operands[0]);
        for (ValueId id : operation.segment(operation.segments.size() - 1)) mark(state, summary.loaded, id);
        return;
      case OpCode::syncall:
        for (ValueId id : operation.segment(0)) {
          mark(state, summary.loaded, id);
          mark(state, summary.stored, id);
        }
        return;
      case OpCode::aic_initialize_pipe:  // the ring's slots in global memory
      case OpCode::aiv_initialize_pipe:
        for (ValueId id : operation.segment(0)) {
          mark(state, summary.loaded, id);
          mark(state, summary.stored, id);
        }
        return;
      case OpCode::tstore: {
        const ValueId target = operation.segment(1)[0];
        mark(state, summary.stored, target);
        if (word(operation.attributes, "atomicType") == "atomic_add") mark(state, summary.loaded, target);
        return;
      }
      case OpCode::call:
        visit_call(state, operation);
        return;
      default:
        return;
    }
  }

  void visit_call(State& state, const Operation& operation) {
    const Function* target = module_.find_function(callee(operation));
    if (!target) return;
    const Summary& called = summary(*target);
    for (std::size_t i = 0; i < operation.operands.size(); ++i) {
      if (called.loaded[i]) mark(state, state.summary.loaded, operation.operands[i]);
      if (called.stored[i]) mark(state, state.summary.stored, operation.operands[i]);
    }
    for (std::size_t i = 0; i < operation.results.size(); ++i)
      for (std::size_t argument : called.results[i]) flow(state, operation.results[i], operation.operands[argument]);
  }

  const Module& module_;
  std::map<const Function*, Summary> summaries_;
  std::set<const Function*> tracing_;
  bool met_itself_ = false;
};

}  // namespace

std::string_view name(Direction direction) {
  constexpr std::string_view kNames[] = {"unused", "in", "out", "inout"};
  return kNames[static_cast<std::size_t>(direction)];
}

std::vector<Direction> argument_directions(const Module& module, const Function& function) {
  Tracer tracer(module);
  const Summary& summary = tracer.summary(function);
  std::vector<Direction> directions;
  for (std::size_t i = 0; i < function.arguments.size(); ++i) {
    const bool pointer = std::holds_alternative<PtrType>(function.type(function.arguments[i]));
    const bool in = pointer && summary.loaded[i], out = pointer && summary.stored[i];
    directions.push_back(in && out ? Direction::inout : in ? Direction::in : out ? Direction::out : Direction::unused);
  }
  return directions;
}

}  // namespace assay::pto
