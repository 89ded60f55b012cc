#include "harness/sim/ops/table.h"

namespace assay::sim {

Body tile_body(pto::OpCode code) {
  constexpr Body (*kFamilies[])(pto::OpCode) = {
      move_body,   elementwise_body, unary_body,  convert_body, reduce_body, expand_body,   layout_body,
      fused_body,  partial_body,     select_body, sort_body,    gather_body, generate_body, interleave_body,
      matmul_body, cube_move_body,   quantise_body, indexed_move_body};
  for (const auto family : kFamilies)
    if (const Body body = family(code)) return body;
  return nullptr;
}

}  // namespace assay::sim
