// How wide enclosures are: hi - lo in representable values of the dtype.
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "harness/compare/format.h"

namespace assay::compare {

// 0 where a bound is NaN: nothing but NaN is admissible then.
template <class Format>
constexpr std::int64_t width(typename Format::Word lo, typename Format::Word hi) {
  return Format::is_nan(lo) || Format::is_nan(hi) ? 0 : distance<Format>(lo, hi);
}

// Counts widths; exact quantiles in little memory, as almost all widths are small.
class WidthCounter {
 public:
  void add(std::int64_t width, std::int64_t elements) {
    total_ += elements;
    if (width < kSmall)
      small_[static_cast<std::size_t>(width)] += elements;
    else
      large_[width] += elements;
  }
  // The upper median; 0 of nothing.
  std::int64_t median() const;
  std::int64_t greatest() const;

 private:
  static constexpr std::int64_t kSmall = 1024;
  std::array<std::int64_t, kSmall> small_{};
  std::map<std::int64_t, std::int64_t> large_;
  std::int64_t total_ = 0;
};

}  // namespace assay::compare
