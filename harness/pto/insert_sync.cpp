#include "harness/pto/insert_sync.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <tuple>

#include "harness/pto/memory_regions.h"
#include "harness/pto/pipe.h"

namespace assay::pto {
namespace {

using Bits = std::uint16_t;
constexpr Bits bit(Pipe pipe) { return static_cast<Bits>(1U << static_cast<unsigned>(pipe)); }
constexpr Bits kPresent = bit(Pipe::none);
static_assert(kPipes < 16);
// A scalar cache and memory may differ on these bytes.
constexpr Bits kCached = static_cast<Bits>(1U << kPipes);
constexpr Bits kAllPipes = static_cast<Bits>(kCached - 1 - kPresent);
constexpr std::array kQueues{Pipe::s, Pipe::v, Pipe::m, Pipe::mte1, Pipe::mte2, Pipe::mte3, Pipe::fix};

// What is known of every access and of every wait at a point of the program, whatever path led to it: 0 when none has
// been made yet, else kPresent and the pipes that are ordered after all that were.
using State = std::vector<Bits>;

void join(State& into, const State& other) {
  for (std::size_t i = 0; i < into.size(); ++i) {
    if (into[i] == 0 || other[i] == 0)
      into[i] |= other[i];
    else
      into[i] = static_cast<Bits>((into[i] & other[i]) | ((into[i] | other[i]) & kCached));
  }
}

Operation make(OpCode code, Location location) {
  Operation operation;
  operation.code = code;
  operation.location = location;
  operation.segments = {0};
  return operation;
}
Attribute word_attribute(std::string text) { return Attribute{EnumAttr{"", std::move(text)}}; }

Operation flag(OpCode code, Pipe source, Pipe destination, std::size_t id, Location location) {
  Operation operation = make(code, location);
  operation.attributes.emplace_back("src_pipe", word_attribute(std::string(pipe_name(source))));
  operation.attributes.emplace_back("dst_pipe", word_attribute(std::string(pipe_name(destination))));
  operation.attributes.emplace_back("event_id", word_attribute("EVENT_ID" + std::to_string(id)));
  return operation;
}
Operation barrier(Pipe pipe, Location location) {  // none: of all pipes
  Operation operation = make(OpCode::barrier, location);
  operation.attributes.emplace_back("pipe", word_attribute(std::string(pipe_name(pipe))));
  return operation;
}

// Operations between which nothing is queued: they reach several pipes, other functions or other ranks.
bool is_drained(OpCode code) { return code == OpCode::call || info(code).family == Family::comm; }

class Inserter {
 public:
  Inserter(const Function& function, const Profile& profile) : function_(function), regions_(function) {
    for (Pipe pipe : kQueues) {
      std::string key(pipe_name(pipe).substr(std::string_view("PIPE_").size()));
      std::transform(key.begin(), key.end(), key.begin(), [](char c) { return static_cast<char>(c | 0x20); });
      const auto& overlapping = profile.overlapping_pipes;
      overlaps_[index(pipe)] = std::find(overlapping.begin(), overlapping.end(), key) != overlapping.end();
    }
    ids_ = static_cast<std::size_t>(std::clamp<std::int64_t>(profile.event_ids, 0, 64));
    std::string core;
    collect(function.body, core);
  }

  Region run() {
    State state(accesses_.size() + kPipes * kPipes * ids_, 0);
    Region body;
    body.arguments = function_.body.arguments;
    Block block(function_.body, state, &body);
    if (loads_scalars_) block.before[0] = reconcile({});
    run(block, state);
    return body;
  }

 private:
  struct Access {
    MemoryRegion region;
    bool writes = false;
    Pipe pipe = Pipe::s;
    bool in_cube = false, in_vector = false;  // inside of a section of that kind
  };

  // One pass over a block. Positions: operation i has i + 1; 0 is the block's beginning.
  struct Block {
    Block(const Region& of, const State& entry, Region* into) : region(of), out(into) {
      snapshots.push_back(entry);
      before.resize(of.body.size() + 1);
      after.resize(of.body.size() + 1);
    }
    const Region& region;
    Region* out;                   // null: nothing is kept
    std::vector<State> snapshots;  // behind each position
    std::vector<std::vector<Operation>> before, after;  // by index of operation; by position
    std::map<std::size_t, std::size_t> made;            // access: position where it was made last
    std::map<std::size_t, std::size_t> waited;          // event: position of the operation that last waited for it
  };

  static std::size_t index(Pipe pipe) { return static_cast<std::size_t>(pipe); }
  std::size_t event(Pipe source, Pipe destination, std::size_t id) const {
    return accesses_.size() + (index(source) * kPipes + index(destination)) * ids_ + id;
  }

