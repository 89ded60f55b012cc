// The laws of ulp_distance and to_double, exhaustive where the format allows it.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <bit>
#include <random>

#include "harness/compare/policy.h"
#include "harness/compare/test_values.h"

namespace assay::compare {
namespace {

using testing::all_bits;
using testing::spec_rank;
using testing::spec_value;

constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max();
constexpr std::array kByteFormats{DType::e4m3fn, DType::e4m3fnuz, DType::e5m2, DType::e2m1, DType::i8, DType::u8};

void expect_value(DType dtype, std::uint64_t bits) {
  const long double expected = spec_value(dtype, bits);
  const double found = to_double(dtype, bits);
  if (std::isnan(expected)) {
    ASSERT_TRUE(std::isnan(found)) << name(dtype) << " " << bits;
  } else {
    ASSERT_EQ(static_cast<long double>(found), expected) << name(dtype) << " " << bits;
    ASSERT_EQ(std::signbit(found), std::signbit(expected)) << name(dtype) << " " << bits;
  }
}

TEST(ToDouble, AgreesWithTheFormatsDefinitionOnEverySmallPattern) {
  for (const DType dtype : kByteFormats)
    for (const std::uint64_t bits : all_bits(dtype)) expect_value(dtype, bits);
  for (const DType dtype : {DType::f16, DType::bf16, DType::i16, DType::u16})
    for (const std::uint64_t bits : all_bits(dtype)) expect_value(dtype, bits);
}

TEST(ToDouble, HasThePublishedLimits) {
  EXPECT_EQ(to_double(DType::e4m3fn, 0x7E), 448.0);
  EXPECT_EQ(to_double(DType::e4m3fnuz, 0x7F), 240.0);
  EXPECT_EQ(to_double(DType::e5m2, 0x7B), 57344.0);
  EXPECT_EQ(to_double(DType::f16, 0x7BFF), 65504.0);
  EXPECT_EQ(to_double(DType::bf16, 0x3F80), 1.0);
  const std::array<double, 8> e2m1{0, 0.5, 1, 1.5, 2, 3, 4, 6};
  for (std::uint64_t bits = 0; bits < 8; ++bits) EXPECT_EQ(to_double(DType::e2m1, bits), e2m1[bits]);
  EXPECT_EQ(to_double(DType::i64, 0x8000000000000000U), -9223372036854775808.0);
}

TEST(ToDouble, AgreesWithTheHostsFloatsOnRandomPatterns) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 1'000'000; ++i) {
    const auto bits = static_cast<std::uint32_t>(random());
    const float host = std::bit_cast<float>(bits);
    const double found = to_double(DType::f32, bits);
    if (std::isnan(host)) {
      ASSERT_TRUE(std::isnan(found));
    } else {
      ASSERT_EQ(std::bit_cast<std::uint64_t>(found), std::bit_cast<std::uint64_t>(static_cast<double>(host))) << bits;
    }
  }
}

std::int64_t spec_distance(DType dtype, std::uint64_t a, std::uint64_t b) {
  const long double x = spec_value(dtype, a), y = spec_value(dtype, b);
  if (std::isnan(x) || std::isnan(y)) return std::isnan(x) && std::isnan(y) ? 0 : kFar;
  return static_cast<std::int64_t>(std::fabs(spec_rank(dtype, x) - spec_rank(dtype, y)));
}

TEST(UlpDistance, CountsRepresentableValuesForAllPairsOfEightBitFormats) {
  for (const DType dtype : kByteFormats)
    for (const std::uint64_t a : all_bits(dtype))
      for (const std::uint64_t b : all_bits(dtype))
        ASSERT_EQ(ulp_distance(dtype, a, b), spec_distance(dtype, a, b)) << name(dtype) << " " << a << " " << b;
}

TEST(UlpDistance, CountsRepresentableValuesForAllPairsOfASixteenBitSample) {
  std::vector<std::uint64_t> sample;
  for (const std::uint64_t at : {0x0000, 0x0001, 0x007F, 0x0080, 0x03FF, 0x0400, 0x3C00, 0x3F80, 0x7BFF, 0x7C00, 0x7C01,
                                 0x7F7F, 0x7F80, 0x7F81, 0x7FFF, 0x7FFE})
    for (const std::uint64_t sign : {0x0000, 0x8000}) sample.push_back(at | sign);
  std::mt19937_64 random(11);
  while (sample.size() < 700) sample.push_back(random() & 0xFFFF);
  for (const DType dtype : {DType::f16, DType::bf16, DType::i16, DType::u16})
    for (const std::uint64_t a : sample)
      for (const std::uint64_t b : sample)
        ASSERT_EQ(ulp_distance(dtype, a, b), spec_distance(dtype, a, b)) << name(dtype) << " " << a << " " << b;
}

