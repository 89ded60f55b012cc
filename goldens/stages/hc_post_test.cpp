#include <gtest/gtest.h>

#include <chrono>

#include "goldens/exact/float_ops.h"
#include "goldens/exact/rounding.h"
#include "goldens/relations/relation_test_support.h"
#include "goldens/stages/stage_test_support.h"

namespace assay::goldens {
namespace {

using Draw = float (FloatSamples::*)();

StageCall random_call(FloatSamples& samples, std::int64_t tokens, std::int64_t streams, std::int64_t channels,
                      Draw draw = &FloatSamples::moderate) {
  return {.stage = "hc_post",
          .inputs = {{"ffn_out", random_tensor(DType::bf16, {tokens, channels}, samples, draw)},
                     {"x_hc", random_tensor(DType::bf16, {tokens, streams, channels}, samples, draw)},
                     {"post", random_tensor(DType::f32, {tokens, streams}, samples, draw)},
                     {"comb", random_tensor(DType::f32, {tokens, streams, streams}, samples, draw)}}};
}

// dsv4-chain 3.8 once more, by exact operations. fuse: bit i says whether step i rounds once; bit HC fuses the first
// product instead.
float element(const StageCall& call, std::int64_t t, std::int64_t o, std::int64_t d, unsigned fuse = 0) {
  const Tensor &x = call.inputs.at("x_hc"), &comb = call.inputs.at("comb");
  const std::int64_t streams = x.shape()[1], channels = x.shape()[2];
  const float ffn = at(call.inputs.at("ffn_out"), t * channels + d);
  const float post = at(call.inputs.at("post"), t * streams + o);
  float y = exact::multiply(ffn, post);
  for (std::int64_t i = 0; i < streams; ++i) {
    const float a = at(x, (t * streams + i) * channels + d), b = at(comb, (t * streams + i) * streams + o);
    if (i == 0 && (fuse >> streams & 1))
      y = exact::multiply_add(ffn, post, exact::multiply(a, b));
    else
      y = (fuse >> i & 1) ? exact::multiply_add(a, b, y) : exact::add(y, exact::multiply(a, b));
  }
  return y;
}

float to_bf16(float x) { return decode_bf16(static_cast<std::uint16_t>(round_exact(kBf16, x, Rounding::rint))); }

template <class Check>
void for_elements(const StageCall& call, Check check) {
  const Shape& shape = call.inputs.at("x_hc").shape();
  for (std::int64_t t = 0; t < shape[0]; ++t)
    for (std::int64_t o = 0; o < shape[1]; ++o)
      for (std::int64_t d = 0; d < shape[2]; ++d) check((t * shape[1] + o) * shape[2] + d, t, o, d);
}

TEST(HcPost, EqualsExactArithmetic) {
  FloatSamples samples(31);
  for (const Draw draw : {&FloatSamples::any, &FloatSamples::coarse, &FloatSamples::moderate}) {
    const StageCall call = random_call(samples, 2, 4, 8, draw);
    const GoldenOutput y = call.output("y");
    EXPECT_EQ(y.value.shape(), (Shape{2, 4, 8}));
    for_elements(call, [&](std::int64_t i, auto t, auto o, auto d) {
      ASSERT_TRUE(same_float(at(y.value, i), to_bf16(element(call, t, o, d))));
    });
  }
}

// A permutation matrix: input stream i goes to output stream (i + 1) mod 3, so comb read as [out][in] would show.
TEST(HcPost, CombIsInByOut) {
  FloatSamples samples(32);
  StageCall call = random_call(samples, 1, 3, 5);
  call.inputs.at("post") = f32_tensor({1, 3}, {0, 0, 0});
  call.inputs.at("comb") = f32_tensor({1, 3, 3}, {0, 1, 0, 0, 0, 1, 1, 0, 0});
  const GoldenOutput y = call.output("y");
  for (std::int64_t i = 0; i < 3; ++i)
    for (std::int64_t d = 0; d < 5; ++d)
      EXPECT_EQ(at(y.value, (i + 1) % 3 * 5 + d), at(call.inputs.at("x_hc"), i * 5 + d));
}

// Seed bug B04: on the tie 1 + 2^-8 the published kernel's ROUND gives the odd neighbour.
TEST(HcPost, StoresRint) {
  const StageCall call{.stage = "hc_post",
                       .inputs = {{"ffn_out", bf16_tensor({1, 1}, {1})},
                                  {"x_hc", bf16_tensor({1, 1, 1}, {1})},
                                  {"post", f32_tensor({1, 1}, {1})},
                                  {"comb", f32_tensor({1, 1, 1}, {0x1p-8f})}}};
  EXPECT_EQ(call.output("y").value.bits(0), 0x3F80u);
}

// 2^24 + 1 - 2^24: from the left the one is lost.
TEST(HcPost, AddsStreamsInOrder) {
  const StageCall call{.stage = "hc_post",
                       .inputs = {{"ffn_out", bf16_tensor({1, 1}, {0x1p24f})},
                                  {"x_hc", bf16_tensor({1, 2, 1}, {1, -0x1p24f})},
                                  {"post", f32_tensor({1, 2}, {1, 1})},
                                  {"comb", f32_tensor({1, 2, 2}, {1, 1, 1, 1})}}};
  EXPECT_EQ(at(call.output("y").value, 0), 0.0f);
}

// The first stream nearly cancels the product and the others are small, so that what a step rounds off decides bf16.
StageCall cancelling_call(FloatSamples& samples) {
  StageCall call = random_call(samples, 2, 3, 6);
  const auto ffn = call.inputs.at("ffn_out").as<std::uint16_t>();
  const auto x = call.inputs.at("x_hc").as<std::uint16_t>();
  const auto post = call.inputs.at("post").as<float>(), comb = call.inputs.at("comb").as<float>();
  for (std::size_t t = 0; t < 2; ++t) {
    for (std::size_t d = 0; d < 6; ++d) x[t * 18 + d] = ffn[t * 6 + d];
    for (std::size_t o = 0; o < 3; ++o) {
      comb[t * 9 + o] = std::nextafter(-post[t * 3 + o], samples.moderate());
      comb[t * 9 + 3 + o] *= 0x1p-24f;
      comb[t * 9 + 6 + o] *= 0x1p-24f;
    }
  }
  return call;
}

TEST(HcPost, EnclosesEveryContraction) {
  FloatSamples samples(33);
  int wide = 0;
  std::vector<StageCall> calls{cancelling_call(samples), cancelling_call(samples)};
  for (const Draw draw : {&FloatSamples::coarse, &FloatSamples::moderate, &FloatSamples::any})
    calls.push_back(random_call(samples, 2, 3, 6, draw));
  for (StageCall& call : calls) {
    const GoldenOutput strict = call.output("y");
    EXPECT_TRUE(is_determined(strict));
    call.profile = contracting();
    const GoldenOutput y = call.output("y");
    EXPECT_EQ(y.value, strict.value);
    EXPECT_TRUE(is_enclosed(y));
    for_elements(call, [&](std::int64_t i, auto t, auto o, auto d) {
      wide += y.lo.bits(i) != y.hi.bits(i);
      if (y.open[static_cast<std::size_t>(i)]) return;
      for (unsigned fuse = 0; fuse < 16; ++fuse) {
        const float value = to_bf16(element(call, t, o, d, fuse));
        const bool nan = std::isnan(value);
        ASSERT_TRUE(nan ? std::isnan(at(y.lo, i)) : at(y.lo, i) <= value && value <= at(y.hi, i)) << fuse;
      }
    });
  }
  EXPECT_GT(wide, 0);
}

// The first stream cancels the product up to its rounding error, which only a fused step keeps.
TEST(HcPost, ContractionShowsInBf16) {
  const float a = 1 + 0x1p-7f, b = 1 + 0x1p-23f;
  StageCall call{.stage = "hc_post",
                 .inputs = {{"ffn_out", bf16_tensor({1, 1}, {-a})},
                            {"x_hc", bf16_tensor({1, 1, 1}, {a})},
                            {"post", f32_tensor({1, 1}, {b})},
                            {"comb", f32_tensor({1, 1, 1}, {b})}}};
  EXPECT_EQ(at(call.output("y").value, 0), 0.0f);
  call.profile = contracting();
  const GoldenOutput y = call.output("y");
  const double error = static_cast<double>(a) * b - static_cast<double>(a * b);
  EXPECT_EQ(at(y.hi, 0), to_bf16(static_cast<float>(std::fabs(error))));
  EXPECT_EQ(at(y.lo, 0), -at(y.hi, 0));
}

// -infinity plus a product that overflows when it is rounded on its own: NaN; fused: -infinity. No interval says that.
TEST(HcPost, NanOrNumberIsOpenUnderContraction) {
  StageCall call{.stage = "hc_post",
                 .inputs = {{"ffn_out", bf16_tensor({1, 2}, {-std::numeric_limits<float>::infinity(), 1})},
                            {"x_hc", bf16_tensor({1, 1, 2}, {0x1p127f, 1})},
                            {"post", f32_tensor({1, 1}, {1})},
                            {"comb", f32_tensor({1, 1, 1}, {4})}}};
  EXPECT_TRUE(std::isnan(at(call.output("y").value, 0)));
  EXPECT_TRUE(is_determined(call.output("y")));
  call.profile = contracting();
  EXPECT_EQ(call.output("y").open, (std::vector<std::uint8_t>{1, 0}));
}

TEST(HcPost, RowsAndPowersOfTwo) {
  FloatSamples samples(34);
  StageCall call = random_call(samples, 4, 4, 16);
  const std::vector<std::string> all{"ffn_out", "x_hc", "post", "comb"};
  EXPECT_TRUE(commutes_with_rows(call, all));
  const GoldenOutput plain = call.output("y");
  for (const char* name : {"ffn_out", "x_hc"}) call.inputs.at(name) = times_power_of_two(call.inputs.at(name), -3);
  EXPECT_EQ(call.output("y").value, times_power_of_two(plain.value, -3));
  call.profile = contracting();
  EXPECT_TRUE(commutes_with_rows(call, all));
}

// HEAD: x_hc and y are float32 and nothing rounds at the store.
TEST(HcPost, HeadStoresFloat32) {
  FloatSamples samples(36);
  StageCall call = random_call(samples, 2, 4, 8);
  call.inputs.at("x_hc") = random_tensor(DType::f32, {2, 4, 8}, samples);
  EXPECT_FALSE(call.run());  // P772's stream is bf16
  call.options["profile"] = "head";
  const GoldenOutput y = call.output("y");
  EXPECT_EQ(y.value.dtype(), DType::f32);
  for_elements(call, [&](std::int64_t i, auto t, auto o, auto d) {
    ASSERT_TRUE(same_float(at(y.value, i), element(call, t, o, d)));
  });
  call.profile = contracting();
  const GoldenOutput enclosed = call.output("y");
  for_elements(call, [&](std::int64_t i, auto t, auto o, auto d) {
    for (unsigned fuse = 0; fuse < 32; ++fuse) {
      const float value = element(call, t, o, d, fuse);
      ASSERT_TRUE(at(enclosed.lo, i) <= value && value <= at(enclosed.hi, i)) << fuse;
    }
  });
}

// Seed bug B04, the published store, in either freedom: 1 + r / 64 + 2^-8 lies halfway, above an even neighbour.
TEST(HcPost, RoundInsteadOfRintFallsOutside) {
  FloatSamples samples(37);
  StageCall call = random_call(samples, 2, 4, 64);
  for (const char* name : {"x_hc", "post"})
    for (std::int64_t i = 0; i < call.inputs.at(name).size(); ++i)
      call.inputs.at(name).set_bits(i, call.inputs.at(name).dtype() == DType::bf16 ? 0x3F80 : 0x3F800000);
  for (std::int64_t i = 0; i < 32; ++i) call.inputs.at("comb").set_bits(i, i % 16 < 4 ? 0x3B800000 : 0);  // 2^-8
  for (std::int64_t i = 0; i < 128; ++i)
    call.inputs.at("ffn_out").set_bits(i, 0x3F80u + 2 * static_cast<std::uint32_t>(i % 64));
  for (const Profile& profile : {Profile{}, contracting()}) {
    call.profile = profile;
    const GoldenOutput y = call.output("y");
    for_elements(call, [&](std::int64_t i, auto t, auto o, auto d) {
      const auto away = static_cast<std::uint16_t>(round_exact(kBf16, element(call, t, o, d), Rounding::round));
      ASSERT_GT(decode_bf16(away), at(y.hi, i));
    });
  }
}

TEST(HcPost, TransposedCombFallsOutside) {
  FloatSamples samples(39);
  StageCall call = random_call(samples, 2, 4, 64);
  call.profile = contracting();
  const GoldenOutput y = call.output("y");
  StageCall turned = call;
  for (std::int64_t i = 0; i < 32; ++i)
    turned.inputs.at("comb").set_bits(i, call.inputs.at("comb").bits(i / 16 * 16 + i % 4 * 4 + i % 16 / 4));
  int outside = 0;
  for_elements(call, [&](std::int64_t i, auto t, auto o, auto d) {
    const float value = to_bf16(element(turned, t, o, d));
    outside += value < at(y.lo, i) || value > at(y.hi, i);
  });
  EXPECT_GT(outside, 256);
}

TEST(HcPost, RelationsHold) {
  FloatSamples samples(38);
  for (const Profile& profile : {Profile{}, contracting()}) {
    StageCall call = random_call(samples, 4, 4, 16);
    call.profile = profile;
    EXPECT_TRUE(relations_hold(call));
    EXPECT_EQ(broken_port(call), "");
  }
}

TEST(HcPost, ProductionShapeTakesMilliseconds) {
  FloatSamples samples(35);
  StageCall call = random_call(samples, 16, 4, 4096);
  const auto milliseconds = [&] {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_TRUE(call.run());
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  };
  RecordProperty("strict_ms", std::to_string(milliseconds()));
  call.profile = contracting();
  RecordProperty("contracting_ms", std::to_string(milliseconds()));
}

}  // namespace
}  // namespace assay::goldens
