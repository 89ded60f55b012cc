// The first instruction at which two backends part: same inputs bit for bit, outputs that differ beyond the operation's
// contract. Differences that only pass on an earlier one, or stay within a contract, are stepped over.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/bisect/extent.h"
#include "harness/core/profile/profile.h"
#include "harness/device/backend.h"
#include "harness/pto/ir.h"

namespace assay::bisect {

struct DivergingElement {
  std::int64_t row = 0, col = 0;  // in the tile's valid rectangle, or in the moved rectangle
  std::uint64_t a = 0, b = 0;     // bits on either side
  std::int64_t ulps = 0;
};

struct Divergence {
  device::TraceEvent a, b;                 // the two events
  std::vector<DivergingElement> elements;  // beyond the contract, up to 64
  std::int64_t count = 0;                  // how many altogether
  std::string contract;                    // "exact", "4 ulp (exp)", ...
  bool streams_part = false;               // the two runs executed different operations from here on
};

class DivergenceFinder {
 public:
  // Bounded operations may differ by the sum of both profiles' bounds.
  DivergenceFinder(const pto::Function& function, const Profile& a, const Profile& b);

  // Takes one pair of events, in program order; a divergence ends the search.
  std::optional<Divergence> compare(const device::TraceEvent& a, const device::TraceEvent& b);
  // Elements that differed within a contract, or only because their inputs did.
  std::int64_t stepped_over() const { return stepped_over_; }

 private:
  // Largest allowed distance of element (row, any column) of the event, as ulps or as an absolute difference.
  struct Allowance {
    std::int64_t ulps = 0;
    std::vector<double> absolute;  // per row, for sums; empty otherwise
    std::string text;
  };
  Allowance allowance(const pto::Operation& op) const;
  bool inputs_tainted(const pto::Operation& op) const;
  void record(const device::TraceEvent& event, const pto::Operation& op, bool differs);
  void enter_block(std::int64_t block);

  ExtentMap extents_;
  std::vector<const pto::Operation*> operations_;
  std::string function_;
  std::map<std::string, double, std::less<>> bound_;       // ulp bound key -> sum of both sides' bounds
  std::vector<Extent> tainted_;                            // bytes that already differ
  std::map<std::int64_t, device::TraceEvent> last_write_;  // by first byte, side a
  bool everything_tainted_ = false;                        // a scalar or global value differs: it may reach anything
  std::int64_t block_ = -1;
  std::int64_t stepped_over_ = 0;
};

}  // namespace assay::bisect
