// Every family of tile ops on small examples worked out by hand.
#include <cmath>
#include <limits>

#include "harness/device/opencl/kernel_fixture.h"

namespace assay::device {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
const float kNaN = std::numeric_limits<float>::quiet_NaN();

using Halves = std::vector<std::uint16_t>;

TEST(OpenclElementwise, BinaryOpsOnFloats) {
  const std::vector<float> a{1, -2, 3, 0, kInf, 1, -0.0f, kNaN}, b{2, 5, -4, 0, kInf, 3, 0.0f, 1};
  const auto run = [&](const std::string& op) {
    Kernel kernel(
        tile_kernel({{"a", "f32"}, {"b", "f32"}}, {{"y", "f32"}}, "pto." + op + " ins(%a, %b : $a, $b) outs(%y : $y)"));
    Tensor ta = floats({8}, a), tb = floats({8}, b), y(DType::f32, {8});
    const RunReport report = kernel.run({&ta, &tb, &y});
    EXPECT_EQ(report.status, RunStatus::completed) << report.reason;
    return values_of<float>(y);
  };
  const auto sub = run("tsub");
  EXPECT_EQ((std::vector<float>(sub.begin(), sub.begin() + 4)), (std::vector<float>{-1, -7, 7, 0}));
  EXPECT_TRUE(std::isnan(sub[4]));
  EXPECT_TRUE(std::isnan(sub[7]));
  const auto mul = run("tmul");
  EXPECT_EQ((std::vector<float>(mul.begin(), mul.begin() + 6)), (std::vector<float>{2, -10, -12, 0, kInf, 3}));
  const auto div = run("tdiv");
  EXPECT_EQ(div[0], 0.5f);
  EXPECT_TRUE(std::isnan(div[3]));
  EXPECT_EQ(std::bit_cast<std::uint32_t>(div[5]), 0x3eaaaaabu);  // 1/3 to nearest even
  const auto max = run("tmax");
  EXPECT_EQ((std::vector<float>(max.begin(), max.begin() + 6)), (std::vector<float>{2, 5, 3, 0, kInf, 3}));
  EXPECT_FALSE(std::signbit(max[6]));  // +0 above -0
  EXPECT_TRUE(std::isnan(max[7]));
  EXPECT_TRUE(std::signbit(run("tmin")[6]));
}

TEST(OpenclElementwise, ScalarFormsAndBothOrdersOfTdivs) {
  Kernel kernel(tile_kernel({{"a", "f32"}}, {{"y", "f32"}, {"z", "f32"}, {"w", "f32"}},
                            "%s = arith.constant 4.0 : f32\n"
                            "pto.tdivs ins(%a, %s : $a, f32) outs(%y : $y)\n"
                            "pto.tdivs ins(%s, %a : f32, $a) outs(%z : $z)\n"
                            "pto.tmaxs ins(%a, %s : $a, f32) outs(%w : $w)"));
  Tensor a = floats({8}, {1, 2, 4, 8, 16, -1, -2, -4}), y(DType::f32, {8}), z(DType::f32, {8}), w(DType::f32, {8});
  ASSERT_EQ(kernel.run({&a, &y, &z, &w}).status, RunStatus::completed);
  EXPECT_EQ(values_of<float>(y), (std::vector<float>{0.25f, 0.5f, 1, 2, 4, -0.25f, -0.5f, -1}));
  EXPECT_EQ(values_of<float>(z), (std::vector<float>{4, 2, 1, 0.5f, 0.25f, -4, -2, -1}));
  EXPECT_EQ(values_of<float>(w), (std::vector<float>{4, 4, 4, 8, 16, 4, 4, 4}));
}

TEST(OpenclElementwise, IntegersWrapInTheirWidth) {
  Kernel kernel(
      tile_kernel({{"a", "i16", 1, 16}, {"b", "i16", 1, 16}}, {{"y", "i16", 1, 16}, {"z", "i16", 1, 16}},
                  "pto.tadd ins(%a, %b : $a, $b) outs(%y : $y)\npto.tmul ins(%a, %b : $a, $b) outs(%z : $z)"));
  std::vector<std::int16_t> a(16, 0), b(16, 1);
  a[0] = 32767;
  a[1] = -32768;
  b[1] = -1;
  a[2] = 300;
  b[2] = 300;
  Tensor ta = tensor_of(DType::i16, {16}, a), tb = tensor_of(DType::i16, {16}, b), y(DType::i16, {16}),
         z(DType::i16, {16});
  ASSERT_EQ(kernel.run({&ta, &tb, &y, &z}).status, RunStatus::completed);
  EXPECT_EQ(y.as<std::int16_t>()[0], -32768);
  EXPECT_EQ(y.as<std::int16_t>()[1], 32767);
  EXPECT_EQ(z.as<std::int16_t>()[1], -32768);
  EXPECT_EQ(z.as<std::int16_t>()[2], static_cast<std::int16_t>(90000 - 65536));
}

TEST(OpenclElementwise, HalfArithmeticRoundsOnceToNearestEven) {
  Kernel kernel(tile_kernel({{"a", "f16", 1, 16}, {"b", "f16", 1, 16}}, {{"y", "f16", 1, 16}},
                            "pto.tadd ins(%a, %b : $a, $b) outs(%y : $y)"));
  // 1 + 2^-11 is a tie and stays 1; (1 + 2^-10) + 2^-11 is a tie and goes up; 65504 + 16 overflows, + 8 does not;
  // the least subnormal twice is exact.
  Halves a(16, 0), b(16, 0);
  a[0] = 0x3c00, b[0] = 0x1000;
  a[1] = 0x3c01, b[1] = 0x1000;
  a[2] = 0x7bff, b[2] = 0x4c00;
  a[3] = 0x7bff, b[3] = 0x4800;
  a[4] = 0x0001, b[4] = 0x0001;
  Tensor ta = tensor_of(DType::f16, {16}, a), tb = tensor_of(DType::f16, {16}, b), y(DType::f16, {16});
  ASSERT_EQ(kernel.run({&ta, &tb, &y}).status, RunStatus::completed);
  const auto bits = values_of<std::uint16_t>(y);
  EXPECT_EQ((Halves(bits.begin(), bits.begin() + 5)), (Halves{0x3c00, 0x3c02, 0x7c00, 0x7bff, 0x0002}));
}

TEST(OpenclElementwise, TouchesOnlyTheValidRectangle) {
  // A 4 x 8 tile of which 3 x 5 are valid; the rest keeps what was there.
  Kernel kernel(tile_kernel({{"whole", "f32", 4, 8}, {"part", "f32", 4, 8, 3, 5, "", 0}},
                            {{"seen", "f32", 4, 8, 0, 0, "", 0}},
                            "pto.tmov ins(%whole : $whole) outs(%seen : $seen)\n"
                            "%s = arith.constant 1.0 : f32\n"
                            "pto.tadds ins(%part, %s : $part, f32) outs(%part : $part)"));
  std::vector<float> initial(32);
  for (int i = 0; i < 32; ++i) initial[static_cast<std::size_t>(i)] = static_cast<float>(i);
  Tensor whole = floats({4, 8}, initial), part(DType::f32, {3, 5}), seen(DType::f32, {4, 8});
  ASSERT_EQ(kernel.run({&whole, &part, &seen}).status, RunStatus::completed);
  for (int i = 0; i < 32; ++i) {
    const bool valid = i / 8 < 3 && i % 8 < 5;
    EXPECT_EQ(seen.as<float>()[static_cast<std::size_t>(i)], static_cast<float>(i + (valid ? 1 : 0))) << i;
  }
}

TEST(OpenclUnary, FloatsAndIntegers) {
  Kernel kernel(tile_kernel({{"a", "f32"}}, {{"n", "f32"}, {"b", "f32"}, {"r", "f32"}, {"s", "f32"}, {"q", "f32"}},
                            "pto.tneg ins(%a : $a) outs(%n : $n)\npto.tabs ins(%a : $a) outs(%b : $b)\n"
                            "pto.trelu ins(%a : $a) outs(%r : $r)\npto.tsqrt ins(%b : $b) outs(%s : $s)\n"
                            "pto.trecip ins(%a : $a) outs(%q : $q)"));
  Tensor a = floats({8}, {4, -4, 0.25f, -0.0f, 2, -kInf, 16, 1e-40f});
  Tensor n(DType::f32, {8}), b = n, r = n, s = n, q = n;
  ASSERT_EQ(kernel.run({&a, &n, &b, &r, &s, &q}).status, RunStatus::completed);
  EXPECT_EQ(values_of<float>(n), (std::vector<float>{-4, 4, -0.25f, 0.0f, -2, kInf, -16, -1e-40f}));
  EXPECT_EQ(values_of<float>(b), (std::vector<float>{4, 4, 0.25f, 0.0f, 2, kInf, 16, 1e-40f}));
  EXPECT_EQ(values_of<float>(r), (std::vector<float>{4, 0, 0.25f, 0.0f, 2, 0, 16, 1e-40f}));
  EXPECT_EQ(std::bit_cast<std::uint32_t>(s.as<float>()[4]), 0x3fb504f3u);  // sqrt(2)
  EXPECT_EQ((std::vector<float>(q.as<float>().begin(), q.as<float>().begin() + 5)),
            (std::vector<float>{0.25f, -0.25f, 4, -kInf, 0.5f}));
}

TEST(OpenclUnary, ExponentialLogarithmAndReciprocalRoot) {
  Kernel kernel(tile_kernel({{"a", "f32"}}, {{"e", "f32"}, {"l", "f32"}, {"r", "f32"}},
                            "pto.texp ins(%a : $a) outs(%e : $e)\npto.tlog ins(%a : $a) outs(%l : $l)\n"
                            "pto.trsqrt ins(%a : $a) outs(%r : $r)"));
  Tensor a = floats({8}, {1, 2, 0.5f, 4, 100, 1e-3f, 1e10f, 0}), e(DType::f32, {8}), l = e, r = e;
  ASSERT_EQ(kernel.run({&a, &e, &l, &r}).status, RunStatus::completed);
  for (std::size_t i = 0; i < 7; ++i) {
    const double x = a.as<float>()[i];
    const auto near = [&](float actual, double exact, double ulps) {
      EXPECT_LE(std::abs(actual - exact), ulps * std::ldexp(1.0, std::ilogb(exact) - 23)) << x;
    };
    if (x < 80) near(e.as<float>()[i], std::exp(x), 3);
    if (x != 1) near(l.as<float>()[i], std::log(x), 3);
    near(r.as<float>()[i], 1 / std::sqrt(x), 2);
  }
  EXPECT_EQ(l.as<float>()[0], 0);
  EXPECT_EQ(e.as<float>()[6], kInf);
  EXPECT_EQ(l.as<float>()[7], -kInf);
  EXPECT_EQ(r.as<float>()[7], kInf);
}

struct ConversionCase {
  std::string from, to, mode, saturation;
  std::vector<std::uint64_t> in, out;
};

void convert(const ConversionCase& c) {
  const auto dtype = [](const std::string& element) { return element == "ui8" ? DType::u8 : *parse_dtype(element); };
  const DType from = dtype(c.from), to = dtype(c.to);
  const int cols = 32;
  std::string attributes = "rmode = #pto<round_mode " + c.mode + ">";
  if (!c.saturation.empty()) attributes += ", satmode = #pto<saturation_mode " + c.saturation + ">";
  Kernel kernel(tile_kernel({{"a", c.from, 1, cols}}, {{"y", c.to, 1, cols}},
                            "pto.tcvt ins(%a {" + attributes + "} : $a) outs(%y : $y)"));
  Tensor a(from, {cols}), y(to, {cols});
  for (std::size_t i = 0; i < c.in.size(); ++i) a.set_bits(static_cast<std::int64_t>(i), c.in[i]);
  const RunReport report = kernel.run({&a, &y});
  ASSERT_EQ(report.status, RunStatus::completed) << report.reason;
  for (std::size_t i = 0; i < c.out.size(); ++i)
    EXPECT_EQ(y.bits(static_cast<std::int64_t>(i)), c.out[i])
        << c.from << " to " << c.to << ' ' << c.mode << ' ' << c.saturation << " of " << std::hex << c.in[i];
}

std::uint64_t f(float value) { return std::bit_cast<std::uint32_t>(value); }
std::uint64_t i32(std::int32_t value) { return static_cast<std::uint32_t>(value); }
std::uint64_t i16(std::int16_t value) { return static_cast<std::uint16_t>(value); }

TEST(OpenclConvert, ModesOnTies) {
  const std::vector<std::uint64_t> in{f(0.5f), f(1.5f), f(2.5f), f(-0.5f), f(-1.5f), f(-2.5f), f(0.75f), f(-0.25f)};
  convert({"f32", "i32", "RINT", "", in, {0, 2, 2, 0, i32(-2), i32(-2), 1, 0}});
  convert({"f32", "i32", "ROUND", "", in, {1, 2, 3, i32(-1), i32(-2), i32(-3), 1, 0}});
  convert({"f32", "i32", "FLOOR", "", in, {0, 1, 2, i32(-1), i32(-2), i32(-3), 0, i32(-1)}});
  convert({"f32", "i32", "CEIL", "", in, {1, 2, 3, 0, i32(-1), i32(-2), 1, 0}});
  convert({"f32", "i32", "TRUNC", "", in, {0, 1, 2, 0, i32(-1), i32(-2), 0, 0}});
  convert({"f32", "i32", "NONE", "", in, {0, 1, 2, 0, i32(-1), i32(-2), 0, 0}});
  convert({"f32", "f32", "RINT", "", in, {0, f(2), f(2), f(-0.0f), f(-2), f(-2), f(1), f(-0.0f)}});
}

TEST(OpenclConvert, NarrowFloats) {
  // bf16 keeps 16 bits of the pattern: 0x8000 below them is a tie.
  const std::vector<std::uint64_t> in{0x3f808000, 0x3f818000, 0x3f808001, 0xbf808000,
                                      0x7f7fffff, 0x00008000, 0x7f800000};
  convert({"f32", "bf16", "RINT", "OFF", in, {0x3f80, 0x3f82, 0x3f81, 0xbf80, 0x7f80, 0x0000, 0x7f80}});
  convert({"f32", "bf16", "ROUND", "OFF", in, {0x3f81, 0x3f82, 0x3f81, 0xbf81, 0x7f80, 0x0001, 0x7f80}});
  convert({"f32", "bf16", "FLOOR", "OFF", in, {0x3f80, 0x3f81, 0x3f80, 0xbf81, 0x7f7f, 0x0000, 0x7f80}});
  convert({"f32", "bf16", "RINT", "ON", in, {0x3f80, 0x3f82, 0x3f81, 0xbf80, 0x7f7f, 0x0000, 0x7f7f}});
  // f16: 65520 is the midpoint to what would be the next value; 2^-25 half of the least subnormal.
  const std::vector<std::uint64_t> half{
      f(65520), f(65519), f(std::ldexp(1.0f, -25)), f(std::ldexp(3.0f, -25)), f(1 + std::ldexp(1.0f, -11)), f(-1e30f)};
  convert({"f32", "f16", "RINT", "OFF", half, {0x7c00, 0x7bff, 0x0000, 0x0002, 0x3c00, 0xfc00}});
  convert({"f32", "f16", "ROUND", "OFF", half, {0x7c00, 0x7bff, 0x0001, 0x0002, 0x3c01, 0xfc00}});
  convert({"f32", "f16", "CEIL", "OFF", half, {0x7c00, 0x7c00, 0x0001, 0x0002, 0x3c01, 0xfbff}});
  convert({"f32", "f16", "TRUNC", "OFF", half, {0x7bff, 0x7bff, 0x0000, 0x0001, 0x3c00, 0xfbff}});
  convert({"f32", "f16", "ODD", "OFF", half, {0x7bff, 0x7bff, 0x0001, 0x0001, 0x3c01, 0xfbff}});
  convert({"f32", "f16", "RINT", "ON", half, {0x7bff, 0x7bff, 0x0000, 0x0002, 0x3c00, 0xfbff}});
}

TEST(OpenclConvert, SaturationAndLowBits) {
  const std::vector<std::uint64_t> in{f(32768), f(-32769), f(1e9f), f(kInf), f(kNaN), f(-kInf)};
  convert({"f32", "i16", "RINT", "ON", in, {i16(32767), i16(-32768), i16(32767), i16(32767), 0, i16(-32768)}});
  // 1e9 = 0x3b9aca00; infinities and NaN have no low bits.
  convert({"f32", "i16", "RINT", "OFF", in, {i16(-32768), i16(32767), 0xca00, 0, 0, 0}});
  convert({"f32", "i32", "RINT", "", {f(3e9f), f(-3e9f)}, {i32(2147483647), i32(-2147483647 - 1)}});
  convert({"f32",
           "i64",
           "RINT",
           "",
           {f(std::ldexp(1.0f, 62)), f(-std::ldexp(1.0f, 62))},
           {std::uint64_t{1} << 62, ~(std::uint64_t{1} << 62) + 1}});
  convert({"i32", "i16", "NONE", "OFF", {i32(70000), i32(-70000)}, {i16(4464), i16(-4464)}});
  convert({"i32", "i16", "NONE", "ON", {i32(70000), i32(-70000)}, {i16(32767), i16(-32768)}});
  convert({"f16", "i8", "RINT", "ON", {0x5a00, 0xda00, 0x5640}, {127, 0x80, 100}});
}

TEST(OpenclConvert, IntegersToFloats) {
  convert({"i32",
           "f32",
           "RINT",
           "",
           {i32(16777217), i32(16777219), i32(-5), i32(0)},
           {f(16777216), f(16777220), f(-5), 0}});
  convert({"i32", "f32", "CEIL", "", {i32(16777217), i32(-16777217)}, {f(16777218), f(-16777216)}});
  // 2049 is a tie of f16; 2^40 + 1 has no f32.
  convert({"i32", "f16", "RINT", "", {i32(2049), i32(2051), i32(-3)}, {0x6800, 0x6802, 0xc200}});
  convert({"i64", "f32", "RINT", "", {(std::uint64_t{1} << 40) + 1}, {f(std::ldexp(1.0f, 40))}});
  convert({"ui8", "f16", "RINT", "", {255, 0, 128}, {0x5bf8, 0, 0x5800}});
  convert({"i8", "f16", "RINT", "", {0x80, 0x7f}, {0xd800, 0x57f0}});
}

TEST(OpenclConvert, InPlaceNarrowingReadsAllBeforeItWrites) {
  const int cols = 300;  // more than one chunk
  Kernel kernel(tile_kernel({{"a", "f32", 4, 304, 4, cols, "", 64}}, {{"y", "bf16", 4, 304, 4, cols, "", 64}},
                            "pto.tcvt ins(%a {rmode = #pto<round_mode RINT>} : $a) outs(%y : $y)"));
  Tensor a(DType::f32, {4, cols}), y(DType::bf16, {4, cols});
  for (std::size_t i = 0; i < a.as<float>().size(); ++i) a.as<float>()[i] = static_cast<float>(i % 251);
  ASSERT_EQ(kernel.run({&a, &y}).status, RunStatus::completed);
  for (std::size_t i = 0; i < y.as<std::uint16_t>().size(); ++i)
    ASSERT_EQ(y.as<std::uint16_t>()[i], std::bit_cast<std::uint32_t>(static_cast<float>(i % 251)) >> 16) << i;
}

TEST(OpenclConvert, PairsTheTargetLacksAreFaultsAtTheirLine) {
  Kernel kernel(tile_kernel({{"a", "f32", 1, 32}}, {{"y", "i8", 1, 32}},
                            "pto.tcvt ins(%a {rmode = #pto<round_mode RINT>} : $a) outs(%y : $y)"));
  Tensor a(DType::f32, {32}), y(DType::i8, {32});
  const RunReport report = kernel.run({&a, &y});
  ASSERT_EQ(report.status, RunStatus::fault);
  EXPECT_EQ(report.diagnostics.back().rule, "illegal-conversion");
}

TEST(OpenclReduce, SumsAndMaximaOfRows) {
  const std::string column = ", blayout=col_major";
  Kernel kernel(
      tile_kernel({{"a", "f32", 8, 16, 3, 13}}, {{"s", "f32", 8, 1, 3, 1, column}, {"m", "f32", 8, 1, 3, 1, column}},
                  "pto.trowsum ins(%a, %a : $a, $a) outs(%s : $s)\npto.trowmax ins(%a, %a : $a, $a) outs(%m : $m)"));
  Tensor a(DType::f32, {3, 13}), s(DType::f32, {3, 1}), m(DType::f32, {3, 1});
  for (std::size_t i = 0; i < 39; ++i) a.as<float>()[i] = static_cast<float>(i) - 20;
  ASSERT_EQ(kernel.run({&a, &s, &m}).status, RunStatus::completed);
  EXPECT_EQ(values_of<float>(s), (std::vector<float>{-182, -13, 156}));
  EXPECT_EQ(values_of<float>(m), (std::vector<float>{-8, 5, 18}));
}

TEST(OpenclReduce, KeepsToTheOrderOfTheProfile) {
  // 2^24 followed by ones: left to right every one is lost; inside one chunk of any order they are gathered first.
  const int cols = 1024;
  const std::string column = ", blayout=col_major";
  Kernel kernel(tile_kernel({{"a", "f32", 1, cols}}, {{"s", "f32", 8, 1, 1, 1, column}},
                            "pto.trowsum ins(%a, %a : $a, $a) outs(%s : $s)"));
  Tensor a = floats({1, cols}, std::vector<float>(cols, 1)), s(DType::f32, {1, 1});
  a.as<float>()[0] = 16777216;
  kernel.profile.sum_order = SumOrder::sequential;
  ASSERT_EQ(kernel.run({&a, &s}).status, RunStatus::completed);
  EXPECT_EQ(s.as<float>()[0], 16777216);
  kernel.profile.sum_order = SumOrder::chunked;
  kernel.profile.sum_chunk = 512;
  ASSERT_EQ(kernel.run({&a, &s}).status, RunStatus::completed);
  EXPECT_GT(s.as<float>()[0], 16777216 + 512);
  std::fill(a.as<float>().begin(), a.as<float>().end(), -0.0f);
  ASSERT_EQ(kernel.run({&a, &s}).status, RunStatus::completed);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(s.as<float>()[0]), 0x80000000u);
}

