// Cases of the cube: matrix products, and moves out of an accumulator (isa 2.1, 2.2, 2.7).
#include "harness/device/op_data.h"
#include "harness/device/op_drawing.h"

namespace assay::device {
namespace {

DType accumulator_of(DType operand) { return operand == DType::i8 ? DType::i32 : DType::f32; }

}  // namespace

// Whole boxes in every layout an operand goes through: 16 rows, 32 bytes of columns, and the transposed box.
TileShape Drawing::boxed(DType dtype, std::int64_t rows, std::int64_t cols, std::int64_t valid_rows,
                         std::int64_t valid_cols) {
  const std::int64_t unit = std::max<std::int64_t>(16, block_of(dtype));
  return {dtype, round_up(rows, unit), round_up(cols, unit), valid_rows, valid_cols};
}

// m, k and n end anywhere in their boxes.
void Drawing::matrix_product() {
  const bool vector = case_.op.starts_with("tgemv");
  const DType dtype = pick({DType::i8, DType::f16, DType::bf16, DType::f32});
  const DType accumulator = accumulator_of(dtype);
  const std::int64_t m = vector ? 1 : 1 + below(2 * limits_.rows), k = 1 + below(24 * limits_.blocks),
                     n = 1 + below(12 * limits_.blocks);
  const auto fill = [&] {
    if (!info(dtype).is_float) return std::string(pick<const char*>({"uniform", "specials", "tagged"}));
    return std::string(pick<const char*>(
        {"normal", "half-integers", "order-sensitive", "normal:scale=0.001", "specials:finite=1", "specials"}));
  };
  const TileShape left = boxed(dtype, m, k, m, k), right = boxed(dtype, k, n, k, n);
  const TileShape out = boxed(accumulator, m, n, m, n);
  if (case_.op.ends_with(".acc")) {
    TileShape start = boxed(dtype, m, n, m, n);
    case_.ins.push_back(tile_of(start, info(dtype).is_float ? "normal" : "uniform"));
  }
  case_.ins.push_back(tile_of(left, fill()));
  case_.ins.push_back(tile_of(right, fill()));
  if (case_.op.ends_with(".bias"))
    case_.ins.push_back(tile_of({accumulator, 1, right.cols, 1, n},
                                accumulator == DType::f32 ? "normal" : "uniform:lo=-100000,hi=100000"));
  case_.out = tile_of(out, "uniform");
}

// fp8 of either kind on either side; scales around 1, anywhere, and NaN.
void Drawing::scaled_product() {
  const auto element = [&] { return pick({DType::e4m3fn, DType::e5m2}); };
  const DType a = element(), b = element();
  const std::int64_t m = case_.op.starts_with("tgemv") ? 1 : 1 + below(2 * limits_.rows),
                     k = 1 + below(48 * limits_.blocks), n = 1 + below(12 * limits_.blocks);
  const std::int64_t rows = round_up(m, 16), depth = round_up(k, 64), cols = round_up(n, 32), blocks = (k + 31) / 32;
  const auto fill = [&] {
    return std::string(pick<const char*>(
        {"normal", "half-integers", "order-sensitive", "normal:scale=0.01", "specials:finite=1", "specials"}));
  };
  const auto scale = [&] {
    return std::string(pick<const char*>({"uniform:lo=120,hi=134", "uniform:lo=120,hi=134", "constant:127",
                                          "uniform:lo=60,hi=190", "choice:127|126|130|127|125|255"}));
  };
  const TileShape out{DType::f32, rows, cols, m, n};
  if (case_.op.ends_with(".acc")) case_.ins.push_back(tile_of(out, "normal"));
  case_.ins.push_back(tile_of({a, rows, depth, m, k}, fill()));
  case_.ins.push_back(tile_of({DType::e8m0, rows, depth / 32, m, blocks}, scale()));
  case_.ins.push_back(tile_of({b, depth, cols, k, n}, fill()));
  case_.ins.push_back(tile_of({DType::e8m0, depth / 32, cols, blocks, n}, scale()));
  if (case_.op.ends_with(".bias")) case_.ins.push_back(tile_of({DType::f32, 1, cols, 1, n}, "normal"));
  case_.out = tile_of(out, "uniform");
}

// Operands 0 and 1 make the accumulator: i8 by any product, f32 by one with the identity.
void Drawing::accumulator_move() {
  const bool integers = chance(2);
  const DType operand = integers ? DType::i8 : DType::f32, accumulator = accumulator_of(operand);
  const std::int64_t m = 1 + below(2 * limits_.rows), n = 1 + below(12 * limits_.blocks);
  const std::int64_t k = integers ? 1 + below(12 * limits_.blocks) : n;
  case_.ins.push_back(tile_of(boxed(operand, m, k, m, k),
                              integers ? "uniform"
                                       : pick<const char*>({"normal", "uniform:lo=-200,hi=200", "half-integers", "ties",
                                                            "normal:scale=100000"})));
  case_.ins.push_back(tile_of(boxed(operand, k, n, k, n), integers ? "uniform" : "@identity"));
  const bool quantises = chance(2) || (integers && chance(2));
  DType to = accumulator;
  if (quantises)
    to = integers ? pick({DType::f16, DType::i8, DType::u8, DType::i16})
                  : pick({DType::i8, DType::u8, DType::f16, DType::bf16});
  else if (!integers)
    to = pick({DType::f32, DType::f16, DType::bf16});
  const bool window = is({"textract", "tinsert"});
  TileShape out = boxed(DType::i8, m, n, m, n);
  std::int64_t row = 0, column = 0;
  if (case_.op == "textract") {
    // The window starts at a box and ends in the accumulator.
    row = 16 * below((m + 15) / 16);
    column = 32 * below((n + 31) / 32);
    out = boxed(DType::i8, m - row, n - column, m - row, n - column);
  } else if (case_.op == "tinsert") {
    row = 16 * below(3);
    column = 32 * below(3);
    out = boxed(DType::i8, row + m, column + n, 0, 0);
    out.valid_rows = out.rows;
    out.valid_cols = out.cols;
    case_.accumulates = true;
  }
  out.dtype = to;
  case_.out = tile_of(out, "uniform");
  if (window) {
    case_.ins.push_back(scalar_of(DType::i64, fmt::format("constant:{}", row)));
    case_.ins.push_back(scalar_of(DType::i64, fmt::format("constant:{}", column)));
  }
  if (quantises) {
    const std::string words = fmt::format("@words:{}", name(to));
    if (chance(2))
      case_.ins.push_back(scalar_of(DType::i64, words));
    else
      case_.ins.push_back(tile_of({DType::i64, 1, round_up(n, 16), 1, n}, words));
  }
  if (chance(3)) case_.behind.emplace_back("reluPreMode", "normal_relu");
}

bool Drawing::cube_family() {
  if (case_.op.starts_with("tmatmul") || case_.op.starts_with("tgemv"))
    case_.op.find(".mx") != std::string::npos ? scaled_product() : matrix_product();
  else if (is({"textract", "tinsert"}) || case_.property.ends_with("/acc"))
    accumulator_move();
  else
    return false;
  return true;
}

}  // namespace assay::device
