// The head of a pipeline file: parameters, constraints, tensors, fills. Stages are in reader_stage.cpp.
#include "harness/pipeline/reader.h"

#include <algorithm>
#include <cctype>

#include "harness/core/dtype.h"
#include "harness/core/profile/profile.h"
#include "harness/pipeline/suggest.h"

namespace assay::pipeline {
namespace {

constexpr std::size_t kMostParameters = 64, kMostTensors = 256, kMostStages = 64, kMostChoices = 64, kMostWindows = 16;
constexpr std::size_t kMostDimensions = 5;  // of a view (pto-format 3.2)
// Keys of a case that are not parameters (harness/run/case.h).
constexpr std::string_view kReserved[] = {"pipeline", "fill",   "seed",    "profile", "policy",
                                          "backends", "expect", "tags",    "timeout", "constraint",
                                          "cover",    "order",  "schedule", "inputs",  "launch"};
// Variables of tasks.
constexpr std::string_view kVariables[] = {"rank", "invocation"};

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > 64 || std::isdigit(static_cast<unsigned char>(text[0])) != 0) return false;
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return c < 128 && (std::isalnum(c) != 0 || c == '_'); });
}

std::vector<std::string> words(std::initializer_list<std::string_view> list) { return {list.begin(), list.end()}; }

template <class Range>
std::vector<std::string> names_of(const Range& range) {
  std::vector<std::string> names;
  for (const auto& item : range) names.push_back(item.name);
  return names;
}

}  // namespace

Reader::Reader(std::filesystem::path file) { pipeline_.file = std::move(file); }

Result<Pipeline> Reader::read(const Node& root) {
  check_keys(root, "the pipeline",
             {"name", "clause", "profile", "policy", "params", "constraints", "tensors", "windows", "invocations",
              "stages", "fills", "peer"});
  read_head(root);
  if (const Node* tensors = required(root, "tensors", "the pipeline");
      tensors && expect(*tensors, Node::Kind::table, "tensors")) {
    if (tensors->members.size() > kMostTensors) fail(*tensors, fmt::format("more than {} tensors", kMostTensors));
    for (const auto& [name, node] : tensors->members) read_tensor(name, node);
  }
  if (const Node* windows = root.find("windows"); windows && expect(*windows, Node::Kind::table, "windows")) {
    if (windows->members.size() > kMostWindows) fail(*windows, fmt::format("more than {} windows", kMostWindows));
    for (const auto& [name, node] : windows->members) read_window(name, node);
  }
  if (const Node* stages = required(root, "stages", "the pipeline");
      stages && expect(*stages, Node::Kind::array, "stages")) {
    if (stages->items.empty()) fail(*stages, "stages is empty; expected at least one [[stages]]");
    if (stages->items.size() > kMostStages) fail(*stages, fmt::format("more than {} stages", kMostStages));
    for (const Node& node : stages->items) read_stage(node);
  }
  if (const Node* fills = root.find("fills")) read_fills(*fills);
  check_use(root);
  if (error_) return tl::unexpected(*error_);
  return std::move(pipeline_);
}

void Reader::read_head(const Node& root) {
  const std::filesystem::path& file = pipeline_.file;
  const bool in_folder = file.filename() == "pipeline.toml" && file.has_parent_path();
  pipeline_.name = text_of(root, "name", (in_folder ? file.parent_path().filename() : file.stem()).string());
  pipeline_.clause = text_of(root, "clause", "");
  pipeline_.profile = text_of(root, "profile", pipeline_.profile);
  const std::vector<std::string> profiles = profile_names();
  if (std::find(profiles.begin(), profiles.end(), pipeline_.profile) == profiles.end() && root.find("profile"))
    fail(*root.find("profile"),
         fmt::format("unknown profile '{}'{}", pipeline_.profile, suggestion(pipeline_.profile, profiles)));
  pipeline_.policy = root.find("policy") ? policy(*root.find("policy")) : compare::Policy{compare::Bound{}, {}, {}, {}};
  pipeline_.peer = text_of(root, "peer", "");
  if (const Node* params = root.find("params"); params && expect(*params, Node::Kind::table, "params")) {
    if (params->members.size() > kMostParameters)
      fail(*params, fmt::format("more than {} parameters", kMostParameters));
    for (const auto& [name, node] : params->members) read_parameter(name, node);
  }
  if (const Node* constraints = root.find("constraints");
      constraints && expect(*constraints, Node::Kind::array, "constraints"))
    for (const Node& node : constraints->items)
      if (auto parsed = expression(node, "a constraint")) pipeline_.constraints.push_back(std::move(*parsed));
  if (const Node* invocations = root.find("invocations"))
    if (auto parsed = expression(*invocations, "invocations")) {
      pipeline_.has_invocations = true;
      pipeline_.invocations = std::move(*parsed);
    }
}

