// MX products: text read, verified and printed; what the verifier says of scales that do not fit.
#include <gtest/gtest.h>

#include "harness/pto/printer.h"
#include "harness/pto/reader.h"
#include "harness/pto/verifier.h"

namespace assay::pto {
namespace {

constexpr std::string_view kTypes[][2] = {
    {"$L", "!pto.tile_buf<left, 16x64xf8E4M3FN, blayout=col_major, slayout=row_major>"},
    {"$R", "!pto.tile_buf<right, 64x32xf8E5M2, slayout=col_major>"},
    {"$S",
     "!pto.tile_buf<loc=scaling, dtype=!pto.f8E8M0, rows=16, cols=2, v_row=16, v_col=2, blayout=row_major, "
     "slayout=row_major, fractal=32, pad=0>"},
    {"$T", "!pto.tile_buf<scaling, 2x32x!pto.f8E8M0, blayout=col_major, slayout=col_major, fractal=32>"},
    {"$C", "!pto.tile_buf<acc, 16x32xf32, blayout=col_major, slayout=row_major, fractal=1024>"},
    {"$B", "!pto.tile_buf<bias, 1x32xf32>"}};

std::string kernel(std::string_view line, std::string_view from = "", std::string_view to = "") {
  std::string text = R"(module attributes {pto.target_arch = "a5"} {
  func.func @product(%p: !pto.ptr<!pto.f8E8M0>, %q: !pto.ptr<!pto.f8E8M0, gm>) {
    %l = pto.alloc_tile : $L
    %ls = pto.alloc_tile : $S
    %r = pto.alloc_tile : $R
    %rs = pto.alloc_tile : $T
    %c = pto.alloc_tile : $C
    %b = pto.alloc_tile : $B
    )" + std::string(line) +
                     "\n    return\n  }\n}\n";
  for (const auto& [name, type] : kTypes)
    for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos; at += type.size())
      text.replace(at, name.size(), type);
  if (!from.empty())
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  return text;
}

class ScaledProducts : public ::testing::TestWithParam<std::string_view> {};

TEST_P(ScaledProducts, AreReadVerifiedAndPrinted) {
  const auto module = parse(kernel(GetParam()), "mx.pto");
  ASSERT_TRUE(module) << to_string(module.error());
  EXPECT_TRUE(violations(*module).empty()) << to_string(violations(*module).front());
  const std::string text = print(*module);
  EXPECT_NE(text.find("<scaling, 16x2x!pto.f8E8M0, slayout=row_major, fractal=32>"), std::string::npos) << text;
  const auto again = parse(text, "printed.pto");
  ASSERT_TRUE(again) << to_string(again.error());
  EXPECT_TRUE(equal(*module, *again)) << text;
}

INSTANTIATE_TEST_SUITE_P(
    Forms, ScaledProducts,
    ::testing::Values("pto.tmatmul.mx ins(%l, %ls, %r, %rs : $L, $S, $R, $T) outs(%c : $C)",
                      "pto.tmatmul.mx.acc ins(%c, %l, %ls, %r, %rs : $C, $L, $S, $R, $T) outs(%c : $C) {accPhase = "
                      "#pto<acc_phase final>}",
                      "pto.tmatmul.mx.bias ins(%l, %ls, %r, %rs, %b : $L, $S, $R, $T, $B) outs(%c : $C)",
                      "pto.tgemv.mx ins(%l, %ls, %r, %rs : $L, $S, $R, $T) outs(%c : $C)",
                      "pto.tgemv.mx.acc ins(%c, %l, %ls, %r, %rs : $C, $L, $S, $R, $T) outs(%c : $C)",
                      "pto.tgemv.mx.bias ins(%l, %ls, %r, %rs, %b : $L, $S, $R, $T, $B) outs(%c : $C)",
                      "pto.tget_scale_addr ins(%l : $L) outs(%ls : $S)",
                      "\"pto.tget_scale_addr\"(%r, %rs) : ($R, $T) -> ()"));

struct Broken {
  std::string_view line, from, to, message;
};

class BrokenScales : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenScales, AreRefused) {
  const auto& [line, from, to, message] = GetParam();
  const auto module = parse(kernel(line, from, to), "mx.pto");
  ASSERT_TRUE(module) << to_string(module.error());
  const auto errors = violations(*module);
  ASSERT_FALSE(errors.empty());
  EXPECT_NE(to_string(errors.front()).find(message), std::string::npos) << to_string(errors.front());
}

constexpr std::string_view kProduct = "pto.tmatmul.mx ins(%l, %ls, %r, %rs : $L, $S, $R, $T) outs(%c : $C)";

INSTANTIATE_TEST_SUITE_P(
    Verifier, BrokenScales,
    ::testing::Values(Broken{"pto.tmatmul.mx ins(%l, %rs, %r, %ls : $L, $T, $R, $S) outs(%c : $C)", "", "",
                             "expected the scales of the left operand"},
                      Broken{kProduct, "f8E5M2", "f16", "expected f8E4M3FN or f8E5M2 each into f32"},
                      Broken{kProduct, "dtype=!pto.f8E8M0", "dtype=ui8", "expected the scales of the left operand"},
                      Broken{kProduct, "cols=2, v_row=16, v_col=2", "cols=4, v_row=16, v_col=4", "expected one for 32"},
                      Broken{kProduct, "cols=2, v_row=16, v_col=2", "cols=2, v_row=16, v_col=1", "the valid scales"},
                      Broken{kProduct, "blayout=col_major, slayout=col_major, fractal=32",
                             "blayout=row_major, slayout=col_major, fractal=32", "of the right one Nn"},
                      Broken{kProduct, "slayout=col_major, fractal=32", "fractal=32", "scales stand in boxes"},
                      Broken{"pto.tget_scale_addr ins(%l : $L) outs(%rs : $T)", "", "", "the scales of the left"},
                      Broken{"pto.tget_scale_addr ins(%c : $C) outs(%rs : $T)", "", "", "left or right tile"}));

}  // namespace
}  // namespace assay::pto
