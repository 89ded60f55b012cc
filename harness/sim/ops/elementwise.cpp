// tadd tsub tmul tdiv tmax tmin, their scalar forms, and their row- and column-expanded forms: one body over the
// destination's valid rectangle; the forms differ in where the second operand comes from (pto-format 3.3,
// isa 2.3, 2.4).
#include "harness/sim/ops/elementwise.h"

#include <algorithm>

#include "harness/sim/ops/support.h"
#include "harness/sim/ops/table.h"

namespace assay::sim {
namespace {

using pto::OpCode;

// Integers wrap in their width; floats round to nearest even.
struct Add {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
      return quiet(a + b);
    else
      return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  }
};
struct Subtract {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
      return quiet(a - b);
    else
      return static_cast<T>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
  }
};
struct Multiply {
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
      return quiet(a * b);
    else
      return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
  }
};
struct Divide {
  static float apply(float a, float b) { return quiet(a / b); }
};
struct Maximum {
  template <class T>
  static T apply(T a, T b) {
    return maximum_of(a, b);
  }
};
struct Minimum {
  template <class T>
  static T apply(T a, T b) {
    return minimum_of(a, b);
  }
};

template <class Op, class T>
void apply_rows(const Spread& a, const Spread& b, std::int64_t rows, std::int64_t cols, std::byte* out) {
  auto* target = reinterpret_cast<T*>(out);
  for (std::int64_t row = 0; row < rows; ++row, target += cols) {
    const T* x = reinterpret_cast<const T*>(a.data) + row * a.row_step;
    const T* y = reinterpret_cast<const T*>(b.data) + row * b.row_step;
    if (a.each_column && b.each_column && a.block == 0 && b.block == 0)
      for (std::int64_t col = 0; col < cols; ++col) target[col] = Op::apply(x[col], y[col]);
    else if (a.each_column && a.block == 0 && !b.each_column)
      for (std::int64_t col = 0; col < cols; ++col) target[col] = Op::apply(x[col], *y);
    else
      for (std::int64_t col = 0; col < cols; ++col) target[col] = Op::apply(x[a.column(col)], y[b.column(col)]);
  }
}

template <class Op>
bool apply(Machine& m, DType dtype, Spread a, Spread b, Extent extent, std::byte* out) {
  const std::int64_t count = extent.rows * extent.cols;
  if (!info(dtype).is_float) {
    if constexpr (!std::is_same_v<Op, Divide>)
      return visit_integer(dtype, [&](auto type) {
        apply_rows<Op, decltype(type)>(a, b, extent.rows, extent.cols, out);
        return true;
      });
    return false;
  }
  a.data = reinterpret_cast<const std::byte*>(widen(m, dtype, a.data, a.count, 0));
  b.data = reinterpret_cast<const std::byte*>(widen(m, dtype, b.data, b.count, 1));
  apply_rows<Op, float>(a, b, extent.rows, extent.cols, out);
  auto* values = reinterpret_cast<float*>(out);
  if (dtype == DType::f32) flush(m, values, count);
  narrow(dtype, values, count, out);
  return true;
}

// The elements of a source over the destination's valid rectangle.
bool same_element(Machine& m, const Tile& tile, Extent extent, std::size_t stage, Spread& spread) {
  spread = {m.read(tile, extent.rows, extent.cols, stage), extent.rows * extent.cols, extent.cols, true, 0};
  return spread.data != nullptr;
}

void scalar_element(Machine& m, const Instruction& i, std::size_t operand, DType dtype, std::size_t stage,
                    Spread& spread) {
  const std::uint64_t bits = element_for_tile(m.scalar(i.operands[operand]), i.from_kind, dtype);
  std::byte* data = m.staging(stage, 8);
  std::memcpy(data, &bits, 8);
  spread = {data, 1, 0, false, 0};
}

template <class Op>
bool run(Machine& m, const Instruction& i, const Spread& a, const Spread& b) {
  const Tile& d = destination(m, i);
  const Extent extent{d.valid_rows, d.valid_cols};
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(extent.rows * extent.cols * 8, 8));
  apply<Op>(m, d.dtype, a, b, extent, out);
  return finish(m, d, extent.rows, extent.cols, out);
}

template <class Op>
bool elementwise(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  const Extent extent{d.valid_rows, d.valid_cols};
  Spread spreads[2];
  for (std::size_t k = 0; k < 2; ++k) {
    if (i.operands[k].kind == Kind::scalar)
      scalar_element(m, i, k, d.dtype, k, spreads[k]);
    else if (!same_element(m, m.tile(i.operands[k]), extent, k, spreads[k]))
      return false;
  }
  return run<Op>(m, i, spreads[0], spreads[1]);
}

template <class Op>
bool row_expanded(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  const Extent extent{d.valid_rows, d.valid_cols};
  Spread spreads[2];
  std::size_t expanded = 0;
  if (!find_row_operand(m, i, expanded) || !read_row_operand(m, i, expanded, spreads[expanded])) return false;
  const std::size_t full = 1 - expanded;
  if (!same_element(m, m.tile(i.operands[full]), extent, full, spreads[full])) return false;
  return run<Op>(m, i, spreads[0], spreads[1]);
}

template <class Op>
bool column_expanded(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  const Extent extent{d.valid_rows, d.valid_cols};
  Spread full, line;
  if (!same_element(m, m.tile(i.operands[0]), extent, 0, full)) return false;
  const std::int64_t needed = extent.rows == 0 ? 0 : 1;
  if (!same_element(m, m.tile(i.operands[1]), {needed, extent.cols}, 1, line)) return false;
  line.row_step = 0;
  return run<Op>(m, i, full, line);
}

}  // namespace

Body elementwise_body(OpCode code) {
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
    case OpCode::trowexpandadd:
      return row_expanded<Add>;
    case OpCode::trowexpandsub:
      return row_expanded<Subtract>;
    case OpCode::trowexpandmul:
      return row_expanded<Multiply>;
    case OpCode::trowexpanddiv:
      return row_expanded<Divide>;
    case OpCode::tcolexpandadd:
      return column_expanded<Add>;
    case OpCode::tcolexpandsub:
      return column_expanded<Subtract>;
    case OpCode::tcolexpandmul:
      return column_expanded<Multiply>;
    case OpCode::tcolexpanddiv:
      return column_expanded<Divide>;
    default:
      return nullptr;
  }
}

}  // namespace assay::sim
