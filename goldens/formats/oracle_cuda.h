// What oracle_cuda.cu, compiled by nvcc as C++17, sees of the goldens.
#pragma once

#include <vector>

namespace assay::goldens {

enum class OracleTarget { f16, bf16, e4m3fn, e5m2, e2m1 };
enum class OracleMode { rint, trunc, floor, ceil };
enum class OracleRules { nonsat_positive_nan, satfinite_positive_nan, satall_positive_nan };

// oracle_samples.h.
std::vector<float> oracle_single_operands();
std::vector<double> oracle_double_operands();

std::vector<unsigned> oracle_codes(OracleTarget target, const std::vector<float>& x, OracleMode mode,
                                   OracleRules rules);
std::vector<unsigned> oracle_codes(OracleTarget target, const std::vector<double>& x, OracleMode mode,
                                   OracleRules rules);

}  // namespace assay::goldens
