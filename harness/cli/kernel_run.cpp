#include "harness/cli/kernel_run.h"

#include <algorithm>
#include <chrono>

#include "harness/run/guarded.h"

namespace assay::cli {
namespace {

using device::RunReport;
using device::RunStatus;
using run::Guarded;

// The tensors between guard zones, poisoned with one of the two patterns; every rank has its own.
class Memory {
 public:
  Memory(const KernelPlan& plan, int pattern) : plan_(plan), planned_(tensors_of(plan)) {
    tensors_.reserve(planned_.size());
    index_.assign(plan.arguments.size(), 0);
    for (std::size_t i = planned_.size(); i-- > 0;) index_[planned_[i].argument] = i;  // of rank 0
    for (const PlannedTensor& planned : planned_) {
      const KernelArgument& argument = plan.arguments[planned.argument];
      tensors_.emplace_back(argument.content.dtype(), argument.content.shape(), pattern);
      if (!argument.poisoned) tensors_.back().set(argument.content);
      placements_.push_back(tensors_.back().placement(planned.rank, argument.window));
    }
    for (Guarded& tensor : tensors_) storages_.push_back(&tensor.storage());
  }

  const std::vector<PlannedTensor>& planned() const { return planned_; }
  const Guarded& tensor(std::size_t index) const { return tensors_[index]; }

  device::Launch launch(const KernelTask& task, std::int64_t rank, std::int64_t launch, std::int64_t block) const {
    device::Launch result;
    result.module = plan_.module.get();
    result.function = task.function;
    result.tensors = storages_;
    result.rank = rank;
    result.placements = placements_;
    for (const std::size_t i : task.arguments) {
      const KernelArgument& argument = plan_.arguments[i];
      if (argument.is_pointer) {
        const std::int64_t owner = argument.peer ? peer_of(plan_, argument, rank) : rank;
        const std::size_t at = index_[argument.peer.value_or(i)] + static_cast<std::size_t>(owner);
        result.arguments.emplace_back(device::PointerArgument{at, tensors_[at].element_offset()});
        continue;
      }
      const auto value = scalar_value(plan_, argument, rank, launch, block);
      std::visit([&](auto number) { result.arguments.emplace_back(number); }, value);
    }
    return result;
  }

  std::string stray_write() const {
    for (std::size_t i = 0; i < planned_.size(); ++i) {
      const KernelArgument& argument = plan_.arguments[planned_[i].argument];
      if (const std::string broken = tensors_[i].broken_guard(); !broken.empty())
        return fmt::format("argument '{}': wrote {}", planned_[i].name, broken);
      const bool constant = argument.direction == pto::Direction::in || argument.direction == pto::Direction::unused;
      if (constant && !argument.poisoned && !tensors_[i].content_equals(argument.content))
        return fmt::format("argument '{}' changed, but the kernel never stores through it", planned_[i].name);
    }
    return "";
  }

