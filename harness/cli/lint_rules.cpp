#include "harness/cli/lint_rules.h"

#include <algorithm>
#include <array>

namespace assay::cli {
namespace {

constexpr auto kRules = std::to_array<Rule>({
#define ASSAY_RULE(name, severity, says, fix, clause) {name, Severity::severity, says, fix, clause},
#include "harness/cli/lint_rules.inc"
#undef ASSAY_RULE
});

}  // namespace

std::string_view name(Severity severity) {
  return severity == Severity::note ? "note" : severity == Severity::warning ? "warning" : "error";
}

std::span<const Rule> rules() { return kRules; }

const Rule* find_rule(std::string_view name) {
  const auto found = std::ranges::find(kRules, name, &Rule::name);
  return found == kRules.end() ? nullptr : &*found;
}

}  // namespace assay::cli
