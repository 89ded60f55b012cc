// Attributes (pto-format.md 1.1): dictionaries, numbers, #pto words, arrays.
#include <algorithm>
#include <cctype>

#include "harness/pto/literal.h"
#include "harness/pto/parser.h"

namespace assay::pto {
namespace {

std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      const char c = text[++i];
      plain += c == 'n' ? '\n' : c == 't' ? '\t' : c;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\n' || text.front() == '\t' || text.front() == '\r'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

}  // namespace

bool Parser::parse_optional_attr_dict(AttrDict& attributes) { return !at('{') || parse_attr_dict(attributes); }

bool Parser::merge_attributes(AttrDict& into, AttrDict&& from, std::size_t offset) {
  for (auto& entry : from) {
    if (find(into, entry.first)) return fail(offset, fmt::format("attribute '{}' is given twice", entry.first));
    into.push_back(std::move(entry));
  }
  return true;
}

constexpr std::size_t kMaxAttributes = 1024;  // of one dictionary: each is looked for among the others

bool Parser::parse_attr_dict(AttrDict& attributes) {
  const Nested nested(*this);
  if (!nested.ok() || !expect('{', "to open the attributes")) return false;
  while (!at('}')) {
    const std::size_t begin = token_.offset;
    if (token_.kind != TokenKind::word && token_.kind != TokenKind::text) return fail_found("an attribute name or '}'");
    const std::string key = token_.kind == TokenKind::text ? unescape(token_.text) : std::string(token_.text);
    advance();
    Attribute attribute{UnitAttr{}};
    if (accept('=') && !parse_attribute(attribute)) return false;
    if (find(attributes, key)) return fail(begin, fmt::format("attribute '{}' is given twice", key));
    if (attributes.size() == kMaxAttributes) return fail(begin, fmt::format("more than {} attributes", kMaxAttributes));
    attributes.emplace_back(key, std::move(attribute));
    if (!accept(',') && !at('}')) return fail_found("',' or '}' in the attributes");
  }
  return expect('}', "to close the attributes");
}

bool Parser::parse_nested_dict(Attribute& attribute) {
  AttrDict entries;
  if (!parse_attr_dict(entries)) return false;
  DictAttr dict;
  for (auto& [key, value] : entries) {
    dict.keys.push_back(std::move(key));
    dict.values.push_back(std::move(value));
  }
  attribute.value = std::move(dict);
  return true;
}

bool Parser::parse_attribute(Attribute& attribute) {
  const Nested nested(*this);
  if (!nested.ok()) return false;
  switch (token_.kind) {
    case TokenKind::integer:
    case TokenKind::floating:
      return parse_number_attribute(attribute);
    case TokenKind::text:
      attribute.value = StringAttr{unescape(token_.text)};
      advance();
      return true;
    case TokenKind::symbol: {
      std::string name(token_.text);
      advance();
      while (token_.is("::")) {
        advance();
        if (token_.kind != TokenKind::symbol) return fail_found("a symbol after '::'");
        name += "::@" + std::string(token_.text);
        advance();
      }
      attribute.value = SymbolAttr{std::move(name)};
      return true;
    }
    case TokenKind::word:
      return parse_word_attribute(attribute);
    default:
      break;
  }
  if (at('#')) return parse_hash_attribute(attribute);
  if (at('{')) return parse_nested_dict(attribute);
  if (at('<')) {
    EnumAttr angle;
    if (!parse_angle_attribute(angle)) return false;
    attribute.value = std::move(angle);
    return true;
  }
  if (at('[')) {
    advance();
    ArrayAttr array;
    while (!at(']')) {
      array.items.emplace_back();
      if (!parse_attribute(array.items.back())) return false;
      if (!accept(',') && !at(']')) return fail_found("',' or ']' in an array attribute");
    }
    attribute.value = std::move(array);
    return expect(']', "to close the array");
  }
  if (at('!') || at('(')) {
    const std::size_t begin = token_.offset;
    std::vector<Type> arguments, results;
    Type type;
    if (at('!') ? !parse_type(type) : !parse_function_type(arguments, results)) return false;
    attribute_results_ = std::move(results);
    attribute.value =
        EnumAttr{std::string(kTypeAttribute), std::string(trim(text_.substr(begin, token_.offset - begin)))};
    return true;
  }
  return fail_found("an attribute value");
}

// true, false, unit, array<i32: 1, 2>, or a builtin type.
bool Parser::parse_word_attribute(Attribute& attribute) {
  if (at_word("true") || at_word("false")) {
    attribute.value = at_word("true");
    advance();
    return true;
  }
  if (accept_word("unit")) {
    attribute.value = UnitAttr{};
    return true;
  }
  if (at_word("array")) return parse_typed_array(attribute);
  if (at_word("dense") || at_word("affine_map") || at_word("affine_set") || at_word("dense_resource"))
    return fail(token_.offset, fmt::format("{} attributes are not supported", token_.text));
  const std::string_view name = token_.text;
  Type type;
  if (!parse_builtin_type(type)) return false;
  attribute.value = EnumAttr{std::string(kTypeAttribute),
                             std::holds_alternative<OpaqueType>(type) ? to_string(type) : std::string(name)};
  return true;
}

bool Parser::parse_typed_array(Attribute& attribute) {
  advance();
  Type type;
  ArrayAttr array;
  if (!expect('<', "after array") || !parse_type(type)) return false;
  if (accept(':')) {
    do {
      std::int64_t value = 0;
      if (!parse_int(value, "an integer in array<...>")) return false;
      array.items.push_back({IntAttr{value, std::nullopt}});
    } while (accept(','));
  }
  attribute.value = std::move(array);
  return expect('>', "to close array<...>");
}

bool Parser::typed_number(const Token& literal, std::optional<ScalarKind> kind, Attribute& attribute) {
  const bool hex = literal.text.starts_with("0x");
  if (kind && is_float(*kind)) {
    std::optional<std::uint32_t> bits;
    if (hex) {
      const auto pattern = integer_literal(literal.text, ScalarKind::ui64);
      if (pattern) bits = float_from_bits(static_cast<std::uint64_t>(*pattern), *kind);
      if (!bits)
        return fail(literal.offset, fmt::format("{} is wider than {}", literal.text, to_string(ScalarType{*kind})));
    } else if (literal.kind == TokenKind::floating) {
      bits = float_literal(literal.text, *kind);
    }
    if (!bits)
      return fail(literal.offset, fmt::format("found '{}', expected a decimal like 1.0 or hexadecimal bits for {}",
                                              literal.text, to_string(ScalarType{*kind})));
    attribute.value = FloatAttr{*bits, kind};
    return true;
  }
  if (literal.kind == TokenKind::floating) {
    if (kind)
      return fail(literal.offset,
                  fmt::format("found '{}', expected an integer for {}", literal.text, to_string(ScalarType{*kind})));
    const auto bits = float_literal(literal.text, ScalarKind::f32);
    if (!bits || (*bits & 0x7F800000U) == 0x7F800000U)
      return fail(literal.offset, fmt::format("'{}' is no finite f32", literal.text));
    attribute.value = FloatAttr{*bits, std::nullopt};
    return true;
  }
  const auto value = integer_literal(literal.text, kind.value_or(ScalarKind::i64));
  if (!value)
    return fail(literal.offset, fmt::format("integer '{}' does not fit {}", literal.text,
                                            to_string(ScalarType{kind.value_or(ScalarKind::i64)})));
  if (kind == ScalarKind::i1)
    attribute.value = (*value & 1) != 0;
  else
    attribute.value = IntAttr{*value, kind};
  return true;
}

bool Parser::parse_number_attribute(Attribute& attribute) {
  const Token literal = token_;
  advance();
  std::optional<ScalarKind> kind;
  if (accept(':')) {
    Type type;
    const std::size_t begin = token_.offset;
    if (!parse_type(type)) return false;
    const auto* scalar = std::get_if<ScalarType>(&type);
    if (!scalar) return fail(begin, fmt::format("a number of type {} is not supported", to_string(type)));
    kind = scalar->kind;
  }
  return typed_number(literal, kind, attribute);
}

// Current token is '<'. `<PIPE_V>`, and `<round_mode RINT>` after #pto.
bool Parser::parse_angle_attribute(EnumAttr& attribute) {
  std::string content;
  if (!skip_balanced(content)) return false;
  attribute.word = std::string(trim(content));
  return true;
}

bool Parser::parse_hash_attribute(Attribute& attribute) {
  const std::size_t begin = token_.offset;
  advance();
  if (token_.kind != TokenKind::word) return fail_found("an attribute name after '#'");
  const std::string name(token_.text);
  advance();
  if (name != "pto" && !name.starts_with("pto.") && !name.starts_with("arith."))
    return fail(begin, fmt::format("unknown attribute #{}, expected #pto<...> or #pto.name<...>", name));
  if (!at('<')) return fail_found(fmt::format("'<' after #{}", name));
  EnumAttr result;
  if (!parse_angle_attribute(result)) return false;
  if (name == "pto") {
    const std::size_t split = result.word.find_first_of(" \t\r\n");
    if (split == std::string::npos) return fail(begin, "found one word, expected #pto<kind WORD>");
    result.kind = result.word.substr(0, split);
    if (!std::all_of(result.kind.begin(), result.kind.end(),
                     [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; }))
      return fail(begin, fmt::format("found '{}', expected #pto<kind WORD>", result.kind));
    result.word = std::string(trim(std::string_view(result.word).substr(split)));
  } else {
    result.kind = name.starts_with("pto.") ? name.substr(4) : name;
  }
  attribute.value = std::move(result);
  return true;
}

}  // namespace assay::pto
