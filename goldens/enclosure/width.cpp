#include "goldens/enclosure/width.h"

#include <algorithm>
#include <vector>

namespace assay::goldens {
namespace {

// Codes in the order of their values: sign and magnitude to a signed integer, two's complement sign-extended.
std::int64_t ordinal(std::uint64_t bits, const DTypeInfo& format) {
  const std::uint64_t sign = std::uint64_t{1} << (format.bits - 1);
  if (format.is_float) {
    const auto magnitude = static_cast<std::int64_t>(bits & (sign - 1));
    return (bits & sign) != 0 ? -magnitude : magnitude;
  }
  if (!format.is_signed) return static_cast<std::int64_t>(bits);
  return static_cast<std::int64_t>((bits ^ sign) - sign);
}

// Unsigned difference: 64-bit codes may lie further apart than int64 says.
double width_of(const GoldenOutput& output, std::int64_t index) {
  const DTypeInfo& format = info(output.value.dtype());
  const std::uint64_t lo = output.lo.bits(index), hi = output.hi.bits(index);
  if (lo == hi) return 0;
  return static_cast<double>(static_cast<std::uint64_t>(ordinal(hi, format)) -
                             static_cast<std::uint64_t>(ordinal(lo, format)));
}

}  // namespace

Widths widths(const GoldenOutput& output) {
  Widths result{.elements = output.value.size()};
  std::vector<double> measured;
  for (std::int64_t i = 0; i < result.elements; ++i) {
    if (output.open[static_cast<std::size_t>(i)]) {
      ++result.open;
      continue;
    }
    measured.push_back(width_of(output, i));
    result.determined += measured.back() == 0;
  }
  if (measured.empty()) return result;
  result.max_ulp = *std::ranges::max_element(measured);
  const auto middle = measured.begin() + static_cast<std::ptrdiff_t>(measured.size() / 2);
  std::ranges::nth_element(measured, middle);
  result.median_ulp = *middle;
  return result;
}

}  // namespace assay::goldens
