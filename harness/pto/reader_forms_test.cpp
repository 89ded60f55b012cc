// Spellings the reader accepts, each held against the same kernel in the usual spelling.
#include <gtest/gtest.h>

#include "harness/pto/printer.h"
#include "harness/pto/reader.h"
#include "harness/pto/sample_module.h"
#include "harness/pto/verifier.h"

namespace assay::pto {
namespace {

Module must_parse(std::string_view text) {
  auto module = parse(text, "test.pto");
  EXPECT_TRUE(module) << to_string(module.error()) << "\n" << text;
  if (!module) return {};
  const auto verified = verify(*module);
  EXPECT_TRUE(verified) << to_string(verified.error());
  return std::move(*module);
}

std::string in_function(std::string_view body, std::string_view arguments = "%p: !pto.ptr<f32>, %n: index, %c: i1") {
  return "func.func @f(" + std::string(arguments) + ") {\n" + std::string(body) + "\nreturn\n}\n";
}

void expect_same(std::string_view spelling, std::string_view usual) {
  EXPECT_TRUE(equal(must_parse(in_function(spelling)), must_parse(in_function(usual)))) << spelling;
}

TEST(ReaderForms, TileSpellings) {
  const std::string usual = "%t = pto.alloc_tile valid_row = %n : !pto.tile_buf<vec, 16x8xf32, valid=?x8, pad=1>";
  for (std::string_view type :
       {"!pto.tile_buf<loc=vec, dtype=f32, rows=16, cols=8, v_row=?, v_col=8, blayout=row_major, slayout=none_box, "
        "fractal=512, pad=1>",
        "!pto.tile_buf<blayout=row_major, cols=8, rows=16, dtype=f32, pad=1, v_col=8, v_row=?, loc=vec>",
        "<loc=vec, dtype=f32, rows=16, cols=8, v_row=?, v_col=8, pad=1>", "<vec, 16x8xf32, valid=?x8, pad=zero>",
        "<loc=ub, dtype=f32, rows=16, cols=8, v_row=?, v_col=8, pad=1>",
        "!pto.tile_buf<vec, 16x8xf32, pad=1, valid=?x8, slayout=none_box, blayout=row_major, compact=0>"})
    expect_same("%t = pto.alloc_tile valid_row = %n : " + std::string(type), usual);
  expect_same("%t = pto.alloc_tile valid_row=%n, valid_col=%n addr=%n : <vec, 1x8xf32, valid=?x?>",
              "%t = pto.alloc_tile addr = %n valid_row = %n valid_col = %n : <vec, 1x8xf32, valid=?x?>");
}

TEST(ReaderForms, CommentsLocationsAndCommas) {
  const std::string view =
      "%v = pto.make_tensor_view %p, shape = [%n, %n], strides = [%n, %n] : !pto.tensor_view<?x?xf32>\n";
  expect_same(
      "// nothing\n%v = pto.make_tensor_view %p, shape = [%n, %n] strides = [%n, %n] : !pto.tensor_view<?x?xf32> "
      "loc(\"a.py\":1:2) // more",
      view);
  expect_same("%v = pto.make_tensor_view %p, shape = [%n, %n] strides = [%n, %n] : !pto.tensor_view<2xf32>", view);
  expect_same(view +
                  "%q = pto.partition_view %v, offsets = [%n, %n], sizes = [%n, %n] : !pto.tensor_view<2xf32> -> "
                  "!pto.tile_view<?x?xf32>",
              view +
                  "%q = pto.partition_view %v, offsets = [%n, %n], sizes = [%n, %n] : !pto.tensor_view<?x?xf32> -> "
                  "!pto.partition_tensor_view<?x?xf32>");
  expect_same(view +
                  "%q = pto.subview %v, offsets = [%n, %n], sizes = [%n, %n] : !pto.tensor_view<?x?xf32> -> "
                  "!pto.partition_tensor_view<?x?xf32>",
              view +
                  "%q = pto.partition_view %v, offsets = [%n, %n], sizes = [%n, %n] : !pto.tensor_view<?x?xf32> -> "
                  "!pto.partition_tensor_view<?x?xf32>");
}

TEST(ReaderForms, PartitionTypeTakenFromItsFirstUse) {
  const std::string head =
      "%v = pto.make_tensor_view %p, shape = [%n, %n], strides = [%n, %n] : !pto.tensor_view<?x?xf32>\n"
      "%t = pto.alloc_tile : !pto.tile_buf<vec, 16x8xf32>\n"
      "%q = pto.partition_view %v, offsets = [%n, %n], sizes = [%n, %n] : !pto.tensor_view<?x?xf32>";
  const std::string use = "\npto.tload ins(%q : <16x8xf32>) outs(%t : <vec, 16x8xf32>)";
  expect_same(head + use, head + " -> !pto.partition_tensor_view<16x8xf32>" + use);
}

TEST(ReaderForms, ExtentsOfOtherIntegerTypes) {
  const Module module = must_parse(
      "func.func @f(%r: i32, %c: i32) { %t = pto.alloc_tile valid_row = %r valid_col = %c : <vec, 16x8xf32, "
      "valid=?x?>, "
      "i32\npto.set_validshape %t, %c, %r : <vec, 16x8xf32, valid=?x?>, i32\nreturn }");
  EXPECT_EQ(module.functions[0].body.body.size(), 3U);
  EXPECT_FALSE(parse(
      "func.func @f(%r: i32) { %t = pto.alloc_tile valid_row = %r : <vec, 1x8xf32, valid=?x8>, i64 return }", "k"));
}

TEST(ReaderForms, SubsetIsTheOldSubview) {
  const std::string tile = "%t = pto.alloc_tile : !pto.tile_buf<vec, 32x32xf32>\n";
  expect_same(
      tile + "%s = pto.subset %t[%n, %n] sizes [16, 8] : !pto.tile_buf<vec, 32x32xf32>",
      tile +
          "%s = pto.subview %t[%n, %n] sizes [16, 8] : !pto.tile_buf<vec, 32x32xf32> -> !pto.tile_buf<vec, 16x8xf32>");
}

TEST(ReaderForms, AttributesInsideAndOutside) {
  const std::string tiles = "%t = pto.alloc_tile : <vec, 16x8xf32>\n%i = pto.alloc_tile : <vec, 16x8xi32>\n";
  const std::string usual =
      tiles + "pto.tcvt ins(%t {rmode = #pto<round_mode RINT>} : <vec, 16x8xf32>) outs(%i : <vec, 16x8xi32>)";
  expect_same(tiles + "pto.tcvt ins(%t : <vec, 16x8xf32>) outs(%i : <vec, 16x8xi32>) {rmode = #pto.round_mode<RINT>}",
              usual);
  expect_same(tiles +
                  "\"pto.tcvt\"(%t, %i) <{rmode = #pto<round_mode RINT>, operandSegmentSizes = array<i32: 1, 0, 1>}> : "
                  "(!pto.tile_buf<vec, 16x8xf32>, !pto.tile_buf<vec, 16x8xi32>) -> ()",
              usual);
  expect_same(
      tiles + "pto.tcvt ins(%t, {\"rmode\" = #pto<round_mode RINT>} : <vec, 16x8xf32>) outs(%i : <vec, 16x8xi32>)",
      usual);
}

TEST(ReaderForms, UnknownAttributesAreKeptWithAWarning) {
  std::vector<Warning> warnings;
  const auto module =
      parse(in_function("%t = pto.alloc_tile {candidates = [{id = 0 : i64, name = \"x\"}], lucky} : <vec, 1x8xf32>"),
            "t.pto", &warnings);
  ASSERT_TRUE(module) << to_string(module.error());
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_EQ(warnings[0].location.line, 2);
  EXPECT_NE(warnings[1].message.find("'lucky' of pto.alloc_tile"), std::string::npos) << warnings[1].message;
  EXPECT_NE(find(module->functions[0].body.body[0].attributes, "lucky"), nullptr);
}

TEST(ReaderForms, GenericForm) {
  expect_same(
      "%z = \"arith.constant\"() <{value = 7 : index}> : () -> index\n"
      "%d = \"arith.cmpi\"(%z, %n) <{predicate = 2 : i64}> : (index, index) -> i1\n"
      "%s = \"arith.addi\"(%z, %n) <{overflowFlags = #arith.overflow<none>}> : (index, index) -> index",
      "%z = arith.constant 7 : index\n%d = arith.cmpi slt, %z, %n : index\n%s = arith.addi %z, %n : index");
  expect_same(
      "%r = \"scf.for\"(%n, %n, %n, %n) ({\n^bb0(%i: index, %a: index):\n%b = arith.addi %a, %i : index\n"
      "\"scf.yield\"(%b) : (index) -> ()\n}) : (index, index, index, index) -> index",
      "%r = scf.for %i = %n to %n step %n iter_args(%a = %n) -> (index) {\n%b = arith.addi %a, %i : index\n"
      "scf.yield %b : index\n}");
  expect_same("\"scf.if\"(%c) ({\n\"scf.yield\"() : () -> ()\n}, {}) : (i1) -> ()", "scf.if %c {\n}");
  expect_same("%o = arith.constant 1.0 : f32\n\"pto.store_scalar\"(%p, %n, %o) : (!pto.ptr<f32>, index, f32) -> ()",
              "%o = arith.constant 1.0 : f32\npto.store_scalar %o, %p[%n] : !pto.ptr<f32>, f32");
  const Module function = must_parse(
      "\"builtin.module\"() ({\n\"func.func\"() <{function_type = (index) -> index, sym_name = \"g\"}> ({\n^bb0(%x: "
      "index):\n"
      "\"func.return\"(%x) : (index) -> ()\n}) : () -> ()\n}) {pto.target_arch = \"a2a3\"} : () -> ()");
  EXPECT_TRUE(
      equal(function, must_parse("module attributes {pto.target_arch = \"a2a3\"} { func.func @g(%x: index) -> index { "
                                 "return %x : index } }")));
}

// Every operation in generic form means what its custom form means: the printer writes one, this test the other.
TEST(ReaderForms, GenericFormOfViewsAndTiles) {
  expect_same(
      "%v = \"pto.make_tensor_view\"(%p, %n, %n, %n, %n) <{operandSegmentSizes = array<i32: 1, 2, 2>}> : "
      "(!pto.ptr<f32>, index, index, index, index) -> !pto.tensor_view<?x?xf32>\n"
      "%t = \"pto.alloc_tile\"(%n) : (index) -> !pto.tile_buf<vec, 16x8xf32, valid=16x?>\n"
      "\"pto.tadd\"(%t, %t, %t) : (!pto.tile_buf<vec, 16x8xf32, valid=16x?>, !pto.tile_buf<vec, 16x8xf32, "
      "valid=16x?>, !pto.tile_buf<vec, 16x8xf32, valid=16x?>) -> ()",
      "%v = pto.make_tensor_view %p, shape = [%n, %n], strides = [%n, %n] : !pto.tensor_view<?x?xf32>\n"
      "%t = pto.alloc_tile valid_col = %n : <vec, 16x8xf32, valid=16x?>\n"
      "pto.tadd ins(%t, %t : <vec, 16x8xf32, valid=16x?>, <vec, 16x8xf32, valid=16x?>) outs(%t : <vec, 16x8xf32, "
      "valid=16x?>)");
}

TEST(ReaderForms, ControlFlow) {
  const Module module = must_parse(R"(
module {
  func.func private @helper(i32) -> i32
  func.func @twice(%a: i32) -> (i32, i32) {
    %b = func.call @helper(%a) : (i32) -> i32
    return %a, %b : i32, i32
  }
  func.func @main(%n: i32, %c: i1) {
    %one = arith.constant 1 : i32
    %r:2 = call @twice(%n) : (i32) -> (i32, i32)
    %s = scf.if %c -> (i32) { scf.yield %r#0 : i32 } else { scf.yield %r#1 : i32 }
    %w:2 = scf.while (%x = %s, %y = %n) : (i32, i32) -> (i32, i32) {
      %go = arith.cmpi slt, %x, %y : i32
      scf.condition(%go) %x, %y : i32, i32
    } do {
    ^bb0(%x: i32, %y: i32):
      %next = arith.addi %x, %one overflow<nsw> : i32
      scf.yield %next, %y : i32, i32
    }
    %f = arith.select %c, %w#0, %w#1 : i32
    scf.for %i = %one to %f step %one : i32 { pto.barrier <PIPE_ALL> }
    pto.section.vector { pto.set_flag[<PIPE_MTE2>, #pto.pipe<PIPE_V>, <EVENT_ID0>] }
    return
  }
})");
  ASSERT_EQ(module.functions.size(), 3U);
  EXPECT_TRUE(module.functions[0].is_external);
  EXPECT_TRUE(has_synchronisation(module.functions[2]));
  const auto again = parse(print(module), "p");
  ASSERT_TRUE(again) << to_string(again.error());
  EXPECT_TRUE(equal(module, *again));
}

TEST(ReaderForms, SynchronisationSpellings) {
  const Module module = must_parse(in_function(R"(
    pto.record_event[#pto.pipe_event_type<TLOAD>, #pto.sync_op_type<TVEC>, <EVENT_ID0>]
    pto.wait_event [<TLOAD>, <TVEC>, <EVENT_ID0>]
    pto.set_flag_dyn[<PIPE_V>, <PIPE_MTE3>, %n]
    pto.sync.set <PIPE_MTE3>, 3 {ffts_mode = 0 : i32}
    pto.sync.wait <PIPE_MTE2>, %n
    pto.barrier_sync[<TVEC>]
    pto.get_buf[<TVEC>, 0]
    pto.cmo.cacheinvalid all #pto.address_space<gm>
    pto.cmo.cacheinvalid %p single_cache_line : !pto.ptr<f32>
    pto.fence.barrier_all #pto.fence_scope<gm>)"));
  const auto& body = module.functions[0].body.body;
  EXPECT_EQ(word(body[0].attributes, "src_op"), "TLOAD");
  EXPECT_EQ(body[2].operands.size(), 1U);
  EXPECT_EQ(std::get<IntAttr>(find(body[3].attributes, "event_id")->value).value, 3);
}

TEST(ReaderForms, TypeAliasesAndMultipleModules) {
  const Module module = must_parse(
      "#loc1 = loc(\"x\")\n!cell = !pto.tile_buf<vec, 1x8xf32>\nmodule { func.func @a() { %t = "
      "pto.alloc_tile : !cell loc(#loc1)\nreturn } }\nmodule { func.func @b() { return } }");
  EXPECT_EQ(module.functions.size(), 2U);
  const Module nested = must_parse(
      "module attributes {pto.target_arch = \"a2a3\"} { module attributes {pto.target_arch = \"a5\"} { func.func @a() "
      "{ "
      "return } } module { func.func @b() { return } } }");
  EXPECT_EQ(nested.functions.size(), 2U);
  EXPECT_EQ(word(nested.attributes, "pto.target_arch"), "a2a3");
}

TEST(ReaderForms, Constants) {
  const Module module = must_parse(in_function(R"(
    %a = arith.constant 0xFF800000 : f32
    %b = arith.constant 0.1 : f32
    %c2 = arith.constant true
    %d = arith.constant -1 : i8
    %e = arith.constant 255 : i8
    %f = arith.constant 0x7C00 : f16
    %g = arith.constant 1.0e-3 : bf16
    %h = arith.constant 18446744073709551615 : ui64
    %i = arith.constant 0x10 : i32)"));
  const auto& body = module.functions[0].body.body;
  const auto bits = [&](std::size_t i) {
    return std::get<FloatAttr>(find(body[i].attributes, "value")->value).f32_bits;
  };
  const auto integer = [&](std::size_t i) { return std::get<IntAttr>(find(body[i].attributes, "value")->value).value; };
  EXPECT_EQ(bits(0), 0xFF800000U);
  EXPECT_EQ(bits(1), 0x3DCCCCCDU);
  EXPECT_TRUE(std::get<bool>(find(body[2].attributes, "value")->value));
  EXPECT_EQ(integer(3), -1);
  EXPECT_EQ(integer(4), -1);
  EXPECT_EQ(bits(5), 0x7F800000U);
  EXPECT_EQ(bits(6), 0x3A830000U);  // 1e-3 = 1.024 * 2^-10; 1.024 * 128 = 131.07 -> 131 = 0x83
  EXPECT_EQ(integer(7), -1);
  EXPECT_EQ(integer(8), 16);
}

}  // namespace
}  // namespace assay::pto
