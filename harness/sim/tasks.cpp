#include "harness/sim/tasks.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <set>

namespace assay::sim {
namespace {

using device::RunReport;
using device::RunStatus;
using device::Schedule;
using device::Task;

// Empty, or why the launch does not fit the function.
std::string check_launch(const device::Launch& launch, const device::RunOptions& options) {
  if (!launch.module || !launch.function || !options.profile) return "a launch without module, function or profile";
  const pto::Function& function = *launch.function;
  if (launch.arguments.size() != function.arguments.size())
    return fmt::format("{} arguments for the {} of @{}", launch.arguments.size(), function.arguments.size(),
                       function.name);
  if (!launch.placements.empty() && launch.placements.size() != launch.tensors.size())
    return fmt::format("{} placements for {} tensors", launch.placements.size(), launch.tensors.size());
  for (std::size_t i = 0; i < launch.arguments.size(); ++i) {
    const pto::Type& type = function.type(function.arguments[i]);
    const auto* argument = std::get_if<device::PointerArgument>(&launch.arguments[i]);
    const auto* pointer = std::get_if<pto::PtrType>(&type);
    if ((argument == nullptr) != (pointer == nullptr) || (!pointer && !std::holds_alternative<pto::ScalarType>(type)))
      return fmt::format("argument {} of @{} has type {}", i, function.name, pto::to_string(type));
    if (!argument) continue;
    if (argument->tensor >= launch.tensors.size()) return fmt::format("argument {} points to no tensor", i);
    const DType dtype = launch.tensors[argument->tensor]->dtype();
    const bool is_raw = dtype == DType::u8;
    if ((info(dtype).bits != info(pointer->element).bits && !is_raw) || info(pointer->element).bits < 8)
      return fmt::format("argument {} of @{} is a tensor of {}, expected {}", i, function.name, name(dtype),
                         name(pointer->element));
  }
  return "";
}

// Whether every task comes after all before it.
bool is_chain(std::span<const Task> tasks) {
  std::vector<std::set<std::size_t>> before(tasks.size());
  for (std::size_t at = 0; at < tasks.size(); ++at) {
    for (std::size_t task : tasks[at].after) {
      before[at].insert(task);
      before[at].insert(before[task].begin(), before[task].end());
    }
    if (before[at].size() != at) return false;
  }
  return true;
}

class TaskRun {
 public:
  TaskRun(MemoryPool& pool, std::span<const Task> tasks, const device::RunOptions& options)
      : pool_(pool), tasks_(tasks), options_(options) {}

  RunReport run() {
    if (!prepare()) return std::move(report_);
    memory_.emplace(tasks_, *options_.profile);
    if (run_all()) finish();
    races_first();
    return std::move(report_);
  }

 private:
  bool run_all() {
    if (!is_chain(tasks_)) return run_together(jobs_);
    for (Job& job : jobs_) {
      job.after.clear();
      if (!run_launch(job)) return false;
    }
    return true;
  }

  // A missing edge back from a buffer's reader to its writer lets the writer run on, and set its flag again, too: the
  // race names the two operations that miss the edge.
  void races_first() {
    std::vector<device::Diagnostic>& found = report_.diagnostics;
    if (report_.status != RunStatus::fault || found.empty() || found[0].rule != "flag-reused") return;
    std::stable_partition(found.begin(), found.end(),
                          [](const device::Diagnostic& one) { return one.rule.starts_with("race-"); });
    report_.reason = found[0].rule;
  }

  void finish() {
    std::vector<device::Diagnostic> found = report_.diagnostics;
    const std::size_t known = found.size();
    if (!tasks_.empty()) memory_->finish(tasks_.back().launch, found);
    for (std::size_t i = known; i < found.size(); ++i) add_finding(std::move(found[i]));
  }

  void add_finding(device::Diagnostic diagnostic) {
    if (report_.status == RunStatus::completed) {
      report_.status = RunStatus::fault;
      report_.reason = diagnostic.rule;
    }
    add(std::move(diagnostic));
  }

