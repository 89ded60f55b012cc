// The definitions against published values, the host's IEEE arithmetic and each other.
#include "goldens/ops/tile_op.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "goldens/ops/element.h"
#include "goldens/ops/element_ops.h"
#include "harness/core/fill.h"
#include "harness/core/random.h"

namespace assay::goldens {
namespace {

using ops::Binary;
using ops::Unary;

Profile machine() { return load_profile("a2a3").value(); }
std::uint64_t bits(float x) { return std::bit_cast<std::uint32_t>(x); }
float value(std::uint64_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits)); }

// Random patterns with all exponents, and the special ones.
std::vector<std::uint64_t> samples(std::size_t count, std::uint64_t seed) {
  Tensor specials(DType::f32, {static_cast<std::int64_t>(count / 2)});
  EXPECT_TRUE(fill(specials, "specials", seed, "samples"));
  std::vector<std::uint64_t> all;
  for (std::int64_t i = 0; i < specials.size(); ++i) all.push_back(specials.bits(i));
  const RandomStream random(seed, "patterns");
  while (all.size() < count) all.push_back(random.bits(all.size()) & 0xFFFFFFFF);
  return all;
}

TEST(TileOpDefinition, FloatArithmeticIsTheHosts) {
  const Profile profile = machine();
  const auto a = samples(2000, 1), b = samples(2000, 2);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const float x = value(a[i]), y = value(b[(i * 7) % b.size()]);
    const std::uint64_t yb = bits(y);
    const auto expect = [&](Binary op, float host) {
      const Admissible got = binary(op, DType::f32, a[i], yb, profile);
      ASSERT_FALSE(got.open);
      EXPECT_TRUE(admits(DType::f32, got, bits(host))) << x << " " << y << " " << static_cast<int>(op);
      if (!std::isnan(host)) {
        EXPECT_EQ(got.lo, got.hi);
      }
    };
    expect(Binary::add, x + y);
    expect(Binary::subtract, x - y);
    expect(Binary::multiply, x * y);
  }
}

TEST(TileOpDefinition, BoundedFunctionsHoldTheHostsResultAndLittleElse) {
  const Profile profile = machine();
  for (const std::uint64_t a : samples(600, 3)) {
    const auto x = static_cast<double>(value(a));
    const auto expect = [&](Unary op, double host, double ulps) {
      const Admissible got = unary(op, DType::f32, a, profile);
      if (got.open) return;
      const auto narrowed = static_cast<float>(host);
      EXPECT_TRUE(admits(DType::f32, got, bits(narrowed))) << x << " " << static_cast<int>(op);
      if (std::isfinite(narrowed) && std::abs(narrowed) > 1e-30F && std::abs(narrowed) < 1e38F) {
        const std::int64_t width = ops::order(DType::f32, got.hi) - ops::order(DType::f32, got.lo);
        EXPECT_LE(width, static_cast<std::int64_t>(4 * ulps) + 2) << x;  // twice that across a power of two
        EXPECT_GE(width, static_cast<std::int64_t>(2 * ulps) - 2) << x;
        EXPECT_FALSE(admits(DType::f32, got, bits(narrowed) + 16)) << x;
      }
    };
    expect(Unary::exponential, std::exp(x), 3);
    if (x > 0) {
      expect(Unary::logarithm, std::log(x), 3);
      expect(Unary::square_root, std::sqrt(x), 3);
      expect(Unary::reciprocal_root, 1 / std::sqrt(x), 2);
    }
    if (x != 0) expect(Unary::reciprocal, 1 / x, 2.5);
  }
}

