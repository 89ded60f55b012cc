#include "goldens/stages/compressor_pool.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <chrono>

#include "goldens/enclosure/width.h"
#include "goldens/relations/relation_test_support.h"
#include "goldens/stages/compressor_model.h"

namespace assay::goldens {
namespace {

using Floats = std::vector<float>;

// One of the profiles whose freedom the properties hold under.
Profile some_profile(FloatSamples& samples) {
  Profile profile = load_profile("a2a3").value();
  if (samples.coin()) profile.ulp.clear();
  if (samples.coin()) profile.contraction = Contraction::allowed;
  if (samples.coin()) profile.sum_order = SumOrder::any;
  profile.flush_subnormals = samples.below(4) == 0;
  return profile;
}

struct Pool {
  Floats scores, values;
};
// Scores close to each other, far apart, equal, or rising so that the maximum changes at every slot.
Pool some_pool(FloatSamples& samples, std::size_t slots) {
  Pool pool;
  const std::uint64_t kind = samples.below(5);
  const std::array scale{0.1F, 3.0F, 60.0F, 0.0F, 1.0F};
  for (std::size_t i = 0; i < slots; ++i) {
    float score = scale[kind] * normal_sample(samples);
    if (kind == 4) score = 0.25F * static_cast<float>(i) + 0.1F * score;
    pool.scores.push_back(score);
    pool.values.push_back(samples.below(8) == 0 ? samples.moderate() : normal_sample(samples));
  }
  return pool;
}

std::vector<Hull> points(const Floats& values) {
  std::vector<Hull> result;
  for (const float value : values) result.push_back(Hull::of(value));
  return result;
}
Hull hull_of(const Profile& profile, const Pool& pool) {
  return pool_hull(NumericFreedom::of(profile), points(pool.scores), points(pool.values));
}

enum class PoolFault { none, rescale_missing, first_slot_missing };

template <class Ops, class Real = typename Ops::Real>
Real pool_of(Ops& ops, const Pool& pool, bool online, PoolFault fault = PoolFault::none) {
  std::vector<Real> s, v;
  for (std::size_t i = fault == PoolFault::first_slot_missing ? 1 : 0; i < pool.scores.size(); ++i) {
    s.push_back(Ops::of(pool.scores[i]));
    v.push_back(Ops::of(pool.values[i]));
  }
  if (!online) {
    const Real m = *std::max_element(s.begin(), s.end());
    for (Real& score : s) score = ops.exp(score - m);
    const Real scale = ops.reciprocal(ops.sum(s));
    for (Real& weight : s) weight = weight * scale;
    return ops.dot(s, v);
  }
  Real m = s.back(), l = Ops::of(1), o = v.back();
  for (std::size_t i = 0; i + 1 < s.size(); ++i) {
    const Real next = std::max(m, s[i]);
    const Real a = fault == PoolFault::rescale_missing ? Ops::of(1) : ops.exp(m - next), b = ops.exp(s[i] - next);
    l = ops.multiply_add(a, l, b);
    o = ops.coin() ? ops.multiply_add(o, a, v[i] * b) : ops.multiply_add(v[i], b, o * a);
    m = next;
  }
  return ops.divide(o, l);
}

TEST(CompressorPool, EveryAllowedImplementationIsInside) {
  EXPECT_TRUE(rc::check("inside", [](std::uint64_t seed) {
    FloatSamples samples(seed);
    const Profile profile = some_profile(samples);
    const Pool pool = some_pool(samples, 1 + samples.below(130));
    const Hull hull = hull_of(profile, pool);
    FreeFloat ops(profile, samples);
    for (int i = 0; i < 20; ++i) {
      RC_ASSERT(hull.contains(pool_of(ops, pool, true)));
      RC_ASSERT(hull.contains(pool_of(ops, pool, false)));
    }
    const StrictArithmetic strict = StrictArithmetic::of(profile);
    RC_ASSERT(hull.contains(
        pool_slots(strict, true, std::span<const float>(pool.scores), std::span<const float>(pool.values))));
    RC_ASSERT(hull.contains(
        pool_slots(strict, false, std::span<const float>(pool.scores), std::span<const float>(pool.values))));
  }));
}

TEST(CompressorPool, TheExactValueIsInside) {
  EXPECT_TRUE(rc::check("inside", [](std::uint64_t seed) {
    FloatSamples samples(seed);
    const Pool pool = some_pool(samples, 1 + samples.below(40));
    ExactReal ops;
    const auto exact = pool_of(ops, pool, false);
    const Hull hull = hull_of(load_profile("a2a3").value(), pool);
    RC_ASSERT(hull.lo <= exact && exact <= hull.hi);
    const auto once = pool_of(ops, pool, true);
    RC_ASSERT(abs(once - exact) <= 1e-80 * (1 + abs(exact)));
  }));
}

// Uncertain scores and values, as the whole call has them: whatever the true ones were is inside, and a wider input
// never gives a narrower pool.
TEST(CompressorPool, HullsOfScoresAndValues) {
  EXPECT_TRUE(rc::check("inside", [](std::uint64_t seed) {
    FloatSamples samples(seed);
    const Profile profile = some_profile(samples);
    Pool pool = some_pool(samples, 1 + samples.below(40));
    std::vector<Hull> scores = points(pool.scores), values = points(pool.values);
    const Hull narrow = pool_hull(NumericFreedom::of(profile), scores, values);
    const float width = samples.coin() ? 1e-3F : 0.5F;
    for (std::size_t i = 0; i < scores.size(); ++i)
      if (samples.below(4) == 0) {
        scores[i].include(scores[i].lo + width * normal_sample(samples));
        values[i].include(values[i].lo + width * normal_sample(samples));
      }
    const Hull wide = pool_hull(NumericFreedom::of(profile), scores, values);
    RC_ASSERT(wide.contains(narrow));
    for (std::size_t i = 0; i < scores.size(); ++i) {
      pool.scores[i] = samples.coin() ? scores[i].hi : scores[i].lo;
      pool.values[i] = samples.coin() ? values[i].hi : values[i].lo;
    }
    FreeFloat ops(profile, samples);
    for (int i = 0; i < 5; ++i) RC_ASSERT(wide.contains(pool_of(ops, pool, samples.coin())));
  }));
}

// One score far above the others: its value, whatever they are; and however uncertain that score is.
TEST(CompressorPool, OneHotIsACopy) {
  FloatSamples samples(5);
  for (const std::size_t hot : {0, 63, 127}) {
    Pool pool = some_pool(samples, 128);
    for (float& score : pool.scores) score = 0;
    pool.scores[hot] = 1024;
    const float value = pool.values[hot];
    const StrictArithmetic strict;
    for (const bool online : {true, false})
      EXPECT_EQ(pool_slots(strict, online, std::span<const float>(pool.scores), std::span<const float>(pool.values)),
                value);
    std::vector<Hull> scores = points(pool.scores);
    scores[hot] = {1023, 1025, false};
    const Hull hull = pool_hull(NumericFreedom::of(load_profile("a2a3").value()), scores, points(pool.values));
    EXPECT_TRUE(hull.contains(value));
    EXPECT_LT(static_cast<double>(hull.hi) - hull.lo, 1e-4 * std::fabs(value));
  }
}

// Equal scores: the mean.
TEST(CompressorPool, EqualScoresGiveTheMean) {
  const Floats scores(4, 7.5F), values{1, 2, 3, 6};
  for (const bool online : {true, false})
    EXPECT_EQ(pool_slots(StrictArithmetic{}, online, std::span<const float>(scores), std::span<const float>(values)),
              3.0F);
}

// In the online form the last slot comes first; then the terms are added from slot 0 on.
// 113 times the value is a float32; the roundings of the running sum carry it beyond.
TEST(CompressorPool, RoundingsThatOverflowAreInside) {
  const Pool pool{Floats(113, 0.0F), Floats(113, 0x1.21fb64p+121F)};
  const StrictArithmetic strict;
  const float online = pool_online(strict, std::span<const float>(pool.scores), std::span<const float>(pool.values));
  ASSERT_EQ(online, std::numeric_limits<float>::infinity());
  EXPECT_TRUE(hull_of(load_profile("a2a3").value(), pool).contains(online));
}

TEST(CompressorPool, OnlineStartsWithTheLastSlot) {
  const auto pool = [](const Floats& values) {
    const Floats scores(values.size(), 0);
    return pool_online(StrictArithmetic{}, std::span<const float>(scores), std::span<const float>(values));
  };
  EXPECT_EQ(pool({-0x1p25F, 1, 0x1p25F}), 1.0F / 3.0F);  // the last one cancels the first before the one is added
  EXPECT_EQ(pool({1, -0x1p25F, 0x1p25F}), 0.0F);         // slot 0 before slot 1: the one is lost
}

TEST(CompressorPool, FaultsAreOutside) {
  FloatSamples samples(6);
  const Profile profile = load_profile("a2a3").value();
  int pools = 0, no_rescale = 0, no_slot = 0;
  for (; pools < 100; ++pools) {
    Pool pool;
    for (int i = 0; i < 128; ++i) {
      pool.scores.push_back(2 * normal_sample(samples));
      pool.values.push_back(normal_sample(samples));
    }
    const Hull hull = hull_of(profile, pool);
    FreeFloat ops(profile, samples);
    no_rescale += !hull.contains(pool_of(ops, pool, true, PoolFault::rescale_missing));
    no_slot += !hull.contains(pool_of(ops, pool, false, PoolFault::first_slot_missing));
  }
  EXPECT_GE(no_rescale, 98);
  EXPECT_GE(no_slot, 95);
}

TEST(CompressorPool, NanSpreadsAndInfinitiesAreOpen) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const Profile profile = load_profile("a2a3").value();
  const float nan = std::nanf("");
  for (const Pool& pool : {Pool{{0, nan, 0}, {1, 2, 3}}, Pool{{0, 1, 0}, {nan, 2, 3}}}) {
    const Hull hull = hull_of(profile, pool);
    EXPECT_TRUE(hull.nan && !hull.has_number());
    for (const bool online : {true, false})
      EXPECT_TRUE(std::isnan(pool_slots(StrictArithmetic{}, online, std::span<const float>(pool.scores),
                                        std::span<const float>(pool.values))));
  }
  for (const Pool& pool : {Pool{{0, -kInfinity, 0}, {1, 2, 3}}, Pool{{0, 1, 0}, {kInfinity, 2, 3}}}) {
    const Hull hull = hull_of(profile, pool);
    EXPECT_TRUE(hull.nan && hull.has_number());
  }
  // Unmapped pages of HEAD: a score of -FLT_MAX weighs nothing.
  const Pool unmapped{{-std::numeric_limits<float>::max(), 0, -std::numeric_limits<float>::max()}, {0, 5, 0}};
  EXPECT_TRUE(hull_of(profile, unmapped).contains(5.0F));
  EXPECT_LT(hull_of(profile, unmapped).hi, 5.001F);
}

StageCall pool_call(FloatSamples& samples, const Shape& shape, const std::string& form) {
  return {.stage = "compressor_softmax_pool",
          .inputs = {{"kv_state", normal_tensor(DType::f32, shape, samples)},
                     {"score_state", normal_tensor(DType::f32, shape, samples, 2)}},
          .options = {{"profile", form}},
          .profile = load_profile("a2a3").value()};
}

TEST(CompressorPool, RelationsOfTheStage) {
  FloatSamples samples(7);
  for (const char* form : {"mid", "head"}) EXPECT_TRUE(relations_hold(pool_call(samples, {3, 5, 4}, form)));
}

TEST(CompressorPool, FormsDifferAndShareTheirEnclosure) {
  FloatSamples samples(8);
  StageCall call = pool_call(samples, {2, 128, 16}, "mid");
  const GoldenOutput mid = call.output("pooled");
  call.options.at("profile") = "head";
  const GoldenOutput head = call.output("pooled");
  EXPECT_FALSE(mid.value == head.value);
  EXPECT_EQ(mid.lo, head.lo);
  EXPECT_EQ(mid.hi, head.hi);
  EXPECT_TRUE(is_enclosed(mid));
  EXPECT_TRUE(is_enclosed(head));
}

TEST(CompressorPool, RefusesEmptyStatesAndUnknownForms) {
  FloatSamples samples(9);
  EXPECT_FALSE(pool_call(samples, {2, 0, 4}, "mid").run());
  EXPECT_FALSE(pool_call(samples, {2, 4, 0}, "mid").run());
  EXPECT_NE(pool_call(samples, {2, 4, 4}, "tail").run().error().message.find("mid or head"), std::string::npos);
  EXPECT_TRUE(pool_call(samples, {0, 4, 4}, "mid").run());
}

TEST(CompressorPool, ProductionShape) {
  FloatSamples samples(10);
  const StageCall call = pool_call(samples, {64, 128, 512}, "mid");
  const auto start = std::chrono::steady_clock::now();
  const GoldenOutput pooled = call.output("pooled");
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  RecordProperty("seconds", std::to_string(seconds));
  RecordProperty("median_ulp", std::to_string(widths(pooled).median_ulp));
  std::printf("pool [64,128,512]: %.2f s, median width %.0f ulp of f32\n", seconds, widths(pooled).median_ulp);
  // Half of the terms have a sign, 66 roundings of 2^-24 of the mean magnitude either way, which is here about ten
  // times the mean; as much again for the exponentials.
  EXPECT_LT(widths(pooled).median_ulp, 2048);
}

}  // namespace
}  // namespace assay::goldens
