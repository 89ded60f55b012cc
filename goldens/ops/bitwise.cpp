// Bitwise operations and shifts over a type's bits (isa 2.3). A shift amount is a number of the same type.
#include <array>

#include "goldens/ops/element.h"
#include "goldens/ops/shape_ops.h"

namespace assay::goldens::ops {
namespace {

std::uint64_t all_bits(DType dtype) {
  const int bits = info(dtype).bits;
  return bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

Admissible conjunction(DType, std::uint64_t a, std::uint64_t b) { return exactly(a & b); }
Admissible disjunction(DType, std::uint64_t a, std::uint64_t b) { return exactly(a | b); }
Admissible difference(DType, std::uint64_t a, std::uint64_t b) { return exactly(a ^ b); }

bool amount_fits(DType dtype, const Number& amount) {
  return amount.value.significand >= 0 && amount.value.significand < info(dtype).bits;
}

Admissible shift_left(DType dtype, std::uint64_t a, std::uint64_t b) {
  const Number amount = decode(dtype, b);
  if (!amount_fits(dtype, amount)) return open_element();
  return exactly((a << amount.value.significand.convert_to<unsigned>()) & all_bits(dtype));
}

// Copies of the sign enter a signed number, zeros an unsigned one: the quotient by a power of two, rounded down.
Admissible shift_right(DType dtype, std::uint64_t a, std::uint64_t b) {
  const Number amount = decode(dtype, b);
  if (!amount_fits(dtype, amount)) return open_element();
  const boost::multiprecision::cpp_int power = boost::multiprecision::cpp_int(1)
                                               << amount.value.significand.convert_to<unsigned>();
  const boost::multiprecision::cpp_int& number = decode(dtype, a).value.significand;
  boost::multiprecision::cpp_int quotient = number / power;
  if (number < 0 && quotient * power != number) quotient -= 1;
  return exactly(integer_bits(dtype, quotient));
}

template <Admissible (*element)(DType, std::uint64_t, std::uint64_t)>
Elements of_two(const TileOp& op) {
  if (!op.tiles_cover(1)) return op.refuse("the first operand is a tile of the destination's valid shape");
  return op.each([&](std::int64_t i, std::int64_t j) {
    return element(op.out().dtype, op.at(0, i, j), op.at(1, i, j) & all_bits(op.out().dtype));
  });
}

Elements complement(const TileOp& op) {
  if (!op.tiles_cover(1)) return op.refuse("the operand is a tile of the destination's valid shape");
  return op.each([&](std::int64_t i, std::int64_t j) { return exactly(~op.at(0, i, j) & all_bits(op.out().dtype)); });
}

constexpr std::array kRows{
    TileOpRow{"tand", 2, of_two<conjunction>}, TileOpRow{"tands", 2, of_two<conjunction>},
    TileOpRow{"tor", 2, of_two<disjunction>},  TileOpRow{"tors", 2, of_two<disjunction>},
    TileOpRow{"txor", 2, of_two<difference>},  TileOpRow{"txors", 2, of_two<difference>},
    TileOpRow{"tshl", 2, of_two<shift_left>},  TileOpRow{"tshls", 2, of_two<shift_left>},
    TileOpRow{"tshr", 2, of_two<shift_right>}, TileOpRow{"tshrs", 2, of_two<shift_right>},
    TileOpRow{"tnot", 1, complement},
};

}  // namespace

std::span<const TileOpRow> bitwise_rows() { return kRows; }

}  // namespace assay::goldens::ops
