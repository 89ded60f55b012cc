#include "harness/pipeline/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace assay::pipeline {
namespace {

constexpr std::size_t kLongestCompared = 64;
constexpr std::size_t kMostListed = 20;

// Optimal string alignment distance, three rows at a time.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before = std::exchange(last, now);
  }
  return last[b.size()];
}

}  // namespace

std::string nearest(std::string_view name, std::span<const std::string> candidates) {
  name = name.substr(0, kLongestCompared);
  std::string best;
  std::size_t best_distance = 0;
  for (const std::string& candidate : candidates) {
    const std::string_view other = std::string_view(candidate).substr(0, kLongestCompared);
    const std::size_t found = distance(name, other);
    if (found > (std::max(name.size(), other.size()) + 2) / 3) continue;
    if (best.empty() || found < best_distance) best = candidate, best_distance = found;
  }
  return best;
}

std::string suggestion(std::string_view name, std::span<const std::string> candidates) {
  if (candidates.empty()) return "";
  if (const std::string best = nearest(name, candidates); !best.empty())
    return fmt::format("; did you mean '{}'?", best);
  const std::size_t listed = std::min(candidates.size(), kMostListed);
  return fmt::format("; known: {}{}", fmt::join(candidates.first(listed), ", "),
                     listed < candidates.size() ? ", ..." : "");
}

}  // namespace assay::pipeline
