#include "harness/sim/flags.h"

#include <algorithm>

#include "harness/sim/findings.h"
#include "harness/sim/pipes.h"

namespace assay::sim {
namespace {

using pto::OpCode;
using pto::Pipe;

// Instruction::immediate of flags: a literal id in bits 0 to 31 (kDynamicId: operand 0), then the destination pipe of
// an event or the scope of a cross-core flag.
constexpr std::uint64_t kDynamicId = 0xFFFFFFFF, kMostLiteral = 0xFFFF;
constexpr std::uint64_t packed(std::uint64_t id, std::uint64_t high) { return (id & 0xFFFFFFFF) | high << 32; }

std::int64_t id_of(Machine& m, const Instruction& i) {
  const std::uint64_t low = i.immediate & 0xFFFFFFFF;
  return low == kDynamicId ? m.integer(i.operands[0]) : static_cast<std::int64_t>(low);
}
std::uint64_t high_of(const Instruction& i) { return i.immediate >> 32; }

bool check_id(Machine& m, const Instruction& i, std::int64_t id, std::int64_t count) {
  if (id >= 0 && id < count) return true;
  const std::string message =
      fmt::format("event id {} of {}; there are {}, from 0", id, pto::mnemonic(i.code), count);
  return i.operands.empty() ? m.fault("event-id", message, i.source->location)
                            : m.fault_at_operand("event-id", message, 0);
}

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
  return {fmt::format("flag {}", describe(key)),
          fmt::format("{}, which has no set_flag of it queued, and {}", pto::pipe_name(key.from), stands), stream};
}

// ---- barriers

bool barrier(Machine& m, const Instruction&) {
  m.pipes().barrier();
  return true;
}
bool barrier_all(Machine& m, const Instruction&) {
  m.pipes().barrier_all();
  return true;
}

// ---- buffer tokens

bool issue_get(Machine& m, const Instruction& i) {
  m.pipes().set_ticket(m.pipes().buffer(id_of(m, i)).issued);
  return true;
}
bool issue_release(Machine& m, const Instruction& i) {
  ++m.pipes().buffer(id_of(m, i)).issued;
  return true;
}
bool release_buffer(Machine& m, const Instruction& i) {
  BufferToken& buffer = m.pipes().buffer(id_of(m, i));
  ++buffer.executed;
  m.pipes().release(buffer.clock);
  return true;
}
bool get_buffer_ready(Machine& m, const Instruction& i) {
  return m.pipes().buffer(id_of(m, i)).executed >= m.pipes().ticket();
}
bool get_buffer(Machine& m, const Instruction& i) {
  m.pipes().acquire(m.pipes().buffer(id_of(m, i)).clock);
  return true;
}
Wait explain_buffer(Machine& m, const Instruction& i) {
  const std::int64_t id = id_of(m, i);
  return {fmt::format("buffer {}", id),
          fmt::format("rls_buf of it, {} of {} executed", m.pipes().buffer(id).executed, m.pipes().ticket())};
}

// ---- flags between the cores of a block (isa 2.5; FFTS modes)

constexpr std::int64_t kCrossIds = 16;      // of one core
constexpr std::int64_t kSecondVector = 16;  // set_intra_block: ids from here reach or come from vector core 1
constexpr int kIntraBlock = 3;

int kind_number(const AgentId& who) { return who.kind ? static_cast<int>(*who.kind) : 2; }
constexpr int kCube = static_cast<int>(pto::CoreKind::cube), kVector = static_cast<int>(pto::CoreKind::vector);

CrossKey own_key(Machine& m, int scope, std::int64_t id) {
  const AgentId& who = m.who();
  return {who.rank, who.task, who.block, kind_number(who), who.sub_block, scope, id};
}

// Counts this core's set; true when every one of `members` has set that often, and `clock` then has all of theirs.
bool gather(Machine& m, const CrossKey& group, std::int64_t members, Clock& clock) {
  CrossGather& all = m.cross_flags().gathers[group];
  const std::uint64_t round = ++all.set_by[{m.who().block, m.who().sub_block}];
  auto& [count, seen] = all.rounds[round];
  m.pipes().release(seen);
  if (++count < members) return false;
  clock = seen;
  all.rounds.erase(round);
  return true;
}

bool set_cross(Machine& m, const Instruction& i) {
  const std::int64_t id = id_of(m, i);
  const int scope = static_cast<int>(high_of(i));
  if (!check_id(m, i, id, kCrossIds)) return false;
  const AgentId& who = m.who();
  const std::int64_t vectors = m.profile().vector_cores;
  Clock clock;
  const auto deliver = [&](CrossKey key) { m.cross_flags().flags[key].sets.push_back(clock); };
  if (scope == 0) {
    CrossKey group = own_key(m, scope, id);
    group.block = group.sub_block = -1;
    if (!gather(m, group, who.blocks * who.sub_blocks, clock)) return true;
    for (std::int64_t block = 0; block < who.blocks; ++block)
      for (std::int64_t sub = 0; sub < who.sub_blocks; ++sub) {
        CrossKey key = own_key(m, scope, id);
        key.block = block;
        key.sub_block = sub;
        deliver(key);
      }
    return true;
  }
  if (scope == 1 || kind_number(who) == kVector) {
    CrossKey group = own_key(m, scope, id);
    group.sub_block = -1;
    if (!gather(m, group, who.sub_blocks, clock)) return true;
    CrossKey key = own_key(m, scope, id);
    for (std::int64_t sub = 0; scope == 1 && sub < who.sub_blocks; ++sub) key.sub_block = sub, deliver(key);
    key.kind = kCube;
    key.sub_block = 0;
    if (scope == 2) deliver(key);
    return true;
  }
  m.pipes().release(clock);
  CrossKey key = own_key(m, scope, id);
  key.kind = kVector;
  for (std::int64_t sub = 0; sub < vectors; ++sub) key.sub_block = sub, deliver(key);
  return true;
}

// The cube core addresses vector core 1 by ids from 16 on, both to set and to wait.
bool set_intra_block(Machine& m, const Instruction& i) {
  const std::int64_t id = id_of(m, i);
  const bool cube = kind_number(m.who()) == kCube;
  if (!check_id(m, i, id, cube ? kSecondVector + kCrossIds : kCrossIds)) return false;
  CrossKey key = own_key(m, kIntraBlock, id);
  key.kind = cube ? kVector : kCube;
  key.sub_block = cube ? id / kSecondVector : 0;
  key.id = cube ? id % kSecondVector : id + kSecondVector * m.who().sub_block;
  m.pipes().release(m.cross_flags().flags[key].sets.emplace_back());
  return true;
}

CrossKey waited_key(Machine& m, const Instruction& i) { return own_key(m, static_cast<int>(high_of(i)), id_of(m, i)); }

std::int64_t waited_ids(Machine& m, const Instruction& i) {
  return high_of(i) == kIntraBlock && kind_number(m.who()) == kCube ? kSecondVector + kCrossIds : kCrossIds;
}

bool wait_cross_ready(Machine& m, const Instruction& i) {
  const CrossKey key = waited_key(m, i);
  if (key.id < 0 || key.id >= waited_ids(m, i)) return true;
  const auto found = m.cross_flags().flags.find(key);
  return found != m.cross_flags().flags.end() && !found->second.sets.empty();
}

bool wait_cross(Machine& m, const Instruction& i) {
  const CrossKey key = waited_key(m, i);
  if (!check_id(m, i, key.id, waited_ids(m, i))) return false;
  auto& sets = m.cross_flags().flags[key].sets;
  m.pipes().acquire(sets.front());
  sets.pop_front();
  return true;
}

// The agents that a cross-core flag may come from, other than the waiting one unless the scope includes it.
std::string setters(Machine& m, int scope, std::int64_t id) {
  const AgentId& own = m.who();
  const bool cube = kind_number(own) == kCube;
  std::string names;
  for (const Shared::Agent& agent : m.shared().agents) {
    const AgentId& other = agent.id;
    if (other.rank != own.rank || other.task != own.task || (scope != 0 && other.block != own.block)) continue;
    const bool same_kind = other.kind == own.kind;
    if (scope < 2 ? !same_kind : same_kind) continue;
    if (scope == kIntraBlock && cube && other.sub_block != id / kSecondVector) continue;
    names += fmt::format("{}{}{}", names.empty() ? "" : ", ", describe(other), agent.finished ? " (finished)" : "");
  }
  return names.empty() ? "cores that the launch does not have" : names;
}

Wait explain_cross(Machine& m, const Instruction& i) {
  const std::int64_t id = id_of(m, i);
  const int scope = static_cast<int>(high_of(i));
  return {fmt::format("cross-core flag {}", id),
          fmt::format("{} by {}", scope == kIntraBlock ? "set_intra_block" : "sync.set", setters(m, scope, id))};
}

}  // namespace

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

