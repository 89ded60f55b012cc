#include "harness/sim/lanes/lanes.h"

#include <cmath>
#include <iterator>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "harness/sim/lanes/lanes.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace assay::sim::lanes::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::uint32_t kNaN = 0x7FC00000U;

template <class D, class V>
V canonical(D d, V x) {
  const hn::RebindToUnsigned<D> bits;
  return hn::IfThenElse(hn::IsNaN(x), hn::BitCast(d, hn::Set(bits, kNaN)), x);
}

struct Add {
  template <class D, class V>
  static V apply(D d, V a, V b) {
    return canonical(d, hn::Add(a, b));
  }
};
struct Subtract {
  template <class D, class V>
  static V apply(D d, V a, V b) {
    return canonical(d, hn::Sub(a, b));
  }
};
struct Multiply {
  template <class D, class V>
  static V apply(D d, V a, V b) {
    return canonical(d, hn::Mul(a, b));
  }
};
struct Divide {
  template <class D, class V>
  static V apply(D d, V a, V b) {
    return canonical(d, hn::Div(a, b));
  }
};
// Equal operands may be zeros of either sign: the maximum has the sign bit of both, the minimum that of one.
template <bool kMax>
struct Extreme {
  template <class D, class V>
  static V apply(D d, V a, V b) {
    const hn::RebindToUnsigned<D> bits;
    const auto nan = hn::Or(hn::IsNaN(a), hn::IsNaN(b));
    const V both = kMax ? hn::And(a, b) : hn::Or(a, b);
    const V one = hn::IfThenElse(kMax ? hn::Gt(a, b) : hn::Lt(a, b), a, b);
    const V number = hn::IfThenElse(hn::Eq(a, b), both, one);
    return hn::IfThenElse(nan, hn::BitCast(d, hn::Set(bits, kNaN)), number);
  }
};
// Vectors of n elements from `from`, through `one(vector)`, into `to`; the tail through buffers.
template <class DIn, class TIn, class DOut, class TOut, class One>
void transform(DIn in, const TIn* from, DOut out, TOut* to, std::int64_t n, const One& one) {
  const auto step = static_cast<std::int64_t>(hn::Lanes(in));
  std::int64_t k = 0;
  for (; k + step <= n; k += step) hn::StoreU(one(hn::LoadU(in, from + k)), out, to + k);
  if (k == n) return;
  HWY_ALIGN TIn source[hn::MaxLanes(DIn())] = {};
  HWY_ALIGN TOut target[hn::MaxLanes(DIn())];
  for (std::int64_t j = k; j < n; ++j) source[j - k] = from[j];
  hn::Store(one(hn::Load(in, source)), out, target);
  for (std::int64_t j = k; j < n; ++j) to[j] = target[j - k];
}

template <class Op>
void combine(const float* a, const float* b, float* out, std::int64_t n) {
  const hn::ScalableTag<float> d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t k = 0;
  for (; k + step <= n; k += step) hn::StoreU(Op::apply(d, hn::LoadU(d, a + k), hn::LoadU(d, b + k)), d, out + k);
  if (k == n) return;
  HWY_ALIGN float x[hn::MaxLanes(d)] = {}, y[hn::MaxLanes(d)] = {}, z[hn::MaxLanes(d)];
  for (std::int64_t j = k; j < n; ++j) x[j - k] = a[j], y[j - k] = b[j];
  hn::Store(Op::apply(d, hn::Load(d, x), hn::Load(d, y)), d, z);
  for (std::int64_t j = k; j < n; ++j) out[j] = z[j - k];
}

// Calls visit(operator{}) for the code.
template <class Visitor>
void visit(Binary op, const Visitor& visitor) {
  switch (op) {
    case Binary::add:
      return visitor(Add{});
    case Binary::subtract:
      return visitor(Subtract{});
    case Binary::multiply:
      return visitor(Multiply{});
    case Binary::divide:
      return visitor(Divide{});
    case Binary::maximum:
      return visitor(Extreme<true>{});
    case Binary::minimum:
      return visitor(Extreme<false>{});
  }
}

void binary(Binary op, const float* a, const float* b, float* out, std::int64_t n) {
  visit(op, [&](auto o) { combine<decltype(o)>(a, b, out, n); });
}

