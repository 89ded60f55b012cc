// A stage made concrete: its kernels read and verified, its arguments bound to the functions' parameters.
#include <bit>
#include <cmath>

#include "harness/pipeline/suggest.h"
#include "harness/pto/insert_sync.h"
#include "harness/pto/reader.h"
#include "harness/pto/verifier.h"
#include "harness/run/execute.h"
#include "harness/run/substitute.h"

namespace assay::run {
namespace {

using pto::Function;
using pto::ScalarKind;

struct Range {
  std::int64_t least, greatest;
};

std::optional<Range> integer_range(ScalarKind kind) {
  switch (kind) {
    case ScalarKind::i1:
      return Range{0, 1};
    case ScalarKind::i8:
      return Range{INT8_MIN, INT8_MAX};
    case ScalarKind::i16:
      return Range{INT16_MIN, INT16_MAX};
    case ScalarKind::i32:
      return Range{INT32_MIN, INT32_MAX};
    case ScalarKind::ui8:
      return Range{0, UINT8_MAX};
    case ScalarKind::ui16:
      return Range{0, UINT16_MAX};
    case ScalarKind::ui32:
      return Range{0, UINT32_MAX};
    case ScalarKind::ui64:
      return Range{0, INT64_MAX};
    case ScalarKind::i64:
    case ScalarKind::index:
      return Range{INT64_MIN, INT64_MAX};
    default:
      return std::nullopt;
  }
}

// Whether the value is a number of the float format, exactly.
bool is_exact(ScalarKind kind, double value) {
  const auto narrow = static_cast<float>(value);
  if (static_cast<double>(narrow) != value) return false;
  if (kind == ScalarKind::bf16) return (std::bit_cast<std::uint32_t>(narrow) & 0xffffU) == 0;
  if (kind != ScalarKind::f16) return true;
  int exponent = 0;
  std::frexp(value, &exponent);
  const double unit = std::ldexp(1.0, std::max(exponent - 11, -24));
  return std::abs(value) <= 65504 && std::floor(value / unit) * unit == value;
}

// Where an argument comes from, for messages.
struct Place {
  const pipeline::Task& task;
  const Function& function;
  std::size_t index;

