#include "harness/sim/pipes.h"

#include <algorithm>
#include <limits>

namespace assay::sim {

using pto::Pipe;

Slots Queued::slots() { return {scalars.data(), pointers.data(), views.data(), tiles.data(), arrays.data()}; }

Pipes::Pipes(Machine& machine, std::uint32_t core, const Clock& seen)
    : m_(machine), first_actor_(core * static_cast<ActorId>(pto::kPipes)) {
  seen_.fill(seen);
  time_.fill(1);
  overlapping_[index(Pipe::sdma)] = true;  // its transfers complete in any order
  for (const std::string& word : machine.profile().overlapping_pipes)
    for (std::size_t pipe = 0; pipe < pto::kPipes; ++pipe) {
      std::string name(pto::pipe_name(static_cast<Pipe>(pipe)).substr(5));
      std::transform(name.begin(), name.end(), name.begin(), [](char c) { return static_cast<char>(std::tolower(c)); });
      if (name == word) overlapping_[pipe] = true;
    }
}

std::unique_ptr<Queued> Pipes::take() {
  if (spare_.empty()) return std::make_unique<Queued>();
  std::unique_ptr<Queued> queued = std::move(spare_.back());
  spare_.pop_back();
  return queued;
}

void Pipes::snapshot(const Instruction& instruction, Queued& queued) {
  queued.instruction = instruction;
  queued.function = &m_.function();
  queued.refs.clear(), queued.scalars.clear(), queued.pointers.clear(), queued.views.clear(), queued.tiles.clear();
  queued.arrays.clear();
  const auto copy = [&](Ref ref) {
    Ref own{ref.kind, 0};
    const auto add = [&](auto& slots, const auto& value) {
      own.index = static_cast<std::uint32_t>(slots.size());
      slots.push_back(value);
    };
    switch (ref.kind) {
      case Kind::scalar:
        add(queued.scalars, m_.scalar(ref));
        break;
      case Kind::pointer:
        add(queued.pointers, m_.pointer(ref));
        break;
      case Kind::view:
        add(queued.views, m_.view(ref));
        break;
      case Kind::tile:
        add(queued.tiles, m_.tile(ref));
        break;
      case Kind::array:
        add(queued.arrays, m_.array_slot(ref));
        break;
    }
    queued.refs.push_back(own);
  };
  for (Ref ref : instruction.operands) copy(ref);
  for (Ref ref : instruction.results) copy(ref);
  queued.instruction.operands = std::span<const Ref>(queued.refs).first(instruction.operands.size());
  queued.instruction.results = std::span<const Ref>(queued.refs).subspan(instruction.operands.size());
  queued.loop_indices = m_.loop_indices();
  if (!stream_seen_) stream_seen_ = std::make_shared<const Clock>(seen_[index(Pipe::s)]);
  queued.seen = stream_seen_;
  queued.ticket = ticket_;
}

// The body on the pipe, whose clock has taken over what the stream had seen at issue.
bool Pipes::execute(const Instruction& instruction, Pipe pipe) {
  executing_ = pipe;
  const bool ok = instruction.body(m_, instruction);
  if (overlapping_[index(pipe)]) ++time_[index(pipe)];
  executing_ = Pipe::s;
  return ok;
}

Issued Pipes::issue(const Instruction& instruction, bool at_once, std::uint64_t& sequence) {
  const Pipe pipe = instruction.pipe;
  auto& queue = queues_[index(pipe)];
  if (queue.size() >= kQueueLength) return Issued::full;
  ticket_ = 0;
  if (instruction.issue && !instruction.issue(m_, instruction)) return Issued::stopped;
  last_issued_ = ++sequence;
  if (at_once && queue.empty() && (!instruction.ready || instruction.ready(m_, instruction))) {
    if (joined_[index(pipe)] != stream_version_) {
      seen_[index(pipe)].join(seen_[index(Pipe::s)]);
      joined_[index(pipe)] = stream_version_;
    }
    running_ = 2 * last_issued_;
    return execute(instruction, pipe) ? Issued::executed : Issued::stopped;
  }
  if (queued_ == 0)
    for (auto& ran : ran_) ran.clear();
  for (std::uint64_t& time : time_) ++time;
  std::unique_ptr<Queued> queued = take();
  snapshot(instruction, *queued);
  queued->sequence = sequence;
  queue.push_back(std::move(queued));
  ++queued_;
  return Issued::queued;
}

std::uint64_t Pipes::oldest_queued() const {
  std::uint64_t oldest = ~std::uint64_t{0};
  for (const auto& queue : queues_)
    if (!queue.empty()) oldest = std::min(oldest, queue.front()->sequence);
  return oldest;
}

const Queued* Pipes::head(Pipe pipe) const {
  const auto& queue = queues_[index(pipe)];
  return queue.empty() ? nullptr : queue.front().get();
}

// The machine's accessors reach the queued operation's operands while `visit` runs.
template <class Visitor>
auto Pipes::with(Queued& queued, const Visitor& visit) {
  const Slots slots = m_.slots_;
  const pto::Function* function = m_.function_;
  const Instruction* current = m_.current_;
  m_.slots_ = queued.slots();
  m_.function_ = queued.function;
  m_.current_ = &queued.instruction;
  m_.queued_loop_indices_ = &queued.loop_indices;
  ticket_ = queued.ticket;
  auto result = visit(queued.instruction);
  m_.slots_ = slots;
  m_.function_ = function;
  m_.current_ = current;
  m_.queued_loop_indices_ = nullptr;
  return result;
}

bool Pipes::can_run(Pipe pipe) {
  auto& queue = queues_[index(pipe)];
  if (queue.empty()) return false;
  if (!queue.front()->instruction.ready) return true;
  executing_ = pipe;
  const bool ready = with(*queue.front(), [&](const Instruction& i) { return i.ready(m_, i); });
  executing_ = Pipe::s;
  return ready;
}

void Pipes::report_deadlock(Pipe pipe) {
  executing_ = pipe;
  with(*queues_[index(pipe)].front(), [&](const Instruction& i) {
    m_.deadlock(pto::pipe_name(pipe), i.explain(m_, i));
    return true;
  });
  executing_ = Pipe::s;
}

bool Pipes::run(Pipe pipe) {
  auto& queue = queues_[index(pipe)];
  std::unique_ptr<Queued> queued = std::move(queue.front());
  queue.pop_front();
  --queued_;
  seen_[index(pipe)].join(*queued->seen);
  running_ = 2 * queued->sequence;
  const bool ok = with(*queued, [&](const Instruction& i) { return execute(i, pipe); });
  ++time_[index(pipe)];
  queued->seen.reset();
  spare_.push_back(std::move(queued));
  return ok;
}

bool Pipes::drain() {
  for (bool moved = true; moved && queued_ > 0;) {
    moved = false;
    for (std::size_t at = 0; at < pto::kPipes; ++at)
      while (can_run(static_cast<Pipe>(at))) {
        if (!run(static_cast<Pipe>(at))) return false;
        moved = true;
      }
  }
  return true;
}

void Pipes::note_access() {
  constexpr std::size_t kMany = 1 << 13;
  if (queued_ == 0) return;
  auto& ran = ran_[index(executing_)];
  if (!ran.empty() && ran.back().time == time(executing_)) return;
  if (ran.size() >= kMany) {
    const std::uint64_t oldest = 2 * oldest_queued();
    std::erase_if(ran, [&](const Ran& known) { return known.here < oldest; });
    // A queue that never moves: what ran ahead of it long ago is then named in the order of execution.
    if (ran.size() >= kMany) ran.erase(ran.begin(), ran.begin() + kMany / 2);
  }
  ran.push_back({time(executing_), here()});
}

bool Pipes::ran_ahead(Epoch earlier) const {
  if (earlier.actor < first_actor_ || earlier.actor >= first_actor_ + pto::kPipes) return false;
  const auto& ran = ran_[earlier.actor - first_actor_];
  const auto found = std::find_if(ran.begin(), ran.end(), [&](const Ran& known) { return known.time == earlier.time; });
  return found != ran.end() && found->here > here();
}

void Pipes::run_earlier(std::uint64_t here) {
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t at = 0; at < pto::kPipes; ++at) {
      const auto pipe = static_cast<Pipe>(at);
      if (!head(pipe) || 2 * head(pipe)->sequence >= here || !can_run(pipe)) continue;
      if (!run(pipe)) return;
      moved = true;
    }
  }
}