void Reader::read_parameter(const std::string& name, const Node& node) {
  check_name(node, name, "parameter");
  if (std::find(std::begin(kReserved), std::end(kReserved), name) != std::end(kReserved))
    fail(node, fmt::format("'{}' is a key that every case has; a parameter needs another name", name));
  if (std::find(std::begin(kVariables), std::end(kVariables), name) != std::end(kVariables))
    fail(node, fmt::format("'{}' is a variable that tasks have; a parameter needs another name", name));
  Parameter parameter{name, std::int64_t{0}, {}, {}, {}};
  if (node.kind == Node::Kind::integer) {
    parameter.default_value = node.integer;
  } else if (node.kind == Node::Kind::table) {
    read_parameter_table(parameter, node);
  } else {
    fail(node, fmt::format("parameter '{}' is {}; expected an integer or a table such as {{default = 16, min = 1}}",
                           name, pipeline::name(node.kind)));
  }
  pipeline_.parameters.push_back(std::move(parameter));
}

void Reader::read_parameter_table(Parameter& parameter, const Node& node) {
  check_keys(node, fmt::format("parameter '{}'", parameter.name), {"default", "min", "max", "choices"});
  for (const auto& [key, bound] : {std::pair{"min", &parameter.min}, std::pair{"max", &parameter.max}})
    if (const Node* value = node.find(key); value && expect(*value, Node::Kind::integer, key)) *bound = value->integer;
  if (const Node* choices = node.find("choices")) {
    parameter.choices = texts(*choices, "choices");
    if (parameter.choices.empty() || parameter.choices.size() > kMostChoices)
      fail(*choices, fmt::format("choices holds {} words; expected 1 to {}", parameter.choices.size(), kMostChoices));
    if (parameter.min || parameter.max) fail(*choices, "choices excludes min and max");
  }
  const Node* given = node.find("default");
  if (!parameter.choices.empty()) {
    parameter.default_value = given ? text(*given, "default") : parameter.choices.front();
  } else if (!given) {
    fail(node, fmt::format("parameter '{}' has no default", parameter.name));
  } else if (expect(*given, Node::Kind::integer, "default")) {
    parameter.default_value = given->integer;
  }
  check_default(parameter, node);
}

void Reader::check_default(const Parameter& parameter, const Node& node) {
  if (const auto* word = std::get_if<std::string>(&parameter.default_value)) {
    if (std::find(parameter.choices.begin(), parameter.choices.end(), *word) == parameter.choices.end())
      fail(node, fmt::format("default '{}' of '{}' is not among its choices{}", *word, parameter.name,
                             suggestion(*word, parameter.choices)));
    return;
  }
  const std::int64_t value = std::get<std::int64_t>(parameter.default_value);
  if (parameter.min && parameter.max && *parameter.min > *parameter.max)
    fail(node, fmt::format("min {} of '{}' is above its max {}", *parameter.min, parameter.name, *parameter.max));
  if ((parameter.min && value < *parameter.min) || (parameter.max && value > *parameter.max))
    fail(node, fmt::format("default {} of '{}' is outside its min and max", value, parameter.name));
}

void Reader::read_tensor(const std::string& name, const Node& node) {
  check_name(node, name, "tensor");
  if (!expect(node, Node::Kind::table, fmt::format("tensor '{}'", name))) return;
  check_keys(node, fmt::format("tensor '{}'", name), {"shape", "dtype", "role", "ranks"});
  TensorSpec tensor;
  tensor.name = name;
  if (const Node* dtype = required(node, "dtype", fmt::format("tensor '{}'", name))) {
    tensor.dtype = text(*dtype, "dtype");
    check_dtype(*dtype, tensor.dtype);
  }
  read_shape(node, fmt::format("tensor '{}'", name), tensor.shape);
  if (const Node* ranks = node.find("ranks"))
    if (auto parsed = expression(*ranks, "ranks")) {
      tensor.has_ranks = true;
      tensor.ranks = std::move(*parsed);
    }
  const std::vector<std::string> roles = words({"input", "output", "inout", "temporary"});
  const std::string role = text_of(node, "role", "input");
  const auto found = std::find(roles.begin(), roles.end(), role);
  if (found == roles.end())
    fail(*node.find("role"), fmt::format("unknown role '{}'{}", role, suggestion(role, roles)));
  else
    tensor.role = static_cast<Role>(found - roles.begin());
  pipeline_.tensors.push_back(std::move(tensor));
}

