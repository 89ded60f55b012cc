#include "harness/compare/peer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace assay::compare {
namespace {

Tensor floats(const std::vector<float>& values, Shape shape = {}) {
  Tensor tensor(DType::f32, shape.empty() ? Shape{static_cast<std::int64_t>(values.size())} : shape);
  std::memcpy(tensor.bytes().data(), values.data(), values.size() * sizeof(float));
  return tensor;
}
Tensor ids(const std::vector<std::int32_t>& values, Shape shape) {
  Tensor tensor(DType::i32, shape);
  std::memcpy(tensor.bytes().data(), values.data(), values.size() * sizeof(std::int32_t));
  return tensor;
}
PeerOpinion of(const std::vector<float>& actual, const std::vector<float>& reference, const PeerRule& rule) {
  return peer_opinion(floats(actual), floats(reference), {}, rule);
}

// `wrong` of `count` elements are off by one.
PeerOpinion some_wrong(int count, int wrong, const PeerRule& rule) {
  std::vector<float> reference(static_cast<std::size_t>(count), 1.0F), actual = reference;
  for (int i = 0; i < wrong; ++i) actual[static_cast<std::size_t>(i)] = 2.0F;
  return of(actual, reference, rule);
}

TEST(PeerTolerances, NumbersOfSectionSeven) {
  EXPECT_EQ(to_string(peer_rule("p772", "y")), "allclose(rtol=0.01,atol=0.1)");
  EXPECT_EQ(to_string(peer_rule("p772", "ffn_out")), "allclose(rtol=0.01,atol=0.12)");
  EXPECT_EQ(to_string(peer_rule("p772", "comb")), "not checked");
  EXPECT_EQ(to_string(peer_rule("mid", "comb")), "ratio(rtol=0.005,atol=2.5e-05,most=0.005)");
  EXPECT_EQ(to_string(peer_rule("mid", "kv_cache")), "ratio(rtol=0.0078125,atol=0.0001,most=7.8125e-05)");
  EXPECT_EQ(to_string(peer_rule("head", "recv_y")), "reldiff(threshold=0.002,most=0.01)");
  EXPECT_EQ(to_string(peer_rule("exdc", "routed_y")), "allclose(rtol=0.015625,atol=0.015625)");
  EXPECT_TRUE(is_peer_set("head_pro"));
  EXPECT_FALSE(is_peer_set("P772"));
}

TEST(PeerOpinions, AllcloseBoundsEachElement) {
  const PeerRule rule = Allclose{0.5, 0.25};
  EXPECT_TRUE(of({1.75F}, {1.0F}, rule).accepts);
  EXPECT_FALSE(of({1.76F}, {1.0F}, rule).accepts);
  EXPECT_FALSE(of({std::nanf("")}, {std::nanf("")}, rule).accepts);
  const float endless = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(of({endless}, {endless}, rule).accepts);
  EXPECT_FALSE(of({1.0F}, {endless}, rule).accepts);
}

TEST(PeerOpinions, RatioAllowsAShareRoundedToEven) {
  const PeerRule rule = Ratio{0, 0.5, 0.005};
  EXPECT_EQ(some_wrong(100, 0, rule).allowed, 0);  // 0.5
  EXPECT_EQ(some_wrong(300, 0, rule).allowed, 2);  // 1.5
  EXPECT_TRUE(some_wrong(300, 2, rule).accepts);
  EXPECT_FALSE(some_wrong(300, 3, rule).accepts);
  std::vector<float> endless(300, 1.0F);
  endless[0] = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(of(endless, endless, rule).accepts);
  // One side alone: within the tolerance by arithmetic, refused all the same.
  const PeerOpinion one_sided = of({1.0F}, {endless[0]}, Ratio{0.5, 0, 0.005});
  EXPECT_EQ(one_sided.beyond, 0);
  EXPECT_FALSE(one_sided.accepts);
}

// Section 9: any difference below the threshold passes, whatever the values.
TEST(PeerOpinions, ReldiffForgivesDifferencesBelowItsThreshold) {
  const PeerRule rule = Reldiff{0.01, 0};
  EXPECT_TRUE(of({0.0099F}, {0.0F}, rule).accepts);
  EXPECT_FALSE(of({0.02F}, {0.0F}, rule).accepts);
  EXPECT_TRUE(of({101.0F}, {100.0F}, rule).accepts);
  EXPECT_FALSE(of({101.1F}, {100.0F}, rule).accepts);
  EXPECT_TRUE(some_wrong(100, 5, Reldiff{0.01, 0.05}).accepts);
  EXPECT_FALSE(some_wrong(100, 6, Reldiff{0.01, 0.05}).accepts);
}

TEST(PeerOpinions, IdsOfARowInAnyOrder) {
  const Tensor wanted = ids({1, 2, 3, 4}, {2, 2});
  EXPECT_TRUE(peer_opinion(ids({2, 1, 3, 4}, {2, 2}), wanted, {}, IdSet{}).accepts);
  EXPECT_FALSE(peer_opinion(ids({1, 3, 2, 4}, {2, 2}), wanted, {}, IdSet{}).accepts);
  EXPECT_FALSE(peer_opinion(ids({1, 1, 3, 4}, {2, 2}), wanted, {}, IdSet{}).accepts);
}

// Section 9: a kernel that returns sorted values with wrong ids passes.
TEST(PeerOpinions, TopkPairLooksAtTheValuesAlone) {
  const Tensor wanted = ids({5, 6, 7}, {1, 3}), wrong = ids({9, 9, 9}, {1, 3});
  const Tensor sorted = floats({3, 2, 1}, {1, 3}), unsorted = floats({1, 2, 3}, {1, 3});
  EXPECT_TRUE(peer_opinion(wrong, wanted, {}, TopkPair{}, &sorted).accepts);
  EXPECT_FALSE(peer_opinion(wrong, wanted, {}, TopkPair{}, &unsorted).accepts);
  EXPECT_FALSE(peer_opinion(wrong, wanted, {}, TopkPair{}).accepts);
  EXPECT_TRUE(peer_opinion(wanted, wanted, {}, TopkPair{}).accepts);
}

TEST(PeerOpinions, ResultCmpAsksForBothDifferences) {
  const PeerRule rule = ResultCmp{1e-3};
  EXPECT_TRUE(of({1000.5F}, {1000.0F}, rule).accepts);    // 5e-4 of it
  EXPECT_FALSE(of({0.002F}, {0.0F}, rule).accepts);       // infinite ratio
  EXPECT_TRUE(some_wrong(1000, 1, rule).accepts);         // floor(1000 * eps)
  EXPECT_FALSE(some_wrong(1000, 2, rule).accepts);
  EXPECT_FALSE(of({std::nanf("")}, {1.0F}, rule).accepts);
  EXPECT_TRUE(of({std::nanf("")}, {std::nanf("")}, rule).accepts);
}

TEST(PeerOpinions, OpenElementsAreNotLookedAt) {
  const std::vector<std::uint8_t> open{0, 1};
  const PeerOpinion opinion = peer_opinion(floats({1, 7}), floats({1, 2}), open, Allclose{0, 0});
  EXPECT_TRUE(opinion.accepts);
  EXPECT_EQ(opinion.elements, 1);
  const PeerOpinion none = peer_opinion(floats({1}), floats({2}), {}, NotChecked{});
  EXPECT_FALSE(none.checks);
}

}  // namespace
}  // namespace assay::compare
