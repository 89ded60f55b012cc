// From elements to tiles: which source elements an element of the destination is made of.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "goldens/ops/element_ops.h"
#include "goldens/ops/tile_op.h"

namespace assay::goldens::ops {

using Elements = Result<std::vector<Admissible>>;

// A request with the checks and loops that every family needs.
class TileOp {
 public:
  TileOp(const TileOpRequest& request, const Profile& profile) : request(request), profile(profile) {}

  const TileOpRequest& request;
  const Profile& profile;

  const TileShape& out() const { return request.out; }
  const TileShape& second_out() const { return request.more_outs[0]; }
  std::string_view attribute(const std::string& key) const {
    const auto found = request.attributes.find(key);
    return found == request.attributes.end() ? std::string_view() : std::string_view(found->second);
  }
  // Null when the operand is a scalar.
  const TileValue* tile(std::size_t index) const { return std::get_if<TileValue>(&request.ins[index]); }
  const ScalarValue* scalar(std::size_t index) const { return std::get_if<ScalarValue>(&request.ins[index]); }

  // `element(i, j)` for every valid element of the destination.
  template <class Element>
  Elements each(Element element) const {
    return each_of(out(), element);
  }
  template <class Element>
  Elements each_of(const TileShape& shape, Element element) const {
    std::vector<Admissible> elements;
    for (std::int64_t i = 0; i < shape.valid_rows; ++i)
      for (std::int64_t j = 0; j < shape.valid_cols; ++j) elements.push_back(element(i, j));
    return elements;
  }
  // Every one of `count` operands a tile that covers the destination's valid shape.
  bool tiles_cover(std::size_t count) const {
    for (std::size_t k = 0; k < count; ++k) {
      const TileValue* t = tile(k);
      if (t == nullptr || t->shape.rows < out().valid_rows || t->shape.cols < out().valid_cols) return false;
    }
    return true;
  }
  // Element (i, j) of a tile, or the scalar.
  std::uint64_t at(std::size_t index, std::int64_t i, std::int64_t j) const {
    return scalar(index) != nullptr ? scalar(index)->bits : tile(index)->at(i, j);
  }
  // The destination's element before the operation.
  std::uint64_t before(std::int64_t i, std::int64_t j) const {
    return request.before[static_cast<std::size_t>(i * out().cols + j)];
  }

  tl::unexpected<Error> refuse(std::string_view what) const { return bad_input("{}: {}", request.op, what); }
};

struct TileOpRow {
  std::string_view name;
  std::size_t operands;
  Elements (*apply)(const TileOp& op);
  Elements (*second)(const TileOp& op) = nullptr;  // of the second destination
  std::size_t optional = 0;                        // operands that may follow
  std::array<Elements (*)(const TileOp& op), 2> later{};  // of the third and the fourth destination
};
// One table per family, each in the family's file.
std::span<const TileOpRow> basic_rows();
std::span<const TileOpRow> bitwise_rows();
std::span<const TileOpRow> remainder_rows();
std::span<const TileOpRow> fused_rows();
std::span<const TileOpRow> reduction_rows();
std::span<const TileOpRow> mask_rows();
std::span<const TileOpRow> partial_rows();
std::span<const TileOpRow> sort_rows();
std::span<const TileOpRow> index_rows();
std::span<const TileOpRow> cube_rows();
std::span<const TileOpRow> quantisation_rows();
std::vector<std::span<const TileOpRow>> tile_op_tables();

// elementwise_ops.cpp: the row functions that need more than their name.
Elements elementwise_binary(const TileOp& op, Binary kind);
Elements fill_pad(const TileOp& op);
Elements copy(const TileOp& op);

// eq ne lt le gt ge; false with a NaN, except that NaN differs from everything.
bool comparison_holds(std::string_view mode, DType dtype, std::uint64_t a, std::uint64_t b);

// What is computed of two elements; row_expanded with another function.
using ElementOfTwo = Admissible (*)(DType dtype, std::uint64_t a, std::uint64_t b, const Profile& profile);
Elements row_expanded_by(const TileOp& op, ElementOfTwo element);
Elements column_expanded_by(const TileOp& op, ElementOfTwo element);

}  // namespace assay::goldens::ops
