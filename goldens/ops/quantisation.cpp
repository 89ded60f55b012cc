// Moves out of the accumulator that convert (fixpipe), tquant and tdequant (isa 2.7).
//
// A parameter word: bits 13 to 31 a scale of 1 sign, 8 exponent and 10 fraction bits, 32 to 35 a shift, 37 to 45 an
// offset of 9 bits, 46 the result's signedness. A word per tile is the attribute preQuantScalar; one per column is the
// second operand, a row of 64-bit words.
//
// Silent, so open: f16 and bf16 results beyond the largest finite value; NaN and infinities into integers. Where the
// product with the scale may be rounded to f32 or not, or a half goes either way ("round"), both neighbours are right.
// Whether the shift field counts from 0 or from 1, and which way a shifted-out half goes, is not said either:
// everything between is right.
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "goldens/exact/rounding.h"
#include "goldens/ops/element.h"
#include "goldens/ops/shape_ops.h"

namespace assay::goldens::ops {
namespace {

using boost::multiprecision::cpp_int;

struct QuantWord {
  explicit QuantWord(std::uint64_t word)
      : scale(decode(DType::f32, word & 0xFFFFE000)),
        shift(static_cast<int>(word >> 32 & 0xF)),
        offset(static_cast<std::int64_t>(word << 18) >> 55),
        is_signed((word >> 46 & 1) != 0) {}
  Number scale;
  int shift;
  std::int64_t offset;
  bool is_signed;
};

Admissible finite_or_open(DType to, const Admissible& a) {
  const std::uint64_t size = format_of(to).sign_bit() - 1;
  if ((a.lo & size) >= format_of(to).infinity() || (a.hi & size) >= format_of(to).infinity()) return open_element();
  return a;
}

// x and what it becomes when it is rounded to f32 first.
struct Interval {
  Dyadic lo, hi;
};
Interval also_rounded(const Interval& x) {
  const auto rounded = [](const Dyadic& d) {
    return d.significand == 0 ? d : decode(DType::f32, nearest(DType::f32, d, false).lo).value;
  };
  const Dyadic a = rounded(x.lo), b = rounded(x.hi);
  return {std::min(x.lo, a, [](const Dyadic& p, const Dyadic& q) { return p < q; }),
          std::max(x.hi, b, [](const Dyadic& p, const Dyadic& q) { return p < q; })};
}

Admissible to_half(DType to, const Interval& x, bool negative) {
  if (x.lo.significand == 0 && x.hi.significand == 0) return either_zero(to);
  return finite_or_open(to, hull(to, nearest(to, x.lo, negative), nearest(to, x.hi, negative)));
}

Interval clamped(const Interval& x, std::int64_t least, std::int64_t greatest) {
  const auto clamp = [&](const Dyadic& d) {
    if (d < Dyadic{least, 0}) return Dyadic{least, 0};
    return Dyadic{greatest, 0} < d ? Dyadic{greatest, 0} : d;
  };
  return {clamp(x.lo), clamp(x.hi)};
}

// round(clamp(x * scale, -256, 255)) + offset, clamped to the type.
Admissible to_byte(DType to, const Interval& x, std::int64_t offset) {
  const Interval inside = clamped(x, -256, 255);
  const Dyadic half{1, -1};
  // From the lowest number a half may become to the highest.
  const cpp_int lo = round_to_integer(inside.lo - half, Rounding::ceil) + offset;
  const cpp_int hi = round_to_integer(inside.hi + half, Rounding::floor) + offset;
  return range(integer_bits(to, clamp_to(to, lo)), integer_bits(to, clamp_to(to, hi)));
}

// What an accumulator's element becomes in another type.
Admissible through_fixpipe(DType from, DType to, std::uint64_t bits, bool rectify, std::optional<QuantWord> word) {
  Number x = decode(from, bits);
  if (x.is_nan()) return is_float(to) && !rectify && !word ? any_nan(to) : open_element();
  if (rectify && x.negative) x = {};
  if (from == to) return x.is_zero() && is_float(to) ? either_zero(to) : exactly(rectify && x.is_zero() ? 0 : bits);
  if (x.is_infinite()) return open_element();
  if (from == DType::i32 && to == DType::i16) {
    if (!word) return open_element();
    const auto shifted = [&](int by) {
      const Dyadic d{x.value.significand, x.value.exponent - by};
      return range(integer_bits(to, clamp_to(to, round_to_integer(d, Rounding::floor))),
                   integer_bits(to, clamp_to(to, round_to_integer(d, Rounding::ceil))));
    };
    return hull(to, shifted(word->shift), shifted(word->shift + 1));
  }
  Interval value{x.value, x.value};
  if (word) {
    if (word->scale.kind != Number::Class::finite) return open_element();
    value = also_rounded(value);
    value = {value.lo * word->scale.value, value.hi * word->scale.value};
    if (value.hi < value.lo) std::swap(value.lo, value.hi);
    value = also_rounded(value);
  }
  if (to == DType::f16 || to == DType::bf16) return to_half(to, value, x.negative);
  if (to != DType::i8 && to != DType::u8) return open_element();
  // The word's signedness and the destination's type say the same, or nothing is said.
  if (!word || word->is_signed != (to == DType::i8)) return open_element();
  return to_byte(to, value, word->offset);
}

std::optional<QuantWord> written_word(const TileOp& op, std::int64_t column, std::size_t parameters) {
  if (op.request.ins.size() > parameters)
    if (const TileValue* words = op.tile(parameters); words != nullptr) return QuantWord(words->at(0, column));
  if (op.request.ins.size() > parameters)
    if (const ScalarValue* word = op.scalar(parameters); word != nullptr) return QuantWord(word->bits);
  return std::nullopt;
}

bool rectifies(const TileOp& op) { return op.attribute("reluPreMode") == "normal_relu"; }

// tmov and tstore: operands are the source and, where the move quantises, its parameters.
Elements move(const TileOp& op) {
  const TileValue* a = op.tile(0);
  if (a == nullptr || !op.tiles_cover(1)) return op.refuse("the operand is a tile of the destination's valid shape");
  if (a->shape.dtype == op.out().dtype && op.request.ins.size() == 1 && !rectifies(op)) return copy(op);
  return op.each([&](std::int64_t i, std::int64_t j) {
    return through_fixpipe(a->shape.dtype, op.out().dtype, a->at(i, j), rectifies(op), written_word(op, j, 1));
  });
}

std::int64_t offset_of(const TileOp& op, std::size_t index) {
  const ScalarValue* s = op.scalar(index);
  return s == nullptr ? -1 : decode(s->dtype, s->bits).value.significand.convert_to<std::int64_t>();
}

// Operands: source, row, column [, parameters].
Elements extract(const TileOp& op) {
  const TileValue* a = op.tile(0);
  const std::int64_t row = offset_of(op, 1), column = offset_of(op, 2);
  if (a == nullptr || row < 0 || column < 0 || row + op.out().valid_rows > a->shape.rows ||
      column + op.out().valid_cols > a->shape.cols)
    return op.refuse("the window lies in the source");
  return op.each([&](std::int64_t i, std::int64_t j) {
    const std::uint64_t bits = a->at(row + i, column + j);
    if (a->shape.dtype == op.out().dtype && op.request.ins.size() == 3 && !rectifies(op)) return exactly(bits);
    return through_fixpipe(a->shape.dtype, op.out().dtype, bits, rectifies(op), written_word(op, j, 3));
  });
}

Elements insert(const TileOp& op) {
  const TileValue* a = op.tile(0);
  const std::int64_t row = offset_of(op, 1), column = offset_of(op, 2);
  if (a == nullptr || row < 0 || column < 0 || op.request.before.empty())
    return op.refuse("takes a source, a place and the destination's content");
  return op.each([&](std::int64_t i, std::int64_t j) {
    const std::int64_t r = i - row, c = j - column;
    if (r < 0 || c < 0 || r >= a->shape.valid_rows || c >= a->shape.valid_cols) return exactly(op.before(i, j));
    if (a->shape.dtype == op.out().dtype && op.request.ins.size() == 3 && !rectifies(op)) return exactly(a->at(r, c));
    return through_fixpipe(a->shape.dtype, op.out().dtype, a->at(r, c), rectifies(op), written_word(op, c, 3));
  });
}

// ---- tquant: f32 times the row's scale [plus the row's offset], each rounded to f32, to an integer by RINT, then
// through f16 to 8 bits with saturation. Integers beyond f16's exact ones lie beyond 8 bits too.
Elements quantise(const TileOp& op) {
  if (!op.tiles_cover(1) || op.tile(1) == nullptr) return op.refuse("takes a tile and its scales");
  const TileValue* scale = op.tile(1);
  const TileValue* offset = op.request.ins.size() > 2 ? op.tile(2) : nullptr;
  return op.each([&](std::int64_t i, std::int64_t j) {
    Admissible scaled = binary(Binary::multiply, DType::f32, op.at(0, i, j), scale->at(i, 0), op.profile);
    if (offset != nullptr && !scaled.open)
      scaled = binary(Binary::add, DType::f32, scaled.lo, offset->at(i, 0), op.profile);
    if (scaled.open) return open_element();
    ConversionMeaning rint;
    rint.saturate = true;
    return convert(DType::f32, op.out().dtype, scaled.lo, rint);
  });
}

// (x - offset) * scale of the row, the difference rounded to f32.
Elements dequantise(const TileOp& op) {
  const TileValue *a = op.tile(0), *scale = op.tile(1), *offset = op.tile(2);
  if (a == nullptr || scale == nullptr || offset == nullptr || op.out().dtype != DType::f32)
    return op.refuse("takes a tile, its scales and its offsets and gives f32");
  return op.each([&](std::int64_t i, std::int64_t j) {
    const Admissible x = nearest(DType::f32, decode(a->shape.dtype, a->at(i, j)).value, false);
    const Admissible difference = binary(Binary::subtract, DType::f32, x.lo, offset->at(i, 0), op.profile);
    if (difference.open) return open_element();
    return binary(Binary::multiply, DType::f32, difference.lo, scale->at(i, 0), op.profile);
  });
}

// ---- tquant.mx: blocks of 32 along a row, or down a column, share a power of two (OCP MX 1.0, 6.3)

class Blocks {
 public:
  explicit Blocks(const TileOp& op)
      : source_(*op.tile(0)),
        down_(op.attribute("grpAxis") == "axis0"),
        covers_(op.attribute("quantScaleAlg") == "nv") {}

