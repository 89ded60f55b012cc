#include "harness/pto/literal.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <random>

namespace assay::pto {
namespace {

TEST(Literal, EveryNarrowFloatGoesToF32AndBack) {
  for (ScalarKind kind : {ScalarKind::f16, ScalarKind::bf16})
    for (std::uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
      const auto wide = float_from_bits(bits, kind);
      ASSERT_TRUE(wide);
      ASSERT_EQ(bits_in(kind, *wide), bits);
    }
  EXPECT_EQ(float_from_bits(0x3C00, ScalarKind::f16), 0x3F800000U);
  EXPECT_EQ(float_from_bits(0x0001, ScalarKind::f16), 0x33800000U);  // 2^-24
  EXPECT_EQ(float_from_bits(0xFBFF, ScalarKind::f16), 0xC77FE000U);  // -65504
  EXPECT_FALSE(float_from_bits(0x10000, ScalarKind::f16));
  EXPECT_FALSE(float_from_bits(0x100000000, ScalarKind::f32));
}

TEST(Literal, PrintedFloatsReadBack) {
  const auto reads_back = [](std::uint32_t f32, ScalarKind kind) {
    const std::string text = print_float(f32, kind);
    if (!text.starts_with("0x")) return float_literal(text, kind) == f32;
    const auto pattern = integer_literal(text, ScalarKind::ui64);
    return pattern && float_from_bits(static_cast<std::uint64_t>(*pattern), kind) == f32;
  };
  for (ScalarKind kind : {ScalarKind::f16, ScalarKind::bf16})
    for (std::uint32_t bits = 0; bits <= 0xFFFF; ++bits)
      ASSERT_TRUE(reads_back(*float_from_bits(bits, kind), kind)) << bits;
  std::mt19937 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const auto bits = static_cast<std::uint32_t>(random());
    ASSERT_TRUE(reads_back(bits, ScalarKind::f32)) << bits;
  }
}

// Against the C library's correctly rounded strtof, and against midpoints worked out by hand.
TEST(Literal, DecimalsRoundToNearestEven) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 100'000; ++i) {
    const std::string text = std::to_string(random() % 1'000'000) + "." + std::to_string(random() % 1'000'000'000) +
                             "e" + std::to_string(static_cast<int>(random() % 90) - 50);
    ASSERT_EQ(float_literal(text, ScalarKind::f32), std::bit_cast<std::uint32_t>(std::strtof(text.c_str(), nullptr)))
        << text;
  }
  EXPECT_EQ(float_literal("16777217.0", ScalarKind::f32), 0x4B800000U);  // 2^24 + 1: tie to even
  EXPECT_EQ(float_literal("16777219.0", ScalarKind::f32), 0x4B800002U);
  EXPECT_EQ(float_literal("2049.0", ScalarKind::f16), 0x45000000U);   // tie to 2048
  EXPECT_EQ(float_literal("2051.0", ScalarKind::f16), 0x45004000U);   // tie to 2052
  EXPECT_EQ(float_literal("257.0", ScalarKind::bf16), 0x43800000U);   // tie to 256
  EXPECT_EQ(float_literal("259.0", ScalarKind::bf16), 0x43820000U);   // tie to 260
  EXPECT_EQ(float_literal("65520.0", ScalarKind::f16), 0x7F800000U);  // half-way past the largest
  EXPECT_EQ(float_literal("65519.0", ScalarKind::f16), 0x477FE000U);
  EXPECT_EQ(float_literal("2.980232238769531e-08", ScalarKind::f16), 0U);  // 2^-25: tie to 0
  EXPECT_EQ(float_literal("-0.0", ScalarKind::f32), 0x80000000U);
  EXPECT_EQ(float_literal("1.0e-400", ScalarKind::f32), 0U);
  EXPECT_EQ(float_literal("1.0e400", ScalarKind::f32), 0x7F800000U);
  EXPECT_FALSE(float_literal("1.0x", ScalarKind::f32));
}

TEST(Literal, IntegersFitTheirType) {
  EXPECT_EQ(integer_literal("127", ScalarKind::i8), 127);
  EXPECT_EQ(integer_literal("128", ScalarKind::i8), -128);
  EXPECT_EQ(integer_literal("-128", ScalarKind::i8), -128);
  EXPECT_FALSE(integer_literal("-129", ScalarKind::i8));
  EXPECT_FALSE(integer_literal("256", ScalarKind::i8));
  EXPECT_EQ(integer_literal("255", ScalarKind::ui8), 255);
  EXPECT_FALSE(integer_literal("-1", ScalarKind::ui8));
  EXPECT_EQ(integer_literal("9223372036854775808", ScalarKind::i64), INT64_MIN);
  EXPECT_FALSE(integer_literal("18446744073709551616", ScalarKind::ui64));
}

}  // namespace
}  // namespace assay::pto
