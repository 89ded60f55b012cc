// The stages of a pipeline file: data flow, tasks, goldens.
#include <algorithm>

#include "goldens/stages/stage.h"
#include "harness/pipeline/reader.h"
#include "harness/pipeline/suggest.h"

namespace assay::pipeline {
namespace {

constexpr std::size_t kMostTasks = 256, kMostArguments = 256;
constexpr double kLongestCommand = 3600;  // seconds

bool contains(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::vector<std::string> port_names(const std::vector<goldens::Port>& ports) {
  std::vector<std::string> names;
  for (const goldens::Port& port : ports) names.emplace_back(port.name);
  return names;
}

std::vector<std::string> stage_names() {
  std::vector<std::string> names;
  for (const goldens::Stage& stage : goldens::stages()) names.emplace_back(stage.name);
  return names;
}

}  // namespace

void Reader::read_stage(const Node& node) {
  if (!expect(node, Node::Kind::table, "a stage")) return;
  check_keys(node, "a stage", {"name", "inputs", "outputs", "tasks", "golden", "policy", "relations"});
  StageSpec stage;
  if (const Node* name = required(node, "name", "a stage")) {
    stage.name = text(*name, "name");
    check_name(*name, stage.name, "stage");
    for (const StageSpec& other : pipeline_.stages)
      if (other.name == stage.name) fail(*name, fmt::format("two stages are named '{}'", stage.name));
  }
  for (const auto& [key, list] : {std::pair{"inputs", &stage.inputs}, std::pair{"outputs", &stage.outputs}}) {
    const Node* names = required(node, key, fmt::format("stage '{}'", stage.name));
    if (!names) continue;
    *list = texts(*names, key);
    for (const std::string& tensor : *list) check_tensor(*names, tensor, fmt::format("stage '{}'", stage.name));
  }
  check_flow(stage, node);
  read_stage_policies(stage, node);
  if (const Node* tasks = required(node, "tasks", fmt::format("stage '{}'", stage.name));
      tasks && expect(*tasks, Node::Kind::array, "tasks")) {
    if (tasks->items.empty() || tasks->items.size() > kMostTasks)
      fail(*tasks,
           fmt::format("stage '{}' has {} tasks; expected 1 to {}", stage.name, tasks->items.size(), kMostTasks));
    for (const Node& task : tasks->items) read_task(stage, task);
  }
  if (const Node* golden = node.find("golden")) stage.golden = read_golden(stage, *golden);
  if (const Node* relations = node.find("relations")) read_relations(stage, *relations);
  pipeline_.stages.push_back(std::move(stage));
}

// An input is there when the stage starts, an output has one producer; an inout may be updated by stage after stage.
void Reader::check_flow(const StageSpec& stage, const Node& node) {
  const auto produced_earlier = [&](const std::string& tensor) {
    return std::any_of(pipeline_.stages.begin(), pipeline_.stages.end(),
                       [&](const StageSpec& earlier) { return contains(earlier.outputs, tensor); });
  };
  if (stage.outputs.empty()) fail(node, fmt::format("stage '{}' has no outputs", stage.name));
  for (const std::string& tensor : stage.inputs) {
    const TensorSpec* spec = pipeline_.find_tensor(tensor);
    if (!spec || spec->role == Role::input || spec->role == Role::inout) continue;
    if (spec->role == Role::temporary)
      fail(node,
           fmt::format("stage '{}': temporary '{}' cannot be a stage input; only tasks use it", stage.name, tensor));
    else if (!produced_earlier(tensor))
      fail(node, fmt::format("stage '{}' reads '{}', which no earlier stage produces", stage.name, tensor));
  }
  for (const std::string& tensor : stage.outputs) {
    const TensorSpec* spec = pipeline_.find_tensor(tensor);
    if (!spec) continue;
    if (spec->role == Role::input || spec->role == Role::temporary)
      fail(node, fmt::format("stage '{}' writes '{}', whose role is {}; expected output or inout", stage.name, tensor,
                             spec->role == Role::input ? "input" : "temporary"));
    if (spec->role == Role::inout && !contains(stage.inputs, tensor))
      fail(node, fmt::format("stage '{}' writes the inout '{}' without listing it as an input", stage.name, tensor));
    if (spec->role == Role::output && produced_earlier(tensor))
      fail(node, fmt::format("'{}' is produced by two stages", tensor));
  }
}

void Reader::read_stage_policies(StageSpec& stage, const Node& node) {
  const Node* policies = node.find("policy");
  if (!policies) return;
  if (policies->kind == Node::Kind::string) {
    const compare::Policy parsed = policy(*policies);
    for (const std::string& output : stage.outputs) stage.policies[output] = parsed;
  } else if (expect(*policies, Node::Kind::table, "policy")) {
    for (const auto& [output, value] : policies->members) {
      if (!contains(stage.outputs, output))
        fail(value, fmt::format("policy for '{}', which is not an output of stage '{}'{}", output, stage.name,
                                suggestion(output, stage.outputs)));
      stage.policies[output] = policy(value);
      if (std::holds_alternative<compare::Relations>(stage.policies[output].rule))
        fail(value, fmt::format("policy relations is for '{}' alone; it is for all outputs of a stage", output));
      if (std::holds_alternative<compare::Peer>(stage.policies[output].rule))
        fail(value, "policy peer is for cases: a pipeline names the peers' tolerances with `peer`");
    }
  }
}

void Reader::read_task(StageSpec& stage, const Node& node) {
  if (!expect(node, Node::Kind::table, "a task")) return;
  check_keys(node, "a task", {"kernel", "function", "args", "blocks", "ranks", "launches"});
  Task task;
  if (const Node* kernel = required(node, "kernel", "a task")) {
    const std::string given = text(*kernel, "kernel");
    task.kernel = (std::filesystem::absolute(pipeline_.file).parent_path() / given).lexically_normal();
    std::error_code code;
    if (!std::filesystem::is_regular_file(task.kernel, code))
      fail(*kernel, fmt::format("kernel file '{}' does not exist", task.kernel.string()));
  }
  if (const Node* function = node.find("function")) {
    task.function = text(*function, "function");
    check_placeholders(*function, task.function);
  }
  for (const auto& [key, has, count] : {std::tuple{"launches", &task.has_launches, &task.launches},
                                        std::tuple{"ranks", &task.has_ranks, &task.ranks}})
    if (const Node* given = node.find(key))
      if (auto parsed = expression(*given, key)) {
        *has = true;
        *count = std::move(*parsed);
      }
  scope_ = {"invocation"};
  if (task.has_launches) scope_.emplace_back("launch");
  if (task.has_ranks) scope_.emplace_back("rank");
  for (const WindowSpec& window : pipeline_.windows) scope_.push_back(window.name + "_bytes");
  if (const Node* arguments = required(node, "args", "a task")) read_arguments(stage, task, *arguments);
  const Node* blocks = node.find("blocks");
  auto parsed = blocks ? expression(*blocks, "blocks") : std::optional(Expression::parse("1").value());
  if (parsed) task.blocks = std::move(*parsed);
  scope_.clear();
  stage.tasks.push_back(std::move(task));
}

void Reader::read_arguments(StageSpec& stage, Task& task, const Node& node) {
  if (node.kind == Node::Kind::array) {
    for (const Node& item : node.items) task.arguments.push_back(read_argument(stage, item, ""));
  } else if (node.kind == Node::Kind::table) {
    for (const auto& [parameter, item] : node.members) task.arguments.push_back(read_argument(stage, item, parameter));
  } else {
    fail(node, fmt::format("args is {}; expected an array in the function's order, or a table by name",
                           pipeline::name(node.kind)));
  }
  if (task.arguments.size() > kMostArguments) fail(node, fmt::format("more than {} arguments", kMostArguments));
}

TaskArgument Reader::read_argument(const StageSpec& stage, const Node& node, std::string parameter) {
  TaskArgument argument{std::move(parameter), 0.0};
  if (node.kind == Node::Kind::floating) {
    argument.value = node.floating;
    return argument;
  }
  const TensorSpec* tensor = node.kind == Node::Kind::string ? pipeline_.find_tensor(node.text) : nullptr;
  if (tensor) {
    const bool declared = contains(stage.inputs, tensor->name) || contains(stage.outputs, tensor->name);
    if (!declared && tensor->role != Role::temporary)
      fail(node, fmt::format("'{}' is an argument but neither an input nor an output of stage '{}'", tensor->name,
                             stage.name));
    argument.value = tensor->name;
    return argument;
  }
  if (auto reference = field_reference(node)) {
    argument.value = std::move(*reference);
    return argument;
  }
  std::vector<std::string> known = integer_names();
  known.insert(known.end(), scope_.begin(), scope_.end());
  for (const TensorSpec& spec : pipeline_.tensors) known.push_back(spec.name);
  if (node.kind == Node::Kind::string) {
    // A single unknown word is more likely a misspelt tensor than an expression.
    auto parsed = Expression::parse(node.text);
    if (parsed && parsed->names().size() == 1 && parsed->names()[0] == node.text && !contains(known, node.text))
      fail(node,
           fmt::format("'{}' is neither a tensor nor an integer parameter{}", node.text, suggestion(node.text, known)));
  }
  if (auto parsed = expression(node, "an argument")) argument.value = std::move(*parsed);
  return argument;
}

GoldenSource Reader::read_golden(const StageSpec& stage, const Node& node) {
  if (!expect(node, Node::Kind::table, "golden")) return {};
  const Node* npy = node.find("npy");
  const Node* command = node.find("command");
  const int kinds = (node.find("stage") ? 1 : 0) + (npy ? 1 : 0) + (command ? 1 : 0);
  if (kinds != 1) {
    fail(node, fmt::format("golden has {} of 'stage', 'npy' and 'command'; expected exactly one", kinds));
    return {};
  }
  if (npy) {
    check_keys(node, "a golden of .npy files", {"npy"});
    check_placeholders(*npy, npy->text);
    return NpyGolden{std::filesystem::absolute(pipeline_.file).parent_path() / text(*npy, "npy")};
  }
  if (!command) return read_builtin(stage, node);
  check_keys(node, "a golden command", {"command", "timeout"});
  CommandGolden golden{text(*command, "command"), 60};
  for (const std::string_view needed : {"{inputs}", "{outputs}"})
    if (golden.command.find(needed) == std::string::npos)
      fail(*command, fmt::format("the golden command does not use {}", needed));
  if (const Node* timeout = node.find("timeout")) {
    golden.timeout = timeout->kind == Node::Kind::integer ? static_cast<double>(timeout->integer) : timeout->floating;
    if (!(golden.timeout > 0 && golden.timeout <= kLongestCommand))
      fail(*timeout, fmt::format("timeout is not a number of seconds above 0 and up to {}", kLongestCommand));
  }
  return golden;
}

BuiltinGolden Reader::read_builtin(const StageSpec& stage, const Node& node) {
  check_keys(node, "a built-in golden", {"stage", "ports", "params", "options", "per_rank"});
  BuiltinGolden golden;
  golden.stage = text(*node.find("stage"), "stage");
  if (const Node* ports = node.find("ports"); ports && expect(*ports, Node::Kind::table, "ports"))
    for (const auto& [port, tensor] : ports->members) {
      golden.ports[port] = text(tensor, "a port's tensor");
      check_tensor(tensor, golden.ports[port], fmt::format("port '{}'", port));
    }
  if (const Node* each = node.find("per_rank"); each && expect(*each, Node::Kind::boolean, "per_rank"))
    golden.per_rank = each->boolean;
  scope_ = {"invocation"};
  if (golden.per_rank) scope_.emplace_back("rank");
  if (const Node* params = node.find("params"); params && expect(*params, Node::Kind::table, "params"))
    for (const auto& [name, value] : params->members)
      if (auto parsed = expression(value, name)) golden.parameters.emplace(name, std::move(*parsed));
  scope_.clear();
  if (const Node* options = node.find("options"); options && expect(*options, Node::Kind::table, "options"))
    for (const auto& [name, value] : options->members) {
      golden.options[name] = text(value, name);
      check_placeholders(value, golden.options[name]);
    }
  check_builtin(stage, golden, node);
  return golden;
}

// The stage exists, and its ports are tensors of this stage on the right side.
void Reader::check_builtin(const StageSpec& stage, const BuiltinGolden& golden, const Node& node) {
  const auto found = goldens::find_stage(golden.stage);
  if (!found) {
    fail(node, fmt::format("unknown built-in golden '{}'{}", golden.stage, suggestion(golden.stage, stage_names())));
    return;
  }
  const goldens::Stage& builtin = **found;
  std::vector<std::string> ports = port_names(builtin.inputs);
  for (std::string& output : port_names(builtin.outputs)) ports.push_back(std::move(output));
  for (const auto& [port, tensor] : golden.ports)
    if (!contains(ports, port))
      fail(node, fmt::format("golden '{}' has no port '{}'{}", golden.stage, port, suggestion(port, ports)));
  const auto check_side = [&](const std::vector<goldens::Port>& side, const std::vector<std::string>& tensors,
                              std::string_view word) {
    for (const goldens::Port& port : side) {
      const auto mapped = golden.ports.find(port.name);
      const std::string tensor = mapped == golden.ports.end() ? std::string(port.name) : mapped->second;
      if (!port.optional && !contains(tensors, tensor))
        fail(node, fmt::format("{} port '{}' of golden '{}' is tensor '{}', which is not an {} of stage '{}'", word,
                               port.name, golden.stage, tensor, word, stage.name));
    }
  };
  check_side(builtin.inputs, stage.inputs, "input");
  check_side(builtin.outputs, stage.outputs, "output");
  std::vector<std::string> parameters;
  for (const goldens::StageParameter& parameter : builtin.parameters) parameters.emplace_back(parameter.name);
  for (const auto& [name, value] : golden.parameters)
    if (!contains(parameters, name))
      fail(node, fmt::format("golden '{}' has no parameter '{}'{}", golden.stage, name, suggestion(name, parameters)));
  const std::vector<std::string> options(builtin.options.begin(), builtin.options.end());
  for (const auto& [name, value] : golden.options)
    if (!contains(options, name))
      fail(node, fmt::format("golden '{}' has no option '{}'{}", golden.stage, name, suggestion(name, options)));
}

}  // namespace assay::pipeline
