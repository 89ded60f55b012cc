#include "harness/core/fill.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <map>
#include <set>

#include "harness/core/file.h"
#include "harness/core/fills/number.h"
#include "harness/core/mutate_text.h"

namespace assay {
namespace {

Tensor filled(std::string_view text, DType dtype, Shape shape, std::uint64_t seed = 1, std::string_view stream = "x") {
  Tensor tensor(dtype, std::move(shape));
  const auto done = fill(tensor, text, seed, stream);
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  return tensor;
}

std::string refusal(std::string_view text, DType dtype = DType::f32, Shape shape = {4, 8}) {
  Tensor tensor(dtype, std::move(shape));
  const auto done = fill(tensor, text, 1, "x");
  return done ? std::string() : done.error().message;
}

double value(const Tensor& tensor, std::int64_t i) {
  const auto number = fills::decode(tensor.dtype(), tensor.bits(i));
  return number ? std::ldexp(static_cast<double>(number->mantissa), number->exponent) : NAN;
}

std::vector<DType> float_types() {
  std::vector<DType> types;
  for (const DTypeInfo& row : kDTypes)
    if (row.is_float) types.push_back(row.dtype);
  return types;
}

TEST(FillText, ParsesAndPrints) {
  const auto spec = parse_fill("uniform:lo=-1,hi=1,seed=3");
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->name, "uniform");
  EXPECT_EQ(spec->arguments.size(), 3U);
  EXPECT_EQ(to_string(*spec), "uniform:lo=-1,hi=1,seed=3");
  EXPECT_EQ(to_string(*parse_fill("zeros")), "zeros");
  EXPECT_EQ(to_string(*parse_fill("choice:1|2|0x3F800000,seed=1")), "choice:1|2|0x3F800000,seed=1");
}

TEST(FillText, RefusalsNameWhatIsWrong) {
  EXPECT_NE(refusal("gauss").find("unknown fill 'gauss', expected one of bf16-grid, choice"), std::string::npos);
  EXPECT_NE(refusal("normal:width=2").find("unknown argument 'width'"), std::string::npos);
  EXPECT_NE(refusal("normal:2").find("expected KEY=VALUE"), std::string::npos);
  EXPECT_NE(refusal("normal:scale=").find("no value"), std::string::npos);
  EXPECT_NE(refusal("normal:scale=1,scale=2").find("twice"), std::string::npos);
  EXPECT_NE(refusal("normal:scale=big").find("finite number"), std::string::npos);
  EXPECT_NE(refusal("normal:scale=inf").find("finite number"), std::string::npos);
  EXPECT_NE(refusal("normal:seed=-1").find("seed '-1'"), std::string::npos);
  EXPECT_NE(refusal("uniform:lo=2,hi=1").find("lo is above hi"), std::string::npos);
  EXPECT_NE(refusal("uniform:lo=1e30,hi=1e-30").find("differ by more"), std::string::npos);
  EXPECT_NE(refusal("uniform:hi=300", DType::i8).find("expected -128 to 127"), std::string::npos);
  EXPECT_NE(refusal("constant").find("neither"), std::string::npos);
  EXPECT_NE(refusal("constant:0x1FF", DType::i8).find("8 bits"), std::string::npos);
  EXPECT_NE(refusal("constant:1.5", DType::i32).find("not a value"), std::string::npos);
  EXPECT_NE(refusal("choice:1||2").find("neither"), std::string::npos);
  EXPECT_NE(refusal("order-sensitive", DType::i32).find("do not depend"), std::string::npos);
  EXPECT_NE(refusal("order-sensitive", DType::e4m3fn).find("exact in f32"), std::string::npos);
  EXPECT_NE(refusal("ties", DType::i8).find("rounding point"), std::string::npos);
  EXPECT_NE(refusal("half-step", DType::bf16).find("not a value"), std::string::npos);
  EXPECT_NE(refusal("exact-sum:max=300", DType::bf16).find("not a value"), std::string::npos);
  EXPECT_NE(refusal("sign=+").find("unknown fill"), std::string::npos);
  EXPECT_NE(refusal("half-step:sign=minus").find("both, + or -"), std::string::npos);
}

TEST(FillText, CountsAreIntegersInRange) {
  EXPECT_NE(refusal("counts").find("counts are integers"), std::string::npos);
  EXPECT_NE(refusal("counts:max=0", DType::i32).find("max is 0, expected 1 to"), std::string::npos);
  EXPECT_NE(refusal("counts:max=128", DType::i8).find("expected 1 to 127"), std::string::npos);
  EXPECT_NE(refusal("counts:experts=33", DType::i32).find("expected 1 to 32"), std::string::npos);
}

TEST(FillText, DamagedTextsNeverCrash) {
  int accepted = 0;
  for (const std::string_view text :
       {"uniform:lo=-1.5,hi=1e3", "choice:0x3F800000|1.5|-2", "normal:scale=0.1,mean=-3,seed=9",
        "quant-ties:lo=-4,hi=4", "exact-sum:max=8,bits=24", "grid:exp=-3,max=16", "odd:lo=87,hi=127,sign=+"})
    for (std::uint64_t i = 0; i < 3000; ++i)
      for (const DType dtype : {DType::f32, DType::e4m3fnuz, DType::i8}) {
        Tensor tensor(dtype, {3, 5});
        accepted += fill(tensor, mutate_text(text, i), 1, "x").has_value();
      }
  EXPECT_GT(accepted, 1000);
}

// Digests of what each fill writes into every dtype it accepts. A change of bytes invalidates every stored case, so it
// has to be deliberate: then the new digest goes here and the change into the release notes.
TEST(Fill, BytesArePinned) {
  const std::map<std::string_view, std::string_view> pinned{
      {"bf16-grid", "6c278b3c12a4379d2a39b8c15fe11926"},
      {"choice", "75a634cdd2c74891ff89a073bb7af4c2"},
      {"constant", "a99ee380c2e5585da2adecf57b3f1615"},
      {"counts", "7c0c8c3763af439e0913f024b7cf5321"},
      {"exact-sum", "4264595519849caafec35a1bfe6f2479"},
      {"grid", "cc335162af270fbf52aea7380edbadd4"},
      {"half-integers", "f0d684bf55a5bf4ec1b307e65d4c81ee"},
      {"half-step", "5be661b13ef31a0c98a51df7e8a5aacc"},
      {"normal", "ccefaadf12dadd5403de40d8074e72f9"},
      {"odd", "da5c14aa3db171486ca6133ac94f1449"},
      {"odd-significand", "9440e09c7673241bb2e7cefea7126969"},
      {"order-sensitive", "f5946a9fd8967acbca1fb6238352b295"},
      {"quant-ties", "fc2e857d937be6c8c3534321b56ac640"},
      {"routes", "8f8ea06192b459f827771cdef1d86c5a"},
      {"specials", "93a5990e9de111ff55bf2824034e9361"},
      {"tagged", "33f4d2ec9cf9c6429d1c63990789282d"},
      {"ties", "db34d457d94396ee6defb3f5f84a35a6"},
      {"uniform", "85e083e673e2427ec5c8fafee4c0aebf"},
      {"zeros", "5cda50ce8e6e6384f9636c2d914153ed"},
  };
  for (const std::string_view name : fill_names()) {
    std::string all;
    for (const DTypeInfo& row : kDTypes) {
      if (row.dtype == DType::e8m0) continue;  // filled as u8; younger than the digests
      Tensor tensor(row.dtype, {5, 37, 2});
      std::string text(name);
      if (name == "constant") text += ":1";
      if (name == "choice") text += ":1|2";
      if (name == "routes") text += ":experts=100";
      if (fill(tensor, text, 42, "pinned")) all += fmt::format("{} {}\n", row.name, sha256_hex(tensor.bytes()));
    }
    const auto digest = sha256_hex(std::as_bytes(std::span(all))).substr(0, 32);
    ASSERT_TRUE(pinned.contains(name)) << name;
    EXPECT_EQ(digest, pinned.at(name)) << name;
  }
}

std::multiset<std::uint64_t> held(const Tensor& tensor, std::int64_t first, std::int64_t count) {
  std::multiset<std::uint64_t> values;
  for (std::int64_t i = first; i < first + count; ++i) values.insert(tensor.bits(i));
  return values;
}

TEST(Fill, CountsHoldEveryEdgeOfATileOnceEachRun) {
  const Tensor counts = filled("counts:max=32", DType::i32, {21});
  for (const std::int64_t run : {0, 7, 14})
    EXPECT_EQ(held(counts, run, 7), (std::multiset<std::uint64_t>{0, 1, 15, 16, 17, 31, 32})) << run;
  EXPECT_NE(held(counts, 1, 7), held(counts, 0, 7));  // every run has an order of its own
  EXPECT_NE(counts, filled("counts:max=32", DType::i32, {21}, 2));
  EXPECT_EQ(held(filled("counts:max=16", DType::i32, {4}), 0, 4), (std::multiset<std::uint64_t>{0, 1, 15, 16}));
}

TEST(Fill, CountsOfAFewExperts) {
  const Tensor one = filled("counts:max=32,experts=1", DType::i32, {8});
  EXPECT_EQ(held(one, 0, 8), (std::multiset<std::uint64_t>{0, 0, 0, 0, 0, 0, 0, 32}));
  std::set<std::uint64_t> places;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const Tensor drawn = filled("counts:max=3,experts=1", DType::i32, {4}, seed);
    for (std::uint64_t i = 0; i < 4; ++i)
      if (drawn.bits(static_cast<std::int64_t>(i)) != 0) places.insert(i);
  }
  EXPECT_EQ(places.size(), 4U);
}

