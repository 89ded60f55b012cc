// Structural equality of modules, behind printer.h.
#include <algorithm>

#include "harness/pto/printer.h"

namespace assay::pto {
namespace {

bool equal_attributes(AttrDict a, AttrDict b) {
  const auto by_key = [](const auto& x, const auto& y) { return x.first < y.first; };
  std::sort(a.begin(), a.end(), by_key);
  std::sort(b.begin(), b.end(), by_key);
  return a == b;
}

// Walks two functions in step; values correspond in order of definition.
class Comparer {
 public:
  Comparer(const Function& a, const Function& b)
      : a_(a), b_(b), partner_(a.values.size(), kNone), taken_(b.values.size(), false) {}

  bool run() {
    return a_.name == b_.name && a_.is_external == b_.is_external && a_.results == b_.results &&
           equal_attributes(a_.attributes, b_.attributes) && equal_argument_attributes() &&
           define(a_.arguments, b_.arguments) && equal_region(a_.body, b_.body);
  }

 private:
  static constexpr ValueId kNone = ~ValueId{0};

  bool equal_argument_attributes() const {
    const auto at = [](const Function& f, std::size_t i) {
      return i < f.argument_attributes.size() ? f.argument_attributes[i] : AttrDict{};
    };
    for (std::size_t i = 0; i < std::max(a_.arguments.size(), b_.arguments.size()); ++i)
      if (!equal_attributes(at(a_, i), at(b_, i))) return false;
    return true;
  }
  bool define(const std::vector<ValueId>& a, const std::vector<ValueId>& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (partner_[a[i]] != kNone || taken_[b[i]] || a_.type(a[i]) != b_.type(b[i])) return false;
      partner_[a[i]] = b[i];
      taken_[b[i]] = true;
    }
    return true;
  }
  bool equal_operation(const Operation& a, const Operation& b) {
    if (a.code != b.code || a.segments != b.segments || a.static_sizes != b.static_sizes ||
        a.operands.size() != b.operands.size() || a.regions.size() != b.regions.size() ||
        !equal_attributes(a.attributes, b.attributes))
      return false;
    for (std::size_t i = 0; i < a.operands.size(); ++i)
      if (partner_[a.operands[i]] != b.operands[i]) return false;
    for (std::size_t i = 0; i < a.regions.size(); ++i)
      if (!equal_region(a.regions[i], b.regions[i])) return false;
    return define(a.results, b.results);
  }
  bool equal_region(const Region& a, const Region& b) {
    if (a.body.size() != b.body.size() || !define(a.arguments, b.arguments)) return false;
    for (std::size_t i = 0; i < a.body.size(); ++i)
      if (!equal_operation(a.body[i], b.body[i])) return false;
    return true;
  }

  const Function& a_;
  const Function& b_;
  std::vector<ValueId> partner_;
  std::vector<bool> taken_;
};

}  // namespace

bool equal(const Function& a, const Function& b) { return Comparer(a, b).run(); }

bool equal(const Module& a, const Module& b) {
  if (!equal_attributes(a.attributes, b.attributes) || a.functions.size() != b.functions.size()) return false;
  for (std::size_t i = 0; i < a.functions.size(); ++i)
    if (!equal(a.functions[i], b.functions[i])) return false;
  return true;
}

}  // namespace assay::pto
