#include "harness/sim/order/access_history.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <set>

#include "harness/sim/order/tile_runs.h"

namespace assay::sim {
namespace {

// Random programs of a few actors, against the definition: every access that ever was, per byte, with the clocks of the
// textbook.
constexpr std::size_t kActors = 5;
ActorId actor_id(std::size_t actor) { return static_cast<ActorId>(actor < 3 ? actor + 1 : actor * 8 + 2); }
bool overlaps(std::size_t actor) { return actor == 1 || actor == 4; }

struct Past {
  AccessKind kind;
  Epoch epoch;
};

class Definition {
 public:
  // First byte of [begin, end) with an unordered earlier access, or -1; records the access.
  std::int64_t access(const Access& access, std::int64_t begin, std::int64_t end, const Ordering& ordering) {
    std::int64_t first = -1;
    for (std::int64_t at = begin; at < end; ++at) {
      for (const Past& past : past_[at])
        if (races(past, access, ordering) && first < 0) first = at;
      past_[at].push_back({access.kind, access.epoch});
    }
    return first;
  }
  const std::map<std::int64_t, std::vector<Past>>& all() const { return past_; }
  void erase(std::int64_t begin, std::int64_t end) {
    for (std::int64_t at = begin; at < end; ++at) past_.erase(at);
  }

 private:
  static bool races(const Past& past, const Access& access, const Ordering& ordering) {
    constexpr bool kRaces[4][4] = {// read, write, atomic, test
                                   {false, true, true, false},
                                   {true, true, true, true},
                                   {true, true, false, false},
                                   {false, true, false, false}};
    if (!kRaces[static_cast<int>(past.kind)][static_cast<int>(access.kind)]) return false;
    if (ordering.clock.covers(past.epoch)) return false;
    if (past.epoch.actor != access.epoch.actor) return true;
    return ordering.overlapping_pipe && (past.kind == AccessKind::write || past.kind == AccessKind::atomic) &&
           past.epoch.time != access.epoch.time;
  }
  std::map<std::int64_t, std::vector<Past>> past_;
};

struct Actors {
  std::array<Clock, kActors> clocks;
  std::array<std::uint64_t, kActors> times{};
  std::vector<Clock> flags;

  void step() {
    const auto actor = *rc::gen::inRange<std::size_t>(0, kActors);
    switch (*rc::gen::inRange(0, 4)) {
      case 0: {  // a flag: what the actor did and what it saw
        Clock flag = clocks[actor];
        flag.advance({actor_id(actor), times[actor]});
        flags.push_back(flag);
        break;
      }
      case 1:
        if (!flags.empty()) clocks[actor].join(flags[*rc::gen::inRange<std::size_t>(0, flags.size())]);
        break;
      case 2:  // a barrier of the pipe
        clocks[actor].advance({actor_id(actor), times[actor]});
        break;
      default: {  // a barrier of all
        Clock all;
        for (std::size_t i = 0; i < kActors; ++i) {
          clocks[i].advance({actor_id(i), times[i]});
          all.join(clocks[i]);
        }
        if (*rc::gen::inRange(0, 3) == 0)
          for (Clock& clock : clocks) clock.join(all);
      }
    }
  }

