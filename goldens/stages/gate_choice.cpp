#include "goldens/stages/gate_choice.h"

#include <algorithm>

#include "goldens/enclosure/top_k.h"

namespace assay::goldens {
namespace {

// Whether expert a ranks before b for every choice of scores from their hulls.
bool always_precedes(std::span<const Hull> scores, std::size_t a, std::size_t b) {
  return scores[a].lo > scores[b].hi || (scores[a].lo == scores[b].hi && a < b);
}

// Position p holds the same expert for every choice exactly when every other expert always precedes it or always
// follows it: each score moves on its own.
bool is_certain(std::span<const Hull> scores, std::size_t expert) {
  for (std::size_t other = 0; other < scores.size(); ++other)
    if (other != expert && !always_precedes(scores, other, expert) && !always_precedes(scores, expert, other))
      return false;
  return true;
}

}  // namespace

ExpertChoice choose_experts(std::span<const float> biased, std::span<const Hull> hulls, std::size_t k,
                            std::span<const std::int32_t> observed) {
  ExpertChoice result;
  if (!observed.empty() && !check_top_k(hulls, observed)) {
    result.ids.assign(observed.begin(), observed.end());
    return result;
  }
  result.ids = top_k(biased, k);
  if (!observed.empty()) return result;  // the observed ids are wrong, whatever the scores
  for (const std::int32_t id : result.ids) result.uncertain.push_back(!is_certain(hulls, static_cast<std::size_t>(id)));
  return result;
}

}  // namespace assay::goldens
