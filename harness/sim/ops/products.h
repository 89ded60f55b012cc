// Matrix products on dense operands: the arithmetic of the cube. Each has one definition, written as plain loops, and a
// fast path that gives the same bits on every instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace assay::sim {

struct ProductShape {
  std::int64_t m = 0, k = 0, n = 0;
};

// c[m, n] += a[m, k] * b[k, n], row-major, wrapping to 32 bits.
void plain_product(const std::int8_t* a, const std::int8_t* b, const ProductShape& shape, std::int32_t* c);

// c[m, n] += a[m, k] * b[k, n] in f32, row-major; every product and every sum rounded on its own. Chunks of `chunk` k's
// in ascending order, each summed in ascending order from +0 and then added to c; a chunk of 0: every product added to
// c as it comes (profile: sum_order, sum_chunk; the order inside a chunk is open there, this is the one taken here).
void plain_product(const float* a, const float* b, const ProductShape& shape, std::int64_t chunk, float* c);
void fast_product(const float* a, const float* b, const ProductShape& shape, std::int64_t chunk, float* c);

// ---- INT8 from the boxes of L0B
inline constexpr std::int64_t kPanelCols = 16;                     // columns of one column of boxes
inline constexpr std::int64_t kBoxDepth = 32;                      // k's of a box
inline constexpr std::int64_t kBoxBytes = kPanelCols * kBoxDepth;  // columns of 32 k's, one after the other
inline std::int64_t padded_depth(std::int64_t k) { return (k + kBoxDepth - 1) / kBoxDepth * kBoxDepth; }

// Rows of `a`, padded with zeros to padded_depth(k), and what the kernels take from them.
struct Int8Left {
  const std::int8_t* rows = nullptr;
  std::int64_t m = 0, depth = 0;
  const std::int32_t* row_sums = nullptr;  // m
};
// sums[r] = sum of row r.
void sum_rows(const std::int8_t* rows, std::int64_t m, std::int64_t depth, std::int32_t* sums);

// panel[m, 16] = a * b for one column of boxes: box j at boxes + j * box_step. What lies behind k in the last box meets
// zeros. `scratch`: depth * 16 bytes, 64-byte aligned.
using Int8Panel = void (*)(const Int8Left& a, const std::byte* boxes, std::int64_t box_step, std::byte* scratch,
                           std::int32_t* panel);
Int8Panel plain_panel();
// Every kernel this machine can run, the best one last; the plain one is among them.
struct NamedPanel {
  const char* name;
  Int8Panel kernel;
};
const NamedPanel* panels(std::size_t& count);
Int8Panel best_panel();

}  // namespace assay::sim
