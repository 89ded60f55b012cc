#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "goldens/intranode/combine_fabric.h"
#include "goldens/intranode/judge.h"
#include "goldens/relations/relation_test_support.h"

namespace assay::goldens {
namespace {

using intranode::combine_case;
using intranode::CombineCase;
using intranode::CombineFabric;
using intranode::CombineMutant;
using intranode::Configuration;
using intranode::first_mismatch;
using intranode::naive_narrow_small;
using intranode::naive_widen;
using intranode::open_elements;
using intranode::RoutingKind;
using intranode::Worlds;

std::string_view overflow_name(Overflow overflow) {
  return overflow == Overflow::nonsat ? "nonsat" : overflow == Overflow::satfinite ? "satfinite" : "satall";
}

StageCall combine_call(const CombineCase& c) {
  StageCall call{.stage = "intranode_combine",
                 .inputs = intranode::routing_of(c.dispatch_inputs, c.delivery),
                 .parameters = {{"epr", c.config.epr}, {"cap", c.config.cap}},
                 .options = {{"sentinel", "drop"}}};
  call.inputs["y"] = c.rows;
  call.inputs["recv_weights"] = c.weights;
  const DType dtype = c.rows.dtype();
  if (c.wire) {
    call.options["quant"] = "fp8_direct_cast";
    call.options["wire"] = name(*c.wire);
  }
  if (c.wire || dtype == DType::e4m3fn || dtype == DType::e4m3fnuz)
    call.options["overflow"] = overflow_name(c.overflow);
  return call;
}

CombineCase random_case(Worlds& worlds) {
  const Configuration config = worlds.configuration();
  const DType dtype = worlds.pick({DType::bf16, DType::f32, DType::e4m3fn, DType::e4m3fnuz, DType::e2m1});
  CombineCase c = combine_case(worlds, config, dtype, worlds.below(4) == 0);
  c.overflow = worlds.pick({Overflow::nonsat, Overflow::satfinite, Overflow::satall});
  if (dtype == DType::bf16 && worlds.samples.coin()) c.wire = worlds.pick({DType::e4m3fn, DType::e4m3fnuz});
  return c;
}

void expect_accepts_a_subject(std::uint64_t seed) {
  Worlds worlds(seed);
  const CombineCase c = random_case(worlds);
  const auto golden = combine_call(c).run();
  ASSERT_TRUE(golden) << golden.error().message;
  for (const bool start_with_first : {false, true})
    EXPECT_EQ(first_mismatch(*golden, CombineFabric(c, worlds, start_with_first).combine(), false), "") << seed;
  std::int64_t tokens = 0;
  for (const std::int32_t count : c.dispatch_inputs.at("tokens").as<std::int32_t>()) tokens += count;
  EXPECT_EQ(open_elements(golden->at("out")), (c.config.ws * c.config.m - tokens) * c.config.h);
  EXPECT_EQ(open_elements(golden->at("out_weights")), (c.config.ws * c.config.m - tokens) * c.config.k);
}

TEST(IntranodeCombine, AcceptsEverySubject) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) expect_accepts_a_subject(seed);
}
RC_GTEST_PROP(IntranodeCombine, AcceptsAnySubject, (std::uint64_t seed)) { expect_accepts_a_subject(seed); }

// A mutant is rejected exactly where its answer is another one.
TEST(IntranodeCombine, RejectsMutants) {
  for (int mutant = 1; mutant < intranode::kCombineMutants; ++mutant) {
    int different = 0;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      Worlds worlds(seed * 1000 + static_cast<std::uint64_t>(mutant));
      const CombineCase c = random_case(worlds);
      const GoldenMap golden = combine_call(c).run().value();
      const TensorMap right = CombineFabric(c, worlds, false).combine(),
                      wrong = CombineFabric(c, worlds, seed % 2 == 0, static_cast<CombineMutant>(mutant)).combine();
      const bool differs = answers_differ(c.config, c.dispatch_inputs, right, wrong);
      EXPECT_EQ(!first_mismatch(golden, wrong, false).empty(), differs) << "mutant " << mutant << ", seed " << seed;
      different += differs;
    }
    EXPECT_GE(different, 2) << "mutant " << mutant;
  }
}