TEST(Fill, SeedStreamAndArgumentDecide) {
  const Tensor base = filled("normal", DType::f32, {64});
  EXPECT_EQ(base, filled("normal", DType::f32, {64}));
  EXPECT_NE(base, filled("normal", DType::f32, {64}, 2));
  EXPECT_NE(base, filled("normal", DType::f32, {64}, 1, "y"));
  EXPECT_EQ(filled("normal:seed=7", DType::f32, {64}, 1), filled("normal", DType::f32, {64}, 7));
}

TEST(Fill, ALongerTensorBeginsWithTheShorterOne) {
  for (const std::string_view text : {"normal", "uniform", "specials", "order-sensitive", "ties", "grid"}) {
    const Tensor small = filled(text, DType::f32, {100}), large = filled(text, DType::f32, {1000});
    for (std::int64_t i = 0; i < 100; ++i) ASSERT_EQ(small.bits(i), large.bits(i)) << text << " " << i;
  }
}

TEST(Fill, NarrowTypesCutTheSameNumbers) {
  const Tensor wide = filled("normal", DType::f32, {500}), narrow = filled("normal", DType::bf16, {500});
  for (std::int64_t i = 0; i < 500; ++i) EXPECT_EQ(wide.bits(i) >> 16, narrow.bits(i));
}

