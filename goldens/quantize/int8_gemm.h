// Exact integer products of INT8 matrices (dsv4-chain 1: INT32 accumulation, exact and free of order).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace assay::goldens {

// Up to this many columns no sum of products of int8 leaves int32: 131071 * 128 * 128 < 2^31.
inline constexpr std::size_t kLargestInt8Reduction = 131071;

struct Int8GemmShape {
  std::size_t rows = 0, outputs = 0, columns = 0;  // columns <= kLargestInt8Reduction
};

// acc[r, n] = sum over k of a[r, k] * b[n, k]: a is [rows, columns], b [outputs, columns], acc [rows, outputs], all
// row-major and of exactly these sizes. Any code, -128 too. Runs on the library's threads; may be called from any
// thread, also from within parallel_for.
void int8_gemm(std::span<const std::int8_t> a, std::span<const std::int8_t> b, Int8GemmShape shape,
               std::span<std::int32_t> acc);

// The same sums by the definition's loop: what int8_gemm computes on machines where oneDNN is not exact, and what tests
// hold it against.
void plain_int8_gemm(std::span<const std::int8_t> a, std::span<const std::int8_t> b, Int8GemmShape shape,
                     std::span<std::int32_t> acc);

}  // namespace assay::goldens