// ---- closed forms (3.5)

// One token on rank 0 of `ws` ranks, its j-th expert on PE j; row j of `rows` is what PE j computed for it.
CombineCase one_token(DType dtype, const std::vector<float>& addends) {
  const auto ws = static_cast<std::int64_t>(addends.size());
  Worlds worlds(1);
  CombineCase c{{.ws = ws, .m = 1, .h = 32, .k = ws, .epr = 1, .dtype = dtype},
                {},
                {},
                Tensor(dtype, {ws, ws, 32}),
                Tensor(DType::f32, {ws, ws, ws}),
                {}};
  c.dispatch_inputs = worlds.dispatch_inputs(c.config);
  for (std::int64_t j = 0; j < ws; ++j) {
    c.dispatch_inputs["indices"].set_bits(j, static_cast<std::uint64_t>(j));
    c.dispatch_inputs["tokens"].set_bits(j, j == 0);
    for (std::int64_t h = 0; h < 32; ++h) {
      const float value = addends[static_cast<std::size_t>(j)];
      c.rows.set_bits(j * ws * 32 + h, intranode::naive_narrow(dtype, value, Overflow::nonsat));
    }
  }
  c.delivery = intranode::Fabric(c.config, c.dispatch_inputs, worlds).dispatch(false);
  return c;
}

float sum_of(const CombineCase& c) {
  const GoldenOutput out = combine_call(c).output("out");
  EXPECT_EQ(out.lo, out.value);
  EXPECT_EQ(out.hi, out.value);
  EXPECT_FALSE(out.open[0]);
  return naive_widen(out.value.dtype(), out.value.bits(0));
}

TEST(IntranodeCombine, AddsInAscendingOrder) {
  EXPECT_EQ(sum_of(one_token(DType::bf16, {0x1p24f, 1, -0x1p24f, 1})), 1.0F);
  EXPECT_EQ(sum_of(one_token(DType::bf16, {1, -0x1p24f, 1, 0x1p24f})), 2.0F);
  EXPECT_EQ(sum_of(one_token(DType::f32, {0x1p24f, 1, -0x1p24f, 1})), 1.0F);
}

TEST(IntranodeCombine, DirectCastQuantisesAddends) {
  CombineCase c = one_token(DType::bf16, std::vector<float>(8, 1.0625F));
  EXPECT_EQ(sum_of(c), 8.5F);
  c.wire = DType::e4m3fn;
  EXPECT_EQ(sum_of(c), 8.0F);
  c = one_token(DType::bf16, {240});
  c.wire = DType::e4m3fnuz;
  EXPECT_EQ(sum_of(c), 240.0F);
  c = one_token(DType::bf16, {248});
  c.wire = DType::e4m3fnuz;
  EXPECT_TRUE(std::isnan(sum_of(c)));
  c.overflow = Overflow::satfinite;
  EXPECT_EQ(sum_of(c), 240.0F);
}

// 3.2: what an infinity gives is what tells satfinite from satall.
TEST(IntranodeCombine, OverflowPolicies) {
  const float inf = std::numeric_limits<float>::infinity();
  for (const auto& [x, overflow, expected] : {std::tuple{464.0F, Overflow::nonsat, 448.0F},
                                              {472.0F, Overflow::nonsat, NAN},
                                              {inf, Overflow::nonsat, NAN},
                                              {472.0F, Overflow::satfinite, 448.0F},
                                              {inf, Overflow::satfinite, NAN},
                                              {472.0F, Overflow::satall, 448.0F},
                                              {inf, Overflow::satall, 448.0F},
                                              {-inf, Overflow::satall, -448.0F}}) {
    CombineCase c = one_token(DType::bf16, {x});
    c.wire = DType::e4m3fn;
    c.overflow = overflow;
    EXPECT_TRUE(same_float(std::isnan(expected) ? NAN : expected, sum_of(c))) << x << " " << overflow_name(overflow);
  }
}

// A token that reaches nobody is +0, whichever way a sum starts.
TEST(IntranodeCombine, SumOfNone) {
  CombineCase c = one_token(DType::bf16, {1, 2});
  c.dispatch_inputs["indices"].set_bits(0, static_cast<std::uint64_t>(-1));
  c.dispatch_inputs["indices"].set_bits(1, 2);
  Worlds worlds(1);
  c.delivery = intranode::Fabric(c.config, c.dispatch_inputs, worlds).dispatch(false);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(sum_of(c)), 0u);
}

