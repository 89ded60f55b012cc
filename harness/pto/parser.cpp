#include "harness/pto/parser.h"

#include <algorithm>
#include <charconv>

namespace assay::pto {

Parser::Parser(std::string_view text, std::string_view file, std::vector<Warning>* warnings)
    : text_(text), file_(file), warnings_(warnings), lexer_(text), line_starts_{0} {
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '\n') line_starts_.push_back(i + 1);
  advance();
}

// ---- cursor

Location Parser::location(std::size_t offset) const {
  const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  return {static_cast<int>(after - line_starts_.begin()), static_cast<int>(offset - *(after - 1)) + 1};
}

bool Parser::fail(std::size_t offset, std::string message) {
  if (failed_) return false;
  failed_ = true;
  const Location where = location(std::min(offset, text_.size()));
  error_ = Error{ErrorKind::bad_input, std::move(message), TextPosition{file_, where.line, where.column},
                 excerpt(text_, offset)};
  return false;
}

std::string Parser::found() const {
  constexpr std::size_t kShown = 40;
  switch (token_.kind) {
    case TokenKind::end:
      return "the end of the file";
    case TokenKind::invalid:
      if (token_.text.size() == 1 && (static_cast<unsigned char>(token_.text[0]) < 0x20 || token_.text[0] & '\x80'))
        return fmt::format("byte 0x{:02X} ({})", static_cast<unsigned char>(token_.text[0]), token_.problem);
      return fmt::format("'{}' ({})", token_.text.substr(0, kShown), token_.problem);
    case TokenKind::value:
      return fmt::format("'%{}'", token_.text.substr(0, kShown));
    case TokenKind::symbol:
      return fmt::format("'@{}'", token_.text.substr(0, kShown));
    case TokenKind::block:
      return fmt::format("'^{}'", token_.text.substr(0, kShown));
    case TokenKind::text:
      return fmt::format("string \"{}\"", token_.text.substr(0, kShown));
    default:
      return fmt::format("'{}'", token_.text.substr(0, kShown));
  }
}

bool Parser::fail_found(std::string_view expected) {
  return fail(token_.offset, fmt::format("found {}, expected {}", found(), expected));
}

void Parser::warn(std::size_t offset, std::string message) {
  constexpr std::size_t kMaxWarnings = 1000;
  if (warnings_ && warnings_->size() < kMaxWarnings && warned_.insert(message).second)
    warnings_->push_back({location(offset), std::move(message)});
}

bool Parser::accept(char c) {
  if (!at(c)) return false;
  advance();
  return true;
}

bool Parser::accept(std::string_view punctuation) {
  if (!token_.is(punctuation)) return false;
  advance();
  return true;
}

bool Parser::accept_word(std::string_view word) {
  if (!at_word(word)) return false;
  advance();
  return true;
}

bool Parser::expect(char c, std::string_view where) {
  return accept(c) || fail_found(fmt::format("'{}' {}", c, where));
}

bool Parser::expect(std::string_view punctuation, std::string_view where) {
  return accept(punctuation) || fail_found(fmt::format("'{}' {}", punctuation, where));
}

bool Parser::expect_word(std::string_view word, std::string_view where) {
  return accept_word(word) || fail_found(fmt::format("'{}' {}", word, where));
}

bool Parser::parse_int(std::int64_t& value, std::string_view what) {
  if (token_.kind != TokenKind::integer) return fail_found(what);
  std::string_view digits = token_.text;
  const bool hex = digits.substr(0, 2) == "0x";
  if (hex) digits.remove_prefix(2);
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
  if (status != std::errc{} || end != digits.data() + digits.size())
    return fail(token_.offset, fmt::format("integer {} does not fit 64 bits", found()));
  advance();
  return true;
}

bool Parser::skip_balanced(std::string& content) {
  const std::size_t begin = token_.offset;
  int open = 0;
  while (token_.kind != TokenKind::end) {
    if (token_.kind == TokenKind::invalid) return fail_found("a closing bracket");
    if (at('<') || at('(') || at('[') || at('{')) ++open;
    if (at('>') || at(')') || at(']') || at('}')) --open;
    if (open == 0) {
      content = std::string(text_.substr(begin + 1, token_.offset - begin - 1));
      advance();
      return true;
    }
    advance();
  }
  return fail(begin, "this bracket is never closed");
}

bool Parser::skip_location() {
  if (!at_word("loc")) return true;
  advance();
  if (!at('(')) return fail_found("'(' after loc");
  std::string ignored;
  return skip_balanced(ignored);
}

// ---- module and functions

bool Parser::parse_file(Module& module) {
  if (!parse_top_level(module, false)) return false;
  if (module.functions.empty()) return fail(text_.size(), "no function in this file, expected at least one func.func");
  for (Function& function : module.functions) renumber(function);
  return true;
}

bool Parser::parse_top_level(Module& module, bool in_module) {
  while (token_.kind != TokenKind::end && !(in_module && at('}'))) {
    bool ok = false;
    if (at_word("module") || at_word("builtin.module")) {
      ok = parse_module(module);
    } else if (at_word("func.func") || at_word("func")) {
      ok = parse_function(module);
    } else if (at('!')) {
      ok = parse_type_alias();
    } else if (at('#')) {
      ok = parse_attribute_alias();
    } else if (token_.kind == TokenKind::text && token_.text == "func.func") {
      ok = parse_generic_function(module);
    } else if (token_.kind == TokenKind::text && token_.text == "builtin.module") {
      ok = parse_generic_module(module);
    } else if (token_.kind == TokenKind::word && token_.text.find('.') != std::string_view::npos) {
      ok = find_op(token_.text) ? fail(token_.offset, fmt::format("{} stands outside of any function", found()))
                                : refuse_operation(token_.text, token_.offset);
    } else {
      ok = fail_found("module, func.func or a type alias");
    }
    if (!ok) return false;
  }
  return true;
}

