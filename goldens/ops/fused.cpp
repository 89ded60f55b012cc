// Operations that compute several times (isa 2.3, 2.7). Where hardware may round every step or the whole once, both
// results and what lies between them are right.
#include <array>

#include "goldens/exact/rounding.h"
#include "goldens/ops/element.h"
#include "goldens/ops/shape_ops.h"

namespace assay::goldens::ops {
namespace {

// Bits of a value that is certain; nothing where it is a choice.
bool is_certain(const Admissible& a) { return !a.open && a.lo == a.hi; }

bool all_finite(DType dtype, std::initializer_list<std::uint64_t> values) {
  for (const std::uint64_t bits : values)
    if (decode(dtype, bits).kind != Number::Class::finite) return false;
  return true;
}

Admissible then(Binary op, DType dtype, const Admissible& a, std::uint64_t b, const Profile& profile) {
  return is_certain(a) ? binary(op, dtype, a.lo, b, profile) : open_element();
}

// a * b + c.
Admissible multiply_add(DType dtype, std::uint64_t a, std::uint64_t b, std::uint64_t c, const Profile& profile) {
  const Admissible twice = then(Binary::add, dtype, binary(Binary::multiply, dtype, a, b, profile), c, profile);
  if (!all_finite(dtype, {a, b, c})) return twice;
  const Number x = decode(dtype, a), y = decode(dtype, b), z = decode(dtype, c);
  const Dyadic exact = x.value * y.value + z.value;
  if (exact.significand == 0) return hull(dtype, twice, either_zero(dtype));
  return hull(dtype, twice, nearest(dtype, exact, false));
}

// a + b + c and a - b + c from left to right.
Admissible three_terms(Binary op, DType dtype, std::uint64_t a, std::uint64_t b, std::uint64_t c,
                       const Profile& profile) {
  const Admissible twice = then(Binary::add, dtype, binary(op, dtype, a, b, profile), c, profile);
  if (!is_float(dtype) || !all_finite(dtype, {a, b, c})) return twice;
  const Dyadic first = decode(dtype, a).value, second = decode(dtype, b).value;
  const Dyadic exact = (op == Binary::add ? first + second : first - second) + decode(dtype, c).value;
  if (exact.significand == 0) return hull(dtype, twice, either_zero(dtype));
  return hull(dtype, twice, nearest(dtype, exact, false));
}

// Integers are 0 where they are negative; a zero may have either sign.
Admissible rectified(DType dtype, const Admissible& a) {
  if (a.open) return a;
  if (!is_float(dtype)) return exactly(decode(dtype, a.lo).negative ? 0 : a.lo);
  if (decode(dtype, a.lo).is_nan()) return open_element();
  const Admissible zeros = either_zero(dtype);
  if (order(dtype, a.hi) <= order(dtype, zeros.hi)) return zeros;
  return order(dtype, a.lo) <= order(dtype, zeros.hi) ? range(zeros.lo, a.hi) : a;
}

// Between the roundings of two numbers, of which an infinite result is not defined (saturation).
Admissible half_between(DType to, const Dyadic& lo, const Dyadic& hi) {
  const BinaryFormat format = format_of(to);
  const Admissible ends = hull(to, nearest(to, lo, false), nearest(to, hi, false));
  const bool overflows = (ends.hi & (format.sign_bit() - 1)) >= format.infinity() ||
                         (ends.lo & (format.sign_bit() - 1)) >= format.infinity();
  if (overflows) return open_element();
  const bool reaches_zero = (ends.lo & (format.sign_bit() - 1)) == 0 || (ends.hi & (format.sign_bit() - 1)) == 0;
  return reaches_zero ? hull(to, ends, either_zero(to)) : ends;
}

// Tile operands besides the two written come from the destination itself, or are written third.
std::uint64_t accumulator(const TileOp& op, std::int64_t i, std::int64_t j) {
  return op.request.ins.size() > 2 ? op.at(2, i, j) : op.before(i, j);
}

bool has_accumulator(const TileOp& op) { return op.request.ins.size() > 2 || !op.request.before.empty(); }

enum class Role : std::uint8_t { added, multiplied };

// tmuladddst: a * b + d. tfusedmuladd: a * d + b.
template <Role role, bool rectify>
Elements accumulate(const TileOp& op) {
  if (!op.tiles_cover(2) || !has_accumulator(op)) return op.refuse("takes two tiles and the destination's content");
  const DType dtype = op.out().dtype;
  return op.each([&](std::int64_t i, std::int64_t j) {
    const std::uint64_t a = op.at(0, i, j), b = op.at(1, i, j), d = accumulator(op, i, j);
    const Admissible result =
        role == Role::added ? multiply_add(dtype, a, b, d, op.profile) : multiply_add(dtype, a, d, b, op.profile);
    return rectify ? rectified(dtype, result) : result;
  });
}

// s * a + d.
Elements axpy(const TileOp& op) {
  if (!op.tiles_cover(1) || op.scalar(1) == nullptr || op.request.before.empty())
    return op.refuse("takes a tile, a scalar and the destination's content");
  return op.each([&](std::int64_t i, std::int64_t j) {
    return multiply_add(op.out().dtype, op.at(1, i, j), op.at(0, i, j), op.before(i, j), op.profile);
  });
}

template <Binary kind>
Elements ternary(const TileOp& op) {
  return op.each([&](std::int64_t i, std::int64_t j) {
    return three_terms(kind, op.out().dtype, op.at(0, i, j), op.at(1, i, j), op.at(2, i, j), op.profile);
  });
}

template <Binary kind>
Elements rectified_sum(const TileOp& op) {
  if (!op.tiles_cover(2)) return op.refuse("takes two tiles of the destination's valid shape");
  return op.each([&](std::int64_t i, std::int64_t j) {
    return rectified(op.out().dtype, binary(kind, op.out().dtype, op.at(0, i, j), op.at(1, i, j), op.profile));
  });
}

// The rectified sum as f16.
template <Binary kind>
Elements rectified_half(const TileOp& op) {
  if (!op.tiles_cover(2)) return op.refuse("takes two tiles of the destination's valid shape");
  const DType from = op.tile(0)->shape.dtype, to = op.out().dtype;
  if (from != DType::f32 || to != DType::f16) return op.refuse("isa 2.7 speaks of half results of f32 alone");
  return op.each([&](std::int64_t i, std::int64_t j) {
    const Admissible sum = binary(kind, from, op.at(0, i, j), op.at(1, i, j), op.profile);
    if (!is_certain(sum) || !all_finite(from, {op.at(0, i, j), op.at(1, i, j), sum.lo})) return open_element();
    const Dyadic a = decode(from, op.at(0, i, j)).value, b = decode(from, op.at(1, i, j)).value;
    const Dyadic once = kind == Binary::add ? a + b : a - b, twice = decode(from, sum.lo).value;
    return rectified(to, once < twice ? half_between(to, once, twice) : half_between(to, twice, once));
  });
}

// max(0, (a + b) * scale) as f16, from i32. The sum becomes an f32, is multiplied, becomes an f16, with powers of two
// between: three roundings of f32, so within 2^-22 of its size before the last.
Elements dequantised(const TileOp& op) {
  if (!op.tiles_cover(2) || op.scalar(2) == nullptr || op.out().dtype != DType::f16)
    return op.refuse("takes two i32 tiles and an f32 scale and gives f16");
  const Number scale = decode(DType::f32, op.scalar(2)->bits);
  return op.each([&](std::int64_t i, std::int64_t j) {
    const auto sum =
        decode(DType::i32, op.at(0, i, j)).value.significand + decode(DType::i32, op.at(1, i, j)).value.significand;
    if (!fits(DType::i32, sum) || scale.kind != Number::Class::finite) return open_element();
    const Dyadic exact = Dyadic{sum, 0} * scale.value;
    const Dyadic slack = absolute(exact) * Dyadic{1, -22} + Dyadic{1, -140};
    return rectified(DType::f16, half_between(DType::f16, exact - slack, exact + slack));
  });
}

// e^(a - b): the difference may be rounded before.
Admissible exponential_of_difference(DType dtype, std::uint64_t a, std::uint64_t b, const Profile& profile) {
  const double ulps = profile.ulp.at("exp");
  const auto exponential = [&](std::uint64_t bits) { return function(Unary::exponential, dtype, bits, ulps); };
  const Admissible rounded = binary(Binary::subtract, dtype, a, b, profile);
  if (!is_certain(rounded)) return open_element();
  const Admissible result = exponential(rounded.lo);
  if (!all_finite(dtype, {a, b, rounded.lo})) return result;
  const Dyadic exact = decode(dtype, a).value - decode(dtype, b).value;
  if (exact.significand == 0) return result;
  const BinaryFormat format = format_of(dtype);
  return hull(dtype, hull(dtype, result, exponential(round_exact(format, exact, Rounding::floor))),
              exponential(round_exact(format, exact, Rounding::ceil)));
}

Elements row_expand_expdif(const TileOp& op) { return row_expanded_by(op, exponential_of_difference); }
Elements column_expand_expdif(const TileOp& op) { return column_expanded_by(op, exponential_of_difference); }

constexpr std::array kRows{
    TileOpRow{"tmuladddst", 2, accumulate<Role::added, false>, nullptr, 1},
    TileOpRow{"tfusedmuladd", 2, accumulate<Role::multiplied, false>, nullptr, 1},
    TileOpRow{"tfusedmuladdrelu", 2, accumulate<Role::multiplied, true>, nullptr, 1},
    TileOpRow{"taxpy", 2, axpy},
    TileOpRow{"taddc", 3, ternary<Binary::add>},
    TileOpRow{"tsubc", 3, ternary<Binary::subtract>},
    TileOpRow{"taddsc", 3, ternary<Binary::add>},
    TileOpRow{"tsubsc", 3, ternary<Binary::subtract>},
    TileOpRow{"taddrelu", 2, rectified_sum<Binary::add>},
    TileOpRow{"tsubrelu", 2, rectified_sum<Binary::subtract>},
    TileOpRow{"taddreluconv", 2, rectified_half<Binary::add>},
    TileOpRow{"tsubreluconv", 2, rectified_half<Binary::subtract>},
    TileOpRow{"tadddeqrelu", 3, dequantised},
    TileOpRow{"trowexpandexpdif", 2, row_expand_expdif},
    TileOpRow{"tcolexpandexpdif", 2, column_expand_expdif},
};

}  // namespace

std::span<const TileOpRow> fused_rows() { return kRows; }

}  // namespace assay::goldens::ops
