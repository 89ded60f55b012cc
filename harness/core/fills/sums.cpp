// exact-sum and order-sensitive: inputs of reductions.
#include <algorithm>

#include "harness/core/fills/fill_function.h"

namespace assay::fills {

// Integers from -max to max. Every partial sum of up to 2^bits / max of them is an integer of at most `bits` bits, so a
// sum in any order in an accumulator of that significand is exact. Without `max`, the largest one up to 8 for which
// this holds for the whole tensor (at least 1).
Result<void> exact_sum(Request& request) {
  const auto bits = request.integer("bits", 24, 2, 62);
  if (!bits) return tl::unexpected(bits.error());
  const std::int64_t count = std::max<std::int64_t>(request.tensor.size(), 1);
  const std::int64_t fitting = std::clamp<std::int64_t>((std::int64_t{1} << *bits) / count, 1, 8);
  const std::int64_t largest = info(request.dtype()).bits == 4 ? std::min<std::int64_t>(fitting, 4) : fitting;
  const auto max = request.integer("max", largest, 1, std::int64_t{1} << 24);
  if (!max) return tl::unexpected(max.error());
  for (const std::int64_t k : {*max, std::max<std::int64_t>(*max - 1, 1)})
    if (auto value = request.exactly({k, 0}); !value) return tl::unexpected(value.error());
  const std::int64_t least = info(request.dtype()).is_signed ? -*max : 0;
  for_each_element(request, [&](std::int64_t, const PhiloxCounter& words) {
    const auto offset = scale_to(std::uint64_t{words[0]} << 32, static_cast<std::uint64_t>(*max - least + 1));
    return encode(request.dtype(), {least + static_cast<std::int64_t>(offset), 0});
  });
  return {};
}

// Groups of four elements: +B, s, -B, s' with B about 2^24 times a small s (2^24 and below 1 in f32 and bf16, 2^14 and
// below 2^-10 in f16 and e5m2). Adding s to B in f32 loses s, adding it elsewhere does not, so the order shows.
Result<void> order_sensitive(Request& request) {
  const FloatFormat* format = request.format();
  if (format == nullptr) return request.refuse("integer sums do not depend on their order");
  const DType dtype = request.dtype();
  const bool wide = dtype == DType::f32 || dtype == DType::bf16;
  if (!wide && dtype != DType::f16 && dtype != DType::e5m2)
    return request.refuse("sums of values of this type are exact in f32");
  const int places = std::min(format->fraction_bits, 7);
  const int big = wide ? 24 : 14, small = wide ? 0 : -10;
  for_each_element(request, [&](std::int64_t i, const PhiloxCounter& words) {
    const std::int64_t mask = (std::int64_t{1} << places) - 1;
    if (i % 2 == 1) return encode(dtype, {(words[0] & mask) | 1, small - places});
    // Both large elements of a group come from the group's first one.
    const auto group = static_cast<std::uint64_t>(i / 4 * 4);
    const std::int64_t significand = (mask + 1) + (request.random.block(group)[1] & mask);
    return encode(dtype, {i % 4 == 0 ? significand : -significand, big - places});
  });
  return {};
}

}  // namespace assay::fills
