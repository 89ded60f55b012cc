// Cases of tiers T0 to T2.
#include "harness/device/op_drawing.h"
#include "harness/pto/op_table.h"

namespace assay::device {

DType Drawing::draw_dtype() {
  const pto::OpInfo* row = pto::find_op("pto." + case_.op);
  std::vector<DType> legal;
  for (const DTypeInfo& candidate : kDTypes) {
    const bool movable = candidate.bits >= 8 && candidate.dtype != DType::e4m3fn &&
                         candidate.dtype != DType::e4m3fnuz && candidate.dtype != DType::e5m2 &&
                         candidate.dtype != DType::e8m0;
    if (row->dtypes.bits == 0 ? movable : row->dtypes.contains(candidate.dtype)) legal.push_back(candidate.dtype);
  }
  return legal[static_cast<std::size_t>(below(static_cast<std::int64_t>(legal.size())))];
}

std::string Drawing::draw_fill(DType dtype) {
  return info(dtype).is_float ? draw_float_fill(dtype) : draw_integer_fill(dtype);
}

std::string Drawing::draw_float_fill(DType dtype) {
  if (case_.op == "tcvt")
    return pick<const char*>({"specials", "half-integers", "normal:scale=300", "uniform:lo=-200,hi=200",
                              "normal:scale=100000", dtype == DType::f32 ? "ties" : "half-integers"});
  if (is({"trowsum", "tcolsum"}))
    return pick<const char*>({"order-sensitive", "exact-sum", "normal", "specials", "specials:finite=1"});
  if (is({"trowprod", "tcolprod"}))
    return pick<const char*>(
        {"uniform:lo=0.5,hi=2", "uniform:lo=-1.5,hi=-0.75", "choice:1|-1|2|0.5", "half-integers", "specials"});
  if (is({"tpow", "tpows"}))
    return pick<const char*>({"uniform:lo=0.1,hi=4", "uniform:lo=-5,hi=5", "choice:2|3|-1|-2|0.5|0|1", "specials"});
  return pick<const char*>(
      {"normal", "specials", "specials:finite=1", "half-integers", "uniform:lo=-90,hi=90", "normal:scale=0.001"});
}

std::string Drawing::draw_integer_fill(DType) {
  if (case_.op == "tci")
    return pick<const char*>(
        {"uniform:lo=0,hi=100", "uniform:lo=1000,hi=20000", "uniform:lo=5000,hi=9000", "specials"});
  if (is({"trowprod", "tcolprod"})) return pick<const char*>({"choice:1|-1|2", "choice:1|3", "uniform:lo=0,hi=2"});
  return pick<const char*>({"normal:scale=40", "specials", "uniform", "tagged"});
}

// 0, 1, everything, one element on either side of a block's end, or anything.
std::int64_t Drawing::draw_valid(std::int64_t extent, std::int64_t unit) {
  if (chance(20)) return 0;
  switch (below(5)) {
    case 0:
      return 1;
    case 1:
      return extent;
    case 2:
      return std::clamp<std::int64_t>(unit * (1 + below(std::max<std::int64_t>(extent / unit, 1))) - 1, 1, extent);
    case 3:
      return std::clamp<std::int64_t>(unit * (1 + below(std::max<std::int64_t>(extent / unit, 1))) + 1, 1, extent);
    default:
      return 1 + below(extent);
  }
}

TileShape Drawing::draw_shape(DType dtype, std::int64_t row_unit, std::int64_t column_unit) {
  TileShape shape{dtype, 0, 0, 0, 0};
  shape.rows = round_up(1 + below(limits_.rows), row_unit);
  shape.cols = (1 + below(limits_.blocks)) * column_unit;
  shape.valid_rows = draw_valid(shape.rows, row_unit > 1 ? row_unit : 8);
  shape.valid_cols = draw_valid(shape.cols, column_unit);
  return shape;
}

OpOperand Drawing::column(DType dtype, std::int64_t rows, std::int64_t valid_rows) {
  const std::int64_t block = block_of(dtype);
  if (rows % block == 0 && !chance(3)) return tile({dtype, rows, 1, valid_rows, 1}, true);
  return tile({dtype, rows, block, valid_rows, 1});
}

void Drawing::elementwise(std::size_t tiles) {
  const DType dtype = draw_dtype();
  const TileShape shape = draw_shape(dtype, 1, block_of(dtype));
  for (std::size_t i = 0; i < tiles; ++i) case_.ins.push_back(tile(shape));
  case_.out = tile(shape);
  case_.in_place = tiles > 0 && !is({"tload", "tstore", "tmov"}) && chance(3);
}

void Drawing::with_scalar() {
  elementwise(1);
  case_.ins.push_back(scalar(case_.out.shape.dtype));
  if (case_.op == "tdivs" && chance(2)) {
    std::swap(case_.ins[0], case_.ins[1]);
    case_.in_place = false;
  }
}

void Drawing::conversion() {
  const auto& rows = profile_.conversions;
  const auto& row = rows[static_cast<std::size_t>(below(static_cast<std::int64_t>(rows.size())))];
  const std::int64_t unit = std::max(block_of(row.source), block_of(row.destination));
  TileShape shape = draw_shape(row.source, 1, unit);
  case_.ins.push_back(tile(shape));
  shape.dtype = row.destination;
  case_.out = tile(shape);
  case_.rmode = pick<const char*>({"", "NONE", "RINT", "ROUND", "FLOOR", "CEIL", "TRUNC", "ODD", "CAST_RINT"});
  case_.satmode = pick<const char*>({"", "ON", "OFF"});
  // Narrowing onto its own source is what real kernels do most (pto-format 3.1).
  case_.in_place = info(row.destination).bits <= info(row.source).bits && chance(2);
}

void Drawing::reduction() {
  const DType dtype = draw_dtype();
  TileShape shape = draw_shape(dtype, chance(2) ? block_of(dtype) : 1, block_of(dtype));
  case_.ins.push_back(tile(shape));
  case_.out = column(dtype, shape.rows, shape.valid_rows);
}

void Drawing::row_expand() {
  const DType dtype = draw_dtype();
  const TileShape shape = draw_shape(dtype, chance(2) ? block_of(dtype) : 1, block_of(dtype));
  case_.ins.push_back(column(dtype, shape.rows, shape.valid_rows));
  case_.out = tile(shape);
}

void Drawing::row_expand_binary() {
  const DType dtype = draw_dtype();
  const TileShape shape = draw_shape(dtype, chance(2) ? block_of(dtype) : 1, block_of(dtype));
  case_.ins.push_back(tile(shape));
  // Two forms only: column-major [R, 1], or row-major with 32 bytes valid (pto-format 3.3).
  const std::int64_t block = block_of(dtype);
  if (shape.rows % block == 0 && chance(2))
    case_.ins.push_back(tile({dtype, shape.rows, 1, shape.valid_rows, 1}, true));
  else
    case_.ins.push_back(tile({dtype, shape.rows, block, shape.valid_rows, block}));
  case_.out = tile(shape);
  case_.in_place = chance(3);
  // Either position may be the expanded one, as long as the shapes tell them apart.
  const bool distinct = shape.valid_cols != case_.ins[1].shape.valid_cols;
  if (distinct && chance(3)) {
    std::swap(case_.ins[0], case_.ins[1]);
    case_.in_place = false;
  }
}

void Drawing::column_expand() {
  const DType dtype = draw_dtype();
  const TileShape shape = draw_shape(dtype, 1, block_of(dtype));
  TileShape row = shape;
  row.rows = row.valid_rows = 1;
  if (case_.op != "tcolexpand") case_.ins.push_back(tile(shape));
  case_.ins.push_back(tile(row));
  case_.out = tile(shape);
}

void Drawing::fill_pad() {
  const DType dtype = draw_dtype();
  const TileShape shape = draw_shape(dtype, 1, block_of(dtype));
  TileShape inner = shape;
  inner.valid_rows = below(shape.valid_rows + 1);
  inner.valid_cols = below(shape.valid_cols + 1);
  TileShape outer = shape;
  if (case_.op == "tfillpad_expand" && chance(2)) {
    outer.rows += below(4);
    outer.cols += below(3) * block_of(dtype);
    outer.valid_rows = outer.rows;
    outer.valid_cols = outer.cols - below(block_of(dtype));
  }
  case_.ins.push_back(tile(inner));
  case_.out = tile(outer);
  case_.pad = pick({PadWord::zero, PadWord::max, PadWord::min});
  case_.in_place = case_.op == "tfillpad_inplace" || (case_.op == "tfillpad" && chance(2));
}

void Drawing::gather() {
  const DType dtype = draw_dtype();
  const TileShape source = draw_shape(dtype, 1, block_of(dtype));
  const std::int64_t unit = std::max<std::int64_t>(block_of(dtype), 8);
  TileShape shape = draw_shape(dtype, 1, unit);
  case_.ins.push_back(tile({dtype, source.rows, source.cols, source.rows, source.cols}));
  case_.out = tile(shape);
  shape.dtype = DType::i32;
  case_.ins.push_back(tile(shape));
  case_.ins.back().fill = fmt::format("uniform:lo=0,hi={}", source.rows * source.cols - 1);
}

void Drawing::concatenate() {
  const DType dtype = draw_dtype();
  const TileShape a = draw_shape(dtype, 1, block_of(dtype));
  TileShape b = draw_shape(dtype, 1, block_of(dtype));
  b.rows = a.rows;
  b.valid_rows = a.valid_rows;
  case_.ins = {tile(a), tile(b)};
  case_.out = tile({dtype, a.rows, a.cols + b.cols, a.valid_rows, a.valid_cols + b.valid_cols});
}

void Drawing::transpose() {
  const DType dtype = draw_dtype();
  const TileShape shape = draw_shape(dtype, block_of(dtype), block_of(dtype));
  case_.ins.push_back(tile(shape));
  case_.out = tile({dtype, shape.cols, shape.rows, shape.valid_cols, shape.valid_rows});
}

bool Drawing::basic_family() {
  if (is({"tadds", "tsubs", "tmuls", "tdivs", "tmaxs", "tmins"}))
    with_scalar();
  else if (is({"tadd", "tsub", "tmul", "tdiv", "tmax", "tmin"}))
    elementwise(2);
  else if (is({"tcvt"}))
    conversion();
  else if (is({"trowsum", "trowmax"}))
    reduction();
  else if (is({"trowexpand"}))
    row_expand();
  else if (case_.op.starts_with("trowexpand"))
    row_expand_binary();
  else if (case_.op.starts_with("tcolexpand"))
    column_expand();
  else if (case_.op.starts_with("tfillpad"))
    fill_pad();
  else if (case_.property == "tgather")
    gather();
  else if (is({"tconcat"}))
    concatenate();
  else if (is({"ttrans"}))
    transpose();
  else if (is({"texpands", "tci"})) {
    elementwise(0);
    // "Linear index" is certain in a single row and in full ones.
    TileShape& shape = case_.out.shape;
    if (case_.op == "tci" && shape.valid_rows > 1 && !chance(6)) shape.valid_cols = shape.cols;
    case_.ins.push_back(scalar(shape.dtype));
    case_.descending = case_.op == "tci" && chance(2);
  } else if (is({"tload", "tstore", "tmov", "tneg", "tabs", "trelu", "texp", "tlog", "tsqrt", "trsqrt", "trecip"}) &&
             case_.property == case_.op) {
    elementwise(1);
  } else {
    return false;
  }
  return true;
}

}  // namespace assay::device
