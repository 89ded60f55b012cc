// Cases of operations that move elements by indices, sort them or make them (isa 2.1, 2.4).
#include "harness/device/op_drawing.h"

namespace assay::device {

// Every second or every fourth element of a row, or row of a tile.
void Drawing::gather_pattern() {
  const DType dtype = pick({DType::f32, DType::f16, DType::i32, DType::i16});
  const std::string pattern = pick<const char*>({"P0101", "P1010", "P0001", "P0010", "P0100", "P1000", "P1111"});
  const std::int64_t taken = pattern == "P1111" ? 1 : (pattern == "P0101" || pattern == "P1010" ? 2 : 4);
  const std::int64_t unit = block_of(dtype);
  TileShape shape{dtype, 1 + below(limits_.rows), unit * (1 + below(limits_.blocks)), 0, 0};
  shape.valid_rows = draw_valid(shape.rows, 8);
  shape.valid_cols = draw_valid(shape.cols, unit);
  const TileShape wide{dtype, shape.rows, shape.cols * taken, shape.valid_rows, shape.valid_cols * taken};
  case_.ins.push_back(tile(wide));
  case_.out = tile(shape);
  case_.inside.emplace_back("maskPattern", pattern);
}

void Drawing::gather_compare() {
  const DType dtype = pick({DType::f32, DType::f16});
  const TileShape shape = draw_shape(dtype, 8, std::max(block_of(dtype), block_of(DType::i32)));
  // Most elements are found, so that most places are certain.
  const bool equal = chance(2);
  case_.ins.push_back(tile_of(shape, pick<const char*>({"choice:1|1|1|0|-3|1", "choice:1|1|1", "normal"})));
  case_.ins.push_back(scalar_of(dtype, equal ? "constant:1" : "choice:0.5|-1"));
  case_.scratch_at = 2;
  TileShape places = shape;
  places.dtype = DType::i32;
  case_.out = tile(places);
  case_.more_outs.push_back(column(DType::i32, shape.rows, shape.valid_rows));
  case_.behind.emplace_back("cmpMode", equal ? "eq" : "gt");
  if (chance(2)) case_.behind.emplace_back("offset", "7");
}

// Offsets are multiples of the element's size.
void Drawing::gather_bytes() {
  const DType dtype = pick({DType::f32, DType::i32, DType::u32});
  const TileShape source = draw_shape(dtype, 1, block_of(dtype));
  TileShape shape = draw_shape(dtype, 1, 8);
  case_.ins.push_back(tile({dtype, source.rows, source.cols, source.rows, source.cols}));
  case_.out = tile(shape);
  shape.dtype = DType::u32;
  // Below count elements of four bytes: choices of one of eight places.
  const std::int64_t last = source.rows * source.cols - 1;
  std::string offsets = "choice:0";
  for (int k = 0; k < 7; ++k) offsets += fmt::format("|{}", 4 * below(last + 1));
  case_.ins.push_back(tile_of(shape, offsets));
}

// Distinct places of the whole destination.
void Drawing::scatter() {
  const DType dtype = draw_dtype();
  const DType index = info(dtype).bits == 32 ? pick({DType::i32, DType::u32}) : pick({DType::i16, DType::u16});
  TileShape shape = draw_shape(dtype, 1, std::max(block_of(dtype), block_of(index)));
  if (!chance(4)) {
    shape.valid_rows = shape.rows;
    shape.valid_cols = shape.cols;
  }
  case_.ins.push_back(tile(shape));
  const std::int64_t rows = shape.rows + (chance(3) ? below(4) : 0), cols = shape.cols;
  case_.out = tile({dtype, rows, cols, rows, cols});
  shape.dtype = index;
  case_.ins.push_back(tile_of(shape, fmt::format("@permutation:{}", rows * cols)));
}

void Drawing::gather_memory() {
  const DType dtype = draw_dtype();
  TileShape shape = draw_shape(dtype, 8, std::max<std::int64_t>(block_of(dtype), 8));
  const std::int64_t rows = 1 + below(20), cols = shape.cols + below(5);
  case_.ins.push_back(memory_of(dtype, rows, cols, draw_fill(dtype)));
  case_.out = tile(shape);
  if (chance(2)) {
    case_.ins.push_back(
        tile_of({DType::i32, shape.rows, 1, shape.valid_rows, 1}, fmt::format("uniform:lo=0,hi={}", rows - 1), true));
    case_.behind.emplace_back("coalesce", "row");
  } else {
    shape.dtype = DType::i32;
    case_.ins.push_back(tile_of(shape, fmt::format("uniform:lo=0,hi={}", rows * cols - 1)));
    case_.behind.emplace_back("coalesce", "elem");
  }
}

void Drawing::scatter_memory() {
  const DType dtype = pick({DType::f32, DType::f16, DType::bf16, DType::i32, DType::i16, DType::i8, DType::u8});
  TileShape shape = draw_shape(dtype, 8, std::max<std::int64_t>(block_of(dtype), 8));
  const std::int64_t rows = shape.rows + below(6), cols = shape.cols + below(5);
  case_.ins.push_back(tile(shape));
  case_.out = memory_of(dtype, rows, cols, "uniform");
  if (chance(2)) {
    case_.ins.push_back(
        tile_of({DType::i32, shape.rows, 1, shape.valid_rows, 1}, fmt::format("@permutation:{}", rows), true));
    case_.behind.emplace_back("coalesce", "row");
  } else {
    shape.dtype = DType::i32;
    case_.ins.push_back(tile_of(shape, fmt::format("@permutation:{}", rows * cols)));
    case_.behind.emplace_back("coalesce", "elem");
  }
}

// Tails of a block need the scratch tile.
void Drawing::sort_blocks() {
  const DType dtype = draw_dtype();
  const std::int64_t expansion = dtype == DType::f32 ? 2 : 4;
  TileShape shape{dtype, 1 + below(std::min<std::int64_t>(limits_.rows, 6)), 32 * (1 + below(limits_.blocks)), 0, 0};
  shape.valid_rows = draw_valid(shape.rows, 8);
  const bool tail = chance(2);
  shape.valid_cols = tail ? draw_valid(shape.cols, 32) : shape.cols;
  if (tail) case_.scratch_at = 2;
  case_.ins.push_back(tile_of(
      shape, pick<const char*>({"normal", "half-integers", "specials:finite=1", "choice:0|1|-1|2.5", "specials"})));
  case_.out = tile({dtype, shape.rows, expansion * shape.cols, shape.valid_rows, expansion * shape.valid_cols});
  shape.dtype = DType::u32;
  case_.ins.push_back(tile_of(shape, "@iota"));
}

// pto-isa: blocks of a multiple of 64 elements, four to a group.
void Drawing::merge_blocks() {
  const DType dtype = draw_dtype();
  const std::int64_t length = 64 * (1 + below(2)), groups = 1 + below(2);
  const TileShape shape{dtype, 1, 4 * length * groups, 1, 4 * length * groups};
  case_.ins.push_back(tile_of(shape, fmt::format("@pairs:{}", length)));
  case_.ins.push_back(scalar_of(DType::i32, fmt::format("constant:{}", length)));
  case_.out = tile(shape);
}

void Drawing::merge_lists() {
  const DType dtype = draw_dtype();
  const std::int64_t lists = 2 + below(3);
  std::int64_t total = 0;
  for (std::int64_t k = 0; k < lists; ++k) {
    const std::int64_t cols = 64 * (1 + below(2));
    total += cols;
    case_.ins.push_back(tile_of({dtype, 1, cols, 1, cols}, "@pairs"));
  }
  case_.out = tile({dtype, 1, total, 1, total});
  case_.inside.emplace_back("exhausted", "false");
}

void Drawing::interleave() {
  const DType dtype = draw_dtype();
  TileShape shape = draw_shape(dtype, 1, block_of(dtype));
  shape.valid_cols -= shape.valid_cols % 2;
  case_.ins = {tile(shape), tile(shape)};
  case_.out = tile(shape);
  case_.more_outs.push_back(tile(shape));
}

// Small numbers, so that higher bytes agree with those asked for.
void Drawing::histogram() {
  const DType dtype = pick({DType::u16, DType::u32});
  const std::int64_t bytes = info(dtype).bits / 8, byte = below(bytes);
  TileShape shape = draw_shape(dtype, dtype == DType::u16 ? 32 : 1, 32);
  shape.valid_rows = std::max<std::int64_t>(shape.valid_rows, 1);
  shape.valid_cols = std::max<std::int64_t>(shape.valid_cols, 1);
  case_.ins.push_back(tile_of(shape, pick<const char*>({"uniform:lo=0,hi=700", "uniform", "choice:257|258|65793"})));
  const std::int64_t higher = bytes - 1 - byte;
  if (dtype == DType::u16)
    case_.ins.push_back(tile_of({DType::u8, shape.rows, 1, shape.valid_rows, 1}, "choice:0|1", true));
  else
    case_.ins.push_back(tile_of({DType::u8, shape.rows, 32, shape.valid_rows, std::max<std::int64_t>(higher, 1)},
                                pick<const char*>({"constant:0", "choice:0|1"})));
  case_.behind.emplace_back("byte", std::to_string(byte));
  case_.out = tile({DType::u32, shape.rows, 256, shape.valid_rows, 256});
}

bool Drawing::indexed_family() {
  if (case_.property == "tgather/mask")
    gather_pattern();
  else if (case_.property == "tgather/compare")
    gather_compare();
  else if (is({"tgatherb"}))
    gather_bytes();
  else if (is({"tscatter"}))
    scatter();
  else if (is({"mgather"}))
    gather_memory();
  else if (is({"mscatter"}))
    scatter_memory();
  else if (is({"tsort32"}))
    sort_blocks();
  else if (case_.property == "tmrgsort/lists")
    merge_lists();
  else if (is({"tmrgsort"}))
    merge_blocks();
  else if (is({"tinterleave", "tdeinterleave"}))
    interleave();
  else if (is({"thistogram"}))
    histogram();
  else if (is({"ttri"})) {
    elementwise(0);
    case_.ins.push_back(scalar_of(DType::i32, "uniform:lo=-20,hi=20"));
    case_.behind.emplace_back("upperOrLower", chance(2) ? "1" : "0");
  } else if (is({"trandom"})) {
    const DType dtype = pick({DType::i32, DType::u32});
    case_.out = tile(draw_shape(dtype, 1, block_of(dtype)));
    if (chance(3)) {  // several passes of 256 columns
      TileShape& shape = case_.out.shape;
      shape.cols = 128 * (1 + below(5));
      shape.valid_cols = draw_valid(shape.cols, 64);
    }
    // Counters whose low words carry.
    const bool carries = chance(3);
    for (int k = 0; k < 6; ++k)
      case_.ins.push_back(scalar_of(DType::i32, carries && (k == 2 || k == 3) ? "constant:-1" : "uniform"));
    if (chance(2)) case_.inside.emplace_back("rounds", chance(2) ? "7" : "10");
  } else if (is({"tpairreducesum"})) {
    elementwise(1);
    case_.in_place = false;
    TileShape& from = case_.ins[0].shape;
    from.valid_cols -= from.valid_cols % 2;
    case_.out.shape.valid_cols = from.valid_cols / 2;
  } else if (is({"tprefetch"})) {
    elementwise(1);
    const TileShape& shape = case_.out.shape;
    case_.ins[0] = memory_of(shape.dtype, shape.valid_rows, shape.valid_cols, case_.ins[0].fill);
    case_.in_place = false;
  } else {
    return false;
  }
  return true;
}

}  // namespace assay::device
