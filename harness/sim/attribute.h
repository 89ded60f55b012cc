// Attributes of an operation by name, with what their absence means.
#pragma once

#include "harness/pto/ir.h"

namespace assay::sim {

inline std::int64_t integer_attribute(const pto::AttrDict& attributes, std::string_view key, std::int64_t otherwise) {
  const pto::Attribute* found = pto::find(attributes, key);
  const auto* integer = found ? std::get_if<pto::IntAttr>(&found->value) : nullptr;
  return integer ? integer->value : otherwise;
}

// Unit attributes and true.
inline bool flag_attribute(const pto::AttrDict& attributes, std::string_view key) {
  const pto::Attribute* found = pto::find(attributes, key);
  if (!found) return false;
  const bool* value = std::get_if<bool>(&found->value);
  return value ? *value : std::holds_alternative<pto::UnitAttr>(found->value);
}

}  // namespace assay::sim
