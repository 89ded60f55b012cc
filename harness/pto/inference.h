// What can be said about the arguments of an arbitrary kernel, which declares neither directions nor sizes
// (pto-format.md 1.3 and 3.9).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "harness/pto/ir.h"

namespace assay::pto {

enum class Direction : std::uint8_t { unused, in, out, inout };
std::string_view name(Direction direction);

// Per argument of the function, scalars are `unused`: whether anything reached from a pointer through views, addptr,
// selects, loop-carried values and calls is loaded, stored or both. An atomic store is both; a call of a declaration is
// taken as both. The module has passed the verifier.
std::vector<Direction> argument_directions(const Module& module, const Function& function);

struct NeededElements {
  std::int64_t elements = 0;  // that the argument's views and scalar accesses reach, from the pointer on
  // False where a loaded value, a float or a spent budget decides: then the views' extents as far as they are known.
  bool exact = true;
  // Extents of the view that reaches furthest, when it starts at the pointer and is dense and row-major; else empty.
  std::vector<std::int64_t> shape;
};

// Per argument of the function (0 for scalars): the largest offset + sum((shape - 1) * stride) + 1 over the views made
// in any block, and offset + 1 of scalar accesses. `scalars` holds the value of each scalar argument (ignored for
// pointers). Runs the scalar part of the function for blocks 0..blocks-1, at most `step_budget` operations altogether.
std::vector<NeededElements> needed_elements(const Module& module, const Function& function,
                                            std::span<const std::optional<std::int64_t>> scalars, std::int64_t blocks,
                                            std::uint64_t step_budget = 20'000'000);

}  // namespace assay::pto