  void collect(const Region& region, std::string& section) {
    for (const Operation& operation : region.body) {
      std::vector<std::size_t>& own = of_operation_[&operation];  // of those in its regions too
      const std::size_t first = accesses_.size();
      for (const MemoryAccess& access : regions_.accesses(operation)) {
        own.push_back(accesses_.size());
        accesses_.push_back({access.region, access.writes, pipe_of(operation, function_), section == "cube",
                             section == "vector"});
      }
      loads_scalars_ = loads_scalars_ || operation.code == OpCode::load_scalar;
      const std::string outer = section;
      if (operation.code == OpCode::section_cube) section = "cube";
      if (operation.code == OpCode::section_vector) section = "vector";
      for (const Region& inner : operation.regions) collect(inner, section);
      section = outer;
      if (operation.regions.empty()) continue;
      for (std::size_t access = first; access < accesses_.size(); ++access) own.push_back(access);
    }
  }

  bool conflict(const Access& a, const Access& b) const {
    if ((a.in_cube && b.in_vector) || (a.in_vector && b.in_cube)) return false;  // of different cores
    return (a.writes || b.writes) && may_overlap(a.region, b.region);
  }

  static std::vector<Operation> reconcile(Location location) {
    std::vector<Operation> made;
    made.push_back(make(OpCode::cmo_cacheinvalid, location));
    made.push_back(make(OpCode::fence_barrier_all, location));
    return made;
  }

  void run(Block& block, State& state) {
    for (std::size_t i = 0; i < block.region.body.size(); ++i) {
      const Operation& operation = block.region.body[i];
      Operation copy;
      if (block.out) copy = operation;
      if (!operation.regions.empty())
        run_regions(block, i, state, block.out ? &copy : nullptr);
      else
        visit(block, i, state);
      block.snapshots.push_back(state);
      if (block.out) block.after[i + 1].insert(block.after[i + 1].begin(), std::move(copy));
    }
    if (!block.out) return;
    for (std::size_t i = 0; i <= block.region.body.size(); ++i) {
      std::move(block.after[i].begin(), block.after[i].end(), std::back_inserter(block.out->body));
      std::move(block.before[i].begin(), block.before[i].end(), std::back_inserter(block.out->body));
    }
  }

  // Runs a region nested in the block's operation i.
  void run_inner(Block& block, std::size_t i, const Region& region, State& state, Region* out) {
    if (out) out->body.clear();
    Block inner(region, state, out);
    run(inner, state);
    for (const auto& [access, position] : inner.made) block.made[access] = i + 1;
    for (const auto& [event, position] : inner.waited) block.waited[event] = i + 1;
  }

  void run_regions(Block& block, std::size_t i, State& state, Operation* copy) {
    const Operation& operation = block.region.body[i];
    if (operation.code == OpCode::for_op || operation.code == OpCode::while_op) order_before_loop(block, i, state);
    const auto out = [&](std::size_t r) { return copy ? &copy->regions[r] : nullptr; };
    switch (operation.code) {
      case OpCode::for_op: {
        const auto turn = [&](State& at, bool keep) {
          run_inner(block, i, operation.regions[0], at, keep ? out(0) : nullptr);
        };
        State end = loop_head(state, [&](State& at) { turn(at, false); });
        turn(end, true);
        join(state, end);  // no turn, or the last one
        return;
      }
      case OpCode::while_op: {
        State head = loop_head(state, [&](State& at) {
          run_inner(block, i, operation.regions[0], at, nullptr);
          run_inner(block, i, operation.regions[1], at, nullptr);
        });
        run_inner(block, i, operation.regions[0], head, out(0));
        state = head;
        run_inner(block, i, operation.regions[1], head, out(1));
        return;
      }
      default: {  // if, sections: each region or none
        State after;
        if (operation.code != OpCode::if_op || operation.regions[1].body.empty()) after = state;
        for (std::size_t r = 0; r < operation.regions.size(); ++r) {
          if (operation.regions[r].body.empty()) continue;
          State inner = state;
          run_inner(block, i, operation.regions[r], inner, out(r));
          if (after.empty())
            after = std::move(inner);
          else
            join(after, inner);
        }
        if (!after.empty()) state = std::move(after);
        return;
      }
    }
  }

  // The state in which every turn begins: bits only go away, accesses only come, so this ends.
  template <class Turn>
  static State loop_head(const State& entry, const Turn& turn) {
    State head = entry;
    while (true) {
      State end = head;
      turn(end);
      join(end, entry);
      join(end, head);
      if (end == head) return head;
      head = std::move(end);
    }
  }