TEST(IntranodeCombine, SmallFormatsOverflow) {
  EXPECT_EQ(sum_of(one_token(DType::e4m3fn, std::vector<float>(8, 56))), 448.0F);
  CombineCase c = one_token(DType::e4m3fn, std::vector<float>(8, 60));
  EXPECT_TRUE(std::isnan(sum_of(c)));
  c.overflow = Overflow::satfinite;
  EXPECT_EQ(sum_of(c), 448.0F);
  EXPECT_EQ(sum_of(one_token(DType::e2m1, std::vector<float>(8, 0.5F))), 4.0F);
  EXPECT_EQ(sum_of(one_token(DType::e2m1, std::vector<float>(8, 1))), 6.0F);
  EXPECT_EQ(sum_of(one_token(DType::e2m1, std::vector<float>(8, -1))), -6.0F);
}

// bf16 1 + 2^-8 is a tie and goes to 1.
TEST(IntranodeCombine, NarrowsToNearestEven) {
  EXPECT_EQ(sum_of(one_token(DType::bf16, {1, 0x1p-8f})), 1.0F);
  EXPECT_EQ(sum_of(one_token(DType::bf16, {1, 0x1p-8f, 0x1p-20f})), 1 + 0x1p-7f);
}

// Seed bug B15: -0 from the first addend and +0 from zero are both legal where all addends are -0, and only there.
TEST(IntranodeCombine, SignOfZero) {
  for (const DType dtype : {DType::bf16, DType::f32, DType::e4m3fn, DType::e2m1}) {
    const GoldenOutput both = combine_call(one_token(dtype, {-0.0F, -0.0F})).output("out");
    EXPECT_TRUE(std::signbit(naive_widen(dtype, both.lo.bits(0)))) << name(dtype);
    EXPECT_EQ(both.hi.bits(0), 0u);
    EXPECT_EQ(both.value.bits(0), 0u);
    EXPECT_FALSE(both.open[0]);
    for (const auto& addends : {std::vector<float>{-0.0F, 0.0F}, {1, -1}, {0.0F}})
      EXPECT_EQ(std::bit_cast<std::uint32_t>(sum_of(one_token(dtype, addends))), 0u) << name(dtype);
  }
  CombineCase c = one_token(DType::bf16, {-0.0F, -0x1p-20f});  // both -0 on the wire
  c.wire = DType::e4m3fn;
  EXPECT_EQ(combine_call(c).output("out").lo.bits(0), 0x8000u);
  c.wire = DType::e4m3fnuz;
  EXPECT_EQ(combine_call(c).output("out").lo.bits(0), 0u);
  EXPECT_EQ(sum_of(one_token(DType::e4m3fnuz, {0, 0})), 0.0F);
}

// Identity experts: out = U * x and out_weights = U * w, U the number of accepted PEs (1.7).
TEST(IntranodeCombine, IdentityExpertsCountPes) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Worlds worlds(seed);
    Configuration config = worlds.configuration();
    config.dtype = worlds.pick({DType::bf16, DType::f32});
    CombineCase c{config, worlds.dispatch_inputs(config), {}, {}, {}, {}};
    for (const char* port : {"x", "weights"}) {
      Tensor& values = c.dispatch_inputs[port];
      for (std::int64_t i = 0; i < values.size(); ++i)
        values.set_bits(
            i, intranode::naive_narrow(values.dtype(), static_cast<float>(worlds.below(31)) - 15.0F, Overflow::nonsat));
    }
    c.delivery = intranode::Fabric(config, c.dispatch_inputs, worlds).dispatch(false);
    c.rows = c.delivery.outputs["tok"];
    c.weights = c.delivery.outputs["wts"];
    StageCall call = combine_call(c);
    const GoldenMap golden = call.run().value();
    std::map<std::int64_t, int> accepted;
    for (const auto& [key, place] : c.delivery.map) ++accepted[key.first];
    for (const auto& [output, port] : {std::pair{"out", "x"}, std::pair{"out_weights", "weights"}}) {
      const GoldenOutput& out = golden.at(output);
      const Tensor& from = c.dispatch_inputs.at(port);
      for (std::int64_t i = 0; i < from.size(); ++i) {
        if (out.open[static_cast<std::size_t>(i)]) continue;
        const int u = accepted[i / from.shape()[2]];
        EXPECT_EQ(naive_widen(from.dtype(), out.value.bits(i)),
                  static_cast<float>(u) * naive_widen(from.dtype(), from.bits(i)));
      }
    }
    call.inputs.erase("recv_weights");  // the delivered ones are the default
    call.inputs["weights"] = c.dispatch_inputs["weights"];
    EXPECT_EQ(call.output("out_weights").value, golden.at("out_weights").value);
    call.inputs.erase("weights");
    EXPECT_FALSE(call.run().value().contains("out_weights"));
  }
}

