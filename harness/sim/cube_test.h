// Test support: kernels that bring a left and a right matrix through L1 and L0 to the cube and store what comes out.
#pragma once

#include <fmt/format.h>

#include "harness/sim/kernel_test.h"

namespace assay::sim::testing {

struct CubeKernel {
  std::int64_t m = 16, k = 32, n = 16;
  std::string element = "i8", sum = "i32", out = "i32";
  bool transposed = false;  // %b holds [n, k]
  bool zz_left = true;      // L0A as on a2a3, else Nz
  // Statements between the moves to L0 and the end; %left %right %acc are the tiles, %cp the destination's partition,
  // $A the type of %acc, $L and $R those of %left and %right, $P the partition's.
  std::string body = R"(    pto.tmatmul ins(%left, %right : $L, $R) outs(%acc : $A)
    pto.tstore ins(%acc : $A) outs(%cp : $P))";
  std::string arguments;  // after the three pointers: ", %p: !pto.ptr<i64>"
};
// func @kernel(%a, %b, %c + arguments): a is [m, k], b [k, n] (or [n, k]), c [m, n]. Constants %c0 %c1 %m %k %n, %z
// (i64).
std::string text_of(const CubeKernel& kernel);

template <class T>
std::vector<T> elements(const Tensor& tensor) {
  const auto span = tensor.as<T>();
  return {span.begin(), span.end()};
}

}  // namespace assay::sim::testing
