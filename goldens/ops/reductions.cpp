// Reductions of rows and columns beyond the sum and the maximum of a row (isa 2.4, 2.8).
#include <algorithm>
#include <array>

#include "goldens/ops/element.h"
#include "goldens/ops/shape_ops.h"

namespace assay::goldens::ops {
namespace {

using boost::multiprecision::cpp_int;
using Line = std::vector<std::uint64_t>;

Line row_of(const TileValue& t, std::int64_t i) {
  Line line;
  for (std::int64_t j = 0; j < t.shape.valid_cols; ++j) line.push_back(t.at(i, j));
  return line;
}

Line column_of(const TileValue& t, std::int64_t j) {
  Line line;
  for (std::int64_t i = 0; i < t.shape.valid_rows; ++i) line.push_back(t.at(i, j));
  return line;
}

// ---- extrema

Admissible extremum(Binary op, DType dtype, const Line& line, const Profile& profile) {
  if (line.empty() || decode(dtype, line[0]).is_nan()) return open_element();
  Admissible result = exactly(line[0]);
  for (std::size_t k = 1; k < line.size(); ++k) {
    const Admissible next = binary(op, dtype, result.hi, line[k], profile);
    if (next.open) return next;
    // A zero met with both signs stays either.
    const bool zeros = is_float(dtype) && decode(dtype, next.hi).is_zero();
    result = zeros && result.lo != result.hi && decode(dtype, result.hi).is_zero() ? result : next;
  }
  return result;
}

// ---- sums

// Exact while no partial sum of any order leaves the type.
Admissible integer_sum(DType dtype, const Line& line) {
  cpp_int positive = 0, negative = 0;
  for (const std::uint64_t bits : line) {
    const cpp_int value = decode(dtype, bits).value.significand;
    (value < 0 ? negative : positive) += value;
  }
  if (!fits(dtype, positive) || !fits(dtype, negative)) return open_element();
  return exactly(integer_bits(dtype, positive + negative));
}

Admissible sum(DType dtype, const Line& line, const Profile& profile) {
  if (line.empty()) return open_element();
  return is_float(dtype) ? row_sum(dtype, line, profile) : integer_sum(dtype, line);
}

// ---- products

// Partial products of integers other than 0 are no larger than the whole; one 0 makes every order give 0.
Admissible integer_product(DType dtype, const Line& line) {
  cpp_int product = 1;
  for (const std::uint64_t bits : line) product *= decode(dtype, bits).value.significand;
  if (product == 0) return exactly(0);
  const cpp_int size = product < 0 ? cpp_int(-product) : product;
  return fits(dtype, size) ? exactly(integer_bits(dtype, product)) : open_element();
}

struct ProductParts {
  Dyadic product{1, 0}, large{1, 0}, small{1, 0};  // of all, of those above 1, of those below 1 in size
  bool nan = false, infinite = false, zero = false, negative = false;
};

ProductParts parts_of(DType dtype, const Line& line) {
  ProductParts parts;
  for (const std::uint64_t bits : line) {
    const Number x = decode(dtype, bits);
    parts.nan |= x.is_nan();
    parts.infinite |= x.is_infinite();
    parts.zero |= x.is_zero();
    parts.negative ^= x.negative;
    if (x.kind != Number::Class::finite || x.is_zero()) continue;
    parts.product = parts.product * x.value;
    Dyadic& side = absolute(x.value) < Dyadic{1, 0} ? parts.small : parts.large;
    side = side * absolute(x.value);
  }
  return parts;
}

// n - 1 multiplications in any order, each rounded: within g/(1-g) <= g (1 + 2g) of the product, g = (n - 1) 2^-p,
// while every partial product is normal; they lie between `small` and `large`. f16 may be multiplied in f32 and rounded
// once.
Admissible float_product(DType dtype, const Line& line) {
  const ProductParts parts = parts_of(dtype, line);
  if (parts.nan || (parts.infinite && parts.zero)) return any_nan(dtype);
  if (line.size() == 1) return exactly(line[0]);
  const BinaryFormat format = format_of(dtype);
  const Dyadic two{2, 0};
  const bool overflows = two * parts.large >= exact_value(format, format.max_finite());
  const bool underflows = parts.small < two * Dyadic{1, format.min_exponent()};
  if (overflows && parts.zero) return open_element();
  if (underflows && parts.infinite) return open_element();
  if (parts.zero) return either_zero(dtype);
  if (parts.infinite) return infinity(dtype, parts.negative);
  if (overflows || underflows) return open_element();
  const Dyadic g{static_cast<std::int64_t>(line.size()) - 1, -(format.fraction_bits + 1)};
  const Dyadic bound = g * (Dyadic{1, 0} + two * g) * absolute(parts.product);
  return between(dtype, parts.product - bound, parts.product + bound, parts.product);
}

Admissible product(DType dtype, const Line& line, const Profile& profile) {
  if (line.empty()) return open_element();
  if (!is_float(dtype)) return integer_product(dtype, line);
  for (const std::uint64_t bits : line)
    if (profile.flush_subnormals && is_subnormal(dtype, bits)) return open_element();
  return float_product(dtype, line);
}

// ---- the place of an extremum

Admissible place(Binary op, DType dtype, const Line& line, DType index) {
  if (line.empty()) return open_element();
  std::size_t best = 0;
  bool unique = true;
  for (std::size_t k = 0; k < line.size(); ++k) {
    const Number x = decode(dtype, line[k]);
    if (x.is_nan()) return open_element();
    if (k == 0) continue;
    const Number y = decode(dtype, line[best]);
    const auto against = [&](const Number& n) { return n.is_infinite() ? Dyadic{n.negative ? -1 : 1, 1000} : n.value; };
    const auto compared = against(x) <=> against(y);
    if (compared == 0) unique = false;
    if (compared != 0 && (compared > 0) == (op == Binary::maximum)) {
      best = k;
      unique = true;
    }
  }
  return unique && fits(index, best) ? exactly(best) : open_element();
}

// ---- over tiles

using Reduce = Admissible (*)(DType dtype, const Line& line, const Profile& profile);

Admissible least(DType dtype, const Line& line, const Profile& p) { return extremum(Binary::minimum, dtype, line, p); }
Admissible greatest(DType dtype, const Line& line, const Profile& p) {
  return extremum(Binary::maximum, dtype, line, p);
}

template <Reduce reduce>
Elements rows(const TileOp& op) {
  const TileValue* a = op.tile(0);
  if (a == nullptr || a->shape.rows < op.out().valid_rows || op.out().valid_cols > 1)
    return op.refuse("the destination has one valid column and the source as many rows");
  return op.each([&](std::int64_t i, std::int64_t) { return reduce(a->shape.dtype, row_of(*a, i), op.profile); });
}

template <Reduce reduce>
Elements columns(const TileOp& op) {
  const TileValue* a = op.tile(0);
  if (a == nullptr || a->shape.cols < op.out().valid_cols || op.out().valid_rows > 1)
    return op.refuse("the destination has one valid row and the source as many columns");
  return op.each([&](std::int64_t, std::int64_t j) { return reduce(a->shape.dtype, column_of(*a, j), op.profile); });
}

template <Binary kind>
Elements row_place(const TileOp& op) {
  const TileValue* a = op.tile(0);
  if (a == nullptr) return op.refuse("the operand is a tile");
  return op.each(
      [&](std::int64_t i, std::int64_t) { return place(kind, a->shape.dtype, row_of(*a, i), op.out().dtype); });
}

template <Binary kind>
Elements column_place(const TileOp& op) {
  const TileValue* a = op.tile(0);
  if (a == nullptr) return op.refuse("the operand is a tile");
  return op.each(
      [&](std::int64_t, std::int64_t j) { return place(kind, a->shape.dtype, column_of(*a, j), op.out().dtype); });
}

// dst[i, k] = src[i, 2k] + src[i, 2k + 1]. What stands behind the last pair is not said.
Elements pair_sums(const TileOp& op) {
  const TileValue* a = op.tile(0);
  if (a == nullptr || a->shape.rows < op.out().valid_rows) return op.refuse("the operand is a tile with as many rows");
  return op.each([&](std::int64_t i, std::int64_t j) {
    if (2 * j + 1 >= a->shape.valid_cols) return open_element();
    return binary(Binary::add, op.out().dtype, a->at(i, 2 * j), a->at(i, 2 * j + 1), op.profile);
  });
}

constexpr std::array kRows{
    TileOpRow{"trowmin", 1, rows<least>},
    TileOpRow{"trowprod", 1, rows<product>},
    TileOpRow{"tcolsum", 1, columns<sum>},
    TileOpRow{"tcolmax", 1, columns<greatest>},
    TileOpRow{"tcolmin", 1, columns<least>},
    TileOpRow{"tcolprod", 1, columns<product>},
    TileOpRow{"trowargmax", 1, row_place<Binary::maximum>},
    TileOpRow{"trowargmin", 1, row_place<Binary::minimum>},
    TileOpRow{"tcolargmax", 1, column_place<Binary::maximum>},
    TileOpRow{"tcolargmin", 1, column_place<Binary::minimum>},
    TileOpRow{"tpairreducesum", 1, pair_sums},
};

}  // namespace

std::span<const TileOpRow> reduction_rows() { return kRows; }

}  // namespace assay::goldens::ops
