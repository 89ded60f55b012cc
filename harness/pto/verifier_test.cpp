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
    {"pto.tmatmul ins(%m, %t : <mat, 16x8xf32>, <vec, 16x8xf32>) outs(%t : <vec, 16x8xf32>)",
     "expected a left tile, found %m of type !pto.tile_buf<mat, 16x8xf32> (line 6)"},
    {"%l = pto.alloc_tile : <left, 16x32xi8>\n%r = pto.alloc_tile : <right, 32x32xi8>\n%a = pto.alloc_tile : <acc, "
     "16x32xf32>\npto.tmatmul ins(%l, %r : <left, 16x32xi8>, <right, 32x32xi8>) outs(%a : <acc, 16x32xf32>)",
     "i8 times i8 into f32 is not legal"},
    {"%l = pto.alloc_tile : <left, 16x16xf16>\n%r = pto.alloc_tile : <right, 32x16xf16>\n%a = pto.alloc_tile : <acc, "
     "16x16xf32>\npto.tmatmul ins(%l, %r : <left, 16x16xf16>, <right, 32x16xf16>) outs(%a : <acc, 16x16xf32>)",
     "k is 16 and 32: %l of type !pto.tile_buf<left, 16x16xf16> (line 10), %r of type"},
    {"%l = pto.alloc_tile : <left, 4096x16xf16>\n%r = pto.alloc_tile : <right, 16x16xf16>\n%a = pto.alloc_tile : <acc, "
     "4096x16xf32>\npto.tmatmul ins(%l, %r : <left, 4096x16xf16>, <right, 16x16xf16>) outs(%a : <acc, 4096x16xf32>)",
     "m is 4096, at most 4095 (isa 1.2)"},
    {"%l = pto.alloc_tile : <left, 16x8xf32>\npto.tmov ins(%t : <vec, 16x8xf32>) outs(%l : <left, 16x8xf32>)",
     "nothing moves from vec to left: %t of type"},
    {"pto.tmov ins(%t, %n : <vec, 16x8xf32>, index) outs(%t : <vec, 16x8xf32>)",
     "a quantisation parameter needs an acc tile as its source"},
    {"%a = pto.alloc_tile : <acc, 16x16xf32>\n%x = pto.alloc_tile : <mat, 16x32xi8>\npto.tmov ins(%a : <acc, "
     "16x16xf32>) outs(%x : <mat, 16x32xi8>)",
     "an accumulator of f32 cannot become i8 without preQuantScalar or fp"},
    {"%l = pto.alloc_tile : <left, 16x8xf32>\npto.tload ins(%q : <?x?xf32>) outs(%l : <left, 16x8xf32>)",
     "loads into vec or mat tiles, found %l"},
    {"%x = pto.alloc_tile : <left, 16x8xf32>\n%c9 = arith.constant 9 : index\npto.textract ins(%m, %c9, %n : <mat, "
     "16x8xf32>, index, index) outs(%x : <left, 16x8xf32>)",
     "row 9 and 16 more reach beyond the 16 rows of %m"},
    {"pto.tcmp ins(%t, %i {cmpMode = #pto<cmp gt>} : <vec, 16x8xf32>, <vec, 16x8xi32>) outs(%i : <vec, 16x8xi32>)",
     "element type i32 is not legal"},
    {"pto.tcolmax ins(%t : <vec, 16x8xf32>) outs(%i : <vec, 16x8xi32>)", "operand 1 has element type f32"},
    {"pto.tgather ins(%t {maskPattern = #pto.mask_pattern<P2222>} : <vec, 16x8xf32>) outs(%t : <vec, 16x8xf32>)",
     "unknown maskPattern 'P2222'"},
    {"pto.tgather ins(%t : <vec, 16x8xf32>) outs(%t : <vec, 16x8xf32>)", "1 operands in ins(), expected 2 to 3"},
    {"pto.tshls ins(%i, %s : <vec, 16x8xi32>, f32) outs(%i : <vec, 16x8xi32>)", "operand 2 must be an integer"},
    {"pto.trowargmax ins(%t : <vec, 16x8xf32>) outs(%t : <vec, 16x8xf32>)", "element type f32 is not legal"},
    {"pto.tmrgsort ins(%t, %t, %t : <vec, 16x8xf32>, <vec, 16x8xf32>, <vec, 16x8xf32>) outs(%t : <vec, 16x8xf32>)",
     "a block length goes with one destination"},
    {"pto.mscatter ins(%t, %i : <vec, 16x8xf32>, <vec, 16x8xi32>) outs(%q : <?x?xf32>) {coalesce = #pto<coalesce "
     "column>}",
     "unknown coalesce 'column', expected row elem"},
    {"pto.set_flag[<PIPE_X>, <PIPE_V>, <EVENT_ID0>]", "unknown pipe or class of operations 'PIPE_X'"},
    {"pto.wait_event[<TLOAD>, <TVEC>, <EVENT_IDx>]", "unknown event_id, expected 0 to 65535 or EVENT_ID0 to EVENT_ID65535"},
    {"pto.set_flag[<PIPE_MTE2>, <PIPE_V>, <EVENT_ID65536>]", "unknown event_id"},
    {"pto.get_buf[<TVEC>, -1]", "unknown buf_id"},
    {"pto.sync.set <PIPE_V>, 3 {ffts_mode = 7 : i32}", "ffts_mode is 7, expected 0 to 2"},
    {"pto.aic_initialize_pipe {dir_mask = 4, slot_size = 1024}", "dir_mask is 4, expected 1 to 3"},
    {"pto.aic_initialize_pipe {dir_mask = 1}", "needs slot_size"},
    {"pto.tpush_to_aiv(%t : <vec, 16x8xf32>) {split = 0}", "expected a acc or mat tile, found %t"},
    {"%x = pto.tpop_from_aic {split = 5} -> <vec, 16x8xf32>", "split is 5, expected 0 to 4"},
    {"pto.comm.tput(%q, %v, buf(%i) : <?x?xf32>, <?x?xf32>, <vec, 16x8xi32>)", "element types differ: %q of type"},
    {"pto.comm.tput(%q, %q, buf(%m) : <?x?xf32>, <?x?xf32>, <mat, 16x8xf32>)", "expected a vec tile, found %m"},
    {"pto.comm.tnotify(%q, %n : <?x?xf32>, index)", "a signal is a 32-bit integer in global memory"},
    {"pto.comm.tbroadcast(%q, recv(%t), group(%q) : <?x?xf32>, <vec, 16x8xf32>, <?x?xf32>) {root = 1}",
     "root is 1, expected 0 to 0"},
    {"%x = pto.comm.build_async_session(%m, %p : <mat, 16x8xf32>, !pto.ptr<f32>)", "the scratch is a vec tile, found %m"},
    {"%x = pto.comm.build_async_session(%t, %p : <vec, 16x8xf32>, !pto.ptr<f32>)", "a pointer to 8-bit integers"},
    {"%x = pto.comm.tput_async(%q, %q, %n : <?x?xf32>, <?x?xf32>, index)", "moves one row of static length, found"},
    {"%x = pto.comm.tget_async(%t, %q, %n : <vec, 16x8xf32>, <?x?xf32>, index)", "expected views, found %t"},
    {"pto.comm.wait_async_event(%n, %n : index, index)", "expected !pto.async_event, found %n"},
    {"%x = pto.comm.test_async_event(%n, %n : index, index) -> i1", "expected !pto.async_event, found %n"},
    {"%x = pto.talloc_to_aiv {split = 0} -> <vec, 16x8xf32>", "gives a view, not"},
    {"%x = pto.tpop_from_aic(%n, %n) {split = 0} -> !pto.tensor_view<16x16xf32>", "rows and columns are a tile's"},
    {"pto.tfree_from_aic(%n : index) {split = 0}", "expected a tile or a view, found %n"},
    {"pto.syncall() mode = #pto.sync_all_mode<soft>", "the soft barrier needs a workspace"},
    {"%x = pto.alloc_multi_tile : !pto.multi_tile_buf<<vec, 16x7xf32>, count=2>", "one row has 28 bytes"},
    {"%x = pto.alloc_multi_tile : !pto.multi_tile_buf<<vec, 16x8xf32>, count=2>\n%y = pto.multi_tile_get %x[%c4] : "
     "!pto.multi_tile_buf<<vec, 16x8xf32>, count=2> -> <vec, 16x8xf32>",
     "slot 4 of %x"},
    {"%x = pto.get_tensor_view_dim %v, %c4 : !pto.tensor_view<?x?xf32> -> index", "dimension 4 of %v"},
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

TEST(Verifier, LongChainsOfCallsAndManyFunctions) {
  const auto chain = [](int length) {
    std::string text = "func.func @f0() { return }\n";
    for (int i = 1; i <= length; ++i)
      text +=
          "func.func @f" + std::to_string(i) + "() { func.call @f" + std::to_string(i - 1) + "() : () -> () return }\n";
    return parse(text, "k.pto");
  };
  const auto fits = chain(256);
  ASSERT_TRUE(fits);
  EXPECT_TRUE(verify(*fits));
  const auto deep = chain(20'000);  // quadratic lookups would take minutes here
  ASSERT_TRUE(deep);
  const auto verified = verify(*deep);
  ASSERT_FALSE(verified);
  EXPECT_NE(verified.error().message.find("chain of more than 256 calls"), std::string::npos);
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
