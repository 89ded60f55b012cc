// Moves between the cube's memories (pto-isa 2.1; pto-format 3.4).
#pragma once

#include "harness/sim/machine.h"

namespace assay::sim {

// Whether tmov between these tiles is one of the cube's: all but vec to vec.
bool is_cube_move(const Tile& source, const Tile& destination);
bool cube_move(Machine& m, const Instruction& i);

}  // namespace assay::sim
