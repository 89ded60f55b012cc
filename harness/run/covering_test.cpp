#include "harness/run/covering.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

namespace assay::run {
namespace {

using Digits = std::vector<std::int64_t>;

// Every full combination that `allowed` admits, by brute force.
std::vector<Digits> all_combinations(const std::vector<std::int64_t>& sizes,
                                     const std::function<bool(const Digits&)>& allowed) {
  std::vector<Digits> all;
  Digits digits(sizes.size(), 0);
  while (true) {
    if (allowed(digits)) all.push_back(digits);
    std::size_t i = 0;
    while (i < sizes.size() && ++digits[i] == sizes[i]) digits[i++] = 0;
    if (i == sizes.size()) return all;
  }
}

using Tuple = std::vector<std::pair<std::size_t, std::int64_t>>;

std::set<Tuple> pairs_of(const std::vector<Digits>& combinations) {
  std::set<Tuple> pairs;
  for (const Digits& digits : combinations)
    for (std::size_t a = 0; a < digits.size(); ++a)
      for (std::size_t b = a + 1; b < digits.size(); ++b) pairs.insert({{a, digits[a]}, {b, digits[b]}});
  return pairs;
}

std::size_t size_of(const std::vector<std::int64_t>& sizes, int strength) {
  return cover({sizes, {}, {}}, strength, 1)->combinations.size();
}

TEST(Covering, IsNearTheBestKnownSizes) {
  // Best known sizes: 3^4 9 (orthogonal array), 3^13 15, 2^10 6, 4^5 16, 2^7 strength 3 12.
  EXPECT_LE(size_of(std::vector<std::int64_t>(4, 3), 2), 11u);
  EXPECT_LE(size_of(std::vector<std::int64_t>(13, 3), 2), 20u);
  EXPECT_LE(size_of(std::vector<std::int64_t>(10, 2), 2), 9u);
  EXPECT_LE(size_of(std::vector<std::int64_t>(5, 4), 2), 22u);
  EXPECT_LE(size_of(std::vector<std::int64_t>(7, 2), 3), 16u);
  // Two factors leave no freedom.
  EXPECT_EQ(size_of({5, 7}, 2), 35u);
  EXPECT_EQ(size_of({5, 7, 2}, 1), 7u);
}

TEST(Covering, CoversEveryFeasiblePairAndNothingForbidden) {
  EXPECT_TRUE(rc::check("against brute force", [] {
    const auto sizes = *rc::gen::container<std::vector<std::int64_t>>(*rc::gen::inRange<std::size_t>(1, 6),
                                                                      rc::gen::inRange<std::int64_t>(1, 5));
    const auto limit = *rc::gen::inRange<std::int64_t>(0, 6);
    const std::size_t last = sizes.size() - 1;
    const auto allowed = [&](const Digits& d) { return d[0] + d[last] <= limit && d[0] * d[last / 2] != 2; };
    CoverProblem problem{sizes, std::vector<std::uint8_t>(sizes.size(), 0), {}};
    problem.constrained[0] = problem.constrained[last] = problem.constrained[last / 2] = 1;
    problem.holds = [&](const Digits& d, const std::vector<std::uint8_t>& assigned) -> Result<bool> {
      if (assigned[0] && assigned[last] && d[0] + d[last] > limit) return false;
      return !(assigned[0] && assigned[last / 2] && d[0] * d[last / 2] == 2);
    };
    const auto array = cover(problem, 2, *rc::gen::arbitrary<std::uint64_t>());
    RC_ASSERT(array.has_value());
    for (const Digits& digits : array->combinations) RC_ASSERT(allowed(digits));
    const auto possible = all_combinations(sizes, allowed);
    RC_ASSERT(pairs_of(array->combinations) == pairs_of(possible));
    RC_ASSERT(array->combinations.empty() == possible.empty());
  }));
}

TEST(Covering, IsDeterministicForASeed) {
  const CoverProblem problem{{4, 3, 5, 2, 3}, {}, {}};
  EXPECT_EQ(cover(problem, 2, 7)->combinations, cover(problem, 2, 7)->combinations);
  EXPECT_NE(cover(problem, 2, 7)->combinations, cover(problem, 2, 8)->combinations);
}

TEST(Covering, RefusesWhatItCannotSearch) {
  EXPECT_FALSE(cover({{3000, 3000}, {}, {}}, 2, 1));
  // No combination of the twelve constrained factors holds, which only trying all of them would show.
  CoverProblem problem{std::vector<std::int64_t>(12, 4), std::vector<std::uint8_t>(12, 1), {}};
  problem.holds = [](const Digits&, const std::vector<std::uint8_t>& assigned) -> Result<bool> {
    return std::count(assigned.begin(), assigned.end(), 1) < 12;
  };
  const auto array = cover(problem, 2, 1);
  ASSERT_FALSE(array);
  EXPECT_NE(array.error().message.find("too few combinations"), std::string::npos);
}

}  // namespace
}  // namespace assay::run
