#include "harness/cli/kernel_plan.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <optional>

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

Result<const pto::Function*> choose_function(const pto::Module& module, std::string_view wanted) {
  if (wanted.starts_with('@')) wanted.remove_prefix(1);
  if (!wanted.empty()) {
    const pto::Function* function = module.find_function(wanted);
    if (!function)
      return bad_input("{} has no function '{}', expected one of {}", module.file, wanted, list_functions(module));
    if (function->is_external) return bad_input("function '{}' is only declared in {}", wanted, module.file);
    return function;
  }
  std::vector<const pto::Function*> entries, roots;
  for (const pto::Function& function : module.functions) {
    if (function.is_external) continue;
    if (pto::find(function.attributes, "pto.entry")) entries.push_back(&function);
    if (!is_called(module, function)) roots.push_back(&function);
  }
  if (entries.size() == 1) return entries[0];
  if (roots.size() == 1) return roots[0];
  return bad_input("{} has several functions; name one of {}", module.file, list_functions(module));
}

// ---- arguments as text

std::string argument_name(const pto::Function& function, std::size_t index) {
  return function.values[function.arguments[index]].name;
}

std::string list_arguments(const pto::Function& function) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < function.arguments.size(); ++i) names.push_back(argument_name(function, i));
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
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

std::optional<std::size_t> find_argument(const pto::Function& function, std::string_view name) {
  for (std::size_t i = 0; i < function.arguments.size(); ++i)
    if (argument_name(function, i) == name) return i;
  const auto position = pto::integer_literal(name, pto::ScalarKind::ui32);
  if (!position || *position >= static_cast<std::int64_t>(function.arguments.size())) return std::nullopt;
  return static_cast<std::size_t>(*position);
}

using Values = std::vector<std::optional<std::string>>;

Result<Values> sort_arguments(const pto::Function& function, const std::vector<std::string>& texts) {
  Values values(function.arguments.size());
  std::size_t next = 0;
  for (const std::string& text : texts) {
    std::size_t index = next;
    std::string_view value = text;
    if (const auto named = split_named(text)) {
      const auto found = find_argument(function, named->first);
      if (!found)
        return bad_input("@{} has no argument '{}', expected one of {}", function.name, named->first,
                         list_arguments(function));
      index = *found;
      value = named->second;
    } else {
      ++next;
    }
    if (index >= values.size())
      return bad_input("value '{}' is one too many: @{} has {} arguments", text, function.name, values.size());
    if (values[index]) return bad_input("argument '{}' is given twice", argument_name(function, index));
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
    argument.is_block_index = true;
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
    const pto::Type& type = plan.function->type(plan.function->arguments[i]);
    if (std::holds_alternative<pto::PtrType>(type)) continue;
    const auto* scalar = std::get_if<pto::ScalarType>(&type);
    if (!scalar)
      return bad_input("argument '{}' of @{} has type {}; a kernel takes pointers and scalars", argument.name,
                       plan.function->name, pto::to_string(type));
    if (!values[i]) {
      choose_scalar(argument, scalar->kind, plan.blocks);
      continue;
    }
    argument.given = *values[i];
    const auto value = parse_scalar(argument.name, scalar->kind, *values[i]);
    if (!value) return tl::unexpected(value.error());
    argument.scalar = *value;
  }
  return {};
}

// ---- pointers

// How far every pointer is reached. Launches that pass the block's index as an argument are asked one by one.
std::vector<pto::NeededElements> infer_sizes(const KernelPlan& plan) {
  std::vector<std::optional<std::int64_t>> scalars(plan.arguments.size());
  bool per_block = false;
  for (std::size_t i = 0; i < scalars.size(); ++i) {
    const KernelArgument& argument = plan.arguments[i];
    per_block = per_block || argument.is_block_index;
    if (const auto* value = std::get_if<std::int64_t>(&argument.scalar); value && !argument.is_pointer)
      scalars[i] = *value;
  }
  if (!per_block) return pto::needed_elements(*plan.module, *plan.function, scalars, plan.blocks);
  std::vector<pto::NeededElements> all(plan.arguments.size());
  for (std::int64_t block = 0; block < plan.blocks; ++block) {
    for (std::size_t i = 0; i < scalars.size(); ++i)
      if (plan.arguments[i].is_block_index) scalars[i] = block;
    const auto needed = pto::needed_elements(*plan.module, *plan.function, scalars, 1);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const bool exact = all[i].exact && needed[i].exact;
      if (needed[i].elements > all[i].elements) all[i] = needed[i];
      all[i].exact = exact;
    }
  }
  return all;
}

