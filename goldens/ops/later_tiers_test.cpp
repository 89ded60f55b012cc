// The definitions of tiers T3 to T6 against the host's arithmetic and hand-computed values.
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "goldens/ops/element.h"
#include "goldens/ops/tile_op.h"
#include "harness/core/random.h"

namespace assay::goldens {
namespace {

Profile machine() { return load_profile("a2a3").value(); }
std::uint64_t bits(float x) { return std::bit_cast<std::uint32_t>(x); }

TileValue row(DType dtype, std::vector<std::uint64_t> elements) {
  const auto n = static_cast<std::int64_t>(elements.size());
  return {{dtype, 1, n, 1, n}, std::move(elements)};
}

TileValue row(std::vector<float> elements) {
  std::vector<std::uint64_t> patterns;
  for (const float x : elements) patterns.push_back(bits(x));
  return row(DType::f32, std::move(patterns));
}

std::vector<Admissible> run(std::string op, std::vector<TileOperand> ins, TileShape out,
                            std::map<std::string, std::string> attributes = {},
                            std::vector<std::uint64_t> before = {}) {
  TileOpRequest request;
  request.op = std::move(op);
  request.ins = std::move(ins);
  request.out = out;
  request.attributes = std::move(attributes);
  request.before = std::move(before);
  return evaluate(request, machine()).value();
}

TileShape one_row(DType dtype, std::int64_t n) { return {dtype, 1, n, 1, n}; }

// ---- MX

constexpr std::uint64_t kOneE4m3 = 0x38;

TileValue whole(DType dtype, std::int64_t rows, std::int64_t cols, std::vector<std::uint64_t> elements) {
  return {{dtype, rows, cols, rows, cols}, std::move(elements)};
}

// Ones times ones over two blocks of 32.
Admissible scaled_ones(std::vector<std::uint64_t> left_scales, std::vector<std::uint64_t> right_scales) {
  const std::vector<std::uint64_t> ones(64, kOneE4m3);
  return run("tmatmul.mx",
             {whole(DType::e4m3fn, 1, 64, ones), whole(DType::e8m0, 1, 2, std::move(left_scales)),
              whole(DType::e4m3fn, 64, 1, ones), whole(DType::e8m0, 2, 1, std::move(right_scales))},
             {DType::f32, 1, 1, 1, 1})[0];
}

TEST(TileOpScaledProduct, EachBlockHasItsScales) {
  const Admissible sum = scaled_ones({128, 126}, {127, 130});  // 32 * 2 * 1 + 32 * 0.5 * 8
  EXPECT_TRUE(admits(DType::f32, sum, bits(192.0F)));
  EXPECT_FALSE(admits(DType::f32, sum, bits(192.01F)));
  EXPECT_FALSE(admits(DType::f32, sum, bits(191.99F)));
  const Admissible nan = scaled_ones({127, 255}, {127, 127});
  EXPECT_TRUE(admits(DType::f32, nan, 0x7FC00000));
  EXPECT_FALSE(admits(DType::f32, nan, bits(32.0F)));
  // 2^-127 * 2^-127 * 64 is no f32 but zero.
  EXPECT_TRUE(admits(DType::f32, scaled_ones({0, 0}, {0, 0}), 0));
  EXPECT_TRUE(scaled_ones({254, 254}, {254, 254}).open);
}

struct Quantised {
  std::uint64_t exponent, multiplier, largest, one;
};

// A block of ones with one larger number.
Quantised quantised(float largest, std::string algorithm) {
  std::vector<float> x(32, 1.0F);
  x[5] = -largest;
  TileOpRequest request;
  request.op = "tquant.mx";
  request.ins = {row(x)};
  request.out = {DType::u8, 1, 32, 1, 32};
  request.more_outs = {{DType::u8, 1, 32, 1, 1}, {DType::f32, 1, 8, 1, 1}, {DType::f32, 1, 8, 1, 1}};
  request.attributes["quantScaleAlg"] = std::move(algorithm);
  const auto element = [&](std::size_t output, std::size_t k) { return (*evaluate(request, machine(), output))[k].lo; };
  EXPECT_EQ(element(2, 0), bits(largest));
  return {element(1, 0), element(3, 0), element(0, 5), element(0, 0)};
}

// Worked by hand: e4m3fn's 384 is 0x7C, 448 0x7E, 256 0x78, 128 0x70, 64 0x68.
TEST(TileOpBlocks, ShareAPowerOfTwo) {
  const auto expect = [](const Quantised& found, std::uint64_t exponent, float multiplier, std::uint64_t largest,
                         std::uint64_t one) {
    EXPECT_EQ(found.exponent, exponent);
    EXPECT_EQ(found.multiplier, bits(multiplier));
    EXPECT_EQ(found.largest, largest);
    EXPECT_EQ(found.one, one);
  };
  expect(quantised(3.0F, "ocp"), 120, 128.0F, 0xFC, 0x70);
  expect(quantised(3.9F, "ocp"), 120, 128.0F, 0xFE, 0x70);  // 499.2 saturates
  expect(quantised(3.0F, "nv"), 120, 128.0F, 0xFC, 0x70);
  expect(quantised(3.9F, "nv"), 121, 64.0F, 0xF8, 0x68);  // 249.6
}

std::vector<std::uint64_t> random_words(std::array<std::uint32_t, 6> key_and_counter, std::int64_t rows,
                                        std::int64_t cols, std::map<std::string, std::string> attributes = {}) {
  std::vector<TileOperand> ins;
  for (const std::uint32_t word : key_and_counter) ins.push_back(ScalarValue{DType::i32, word});
  std::vector<std::uint64_t> words;
  for (const Admissible& element : run("trandom", ins, {DType::u32, rows, cols, rows, cols}, attributes)) {
    EXPECT_FALSE(element.open);
    EXPECT_EQ(element.lo, element.hi);
    words.push_back(element.lo);
  }
  return words;
}

using Words = std::vector<std::uint64_t>;

// Known answers published with Random123 (kat_vectors, philox4x32): counter, key, words.
TEST(TileOpRandom, IsPhilox) {
  constexpr std::uint32_t kOnes = 0xFFFFFFFF;
  constexpr std::array<std::uint32_t, 6> kPi{0xA4093822, 0x299F31D0, 0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344};
  EXPECT_EQ(random_words({0, 0, 0, 0, 0, 0}, 1, 4), (Words{0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}));
  EXPECT_EQ(random_words({kOnes, kOnes, kOnes, kOnes, kOnes, kOnes}, 1, 4),
            (Words{0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}));
  EXPECT_EQ(random_words(kPi, 1, 4), (Words{0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}));
  const std::map<std::string, std::string> seven{{"rounds", "7"}};
  EXPECT_EQ(random_words({0, 0, 0, 0, 0, 0}, 1, 4, seven), (Words{0x5F6FB709, 0x0D893F64, 0x4F121F81, 0x4F730A48}));
  EXPECT_EQ(random_words({kOnes, kOnes, kOnes, kOnes, kOnes, kOnes}, 1, 4, seven),
            (Words{0x5207DDC2, 0x45165E59, 0x4D8EE751, 0x8C52F662}));
  EXPECT_EQ(random_words(kPi, 1, 4, seven), (Words{0x4DFCCABA, 0x190A87F0, 0xC47362BA, 0xB6B5242A}));
}

// Rows of 256 columns use 64 counters each, without a gap; narrower ones move on by their columns in the last 64.
TEST(TileOpRandom, RowsMoveTheCounterOn) {
  const Words block = random_words({1, 2, 0xFFFFFFF0, 0xFFFFFFFF, 7, 0}, 2, 256);
  EXPECT_EQ(Words(block.begin() + 256, block.begin() + 260), random_words({1, 2, 0x30, 0, 8, 0}, 1, 4));
  const Words narrow = random_words({1, 2, 0, 0, 0, 0}, 2, 40);
  EXPECT_EQ(Words(narrow.begin() + 40, narrow.begin() + 44), random_words({1, 2, 40, 0, 0, 0}, 1, 4));
  const Words wide = random_words({1, 2, 0, 0, 0, 0}, 2, 300);
  EXPECT_EQ(Words(wide.begin() + 256, wide.begin() + 260), random_words({1, 2, 64, 0, 0, 0}, 1, 4));
  EXPECT_EQ(Words(wide.begin() + 300, wide.begin() + 304), random_words({1, 2, 64 + 44, 0, 0, 0}, 1, 4));
}

TEST(LaterTiers, RemaindersAreTheHosts) {
  const RandomStream random(7, "remainders");
  for (std::uint64_t k = 0; k < 2000; ++k) {
    const auto a = std::bit_cast<float>(static_cast<std::uint32_t>(random.bits(2 * k)));
    const auto b = std::bit_cast<float>(static_cast<std::uint32_t>(random.bits(2 * k + 1)));
    const Admissible got = run("tfmod", {row({a}), row({b})}, one_row(DType::f32, 1))[0];
    EXPECT_TRUE(admits(DType::f32, got, bits(std::fmod(a, b)))) << a << " " << b;
  }
  const auto rem = [](float a, float b) { return run("trem", {row({a}), row({b})}, one_row(DType::f32, 1))[0]; };
  EXPECT_EQ(rem(5, -3).lo, bits(-1));
  EXPECT_EQ(rem(-5, 3).lo, bits(1));
  EXPECT_EQ(rem(-5, -3).lo, bits(-2));
  EXPECT_TRUE(rem(1, 0).open);
  EXPECT_EQ(run("trem", {row(DType::i16, {0xFFFB}), row(DType::i16, {3})}, one_row(DType::i16, 1))[0].lo, 1U);
}

TEST(LaterTiers, PowersHoldTheHostsResult) {
  const auto power = [](float x, float y) { return run("tpow", {row({x}), row({y})}, one_row(DType::f32, 1))[0]; };
  for (const float x : {0.3F, 1.0F, 2.5F, 17.0F, -2.0F, -0.75F})
    for (const float y : {-3.0F, -0.5F, 0.0F, 0.25F, 2.0F, 7.0F}) {
      const auto host = static_cast<float>(std::pow(static_cast<double>(x), static_cast<double>(y)));
      EXPECT_TRUE(admits(DType::f32, power(x, y), bits(host))) << x << " " << y;
      if (std::isnan(host) || y == 0) continue;
      EXPECT_FALSE(admits(DType::f32, power(x, y), bits(host * 1.0001F))) << x << y;
    }
  EXPECT_TRUE(std::isnan(std::bit_cast<float>(static_cast<std::uint32_t>(power(-2, 0.5F).lo))));
}

TEST(LaterTiers, ShiftsFollowTheSign) {
  const auto shift = [](std::string op, DType dtype, std::uint64_t a, std::uint64_t b) {
    return run(std::move(op), {row(dtype, {a}), row(dtype, {b})}, one_row(dtype, 1))[0];
  };
  EXPECT_EQ(shift("tshr", DType::i8, 0x81, 2).lo, 0xE0U);
  EXPECT_EQ(shift("tshr", DType::u8, 0x81, 2).lo, 0x20U);
  EXPECT_EQ(shift("tshl", DType::i8, 0x81, 1).lo, 0x02U);
  EXPECT_TRUE(shift("tshl", DType::i8, 1, 8).open);
}

TEST(LaterTiers, MasksHaveABitForEveryElement) {
  const TileValue a = row({1, 2, 3, NAN, 5, 6, 7, 8, 9, 10}), b = row({1, 0, 3, NAN, 5, 0, 0, 8, 9, 0});
  const auto equal = run("tcmp", {a, b}, one_row(DType::u8, 3), {{"cmpMode", "eq"}});
  EXPECT_EQ(equal[0].lo, 0b10010101U);
  EXPECT_TRUE(admits(DType::u8, equal[1], 0b11111101U));  // bits behind the tenth element are open
  EXPECT_FALSE(admits(DType::u8, equal[1], 0b11111100U));
  EXPECT_TRUE(equal[2].open);
  EXPECT_EQ(run("tcmp", {a, b}, one_row(DType::u8, 1), {{"cmpMode", "ne"}})[0].lo, 0b01101010U);
}

TEST(LaterTiers, SortedBlocksKeepIndexOrderAmongEquals) {
  const auto sorted = run("tsort32", {row({1, 3, 2, 3}), row(DType::u32, {0, 1, 2, 3})}, one_row(DType::f32, 8));
  const std::vector<std::uint64_t> expected{bits(3), 1, bits(3), 3, bits(2), 2, bits(1), 0};
  for (std::size_t k = 0; k < expected.size(); ++k) EXPECT_EQ(sorted[k].lo, expected[k]) << k;
  EXPECT_TRUE(run("tsort32", {row({1, NAN}), row(DType::u32, {0, 1})}, one_row(DType::f32, 4))[0].open);
}

TEST(LaterTiers, ProductsHoldEveryOrder) {
  const RandomStream random(3, "products");
  std::vector<float> x;
  for (std::uint64_t k = 0; k < 40; ++k) x.push_back(0.5F + static_cast<float>(random.bits(k) & 0xFFFF) / 65536.0F);
  const Admissible product = run("trowprod", {row(x)}, one_row(DType::f32, 1))[0];
  for (const std::size_t stride : {1U, 3U, 7U, 11U}) {
    float result = 1;
    for (std::size_t k = 0; k < x.size(); ++k) result *= x[k * stride % x.size()];
    EXPECT_TRUE(admits(DType::f32, product, bits(result))) << stride;
    EXPECT_FALSE(admits(DType::f32, product, bits(result * 1.0001F)));
  }
}

TEST(LaterTiers, MatrixProductsHoldEveryOrderAndIntegersAreExact) {
  std::vector<float> x, y;
  const RandomStream random(5, "matmul");
  for (std::uint64_t k = 0; k < 50; ++k) {
    x.push_back(static_cast<float>(random.bits(k) & 0xFFFFF) / 1000.0F - 500);
    y.push_back(static_cast<float>(random.bits(k + 100) & 0xFFFFF) / 1000.0F - 500);
  }
  TileValue right = row(y);
  right.shape = {DType::f32, 50, 1, 50, 1};
  const Admissible got = run("tmatmul", {row(x), right}, one_row(DType::f32, 1))[0];
  float forward = 0, fused = 0, magnitudes = 0;
  for (std::size_t k = 0; k < 50; ++k) {
    forward += x[k] * y[k];
    fused = std::fma(x[49 - k], y[49 - k], fused);
    magnitudes += std::abs(x[k] * y[k]);
  }
  EXPECT_TRUE(admits(DType::f32, got, bits(forward)));
  EXPECT_TRUE(admits(DType::f32, got, bits(fused)));
  EXPECT_FALSE(admits(DType::f32, got, bits(forward + magnitudes * 1e-5F)));
  TileValue column = row(DType::i8, {0x80, 0x7F});
  column.shape = {DType::i8, 2, 1, 2, 1};
  const TileValue bias = row(DType::i32, {5});
  EXPECT_EQ(run("tmatmul.bias", {row(DType::i8, {0x80, 2}), column, bias}, one_row(DType::i32, 1))[0].lo,
            16384U + 254U + 5U);
}

// Scale 0.5, offset -3, signed: round(clamp(x * 0.5)) - 3, clamped.
TEST(LaterTiers, RequantisationClampsBeforeAndAfterTheOffset) {
  const std::uint64_t word = std::uint64_t{bits(0.5F)} | std::uint64_t{0x1FD} << 37 | std::uint64_t{1} << 46;
  const TileValue accumulator = row(DType::i32, {100, 99, 1000, static_cast<std::uint32_t>(-1000)});
  const auto got = run("tmov", {accumulator, ScalarValue{DType::i64, word}}, one_row(DType::i8, 4));
  EXPECT_EQ(got[0].lo, 47U);
  EXPECT_EQ(got[1].lo, 46U);  // 49.5 goes to 49 or 50
  EXPECT_EQ(got[1].hi, 47U);
  EXPECT_EQ(got[2].lo, 127U);
  EXPECT_EQ(got[3].lo, 0x80U);
}

TEST(LaterTiers, PartialShapesTakeTheElementThatIsThere) {
  TileValue part = row({10, 20, 30, 40});
  part.shape.valid_cols = 2;
  const auto got = run("tpartadd", {row({1, 2, 3, 4}), part}, one_row(DType::f32, 4));
  EXPECT_EQ(got[1].lo, bits(22));
  EXPECT_EQ(got[2].lo, bits(3));
}

TEST(LaterTiers, ScattersLeaveDoubleWritesOpen) {
  const auto got = run("mscatter", {row({1, 2, 3}), row(DType::i32, {4, 0, 4})}, one_row(DType::f32, 5),
                       {{"coalesce", "elem"}}, {7, 7, 7, 7, 7});
  EXPECT_EQ(got[0].lo, bits(2));
  EXPECT_EQ(got[1].lo, 7U);
  EXPECT_TRUE(got[4].open);
}

}  // namespace
}  // namespace assay::goldens
