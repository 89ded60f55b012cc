// Three-operand and fused operations (isa 2.3). Every step rounds to the element type: no contraction (dsv4 1), and
// half precision step by step, as a compiler that keeps wider intermediates fails the public tests (isa 2.8).
#include <algorithm>

#include "harness/sim/ops/arithmetic.h"
#include "harness/sim/ops/spread.h"
#include "harness/sim/ops/table.h"

namespace assay::sim {
namespace {

using pto::OpCode;

// The operators on one element type.
struct SingleSteps {
  using T = float;
  template <class Op>
  static float step(float a, float b) {
    return Op::apply(a, b);
  }
};
struct HalfSteps {
  using T = float;
  template <class Op>
  static float step(float a, float b) {
    return f16_value(f16_nearest(Op::apply(a, b)));
  }
};
template <class Integer>
struct IntegerSteps {
  using T = Integer;
  template <class Op>
  static T step(T a, T b) {
    return Op::apply(a, b);
  }
};

// What becomes of the operands in the order of ins(...), then the destination's earlier element.
struct AddAdd {  // taddc, taddsc
  static constexpr bool kReadsDestination = false;
  template <class S, class T = typename S::T>
  static T apply(T a, T b, T c) {
    return S::template step<Add>(S::template step<Add>(a, b), c);
  }
};
struct SubtractAdd {  // tsubc, tsubsc
  static constexpr bool kReadsDestination = false;
  template <class S, class T = typename S::T>
  static T apply(T a, T b, T c) {
    return S::template step<Add>(S::template step<Subtract>(a, b), c);
  }
};
struct MultiplyAddDestination {  // d = a * b + d; taxpy: d = a * s + d
  static constexpr bool kReadsDestination = true;
  template <class S, class T = typename S::T>
  static T apply(T a, T b, T d) {
    return S::template step<Add>(S::template step<Multiply>(a, b), d);
  }
};
struct MultiplyDestinationAdd {  // d = a * d + b
  static constexpr bool kReadsDestination = true;
  template <class S, class T = typename S::T>
  static T apply(T a, T b, T d) {
    return S::template step<Add>(S::template step<Multiply>(a, d), b);
  }
};
struct MultiplyDestinationAddRelu {
  static constexpr bool kReadsDestination = true;
  template <class S, class T = typename S::T>
  static T apply(T a, T b, T d) {
    return maximum_of(MultiplyDestinationAdd::apply<S>(a, b, d), T{0});
  }
};
struct AddThenRelu {
  static constexpr bool kReadsDestination = false;
  template <class S, class T = typename S::T>
  static T apply(T a, T b, T) {
    return maximum_of(S::template step<Add>(a, b), T{0});
  }
};
struct SubtractThenRelu {
  static constexpr bool kReadsDestination = false;
  template <class S, class T = typename S::T>
  static T apply(T a, T b, T) {
    return maximum_of(S::template step<Subtract>(a, b), T{0});
  }
};

template <class Op, class S>
void apply_rows(const Spread (&s)[3], Extent extent, void* out) {
  using T = typename S::T;
  const auto element = [&](std::size_t k, std::int64_t row, std::int64_t col) {
    return reinterpret_cast<const T*>(s[k].data)[row * s[k].row_step + s[k].column(col)];
  };
  T* target = static_cast<T*>(out);
  for (std::int64_t row = 0; row < extent.rows; ++row)
    for (std::int64_t col = 0; col < extent.cols; ++col)
      *target++ = Op::template apply<S>(element(0, row, col), element(1, row, col), element(2, row, col));
}

// Sources in f32 where the element type is a float.
void widen_sources(Machine& m, DType dtype, Spread (&sources)[3]) {
  for (std::size_t k = 0; k < 3; ++k)
    sources[k].data = reinterpret_cast<const std::byte*>(widen(m, dtype, sources[k].data, sources[k].count, k));
}

template <class Op>
bool fused(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  const Extent extent{d.valid_rows, d.valid_cols};
  const std::int64_t count = extent.rows * extent.cols;
  Spread sources[3];
  for (std::size_t k = 0; k < 3; ++k) {
    if (k < i.ins) {
      if (!spread_operand(m, i, k, d.dtype, extent, sources[k])) return false;
    } else if (Op::kReadsDestination) {
      if (!spread_tile(m, d, extent, k, sources[k])) return false;
    } else {
      sources[k] = sources[0];  // not an operand of this operator
    }
  }
  std::byte* out = m.staging(kOutputStage, std::max<std::int64_t>(count * 8, 8));
  if (!info(d.dtype).is_float) {
    visit_integer(d.dtype, [&](auto type) {
      apply_rows<Op, IntegerSteps<decltype(type)>>(sources, extent, out);
      return true;
    });
    return finish(m, d, extent.rows, extent.cols, out);
  }
  if (i.ins < 3 && !Op::kReadsDestination) sources[2].count = 0;
  widen_sources(m, d.dtype, sources);
  if (i.ins < 3 && !Op::kReadsDestination) sources[2] = sources[0];
  if (d.dtype == DType::f32)
    apply_rows<Op, SingleSteps>(sources, extent, out);
  else
    apply_rows<Op, HalfSteps>(sources, extent, out);
  auto* values = reinterpret_cast<float*>(out);
  if (d.dtype == DType::f32) flush(m, values, count);
  narrow(d.dtype, values, count, out);
  return finish(m, d, extent.rows, extent.cols, out);
}

}  // namespace

Body fused_body(OpCode code) {
  switch (code) {
    case OpCode::taddc:
    case OpCode::taddsc:
      return fused<AddAdd>;
    case OpCode::tsubc:
    case OpCode::tsubsc:
      return fused<SubtractAdd>;
    case OpCode::tmuladddst:
    case OpCode::taxpy:
      return fused<MultiplyAddDestination>;
    case OpCode::tfusedmuladd:
      return fused<MultiplyDestinationAdd>;
    case OpCode::tfusedmuladdrelu:
      return fused<MultiplyDestinationAddRelu>;
    case OpCode::taddrelu:
      return fused<AddThenRelu>;
    case OpCode::tsubrelu:
      return fused<SubtractThenRelu>;
    default:
      return nullptr;
  }
}

}  // namespace assay::sim