TEST(OpenclExpand, RowScalarsInEitherPositionAndBlocks) {
  const std::string column = ", blayout=col_major";
  Kernel kernel(tile_kernel({{"a", "f32", 8, 16, 2, 9}, {"s", "f32", 8, 1, 2, 1, column}, {"b", "f32", 8, 8, 2, 8}},
                            {{"x", "f32", 8, 16, 2, 9}, {"y", "f32", 8, 16, 2, 9}, {"z", "f32", 8, 16, 2, 9}},
                            "pto.trowexpandsub ins(%a, %s : $a, $s) outs(%x : $x)\n"
                            "pto.trowexpandsub ins(%s, %a : $s, $a) outs(%y : $y)\n"
                            "pto.trowexpandmul ins(%a, %b : $a, $b) outs(%z : $z)"));
  Tensor a(DType::f32, {2, 9}), s = floats({2, 1}, {10, 20}), b(DType::f32, {2, 8});
  for (std::size_t i = 0; i < 18; ++i) a.as<float>()[i] = static_cast<float>(i);
  for (std::size_t i = 0; i < 16; ++i) b.as<float>()[i] = static_cast<float>(i + 1);
  Tensor x(DType::f32, {2, 9}), y = x, z = x;
  ASSERT_EQ(kernel.run({&a, &s, &b, &x, &y, &z}).status, RunStatus::completed);
  for (std::size_t i = 0; i < 18; ++i) {
    const auto row = static_cast<float>(i / 9), value = static_cast<float>(i);
    EXPECT_EQ(x.as<float>()[i], value - 10 * (row + 1));
    EXPECT_EQ(y.as<float>()[i], 10 * (row + 1) - value);
    EXPECT_EQ(z.as<float>()[i], value * (static_cast<float>(i % 9 % 8) + 1 + 8 * row)) << i;  // block[j mod 8]
  }
}

