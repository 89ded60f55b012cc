// Broken rules after which a run goes on: each is reported once per (rule, operation, earlier operation).
#pragma once

#include <set>
#include <string>
#include <tuple>

#include "harness/pto/ir.h"

namespace assay::sim {

class Findings {
 public:
  static constexpr std::size_t kMost = 64;
  // Whether to report it: the first of its kind, and not too many yet.
  bool is_new(std::string_view rule, const pto::Operation* op, const pto::Operation* earlier) {
    return seen_.size() < kMost && seen_.emplace(rule, op, earlier).second;
  }

 private:
  std::set<std::tuple<std::string, const pto::Operation*, const pto::Operation*>> seen_;
};

}  // namespace assay::sim
