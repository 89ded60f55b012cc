// Runs a stage on a backend twice, over two poison patterns.
#include <algorithm>
#include <chrono>

#include "harness/run/execute.h"
#include "harness/run/guarded.h"

namespace assay::run {
namespace {

using device::RunReport;
using device::RunStatus;

bool contains(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// The stage's memory for one pass: every tensor its tasks touch, poisoned, inputs filled in.
class Memory {
 public:
  Memory(const ResolvedStage& stage, const std::vector<ResolvedTensor>& tensors, const TensorMap& inputs, int pattern)
      : spec_(*stage.spec), inputs_(inputs) {
    for (const ResolvedTensor& tensor : tensors) {
      const bool reads = contains(spec_.inputs, tensor.name), writes = contains(spec_.outputs, tensor.name);
      if (!reads && !writes && !is_argument(stage, tensor.name)) continue;
      index_[tensor.name] = tensors_.size();
      names_.push_back(tensor.name);
      tensors_.emplace_back(tensor.dtype, tensor.shape, pattern, stage.offset);
      placements_.push_back(tensors_.back().placement());
      if (reads) tensors_.back().set(inputs.at(tensor.name));
    }
    for (Guarded& tensor : tensors_) storages_.push_back(&tensor.storage());
  }

  Memory(const Memory&) = delete;  // storages_ points into tensors_
  Memory& operator=(const Memory&) = delete;

  std::span<Tensor* const> storages() const { return storages_; }
  std::span<const device::Placement> placements() const { return placements_; }
  device::Argument argument(const ResolvedTask::Argument& argument) const {
    if (!argument.tensor.empty()) {
      const std::size_t index = index_.find(argument.tensor)->second;
      return device::PointerArgument{index, tensors_[index].element_offset()};
    }
    if (const auto* integer = std::get_if<std::int64_t>(&argument.scalar)) return *integer;
    return std::get<double>(argument.scalar);
  }
  Tensor content(std::string_view name) const { return tensors_[index_.find(name)->second].content(); }

  // A guard or an input that changed, in words.
  std::string stray_write() const {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (const std::string broken = tensors_[i].broken_guard(); !broken.empty())
        return fmt::format("tensor '{}': {}", names_[i], broken);
      const bool is_constant = contains(spec_.inputs, names_[i]) && !contains(spec_.outputs, names_[i]);
      if (is_constant && !tensors_[i].content_equals(inputs_.find(names_[i])->second))
        return fmt::format("input '{}' changed", names_[i]);
    }
    return "";
  }

 private:
  static bool is_argument(const ResolvedStage& stage, std::string_view name) {
    return std::any_of(stage.tasks.begin(), stage.tasks.end(), [&](const ResolvedTask& task) {
      return std::any_of(task.arguments.begin(), task.arguments.end(),
                         [&](const ResolvedTask::Argument& argument) { return argument.tensor == name; });
    });
  }

  const pipeline::StageSpec& spec_;
  const TensorMap& inputs_;
  std::vector<Guarded> tensors_;
  std::vector<std::string> names_;
  std::vector<Tensor*> storages_;
  std::vector<device::Placement> placements_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

Result<void> check_inputs(const ResolvedStage& stage, const std::vector<ResolvedTensor>& tensors,
                          const TensorMap& inputs) {
  for (const std::string& name : stage.spec->inputs) {
    const auto given = inputs.find(name);
    const auto spec =
        std::find_if(tensors.begin(), tensors.end(), [&](const ResolvedTensor& t) { return t.name == name; });
    if (given == inputs.end() || spec == tensors.end())
      return bad_input("stage '{}' has no value for its input '{}'", stage.spec->name, name);
    if (given->second.dtype() != spec->dtype || given->second.shape() != spec->shape)
      return bad_input("input '{}' of stage '{}' is {} {}; expected {} {}", name, stage.spec->name,
                       assay::name(given->second.dtype()), to_string(given->second.shape()), assay::name(spec->dtype),
                       to_string(spec->shape));
  }
  return {};
}

struct Pass {
  RunReport report;
  std::string stray_write;
};

// The stage's first tasks as one graph, each after the one before it, so that what a task leaves in the machine's
// caches is there for the next one (seed bug B02).
RunReport run_tasks(const ResolvedStage& stage, const Memory& memory, device::Backend& backend,
                    const device::RunOptions& options, std::size_t count) {
  std::vector<device::Task> tasks;
  for (std::size_t i = 0; i < count; ++i) {
    const ResolvedTask& task = stage.tasks[i];
    if (task.ranks > 1) return {RunStatus::unsupported, fmt::format("{} ranks", task.ranks), {}, 0, 0};
    device::Task& node = tasks.emplace_back();
    node.launch.module = task.module.get();
    node.launch.function = task.module->find_function(task.function);
    for (const ResolvedTask::Argument& argument : task.arguments)
      node.launch.arguments.push_back(memory.argument(argument));
    node.launch.blocks = task.blocks;
    node.launch.tensors = memory.storages();
    node.launch.placements = memory.placements();
    if (i > 0) node.after = {i - 1};
  }
  return backend.run_graph(tasks, options);
}

// The task after which the stray write is there, found by running fewer of them on fresh memory.
std::string writer_of(const ResolvedStage& stage, const std::vector<ResolvedTensor>& tensors, const TensorMap& inputs,
                      int pattern, device::Backend& backend, device::RunOptions options) {
  options.tracer = nullptr;
  std::size_t low = 1, high = stage.tasks.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    const Memory memory(stage, tensors, inputs, pattern);
    run_tasks(stage, memory, backend, options, middle);
    if (memory.stray_write().empty())
      low = middle + 1;
    else
      high = middle;
  }
  return stage.tasks[low - 1].function;
}

Pass run_pass(const ResolvedStage& stage, const std::vector<ResolvedTensor>& tensors, const TensorMap& inputs,
              int pattern, const Memory& memory, device::Backend& backend, const device::RunOptions& options) {
  Pass pass;
  pass.report = run_tasks(stage, memory, backend, options, stage.tasks.size());
  if (pass.stray_write = memory.stray_write(); !pass.stray_write.empty())
    pass.stray_write += fmt::format(", written by '{}'", writer_of(stage, tensors, inputs, pattern, backend, options));
  return pass;
}

// 1 where the two passes left different bytes.
std::vector<std::uint8_t> differing_elements(const Tensor& a, const Tensor& b) {
  std::vector<std::uint8_t> differs(static_cast<std::size_t>(a.size()), 0);
  if (std::equal(a.bytes().begin(), a.bytes().end(), b.bytes().begin())) return differs;
  for (std::int64_t i = 0; i < a.size(); ++i) differs[static_cast<std::size_t>(i)] = a.bits(i) != b.bits(i) ? 1 : 0;
  return differs;
}

}  // namespace

Result<StageOutcome> run_stage(const ResolvedStage& stage, const std::vector<ResolvedTensor>& tensors,
                               const TensorMap& inputs, device::Backend& backend, const device::RunOptions& options) {
  if (const auto checked = check_inputs(stage, tensors, inputs); !checked) return tl::unexpected(checked.error());
  StageOutcome outcome;
  const Memory first(stage, tensors, inputs, 0);
  const auto begin = std::chrono::steady_clock::now();
  Pass pass = run_pass(stage, tensors, inputs, 0, first, backend, options);
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  outcome.report = std::move(pass.report);
  outcome.stray_write = std::move(pass.stray_write);
  for (const std::string& name : stage.spec->outputs) outcome.outputs.emplace(name, first.content(name));
  if (outcome.report.status != RunStatus::completed) return outcome;

  device::RunOptions again = options;
  again.poison_seed += 1;
  again.tracer = nullptr;
  const Memory second(stage, tensors, inputs, 1);
  Pass repeated = run_pass(stage, tensors, inputs, 1, second, backend, again);
  if (outcome.stray_write.empty()) outcome.stray_write = std::move(repeated.stray_write);
  if (repeated.report.status != RunStatus::completed) {
    outcome.report.status = repeated.report.status;
    outcome.report.reason = std::move(repeated.report.reason);
    outcome.report.diagnostics = std::move(repeated.report.diagnostics);
    return outcome;
  }
  for (const auto& [name, value] : outcome.outputs)
    outcome.unwritten.emplace(name, differing_elements(value, second.content(name)));
  return outcome;
}

}  // namespace assay::run
