// Broken rules after which a run goes on: each is reported once per (rule, operation, earlier operation).
#pragma once

#include <set>
#include <string>
#include <tuple>

#include "harness/pto/ir.h"

namespace assay::sim {

// What two findings about the same operations share: an operation that reads and writes in place races once, not once
// each way.
inline std::string_view cause_of(std::string_view rule) {
  constexpr std::string_view kRace = "race-raw";
  return rule.size() == kRace.size() && rule.starts_with(kRace.substr(0, 5)) ? kRace.substr(0, 4) : rule;
}

class Findings {
 public:
  static constexpr std::size_t kMost = 64;
  // Whether to report it: the first of its kind, and not too many yet.
  bool is_new(std::string_view rule, const pto::Operation* op, const pto::Operation* earlier) {
    return seen_.size() < kMost && seen_.emplace(cause_of(rule), op, earlier).second;
  }

 private:
  std::set<std::tuple<std::string, const pto::Operation*, const pto::Operation*>> seen_;
};

}  // namespace assay::sim