bool Reader::read_shape(const Node& table, std::string_view what, std::vector<Expression>& shape) {
  const Node* given = required(table, "shape", what);
  if (!given || !expect(*given, Node::Kind::array, "shape")) return false;
  if (given->items.empty() || given->items.size() > kMostDimensions)
    fail(*given, fmt::format("shape has {} dimensions; expected 1 to {}", given->items.size(), kMostDimensions));
  for (const Node& item : given->items)
    if (auto parsed = expression(item, "a dimension")) shape.push_back(std::move(*parsed));
  return true;
}

void Reader::check_dtype(const Node& node, std::string_view dtype) {
  std::vector<std::string> known;
  for (const DTypeInfo& row : kDTypes) known.emplace_back(row.name);
  const auto check = [&](std::string_view word) {
    if (!parse_dtype(word)) fail(node, fmt::format("unknown dtype '{}'{}", word, suggestion(word, known)));
  };
  if (!dtype.starts_with('{')) return check(dtype);
  check_placeholders(node, dtype);
  for (const Parameter& parameter : pipeline_.parameters) {
    if (dtype != "{" + parameter.name + "}") continue;
    if (parameter.choices.empty())
      fail(node, fmt::format("dtype {} is an integer parameter; expected choices of dtypes", dtype));
    for (const std::string& choice : parameter.choices) check(choice);
    return;
  }
  fail(node, fmt::format("dtype '{}' is neither a dtype nor one {{parameter}}", dtype));
}

void Reader::read_fills(const Node& node) {
  if (!expect(node, Node::Kind::table, "fills")) return;
  for (const auto& [fill, tensors] : node.members) {
    if (!expect(tensors, Node::Kind::table, fmt::format("fill '{}'", fill))) continue;
    auto& entry = pipeline_.fills[fill];
    for (const auto& [tensor, specification] : tensors.members) {
      if (tensor != "*") {
        check_tensor(specification, tensor, "fill");
        const TensorSpec* spec = pipeline_.find_tensor(tensor);
        if (spec && spec->role != Role::input && spec->role != Role::inout)
          fail(specification, fmt::format("'{}' is not an input; only inputs are filled", tensor));
      }
      entry[tensor] = text(specification, "a fill");
      check_placeholders(specification, entry[tensor]);
    }
  }
}

// Every tensor takes part, and every output has a producer.
void Reader::check_use(const Node& root) {
  for (const TensorSpec& tensor : pipeline_.tensors) {
    bool used = false, produced = false;
    for (const StageSpec& stage : pipeline_.stages) {
      used |= std::find(stage.inputs.begin(), stage.inputs.end(), tensor.name) != stage.inputs.end();
      produced |= std::find(stage.outputs.begin(), stage.outputs.end(), tensor.name) != stage.outputs.end();
      for (const Task& task : stage.tasks)
        for (const TaskArgument& argument : task.arguments)
          used |= std::holds_alternative<std::string>(argument.value) &&
                  std::get<std::string>(argument.value) == tensor.name;
    }
    const bool must_be_produced = tensor.role == Role::output || tensor.role == Role::inout;
    std::string problem;
    if (must_be_produced && !produced) problem = "is an output that no stage produces";
    if (!used && !produced) problem = "is not used by any stage";
    if (!problem.empty())
      fail(*root.find("tensors")->find(tensor.name), fmt::format("tensor '{}' {}", tensor.name, problem));
  }
}

// ---- values

void Reader::fail(const Node& node, std::string message) {
  if (!error_) error_ = error_at(node, std::move(message)).value();
}

void Reader::check_keys(const Node& table, std::string_view what, std::initializer_list<std::string_view> allowed) {
  const std::vector<std::string> known = words(allowed);
  for (const auto& [key, node] : table.members)
    if (std::find(known.begin(), known.end(), key) == known.end())
      fail(node, fmt::format("unknown key '{}' in {}{}", key, what, suggestion(key, known)));
}

bool Reader::expect(const Node& node, Node::Kind kind, std::string_view what) {
  if (node.kind == kind) return true;
  fail(node, fmt::format("{} is {}; expected {}", what, pipeline::name(node.kind), pipeline::name(kind)));
  return false;
}

std::string Reader::text(const Node& node, std::string_view what) {
  if (!expect(node, Node::Kind::string, what)) return "";
  if (node.text.empty()) fail(node, fmt::format("{} is empty", what));
  return node.text;
}

