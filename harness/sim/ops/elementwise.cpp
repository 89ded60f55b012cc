// Operators of two operands over the destination's valid rectangle: tile and tile, tile and scalar, and the row- and
// column-expanded forms. One body; the forms differ in where the second operand comes from (pto-format 3.3, isa 2.3,
// 2.4).
#include <algorithm>

#include "harness/sim/ops/arithmetic.h"
#include "harness/sim/ops/lane_ops.h"
#include "harness/sim/ops/spread.h"
#include "harness/sim/ops/table.h"

namespace assay::sim {
namespace {

using pto::OpCode;

// exp(a - b), the difference rounded to the element type as the subtraction's result is [assumed] (isa 2.4).
struct ExpDif {
  static float apply(float a, float b) { return exp_f32(a - b); }
};
struct ExpDifHalf {
  static float apply(float a, float b) { return exp_f32(f16_value(f16_nearest(a - b))); }
};

template <class Op, class T>
void apply_rows(const Spread& a, const Spread& b, Extent extent, T* target) {
  for (std::int64_t row = 0; row < extent.rows; ++row, target += extent.cols) {
    const T* x = reinterpret_cast<const T*>(a.data) + row * a.row_step;
    const T* y = reinterpret_cast<const T*>(b.data) + row * b.row_step;
    if (a.each_column && b.each_column && a.block == 0 && b.block == 0)
      for (std::int64_t col = 0; col < extent.cols; ++col) target[col] = Op::apply(x[col], y[col]);
    else if (a.each_column && a.block == 0 && !b.each_column)
      for (std::int64_t col = 0; col < extent.cols; ++col) target[col] = Op::apply(x[col], *y);
    else
      for (std::int64_t col = 0; col < extent.cols; ++col) target[col] = Op::apply(x[a.column(col)], y[b.column(col)]);
  }
}

// The same for operators with a loop over lanes.
template <class Op>
void apply_lanes(const Spread& a, const Spread& b, Extent extent, float* target) {
  const auto *x = reinterpret_cast<const float*>(a.data), *y = reinterpret_cast<const float*>(b.data);
  const bool a_full = a.each_column && a.block == 0, b_full = b.each_column && b.block == 0;
  if (a_full && b_full && a.row_step == extent.cols && b.row_step == extent.cols)
    return lanes::binary(*kLanes<Op>, x, y, target, extent.rows * extent.cols);
  if ((!a_full && !b_full) || a.block > 0 || b.block > 0) return apply_rows<Op>(a, b, extent, target);
  for (std::int64_t row = 0; row < extent.rows; ++row, target += extent.cols, x += a.row_step, y += b.row_step) {
    if (a_full && b_full)
      lanes::binary(*kLanes<Op>, x, y, target, extent.cols);
    else if (a_full)
      lanes::binary_with(*kLanes<Op>, x, *y, target, extent.cols);
    else
      lanes::binary_from(*kLanes<Op>, *x, y, target, extent.cols);
  }
}

template <class Op, class T>
bool check_domain(Machine& m, const Instruction& i, const Spread& a, const Spread& b, Extent extent) {
  for (std::int64_t row = 0; row < extent.rows; ++row)
    for (std::int64_t col = 0; col < extent.cols; ++col) {
      const T x = reinterpret_cast<const T*>(a.data)[row * a.row_step + a.column(col)];
      const T y = reinterpret_cast<const T*>(b.data)[row * b.row_step + b.column(col)];
      if (Op::defined(x, y)) continue;
      const std::string what = fmt::format("{} of {} by {} at ({},{})", pto::mnemonic(i.code), +x, +y, row, col);
      if (i.operands[1].kind != Kind::tile) return m.fault_at_operand(Op::kRule, what, 1);
      const Tile& tile = m.tile(i.operands[1]);
      return m.fault_at_tile(Op::kRule,
                             fmt::format("{}; the second operand stands at {} 0x{:X}", what, pto::name(tile.space),
                                         tile.address + element_offset(tile, row, col) * element_bytes(tile)),
                             tile);
    }
  return true;
}

template <class Op>
bool apply(Machine& m, const Instruction& i, Spread a, Spread b, Extent extent, std::byte* out) {
  const DType dtype = destination(m, i).dtype;
  if (!info(dtype).is_float) {
    if constexpr (kTakesIntegers<Op>)
      return visit_integer(dtype, [&](auto type) {
        using T = decltype(type);
        if constexpr (kHasDomain<Op>)
          if (!check_domain<Op, T>(m, i, a, b, extent)) return false;
        apply_rows<Op>(a, b, extent, reinterpret_cast<T*>(out));
        return true;
      });
    return false;
  }
  if constexpr (kTakesFloats<Op>) {
    a.data = reinterpret_cast<const std::byte*>(widen(m, dtype, a.data, a.count, 0));
    b.data = reinterpret_cast<const std::byte*>(widen(m, dtype, b.data, b.count, 1));
    auto* values = reinterpret_cast<float*>(out);
    if (std::is_same_v<Op, ExpDif> && dtype == DType::f16)
      apply_rows<ExpDifHalf>(a, b, extent, values);
    else if constexpr (kLanes<Op>.has_value())
      apply_lanes<Op>(a, b, extent, values);
    else
      apply_rows<Op>(a, b, extent, values);
    if (dtype == DType::f32) flush(m, values, extent.rows * extent.cols);
    narrow(dtype, values, extent.rows * extent.cols, out);
  }
  return true;
}

template <class Op>
bool run(Machine& m, const Instruction& i, const Spread& a, const Spread& b) {
  const Tile& d = destination(m, i);
  const Extent extent{d.valid_rows, d.valid_cols};
  if (d.dtype == DType::f32 && !m.profile().flush_subnormals) {
    const auto source = [&](const Spread& s) {
      return SourceBytes{s.data, s.count * 4, s.each_column && s.block == 0 && s.row_step == extent.cols};
    };
    const SourceBytes sources[] = {source(a), source(b)};
    if (std::byte* out = result_in_place(m, d, extent.rows, extent.cols, sources))
      return apply<Op>(m, i, a, b, extent, out) && finish_in_place(m, d, extent.rows, extent.cols, out);
  }
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(extent.rows * extent.cols * 8, 8));
  return apply<Op>(m, i, a, b, extent, out) && finish(m, d, extent.rows, extent.cols, out);
}

template <class Op>
bool elementwise(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  Spread spreads[2];
  for (std::size_t k = 0; k < 2; ++k)
    if (!spread_operand(m, i, k, d.dtype, {d.valid_rows, d.valid_cols}, spreads[k])) return false;
  return run<Op>(m, i, spreads[0], spreads[1]);
}

template <class Op>
bool row_expanded(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  Spread spreads[2];
  std::size_t expanded = 0;
  if (!find_row_operand(m, i, expanded) || !read_row_operand(m, i, expanded, spreads[expanded])) return false;
  const std::size_t full = 1 - expanded;
  if (!spread_tile(m, m.tile(i.operands[full]), {d.valid_rows, d.valid_cols}, full, spreads[full])) return false;
  return run<Op>(m, i, spreads[0], spreads[1]);
}

template <class Op>
bool column_expanded(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  Spread full, line;
  if (!spread_tile(m, m.tile(i.operands[0]), {d.valid_rows, d.valid_cols}, 0, full)) return false;
  const std::int64_t needed = d.valid_rows == 0 ? 0 : 1;
  if (!spread_tile(m, m.tile(i.operands[1]), {needed, d.valid_cols}, 1, line)) return false;
  line.row_step = 0;
  return run<Op>(m, i, full, line);
}

Body plain_body(OpCode code) {
  switch (code) {
    case OpCode::tadd:
    case OpCode::tadds:
      return elementwise<Add>;
    case OpCode::tsub:
    case OpCode::tsubs:
      return elementwise<Subtract>;
    case OpCode::tmul:
    case OpCode::tmuls:
      return elementwise<Multiply>;
    case OpCode::tdiv:
    case OpCode::tdivs:
      return elementwise<Divide>;
    case OpCode::tmax:
    case OpCode::tmaxs:
      return elementwise<Maximum>;
    case OpCode::tmin:
    case OpCode::tmins:
      return elementwise<Minimum>;
    case OpCode::tand:
    case OpCode::tands:
      return elementwise<And>;
    case OpCode::tor:
    case OpCode::tors:
      return elementwise<Or>;
    case OpCode::txor:
    case OpCode::txors:
      return elementwise<Xor>;
    case OpCode::tshl:
    case OpCode::tshls:
      return elementwise<ShiftLeft>;
    case OpCode::tshr:
    case OpCode::tshrs:
      return elementwise<ShiftRight>;
    case OpCode::trem:
    case OpCode::trems:
      return elementwise<Remainder>;
    case OpCode::tfmod:
    case OpCode::tfmods:
      return elementwise<Fmod>;
    case OpCode::tpow:
    case OpCode::tpows:
      return elementwise<Power>;
    case OpCode::tprelu:
    case OpCode::tlrelu:
      return elementwise<Prelu>;
    default:
      return nullptr;
  }
}

Body expanded_body(OpCode code) {
  switch (code) {
    case OpCode::trowexpandadd:
      return row_expanded<Add>;
    case OpCode::trowexpandsub:
      return row_expanded<Subtract>;
    case OpCode::trowexpandmul:
      return row_expanded<Multiply>;
    case OpCode::trowexpanddiv:
      return row_expanded<Divide>;
    case OpCode::trowexpandmax:
      return row_expanded<Maximum>;
    case OpCode::trowexpandmin:
      return row_expanded<Minimum>;
    case OpCode::trowexpandexpdif:
      return row_expanded<ExpDif>;
    case OpCode::tcolexpandadd:
      return column_expanded<Add>;
    case OpCode::tcolexpandsub:
      return column_expanded<Subtract>;
    case OpCode::tcolexpandmul:
      return column_expanded<Multiply>;
    case OpCode::tcolexpanddiv:
      return column_expanded<Divide>;
    case OpCode::tcolexpandmax:
      return column_expanded<Maximum>;
    case OpCode::tcolexpandmin:
      return column_expanded<Minimum>;
    case OpCode::tcolexpandexpdif:
      return column_expanded<ExpDif>;
    default:
      return nullptr;
  }
}

}  // namespace

Body elementwise_body(OpCode code) {
  const Body body = plain_body(code);
  return body ? body : expanded_body(code);
}

}  // namespace assay::sim
