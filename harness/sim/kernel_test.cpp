#include "harness/sim/kernel_test.h"

#include <fmt/format.h>

#include <algorithm>

namespace assay::sim::testing {
namespace {

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

constexpr std::string_view kFrame = R"(module attributes {pto.target_arch = "a2a3"} {
  func.func @kernel(%x: !pto.ptr<$E>, %y: !pto.ptr<$E>$A) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c8 = arith.constant 8 : index
    %c16 = arith.constant 16 : index
    %a0 = arith.constant 0 : i64
    %a1 = arith.constant 4096 : i64
    %a2 = arith.constant 8192 : i64
    %a3 = arith.constant 12288 : i64
    %xv = pto.make_tensor_view %x, shape = [%c8, %c16], strides = [%c16, %c1] : $V
    %yv = pto.make_tensor_view %y, shape = [%c8, %c16], strides = [%c16, %c1] : $V
    %xp = pto.partition_view %xv, offsets = [%c0, %c0], sizes = [%c8, %c16] : $V -> $P
    %yp = pto.partition_view %yv, offsets = [%c0, %c0], sizes = [%c8, %c16] : $V -> $P
$BODY
    return
  }
}
)";

}  // namespace

std::string kernel(std::string_view body, std::string_view dtype, std::string_view arguments) {
  std::string text = replace_all(std::string(kFrame), "$BODY", body);
  text = replace_all(text, "$A", arguments);
  text = replace_all(text, "$T", "!pto.tile_buf<vec, 8x16x$E>");
  text = replace_all(text, "$D", "!pto.tile_buf<vec, 8x16x$E, valid=?x?>");
  text = replace_all(text, "$C", "!pto.tile_buf<vec, 8x1x$E, blayout=col_major>");
  text = replace_all(text, "$P", "!pto.partition_tensor_view<?x?x$E>");
  text = replace_all(text, "$V", "!pto.tensor_view<?x?x$E>");
  return replace_all(text, "$E", dtype);
}

int line_of(std::string_view text, std::string_view mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return 0;
  return 1 + static_cast<int>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

}  // namespace assay::sim::testing