  Access any_access(std::size_t actor) {
    const auto kind =
        *rc::gen::element(AccessKind::read, AccessKind::read, AccessKind::write, AccessKind::write, AccessKind::atomic,
                          AccessKind::test);
    return {kind, {actor_id(actor), ++times[actor]}, nullptr, nullptr};
  }
};

// The range crosses the boundary of two pages.
std::pair<std::int64_t, std::int64_t> any_range() {
  const auto begin = *rc::gen::inRange<std::int64_t>(4080, 4110);
  return {begin, begin + *rc::gen::inRange<std::int64_t>(1, 12)};
}

TEST(AccessHistory, FindsTheFirstRacingByteOfEveryAccessAndNoOther) {
  EXPECT_TRUE(rc::check([] {
    Actors actors;
    GlobalHistory history;
    LocalHistory local;
    Definition definition, of_local;
    for (int step = *rc::gen::inRange(1, 120); step > 0; --step) {
      if (*rc::gen::inRange(0, 3) == 0) {
        actors.step();
        continue;
      }
      const auto actor = *rc::gen::inRange<std::size_t>(0, kActors);
      const Access access = actors.any_access(actor);
      const Ordering ordering{actors.clocks[actor], overlaps(actor)};
      const auto [begin, end] = any_range();
      Conflicts global_found, local_found, probed;
      history.probe(access, begin, end, ordering, probed);
      history.access(access, begin, end, ordering, global_found);
      local.access(access, begin, end, ordering, local_found);
      const std::int64_t expected = definition.access(access, begin, end, ordering);
      RC_ASSERT((global_found.empty() ? -1 : global_found.front().begin) == expected);
      RC_ASSERT((probed.empty() ? -1 : probed.front().begin) == expected);
      const std::int64_t expected_here = of_local.access(access, begin, end, ordering);
      RC_ASSERT((local_found.empty() ? -1 : local_found.front().begin) == expected_here);
      if (*rc::gen::inRange(0, 10) == 0) {
        const auto [from, to] = any_range();
        local.forget(from, to);
        of_local.erase(from, to);
      }
    }
  }));
}

TEST(AccessHistory, NamesTheOperationsThatRace) {
  const pto::Operation store{}, load{}, other{};
  const pto::Function function{};
  const Clock nothing;
  const Ordering unordered{nothing, false};
  GlobalHistory history;
  Conflicts found;
  history.access({AccessKind::write, {1, 1}, &store, &function}, 0, 8192, unordered, found);
  history.access({AccessKind::write, {2, 1}, &other, &function}, 8192, 8200, unordered, found);
  ASSERT_TRUE(found.empty());
  const Access later{AccessKind::read, {3, 1}, &load, &function};
  history.access(later, 4000, 8196, unordered, found);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].earlier.op, &store);
  EXPECT_EQ(found[0].begin, 4000);
  EXPECT_EQ(found[0].end, 8192);
  EXPECT_EQ(found[1].earlier.op, &other);
  EXPECT_EQ(found[1].end, 8196);
  EXPECT_EQ(rule_of(found[0], later), "race-raw");
}

TEST(AccessHistory, RulesAreNamedByWhoWrites) {
  const Conflict read{{AccessKind::read, {}, nullptr, nullptr}, 0, 1},
      write{{AccessKind::write, {}, nullptr, nullptr}, 0, 1};
  EXPECT_EQ(rule_of(read, {AccessKind::write, {}, nullptr, nullptr}), "race-war");
  EXPECT_EQ(rule_of(write, {AccessKind::write, {}, nullptr, nullptr}), "race-waw");
  EXPECT_EQ(rule_of(write, {AccessKind::read, {}, nullptr, nullptr}), "race-raw");
}

// Blocks that ran independently: every byte with two conflicting accesses of different blocks is found, no other.
TEST(AccessHistory, IndependentBlocksConflictWhereTheirBytesDo) {
  EXPECT_TRUE(rc::check([] {
    std::array<GlobalHistory, 3> blocks;
    std::array<Definition, 3> definitions;
    GlobalHistory merged;
    std::map<std::int64_t, std::vector<Past>> seen;
    for (std::size_t block = 0; block < blocks.size(); ++block) {
      Clock clock;
      const auto actor = static_cast<ActorId>(8 * block + 2);
      for (std::uint64_t time = 1; time < 8; ++time) {
        const auto kind = *rc::gen::element(AccessKind::read, AccessKind::write, AccessKind::atomic, AccessKind::test);
        const auto [begin, end] = any_range();
        if (*rc::gen::inRange(0, 2) == 0) continue;
        Conflicts none;
        blocks[block].access({kind, {actor, time}, nullptr, nullptr}, begin, end, {clock, false}, none);
        definitions[block].access({kind, {actor, time}, nullptr, nullptr}, begin, end, {clock, false});
      }
      std::int64_t expected = -1;
      for (const auto& [at, accesses] : definitions[block].all()) {
        for (const Past& later : accesses)
          for (const Past& earlier : seen[at])
            if (may_conflict(later.kind, earlier.kind) && expected < 0) expected = at;
      }
      for (const auto& [at, accesses] : definitions[block].all())
        seen[at].insert(seen[at].end(), accesses.begin(), accesses.end());
      const auto found = merged.conflicts_with(blocks[block]);
      RC_ASSERT((found.empty() ? -1 : found.front().second.begin) == expected);
      merged.merge(std::move(blocks[block]));
    }
  }));
}

