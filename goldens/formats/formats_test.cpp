// Integers against the exact definition, and the short forms of bf16 and f16 (bf16.h, f16.h).
#include <gtest/gtest.h>

#include <cmath>

#include "goldens/exact/float_samples.h"
#include "goldens/exact/rounding.h"
#include "goldens/formats/bf16.h"
#include "goldens/formats/f16.h"
#include "goldens/formats/format_samples.h"
#include "goldens/formats/integer.h"

namespace assay::goldens {
namespace {

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

// Every integer that a double rounds to, by classes around it: exact, one ulp off, the halves, one ulp off those.
TEST(ToInteger, FromFloat64) {
  using boost::multiprecision::cpp_int;
  FloatSamples samples(6);
  std::vector<double> x;
  for (int bits = 0; bits <= 65; ++bits)
    for (int i = 0; i < 4; ++i) {
      const double whole = std::ldexp(1.0, bits) + (bits < 53 ? static_cast<double>(samples.below(1ull << bits)) : 0);
      for (const double at : {whole - 0.5, whole, whole + 0.5})
        for (const double probe : {std::nextafter(at, 0.0), at, std::nextafter(at, 1e300)}) x.push_back(probe);
    }
  x.insert(x.end(), {0.0, 0x1p-1074, 0x1p-1022, 0.25, 0x1.fffffffffffffp1023, 0x1.fffffffffffffp62});
  for (const double magnitude : x)
    for (const double probe : {magnitude, -magnitude})
      for (const Rounding mode : kModes)
        for (const int bits : {8, 16, 32, 64}) {
          const cpp_int high = (cpp_int(1) << (bits - 1)) - 1, low = -high - 1;
          const cpp_int exact = round_to_integer(exact_value(probe), mode);
          const auto strict = to_integer(probe, mode, bits, false), clamped = to_integer(probe, mode, bits, true);
          ASSERT_EQ(strict.has_value(), exact >= low && exact <= high) << probe << " bits " << bits;
          ASSERT_EQ(*clamped, exact > high ? high : exact < low ? low : exact) << probe << " bits " << bits;
        }
}

TEST(ToInteger, WholeArraysAreTheirElementsUnderEveryInstructionSet) {
  FloatSamples samples(7);
  std::vector<float> x(5003);
  for (float& each : x) each = samples.coin() ? samples.any() : samples.coarse() * 64;
  const auto check = [&]<class Int>(std::vector<Int> y) {
    for (const Rounding mode : kModes)
      for (const InstructionSet set : instruction_sets()) {
        to_integers(x, mode, std::span(y), set);
        for (std::size_t i = 0; i < x.size(); ++i)
          ASSERT_EQ(y[i], to_integer<Int>(x[i], mode, true).value_or(0)) << x[i] << name(mode) << name(set);
      }
  };
  check(std::vector<std::int8_t>(x.size()));
  check(std::vector<std::int16_t>(x.size()));
  check(std::vector<std::int32_t>(x.size()));
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
