#include "goldens/formats/oracle_cuda.h"

#include "goldens/formats/oracle_samples.h"

namespace assay::goldens {
namespace {

constexpr std::array kTargets{DType::f16, DType::bf16, DType::e4m3fn, DType::e5m2, DType::e2m1};
constexpr std::array kOracleModes{Rounding::rint, Rounding::trunc, Rounding::floor, Rounding::ceil};
constexpr std::array kOverflows{Overflow::nonsat, Overflow::satfinite, Overflow::satall};

template <class Float>
std::vector<unsigned> codes(OracleTarget target, const std::vector<Float>& x, OracleMode mode, OracleRules rules) {
  const NarrowingRules narrowing{kOverflows[static_cast<std::size_t>(rules)], NanResult::positive_nan, true};
  std::vector<unsigned> result;
  result.reserve(x.size());
  for (const Float each : x)
    result.push_back(encode(kTargets[static_cast<std::size_t>(target)], each,
                            kOracleModes[static_cast<std::size_t>(mode)], narrowing));
  return result;
}

}  // namespace

std::vector<float> oracle_single_operands() { return oracle_operands(); }
std::vector<double> oracle_double_operands() { return oracle_doubles(); }

std::vector<unsigned> oracle_codes(OracleTarget target, const std::vector<float>& x, OracleMode mode,
                                   OracleRules rules) {
  return codes(target, x, mode, rules);
}
std::vector<unsigned> oracle_codes(OracleTarget target, const std::vector<double>& x, OracleMode mode,
                                   OracleRules rules) {
  return codes(target, x, mode, rules);
}

}  // namespace assay::goldens
