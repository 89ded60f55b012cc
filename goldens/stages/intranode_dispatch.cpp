// Intranode MoE dispatch (ep-dispatch-combine 1.1 to 1.3), all ranks at once: the leading axis is the rank, which is
// also the PE. A token goes once to every PE that owns one of its experts; a PE takes at most R tokens.
//
// Nothing is computed: rows arrive byte for byte, so every answer is exact and push and pull transports have the same
// one. It is set-valued in the order of slots (S1) and, when more than R tokens come, in which of them a PE accepts
// (S2). Both are read off the observed `src`, PE by PE: where its first n_p = min(|C_p|, R) entries are candidates
// without repetition they are the golden, otherwise the golden is the n_p least candidates in ascending order. Without
// observation an element is open unless all candidates of the PE agree in it. Rows from n_p on are stale: open.
//
// idx holds all k global ids (not localised, not masked). An id outside [0, ws * epr) goes nowhere, is an error, or
// leaves the whole call undefined (all open), as option `sentinel` declares; undeclared it is an error. The sender's
// private map is no output: combine derives it from src.
#include "goldens/intranode/ports.h"
#include "goldens/intranode/received.h"
#include "goldens/stages/registry.h"

namespace assay::goldens {
namespace {

Result<GoldenMap> evaluate_intranode_dispatch(const StageRequest& request) {
  auto dispatched = intranode::dispatch(request);
  if (!dispatched) return tl::unexpected(dispatched.error());
  return std::move(dispatched->outputs);
}

}  // namespace

Stage intranode_dispatch() {
  return {.name = "intranode_dispatch",
          .clause = "ep-dispatch-combine 1.3",
          .inputs = intranode::dispatch_inputs(),
          .outputs = intranode::dispatch_outputs(),
          .parameters = intranode::dispatch_parameters(),
          .options = {"sentinel"},
          .evaluate = evaluate_intranode_dispatch,
          .set_valued = true,
          .relations = intranode::dispatch_relations()};
}

}  // namespace assay::goldens
