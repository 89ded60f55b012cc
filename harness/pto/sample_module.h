// The sample file of pto-format.md 1.4, for tests.
#pragma once

#include <string_view>

namespace assay::pto::testing {

inline constexpr std::string_view kScaleRows = R"(
module attributes {pto.target_arch = "a2a3"} {
  func.func @scale_rows(%x: !pto.ptr<f32>, %s: !pto.ptr<f32>, %y: !pto.ptr<bf16>, %rows: index)
      attributes {pto.kernel_kind = #pto.kernel_kind<vector>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c16 = arith.constant 16 : index
    %c256 = arith.constant 256 : index
    %a0 = arith.constant 0 : i64
    %a1 = arith.constant 16384 : i64
    %a2 = arith.constant 16448 : i64
    %a3 = arith.constant 32832 : i64
    %xv = pto.make_tensor_view %x, shape = [%rows, %c256], strides = [%c256, %c1] : !pto.tensor_view<?x?xf32>
    %sv = pto.make_tensor_view %s, shape = [%rows, %c1], strides = [%c1, %c1] {layout = #pto.layout<dn>} : !pto.tensor_view<?x?xf32>
    %yv = pto.make_tensor_view %y, shape = [%rows, %c256], strides = [%c256, %c1] : !pto.tensor_view<?x?xbf16>
    scf.for %r = %c0 to %rows step %c16 {
      %left = arith.subi %rows, %r : index
      %n = arith.minsi %left, %c16 : index
      %xp = pto.partition_view %xv, offsets = [%r, %c0], sizes = [%n, %c256] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<?x256xf32>
      %sp = pto.partition_view %sv, offsets = [%r, %c0], sizes = [%n, %c1] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<?x1xf32>
      %yp = pto.partition_view %yv, offsets = [%r, %c0], sizes = [%n, %c256] : !pto.tensor_view<?x?xbf16> -> !pto.partition_tensor_view<?x256xbf16>
      %xt = pto.alloc_tile addr = %a0 valid_row = %n : !pto.tile_buf<vec, 16x256xf32, valid=?x256>
      %st = pto.alloc_tile addr = %a1 valid_row = %n : !pto.tile_buf<vec, 16x1xf32, valid=?x1, blayout=col_major>
      %pt = pto.alloc_tile addr = %a2 valid_row = %n : !pto.tile_buf<vec, 16x256xf32, valid=?x256>
      %yt = pto.alloc_tile addr = %a3 valid_row = %n : !pto.tile_buf<vec, 16x256xbf16, valid=?x256>
      pto.tload ins(%xp : !pto.partition_tensor_view<?x256xf32>) outs(%xt : !pto.tile_buf<vec, 16x256xf32, valid=?x256>)
      pto.tload ins(%sp : !pto.partition_tensor_view<?x1xf32>) outs(%st : !pto.tile_buf<vec, 16x1xf32, valid=?x1, blayout=col_major>)
      pto.trowexpandmul ins(%xt, %st : !pto.tile_buf<vec, 16x256xf32, valid=?x256>, !pto.tile_buf<vec, 16x1xf32, valid=?x1, blayout=col_major>) outs(%pt : !pto.tile_buf<vec, 16x256xf32, valid=?x256>)
      pto.tcvt ins(%pt {rmode = #pto<round_mode RINT>} : !pto.tile_buf<vec, 16x256xf32, valid=?x256>) outs(%yt : !pto.tile_buf<vec, 16x256xbf16, valid=?x256>)
      pto.tstore ins(%yt : !pto.tile_buf<vec, 16x256xbf16, valid=?x256>) outs(%yp : !pto.partition_tensor_view<?x256xbf16>)
    }
    return
  }
}
)";

}  // namespace assay::pto::testing