TEST(Fill, NormalHasItsMoments) {
  const Tensor tensor = filled("normal:mean=3,scale=0.5", DType::f32, {200000});
  double sum = 0, squares = 0, cubes = 0, fourths = 0;
  const auto n = static_cast<double>(tensor.size());
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const double z = (value(tensor, i) - 3) / 0.5;
    sum += z, squares += z * z, cubes += z * z * z, fourths += z * z * z * z;
    ASSERT_LT(std::abs(z), 6);
  }
  EXPECT_NEAR(sum / n, 0, 0.01);
  EXPECT_NEAR(squares / n, 1, 0.01);
  EXPECT_NEAR(cubes / n, 0, 0.03);
  EXPECT_NEAR(fourths / n, 3 - 1.2 / 12, 0.06);  // kurtosis of the sum of twelve uniform numbers
}

TEST(Fill, UniformIsUniformInRange) {
  const Tensor tensor = filled("uniform:lo=-2,hi=6", DType::f32, {80000});
  std::map<int, int> counts;
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const double v = value(tensor, i);
    ASSERT_GE(v, -2);
    ASSERT_LE(v, 6);
    ++counts[static_cast<int>(std::floor(v))];
  }
  for (int bin = -2; bin < 6; ++bin) EXPECT_NEAR(counts[bin], 10000, 500) << bin;
}