// fp8 and fp4 sums, and the sums of fp8_direct_cast, are exact: integers in units of 2^-10, rounded once.
TEST(IntranodeCombine, SmallSumsAreExact) {
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    Worlds worlds(seed);
    Configuration config = worlds.configuration();
    config.cap = 0;
    const DType dtype = worlds.pick({DType::e4m3fn, DType::e4m3fnuz, DType::e2m1, DType::bf16});
    CombineCase c = combine_case(worlds, config, dtype, false);
    c.overflow = Overflow::satall;
    if (dtype == DType::bf16) c.wire = worlds.pick({DType::e4m3fn, DType::e4m3fnuz});
    const GoldenOutput out = combine_call(c).output("out");
    std::map<std::int64_t, std::vector<intranode::Place>> places;
    for (const auto& [key, place] : c.delivery.map) places[key.first].push_back(place);
    for (std::int64_t i = 0; i < out.value.size(); ++i) {
      if (out.open[static_cast<std::size_t>(i)]) continue;
      std::int64_t units = 0;
      for (const auto& place : places[i / config.h]) {
        float value =
            naive_widen(dtype, c.rows.bits((place.pe * c.rows.shape()[1] + place.slot) * config.h + i % config.h));
        if (c.wire) value = naive_widen(*c.wire, naive_narrow_small(*c.wire, value, Overflow::satall));
        units += std::llround(std::ldexp(value, 10));
        ASSERT_EQ(static_cast<double>(std::llround(std::ldexp(value, 10))), std::ldexp(value, 10));
      }
      ASSERT_LT(std::abs(units), 1 << 24);
      const float exact = std::ldexp(static_cast<float>(units), -10);
      EXPECT_EQ(naive_widen(dtype, out.value.bits(i)),
                naive_widen(dtype, intranode::naive_narrow(dtype, exact, Overflow::satall)));
    }
  }
}

// Seed bug B21: e4m3fnuz emulated as half of e4m3fn, and encoded as e4m3fn of the double. The round trip is clean but
// for what the formats do not share; sums of two codes tell them apart in 1533 of 65536 pairs (1.11) where finite
// overflow saturates, and in 1563 where it gives NaN.
TEST(IntranodeCombine, EmulatedFnuzDiffers) {
  Worlds worlds(2);
  const Configuration config{.ws = 2, .m = 256, .h = 256, .k = 2, .epr = 1};
  CombineCase c{config,
                worlds.dispatch_inputs(config),
                {},
                Tensor(DType::e4m3fnuz, {2, 512, 256}),
                Tensor(DType::f32, {2, 512, 2}),
                {}};
  c.dispatch_inputs["indices"] = Tensor(DType::i32, {2, 256, 2});
  for (std::int64_t t = 0; t < 256; ++t) c.dispatch_inputs["indices"].set_bits(t * 2 + 1, 1);
  c.dispatch_inputs["tokens"].set_bits(0, 256);
  c.dispatch_inputs["tokens"].set_bits(1, 0);
  c.delivery = intranode::Fabric(config, c.dispatch_inputs, worlds).dispatch(false);
  for (std::int64_t pe = 0; pe < 2; ++pe)
    for (std::int64_t slot = 0; slot < 256; ++slot) {
      const auto source = static_cast<std::int64_t>(c.delivery.outputs["src"].bits(pe * 512 + slot));
      for (std::int64_t h = 0; h < 256; ++h)
        c.rows.set_bits((pe * 512 + slot) * 256 + h, static_cast<std::uint64_t>(pe == 0 ? source : h));
    }
  for (const auto& [overflow, expected] : {std::pair{Overflow::satfinite, 1533}, {Overflow::nonsat, 1563}}) {
    c.overflow = overflow;
    const GoldenOutput out = combine_call(c).output("out");
    int differ = 0;
    for (std::int64_t a = 0; a < 256; ++a)
      for (std::int64_t b = 0; b < 256; ++b) {
        const auto half = [](std::int64_t code) {
          return naive_widen(DType::e4m3fn, static_cast<std::uint64_t>(code)) / 2;
        };
        const std::uint64_t emulated = naive_narrow_small(DType::e4m3fn, (half(a) + half(b)) * 2, overflow);
        const float right = naive_widen(DType::e4m3fnuz, out.value.bits(a * 256 + b)),
                    seen = naive_widen(DType::e4m3fnuz, emulated);
        differ += !(right == seen) && !(std::isnan(right) && std::isnan(seen));
      }
    EXPECT_EQ(differ, expected);
  }
}

