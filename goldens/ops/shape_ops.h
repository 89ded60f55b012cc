// From elements to tiles: which source elements an element of the destination is made of.
#pragma once

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
  // Null when the operand is a scalar.
  const TileValue* tile(std::size_t index) const { return std::get_if<TileValue>(&request.ins[index]); }
  const ScalarValue* scalar(std::size_t index) const { return std::get_if<ScalarValue>(&request.ins[index]); }

  // `element(i, j)` for every valid element of the destination.
  template <class Element>
  Elements each(Element element) const {
    std::vector<Admissible> elements;
    for (std::int64_t i = 0; i < out().valid_rows; ++i)
      for (std::int64_t j = 0; j < out().valid_cols; ++j) elements.push_back(element(i, j));
    return elements;
  }

  tl::unexpected<Error> refuse(std::string_view what) const { return bad_input("{}: {}", request.op, what); }
};

struct TileOpRow {
  std::string_view name;
  std::size_t operands;
  Elements (*apply)(const TileOp& op);
};
std::span<const TileOpRow> tile_op_rows();

// elementwise_ops.cpp: the row functions that need more than their name.
Elements elementwise_binary(const TileOp& op, Binary kind);
Elements row_expanded(const TileOp& op, Binary kind);
Elements column_expanded(const TileOp& op, Binary kind);

}  // namespace assay::goldens::ops
