// Attributes and names as text, for the printer.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "harness/pto/ir.h"

namespace assay::pto {

std::string print_attribute(const Attribute& attribute);
// "{a = 1, b}" without the keys in `but`; empty when nothing is left.
std::string print_dict(const AttrDict& attributes, std::span<const std::string_view> but);
inline std::string print_dict(const AttrDict& attributes, std::initializer_list<std::string_view> but = {}) {
  return print_dict(attributes, std::span(but.begin(), but.size()));
}
// A string literal.
std::string quote(std::string_view text);
// Whether the text can stand after '%' or '@'.
bool is_value_name(std::string_view name);

}  // namespace assay::pto
