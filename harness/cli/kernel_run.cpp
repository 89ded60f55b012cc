#include "harness/cli/kernel_run.h"

#include <algorithm>
#include <chrono>

#include "harness/run/guarded.h"

namespace assay::cli {
namespace {

using device::RunReport;
using device::RunStatus;
using run::Guarded;

// The pointer arguments between guard zones, poisoned with one of the two patterns.
class Memory {
 public:
  Memory(const KernelPlan& plan, int pattern) : plan_(plan) {
    tensors_.reserve(plan.arguments.size());
    for (const KernelArgument& argument : plan.arguments) {
      index_.push_back(tensors_.size());
      if (!argument.is_pointer) continue;
      tensors_.emplace_back(argument.content.dtype(), argument.content.shape(), pattern);
      if (!argument.poisoned) tensors_.back().set(argument.content);
    }
    for (Guarded& tensor : tensors_) storages_.push_back(&tensor.storage());
  }

  std::span<Tensor* const> storages() const { return storages_; }
  const Guarded& tensor(std::size_t argument) const { return tensors_[index_[argument]]; }
  std::vector<device::Argument> arguments(std::int64_t block) const {
    std::vector<device::Argument> list;
    for (std::size_t i = 0; i < plan_.arguments.size(); ++i) {
      const KernelArgument& argument = plan_.arguments[i];
      if (argument.is_pointer)
        list.emplace_back(device::PointerArgument{index_[i], tensor(i).element_offset()});
      else if (argument.is_block_index)
        list.emplace_back(block);
      else if (const auto* integer = std::get_if<std::int64_t>(&argument.scalar))
        list.emplace_back(*integer);
      else
        list.emplace_back(std::get<double>(argument.scalar));
    }
    return list;
  }
  std::string stray_write() const {
    for (std::size_t i = 0; i < plan_.arguments.size(); ++i) {
      const KernelArgument& argument = plan_.arguments[i];
      if (!argument.is_pointer) continue;
      if (const std::string broken = tensor(i).broken_guard(); !broken.empty())
        return fmt::format("argument '{}': wrote {}", argument.name, broken);
      const bool constant = argument.direction == pto::Direction::in || argument.direction == pto::Direction::unused;
      if (constant && !argument.poisoned && !tensor(i).content_equals(argument.content))
        return fmt::format("argument '{}' changed, but the kernel never stores through it", argument.name);
    }
    return "";
  }

 private:
  const KernelPlan& plan_;
  std::vector<Guarded> tensors_;
  std::vector<std::size_t> index_;  // per argument, into tensors_
  std::vector<Tensor*> storages_;
};

RunReport launch_all(const KernelPlan& plan, const Memory& memory, device::Backend& backend,
                     const device::RunOptions& options) {
  const bool one_by_one = std::any_of(plan.arguments.begin(), plan.arguments.end(),
                                      [](const KernelArgument& argument) { return argument.is_block_index; });
  RunReport total;
  for (std::int64_t block = 0; block < (one_by_one ? plan.blocks : 1); ++block) {
    device::Launch launch;
    launch.module = plan.module.get();
    launch.function = plan.function;
    launch.arguments = memory.arguments(block);
    launch.blocks = one_by_one ? 1 : plan.blocks;
    launch.tensors = memory.storages();
    RunReport report = backend.run(launch, options);
    total.status = report.status;
    total.reason = std::move(report.reason);
    total.instructions += report.instructions;
    total.device_seconds += report.device_seconds;
    for (device::Diagnostic& diagnostic : report.diagnostics) {
      if (one_by_one) diagnostic.block = block;
      total.diagnostics.push_back(std::move(diagnostic));
    }
    if (total.status != RunStatus::completed) break;
  }
  return total;
}

std::uint64_t poison_bits(DType dtype, int pattern) {
  std::uint64_t bits = 0;
  for (int i = 0; i < 8; ++i) bits = bits << 8 | std::to_integer<std::uint64_t>(run::kPoison[pattern]);
  const int width = info(dtype).bits;
  return width == 64 ? bits : bits & ((1ULL << width) - 1);
}

// Where two runs over different poison disagree: elements never written, and elements that depend on undefined bytes.
void find_undefined(const KernelPlan& plan, const Memory& first, const Memory& second, KernelOutcome& outcome) {
  for (std::size_t i = 0; i < plan.arguments.size(); ++i) {
    const KernelArgument& argument = plan.arguments[i];
    if (!argument.is_pointer) continue;
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
    if (argument.poisoned) outcome.unwritten[argument.name] = std::move(unwritten);
    if (undefined > 0) outcome.undefined[argument.name] = undefined;
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

KernelOutcome run_kernel(const KernelPlan& plan, device::Backend& backend, const device::RunOptions& options,
                         std::string_view backend_name) {
  KernelOutcome outcome;
  outcome.backend = std::string(backend_name);
  const Memory first(plan, 0);
  const auto begin = std::chrono::steady_clock::now();
  outcome.report = launch_all(plan, first, backend, options);
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  outcome.stray_write = first.stray_write();
  for (std::size_t i = 0; i < plan.arguments.size(); ++i)
    if (plan.arguments[i].is_pointer) outcome.tensors.emplace(plan.arguments[i].name, first.tensor(i).content());
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
