// tneg tabs trelu texp tlog tsqrt trecip trsqrt over the destination's valid rectangle (pto-format 3.3, isa 2.3).
#include <algorithm>

#include "harness/sim/lanes/lanes.h"
#include "harness/sim/numeric/elementary.h"
#include "harness/sim/ops/support.h"
#include "harness/sim/ops/table.h"

namespace assay::sim {
namespace {

using pto::OpCode;

// Negation and absolute value change the sign bit alone, of NaN too. Integers wrap: the least value stays.
struct Negate {
  static float apply(float x) { return -x; }
  template <class T>
  static T apply(T x) {
    return static_cast<T>(0 - static_cast<std::uint64_t>(x));
  }
};
struct Absolute {
  static float apply(float x) { return std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) & 0x7FFFFFFFU); }
  template <class T>
  static T apply(T x) {
    return x < 0 ? static_cast<T>(0 - static_cast<std::uint64_t>(x)) : x;
  }
};
struct Complement {
  template <class T>
  static T apply(T x) {
    if constexpr (std::is_floating_point_v<T>)
      return x;  // no float has the operation
    else
      return static_cast<T>(~x);
  }
};
struct Relu {
  template <class T>
  static T apply(T x) {
    return maximum_of(x, T{0});
  }
};
template <float (*kFunction)(float)>
struct Elementary {
  static float apply(float x) { return kFunction(x); }
};

// Whether the op works on the element bits, so that subnormals and NaN payloads survive.
template <class Op>
inline constexpr bool kIsArithmetic = true;
template <>
inline constexpr bool kIsArithmetic<Negate> = false;
template <>
inline constexpr bool kIsArithmetic<Absolute> = false;

template <class Op, class Bits>
void apply_sign(const std::byte* data, std::int64_t count, std::byte* out) {
  constexpr auto kSign = static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1));
  const auto* from = reinterpret_cast<const Bits*>(data);
  auto* to = reinterpret_cast<Bits*>(out);
  for (std::int64_t k = 0; k < count; ++k)
    to[k] = static_cast<Bits>(std::is_same_v<Op, Negate> ? from[k] ^ kSign : from[k] & static_cast<Bits>(~kSign));
}

// Floats in f32.
template <class Op>
void apply_floats(const float* x, std::int64_t count, float* out) {
  if constexpr (std::is_same_v<Op, Elementary<exp_f32>>)
    lanes::exponential(x, out, count);
  else if constexpr (std::is_same_v<Op, Elementary<sqrt_f32>>)
    lanes::square_root(x, out, count);
  else if constexpr (std::is_same_v<Op, Elementary<recip_f32>>)
    lanes::binary_from(lanes::Binary::divide, 1.0F, x, out, count);
  else if constexpr (std::is_same_v<Op, Relu>)
    lanes::binary_with(lanes::Binary::maximum, x, 0.0F, out, count);
  else
    for (std::int64_t k = 0; k < count; ++k) out[k] = Op::apply(x[k]);
}

template <class Op, bool kFloatOnly>
bool unary(Machine& m, const Instruction& i) {
  if (!enter_tile_op(m, i)) return false;
  const Tile& d = destination(m, i);
  const std::int64_t count = d.valid_rows * d.valid_cols;
  const std::byte* data = m.read(m.tile(i.operands[0]), d.valid_rows, d.valid_cols, 0);
  if (!data) return false;
  const SourceBytes source[] = {{data, count * element_bytes(d), true}};
  const bool same_width = d.dtype == DType::f32 || !kIsArithmetic<Op>;
  const bool widens = m.profile().flush_subnormals && kIsArithmetic<Op>;
  std::byte* in_place = info(d.dtype).is_float && same_width && !widens
                            ? result_in_place(m, d, d.valid_rows, d.valid_cols, source)
                            : nullptr;
  std::byte* out = in_place ? in_place : m.staging(kOutputStage, std::max<std::int64_t>(count * 8, 8));
  if (info(d.dtype).is_float && !kIsArithmetic<Op>) {
    if (d.dtype == DType::f32)
      apply_sign<Op, std::uint32_t>(data, count, out);
    else
      apply_sign<Op, std::uint16_t>(data, count, out);
  } else if (info(d.dtype).is_float) {
    const float* x = widen(m, d.dtype, data, count, 0);
    auto* values = reinterpret_cast<float*>(out);
    apply_floats<Op>(x, count, values);
    if (d.dtype == DType::f32) flush(m, values, count);
    narrow(d.dtype, values, count, out);
  } else if constexpr (!kFloatOnly) {
    visit_integer(d.dtype, [&](auto type) {
      using T = decltype(type);
      const T* x = reinterpret_cast<const T*>(data);
      for (std::int64_t k = 0; k < count; ++k) reinterpret_cast<T*>(out)[k] = Op::apply(x[k]);
      return true;
    });
  }
  return in_place ? finish_in_place(m, d, d.valid_rows, d.valid_cols, out)
                  : finish(m, d, d.valid_rows, d.valid_cols, out);
}

}  // namespace

Body unary_body(OpCode code) {
  switch (code) {
    case OpCode::tneg:
      return unary<Negate, false>;
    case OpCode::tabs:
      return unary<Absolute, false>;
    case OpCode::tnot:
      return unary<Complement, false>;
    case OpCode::trelu:
      return unary<Relu, false>;
    case OpCode::texp:
      return unary<Elementary<exp_f32>, true>;
    case OpCode::tlog:
      return unary<Elementary<log_f32>, true>;
    case OpCode::tsqrt:
      return unary<Elementary<sqrt_f32>, true>;
    case OpCode::trecip:
      return unary<Elementary<recip_f32>, true>;
    case OpCode::trsqrt:
      return unary<Elementary<rsqrt_f32>, true>;
    default:
      return nullptr;
  }
}

}  // namespace assay::sim
