// Metamorphic relations: how a stage's outputs must follow, bit for bit, when its inputs change in a known way. They
// need no golden, so they also check a device alone.
//
// Ports and axes are named as in the stage (goldens/stages/stage.h): an axis is a symbol of the ports' shapes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace assay::goldens {

// Any choice of slices along `axis` of every input that has it (permuted, repeated, a part) gives the same choice of
// slices of every output that has it.
struct RowsRelation {
  std::string axis;
  std::string limit = {};  // an integer parameter that tells slices apart where it is below the extent: then nothing
};

// The named inputs times 2^(factor * n) give the named outputs times 2^(factor * n); every other output stays as it
// is. Holds where no number leaves the normal range on its way.
struct PowerOfTwoRelation {
  std::vector<std::pair<std::string, int>> inputs, outputs;
  // Holds only where the greatest magnitude of every row (last axis) of `inputs` is at least this, before and after:
  // the floor of an amax.
  double row_floor = 0;
};

// `count`, an integer tensor of shape [A...], says how many slots of the axis that follows A... are in use in `inputs`
// and `outputs`: what stands in an input's unused slots (NaN too) changes no used slot of any output.
struct PaddingRelation {
  std::string count;
  std::vector<std::string> inputs, outputs;
};

// What stands in the slices of `inputs` that belong to a zero of `count` [A..., B...] changes nothing: `inputs` begin
// with A..., and a slice of theirs belongs to a zero where every entry of `count` over B... is zero.
struct UnroutedRelation {
  std::string count;
  std::vector<std::string> inputs;
};

// The elements of the integer output add up to the product of the extents.
struct ConservedRelation {
  std::string output;
  std::vector<std::string> extents;
  std::string limit = {};  // an integer parameter that caps the extent `limited`
  std::string limited = {};
};

using Relation = std::variant<RowsRelation, PowerOfTwoRelation, PaddingRelation, UnroutedRelation, ConservedRelation>;

}  // namespace assay::goldens
