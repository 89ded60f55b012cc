// Test support: the formats of ep-dispatch-combine 3.1 to 3.4 from their definitions, by search over all codes. Shares
// nothing with goldens/formats.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "harness/core/profile/profile.h"
#include "harness/core/tensor.h"

namespace assay::goldens::intranode {

struct SmallFormat {
  int fraction_bits, bias;
  std::uint32_t greatest;  // magnitude code of the largest finite value
  std::uint32_t sign;
};
inline SmallFormat small_format(DType dtype) {
  if (dtype == DType::e4m3fn) return {3, 7, 0x7E, 0x80};
  if (dtype == DType::e4m3fnuz) return {3, 8, 0x7F, 0x80};
  return {1, 1, 7, 8};  // e2m1
}

// Of any magnitude code, also beyond the greatest.
inline double small_magnitude(const SmallFormat& format, std::uint32_t code) {
  const std::uint32_t scale = 1u << format.fraction_bits, field = code / scale, fraction = code % scale;
  const double digits = field == 0 ? fraction : fraction + scale;
  return std::ldexp(digits, static_cast<int>(field == 0 ? 1 : field) - format.bias - format.fraction_bits);
}

inline bool naive_is_nan(DType dtype, std::uint64_t code) {
  if (dtype == DType::e4m3fn) return (code & 0x7F) == 0x7F;
  if (dtype == DType::e4m3fnuz) return code == 0x80;
  if (dtype == DType::bf16) return (code & 0x7FFF) > 0x7F80;
  if (dtype == DType::f32) return (code & 0x7FFFFFFF) > 0x7F800000;
  return false;
}

inline float naive_widen(DType dtype, std::uint64_t code) {
  if (dtype == DType::f32) return std::bit_cast<float>(static_cast<std::uint32_t>(code));
  if (dtype == DType::bf16) return std::bit_cast<float>(static_cast<std::uint32_t>(code << 16));
  if (naive_is_nan(dtype, code)) return std::nanf("");
  const SmallFormat format = small_format(dtype);
  const auto value = static_cast<float>(small_magnitude(format, static_cast<std::uint32_t>(code % format.sign)));
  return code / format.sign ? -value : value;
}

inline std::uint64_t naive_nan(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return 0x7FC00000;
    case DType::bf16:
      return 0x7FC0;
    case DType::e4m3fn:
      return 0x7F;
    case DType::e4m3fnuz:
      return 0x80;
    default:
      return 7;
  }
}

// To nearest, ties to even, from a number that `x` holds exactly.
inline std::uint64_t naive_narrow_small(DType dtype, double x, Overflow overflow) {
  if (std::isnan(x)) return naive_nan(dtype);
  const SmallFormat format = small_format(dtype);
  std::uint32_t nearest = 0;
  for (std::uint32_t code = 1; code <= format.greatest + 1; ++code) {
    const double now = std::abs(small_magnitude(format, code) - std::abs(x)),
                 best = std::abs(small_magnitude(format, nearest) - std::abs(x));
    if (now < best || (now == best && code % 2 == 0)) nearest = code;
  }
  // Far beyond the codes all distances are one double.
  if (std::abs(x) >= small_magnitude(format, format.greatest + 1)) nearest = format.greatest + 1;
  const std::uint32_t sign = std::signbit(x) ? format.sign : 0;
  const bool overflows = nearest > format.greatest;
  if (overflows) {
    const bool saturates =
        dtype == DType::e2m1 || overflow == Overflow::satall || (overflow == Overflow::satfinite && !std::isinf(x));
    return saturates ? (format.greatest | sign) : naive_nan(dtype);
  }
  if (dtype == DType::e4m3fnuz && nearest == 0) return 0;
  return nearest | sign;
}

inline std::uint64_t naive_narrow(DType dtype, float x, Overflow overflow) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if (dtype == DType::f32) return bits;
  if (dtype != DType::bf16) return naive_narrow_small(dtype, x, overflow);
  if (std::isnan(x)) return 0x7FC0;
  return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
}

}  // namespace assay::goldens::intranode