TEST(TileOpDefinition, QuotientsOfSpecials) {
  const auto q = [](float a, float b) { return ops::quotient(DType::f32, bits(a), bits(b), 2.5); };
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(q(1, 0).lo, bits(inf));
  EXPECT_EQ(q(-1, 0).lo, bits(-inf));
  EXPECT_TRUE(std::isnan(value(q(0, 0).lo)));
  EXPECT_TRUE(std::isnan(value(q(inf, inf).lo)));
  EXPECT_EQ(q(1, -inf).lo, bits(-0.0F));
  EXPECT_EQ(q(0, -3).lo, bits(-0.0F));
  EXPECT_TRUE(admits(DType::f32, q(3.4e38F, 1e-3F), bits(inf)));
  EXPECT_FALSE(admits(DType::f32, q(3.4e38F, 1e-3F), bits(3.4e38F)));
  EXPECT_TRUE(admits(DType::f32, q(1e-38F, 1e9F), 0));  // below half of the least subnormal
  EXPECT_FALSE(admits(DType::f32, q(1e-38F, 1e9F), bits(-0.0F)));
}

TEST(TileOpDefinition, FunctionsOfSpecials) {
  const Profile profile = machine();
  const float inf = std::numeric_limits<float>::infinity();
  const auto f = [&](Unary op, float x) { return unary(op, DType::f32, bits(x), profile); };
  EXPECT_EQ(f(Unary::exponential, -inf).lo, 0U);
  EXPECT_EQ(f(Unary::exponential, 89).lo, bits(inf));
  EXPECT_TRUE(admits(DType::f32, f(Unary::exponential, -1e30F), 0));
  EXPECT_TRUE(admits(DType::f32, f(Unary::exponential, 0), bits(1)));
  EXPECT_EQ(f(Unary::logarithm, 0).lo, bits(-inf));
  EXPECT_TRUE(std::isnan(value(f(Unary::logarithm, -1).lo)));
  EXPECT_TRUE(admits(DType::f32, f(Unary::logarithm, 1), 0));
  EXPECT_TRUE(f(Unary::reciprocal_root, -0.0F).open);
  EXPECT_TRUE(std::isnan(value(f(Unary::square_root, -2).lo)));
  EXPECT_EQ(f(Unary::reciprocal, -0.0F).lo, bits(-inf));
}

TEST(TileOpDefinition, MaximumLeavesNanOpenAndZerosEither) {
  const Profile profile = machine();
  const auto m = [&](float a, float b) { return binary(Binary::maximum, DType::f32, bits(a), bits(b), profile); };
  EXPECT_TRUE(m(1, NAN).open);
  EXPECT_TRUE(m(NAN, 1).open);
  EXPECT_EQ(m(-1, 2).lo, bits(2));
  EXPECT_TRUE(admits(DType::f32, m(0.0F, -0.0F), bits(-0.0F)));
  EXPECT_TRUE(admits(DType::f32, m(0.0F, -0.0F), 0));
  EXPECT_FALSE(admits(DType::f32, m(0.0F, 0.0F), bits(-0.0F)));
  EXPECT_EQ(binary(Binary::minimum, DType::i16, 0xFFFF, 3, profile).lo, 0xFFFFU);
}

TEST(TileOpDefinition, IntegerOverflowIsOpen) {
  const Profile profile = machine();
  EXPECT_TRUE(binary(Binary::add, DType::i16, 0x7FFF, 1, profile).open);
  EXPECT_EQ(binary(Binary::add, DType::i16, 0x7FFF, 0xFFFF, profile).lo, 0x7FFEU);
  EXPECT_TRUE(unary(Unary::magnitude, DType::i32, 0x80000000, profile).open);
  EXPECT_EQ(unary(Unary::negate, DType::i32, 5, profile).lo, 0xFFFFFFFBU);
}

