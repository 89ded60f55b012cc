// Test support: a small kernel with every kind of thing bisection edits.
#pragma once

#include <string_view>

namespace assay::bisect {

inline constexpr std::string_view kSampleKernel = R"(
module attributes {pto.target_arch = "a2a3"} {
  func.func @scale_add(%x: !pto.ptr<f32>, %z: !pto.ptr<f32>, %y: !pto.ptr<bf16>, %rows: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %c16 = arith.constant 16 : index
    %half = arith.constant 0.5 : f32
    %a0 = arith.constant 0 : i64
    %a1 = arith.constant 1024 : i64
    %a2 = arith.constant 2048 : i64
    %a3 = arith.constant 3072 : i64
    %xv = pto.make_tensor_view %x, shape = [%rows, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xf32>
    %zv = pto.make_tensor_view %z, shape = [%rows, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xf32>
    %yv = pto.make_tensor_view %y, shape = [%rows, %c16], strides = [%c16, %c1] : !pto.tensor_view<?x?xbf16>
    scf.for %r = %c0 to %rows step %c4 {
      %left = arith.subi %rows, %r : index
      %n = arith.minsi %left, %c4 : index
      %xp = pto.partition_view %xv, offsets = [%r, %c0], sizes = [%n, %c16] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<?x16xf32>
      %zp = pto.partition_view %zv, offsets = [%r, %c0], sizes = [%n, %c16] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<?x16xf32>
      %yp = pto.partition_view %yv, offsets = [%r, %c0], sizes = [%n, %c16] : !pto.tensor_view<?x?xbf16> -> !pto.partition_tensor_view<?x16xbf16>
      %xt = pto.alloc_tile addr = %a0 valid_row = %n : !pto.tile_buf<vec, 4x16xf32, valid=?x16>
      %zt = pto.alloc_tile addr = %a1 valid_row = %n : !pto.tile_buf<vec, 4x16xf32, valid=?x16>
      %st = pto.alloc_tile addr = %a2 valid_row = %n : !pto.tile_buf<vec, 4x16xf32, valid=?x16>
      %yt = pto.alloc_tile addr = %a3 valid_row = %n : !pto.tile_buf<vec, 4x16xbf16, valid=?x16>
      pto.tload ins(%xp : !pto.partition_tensor_view<?x16xf32>) outs(%xt : !pto.tile_buf<vec, 4x16xf32, valid=?x16>)
      pto.tload ins(%zp : !pto.partition_tensor_view<?x16xf32>) outs(%zt : !pto.tile_buf<vec, 4x16xf32, valid=?x16>)
      pto.tmuls ins(%xt, %half : !pto.tile_buf<vec, 4x16xf32, valid=?x16>, f32) outs(%st : !pto.tile_buf<vec, 4x16xf32, valid=?x16>)
      pto.tsub ins(%st, %zt : !pto.tile_buf<vec, 4x16xf32, valid=?x16>, !pto.tile_buf<vec, 4x16xf32, valid=?x16>) outs(%st : !pto.tile_buf<vec, 4x16xf32, valid=?x16>)
      pto.tcvt ins(%st {rmode = #pto<round_mode RINT>} : !pto.tile_buf<vec, 4x16xf32, valid=?x16>) outs(%yt : !pto.tile_buf<vec, 4x16xbf16, valid=?x16>)
      pto.tstore ins(%yt : !pto.tile_buf<vec, 4x16xbf16, valid=?x16>) outs(%yp : !pto.partition_tensor_view<?x16xbf16>)
    }
    return
  }
}
)";

}  // namespace assay::bisect
