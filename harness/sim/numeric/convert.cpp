#include "harness/sim/numeric/convert.h"

#include <bit>
#include <cstring>

#include "harness/sim/lanes/lanes.h"
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

// The pairs with a loop over lanes.
bool convert_lanes(DType source, DType destination, const ConversionMeaning& meaning, const std::byte* from,
                   std::byte* to, std::int64_t count) {
  const auto [rounding, saturate] = meaning;
  const auto pair = [&](DType a, DType b) { return source == a && destination == b; };
  const auto* f32 = reinterpret_cast<const float*>(from);
  if (pair(DType::f32, DType::bf16)) {
    lanes::bf16_from_f32(rounding, saturate, f32, reinterpret_cast<std::uint16_t*>(to), count);
  } else if (pair(DType::bf16, DType::f32)) {
    lanes::f32_from_bf16(saturate, reinterpret_cast<const std::uint16_t*>(from), reinterpret_cast<float*>(to), count);
  } else if (pair(DType::f32, DType::f16) && rounding == Rounding::rint) {
    lanes::f16_from_f32_nearest(saturate, f32, reinterpret_cast<std::uint16_t*>(to), count);
  } else if (pair(DType::f16, DType::f32) && !saturate) {
    auto* out = reinterpret_cast<float*>(to);
    lanes::f32_from_f16(reinterpret_cast<const std::uint16_t*>(from), out, count);
    lanes::binary_with(lanes::Binary::add, out, -0.0F, out, count);  // changes nothing but NaN to the canonical one
  } else if (pair(DType::f32, DType::i32) && saturate && rounding != Rounding::odd) {
    lanes::i32_from_f32_saturating(rounding, f32, reinterpret_cast<std::int32_t*>(to), count);
  } else if (pair(DType::i32, DType::f32) && rounding == Rounding::rint) {
    lanes::f32_from_i32_nearest(reinterpret_cast<const std::int32_t*>(from), reinterpret_cast<float*>(to), count);
  } else {
    return false;
  }
  return true;
}

}  // namespace

bool can_convert(DType source, DType destination) {
  const auto known = [](DType dtype) { return float_format(dtype) != nullptr || !info(dtype).is_float; };
  return known(source) && known(destination);
}

void convert(DType source, DType destination, const ConversionMeaning& meaning, const std::byte* from, std::byte* to,
             std::int64_t count) {
  if (!convert_lanes(source, destination, meaning, from, to, count))
    convert_any(source, destination, meaning, from, to, count);
}

}  // namespace assay::sim
