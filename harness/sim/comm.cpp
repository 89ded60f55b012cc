// Bodies of notify, wait, test and the barrier of all cores (pto-format 3.6, 3.8; pto-isa 2.5).
#include <algorithm>
#include <cstring>

#include "harness/sim/attribute.h"
#include "harness/sim/global_rectangle.h"
#include "harness/sim/machine.h"
#include "harness/sim/ops/window.h"
#include "harness/sim/pipes.h"
#include "harness/sim/shared.h"

namespace assay::sim {
namespace {

using pto::OpCode;

Origin origin_of(Machine& m, const Instruction& i) { return {i.source, &m.function()}; }

// ---- signals

struct Condition {
  Compare compare = Compare::eq;
  std::int32_t against = 0;
};

constexpr std::pair<std::string_view, Compare> kCompares[] = {{"eq", Compare::eq}, {"ne", Compare::ne},
                                                              {"gt", Compare::gt}, {"ge", Compare::ge},
                                                              {"lt", Compare::lt}, {"le", Compare::le}};

Condition condition_of(Machine& m, const Instruction& i) {
  Condition condition;
  for (const auto& [word, compare] : kCompares)
    if (pto::word(i.source->attributes, "cmp") == word) condition.compare = compare;
  condition.against = static_cast<std::int32_t>(m.integer(i.operands[1]));
  return condition;
}

std::string_view symbol(Compare compare) {
  constexpr std::string_view kSymbols[] = {"==", "!=", ">", ">=", "<", "<="};
  return kSymbols[static_cast<std::size_t>(compare)];
}

struct Word {
  SignalKey key;
  std::byte* at = nullptr;
  std::int32_t value() const {
    std::int32_t found = 0;
    std::memcpy(&found, at, sizeof found);
    return found;
  }
};

// Calls visit(word) for the signal's words while it returns true. The window was checked.
template <class Visitor>
bool each_word(Machine& m, const View& view, const Visitor& visit) {
  const RectangleShape shape = shape_of(view);
  const Tensor* tensor = &m.tensor(view.base.tensor);
  bool all = true;
  for_each_row(view, shape.rows, shape.cols, [&](std::int64_t, std::int64_t offset, std::int64_t stride) {
    for (std::int64_t col = 0; col < shape.cols && all; ++col) {
      const std::int64_t element = offset + col * stride;
      all = visit(Word{{tensor, element}, m.global(view.base.tensor) + element * 4});
    }
  });
  return all;
}

bool check_signal(Machine& m, const View& view, RectangleShape shape) {
  return check_owner(m, view) && check_window(m, view, shape.rows, shape.cols);
}

// As the kernel counts: from where its argument points.
std::int64_t element_of(const Machine& m, const View& view, const SignalKey& key) {
  return key.word - m.place_of(view.base.tensor, key.word * 4).origin / 4;
}

void report_stale(Machine& m, const std::optional<Signal::Stale>& stale, const View& view, const SignalKey& key) {
  if (!stale) return;
  const auto line = [](const Origin& origin) { return origin.op->location.line; };
  const Origin& other = m.current().code == OpCode::comm_tnotify ? stale->second_wait : stale->second_notify;
  m.finding("stale-signal",
            fmt::format("the wait at line {} is satisfied by a notify that the wait at line {} has consumed: the word "
                        "at element {} was notified at line {} and again at line {}, and never reset in between",
                        line(stale->second_wait), line(stale->first_wait), element_of(m, view, key),
                        line(stale->first_notify), line(stale->second_notify)),
            other.op, other.function);
}

bool notify(Machine& m, const Instruction& i) {
  const View& view = m.view(i.operands[0]);
  if (!m.access_window(AccessKind::atomic, view, 1, 1)) return false;
  const bool adds = pto::word(i.source->attributes, "notifyOp") == "atomic_add";
  const Word word{{&m.tensor(view.base.tensor), view.base.offset}, m.global(view.base.tensor) + view.base.offset * 4};
  const std::int32_t before = word.value();
  const auto operand = static_cast<std::uint32_t>(m.integer(i.operands[1]));
  const auto after = static_cast<std::int32_t>(adds ? static_cast<std::uint32_t>(before) + operand : operand);
  std::memcpy(word.at, &after, sizeof after);
  Signals& signals = m.shared().signals;
  const auto [signal, own] = signals.of(word.key);
  // Who reads a value that was set saw that notify; a sum, all that were added.
  if (!adds && own) signal->clock = Clock();
  m.release(signal->clock);
  if (own)
    report_stale(m, signal->notified({key_of(m.who()), origin_of(m, i), before, after}, signals.most_notifies()), view,
                 word.key);
  if (m.tracing()) {
    std::vector<std::byte> data(word.at, word.at + 4);
    m.trace_global(view.base, 1, 1, {view.base.offset}, std::move(data));
  }
  return true;
}

bool check_wait(Machine& m, const Instruction& i) {
  const View& view = m.view(i.operands[0]);
  return check_extent(m, view) && check_signal(m, view, shape_of(view));
}

bool is_satisfied(Machine& m, const Instruction& i) {
  const Condition condition = condition_of(m, i);
  return each_word(m, m.view(i.operands[0]),
                   [&](const Word& word) { return holds(condition.compare, word.value(), condition.against); });
}

void acquire_all(Machine& m, const View& view) {
  each_word(m, view, [&](const Word& word) {
    if (const Signal* signal = m.shared().signals.find(word.key)) m.acquire(signal->clock);
    return true;
  });
}

bool record_test(Machine& m, const Instruction& i) {
  const View& view = m.view(i.operands[0]);
  const RectangleShape shape = shape_of(view);
  return m.access_window(AccessKind::test, view, shape.rows, shape.cols);
}

bool wait(Machine& m, const Instruction& i) {
  const Condition condition = condition_of(m, i);
  const View& view = m.view(i.operands[0]);
  acquire_all(m, view);
  if (!record_test(m, i)) return false;
  return each_word(m, view, [&](const Word& word) {
    if (const auto [signal, own] = m.shared().signals.of(word.key); own)
      report_stale(m, signal->waited({key_of(m.who()), origin_of(m, i), condition.compare, condition.against}), view,
                   word.key);
    return true;
  });
}

bool test(Machine& m, const Instruction& i) {
  if (!check_wait(m, i)) return false;
  const bool satisfied = is_satisfied(m, i);
  if (satisfied) acquire_all(m, m.view(i.operands[0]));
  if (!record_test(m, i)) return false;
  m.scalar(i.results[0]) = satisfied ? 1 : 0;
  m.trace_scalar(DType::u8, satisfied ? 1 : 0);
  return true;
}

// Those who could still act.
std::string others(Machine& m) {
  constexpr std::size_t kNamed = 4;
  std::string names;
  std::size_t running = 0;
  const CoreKey self = key_of(m.who());
  for (const Shared::Agent& agent : m.shared().agents) {
    if (agent.finished || key_of(agent.id) == self) continue;
    if (++running <= kNamed) names += (names.empty() ? "" : ", ") + describe(agent.id);
  }
  if (running == 0) return "but all others have finished";
  if (running > kNamed) names += fmt::format(" and {} more", running - kNamed);
  return "of those still running: " + names;
}

Wait explain_wait(Machine& m, const Instruction& i) {
  const View& view = m.view(i.operands[0]);
  const Condition condition = condition_of(m, i);
  const std::string& name = m.function().values[i.source->operands[0]].name;
  Wait found;
  each_word(m, view, [&](const Word& word) {
    if (holds(condition.compare, word.value(), condition.against)) return true;
    const Origin nearest = m.nearest([](const pto::Operation& op) { return op.code == OpCode::comm_tnotify; });
    found = {fmt::format("the signal at element {} of %{} to be {} {} (it is {})", element_of(m, view, word.key), name,
                         symbol(condition.compare), condition.against, word.value()),
             fmt::format("a tnotify of it, {}", others(m)),
             nearest.op ? std::optional(nearest.op->location) : std::nullopt, nearest.function};
    return false;
  });
  return found;
}

// ---- all cores of the launch

using Cores = AllCoreBarrier::Cores;

Cores cores_of(const Instruction& i) {
  const std::string_view word = pto::word(i.source->attributes, "core_type");
  if (word == "aiv_only") return Cores::vector;
  return word == "aic_only" ? Cores::cube : Cores::mix;
}

bool takes_part(const AgentId& agent, Cores cores) {
  if (!agent.kind || cores == Cores::mix) return true;
  return (*agent.kind == pto::CoreKind::vector) == (cores == Cores::vector);
}

AllCoreBarrier& barrier_of(Machine& m, const Instruction& i) {
  return m.shared().barriers[{m.who().rank, m.who().task, cores_of(i)}];
}

bool is_soft(const Instruction& i) { return pto::word(i.source->attributes, "mode") == "soft"; }

// Of the launch; the soft form may say how many (pto-isa 2.5).
std::int64_t participants(Machine& m, const Instruction& i) {
  if (is_soft(i) && i.source->segments.size() > 1 && i.source->segments[1] == 1) {
    const std::int64_t used = m.integer(i.operands[i.source->segments[0]]);
    if (used > 0) return used;
  }
  return std::count_if(m.shared().agents.begin(), m.shared().agents.end(), [&](const Shared::Agent& agent) {
    return agent.id.rank == m.who().rank && agent.id.task == m.who().task && takes_part(agent.id, cores_of(i));
  });
}

// The pipes have run dry: what they have done is behind whatever the stream issues next.
bool drained(Machine& m, const Instruction&) {
  if (m.in_explicit_order()) m.pipes().barrier_all();
  return true;
}

constexpr std::int64_t kWorkspaceBytes = 64;  // of the soft form's counter (pto-isa 2.5)

bool arrive(Machine& m, const Instruction& i) {
  if (!takes_part(m.who(), cores_of(i)))
    return m.fault("syncall-core", fmt::format("{} at a barrier of {}", describe(m.who()),
                                               pto::word(i.source->attributes, "core_type")));
  if (is_soft(i) && i.source->segments[0] == 1) {
    const Ref operand = i.operands[0];
    const Pointer& workspace = operand.kind == Kind::view ? m.view(operand).base : m.pointer(operand);
    const std::int64_t words = kWorkspaceBytes * 8 / info(workspace.element).bits;
    const bool fits = workspace.tensor != kNoTensor && m.elements(workspace.tensor, workspace.element).has(workspace.offset) &&
                      m.elements(workspace.tensor, workspace.element).has(workspace.offset + words - 1);
    if (!fits)
      return m.fault_at_operand("bounds", fmt::format("the counter of syncall takes {} bytes", kWorkspaceBytes), 0);
  }
  drained(m, i);
  Clock done;
  m.release(done);
  barrier_of(m, i).arrive(key_of(m.who()), done);
  return true;
}

bool all_arrived(Machine& m, const Instruction& i) {
  const AllCoreBarrier& barrier = barrier_of(m, i);
  return barrier.arrived(barrier.arrivals(key_of(m.who()))) >= participants(m, i);
}

bool leave(Machine& m, const Instruction& i) {
  const AllCoreBarrier& barrier = barrier_of(m, i);
  m.acquire(barrier.clock(barrier.arrivals(key_of(m.who()))));
  return true;
}

Wait explain_barrier(Machine& m, const Instruction& i) {
  const AllCoreBarrier& barrier = barrier_of(m, i);
  const std::uint64_t time = barrier.arrivals(key_of(m.who()));
  std::string missing;
  for (const Shared::Agent& agent : m.shared().agents) {
    const AgentId& id = agent.id;
    if (id.rank != m.who().rank || id.task != m.who().task || !takes_part(id, cores_of(i))) continue;
    if (barrier.arrivals(key_of(id)) >= time) continue;
    missing += fmt::format("{}{}{}", missing.empty() ? "" : ", ", describe(id), agent.finished ? " (finished)" : "");
  }
  return {fmt::format("all cores at syncall number {}: {} of {} have arrived", time, barrier.arrived(time),
                      participants(m, i)),
          missing.empty() ? "cores the launch does not have" : missing};
}

// A notify ends in a barrier of all pipes: behind the notify, so it orders nothing before it (pto-isa 2.5).
constexpr Part kNotify[] = {{pto::Pipe::s, false, nullptr, notify, nullptr, nullptr},
                            {pto::Pipe::s, true, nullptr, drained, nullptr, nullptr}};
constexpr Part kWait[] = {{pto::Pipe::s, false, check_wait, wait, is_satisfied, explain_wait}};
constexpr Part kTest[] = {{pto::Pipe::s, false, nullptr, test, nullptr, nullptr}};
constexpr Part kSyncAll[] = {{pto::Pipe::s, true, nullptr, arrive, nullptr, nullptr},
                             {pto::Pipe::s, false, nullptr, leave, all_arrived, explain_barrier}};

}  // namespace

std::span<const Part> comm_parts(OpCode code) {
  switch (code) {
    case OpCode::comm_tnotify:
      return kNotify;
    case OpCode::comm_twait:
      return kWait;
    case OpCode::comm_ttest:
      return kTest;
    case OpCode::syncall:
      return kSyncAll;
    default:
      return {};
  }
}

}  // namespace assay::sim