bool Parser::parse_module(Module& module) {
  const Nested nested(*this);
  if (!nested.ok()) return false;
  advance();
  if (token_.kind == TokenKind::symbol) advance();
  AttrDict attributes;
  if (accept_word("attributes") && !parse_attr_dict(attributes)) return false;
  for (auto& entry : attributes)  // of several modules in one file the first one's count
    if (!find(module.attributes, entry.first)) module.attributes.push_back(std::move(entry));
  if (!expect('{', "to open the module") || !parse_top_level(module, true)) return false;
  return expect('}', "to close the module") && skip_location();
}

bool Parser::parse_type_alias() {
  const std::size_t begin = token_.offset;
  advance();
  if (token_.kind != TokenKind::word) return fail_found("the name of a type alias");
  const std::string name(token_.text);
  advance();
  Type type;
  if (!expect('=', "after the alias") || !parse_type(type)) return false;
  if (!type_aliases_.emplace(name, type).second)
    return fail(begin, fmt::format("type alias !{} is defined twice", name));
  return true;
}

// Debug locations may be aliased (`#loc3 = loc("..":1:2)`); affine maps and other attribute aliases are refused.
bool Parser::parse_attribute_alias() {
  const std::size_t begin = token_.offset;
  advance();
  if (token_.kind != TokenKind::word) return fail_found("the name of an attribute alias");
  const std::string name(token_.text);
  advance();
  if (!expect('=', "after the alias")) return false;
  if (at_word("loc")) return skip_location();
  return fail(begin, fmt::format("attribute alias #{} is not supported; write the attribute out", name));
}

bool Parser::parse_function(Module& module) {
  Function function;
  const std::size_t begin = token_.offset;
  advance();
  for (std::string_view visibility : {"private", "public", "nested"})
    if (accept_word(visibility))
      function.attributes.emplace_back("sym_visibility", Attribute{StringAttr{std::string(visibility)}});
  function.location = location(begin);
  if (token_.kind != TokenKind::symbol) return fail_found("the function's name, as in @name");
  function.name = std::string(token_.text);
  if (!function_names_.insert(function.name).second)
    return fail(token_.offset, fmt::format("function @{} is defined twice", function.name));
  advance();
  std::vector<ResultName> names;
  if (!begin_function(function, {}) || !parse_function_arguments(function, names)) return false;
  if (accept("->") && !parse_function_results(function)) return false;
  AttrDict attributes;
  if (accept_word("attributes") && !parse_attr_dict(attributes)) return false;
  if (!merge_attributes(function.attributes, std::move(attributes), token_.offset)) return false;
  if (at('{')) {
    if (!parse_function_body(function, names)) return false;
  } else {
    function.is_external = true;
  }
  if (!skip_location()) return false;
  module.functions.push_back(std::move(function));
  return true;
}

bool Parser::begin_function(Function& function, const std::vector<ResultName>& names) {
  function_ = &function;
  names_.clear();
  scope_names_.clear();
  definitions_.clear();
  inferred_.clear();
  for (std::size_t i = 0; i < names.size(); ++i) {
    ValueId id = 0;
    if (!define(names[i], function.values[i].type, id)) return false;
  }
  return true;
}

bool Parser::parse_function_arguments(Function& function, std::vector<ResultName>& names) {
  if (!expect('(', "to open the argument list")) return false;
  bool any_attributes = false;
  while (!at(')')) {
    ResultName name{"", token_.offset};
    if (token_.kind == TokenKind::value) {
      name.name = std::string(token_.text);
      advance();
      if (!expect(':', "and the argument's type")) return false;
    }
    Type type;
    AttrDict attributes;
    if (!parse_type(type) || !parse_optional_attr_dict(attributes) || !skip_location()) return false;
    any_attributes = any_attributes || !attributes.empty();
    function.argument_attributes.push_back(std::move(attributes));
    ValueId id = 0;
    if (!define(name, type, id)) return false;
    function.arguments.push_back(id);
    names.push_back(std::move(name));
    if (!accept(',') && !at(')')) return fail_found("',' or ')' in the argument list");
  }
  if (!any_attributes) function.argument_attributes.clear();
  return expect(')', "to close the argument list");
}

bool Parser::parse_function_results(Function& function) {
  if (!at('(')) {
    function.results.emplace_back();
    return parse_type(function.results.back());
  }
  advance();
  while (!at(')')) {
    AttrDict ignored;
    function.results.emplace_back();
    if (!parse_type(function.results.back()) || !parse_optional_attr_dict(ignored)) return false;
    if (!accept(',') && !at(')')) return fail_found("',' or ')' in the result list");
  }
  return expect(')', "to close the result list");
}

bool Parser::parse_function_body(Function& function, const std::vector<ResultName>& names) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i].name.empty()) return fail(names[i].offset, "an argument of a function with a body needs a name");
  return parse_region(function.body, OpCode::func, {}, {});
}

}  // namespace assay::pto