// The table of pto-isa 2.6 (its mathematical rows).
TEST(TileOpDefinition, ConversionsOfHalves) {
  const auto to = [](float x, Rounding mode) {
    return static_cast<std::int32_t>(ops::convert(DType::f32, DType::i32, bits(x), {mode, true}).lo);
  };
  const float inputs[]{0.5F, 1.5F, 2.5F, -0.5F, -1.5F, -2.5F};
  const int rint[]{0, 2, 2, 0, -2, -2}, round[]{1, 2, 3, -1, -2, -3}, trunc[]{0, 1, 2, 0, -1, -2};
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(to(inputs[i], Rounding::rint), rint[i]);
    EXPECT_EQ(to(inputs[i], Rounding::round), round[i]);
    EXPECT_EQ(to(inputs[i], Rounding::trunc), trunc[i]);
    EXPECT_EQ(to(inputs[i], Rounding::floor), static_cast<int>(std::floor(inputs[i])));
    EXPECT_EQ(to(inputs[i], Rounding::ceil), static_cast<int>(std::ceil(inputs[i])));
  }
  EXPECT_EQ(to(3e9F, Rounding::rint), std::numeric_limits<std::int32_t>::max());
  EXPECT_EQ(ops::convert(DType::f16, DType::i8, 0x5CB0, {Rounding::rint, false}).lo, 0x2CU);  // 300 keeps its low bits
  EXPECT_TRUE(ops::convert(DType::f16, DType::i8, 0x7C00, {Rounding::rint, false}).open);
  EXPECT_EQ(ops::convert(DType::f16, DType::u8, 0xFC00, {Rounding::rint, true}).lo, 0U);
  EXPECT_EQ(ops::convert(DType::f32, DType::bf16, 0x3F808000, {Rounding::rint, true}).lo, 0x3F80U);
  EXPECT_EQ(ops::convert(DType::f32, DType::bf16, 0x3F808000, {Rounding::round, true}).lo, 0x3F81U);
  EXPECT_EQ(ops::convert(DType::f32, DType::bf16, 0x7F7FFFFF, {Rounding::rint, true}).lo, 0x7F7FU);
  EXPECT_EQ(ops::convert(DType::f32, DType::bf16, 0x7F7FFFFF, {Rounding::rint, false}).lo, 0x7F80U);
  EXPECT_EQ(ops::convert(DType::i32, DType::f16, 70000, {Rounding::rint, true}).lo, 0x7BFFU);
  EXPECT_EQ(ops::convert(DType::i64, DType::i32, 0x100000005, {Rounding::rint, false}).lo, 5U);
}

TEST(TileOpDefinition, SumsHoldEveryOrder) {
  const Profile profile = machine();
  for (const char* text : {"normal", "order-sensitive", "exact-sum"}) {
    Tensor row(DType::f32, {64});
    ASSERT_TRUE(fill(row, text, 9, "row"));
    std::vector<std::uint64_t> elements;
    for (std::int64_t i = 0; i < 64; ++i) elements.push_back(row.bits(i));
    const Admissible sum = ops::row_sum(DType::f32, elements, profile);
    const auto x = row.as<float>();
    for (std::size_t stride : {1U, 3U, 5U, 17U, 63U}) {
      float s = 0;
      for (std::size_t i = 0; i < 64; ++i) s += x[i * stride % 64];
      EXPECT_TRUE(admits(DType::f32, sum, bits(s))) << text << stride;
    }
    double magnitudes = 0;
    for (const float v : x) magnitudes += std::abs(static_cast<double>(v));
    EXPECT_FALSE(admits(DType::f32, sum, bits(value(sum.hi) + static_cast<float>(magnitudes * 1e-5)))) << text;
  }
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(std::isnan(value(ops::row_sum(DType::f32, std::vector{bits(inf), bits(-inf)}, profile).lo)));
  EXPECT_EQ(ops::row_sum(DType::f32, std::vector{bits(inf), bits(1)}, profile).lo, bits(inf));
  EXPECT_TRUE(ops::row_sum(DType::f32, std::vector{bits(3e38F), bits(3e38F), bits(-3e38F)}, profile).open);
}

TileValue tile(DType dtype, std::int64_t rows, std::int64_t cols, std::int64_t valid_rows, std::int64_t valid_cols) {
  TileValue t{{dtype, rows, cols, valid_rows, valid_cols}, {}};
  for (std::int64_t i = 0; i < rows * cols; ++i) t.bits.push_back(static_cast<std::uint64_t>(i));
  return t;
}

