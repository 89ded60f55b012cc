// Reductions of rows into the destination's one column and of columns into its one row (pto-isa 2.4, 2.8).
//
// A row's sum is an f32 sum in an order every profile with these chunks allows: chunks in ascending order, inside a
// chunk the upper half is added onto the lower one until one element is left, as the device's vadd trees do. A column's
// is the same with isBinary, the pairwise tree, and goes down the rows without [assumed]. f16 is summed in f32 and
// rounded once. Products go the way of sums. Integers wrap.
#include <algorithm>

#include "harness/sim/ops/arithmetic.h"
#include "harness/sim/ops/lane_ops.h"
#include "harness/sim/ops/table.h"

namespace assay::sim {
namespace {

using pto::OpCode;

constexpr std::int64_t kDefaultChunk = 512;

// How the elements of a line are combined.
struct Order {
  bool sequential = false;
  std::int64_t chunk = kDefaultChunk;
};

Order order_of(const Profile& profile) {
  const bool chunked = profile.sum_order == SumOrder::chunked && profile.sum_chunk > 0;
  return {profile.sum_order == SumOrder::sequential, chunked ? profile.sum_chunk : kDefaultChunk};
}

constexpr std::int64_t kWorthLanes = 16;  // shorter loops cost less than their dispatch

// Destroys x[0, n); n > 0.
template <class Op, class T>
T halving(T* x, std::int64_t n) {
  while (n > 1) {
    const std::int64_t half = (n + 1) / 2;
    if constexpr (std::is_same_v<T, float>) {
      if (n - half >= kWorthLanes) {
        lanes::binary(*kLanes<Op>, x, x + half, x, n - half);
        n = half;
        continue;
      }
    }
    for (std::int64_t k = 0; k < n - half; ++k) x[k] = Op::apply(x[k], x[half + k]);
    n = half;
  }
  return x[0];
}

template <class Op, class T>
T sequential(const T* x, std::int64_t n) {
  T result = x[0];
  for (std::int64_t k = 1; k < n; ++k) result = Op::apply(result, x[k]);
  return result;
}

template <class Op, class T>
T combine(const Order& order, T* x, std::int64_t n) {
  if (order.sequential) return sequential<Op>(x, n);
  T total = halving<Op>(x, std::min(order.chunk, n));
  for (std::int64_t begin = order.chunk; begin < n; begin += order.chunk)
    total = Op::apply(total, halving<Op>(x + begin, std::min(order.chunk, n - begin)));
  return total;
}

// The lines that are reduced: `count` of `length` elements.
struct Lines {
  const std::byte* data = nullptr;
  std::int64_t count = 0, length = 0;
  bool by_column = false;

