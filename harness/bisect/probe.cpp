#include "harness/bisect/probe.h"

#include <algorithm>

namespace assay::bisect {
namespace {

constexpr std::byte kPoison{0xA5};

bool is_read(const run::ResolvedTensor& tensor, const pipeline::StageSpec& spec) {
  return std::find(spec.inputs.begin(), spec.inputs.end(), tensor.name) != spec.inputs.end();
}

}  // namespace

Probe::Probe(run::ResolvedStage stage, std::vector<run::ResolvedTensor> tensors, TensorMap inputs,
             goldens::GoldenMap golden, compare::Policy default_policy, Profile profile)
    : stage_(std::move(stage)),
      outputs_(stage_.spec->outputs),
      golden_(std::move(golden)),
      profile_(std::move(profile)) {
  for (const run::ResolvedTensor& tensor : tensors) {
    names_.push_back(tensor.name);
    const auto given = inputs.find(tensor.name);
    if (given != inputs.end() && is_read(tensor, *stage_.spec)) {
      initial_[tensor.name] = given->second;
      continue;
    }
    Tensor poisoned(tensor.dtype, tensor.shape);
    std::fill(poisoned.bytes().begin(), poisoned.bytes().end(), kPoison);
    initial_[tensor.name] = std::move(poisoned);
  }
  for (const std::string& output : outputs_) {
    const auto own = stage_.spec->policies.find(output);
    policies_[output] = own != stage_.spec->policies.end() ? own->second : default_policy;
  }
  for (const run::ResolvedTask& task : stage_.tasks) modules_.push_back(task.module);
}

Probe::Modules Probe::replaced(std::size_t task, std::shared_ptr<const pto::Module> edited) const {
  Modules modules = modules_;
  for (std::size_t i = 0; i < modules.size(); ++i)
    if (modules_[i] == modules_[task]) modules[i] = edited;
  return modules;
}

Probe::Answer Probe::run(const Modules& modules, device::Backend& backend, std::uint64_t budget,
                         std::size_t traced_task, const device::Tracer& tracer) const {
  Answer answer;
  TensorMap memory = initial_;
  std::vector<Tensor*> tensors;
  for (const std::string& name : names_) tensors.push_back(&memory.at(name));
  for (std::size_t t = 0; t < stage_.tasks.size(); ++t) {
    const run::ResolvedTask& task = stage_.tasks[t];
    device::Launch launch;
    launch.module = modules[t].get();
    launch.function = modules[t]->find_function(task.function);
    launch.blocks = task.blocks;
    launch.tensors = tensors;
    for (const run::ResolvedTask::Argument& argument : task.arguments) {
      if (argument.tensor.empty()) {
        std::visit([&](auto scalar) { launch.arguments.emplace_back(scalar); }, argument.scalar);
        continue;
      }
      const auto at = std::find(names_.begin(), names_.end(), argument.tensor) - names_.begin();
      launch.arguments.emplace_back(device::PointerArgument{static_cast<std::size_t>(at), 0});
    }
    device::RunOptions options;
    options.profile = &profile_;
    options.instruction_budget = budget;
    if (t == traced_task) options.tracer = tracer;
    answer.report = backend.run(launch, options);
    answer.failed_task = t;
    if (answer.report.status != device::RunStatus::completed) return answer;
  }
  for (const std::string& output : outputs_) answer.outputs[output] = std::move(memory.at(output));
  judge(answer);
  return answer;
}

void Probe::judge(Answer& answer) const {
  answer.matches = !golden_.empty();
  for (const std::string& output : outputs_) {
    const auto golden = golden_.find(output);
    if (golden == golden_.end()) {
      answer.matches = false;
      continue;
    }
    const goldens::GoldenOutput& expected = golden->second;
    const compare::Reference reference{&expected.value, &expected.lo, &expected.hi, expected.open};
    auto comparison = compare::compare(answer.outputs.at(output), reference, policies_.at(output));
    answer.matches = answer.matches && comparison && comparison->passed;
    if (comparison) answer.comparisons[output] = std::move(*comparison);
  }
}

}  // namespace assay::bisect
