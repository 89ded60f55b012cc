// Top-k selection: the K greatest in descending order, equal values by ascending index (dsv4-chain 3.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "goldens/enclosure/hull.h"

namespace assay::goldens {

// k <= scores.size(). No NaN.
std::vector<std::int32_t> top_k(std::span<const float> scores, std::size_t k);

// Whether some choice of a score from every hull has exactly `ids`, in this order, as its top k. Nothing when it has;
// otherwise the first position that cannot be and why ("id 7 is repeated", "id 3 cannot precede id 5: at most 0.25
// against at least 0.5"). Any ids are accepted: out of range and repeated ones are reasons.
struct TopKViolation {
  std::size_t position = 0;
  std::string reason;
};
std::optional<TopKViolation> check_top_k(std::span<const Hull> scores, std::span<const std::int32_t> ids);

}  // namespace assay::goldens
