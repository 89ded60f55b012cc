// The built-in pipelines on the simulator and on OpenCL: every stage under every fill, small, ragged and production
// shapes; the faulty kernels are caught and their fixed ones are silent; the ties fills hold ties.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "harness/run/execute.h"

namespace assay::run {
namespace {

using compare::Verdict;

const std::filesystem::path kKernels = std::filesystem::path(ASSAY_SOURCE_DIR) / "kernels";
constexpr const char* kFills[] = {"uniform", "normal", "exact-sum", "order-sensitive", "ties", "specials", "tagged"};

ExecuteOptions options(std::vector<std::string> backends) {
  ExecuteOptions result;
  result.pipeline_directories = {kKernels};
  result.backends = std::move(backends);
  return result;
}

Case make_case(const std::string& line) { return parse_replay(line).value(); }

class KernelsTest : public ::testing::Test {
 protected:
  CaseResult run(const std::string& line) {
    auto result = executor_.execute(make_case(line));
    EXPECT_TRUE(result.has_value()) << line << ": " << to_string(result.error());
    return result.value_or(CaseResult{});
  }
  void expect_pass(const std::string& line) {
    const CaseResult result = run(line);
    EXPECT_EQ(result.verdict, Verdict::passed) << line << ": " << result.reason;
    EXPECT_EQ(result.unwritten, 0);
    for (const StageResult& stage : result.stages) EXPECT_EQ(stage.blame, compare::Blame::none) << line;
  }
  // Under every fill.
  void expect_passes(const std::string& line) {
    for (const char* fill : kFills) expect_pass(line + " fill=" + fill);
  }

