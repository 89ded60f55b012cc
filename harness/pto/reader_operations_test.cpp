// Texts of tiers T3 to T6 in the spellings of both versions: what they parse to, and that they print and parse back.
#include <gtest/gtest.h>

#include "harness/pto/inference.h"
#include "harness/pto/printer.h"
#include "harness/pto/reader.h"
#include "harness/pto/verifier.h"

namespace assay::pto {
namespace {

// Tiles and views the lines below use.
constexpr std::string_view kHead = R"(
func.func @f(%p: !pto.ptr<f32>, %g: !pto.ptr<i32>, %n: index, %s: f32, %k: i32, %w: i64, %ws: !pto.ptr<i8>) {
%l = pto.alloc_tile : !pto.tile_buf<left, 16x16xf16>
%r = pto.alloc_tile : !pto.tile_buf<right, 16x16xf16>
%a = pto.alloc_tile : !pto.tile_buf<acc, 16x16xf32>
%m = pto.alloc_tile : !pto.tile_buf<mat, 32x32xf16>
%h = pto.alloc_tile : !pto.tile_buf<mat, 16x16xf16>
%bias = pto.alloc_tile : !pto.tile_buf<bias, 1x16xf32>
%fp = pto.alloc_tile : !pto.tile_buf<scaling, 1x16xui64>
%t = pto.alloc_tile : !pto.tile_buf<vec, 16x16xf32>
%u = pto.alloc_tile : !pto.tile_buf<vec, 16x16xf32>
%i = pto.alloc_tile : !pto.tile_buf<vec, 16x16xi32>
%b = pto.alloc_tile : !pto.tile_buf<vec, 16x32xi8>
%v = pto.make_tensor_view %p, shape = [%n, %n], strides = [%n, %n] : !pto.tensor_view<?x?xf32>
%q = pto.partition_view %v, offsets = [%n, %n], sizes = [%n, %n] : !pto.tensor_view<?x?xf32> -> !pto.partition_tensor_view<?x?xf32>
%gv = pto.make_tensor_view %g, shape = [%n], strides = [%n] : !pto.tensor_view<?xi32>
%gq = pto.partition_view %gv, offsets = [%n], sizes = [%n] : !pto.tensor_view<?xi32> -> !pto.partition_tensor_view<?xi32>
%is = pto.alloc_tile : !pto.tile_buf<vec, 1x32xi32>
%ex = arith.constant dense<0> : vector<4xi16>
)";

// A row, a session of it and an event, each with the lines before it.
#define ASSAY_ROW                                                                                                  \
  "%row = pto.partition_view %v, offsets = [%n, %n], sizes = [%n, %n] : !pto.tensor_view<?x?xf32> -> "              \
  "!pto.partition_tensor_view<1x64xf32>\n%sc = pto.alloc_tile : !pto.tile_buf<vec, 1x32xi8>\n"
#define ASSAY_SESSION                                                                                              \
  ASSAY_ROW                                                                                                        \
  "%ss = pto.comm.build_async_session(%sc, %ws : !pto.tile_buf<vec, 1x32xi8>, !pto.ptr<i8>) -> !pto.async_session\n"
#define ASSAY_EVENT                                                                                                \
  ASSAY_SESSION                                                                                                    \
  "%ev = pto.comm.tget_async(%row, %row, %ss : <1x64xf32>, <1x64xf32>, !pto.async_session) -> !pto.async_event\n"

Module must_parse(std::string_view line) {
  const std::string text = std::string(kHead) + std::string(line) + "\nreturn\n}\n";
  std::vector<Warning> warnings;
  auto module = parse(text, "k.pto", &warnings);
  EXPECT_TRUE(module) << line << "\n" << to_string(module.error());
  if (!module) return {};
  const auto verified = verify(*module);
  EXPECT_TRUE(verified) << to_string(verified.error());
  for (const Warning& warning : warnings) ADD_FAILURE() << line << ": " << warning.message;
  const auto again = parse(print(*module), "printed.pto");
  EXPECT_TRUE(again) << to_string(again.error()) << "\n" << print(*module);
  EXPECT_TRUE(again && equal(*module, *again)) << print(*module);
  return std::move(*module);
}

// The operation before the return.
const Operation& last(const Module& module) {
  const auto& body = module.functions.at(0).body.body;
  return body.at(body.size() - 2);
}

// The operands of every segment by name, as in "l r | a".
std::string operands(const Module& module) {
  const Operation& operation = last(module);
  std::string text;
  for (std::size_t i = 0; i < operation.segments.size(); ++i) {
    if (i > 0) text += text.empty() || text.back() == '|' || text.back() == ' ' ? "|" : " |";
    for (ValueId id : operation.segment(i)) text += (text.empty() ? "" : " ") + module.functions[0].values[id].name;
  }
  return text;
}

struct Form {
  std::string_view line;
  OpCode code;
  std::string_view operands;
};

constexpr Form kForms[] = {
    {"pto.tmatmul ins(%l, %r : <left, 16x16xf16>, <right, 16x16xf16>) outs(%a : <acc, 16x16xf32>)", OpCode::tmatmul,
     "l r | a"},
    {"pto.tmatmul.acc ins(%a, %l, %r : <acc, 16x16xf32>, <left, 16x16xf16>, <right, 16x16xf16>) outs(%a : <acc, "
     "16x16xf32>) {accPhase = #pto<acc_phase final>}",
     OpCode::tmatmul_acc, "a l r | a"},
    {"pto.tmatmul.bias ins(%l, %r, %bias : <left, 16x16xf16>, <right, 16x16xf16>, <bias, 1x16xf32>) outs(%a : <acc, "
     "16x16xf32>)",
     OpCode::tmatmul_bias, "l r bias | a"},
    {"pto.tgemv ins(%l, %r : <left, 16x16xf16>, <right, 16x16xf16>) outs(%a : <acc, 16x16xf32>)", OpCode::tgemv,
     "l r | a"},
    {"pto.textract ins(%m, %n, %n : <mat, 32x32xf16>, index, index) outs(%l : <left, 16x16xf16>)", OpCode::textract,
     "m n n | l"},
    {"pto.textract ins(%m[%n, %n] : <mat, 32x32xf16>, index, index) outs(%l : <left, 16x16xf16>)", OpCode::textract,
     "m n n | l"},
    {"pto.textract_fp ins(%a, %fp, %n, %n : <acc, 16x16xf32>, <scaling, 1x16xui64>, index, index) outs(%h : <mat, "
     "16x16xf16>)",
     OpCode::textract, "a n n fp | h"},
    {"pto.textract ins(%a, %n, %n : <acc, 16x16xf32>, index, index fp %fp : <scaling, 1x16xui64>) outs(%h : <mat, "
     "16x16xf16>)",
     OpCode::textract, "a n n fp | h"},
    {"pto.tinsert ins(%a, %n, %n : <acc, 16x16xf32>, index, index) outs(%m : <mat, 32x32xf16>) {reluPreMode = "
     "#pto<relu_pre_mode normal_relu>}",
     OpCode::tinsert, "a n n | m"},
    {"pto.tinsert_fp ins(%a, %fp, %n, %n : <acc, 16x16xf32>, <scaling, 1x16xui64>, index, index) outs(%m : <mat, "
     "32x32xf16>)",
     OpCode::tinsert, "a n n fp | m"},
    {"pto.tmov.fp ins(%a, %fp : <acc, 16x16xf32>, <scaling, 1x16xui64>) outs(%h : <mat, 16x16xf16>)", OpCode::tmov,
     "a fp | h"},
    {"pto.tmov ins(%a, %w : <acc, 16x16xf32>, i64) outs(%h : <mat, 16x16xf16>) {accToVecMode = "
     "#pto<acc_to_vec_mode single_mode_vec0>}",
     OpCode::tmov, "a w | h"},
    {"pto.tstore_fp ins(%a, %fp : <acc, 16x16xf32>, <scaling, 1x16xui64>) outs(%q : <?x?xf32>)", OpCode::tstore,
     "a fp | q"},
    {"pto.tstore ins(%a : <acc, 16x16xf32> fp %fp : <scaling, 1x16xui64>) outs(%q : <?x?xf32>) {atomicType = "
     "#pto<atomic_type atomic_add>, stPhase = #pto<st_phase final>}",
     OpCode::tstore, "a fp | q"},
    {"pto.tstore ins(%a, %w : <acc, 16x16xf32>, i64) outs(%q : <?x?xf32>)", OpCode::tstore, "a w | q"},
    {"pto.aic_initialize_pipe {id = 0, dir_mask = 3, slot_size = 1024, slot_num = 2, nosplit = true} (gm_slot_buffer "
     "= %p : !pto.ptr<f32>, c2v_consumer_buf = %k : i32, v2c_consumer_buf = %k : i32)",
     OpCode::aic_initialize_pipe, "p | k | k"},
    {"pto.aiv_initialize_pipe {dir_mask = 1, slot_size = 1024} (v2c_consumer_buf = %k : i32, gm_slot_tensor = %v : "
     "!pto.tensor_view<?x?xf32>)",
     OpCode::aiv_initialize_pipe, "v || k"},
    {"%x = pto.reserve_buffer {name = \"c2v\", size = 8192, location = #pto.address_space<vec>, auto = true} -> i32",
     OpCode::reserve_buffer, ""},
    {"%x = pto.import_reserved_buffer {name = \"c2v\", peer_func = @f} -> i32", OpCode::import_reserved_buffer, ""},
    {"pto.tpush_to_aiv(%a : <acc, 16x16xf32>) {id = 0, split = 1}", OpCode::tpush_to_aiv, "a |"},
    {"pto.tpush_to_aic(%t : <vec, 16x16xf32>) {split = 1} aiv_subblockid(%w)", OpCode::tpush_to_aic, "t | w"},
    {"pto.tpush_to_aic ins(%t : <vec, 16x16xf32>) {split = 1}", OpCode::tpush_to_aic, "t |"},
    {"%x = pto.tpop_from_aic {split = 1} -> <vec, 8x16xf32>", OpCode::tpop_from_aic, ""},
    {"%x = pto.tpop_from_aic(%n, %n) {id = 1, split = 1} -> <vec, 8x16xf32, valid=?x?>", OpCode::tpop_from_aic, "n n"},
    {"%x = pto.tpop_from_aiv {split = 0} -> <mat, 16x16xf32>", OpCode::tpop_from_aiv, ""},
    {"pto.tfree_from_aic {id = 0, split = 1}", OpCode::tfree_from_aic, ""},
    {"%x = pto.talloc_to_aiv {id = 0, split = 0} -> !pto.tensor_view<4x128x128xf32>", OpCode::talloc_to_aiv, ""},
    {"%x = pto.talloc_to_aic {split = 1} -> !pto.tensor_view<16x16xf32>", OpCode::talloc_to_aic, ""},
    {"pto.tpush_to_aiv(%v : !pto.tensor_view<?x?xf32>) {id = 0, split = 0}", OpCode::tpush_to_aiv, "v |"},
    {"%x = pto.tpop_from_aic {id = 0, split = 0} -> !pto.tensor_view<16x16xf32>", OpCode::tpop_from_aic, ""},
    {"pto.tfree_from_aic(%v : !pto.tensor_view<?x?xf32>) {id = 0, split = 0}", OpCode::tfree_from_aic, "v"},
    {"pto.tfree_from_aiv(%t : <vec, 16x16xf32>) {split = 1}", OpCode::tfree_from_aiv, "t"},
    {"pto.trowargmax ins(%t, %u : <vec, 16x16xf32>, <vec, 16x16xf32>) outs(%i : <vec, 16x16xi32>)", OpCode::trowargmax,
     "t u | i"},
    {"pto.tcolargmin ins(%t : <vec, 16x16xf32>) outs(%u, %i : <vec, 16x16xf32>, <vec, 16x16xi32>)", OpCode::tcolargmin,
     "t | u i"},
    {"pto.tcmp ins(%t, %u {cmpMode = #pto<cmp gt>} : <vec, 16x16xf32>, <vec, 16x16xf32>) outs(%b : <vec, 16x32xi8>)",
     OpCode::tcmp, "t u | b"},
    {"pto.tcmps ins(%t, %s{cmpMode = #pto<cmp lt>} : <vec, 16x16xf32>, f32) outs(%b : <vec, 16x32xi8>)", OpCode::tcmps,
     "t s | b"},
    {"pto.tsels ins(%b, %t, %u, %s : <vec, 16x32xi8>, <vec, 16x16xf32>, <vec, 16x16xf32>, f32) outs(%u : <vec, "
     "16x16xf32>)",
     OpCode::tsels, "b t u s | u"},
    {"pto.tcolsum ins(%t, %u {isBinary = true} : <vec, 16x16xf32>, <vec, 16x16xf32>) outs(%u : <vec, 16x16xf32>)",
     OpCode::tcolsum, "t u | u"},
    {"pto.tmrgsort ins(%t, %k : <vec, 16x16xf32>, i32) outs(%u : <vec, 16x16xf32>)", OpCode::tmrgsort, "t k | u"},
    {"pto.tmrgsort ins(%t, %u, %t {exhausted = false} : <vec, 16x16xf32>, <vec, 16x16xf32>, <vec, 16x16xf32>) outs(%u, "
     "%ex : <vec, 16x16xf32>, vector<4xi16>)",
     OpCode::tmrgsort, "t u t | u ex"},
    {"pto.tgather ins(%t, {maskPattern = #pto.mask_pattern<P0101>} : <vec, 16x16xf32>, \"row\") outs(%u : <vec, "
     "16x16xf32>)",
     OpCode::tgather, "t | u"},
    {"pto.tgather ins(%t, {maskPattern = #pto.mask_pattern<P1111>} : <vec, 16x16xf32>) outs(%u : <vec, 16x16xf32>)",
     OpCode::tgather, "t | u"},
    {"pto.tgather ins(%t, %s, %u {cmpMode = #pto<cmp gt>} : <vec, 16x16xf32>, f32, <vec, 16x16xf32>) outs(%i, %i : "
     "<vec, 16x16xi32>, <vec, 16x16xi32>)",
     OpCode::tgather, "t s u | i i"},
    {"pto.tpartargmax ins(%t, %u, %i, %i : <vec, 16x16xf32>, <vec, 16x16xf32>, <vec, 16x16xi32>, <vec, 16x16xi32>) "
     "outs(%u, %i : <vec, 16x16xf32>, <vec, 16x16xi32>)",
     OpCode::tpartargmax, "t u i i | u i"},
    {"pto.tinterleave ins(%t, %u : <vec, 16x16xf32>, <vec, 16x16xf32>) outs(%t, %u : <vec, 16x16xf32>, <vec, "
     "16x16xf32>)",
     OpCode::tinterleave, "t u | t u"},
    {"pto.trandom ins(%k, %k, %k, %k, %k, %k {rounds = 7 : i32} : i32, i32, i32, i32, i32, i32) outs(%i : <vec, "
     "16x16xi32>)",
     OpCode::trandom, "k k k k k k | i"},
    {"pto.ttri ins(%k {upperOrLower = 1 : i32} : i32) outs(%t : <vec, 16x16xf32>)", OpCode::ttri, "k | t"},
    {"pto.mgather ins(%q, %i : <?x?xf32>, <vec, 16x16xi32>) outs(%t : <vec, 16x16xf32>) {coalesce = #pto<coalesce "
     "elem>, gatherOob = #pto<gather_oob clamp>}",
     OpCode::mgather, "q i | t"},
    {"pto.mscatter ins(%t, %i : <vec, 16x16xf32>, <vec, 16x16xi32>) outs(%q : <?x?xf32>) {coalesce = #pto<coalesce "
     "row>, scatterAtomicOp = #pto<scatter_atomic_op add>}",
     OpCode::mscatter, "t i | q"},
    {"pto.taddsc ins(%t, %s, %u : <vec, 16x16xf32>, f32, <vec, 16x16xf32>) outs(%u : <vec, 16x16xf32>)", OpCode::taddsc,
     "t s u | u"},
    {"pto.tquant ins(%t, %u : <vec, 16x16xf32>, <vec, 16x16xf32>) outs(%b : <vec, 16x32xi8>) {quant_type = "
     "#pto<quant_type INT8_SYM>}",
     OpCode::tquant, "t u | b"},
    {"pto.tdequant ins(%b, %t, %u : <vec, 16x32xi8>, <vec, 16x16xf32>, <vec, 16x16xf32>) outs(%t : <vec, 16x16xf32>)",
     OpCode::tdequant, "b t u | t"},
    {"pto.tprefetch ins(%q : <?x?xf32>) outs(%t : <vec, 16x16xf32>)", OpCode::tprefetch, "q | t"},
    {"%x, %y = pto.get_validshape %t : <vec, 16x16xf32>", OpCode::get_validshape, "t"},
    {"%x:2 = pto.get_validshape %t : <vec, 16x16xf32> -> (index, index)", OpCode::get_validshape, "t"},
    {"%x, %y = pto.get_validshape %t : <vec, 16x16xf32> -> index, index", OpCode::get_validshape, "t"},
    {"%x = pto.get_tensor_view_dim %v, %n : !pto.tensor_view<?x?xf32> -> index", OpCode::get_tensor_view_dim, "v n"},
    {"%x = pto.alloc_multi_tile addr = %w valid_row = %n : !pto.multi_tile_buf<!pto.tile_buf<vec, 16x8xf32, "
     "valid=?x8>, count=2>",
     OpCode::alloc_multi_tile, "w | n |"},
    {"pto.comm.tput(%q, %q, buf(%t, %u) : <?x?xf32>, <?x?xf32>, <vec, 16x16xf32>, <vec, 16x16xf32>) {atomicType = "
     "#pto<atomic_type atomic_none>}",
     OpCode::comm_tput, "q | q | t u"},
    {"pto.tput(%q, %q, buf(%t) : <?x?xf32>, <?x?xf32>, <vec, 16x16xf32>)", OpCode::comm_tput, "q | q | t"},
    {"pto.comm.tget(%q, %q, buf(%t) : <?x?xf32>, <?x?xf32>, <vec, 16x16xf32>)", OpCode::comm_tget, "q | q | t"},
    {"pto.comm.tnotify(%gq, %k : <?xi32>, i32) {notifyOp = #pto<notify_op atomic_add>}", OpCode::comm_tnotify,
     "gq | k"},
    {"pto.comm.twait(%gq, %k : <?xi32>, i32) {cmp = #pto<wait_cmp ge>}", OpCode::comm_twait, "gq | k"},
    {"%x = pto.comm.ttest(%gq, %k : <?xi32>, i32) {cmp = #pto<wait_cmp eq>} -> i1", OpCode::comm_ttest, "gq | k"},
    {"pto.comm.tbroadcast(%q, recv(%t, %u), group(%q, %q) : <?x?xf32>, <vec, 16x16xf32>, <vec, 16x16xf32>, <?x?xf32>, "
     "<?x?xf32>) {root = 1 : i32}",
     OpCode::comm_tbroadcast, "q | t u | q q"},
    {"pto.comm.tgather(%q, buf(%t), group(%q) : <?x?xf32>, <vec, 16x16xf32>, <?x?xf32>) {root = 0}",
     OpCode::comm_tgather, "q | t | q"},
    {"pto.comm.tscatter(%q, recv(%t), group(%q) : <?x?xf32>, <vec, 16x16xf32>, <?x?xf32>) {root = 0}",
     OpCode::comm_tscatter, "q | t | q"},
    {"pto.comm.treduce(%q, %t, recv(%u), group(%q, %q) : <?x?xf32>, <vec, 16x16xf32>, <vec, 16x16xf32>, <?x?xf32>, "
     "<?x?xf32>) {reduceOp = #pto<reduce_op sum>, root = 0 : i32}",
     OpCode::comm_treduce, "q | t | u | q q"},
    {"pto.syncall() mode = #pto.sync_all_mode<hard>, core_type = #pto.sync_core_type<mix>", OpCode::syncall, "||"},
    {"pto.syncall(%g, %k : !pto.ptr<i32>, i32) mode = #pto.sync_all_mode<soft>, core_type = "
     "#pto.sync_core_type<aiv_only>",
     OpCode::syncall, "g | k |"},
    {"pto.syncall(%gq, %is, %k : <?xi32>, <vec, 1x32xi32>, i32) mode = #pto.sync_all_mode<soft>, core_type = "
     "#pto.sync_core_type<aiv_only>",
     OpCode::syncall, "gq | k | is"},
    {ASSAY_ROW
     "%x = pto.comm.build_async_session(%sc, %ws : !pto.tile_buf<vec, 1x32xi8>, !pto.ptr<i8>) {sync_id = 7 : i32, "
     "block_bytes = 512 : i32, comm_block_offset = 0 : i32, queue_num = 1 : i32, channel_group_idx = 0 : i32} -> "
     "!pto.async_session",
     OpCode::comm_build_async_session, "sc | ws"},
    {ASSAY_SESSION
     "%x = pto.comm.tput_async(%row, %row, %ss : <1x64xf32>, <1x64xf32>, !pto.async_session) -> !pto.async_event",
     OpCode::comm_tput_async, "row | row | ss"},
    {ASSAY_SESSION
     "%x = pto.tput_async(%row, %row, %ss : <1x64xf32>, <1x64xf32>, !pto.async_session) -> !pto.async_event",
     OpCode::comm_tput_async, "row | row | ss"},
    {ASSAY_SESSION "%x = pto.tget_async(%row, %row, %ss)", OpCode::comm_tget_async, "row | row | ss"},
    {ASSAY_EVENT "%x = pto.comm.wait_async_event(%ev, %ss : !pto.async_event, !pto.async_session) -> i1",
     OpCode::comm_wait_async_event, "ev | ss"},
    {ASSAY_EVENT "pto.wait_async_event(%ev, %ss : !pto.async_event, !pto.async_session)",
     OpCode::comm_wait_async_event, "ev | ss"},
    {ASSAY_EVENT "%x = pto.comm.test_async_event(%ev, %ss : !pto.async_event, !pto.async_session) -> i1",
     OpCode::comm_test_async_event, "ev | ss"},
    // Generic form.
    {ASSAY_SESSION
     "%x = \"pto.comm.tput_async\"(%row, %row, %ss) : (!pto.partition_tensor_view<1x64xf32>, "
     "!pto.partition_tensor_view<1x64xf32>, !pto.async_session) -> !pto.async_event",
     OpCode::comm_tput_async, "row | row | ss"},
    {ASSAY_EVENT "\"pto.comm.wait_async_event\"(%ev, %ss) : (!pto.async_event, !pto.async_session) -> ()",
     OpCode::comm_wait_async_event, "ev | ss"},
    {"\"pto.comm.tput\"(%q, %q, %t, %u) <{atomicType = #pto<atomic_type atomic_none>, operandSegmentSizes = "
     "array<i32: 1, 1, 1, 1>}> : (!pto.partition_tensor_view<?x?xf32>, !pto.partition_tensor_view<?x?xf32>, "
     "!pto.tile_buf<vec, 16x16xf32>, !pto.tile_buf<vec, 16x16xf32>) -> ()",
     OpCode::comm_tput, "q | q | t u"},
    {"\"pto.comm.treduce\"(%q, %t, %u, %q, %q) <{reduceOp = #pto<reduce_op max>, root = 0 : i32, "
     "operandSegmentSizes = array<i32: 1, 1, 1, 0, 2>}> : (!pto.partition_tensor_view<?x?xf32>, !pto.tile_buf<vec, "
     "16x16xf32>, !pto.tile_buf<vec, 16x16xf32>, !pto.partition_tensor_view<?x?xf32>, "
     "!pto.partition_tensor_view<?x?xf32>) -> ()",
     OpCode::comm_treduce, "q | t | u | q q"},
    {"\"pto.aic_initialize_pipe\"(%p, %k, %k) <{dir_mask = 3, slot_size = 512, operandSegmentSizes = array<i32: 1, 0, "
     "1, 1>}> : (!pto.ptr<f32>, i32, i32) -> ()",
     OpCode::aic_initialize_pipe, "p | k | k"},
    {"\"pto.tmrgsort\"(%t, %u, %t, %u, %ex) <{exhausted = false}> : (!pto.tile_buf<vec, 16x16xf32>, !pto.tile_buf<vec, "
     "16x16xf32>, !pto.tile_buf<vec, 16x16xf32>, !pto.tile_buf<vec, 16x16xf32>, vector<4xi16>) -> ()",
     OpCode::tmrgsort, "t u t | u ex"},
    {"\"pto.syncall\"(%k, %g) <{mode = #pto.sync_all_mode<soft>}> : (i32, !pto.ptr<i32>) -> ()", OpCode::syncall,
     "g | k |"},
};

TEST(ReaderOperations, EveryForm) {
  for (const Form& form : kForms) {
    const Module module = must_parse(form.line);
    ASSERT_FALSE(module.functions.empty()) << form.line;
    EXPECT_EQ(last(module).code, form.code) << form.line;
    EXPECT_EQ(operands(module), form.operands) << form.line;
  }
}

TEST(ReaderOperations, MultiTiles) {
  const Module module = must_parse(
      "%x = pto.alloc_multi_tile : !pto.multi_tile_buf<<vec, 16x8xf32>, count=2>\n"
      "%y = pto.multi_tile_get %x[%n] : !pto.multi_tile_buf<!pto.tile_buf<loc=vec, dtype=f32, rows=16, cols=8, "
      "v_row=16, v_col=8>, count=2> -> !pto.tile_buf<vec, 16x8xf32>");
  EXPECT_EQ(last(module).code, OpCode::multi_tile_get);
  EXPECT_EQ(operands(module), "x n");
}

TEST(ReaderOperations, AxisOfTheMaskForm) {
  const Module module = must_parse(
      "pto.tgather ins(%t, {maskPattern = #pto.mask_pattern<P0101>} : <vec, 16x16xf32>, \"col\") outs(%u : <vec, "
      "16x16xf32>)");
  EXPECT_EQ(word(last(module).attributes, "axis"), "col");
  EXPECT_EQ(word(last(module).attributes, "maskPattern"), "P0101");
}

TEST(ReaderOperations, WhatOrdersOrWaits) {
  EXPECT_TRUE(waits_or_orders(must_parse("pto.comm.twait(%gq, %k : <?xi32>, i32)").functions[0]));
  EXPECT_TRUE(waits_or_orders(must_parse("pto.syncall() mode = #pto.sync_all_mode<hard>").functions[0]));
  EXPECT_TRUE(waits_or_orders(must_parse("pto.barrier <PIPE_ALL>").functions[0]));
  EXPECT_FALSE(waits_or_orders(must_parse("pto.tfree_from_aic {split = 0}").functions[0]));
  EXPECT_FALSE(waits_or_orders(must_parse("pto.tpush_to_aiv(%a : <acc, 16x16xf32>) {split = 0}").functions[0]));
  EXPECT_FALSE(has_synchronisation(must_parse("pto.comm.twait(%gq, %k : <?xi32>, i32)").functions[0]));
}

TEST(ReaderOperations, DirectionsOfCommunication) {
  const auto of = [](std::string_view line) {
    const Module module = must_parse(line);
    const auto directions = argument_directions(module, module.functions[0]);
    return std::pair(directions[0], directions[1]);  // %p, %g
  };
  using D = Direction;
  EXPECT_EQ(of("pto.mgather ins(%q, %i : <?x?xf32>, <vec, 16x16xi32>) outs(%t : <vec, 16x16xf32>)").first, D::in);
  EXPECT_EQ(of("pto.mscatter ins(%t, %i : <vec, 16x16xf32>, <vec, 16x16xi32>) outs(%q : <?x?xf32>)").first, D::out);
  EXPECT_EQ(of("pto.comm.tput(%q, %q, buf(%t) : <?x?xf32>, <?x?xf32>, <vec, 16x16xf32>)").first, D::inout);
  EXPECT_EQ(of("pto.comm.tnotify(%gq, %k : <?xi32>, i32)").second, D::out);
  EXPECT_EQ(of("pto.comm.tnotify(%gq, %k : <?xi32>, i32) {notifyOp = #pto<notify_op atomic_add>}").second, D::inout);
  EXPECT_EQ(of("pto.comm.twait(%gq, %k : <?xi32>, i32)").second, D::in);
  EXPECT_EQ(of(ASSAY_SESSION "%x = pto.comm.tput_async(%row, %row, %ss)").first, D::inout);
  EXPECT_EQ(of("pto.syncall(%g : !pto.ptr<i32>) mode = #pto.sync_all_mode<soft>").second, D::inout);
}

}  // namespace
}  // namespace assay::pto
