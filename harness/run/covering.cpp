#include "harness/run/covering.h"

#include <algorithm>
#include <numeric>
#include <random>

namespace assay::run {
namespace {

using Digits = std::vector<std::int64_t>;
using Flags = std::vector<std::uint8_t>;

constexpr int kMaxSearchSteps = 200'000;  // constraint checks spent on completing one tuple

// The tuples of one set of factors, and which of them are still to be covered.
struct TupleSet {
  std::vector<std::size_t> factors;
  Flags done;
  std::int64_t open = 0;
  std::int64_t next = 0;  // no open tuple lies before it

  std::int64_t index(const Digits& digits, const std::vector<std::int64_t>& sizes) const {
    std::int64_t index = 0;
    for (const std::size_t factor : factors) index = index * sizes[factor] + digits[factor];
    return index;
  }
  bool complete(const Flags& assigned) const {
    return std::all_of(factors.begin(), factors.end(), [&](std::size_t factor) { return assigned[factor] != 0; });
  }
};

class CoverBuilder {
 public:
  CoverBuilder(const CoverProblem& problem, std::uint64_t seed)
      : problem_(problem), random_(seed), containing_(problem.sizes.size()) {}

  Result<CoveringArray> build(int strength) {
    if (auto sets = make_sets(strength); !sets) return tl::unexpected(sets.error());
    while (TupleSet* set = largest_open()) {
      while (set->done[static_cast<std::size_t>(set->next)]) ++set->next;
      auto found = best_combination(*set);
      if (!found) return tl::unexpected(found.error());
      if (*found) {
        mark(best_);
        array_.combinations.push_back(best_);
      } else {
        set->done[static_cast<std::size_t>(set->next)] = 1;
        --set->open;
        ++array_.infeasible;
      }
    }
    return std::move(array_);
  }

 private:
  Result<void> make_sets(int strength) {
    std::vector<std::size_t> varying;
    for (std::size_t i = 0; i < problem_.sizes.size(); ++i)
      if (problem_.sizes[i] > 1) varying.push_back(i);
    const auto size = std::min(static_cast<std::size_t>(strength), varying.size());
    // Every subset of that size, as a mask with `size` ones, in lexicographic order.
    Flags chosen(varying.size(), 0);
    std::fill_n(chosen.begin(), size, std::uint8_t{1});
    do {
      TupleSet set;
      std::int64_t count = 1;
      for (std::size_t i = 0; i < varying.size(); ++i) {
        if (!chosen[i]) continue;
        set.factors.push_back(varying[i]);
        if (__builtin_mul_overflow(count, problem_.sizes[varying[i]], &count)) count = kMaxCoverTuples + 1;
        count = std::min(count, kMaxCoverTuples + 1);
      }
      total_ += count;
      if (total_ > kMaxCoverTuples)
        return bad_input("a covering array of strength {} has more than {} value tuples to cover", strength,
                         kMaxCoverTuples);
      set.done.assign(static_cast<std::size_t>(count), 0);
      set.open = count;
      for (const std::size_t factor : set.factors) containing_[factor].push_back(sets_.size());
      sets_.push_back(std::move(set));
    } while (std::prev_permutation(chosen.begin(), chosen.end()));
    return {};
  }

  TupleSet* largest_open() {
    const auto largest =
        std::max_element(sets_.begin(), sets_.end(), [](const auto& a, const auto& b) { return a.open < b.open; });
    return largest != sets_.end() && largest->open > 0 ? &*largest : nullptr;
  }

