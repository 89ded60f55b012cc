#include "goldens/enclosure/top_k.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "goldens/enclosure/enclosure_test_support.h"

namespace assay::goldens {
namespace {

using Ids = std::vector<std::int32_t>;

TEST(TopK, IsTheStableSort) {
  FloatSamples samples(41);
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<float> scores(1 + samples.below(20));
    for (float& score : scores) score = static_cast<float>(samples.below(6)) - 3;
    Ids sorted(scores.size());
    for (std::size_t i = 0; i < sorted.size(); ++i) sorted[i] = static_cast<std::int32_t>(i);
    std::ranges::stable_sort(sorted, [&](auto a, auto b) {
      return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
    });
    const std::size_t k = samples.below(scores.size() + 1);
    sorted.resize(k);
    EXPECT_EQ(top_k(scores, k), sorted);
  }
}

// All float32 of a hull a few steps wide, in every combination.
std::set<Ids> enumerate(const std::vector<Hull>& hulls, std::size_t k) {
  std::set<Ids> answers;
  std::vector<float> scores;
  for (const Hull& hull : hulls) scores.push_back(hull.lo);
  for (;;) {
    answers.insert(top_k(scores, k));
    std::size_t i = 0;
    while (i < hulls.size() && scores[i] >= hulls[i].hi) {
      scores[i] = hulls[i].lo;
      ++i;
    }
    if (i == hulls.size()) return answers;
    scores[i] = std::nextafter(scores[i], std::numeric_limits<float>::infinity());
  }
}

// Every list of distinct ids is admitted exactly when some choice of scores has it.
TEST(TopK, AdmitsExactlyWhatSomeScoresGive) {
  FloatSamples samples(42);
  const auto step = [](float x, std::uint64_t steps) {
    for (; steps > 0; --steps) x = std::nextafter(x, std::numeric_limits<float>::infinity());
    return x;
  };
  std::size_t admitted = 0, refused = 0;
  for (int trial = 0; trial < 200; ++trial) {
    const std::size_t count = 2 + samples.below(3), k = 1 + samples.below(count);
    std::vector<Hull> hulls;
    for (std::size_t i = 0; i < count; ++i) {
      const float lo = step(trial % 2 == 0 ? 1.0F : -0x1p-149F, samples.below(4));  // around zero: both signs of it
      hulls.push_back({lo, step(lo, samples.below(4)), false});
    }
    const std::set<Ids> answers = enumerate(hulls, k);
    Ids all(count);
    for (std::size_t i = 0; i < count; ++i) all[i] = static_cast<std::int32_t>(i);
    do {
      const Ids ids(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(k));
      const bool expected = answers.contains(ids);
      ASSERT_EQ(!check_top_k(hulls, ids), expected) << "trial " << trial;
      ++(expected ? admitted : refused);
    } while (std::ranges::next_permutation(all).found);
  }
  EXPECT_GT(admitted, 500U);
  EXPECT_GT(refused, 500U);
}

TEST(TopK, WideningNeverRefuses) {
  EXPECT_TRUE(check_samples("admitted stays admitted", [](FloatSamples& samples) {
    std::vector<Hull> hulls(8), wide(8);
    std::vector<float> scores(8);
    for (std::size_t i = 0; i < 8; ++i) {
      scores[i] = samples.coarse();
      hulls[i] = widened(samples, Hull::of(scores[i]));
      wide[i] = widened(samples, hulls[i]);
      scores[i] = pick(samples, hulls[i]);
    }
    const Ids ids = top_k(scores, 3);
    RC_ASSERT(!check_top_k(hulls, ids));
    RC_ASSERT(!check_top_k(wide, ids));
  }));
}

TEST(TopK, SaysWhatIsWrong) {
  const std::vector<Hull> hulls{Hull::of(3), Hull::of(2), Hull::of(2), Hull::of(1)};
  const auto reason = [&](const Ids& ids) { return check_top_k(hulls, ids).value_or(TopKViolation{}).reason; };
  EXPECT_EQ(reason({0, 1, 2}), "");
  EXPECT_NE(reason({0, 0}).find("repeated"), std::string::npos);
  EXPECT_NE(reason({0, 4}).find("outside [0, 4)"), std::string::npos);
  EXPECT_NE(reason({-1}).find("outside"), std::string::npos);
  EXPECT_NE(reason({1, 0}).find("cannot follow"), std::string::npos);
  EXPECT_NE(reason({0, 2}).find("cannot precede id 1"), std::string::npos);
  EXPECT_NE(reason({0, 2, 1}).find("id 1 cannot follow id 2"), std::string::npos);
  EXPECT_EQ(check_top_k(hulls, Ids{0, 1, 3}).value().position, 2U);
}

TEST(TopK, InfiniteScores) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<Hull> lowest(3, Hull::of(-infinity));
  EXPECT_FALSE(check_top_k(lowest, Ids{0, 1, 2}));
  EXPECT_TRUE(check_top_k(lowest, Ids{1, 0}));
  const std::vector<Hull> highest(3, Hull::of(infinity));
  EXPECT_FALSE(check_top_k(highest, Ids{0, 1}));
  EXPECT_TRUE(check_top_k(highest, Ids{1, 0}));
}

}  // namespace
}  // namespace assay::goldens
