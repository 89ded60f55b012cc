#include "harness/cli/kernel_plan.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "harness/cli/kernel_arguments.h"
#include "harness/core/fill.h"
#include "harness/core/npy.h"
#include "harness/pto/literal.h"
#include "harness/pto/verifier.h"

namespace assay::cli {
namespace {

constexpr std::int64_t kMaxBytes = std::int64_t{8} << 30;  // all pointer arguments together
constexpr std::int64_t kDefaultInteger = 16;
constexpr double kDefaultFloat = 1.0;

// ---- the function

std::string list_functions(const pto::Module& module) {
  std::vector<std::string> names;
  for (const pto::Function& function : module.functions)
    if (!function.is_external) names.push_back("@" + function.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

bool is_called(const pto::Module& module, const pto::Function& function) {
  for (const pto::Function& caller : module.functions)
    for (const pto::Operation* operation : pto::preorder(caller))
      if (operation->code == pto::OpCode::call && pto::callee(*operation) == function.name) return true;
  return false;
}

Result<const pto::Function*> named_function(const pto::Module& module, std::string_view wanted) {
  if (wanted.starts_with('@')) wanted.remove_prefix(1);
  const pto::Function* function = module.find_function(wanted);
  if (!function)
    return bad_input("{} has no function '{}', expected one of {}", module.file, wanted, list_functions(module));
  if (function->is_external) return bad_input("function '{}' is only declared in {}", wanted, module.file);
  return function;
}

Result<const pto::Function*> choose_function(const pto::Module& module) {
  std::vector<const pto::Function*> entries;
  for (const pto::Function& function : module.functions)
    if (!function.is_external && pto::find(function.attributes, "pto.entry")) entries.push_back(&function);
  const auto roots = root_functions(module);
  if (entries.size() == 1) return entries[0];
  if (roots.size() == 1) return roots[0];
  return bad_input("{} has several functions; name one of {}", module.file, list_functions(module));
}

Result<std::vector<KernelTask>> choose_tasks(const pto::Module& module, const KernelRequest& request) {
  std::vector<KernelTask> tasks;
  std::vector<std::string> names = request.tasks;
  if (names.empty() && !request.function.empty()) names.push_back(request.function);
  if (names.empty()) names = declared_tasks(module);
  if (names.empty()) {
    const auto function = choose_function(module);
    if (!function) return tl::unexpected(function.error());
    tasks.push_back({*function, {}});
  }
  for (const std::string& name : names) {
    const auto function = named_function(module, name);
    if (!function) return tl::unexpected(function.error());
    tasks.push_back({*function, {}});
  }
  return tasks;
}

// ---- arguments as text

std::string list_arguments(const KernelPlan& plan) {
  std::vector<std::string> names;
  for (const KernelArgument& argument : plan.arguments) names.push_back(argument.name);
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

std::string list_tasks(const KernelPlan& plan) {
  std::vector<std::string> names;
  for (const KernelTask& task : plan.tasks) names.push_back("@" + task.function->name);
  return fmt::format("{}", fmt::join(names, ", "));
}

// "x=..." and "0=..." name an argument; a '=' after any other character belongs to the value ("normal:seed=3").
std::optional<std::pair<std::string_view, std::string_view>> split_named(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) return std::nullopt;
  std::string_view name = text.substr(0, equals);
  if (name.starts_with('%')) name.remove_prefix(1);
  for (char c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.' && c != '$' && c != '-')
      return std::nullopt;
  return std::pair{name, text.substr(equals + 1)};
}

std::optional<std::size_t> find_argument(const KernelPlan& plan, std::string_view name) {
  for (std::size_t i = 0; i < plan.arguments.size(); ++i)
    if (plan.arguments[i].name == name) return i;
  const auto position = pto::integer_literal(name, pto::ScalarKind::ui32);
  if (!position || *position >= static_cast<std::int64_t>(plan.arguments.size())) return std::nullopt;
  return static_cast<std::size_t>(*position);
}

using Values = std::vector<std::optional<std::string>>;

Result<Values> sort_arguments(const KernelPlan& plan, const std::vector<std::string>& texts) {
  Values values(plan.arguments.size());
  std::size_t next = 0;
  for (const std::string& text : texts) {
    std::size_t index = next;
    std::string_view value = text;
    if (const auto named = split_named(text)) {
      const auto found = find_argument(plan, named->first);
      if (!found)
        return bad_input("{} has no argument '{}', expected one of {}", list_tasks(plan), named->first,
                         list_arguments(plan));
      index = *found;
      value = named->second;
    } else {
      ++next;
    }
    if (index >= values.size())
      return bad_input("value '{}' is one too many: {} has {} arguments", text, list_tasks(plan), values.size());
    if (values[index]) return bad_input("argument '{}' is given twice", plan.arguments[index].name);
    values[index] = std::string(value);
  }
  return values;
}

// ---- scalars

Result<std::variant<std::int64_t, double>> parse_scalar(const std::string& name, pto::ScalarKind kind,
                                                        const std::string& text) {
  const std::string type = pto::to_string(pto::ScalarType{kind});
  if (pto::is_float(kind)) {
    const auto bits = pto::float_literal(text, kind);
    if (!bits) return bad_input("argument '{}': found '{}', expected a number of type {}", name, text, type);
    return static_cast<double>(std::bit_cast<float>(*bits));
  }
  if (kind == pto::ScalarKind::i1 && (text == "true" || text == "false")) return std::int64_t{text == "true"};
  const auto value = pto::integer_literal(text, kind);
  if (!value) return bad_input("argument '{}': found '{}', expected an integer of type {}", name, text, type);
  return *value;
}

void choose_scalar(KernelArgument& argument, pto::ScalarKind kind, std::int64_t blocks) {
  argument.chosen = true;
  if (argument.name.ends_with("block_idx")) {
    argument.source = KernelArgument::Source::block_index;
    argument.given = fmt::format("0..{}, one launch each", blocks - 1);
  } else if (argument.name.ends_with("block_num")) {
    argument.scalar = blocks;
    argument.given = fmt::format("{}", blocks);
  } else if (pto::is_float(kind)) {
    argument.scalar = kDefaultFloat;
    argument.given = "1.0";
  } else {
    argument.scalar = kind == pto::ScalarKind::i1 ? 1 : kDefaultInteger;
    argument.given = fmt::format("{}", std::get<std::int64_t>(argument.scalar));
  }
}

Result<void> bind_scalars(KernelPlan& plan, const Values& values) {
  for (std::size_t i = 0; i < plan.arguments.size(); ++i) {
    KernelArgument& argument = plan.arguments[i];
    if (argument.is_pointer) continue;
    const auto* scalar = std::get_if<pto::ScalarType>(&argument.type);
    if (!scalar)
      return bad_input("argument '{}' of {} has type {}; a kernel takes pointers and scalars", argument.name,
                       list_tasks(plan), pto::to_string(argument.type));
    if (!values[i]) {
      if (argument.source != KernelArgument::Source::value) continue;
      if (argument.given.empty()) {
        choose_scalar(argument, scalar->kind, plan.blocks);
        continue;
      }
    }
    argument.source = KernelArgument::Source::value;
    if (values[i]) argument.given = *values[i];
    const auto value = parse_scalar(argument.name, scalar->kind, argument.given);
    if (!value) return tl::unexpected(value.error());
    argument.scalar = *value;
  }
  return {};
}

// ---- pointers

// How far every pointer of a task is reached in one launch.
std::vector<pto::NeededElements> needed_in_launch(const KernelPlan& plan, const KernelTask& task, std::int64_t rank,
                                                  std::int64_t launch, std::optional<std::int64_t> block) {
  std::vector<std::optional<std::int64_t>> scalars(task.arguments.size());
  for (std::size_t i = 0; i < scalars.size(); ++i) {
    const KernelArgument& argument = plan.arguments[task.arguments[i]];
    if (argument.is_pointer) continue;
    const auto value = scalar_value(plan, argument, rank, launch, block.value_or(0));
    if (const auto* integer = std::get_if<std::int64_t>(&value)) scalars[i] = *integer;
  }
  return pto::needed_elements(*plan.module, *task.function, scalars, block ? 1 : plan.blocks);
}

void widen(pto::NeededElements& all, const pto::NeededElements& one) {
  const bool exact = all.exact && one.exact;
  if (one.elements > all.elements) all = one;
  all.exact = exact;
}

// How far every pointer is reached, per argument. Launches that pass the block's index, the rank or the number of the
// launch as an argument are asked one by one; a peer's reach counts for the tensor it points into.
std::vector<pto::NeededElements> infer_sizes(const KernelPlan& plan) {
  std::vector<pto::NeededElements> all(plan.arguments.size());
  for (const KernelTask& task : plan.tasks) {
    const auto depends_on = [&](KernelArgument::Source source) {
      return std::any_of(task.arguments.begin(), task.arguments.end(),
                         [&](std::size_t i) { return plan.arguments[i].source == source; });
    };
    const std::int64_t ranks = depends_on(KernelArgument::Source::rank) ? plan.ranks : 1;
    const std::int64_t launches = depends_on(KernelArgument::Source::launch) ? plan.launches : 1;
    const bool per_block = depends_on(KernelArgument::Source::block_index);
    for (std::int64_t rank = 0; rank < ranks; ++rank)
      for (std::int64_t launch = 0; launch < launches; ++launch)
        for (std::int64_t block = 0; block < (per_block ? plan.blocks : 1); ++block) {
          const auto needed =
              needed_in_launch(plan, task, rank, launch, per_block ? std::optional(block) : std::nullopt);
          for (std::size_t i = 0; i < needed.size(); ++i)
            widen(all[plan.arguments[task.arguments[i]].peer.value_or(task.arguments[i])], needed[i]);
        }
  }
  return all;
}

std::string default_fill(const KernelArgument& argument, DType dtype) {
  if (info(dtype).is_float) return "normal";
  if (argument.window) return "constant:0";                        // signals and counters
  return info(dtype).bits == 8 ? "uniform" : "uniform:lo=0,hi=7";  // wider integers are often indices
}

Result<void> bind_file(KernelArgument& argument, DType dtype, const pto::NeededElements& needed) {
  auto tensor = read_npy(argument.given.substr(1), dtype);
  if (!tensor) {
    tensor.error().message = fmt::format("argument '{}': {}", argument.name, tensor.error().message);
    return tl::unexpected(std::move(tensor.error()));
  }
  if (needed.exact && tensor->size() < needed.elements)
    return bad_input("argument '{}': {} holds {} elements, but the kernel's views reach {}", argument.name,
                     argument.given.substr(1), tensor->size(), needed.elements);
  argument.content = std::move(*tensor);
  return {};
}

Result<void> bind_pointer(KernelArgument& argument, DType dtype, const pto::NeededElements& needed,
                          std::uint64_t seed) {
  if (argument.given.starts_with('@')) return bind_file(argument, dtype, needed);
  Shape shape = needed.shape;
  if (shape.empty()) shape = {std::max<std::int64_t>(needed.elements, 1)};
  if (needed.elements > kMaxBytes || bytes_of(dtype, needed.elements) > kMaxBytes)
    return bad_input("argument '{}' needs {} elements of {}, more than the {} GiB allowed; give smaller scalars",
                     argument.name, needed.elements, name(dtype), kMaxBytes >> 30);
  argument.size_inferred = true;
  argument.size_exact = needed.exact;
  argument.poisoned = argument.given == "poison";
  argument.content = Tensor(dtype, shape);
  if (argument.poisoned) return {};
  if (auto filled = fill(argument.content, argument.given, seed, argument.name); !filled) {
    filled.error().message = fmt::format("argument '{}': {}", argument.name, filled.error().message);
    return tl::unexpected(std::move(filled.error()));
  }
  return {};
}

Result<void> bind_pointers(KernelPlan& plan, const Values& values, std::uint64_t seed) {
  const std::vector<pto::NeededElements> needed = infer_sizes(plan);
  std::int64_t total = 0;
  for (std::size_t i = 0; i < plan.arguments.size(); ++i) {
    KernelArgument& argument = plan.arguments[i];
    if (!argument.is_pointer) continue;
    if (argument.peer) {
      if (values[i])
        return bad_input("argument '{}' points into '{}' of another rank and takes no value", argument.name,
                         plan.arguments[*argument.peer].name);
      continue;
    }
    const DType dtype = std::get<pto::PtrType>(argument.type).element;
    const bool reads = argument.direction == pto::Direction::in || argument.direction == pto::Direction::inout;
    argument.chosen = !values[i];
    if (values[i])
      argument.given = *values[i];
    else if (argument.given.empty())  // no assay.fill
      argument.given = reads ? default_fill(argument, dtype) : "poison";
    if (auto bound = bind_pointer(argument, dtype, needed[i], seed); !bound) return bound;
    total += static_cast<std::int64_t>(argument.content.bytes().size()) * plan.ranks;
    if (total > kMaxBytes)
      return bad_input("the arguments need {} bytes, more than the {} GiB allowed", total, kMaxBytes >> 30);
  }
  return {};
}

}  // namespace

std::vector<const pto::Function*> root_functions(const pto::Module& module) {
  std::vector<const pto::Function*> roots;
  for (const pto::Function& function : module.functions)
    if (!function.is_external && !is_called(module, function)) roots.push_back(&function);
  return roots;
}

std::vector<PlannedTensor> tensors_of(const KernelPlan& plan) {
  std::vector<PlannedTensor> tensors;
  for (std::size_t i = 0; i < plan.arguments.size(); ++i) {
    const KernelArgument& argument = plan.arguments[i];
    if (!argument.is_pointer || argument.peer) continue;
    for (std::int64_t rank = 0; rank < plan.ranks; ++rank)
      tensors.push_back({i, rank, plan.ranks == 1 ? argument.name : fmt::format("{}.rank{}", argument.name, rank)});
  }
  return tensors;
}

std::int64_t peer_of(const KernelPlan& plan, const KernelArgument& argument, std::int64_t rank) {
  if (argument.peer_rank) return *argument.peer_rank;
  const std::int64_t sum = (rank + argument.peer_offset % plan.ranks + plan.ranks) % plan.ranks;
  return sum;
}

std::variant<std::int64_t, double> scalar_value(const KernelPlan& plan, const KernelArgument& argument,
                                                std::int64_t rank, std::int64_t launch, std::int64_t block) {
  switch (argument.source) {
    case KernelArgument::Source::value:
      break;
    case KernelArgument::Source::block_index:
      return block;
    case KernelArgument::Source::rank:
      return rank;
    case KernelArgument::Source::ranks:
      return plan.ranks;
    case KernelArgument::Source::launch:
      return launch;
  }
  return argument.scalar;
}

Result<KernelPlan> plan_kernel(const KernelRequest& request) {
  std::vector<pto::Warning> warnings;
  auto module = pto::read_file(request.file, &warnings);
  if (!module) return tl::unexpected(std::move(module.error()));
  if (auto verified = pto::verify(*module); !verified) return tl::unexpected(std::move(verified.error()));
  auto plan = plan_kernel(std::make_shared<const pto::Module>(std::move(*module)), request);
  if (plan) plan->warnings = std::move(warnings);
  return plan;
}

Result<KernelPlan> plan_kernel(std::shared_ptr<const pto::Module> module, const KernelRequest& request) {
  KernelPlan plan;
  plan.module = std::move(module);
  auto tasks = choose_tasks(*plan.module, request);
  if (!tasks) return tl::unexpected(std::move(tasks.error()));
  plan.tasks = std::move(*tasks);
  if (auto counted = decide_counts(plan, request); !counted) return tl::unexpected(std::move(counted.error()));
  if (auto joined = join_arguments(plan); !joined) return tl::unexpected(std::move(joined.error()));
  const auto values = sort_arguments(plan, request.arguments);
  if (!values) return tl::unexpected(values.error());
  if (auto bound = bind_scalars(plan, *values); !bound) return tl::unexpected(std::move(bound.error()));
  if (auto bound = bind_pointers(plan, *values, request.seed); !bound) return tl::unexpected(std::move(bound.error()));
  return plan;
}

std::string describe(const KernelPlan& plan) {
  const auto counted = [](std::int64_t count, std::string_view what) {
    return fmt::format(", {} {}{}", count, what, count == 1 ? "" : what.ends_with('h') ? "es" : "s");
  };
  std::string text = fmt::format("kernel{} {} of {}{}", plan.tasks.size() == 1 ? "" : "s", list_tasks(plan),
                                 plan.module->file, counted(plan.blocks, "block"));
  if (plan.ranks > 1) text += counted(plan.ranks, "rank");
  if (plan.launches > 1) text += counted(plan.launches, "launch");
  text += "\n";
  for (std::size_t i = 0; i < plan.arguments.size(); ++i) {
    const KernelArgument& argument = plan.arguments[i];
    std::string what = pto::to_string(argument.type);
    if (argument.is_pointer && !argument.peer)
      what = fmt::format("{}[{}]", name(argument.content.dtype()), to_string(argument.content.shape()));
    text += fmt::format("  {:<2} {:<16} {:<6} {:<20} {}{}{}{}\n", i, argument.name,
                        argument.is_pointer ? pto::name(argument.direction) : "scalar", what, argument.given,
                        argument.chosen ? " (chosen)" : "", argument.window ? ", a window" : "",
                        !argument.size_inferred ? ""
                        : argument.size_exact   ? ", size from its views"
                                                : ", size guessed: its views depend on loaded values");
  }
  return text;
}

}  // namespace assay::cli
