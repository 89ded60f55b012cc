#include <limits>

#include "harness/compare/format.h"
#include "harness/compare/policy.h"

namespace assay::compare {

std::int64_t ulp_distance(DType dtype, std::uint64_t a, std::uint64_t b) {
  return visit_format(dtype, [&]<class Format>(Format) {
    const auto x = static_cast<typename Format::Word>(a), y = static_cast<typename Format::Word>(b);
    if (Format::is_nan(x) || Format::is_nan(y))
      return Format::is_nan(x) && Format::is_nan(y) ? std::int64_t{0} : std::numeric_limits<std::int64_t>::max();
    return distance<Format>(x, y);
  });
}

double to_double(DType dtype, std::uint64_t bits) {
  return visit_format(dtype,
                      [&]<class Format>(Format) { return Format::value(static_cast<typename Format::Word>(bits)); });
}

}  // namespace assay::compare
