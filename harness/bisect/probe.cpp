#include "harness/bisect/probe.h"

#include <algorithm>

#include "harness/bisect/slice.h"

namespace assay::bisect {
namespace {

constexpr std::byte kPoison{0xA5};

bool is_read(const run::ResolvedTensor& tensor, const pipeline::StageSpec& spec) {
  return std::find(spec.inputs.begin(), spec.inputs.end(), tensor.name) != spec.inputs.end();
}

// Elements of a packed dtype start at a whole byte.
std::int64_t whole_bytes(DType dtype, std::int64_t elements) {
  return bytes_of(dtype, elements) * 8 / info(dtype).bits;
}

}  // namespace

Tensor Probe::memory_of(const run::ResolvedTensor& tensor, const Tensor* content) const {
  const std::int64_t front = whole_bytes(tensor.dtype, stage_.offset);
  Tensor memory(tensor.dtype, {front + whole_bytes(tensor.dtype, element_count(tensor.shape))});
  std::fill(memory.bytes().begin(), memory.bytes().end(), kPoison);
  if (content)
    std::copy(content->bytes().begin(), content->bytes().end(), memory.bytes().begin() + bytes_of(tensor.dtype, front));
  return memory;
}

Tensor Probe::content_of(const run::ResolvedTensor& tensor, const Tensor& memory) const {
  Tensor content(tensor.dtype, tensor.shape);
  const auto front = static_cast<std::size_t>(bytes_of(tensor.dtype, stage_.offset));
  const auto elements = memory.bytes().subspan(front, content.bytes().size());
  std::copy(elements.begin(), elements.end(), content.bytes().begin());
  return content;
}

Probe::Probe(run::ResolvedStage stage, std::vector<run::ResolvedTensor> tensors, TensorMap inputs,
             goldens::GoldenMap golden, compare::Policy default_policy, Profile profile)
    : stage_(std::move(stage)),
      tensors_(std::move(tensors)),
      outputs_(stage_.spec->outputs),
      golden_(std::move(golden)),
      profile_(std::move(profile)) {
  for (const run::ResolvedTensor& tensor : tensors_) {
    names_.push_back(tensor.name);
    const auto given = inputs.find(tensor.name);
    const bool filled = given != inputs.end() && is_read(tensor, *stage_.spec);
    initial_[tensor.name] = memory_of(tensor, filled ? &given->second : nullptr);
  }
  for (const std::string& output : outputs_) {
    const auto own = stage_.spec->policies.find(output);
    policies_[output] = own != stage_.spec->policies.end() ? own->second : default_policy;
    const compare::Rule& rule = policies_[output].rule;
    if (std::holds_alternative<compare::Relations>(rule) || std::holds_alternative<compare::Peer>(rule))
      policies_[output].rule = compare::Bound{};
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
      const std::int64_t front = whole_bytes(tensors_[static_cast<std::size_t>(at)].dtype, stage_.offset);
      launch.arguments.emplace_back(device::PointerArgument{static_cast<std::size_t>(at), front});
    }
    device::RunOptions options;
    options.profile = &profile_;
    options.instruction_budget = budget;
    options.order = stage_.order;
    options.schedule = stage_.schedule;
    options.contract_fma = profile_.contraction == Contraction::allowed;
    if (t == traced_task) options.tracer = tracer;
    answer.report = backend.run(launch, options);
    answer.failed_task = t;
    if (answer.report.status != device::RunStatus::completed) return answer;
  }
  for (const run::ResolvedTensor& tensor : tensors_)
    if (std::find(outputs_.begin(), outputs_.end(), tensor.name) != outputs_.end())
      answer.outputs[tensor.name] = content_of(tensor, memory.at(tensor.name));
  judge(answer);
  return answer;
}

Probe Probe::without_contraction() const {
  Probe other = *this;
  other.profile_.contraction = Contraction::off;
  return other;
}

Probe Probe::under(device::Schedule schedule) const {
  Probe other = *this;
  other.stage_.schedule = schedule;
  return other;
}

std::vector<BadElements> Probe::bad_elements(const Answer& answer) const {
  std::vector<BadElements> bad;
  for (const auto& [output, comparison] : answer.comparisons) {
    if (comparison.passed) continue;
    const auto at = static_cast<std::size_t>(std::find(names_.begin(), names_.end(), output) - names_.begin());
    BadElements elements{at, comparison.mismatch_indices};
    for (std::int64_t& element : elements.elements) element += whole_bytes(tensors_[at].dtype, stage_.offset);
    bad.push_back(std::move(elements));
  }
  return bad;
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