void binary_with(Binary op, const float* a, float b, float* out, std::int64_t n) {
  const hn::ScalableTag<float> d;
  const auto value = hn::Set(d, b);
  visit(op, [&](auto o) {
    transform(d, a, d, out, n, [&](auto x) { return decltype(o)::apply(d, x, value); });
  });
}

void binary_from(Binary op, float a, const float* b, float* out, std::int64_t n) {
  const hn::ScalableTag<float> d;
  const auto value = hn::Set(d, a);
  visit(op, [&](auto o) {
    transform(d, b, d, out, n, [&](auto x) { return decltype(o)::apply(d, value, x); });
  });
}

// In any order: the operators are associative and commutative.
template <class Op>
float reduce_by(const float* x, std::int64_t n) {
  const hn::ScalableTag<float> d;
  const auto step = static_cast<std::int64_t>(hn::Lanes(d));
  auto best0 = hn::Set(d, x[0]), best1 = best0;
  std::int64_t k = 0;
  for (; k + 2 * step <= n; k += 2 * step) {
    best0 = Op::apply(d, best0, hn::LoadU(d, x + k));
    best1 = Op::apply(d, best1, hn::LoadU(d, x + k + step));
  }
  best0 = Op::apply(d, best0, best1);
  for (; k + step <= n; k += step) best0 = Op::apply(d, best0, hn::LoadU(d, x + k));
  HWY_ALIGN float lanes[hn::MaxLanes(d)];
  hn::Store(best0, d, lanes);
  const hn::CappedTag<float, 1> one;
  auto result = hn::Set(one, lanes[0]);
  for (std::int64_t j = 1; j < step; ++j) result = Op::apply(one, result, hn::Set(one, lanes[j]));
  for (; k < n; ++k) result = Op::apply(one, result, hn::Set(one, x[k]));
  return hn::GetLane(result);
}

float reduce(Binary op, const float* x, std::int64_t n) {
  return op == Binary::maximum ? reduce_by<Extreme<true>>(x, n) : reduce_by<Extreme<false>>(x, n);
}

// ---- elementary functions

// The steps of exp_f32 (numeric/elementary.cpp) on vectors of double, for x whose result is finite, from -104.
template <class D, class V>
hn::Vec<hn::Rebind<float, D>> exp_of(D f64, V x) {
  const hn::RebindToSigned<D> i64;
  const hn::Rebind<std::int32_t, D> i32;
  constexpr double kCoefficients[] = {1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
                                      1.0 / 120,      1.0 / 24,      1.0 / 6,      0.5,         1.0,        1.0};
  const V scaled = hn::Mul(x, hn::Set(f64, 0x1.71547652B82FEp+0)), half = hn::Set(f64, 0.5);
  const V nearest = hn::IfThenElse(hn::Lt(scaled, hn::Zero(f64)), hn::Sub(scaled, half), hn::Add(scaled, half));
  const auto k = hn::DemoteTo(i32, nearest);  // toward zero
  const V r = hn::Sub(x, hn::Mul(hn::PromoteTo(f64, k), hn::Set(f64, 0x1.62E42FEFA39EFp-1)));
  V sum = hn::Set(f64, kCoefficients[0]);
  for (std::size_t n = 1; n < std::size(kCoefficients); ++n)
    sum = hn::Add(hn::Mul(sum, r), hn::Set(f64, kCoefficients[n]));
  const auto power = hn::ShiftLeft<52>(hn::Add(hn::PromoteTo(i64, k), hn::Set(i64, std::int64_t{1023})));
  const V value = hn::Mul(sum, hn::BitCast(f64, power));
  return hn::DemoteTo(hn::Rebind<float, D>(), value);
}

void exponential(const float* from, float* to, std::int64_t n) {
  const hn::ScalableTag<double> f64;
  const hn::Rebind<float, decltype(f64)> f32;
  const hn::RebindToUnsigned<decltype(f32)> u32;
  transform(f32, from, f32, to, n, [&](auto x) {
    // Beyond the last x whose result is finite.
    const auto high = hn::Gt(x, hn::Set(f32, 0x1.62E42EP+6F)), low = hn::Lt(x, hn::Set(f32, -104.0F));
    const auto outside = hn::Or(hn::Or(high, low), hn::IsNaN(x));
    auto result = exp_of(f64, hn::PromoteTo(f64, hn::IfThenElse(outside, hn::Zero(f32), x)));
    result = hn::IfThenElse(low, hn::Zero(f32), result);
    result = hn::IfThenElse(high, hn::Set(f32, HUGE_VALF), result);
    return hn::IfThenElse(hn::IsNaN(x), hn::BitCast(f32, hn::Set(u32, kNaN)), result);
  });
}