  bool fail(RunStatus status, std::string reason) {
    report_.status = status;
    report_.reason = std::move(reason);
    return false;
  }

  bool prepare() {
    std::uint32_t core = 0;
    for (std::size_t at = 0; at < tasks_.size(); ++at) {
      const device::Launch& launch = tasks_[at].launch;
      if (std::string problem = check_launch(launch, options_); !problem.empty())
        return fail(RunStatus::error, std::move(problem));
      for (std::size_t before : tasks_[at].after)
        if (before >= at) return fail(RunStatus::error, fmt::format("task {} runs after task {}", at, before));
      auto found = programs_.find(launch.function);
      if (found == programs_.end()) {
        auto program = decode(*launch.module, *launch.function, *options_.profile, options_.order);
        if (!program) return fail(program.error().status, program.error().reason);
        found = programs_.emplace(launch.function, std::move(*program)).first;
      }
      Job job;
      job.program = &found->second;
      job.launch = &launch;
      job.task = at;
      job.last_block = std::max<std::int64_t>(launch.blocks, 0);
      job.first_core = core;
      job.after = tasks_[at].after;
      core += static_cast<std::uint32_t>(job.last_block) * static_cast<std::uint32_t>(job.program->cores.size());
      jobs_.push_back(std::move(job));
    }
    return true;
  }

  bool run_together(std::span<const Job> jobs) {
    Cluster cluster(pool_, *memory_, signals_, options_, report_);
    const bool completed = cluster.run(jobs);
    if (cluster.histories().is_incomplete()) add_incomplete(jobs.front());
    return completed;
  }

  // Not a broken rule: the run's status stays.
  void add_incomplete(const Job& job) {
    device::Diagnostic note;
    note.rule = "race-history";
    note.message =
        "more accesses to global memory than the simulator has memory to remember: races with some of them were not "
        "looked for";
    note.function = job.launch->function->name;
    note.location = job.launch->function->location;
    note.rank = job.launch->rank;
    add(std::move(note));
  }

  // False when the launch did not come to its end.
  bool run_launch(const Job& job) {
    if (job.program->waits_for_others) return run_together(std::span(&job, 1));
    const std::int64_t blocks = job.last_block;
    results_.assign(static_cast<std::size_t>(blocks), {});
    cancelled_ = std::numeric_limits<std::int64_t>::max();
    const bool canonical = options_.schedule.kind == Schedule::Kind::canonical;
    if (canonical && blocks > 1 && !options_.tracer && !job.program->has_atomics)
      tbb::parallel_for(std::int64_t{0}, blocks, [&](std::int64_t block) { run_block(job, block); });
    else
      for (std::int64_t block : order_of_blocks(job))
        if (!run_block(job, block)) break;
    return merge(job);
  }

  struct BlockResult {
    RunReport report;
    GlobalHistories histories;
    bool completed = false;
  };

  bool run_block(const Job& job, std::int64_t block) {
    if (cancelled_.load(std::memory_order_relaxed) < block) return false;
    BlockResult& result = results_[static_cast<std::size_t>(block)];
    Job one = job;
    one.first_block = block;
    one.last_block = block + 1;
    Cluster cluster(pool_, *memory_, signals_, options_, result.report, &cancelled_);
    result.completed = cluster.run(std::span(&one, 1));
    result.histories = std::move(cluster.histories());
    if (result.completed) return true;
    std::int64_t lowest = cancelled_.load();
    while (block < lowest && !cancelled_.compare_exchange_weak(lowest, block)) {
    }
    return false;
  }

