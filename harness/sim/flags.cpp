#include "harness/sim/flags.h"

#include "harness/sim/flag_operands.h"
#include "harness/sim/pipes.h"

namespace assay::sim {
namespace {

using pto::OpCode;
using pto::Pipe;

Pipe source_pipe(const Instruction& i) { return static_cast<Pipe>(high_of(i) & 0xFF); }
Pipe destination_pipe(const Instruction& i) { return static_cast<Pipe>(high_of(i) >> 8); }
EventKey key_of(Machine& m, const Instruction& i) { return {source_pipe(i), destination_pipe(i), id_of(m, i)}; }

// ---- event flags

bool set_flag(Machine& m, const Instruction& i) {
  const EventKey key = key_of(m, i);
  if (!check_id(m, i, key.id, m.profile().event_ids)) return false;
  Pipes& pipes = m.pipes();
  EventFlag& flag = pipes.event(key);
  if (!flag.sets.empty())
    m.finding("flag-reused",
              fmt::format("sets {} while it is still set: nobody has waited for the set at line {}", describe(key),
                          flag.sets.back().site.op->location.line),
              flag.sets.back().site.op, flag.sets.back().site.function);
  else if (flag.waited && !pipes.seen().covers(flag.last_wait) && flag.last_wait.actor != pipes.epoch().actor)
    m.finding("flag-reused",
              fmt::format("sets {} again, and nothing orders this after the wait at line {} for the set before",
                          describe(key), flag.last_wait_site.op->location.line),
              flag.last_wait_site.op, flag.last_wait_site.function);
  if (flag.sets.size() >= kMostSets)
    return m.fault(
        "flag-reused",
        fmt::format("sets {} though it has been set {} times without a wait", describe(key), flag.sets.size()),
        flag.sets.front().site.op->location);
  EventFlag::Set& set = flag.sets.emplace_back();
  set.site = {i.source, &m.function()};
  pipes.release(set.clock);
  return true;
}

bool wait_flag_ready(Machine& m, const Instruction& i) {
  const EventKey key = key_of(m, i);
  // A broken id is the body's to report.
  return key.id < 0 || key.id >= m.profile().event_ids || !m.pipes().event(key).sets.empty();
}

bool wait_flag(Machine& m, const Instruction& i) {
  const EventKey key = key_of(m, i);
  if (!check_id(m, i, key.id, m.profile().event_ids)) return false;
  Pipes& pipes = m.pipes();
  EventFlag& flag = pipes.event(key);
  pipes.acquire(flag.sets.front().clock);
  flag.sets.pop_front();
  flag.waited = true;
  flag.last_wait = pipes.wait_epoch();
  flag.last_wait_site = {i.source, &m.function()};
  return true;
}

Wait explain_flag(Machine& m, const Instruction& i) {
  const EventKey key = key_of(m, i);
  const auto stream = m.stream_location();
  const std::string stands =
      stream ? fmt::format("the scalar stream, at line {}", stream->line) : "the scalar stream, which has ended";
  if (key.from == Pipe::s) return {fmt::format("flag {}", describe(key)), stands, stream};
  if (const pto::Operation* set = m.pipes().queued_set(key))
    return {fmt::format("flag {}", describe(key)),
            fmt::format("the set_flag at line {}, queued on {}", set->location.line, pto::pipe_name(key.from)),
            set->location};
  std::string others;  // a wrong id is the usual mistake
  for (const auto& [other, flag] : m.pipes().events())
    if (other.from == key.from && other.to == key.to && !flag.sets.empty())
      others +=
          fmt::format("; event {} of the two is set (line {})", other.id, flag.sets.back().site.op->location.line);
  const Origin nearest = stream ? Origin{} : m.nearest([&](const pto::Operation& op) {
    Instruction set;
    return sets_flag(op.code) && decode_sync(op, set).empty() && source_pipe(set) == key.from &&
           destination_pipe(set) == key.to;
  });
  return {fmt::format("flag {}", describe(key)),
          fmt::format("{}, which has no set_flag of it queued; {}{}", pto::pipe_name(key.from), stands, others),
          nearest.op ? nearest.op->location : stream, nearest.function};
}

// ---- barriers

// Of one pipe: its own operations, and no other pipe's (isa 2.5). The stream's are in order anyway, and what it issues
// behind the barrier is ordered after them by a flag from PIPE_S only.
bool barrier(Machine& m, const Instruction&) {
  if (m.pipes().executing() != Pipe::s) m.pipes().barrier();
  return true;
}

// ---- buffer tokens

bool issue_get(Machine& m, const Instruction& i) {
  m.pipes().set_ticket(m.pipes().buffer(id_of(m, i)).issue_get());
  return true;
}
bool issue_release(Machine& m, const Instruction& i) {
  m.pipes().set_ticket(m.pipes().buffer(id_of(m, i)).issue_release());
  return true;
}
bool release_buffer(Machine& m, const Instruction& i) {
  Clock done;
  m.pipes().release(done);
  m.pipes().buffer(id_of(m, i)).release(m.pipes().ticket(), done);
  return true;
}
bool get_buffer_ready(Machine& m, const Instruction& i) {
  const std::uint64_t ticket = m.pipes().ticket();
  return m.pipes().buffer(id_of(m, i)).executed(ticket) == ticket;
}
bool get_buffer(Machine& m, const Instruction& i) {
  m.pipes().acquire(m.pipes().buffer(id_of(m, i)).get(m.pipes().ticket()));
  return true;
}
Wait explain_buffer(Machine& m, const Instruction& i) {
  const std::int64_t id = id_of(m, i);
  const std::uint64_t ticket = m.pipes().ticket();
  return {fmt::format("buffer {}", id),
          fmt::format("rls_buf of it, {} of {} executed", m.pipes().buffer(id).executed(ticket), ticket)};
}

}  // namespace

std::uint64_t BufferToken::issue_get() {
  waiting_.insert(issued_);
  return issued_;
}

std::uint64_t BufferToken::executed(std::uint64_t before) const {
  return folded_ + static_cast<std::uint64_t>(std::distance(executed_.begin(), executed_.lower_bound(before)));
}

Clock BufferToken::get(std::uint64_t before) {
  Clock seen = folded_clock_;
  for (auto one = executed_.begin(); one != executed_.end() && one->first < before; ++one) seen.join(one->second);
  waiting_.erase(waiting_.find(before));
  // No get on its way asks for less than this.
  const std::uint64_t least = waiting_.empty() ? before : std::min(before, *waiting_.begin());
  for (; !executed_.empty() && executed_.begin()->first < least; executed_.erase(executed_.begin()), ++folded_)
    folded_clock_.join(executed_.begin()->second);
  return seen;
}

bool barrier_all(Machine& m, const Instruction&) {
  m.pipes().barrier_all();
  return true;
}

bool sets_flag(OpCode code) { return sync_body(code) == set_flag; }

std::string describe(const EventKey& key) {
  return fmt::format("{} -> {}, event {}", pto::pipe_name(key.from), pto::pipe_name(key.to), key.id);
}

Body sync_body(OpCode code) {
  switch (code) {
    case OpCode::set_flag:
    case OpCode::set_flag_dyn:
    case OpCode::record_event:
      return set_flag;
    case OpCode::wait_flag:
    case OpCode::wait_flag_dyn:
    case OpCode::wait_event:
      return wait_flag;
    case OpCode::barrier:
    case OpCode::barrier_sync:
      return barrier;
    case OpCode::get_buf:
      return get_buffer;
    case OpCode::rls_buf:
      return release_buffer;
    case OpCode::sync_set:
      return set_cross;
    case OpCode::set_intra_block:
      return set_intra_block;
    case OpCode::sync_wait:
    case OpCode::wait_intra_block:
      return wait_cross;
    default:
      return nullptr;
  }
}

Ready sync_ready(OpCode code) {
  switch (code) {
    case OpCode::wait_flag:
    case OpCode::wait_flag_dyn:
    case OpCode::wait_event:
      return wait_flag_ready;
    case OpCode::get_buf:
      return get_buffer_ready;
    case OpCode::sync_wait:
    case OpCode::wait_intra_block:
      return wait_cross_ready;
    default:
      return nullptr;
  }
}

Explain sync_explain(OpCode code) {
  switch (code) {
    case OpCode::wait_flag:
    case OpCode::wait_flag_dyn:
    case OpCode::wait_event:
      return explain_flag;
    case OpCode::get_buf:
      return explain_buffer;
    case OpCode::sync_wait:
    case OpCode::wait_intra_block:
      return explain_cross;
    default:
      return nullptr;
  }
}

Body sync_issue(OpCode code) {
  if (code == OpCode::get_buf) return issue_get;
  return code == OpCode::rls_buf ? issue_release : nullptr;
}

bool sets_event(const Instruction& i, std::span<const std::uint64_t> scalars, const EventKey& key) {
  if (sync_body(i.code) != set_flag || source_pipe(i) != key.from || destination_pipe(i) != key.to) return false;
  const std::uint64_t low = i.immediate & 0xFFFFFFFF;
  return static_cast<std::int64_t>(low == kDynamicId ? scalars[0] : low) == key.id;
}

}  // namespace assay::sim