  void visit(Block& block, std::size_t i, State& state) {
    const Operation& operation = block.region.body[i];
    if (is_drained(operation.code)) {
      drain(block.before[i], state, operation.location);
      drain(block.after[i + 1], state, operation.location);
      return;
    }
    const std::vector<std::size_t>& own = of_operation_.at(&operation);
    if (operation.code == OpCode::return_op && has_cached_store(state)) append(block.before[i], reconcile(operation.location));
    if (own.empty()) return;
    const Pipe pipe = accesses_[own[0]].pipe;
    const Needs needs = needs_of(own, state, nullptr);
    if (needs.reconciles && pipe != Pipe::s) {  // scalar stores before a transfer
      append(block.before[i], reconcile(operation.location));
      clear_cached(state);
    }
    order_all(block, i, state, pipe, needs);
    if (needs.reconciles && pipe == Pipe::s) {
      append(block.before[i], reconcile(operation.location));
      clear_cached(state);
    }
    for (std::size_t access : own) {
      const bool global = accesses_[access].region.kind == MemoryRegion::Kind::global;
      state[access] = static_cast<Bits>(kPresent | (overlaps_[index(pipe)] ? 0 : bit(pipe)) |
                                        (global && accesses_[access].writes ? kCached : 0));
      block.made[access] = i + 1;
    }
  }

  // What the loop's operations need of accesses that stand outside of it is ordered once, before the loop.
  void order_before_loop(Block& block, std::size_t i, State& state) {
    const std::vector<std::size_t>& inside = of_operation_.at(&block.region.body[i]);
    for (Pipe pipe : kQueues) {
      std::vector<std::size_t> own;
      for (std::size_t access : inside)
        if (accesses_[access].pipe == pipe) own.push_back(access);
      const Needs needs = needs_of(own, state, &inside);
      if (!needs.reconciles) order_all(block, i, state, pipe, needs);
    }
  }

  struct Needs {
    std::array<std::vector<std::size_t>, kPipes> of;  // accesses to be ordered, by their pipe
    bool own_barrier = false;
    bool reconciles = false;
  };
  // Without those in `apart` (ascending; may be null).
  Needs needs_of(const std::vector<std::size_t>& own, const State& state, const std::vector<std::size_t>* apart) const {
    Needs needs;
    for (std::size_t later : own) {
      const Access& b = accesses_[later];
      for (std::size_t earlier = 0; earlier < accesses_.size(); ++earlier) {
        const Access& a = accesses_[earlier];
        if (state[earlier] == 0 || !conflict(a, b)) continue;
        if (apart && std::binary_search(apart->begin(), apart->end(), earlier)) continue;
        if ((state[earlier] & kCached) && (a.pipe == Pipe::s) != (b.pipe == Pipe::s)) needs.reconciles = true;
        if (state[earlier] & bit(b.pipe)) continue;
        if (a.pipe == b.pipe) {
          if (!a.writes) continue;  // a write after a read on one pipe is in order
          needs.own_barrier = true;
        }
        needs.of[index(a.pipe)].push_back(earlier);
      }
    }
    return needs;
  }

  void order_all(Block& block, std::size_t i, State& state, Pipe pipe, const Needs& needs) {
    for (Pipe source : kQueues)
      if (source != pipe && !needs.of[index(source)].empty())
        order(block, i, state, source, pipe, needs.of[index(source)], needs.reconciles && source == Pipe::s);
    if (!needs.own_barrier) return;
    const std::vector<std::size_t>& own = needs.of[index(pipe)];
    // A flag there and back may have ordered it.
    if (std::all_of(own.begin(), own.end(), [&](std::size_t access) { return (state[access] & bit(pipe)) != 0; })) return;
    block.before[i].push_back(barrier(pipe, block.region.body[i].location));
    for (std::size_t a = 0; a < accesses_.size(); ++a)
      if (state[a] && accesses_[a].pipe == pipe) state[a] |= bit(pipe);
  }

  // A flag from `source` to `pipe` in front of operation i, set as early as the accesses allow.
  void order(Block& block, std::size_t i, State& state, Pipe source, Pipe pipe, const std::vector<std::size_t>& wanted,
             bool late) {
    const auto known = [&](std::size_t access) { return (state[access] & bit(pipe)) != 0; };
    if (std::all_of(wanted.begin(), wanted.end(), known)) return;  // through another flag
    std::size_t position = 0;
    for (std::size_t access : wanted)
      if (const auto made = block.made.find(access); made != block.made.end())
        position = std::max(position, made->second);
    const std::size_t first = late ? i : position;
    if (flag_pair(block, i, state, first, source, pipe) || flag_pair(block, i, state, i, source, pipe)) return;
    // The event is still to be waited for by what the source knows: hand that back first.
    if (flag_pair(block, i, state, i, pipe, source) && flag_pair(block, i, state, i, source, pipe)) return;
    drain(block.before[i], state, block.region.body[i].location);
  }

