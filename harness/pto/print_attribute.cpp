#include "harness/pto/print_attribute.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/pto/literal.h"

namespace assay::pto {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_bare_key(std::string_view key) {
  if (key.empty() || !is_letter(key[0])) return false;
  return std::all_of(key.begin(), key.end(),
                     [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '$'; });
}

struct AttributePrinter {
  std::string operator()(const UnitAttr&) const { return "unit"; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(const IntAttr& value) const {
    std::string text = value.type && is_unsigned(*value.type)
                           ? fmt::format("{}", static_cast<std::uint64_t>(value.value))
                           : fmt::format("{}", value.value);
    return value.type ? text + " : " + to_string(ScalarType{*value.type}) : text;
  }
  std::string operator()(const FloatAttr& value) const {
    const ScalarKind kind = value.type.value_or(ScalarKind::f32);
    const std::string text = print_float(value.f32_bits, kind);
    return value.type || text.starts_with("0x") ? text + " : " + to_string(ScalarType{kind}) : text;
  }
  std::string operator()(const StringAttr& value) const { return quote(value.value); }
  std::string operator()(const SymbolAttr& value) const { return "@" + value.name; }
  std::string operator()(const EnumAttr& value) const {
    if (value.kind.empty()) return "<" + value.word + ">";
    if (value.kind == kTypeAttribute) return value.word;
    if (value.kind == "dense") return fmt::format("dense<{}>", value.word);
    for (std::string_view spaced : {"round_mode", "saturation_mode", "atomic_type", "cmp", "notify_op"})
      if (value.kind == spaced && !value.word.empty()) return fmt::format("#pto<{} {}>", value.kind, value.word);
    return fmt::format("#{}{}<{}>", value.kind.starts_with("arith.") ? "" : "pto.", value.kind, value.word);
  }
  std::string operator()(const ArrayAttr& value) const {
    std::string text = "[";
    for (std::size_t i = 0; i < value.items.size(); ++i) text += (i ? ", " : "") + print_attribute(value.items[i]);
    return text + "]";
  }
  std::string operator()(const DictAttr& value) const {
    std::string text = "{";
    for (std::size_t i = 0; i < value.keys.size(); ++i) {
      if (i) text += ", ";
      text += is_bare_key(value.keys[i]) ? value.keys[i] : quote(value.keys[i]);
      if (!std::holds_alternative<UnitAttr>(value.values[i].value)) text += " = " + print_attribute(value.values[i]);
    }
    return text + "}";
  }
};

}  // namespace

bool is_value_name(std::string_view name) {
  if (name.empty() || name.back() == '-') return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '$' || c == '-'; });
}

std::string quote(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (c == '\n')
      quoted += "\\n";
    else if (c == '\t')
      quoted += "\\t";
    else
      quoted += c;
  }
  return quoted + "\"";
}

std::string print_attribute(const Attribute& attribute) { return std::visit(AttributePrinter{}, attribute.value); }

std::string print_dict(const AttrDict& attributes, std::span<const std::string_view> but) {
  DictAttr rest;
  for (const auto& [key, value] : attributes) {
    if (std::find(but.begin(), but.end(), key) != but.end()) continue;
    rest.keys.push_back(key);
    rest.values.push_back(value);
  }
  return rest.keys.empty() ? std::string{} : AttributePrinter{}(rest);
}

}  // namespace assay::pto
