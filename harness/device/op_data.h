// The tensors of a one-operation case: operands, earlier contents and results.
#pragma once

#include <span>
#include <vector>

#include "harness/device/op_property.h"

namespace assay::device {

struct OpData {
  std::vector<Tensor> ins;      // scalars too, as tensors of one element
  std::vector<Tensor> befores;  // of each destination
  std::vector<Tensor> results;
};

// Fills beside fill.h's, for operands that are not independent numbers:
//   @iota              0, 1, 2, ... over the tensor
//   @permutation:N     distinct numbers below N, repeating after N elements
//   @identity          ones on the diagonal
//   @pairs:L           in each L elements, pairs of value and index in descending order of value, indices ascending
//   @words:DTYPE       parameter words of a quantisation into the dtype (isa 2.7)
OpData make_op_data(const OpCase& c);

std::vector<std::uint64_t> bits_of(const Tensor& tensor);

// Scalar and memory operands come from launches; a destination in global memory is written by the operation itself.
bool writes_memory(const OpCase& c);

// The cube computes it, or an accumulator is read: op_cube.h.
bool needs_cube(const OpCase& c);

}  // namespace assay::device
