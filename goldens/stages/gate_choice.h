// The gate's choice of experts, and what near-ties leave open of it (dsv4-chain 3.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "goldens/enclosure/hull.h"

namespace assay::goldens {

// One token's experts.
struct ExpertChoice {
  std::vector<std::int32_t> ids;  // [K]
  // 1 where another choice of scores from the hulls has another expert at this position. [K], or empty: nowhere.
  std::vector<std::uint8_t> uncertain;
};

// The K greatest of `biased` in descending order, equal ones by ascending index. `hulls`: what an implementation may
// hold for them, [E] too. `observed`: the ids that a subject returned, or empty; they are
// the choice where the hulls admit them, and then nothing is uncertain. No NaN, and none in the hulls.
ExpertChoice choose_experts(std::span<const float> biased, std::span<const Hull> hulls, std::size_t k,
                            std::span<const std::int32_t> observed);

}  // namespace assay::goldens