namespace {

std::optional<std::uint64_t> literal(const pto::Operation& op, std::string_view key) {
  const pto::Attribute* attribute = pto::find(op.attributes, key);
  if (!attribute) return std::nullopt;
  if (const auto* number = std::get_if<pto::IntAttr>(&attribute->value)) return static_cast<std::uint64_t>(number->value);
  constexpr std::string_view kPrefix = "EVENT_ID";
  std::string_view word = pto::word(op.attributes, key);
  if (!word.starts_with(kPrefix)) return std::nullopt;
  word.remove_prefix(kPrefix.size());
  std::uint64_t id = 0;
  if (word.empty() || word.size() > 4) return std::nullopt;
  for (char c : word) {
    if (c < '0' || c > '9') return std::nullopt;
    id = id * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return id;
}

// Pipe or op class under either of two keys.
std::optional<Pipe> pipe_at(const pto::Operation& op, std::string_view pipe_key, std::string_view class_key) {
  for (std::string_view key : {pipe_key, class_key}) {
    const std::string_view word = pto::word(op.attributes, key);
    if (word.empty()) continue;
    const auto pipe = pto::parse_pipe(word);
    return pipe ? pipe : pto::pipe_of_op_class(word);
  }
  return std::nullopt;
}

}  // namespace

std::string decode_sync(const pto::Operation& op, Instruction& instruction) {
  const auto id_at = [&](std::string_view key) -> std::optional<std::uint64_t> {
    if (!op.operands.empty()) return kDynamicId;
    const auto id = literal(op, key);
    return id && *id <= kMostLiteral ? id : std::nullopt;
  };
  switch (op.code) {
    case OpCode::set_flag:
    case OpCode::set_flag_dyn:
    case OpCode::record_event:
    case OpCode::wait_flag:
    case OpCode::wait_flag_dyn:
    case OpCode::wait_event: {
      const auto from = pipe_at(op, "src_pipe", "src_op"), to = pipe_at(op, "dst_pipe", "dst_op");
      const auto id = id_at("event_id");
      if (!from || !to) return "an unknown pipe";
      if (!id) return "an unknown event id";
      const bool sets = sync_body(op.code) == set_flag;
      instruction.pipe = sets ? *from : *to;
      instruction.immediate = packed(*id, static_cast<std::uint64_t>(*from) | static_cast<std::uint64_t>(*to) << 8);
      return "";
    }
    case OpCode::barrier: {
      if (pto::word(op.attributes, "pipe") == "PIPE_ALL") {
        instruction.step = Step::drain;
        instruction.body = barrier_all;
        return "";
      }
      const auto pipe = pipe_at(op, "pipe", "pipe");
      if (!pipe) return "an unknown pipe";
      instruction.pipe = *pipe;
      return "";
    }
    case OpCode::barrier_sync: {
      const auto pipe = pipe_at(op, "op_type", "op_type");
      if (!pipe) return "an unknown class of operations";
      instruction.pipe = *pipe;
      return "";
    }
    case OpCode::get_buf:
    case OpCode::rls_buf: {
      const auto pipe = pipe_at(op, "op_type", "op_type");
      const auto id = id_at("buf_id");
      if (!pipe || !id) return "an unknown class of operations or buffer";
      instruction.pipe = *pipe;
      instruction.immediate = packed(*id, 0);
      return "";
    }
    case OpCode::sync_set:
    case OpCode::sync_wait:
    case OpCode::set_intra_block:
    case OpCode::wait_intra_block: {
      const auto pipe = pipe_at(op, "pipe", "pipe");
      const auto id = id_at("event_id");
      if (!pipe || !id) return "an unknown pipe or event id";
      const bool ffts = op.code == OpCode::sync_set || op.code == OpCode::sync_wait;
      const std::uint64_t mode = ffts ? literal(op, "ffts_mode").value_or(2) : kIntraBlock;
      if (ffts && mode > 2) return "an unknown ffts_mode";
      instruction.pipe = *pipe;
      instruction.immediate = packed(*id, mode);
      return "";
    }
    default:
      return "no synchronisation";
  }
}

}  // namespace assay::sim