std::vector<std::uint64_t> lows(const Result<std::vector<Admissible>>& elements) {
  std::vector<std::uint64_t> values;
  for (const Admissible& e : elements.value()) values.push_back(e.open ? 0xDEAD : e.lo);
  return values;
}

TEST(TileOpDefinition, ShapesOfMovesAndIndices) {
  const Profile profile = machine();
  const TileValue a = tile(DType::i32, 2, 8, 2, 3);
  const auto run = [&](std::string op, std::vector<TileOperand> ins, TileShape out, auto... change) {
    TileOpRequest request{std::move(op), std::move(ins), out, PadWord::max, "", "", false};
    (change(request), ...);
    return lows(evaluate(request, profile));
  };
  using V = std::vector<std::uint64_t>;
  EXPECT_EQ(run("ttrans", {a}, {DType::i32, 8, 8, 3, 2}), (V{0, 8, 1, 9, 2, 10}));
  EXPECT_EQ(run("tconcat", {a, a}, {DType::i32, 2, 16, 2, 4}), (V{0, 1, 2, 0, 8, 9, 10, 8}));
  EXPECT_EQ(run("tfillpad", {a}, {DType::i32, 2, 8, 2, 4}), (V{0, 1, 2, 0x7FFFFFFF, 8, 9, 10, 0x7FFFFFFF}));
  EXPECT_EQ(run("trowexpand", {a}, {DType::i32, 2, 8, 2, 2}), (V{0, 0, 8, 8}));
  EXPECT_EQ(run("tcolexpand", {a}, {DType::i32, 2, 8, 2, 2}), (V{0, 1, 0, 1}));
  EXPECT_EQ(run("trowmax", {a}, {DType::i32, 2, 8, 2, 1}), (V{2, 10}));
  EXPECT_EQ(run("tci", {ScalarValue{DType::i32, 5}}, {DType::i32, 1, 8, 1, 3}), (V{5, 6, 7}));
  EXPECT_EQ(
      run("tci", {ScalarValue{DType::i32, 5}}, {DType::i32, 1, 8, 1, 3}, [](TileOpRequest& r) { r.descending = true; }),
      (V{5, 4, 3}));
  TileValue index = tile(DType::i32, 1, 8, 1, 3);
  index.bits = {15, 0, 9, 0, 0, 0, 0, 0};
  EXPECT_EQ(run("tgather", {a, index}, {DType::i32, 1, 8, 1, 3}), (V{15, 0, 9}));
  // Mode 2: a block of 32 bytes per row, element j mod 8.
  const TileValue wide = tile(DType::i32, 1, 16, 1, 16), block = tile(DType::i32, 1, 8, 1, 8);
  EXPECT_EQ(run("trowexpandsub", {wide, block}, {DType::i32, 1, 16, 1, 16}),
            (V{0, 0, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8, 8, 8, 8, 8}));
  EXPECT_FALSE(evaluate({"tadd", {a}, {DType::i32, 2, 8, 2, 3}, PadWord::null, "", "", false}, profile));
  EXPECT_FALSE(evaluate({"tnothing", {a}, {DType::i32, 2, 8, 2, 3}, PadWord::null, "", "", false}, profile));
}

TEST(TileOpDefinition, ScalarDivisionHasBothOrders) {
  const Profile profile = machine();
  TileValue two = tile(DType::f32, 1, 8, 1, 1);
  two.bits[0] = bits(2);
  const ScalarValue eight{DType::f32, bits(8)};
  const TileShape out{DType::f32, 1, 8, 1, 1};
  const auto q = [&](std::vector<TileOperand> ins) {
    return evaluate({"tdivs", std::move(ins), out, PadWord::null, "", "", false}, profile).value()[0];
  };
  EXPECT_TRUE(admits(DType::f32, q({two, eight}), bits(0.25F)));
  EXPECT_TRUE(admits(DType::f32, q({eight, two}), bits(4)));
  EXPECT_FALSE(admits(DType::f32, q({eight, two}), bits(0.25F)));
}

}  // namespace
}  // namespace assay::goldens
