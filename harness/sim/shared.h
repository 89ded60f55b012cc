// What the agents of a run share besides memory: rings between the cores of a block, signals between ranks, barriers of
// all cores of a launch, and the parts of library macros under way (pto-format 3.6 to 3.8; pto-isa 2.5). One per cluster
// of agents; everything in it belongs to the thread that runs their scheduler.
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "harness/device/backend.h"
#include "harness/sim/agent.h"
#include "harness/sim/program.h"
#include "harness/sim/ring.h"
#include "harness/sim/tile.h"
#include "harness/sim/values.h"

namespace assay::sim {

// An operation that meets other agents, or that a library macro spreads over several pipes, as decoding emits it: one
// instruction per part, in the order of issue, all with the operation as source; the first one counts.
struct Part {
  pto::Pipe pipe = pto::Pipe::s;
  bool drains = false;  // waits until all pipes of the core have run dry, as barrier PIPE_ALL; then the body, if any
  Body issue = nullptr, body = nullptr;
  Ready ready = nullptr;
  Explain explain = nullptr;
};
// Empty for operations that are none of these.
std::span<const Part> ring_parts(pto::OpCode code);
std::span<const Part> comm_parts(pto::OpCode code);
std::span<const Part> collective_parts(pto::OpCode code);
std::span<const Part> async_parts(pto::OpCode code);

// One core, as a key.
struct CoreKey {
  std::int64_t rank = 0;
  std::size_t task = 0;
  std::int64_t block = 0;
  bool vector = false;
  std::int64_t sub_block = 0;
  auto operator<=>(const CoreKey&) const = default;
};
CoreKey key_of(const AgentId& agent);

// An i32 word of global memory that ranks notify and wait for. Its value lives in the tensor.
struct SignalKey {
  const Tensor* tensor = nullptr;
  std::int64_t word = 0;
  auto operator<=>(const SignalKey&) const = default;
};

// A wait's condition on each word of its signal.
enum class Compare : std::uint8_t { eq, ne, gt, ge, lt, le };
bool holds(Compare compare, std::int32_t value, std::int32_t against);

class Signal {
 public:
  Clock clock;  // of everybody who notified it

  struct Notify {
    CoreKey by;
    Origin origin;
    std::int32_t before = 0, after = 0;
  };
  struct Wait {
    CoreKey by;
    Origin origin;
    Compare compare = Compare::eq;
    std::int32_t against = 0;
  };
  // A wait satisfied by a notify that an earlier wait has consumed already: the waiter waited for the same before, at
  // the same operation or in an earlier task; the word has satisfied it ever since; and a notifier whose notify the
  // first wait consumed has notified again, without effect. Once both have happened, whichever comes last finds it, so
  // that no schedule hides it (seed bug B08).
  struct Stale {
    Origin first_wait, second_wait, first_notify, second_notify;
  };
  // Keeps the latest `most` notifies.
  std::optional<Stale> notified(const Notify& notify, std::size_t most = 64);
  std::optional<Stale> waited(const Wait& wait);  // the wait is over

 private:
  struct Consumed {
    Wait wait;
    std::optional<Wait> again;
    std::vector<Notify> notifies;                       // which the wait consumed
    std::optional<std::pair<Origin, Origin>> repeated;  // one of them, and the same notifier's next
  };
  static void count(Consumed& consumed, const Notify& notify);
  static std::optional<Stale> stale(const Consumed& consumed);

  std::vector<Notify> notifies_;    // the latest ones
  std::vector<Consumed> consumed_;  // of waits that the word has satisfied ever since
};

// syncall: every core of the launch, or every one of a kind.
class AllCoreBarrier {
 public:
  enum class Cores : std::uint8_t { mix, cube, vector };

  // Counts the core's arrival; `done` is what it has done. Its next wait is for that time to be complete.
  void arrive(const CoreKey& core, const Clock& done);
  std::uint64_t arrivals(const CoreKey& core) const;
  std::int64_t arrived(std::uint64_t time) const;  // cores that have arrived that often
  const Clock& clock(std::uint64_t time) const;    // of all of them

 private:
  static constexpr std::size_t kMostTimes = 64;
  std::map<CoreKey, std::uint64_t> arrivals_;
  std::deque<std::pair<std::int64_t, Clock>> times_;  // how many have arrived, and what they had done
  std::uint64_t passed_ = 0;                          // earlier times, which nobody waits for any more
  Clock passed_clock_;                                // of all of those
};

// What the loads of a library macro have brought and its stores will take away. A core's macros pass through their
// pipes in the order of issue.
struct Transfer {
  const pto::Operation* op = nullptr;
  std::size_t next_part = 1;
  std::vector<Cargo> cargo;  // one per member of the group, or one
  Clock clock;
};

// What a core has given to its engine of asynchronous transfers; handles are indices from 1.
struct AsyncSession {
  Tile scratch;
};
struct AsyncTransfer {
  Origin origin;
  std::uint64_t session = 0;
  bool done = false, waited = false;
  Clock clock;  // of what it did
};
struct AsyncEngine {
  std::vector<AsyncSession> sessions;
  std::vector<AsyncTransfer> transfers;
};

// Of a run: they outlive the launches. A program may make any word a signal: beyond the first kMost, the words of a
// tensor share what is known of their notifiers, so that a race may go unseen, and their waits are not looked at.
class Signals {
 public:
  Signal* find(const SignalKey& key);
  // The signal, and whether it is the word's own.
  std::pair<Signal*, bool> of(const SignalKey& key);
  std::size_t most_notifies() const { return signals_.size() > kMost / 16 ? 4 : 64; }

 private:
  static constexpr std::size_t kMost = 1 << 14;
  std::map<SignalKey, Signal> signals_;
};

struct Shared {
  explicit Shared(Signals& of_run) : signals(of_run) {}

  // Agents of the run, kept by the scheduler: a wait graph names who could still act.
  struct Agent {
    AgentId id;
    bool finished = false;
  };
  std::vector<Agent> agents;

  std::map<RingKey, Ring> rings;
  struct RingUse {
    std::int64_t buffer = -1;      // byte address of the slots in this consumer's memory
    std::int32_t storage = -1;     // when they are private storage
    std::int64_t local_slots = 0;  // slots in it
    std::int64_t issued = 0;       // pops issued: the next one's tile lies in slot issued mod local_slots
    std::optional<View> slots;     // entries in global memory: slot 0; the next ones lie slot_bytes further each
    std::int64_t allocated = 0;    // entries the stream has asked for
    std::int64_t granted = 0;      // entries whose slot is free
  };
  std::map<std::pair<RingKey, CoreKey>, RingUse> ring_uses;           // there once the core has initialised the pipe
  std::map<std::pair<CoreKey, std::int64_t>, std::int32_t> reserved;  // address of reserve_buffer -> private storage
  Signals& signals;
  std::map<std::tuple<std::int64_t, std::size_t, AllCoreBarrier::Cores>, AllCoreBarrier> barriers;  // rank, task
  std::map<CoreKey, std::deque<Transfer>> transfers;
  std::map<CoreKey, AsyncEngine> engines;

  // All agents of the task are done: entries left in its rings become findings ("fifo-leaked"), its rings go.
  void end_task(const AgentId& any, device::RunReport& report);
};

}  // namespace assay::sim
