// specials: one value of every class a format has, among ordinary ones.
#include <utility>

#include "harness/core/fills/fill_function.h"

namespace assay::fills {
namespace {

// Positive patterns; the caller adds the negative ones.
std::vector<std::uint64_t> float_patterns(const FloatFormat& format, DType dtype, bool finite) {
  const std::uint64_t least_normal = std::uint64_t{1} << format.fraction_bits;
  const std::uint64_t one = encode(dtype, {1, 0});
  std::vector<std::uint64_t> patterns{0,   1,       least_normal - 1, least_normal,           format.max_finite,
                                      one, one + 1, one - 1,          encode(dtype, {1, -1}), encode(dtype, {2, 0})};
  if (finite || format.nan == 0) return patterns;
  if (format.infinity == 0) {
    if (format.nan != format.sign) patterns.push_back(format.nan);
    return patterns;
  }
  patterns.push_back(format.infinity);
  patterns.push_back(format.nan);                          // quiet
  patterns.push_back(format.infinity + 1);                 // signalling, least payload
  patterns.push_back(format.infinity + least_normal - 1);  // quiet, all payload bits
  return patterns;
}

std::vector<std::uint64_t> patterns_of(const Request& request, bool finite) {
  std::vector<std::uint64_t> patterns;
  const FloatFormat* format = request.format();
  if (format == nullptr) {
    const DType dtype = request.dtype();
    for (const std::int64_t value : {integer_min(dtype), integer_min(dtype) + 1, std::int64_t{0}, std::int64_t{1},
                                     integer_max(dtype) - 1, integer_max(dtype)})
      patterns.push_back(encode(dtype, {value, 0}));
    patterns.push_back(info(dtype).bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << info(dtype).bits) - 1);
    return patterns;
  }
  for (const std::uint64_t pattern : float_patterns(*format, request.dtype(), finite)) {
    patterns.push_back(pattern);
    patterns.push_back(pattern | format->sign);  // of e4m3fnuz's zero: its NaN
  }
  if (finite && format->nan == format->sign) std::erase(patterns, format->nan);
  return patterns;
}

}  // namespace

// Blocks of twice as many elements as there are special patterns: each block holds every pattern once, the rest are
// normal numbers, in random order. finite=1 leaves out infinities and NaN.
Result<void> specials(Request& request) {
  const auto finite = request.integer("finite", 0, 0, 1);
  if (!finite) return tl::unexpected(finite.error());
  const std::vector<std::uint64_t> patterns = patterns_of(request, *finite == 1);
  const std::size_t length = 2 * patterns.size();
  const int unit = request.format() == nullptr ? -17 : -21;  // of normal_2_21: scale 16 for integers, 1 for floats
  std::vector<std::size_t> order(length);
  for (std::int64_t i = 0; i < request.tensor.size(); ++i) {
    const std::size_t place = static_cast<std::size_t>(i) % length;
    if (place == 0) {
      for (std::size_t k = 0; k < length; ++k) order[k] = k;
      for (std::size_t k = length; k > 1; --k)
        std::swap(order[k - 1], order[scale_to(request.random.bits(static_cast<std::uint64_t>(i) + k - 1), k)]);
    }
    request.tensor.set_bits(
        i, order[place] < patterns.size()
               ? patterns[order[place]]
               : encode(request.dtype(), {normal_2_21(request.random, static_cast<std::uint64_t>(i)), unit}));
  }
  return {};
}

}  // namespace assay::fills