TEST(UlpDistance, OfNeighboursIsOneAcrossTheWholeFormat) {
  for (const DType dtype : {DType::f16, DType::bf16}) {
    const std::uint64_t infinity = dtype == DType::f16 ? 0x7C00 : 0x7F80;
    for (std::uint64_t bits = 0; bits < infinity; ++bits) {
      ASSERT_EQ(ulp_distance(dtype, bits, bits + 1), 1) << bits;
      ASSERT_EQ(ulp_distance(dtype, bits | 0x8000, (bits | 0x8000) + 1), 1) << bits;
    }
  }
}

TEST(UlpDistance, IsOneFromTheLargestFiniteValueToInfinity) {
  EXPECT_EQ(ulp_distance(DType::f32, 0x7F7FFFFF, 0x7F800000), 1);
  EXPECT_EQ(ulp_distance(DType::f16, 0x7BFF, 0x7C00), 1);
  EXPECT_EQ(ulp_distance(DType::bf16, 0xFF7F, 0xFF80), 1);
  EXPECT_EQ(ulp_distance(DType::e5m2, 0x7B, 0x7C), 1);
}

TEST(UlpDistance, IsZeroBetweenTheZerosAndOneBesideThem) {
  EXPECT_EQ(ulp_distance(DType::f32, 0x00000000, 0x80000000), 0);
  EXPECT_EQ(ulp_distance(DType::f32, 0x80000000, 0x00000001), 1);
  EXPECT_EQ(ulp_distance(DType::f32, 0x80000001, 0x00000001), 2);
}

TEST(UlpDistance, SaturatesForNanAndWideIntegers) {
  EXPECT_EQ(ulp_distance(DType::f32, 0x7FC00000, 0x3F800000), kFar);
  EXPECT_EQ(ulp_distance(DType::f32, 0x7F800000, 0x7F800001), kFar);
  EXPECT_EQ(ulp_distance(DType::f32, 0x7FC00000, 0xFFC12345), 0);
  EXPECT_EQ(ulp_distance(DType::i64, 0x8000000000000000U, 0x7FFFFFFFFFFFFFFFU), kFar);
  EXPECT_EQ(ulp_distance(DType::u64, 0, 0xFFFFFFFFFFFFFFFFU), kFar);
  EXPECT_EQ(ulp_distance(DType::i64, 0xFFFFFFFFFFFFFFFFU, 1), 2);
  // A float would call these equal.
  EXPECT_EQ(ulp_distance(DType::i64, 0x7FFFFFFFFFFFFFFEU, 0x7FFFFFFFFFFFFFFFU), 1);
}

TEST(UlpDistance, IsSymmetricZeroOnlyForEqualValuesAndATriangle) {
  EXPECT_TRUE(rc::check("laws of the distance", [] {
    const auto dtype = kDTypes[*rc::gen::inRange<std::size_t>(0, kDTypes.size())].dtype;
    const int width = info(dtype).bits;
    const std::uint64_t mask = width == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
    const auto draw = [&] { return *rc::gen::arbitrary<std::uint64_t>() * 0x9E3779B97F4A7C15U >> 3 & mask; };
    const std::uint64_t a = draw(), b = draw(), c = draw();
    const std::int64_t ab = ulp_distance(dtype, a, b), bc = ulp_distance(dtype, b, c), ac = ulp_distance(dtype, a, c);
    RC_ASSERT(ab == ulp_distance(dtype, b, a));
    RC_ASSERT(ulp_distance(dtype, a, a) == 0);
    const long double x = spec_value(dtype, a), y = spec_value(dtype, b);
    RC_ASSERT((ab == 0) == (x == y || (std::isnan(x) && std::isnan(y))));
    RC_ASSERT(ab > kFar - bc || ac <= ab + bc);
  }));
}

}  // namespace
}  // namespace assay::compare