  // Sums of floats depend on their order: launches that have some keep to ascending blocks.
  std::vector<std::int64_t> order_of_blocks(const Job& job) const {
    std::vector<std::int64_t> order(static_cast<std::size_t>(job.last_block));
    std::iota(order.begin(), order.end(), 0);
    if (job.program->has_atomics) return order;
    if (options_.schedule.kind == Schedule::Kind::worst) std::reverse(order.begin(), order.end());
    if (options_.schedule.kind == Schedule::Kind::seeded) {
      std::uint64_t state = options_.schedule.seed;
      for (std::size_t left = order.size(); left > 1; --left) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        std::swap(order[left - 1], order[(state >> 33) % left]);
      }
    }
    return order;
  }

  // As if the blocks had run in ascending order up to the first that did not come to its end.
  bool merge(const Job& job) {
    GlobalHistories histories;
    for (BlockResult& block : results_) {
      report_.instructions += block.report.instructions;
      for (device::Diagnostic& diagnostic : block.report.diagnostics) add(std::move(diagnostic));
      if (block.report.status != RunStatus::completed &&
          (report_.status == RunStatus::completed || block.report.status != RunStatus::fault)) {
        report_.status = block.report.status;
        report_.reason = std::move(block.report.reason);
      }
      for (const GlobalHistories::Found& found : histories.join(std::move(block.histories)))
        add_finding(race(job, found, &block - results_.data()));
      const bool ran = block.completed || block.report.instructions > 0 || !block.report.diagnostics.empty();
      if (ran && !block.completed) return false;
    }
    if (histories.is_incomplete()) add_incomplete(job);
    return cancelled_.load() == std::numeric_limits<std::int64_t>::max();
  }

  // Between two blocks that nothing orders.
  device::Diagnostic race(const Job& job, const GlobalHistories::Found& found, std::int64_t block) const {
    const Access& earlier = found.conflict.earlier;
    std::size_t tensor = 0;
    const std::vector<GlobalTensor*> tensors = memory_->tensors_of(*job.launch);
    while (tensors[tensor]->index() != found.tensor) ++tensor;
    device::Diagnostic broken;
    broken.rule = rule_of(found.conflict, found.later);
    const auto cores = static_cast<std::uint32_t>(job.program->cores.size());
    broken.message =
        fmt::format("{} (block {})", describe_race(found.later, found.conflict, describe_tensor(*job.launch, tensor, found.conflict.begin)),
                    (earlier.epoch.actor / pto::kPipes - job.first_core) / cores);
    broken.function = found.later.function->name;
    broken.op_id = found.later.op->id;
    broken.location = found.later.op->location;
    broken.related = earlier.op->location;
    if (earlier.function != found.later.function) broken.related_function = earlier.function->name;
    broken.block = block;
    broken.rank = job.launch->rank;
    return broken;
  }

  // Blocks share their code, so they find the same broken rules.
  void add(device::Diagnostic diagnostic) {
    // Everybody who waits in a deadlock is part of it.
    const bool is_new = diagnostic.rule == "deadlock" ||
                        found_
                            .insert({std::string(cause_of(diagnostic.rule)), diagnostic.function, diagnostic.op_id,
                                     diagnostic.related ? diagnostic.related->line : -1, diagnostic.related_function})
                            .second;
    if (is_new && report_.diagnostics.size() < Findings::kMost) report_.diagnostics.push_back(std::move(diagnostic));
  }

  MemoryPool& pool_;
  std::span<const Task> tasks_;
  const device::RunOptions& options_;
  RunReport report_;
  std::map<const pto::Function*, Program> programs_;
  std::optional<GlobalMemory> memory_;
  std::vector<Job> jobs_;
  Signals signals_;
  std::vector<BlockResult> results_;
  std::atomic<std::int64_t> cancelled_{std::numeric_limits<std::int64_t>::max()};
  std::set<std::tuple<std::string, std::string, std::uint32_t, int, std::string>> found_;
};

}  // namespace

device::RunReport run_tasks(MemoryPool& pool, std::span<const Task> tasks, const device::RunOptions& options) {
  return TaskRun(pool, tasks, options).run();
}

}  // namespace assay::sim