TEST(IntranodeCombine, TransportsHaveOneAnswer) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Worlds worlds(seed);
    CombineCase c = random_case(worlds);
    c.wire.reset();
    StageCall call = combine_call(c);
    if (c.rows.dtype() == DType::bf16) call.options.erase("overflow");
    const GoldenMap push = call.run().value();
    call.options["transport"] = "zero_copy";
    const GoldenMap pull = call.run().value();
    for (const auto& [name, output] : push) {
      EXPECT_EQ(output.value, pull.at(name).value);
      EXPECT_EQ(output.open, pull.at(name).open);
    }
  }
}

// S8: an implementation may flush the subnormal sum, and each subnormal addend, to a zero of either sign.
TEST(IntranodeCombine, FlushedSubnormals) {
  StageCall call = combine_call(one_token(DType::f32, {0x1p-126f, -0x1p-127f}));
  const float kept = at(call.output("out").value, 0);
  EXPECT_EQ(kept, 0x1p-127f);
  EXPECT_TRUE(is_determined(call.output("out_weights")) || call.output("out_weights").open[0] == 0);
  call.profile = flushing();
  const GoldenOutput out = call.output("out");
  EXPECT_EQ(at(out.value, 0), 0x1p-127f);
  EXPECT_EQ(at(out.lo, 0), 0);
  EXPECT_TRUE(std::signbit(at(out.lo, 0)));
  EXPECT_EQ(at(out.hi, 0), 0x1p-126f);
  const CombineCase normal = one_token(DType::f32, {3, -0x1p-100f});
  StageCall same = combine_call(normal);
  same.profile = flushing();
  EXPECT_EQ(at(same.output("out").lo, 0), at(same.output("out").hi, 0));
}

TEST(IntranodeCombine, CurrentTokensAreASlice) {
  Worlds worlds(6);
  const Configuration config{.ws = 2, .m = 4, .h = 32, .k = 2, .epr = 2};
  CombineCase c = combine_case(worlds, config, DType::bf16, false);
  std::ranges::fill(c.dispatch_inputs["tokens"].as<std::int32_t>(), 3);
  for (std::int64_t i = 0; i < 16; ++i) c.dispatch_inputs["indices"].set_bits(i, static_cast<std::uint64_t>(i % 4));
  c.delivery = intranode::Fabric(config, c.dispatch_inputs, worlds).dispatch(false);
  StageCall call = combine_call(c);
  const GoldenOutput whole = call.output("out");
  Tensor current(DType::i32, {2});
  current.as<std::int32_t>()[0] = 1;
  current.as<std::int32_t>()[1] = 4;  // more than were sent
  call.inputs["cur_tok"] = current;
  const GoldenOutput part = call.output("out");
  EXPECT_EQ(open_elements(whole), 2 * 32);
  EXPECT_EQ(open_elements(part), (3 + 1) * 32);
  EXPECT_EQ(std::memcmp(part.value.bytes().data(), whole.value.bytes().data(), 64), 0);
  call.inputs["cur_tok"].as<std::int32_t>()[0] = 5;
  EXPECT_FALSE(call.run());
}