void square_root(const float* from, float* to, std::int64_t n) {
  const hn::ScalableTag<float> d;
  transform(d, from, d, to, n, [&](auto x) { return canonical(d, hn::Sqrt(x)); });
}

// ---- conversions, on the bits

template <class D, class V>
V to_bf16_bits(D d, Rounding mode, V u) {
  const auto set = [&](std::uint32_t value) { return hn::Set(d, value); };
  const V zero = hn::Zero(d), low = hn::And(u, set(0xFFFFU));
  const auto negative = hn::Ne(hn::And(u, set(0x80000000U)), zero);
  V carry = zero;
  switch (mode) {
    case Rounding::rint:
      carry = hn::Add(set(0x7FFFU), hn::And(hn::ShiftRight<16>(u), set(1)));
      break;
    case Rounding::round:
      carry = set(0x8000U);
      break;
    case Rounding::floor:
      carry = hn::IfThenElse(negative, set(0xFFFFU), zero);
      break;
    case Rounding::ceil:
      carry = hn::IfThenElse(negative, zero, set(0xFFFFU));
      break;
    case Rounding::trunc:
      break;
    case Rounding::odd: {
      const auto even = hn::Eq(hn::And(u, set(0x10000U)), zero);
      carry = hn::IfThenElse(hn::And(even, hn::Ne(low, zero)), set(0x10000U), zero);
      break;
    }
  }
  return hn::ShiftRight<16>(hn::Add(u, carry));
}

// The 16-bit type with as many lanes as D.
template <class D>
using Halves = hn::Rebind<std::uint16_t, D>;

template <class D, class V>
hn::Vec<Halves<D>> narrow_bits(D, V bits) {
  const hn::RebindToSigned<D> i32;
  return hn::DemoteTo(Halves<D>(), hn::BitCast(i32, bits));
}

void bf16_from_f32(Rounding mode, bool saturate, const float* from, std::uint16_t* to, std::int64_t n) {
  const hn::ScalableTag<float> f32;
  const hn::RebindToUnsigned<decltype(f32)> u32;
  transform(f32, from, Halves<decltype(u32)>(), to, n, [&](auto x) {
    auto half = to_bf16_bits(u32, mode, hn::BitCast(u32, x));
    if (saturate) {
      const auto infinite = hn::Eq(hn::And(half, hn::Set(u32, 0x7FFFU)), hn::Set(u32, 0x7F80U));
      half = hn::IfThenElse(infinite, hn::Sub(half, hn::Set(u32, 1U)), half);
    }
    const auto nan = hn::RebindMask(u32, hn::IsNaN(x));
    return narrow_bits(u32, hn::IfThenElse(nan, hn::Set(u32, 0x7FC0U), half));
  });
}

void f32_from_bf16(bool saturate, const std::uint16_t* from, float* to, std::int64_t n) {
  const hn::ScalableTag<float> f32;
  const hn::RebindToUnsigned<decltype(f32)> u32;
  transform(Halves<decltype(u32)>(), from, f32, to, n, [&](auto x) {
    auto u = hn::ShiftLeft<16>(hn::PromoteTo(u32, x));
    const auto magnitude = hn::And(u, hn::Set(u32, 0x7FFFFFFFU));
    const auto infinity = hn::Set(u32, 0x7F800000U);
    const auto nan = hn::Gt(hn::BitCast(hn::RebindToSigned<decltype(u32)>(), magnitude),
                            hn::BitCast(hn::RebindToSigned<decltype(u32)>(), infinity));
    if (saturate) u = hn::IfThenElse(hn::Eq(magnitude, infinity), hn::Sub(u, hn::Set(u32, 1U)), u);
    return hn::BitCast(f32, hn::IfThenElse(hn::RebindMask(u32, nan), hn::Set(u32, kNaN), u));
  });
}

