// Inputs solved so that a rounding point lands on a half, and one ulp to either side.
#include <algorithm>

#include "harness/core/fills/fill_function.h"

namespace assay::fills {
namespace {

// Half of the elements on the tie, a quarter on each side.
int side(std::uint32_t word) {
  constexpr int kSides[]{0, 0, 1, -1};
  return kSides[word & 3];
}

std::int64_t signed_by(std::int64_t value, int sign, std::uint32_t word) {
  return sign < 0 || (sign == 0 && (word & 1) != 0) ? -value : value;
}

std::uint64_t below(std::uint32_t word, std::uint64_t n) { return scale_to(std::uint64_t{word} << 32, n); }

Result<void> floats_only(const Request& request) {
  if (request.format() == nullptr) return request.refuse("integers have no rounding point; name another fill");
  return {};
}

// +-(n + 1/2) * 2^exponent, n in [0, max], and one representable value to either side.
std::uint64_t half(const Request& request, const PhiloxCounter& words, std::int64_t max, int exponent) {
  const auto n = static_cast<std::int64_t>(below(words[0], static_cast<std::uint64_t>(max) + 1));
  const std::uint64_t tie = encode(request.dtype(), {signed_by(2 * n + 1, 0, words[1]), exponent - 1});
  return step_magnitude(tie, side(words[2]));
}

}  // namespace

// f32: halfway between two bf16 values, low 16 bits 0x8000, 0x7FFF or 0x8001 under a random sign, an exponent from lo
// to hi (-127: subnormals) and an even or odd upper part. f16 and bf16: half-integers.
Result<void> ties(Request& request) {
  if (request.dtype() == DType::f16 || request.dtype() == DType::bf16) return half_integers(request);
  if (request.dtype() != DType::f32)
    return request.refuse("no rounding point of this type is known; name another fill");
  const auto lo = request.integer("lo", -127, -127, 127);
  if (!lo) return tl::unexpected(lo.error());
  const auto hi = request.integer("hi", 127, *lo, 127);
  if (!hi) return tl::unexpected(hi.error());
  for_each_element(request, [&](std::int64_t, const PhiloxCounter& words) {
    const auto field =
        static_cast<std::uint64_t>(*lo + 127) + below(words[0], static_cast<std::uint64_t>(*hi - *lo) + 1);
    const std::uint64_t upper = (std::uint64_t{words[1] & 1} << 15) | (field << 7) | ((words[1] >> 1) & 0x7F);
    return step_magnitude(upper << 16 | 0x8000, side(words[2]));
  });
  return {};
}

// +-(n + 1/2), n from 0 to max, and one representable value to either side.
Result<void> half_integers(Request& request) {
  if (auto floats = floats_only(request); !floats) return floats;
  // 2n + 1 has to fit in the significand.
  const std::int64_t greatest = (std::int64_t{1} << std::min(request.format()->fraction_bits, 22)) - 1;
  const auto max = request.integer("max", std::min<std::int64_t>(126, greatest), 0, greatest);
  if (!max) return tl::unexpected(max.error());
  if (auto fits = request.exactly({2 * *max + 1, -1}); !fits) return tl::unexpected(fits.error());
  for_each_element(request, [&](std::int64_t, const PhiloxCounter& words) { return half(request, words, *max, 0); });
  return {};
}

// Values with eight significant bits strictly inside the binade [2^exp, 2^(exp+1)): bf16 values in any float type.
Result<void> bf16_grid(Request& request) {
  if (auto floats = floats_only(request); !floats) return floats;
  const auto exponent = request.integer("exp", 0, -126, 127);
  if (!exponent) return tl::unexpected(exponent.error());
  const auto sign = request.sign();
  if (!sign) return tl::unexpected(sign.error());
  const int unit = static_cast<int>(*exponent) - 7;
  if (auto fits = request.exactly({255, unit}); !fits) return tl::unexpected(fits.error());
  for_each_element(request, [&](std::int64_t, const PhiloxCounter& words) {
    const std::int64_t significand = 129 + static_cast<std::int64_t>(below(words[0], 127));
    return encode(request.dtype(), {signed_by(significand, *sign, words[1]), unit});
  });
  return {};
}

// 2^exp * (1 + d), d = 0 or +-2^-15. Added to a bf16 value of the binade 2^(exp+8) it gives a bf16 tie exactly or one
// f32 ulp beside it.
Result<void> half_step(Request& request) {
  if (auto floats = floats_only(request); !floats) return floats;
  const auto exponent = request.integer("exp", -8, -100, 100);
  if (!exponent) return tl::unexpected(exponent.error());
  const auto sign = request.sign();
  if (!sign) return tl::unexpected(sign.error());
  const int unit = static_cast<int>(*exponent) - 15;
  for (const std::int64_t edge : {0x7FFF, 0x8001})
    if (auto fits = request.exactly({edge, unit}); !fits) return tl::unexpected(fits.error());
  for_each_element(request, [&](std::int64_t, const PhiloxCounter& words) {
    return encode(request.dtype(), {signed_by(0x8000 + side(words[0]), *sign, words[1]), unit});
  });
  return {};
}

// Rows for the INT8 amax quantisation: one element of the row is +-127 * 2^k, k from lo to hi, so that the scale
// 127 / amax is 2^-k exactly; the others are +-(n + 1/2) * 2^k, n below 127, or one representable value beside it.
Result<void> quant_ties(Request& request) {
  if (auto floats = floats_only(request); !floats) return floats;
  const auto lo = request.integer("lo", -4, -12, 100);
  if (!lo) return tl::unexpected(lo.error());
  const auto hi = request.integer("hi", std::max<std::int64_t>(*lo, 4), *lo, 100);
  if (!hi) return tl::unexpected(hi.error());
  for (const std::int64_t k : {*lo, *hi})
    if (auto fits = request.exactly({253, static_cast<int>(k) - 1}); !fits) return tl::unexpected(fits.error());
  const std::int64_t columns = request.columns();
  for_each_element(request, [&](std::int64_t i, const PhiloxCounter& words) {
    // The row's own numbers, from the upper half of the index space.
    const PhiloxCounter row = request.random.block(std::uint64_t{1} << 63 | static_cast<std::uint64_t>(i / columns));
    const auto exponent =
        static_cast<int>(*lo + static_cast<std::int64_t>(below(row[0], static_cast<std::uint64_t>(*hi - *lo) + 1)));
    const auto peak = static_cast<std::int64_t>(below(row[1], static_cast<std::uint64_t>(columns)));
    if (i % columns == peak) return encode(request.dtype(), {signed_by(127, 0, row[2]), exponent});
    return half(request, words, 126, exponent);
  });
  return {};
}

// Odd integers from lo to hi under a random sign.
Result<void> odd(Request& request) {
  const auto lo = request.integer("lo", 1, 0, std::int64_t{1} << 24);
  if (!lo) return tl::unexpected(lo.error());
  const auto hi = request.integer("hi", 127, *lo | 1, std::int64_t{1} << 24);
  if (!hi) return tl::unexpected(hi.error());
  auto sign = request.sign();
  if (!sign) return tl::unexpected(sign.error());
  if (!info(request.dtype()).is_signed) sign = 1;
  const std::int64_t first = *lo | 1, last = (*hi - 1) | 1;
  if (auto fits = request.exactly({last, 0}); !fits) return tl::unexpected(fits.error());
  for_each_element(request, [&](std::int64_t, const PhiloxCounter& words) {
    const auto step = static_cast<std::int64_t>(below(words[0], static_cast<std::uint64_t>((last - first) / 2) + 1));
    return encode(request.dtype(), {signed_by(first + 2 * step, *sign, words[1]), 0});
  });
  return {};
}

// Values whose last significand bit is set, between 2^exp and 4/3 of it: three times such a value has one bit too many,
// and ends in a half.
Result<void> odd_significand(Request& request) {
  if (auto floats = floats_only(request); !floats) return floats;
  const auto exponent = request.integer("exp", 0, -100, 100);
  if (!exponent) return tl::unexpected(exponent.error());
  const auto sign = request.sign();
  if (!sign) return tl::unexpected(sign.error());
  const std::int64_t one = std::int64_t{1} << request.format()->fraction_bits;
  const int unit = static_cast<int>(*exponent) - request.format()->fraction_bits;
  const std::int64_t choices = std::max<std::int64_t>(one / 6, 1);  // one + 2k + 1 < one * 4 / 3
  if (auto fits = request.exactly({one + 1, unit}); !fits) return tl::unexpected(fits.error());
  for_each_element(request, [&](std::int64_t, const PhiloxCounter& words) {
    const auto k = static_cast<std::int64_t>(below(words[0], static_cast<std::uint64_t>(choices)));
    return encode(request.dtype(), {signed_by(one + 2 * k + 1, *sign, words[1]), unit});
  });
  return {};
}

}  // namespace assay::fills
