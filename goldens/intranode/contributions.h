// Whose rows a token's combined row is made of (ep-dispatch-combine 1.3, 1.5).
#pragma once

#include <cstdint>
#include <vector>

#include "goldens/intranode/routing.h"

namespace assay::goldens::intranode {

// One valid slot of the sender's map: slot `slot` of PE `pe`.
struct Contribution {
  std::size_t pe = 0, slot = 0;
};

// The dispatch that a combine follows: inputs indices, tokens, total_recv [WS], src [WS, R]; parameters epr, cap;
// option sentinel; optional input cur_tok [WS].
class Accepted {
 public:
  // Errors: what read_routing refuses; R other than 1.2 says; total_recv other than min(|C_p|, R); a src that is no
  // legal map (its entries from n_p on are not looked at); cur_tok outside [0, M].
  static Result<Accepted> read(const StageRequest& request);

  const Routing& routing() const { return routing_; }
  // n_p
  std::size_t count(std::size_t pe) const { return arrived_[pe].sources.size(); }
  std::int32_t source(std::size_t pe, std::size_t slot) const { return arrived_[pe].sources[slot]; }
  // Whether the combined row of this source is determined: t < min(m_r, cur_tok), and the call is defined.
  bool is_combined(std::int64_t source) const;
  // In ascending j, where j is the lowest that hits the PE; refused pairs and duplicates are left out. At most ws.
  std::vector<Contribution> contributions(std::int64_t source) const;

 private:
  Routing routing_;
  std::vector<Arrivals> arrived_;
  std::vector<std::vector<std::int32_t>> slots_;  // by PE and source; -1: not accepted
  std::vector<std::int64_t> combined_;            // rows to combine, by rank
};

}  // namespace assay::goldens::intranode
