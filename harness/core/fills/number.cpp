#include "harness/core/fills/number.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>

namespace assay::fills {
namespace {

__extension__ using UnsignedWide = unsigned __int128;

constexpr FloatFormat kF32{23, 127, 0x80000000, 0x7F7FFFFF, 0x7F800000, 0x7FC00000};
constexpr FloatFormat kF16{10, 15, 0x8000, 0x7BFF, 0x7C00, 0x7E00};
constexpr FloatFormat kBf16{7, 127, 0x8000, 0x7F7F, 0x7F80, 0x7FC0};
constexpr FloatFormat kE4m3fn{3, 7, 0x80, 0x7E, 0, 0x7F};
constexpr FloatFormat kE4m3fnuz{3, 8, 0x80, 0x7F, 0, 0x80};
constexpr FloatFormat kE5m2{2, 15, 0x80, 0x7B, 0x7C, 0x7E};
constexpr FloatFormat kE2m1{1, 1, 0x8, 0x7, 0, 0};

int bit_length(UnsignedWide value) {
  const auto high = static_cast<std::uint64_t>(value >> 64);
  const auto width = high != 0 ? 64 + std::bit_width(high) : std::bit_width(static_cast<std::uint64_t>(value));
  return static_cast<int>(width);
}

UnsignedWide magnitude(Wide value) {
  return value < 0 ? -static_cast<UnsignedWide>(value) : static_cast<UnsignedWide>(value);
}

// value * 2^shift, cut off; the result fits by construction of the callers.
UnsignedWide shifted(UnsignedWide value, int shift) {
  if (shift >= 0) return shift > 127 ? 0 : value << shift;
  return -shift > 127 ? 0 : value >> -shift;
}

std::uint64_t encode_float(const FloatFormat& format, Dyadic number) {
  const UnsignedWide value = magnitude(number.mantissa);
  std::uint64_t bits = 0;
  if (value != 0) {
    const int least = 1 - format.bias;  // exponent of the smallest normal
    const int exponent = bit_length(value) - 1 + number.exponent;
    const int unit = std::max(exponent, least) - format.fraction_bits;
    if (exponent > 1100)
      bits = format.max_finite;
    else {
      const auto significand = static_cast<std::uint64_t>(shifted(value, number.exponent - unit));
      // The implicit bit adds one to the exponent field, so subnormals need no case of their own.
      const auto field = static_cast<std::uint64_t>(std::max(exponent, least) - least);
      bits = std::min((field << format.fraction_bits) + significand, format.max_finite);
    }
  }
  const bool has_negative_zero = format.nan != format.sign;
  return number.mantissa < 0 && (bits != 0 || has_negative_zero) ? bits | format.sign : bits;
}

std::uint64_t encode_integer(DType dtype, Dyadic number) {
  const UnsignedWide value = magnitude(number.mantissa);
  UnsignedWide whole = 0;
  if (value != 0 && bit_length(value) + number.exponent > 64)
    whole = ~std::uint64_t{0};
  else
    whole = shifted(value, number.exponent);
  Wide result = number.mantissa < 0 ? -static_cast<Wide>(whole) : static_cast<Wide>(whole);
  const Wide greatest = dtype == DType::u64 ? static_cast<Wide>(~std::uint64_t{0}) : Wide{integer_max(dtype)};
  result = std::clamp(result, Wide{integer_min(dtype)}, greatest);
  const int bits = info(dtype).bits;
  const std::uint64_t mask = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
  return static_cast<std::uint64_t>(result) & mask;
}

bool equal(Dyadic a, Dyadic b) {
  const auto reduce = [](Dyadic& d) {
    while (d.mantissa != 0 && (d.mantissa & 1) == 0) {
      d.mantissa /= 2;
      ++d.exponent;
    }
    if (d.mantissa == 0) d.exponent = 0;
  };
  reduce(a);
  reduce(b);
  return a.mantissa == b.mantissa && a.exponent == b.exponent;
}

}  // namespace

const FloatFormat* float_format(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return &kF32;
    case DType::f16:
      return &kF16;
    case DType::bf16:
      return &kBf16;
    case DType::e4m3fn:
      return &kE4m3fn;
    case DType::e4m3fnuz:
      return &kE4m3fnuz;
    case DType::e5m2:
      return &kE5m2;
    case DType::e2m1:
      return &kE2m1;
    default:
      return nullptr;
  }
}

std::int64_t integer_min(DType dtype) {
  if (!info(dtype).is_signed) return 0;
  return std::numeric_limits<std::int64_t>::min() >> (64 - info(dtype).bits);
}

std::int64_t integer_max(DType dtype) {
  const int bits = info(dtype).bits;
  if (info(dtype).is_signed || bits == 64) return std::numeric_limits<std::int64_t>::max() >> (64 - bits);
  return (std::int64_t{1} << bits) - 1;
}

std::uint64_t encode(DType dtype, Dyadic number) {
  const FloatFormat* format = float_format(dtype);
  return format != nullptr ? encode_float(*format, number) : encode_integer(dtype, number);
}

std::optional<std::uint64_t> encode_exactly(DType dtype, Dyadic number) {
  const std::uint64_t bits = encode(dtype, number);
  const auto back = decode(dtype, bits);
  if (!back || !equal(*back, number)) return std::nullopt;
  return bits;
}

std::optional<Dyadic> decode(DType dtype, std::uint64_t bits) {
  const FloatFormat* format = float_format(dtype);
  if (format == nullptr) {
    const int unused = 64 - info(dtype).bits;
    if (!info(dtype).is_signed) return Dyadic{static_cast<Wide>(bits), 0};
    return Dyadic{static_cast<std::int64_t>(bits << unused) >> unused, 0};
  }
  const std::uint64_t value = bits & (format->sign - 1);
  if (value > format->max_finite || (format->nan == format->sign && bits == format->nan)) return std::nullopt;
  const std::uint64_t one = std::uint64_t{1} << format->fraction_bits;
  const auto field = static_cast<int>(value >> format->fraction_bits);
  const std::uint64_t significand = (value & (one - 1)) + (field > 0 ? one : 0);
  const Wide mantissa = static_cast<Wide>(significand);
  return Dyadic{(bits & format->sign) != 0 ? -mantissa : mantissa,
                std::max(field, 1) - format->bias - format->fraction_bits};
}

std::optional<Dyadic> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text.starts_with('+')) return std::nullopt;
  const char* end = text.data() + text.size();
  std::int64_t integer = 0;
  if (const auto [stop, error] = std::from_chars(text.data(), end, integer); error == std::errc{} && stop == end)
    return Dyadic{integer, 0};
  float value = 0;
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return decode(DType::f32, std::bit_cast<std::uint32_t>(value));
}

}  // namespace assay::fills
