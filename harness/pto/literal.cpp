#include "harness/pto/literal.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

namespace assay::pto {
namespace {

struct Format {
  int precision;     // significand bits, the leading one included
  int min_exponent;  // of the smallest normal
  int max_exponent;
};

Format format_of(ScalarKind kind) {
  if (kind == ScalarKind::f16) return {11, -14, 15};
  if (kind == ScalarKind::bf16) return {8, -126, 127};
  return {24, -126, 127};
}

// Nearest value of the format, ties to even; every step but the one rounding is exact.
double round_to(double value, const Format& format) {
  if (value == 0 || !std::isfinite(value)) return value;
  const int exponent = std::max(std::ilogb(value), format.min_exponent);
  const int last_bit = exponent - format.precision + 1;
  const double rounded = std::ldexp(std::nearbyint(std::ldexp(value, -last_bit)), last_bit);
  return std::fabs(rounded) >= std::ldexp(1.0, format.max_exponent + 1) ? std::copysign(INFINITY, value) : rounded;
}

std::uint32_t widen_f16(std::uint32_t bits) {
  const std::uint32_t sign = (bits & 0x8000U) << 16;
  const std::uint32_t exponent = bits >> 10 & 0x1FU, fraction = bits & 0x3FFU;
  if (exponent == 0x1F) return sign | 0x7F800000U | fraction << 13;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction + 1024.0, static_cast<int>(exponent) - 25);
  return sign | std::bit_cast<std::uint32_t>(static_cast<float>(magnitude));
}

}  // namespace

bool is_float(ScalarKind kind) {
  return kind == ScalarKind::f16 || kind == ScalarKind::bf16 || kind == ScalarKind::f32;
}

bool is_unsigned(ScalarKind kind) {
  return kind == ScalarKind::ui8 || kind == ScalarKind::ui16 || kind == ScalarKind::ui32 || kind == ScalarKind::ui64;
}

std::optional<std::uint32_t> float_literal(std::string_view text, ScalarKind kind) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, value);
  if (stop != end) return std::nullopt;
  if (status == std::errc::result_out_of_range) {  // from_chars does not say which way
    const std::size_t e = text.find_first_of("eE");
    const bool tiny = e != std::string_view::npos && text.substr(e + 1).starts_with('-');
    value = tiny ? 0.0 : INFINITY;
    if (text.starts_with('-')) value = -value;
  } else if (status != std::errc{}) {
    return std::nullopt;
  }
  return std::bit_cast<std::uint32_t>(static_cast<float>(round_to(value, format_of(kind))));
}

std::optional<std::uint32_t> float_from_bits(std::uint64_t bits, ScalarKind kind) {
  if (kind == ScalarKind::f32) return bits >> 32 ? std::nullopt : std::optional(static_cast<std::uint32_t>(bits));
  if (bits >> 16) return std::nullopt;
  const auto narrow = static_cast<std::uint32_t>(bits);
  return kind == ScalarKind::bf16 ? narrow << 16 : widen_f16(narrow);
}

std::uint32_t bits_in(ScalarKind kind, std::uint32_t f32_bits) {
  if (kind == ScalarKind::f32) return f32_bits;
  if (kind == ScalarKind::bf16) return f32_bits >> 16;
  const std::uint32_t sign = f32_bits >> 16 & 0x8000U;
  const std::uint32_t exponent = f32_bits >> 23 & 0xFFU, fraction = f32_bits & 0x7FFFFFU;
  if (exponent == 0xFF) return sign | 0x7C00U | fraction >> 13;
  if (exponent >= 113) return sign | (exponent - 112) << 10 | fraction >> 13;
  if (exponent < 103) return sign;
  return sign | (fraction | 0x800000U) >> (126 - exponent);
}

std::string print_float(std::uint32_t f32_bits, ScalarKind kind) {
  const float value = std::bit_cast<float>(f32_bits);
  if (std::isfinite(value)) {
    std::string text = fmt::format("{}", value);
    const std::size_t e = text.find('e');
    if (text.find('.') == std::string::npos) text.insert(e == std::string::npos ? text.size() : e, ".0");
    if (float_literal(text, kind) == f32_bits) return text;
  }
  return fmt::format("0x{:0{}X}", bits_in(kind, f32_bits), bits_of(kind) / 4);
}

std::optional<std::int64_t> integer_literal(std::string_view text, ScalarKind kind) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  std::uint64_t magnitude = 0;
  const auto [stop, status] = std::from_chars(text.data(), text.data() + text.size(), magnitude, hex ? 16 : 10);
  if (status != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  const int bits = bits_of(kind);
  const std::uint64_t top = std::uint64_t{1} << (bits - 1);
  if (negative) {
    if (magnitude > top || (is_unsigned(kind) && magnitude != 0)) return std::nullopt;
    return static_cast<std::int64_t>(0 - magnitude);
  }
  if (bits < 64 && magnitude >> bits) return std::nullopt;
  if (is_unsigned(kind) || kind == ScalarKind::i1 || magnitude < top) return static_cast<std::int64_t>(magnitude);
  return static_cast<std::int64_t>(magnitude - top - top);
}

}  // namespace assay::pto
