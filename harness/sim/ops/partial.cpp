// Partial shapes: where both sources have an element the operator combines them, where one has, it wins (isa 2.3). One
// source covers the destination, the other is no larger; anything else the device refuses.
#include <algorithm>

#include "harness/sim/ops/arithmetic.h"
#include "harness/sim/ops/table.h"

namespace assay::sim {
namespace {

using pto::OpCode;

bool covers(const Tile& tile, std::int64_t row, std::int64_t col) { return row < tile.valid_rows && col < tile.valid_cols; }

bool check_shapes(Machine& m, const Tile& d, const Tile& a, const Tile& b) {
  const auto same = [&](const Tile& t) { return t.valid_rows == d.valid_rows && t.valid_cols == d.valid_cols; };
  const auto inside = [&](const Tile& t) { return t.valid_rows <= d.valid_rows && t.valid_cols <= d.valid_cols; };
  if (inside(a) && inside(b) && (same(a) || same(b))) return true;
  return m.fault_at_tile("valid-mismatch",
                         fmt::format("valid shapes {}x{} and {}x{}: one must be the destination's {}x{}, the other lie "
                                     "inside it (isa 2.3)",
                                     a.valid_rows, a.valid_cols, b.valid_rows, b.valid_cols, d.valid_rows,
                                     d.valid_cols),
                         same(a) || inside(a) ? b : a);
}

bool pair_shapes(Machine& m, const Tile& value, const Tile& index) {
  if (value.valid_rows == index.valid_rows && value.valid_cols == index.valid_cols) return true;
  return m.fault_at_tile("valid-mismatch",
                         fmt::format("{} valid values in the {}, {} valid indices in the {}",
                                     fmt::format("{}x{}", value.valid_rows, value.valid_cols), describe(value),
                                     fmt::format("{}x{}", index.valid_rows, index.valid_cols), describe(index)),
                         index);
}

template <class Op, class T>
void combine(const Tile& d, const Tile& a, const Tile& b, const T* x, const T* y, T* out) {
  for (std::int64_t row = 0; row < d.valid_rows; ++row)
    for (std::int64_t col = 0; col < d.valid_cols; ++col, ++out) {
      const bool in_a = covers(a, row, col), in_b = covers(b, row, col);
      const T left = in_a ? x[row * a.valid_cols + col] : T{}, right = in_b ? y[row * b.valid_cols + col] : T{};
      *out = in_a && in_b ? Op::apply(left, right) : in_a ? left : right;
    }
}

template <class Op>
bool partial(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &a = m.tile(i.operands[0]), &b = m.tile(i.operands[1]), &d = destination(m, i);
  if (!check_shapes(m, d, a, b)) return false;
  const std::byte* x = m.read(a, a.valid_rows, a.valid_cols, 0);
  const std::byte* y = x ? m.read(b, b.valid_rows, b.valid_cols, 1) : nullptr;
  if (!y) return false;
  const std::int64_t count = d.valid_rows * d.valid_cols;
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(count * 8, 8));
  if (info(d.dtype).is_float) {
    auto* values = reinterpret_cast<float*>(out);
    const float* left = widen(m, d.dtype, x, a.valid_rows * a.valid_cols, 0);
    combine<Op>(d, a, b, left, widen(m, d.dtype, y, b.valid_rows * b.valid_cols, 1), values);
    if (d.dtype == DType::f32) flush(m, values, count);
    narrow(d.dtype, values, count, out);
  } else {
    visit_integer(d.dtype, [&](auto type) {
      using T = decltype(type);
      combine<Op>(d, a, b, reinterpret_cast<const T*>(x), reinterpret_cast<const T*>(y), reinterpret_cast<T*>(out));
      return true;
    });
  }
  return finish(m, d, d.valid_rows, d.valid_cols, out);
}

// ins(value 0, value 1, index 0, index 1) outs(value, index). src0 wins where it is strictly better, else src1: ties
// and NaN go to src1 [assumed], as the public description of the instruction writes it.
template <bool kMax>
bool partial_arg(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &a = m.tile(i.operands[0]), &b = m.tile(i.operands[1]), &d = destination(m, i);
  const Tile &ia = m.tile(i.operands[2]), &ib = m.tile(i.operands[3]), &di = destination(m, i, 1);
  if (!check_shapes(m, d, a, b) || !pair_shapes(m, a, ia) || !pair_shapes(m, b, ib) || !pair_shapes(m, d, di))
    return false;
  const auto width = static_cast<std::size_t>(element_bytes(d)), index_width = static_cast<std::size_t>(element_bytes(di));
  const Tile* sources[] = {&a, &b, &ia, &ib};
  std::vector<std::byte> copies[4];  // more sources than stages
  for (std::size_t k = 0; k < 4; ++k) {
    const std::byte* data = m.read(*sources[k], sources[k]->valid_rows, sources[k]->valid_cols, 0);
    if (!data) return false;
    copies[k].assign(data, data + sources[k]->valid_rows * sources[k]->valid_cols * element_bytes(*sources[k]));
  }
  const std::int64_t count = d.valid_rows * d.valid_cols;
  std::byte* values = m.staging(2, std::max<std::int64_t>(count * 8, 8));
  std::byte* indices = m.staging(kOutputStage, std::max<std::int64_t>(count * 8, 8));
  const auto choose = [&](auto* x, auto* y) {
    for (std::int64_t row = 0, k = 0; row < d.valid_rows; ++row)
      for (std::int64_t col = 0; col < d.valid_cols; ++col, ++k) {
        const std::int64_t at_a = row * a.valid_cols + col, at_b = row * b.valid_cols + col;
        const bool in_a = covers(a, row, col), in_b = covers(b, row, col);
        const bool first = in_a && (!in_b || (kMax ? x[at_a] > y[at_b] : x[at_a] < y[at_b]));
        const auto from = static_cast<std::size_t>(first ? at_a : at_b), to = static_cast<std::size_t>(k);
        std::memcpy(values + to * width, copies[first ? 0 : 1].data() + from * width, width);
        std::memcpy(indices + to * index_width, copies[first ? 2 : 3].data() + from * index_width, index_width);
      }
    return true;
  };
  if (info(d.dtype).is_float)
    choose(widen(m, d.dtype, copies[0].data(), a.valid_rows * a.valid_cols, 0),
           widen(m, d.dtype, copies[1].data(), b.valid_rows * b.valid_cols, 1));
  else
    visit_integer(d.dtype, [&](auto type) {
      using T = decltype(type);
      return choose(reinterpret_cast<const T*>(copies[0].data()), reinterpret_cast<const T*>(copies[1].data()));
    });
  return finish(m, d, d.valid_rows, d.valid_cols, values) && finish(m, di, d.valid_rows, d.valid_cols, indices);
}

}  // namespace

Body partial_body(OpCode code) {
  switch (code) {
    case OpCode::tpartadd:
      return partial<Add>;
    case OpCode::tpartmul:
      return partial<Multiply>;
    case OpCode::tpartmax:
      return partial<Maximum>;
    case OpCode::tpartmin:
      return partial<Minimum>;
    case OpCode::tpartargmax:
      return partial_arg<true>;
    case OpCode::tpartargmin:
      return partial_arg<false>;
    default:
      return nullptr;
  }
}

}  // namespace assay::sim
