// Whether what a profile says of float32 arithmetic is known or assumed (design.md section 4).
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "harness/core/profile/profile.h"

namespace assay::run {

// Whether an enclosure with a width rests on a number that only silicon could confirm.
inline bool arithmetic_is_assumed(const Profile& profile) {
  constexpr std::array<std::string_view, 5> kUsed = {"contraction", "flush_subnormals", "sum_order", "sum_chunk",
                                                     "ulp"};
  return std::ranges::any_of(kUsed, [&](std::string_view key) {
    if (key == "sum_chunk" && profile.sum_order != SumOrder::chunked) return false;
    const auto found = profile.evidence.find(key);
    return found == profile.evidence.end() || found->second == Evidence::assumed;
  });
}

}  // namespace assay::run
