// What orders the pipes of a core, and the cores of a block: event flags, buffer tokens and cross-core flags
// (pto-format 3.5, pto-isa 2.5).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "harness/sim/order/clock.h"
#include "harness/sim/program.h"

namespace assay::sim {

// Where an operation stands.
struct Site {
  const pto::Operation* op = nullptr;
  const pto::Function* function = nullptr;
};

// An event flag of a core, between two of its pipes.
struct EventKey {
  pto::Pipe from = pto::Pipe::s, to = pto::Pipe::s;
  std::int64_t id = 0;
  auto operator<=>(const EventKey&) const = default;
};
std::string describe(const EventKey& key);  // "PIPE_MTE2 -> PIPE_V, event 3"

// A flag set more often than this without a wait ends the run.
inline constexpr std::size_t kMostSets = 64;

struct EventFlag {
  struct Set {
    Clock clock;
    Site site;
  };
  std::deque<Set> sets;  // not waited for yet; more than one is a broken rule, after which the flag counts
  bool waited = false;   // some set has been waited for; the latest wait:
  Epoch last_wait;
  Site last_wait_site;
};

// A buffer of get_buf and rls_buf: a get passes when all releases issued before it have been executed, and is ordered
// after those; not after later ones, which another pipe may have executed already.
class BufferToken {
 public:
  std::uint64_t issue_release() { return issued_++; }  // its number
  std::uint64_t issue_get();                           // releases to wait for
  void release(std::uint64_t number, const Clock& done) { executed_[number] = done; }
  std::uint64_t executed(std::uint64_t before) const;  // of the releases before that number
  Clock get(std::uint64_t before);                     // all of them have been executed

 private:
  std::uint64_t issued_ = 0, folded_ = 0;
  Clock folded_clock_;                       // of the releases before `folded_`
  std::map<std::uint64_t, Clock> executed_;  // the others
  std::multiset<std::uint64_t> waiting_;     // gets on their way
};

// Flags between the cores of a run. A wait takes one set away.
struct CrossFlag {
  std::deque<Clock> sets;
};
// A flag as its waiting core sees it. `scope` is what the set reaches: ffts_mode 0 (all cores of a kind), 1 (the vector
// cores of a block), 2 (the other kind of a block), or 3 for set_intra_block.
struct CrossKey {
  std::int64_t rank = 0;
  std::size_t task = 0;
  std::int64_t block = 0;
  int kind = 0;  // of the waiting core: 0 cube, 1 vector, 2 neither
  std::int64_t sub_block = 0;
  int scope = 2;
  std::int64_t id = 0;
  auto operator<=>(const CrossKey&) const = default;
};
// Sets that count only once every one of a group has set: how often each member has, and the clocks by round.
struct CrossGather {
  std::map<std::pair<std::int64_t, std::int64_t>, std::uint64_t> set_by;  // (block, sub-block)
  std::map<std::uint64_t, std::pair<std::int64_t, Clock>> rounds;         // how many have set, and what they had seen
};
class CrossFlags {
 public:
  std::map<CrossKey, CrossFlag> flags;
  std::map<CrossKey, CrossGather> gathers;  // key: of the group, block -1 and sub-block -1 where it spans them
};

// Bodies of the operations that order pipes; null for other codes. `sync_ready` and `sync_explain` go with them.
Body sync_body(pto::OpCode code);
Ready sync_ready(pto::OpCode code);
Explain sync_explain(pto::OpCode code);
// What get_buf and rls_buf do when they are issued; null for other codes.
Body sync_issue(pto::OpCode code);

// Whether the instruction, with these scalar operands, sets the event.
bool sets_event(const Instruction& instruction, std::span<const std::uint64_t> scalars, const EventKey& key);

// Fills pipe and immediate from the attributes; the error names what the simulator does not know.
std::string decode_sync(const pto::Operation& op, Instruction& instruction);

}  // namespace assay::sim
