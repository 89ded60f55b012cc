// Narrowing held against the host functions of CUDA's headers, which need no GPU: fp8, fp4, bf16 and half from float32
// and float64. Each comparison names what it expects to differ and how often; any other count fails.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp4.h>
#include <cuda_fp8.h>

#include <cmath>
#include <cstdio>
#include <functional>
#include <vector>

#include "goldens/formats/oracle_cuda.h"

namespace {

using assay::goldens::OracleMode;
using assay::goldens::OracleRules;
using assay::goldens::OracleTarget;

int failures = 0;

// theirs(x) for every operand against the goldens. Where the goldens' rules cannot say what CUDA does, `fact` names it:
// the elements it may concern, and how many of them differ.
template <class Float>
struct Comparison {
  const char* name;
  OracleTarget target;
  OracleMode mode;
  OracleRules rules;
  std::function<unsigned(Float)> theirs;
  const char* fact;
  std::function<bool(Float)> concerned;
  std::size_t count;
};

template <class Float>
void run(const Comparison<Float>& comparison, const std::vector<Float>& x) {
  std::size_t explained = 0, rest = 0, first = 0;
  const std::vector<unsigned> ours =
      assay::goldens::oracle_codes(comparison.target, x, comparison.mode, comparison.rules);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (ours[i] == comparison.theirs(x[i])) continue;
    if (comparison.concerned && comparison.concerned(x[i])) {
      ++explained;
    } else if (rest++ == 0) {
      first = i;
    }
  }
  const char* const fact = comparison.fact ? comparison.fact : "no difference";
  std::printf("%s: %zu elements; %s: %zu\n", comparison.name, x.size(), fact, explained);
  if (explained != comparison.count) std::printf("FAILED: the table says %zu\n", comparison.count), ++failures;
  if (rest != 0)
    std::printf("FAILED: %zu differences without a reason; the first is %a: %#x against %#x\n", rest,
                static_cast<double>(x[first]), ours[first], comparison.theirs(x[first])),
        ++failures;
}

template <class Float>
bool is_nan(Float x) {
  return std::isnan(x);
}