  static bool whole(const TileOp& op) {
    const TileValue* source = op.tile(0);
    const bool down = op.attribute("grpAxis") == "axis0";
    return source != nullptr && (down ? source->shape.valid_rows : source->shape.valid_cols) % 32 == 0;
  }

  struct Block {
    bool special = false;  // holds a NaN or an infinity
    std::uint64_t maximum = 0;
  };
  // The block of element (i, j), and the j-th of row i of blocks.
  Block around(std::int64_t i, std::int64_t j) const { return down_ ? at(i / 32, j) : at(i, j / 32); }
  Block at(std::int64_t i, std::int64_t j) const {
    Block block;
    for (std::int64_t k = 0; k < 32; ++k) {
      const std::uint64_t bits = (down_ ? source_.at(32 * i + k, j) : source_.at(i, 32 * j + k)) & 0x7FFFFFFF;
      block.special = block.special || bits >= 0x7F800000;
      block.maximum = std::max(block.maximum, bits);
    }
    return block;
  }

  // The exponent of the scale, biased by 127; nothing where the sources differ.
  std::optional<int> exponent(const Block& block) const {
    if (!covers_) {
      const int biased = static_cast<int>(block.maximum >> 23);
      return biased > 8 ? std::optional(biased - 8) : std::nullopt;
    }
    // The maximum times the f32 nearest to 1/448, rounded to f32; up to the next power of two.
    const Dyadic product = exact_value(kF32, static_cast<std::uint32_t>(block.maximum)) * exact_value(kF32, 0x3B124925);
    const std::uint32_t scaled = round_exact(kF32, product, Rounding::rint);
    if (scaled >> 23 == 0) return std::nullopt;
    return static_cast<int>(scaled >> 23) + ((scaled & 0x7FFFFF) != 0 ? 1 : 0);
  }
  std::uint64_t element(std::int64_t i, std::int64_t j) const { return source_.at(i, j); }

