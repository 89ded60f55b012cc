// The catalogue of rules: what `assay lint` can find, one row each (lint_rules.inc).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace assay::cli {

enum class Severity : std::uint8_t { note, warning, error };
std::string_view name(Severity severity);

struct Rule {
  std::string_view name;
  Severity severity = Severity::error;
  std::string_view says;
  std::string_view fix;
  std::string_view clause;
};

std::span<const Rule> rules();
// Null for a name that is in no row.
const Rule* find_rule(std::string_view name);

}  // namespace assay::cli