  std::string text() const {
    return fmt::format("{}, function '{}', argument {} ('{}')", task.kernel.string(), function.name, index + 1,
                       function.values[function.arguments[index]].name);
  }
};

using Argument = ResolvedTask::Argument;

// What arguments of a task can name.
struct Scope {
  const Bindings& bindings;
  const std::vector<ResolvedTensor>& tensors;
  const std::vector<ResolvedWindow>& windows;
  const pipeline::StageSpec& stage;
  std::int64_t ranks = 0;  // of the task; 0: it runs once
};

// A tensor of every rank goes to a task on the same ranks; one that has none is the same for all, so no rank writes it.
Result<void> check_ranks(const ResolvedTensor& tensor, const Scope& scope, const Place& place) {
  if (tensor.ranks > 0 && scope.ranks == 0)
    return bad_input("{}: tensor '{}' has {} ranks; the task needs 'ranks'", place.text(), tensor.name, tensor.ranks);
  if (tensor.ranks > 0 && tensor.ranks != scope.ranks)
    return bad_input("{}: tensor '{}' has {} ranks, the task {}", place.text(), tensor.name, tensor.ranks, scope.ranks);
  const auto& outputs = scope.stage.outputs;
  const bool is_written = tensor.role == pipeline::Role::temporary ||
                          std::find(outputs.begin(), outputs.end(), tensor.name) != outputs.end();
  if (tensor.ranks == 0 && scope.ranks > 0 && is_written)
    return bad_input("{}: {} ranks would write the one tensor '{}'; it needs 'ranks'", place.text(), scope.ranks,
                     tensor.name);
  return {};
}

Result<Argument> bind_tensor(const std::string& name, const Scope& scope, const Place& place, const pto::Type& type) {
  const auto* pointer = std::get_if<pto::PtrType>(&type);
  if (!pointer)
    return bad_input("{}: tensor '{}' is given, but the type is {}", place.text(), name, pto::to_string(type));
  for (const ResolvedTensor& tensor : scope.tensors) {
    if (tensor.name != name) continue;
    if (const auto checked = check_ranks(tensor, scope, place); !checked) return tl::unexpected(checked.error());
    if (tensor.dtype != pointer->element)
      return bad_input("{}: tensor '{}' holds {}, but the pointer is to {}", place.text(), name,
                       assay::name(tensor.dtype), assay::name(pointer->element));
    return Argument{name, std::int64_t{0}, 0};
  }
  return internal_error("tensor '{}' is not resolved", name);
}

Result<Argument> bind_field(const pipeline::FieldReference& reference, const Scope& scope, const Place& place,
                            const pto::Type& type) {
  const auto* pointer = std::get_if<pto::PtrType>(&type);
  const auto window = std::find_if(scope.windows.begin(), scope.windows.end(),
                                   [&](const ResolvedWindow& w) { return w.name == reference.window; });
  const ResolvedField* field = window == scope.windows.end() ? nullptr : window->find(reference.field);
  if (!field) return internal_error("field '{}.{}' is not resolved", reference.window, reference.field);
  if (!pointer)
    return bad_input("{}: field '{}.{}' is given, but the type is {}", place.text(), reference.window, reference.field,
                     pto::to_string(type));
  if (field->dtype != pointer->element)
    return bad_input("{}: field '{}.{}' holds {}, but the pointer is to {}", place.text(), reference.window,
                     reference.field, assay::name(field->dtype), assay::name(pointer->element));
  if (window->ranks != std::max<std::int64_t>(scope.ranks, 1))
    return bad_input("{}: window '{}' has {} ranks, the task {}", place.text(), window->name, window->ranks,
                     std::max<std::int64_t>(scope.ranks, 1));
  return Argument{window->name, std::int64_t{0}, field->at};
}

Result<Argument> bind_scalar(double value, bool is_integer, std::int64_t integer, const Place& place,
                             const pto::Type& type) {
  const auto* scalar = std::get_if<pto::ScalarType>(&type);
  if (!scalar) return bad_input("{}: a number is given, but the type is {}", place.text(), pto::to_string(type));
  if (const auto range = integer_range(scalar->kind)) {
    if (!is_integer)
      return bad_input("{}: {} is no integer, but the type is {}", place.text(), value, pto::to_string(type));
    if (integer < range->least || integer > range->greatest)
      return bad_input("{}: {} does not fit {}", place.text(), integer, pto::to_string(type));
    return Argument{"", integer, 0};
  }
  if (!is_exact(scalar->kind, value))
    return bad_input("{}: {} is not a number of {}", place.text(), value, pto::to_string(type));
  return Argument{"", value, 0};
}

Result<Argument> bind_argument(const pipeline::TaskArgument& argument, const Place& place, const Scope& scope) {
  const pto::Type& type = place.function.type(place.function.arguments[place.index]);
  if (const auto* tensor = std::get_if<std::string>(&argument.value)) return bind_tensor(*tensor, scope, place, type);
  if (const auto* field = std::get_if<pipeline::FieldReference>(&argument.value))
    return bind_field(*field, scope, place, type);
  if (const auto* value = std::get_if<double>(&argument.value)) return bind_scalar(*value, false, 0, place, type);
  const Expression& expression = std::get<Expression>(argument.value);
  const auto integer = evaluate(expression, scope.bindings);
  if (!integer) return bad_input("{}: '{}': {}", place.text(), expression.text(), integer.error().message);
  return bind_scalar(static_cast<double>(*integer), true, *integer, place, type);
}

// The argument that goes to parameter `index`: by name when names are given, else by position.
const pipeline::TaskArgument* argument_for(const pipeline::Task& task, const Function& function, std::size_t index) {
  for (std::size_t i = 0; i < task.arguments.size(); ++i) {
    const pipeline::TaskArgument& argument = task.arguments[i];
    if (argument.parameter.empty() ? i == index : argument.parameter == function.values[function.arguments[index]].name)
      return &argument;
  }
  return nullptr;
}

Result<void> check_argument_names(const pipeline::Task& task, const Function& function) {
  std::vector<std::string> known;
  for (const pto::ValueId id : function.arguments) known.push_back(function.values[id].name);
  for (const pipeline::TaskArgument& argument : task.arguments)
    if (!argument.parameter.empty() && std::find(known.begin(), known.end(), argument.parameter) == known.end())
      return bad_input("{}, function '{}' has no argument '{}'{}", task.kernel.string(), function.name,
                       argument.parameter, pipeline::suggestion(argument.parameter, known));
  if (task.arguments.size() != known.size())
    return bad_input("{}, function '{}' has {} arguments; the pipeline gives {}", task.kernel.string(), function.name,
                     known.size(), task.arguments.size());
  return {};
}

Result<const Function*> choose_function(const pto::Module& module, const pipeline::Task& task,
                                        const Bindings& bindings) {
  std::vector<std::string> names;
  const Function* only = nullptr;
  for (const Function& function : module.functions) {
    if (function.is_external) continue;
    names.push_back(function.name);
    only = &function;
  }
  if (task.function.empty()) {
    if (names.size() == 1) return only;
    return bad_input("{} has {} functions; the task must name one{}", task.kernel.string(), names.size(),
                     pipeline::suggestion("", names));
  }
  const auto wanted = substitute(task.function, bindings);
  if (!wanted) return tl::unexpected(wanted.error());
  const Function* found = module.find_function(*wanted);
  if (found && !found->is_external) return found;
  return bad_input("{} has no function '{}'{}", task.kernel.string(), *wanted, pipeline::suggestion(*wanted, names));
}

Result<std::int64_t> count_of(const Expression& expression, std::string_view what, const Bindings& bindings,
                              std::int64_t least = 1, std::int64_t most = kMaxBlocks) {
  const auto count = evaluate(expression, bindings);
  if (!count) return bad_input("{} '{}': {}", what, expression.text(), count.error().message);
  if (*count < least || *count > most)
    return bad_input("{} '{}' is {}; expected {} to {}", what, expression.text(), *count, least, most);
  return *count;
}

Result<ResolvedTask> resolve_task(const pipeline::Task& task, const Scope& scope, const std::string& profile,
                                  KernelCache& cache) {
  ResolvedTask resolved;
  auto module = scope.bindings.inserts_sync ? cache.get_synchronised(task.kernel, profile) : cache.get(task.kernel);
  if (!module) return tl::unexpected(module.error());
  resolved.module = std::move(*module);
  const auto function = choose_function(*resolved.module, task, scope.bindings);
  if (!function) return tl::unexpected(function.error());
  resolved.function = (*function)->name;
  if (const auto named = check_argument_names(task, **function); !named) return tl::unexpected(named.error());
  for (std::size_t i = 0; i < (*function)->arguments.size(); ++i) {
    const pipeline::TaskArgument* argument = argument_for(task, **function, i);
    const Place place{task, **function, i};
    if (!argument) return bad_input("{}: the pipeline gives no value", place.text());
    auto bound = bind_argument(*argument, place, scope);
    if (!bound) return tl::unexpected(bound.error());
    resolved.arguments.push_back(std::move(*bound));
  }
  const auto blocks = count_of(task.blocks, "blocks", scope.bindings);
  if (!blocks) return tl::unexpected(blocks.error());
  resolved.blocks = *blocks;
  return resolved;
}

// One entry for each launch of the task on each of its ranks.
Result<void> resolve_launches(std::size_t index, Scope scope, const std::string& profile, KernelCache& cache,
                              std::vector<ResolvedTask>& tasks) {
  const pipeline::Task& task = scope.stage.tasks[index];
  const Result<std::int64_t> launches =
      task.has_launches ? count_of(task.launches, "launches", scope.bindings, 0) : Result<std::int64_t>(1);
  if (!launches) return tl::unexpected(launches.error());
  if (task.has_ranks) {
    const auto ranks = count_of(task.ranks, "ranks", scope.bindings, 1, kMaxRanks);
    if (!ranks) return tl::unexpected(ranks.error());
    scope.ranks = *ranks;
  }
  Bindings inside = scope.bindings;
  const Scope of_launch{inside, scope.tensors, scope.windows, scope.stage, scope.ranks};
  for (std::int64_t launch = 0; launch < *launches; ++launch)
    for (std::int64_t rank = 0; rank < std::max<std::int64_t>(scope.ranks, 1); ++rank) {
      if (task.has_launches) inside.integers["launch"] = launch;
      if (task.has_ranks) inside.integers["rank"] = rank;
      auto one = resolve_task(task, of_launch, profile, cache);
      if (!one) return tl::unexpected(one.error());
      one->rank = rank;
      one->index = index;
      tasks.push_back(std::move(*one));
    }
  return {};
}

}  // namespace

Result<std::shared_ptr<const pto::Module>> KernelCache::get(const std::filesystem::path& file) {
  std::error_code code;
  const auto changed = std::filesystem::last_write_time(file, code);
  if (code) return bad_input("cannot open the kernel file {}: {}", file.string(), code.message());
  if (const auto found = modules_.find(file); found != modules_.end() && found->second.changed == changed)
    return found->second.module;
  auto module = pto::read_file(file);
  if (!module) return tl::unexpected(module.error());
  if (const auto verified = pto::verify(*module); !verified) return tl::unexpected(verified.error());
  auto shared = std::make_shared<const pto::Module>(std::move(*module));
  modules_[file] = {changed, shared, {}};
  return shared;
}

Result<std::shared_ptr<const pto::Module>> KernelCache::get_synchronised(const std::filesystem::path& file,
                                                                         const std::string& profile) {
  const auto source = get(file);
  if (!source) return tl::unexpected(source.error());
  std::shared_ptr<const pto::Module>& made = modules_.find(file)->second.synchronised[profile];
  if (made) return made;
  const auto machine = load_profile(profile);
  if (!machine) return tl::unexpected(machine.error());
  made = std::make_shared<const pto::Module>(pto::insert_sync(**source, *machine));
  return made;
}

Result<ResolvedStage> resolve_stage(const pipeline::Pipeline& pipeline, const pipeline::StageSpec& stage,
                                    const Bindings& bindings, KernelCache* cache) {
  KernelCache own;
  const auto tensors = resolve_tensors(pipeline, bindings);
  if (!tensors) return tl::unexpected(tensors.error());
  auto windows = resolve_windows(pipeline, bindings);
  if (!windows) return tl::unexpected(windows.error());
  Bindings inside = bindings;
  for (const ResolvedWindow& window : *windows) inside.integers[window.name + "_bytes"] = window.bytes;
  ResolvedStage resolved{&stage, {}, std::move(*windows), bindings.offset, bindings.order, bindings.schedule};
  for (std::size_t index = 0; index < stage.tasks.size(); ++index) {
    const auto done = resolve_launches(index, {inside, *tensors, resolved.windows, stage, 0}, pipeline.profile,
                                       cache ? *cache : own, resolved.tasks);
    if (!done) return tl::unexpected(done.error());
  }
  return resolved;
}

}  // namespace assay::run
