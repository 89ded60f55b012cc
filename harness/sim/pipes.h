// The pipes of one core in explicit order: what is queued on each, what each has seen, and the flags between them. The
// scalar stream issues; a queued operation owns copies of its operands and runs when the scheduler lets it.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "harness/sim/flags.h"
#include "harness/sim/machine.h"

namespace assay::sim {

// An operation on its way through a pipe: its instruction with operands renumbered into its own slots.
struct Queued {
  Instruction instruction;
  const pto::Function* function = nullptr;
  std::vector<Ref> refs;
  std::vector<std::uint64_t> scalars;
  std::vector<Pointer> pointers;
  std::vector<View> views;
  std::vector<Tile> tiles;
  std::vector<std::uint32_t> arrays;
  std::vector<std::int64_t> loop_indices;
  std::shared_ptr<const Clock> seen;  // by the stream, when it issued this
  std::uint64_t sequence = 0;         // of issue, over the agents of a cluster
  std::uint64_t ticket = 0;           // get_buf: releases to wait for
  Slots slots();
};

enum class Issued : std::uint8_t { executed, queued, full, stopped };

class Pipes {
 public:
  static constexpr std::size_t kQueueLength = 32;

  Pipes(Machine& machine, std::uint32_t core, const Clock& seen);

  // ---- the stream issues. With `at_once`, an operation that can run runs.
  Issued issue(const Instruction& instruction, bool at_once, std::uint64_t& sequence);
  bool idle() const { return queued_ == 0; }
  // Nothing is queued that a barrier of all pipes waits for: asynchronous transfers are none of the core's pipes.
  bool drained() const { return queued_ == queues_[index(pto::Pipe::sdma)].size(); }
  std::size_t queued() const { return queued_; }
  std::uint64_t last_issued() const { return last_issued_; }
  std::uint64_t oldest_queued() const;  // its number in the order of issue; all ones when idle

  // ---- the scheduler runs what is queued
  const Queued* head(pto::Pipe pipe) const;
  bool can_run(pto::Pipe pipe);
  bool run(pto::Pipe pipe);              // the head; false: a fault stopped the agent
  bool drain();                          // heads until none can run
  void report_deadlock(pto::Pipe pipe);  // of its head, which cannot run

  // ---- the executing pipe
  pto::Pipe executing() const { return executing_; }
  std::uint64_t ticket() const { return ticket_; }
  void set_ticket(std::uint64_t ticket) { ticket_ = ticket; }
  void acquire(const Clock& clock);
  void release(Clock& clock);
  Epoch epoch() const { return {actor(executing_), time(executing_)}; }
  Epoch wait_epoch();  // of the wait that is executing
  Ordering ordering() const { return {seen_[index(executing_)], overlapping_[index(executing_)]}; }
  const Clock& seen() const { return seen_[index(executing_)]; }
  // The executing operation touches memory; and whether the one that did so at `earlier` was issued after it: schedules
  // may run operations of one core in another order than the program's.
  void note_access();
  bool ran_ahead(Epoch earlier) const;
  // The executing operation in the order of issue.
  std::uint64_t here() const { return executing_ == pto::Pipe::s ? 2 * last_issued_ + 1 : running_; }
  // What was issued before `here` runs as far as it can.
  void run_earlier(std::uint64_t here);
  void barrier();      // the executing pipe's own operations have completed
  void barrier_all();  // everything has

  EventFlag& event(const EventKey& key) { return events_[key]; }
  const std::map<EventKey, EventFlag>& events() const { return events_; }
  BufferToken& buffer(std::int64_t id) { return buffers_[id]; }
  // The first queued operation that sets the event; null when there is none.
  const pto::Operation* queued_set(const EventKey& key) const;

  // Up to this time of the actor everything that reaches global memory from here on comes after it.
  std::uint64_t settled(ActorId of) const;
  // Everything this core has done and seen; transfers of its engine only where an event says so.
  Clock everything() const;

 private:
  static std::size_t index(pto::Pipe pipe) { return static_cast<std::size_t>(pipe); }
  ActorId actor(pto::Pipe pipe) const { return first_actor_ + static_cast<ActorId>(pipe); }
  std::uint64_t time(pto::Pipe pipe) const { return time_[index(pipe)]; }
  std::unique_ptr<Queued> take();
  void snapshot(const Instruction& instruction, Queued& queued);
  bool execute(const Instruction& instruction, pto::Pipe pipe);
  template <class Visitor>
  auto with(Queued& queued, const Visitor& visit);

  Machine& m_;
  ActorId first_actor_;
  // Pipe::none stands for the stream's own waits: issue orders them, but not the stream's accesses to memory.
  std::array<Clock, pto::kPipes> seen_;
  std::array<std::uint64_t, pto::kPipes> time_;  // of the operations from now on, until the next release
  std::array<bool, pto::kPipes> overlapping_{};
  std::uint64_t stream_version_ = 1;                 // changes with what the stream has seen
  std::array<std::uint64_t, pto::kPipes> joined_{};  // version each pipe has taken over
  std::shared_ptr<const Clock> stream_seen_;         // null: made when next needed
  pto::Pipe executing_ = pto::Pipe::s;
  std::uint64_t ticket_ = 0;
  std::uint64_t running_ = 0;  // 2 * sequence of the operation that runs
  // Accesses since the queues were empty last, in the order of execution. Operations that a queued one precedes have
  // times of their own.
  struct Ran {
    std::uint64_t time, here;
  };
  std::array<std::deque<Ran>, pto::kPipes> ran_;

  std::array<std::deque<std::unique_ptr<Queued>>, pto::kPipes> queues_;
  std::size_t queued_ = 0;
  std::uint64_t last_issued_ = 0;
  std::vector<std::unique_ptr<Queued>> spare_;
  std::map<EventKey, EventFlag> events_;
  std::map<std::int64_t, BufferToken> buffers_;
};

}  // namespace assay::sim
