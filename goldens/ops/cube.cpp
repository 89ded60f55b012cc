// Matrix products (isa 2.2, 2.8): i8 into i32 exactly; f16, bf16 and f32 into f32 in any order, where the products may
// be rounded (they are exact for f16 and bf16) or added exactly. MX products: the scales belong to the exact product.
#include <array>

#include "goldens/exact/rounding.h"
#include "goldens/ops/element.h"
#include "goldens/ops/shape_ops.h"

namespace assay::goldens::ops {
namespace {

using boost::multiprecision::cpp_int;

// The accumulator's first value, where there is one, and the products of row i and column j.
class Terms {
 public:
  void add(const Number& x) { add(x, {Number::Class::finite, false, {1, 0}}); }
  // x * y * 2^exponent
  void add(const Number& x, const Number& y, int exponent = 0) {
    ++count_;
    const bool negative = x.negative != y.negative;
    if (x.is_nan() || y.is_nan() || (x.is_infinite() && y.is_zero()) || (y.is_infinite() && x.is_zero()))
      nan_ = true;
    else if (x.is_infinite() || y.is_infinite())
      (negative ? minus_ : plus_) = true;
    else {
      const Dyadic product = x.value * y.value * Dyadic{1, exponent};
      sum_ = sum_ + product;
      magnitudes_ = magnitudes_ + absolute(product);
    }
  }

  void add_nan() { nan_ = true; }

  // n terms: each goes through at most n roundings (its product's and n - 1 sums'), so the error is within
  // g/(1-g) <= g (1 + 2g) of the sum of magnitudes, g = n 2^-24; a product that underflows loses at most 2^-150.
  Admissible in_f32() const {
    if (nan_ || (plus_ && minus_)) return any_nan(DType::f32);
    const Dyadic two{2, 0};
    if (two * magnitudes_ >= exact_value(kF32, kF32.max_finite())) return open_element();
    if (plus_ || minus_) return infinity(DType::f32, minus_);
    if (count_ == 0) return open_element();
    const Dyadic g{count_, -24};
    const Dyadic bound = g * (Dyadic{1, 0} + two * g) * magnitudes_ + Dyadic{count_, -150};
    return magnitudes_.significand == 0 ? either_zero(DType::f32)
                                        : between(DType::f32, sum_ - bound, sum_ + bound, sum_);
  }
  Admissible in_i32() const {
    const cpp_int least = sum_.significand - magnitudes_.significand;  // no order leaves these ends
    const cpp_int greatest = sum_.significand + magnitudes_.significand;
    if (!fits(DType::i32, least) || !fits(DType::i32, greatest)) return open_element();
    return exactly(integer_bits(DType::i32, sum_.significand));
  }

 private:
  Dyadic sum_, magnitudes_;
  std::int64_t count_ = 0;
  bool nan_ = false, plus_ = false, minus_ = false;
};

enum class First : std::uint8_t { nothing, accumulator, bias };

// Operands: [accumulator,] left, right [, bias].
template <First first>
Elements matrix_product(const TileOp& op) {
  const std::size_t left_at = first == First::accumulator ? 1 : 0;
  const TileValue *left = op.tile(left_at), *right = op.tile(left_at + 1);
  const TileValue* start = first == First::nothing ? nullptr : op.tile(first == First::accumulator ? 0 : 2);
  if (left == nullptr || right == nullptr || (first != First::nothing && start == nullptr))
    return op.refuse("the operands are tiles");
  const std::int64_t k_extent = left->shape.valid_cols;
  if (right->shape.valid_rows != k_extent || left->shape.valid_rows != op.out().valid_rows ||
      right->shape.valid_cols != op.out().valid_cols)
    return op.refuse("m, k and n agree");
  return op.each([&](std::int64_t i, std::int64_t j) {
    Terms terms;
    if (start != nullptr) terms.add(decode(start->shape.dtype, start->at(first == First::bias ? 0 : i, j)));
    for (std::int64_t k = 0; k < k_extent; ++k)
      terms.add(decode(left->shape.dtype, left->at(i, k)), decode(right->shape.dtype, right->at(k, j)));
    return op.out().dtype == DType::f32 ? terms.in_f32() : terms.in_i32();
  });
}

// OCP MX 1.0, 5.3 and 6.2: 32 k's of a row or column share a scale n, 2^(n - 127) or NaN. Operands: [accumulator,]
// left, its scales, right, its scales [, bias].
template <First first>
Elements scaled_product(const TileOp& op) {
  constexpr std::uint64_t kNaN = 0xFF;
  const std::size_t at = first == First::accumulator ? 1 : 0;
  const TileValue *left = op.tile(at), *left_scales = op.tile(at + 1);
  const TileValue *right = op.tile(at + 2), *right_scales = op.tile(at + 3);
  const TileValue* start = first == First::nothing ? nullptr : op.tile(first == First::accumulator ? 0 : 4);
  if (!left || !left_scales || !right || !right_scales || (first != First::nothing && !start))
    return op.refuse("the operands are tiles");
  const std::int64_t k_extent = left->shape.valid_cols, blocks = (k_extent + 31) / 32;
  if (right->shape.valid_rows != k_extent || left->shape.valid_rows != op.out().valid_rows ||
      right->shape.valid_cols != op.out().valid_cols || left_scales->shape.valid_cols != blocks ||
      right_scales->shape.valid_rows != blocks || op.out().dtype != DType::f32)
    return op.refuse("m, k and n agree, and the sum is f32");
  return op.each([&](std::int64_t i, std::int64_t j) {
    Terms terms;
    if (start != nullptr) terms.add(decode(start->shape.dtype, start->at(first == First::bias ? 0 : i, j)));
    for (std::int64_t k = 0; k < k_extent; ++k) {
      const std::uint64_t x = left_scales->at(i, k / 32), y = right_scales->at(k / 32, j);
      if (x == kNaN || y == kNaN) {
        terms.add_nan();
        continue;
      }
      terms.add(decode(left->shape.dtype, left->at(i, k)), decode(right->shape.dtype, right->at(k, j)),
                static_cast<int>(x + y) - 2 * 127);
    }
    return terms.in_f32();
  });
}

constexpr std::array kRows{
    TileOpRow{"tmatmul.mx", 4, scaled_product<First::nothing>},
    TileOpRow{"tmatmul.mx.acc", 5, scaled_product<First::accumulator>},
    TileOpRow{"tmatmul.mx.bias", 5, scaled_product<First::bias>},
    TileOpRow{"tgemv.mx", 4, scaled_product<First::nothing>},
    TileOpRow{"tgemv.mx.acc", 5, scaled_product<First::accumulator>},
    TileOpRow{"tgemv.mx.bias", 5, scaled_product<First::bias>},
    TileOpRow{"tmatmul", 2, matrix_product<First::nothing>},
    TileOpRow{"tmatmul.acc", 3, matrix_product<First::accumulator>},
    TileOpRow{"tmatmul.bias", 3, matrix_product<First::bias>},
    TileOpRow{"tgemv", 2, matrix_product<First::nothing>},
    TileOpRow{"tgemv.acc", 3, matrix_product<First::accumulator>},
    TileOpRow{"tgemv.bias", 3, matrix_product<First::bias>},
};

}  // namespace

std::span<const TileOpRow> cube_rows() { return kRows; }

}  // namespace assay::goldens::ops