void expect_bad(const StageCall& call, const std::string& part) {
  const auto result = call.run();
  ASSERT_FALSE(result) << part;
  EXPECT_EQ(result.error().kind, ErrorKind::bad_input);
  EXPECT_NE(result.error().message.find(part), std::string::npos) << result.error().message;
}

TEST(IntranodeCombine, IllegalOptions) {
  const StageCall good = combine_call(one_token(DType::bf16, {1, 2}));
  ASSERT_TRUE(good.run());
  const auto with = [&](const Options& options) {
    StageCall call = good;
    for (const auto& [name, value] : options) call.options[name] = value;
    return call;
  };
  expect_bad(with({{"quant", "fp8_direct_cast"}}), "without wire");
  expect_bad(with({{"quant", "fp8_direct_cast"}, {"wire", "e4m3fn"}, {"transport", "zero_copy"}}), "zero_copy");
  expect_bad(with({{"wire", "e4m3fn"}}), "without quant");
  expect_bad(with({{"wire", "e5m2"}}), "wire=e5m2");
  expect_bad(with({{"overflow", "satall"}}), "no wire format");
  expect_bad(with({{"sentinel", "ignore"}}), "sentinel=ignore");
  StageCall fp8 = combine_call(one_token(DType::e4m3fn, {1, 2}));
  fp8.options["quant"] = "fp8_direct_cast";
  fp8.options["wire"] = "e4m3fn";
  expect_bad(fp8, "expected bf16");
}

TEST(IntranodeCombine, IllegalInputs) {
  const StageCall good = combine_call(one_token(DType::bf16, {1, 2}));
  StageCall call = good;
  call.inputs["total_recv"].as<std::int32_t>()[1] = 2;
  expect_bad(call, "total_recv[1] is 2, expected 1");
  call = good;
  call.inputs["src"].as<std::int32_t>()[0] = 1;
  expect_bad(call, "src[0, 0] is 1, which does not send to PE 0");
  call.inputs["src"].as<std::int32_t>()[0] = -5;
  expect_bad(call, "src[0, 0] is -5");
  call = good;
  call.parameters["cap"] = 2;  // R is 2 all the same
  EXPECT_TRUE(call.run());
  call.inputs["src"] = Tensor(DType::i32, {2, 1});
  call.inputs.erase("recv_weights");
  expect_bad(call, "'src' has 1 slots per PE, expected R = 2");
  call = good;
  call.inputs["y"] = Tensor(DType::bf16, {2, 3, 32});
  expect_bad(call, "'y' has 3 rows per PE, expected at most ws * M = 2");
  call.inputs["y"] = Tensor(DType::bf16, {2, 0, 32});
  expect_bad(call, "expected at least total_recv[0] = 1");
  call.inputs["y"] = Tensor(DType::bf16, {2, 2, 4});
  expect_bad(call, "multiple of 16 bytes");
  call = good;
  call.inputs["indices"].set_bits(1, 2);
  call.options["sentinel"] = "undefined";
  EXPECT_EQ(open_elements(call.output("out")), 2 * 32);
}

TEST(IntranodeCombine, Relations) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Worlds worlds(seed);
    Configuration config{.ws = 3, .m = 4, .h = 32, .k = 2, .epr = 4, .cap = seed % 2 == 0 ? 0 : 9};
    config.routing = static_cast<RoutingKind>(seed % intranode::kRoutingKinds);
    CombineCase c = combine_case(worlds, config, seed % 3 == 0 ? DType::e4m3fn : DType::bf16, false);
    c.dispatch_inputs["tokens"].as<std::int32_t>()[1] = std::min(2, c.dispatch_inputs["tokens"].as<std::int32_t>()[1]);
    c.delivery = intranode::Fabric(config, c.dispatch_inputs, worlds).dispatch(false);
    StageCall call = combine_call(c);
    call.inputs["y"] = worlds.addends(c.rows.dtype(), c.rows.shape());
    call.inputs["recv_weights"] = worlds.addends(DType::f32, c.weights.shape());
    EXPECT_TRUE(relations_hold(call, {}, seed));
  }
}

}  // namespace
}  // namespace assay::goldens
