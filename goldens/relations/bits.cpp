#include "goldens/relations/bits.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace assay::goldens {

Tensor take(const Tensor& tensor, std::size_t axis, std::span<const std::int64_t> slices) {
  Shape shape = tensor.shape();
  std::int64_t outer = 1, inner = 1;
  for (std::size_t i = 0; i < axis; ++i) outer *= shape[i];
  for (std::size_t i = axis + 1; i < shape.size(); ++i) inner *= shape[i];
  const std::int64_t extent = shape[axis];
  shape[axis] = static_cast<std::int64_t>(slices.size());
  Tensor result(tensor.dtype(), std::move(shape));
  const bool packed = info(tensor.dtype()).bits < 8;
  const auto width = static_cast<std::size_t>(bytes_of(tensor.dtype(), packed ? 2 : 1));
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::size_t i = 0; i < slices.size(); ++i) {
      const std::int64_t from = (o * extent + slices[i]) * inner;
      const std::int64_t to = (o * static_cast<std::int64_t>(slices.size()) + static_cast<std::int64_t>(i)) * inner;
      if (packed) {
        for (std::int64_t j = 0; j < inner; ++j) result.set_bits(to + j, tensor.bits(from + j));
      } else {
        const auto bytes =
            tensor.bytes().subspan(static_cast<std::size_t>(from) * width, static_cast<std::size_t>(inner) * width);
        std::ranges::copy(
            bytes, result.bytes().begin() + static_cast<std::ptrdiff_t>(to) * static_cast<std::ptrdiff_t>(width));
      }
    }
  return result;
}

std::optional<ExponentField> exponent_field(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return ExponentField{23, 8};
    case DType::bf16:
      return ExponentField{7, 8};
    case DType::f16:
      return ExponentField{10, 5};
    default:
      return std::nullopt;
  }
}

std::optional<std::uint64_t> scaled_bits(const ExponentField& field, std::uint64_t bits, int k) {
  const std::uint64_t exponent = field.of(bits);
  if (field.is_zero(bits) || exponent == field.greatest()) return bits;
  const std::int64_t scaled = static_cast<std::int64_t>(exponent) + k;
  if (exponent == 0 || scaled < 1 || scaled >= static_cast<std::int64_t>(field.greatest())) return std::nullopt;
  return (bits & ~(field.greatest() << field.mantissa_bits)) | static_cast<std::uint64_t>(scaled)
                                                                   << field.mantissa_bits;
}

std::uint64_t nan_bits(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return 0x7FC00000;
    case DType::bf16:
      return 0x7FC0;
    case DType::f16:
      return 0x7E00;
    case DType::e4m3fn:
    case DType::e5m2:
      return 0x7F;
    case DType::e4m3fnuz:
      return 0x80;
    case DType::e2m1:
      return 0xF;
    default:  // the least signed, the middle unsigned integer
      return std::uint64_t{1} << (info(dtype).bits - 1);
  }
}

std::uint64_t huge_bits(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return 0x7F7FFFFF;
    case DType::bf16:
      return 0x7F7F;
    case DType::f16:
      return 0x7BFF;
    case DType::e4m3fn:
      return 0x7E;
    case DType::e5m2:
      return 0x7B;
    case DType::e4m3fnuz:
      return 0x7F;
    case DType::e2m1:
      return 0x7;
    default:
      return std::numeric_limits<std::uint64_t>::max() >> (64 - info(dtype).bits + (info(dtype).is_signed ? 1 : 0));
  }
}

double float_value(DType dtype, std::uint64_t bits) {
  if (dtype == DType::f32) return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  if (dtype == DType::bf16) return std::bit_cast<float>(static_cast<std::uint32_t>(bits << 16));
  const int exponent = static_cast<int>(bits >> 10 & 31);
  const double significand = static_cast<double>(bits & 1023) + (exponent == 0 ? 0 : 1024);
  double magnitude = std::ldexp(significand, std::max(exponent, 1) - 25);
  if (exponent == 31)
    magnitude = (bits & 1023) != 0 ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

std::int64_t integer_value(const Tensor& tensor, std::int64_t index) {
  const DTypeInfo& format = info(tensor.dtype());
  const std::uint64_t bits = tensor.bits(index);
  if (!format.is_signed)
    return static_cast<std::int64_t>(
        std::min(bits, static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())));
  const int unused = 64 - format.bits;
  return static_cast<std::int64_t>(bits << unused) >> unused;
}

}  // namespace assay::goldens
