// What SSA values hold at run time. Scalars are 64-bit slots; everything else is a descriptor.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "harness/core/dtype.h"
#include "harness/pto/ir.h"

namespace assay::sim {

// Scalars: signed kinds sign-extended, unsigned kinds and i1 zero-extended, all floats as the bits of the equal f32.
enum class Kind : std::uint8_t { scalar, pointer, view, tile, array };

// A value of a function: which of the frame's slot arrays, and where in it.
struct Ref {
  Kind kind = Kind::scalar;
  std::uint32_t index = 0;
};

// Slots of values that were never computed hold descriptors of nothing: no tensor, no elements.
inline constexpr std::size_t kNoTensor = ~std::size_t{0};

struct Pointer {
  std::size_t tensor = kNoTensor;  // index into Launch::tensors
  std::int64_t offset = 0;         // elements
  DType element = DType::f32;
};

inline constexpr std::size_t kMaxRank = 5;

// A window of global memory (pto-format 3.2). Strides and offset in elements of the tensor.
struct View {
  Pointer base;
  std::size_t rank = 1;
  std::array<std::int64_t, kMaxRank> shape{};
  std::array<std::int64_t, kMaxRank> strides{};
  std::array<std::int64_t, kMaxRank> limits{};  // extent left in the view this one is a partition of
  const pto::Operation* made_by = nullptr;
};

// The physical window and metadata of a tile (pto-isa 1.1, 1.3). Offsets of elements are in elements.
struct Tile {
  pto::Space space = pto::Space::vec;
  DType dtype = DType::f32;
  std::int64_t address = 0;  // byte address of element (0,0); at or above the space's capacity for private storage
  std::int64_t rows = 0, cols = 0;
  std::int64_t row_stride = 0, col_stride = 0;  // elements; unboxed tiles
  std::int64_t box_rows = 0, box_cols = 0;      // 0 for unboxed tiles
  std::int64_t boxes_across = 0;                // boxes per row or column of boxes, along the outer order
  bool boxes_col_major = false, inner_col_major = false;
  pto::Pad pad = pto::Pad::null;
  std::int64_t valid_rows = 0, valid_cols = 0;  // pto::kDynamic while unset
  std::int32_t storage = -1;                    // private storage, -1 for tiles with an address
  const pto::Operation* made_by = nullptr;      // the alloc_tile its bytes come from
};

// Elements with a value flag each (pto-format 1.2).
struct LocalArray {
  std::vector<std::uint64_t> values;
  std::vector<bool> defined;
};

}  // namespace assay::sim