// Nearest even: normal halves by a carry into the bit that stays, subnormal ones by an f32 addition whose last bit is
// theirs.
void f16_from_f32_nearest(bool saturate, const float* from, std::uint16_t* to, std::int64_t n) {
  const hn::ScalableTag<float> f32;
  const hn::RebindToUnsigned<decltype(f32)> u32;
  const hn::RebindToSigned<decltype(f32)> i32;
  const auto set = [&](std::uint32_t value) { return hn::Set(u32, value); };
  transform(f32, from, Halves<decltype(u32)>(), to, n, [&](auto x) {
    const auto u = hn::BitCast(u32, x);
    const auto sign = hn::And(hn::ShiftRight<16>(u), set(0x8000U)), magnitude = hn::And(u, set(0x7FFFFFFFU));
    const auto order = hn::BitCast(i32, magnitude);
    const auto odd = hn::And(hn::ShiftRight<13>(magnitude), set(1U));
    const auto normal = hn::ShiftRight<13>(hn::Sub(hn::Add(magnitude, hn::Add(odd, set(0xFFFU))), set(112U << 23)));
    const auto unit = set(0x3F000000U);  // 0.5: its last bit is 2^-24
    const auto subnormal =
        hn::Sub(hn::BitCast(u32, hn::Add(hn::BitCast(f32, magnitude), hn::BitCast(f32, unit))), unit);
    const auto is_small = hn::RebindMask(u32, hn::Lt(order, hn::Set(i32, 0x38800000)));
    const auto is_huge = hn::RebindMask(u32, hn::Gt(order, hn::Set(i32, 0x47FFFFFF)));  // 2^17 and more
    const auto infinity = set(0x7C00U);
    auto half = hn::IfThenElse(is_small, subnormal, normal);
    half = hn::IfThenElse(is_huge, infinity, half);
    const auto overflows = hn::RebindMask(
        u32, hn::Gt(hn::BitCast(i32, half), hn::Set(i32, 0x7BFF)));
    half = hn::IfThenElse(overflows, saturate ? set(0x7BFFU) : infinity, half);
    half = hn::Or(half, sign);
    const auto nan = hn::RebindMask(u32, hn::IsNaN(x));
    return narrow_bits(u32, hn::IfThenElse(nan, set(0x7E00U), half));
  });
}

void f32_from_f16(const std::uint16_t* from, float* to, std::int64_t n) {
  const hn::ScalableTag<float> f32;
  const hn::RebindToUnsigned<decltype(f32)> u32;
  const hn::RebindToSigned<decltype(f32)> i32;
  transform(Halves<decltype(u32)>(), from, f32, to, n, [&](auto x) {
    const auto set = [&](std::uint32_t value) { return hn::Set(u32, value); };
    const auto u = hn::PromoteTo(u32, x);
    const auto sign = hn::ShiftLeft<16>(hn::And(u, set(0x8000U)));
    const auto rest = hn::And(u, set(0x7FFFU)), exponent = hn::And(u, set(0x7C00U));
    const auto shifted = hn::ShiftLeft<13>(rest);
    const auto normal = hn::Add(shifted, set(112U << 23));
    const auto special = hn::Or(shifted, set(0x7F800000U));
    const auto small = hn::BitCast(
        u32, hn::Mul(hn::ConvertTo(f32, hn::BitCast(i32, rest)), hn::Set(f32, 0x1p-24F)));
    auto result = hn::IfThenElse(hn::Eq(exponent, set(0x7C00U)), special, normal);
    result = hn::IfThenElse(hn::Eq(exponent, hn::Zero(u32)), small, result);
    return hn::BitCast(f32, hn::Or(result, sign));
  });
}

template <class D, class V>
V round_integral(D d, Rounding mode, V x) {
  switch (mode) {
    case Rounding::rint:
      return hn::Round(x);
    case Rounding::floor:
      return hn::Floor(x);
    case Rounding::ceil:
      return hn::Ceil(x);
    case Rounding::round: {
      const V whole = hn::Trunc(x), rest = hn::Abs(hn::Sub(x, whole));
      const V away = hn::Add(whole, hn::CopySign(hn::Set(d, 1.0F), x));
      return hn::IfThenElse(hn::Ge(rest, hn::Set(d, 0.5F)), away, whole);
    }
    default:
      return hn::Trunc(x);
  }
}

