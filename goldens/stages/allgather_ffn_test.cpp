#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "goldens/enclosure/width.h"
#include "goldens/formats/f16.h"
#include "goldens/relations/relation_test_support.h"
#include "goldens/stages/compressor_model.h"

namespace assay::goldens {
namespace {

Tensor f16_tensor(Shape shape, std::span<const float> values) {
  Tensor result(DType::f16, std::move(shape));
  std::ranges::transform(values, result.as<std::uint16_t>().begin(), [](float x) { return encode_f16(x); });
  return result;
}
template <class Draw>
Tensor f16_drawn(const Shape& shape, Draw draw) {
  std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
  for (float& value : values) value = draw();
  return f16_tensor(shape, values);
}
float half_at(const Tensor& tensor, std::int64_t i) { return decode_f16(static_cast<std::uint16_t>(tensor.bits(i))); }

struct Grid {
  std::int64_t rows = 2, columns = 2, tokens = 3, features = 8, shard = 6;
};

template <class Draw>
StageCall ffn_call(const Grid& grid, const std::string& mode, Draw draw) {
  const Shape down = mode == "reduce" ? Shape{grid.columns, grid.shard, grid.features}
                                      : Shape{grid.columns, grid.shard * grid.columns, grid.features / grid.columns};
  return {.stage = "allgather_ffn",
          .inputs = {{"x", f16_drawn({grid.rows, grid.tokens, grid.features}, draw)},
                     {"wg", f16_drawn({grid.columns, grid.features, grid.shard}, draw)},
                     {"wu", f16_drawn({grid.columns, grid.features, grid.shard}, draw)},
                     {"wd", f16_drawn(down, draw)}},
          .options = {{"mode", mode}}};
}
auto normal(FloatSamples& samples, float scale = 1) {
  return [&samples, scale] { return scale * normal_sample(samples); };
}

enum class FfnFault { none, activated_product, shards_swapped, shard_stale, hidden_not_rounded };

// dsv4-chain 4 once more, one element of y at a time, over the numbers of free_float.h.
template <class Ops>
class FfnModel {
 public:
  using Real = typename Ops::Real;

  FfnModel(const StageCall& call, Ops& ops, FfnFault fault = FfnFault::none) : call_(call), ops_(ops), fault_(fault) {
    const Shape &x = call.inputs.at("x").shape(), &wg = call.inputs.at("wg").shape();
    rows_ = x[0], tokens_ = x[1], features_ = x[2], columns_ = wg[0], shard_ = wg[2];
  }

  std::vector<float> y() {
    std::vector<float> result(static_cast<std::size_t>(rows_ * tokens_ * features_));
    for (std::int64_t row = 0; row < rows_; ++row)
      for (std::int64_t t = 0; t < tokens_; ++t) {
        std::vector<std::vector<Real>> hidden;
        for (std::int64_t c = 0; c < columns_; ++c) hidden.push_back(hidden_of(row, t, c));
        if (fault_ == FfnFault::shards_swapped) std::swap(hidden[0], hidden[1]);
        if (fault_ == FfnFault::shard_stale) hidden[1] = hidden[0];  // what seed bugs B07 and B08 read
        for (std::int64_t n = 0; n < features_; ++n)
          result[static_cast<std::size_t>((row * tokens_ + t) * features_ + n)] = Ops::to_float(down(hidden, n));
      }
    return result;
  }

 private:
  Real in(const char* name, std::int64_t i) const { return Ops::of(half_at(call_.inputs.at(name), i)); }

  std::vector<Real> hidden_of(std::int64_t row, std::int64_t t, std::int64_t c) {
    std::vector<Real> hidden, x;
    for (std::int64_t h = 0; h < features_; ++h) x.push_back(in("x", (row * tokens_ + t) * features_ + h));
    for (std::int64_t f = 0; f < shard_; ++f) {
      std::vector<Real> wg, wu;
      for (std::int64_t h = 0; h < features_; ++h) {
        wg.push_back(in("wg", (c * features_ + h) * shard_ + f));
        wu.push_back(in("wu", (c * features_ + h) * shard_ + f));
      }
      const Real g = Ops::stored(ops_.dot(x, wg)), u = Ops::stored(ops_.dot(x, wu));
      const Real active = fault_ == FfnFault::activated_product ? leaky(Ops::stored(g * u)) : Ops::stored(leaky(g) * u);
      hidden.push_back(fault_ == FfnFault::hidden_not_rounded ? active : Real(Ops::round(kF16, active)));
    }
    return hidden;
  }
  static Real leaky(const Real& z) { return z > 0 ? z : Ops::stored(Ops::of(0.1F) * z); }

