// f16 and integers against the exact definition at every step; decoding over all codes. bf16's encoding has a test of
// its own (bf16_exhaustive_test.cpp).
#include <gtest/gtest.h>

#include <cmath>

#include "goldens/exact/float_samples.h"
#include "goldens/exact/rounding.h"
#include "goldens/formats/bf16.h"
#include "goldens/formats/f16.h"
#include "goldens/formats/integer.h"

namespace assay::goldens {
namespace {

constexpr std::array kModes{Rounding::rint, Rounding::round, Rounding::floor,
                            Rounding::ceil, Rounding::trunc, Rounding::odd};

TEST(Decode, EveryCodeIsExact) {
  const auto check = [](BinaryFormat format, float (*decode)(std::uint16_t)) {
    for (std::uint32_t code = 0; code < 0x10000; ++code) {
      const float x = decode(static_cast<std::uint16_t>(code));
      const std::uint32_t magnitude = code & 0x7FFF;
      ASSERT_EQ(std::signbit(x), code >> 15 != 0) << code;
      ASSERT_EQ(std::isnan(x), magnitude > format.infinity()) << code;
      ASSERT_EQ(std::isinf(x), magnitude == format.infinity()) << code;
      ASSERT_TRUE(!std::isfinite(x) || exact_value(x) == exact_value(format, code)) << code;
    }
  };
  check(kBf16, [](std::uint16_t code) { return decode_bf16(code); });
  check(kF16, decode_f16);
}

TEST(Encode, EveryCodeComesBack) {
  for (std::uint32_t code = 0; code < 0x10000; ++code)
    for (const Rounding mode : kModes) {
      const auto narrow = static_cast<std::uint16_t>(code);
      const float as_bf16 = decode_bf16(narrow), as_f16 = decode_f16(narrow);
      ASSERT_TRUE(std::isnan(as_bf16) || encode_bf16(as_bf16, mode) == code) << code;
      ASSERT_TRUE(std::isnan(as_f16) || encode_f16(as_f16, mode) == code) << code;
      ASSERT_EQ(std::isnan(as_bf16), std::isnan(decode_bf16(encode_bf16(as_bf16, mode, true))));
      ASSERT_EQ(std::isnan(as_f16), std::isnan(decode_f16(encode_f16(as_f16, mode, true))));
    }
}

void expect_f16(float x) {
  for (const Rounding mode : kModes)
    for (const bool saturate : {false, true}) {
      const std::uint32_t expected = round_exact(kF16, x, mode, saturate), actual = encode_f16(x, mode, saturate);
      const bool both_nan = (expected & 0x7FFF) > 0x7C00 && (actual & 0x7FFF) > 0x7C00;
      ASSERT_TRUE(both_nan || actual == expected) << std::hexfloat << x << " mode " << static_cast<int>(mode)
                                                  << std::hex << " got " << actual << " expected " << expected;
    }
}

// Every code and every middle of two codes, with one float32 ulp to either side: all places where an output can step.
TEST(EncodeF16, EveryStep) {
  for (std::uint32_t code = 0; code <= kF16.infinity(); ++code) {
    const Dyadic here = exact_value(kF16, code);
    const auto as_float = [](const Dyadic& d) { return std::bit_cast<float>(round_exact(kF32, d, Rounding::trunc)); };
    const Dyadic sum = here + exact_value(kF16, code + (code < kF16.infinity()));
    const float sign = (code & 1) ? -1.0f : 1.0f;  // the sign's rule is checked on every other code, both for specials
    for (const float x : {as_float(here), as_float({sum.significand, sum.exponent - 1})})
      for (const float probe : {x, std::nextafter(x, 0.0f), std::nextafter(x, 1e30f)}) expect_f16(sign * probe);
  }
}

TEST(EncodeF16, AllClasses) {
  FloatSamples samples(4);
  for (int i = 0; i < 3000; ++i) expect_f16(samples.any());
  for (const float x : {0x1.FFEp15f, 0x1.FFDFFEp15f, 0x1p16f, 0x1p-25f, 0x1.8p-25f, 0x1p-149f}) {
    expect_f16(x);
    expect_f16(-x);
  }
}

void expect_integer(float x, int bits) {
  using boost::multiprecision::cpp_int;
  const cpp_int high = (cpp_int(1) << (bits - 1)) - 1, low = -high - 1;
  for (const Rounding mode : kModes) {
    const cpp_int exact = round_to_integer(exact_value(x), mode);
    const auto strict = to_integer(x, mode, bits, false), clamped = to_integer(x, mode, bits, true);
    ASSERT_EQ(strict.has_value(), exact >= low && exact <= high) << x << " bits " << bits;
    ASSERT_EQ(*clamped, exact > high ? high : exact < low ? low : exact) << x << " bits " << bits;
    ASSERT_EQ(strict.value_or(*clamped), *clamped) << x << " mode " << static_cast<int>(mode);
  }
}

TEST(ToInteger, EveryStepOfInt8AndSamplesOfTheOthers) {
  for (int quarter = -4 * 130; quarter <= 4 * 130; ++quarter) {
    const float x = static_cast<float>(quarter) / 4;
    for (const float probe : {x, std::nextafter(x, 1e9f), std::nextafter(x, -1e9f)}) expect_integer(probe, 8);
  }
  FloatSamples samples(5);
  for (int i = 0; i < 2000; ++i)
    for (const int bits : {8, 16, 32, 64}) expect_integer(samples.finite(), bits);
  for (const float x : {0x1p31f, 0x1.fffffep30f, 0x1p63f, 0x1p64f, 0x1.8p64f, 0x1.fffffep62f, 32767.5f, 32768.5f})
    for (const int bits : {16, 32, 64}) {
      expect_integer(x, bits);
      expect_integer(-x, bits);
    }
}

TEST(ToInteger, InfinitiesSaturateAndNanIsNothing) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(to_integer<std::int8_t>(infinity, Rounding::rint, true), std::int8_t{127});
  EXPECT_EQ(to_integer<std::int32_t>(-infinity, Rounding::rint, true), std::numeric_limits<std::int32_t>::min());
  EXPECT_FALSE(to_integer<std::int16_t>(infinity, Rounding::rint, false));
  EXPECT_FALSE(to_integer<std::int16_t>(std::nanf(""), Rounding::rint, true));
}

}  // namespace
}  // namespace assay::goldens
