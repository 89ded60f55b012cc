// Broken rules after which a run goes on: each is reported once per (rule, operation, earlier operation).
#pragma once

#include <set>
#include <string>
#include <tuple>

#include "harness/pto/ir.h"
#include "harness/sim/order/access.h"

namespace assay::sim {

// What two findings about the same operations share: an operation that reads and writes in place races once, not once
// each way.
inline std::string_view cause_of(std::string_view rule) {
  constexpr std::string_view kRace = "race-raw";
  return rule.size() == kRace.size() && rule.starts_with(kRace.substr(0, 5)) ? kRace.substr(0, 4) : rule;
}

// A read of bytes that nobody had written, at which an agent has stopped.
struct UndefinedRead {
  ActorId actor = 0;
  const pto::Operation* op = nullptr;
  const pto::Function* function = nullptr;
};

class Findings {
 public:
  static constexpr std::size_t kMost = 64;
  // Whether to report it: the first of its kind, and not too many yet.
  bool is_new(std::string_view rule, const pto::Operation* op, const pto::Operation* earlier) {
    return seen_.size() < kMost && seen_.emplace(cause_of(rule), op, earlier).second;
  }

  // The writes looked for are those the read should have waited for: whatever they find stands the other way round.
  void explain(const UndefinedRead& read) { explained_ = read; }
  bool explains(const Access& earlier) {
    const bool found = explained_.op && earlier.op == explained_.op && earlier.epoch.actor == explained_.actor;
    if (found) ++causes_;
    return found;
  }
  int causes() const { return causes_; }

 private:
  UndefinedRead explained_;
  int causes_ = 0;
  std::set<std::tuple<std::string, const pto::Operation*, const pto::Operation*>> seen_;
};

}  // namespace assay::sim
