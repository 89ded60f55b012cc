// Every format in every mode under every rule against the exact definition, at every step; all codes back and forth;
// whole tensors and every instruction set against single elements.
#include "goldens/formats/narrow.h"

#include <gtest/gtest.h>

#include <limits>

#include "goldens/exact/float_samples.h"
#include "goldens/formats/encode_loops.h"
#include "goldens/formats/format_samples.h"

namespace assay::goldens {
namespace {

class Narrow : public testing::TestWithParam<DType> {
 protected:
  DType dtype() const { return GetParam(); }
  BinaryFormat format() const { return binary_format(dtype()); }
  std::uint32_t codes() const { return 2 * format().sign_bit(); }
};

TEST_P(Narrow, EveryCodeDecodesExactlyAndComesBack) {
  for (std::uint32_t code = 0; code < codes(); ++code) {
    const float x = decode(dtype(), code);
    ASSERT_EQ(std::isnan(x), format().is_nan(code)) << code;
    if (std::isnan(x)) continue;
    ASSERT_EQ(std::signbit(x), code >= format().sign_bit()) << code;
    const bool infinite = format().has_infinity() && (code & (format().sign_bit() - 1)) == format().infinity();
    ASSERT_EQ(std::isinf(x), infinite) << code;
    ASSERT_TRUE(infinite || exact_value(x) == exact_value(format(), code)) << code;
    for (const Rounding mode : kModes) {
      ASSERT_EQ(encode(dtype(), x, mode, {}), code);
      ASSERT_EQ(encode(dtype(), static_cast<double>(x), mode, {}), code);
    }
  }
}

template <class Float>
void expect_exact(DType dtype, Float x, const NarrowingRules& rules) {
  for (const Rounding mode : kModes)
    for (const Float probe : {x, -x})
      ASSERT_EQ(encode(dtype, probe, mode, rules), narrow_exact(binary_format(dtype), probe, mode, rules))
          << name(dtype) << ' ' << std::hexfloat << probe << ' ' << name(mode) << " overflow "
          << static_cast<int>(rules.overflow) << " nan " << static_cast<int>(rules.nan);
}

template <class Float>
std::vector<Float> edges(BinaryFormat format) {
  using limits = std::numeric_limits<Float>;
  std::vector<Float> result{Float{0}, limits::denorm_min(), limits::min(),       limits::max(),
                            Float{1}, limits::infinity(),   limits::quiet_NaN(), limits::max() / 2};
  const std::vector<Float> probes = step_probes<Float>(format);
  // Around the largest finite value: the middle above it, and the overflow's own value.
  result.insert(result.end(), probes.end() - 12, probes.end());
  result.insert(result.end(), probes.begin(), probes.begin() + 12);
  return result;
}

TEST_P(Narrow, EdgesUnderEveryRule) {
  for (const NarrowingRules& rules : all_rules()) {
    for (const float x : edges<float>(format())) expect_exact(dtype(), x, rules);
    for (const double x : edges<double>(format())) expect_exact(dtype(), x, rules);
  }
}

// For the wide formats a part of the codes: goldens_formats_exhaustive_test has all.
TEST_P(Narrow, StepsOfFloat32AndFloat64) {
  const auto singles = step_probes<float>(format());
  const auto doubles = step_probes<double>(format());
  const std::size_t stride = singles.size() > 10000 ? 41 : 1;
  for (std::size_t i = 0; i < singles.size(); i += stride) {
    expect_exact(dtype(), singles[i], {});
    expect_exact(dtype(), doubles[i], {});
  }
}

TEST_P(Narrow, SamplesOfAllClasses) {
  FloatSamples samples(11);
  for (int i = 0; i < 500; ++i) expect_exact(dtype(), samples.any(), {});
  for (int i = 0; i < 500; ++i) expect_exact(dtype(), std::bit_cast<double>(samples.bits()), {});
}

std::vector<float> mixed(std::size_t count) {
  FloatSamples samples(12);
  std::vector<float> x(count);
  for (float& each : x) each = samples.coin() ? samples.any() : samples.coarse();
  return x;
}

TEST_P(Narrow, WholeTensorsAreTheirElements) {
  const std::vector<float> all = mixed(9001);  // odd, and more than two blocks
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{64}, all.size()}) {
    const std::span x(all.data(), count);
    const auto bytes = static_cast<std::size_t>(bytes_of(dtype(), static_cast<std::int64_t>(count)));
    std::vector<std::byte> y(bytes + 1, std::byte{0xA5});
    std::vector<float> back(count);
    for (const Rounding mode : kModes) {
      encode(dtype(), x, mode, {}, std::span(y).first(bytes));
      decode(dtype(), y, back);
      ASSERT_EQ(y[bytes], std::byte{0xA5});
      for (std::size_t i = 0; i < count; ++i)
        ASSERT_TRUE(same_float(back[i], decode(dtype(), encode(dtype(), x[i], mode, {})))) << i;
    }
  }
}