  bool empty() const { return count == 0 || length == 0; }
  // Element k of a line.
  std::int64_t at(std::int64_t line, std::int64_t k) const {
    return by_column ? k * count + line : line * length + k;
  }
};

bool open_lines(Machine& m, const Instruction& i, bool by_column, Lines& lines) {
  if (!enter_tile_op(m, i)) return false;
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i);
  const std::int64_t across = by_column ? d.valid_rows : d.valid_cols;
  if (across > 1)
    return m.fault_at_tile("valid-mismatch",
                           fmt::format("the {} has {} valid {}, a reduction has one result per {}", describe(d), across,
                                       by_column ? "rows" : "columns", by_column ? "column" : "row"),
                           d);
  lines.by_column = by_column;
  lines.count = across == 0 ? 0 : by_column ? d.valid_cols : d.valid_rows;
  lines.length = by_column ? s.valid_rows : s.valid_cols;
  lines.data = by_column ? m.read(s, lines.length, lines.count, 0) : m.read(s, lines.count, lines.length, 0);
  return lines.data != nullptr;
}

bool finish_lines(Machine& m, const Tile& d, const Lines& lines, const std::byte* out) {
  return lines.by_column ? finish(m, d, 1, lines.count, out) : finish(m, d, lines.count, 1, out);
}

bool finish_empty(Machine& m, const Instruction& i) {
  for (std::size_t k = i.ins; k < i.operands.size(); ++k)
    m.trace_tile(m.tile(i.operands[k]), 0, 0, m.staging(kOutputStage, 8));
  return true;
}

// The elements of the lines as T, floats widened; then visit(T*) for the output.
template <class Visitor>
bool visit_elements(Machine& m, DType dtype, const Lines& lines, const Visitor& visit) {
  if (info(dtype).is_float) return visit(widen(m, dtype, lines.data, lines.count * lines.length, 0));
  return visit_integer(dtype, [&](auto type) { return visit(reinterpret_cast<const decltype(type)*>(lines.data)); });
}

// Extremes of rows, which do not depend on the order, and columns down the rows. False for what else there is.
template <class Op>
bool reduce_floats(const Lines& lines, const Order& order, const float* x, float* out) {
  constexpr bool kExtreme = std::is_same_v<Op, Maximum> || std::is_same_v<Op, Minimum>;
  if (lines.by_column && (order.sequential || kExtreme)) {
    std::copy_n(x, lines.count, out);
    for (std::int64_t k = 1; k < lines.length; ++k) lanes::binary(*kLanes<Op>, out, x + k * lines.count, out, lines.count);
    for (std::int64_t n = 0; n < lines.count; ++n) out[n] = quiet(out[n]);
    return true;
  }
  if (!kExtreme || lines.by_column) return false;
  for (std::int64_t n = 0; n < lines.count; ++n)
    out[n] = quiet(lanes::reduce(*kLanes<Op>, x + n * lines.length, lines.length));
  return true;
}

template <class Op, bool kByColumn>
bool reduce(Machine& m, const Instruction& i) {
  Lines lines;
  if (!open_lines(m, i, kByColumn, lines)) return false;
  if (lines.empty()) return finish_empty(m, i);
  const Tile& d = destination(m, i);
  Order order = order_of(m.profile());
  if (kByColumn) order.sequential = i.immediate != kPairwiseTree;
  std::byte* out = m.staging(kOutputStage, lines.count * 8);
  visit_elements(m, d.dtype, lines, [&](auto* x) {
    using T = std::remove_const_t<std::remove_pointer_t<decltype(x)>>;
    if constexpr (std::is_same_v<T, float>)
      if (reduce_floats<Op>(lines, order, x, reinterpret_cast<float*>(out))) return true;
    auto* line = reinterpret_cast<T*>(m.staging(1, lines.length * 8));
    for (std::int64_t n = 0; n < lines.count; ++n) {
      for (std::int64_t k = 0; k < lines.length; ++k) line[k] = x[lines.at(n, k)];
      const T result = combine<Op>(order, line, lines.length);
      if constexpr (std::is_floating_point_v<T>)
        reinterpret_cast<T*>(out)[n] = quiet(result);
      else
        reinterpret_cast<T*>(out)[n] = result;
    }
    return true;
  });
  if (info(d.dtype).is_float) {
    auto* values = reinterpret_cast<float*>(out);
    if (d.dtype == DType::f32) flush(m, values, lines.count);
    narrow(d.dtype, values, lines.count, out);
  }
  return finish_lines(m, d, lines, out);
}

// Whether the candidate replaces the best so far. NaN wins, as in the reductions by value [assumed]; ties stay with the
// lower index.
template <bool kMax, class T>
bool beats(T candidate, T best) {
  if constexpr (std::is_floating_point_v<T>) {
    if (best != best) return false;
    if (candidate != candidate) return true;
  }
  return kMax ? candidate > best : candidate < best;
}

template <bool kMax, bool kByColumn>
bool arg_reduce(Machine& m, const Instruction& i) {
  Lines lines;
  if (!open_lines(m, i, kByColumn, lines)) return false;
  if (lines.empty()) return finish_empty(m, i);
  const std::size_t outs = i.operands.size() - i.ins;
  const Tile &s = m.tile(i.operands[0]), &d = destination(m, i, outs - 1);
  const auto width = static_cast<std::size_t>(element_bytes(s)), index_width = static_cast<std::size_t>(element_bytes(d));
  std::byte* indices = m.staging(kOutputStage, lines.count * 8);
  std::byte* values = m.staging(2, lines.count * 8);
  const std::byte* elements = lines.data;
  std::vector<std::byte> kept;  // widening overwrites the elements read() staged
  if (outs > 1) {
    kept.assign(elements, elements + static_cast<std::size_t>(lines.count * lines.length) * width);
    elements = kept.data();
  }
  visit_elements(m, s.dtype, lines, [&](auto* x) {
    for (std::int64_t n = 0; n < lines.count; ++n) {
      std::int64_t best = 0;
      for (std::int64_t k = 1; k < lines.length; ++k)
        if (beats<kMax>(x[lines.at(n, k)], x[lines.at(n, best)])) best = k;
      std::memcpy(indices + static_cast<std::size_t>(n) * index_width, &best, index_width);
      if (outs > 1)
        std::memcpy(values + static_cast<std::size_t>(n) * width,
                    elements + static_cast<std::size_t>(lines.at(n, best)) * width, width);
    }
    return true;
  });
  if (outs > 1 && !finish_lines(m, destination(m, i), lines, values)) return false;
  return finish_lines(m, d, lines, indices);
}

}  // namespace

Body reduce_body(OpCode code) {
  switch (code) {
    case OpCode::trowsum:
      return reduce<Add, false>;
    case OpCode::trowprod:
      return reduce<Multiply, false>;
    case OpCode::trowmax:
      return reduce<Maximum, false>;
    case OpCode::trowmin:
      return reduce<Minimum, false>;
    case OpCode::tcolsum:
      return reduce<Add, true>;
    case OpCode::tcolprod:
      return reduce<Multiply, true>;
    case OpCode::tcolmax:
      return reduce<Maximum, true>;
    case OpCode::tcolmin:
      return reduce<Minimum, true>;
    case OpCode::trowargmax:
      return arg_reduce<true, false>;
    case OpCode::trowargmin:
      return arg_reduce<false, false>;
    case OpCode::tcolargmax:
      return arg_reduce<true, true>;
    case OpCode::tcolargmin:
      return arg_reduce<false, true>;
    default:
      return nullptr;
  }
}

}  // namespace assay::sim
