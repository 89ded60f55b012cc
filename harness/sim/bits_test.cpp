#include "harness/sim/bits.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace assay::sim {
namespace {

// Random ranges over a few words agree with a vector of bools.
TEST(Bits, AgreeWithOneFlagPerBit) {
  EXPECT_TRUE(rc::check([] {
    constexpr std::int64_t kBits = 320;
    Bits bits(kBits / 64);
    std::vector<bool> model(kBits);
    for (int step = 0; step < 40; ++step) {
      const auto begin = *rc::gen::inRange<std::int64_t>(0, kBits), end = *rc::gen::inRange(begin, kBits + 1);
      const auto count = end - begin, to = *rc::gen::inRange<std::int64_t>(0, kBits - count + 1);
      const std::vector<bool> before = model;
      switch (*rc::gen::inRange(0, 3)) {
        case 0:
          set_bits(bits, begin, end);
          for (std::int64_t i = begin; i < end; ++i) model[static_cast<std::size_t>(i)] = true;
          break;
        case 1:
          clear_bits(bits, begin, end);
          for (std::int64_t i = begin; i < end; ++i) model[static_cast<std::size_t>(i)] = false;
          break;
        default:
          copy_bits(bits, to, begin, count);
          for (std::int64_t i = 0; i < count; ++i)
            model[static_cast<std::size_t>(to + i)] = before[static_cast<std::size_t>(begin + i)];
      }
      for (std::int64_t i = 0; i < kBits; ++i)
        RC_ASSERT(((bits[static_cast<std::size_t>(i / 64)] >> (i % 64)) & 1U) == model[static_cast<std::size_t>(i)]);
      std::int64_t first = -1;
      for (std::int64_t i = begin; i < end && first < 0; ++i)
        if (!model[static_cast<std::size_t>(i)]) first = i;
      RC_ASSERT(first_clear_bit(bits, begin, end) == first);
    }
  }));
}

}  // namespace
}  // namespace assay::sim
