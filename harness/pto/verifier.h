// Static rules of a module: operand counts and types, legal element types, tile layout rules (pto-isa.md 1.4), valid
// shapes, terminators, calls, SSA. A module that passes can be executed by every backend without further static checks;
// what depends on run-time values (bounds, capacity, alignment of addresses, unset valid shapes) is theirs.
#pragma once

#include <vector>

#include "harness/core/error.h"
#include "harness/pto/ir.h"

namespace assay::pto {

// The first violation.
Result<void> verify(const Module& module);
// All of them in program order, at most 100.
std::vector<Error> violations(const Module& module);

// What is wrong with a tile type on its own; empty when nothing is. A subview keeps its parent's row pitch, so its own
// width need not be a multiple of 32 bytes.
std::string tile_type_problem(const TileType& tile, bool is_subview = false);

}  // namespace assay::pto