 private:
  const KernelPlan& plan_;
  std::vector<PlannedTensor> planned_;
  std::vector<Guarded> tensors_;
  std::vector<std::size_t> index_;  // per argument, into tensors_: rank 0's, the other ranks' follow
  std::vector<Tensor*> storages_;
  std::vector<device::Placement> placements_;
};

bool takes_block_index(const KernelPlan& plan, const KernelTask& task) {
  return std::any_of(task.arguments.begin(), task.arguments.end(),
                     [&](std::size_t i) { return plan.arguments[i].source == KernelArgument::Source::block_index; });
}

// Tasks of a rank come one after the other; nothing orders the ranks, nor launches that stand for the blocks of a task.
std::vector<device::Task> graph_of(const KernelPlan& plan, const Memory& memory) {
  std::vector<device::Task> graph;
  std::vector<std::vector<std::size_t>> last(static_cast<std::size_t>(plan.ranks));
  for (std::int64_t launch = 0; launch < plan.launches; ++launch)
    for (const KernelTask& task : plan.tasks)
      for (std::int64_t rank = 0; rank < plan.ranks; ++rank) {
        std::vector<std::size_t>& before = last[static_cast<std::size_t>(rank)];
        std::vector<std::size_t> now;
        const bool one_by_one = takes_block_index(plan, task);
        for (std::int64_t block = 0; block < (one_by_one ? plan.blocks : 1); ++block) {
          now.push_back(graph.size());
          graph.push_back({memory.launch(task, rank, launch, block), before});
          graph.back().launch.blocks = one_by_one ? 1 : plan.blocks;
        }
        before = std::move(now);
      }
  return graph;
}

RunReport launch_all(const KernelPlan& plan, const Memory& memory, device::Backend& backend,
                     const device::RunOptions& options) {
  const std::vector<device::Task> graph = graph_of(plan, memory);
  return graph.size() == 1 ? backend.run(graph[0].launch, options) : backend.run_graph(graph, options);
}

std::uint64_t poison_bits(DType dtype, int pattern) {
  std::uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) bits = bits << 8 | std::to_integer<std::uint64_t>(run::kPoison[pattern]);
  const int width = info(dtype).bits;
  return width == 64 ? bits : bits & ((1ULL << width) - 1);
}

// Where two runs over different poison disagree: elements never written, and elements that depend on undefined bytes.
void find_undefined(const KernelPlan& plan, const Memory& first, const Memory& second, KernelOutcome& outcome) {
  for (std::size_t i = 0; i < first.planned().size(); ++i) {
    const PlannedTensor& planned = first.planned()[i];
    const KernelArgument& argument = plan.arguments[planned.argument];
    const Tensor a = first.tensor(i).content(), b = second.tensor(i).content();
    const std::uint64_t poison_a = poison_bits(a.dtype(), 0), poison_b = poison_bits(b.dtype(), 1);
    ElementMask unwritten(static_cast<std::size_t>(a.size()), 0);
    std::int64_t undefined = 0;
    for (std::int64_t e = 0; e < a.size(); ++e) {
      if (a.bits(e) == b.bits(e)) continue;
      const bool kept = argument.poisoned && a.bits(e) == poison_a && b.bits(e) == poison_b;
      if (kept)
        unwritten[static_cast<std::size_t>(e)] = 1;
      else
        ++undefined;
    }
    if (argument.poisoned) outcome.unwritten[planned.name] = std::move(unwritten);
    if (undefined > 0) outcome.undefined[planned.name] = undefined;
  }
}

// Elements that just one backend wrote: poison can be a NaN, which would match a NaN that was written.
ElementMask written_by_one(const KernelOutcome& a, const KernelOutcome& b, const std::string& argument) {
  const auto of_a = a.unwritten.find(argument), of_b = b.unwritten.find(argument);
  if (of_a == a.unwritten.end() || of_b == b.unwritten.end()) return {};
  ElementMask one = of_a->second;
  for (std::size_t i = 0; i < one.size(); ++i) one[i] = one[i] ^ of_b->second[i];
  return one;
}

// Elements that neither backend wrote.
ElementMask written_by_neither(const KernelOutcome& a, const KernelOutcome& b, const std::string& argument) {
  const auto of_a = a.unwritten.find(argument), of_b = b.unwritten.find(argument);
  if (of_a == a.unwritten.end() || of_b == b.unwritten.end()) return {};
  ElementMask both = of_a->second;
  for (std::size_t i = 0; i < both.size(); ++i) both[i] = both[i] & of_b->second[i];
  return both;
}

}  // namespace

KernelOutcome run_once(const KernelPlan& plan, device::Backend& backend, const device::RunOptions& options) {
  KernelOutcome outcome;
  const Memory memory(plan, 0);
  outcome.report = launch_all(plan, memory, backend, options);
  outcome.stray_write = memory.stray_write();
  for (std::size_t i = 0; i < memory.planned().size(); ++i)
    outcome.tensors.emplace(memory.planned()[i].name, memory.tensor(i).content());
  return outcome;
}

KernelOutcome run_kernel(const KernelPlan& plan, device::Backend& backend, const device::RunOptions& options,
                         std::string_view backend_name) {
  KernelOutcome outcome;
  outcome.backend = std::string(backend_name);
  const Memory first(plan, 0);
  const auto begin = std::chrono::steady_clock::now();
  outcome.report = launch_all(plan, first, backend, options);
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  outcome.stray_write = first.stray_write();
  for (std::size_t i = 0; i < first.planned().size(); ++i)
    outcome.tensors.emplace(first.planned()[i].name, first.tensor(i).content());
  if (outcome.report.status != RunStatus::completed) return outcome;

  device::RunOptions again = options;
  again.poison_seed += 1;
  again.tracer = nullptr;
  const Memory second(plan, 1);
  RunReport repeated = launch_all(plan, second, backend, again);
  if (outcome.stray_write.empty()) outcome.stray_write = second.stray_write();
  if (repeated.status == RunStatus::completed)
    find_undefined(plan, first, second, outcome);
  else
    outcome.report = std::move(repeated);
  return outcome;
}

Result<std::vector<KernelComparison>> compare_outcomes(const KernelOutcome& a, const KernelOutcome& b,
                                                       const compare::Policy& policy) {
  std::vector<KernelComparison> all;
  for (const auto& [argument, actual] : a.tensors) {
    const ElementMask open = written_by_neither(a, b, argument), one_sided = written_by_one(a, b, argument);
    const compare::Reference reference{&b.tensors.find(argument)->second, nullptr, nullptr, open};
    auto comparison = compare::compare(actual, reference, policy, one_sided);
    if (!comparison) return tl::unexpected(std::move(comparison.error()));
    KernelComparison result{argument, std::move(*comparison), {}};
    if (!result.comparison.passed)
      result.pattern = compare::describe_pattern(actual, reference, result.comparison, one_sided);
    all.push_back(std::move(result));
  }
  return all;
}

}  // namespace assay::cli
