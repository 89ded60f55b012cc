// Elements of tensors moved, scaled by powers of two and overwritten, on their bits: exact, and independent of every
// rounding of the goldens.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "harness/core/tensor.h"

namespace assay::goldens {

// The chosen slices along one axis, in that order. 0 <= slices[i] < shape[axis].
Tensor take(const Tensor& tensor, std::size_t axis, std::span<const std::int64_t> slices);

// Where the exponent of a binary format stands; nothing for integers and for formats without a common layout.
struct ExponentField {
  int mantissa_bits = 0, exponent_bits = 0;
  std::uint64_t greatest() const { return (std::uint64_t{1} << exponent_bits) - 1; }  // infinities and NaN
  std::uint64_t of(std::uint64_t bits) const { return bits >> mantissa_bits & greatest(); }
  bool is_zero(std::uint64_t bits) const { return bits << (64 - mantissa_bits - exponent_bits) == 0; }
};
std::optional<ExponentField> exponent_field(DType dtype);

// The bits of x * 2^k: zeros, infinities and NaN stay; nothing where x or the product is subnormal or too large.
std::optional<std::uint64_t> scaled_bits(const ExponentField& field, std::uint64_t bits, int k);

// A NaN of the dtype, or what is farthest from ordinary where it has none; and its largest finite value.
std::uint64_t nan_bits(DType dtype);
std::uint64_t huge_bits(DType dtype);

// An element of an f32, bf16 or f16 tensor.
double float_value(DType dtype, std::uint64_t bits);
// An element of an integer tensor; 64 bits without sign that exceed 63 saturate.
std::int64_t integer_value(const Tensor& tensor, std::int64_t index);

}  // namespace assay::goldens