// What a merged history knows is what one history of all accesses knows.
TEST(AccessHistory, MergedBlocksRaceWithALaterTask) {
  EXPECT_TRUE(rc::check([] {
    GlobalHistory merged;
    Definition definition;
    for (std::size_t block = 0; block < 3; ++block) {
      GlobalHistory history;
      const Clock clock;
      for (std::uint64_t time = 1; time < 5; ++time) {
        const auto kind = *rc::gen::element(AccessKind::read, AccessKind::write, AccessKind::atomic, AccessKind::test);
        const auto [begin, end] = any_range();
        const Access access{kind, {static_cast<ActorId>(8 * block + 2), time}, nullptr, nullptr};
        Conflicts none;
        history.access(access, begin, end, {clock, false}, none);
        definition.access(access, begin, end, {clock, false});
      }
      merged.merge(std::move(history));
    }
    Clock seen;  // some of the blocks, each up to some operation
    for (std::size_t block = 0; block < 3; ++block)
      seen.advance({static_cast<ActorId>(8 * block + 2), *rc::gen::inRange<std::uint64_t>(0, 5)});
    const auto kind = *rc::gen::element(AccessKind::read, AccessKind::write);
    const auto [begin, end] = any_range();
    const Access access{kind, {100, 1}, nullptr, nullptr};
    if (*rc::gen::inRange(0, 2) == 0) merged.forget_before(seen);
    if (*rc::gen::inRange(0, 2) == 0) merged.forget_sites();
    Conflicts found;
    merged.access(access, begin, end, {seen, false}, found);
    RC_ASSERT((found.empty() ? -1 : found.front().begin) == definition.access(access, begin, end, {seen, false}));
  }));
}

Tile any_tile() {
  pto::TileType type;
  type.space = pto::Space::mat;
  type.element = *rc::gen::element(DType::i8, DType::f16, DType::f32);
  type.rows = 16 * *rc::gen::inRange(1, 5);
  type.cols = 32 * *rc::gen::inRange(1, 4);
  type.valid_rows = type.rows;
  type.valid_cols = type.cols;
  type.blayout = *rc::gen::element(pto::BoxOrder::row_major, pto::BoxOrder::col_major);
  type.slayout =
      *rc::gen::element(pto::InnerLayout::none_box, pto::InnerLayout::row_major, pto::InnerLayout::col_major);
  if (type.slayout == pto::InnerLayout::col_major) type.rows = type.valid_rows = 32 * *rc::gen::inRange(1, 4);
  const auto made = make_tile(type, 64);
  RC_PRE(static_cast<bool>(made));
  Tile tile = *made;
  if (tile.box_rows == 0 && *rc::gen::inRange(0, 2) == 0) {  // a strided window of it
    tile.rows = *rc::gen::inRange<std::int64_t>(1, tile.rows + 1);
    tile.cols = *rc::gen::inRange<std::int64_t>(1, tile.cols + 1);
  }
  return tile;
}

TEST(AccessHistory, TileRunsAreTheBytesOfItsElements) {
  EXPECT_TRUE(rc::check([] {
    const Tile tile = any_tile();
    const auto rows = *rc::gen::inRange<std::int64_t>(0, tile.rows + 1);
    const auto cols = *rc::gen::inRange<std::int64_t>(0, tile.cols + 1);
    std::set<std::int64_t> expected, found;
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t col = 0; col < cols; ++col)
        for (std::int64_t byte = 0; byte < element_bytes(tile); ++byte)
          expected.insert(tile.address + element_offset(tile, row, col) * element_bytes(tile) + byte);
    for_each_byte_run(tile, rows, cols, [&](std::int64_t begin, std::int64_t end) {
      RC_ASSERT(begin < end);
      for (std::int64_t at = begin; at < end; ++at) RC_ASSERT(found.insert(at).second);
    });
    RC_ASSERT(found == expected);
  }));
}

// A loop costs the memory of one iteration: with flags, without any (every access races), and over moving windows.
TEST(AccessHistory, AMillionIterationsDoNotGrowIt) {
  for (bool synchronised : {true, false}) {
    LocalHistory history;
    Clock v, mte;
    std::int64_t after_first_round = 0;
    Conflicts found;
    for (std::uint64_t i = 1; i <= 1'000'000; ++i) {
      const std::int64_t begin = static_cast<std::int64_t>(i % 64) * 40;
      history.access({AccessKind::write, {5, i}, nullptr, nullptr}, begin, begin + 100, {mte, false}, found);
      if (synchronised) {
        v.advance({5, i});
        v.advance({2, i - 1});
      }
      history.access({AccessKind::read, {2, i}, nullptr, nullptr}, begin, begin + 100, {v, true}, found);
      if (synchronised) mte.advance({2, i});
      if (i == 1000) after_first_round = history.heap_bytes();
      EXPECT_TRUE(!synchronised || found.empty());
      found.clear();
    }
    EXPECT_LE(history.heap_bytes(), 2 * after_first_round);
  }
}

// Elements written one by one take the room of a row once no release lies between them.
TEST(AccessHistory, ElementsOfOneActorJoin) {
  const Clock nothing;
  GlobalHistory history;
  Conflicts found;
  for (std::int64_t at = 0; at < 1 << 20; at += 4)
    history.access({AccessKind::write, {1, 7}, nullptr, nullptr}, at, at + 4, {nothing, false}, found);
  EXPECT_LT(history.heap_bytes(), (1 << 20) / 16);
}

}  // namespace
}  // namespace assay::sim
