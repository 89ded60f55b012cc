#include "harness/sim/order/clock.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

namespace assay::sim {
namespace {

// The definition: a function from actors to times.
using Model = std::map<ActorId, std::uint64_t>;

// Actors of neighbouring cores, of cores whose trees have other heights, and of the last core there can be.
const std::vector<ActorId>& actors() {
  static const std::vector<ActorId> all = [] {
    std::vector<ActorId> ids;
    for (std::uint32_t core : {0U, 1U, 2U, 15U, 16U, 17U, 255U, 256U, 999U, 70000U, (~0U) / 8 - 1})
      for (std::uint32_t pipe : {1U, 2U, 7U}) ids.push_back(core * static_cast<ActorId>(pto::kPipes) + pipe);
    return ids;
  }();
  return all;
}

bool equals(const Clock& clock, const Model& model) {
  for (ActorId actor : actors()) {
    const auto found = model.find(actor);
    if (clock.of(actor) != (found == model.end() ? 0 : found->second)) return false;
  }
  return true;
}

bool is_below(const Clock& a, const Clock& b) {
  for (ActorId actor : actors())
    if (a.of(actor) > b.of(actor)) return false;
  return true;
}
bool is_same(const Clock& a, const Clock& b) { return is_below(a, b) && is_below(b, a); }

Clock any_clock() {
  Clock clock;
  for (int i = *rc::gen::inRange(0, 12); i > 0; --i)
    clock.advance({*rc::gen::elementOf(actors()), *rc::gen::inRange<std::uint64_t>(1, 5)});
  return clock;
}

TEST(Clock, StartsBeforeEverything) {
  const Clock clock;
  EXPECT_EQ(clock.of(0), 0U);
  EXPECT_FALSE(clock.covers({3, 1}));
  EXPECT_TRUE(clock.covers({3, 0}));
}

TEST(Clock, AdvanceNeverGoesBack) {
  Clock clock;
  clock.advance({8, 5});
  clock.advance({8, 3});
  clock.advance({800, 2});
  clock.advance({800, 1});
  EXPECT_EQ(clock.of(8), 5U);
  EXPECT_EQ(clock.of(800), 2U);
}

TEST(Clock, CopyDoesNotFollowItsOriginal) {
  Clock clock;
  clock.advance({1, 1});
  clock.advance({900, 1});
  const Clock copy = clock;
  clock.advance({1, 2});
  clock.advance({900, 2});
  EXPECT_EQ(copy.of(1), 1U);
  EXPECT_EQ(copy.of(900), 1U);
}

// A pool of clocks under random advances, copies and joins agrees with the definition at every step.
TEST(Clock, AgreesWithAFunctionFromActorsToTimes) {
  EXPECT_TRUE(rc::check([] {
    std::array<Clock, 5> clocks;
    std::array<Model, 5> models;
    for (int step = *rc::gen::inRange(1, 60); step > 0; --step) {
      const auto to = *rc::gen::inRange<std::size_t>(0, 5), from = *rc::gen::inRange<std::size_t>(0, 5);
      switch (*rc::gen::inRange(0, 5)) {
        case 0:
        case 1: {
          const Epoch epoch{*rc::gen::elementOf(actors()), *rc::gen::inRange<std::uint64_t>(1, 30)};
          clocks[to].advance(epoch);
          models[to][epoch.actor] = std::max(models[to][epoch.actor], epoch.time);
          break;
        }
        case 2:
          clocks[to] = clocks[from];
          models[to] = models[from];
          break;
        default:
          clocks[to].join(clocks[from]);
          for (auto [actor, time] : Model(models[from])) models[to][actor] = std::max(models[to][actor], time);
      }
      for (std::size_t i = 0; i < clocks.size(); ++i) RC_ASSERT(equals(clocks[i], models[i]));
    }
  }));
}

TEST(Clock, JoinIsTheLeastUpperBound) {
  EXPECT_TRUE(rc::check([] {
    const Clock a = any_clock(), b = any_clock(), other = any_clock();
    Clock join = a;
    join.join(b);
    RC_ASSERT(is_below(a, join));
    RC_ASSERT(is_below(b, join));
    Clock bound = other;  // some upper bound of both
    bound.join(a);
    bound.join(b);
    RC_ASSERT(is_below(join, bound));
    for (ActorId actor : actors()) RC_ASSERT(join.of(actor) == std::max(a.of(actor), b.of(actor)));
  }));
}

TEST(Clock, JoinIsAssociativeCommutativeAndIdempotent) {
  EXPECT_TRUE(rc::check([] {
    const Clock a = any_clock(), b = any_clock(), c = any_clock();
    Clock left = a, right = b, back = b, twice = a;
    left.join(b);
    left.join(c);
    right.join(c);
    Clock nested = a;
    nested.join(right);
    RC_ASSERT(is_same(left, nested));
    back.join(a);
    Clock forth = a;
    forth.join(b);
    RC_ASSERT(is_same(forth, back));
    twice.join(a);
    RC_ASSERT(is_same(twice, a));
  }));
}

TEST(Clock, HappensBeforeIsAPartialOrder) {
  EXPECT_TRUE(rc::check([] {
    const Clock a = any_clock();
    Clock b = a, c = any_clock();
    b.join(any_clock());
    c.join(b);
    RC_ASSERT(is_below(a, a));
    RC_ASSERT(is_below(a, c));  // a <= b <= c
    if (is_below(c, a)) RC_ASSERT(is_same(a, c));
  }));
}

// Barriers over all cores: everybody knows everybody's last operation, and nobody's later one.
TEST(Clock, BarrierOverAThousandCores) {
  constexpr std::uint32_t kCores = 1000;
  std::vector<Clock> clocks(kCores);
  for (std::uint64_t round = 1; round <= 20; ++round) {
    Clock barrier;
    for (std::uint32_t core = 0; core < kCores; ++core) {
      clocks[core].advance({core * 8 + 1, round});
      barrier.join(clocks[core]);
    }
    for (Clock& clock : clocks) clock.join(barrier);
    for (std::uint32_t core = 0; core < kCores; core += 37) {
      clocks[core].advance({core * 8 + 1, round + 1});
      EXPECT_EQ(clocks[(core + 1) % kCores].of(core * 8 + 1), round);
      EXPECT_EQ(clocks[core].of(((core + 1) % kCores) * 8 + 1), round);
    }
  }
}

}  // namespace
}  // namespace assay::sim
