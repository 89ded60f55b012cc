#include "harness/compare/width.h"

namespace assay::compare {

std::int64_t WidthCounter::median() const {
  std::int64_t before = 0;
  for (std::size_t i = 0; i < small_.size(); ++i)
    if ((before += small_[i]) > total_ / 2) return static_cast<std::int64_t>(i);
  for (const auto& [width, elements] : large_)
    if ((before += elements) > total_ / 2) return width;
  return 0;
}

std::int64_t WidthCounter::greatest() const {
  if (!large_.empty()) return large_.rbegin()->first;
  for (std::size_t i = small_.size(); i-- > 0;)
    if (small_[i] > 0) return static_cast<std::int64_t>(i);
  return 0;
}

Widths widths(const Tensor& lo, const Tensor& hi, std::span<const std::uint8_t> open) {
  return visit_format(lo.dtype(), [&]<class Format>(Format) {
    WidthCounter counter;
    for (std::int64_t i = 0; i < lo.size(); ++i)
      if (open.empty() || open[static_cast<std::size_t>(i)] == 0)
        counter.add(width<Format>(static_cast<typename Format::Word>(lo.bits(i)),
                                  static_cast<typename Format::Word>(hi.bits(i))),
                    1);
    return Widths{counter.median(), counter.greatest()};
  });
}

}  // namespace assay::compare
