#include "harness/pto/verifier.h"

#include <gtest/gtest.h>

#include "harness/pto/generate_module.h"
#include "harness/pto/printer.h"
#include "harness/pto/reader.h"
#include "harness/pto/sample_module.h"

namespace assay::pto {
namespace {

struct Violation {
  std::string_view body;
  std::string_view message;
};

constexpr std::string_view kHead =
    R"(func.func @f(%p: !pto.ptr<f32>, %n: index, %c: i1, %s: f32, %arg: !pto.tile_buf<vec, 16x8xf32, valid=?x?>) {
%t = pto.alloc_tile : !pto.tile_buf<vec, 16x8xf32>
%d = pto.alloc_tile : !pto.tile_buf<vec, 16x8xf32, valid=?x?>
%i = pto.alloc_tile : !pto.tile_buf<vec, 16x8xi32>
%b = pto.alloc_tile : !pto.tile_buf<vec, 16x16xbf16>
%m = pto.alloc_tile : !pto.tile_buf<mat, 16x8xf32>
%c4 = arith.constant 4 : index
%v = pto.make_tensor_view %p, shape = [%n, %n], strides = [%n, %n] : !pto.tensor_view<?x?xf32>
%q = pto.partition_view %v, offsets = [%n, %n], sizes = [%n, %n] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<?x?xf32>
)";

constexpr Violation kViolations[] = {
    {"%x = pto.alloc_tile : !pto.tile_buf<vec, 16x7xf32>", "one row has 28 bytes, expected a multiple of 32"},
    {"%x = pto.alloc_tile : !pto.tile_buf<vec, 7x1xf32, blayout=col_major>", "one column has 28 bytes"},
    {"%x = pto.alloc_tile : !pto.tile_buf<vec, 16x8xf32, valid=17x8>", "the valid shape exceeds the tile"},
    {"%x = pto.alloc_tile : !pto.tile_buf<vec, 0x8xf32>", "has no elements"},
    {"%x = pto.alloc_tile : !pto.tile_buf<vec, 4611686018427387904x4611686018427387904xf32>", "is larger than"},
    {"%x = pto.alloc_tile : !pto.tile_buf<mat, 8x8xf32, blayout=col_major, slayout=row_major>", "multiples of 16x8"},
    {"%x = pto.alloc_tile valid_row = %n : !pto.tile_buf<vec, 16x8xf32>", "valid_row is given, but the type says 16"},
    {"%x = pto.alloc_tile valid_col = %n : !pto.tile_buf<vec, 16x8xf32, valid=?x8>", "valid_col is given"},
    {"%x = pto.alloc_tile addr = %s : !pto.tile_buf<vec, 16x8xf32>", "expected an integer or index"},
    {"pto.set_validshape %t, %n, %n : !pto.tile_buf<vec, 16x8xf32>", "both valid extents must be '?'"},
    {"pto.set_validshape %arg, %n, %n : !pto.tile_buf<vec, 16x8xf32, valid=?x?>", "%arg is an argument"},
    {"%x = pto.make_tensor_view %p, shape = [%n], strides = [%n, %n] : !pto.tensor_view<?xf32>",
     "1 extents and 2 strides"},
    {"%x = pto.make_tensor_view %p, shape = [%n, %n, %n, %n, %n, %n], strides = [%n, %n, %n, %n, %n, %n] : "
     "!pto.tensor_view<?x?x?x?x?x?xf32>",
     "has rank 6, expected 1 to 5"},
    {"%x = pto.make_tensor_view %p, shape = [%n], strides = [%n] : !pto.tensor_view<?xf16>", "cannot be viewed as f16"},
    {"%x = pto.partition_view %v, offsets = [%n], sizes = [%n, %n] : !pto.tensor_view<?x?xf32> -> "
     "!pto.partition_tensor_view<?x?xf32>",
     "expected rank 2"},
    {"%x = pto.partition_view %v, offsets = [%n, %n], sizes = [%c4, %n] : !pto.tensor_view<?x?xf32> -> "
     "!pto.partition_tensor_view<8x?xf32>",
     "size 0 is 4, but the type says 8"},
    {"pto.tload ins(%q : <?x?xf32>) outs(%b : <vec, 16x16xbf16>)", "element widths differ"},
    {"pto.tload ins(%t : <vec, 16x8xf32>) outs(%t : <vec, 16x8xf32>)", "moves between a partition and a tile"},
    {"pto.tadd ins(%t : <vec, 16x8xf32>) outs(%t : <vec, 16x8xf32>)", "1 operands in ins(), expected 2"},
    {"pto.tadd ins(%t, %t : <vec, 16x8xf32>, <vec, 16x8xf32>)", "0 operands in outs(), expected 1"},
    {"pto.tadd ins(%t, %i : <vec, 16x8xf32>, <vec, 16x8xi32>) outs(%t : <vec, 16x8xf32>)",
     "operand 2 has element type i32"},
    {"pto.tadd ins(%b, %b : <vec, 16x16xbf16>, <vec, 16x16xbf16>) outs(%b : <vec, 16x16xbf16>)",
     "element type bf16 is not legal"},
    {"pto.tadd ins(%m, %t : <mat, 16x8xf32>, <vec, 16x8xf32>) outs(%t : <vec, 16x8xf32>)", "works on vec tiles"},
    {"pto.tadds ins(%t, %t : <vec, 16x8xf32>, <vec, 16x8xf32>) outs(%t : <vec, 16x8xf32>)",
     "expected the element type f32"},
    {"pto.tadds ins(%t, %n : <vec, 16x8xf32>, index) outs(%t : <vec, 16x8xf32>)", "expected the element type f32"},
    {"pto.texp ins(%i : <vec, 16x8xi32>) outs(%i : <vec, 16x8xi32>)", "element type i32 is not legal"},
    {"pto.tgather ins(%t, %t : <vec, 16x8xf32>, <vec, 16x8xf32>) outs(%t : <vec, 16x8xf32>)",
     "indices have element type f32"},
    {"pto.tcvt ins(%t {rmode = #pto<round_mode NEAREST>} : <vec, 16x8xf32>) outs(%i : <vec, 16x8xi32>)",
     "unknown rounding mode 'NEAREST'"},
    {"pto.tcvt ins(%t {satmode = #pto<saturation_mode MAYBE>} : <vec, 16x8xf32>) outs(%i : <vec, 16x8xi32>)",
     "unknown saturation mode 'MAYBE'"},
    {"pto.tstore ins(%t : <vec, 16x8xf32>) outs(%q : <?x?xf32>) {atomicType = #pto<atomic_type atomic_max>}",
     "atomicType atomic_max"},
    {"%x = pto.subview %t[%n, %n] sizes [8, 8] : <vec, 16x8xf32> -> <vec, 4x8xf32>", "sizes [8, 8] differ"},
    {"%x = pto.subview %t[%n, %n] sizes [32, 8] : <vec, 16x8xf32> -> <vec, 32x8xf32>", "is larger than its tile"},
    {"%x = pto.treshape %t : <vec, 16x8xf32> -> <vec, 16x16xf32>", "512 bytes become 1024 bytes"},
    {"%x = pto.bitcast %t : <vec, 16x8xf32> -> <vec, 16x8xf16>", "512 bytes become 256 bytes"},
    {"%x = pto.load_scalar %p[%n] : !pto.ptr<f32> -> i32", "expected the element type f32"},
    {"%x = arith.addf %n, %n : index", "operand %n has type index"},
    {"%x = arith.addi %s, %s : f32", "operand %s has type f32"},
    {"%x = arith.cmpi olt, %n, %n : index", "unknown predicate 'olt'"},
    {"%x = arith.extsi %n : index to i64", "index cannot become i64"},
    {"func.call @g(%n) : (index) -> ()", "there is no function @g"},
    {"func.call @f(%n) : (index) -> ()", "1 arguments, expected 5"},
    {"%x = scf.if %c -> (index) { scf.yield %n : index }", "has results but no else"},
    {"scf.if %c { scf.yield %n : index }", "1 yielded values, expected 0"},
    {"scf.if %c { return }", "stands only at the end of a function"},
    {"scf.if %c { \"scf.yield\"() : () -> ()\n%x = arith.constant 1 : i32\n}", "stands only at the end"},
    {"%x = scf.for %k = %n to %n step %n iter_args(%a = %n) -> (index) { }", "0 yielded values, expected 1"},
    {"%x = scf.while (%a = %n) : (index) -> (index) { scf.condition(%c) } do { ^bb0(%a: index): scf.yield %a : index }",
     "0 forwarded values, expected 1"},
};

TEST(Verifier, NamesEachViolation) {
  for (const Violation& violation : kViolations) {
    const auto module = parse(std::string(kHead) + std::string(violation.body) + "\nreturn\n}\n", "k.pto");
    ASSERT_TRUE(module) << violation.body << "\n" << to_string(module.error());
    const auto errors = violations(*module);
    ASSERT_FALSE(errors.empty()) << violation.body;
    EXPECT_NE(errors[0].message.find(violation.message), std::string::npos) << violation.body << "\n"
                                                                            << to_string(errors[0]);
    ASSERT_TRUE(errors[0].where);
    EXPECT_GE(errors[0].where->line, 10) << to_string(errors[0]);
    EXPECT_FALSE(errors[0].excerpt.empty());
    EXPECT_FALSE(verify(*module));
  }
}

TEST(Verifier, AcceptsTheSampleAndItsHead) {
  const auto sample = parse(testing::kScaleRows, "s.pto");
  ASSERT_TRUE(sample);
  EXPECT_TRUE(verify(*sample));
  const auto head = parse(std::string(kHead) + "return\n}\n", "k.pto");
  ASSERT_TRUE(head) << to_string(head.error());
  const auto verified = verify(*head);
  EXPECT_TRUE(verified) << to_string(verified.error());
}

TEST(Verifier, AcceptsStaticZeroAndUnsetExtents) {
  const auto module = parse(
      "func.func @f() { %z = pto.alloc_tile : <vec, 16x8xf32, valid=0x0>\n%u = pto.alloc_tile : <vec, 16x8xf32, "
      "valid=?x?>\nreturn }",
      "k.pto");
  ASSERT_TRUE(module);
  EXPECT_TRUE(verify(*module));
}

TEST(Verifier, MissingReturnAndRecursion) {
  const auto open = parse("func.func @f() { }", "k.pto");
  ASSERT_TRUE(open);
  EXPECT_NE(violations(*open).at(0).message.find("must end in func.return"), std::string::npos);
  const auto cycle = parse(
      "func.func @f() { func.call @g() : () -> () return } func.func @g() { func.call @f() : () -> () return }", "k");
  ASSERT_TRUE(cycle);
  EXPECT_NE(violations(*cycle).at(0).message.find("calls itself"), std::string::npos);
}

// Edits made in the IR, not in text, must be caught as well.
TEST(Verifier, BrokenIr) {
  const auto sample = parse(testing::kScaleRows, "s.pto");
  ASSERT_TRUE(sample);
  const auto breaks = [&](auto edit) {
    Module module = *sample;
    edit(module.functions[0], module.functions[0].body.body[11]);
    return !verify(module);
  };
  EXPECT_TRUE(breaks([](Function& f, Operation&) { f.body.body.pop_back(); }));
  EXPECT_TRUE(breaks([](Function& f, Operation&) { f.body.body.erase(f.body.body.begin()); }));
  EXPECT_TRUE(breaks([](Function& f, Operation&) { f.body.body.insert(f.body.body.begin(), f.body.body[3]); }));
  EXPECT_TRUE(breaks([](Function&, Operation& loop) { loop.regions.clear(); }));
  EXPECT_TRUE(breaks([](Function&, Operation& loop) { loop.operands[0] = 100000; }));
  EXPECT_TRUE(breaks([](Function&, Operation& loop) { loop.segments.pop_back(); }));
  EXPECT_TRUE(breaks([](Function&, Operation& loop) { loop.regions[0].body.pop_back(); }));
  EXPECT_TRUE(breaks([](Function&, Operation& loop) { loop.regions[0].body[0].results[0] = 100000; }));
  EXPECT_TRUE(breaks([](Function&, Operation& loop) { std::swap(loop.regions[0].body[0], loop.regions[0].body[1]); }));
  EXPECT_FALSE(breaks([](Function&, Operation&) {}));
}

}  // namespace
}  // namespace assay::pto
