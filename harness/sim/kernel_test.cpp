#include "harness/sim/kernel_test.h"

#include <fmt/format.h>

namespace assay::sim::testing {

std::string kernel(std::string_view body, std::string_view dtype, std::string_view arguments) {
  return fmt::format(R"(module attributes {{pto.target_arch = "a2a3"}} {{
  func.func @kernel(%x: !pto.ptr<{0}>, %y: !pto.ptr<{0}>{1}) {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c8 = arith.constant 8 : index
    %c16 = arith.constant 16 : index
    %a0 = arith.constant 0 : i64
    %a1 = arith.constant 4096 : i64
    %a2 = arith.constant 8192 : i64
    %a3 = arith.constant 12288 : i64
    %xv = pto.make_tensor_view %x, shape = [%c8, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?x{0}>
    %yv = pto.make_tensor_view %y, shape = [%c8, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?x{0}>
    %xp = pto.partition_view %xv, offsets = [%c0, %c0], sizes = [%c8, %c16] : !pto.tensor_view<?x?x{0}> -> !pto.partition_tensor_view<8x16x{0}>
    %yp = pto.partition_view %yv, offsets = [%c0, %c0], sizes = [%c8, %c16] : !pto.tensor_view<?x?x{0}> -> !pto.partition_tensor_view<8x16x{0}>
{2}
    return
  }}
}}
)",
                     dtype, arguments, body);
}

}  // namespace assay::sim::testing
