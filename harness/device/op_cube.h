// One-operation kernels of the cube: operands reach left, right and bias tiles through mat, accumulators leave through
// the fixpipe.
#pragma once

#include <string>
#include <vector>

#include "harness/device/op_data.h"

namespace assay::device {

std::string cube_kernel_text(const OpCase& c);

// Tensors a case's kernel takes besides its operands, behind them: an identity that turns an operand into an
// accumulator.
std::vector<Tensor> cube_support(const OpCase& c);

// The definition, applied to what the kernel's first part makes of the tensors.
Result<std::vector<goldens::Admissible>> expected_of_cube(const OpCase& c, const OpData& data,
                                                          goldens::TileOpRequest request, const Profile& profile);

}  // namespace assay::device
