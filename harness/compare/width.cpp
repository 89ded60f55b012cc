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

}  // namespace assay::compare