void i32_from_f32_saturating(Rounding mode, const float* from, std::int32_t* to, std::int64_t n) {
  const hn::ScalableTag<float> f32;
  const hn::RebindToSigned<decltype(f32)> i32;
  transform(f32, from, i32, to, n, [&](auto x) {
    const auto big = hn::Ge(x, hn::Set(f32, 0x1p31F)), least = hn::Lt(x, hn::Set(f32, -0x1p31F));
    // Beyond 2^23 every value is integral; what lies outside the range, NaN too, is converted as 0 and replaced.
    const auto inside = hn::Lt(hn::Abs(x), hn::Set(f32, 0x1p31F));
    const auto safe = hn::IfThenElseZero(inside, x);
    const auto integral = hn::IfThenElse(hn::Lt(hn::Abs(safe), hn::Set(f32, 0x1p23F)), round_integral(f32, mode, safe), safe);
    auto result = hn::ConvertTo(i32, integral);
    result = hn::IfThenElse(hn::RebindMask(i32, big), hn::Set(i32, 0x7FFFFFFF), result);
    const auto lowest = hn::Or(hn::RebindMask(i32, least), hn::RebindMask(i32, hn::Eq(x, hn::Set(f32, -0x1p31F))));
    return hn::IfThenElse(lowest, hn::Set(i32, static_cast<std::int32_t>(0x80000000U)), result);
  });
}

void f32_from_i32_nearest(const std::int32_t* from, float* to, std::int64_t n) {
  const hn::ScalableTag<float> f32;
  const hn::RebindToSigned<decltype(f32)> i32;
  transform(i32, from, f32, to, n, [&](auto x) { return hn::ConvertTo(f32, x); });
}

}  // namespace
}  // namespace assay::sim::lanes::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace assay::sim::lanes {
namespace {

HWY_EXPORT(binary);
HWY_EXPORT(binary_with);
HWY_EXPORT(binary_from);
HWY_EXPORT(reduce);
HWY_EXPORT(exponential);
HWY_EXPORT(square_root);
HWY_EXPORT(bf16_from_f32);
HWY_EXPORT(f32_from_bf16);
HWY_EXPORT(f16_from_f32_nearest);
HWY_EXPORT(f32_from_f16);
HWY_EXPORT(i32_from_f32_saturating);
HWY_EXPORT(f32_from_i32_nearest);

}  // namespace

void binary(Binary op, const float* a, const float* b, float* out, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(binary)(op, a, b, out, n);
}
void binary_with(Binary op, const float* a, float b, float* out, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(binary_with)(op, a, b, out, n);
}
void binary_from(Binary op, float a, const float* b, float* out, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(binary_from)(op, a, b, out, n);
}
float reduce(Binary op, const float* x, std::int64_t n) { return HWY_DYNAMIC_DISPATCH(reduce)(op, x, n); }
void exponential(const float* x, float* out, std::int64_t n) { HWY_DYNAMIC_DISPATCH(exponential)(x, out, n); }
void square_root(const float* x, float* out, std::int64_t n) { HWY_DYNAMIC_DISPATCH(square_root)(x, out, n); }
void bf16_from_f32(Rounding mode, bool saturate, const float* from, std::uint16_t* to, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(bf16_from_f32)(mode, saturate, from, to, n);
}
void f32_from_bf16(bool saturate, const std::uint16_t* from, float* to, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(f32_from_bf16)(saturate, from, to, n);
}
void f16_from_f32_nearest(bool saturate, const float* from, std::uint16_t* to, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(f16_from_f32_nearest)(saturate, from, to, n);
}
void f32_from_f16(const std::uint16_t* from, float* to, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(f32_from_f16)(from, to, n);
}
void i32_from_f32_saturating(Rounding mode, const float* from, std::int32_t* to, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(i32_from_f32_saturating)(mode, from, to, n);
}
void f32_from_i32_nearest(const std::int32_t* from, float* to, std::int64_t n) {
  HWY_DYNAMIC_DISPATCH(f32_from_i32_nearest)(from, to, n);
}

}  // namespace assay::sim::lanes
#endif  // HWY_ONCE