void compare_singles() {
  const std::vector<float> x = assay::goldens::oracle_single_operands();
  const auto fp8 = [](__nv_saturation_t saturation, __nv_fp8_interpretation_t format) {
    return [=](float each) -> unsigned { return __nv_cvt_float_to_fp8(each, saturation, format); };
  };
  const std::vector<Comparison<float>> comparisons{
      // NaN loses its sign: the goldens have a rule for that.
      {"f32 to e4m3fn NOSAT", OracleTarget::e4m3fn, OracleMode::rint, OracleRules::nonsat_positive_nan,
       fp8(__NV_NOSAT, __NV_E4M3), nullptr, nullptr, 0},
      {"f32 to e5m2 NOSAT", OracleTarget::e5m2, OracleMode::rint, OracleRules::nonsat_positive_nan,
       fp8(__NV_NOSAT, __NV_E5M2), "NaN is 0x7F, the goldens' quiet NaN 0x7E", is_nan<float>, 1749},
      // CUDA's SATFINITE clamps infinities too: SATALL in ep-dispatch-combine 3.2.
      {"f32 to e4m3fn SATFINITE as SATALL", OracleTarget::e4m3fn, OracleMode::rint, OracleRules::satall_positive_nan,
       fp8(__NV_SATFINITE, __NV_E4M3), nullptr, nullptr, 0},
      {"f32 to e4m3fn SATFINITE as SATFINITE", OracleTarget::e4m3fn, OracleMode::rint,
       OracleRules::satfinite_positive_nan, fp8(__NV_SATFINITE, __NV_E4M3), "infinities are clamped",
       [](float each) { return std::isinf(each); }, 1491},
      {"f32 to e5m2 SATFINITE as SATALL", OracleTarget::e5m2, OracleMode::rint, OracleRules::satall_positive_nan,
       fp8(__NV_SATFINITE, __NV_E5M2), "NaN is 0x7F, the goldens' quiet NaN 0x7E", is_nan<float>, 1749},
      {"f32 to e2m1", OracleTarget::e2m1, OracleMode::rint, OracleRules::satall_positive_nan,
       [](float each) -> unsigned { return __nv_cvt_float_to_fp4(each, __NV_E2M1, cudaRoundNearest); }, nullptr,
       nullptr, 0},
      {"f32 to bf16 rn", OracleTarget::bf16, OracleMode::rint, OracleRules::nonsat_positive_nan,
       [](float each) -> unsigned { return __bfloat16_as_ushort(__float2bfloat16_rn(each)); }, "NaN is 0x7FFF",
       is_nan<float>, 1749},
      {"f32 to bf16 rz", OracleTarget::bf16, OracleMode::trunc, OracleRules::nonsat_positive_nan,
       [](float each) -> unsigned { return __bfloat16_as_ushort(__float2bfloat16_rz(each)); }, "NaN is 0x7FFF",
       is_nan<float>, 1749},
      {"f32 to bf16 rd", OracleTarget::bf16, OracleMode::floor, OracleRules::nonsat_positive_nan,
       [](float each) -> unsigned { return __bfloat16_as_ushort(__float2bfloat16_rd(each)); }, "NaN is 0x7FFF",
       is_nan<float>, 1749},
      {"f32 to bf16 ru", OracleTarget::bf16, OracleMode::ceil, OracleRules::nonsat_positive_nan,
       [](float each) -> unsigned { return __bfloat16_as_ushort(__float2bfloat16_ru(each)); }, "NaN is 0x7FFF",
       is_nan<float>, 1749},
      {"f32 to f16 rn", OracleTarget::f16, OracleMode::rint, OracleRules::nonsat_positive_nan,
       [](float each) -> unsigned { return __half_as_ushort(__float2half_rn(each)); }, "NaN is 0x7FFF", is_nan<float>,
       1749},
      {"f32 to f16 rz", OracleTarget::f16, OracleMode::trunc, OracleRules::nonsat_positive_nan,
       [](float each) -> unsigned { return __half_as_ushort(__float2half_rz(each)); }, "NaN is 0x7FFF", is_nan<float>,
       1749},
      {"f32 to f16 rd", OracleTarget::f16, OracleMode::floor, OracleRules::nonsat_positive_nan,
       [](float each) -> unsigned { return __half_as_ushort(__float2half_rd(each)); }, "NaN is 0x7FFF", is_nan<float>,
       1749},
      {"f32 to f16 ru", OracleTarget::f16, OracleMode::ceil, OracleRules::nonsat_positive_nan,
       [](float each) -> unsigned { return __half_as_ushort(__float2half_ru(each)); }, "NaN is 0x7FFF", is_nan<float>,
       1749},
  };
  for (const Comparison<float>& comparison : comparisons) run(comparison, x);
}

void compare_doubles() {
  const std::vector<double> x = assay::goldens::oracle_double_operands();
  const std::vector<Comparison<double>> comparisons{
      {"f64 to e4m3fn NOSAT", OracleTarget::e4m3fn, OracleMode::rint, OracleRules::nonsat_positive_nan,
       [](double each) -> unsigned { return __nv_cvt_double_to_fp8(each, __NV_NOSAT, __NV_E4M3); },
       "NaN keeps its sign", is_nan<double>, 10},
      {"f64 to e5m2 NOSAT", OracleTarget::e5m2, OracleMode::rint, OracleRules::nonsat_positive_nan,
       [](double each) -> unsigned { return __nv_cvt_double_to_fp8(each, __NV_NOSAT, __NV_E5M2); },
       "NaN keeps its sign and what fits of its payload", is_nan<double>, 18},
      {"f64 to e2m1", OracleTarget::e2m1, OracleMode::rint, OracleRules::satall_positive_nan,
       [](double each) -> unsigned { return __nv_cvt_double_to_fp4(each, __NV_E2M1, cudaRoundNearest); }, nullptr,
       nullptr, 0},
      {"f64 to bf16", OracleTarget::bf16, OracleMode::rint, OracleRules::nonsat_positive_nan,
       [](double each) -> unsigned { return __bfloat16_as_ushort(__double2bfloat16(each)); }, "NaN is 0x7FFF",
       is_nan<double>, 24},
      {"f64 to f16", OracleTarget::f16, OracleMode::rint, OracleRules::nonsat_positive_nan,
       [](double each) -> unsigned { return __half_as_ushort(__double2half(each)); }, "NaN is 0x7FFF", is_nan<double>,
       24},
  };
  for (const Comparison<double>& comparison : comparisons) run(comparison, x);
}

}  // namespace

int main() {
  compare_singles();
  compare_doubles();
  return failures == 0 ? 0 : 1;
}