std::string Reader::text_of(const Node& table, std::string_view key, std::string_view otherwise) {
  const Node* node = table.find(key);
  return node ? text(*node, key) : std::string(otherwise);
}

const Node* Reader::required(const Node& table, std::string_view key, std::string_view where) {
  const Node* node = table.find(key);
  if (!node) fail(table, fmt::format("{} has no '{}'", where, key));
  return node;
}

std::vector<std::string> Reader::texts(const Node& node, std::string_view what) {
  std::vector<std::string> result;
  if (!expect(node, Node::Kind::array, what)) return result;
  for (const Node& item : node.items) {
    std::string word = text(item, fmt::format("an item of {}", what));
    if (std::find(result.begin(), result.end(), word) != result.end())
      fail(item, fmt::format("'{}' stands twice in {}", word, what));
    result.push_back(std::move(word));
  }
  return result;
}

std::optional<Expression> Reader::expression(const Node& node, std::string_view what) {
  std::string source;
  if (node.kind == Node::Kind::integer) {
    source = std::to_string(node.integer);
  } else if (node.kind == Node::Kind::string) {
    source = node.text;
  } else {
    fail(node,
         fmt::format("{} is {}; expected an integer or an expression in quotes", what, pipeline::name(node.kind)));
    return std::nullopt;
  }
  auto parsed = Expression::parse(source);
  if (!parsed) {
    fail(node, fmt::format("{} '{}': {}", what, source, parsed.error().message));
    return std::nullopt;
  }
  std::vector<std::string> known = integer_names();
  known.insert(known.end(), scope_.begin(), scope_.end());
  for (const std::string& used : parsed->names())
    if (std::find(known.begin(), known.end(), used) == known.end())
      fail(node,
           fmt::format("{} '{}': '{}' is not an integer parameter{}", what, source, used, suggestion(used, known)));
  return std::move(*parsed);
}

compare::Policy Reader::policy(const Node& node) {
  const std::string source = text(node, "policy");
  auto parsed = compare::parse_policy(source);
  if (parsed) return *parsed;
  fail(node, parsed.error().message);
  return {};
}

void Reader::check_name(const Node& node, std::string_view name, std::string_view what) {
  if (!is_name(name))
    fail(node, fmt::format("{} name '{}' is not letters, digits and underscores starting with a letter", what, name));
}

void Reader::check_placeholders(const Node& node, std::string_view text) {
  const std::vector<std::string> known = parameter_names();
  for (std::size_t open = text.find('{'); open != std::string_view::npos; open = text.find('{', open + 1)) {
    const std::size_t close = text.find('}', open);
    if (close == std::string_view::npos) return fail(node, fmt::format("'{}' has a '{{' without '}}'", text));
    const std::string name(text.substr(open + 1, close - open - 1));
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const auto parsed = Expression::parse(name);
    const bool is_name = !parsed || (parsed->names().size() == 1 && parsed->names()[0] == name);
    const std::vector<std::string> integers = integer_names();
    if (is_name) fail(node, fmt::format("'{{{}}}' is not a parameter{}", name, suggestion(name, known)));
    if (is_name) continue;
    for (const std::string& used : parsed->names())
      if (std::find(integers.begin(), integers.end(), used) == integers.end())
        fail(node, fmt::format("'{{{}}}': '{}' is not an integer parameter{}", name, used, suggestion(used, integers)));
  }
}

void Reader::check_tensor(const Node& node, std::string_view name, std::string_view what) {
  if (!pipeline_.find_tensor(name))
    fail(node, fmt::format("{} names the unknown tensor '{}'{}", what, name, suggestion(name, tensor_names())));
}

std::vector<std::string> Reader::integer_names() const {
  std::vector<std::string> names;
  for (const Parameter& parameter : pipeline_.parameters)
    if (parameter.choices.empty()) {
      names.push_back(parameter.name);
    } else {
      for (const std::string& choice : parameter.choices) names.push_back(parameter.name + std::string(kIs) + choice);
    }
  return names;
}

std::vector<std::string> Reader::parameter_names() const { return names_of(pipeline_.parameters); }
std::vector<std::string> Reader::tensor_names() const { return names_of(pipeline_.tensors); }

const TensorSpec* Pipeline::find_tensor(std::string_view name) const {
  const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const TensorSpec& t) { return t.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

const WindowSpec* Pipeline::find_window(std::string_view name) const {
  const auto found = std::find_if(windows.begin(), windows.end(), [&](const WindowSpec& w) { return w.name == name; });
  return found == windows.end() ? nullptr : &*found;
}

}  // namespace assay::pipeline
