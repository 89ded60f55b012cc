// What the reader refuses, with the position and the words of the message.
#include <gtest/gtest.h>

#include "harness/pto/reader.h"

namespace assay::pto {
namespace {

struct Refusal {
  std::string_view body;
  std::string_view message;
  int line, column;
};

constexpr Refusal kRefusals[] = {
    {"%r = pto.tprefetch_async(%n)", "it prefetches into the L2 cache", 2, 6},
    {"%r = pto.comm.tput_async(%n)", "1 operands beside buf and group, expected 3", 2, 25},
    {"%r = pto.talloc_to_aiv(%n, %n) {id = 0} -> i32", "takes no operands", 2, 23},
    {"pto.talloc {}", "it is what a compiler makes of talloc_to_*", 2, 1},
    {"pto.timg2col ins(%n : index)", "it belongs to convolution", 2, 1},
    {"pto.initialize_l2l_pipe {}", "give assay the text before that", 2, 1},
    {"%m = pto.alloc_multi_tile : !pto.tile_buf<vec, 16x8xf32>", "expected a !pto.multi_tile_buf<..> type", 2, 29},
    {"%m = pto.alloc_multi_tile : !pto.multi_tile_buf<<vec, 16x8xf32>, count=0>", "0 buffers, expected 1 to", 2, 72},
    {"%m = pto.alloc_multi_tile : !pto.multi_tile_buf<f32, count=2>", "expected a tile type", 2, 49},
    {"%v = arith.constant dense<0> : vector<4x4xi16>", "a vector has one static extent", 2, 32},
    {"%t = pto.alloc_tile : !pto.tile_buf<vec, 16x8x!pto.f4E2M1x2>", "!pto.f4E2M1x2 is not executed", 2, 47},
    {"pto.aic_initialize_pipe {dir_mask = 1} (slots = %n : index)", "expected gm_slot_buffer", 2, 41},
    {"pto.aic_initialize_pipe {dir_mask = 1} (c2v_consumer_buf = %n : index, c2v_consumer_buf = %n : index)",
     "c2v_consumer_buf is given twice", 2, 72},
    {"pto.tpush_to_aiv(%n, %n : index, index) {split = 0}", "pushes one entry", 2, 17},
    {"%e = pto.tpop_from_aic (%n) {split = 0} -> index", "takes valid rows and columns, or nothing", 2, 24},
    {"pto.comm.tput(%n : index)", "1 operands beside buf and group, expected 2, buf(..)", 2, 14},
    {"pto.comm.tnotify(%n, %n, buf(%n) : index, index, index)", "2 operands beside buf and group, expected 2", 2, 17},
    {"pto.comm.tput(%n, ring(%n) : index)", "found 'ring', expected a value, buf(..), recv(..) or group(..)", 2, 19},
    {"pto.syncall(%n, %n : index, index)", "at most one workspace and one number of cores", 2, 12},
    {"pto.tgather ins(%n : index, \"rows\") outs(%n : index)", "expected \"row\" or \"col\"", 2, 29},
    {"pto.vmi.load %n", "lower VPTO/VMI dialect level", 2, 1},
    {"pto.vecscope {", "lower VPTO/VMI dialect level", 2, 1},
    {"%x = pto.alloc_tile : !pto.vreg<64xf32>", "lower VPTO/VMI dialect level", 2, 23},
    {"%m = memref.alloc() : memref<16xf32>", "memref level", 2, 6},
    {"cf.br ^bb1", "control-flow graphs", 2, 1},
    {"pto.tad ins(%n : index)", "unknown operation pto.tad; did you mean pto.tadd?", 2, 1},
    {"pto.frobnicate", "unknown operation pto.frobnicate", 2, 1},
    {"%a = arith.addi %n, %q : index", "%q is not defined here", 2, 21},
    {"%n = arith.constant 1 : index", "%n is defined twice", 2, 1},
    {"%a = arith.addi %n, %n : i32", "%n has type index (line 1), but this use says i32", 2, 26},
    {"%a = arith.addi %n %n : index", "found '%n', expected ',' between the operands", 2, 20},
    {"%a = arith.constant 300 : i8", "does not fit i8", 2, 21},
    {"%a = arith.constant 1 : f32", "expected a decimal like 1.0", 2, 21},
    {"%a = arith.constant 99999999999999999999999 : index", "does not fit index", 2, 21},
    {"%a, %b = arith.constant 1 : i32", "has 1 results, but 2 are named", 2, 1},
    {"%t = pto.alloc_tile : !pto.tile_buf<vec, 16x8xf32, vaild=4x4>", "unknown tile property 'vaild'", 2, 52},
    {"%t = pto.alloc_tile : !pto.tile_buf<vex, 16x8xf32>", "unknown space 'vex'", 2, 37},
    {"%t = pto.alloc_tile : !pto.tile_buf<vec, 16x8xf31>", "expected an element type", 2, 47},
    {"%t = pto.alloc_tile : !pto.tile_buf<vec, 16xf32>", "a tile has two static extents", 2, 37},
    {"%t = pto.alloc_tile {a = \"unclosed} : i32", "unterminated string", 2, 26},
    {"%a = arith.constant 1 : index ^", "a name must follow", 2, 31},
    {"scf.if %n { }", "%n has type index", 2, 8},
    {"pto.tload ins(%n : index, index) outs(%n : index)", "more types than the 1 operands", 2, 25},
    {"\x01", "byte 0x01", 2, 1},
    {"return\n}\n}", "found '}', expected module, func.func or a type alias", 4, 1},
};

TEST(ReaderRefusal, SaysWhereAndWhy) {
  for (const Refusal& refusal : kRefusals) {
    const auto module = parse("func.func @f(%n: index) {\n" + std::string(refusal.body) + "\nreturn\n}\n", "k.pto");
    ASSERT_FALSE(module) << refusal.body;
    const Error& error = module.error();
    EXPECT_EQ(error.kind, ErrorKind::bad_input);
    EXPECT_NE(error.message.find(refusal.message), std::string::npos) << refusal.body << "\n" << to_string(error);
    ASSERT_TRUE(error.where);
    EXPECT_EQ(error.where->file, "k.pto");
    EXPECT_EQ(error.where->line, refusal.line) << to_string(error);
    EXPECT_EQ(error.where->column, refusal.column) << to_string(error);
    // The caret stands under the offending column.
    const std::size_t caret = error.excerpt.find('\n');
    ASSERT_NE(caret, std::string::npos);
    EXPECT_EQ(error.excerpt.size() - caret - 1, static_cast<std::size_t>(refusal.column)) << error.excerpt;
    EXPECT_EQ(error.excerpt.back(), '^');
  }
}

TEST(ReaderRefusal, WholeFiles) {
  const auto message = [](std::string_view text) {
    const auto module = parse(text, "k.pto");
    return module ? std::string("accepted") : module.error().message;
  };
  EXPECT_NE(message("").find("no function"), std::string::npos);
  EXPECT_NE(message("module {").find("the end of the file"), std::string::npos);
  EXPECT_NE(message("func.func @f() { return } func.func @f() { return }").find("@f is defined twice"),
            std::string::npos);
  EXPECT_NE(message("func.func @f(%a: memref<4xf32>) { return }").find("memref level"), std::string::npos);
  EXPECT_NE(message("#map = affine_map<(d0) -> (d0)>").find("alias #map"), std::string::npos);
  EXPECT_NE(message("func.func @f(%a: index, %a: index) { return }").find("%a is defined twice"), std::string::npos);
  EXPECT_NE(message("func.func @f(%a: !pto.ptr<f32, ub>) { return }").find("lower dialect level"), std::string::npos);
  EXPECT_NE(message("func.func @f() { scf.while : () -> () { cf.br ^bb1 } }").find("control-flow"), std::string::npos);
}

// What is no text reaches nobody's terminal.
TEST(ReaderRefusal, ExcerptsArePrintable) {
  const auto module = parse("\x93NUMPY\x01\xC3\xA9\x1B[2J", "x.npy");
  ASSERT_FALSE(module);
  EXPECT_EQ(module.error().excerpt, ".NUMPY....[2J\n^");
}

TEST(ReaderRefusal, ScopesEnd) {
  const auto module = parse(
      "func.func @f(%c: i1) {\nscf.if %c {\n%x = arith.constant 1 : i32\n}\n%y = arith.addi %x, %x : i32\nreturn\n}",
      "k.pto");
  ASSERT_FALSE(module);
  EXPECT_NE(module.error().message.find("%x is not defined here"), std::string::npos);
  EXPECT_EQ(module.error().where->line, 5);
}

}  // namespace
}  // namespace assay::pto
