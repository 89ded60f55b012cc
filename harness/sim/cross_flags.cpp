// Flags between the cores of a block, and between all cores of a kind (isa 2.5; FFTS modes).
#include "harness/sim/flag_operands.h"
#include "harness/sim/pipes.h"
#include "harness/sim/shared.h"

namespace assay::sim {
namespace {

constexpr std::int64_t kCrossIds = 16;      // of one core
constexpr std::int64_t kSecondVector = 16;  // set_intra_block: ids from here reach or come from vector core 1

int kind_number(const AgentId& who) { return who.kind ? static_cast<int>(*who.kind) : 2; }
constexpr int kCube = static_cast<int>(pto::CoreKind::cube), kVector = static_cast<int>(pto::CoreKind::vector);

CrossKey own_key(Machine& m, int scope, std::int64_t id) {
  const AgentId& who = m.who();
  return {who.rank, who.task, who.block, kind_number(who), who.sub_block, scope, id};
}

bool fault_full(Machine& m, std::int64_t id, std::size_t sets) {
  return m.fault("flag-reused", fmt::format("sets flag {} though it has been set {} times without a wait", id, sets));
}

// Counts this core's set; true when every one of `members` has set that often, and `clock` then has all of theirs.
bool gather(Machine& m, const CrossKey& group, std::int64_t members, Clock& clock) {
  CrossGather& all = m.cross_flags().gathers[group];
  const std::uint64_t round = ++all.set_by[{m.who().block, m.who().sub_block}];
  if (all.rounds.size() > kMostSets) all.rounds.erase(std::prev(all.rounds.end(), 2));  // they never come together
  auto& [count, seen] = all.rounds[round];
  m.pipes().release(seen);
  if (++count < members) return false;
  clock = seen;
  all.rounds.erase(round);
  return true;
}

}  // namespace

bool set_cross(Machine& m, const Instruction& i) {
  const std::int64_t id = id_of(m, i);
  const int scope = static_cast<int>(high_of(i));
  if (!check_id(m, i, id, kCrossIds)) return false;
  const AgentId& who = m.who();
  const std::int64_t vectors = m.profile().vector_cores;
  Clock clock;
  bool full = false;
  const auto deliver = [&](CrossKey key) {
    auto& sets = m.cross_flags().flags[key].sets;
    full = full || sets.size() >= kMostSets;
    if (!full) sets.push_back(clock);
  };
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
    return !full || fault_full(m, id, kMostSets);
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
    return !full || fault_full(m, id, kMostSets);
  }
  m.pipes().release(clock);
  CrossKey key = own_key(m, scope, id);
  key.kind = kVector;
  for (std::int64_t sub = 0; sub < vectors; ++sub) key.sub_block = sub, deliver(key);
  return !full || fault_full(m, id, kMostSets);
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
  auto& sets = m.cross_flags().flags[key].sets;
  if (sets.size() >= kMostSets) return fault_full(m, id, sets.size());
  m.pipes().release(sets.emplace_back());
  return true;
}

namespace {

CrossKey waited_key(Machine& m, const Instruction& i) { return own_key(m, static_cast<int>(high_of(i)), id_of(m, i)); }

std::int64_t waited_ids(Machine& m, const Instruction& i) {
  return high_of(i) == kIntraBlock && kind_number(m.who()) == kCube ? kSecondVector + kCrossIds : kCrossIds;
}

}  // namespace

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

namespace {

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

}  // namespace

Wait explain_cross(Machine& m, const Instruction& i) {
  const std::int64_t id = id_of(m, i);
  const int scope = static_cast<int>(high_of(i));
  return {fmt::format("cross-core flag {}", id),
          fmt::format("{} by {}", scope == kIntraBlock ? "set_intra_block" : "sync.set", setters(m, scope, id))};
}

}  // namespace assay::sim