std::string default_fill(DType dtype) {
  if (info(dtype).is_float) return "normal";
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
    const DType dtype = std::get<pto::PtrType>(plan.function->type(plan.function->arguments[i])).element;
    const bool reads = argument.direction == pto::Direction::in || argument.direction == pto::Direction::inout;
    argument.chosen = !values[i];
    argument.given = values[i] ? *values[i] : reads ? default_fill(dtype) : "poison";
    if (auto bound = bind_pointer(argument, dtype, needed[i], seed); !bound) return bound;
    total += static_cast<std::int64_t>(argument.content.bytes().size());
    if (total > kMaxBytes)
      return bad_input("the arguments need {} bytes, more than the {} GiB allowed", total, kMaxBytes >> 30);
  }
  return {};
}

}  // namespace

Result<KernelPlan> plan_kernel(const KernelRequest& request) {
  constexpr std::int64_t kMaxBlocks = 1 << 20;
  if (request.blocks < 1 || request.blocks > kMaxBlocks)
    return bad_input("{} blocks, expected 1 to {}", request.blocks, kMaxBlocks);
  KernelPlan plan;
  auto module = pto::read_file(request.file, &plan.warnings);
  if (!module) return tl::unexpected(std::move(module.error()));
  if (auto verified = pto::verify(*module); !verified) return tl::unexpected(std::move(verified.error()));
  plan.module = std::make_shared<const pto::Module>(std::move(*module));
  const auto function = choose_function(*plan.module, request.function);
  if (!function) return tl::unexpected(function.error());
  plan.function = *function;
  plan.blocks = request.blocks;

  const auto values = sort_arguments(*plan.function, request.arguments);
  if (!values) return tl::unexpected(values.error());
  const auto directions = pto::argument_directions(*plan.module, *plan.function);
  for (std::size_t i = 0; i < plan.function->arguments.size(); ++i) {
    KernelArgument argument;
    argument.name = argument_name(*plan.function, i);
    argument.is_pointer = std::holds_alternative<pto::PtrType>(plan.function->type(plan.function->arguments[i]));
    argument.direction = directions[i];
    plan.arguments.push_back(std::move(argument));
  }
  if (auto bound = bind_scalars(plan, *values); !bound) return tl::unexpected(std::move(bound.error()));
  if (auto bound = bind_pointers(plan, *values, request.seed); !bound) return tl::unexpected(std::move(bound.error()));
  return plan;
}

std::string describe(const KernelPlan& plan) {
  std::string text = fmt::format("kernel @{} of {}, {} block{}\n", plan.function->name, plan.module->file, plan.blocks,
                                 plan.blocks == 1 ? "" : "s");
  for (std::size_t i = 0; i < plan.arguments.size(); ++i) {
    const KernelArgument& argument = plan.arguments[i];
    std::string what = pto::to_string(plan.function->type(plan.function->arguments[i]));
    if (argument.is_pointer)
      what = fmt::format("{}[{}]", name(argument.content.dtype()), to_string(argument.content.shape()));
    text += fmt::format("  {:<2} {:<16} {:<6} {:<20} {}{}{}\n", i, argument.name,
                        argument.is_pointer ? pto::name(argument.direction) : "scalar", what, argument.given,
                        argument.chosen ? " (chosen)" : "",
                        !argument.size_inferred ? ""
                        : argument.size_exact   ? ", size from its views"
                                                : ", size guessed: its views depend on loaded values");
  }
  return text;
}

}  // namespace assay::cli