TEST(Fill, UniformIntegersReachBothEnds) {
  const Tensor tensor = filled("uniform:lo=-3,hi=2", DType::i32, {6000});
  std::map<double, int> counts;
  for (std::int64_t i = 0; i < tensor.size(); ++i) ++counts[value(tensor, i)];
  EXPECT_EQ(counts.size(), 6U);
  for (const auto& [v, count] : counts) EXPECT_NEAR(count, 1000, 150) << v;
  std::set<std::uint64_t> seen;
  const Tensor bytes = filled("uniform", DType::u8, {10000});
  for (std::int64_t i = 0; i < bytes.size(); ++i) seen.insert(bytes.bits(i));
  EXPECT_EQ(seen.size(), 256U);
  const Tensor longs = filled("uniform", DType::i64, {1000});
  int negative = 0;
  for (std::int64_t i = 0; i < longs.size(); ++i) negative += value(longs, i) < 0;
  EXPECT_NEAR(negative, 500, 80);
}

TEST(Fill, ExactSumIsExactInAnyOrder) {
  const Tensor tensor = filled("exact-sum", DType::f32, {16, 4096});
  const auto elements = tensor.as<float>();
  long long exact = 0;
  float forward = 0, backward = 0, strided = 0;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    exact += static_cast<long long>(elements[i]);
    ASSERT_EQ(elements[i], std::floor(elements[i]));
    forward += elements[i];
    backward += elements[elements.size() - 1 - i];
    strided += elements[i * 4097 % elements.size()];
  }
  EXPECT_EQ(forward, static_cast<float>(exact));
  EXPECT_EQ(backward, forward);
  EXPECT_EQ(strided, forward);
  double largest = 0;
  for (std::int64_t i = 0; i < tensor.size(); ++i) largest = std::max(largest, std::abs(value(tensor, i)));
  EXPECT_EQ(largest, 8);
}

TEST(Fill, ExactSumBoundsTheWholeTensor) {
  const Tensor tensor = filled("exact-sum:bits=12", DType::f16, {1024});
  double magnitudes = 0;
  for (std::int64_t i = 0; i < tensor.size(); ++i) magnitudes += std::abs(value(tensor, i));
  EXPECT_LE(magnitudes, 4096);
  EXPECT_GT(magnitudes, 1024);
}

TEST(Fill, OrderSensitiveSumsDependOnTheirOrder) {
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16, DType::e5m2})
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const Tensor tensor = filled("order-sensitive", dtype, {64}, seed);
      float forward = 0, backward = 0, pairs = 0;
      for (std::int64_t i = 0; i < 64; ++i) {
        forward += static_cast<float>(value(tensor, i));
        backward += static_cast<float>(value(tensor, 63 - i));
      }
      for (std::int64_t i = 0; i < 32; ++i)
        pairs += static_cast<float>(value(tensor, i)) + static_cast<float>(value(tensor, i + 32));
      EXPECT_TRUE(forward != backward || forward != pairs) << name(dtype) << " seed " << seed;
    }
}

