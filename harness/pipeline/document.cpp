#include "harness/pipeline/document.h"

#include <algorithm>
#include <cctype>
#include <exception>
#include <map>
#include <optional>
#include <sstream>
#include <toml.hpp>

namespace assay::pipeline {
namespace {

using TomlValue = toml::basic_value<toml::discard_comments, std::map, std::vector>;

std::string excerpt(std::string_view line, int column) {
  std::string shown(line.substr(0, 200));
  std::replace(shown.begin(), shown.end(), '\t', ' ');
  const auto indent = static_cast<std::size_t>(std::clamp(column - 1, 0, 200));
  return shown + "\n" + std::string(indent, ' ') + "^";
}

// Walks over strings and comments so that only structural characters count. The library recurses once per open bracket
// and per dot of a key, so both are bounded before it sees the text.
class StructureScan {
 public:
  explicit StructureScan(std::string_view text) : text_(text) {}

  // What is too deep, or nothing.
  std::optional<std::string> excess() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        skip_comment();
      } else if (c == '"' || c == '\'') {
        skip_string(c);
      } else {
        if (auto found = structural(c)) return found;
        ++at_;
      }
    }
    return std::nullopt;
  }
  int line() const { return line_; }

 private:
  std::optional<std::string> structural(char c) {
    if (c == '[' || c == '{') ++depth_;
    if (c == ']' || c == '}') depth_ = std::max(0, depth_ - 1);
    if (c == '.') ++dots_;
    if (c == '\n') ++line_, dots_ = 0;
    if (depth_ > kMaxDocumentNesting) return fmt::format("nested deeper than {} brackets", kMaxDocumentNesting);
    if (dots_ > kMaxDotsPerLine) return fmt::format("more than {} dots in a line", kMaxDotsPerLine);
    return std::nullopt;
  }
  void skip_comment() {
    while (at_ < text_.size() && text_[at_] != '\n') ++at_;
  }
  void skip_string(char quote) {
    const std::string triple(3, quote);
    const bool multi_line = text_.substr(at_, 3) == triple;
    at_ += multi_line ? 3 : 1;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        if (!multi_line) return;  // unterminated: the parser says so
        ++line_, dots_ = 0;
      }
      if (c == '\\' && quote == '"') {
        at_ += 2;
      } else if (multi_line ? text_.substr(at_, 3) == triple : c == quote) {
        at_ += multi_line ? 3 : 1;
        return;
      } else {
        ++at_;
      }
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0, dots_ = 0, line_ = 1;
};

void fill_scalar(const TomlValue& value, Node& node) {
  switch (value.type()) {
    case toml::value_t::boolean:
      node.kind = Node::Kind::boolean, node.boolean = value.as_boolean();
      break;
    case toml::value_t::integer:
      node.kind = Node::Kind::integer, node.integer = value.as_integer();
      break;
    case toml::value_t::floating:
      node.kind = Node::Kind::floating, node.floating = value.as_floating();
      break;
    case toml::value_t::string:
      node.kind = Node::Kind::string, node.text = value.as_string().str;
      break;
    default:
      node.kind = Node::Kind::date;
      break;
  }
}

Node convert(const TomlValue& value, const std::shared_ptr<const std::string>& file) {
  Node node;
  const toml::source_location location = value.location();
  node.line = static_cast<int>(location.line());
  node.column = static_cast<int>(location.column());
  node.source_line = location.line_str();
  node.file = file;
  if (value.is_table()) {
    for (const auto& [key, member] : value.as_table()) node.members.emplace_back(key, convert(member, file));
  } else if (value.is_array()) {
    node.kind = Node::Kind::array;
    for (const TomlValue& item : value.as_array()) node.items.push_back(convert(item, file));
  } else {
    fill_scalar(value, node);
  }
  return node;
}

// The library's message is a drawing: "[error] toml::f: what\n --> file\n    | \n 12 | text\n    | ^~~ why". Takes the
// words and the position out of it.
Error syntax_error(std::string_view drawing, const toml::source_location& fallback, std::string_view file_name) {
  std::istringstream lines{std::string(drawing)};
  std::string line, what, why, source;
  int number = 0, column = 0;
  std::getline(lines, what);
  if (const auto colon = what.find(": "); what.starts_with("[error]") && colon != std::string::npos)
    what.erase(0, colon + 2);
  while (std::getline(lines, line)) {
    const auto bar = line.find(" | ");
    if (bar == std::string::npos) continue;
    const std::string body = line.substr(bar + 3);
    const bool numbered = std::any_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(bar),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
    if (numbered && number == 0) number = std::atoi(line.c_str()), source = body;
    const auto caret = body.find('^');
    if (numbered || caret == std::string::npos || column != 0) continue;
    column = static_cast<int>(caret) + 1;
    const auto words = body.find_first_not_of("^~- ", caret);
    if (words != std::string::npos) why = ": " + body.substr(words);
  }
  if (number == 0) number = static_cast<int>(fallback.line()), source = fallback.line_str();
  if (column == 0) column = 1;
  return Error{ErrorKind::bad_input, "not TOML: " + what + why, TextPosition{std::string(file_name), number, column},
               excerpt(source, column)};
}

}  // namespace

const Node* Node::find(std::string_view key) const {
  for (const auto& [name, member] : members)
    if (name == key) return &member;
  return nullptr;
}

std::string_view name(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::table:
      return "a table";
    case Node::Kind::array:
      return "an array";
    case Node::Kind::string:
      return "a string";
    case Node::Kind::integer:
      return "an integer";
    case Node::Kind::floating:
      return "a float";
    case Node::Kind::boolean:
      return "a boolean";
    case Node::Kind::date:
      return "a date or time";
  }
  return "";
}

Result<Node> parse_document(std::string_view text, std::string_view file_name) {
  const TextPosition start{std::string(file_name), 1, 1};
  if (text.size() > kMaxDocumentBytes)
    return bad_input_at(start, "the file has {} bytes; at most {} are read", text.size(), kMaxDocumentBytes);
  if (text.find('\0') != std::string_view::npos) return bad_input_at(start, "not TOML: the file holds a zero byte");
  StructureScan scan(text);
  if (const auto excess = scan.excess()) return bad_input_at({start.file, scan.line(), 1}, "not read: {}", *excess);
  try {
    std::istringstream stream{std::string(text)};
    const auto value = toml::parse<toml::discard_comments, std::map, std::vector>(stream, std::string(file_name));
    return convert(value, std::make_shared<const std::string>(file_name));
  } catch (const toml::exception& error) {
    return tl::unexpected(syntax_error(error.what(), error.location(), file_name));
  } catch (const std::exception& error) {
    return bad_input_at(start, "not TOML: {}", error.what());
  }
}

tl::unexpected<Error> error_at(const Node& node, std::string message) {
  return tl::unexpected(Error{ErrorKind::bad_input, std::move(message),
                              TextPosition{node.file ? *node.file : "", node.line, node.column},
                              excerpt(node.source_line, node.column)});
}

}  // namespace assay::pipeline
