// Which body executes which tile operation; one file per family.
#pragma once

#include "harness/sim/program.h"

namespace assay::sim {

// Each returns null for the codes of other families.
Body move_body(pto::OpCode code);
Body elementwise_body(pto::OpCode code);
Body unary_body(pto::OpCode code);
Body convert_body(pto::OpCode code);
Body reduce_body(pto::OpCode code);
Body expand_body(pto::OpCode code);
Body layout_body(pto::OpCode code);
Body fused_body(pto::OpCode code);
Body partial_body(pto::OpCode code);
Body select_body(pto::OpCode code);
Body sort_body(pto::OpCode code);
Body gather_body(pto::OpCode code);
Body generate_body(pto::OpCode code);
Body interleave_body(pto::OpCode code);
Body indexed_move_body(pto::OpCode code);
Body quantise_body(pto::OpCode code);
Body matmul_body(pto::OpCode code);
Body cube_move_body(pto::OpCode code);

// Null for operations the simulator does not execute.
Body tile_body(pto::OpCode code);

}  // namespace assay::sim
