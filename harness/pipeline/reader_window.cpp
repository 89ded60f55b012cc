// [windows.NAME]: symmetric memory and its typed fields.
#include <algorithm>

#include "harness/pipeline/reader.h"
#include "harness/pipeline/suggest.h"

namespace assay::pipeline {
namespace {

constexpr std::size_t kMostFields = 64;

}  // namespace

void Reader::read_window(const std::string& name, const Node& node) {
  check_name(node, name, "window");
  const std::string what = fmt::format("window '{}'", name);
  if (!expect(node, Node::Kind::table, what)) return;
  check_keys(node, what, {"ranks", "bytes", "fields"});
  if (pipeline_.find_tensor(name)) fail(node, fmt::format("'{}' is a tensor and a window", name));
  const std::string bytes_name = name + "_bytes";
  const std::vector<std::string> taken = parameter_names();
  if (std::find(taken.begin(), taken.end(), bytes_name) != taken.end())
    fail(node, fmt::format("parameter '{}' has the name of the bytes of window '{}'", bytes_name, name));
  WindowSpec window;
  window.name = name;
  if (const Node* ranks = required(node, "ranks", what))
    if (auto parsed = expression(*ranks, "ranks")) window.ranks = std::move(*parsed);
  if (const Node* bytes = node.find("bytes"))
    if (auto parsed = expression(*bytes, "bytes")) {
      window.has_bytes = true;
      window.bytes = std::move(*parsed);
    }
  if (const Node* fields = required(node, "fields", what); fields && expect(*fields, Node::Kind::table, "fields")) {
    if (fields->members.empty() || fields->members.size() > kMostFields)
      fail(*fields, fmt::format("{} has {} fields; expected 1 to {}", what, fields->members.size(), kMostFields));
    // In the order of the file: a field without `at` follows the one before it.
    std::vector<const std::pair<std::string, Node>*> ordered;
    for (const auto& member : fields->members) ordered.push_back(&member);
    std::stable_sort(ordered.begin(), ordered.end(), [](const auto* a, const auto* b) {
      return std::pair(a->second.line, a->second.column) < std::pair(b->second.line, b->second.column);
    });
    for (const auto* member : ordered) read_field(window, member->first, member->second);
  }
  pipeline_.windows.push_back(std::move(window));
}

void Reader::read_field(WindowSpec& window, const std::string& name, const Node& node) {
  check_name(node, name, "field");
  const std::string what = fmt::format("field '{}' of window '{}'", name, window.name);
  if (!expect(node, Node::Kind::table, what)) return;
  check_keys(node, what, {"at", "dtype", "shape", "zero"});
  FieldSpec field;
  field.name = name;
  if (const Node* dtype = required(node, "dtype", what)) {
    field.dtype = text(*dtype, "dtype");
    check_dtype(*dtype, field.dtype);
  }
  read_shape(node, what, field.shape);
  if (const Node* at = node.find("at"))
    if (auto parsed = expression(*at, "at")) {
      field.has_at = true;
      field.at = std::move(*parsed);
    }
  if (const Node* zero = node.find("zero"); zero && expect(*zero, Node::Kind::boolean, "zero")) field.zero = zero->boolean;
  window.fields.push_back(std::move(field));
}

// "window.field", or nothing.
std::optional<FieldReference> Reader::field_reference(const Node& node) {
  const std::size_t dot = node.kind == Node::Kind::string ? node.text.find('.') : std::string::npos;
  if (dot == std::string::npos) return std::nullopt;
  FieldReference reference{node.text.substr(0, dot), node.text.substr(dot + 1)};
  const WindowSpec* window = pipeline_.find_window(reference.window);
  std::vector<std::string> known;
  for (const WindowSpec& spec : pipeline_.windows)
    if (!window || &spec == window)
      for (const FieldSpec& field : spec.fields) known.push_back(spec.name + "." + field.name);
  if (std::find(known.begin(), known.end(), node.text) == known.end())
    fail(node, fmt::format("'{}' is no field of a window{}", node.text, suggestion(node.text, known)));
  return reference;
}

}  // namespace assay::pipeline
