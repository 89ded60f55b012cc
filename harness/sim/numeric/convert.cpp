#include "harness/sim/numeric/convert.h"

#include <bit>
#include <cstring>

#include "harness/sim/numeric/round.h"

namespace assay::sim {
namespace {

const FloatFormat* float_format(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return &kF32Format;
    case DType::f16:
      return &kF16Format;
    case DType::bf16:
      return &kBf16Format;
    default:
      return nullptr;
  }
}

IntegerFormat integer_format(DType dtype) { return {info(dtype).bits, info(dtype).is_signed}; }

template <class T>
T load(const std::byte* from, std::int64_t index) {
  T value;
  std::memcpy(&value, from + index * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
  return value;
}

Exact decode(DType dtype, const std::byte* from, std::int64_t k) {
  switch (dtype) {
    case DType::f32:
      return decode_float(load<std::uint32_t>(from, k), kF32Format);
    case DType::f16:
      return decode_float(load<std::uint16_t>(from, k), kF16Format);
    case DType::bf16:
      return decode_float(load<std::uint16_t>(from, k), kBf16Format);
    case DType::i8:
      return from_integer(load<std::int8_t>(from, k));
    case DType::u8:
      return from_integer(load<std::uint8_t>(from, k));
    case DType::i16:
      return from_integer(load<std::int16_t>(from, k));
    case DType::u16:
      return from_integer(load<std::uint16_t>(from, k));
    case DType::i32:
      return from_integer(load<std::int32_t>(from, k));
    case DType::u32:
      return from_integer(load<std::uint32_t>(from, k));
    case DType::i64:
      return from_integer(load<std::int64_t>(from, k));
    case DType::u64:
      return from_unsigned(load<std::uint64_t>(from, k));
    default:
      return {};
  }
}

void convert_any(DType source, DType destination, const ConversionMeaning& meaning, const std::byte* from,
                 std::byte* to, std::int64_t count) {
  const FloatFormat* format = float_format(destination);
  const IntegerFormat integer = integer_format(destination);
  const auto width = static_cast<std::size_t>(info(destination).bits / 8);
  const bool integral = source == destination && format != nullptr;
  for (std::int64_t k = 0; k < count; ++k) {
    const Exact value = decode(source, from, k);
    std::uint64_t bits = 0;
    if (integral)
      bits = round_to_integral(value, *format, meaning.rounding);
    else if (format)
      bits = round_to_float(value, *format, meaning.rounding, meaning.saturate);
    else
      bits = static_cast<std::uint64_t>(round_to_integer(value, integer, meaning.rounding, meaning.saturate));
    std::memcpy(to + static_cast<std::size_t>(k) * width, &bits, width);
  }
}

// What is added to the bits of an f32 before its low half is cut off: the modes as carries into bit 16.
template <Rounding kMode>
std::uint32_t bf16_carry(std::uint32_t u) {
  switch (kMode) {
    case Rounding::rint:
      return 0x7FFFU + ((u >> 16) & 1U);
    case Rounding::round:
      return 0x8000U;
    case Rounding::floor:
      return u >> 31 ? 0xFFFFU : 0;
    case Rounding::ceil:
      return u >> 31 ? 0 : 0xFFFFU;
    case Rounding::trunc:
      return 0;
    case Rounding::odd:
      return (u & 0x1FFFFU) != 0 && (u & 0x10000U) == 0 && (u & 0xFFFFU) != 0 ? 0x10000U : 0;
  }
  return 0;
}

template <Rounding kMode>
void to_bf16(bool saturate, const std::byte* from, std::byte* to, std::int64_t count) {
  for (std::int64_t k = 0; k < count; ++k) {
    const auto u = load<std::uint32_t>(from, k);
    const bool nan = (u & 0x7FFFFFFFU) > 0x7F800000U;
    std::uint32_t half = (u + bf16_carry<kMode>(u)) >> 16;
    if (saturate && (half & 0x7FFFU) == 0x7F80U) --half;
    const auto bits = static_cast<std::uint16_t>(nan ? 0x7FC0U : half);
    std::memcpy(to + 2 * k, &bits, 2);
  }
}

void f32_to_bf16(const ConversionMeaning& meaning, const std::byte* from, std::byte* to, std::int64_t count) {
  switch (meaning.rounding) {
    case Rounding::rint:
      return to_bf16<Rounding::rint>(meaning.saturate, from, to, count);
    case Rounding::round:
      return to_bf16<Rounding::round>(meaning.saturate, from, to, count);
    case Rounding::floor:
      return to_bf16<Rounding::floor>(meaning.saturate, from, to, count);
    case Rounding::ceil:
      return to_bf16<Rounding::ceil>(meaning.saturate, from, to, count);
    case Rounding::trunc:
      return to_bf16<Rounding::trunc>(meaning.saturate, from, to, count);
    case Rounding::odd:
      return to_bf16<Rounding::odd>(meaning.saturate, from, to, count);
  }
}

// Exact unless saturation turns infinities into the largest value; NaN becomes the canonical one.
void bf16_to_f32(bool saturate, const std::byte* from, std::byte* to, std::int64_t count) {
  for (std::int64_t k = 0; k < count; ++k) {
    std::uint32_t u = static_cast<std::uint32_t>(load<std::uint16_t>(from, k)) << 16;
    if ((u & 0x7FFFFFFFU) > 0x7F800000U) u = 0x7FC00000U;
    if (saturate && (u & 0x7FFFFFFFU) == 0x7F800000U) --u;
    std::memcpy(to + 4 * k, &u, 4);
  }
}

}  // namespace

bool can_convert(DType source, DType destination) {
  const auto known = [](DType dtype) { return float_format(dtype) != nullptr || !info(dtype).is_float; };
  return known(source) && known(destination);
}

void convert(DType source, DType destination, const ConversionMeaning& meaning, const std::byte* from, std::byte* to,
             std::int64_t count) {
  if (source == DType::f32 && destination == DType::bf16) return f32_to_bf16(meaning, from, to, count);
  if (source == DType::bf16 && destination == DType::f32) return bf16_to_f32(meaning.saturate, from, to, count);
  convert_any(source, destination, meaning, from, to, count);
}

}  // namespace assay::sim