  // Completes the set's next open tuple in several random ways and keeps in best_ the one that covers most. False: no
  // combination holds the tuple.
  Result<bool> best_combination(const TupleSet& set) {
    const int attempts = static_cast<int>(std::clamp<std::int64_t>(400'000 / total_, 1, 40));
    std::int64_t best_gain = -1;
    for (int attempt = 0; attempt < attempts; ++attempt) {
      Digits digits(problem_.sizes.size(), 0);
      Flags assigned(problem_.sizes.size(), 0);
      for (std::size_t i = 0; i < assigned.size(); ++i) assigned[i] = problem_.sizes[i] == 1;
      std::int64_t rest = set.next;
      for (std::size_t i = set.factors.size(); i-- > 0;) {
        const std::size_t factor = set.factors[i];
        digits[factor] = rest % problem_.sizes[factor];
        rest /= problem_.sizes[factor];
        assigned[factor] = 1;
      }
      steps_ = 0;
      auto holds = check(digits, assigned);
      if (!holds || !*holds) return holds;
      auto completed = complete(digits, assigned, free_factors(assigned), 0);
      if (!completed || !*completed) return completed;
      const std::int64_t gain = newly_covered(digits);
      if (gain > best_gain) {
        best_gain = gain;
        best_ = digits;
      }
    }
    return true;
  }

  // In random order, those that constraints name first: the rest can then never make the search turn back.
  std::vector<std::size_t> free_factors(const Flags& assigned) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < assigned.size(); ++i)
      if (!assigned[i]) order.push_back(i);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_() % i]);
    if (!problem_.constrained.empty())
      std::stable_partition(order.begin(), order.end(),
                            [this](std::size_t factor) { return problem_.constrained[factor] != 0; });
    return order;
  }

  Result<bool> complete(Digits& digits, Flags& assigned, const std::vector<std::size_t>& order, std::size_t at) {
    if (at == order.size()) return true;
    const std::size_t factor = order[at];
    assigned[factor] = 1;
    for (const std::int64_t value : by_gain(digits, assigned, factor)) {
      digits[factor] = value;
      auto holds = check(digits, assigned);
      if (holds && *holds) holds = complete(digits, assigned, order, at + 1);
      if (!holds || *holds) return holds;
    }
    assigned[factor] = 0;
    return false;
  }

  Result<bool> check(const Digits& digits, const Flags& assigned) {
    if (!problem_.holds) return true;
    if (++steps_ > kMaxSearchSteps)
      return bad_input("the constraints leave too few combinations to search for a covering array");
    return problem_.holds(digits, assigned);
  }

  // The factor's values, those that complete most open tuples first, equals in random order.
  std::vector<std::int64_t> by_gain(Digits& digits, const Flags& assigned, std::size_t factor) {
    const std::int64_t size = problem_.sizes[factor];
    std::vector<std::pair<std::int64_t, std::uint64_t>> rank(static_cast<std::size_t>(size));
    for (std::int64_t value = 0; value < size; ++value) {
      digits[factor] = value;
      rank[static_cast<std::size_t>(value)] = {-gain_of(digits, assigned, factor), random_()};
    }
    std::vector<std::int64_t> order(static_cast<std::size_t>(size));
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      return rank[static_cast<std::size_t>(a)] < rank[static_cast<std::size_t>(b)];
    });
    return order;
  }

  std::int64_t gain_of(const Digits& digits, const Flags& assigned, std::size_t factor) const {
    std::int64_t gain = 0;
    for (const std::size_t s : containing_[factor]) {
      const TupleSet& set = sets_[s];
      if (set.open > 0 && set.complete(assigned))
        gain += set.done[static_cast<std::size_t>(set.index(digits, problem_.sizes))] == 0;
    }
    return gain;
  }

  std::int64_t newly_covered(const Digits& digits) const {
    std::int64_t count = 0;
    for (const TupleSet& set : sets_)
      count += set.done[static_cast<std::size_t>(set.index(digits, problem_.sizes))] == 0;
    return count;
  }

  void mark(const Digits& digits) {
    for (TupleSet& set : sets_) {
      std::uint8_t& done = set.done[static_cast<std::size_t>(set.index(digits, problem_.sizes))];
      if (done) continue;
      done = 1;
      --set.open;
      ++array_.covered;
    }
  }

  const CoverProblem& problem_;
  std::mt19937_64 random_;
  std::vector<TupleSet> sets_;
  std::vector<std::vector<std::size_t>> containing_;  // sets by factor
  std::int64_t total_ = 0;
  int steps_ = 0;
  Digits best_;
  CoveringArray array_;
};

}  // namespace

Result<CoveringArray> cover(const CoverProblem& problem, int strength, std::uint64_t seed) {
  return CoverBuilder(problem, seed).build(strength);
}

}  // namespace assay::run