TEST(Fill, SpecialsHoldEveryClass) {
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::e5m2}) {
    const Tensor tensor = filled("specials", dtype, {64});
    const auto* format = fills::float_format(dtype);
    const std::uint64_t least_normal = 1ULL << format->fraction_bits;
    std::set<std::uint64_t> seen;
    for (std::int64_t i = 0; i < 64; ++i) seen.insert(tensor.bits(i));
    for (const std::uint64_t bits : {std::uint64_t{0}, std::uint64_t{1}, least_normal - 1, least_normal,
                                     format->max_finite, format->infinity, format->nan, format->infinity + 1})
      for (const std::uint64_t sign : {std::uint64_t{0}, format->sign})
        EXPECT_TRUE(seen.contains(bits | sign)) << name(dtype) << fmt::format(" {:#x}", bits | sign);
    EXPECT_GT(seen.size(), 28U);  // and ordinary values
  }
  const Tensor integers = filled("specials", DType::i16, {14});
  std::set<std::uint64_t> seen;
  for (std::int64_t i = 0; i < 14; ++i) seen.insert(integers.bits(i));
  for (const std::uint64_t bits : {0x8000, 0x8001, 0, 1, 0x7FFF, 0xFFFF}) EXPECT_TRUE(seen.contains(bits)) << bits;
}

TEST(Fill, FiniteSpecialsAreFinite) {
  for (const DType dtype : float_types()) {
    const Tensor tensor = filled("specials:finite=1", dtype, {256});
    for (std::int64_t i = 0; i < tensor.size(); ++i) ASSERT_FALSE(std::isnan(value(tensor, i))) << name(dtype);
  }
}

TEST(Fill, TagsAreReadableAndUniqueWhereTheyFit) {
  const Tensor tensor = filled("tagged", DType::f32, {3, 12});
  EXPECT_EQ(value(tensor, 0), 101);
  EXPECT_EQ(value(tensor, 12 + 6), 207);
  EXPECT_EQ(value(tensor, 35), 312);
  const auto distinct = [](DType dtype, Shape shape) {
    const Tensor t = filled("tagged", dtype, std::move(shape));
    std::set<std::uint64_t> seen;
    for (std::int64_t i = 0; i < t.size(); ++i) seen.insert(t.bits(i));
    return seen.size();
  };
  EXPECT_EQ(distinct(DType::f32, {16, 4096}), 16U * 4096);
  EXPECT_EQ(distinct(DType::i32, {64, 64}), 64U * 64);
  EXPECT_EQ(distinct(DType::i8, {1, 9}), 9U);
  EXPECT_EQ(distinct(DType::i8, {16, 64}), 127U);  // falls back to the linear index modulo a prime
  EXPECT_EQ(distinct(DType::bf16, {16, 64}), 251U);
  EXPECT_EQ(distinct(DType::e2m1, {16, 64}), 3U);
  const Tensor small = filled("tagged", DType::i8, {16, 64});
  for (std::int64_t i = 0; i + 64 < small.size(); ++i) ASSERT_NE(small.bits(i), small.bits(i + 64));
}

TEST(Fill, ConstantsAndChoices) {
  EXPECT_EQ(filled("constant:1.5", DType::f32, {2}).bits(1), 0x3FC00000U);
  EXPECT_EQ(filled("constant:0.1", DType::f32, {1}).bits(0), 0x3DCCCCCDU);
  EXPECT_EQ(filled("constant:-3", DType::i16, {1}).bits(0), 0xFFFDU);
  EXPECT_EQ(filled("constant:1e3", DType::i16, {1}).bits(0), 1000U);
  EXPECT_EQ(filled("constant:0x7F", DType::e4m3fn, {1}).bits(0), 0x7FU);
  EXPECT_EQ(filled("constant:65536", DType::f16, {1}).bits(0), 0x7BFFU);
  const Tensor tensor = filled("choice:0x3F800000|-2|0", DType::f32, {300});
  std::map<std::uint64_t, int> counts;
  for (std::int64_t i = 0; i < 300; ++i) ++counts[tensor.bits(i)];
  EXPECT_EQ(counts.size(), 3U);
  EXPECT_GT(counts[0x3F800000], 60);
  EXPECT_GT(counts[0xC0000000], 60);
  EXPECT_EQ(filled("zeros", DType::f32, {3}), Tensor(DType::f32, {3}));
}