  Executor executor_{options({"sim", "opencl"})};
};

TEST_F(KernelsTest, CastBf16) {
  for (const char* shape : {"T=1 D=1", "T=8 D=33", "T=17 D=1031"})
    expect_passes(std::string("pipeline=cast_bf16 ") + shape);
}

TEST_F(KernelsTest, QuantRows) {
  for (const char* variant : {"x_dtype=bf16 rounding=rint", "x_dtype=bf16 rounding=round", "x_dtype=f32 rounding=rint",
                              "x_dtype=f32 rounding=round"})
    for (const char* shape : {"T=1 D=1", "T=9 D=1031"})
      expect_passes(std::string("pipeline=quant_rows ") + variant + " " + shape);
  expect_pass("pipeline=quant_rows T=5 D=40 fill=tiny");
  expect_pass("pipeline=quant_rows T=5 D=40 fill=zeros");
  // Rows without an infinity or a NaN are compared, the others are open.
  const CaseResult open = run("pipeline=quant_rows T=64 D=8 x_dtype=f32 fill=specials-non-finite");
  EXPECT_EQ(open.verdict, Verdict::passed) << open.reason;
  EXPECT_GT(open.unconstrained, 0);
  EXPECT_GT(open.compared, 0);
}

TEST_F(KernelsTest, DequantRows) {
  for (const char* shape : {"T=1 N=1", "T=8 N=33", "T=17 N=1031"})
    expect_passes(std::string("pipeline=dequant_rows ") + shape);
}

TEST_F(KernelsTest, FfnAdd) {
  for (const char* shape : {"T=1 D=1", "T=8 D=33", "T=17 D=1031"})
    expect_passes(std::string("pipeline=ffn_add ") + shape);
}

TEST_F(KernelsTest, HcPostAndMixX) {
  for (const char* pipeline : {"hc_post", "mix_x", "ffn_add_hc_post"})
    for (const char* shape : {"T=1 HC=1 D=1", "T=3 HC=2 D=4099", "T=9 HC=4 D=33"})
      expect_passes(std::string("pipeline=") + pipeline + " " + shape);
}

TEST_F(KernelsTest, RowExpandMulFillpad) {
  for (const char* rows : {"0", "1", "15", "16", "17"})
    for (const char* product : {"separate", "in_place"})
      expect_passes(std::string("pipeline=row_expand_mul_fillpad valid_rows=") + rows + " product=" + product);
}

// Parameters left at their defaults: T = 16, D = 4096, HC = 4.
TEST_F(KernelsTest, ProductionSizes) {
  for (const char* pipeline : {"cast_bf16", "quant_rows", "dequant_rows", "ffn_add", "hc_post", "mix_x"}) {
    const CaseResult result = run(std::string("pipeline=") + pipeline);
    EXPECT_EQ(result.verdict, Verdict::passed) << pipeline << ": " << result.reason;
    EXPECT_GE(result.compared, 2 * 16 * 4096);
  }
}

TEST_F(KernelsTest, TheDeviceIsReal) {
  const CaseResult result = run("pipeline=ffn_add T=8 D=64");
  ASSERT_EQ(result.backends.size(), 2U);
  EXPECT_EQ(result.backends[1].backend, "opencl");
  EXPECT_EQ(result.backends[1].status, "completed") << result.backends[1].reason;
  EXPECT_GT(result.backends[1].device_seconds, 0);
}

TEST_F(KernelsTest, FaultyKernelsAreCaught) {
  for (const char* pipeline : {"b03_mix_x", "b04_hc_post"}) {
    const CaseResult result = run(std::string("pipeline=faults/") + pipeline + " T=4 D=256 fill=ties");
    EXPECT_EQ(result.verdict, Verdict::failed) << pipeline;
    EXPECT_EQ(result.stages.at(0).blame, compare::Blame::both) << pipeline;
    EXPECT_EQ(result.stages.at(0).outputs.at(0).comparison.max_ulps, 1) << pipeline;
  }
  for (const char* product : {"separate", "in_place"}) {
    const CaseResult b01 =
        run(std::string("pipeline=faults/b01_row_expand_mul_fillpad expect=fail:unset-valid-shape product=") + product);
    EXPECT_EQ(b01.verdict, Verdict::xfail) << b01.reason;
  }
  // Their fixed twins pass the same cases.
  expect_pass("pipeline=mix_x T=4 D=256 fill=ties");
  expect_pass("pipeline=hc_post T=4 D=256 fill=ties");
  expect_pass("pipeline=row_expand_mul_fillpad");
}

TEST_F(KernelsTest, ContractionIsEnclosed) {
  ExecuteOptions fused = options({"sim", "opencl"});
  fused.contract_fma = true;
  Executor executor(fused);
  const auto enclosed = executor.execute(make_case("pipeline=hc_post T=4 D=4096 fill=normal"));
  ASSERT_TRUE(enclosed.has_value());
  EXPECT_EQ(enclosed->verdict, Verdict::passed) << enclosed->reason;
  for (const char* fill : kFills) {
    const auto result = executor.execute(make_case(std::string("pipeline=mix_x T=17 HC=1 D=1031 fill=") + fill));
    EXPECT_EQ(result->verdict, Verdict::passed) << fill << ": " << result->reason;
  }
}

// ---- the ties fills, against this file's own arithmetic

struct Ties {
  double exact = 0, beside = 0;  // parts of all elements
};

float from_bf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

// Where float32 values stand among bf16 values.
Ties bf16_ties(const std::vector<float>& values) {
  Ties ties;
  for (const float value : values) {
    const std::uint32_t low = std::bit_cast<std::uint32_t>(value) & 0xffffU;
    ties.exact += low == 0x8000 ? 1 : 0;
    ties.beside += low == 0x7fff || low == 0x8001 ? 1 : 0;
  }
  const auto count = static_cast<double>(values.size());
  return {ties.exact / count, ties.beside / count};
}

TensorMap inputs(const std::string& line) {
  const Case c = make_case(line);
  const pipeline::Pipeline p = pipeline::find_pipeline(c.get("pipeline"), {kKernels}).value();
  return make_inputs(p, c, bind(p, c).value()).value();
}

TEST(TiesFills, CastBf16) {
  const TensorMap in = inputs("pipeline=cast_bf16 fill=ties T=8 D=512");
  const auto x = in.at("x").as<float>();
  const Ties ties = bf16_ties({x.begin(), x.end()});
  EXPECT_GT(ties.exact, 0.3);
  EXPECT_GT(ties.beside, 0.3);
}

TEST(TiesFills, FfnAdd) {
  const TensorMap in = inputs("pipeline=ffn_add fill=ties T=8 D=512");
  std::vector<float> sums;
  for (std::size_t i = 0; i < 8 * 512; ++i)
    sums.push_back(in.at("routed_y").as<float>()[i] + from_bf16(in.at("sh").as<std::uint16_t>()[i]));
  const Ties ties = bf16_ties(sums);
  EXPECT_GT(ties.exact, 0.3);
  EXPECT_GT(ties.beside, 0.3);
}

TEST(TiesFills, HcPost) {
  const TensorMap in = inputs("pipeline=hc_post fill=ties T=16 HC=4 D=64");
  std::vector<float> sums;
  for (std::size_t t = 0; t < 16; ++t)
    for (std::size_t o = 0; o < 4; ++o)
      for (std::size_t d = 0; d < 64; ++d) {
        float sum = from_bf16(in.at("ffn_out").as<std::uint16_t>()[t * 64 + d]) * in.at("post").as<float>()[t * 4 + o];
        for (std::size_t i = 0; i < 4; ++i) {
          const float product = from_bf16(in.at("x_hc").as<std::uint16_t>()[(t * 4 + i) * 64 + d]) *
                                in.at("comb").as<float>()[(t * 4 + i) * 4 + o];
          sum += product;
        }
        sums.push_back(sum);
      }
  const Ties ties = bf16_ties(sums);
  EXPECT_GT(ties.exact, 0.3);
  EXPECT_GT(ties.beside, 0.2);
}

TEST(TiesFills, MixX) {
  const TensorMap in = inputs("pipeline=mix_x fill=ties T=16 HC=4 D=64");
  std::vector<float> sums(16 * 64, 0.0F);
  for (std::size_t t = 0; t < 16; ++t)
    for (std::size_t h = 0; h < 4; ++h)
      for (std::size_t d = 0; d < 64; ++d) {
        const float product =
            from_bf16(in.at("x_hc").as<std::uint16_t>()[(t * 4 + h) * 64 + d]) * in.at("pre").as<float>()[t * 4 + h];
        sums[t * 64 + d] += product;
      }
  const Ties ties = bf16_ties(sums);
  EXPECT_GT(ties.exact, 0.08);
  EXPECT_GT(ties.beside, 0.05);
}

TEST(TiesFills, QuantRows) {
  const TensorMap in = inputs("pipeline=quant_rows fill=ties x_dtype=f32 T=16 D=256");
  const auto x = in.at("x").as<float>();
  double exact = 0;
  for (std::size_t t = 0; t < 16; ++t) {
    float amax = 0;
    for (std::size_t d = 0; d < 256; ++d) amax = std::max(amax, std::abs(x[t * 256 + d]));
    const float scale = 127.0F / amax;
    for (std::size_t d = 0; d < 256; ++d) {
      const float z = std::abs(x[t * 256 + d] * scale);
      exact += z - std::floor(z) == 0.5F ? 1 : 0;
    }
  }
  EXPECT_GT(exact / (16 * 256), 0.3);
}

// A product of float32 values is exact in double; a tie when it lies half-way between two float32 values.
bool is_float_tie(double product) {
  const auto nearest = static_cast<float>(product);
  const double error = product - static_cast<double>(nearest);
  if (error == 0) return false;
  const float other = std::nextafter(nearest, error > 0 ? INFINITY : -INFINITY);
  return static_cast<double>(other) - product == error;
}

TEST(TiesFills, DequantRows) {
  const TensorMap in = inputs("pipeline=dequant_rows fill=ties T=16 N=256");
  double exact = 0;
  for (std::size_t i = 0; i < 16 * 256; ++i) {
    const auto acc = static_cast<float>(in.at("acc").as<std::int32_t>()[i]);
    const float row = in.at("row_scale").as<float>()[i / 256], channel = in.at("channel_scale").as<float>()[i % 256];
    const double first = static_cast<double>(acc) * static_cast<double>(row);
    const double second = static_cast<double>(static_cast<float>(first)) * static_cast<double>(channel);
    exact += is_float_tie(first) || is_float_tie(second) ? 1 : 0;
  }
  EXPECT_GT(exact / (16 * 256), 0.3);
}

TEST(TiesFills, RowExpandMulFillpad) {
  const TensorMap in = inputs("pipeline=row_expand_mul_fillpad fill=ties");
  double exact = 0;
  for (std::size_t i = 0; i < 16 * 256; ++i)
    exact += is_float_tie(static_cast<double>(in.at("gated").as<float>()[i]) *
                          static_cast<double>(in.at("scale").as<float>()[i / 256]))
                 ? 1
                 : 0;
  EXPECT_GT(exact / (16 * 256), 0.9);
}

}  // namespace
}  // namespace assay::run