TEST(OpenclExpand, ColumnsAndPlainBroadcasts) {
  const std::string column = ", blayout=col_major";
  Kernel kernel(tile_kernel(
      {{"a", "f32", 8, 8, 2, 3}, {"c", "f32", 1, 8, 1, 3}, {"s", "f32", 8, 1, 2, 1, column}},
      {{"d", "f32", 8, 8, 2, 3}, {"e", "f32", 8, 8, 2, 3}, {"g", "f32", 8, 8, 2, 3}, {"h", "f32", 8, 8, 2, 3}},
      "pto.tcolexpanddiv ins(%a, %c : $a, $c) outs(%d : $d)\n"
      "pto.tcolexpand ins(%c : $c) outs(%e : $e)\n"
      "pto.trowexpand ins(%s : $s) outs(%g : $g)\n"
      "%v = arith.constant 7.5 : f32\npto.texpands ins(%v : f32) outs(%h : $h)"));
  Tensor a = floats({2, 3}, {2, 4, 6, 8, 10, 12}), c = floats({1, 3}, {2, 4, 8}), s = floats({2, 1}, {5, 6});
  Tensor d(DType::f32, {2, 3}), e = d, g = d, h = d;
  ASSERT_EQ(kernel.run({&a, &c, &s, &d, &e, &g, &h}).status, RunStatus::completed);
  EXPECT_EQ(values_of<float>(d), (std::vector<float>{1, 1, 0.75f, 4, 2.5f, 1.5f}));
  EXPECT_EQ(values_of<float>(e), (std::vector<float>{2, 4, 8, 2, 4, 8}));
  EXPECT_EQ(values_of<float>(g), (std::vector<float>{5, 5, 5, 6, 6, 6}));
  EXPECT_EQ(values_of<float>(h), (std::vector<float>(6, 7.5f)));
}

}  // namespace
}  // namespace assay::device
