#include "harness/core/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace assay {
namespace {

// Known answers published with Random123 (kat_vectors, philox4x32 10).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t f = 0xffffffff;
  EXPECT_EQ(philox4x32({f, f, f, f}, {f, f}), (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, SeedsStreamsAndIndicesDiffer) {
  std::set<std::uint64_t> seen;
  for (const std::uint64_t seed : {0ULL, 1ULL, 1ULL << 32, ~0ULL})
    for (const char* name : {"x", "y", "xy", ""})
      for (const std::uint64_t index : {0ULL, 1ULL, 1ULL << 32, ~0ULL})
        seen.insert(RandomStream(seed, name).bits(index));
  EXPECT_EQ(seen.size(), 64U);
}

TEST(RandomStream, ValueDependsOnItsIndexOnly) {
  const RandomStream random(7, "x");
  const auto late = random.block(1000);
  for (std::uint64_t i = 0; i < 1000; ++i) (void)random.block(i);
  EXPECT_EQ(random.block(1000), late);
}

TEST(HashName, Fnv1a) {
  EXPECT_EQ(hash_name(""), 0xCBF29CE484222325U);
  EXPECT_EQ(hash_name("a"), 0xAF63DC4C8601EC8CU);  // published test value of FNV-1a 64
}

TEST(ScaleTo, StaysInRangeAndReachesItsEnds) {
  EXPECT_EQ(scale_to(0, 7), 0U);
  EXPECT_EQ(scale_to(~0ULL, 7), 6U);
  std::array<int, 7> counts{};
  const RandomStream random(1, "scale");
  for (std::uint64_t i = 0; i < 70000; ++i) ++counts[scale_to(random.bits(i), 7)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 500);
}

}  // namespace
}  // namespace assay