  // Sets a flag at the position and waits for it in front of operation i; false when its event is taken. A place keeps
  // the event it chose first, in whatever state it is looked at again.
  bool flag_pair(Block& block, std::size_t i, State& state, std::size_t position, Pipe source, Pipe pipe) {
    const Operation& operation = block.region.body[i];
    const State there = position == i ? state : block.snapshots[position];
    const auto is_free = [&](std::size_t id) { return is_free_at(block, there, position, event(source, pipe, id)); };
    const auto place = std::tuple{&operation, source, pipe};
    auto chosen = chosen_.find(place);
    if (chosen == chosen_.end()) {
      std::size_t id = 0;
      while (id < ids_ && !is_free(id)) ++id;
      if (id == ids_) return false;
      chosen = chosen_.emplace(place, id).first;
    } else if (!is_free(chosen->second)) {
      return false;
    }
    const std::size_t id = chosen->second;
    (position == i ? block.before[i] : block.after[position])
        .push_back(flag(OpCode::set_flag, source, pipe, id, operation.location));
    block.before[i].push_back(flag(OpCode::wait_flag, source, pipe, id, operation.location));
    learn(block, state, there, position, source, pipe);
    state[event(source, pipe, id)] = static_cast<Bits>(kPresent | bit(pipe));
    block.waited[event(source, pipe, id)] = i + 1;
    return true;
  }

  // Whether the event's last wait is ordered before a set at the position, and nobody uses it from there on.
  bool is_free_at(const Block& block, const State& there, std::size_t position, std::size_t event) const {
    const auto waited = block.waited.find(event);
    if (waited != block.waited.end() && waited->second > position) return false;
    const auto source = static_cast<Pipe>((event - accesses_.size()) / ids_ / kPipes);
    return there[event] == 0 || (there[event] & bit(source)) != 0;
  }

  // What `pipe` knows once it has waited for what `source` knew and had been issued at the position.
  void learn(const Block& block, State& state, const State& there, std::size_t position, Pipe source, Pipe pipe) const {
    // What S has waited for is before everything issued from then on.
    const Bits gained = pipe == Pipe::s ? kAllPipes : bit(pipe);
    for (std::size_t a = 0; a < state.size(); ++a) {
      if (there[a] == 0) continue;
      if (const auto made = block.made.find(a); made != block.made.end() && made->second > position) continue;
      if (const auto waited = block.waited.find(a); waited != block.waited.end() && waited->second > position) continue;
      const bool issued = a < accesses_.size() && accesses_[a].pipe == source;
      if (issued || (there[a] & bit(source))) state[a] |= gained;
    }
  }

  void drain(std::vector<Operation>& into, State& state, Location location) const {
    into.push_back(barrier(Pipe::none, location));
    for (Bits& bits : state)
      if (bits) bits |= kAllPipes;
  }

  static void append(std::vector<Operation>& into, std::vector<Operation> made) {
    std::move(made.begin(), made.end(), std::back_inserter(into));
  }
  static void clear_cached(State& state) {
    for (Bits& bits : state) bits = static_cast<Bits>(bits & ~kCached);
  }
  bool has_cached_store(const State& state) const {
    for (std::size_t a = 0; a < accesses_.size(); ++a)
      if (accesses_[a].pipe == Pipe::s && (state[a] & kCached)) return true;
    return false;
  }

  const Function& function_;
  MemoryRegions regions_;
  std::array<bool, kPipes> overlaps_{};
  std::size_t ids_ = 0;
  bool loads_scalars_ = false;
  std::vector<Access> accesses_;
  std::map<const Operation*, std::vector<std::size_t>> of_operation_;
  std::map<std::tuple<const Operation*, Pipe, Pipe>, std::size_t> chosen_;  // event of a flag in front of the operation
};

}  // namespace

Module insert_sync(const Module& module, const Profile& profile) {
  Module made = module;
  for (Function& function : made.functions) {
    if (function.is_external || has_synchronisation(function)) continue;
    Function before = function;
    function.body = Inserter(before, profile).run();
    renumber(function);
  }
  return made;
}

}  // namespace assay::pto
