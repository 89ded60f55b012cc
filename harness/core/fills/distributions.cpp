// uniform, normal, grid.
#include <algorithm>

#include "harness/core/fills/fill_function.h"

namespace assay::fills {
namespace {

constexpr int kMaxShift = 60;  // two numbers of a fill differ by at most this many binary places

// Both numbers in units of the smaller one's last place; nothing where they are too far apart.
struct Aligned {
  Wide a, b;
  int exponent;
};
std::optional<Aligned> align(Dyadic a, Dyadic b) {
  if (a.mantissa == 0) a.exponent = b.exponent;
  if (b.mantissa == 0) b.exponent = a.exponent;
  const int exponent = std::min(a.exponent, b.exponent);
  if (a.exponent - exponent > kMaxShift || b.exponent - exponent > kMaxShift) return std::nullopt;
  return Aligned{a.mantissa << (a.exponent - exponent), b.mantissa << (b.exponent - exponent), exponent};
}

// Of a type of whole bytes: an integer in its range is its own low bits.
template <class T>
void write_integers(Request& request, std::uint64_t lo, std::uint64_t count) {
  T* out = request.tensor.as<T>().data();
  const auto size = static_cast<std::uint64_t>(request.tensor.size());
  if (count == 0 || count > UINT32_MAX) {
    for (std::uint64_t i = 0; i < size; ++i) {
      const std::uint64_t bits = request.random.bits(i);
      out[i] = static_cast<T>(lo + (count == 0 ? bits : scale_to(bits, count)));
    }
    return;
  }
  // scale_to in two halves, which the compiler can do for several elements at once: weights have 10^8 of them.
  const RandomStream random = request.random;
  for (std::uint64_t i = 0; i < size; ++i) {
    const PhiloxCounter words = random.block(i);
    out[i] = static_cast<T>(lo + ((count * words[1] + (count * words[0] >> 32)) >> 32));
  }
}

Result<void> uniform_integers(Request& request) {
  const std::int64_t least = integer_min(request.dtype()), greatest = integer_max(request.dtype());
  const auto lo = request.integer("lo", least, least, greatest);
  if (!lo) return tl::unexpected(lo.error());
  const auto hi = request.integer("hi", greatest, *lo, greatest);
  if (!hi) return tl::unexpected(hi.error());
  const std::uint64_t count = static_cast<std::uint64_t>(*hi) - static_cast<std::uint64_t>(*lo) + 1;  // 0 means 2^64
  switch (const auto least_value = static_cast<std::uint64_t>(*lo); info(request.dtype()).bits) {
    case 8:
      write_integers<std::uint8_t>(request, least_value, count);
      break;
    case 16:
      write_integers<std::uint16_t>(request, least_value, count);
      break;
    case 32:
      write_integers<std::uint32_t>(request, least_value, count);
      break;
    default:
      write_integers<std::uint64_t>(request, least_value, count);
      break;
  }
  return {};
}

}  // namespace

std::int64_t normal_2_21(const RandomStream& random, std::uint64_t index) {
  constexpr std::int64_t kTwiceMean = 12 * ((std::int64_t{1} << 21) - 1);
  std::int64_t sum = 0;
  for (std::uint64_t half = 0; half < 2; ++half) {
    // The upper half of the index space, so that no other use of the stream sees these bits.
    const PhiloxCounter words = random.block((std::uint64_t{1} << 63) | (2 * index + half));
    // Six times 21 of 128 bits.
    const std::uint64_t low = words[0] | std::uint64_t{words[1]} << 32;
    const std::uint64_t high = words[2] | std::uint64_t{words[3]} << 32;
    for (const std::uint64_t word : {low, high})
      for (int shift = 0; shift < 63; shift += 21) sum += static_cast<std::int64_t>((word >> shift) & 0x1FFFFF);
  }
  return sum - kTwiceMean / 2;
}

// Floats: lo + (hi - lo) * k / 2^32. Integers: every value of [lo, hi] alike.
Result<void> uniform(Request& request) {
  if (request.format() == nullptr) return uniform_integers(request);
  const auto lo = request.number("lo", "-1"), hi = request.number("hi", "1");
  if (!lo) return tl::unexpected(lo.error());
  if (!hi) return tl::unexpected(hi.error());
  const auto range = align(*lo, *hi);
  if (!range) return request.refuse("lo and hi differ by more than 2^{}", kMaxShift);
  if (range->a > range->b) return request.refuse("lo is above hi");
  for_each_element(request, [&](std::int64_t, const PhiloxCounter& words) {
    return encode(request.dtype(), {(range->a << 32) + (range->b - range->a) * Wide{words[0]}, range->exponent - 32});
  });
  return {};
}

// mean + scale * z, z the sum of twelve uniform numbers less 6: variance exactly 1 (less 2^-42), |z| < 6.
Result<void> normal(Request& request) {
  const auto mean = request.number("mean", "0");
  const auto scale = request.number("scale", request.format() == nullptr ? "16" : "1");
  if (!mean) return tl::unexpected(mean.error());
  if (!scale) return tl::unexpected(scale.error());
  const auto aligned = align(*mean, *scale);
  if (!aligned) return request.refuse("mean and scale differ by more than 2^{}", kMaxShift);
  for (std::int64_t i = 0; i < request.tensor.size(); ++i) {
    const Wide z = normal_2_21(request.random, static_cast<std::uint64_t>(i));
    request.tensor.set_bits(i, encode(request.dtype(), {(aligned->a << 21) + aligned->b * z, aligned->exponent - 21}));
  }
  return {};
}

// k * 2^exp, k from -max to max (0 to max where unsigned), all exactly representable.
Result<void> grid(Request& request) {
  const auto exponent = request.integer("exp", 0, -200, 200);
  if (!exponent) return tl::unexpected(exponent.error());
  const auto max = request.integer("max", 16, 1, std::int64_t{1} << 30);
  if (!max) return tl::unexpected(max.error());
  const int unit = static_cast<int>(*exponent);
  // The largest odd k decides whether all fit.
  for (const std::int64_t k : {*max, std::max<std::int64_t>(*max - 1, 1)})
    if (auto bits = request.exactly({k, unit}); !bits) return tl::unexpected(bits.error());
  const std::int64_t least = info(request.dtype()).is_signed ? -*max : 0;
  for_each_element(request, [&](std::int64_t, const PhiloxCounter& words) {
    const auto offset = scale_to(std::uint64_t{words[0]} << 32, static_cast<std::uint64_t>(*max - least + 1));
    return encode(request.dtype(), {least + static_cast<std::int64_t>(offset), unit});
  });
  return {};
}

}  // namespace assay::fills
