#include "goldens/enclosure/top_k.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace assay::goldens {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// -0 and +0 rank equal: the end points as one zero.
float end(float x) { return x == 0 ? 0.0F : x; }

// The greatest score that ranks `id` after `last`, which has the score `last_score`: an equal one if id is greater.
float limit_after(std::int32_t last, float last_score, std::int32_t id) {
  return id > last ? last_score : std::nextafter(last_score, -kInfinity);
}

std::optional<TopKViolation> check_ids(std::size_t count, std::span<const std::int32_t> ids) {
  std::vector<bool> seen(count, false);
  for (std::size_t k = 0; k < ids.size(); ++k) {
    const auto id = static_cast<std::size_t>(ids[k]);
    if (ids[k] < 0 || id >= count) return TopKViolation{k, fmt::format("id {} is outside [0, {})", ids[k], count)};
    if (seen[id]) return TopKViolation{k, fmt::format("id {} is repeated", ids[k])};
    seen[id] = true;
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::int32_t> top_k(std::span<const float> scores, std::size_t k) {
  std::vector<std::int32_t> ids(scores.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto score = [&](std::int32_t id) { return scores[static_cast<std::size_t>(id)]; };
  std::partial_sort(
      ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(k), ids.end(),
      [&](std::int32_t a, std::int32_t b) { return score(a) > score(b) || (score(a) == score(b) && a < b); });
  ids.resize(k);
  return ids;
}

// Greedy from the top: giving each chosen id the greatest score that its hull and its predecessor admit leaves the most
// room to those below, so if these scores do not order the list no others do. Where -infinity is reached there is no
// score below it: nextafter stays, and a strict order is refused explicitly.
std::optional<TopKViolation> check_top_k(std::span<const Hull> scores, std::span<const std::int32_t> ids) {
  if (const auto violation = check_ids(scores.size(), ids)) return violation;
  float score = kInfinity;
  for (std::size_t k = 0; k < ids.size(); ++k) {
    const Hull& hull = scores[static_cast<std::size_t>(ids[k])];
    const float previous = score;
    if (k > 0) score = limit_after(ids[k - 1], previous, ids[k]);
    const bool nothing_below = k > 0 && ids[k] < ids[k - 1] && previous == -kInfinity;
    if (end(hull.lo) > score || nothing_below)
      return TopKViolation{k, fmt::format("id {} cannot follow id {}: at least {} against at most {}", ids[k],
                                          ids[k - 1], hull.lo, previous)};
    score = std::min(score, end(hull.hi));
  }
  if (ids.empty()) return std::nullopt;
  std::vector<bool> chosen(scores.size(), false);
  for (const std::int32_t id : ids) chosen[static_cast<std::size_t>(id)] = true;
  for (std::size_t other = 0; other < scores.size(); ++other) {
    if (chosen[other]) continue;
    const float least = end(scores[other].lo);
    const bool before = static_cast<std::int32_t>(other) < ids.back();
    if (least > score || (before && least == score))
      return TopKViolation{ids.size() - 1, fmt::format("id {} cannot precede id {}: at most {} against at least {}",
                                                       ids.back(), other, score, scores[other].lo)};
  }
  return std::nullopt;
}

}  // namespace assay::goldens
