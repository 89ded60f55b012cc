// Rings as queues of numbered rectangles: what is pushed is popped, in order, byte by byte, whatever the interleaving.
#include "harness/sim/ring.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstring>

namespace assay::sim {
namespace {

const pto::Operation kPush, kPop;
const pto::Function kFunction;
const Origin kPushed{&kPush, &kFunction}, kPopped{&kPop, &kFunction};

// Entry n: a rectangle whose element (row, col) is 1000 n + 100 row + col; element (0,0) of odd entries holds no value.
Cargo rectangle(std::int64_t number, std::int64_t rows, std::int64_t cols, std::int64_t row = 0, std::int64_t col = 0) {
  Cargo cargo;
  cargo.dtype = DType::i32;
  cargo.rows = rows;
  cargo.cols = cols;
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < cols; ++c) {
      const auto value = static_cast<std::int32_t>(1000 * number + 100 * (row + r) + col + c);
      const auto* bytes = reinterpret_cast<const std::byte*>(&value);
      cargo.data.insert(cargo.data.end(), bytes, bytes + sizeof value);
    }
  if (number % 2 == 1) {
    cargo.defined.assign(cargo.data.size(), 1);
    if (row == 0 && col == 0) std::fill_n(cargo.defined.begin(), 4, std::uint8_t{0});
  }
  return cargo;
}

void expect_same(const Cargo& found, const Cargo& expected) {
  EXPECT_EQ(found.rows, expected.rows);
  EXPECT_EQ(found.cols, expected.cols);
  EXPECT_EQ(found.data, expected.data);
  const std::vector<std::uint8_t> all(expected.data.size(), 1);
  EXPECT_EQ(found.defined.empty() ? all : found.defined, expected.defined.empty() ? all : expected.defined);
}

struct Case {
  Split split;
  std::int64_t rows, cols;  // of an entry
};

// Where the lane's part of an entry lies: the first part has the odd row or column.
struct Region {
  std::int64_t row = 0, col = 0, rows = 0, cols = 0;
};
Region region(const Case& c, std::int64_t lane) {
  if (c.split == Split::none) return {0, 0, c.rows, c.cols};
  const bool rows = by_rows(c.split);
  const std::int64_t size = rows ? c.rows : c.cols, first = (size + 1) / 2;
  const std::int64_t at = lane == 0 ? 0 : first, extent = lane == 0 ? first : size - first;
  return rows ? Region{at, 0, extent, c.cols} : Region{0, at, c.rows, extent};
}

class RingSplits : public ::testing::TestWithParam<Case> {};

TEST_P(RingSplits, EveryInterleavingDeliversWhatWasPushed) {
  const Case c = GetParam();
  const bool is_split = c.split != Split::none;
  for (const Direction direction : {Direction::to_vector, Direction::to_cube})
    EXPECT_TRUE(rc::check([&] {
      const auto slots = *rc::gen::inRange<std::int64_t>(1, 5);
      constexpr std::int64_t kEntries = 7;
      Ring ring(direction, 2, {slots, 1 << 20, false});
      const bool forward = direction == Direction::to_vector;
      const std::int64_t writers = !forward && is_split ? 2 : 1, readers = forward && is_split ? 2 : 1;
      std::array<std::int64_t, 2> pushed{}, popped{}, freed{};
      const auto push = [&](std::int64_t lane) {
        const Region part = forward ? Region{0, 0, c.rows, c.cols} : region(c, lane);
        const std::int64_t number = pushed[static_cast<std::size_t>(lane)]++;
        EXPECT_EQ(ring.push(lane, c.split, rectangle(number, part.rows, part.cols, part.row, part.col), kPushed, {}),
                  "");
      };
      const auto pop = [&](std::int64_t lane) {
        const Region part = forward ? region(c, lane) : Region{0, 0, c.rows, c.cols};
        const std::int64_t number = popped[static_cast<std::size_t>(lane)]++;
        const Ring::Popped found = ring.pop(lane, part.rows, part.cols, c.split, kPopped);
        EXPECT_EQ(found.mismatch, "");
        expect_same(found.cargo, rectangle(number, part.rows, part.cols, part.row, part.col));
      };
      while (true) {
        // What could happen next, by the definition of a ring.
        std::vector<std::pair<int, std::int64_t>> enabled;
        const std::int64_t all_freed = readers == 2 ? std::min(freed[0], freed[1]) : freed[0];
        const std::int64_t all_pushed = writers == 2 ? std::min(pushed[0], pushed[1]) : pushed[0];
        for (std::int64_t lane = 0; lane < writers; ++lane) {
          const std::int64_t number = pushed[static_cast<std::size_t>(lane)];
          const bool has_slot = number < slots || number - slots < all_freed;
          EXPECT_EQ(ring.can_push(lane), has_slot);
          if (number < kEntries && has_slot) enabled.emplace_back(0, lane);
        }
        for (std::int64_t lane = 0; lane < readers; ++lane) {
          const std::int64_t taken = popped[static_cast<std::size_t>(lane)];
          EXPECT_EQ(ring.can_pop(lane), taken < all_pushed);
          EXPECT_EQ(ring.held(lane), taken - freed[static_cast<std::size_t>(lane)]);
          if (taken < all_pushed) enabled.emplace_back(1, lane);
          if (ring.held(lane) > 0) enabled.emplace_back(2, lane);
        }
        if (enabled.empty()) break;
        const auto [what, lane] = enabled[*rc::gen::inRange<std::size_t>(0, enabled.size())];
        if (what == 0) push(lane);
        if (what == 1) pop(lane);
        if (what == 2) ring.free(lane, {}), ++freed[static_cast<std::size_t>(lane)];
      }
      for (std::int64_t lane = 0; lane < readers; ++lane) EXPECT_EQ(freed[static_cast<std::size_t>(lane)], kEntries);
      EXPECT_TRUE(ring.leftovers().empty());
    }));
}

INSTANTIATE_TEST_SUITE_P(All, RingSplits,
                         ::testing::Values(Case{Split::none, 4, 3}, Case{Split::rows, 6, 5}, Case{Split::columns, 5, 6},
                                           Case{Split::odd_rows, 7, 2}, Case{Split::odd_columns, 2, 7},
                                           Case{Split::odd_rows, 1, 3}));

TEST(Ring, SplitsThatDoNotDivide) {
  const auto push = [](Split split, std::int64_t rows, std::int64_t cols) {
    return Ring(Direction::to_vector, 2, {2, 1024, false}).push(0, split, rectangle(0, rows, cols), kPushed, {});
  };
  EXPECT_EQ(push(Split::rows, 7, 2), "split 1 of 7 rows");
  EXPECT_EQ(push(Split::columns, 2, 7), "split 2 of 7 columns");
  EXPECT_EQ(push(Split::odd_rows, 6, 2), "split 3 of 6 rows");
  EXPECT_EQ(push(Split::odd_columns, 2, 6), "split 4 of 6 columns");
  EXPECT_EQ(Ring(Direction::to_vector, 1, {2, 1024, false}).push(0, Split::rows, rectangle(0, 2, 2), kPushed, {}),
            "a split entry for a single vector core");
  Ring parts(Direction::to_cube, 2, {2, 1024, false});
  EXPECT_EQ(parts.push(0, Split::rows, rectangle(0, 3, 2), kPushed, {}), "");
  EXPECT_EQ(parts.push(1, Split::rows, rectangle(0, 2, 2), kPushed, {}), "parts of 3x2 and 2x2 for split 1");
  Ring different(Direction::to_cube, 2, {2, 1024, false});
  EXPECT_EQ(different.push(0, Split::rows, rectangle(0, 2, 2), kPushed, {}), "");
  EXPECT_NE(different.push(1, Split::columns, rectangle(0, 2, 2), kPushed, {}), "");
}

TEST(Ring, ReadersFindTheirPartByTheExtentTheyPop) {
  Ring ring(Direction::to_vector, 2, {2, 1024, false});
  EXPECT_EQ(ring.push(0, Split::rows, rectangle(0, 12, 2), kPushed, {}), "");
  // Both pop the physical half, 8 rows of 16: the second part starts at row 8 and has only 4 rows of values.
  expect_same(ring.pop(0, 8, 2, Split::rows, kPopped).cargo, rectangle(0, 8, 2));
  const Ring::Popped second = ring.pop(1, 8, 2, Split::rows, kPopped);
  EXPECT_EQ(second.mismatch, "");
  expect_same(second.cargo, rectangle(0, 4, 2, 8));
  EXPECT_EQ(ring.push(0, Split::rows, rectangle(0, 12, 2), kPushed, {}), "");
  EXPECT_EQ(ring.pop(0, 8, 2, Split::rows, kPopped).mismatch, "");
  EXPECT_EQ(ring.pop(1, 4, 2, Split::rows, kPopped).mismatch, "8 and 4 rows of the 12 pushed with split 1");
}

TEST(Ring, AnUnsplitEntryIsVectorCoreZeros) {
  Ring ring(Direction::to_vector, 2, {1, 1024, false});
  for (std::int64_t n = 0; n < 5; ++n) {
    EXPECT_TRUE(ring.can_push(0));
    EXPECT_EQ(ring.push(0, Split::none, rectangle(n, 2, 2), kPushed, {}), "");
    EXPECT_FALSE(ring.can_push(0));
    expect_same(ring.pop(0, 2, 2, Split::none, kPopped).cargo, rectangle(n, 2, 2));
    ring.free(0, {});
  }
  EXPECT_TRUE(ring.leftovers().empty());
  for (std::int64_t n = 0; n < 5; ++n)  // core 1 reads copies, as late as it likes
    expect_same(ring.pop(1, 2, 2, Split::none, kPopped).cargo, rectangle(n, 2, 2));
  EXPECT_FALSE(ring.can_pop(1));
}

TEST(Ring, NamesWhatIsLeft) {
  Ring ring(Direction::to_vector, 2, {4, 1024, false});
  for (int n = 0; n < 2; ++n) EXPECT_EQ(ring.push(0, Split::rows, rectangle(n, 2, 2), kPushed, {}), "");
  for (std::int64_t lane : {0, 1}) ring.pop(lane, 1, 2, Split::rows, kPopped);
  ring.free(0, {});
  const auto left = ring.leftovers();
  ASSERT_EQ(left.size(), 3U);
  EXPECT_TRUE(left[0].entry == 0 && left[0].lane == 1 && left[0].popped && left[0].origin.op == &kPop);
  EXPECT_TRUE(left[1].entry == 1 && left[1].lane == 0 && !left[1].popped && left[1].origin.op == &kPush);
  EXPECT_TRUE(left[2].entry == 1 && left[2].lane == 1 && !left[2].popped);
}

TEST(Ring, AReusedSlotKnowsWhatItsReadersHadDone) {
  Ring ring(Direction::to_vector, 2, {1, 1024, false});
  EXPECT_EQ(ring.push(0, Split::rows, rectangle(0, 2, 2), kPushed, {}), "");
  for (std::int64_t lane : {0, 1}) {
    ring.pop(lane, 1, 2, Split::rows, kPopped);
    Clock done;
    done.advance({static_cast<ActorId>(8 * lane + 3), 5});
    ring.free(lane, done);
  }
  EXPECT_TRUE(ring.reused(0).covers({3, 5}));
  EXPECT_TRUE(ring.reused(0).covers({11, 5}));
  EXPECT_FALSE(ring.reused(0).covers({11, 6}));
}

}  // namespace
}  // namespace assay::sim
