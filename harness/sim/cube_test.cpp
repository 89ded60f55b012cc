#include "harness/sim/cube_test.h"

namespace assay::sim::testing {
namespace {

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

std::int64_t rounded(std::int64_t extent, std::int64_t box) { return (extent + box - 1) / box * box; }

constexpr std::string_view kFrame = R"(module {
  func.func @kernel(%a: !pto.ptr<$e>, %b: !pto.ptr<$e>, %c: !pto.ptr<$o>$g) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %m = arith.constant $m : index
    %k = arith.constant $k : index
    %n = arith.constant $n : index
    %z = arith.constant 0 : i64
    %l1b = arith.constant 262144 : i64
    %av = pto.make_tensor_view %a, shape = [%m, %k], strides = [%k, %c1] : !pto.tensor_view<?x?x$e>
    %bv = pto.make_tensor_view %b, shape = [%k, %n], strides = [$s] : !pto.tensor_view<?x?x$e>
    %cv = pto.make_tensor_view %c, shape = [%m, %n], strides = [%n, %c1] : !pto.tensor_view<?x?x$o>
    %ap = pto.partition_view %av, offsets = [%c0, %c0], sizes = [%m, %k] : !pto.tensor_view<?x?x$e> -> $pe
    %bp = pto.partition_view %bv, offsets = [%c0, %c0], sizes = [%k, %n] : !pto.tensor_view<?x?x$e> -> $pe
    %cp = pto.partition_view %cv, offsets = [%c0, %c0], sizes = [%m, %n] : !pto.tensor_view<?x?x$o> -> $P
    %amat = pto.alloc_tile addr = %z valid_row = %m valid_col = %k : $X
    %bmat = pto.alloc_tile addr = %l1b valid_row = %k valid_col = %n : $Y
    %left = pto.alloc_tile addr = %z valid_row = %m valid_col = %k : $L
    %right = pto.alloc_tile addr = %z valid_row = %k valid_col = %n : $R
    %acc = pto.alloc_tile addr = %z valid_row = %m valid_col = %n : $A
    pto.tload ins(%ap : $pe) outs(%amat : $X)
    pto.tload ins(%bp : $pe) outs(%bmat : $Y)
    pto.tmov ins(%amat : $X) outs(%left : $L)
    pto.tmov ins(%bmat : $Y) outs(%right : $R)
$body
    return
  }
}
)";

}  // namespace

std::string text_of(const CubeKernel& kernel) {
  const std::int64_t line = kernel.element == "i8" ? 32 : kernel.element == "f32" ? 8 : 16;  // elements of 32 bytes
  const std::int64_t rows = rounded(kernel.m, 16);
  const std::int64_t cols = rounded(kernel.n, kernel.transposed ? 16 : std::max<std::int64_t>(line, 16));
  const std::int64_t depth = rounded(kernel.k, std::max<std::int64_t>(line, 16));
  const auto tile = [](std::string_view space, std::int64_t r, std::int64_t c, std::string_view dtype,
                       std::string_view rest) {
    return fmt::format("!pto.tile_buf<{}, {}x{}x{}, valid=?x?, {}>", space, r, c, dtype, rest);
  };
  const std::string_view nz = "blayout=col_major, slayout=row_major", zn = "slayout=col_major",
                         zz = "slayout=row_major";
  std::string text = replace_all(std::string(kFrame), "$body", kernel.body);
  text = replace_all(text, "$X", tile("mat", rows, depth, kernel.element, nz));
  text = replace_all(text, "$Y", tile("mat", depth, cols, kernel.element, kernel.transposed ? zn : nz));
  text = replace_all(text, "$L", tile("left", rows, depth, kernel.element, kernel.zz_left ? zz : nz));
  text = replace_all(text, "$R", tile("right", depth, cols, kernel.element, zn));
  text = replace_all(text, "$A",
                     tile("acc", rows, cols, kernel.sum, "blayout=col_major, slayout=row_major, fractal=1024"));
  text = replace_all(text, "$pe", "!pto.partition_tensor_view<?x?x" + kernel.element + ">");
  text = replace_all(text, "$P", "!pto.partition_tensor_view<?x?x" + kernel.out + ">");
  text = replace_all(text, "$s", kernel.transposed ? "%c1, %k" : "%n, %c1");
  text = replace_all(text, "$g", kernel.arguments);
  text = replace_all(text, "$m", std::to_string(kernel.m));
  text = replace_all(text, "$k", std::to_string(kernel.k));
  text = replace_all(text, "$n", std::to_string(kernel.n));
  text = replace_all(text, "$e", kernel.element);
  return replace_all(text, "$o", kernel.out);
}

}  // namespace assay::sim::testing