 private:
  const TileValue& source_;
  bool down_, covers_;
};

Elements mx_elements(const TileOp& op) {
  if (!Blocks::whole(op)) return op.refuse("the source holds whole blocks of 32");
  const Blocks blocks(op);
  return op.each([&](std::int64_t i, std::int64_t j) {
    const Blocks::Block block = blocks.around(i, j);
    const auto exponent = blocks.exponent(block);
    const auto bits = static_cast<std::uint32_t>(blocks.element(i, j));
    if (block.special) return open_element();
    const std::uint32_t sign = bits >> 24 & 0x80;
    if ((bits & 0x7FFFFFFF) == 0) return exactly(sign);
    if (!exponent) return open_element();
    const Dyadic scaled = exact_value(kF32, bits & 0x7FFFFFFF) * Dyadic{1, 127 - *exponent};
    if (scaled >= Dyadic{448, 0}) return exactly(sign | kE4m3fn.max_finite());
    return exactly(sign | round_exact(kE4m3fn, scaled, Rounding::rint));
  });
}

template <class Value>
Elements of_blocks(const TileOp& op, std::size_t output, Value value) {
  if (!Blocks::whole(op)) return op.refuse("the source holds whole blocks of 32");
  const Blocks blocks(op);
  return op.each_of(op.request.more_outs[output - 1],
                    [&](std::int64_t i, std::int64_t j) { return value(blocks, blocks.at(i, j)); });
}

Elements mx_exponents(const TileOp& op) {
  return of_blocks(op, 1, [](const Blocks& blocks, const Blocks::Block& block) {
    if (block.special) return exactly(0xFF);
    return exactly(static_cast<std::uint64_t>(blocks.exponent(block).value_or(0)));
  });
}

Elements mx_maxima(const TileOp& op) {
  return of_blocks(op, 2, [](const Blocks&, const Blocks::Block& block) {
    return block.special ? open_element() : exactly(block.maximum);
  });
}

Elements mx_multipliers(const TileOp& op) {
  return of_blocks(op, 3, [](const Blocks& blocks, const Blocks::Block& block) {
    const auto exponent = blocks.exponent(block);
    if (block.special || !exponent) return open_element();
    return exactly(round_exact(kF32, Dyadic{1, 127 - *exponent}, Rounding::rint));
  });
}

constexpr std::array kRows{
    TileOpRow{"tquant.mx", 1, mx_elements, mx_exponents, 0, {mx_maxima, mx_multipliers}},
    TileOpRow{"tmov", 1, move, nullptr, 1},
    TileOpRow{"tstore", 1, move, nullptr, 1},
    TileOpRow{"textract", 3, extract, nullptr, 1},
    TileOpRow{"tinsert", 3, insert, nullptr, 1},
    TileOpRow{"tquant", 2, quantise, nullptr, 1},
    TileOpRow{"tdequant", 3, dequantise},
};

}  // namespace

std::span<const TileOpRow> quantisation_rows() { return kRows; }

}  // namespace assay::goldens::ops