TEST_P(Narrow, InstructionSetsAgree) {
  std::vector<float> x = mixed(20000);
  for (const float probe : step_probes<float>(format())) x.insert(x.end(), {probe, -probe});
  const auto check = [&]<class Code>(std::vector<Code> y, const NarrowingRules& rules, Rounding mode) {
    for (const InstructionSet set : instruction_sets()) {
      std::ranges::fill(y, Code(0xA5));
      encode_codes(dtype(), set, x, mode, rules, std::span(y));
      for (std::size_t i = 0; i < x.size(); ++i)
        ASSERT_EQ(y[i], encode(dtype(), x[i], mode, rules)) << name(set) << ' ' << std::hexfloat << x[i];
    }
  };
  for (const Overflow overflow : {Overflow::nonsat, Overflow::satfinite, Overflow::satall})
    for (const Rounding mode : kModes) {
      const NarrowingRules rules{overflow, NanResult::signed_nan, true};
      info(dtype()).bits == 16 ? check(std::vector<std::uint16_t>(x.size()), rules, mode)
                               : check(std::vector<std::uint8_t>(x.size()), rules, mode);
    }
}

INSTANTIATE_TEST_SUITE_P(Formats, Narrow, testing::ValuesIn(kNarrowFormats),
                         [](const auto& info) { return std::string(name(info.param)); });

// Larger than a cache: streamed stores, several pieces of parallel work, any alignment of the target.
TEST(NarrowLarge, StreamedBytesAreTheSame) {
  const std::vector<float> part = mixed((1 << 22) + 4097 + 2048 * 17);
  std::vector<float> x;
  while (x.size() < (std::size_t{17} << 18) + 3) x.insert(x.end(), part.begin(), part.end());
  for (const DType dtype : {DType::bf16, DType::e4m3fn, DType::e2m1}) {
    const auto bytes = static_cast<std::size_t>(bytes_of(dtype, static_cast<std::int64_t>(x.size())));
    std::vector<std::byte> large(bytes + 3), small(bytes);
    encode(dtype, x, Rounding::rint, {}, std::span(large).subspan(3, bytes));
    constexpr std::size_t kPart = 1000;
    for (std::size_t i = 0; i < x.size(); i += kPart)
      encode(dtype, std::span(x).subspan(i, std::min(kPart, x.size() - i)), Rounding::rint, {},
             std::span(small).subspan(static_cast<std::size_t>(bytes_of(dtype, static_cast<std::int64_t>(i)))));
    ASSERT_TRUE(std::equal(small.begin(), small.end(), large.begin() + 3)) << name(dtype);
  }
}

TEST(NarrowF32, FromDoubleRoundsOnce) {
  FloatSamples samples(13);
  for (int i = 0; i < 3000; ++i) {
    const double x =
        static_cast<double>(samples.finite()) * (1 + 0x1p-30 * static_cast<double>(samples.below(1 << 20)));
    expect_exact(DType::f32, x, {});
  }
  // 1 + 2^-24 + 2^-53 is above the middle of 1 and its successor; rounded to 25 bits first it would be the middle.
  EXPECT_EQ(encode(DType::f32, 1 + 0x1p-24 + 0x1p-52, Rounding::rint, {}), 0x3F800001u);
  // bf16 through f32: 1 + 2^-8 + 2^-40 would become a tie and go to 1.
  EXPECT_EQ(encode(DType::bf16, 1 + 0x1p-8 + 0x1p-40, Rounding::rint, {}), 0x3F81u);
  EXPECT_EQ(encode(DType::f32, -0.0f, Rounding::rint, {}), 0x80000000u);
}

TEST(NarrowOthers, IntegersAreNoFormatsHere) {
  EXPECT_EQ(encode(DType::i8, 1.0f, Rounding::rint, {}), 0u);
  EXPECT_TRUE(std::isnan(decode(DType::i8, 1)));
  std::array<std::byte, 2> bytes{std::byte{1}, std::byte{2}};
  const std::array x{1.0f, 2.0f};
  encode(DType::i8, x, Rounding::rint, {}, bytes);
  EXPECT_EQ(bytes[1], std::byte{0});
}

}  // namespace
}  // namespace assay::goldens
