// Every instruction set of this machine gives the bits of the plain operators and conversions, whatever the length, NaN,
// zeros, subnormals and infinities included.
#include "harness/sim/lanes/lanes.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <iterator>
#include <limits>
#include <vector>

#include "harness/sim/numeric/round.h"
#include "harness/sim/ops/arithmetic.h"

namespace assay::sim::lanes {
namespace {

using Bits = std::vector<std::uint32_t>;

std::uint32_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }
Bits bits(const std::vector<float>& values) {
  Bits result;
  for (float value : values) result.push_back(bits(value));
  return result;
}

// splitmix64.
std::uint64_t next(std::uint64_t& state) {
  std::uint64_t x = state += 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

constexpr std::array<std::uint32_t, 34> kSpecial{
    0x00000000, 0x80000000, 0x3F800000, 0xBF800000, 0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00001, 0x7F800001,
    0xFFBFFFFF, 0x00000001, 0x80000001, 0x007FFFFF, 0x00800000, 0x7F7FFFFF, 0xFF7FFFFF, 0x477FE000, 0x477FEFFF,
    0x477FF000, 0x47800000, 0x33000000, 0x33000001, 0x387FE000, 0x38800000, 0x4EFFFFFF, 0x4F000000, 0xCF000000,
    0xCF000001, 0x3F000000, 0x3EFFFFFF, 0x3FC00000, 0x40200000, 0x7F7F8000, 0x3F808000};

// Special values against each other first, then random bit patterns, some near 1 and near the limits of f16.
std::vector<float> samples(std::uint64_t seed, std::size_t count, bool second) {
  std::vector<float> values;
  for (std::uint32_t a : kSpecial)
    for (std::uint32_t b : kSpecial) values.push_back(std::bit_cast<float>(second ? b : a));
  while (values.size() < count) {
    auto pattern = static_cast<std::uint32_t>(next(seed));
    if (values.size() % 3 == 1) pattern = (pattern & 0x807FFFFFU) | (0x70U + pattern % 0x20U) << 23;  // exponents of f16
    if (values.size() % 3 == 2) pattern = (pattern & 0x807FFFFFU) | (0x7FU + (pattern >> 7) % 0x22U) << 23;
    values.push_back(std::bit_cast<float>(pattern));
  }
  return values;
}

class Lanes : public ::testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override {
    hwy::SetSupportedTargetsForTest(GetParam());
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  void TearDown() override {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

constexpr std::size_t kCount = 20000;
constexpr std::int64_t kLengths[] = {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 65, 1157, static_cast<std::int64_t>(kCount)};

template <class Op>
void check_binary(Binary op) {
  const std::vector<float> a = samples(1, kCount, false), b = samples(2, kCount, true);
  for (std::int64_t n : kLengths) {
    const auto count = static_cast<std::size_t>(n);
    std::vector<float> expected(count), got(count + 1, -7.0F), with(count), from(count);
    for (std::size_t k = 0; k < count; ++k) expected[k] = Op::apply(a[k], b[k]);
    binary(op, a.data(), b.data(), got.data(), n);
    EXPECT_EQ(got[count], -7.0F) << "writes behind element " << n;
    got.pop_back();
    EXPECT_EQ(bits(got), bits(expected)) << n;
    std::vector<float> in_place(a.begin(), a.begin() + n);
    binary(op, in_place.data(), b.data(), in_place.data(), n);
    EXPECT_EQ(bits(in_place), bits(expected)) << n;
    for (std::uint32_t pattern : kSpecial) {
      if (n > 64) break;
      const float s = std::bit_cast<float>(pattern);
      binary_with(op, a.data(), s, with.data(), n);
      binary_from(op, s, b.data(), from.data(), n);
      for (std::size_t k = 0; k < count; ++k) {
        EXPECT_EQ(bits(with[k]), bits(Op::apply(a[k], s)));
        EXPECT_EQ(bits(from[k]), bits(Op::apply(s, b[k])));
      }
    }
  }
}

TEST_P(Lanes, OperatorsOfTwo) {
  check_binary<sim::Add>(Binary::add);
  check_binary<sim::Subtract>(Binary::subtract);
  check_binary<sim::Multiply>(Binary::multiply);
  check_binary<sim::Divide>(Binary::divide);
  check_binary<sim::Maximum>(Binary::maximum);
  check_binary<sim::Minimum>(Binary::minimum);
}

TEST_P(Lanes, Extremes) {
  std::vector<float> x = samples(3, kCount, false);
  for (std::int64_t n : kLengths)
    for (std::size_t begin : {std::size_t{0}, std::size_t{5}, kCount / 2}) {
      if (n == 0 || begin + static_cast<std::size_t>(n) > kCount) continue;
      float most = x[begin], least = x[begin];
      for (std::size_t k = 1; k < static_cast<std::size_t>(n); ++k) {
        most = maximum_of(most, x[begin + k]);
        least = minimum_of(least, x[begin + k]);
      }
      EXPECT_EQ(bits(quiet(reduce(Binary::maximum, x.data() + begin, n))), bits(quiet(most))) << n;
      EXPECT_EQ(bits(quiet(reduce(Binary::minimum, x.data() + begin, n))), bits(quiet(least))) << n;
    }
}

TEST_P(Lanes, ElementaryFunctions) {
  std::vector<float> x = samples(8, kCount, false);
  for (std::size_t k = 2000; k < kCount; k += 2) x[k] = 0.0105F * static_cast<float>(static_cast<int>(k) - 10000);
  // The last finite exponential and the first infinite one; the last and the first that are not zero.
  const float limits[] = {0x1.62E42EP+6F, 0x1.62E430P+6F, -0x1.9FE368P+6F, -0x1.9FE36AP+6F, -104.0F, -0x1.A00002P+6F};
  std::copy(std::begin(limits), std::end(limits), x.begin());
  for (std::int64_t n : kLengths) {
    std::vector<float> exponentials(static_cast<std::size_t>(n)), roots(exponentials);
    exponential(x.data(), exponentials.data(), n);
    square_root(x.data(), roots.data(), n);
    for (std::size_t k = 0; k < roots.size(); ++k) {
      ASSERT_EQ(bits(exponentials[k]), bits(exp_f32(x[k]))) << x[k];
      ASSERT_EQ(bits(roots[k]), bits(sqrt_f32(x[k]))) << x[k];
    }
  }
}

constexpr Rounding kModes[] = {Rounding::rint, Rounding::round, Rounding::floor,
                               Rounding::ceil, Rounding::trunc, Rounding::odd};

TEST_P(Lanes, ToBf16) {
  const std::vector<float> x = samples(4, kCount, true);
  for (Rounding mode : kModes)
    for (bool saturate : {false, true})
      for (std::int64_t n : kLengths) {
        std::vector<std::uint16_t> got(static_cast<std::size_t>(n));
        bf16_from_f32(mode, saturate, x.data(), got.data(), n);
        for (std::size_t k = 0; k < got.size(); ++k) {
          const auto expected = round_to_float(decode_float(bits(x[k]), kF32Format), kBf16Format, mode, saturate);
          ASSERT_EQ(got[k], expected) << name(mode) << " " << saturate << " " << std::hex << bits(x[k]);
        }
      }
}

TEST_P(Lanes, ToF16) {
  const std::vector<float> x = samples(5, kCount, true);
  for (bool saturate : {false, true})
    for (std::int64_t n : kLengths) {
      std::vector<std::uint16_t> got(static_cast<std::size_t>(n));
      f16_from_f32_nearest(saturate, x.data(), got.data(), n);
      for (std::size_t k = 0; k < got.size(); ++k) {
        const auto expected = round_to_float(decode_float(bits(x[k]), kF32Format), kF16Format, Rounding::rint, saturate);
        ASSERT_EQ(got[k], expected) << saturate << " " << std::hex << bits(x[k]);
      }
    }
}

TEST_P(Lanes, FromSixteenBits) {
  std::vector<std::uint16_t> all(65536);
  for (std::size_t k = 0; k < all.size(); ++k) all[k] = static_cast<std::uint16_t>(k);
  std::vector<float> got(all.size());
  f32_from_f16(all.data(), got.data(), 65536);
  for (std::size_t k = 0; k < all.size(); ++k) ASSERT_EQ(bits(got[k]), bits(f16_value(all[k]))) << k;
  for (bool saturate : {false, true}) {
    f32_from_bf16(saturate, all.data(), got.data(), 65535);
    for (std::size_t k = 0; k < 65535; ++k) {
      const auto expected = round_to_float(decode_float(all[k], kBf16Format), kF32Format, Rounding::rint, saturate);
      ASSERT_EQ(bits(got[k]), expected) << k;
    }
  }
}

TEST_P(Lanes, ToI32) {
  const std::vector<float> x = samples(6, kCount, true);
  for (Rounding mode : kModes) {
    if (mode == Rounding::odd) continue;
    for (std::int64_t n : kLengths) {
      std::vector<std::int32_t> got(static_cast<std::size_t>(n));
      i32_from_f32_saturating(mode, x.data(), got.data(), n);
      for (std::size_t k = 0; k < got.size(); ++k)
        ASSERT_EQ(got[k], round_to_integer(decode_float(bits(x[k]), kF32Format), {32, true}, mode, true))
            << name(mode) << " " << std::hex << bits(x[k]);
    }
  }
}

TEST_P(Lanes, FromI32) {
  std::uint64_t state = 7;
  std::vector<std::int32_t> x{0, 1, -1, 16777217, -16777219, 2147483647, std::numeric_limits<std::int32_t>::min()};
  while (x.size() < kCount) x.push_back(static_cast<std::int32_t>(next(state)) >> (next(state) % 32));
  for (std::int64_t n : kLengths) {
    std::vector<float> got(static_cast<std::size_t>(n));
    f32_from_i32_nearest(x.data(), got.data(), n);
    for (std::size_t k = 0; k < got.size(); ++k)
      ASSERT_EQ(bits(got[k]), round_to_float(from_integer(x[k]), kF32Format, Rounding::rint, false)) << x[k];
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Lanes, ::testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& info) { return std::string(hwy::TargetName(info.param)); });

}  // namespace
}  // namespace assay::sim::lanes
