// Draws legal one-operation cases: shapes, layouts, dtypes, fills and attributes of each family of operations.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

#include "harness/core/random.h"
#include "harness/device/op_property.h"

namespace assay::device {

using goldens::PadWord;
using goldens::TileShape;

inline std::int64_t block_of(DType dtype) { return 256 / info(dtype).bits; }
inline std::int64_t round_up(std::int64_t n, std::int64_t unit) { return (n + unit - 1) / unit * unit; }

class Drawing {
 public:
  Drawing(std::string_view property, std::uint64_t seed, const OpCaseLimits& limits, const Profile& profile)
      : limits_(limits), profile_(profile), random_(seed, property) {
    case_.property = property;
    case_.op = op_of(property);
    case_.seed = seed;
    case_.arch = profile.name == "a5" ? "a5" : "a2a3";
  }

  OpCase draw();

 private:
  // ---- choices
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(scale_to(random_.bits(counter_++), static_cast<std::uint64_t>(n)));
  }
  bool chance(std::int64_t one_in) { return below(one_in) == 0; }
  template <class T>
  T pick(std::initializer_list<T> list) {
    return list.begin()[below(static_cast<std::int64_t>(list.size()))];
  }
  bool is(std::initializer_list<std::string_view> names) const {
    return std::find(names.begin(), names.end(), case_.op) != names.end();
  }

  DType draw_dtype();
  std::string draw_float_fill(DType dtype);
  std::string draw_integer_fill(DType dtype);
  std::string draw_fill(DType dtype);
  std::int64_t draw_valid(std::int64_t extent, std::int64_t unit);
  TileShape draw_shape(DType dtype, std::int64_t row_unit, std::int64_t column_unit);
  OpOperand tile(TileShape shape, bool column_major = false) {
    return tile_of(shape, draw_fill(shape.dtype), column_major);
  }
  static OpOperand tile_of(TileShape shape, std::string fill, bool column_major = false) {
    return {OpOperand::Kind::tile, shape, column_major, std::move(fill)};
  }
  static OpOperand memory_of(DType dtype, std::int64_t rows, std::int64_t cols, std::string fill) {
    return {OpOperand::Kind::memory, {dtype, rows, cols, rows, cols}, false, std::move(fill)};
  }
  OpOperand scalar(DType dtype) { return scalar_of(dtype, draw_fill(dtype)); }
  static OpOperand scalar_of(DType dtype, std::string fill) {
    return {OpOperand::Kind::scalar, {dtype, 1, 1, 1, 1}, false, std::move(fill)};
  }
  // One valid column: [R, 1] column-major, or a block of 32 bytes per row.
  OpOperand column(DType dtype, std::int64_t rows, std::int64_t valid_rows);

  // op_case_basic.cpp
  bool basic_family();
  void elementwise(std::size_t tiles);
  void with_scalar();
  void conversion();
  void reduction();
  void row_expand();
  void row_expand_binary();
  void column_expand();
  void fill_pad();
  void gather();
  void concatenate();
  void transpose();
  // op_case_vector.cpp
  bool vector_family();
  void shift();
  void remainder();
  void column_reduction();
  void place_of_extremum();
  void compare();
  void select();
  void three_operands();
  void accumulation();
  void half_result();
  void partial(std::size_t indices);
  void quantise();
  void quantise_blocks();
  void dequantise();
  // op_case_indexed.cpp
  bool indexed_family();
  void gather_pattern();
  void gather_bytes();
  void gather_compare();
  void scatter();
  void gather_memory();
  void scatter_memory();
  void sort_blocks();
  void merge_blocks();
  void merge_lists();
  void interleave();
  void histogram();
  // op_case_cube.cpp
  bool cube_family();
  void matrix_product();
  void scaled_product();
  void accumulator_move();
  TileShape boxed(DType dtype, std::int64_t rows, std::int64_t cols, std::int64_t valid_rows, std::int64_t valid_cols);

  const OpCaseLimits& limits_;
  const Profile& profile_;
  RandomStream random_;
  std::uint64_t counter_ = 0;
  OpCase case_;
};

}  // namespace assay::device
