#include "harness/sim/cluster.h"

#include <algorithm>
#include <limits>

#include "harness/sim/pipes.h"

namespace assay::sim {

using device::Schedule;
using pto::Pipe;

std::unique_ptr<Memories> MemoryPool::take() {
  const std::lock_guard lock(mutex_);
  if (spare_.empty()) return std::make_unique<Memories>(profile_);
  std::unique_ptr<Memories> memories = std::move(spare_.back());
  spare_.pop_back();
  return memories;
}

void MemoryPool::give(std::unique_ptr<Memories> memories) {
  const std::lock_guard lock(mutex_);
  spare_.push_back(std::move(memories));
}

struct Cluster::Agent {
  Agent(std::unique_ptr<Memories> taken, const Job& job, const device::RunOptions& options, device::RunReport& report,
        Surroundings surroundings)
      : memories(std::move(taken)),
        machine(*memories, *job.program, *job.launch, options, report, surroundings),
        interpreter(machine) {}

  std::unique_ptr<Memories> memories;
  Machine machine;
  Interpreter interpreter;
  std::size_t job = 0;
  std::size_t shared = 0;  // index into Shared::agents
  Stream stream = Stream::running;
  bool done = false;

  Pipes* pipes() { return machine.in_explicit_order() ? &machine.pipes() : nullptr; }
};

Cluster::Cluster(MemoryPool& pool, GlobalMemory& memory, Signals& signals, const device::RunOptions& options,
                 device::RunReport& report, const std::atomic<std::int64_t>* cancelled)
    : pool_(pool),
      memory_(memory),
      options_(options),
      report_(report),
      cancelled_(cancelled),
      shared_(signals),
      random_(options.schedule.seed) {
  histories_.settled = [this](ActorId actor, const GlobalTensor& tensor) { return settled(actor, tensor); };
}

Cluster::~Cluster() = default;

// Jobs still to come start after one that runs, and know all it does.
std::uint64_t Cluster::settled(ActorId actor, const GlobalTensor& tensor) const {
  std::uint64_t time = std::numeric_limits<std::uint64_t>::max();
  for (const auto& agent : agents_) {
    const bool reaches = tensor.placement().window || tensor.placement().rank == agent->machine.who().rank;
    if (Pipes* pipes = agent->pipes(); pipes && reaches) time = std::min(time, pipes->settled(actor));
  }
  return time;
}

// splitmix64
std::uint64_t Cluster::draw(std::uint64_t below) {
  random_ += 0x9E3779B97F4A7C15U;
  std::uint64_t z = random_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return (z ^ (z >> 31)) % below;
}

// ---- jobs

bool Cluster::start(std::size_t index) {
  const Job& job = jobs_[index];
  Progress& progress = progress_[index];
  progress.started = true;
  const std::size_t count = static_cast<std::size_t>(job.last_block - job.first_block) * job.program->cores.size();
  if (agents_.size() + count > kMostAgents) {
    report_.status = device::RunStatus::error;
    report_.reason = fmt::format("{} cores that wait for one another; at most {} can", count, kMostAgents);
    return false;
  }
  Clock seen;
  for (std::size_t before : job.after) seen.join(progress_[before].seen);
  const bool alone = cancelled_ != nullptr;  // one of many blocks that run independently
  for (std::int64_t block = job.first_block; block < job.last_block; ++block) {
    const RunUnit unit{static_cast<std::uint32_t>(job.task), alone ? block : -1};
    const std::vector<Core>& cores = job.program->cores;
    for (std::size_t at = 0; at < cores.size(); ++at) {
      agents_.push_back(std::make_unique<Agent>(pool_.take(), job, options_, report_,
                                                Surroundings{shared_, flags_, findings_, memory_, histories_, unit}));
      Agent& agent = *agents_.back();
      AgentId who;
      who.rank = job.launch->rank;
      who.task = job.task;
      who.block = block;
      who.blocks = job.launch->blocks;
      who.kind = cores[at].kind;
      who.sub_block = cores[at].sub_block;
      who.sub_blocks = cores[at].sub_blocks;
      who.has_other_ranks = has_other_ranks_;
      agent.job = index;
      agent.shared = shared_.agents.size();
      shared_.agents.push_back({who, false});
      ++progress.agents;
      const auto core =
          job.first_core + static_cast<std::uint32_t>(static_cast<std::size_t>(block) * cores.size() + at);
      if (!agent.machine.start(who, core, seen)) return false;
      agent.interpreter.start(options_.schedule.kind == Schedule::Kind::canonical, sequence_);
    }
  }
  progress.done = progress.agents == 0;
  return true;
}

void Cluster::start_jobs() {
  for (std::size_t index = 0; index < jobs_.size() && !stopped_; ++index) {
    if (progress_[index].started) continue;
    const auto& after = jobs_[index].after;
    if (std::all_of(after.begin(), after.end(), [&](std::size_t before) { return progress_[before].done; }))
      stopped_ = !start(index);
  }
}

bool Cluster::is_done(const Agent& agent) const {
  return agent.stream == Stream::finished &&
         (!agent.machine.in_explicit_order() || const_cast<Agent&>(agent).machine.pipes().idle());
}

void Cluster::finish(Agent& agent) {
  agent.done = true;
  agent.machine.check_leaks();
  shared_.agents[agent.shared].finished = true;
  Progress& progress = progress_[agent.job];
  if (Pipes* pipes = agent.pipes()) progress.seen.join(pipes->everything());
  progress.done = --progress.agents == 0;
  if (!progress.done) return;
  for (std::size_t before : jobs_[agent.job].after) progress.seen.join(progress_[before].seen);
  shared_.end_task(agent.machine.who(), report_);
}

void Cluster::sweep() {
  bool any = false, job_done = false;
  for (const auto& agent : agents_) {
    if (agent->done || !is_done(*agent)) continue;
    finish(*agent);
    any = true;
    job_done = job_done || progress_[agent->job].done;
  }
  if (!any) return;
  for (const auto& agent : agents_)
    if (agent->done) pool_.give(std::move(agent->memories));
  std::erase_if(agents_, [](const auto& agent) { return agent->done; });
  if (job_done) start_jobs();
}

// ---- schedules

bool Cluster::run(std::span<const Job> jobs) {
  jobs_ = jobs;
  progress_.assign(jobs.size(), {});
  for (const Job& job : jobs) {
    const auto placements = job.launch->placements;
    has_other_ranks_ = has_other_ranks_ || job.launch->rank != 0 ||
                       std::any_of(placements.begin(), placements.end(),
                                   [](const device::Placement& placement) { return placement.rank != 0; });
  }
  start_jobs();
  while (!stopped_) {
    sweep();
    if (agents_.empty() || stopped_) break;
    if (cancelled_ && cancelled_->load(std::memory_order_relaxed) < jobs.front().first_block) {
      stopped_ = true;
      break;
    }
    bool moved = false;
    switch (options_.schedule.kind) {
      case Schedule::Kind::canonical:
        moved = run_canonical();
        break;
      case Schedule::Kind::seeded:
        moved = run_seeded();
        break;
      case Schedule::Kind::worst:
        moved = run_worst();
        break;
    }
    if (moved || stopped_) continue;
    report_deadlock();
    stopped_ = true;
  }
  explain_undefined();
  for (const auto& agent : agents_) pool_.give(std::move(agent->memories));
  agents_.clear();
  return !stopped_;
}

// An agent has stopped at bytes that nobody had written: what the others would still have done runs on for a while, and
// a write that nothing orders with the read is what the read should have waited for.
void Cluster::explain_undefined() {
  constexpr int kRounds = 64;
  const auto stopped = std::find_if(agents_.begin(), agents_.end(),
                                    [](const auto& agent) { return agent->machine.stopped_at_undefined(); });
  if (stopped == agents_.end()) return;
  Machine& machine = (*stopped)->machine;
  const UndefinedRead read = machine.undefined_read();
  if (machine.explain_undefined() || cancelled_) return;
  const std::unique_ptr<Agent> reader = std::move(*stopped);
  agents_.erase(stopped);
  const device::RunReport before = report_;
  report_.diagnostics.clear();
  findings_.explain(read);
  stopped_ = false;
  for (int round = 0; round < kRounds && !stopped_ && findings_.causes() == 0 && run_canonical(); ++round) continue;
  std::vector<device::Diagnostic> causes = std::move(report_.diagnostics);
  report_ = before;
  stopped_ = true;
  std::erase_if(causes, [&](const device::Diagnostic& found) {
    return !found.rule.starts_with("race-") || found.op_id != read.op->id || found.function != read.function->name;
  });
  if (!causes.empty()) report_.reason = causes.front().rule;
  for (device::Diagnostic& cause : causes) {
    const device::Diagnostic& undefined = report_.diagnostics.back();
    cause.rank = undefined.rank;
    cause.block = undefined.block;
    cause.core = undefined.core;
  }
  report_.diagnostics.insert(report_.diagnostics.end() - 1, causes.begin(), causes.end());
  pool_.give(std::move(reader->memories));
}

bool Cluster::advance(Agent& agent, std::uint64_t steps) {
  const std::uint64_t before = agent.interpreter.position();
  agent.stream = agent.interpreter.run(steps);
  if (agent.stream == Stream::stopped) stopped_ = true;
  return agent.stream != Stream::blocked || agent.interpreter.position() != before;
}

bool Cluster::execute(Agent& agent, Pipe pipe) {
  if (!agent.pipes()->run(pipe)) stopped_ = true;
  return true;
}

// Every operation as early as it can: what a stream issues runs at once, what had to wait is tried again whenever its
// stream has come to a halt. Streams that poll others give way after some instructions.
bool Cluster::run_canonical() {
  constexpr std::uint64_t kTurn = 1 << 12, kLongTurn = 1 << 20;
  bool moved = false;
  for (std::size_t at = 0; at < agents_.size() && !stopped_; ++at) {
    Agent& agent = *agents_[at];
    if (agent.stream != Stream::finished) moved = advance(agent, agents_.size() == 1 ? kLongTurn : kTurn) || moved;
    Pipes* pipes = agent.pipes();
    if (stopped_ || !pipes || pipes->idle()) continue;
    const std::size_t before = pipes->queued();
    if (!pipes->drain()) stopped_ = true;
    moved = moved || pipes->queued() != before;
  }
  return moved;
}

// Any of those that can go on.
bool Cluster::run_seeded() {
  struct Choice {
    std::size_t agent;
    Pipe pipe;  // s: the stream
  };
  constexpr std::uint64_t kTurn = 16;
  std::vector<Choice> choices;
  for (std::size_t at = 0; at < agents_.size(); ++at) {
    Agent& agent = *agents_[at];
    if (agent.stream != Stream::finished) choices.push_back({at, Pipe::s});
    Pipes* pipes = agent.pipes();
    for (std::size_t pipe = 0; pipes && pipe < pto::kPipes; ++pipe)
      if (pipes->can_run(static_cast<Pipe>(pipe))) choices.push_back({at, static_cast<Pipe>(pipe)});
  }
  // A stream that turns out to be blocked is not chosen again before somebody has moved.
  while (!choices.empty() && !stopped_) {
    const std::size_t chosen = draw(choices.size());
    Agent& agent = *agents_[choices[chosen].agent];
    if (choices[chosen].pipe != Pipe::s) return execute(agent, choices[chosen].pipe);
    if (advance(agent, 1 + draw(kTurn))) return true;
    choices.erase(choices.begin() + static_cast<std::ptrdiff_t>(chosen));
  }
  return false;
}

// Streams run ahead as far as they can; then the operation that was issued last runs first, stores after all others and
// asynchronous transfers after those.
bool Cluster::run_worst() {
  constexpr std::uint64_t kTurn = 1 << 10;
  bool moved = false;
  // The last block's first: whoever looks for a signal of an earlier one does so before it is there.
  for (std::size_t at = agents_.size(); at-- > 0;) {
    Agent& agent = *agents_[at];
    while (agent.stream != Stream::finished && !stopped_) {
      const std::uint64_t issued = sequence_;
      if (!advance(agent, kTurn)) break;
      moved = true;
      if (sequence_ == issued) break;
    }
  }
  Agent* chosen = nullptr;
  Pipe pipe = Pipe::s;
  std::uint64_t best = 0;
  for (const auto& agent : agents_) {
    Pipes* pipes = agent->pipes();
    for (std::size_t at = 0; pipes && at < pto::kPipes && !stopped_; ++at) {
      const auto candidate = static_cast<Pipe>(at);
      if (!pipes->can_run(candidate)) continue;
      const bool stores = candidate == Pipe::mte3 || candidate == Pipe::fix;
      const std::uint64_t turn = candidate == Pipe::sdma ? 0 : stores ? 1 : 2;
      const std::uint64_t rank = pipes->head(candidate)->sequence | turn << 62;
      if (chosen && rank < best) continue;
      chosen = agent.get();
      pipe = candidate;
      best = rank;
    }
  }
  if (stopped_) return true;
  return chosen ? execute(*chosen, pipe) : moved;
}

// ---- the wait graph

void Cluster::report_deadlock() {
  for (const auto& agent : agents_) {
    Pipes* pipes = agent->pipes();
    for (std::size_t at = 0; pipes && at < pto::kPipes; ++at)
      if (pipes->head(static_cast<Pipe>(at))) pipes->report_deadlock(static_cast<Pipe>(at));
    if (agent->stream == Stream::finished) continue;
    const Wait wait = agent->interpreter.explain();
    agent->machine.deadlock("the scalar stream", wait);
  }
}

}  // namespace assay::sim
