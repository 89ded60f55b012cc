#include <gtest/gtest.h>

#include "goldens/stages/expert_test_support.h"
#include "goldens/stages/stage_test_support.h"

namespace assay::goldens {
namespace {

StageCall call_of(std::vector<float> x, std::vector<float> w, std::vector<std::int32_t> count) {
  return {.stage = "local_expert",
          .inputs = {{"recv_x", bf16_tensor({2, 2, 1}, x)},
                     {"recv_w", f32_tensor({2, 2}, w)},
                     {"recv_count", i32_tensor({2}, count)}}};
}

TEST(LocalExpert, MultipliesTheSlotsInUse) {
  const GoldenOutput y = call_of({3.0F, 5.0F, -2.0F, 7.0F}, {0.5F, 2.0F, 4.0F, 8.0F}, {1, 2}).output("recv_y");
  EXPECT_EQ(at(y.value, 0), 1.5F);
  EXPECT_EQ(at(y.value, 2), -8.0F);
  EXPECT_EQ(at(y.value, 3), 56.0F);
  EXPECT_EQ(y.open, (std::vector<std::uint8_t>{0, 1, 0, 0}));
}

// 1.5 * (1 + 2^-7) has nine bits and ends in a half: its even neighbour is the greater one, that of 1.5 * (1 + 3 * 2^-7)
// the smaller one.
TEST(LocalExpert, RoundsTiesToEven) {
  const GoldenOutput y =
      call_of({1 + 0x1p-7F, 1 + 0x3p-7F, 1.0F, 1.0F}, {1.5F, 1.5F, 1.0F, 1.0F}, {2, 0}).output("recv_y");
  EXPECT_EQ(at(y.value, 0), 1.5F + 0x2p-7F);
  EXPECT_EQ(at(y.value, 1), 1.5F + 0x4p-7F);
}

TEST(LocalExpert, RefusesCountsBeyondTheSlots) {
  EXPECT_FALSE(call_of({1, 1, 1, 1}, {1, 1, 1, 1}, {3, 0}).run());
  EXPECT_FALSE(call_of({1, 1, 1, 1}, {1, 1, 1, 1}, {0, -1}).run());
}

}  // namespace
}  // namespace assay::goldens