  Real down(const std::vector<std::vector<Real>>& hidden, std::int64_t n) {
    if (call_.options.at("mode") == "reduce") {
      Real total = Ops::of(0);
      for (std::int64_t c = 0; c < columns_; ++c) {
        std::vector<Real> w;
        for (std::int64_t f = 0; f < shard_; ++f) w.push_back(in("wd", (c * shard_ + f) * features_ + n));
        const Real partial = Ops::stored(ops_.dot(hidden[static_cast<std::size_t>(c)], w));
        total = c == 0 ? partial : Ops::stored(total + partial);
      }
      return total;
    }
    const std::int64_t width = features_ / columns_, column = n / width;
    std::vector<Real> all, w;
    for (const auto& part : hidden) all.insert(all.end(), part.begin(), part.end());
    for (std::int64_t f = 0; f < shard_ * columns_; ++f)
      w.push_back(in("wd", (column * shard_ * columns_ + f) * width + n % width));
    return ops_.dot(all, w);
  }

  const StageCall& call_;
  Ops& ops_;
  FfnFault fault_;
  std::int64_t rows_ = 0, tokens_ = 0, features_ = 0, columns_ = 0, shard_ = 0;
};

std::int64_t outside_of(const GoldenOutput& y, const std::vector<float>& values) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < values.size(); ++i) count += !admits(y, static_cast<std::int64_t>(i), values[i]);
  return count;
}

// The published fixture: zeros and ones. Everything is an integer below 2^24, and hidden below 2048.
TEST(AllgatherFfn, IntegersAreExactInEveryMode) {
  FloatSamples samples(81);
  const auto bit = [&] { return samples.coin() ? 1.0F : 0.0F; };
  for (const Grid& grid : {Grid{2, 2, 4, 16, 8}, Grid{3, 3, 2, 12, 5}, Grid{1, 1, 2, 4, 4}})
    for (const char* mode : {"allgather", "reduce"}) {
      StageCall call = ffn_call(grid, mode, bit);
      call.profile = load_profile("a2a3").value();
      const GoldenOutput y = call.output("y");
      EXPECT_TRUE(is_enclosed(y));
      ExactReal ops;
      const std::vector<float> expected = FfnModel(call, ops).y();
      for (std::size_t i = 0; i < expected.size(); ++i)
        ASSERT_EQ(at(y.value, static_cast<std::int64_t>(i)), expected[i]) << mode;
      call.options["activation"] = "product";
      EXPECT_EQ(call.output("y").value, y.value);  // no negative gate, no difference
    }
}

// One row, one token, one feature: activation=gate gives lrelu(g) u, activation=product lrelu(g u). Seed bug B09.
TEST(AllgatherFfn, ActivatesTheGateAlone) {
  const auto one = [](float value) { return f16_tensor({1, 1, 1}, std::span(&value, 1)); };
  StageCall call{.stage = "allgather_ffn",
                 .inputs = {{"x", one(1)}, {"wg", one(-2)}, {"wu", one(-16)}, {"wd", one(1)}},
                 .options = {}};
  EXPECT_EQ(at(call.output("y").value, 0), decode_f16(encode_f16(0.1F * -2.0F * -16.0F)));  // 3.2
  call.options["activation"] = "product";
  EXPECT_EQ(at(call.output("y").value, 0), 32.0F);
  call.inputs.at("wu") = one(16);
  const float both = decode_f16(encode_f16(0.1F * -2.0F * 16.0F));
  EXPECT_EQ(at(call.output("y").value, 0), both);  // u >= 0: no difference
  call.options["activation"] = "gate";
  EXPECT_EQ(at(call.output("y").value, 0), both);
}

TEST(AllgatherFfn, EveryAllowedImplementationIsInside) {
  EXPECT_TRUE(rc::check("inside", [](std::uint64_t seed) {
    FloatSamples samples(seed);
    StageCall call = ffn_call({}, samples.coin() ? "reduce" : "allgather", normal(samples));
    call.profile = load_profile("a2a3").value();
    call.profile.sum_chunk = 4;
    if (samples.coin()) call.profile.sum_order = SumOrder::any;
    const GoldenOutput y = call.output("y");
    RC_ASSERT(is_enclosed(y));
    FreeFloat ops(call.profile, samples);
    for (int i = 0; i < 5; ++i) RC_ASSERT(outside_of(y, FfnModel(call, ops).y()) == 0);
    // A correctly rounded sum is what some order may give; sums of chunks may all round to one side of it.
    call.profile.sum_order = SumOrder::any;
    ExactReal exact;
    RC_ASSERT(outside_of(call.output("y"), FfnModel(call, exact).y()) == 0);
  }));
}

TEST(AllgatherFfn, FaultsAreOutside) {
  FloatSamples samples(82);
  for (const char* mode : {"allgather", "reduce"})
    for (const FfnFault fault :
         {FfnFault::activated_product, FfnFault::shards_swapped, FfnFault::shard_stale, FfnFault::hidden_not_rounded}) {
      StageCall call = ffn_call({.features = 32, .shard = 16}, mode, normal(samples));
      call.profile = load_profile("a2a3").value();
      FreeFloat ops(call.profile, samples);
      const GoldenOutput y = call.output("y");
      EXPECT_EQ(outside_of(y, FfnModel(call, ops).y()), 0);
      EXPECT_GT(outside_of(y, FfnModel(call, ops, fault).y()), y.value.size() / 2) << static_cast<int>(fault) << mode;
    }
}

