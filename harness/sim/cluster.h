// Agents that run together, in one thread, under a schedule: the cores of one block, or of all blocks of launches that
// wait for one another.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "harness/sim/findings.h"
#include "harness/sim/flags.h"
#include "harness/sim/interpreter.h"

namespace assay::sim {

// Memories of cores between two uses.
class MemoryPool {
 public:
  explicit MemoryPool(const Profile& profile) : profile_(profile) {}
  std::unique_ptr<Memories> take();
  void give(std::unique_ptr<Memories> memories);

 private:
  const Profile profile_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Memories>> spare_;
};

// Blocks of one launch.
struct Job {
  const Program* program = nullptr;
  const device::Launch* launch = nullptr;
  std::size_t task = 0;
  std::int64_t first_block = 0, last_block = 0;  // half-open
  std::uint32_t first_core = 0;                  // number of block 0's first core, over the whole run
  std::vector<std::size_t> after;                // jobs of the same cluster
};

class Cluster {
 public:
  // Stops early, without a word, once `cancelled` is below the first job's first block.
  Cluster(MemoryPool& pool, GlobalMemory& memory, Signals& signals, const device::RunOptions& options,
          device::RunReport& report, const std::atomic<std::int64_t>* cancelled = nullptr);
  ~Cluster();

  // What the agents did to global memory.
  GlobalHistories& histories() { return histories_; }

  // Runs the jobs; true when every agent came to its end.
  bool run(std::span<const Job> jobs);

 private:
  static constexpr std::size_t kMostAgents = 1 << 14;
  struct Agent;
  struct Progress {
    bool started = false, done = false;
    std::size_t agents = 0;  // still running
    Clock seen;              // what its agents had done and seen in the end
  };

  void start_jobs();
  bool start(std::size_t job);
  void finish(Agent& agent);
  void sweep();  // agents that are done
  bool is_done(const Agent& agent) const;

  bool run_canonical();
  bool run_seeded();
  bool run_worst();
  bool advance(Agent& agent, std::uint64_t steps);  // whether the stream moved
  bool execute(Agent& agent, pto::Pipe pipe);
  void explain_undefined();
  void report_deadlock();
  // Seen by every pipe that can reach the tensor.
  std::uint64_t settled(ActorId actor, const GlobalTensor& tensor) const;
  std::uint64_t draw(std::uint64_t below);

  MemoryPool& pool_;
  GlobalMemory& memory_;
  GlobalHistories histories_;
  const device::RunOptions& options_;
  device::RunReport& report_;
  const std::atomic<std::int64_t>* cancelled_;
  Shared shared_;
  CrossFlags flags_;
  Findings findings_;
  std::uint64_t sequence_ = 0;
  std::uint64_t random_;
  bool has_other_ranks_ = false;
  bool stopped_ = false;

  std::span<const Job> jobs_;
  std::vector<Progress> progress_;
  std::vector<std::unique_ptr<Agent>> agents_;
};

}  // namespace assay::sim