TEST(Fill, EmptyAndScalarTensors) {
  for (const std::string_view name : fill_names()) {
    std::string text(name);
    if (name == "constant" || name == "choice") text += ":1";
    if (name == "routes") text += ":experts=4";
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{3, 0}, Shape{1}}) {
      Tensor tensor(name == "counts" || name == "routes" ? DType::i32 : DType::f32, shape);
      EXPECT_TRUE(fill(tensor, text, 1, "x")) << text << to_string(shape);
    }
  }
}

TEST(FillNumber, DecodeInvertsEncodeForEveryBitPatternOfNarrowTypes) {
  for (const DTypeInfo& row : kDTypes) {
    if (row.bits > 16) continue;
    for (std::uint64_t bits = 0; bits < 1ULL << row.bits; ++bits) {
      const auto number = fills::decode(row.dtype, bits);
      if (!number || number->mantissa == 0) continue;
      ASSERT_EQ(fills::encode_exactly(row.dtype, *number), bits) << row.name << bits;
    }
  }
}

TEST(FillNumber, CutsTowardZero) {
  using fills::encode;
  EXPECT_EQ(encode(DType::bf16, {0x1FF, -8}), 0x3FFFU);  // 1.99609375 keeps 1.9921875
  EXPECT_EQ(encode(DType::i8, {-5, -1}), 0xFEU);         // -2.5 keeps -2
  EXPECT_EQ(encode(DType::i8, {1000, 0}), 127U);
  EXPECT_EQ(encode(DType::u8, {-1000, 0}), 0U);
  EXPECT_EQ(encode(DType::f32, {1, 500}), 0x7F7FFFFFU);
  EXPECT_EQ(encode(DType::f32, {1, -149}), 1U);
  EXPECT_EQ(encode(DType::f32, {1, -150}), 0U);
  EXPECT_EQ(encode(DType::e4m3fnuz, {-1, -40}), 0U);  // has no negative zero
  EXPECT_FALSE(fills::encode_exactly(DType::bf16, {0x1FF, -8}));
  EXPECT_FALSE(fills::decode(DType::f32, 0x7F800000));
  EXPECT_FALSE(fills::decode(DType::e4m3fn, 0x7F));
}

TEST(Routes, RowsHoldDistinctIdsAndReachAll) {
  const Tensor ids = filled("routes:experts=7", DType::i32, {200, 3});
  std::map<std::int32_t, int> uses;
  for (std::int64_t row = 0; row < 200; ++row) {
    std::set<std::int32_t> distinct;
    for (std::int64_t k = 0; k < 3; ++k) {
      const std::int32_t id = ids.as<std::int32_t>()[static_cast<std::size_t>(row * 3 + k)];
      EXPECT_TRUE(id >= 0 && id < 7) << id;
      distinct.insert(id);
      ++uses[id];
    }
    EXPECT_EQ(distinct.size(), 3U) << row;
  }
  ASSERT_EQ(uses.size(), 7U);
  for (const auto& [id, count] : uses) EXPECT_TRUE(count > 50 && count < 120) << id << ": " << count;
  const Tensor hot = filled("routes:experts=4,hot=2", DType::i32, {50, 2});
  for (std::size_t row = 0; row < 50; ++row) {
    EXPECT_EQ(hot.as<std::int32_t>()[2 * row], 2);
    EXPECT_NE(hot.as<std::int32_t>()[2 * row + 1], 2);
  }
}

TEST(Routes, RefusesWhatIsNoRoute) {
  EXPECT_NE(refusal("routes:experts=3", DType::i32, {2, 4}).find("rows of 4 distinct ids, of 3 experts"),
            std::string::npos);
  EXPECT_NE(refusal("routes", DType::i32).find("'experts' is missing"), std::string::npos);
  EXPECT_NE(refusal("routes:experts=8").find("integers"), std::string::npos);
  EXPECT_FALSE(refusal("routes:experts=8,hot=8", DType::i32).empty());
}

}  // namespace
}  // namespace assay
