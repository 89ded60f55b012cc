// Cases of the vector operations of tiers T5 and T6 that read elements in place.
#include "harness/device/op_drawing.h"

namespace assay::device {

// The amounts lie in the width: others are a broken rule.
void Drawing::shift() {
  elementwise(is({"tshl", "tshr"}) ? 2 : 1);
  const DType dtype = case_.out.shape.dtype;
  const std::string inside = fmt::format("uniform:lo=0,hi={}", info(dtype).bits - 1);
  if (case_.ins.size() == 1)
    case_.ins.push_back(scalar_of(dtype, inside));
  else
    case_.ins[1].fill = inside;
}

// Integers are divided by what is not 0.
void Drawing::remainder() {
  elementwise(is({"trem", "tfmod"}) ? 2 : 1);
  const DType dtype = case_.out.shape.dtype;
  const std::string divisor =
      info(dtype).is_float ? draw_fill(dtype) : pick<const char*>({"choice:1|-1|7|-3|100", "uniform:lo=1,hi=99"});
  if (case_.ins.size() == 1)
    case_.ins.push_back(scalar_of(dtype, divisor));
  else
    case_.ins[1].fill = divisor;
}

void Drawing::column_reduction() {
  const DType dtype = draw_dtype();
  const TileShape shape = draw_shape(dtype, 1, block_of(dtype));
  TileShape row = shape;
  row.rows = row.valid_rows = 1;
  case_.ins.push_back(tile(shape));
  case_.out = tile(row);
  if (case_.op == "tcolsum" && chance(2)) {
    case_.inside.emplace_back("isBinary", chance(2) ? "true" : "false");
    case_.scratch_at = 1;
  }
}

// Indices have the width of the values, or 32 bits.
void Drawing::place_of_extremum() {
  const DType dtype = pick({DType::f32, DType::f16});
  const DType index = pick({DType::i32, DType::u32});
  const bool by_row = case_.op.starts_with("trow");
  const TileShape shape = draw_shape(dtype, by_row ? 8 : 1, std::max(block_of(dtype), block_of(index)));
  const std::string fill =
      pick<const char*>({"normal", "normal:scale=1000", "specials:finite=1", "uniform:lo=-90,hi=90", "specials"});
  case_.ins.push_back(tile_of(shape, fill));
  if (by_row)
    case_.out = column(index, shape.rows, shape.valid_rows);
  else
    case_.out = tile({index, 1, shape.cols, 1, shape.valid_cols});
}

// A mask has a bit for every element: a row of bytes for a row of elements.
void Drawing::compare() {
  const DType dtype = pick({DType::f32, DType::f16, DType::i32, DType::i16});
  const TileShape shape = draw_shape(dtype, 1, block_of(dtype));
  case_.ins.push_back(tile(shape));
  if (case_.op == "tcmp")
    case_.ins.push_back(tile(shape));
  else
    case_.ins.push_back(scalar(dtype));
  // Equal elements are rare among random numbers.
  if (chance(3))
    for (OpOperand& in : case_.ins) in.fill = "choice:0|1|2|-1";
  case_.inside.emplace_back("cmpMode", pick<const char*>({"eq", "ne", "lt", "le", "gt", "ge"}));
  case_.out = tile({pick({DType::u8, DType::i8}), shape.rows, round_up((shape.cols + 7) / 8, 32), shape.valid_rows,
                    (shape.valid_cols + 7) / 8});
}

void Drawing::select() {
  const DType dtype = pick({DType::f32, DType::f16, DType::i32, DType::i16});
  const TileShape shape = draw_shape(dtype, 1, block_of(dtype));
  case_.ins.push_back(tile_of({pick({DType::u8, DType::i8}), shape.rows, round_up((shape.cols + 7) / 8, 32),
                               shape.valid_rows, (shape.valid_cols + 7) / 8},
                              "uniform"));
  case_.ins.push_back(tile(shape));
  if (case_.op == "tsel")
    case_.ins.push_back(tile(shape));
  else
    case_.ins.push_back(scalar(dtype));
  case_.out = tile(shape);
}

void Drawing::three_operands() {
  elementwise(3);
  if (is({"taddsc", "tsubsc"})) {
    case_.ins[1] = scalar(case_.out.shape.dtype);
    case_.in_place = false;
  }
}

void Drawing::accumulation() {
  elementwise(case_.op == "taxpy" ? 1 : 2);
  if (case_.op == "taxpy") case_.ins.push_back(scalar(case_.out.shape.dtype));
  case_.in_place = false;
  case_.accumulates = true;
  case_.out.fill = draw_fill(case_.out.shape.dtype);
}

void Drawing::half_result() {
  const bool integers = case_.op == "tadddeqrelu";
  TileShape shape = draw_shape(integers ? DType::i32 : DType::f32, 1, 16);
  const std::string fill = integers ? pick<const char*>({"uniform:lo=-1000,hi=100000", "normal:scale=40", "specials"})
                                    : pick<const char*>({"normal", "uniform:lo=-90,hi=90", "half-integers",
                                                         "normal:scale=0.00001", "specials:finite=1", "ties"});
  case_.ins.push_back(tile_of(shape, fill));
  case_.ins.push_back(tile_of(shape, fill));
  if (integers) case_.ins.push_back(scalar_of(DType::f32, "uniform:lo=0.001,hi=0.5"));
  shape.dtype = DType::f16;
  case_.out = tile(shape);
}

// One operand has the destination's valid shape, the other a smaller one; so have their indices, if any.
void Drawing::partial(std::size_t indices) {
  DType dtype = draw_dtype();
  if (indices > 0) dtype = pick({DType::f32, DType::f16});
  const TileShape whole = draw_shape(dtype, 1, block_of(dtype));
  TileShape part = whole;
  if (!chance(3)) part.valid_rows = below(whole.valid_rows + 1);
  if (!chance(3)) part.valid_cols = below(whole.valid_cols + 1);
  const bool first = chance(2);
  case_.ins = {tile(first ? whole : part), tile(first ? part : whole)};
  case_.out = tile(whole);
  if (indices == 0) return;
  const DType index = dtype == DType::f32 ? pick({DType::i32, DType::u32}) : pick({DType::i16, DType::u16});
  for (std::size_t k = 0; k < indices; ++k) {
    TileShape shape = case_.ins[k].shape;
    shape.dtype = index;
    case_.ins.push_back(tile_of(shape, k == 0 ? "@iota" : "uniform"));
  }
  TileShape shape = whole;
  shape.dtype = index;
  case_.more_outs.push_back(tile(shape));
}

void Drawing::quantise() {
  TileShape shape = draw_shape(DType::f32, chance(2) ? 8 : 1, 32);
  const bool symmetric = chance(2);
  case_.ins.push_back(tile_of(
      shape, pick<const char*>({"half-integers", "uniform:lo=-200,hi=200", "normal:scale=40", "ties", "specials"})));
  case_.ins.push_back(column(DType::f32, shape.rows, shape.valid_rows));
  case_.ins.back().fill = pick<const char*>({"choice:1|0.5|2|0.25", "uniform:lo=0.1,hi=3"});
  if (!symmetric) {
    case_.ins.push_back(case_.ins.back());
    case_.ins.back().fill = pick<const char*>({"choice:0|3|128|-7", "uniform:lo=0,hi=200"});
  }
  case_.behind.emplace_back("quant_type", symmetric ? "INT8_SYM" : "INT8_ASYM");
  shape.dtype = symmetric ? DType::i8 : DType::u8;
  case_.out = tile(shape);
}

// Whole blocks of 32 along the rows or down the columns.
void Drawing::quantise_blocks() {
  const bool down = chance(2);
  const std::int64_t rows = down ? 32 * (1 + below(2)) : 1 + below(limits_.rows);
  const std::int64_t cols = down ? 1 + below(16 * limits_.blocks) : 32 * (1 + below(limits_.blocks));
  const TileShape source{DType::f32, rows, round_up(cols, 32), rows, cols};
  case_.ins.push_back(tile_of(source, pick<const char*>({"normal", "normal:scale=1000", "half-integers", "ties",
                                                         "normal:scale=0.0001", "specials:finite=1", "specials"})));
  TileShape out = source;
  out.dtype = pick({DType::e4m3fn, DType::i8, DType::u8});
  case_.out = tile_of(out, out.dtype == DType::e4m3fn ? "normal" : "uniform");
  const std::int64_t block_rows = down ? rows / 32 : rows, block_cols = down ? cols : cols / 32;
  for (const DType dtype : {DType::u8, DType::f32, DType::f32})
    case_.more_outs.push_back(tile({dtype, block_rows, round_up(block_cols, block_of(dtype)), block_rows, block_cols}));
  case_.behind.emplace_back("quant_type", "MXFP8");
  if (down || chance(2)) case_.behind.emplace_back("grpAxis", down ? "axis0" : "axis1");
  if (chance(2)) case_.behind.emplace_back("quantScaleAlg", chance(2) ? "nv" : "ocp");
}

void Drawing::dequantise() {
  TileShape shape = draw_shape(pick({DType::i8, DType::i16}), chance(2) ? 8 : 1, 32);
  case_.ins.push_back(tile_of(shape, pick<const char*>({"uniform", "specials", "normal:scale=40"})));
  case_.ins.push_back(column(DType::f32, shape.rows, shape.valid_rows));
  case_.ins.push_back(case_.ins.back());
  case_.ins[1].fill = pick<const char*>({"uniform:lo=0.001,hi=0.2", "normal", "specials:finite=1"});
  case_.ins[2].fill = pick<const char*>({"choice:0|3|-7|128", "normal:scale=40"});
  shape.dtype = DType::f32;
  case_.out = tile(shape);
}

bool Drawing::vector_family() {
  if (is({"tand", "tor", "txor", "taddrelu", "tsubrelu", "tpow", "tprelu"}))
    elementwise(2);
  else if (is({"tands", "tors", "txors", "tpows", "tlrelu"}))
    with_scalar();
  else if (is({"tshl", "tshr", "tshls", "tshrs"}))
    shift();
  else if (is({"trem", "trems", "tfmod", "tfmods"}))
    remainder();
  else if (is({"trowmin", "trowprod"}))
    reduction();
  else if (is({"tcolsum", "tcolmax", "tcolmin", "tcolprod"}))
    column_reduction();
  else if (is({"trowargmax", "trowargmin", "tcolargmax", "tcolargmin"}))
    place_of_extremum();
  else if (is({"tcmp", "tcmps"}))
    compare();
  else if (is({"tsel", "tsels"}))
    select();
  else if (is({"taddc", "tsubc", "taddsc", "tsubsc"}))
    three_operands();
  else if (is({"tmuladddst", "tfusedmuladd", "tfusedmuladdrelu", "taxpy"}))
    accumulation();
  else if (is({"taddreluconv", "tsubreluconv", "tadddeqrelu"}))
    half_result();
  else if (is({"tpartadd", "tpartmul", "tpartmax", "tpartmin"}))
    partial(0);
  else if (is({"tpartargmax", "tpartargmin"}))
    partial(2);
  else if (is({"tquant.mx"}))
    quantise_blocks();
  else if (is({"tquant"}))
    quantise();
  else if (is({"tdequant"}))
    dequantise();
  else
    return false;
  return true;
}

}  // namespace assay::device
