#include "goldens/ops/shape_ops.h"

#include <array>

#include "goldens/ops/element.h"

namespace assay::goldens::ops {
namespace {

using boost::multiprecision::cpp_int;

bool covers(const TileShape& source, std::int64_t rows, std::int64_t cols) {
  return source.rows >= rows && source.cols >= cols;
}

// ---- elementwise

template <Binary kind>
Elements binary_tiles(const TileOp& op) {
  return elementwise_binary(op, kind);
}

template <Unary kind>
Elements unary_tile(const TileOp& op) {
  const TileValue* a = op.tile(0);
  if (a == nullptr || !covers(a->shape, op.out().valid_rows, op.out().valid_cols))
    return op.refuse("the operand is a tile of the destination's valid shape");
  return op.each([&](std::int64_t i, std::int64_t j) { return unary(kind, op.out().dtype, a->at(i, j), op.profile); });
}

Elements splat(const TileOp& op) {
  const ScalarValue* s = op.scalar(0);
  if (s == nullptr) return op.refuse("the operand is a scalar");
  return op.each([&](std::int64_t, std::int64_t) { return exactly(s->bits); });
}

Elements conversion(const TileOp& op) {
  const TileValue* a = op.tile(0);
  if (a == nullptr || !covers(a->shape, op.out().valid_rows, op.out().valid_cols))
    return op.refuse("the operand is a tile of the destination's valid shape");
  const auto meaning = op.profile.conversion(a->shape.dtype, op.out().dtype, op.request.rmode, op.request.satmode);
  if (!meaning) return tl::unexpected(meaning.error());
  return op.each(
      [&](std::int64_t i, std::int64_t j) { return convert(a->shape.dtype, op.out().dtype, a->at(i, j), *meaning); });
}

// ---- rows and columns

template <Binary kind>
Elements row_expand(const TileOp& op) {
  return row_expanded_by(op, [](DType dtype, std::uint64_t a, std::uint64_t b, const Profile& profile) {
    return binary(kind, dtype, a, b, profile);
  });
}
template <Binary kind>
Elements column_expand(const TileOp& op) {
  return column_expanded_by(op, [](DType dtype, std::uint64_t a, std::uint64_t b, const Profile& profile) {
    return binary(kind, dtype, a, b, profile);
  });
}

template <Admissible (*reduce)(DType, std::span<const std::uint64_t>, const Profile&)>
Elements reduce_rows(const TileOp& op) {
  const TileValue* a = op.tile(0);
  if (a == nullptr || a->shape.rows < op.out().valid_rows || op.out().valid_cols > 1)
    return op.refuse("the destination has one valid column and the source as many rows");
  return op.each([&](std::int64_t i, std::int64_t) {
    const auto row = std::span(a->bits).subspan(static_cast<std::size_t>(i * a->shape.cols),
                                                static_cast<std::size_t>(a->shape.valid_cols));
    return reduce(op.out().dtype, row, op.profile);
  });
}

Elements first_column(const TileOp& op) {
  const TileValue* a = op.tile(0);
  if (a == nullptr || !covers(a->shape, op.out().valid_rows, 1)) return op.refuse("the source has a column");
  return op.each([&](std::int64_t i, std::int64_t) { return exactly(a->at(i, 0)); });
}

Elements first_row(const TileOp& op) {
  const TileValue* a = op.tile(0);
  if (a == nullptr || !covers(a->shape, 1, op.out().valid_cols)) return op.refuse("the source has a row");
  return op.each([&](std::int64_t, std::int64_t j) { return exactly(a->at(0, j)); });
}

// ---- padding, indices, layout

// pto-isa 1.6.
Admissible pad_element(DType dtype, PadWord pad, const Profile& profile) {
  if (pad == PadWord::null) return open_element();
  if (pad == PadWord::zero) return exactly(0);
  const bool negative = pad == PadWord::min;
  if (!is_float(dtype)) {
    const cpp_int beyond = cpp_int(1) << 80;
    return exactly(integer_bits(dtype, clamp_to(dtype, negative ? cpp_int(-beyond) : beyond)));
  }
  if (profile.float_pad_is_infinite) return infinity(dtype, negative);
  const BinaryFormat format = format_of(dtype);
  return exactly(format.max_finite() | (negative ? format.sign_bit() : 0));
}

Elements iota(const TileOp& op) {
  const ScalarValue* s = op.scalar(0);
  if (s == nullptr) return op.refuse("the operand is a scalar");
  const cpp_int start = decode(s->dtype, s->bits).value.significand;
  // "Linear index" does not say whether the gap behind a row's valid part counts.
  const bool linear = op.out().valid_rows <= 1 || op.out().valid_cols == op.out().cols;
  return op.each([&](std::int64_t i, std::int64_t j) {
    const cpp_int step = i * op.out().cols + j;
    const cpp_int value = op.request.descending ? cpp_int(start - step) : cpp_int(start + step);
    return linear && fits(op.out().dtype, value) ? exactly(integer_bits(op.out().dtype, value)) : open_element();
  });
}

Elements concatenate(const TileOp& op) {
  const TileValue *a = op.tile(0), *b = op.tile(1);
  if (a == nullptr || b == nullptr || a->shape.valid_cols + b->shape.valid_cols < op.out().valid_cols)
    return op.refuse("the destination's columns are those of the operands");
  return op.each([&](std::int64_t i, std::int64_t j) {
    return exactly(j < a->shape.valid_cols ? a->at(i, j) : b->at(i, j - a->shape.valid_cols));
  });
}

Elements transpose(const TileOp& op) {
  const TileValue* a = op.tile(0);
  if (a == nullptr || !covers(a->shape, op.out().valid_cols, op.out().valid_rows))
    return op.refuse("the source is as wide as the destination is high");
  return op.each([&](std::int64_t i, std::int64_t j) { return exactly(a->at(j, i)); });
}

using enum Binary;
using enum Unary;

constexpr std::array kRows{
    TileOpRow{"tload", 1, copy},
    TileOpRow{"tprefetch", 1, copy},
    TileOpRow{"tadd", 2, binary_tiles<add>},
    TileOpRow{"tsub", 2, binary_tiles<subtract>},
    TileOpRow{"tmul", 2, binary_tiles<multiply>},
    TileOpRow{"tdiv", 2, binary_tiles<divide>},
    TileOpRow{"tmax", 2, binary_tiles<maximum>},
    TileOpRow{"tmin", 2, binary_tiles<minimum>},
    TileOpRow{"tadds", 2, binary_tiles<add>},
    TileOpRow{"tsubs", 2, binary_tiles<subtract>},
    TileOpRow{"tmuls", 2, binary_tiles<multiply>},
    TileOpRow{"tdivs", 2, binary_tiles<divide>},
    TileOpRow{"tmaxs", 2, binary_tiles<maximum>},
    TileOpRow{"tmins", 2, binary_tiles<minimum>},
    TileOpRow{"tneg", 1, unary_tile<negate>},
    TileOpRow{"tabs", 1, unary_tile<magnitude>},
    TileOpRow{"trelu", 1, unary_tile<relu>},
    TileOpRow{"texp", 1, unary_tile<exponential>},
    TileOpRow{"tlog", 1, unary_tile<logarithm>},
    TileOpRow{"tsqrt", 1, unary_tile<square_root>},
    TileOpRow{"trsqrt", 1, unary_tile<reciprocal_root>},
    TileOpRow{"trecip", 1, unary_tile<reciprocal>},
    TileOpRow{"tcvt", 1, conversion},
    TileOpRow{"texpands", 1, splat},
    TileOpRow{"trowsum", 1, reduce_rows<row_sum>},
    TileOpRow{"trowmax", 1, reduce_rows<row_maximum>},
    TileOpRow{"trowexpand", 1, first_column},
    TileOpRow{"trowexpandadd", 2, row_expand<add>},
    TileOpRow{"trowexpandsub", 2, row_expand<subtract>},
    TileOpRow{"trowexpandmul", 2, row_expand<multiply>},
    TileOpRow{"trowexpanddiv", 2, row_expand<divide>},
    TileOpRow{"tcolexpand", 1, first_row},
    TileOpRow{"tcolexpandadd", 2, column_expand<add>},
    TileOpRow{"tcolexpandsub", 2, column_expand<subtract>},
    TileOpRow{"tcolexpandmul", 2, column_expand<multiply>},
    TileOpRow{"tcolexpanddiv", 2, column_expand<divide>},
    TileOpRow{"trowexpandmax", 2, row_expand<maximum>},
    TileOpRow{"trowexpandmin", 2, row_expand<minimum>},
    TileOpRow{"tcolexpandmax", 2, column_expand<maximum>},
    TileOpRow{"tcolexpandmin", 2, column_expand<minimum>},
    TileOpRow{"tfillpad", 1, fill_pad},
    TileOpRow{"tfillpad_inplace", 1, fill_pad},
    TileOpRow{"tfillpad_expand", 1, fill_pad},
    TileOpRow{"tci", 1, iota},
    TileOpRow{"tconcat", 2, concatenate},
    TileOpRow{"ttrans", 1, transpose},
};

}  // namespace

std::span<const TileOpRow> basic_rows() { return kRows; }

std::vector<std::span<const TileOpRow>> tile_op_tables() {
  return {basic_rows(),   bitwise_rows(), remainder_rows(), fused_rows(), reduction_rows(),   mask_rows(),
          partial_rows(), sort_rows(),    index_rows(),     cube_rows(),  quantisation_rows()};
}

Elements copy(const TileOp& op) {
  const TileValue* a = op.tile(0);
  if (a == nullptr || !covers(a->shape, op.out().valid_rows, op.out().valid_cols))
    return op.refuse("the operand is a tile of the destination's valid shape");
  return op.each([&](std::int64_t i, std::int64_t j) { return exactly(a->at(i, j)); });
}

Elements fill_pad(const TileOp& op) {
  const TileValue* a = op.tile(0);
  if (a == nullptr) return op.refuse("the operand is a tile");
  return op.each([&](std::int64_t i, std::int64_t j) {
    const bool inside = i < a->shape.valid_rows && j < a->shape.valid_cols;
    return inside ? exactly(a->at(i, j)) : pad_element(op.out().dtype, op.request.pad, op.profile);
  });
}

// Tile and tile, tile and scalar, or scalar and tile: the first written operand is the left one (pto-format 3.3: tdivs
// has both orders).
Elements elementwise_binary(const TileOp& op, Binary kind) {
  for (std::size_t k = 0; k < 2; ++k)
    if (const TileValue* t = op.tile(k); t != nullptr && !covers(t->shape, op.out().valid_rows, op.out().valid_cols))
      return op.refuse("operands cover the destination's valid shape");
  const auto at = [&](std::size_t k, std::int64_t i, std::int64_t j) {
    return op.scalar(k) != nullptr ? op.scalar(k)->bits : op.tile(k)->at(i, j);
  };
  return op.each([&](std::int64_t i, std::int64_t j) {
    return binary(kind, op.out().dtype, at(0, i, j), at(1, i, j), op.profile);
  });
}

// The operand without the destination's valid shape is one column, or a block of 32 bytes per row (pto-format 3.3).
Elements row_expanded_by(const TileOp& op, ElementOfTwo element) {
  const TileValue *a = op.tile(0), *b = op.tile(1);
  if (a == nullptr || b == nullptr) return op.refuse("the operands are tiles");
  const std::int64_t block = 256 / info(op.out().dtype).bits;
  const auto full = [&](const TileValue& t) {
    return t.shape.valid_rows == op.out().valid_rows && t.shape.valid_cols == op.out().valid_cols;
  };
  if (!full(*a) && !full(*b)) return op.refuse("one operand has the destination's valid shape");
  const auto at = [&](const TileValue& t, bool expanded, std::int64_t i, std::int64_t j) {
    if (!expanded) return t.at(i, j);
    return t.at(i, t.shape.valid_cols == 1 ? 0 : j % block);
  };
  const bool first = !full(*a), second = full(*a) && !full(*b);
  const TileValue& expanded = first ? *a : *b;
  if ((first || second) && expanded.shape.valid_cols != 1 && expanded.shape.valid_cols != block)
    return op.refuse("the expanded operand has one column or a block of 32 bytes");
  return op.each([&](std::int64_t i, std::int64_t j) {
    return element(op.out().dtype, at(*a, first, i, j), at(*b, second, i, j), op.profile);
  });
}

Elements column_expanded_by(const TileOp& op, ElementOfTwo element) {
  const TileValue *a = op.tile(0), *b = op.tile(1);
  if (a == nullptr || b == nullptr) return op.refuse("the operands are tiles");
  return op.each(
      [&](std::int64_t i, std::int64_t j) { return element(op.out().dtype, a->at(i, j), b->at(0, j), op.profile); });
}

}  // namespace assay::goldens::ops
