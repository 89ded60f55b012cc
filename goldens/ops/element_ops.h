// The scalar operations behind the tile operations: element bits in, admissible element out.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "goldens/ops/tile_op.h"

namespace assay::goldens::ops {

enum class Binary : std::uint8_t { add, subtract, multiply, divide, maximum, minimum };
enum class Unary : std::uint8_t {
  negate,
  magnitude,
  relu,
  exponential,
  logarithm,
  square_root,
  reciprocal_root,
  reciprocal
};

// Operands and result have one dtype. Floats round once to nearest even, quotients lie within the profile's bound.
Admissible binary(Binary op, DType dtype, std::uint64_t a, std::uint64_t b, const Profile& profile);
Admissible unary(Unary op, DType dtype, std::uint64_t a, const Profile& profile);

// bounded.cpp: the operations with an error bound.
Admissible quotient(DType dtype, std::uint64_t a, std::uint64_t b, double ulps);
Admissible function(Unary op, DType dtype, std::uint64_t a, double ulps);

// convert.cpp.
Admissible convert(DType from, DType to, std::uint64_t a, ConversionMeaning meaning);

// reduce.cpp: over one row.
Admissible row_sum(DType dtype, std::span<const std::uint64_t> row, const Profile& profile);
Admissible row_maximum(DType dtype, std::span<const std::uint64_t> row, const Profile& profile);

}  // namespace assay::goldens::ops
