// Signals that satisfy a wait of the next epoch with a notify of the last one (seed bug B08): found in whichever order
// the operations happen, and nothing else is.
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

#include "harness/sim/shared.h"

namespace assay::sim {
namespace {

const pto::Operation kNotifyOp, kOtherNotifyOp, kResetOp, kWaitOp, kOtherWaitOp;
const pto::Function kFunction;

// One step on one word: 'n' the producer sets it to 1, '+' the producer adds 1, 'r' the consumer sets it to 0, 'w' the
// consumer waits for >= 1, 'W' another wait operation of its for the same, '2' it waits for >= 2, 'o' another core
// waits for >= 1, 'p' another producer sets it to 1, '|' the next task begins. A wait that the word does not satisfy
// breaks the test.
int stale_signals(std::string_view steps) {
  Signal signal;
  std::int32_t value = 0;
  std::size_t task = 0;
  int found = 0;
  const auto core = [&](std::int64_t rank) { return CoreKey{rank, task, 0, true, 0}; };
  const auto set = [&](const pto::Operation& op, std::int64_t rank, std::int32_t after) {
    found += signal.notified({core(rank), {&op, &kFunction}, value, after}) ? 1 : 0;
    value = after;
  };
  const auto wait = [&](const pto::Operation& op, std::int64_t rank, std::int32_t against) {
    EXPECT_GE(value, against) << steps;
    found += signal.waited({core(rank), {&op, &kFunction}, Compare::ge, against}) ? 1 : 0;
  };
  for (char step : steps) switch (step) {
      case 'n':
        set(kNotifyOp, 1, 1);
        break;
      case '+':
        set(kNotifyOp, 1, value + 1);
        break;
      case 'p':
        set(kOtherNotifyOp, 2, 1);
        break;
      case 'r':
        set(kResetOp, 0, 0);
        break;
      case 'w':
        wait(kWaitOp, 0, 1);
        break;
      case 'W':
        wait(kOtherWaitOp, 0, 1);
        break;
      case '2':
        wait(kWaitOp, 0, 2);
        break;
      case 'o':
        wait(kWaitOp, 3, 1);
        break;
      case '|':
        ++task;
        break;
    }
  return found;
}

TEST(StaleSignal, IsFoundInEveryOrderOfTheSecondEpoch) {
  EXPECT_EQ(stale_signals("nw|nw"), 1);
  EXPECT_EQ(stale_signals("nw|wn"), 1);   // the second wait passes before its notify
  EXPECT_EQ(stale_signals("nn|w|w"), 1);  // the producer ran ahead
  EXPECT_EQ(stale_signals("nwnw"), 1);    // epochs of one launch
  EXPECT_EQ(stale_signals("nnww"), 1);
  EXPECT_EQ(stale_signals("+w|+w"), 1);  // a counter whose threshold does not grow
  EXPECT_EQ(stale_signals("nw|nW"), 1);  // the second launch waits elsewhere
}

TEST(StaleSignal, IsReportedOncePerSignalAndWait) { EXPECT_EQ(stale_signals("nw|nw|nw|wn"), 1); }

TEST(StaleSignal, CorrectProtocolsAreSilent) {
  EXPECT_EQ(stale_signals("nwrnwrnw"), 0);  // reset by the consumer
  EXPECT_EQ(stale_signals("nwr|nw"), 0);
  EXPECT_EQ(stale_signals("+w+2"), 0);  // a counter with growing thresholds
  EXPECT_EQ(stale_signals("++w2"), 0);
  EXPECT_EQ(stale_signals("nwww|w"), 0);  // a latch: set once, waited for by many
  EXPECT_EQ(stale_signals("nwoo|o"), 0);  // several cores wait for one notify
  EXPECT_EQ(stale_signals("npw|w"), 0);   // two producers, each notifies once
  EXPECT_EQ(stale_signals("nnw|"), 0);    // notified again, waited for once
}

TEST(Compare, AllSix) {
  for (std::int32_t value : {-1, 0, 1}) {
    EXPECT_EQ(holds(Compare::eq, value, 0), value == 0);
    EXPECT_EQ(holds(Compare::ne, value, 0), value != 0);
    EXPECT_EQ(holds(Compare::gt, value, 0), value > 0);
    EXPECT_EQ(holds(Compare::ge, value, 0), value >= 0);
    EXPECT_EQ(holds(Compare::lt, value, 0), value < 0);
    EXPECT_EQ(holds(Compare::le, value, 0), value <= 0);
  }
}

TEST(AllCoreBarrier, CountsRoundsPerCore) {
  AllCoreBarrier barrier;
  const CoreKey a{0, 0, 0, false, 0}, b{0, 0, 1, false, 0};
  Clock of_a, of_b;
  of_a.advance({3, 4});
  of_b.advance({11, 2});
  barrier.arrive(a, of_a);
  EXPECT_EQ(barrier.arrived(1), 1);
  barrier.arrive(b, of_b);
  barrier.arrive(b, of_b);  // the next round has begun for b
  EXPECT_EQ(barrier.arrived(1), 2);
  EXPECT_EQ(barrier.arrived(2), 1);
  EXPECT_EQ(barrier.arrivals(a), 1U);
  EXPECT_TRUE(barrier.clock(1).covers({3, 4}));
  EXPECT_TRUE(barrier.clock(1).covers({11, 2}));
  EXPECT_FALSE(barrier.clock(2).covers({3, 4}));
}

}  // namespace
}  // namespace assay::sim