void Pipes::acquire(const Clock& clock) {
  seen_[index(executing_)].join(clock);
  if (executing_ != Pipe::s) return;
  ++stream_version_;
  stream_seen_.reset();
}

void Pipes::release(Clock& clock) {
  clock.join(seen_[index(executing_)]);
  clock.advance(epoch());
  ++time_[index(executing_)];
}

Epoch Pipes::wait_epoch() {
  if (executing_ != Pipe::s) {
    const Epoch now = epoch();
    ++time_[index(executing_)];
    return now;
  }
  // What is issued from now on comes after this wait.
  const Epoch now{actor(Pipe::none), time(Pipe::none)};
  ++time_[index(Pipe::none)];
  Clock clock;
  clock.advance(now);
  acquire(clock);
  return now;
}

void Pipes::barrier() {
  seen_[index(executing_)].advance(epoch());
  ++time_[index(executing_)];
}

std::uint64_t Pipes::settled(ActorId of) const {
  std::uint64_t settled = std::numeric_limits<std::uint64_t>::max();
  for (std::size_t pipe = 0; pipe < pto::kPipes; ++pipe) {
    if ((m_.program_.global_pipes >> pipe & 1) == 0) continue;
    if (actor(static_cast<Pipe>(pipe)) == of && !overlapping_[pipe]) continue;
    // What it executes next it executes with what the stream had seen when it issued that.
    const Clock& issued = queues_[pipe].empty() ? seen_[index(Pipe::s)] : *queues_[pipe].front()->seen;
    settled = std::min(settled, std::max(seen_[pipe].of(of), issued.of(of)));
  }
  return settled;
}

Clock Pipes::everything() const {
  Clock all;
  for (std::size_t pipe = 0; pipe < pto::kPipes; ++pipe) {
    if (static_cast<Pipe>(pipe) == Pipe::sdma) continue;
    all.join(seen_[pipe]);
    all.advance({actor(static_cast<Pipe>(pipe)), time_[pipe]});
  }
  return all;
}

void Pipes::barrier_all() {
  const Clock all = everything();
  for (std::uint64_t& time : time_) ++time;
  executing_ = Pipe::s;
  acquire(all);
}

const pto::Operation* Pipes::queued_set(const EventKey& key) const {
  for (const auto& queued : queues_[index(key.from)])
    if (sets_event(queued->instruction, queued->scalars, key)) return queued->instruction.source;
  return nullptr;
}

}  // namespace assay::sim