// 2^24 + 1 - 2^24: from west to east the one is lost, in every order of a cell's own sum.
TEST(AllgatherFfn, ReduceAddsFromWestToEast) {
  const std::vector<float> ones{1, 1, 1}, down{4096, 1, -4096}, gate{4096, 1, 4096}, x{1};
  StageCall call{.stage = "allgather_ffn",
                 .inputs = {{"x", f16_tensor({1, 1, 1}, x)},
                            {"wg", f16_tensor({3, 1, 1}, gate)},
                            {"wu", f16_tensor({3, 1, 1}, ones)},
                            {"wd", f16_tensor({3, 1, 1}, down)}},
                 .options = {{"mode", "reduce"}},
                 .profile = load_profile("opencl").value()};
  const GoldenOutput y = call.output("y");
  EXPECT_EQ(at(y.value, 0), 0.0F);
  EXPECT_TRUE(is_determined(y));
}

TEST(AllgatherFfn, Relations) {
  FloatSamples samples(83);
  for (const char* mode : {"allgather", "reduce"})
    for (const char* activation : {"gate", "product"}) {
      StageCall call = ffn_call({}, mode, normal(samples));
      call.options["activation"] = activation;
      call.profile = load_profile("a2a3").value();
      EXPECT_TRUE(relations_hold(call));
    }
}

// A hidden value beyond f16 becomes infinity or the largest finite one: not said which. A NaN stays one.
TEST(AllgatherFfn, OverflowIsOpenAndNanSpreads) {
  FloatSamples samples(84);
  StageCall call = ffn_call({.rows = 1}, "allgather", normal(samples));
  Tensor& x = call.inputs.at("x");
  for (std::int64_t h = 0; h < 8; ++h) {
    x.set_bits(h, encode_f16(half_at(call.inputs.at("wg"), h * 6) > 0 ? 30000.0F : -30000.0F));
    x.set_bits(8 + h, encode_f16(h == 3 ? std::nanf("") : 1.0F));
  }
  const GoldenOutput y = call.output("y");
  for (std::int64_t n = 0; n < 8; ++n) {
    EXPECT_TRUE(y.open[static_cast<std::size_t>(n)]);
    EXPECT_FALSE(y.open[static_cast<std::size_t>(8 + n)]);
    EXPECT_TRUE(std::isnan(at(y.value, 8 + n)) && std::isnan(at(y.lo, 8 + n)));
    EXPECT_FALSE(y.open[static_cast<std::size_t>(16 + n)]);
    EXPECT_TRUE(std::isfinite(at(y.value, 16 + n)));
  }
}

TEST(AllgatherFfn, RefusesBadShapesAndOptions) {
  FloatSamples samples(85);
  const StageCall good = ffn_call({}, "allgather", normal(samples));
  const auto refused = [](StageCall call) {
    const auto result = call.run();
    return result ? std::string("accepted") : result.error().message;
  };
  EXPECT_NE(refused(ffn_call({.columns = 3}, "allgather", normal(samples))).find("H = 8 is not divisible by the 3"),
            std::string::npos);
  StageCall call = good;
  call.options["mode"] = "reduce";
  EXPECT_NE(refused(call).find("expected 2x6x8 in mode reduce"), std::string::npos);
  call.options["mode"] = "scatter";
  EXPECT_NE(refused(call).find("allgather or reduce"), std::string::npos);
  call = good;
  call.options["activation"] = "up";
  EXPECT_NE(refused(call).find("gate or product"), std::string::npos);
  call = good;
  for (const char* name : {"wg", "wu"}) call.inputs.at(name) = Tensor(DType::f16, {2, 8, 0});
  EXPECT_NE(refused(call).find("expected elements"), std::string::npos);
  call = good;
  call.inputs.at("x") = Tensor(DType::f16, {std::int64_t{1} << 60, 0, 8});
  EXPECT_EQ(call.output("y").value.size(), 0);
}

// T = 16, H = 64, Fi = 64 on 2 x 2 cells, and 3 x 3 with H = 96 (dsv4-chain 4).
TEST(AllgatherFfn, PublishedShapes) {
  FloatSamples samples(86);
  for (const Grid& grid : {Grid{2, 2, 16, 64, 64}, Grid{3, 3, 16, 96, 64}})
    for (const char* mode : {"allgather", "reduce"}) {
      StageCall call = ffn_call(grid, mode, normal(samples, 0.25F));
      call.profile = load_profile("a2a3").value();
      const GoldenOutput y = call.output("y");
      EXPECT_TRUE(is_enclosed(y));
      const Widths width = widths(y);
      EXPECT_EQ(width.open, 0);
      // bf16 has 2^16 values for one of f32: the width in bf16's ulp.
      EXPECT_LE(width.median_ulp / 65536, 2);
      RecordProperty(mode, std::to_string(width.median_ulp));
    }
}

}  // namespace
}  // namespace assay::goldens
