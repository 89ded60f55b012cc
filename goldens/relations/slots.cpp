#include "goldens/relations/slots.h"

#include <algorithm>

#include "goldens/relations/bits.h"

namespace assay::goldens {

Slots::Slots(const Tensor& count, const std::vector<std::string>& axes, bool slots) : slots_(slots) {
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (axes[i] == "1") continue;
    axes_.push_back(axes[i]);
    shape_.push_back(count.shape()[i]);
  }
  for (std::int64_t i = 0; i < count.size(); ++i) counts_.push_back(std::max<std::int64_t>(integer_value(count, i), 0));
}

std::vector<std::uint8_t> Slots::mask(const std::vector<std::string>& axes, const Shape& shape) const {
  std::size_t shared = 0;
  while (shared < axes_.size() && shared < axes.size() && axes_[shared] == axes[shared]) ++shared;
  std::int64_t groups = 1, entries = 1, inner = 1;
  for (std::size_t i = 0; i < shared; ++i) groups *= shape_[i];
  for (std::size_t i = shared; i < shape_.size(); ++i) entries *= shape_[i];
  for (std::size_t i = shared; i < shape.size(); ++i) inner *= shape[i];
  const std::int64_t extent = slots_ && shared < shape.size() ? shape[shared] : 1;
  std::vector<std::uint8_t> result(static_cast<std::size_t>(groups * inner), 0);
  for (std::int64_t group = 0; group < groups; ++group) {
    std::int64_t used = 0;
    for (std::int64_t i = group * entries; i < (group + 1) * entries; ++i)
      used = std::max(used, counts_[static_cast<std::size_t>(i)]);
    const std::int64_t first = std::min(used, extent) * (extent == 0 ? 0 : inner / extent);
    std::fill(result.begin() + group * inner + first, result.begin() + (group + 1) * inner, std::uint8_t{1});
  }
  return result;
}

bool Slots::any(const std::vector<std::string>& axes, const Shape& shape) const {
  const auto elements = mask(axes, shape);
  return std::ranges::find(elements, std::uint8_t{1}) != elements.end();
}

}  // namespace assay::goldens
