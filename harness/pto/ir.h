// The one intermediate representation of kernels. Every backend executes it; bisection, mutation and fuzzing edit it
// and print it back as text. Values are SSA, regions are structured (scf), there is no control-flow graph. Source:
// pto-format.md sections 1 and 3.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/core/dtype.h"
#include "harness/core/error.h"
#include "harness/pto/op_table.h"

namespace assay::pto {

inline constexpr std::int64_t kDynamic = -1;  // a `?` in a type

// Line and column in the module's source, from 1; 0 for operations made by assay itself.
struct Location {
  int line = 0;
  int column = 0;
  bool operator==(const Location&) const = default;
};

// ---- types
// -----------------------------------------------------------------------------------------------------------

enum class ScalarKind : std::uint8_t { i1, i8, i16, i32, i64, ui8, ui16, ui32, ui64, index, f16, bf16, f32 };
struct ScalarType {
  ScalarKind kind = ScalarKind::index;
  bool operator==(const ScalarType&) const = default;
};

struct PtrType {  // !pto.ptr<f32>: global memory; offsets are in elements
  DType element = DType::f32;
  bool operator==(const PtrType&) const = default;
};

struct ViewType {  // !pto.tensor_view<?x?xf32>, !pto.partition_tensor_view<..>: rank 1 to 5
  DType element = DType::f32;
  std::vector<std::int64_t> shape;
  bool partition = false;
  bool operator==(const ViewType&) const = default;
};

// The MX scales of the left and of the right operand have memories of their own (isa 1.2). The text says loc=scaling of
// both: a tile of !pto.f8E8M0 whose boxes stand row_major belongs to the left operand, col_major to the right one.
enum class Space : std::uint8_t { vec, mat, left, right, acc, bias, scaling, scale_left, scale_right };
inline constexpr std::size_t kSpaceCount = 9;

enum class BoxOrder : std::uint8_t { row_major, col_major };
enum class InnerLayout : std::uint8_t { none_box, row_major, col_major };
enum class Pad : std::uint8_t { null, zero, max, min };

struct TileType {
  Space space = Space::vec;
  DType element = DType::f32;
  std::int64_t rows = 0, cols = 0;              // physical
  std::int64_t valid_rows = 0, valid_cols = 0;  // kDynamic when given at run time
  BoxOrder blayout = BoxOrder::row_major;
  InnerLayout slayout = InnerLayout::none_box;
  int fractal = 512;
  Pad pad = Pad::null;
  int compact = 0;
  bool operator==(const TileType&) const = default;
};

struct LocalArrayType {  // !pto.local_array<64xi32>
  DType element = DType::i32;
  std::int64_t count = 0;
  bool operator==(const LocalArrayType&) const = default;
};

struct MultiTileType {  // !pto.multi_tile_buf<T, count=N>: N buffers of one type, one of which multi_tile_get names
  TileType tile;
  std::int64_t count = 0;
  bool operator==(const MultiTileType&) const = default;
};

struct VectorType {  // vector<4xi16>: the executed counts of tmrgsort
  DType element = DType::i16;
  std::int64_t count = 0;
  bool operator==(const VectorType&) const = default;
};

// Handles: !pto.async_session and !pto.async_event; and types that the reader accepts and no operation takes (!pto.pipe,
// ...). Its text.
struct OpaqueType {
  std::string text;
  bool operator==(const OpaqueType&) const = default;
};
inline constexpr std::string_view kAsyncSession = "!pto.async_session", kAsyncEvent = "!pto.async_event";

using Type =
    std::variant<ScalarType, PtrType, ViewType, TileType, LocalArrayType, OpaqueType, MultiTileType, VectorType>;

// ---- attributes
// ------------------------------------------------------------------------------------------------------

struct Attribute;
struct UnitAttr {
  bool operator==(const UnitAttr&) const = default;
};
struct IntAttr {
  std::int64_t value = 0;
  std::optional<ScalarKind> type;  // `0 : i32`
  bool operator==(const IntAttr&) const = default;
};
struct FloatAttr {
  std::uint32_t f32_bits = 0;  // decimal literals are rounded to nearest even; hex literals are the bits
  std::optional<ScalarKind> type;
  bool operator==(const FloatAttr&) const = default;
};
struct StringAttr {
  std::string value;
  bool operator==(const StringAttr&) const = default;
};
struct SymbolAttr {
  std::string name;
  bool operator==(const SymbolAttr&) const = default;
};
// #pto<round_mode RINT>, #pto.layout<dn>, <PIPE_V>: kind is "round_mode", "layout" or empty, word the rest.
struct EnumAttr {
  std::string kind;
  std::string word;
  bool operator==(const EnumAttr&) const = default;
};
struct ArrayAttr {
  std::vector<Attribute> items;
  bool operator==(const ArrayAttr&) const = default;
};
struct DictAttr {  // keys[i] belongs to values[i]
  std::vector<std::string> keys;
  std::vector<Attribute> values;
  bool operator==(const DictAttr&) const = default;
};
struct Attribute {
  std::variant<UnitAttr, bool, IntAttr, FloatAttr, StringAttr, SymbolAttr, EnumAttr, ArrayAttr, DictAttr> value;
  bool operator==(const Attribute&) const = default;
};
// In source order, keys unique.
using AttrDict = std::vector<std::pair<std::string, Attribute>>;
const Attribute* find(const AttrDict& attributes, std::string_view key);
// EnumAttr::kind of a type used as an attribute (`= f32`); the word is its text.
inline constexpr std::string_view kTypeAttribute = "!type";
// The word of an enum attribute ("RINT"), or the value of a string attribute; empty when absent.
std::string_view word(const AttrDict& attributes, std::string_view key);

// ---- operations
// ------------------------------------------------------------------------------------------------------

using ValueId = std::uint32_t;  // index into Function::values

struct Value {
  std::string name;  // without %, may be empty for values made by assay
  Type type;
};

struct Region;

struct Operation {
  OpCode code{};
  std::uint32_t id = 0;  // preorder number in the function, from 0; renumber() restores it after edits
  Location location;
  // Operands of all segments in order. A segment is one operand group of the op's row in the op table:
  //   tile ops: ins, outs · make_tensor_view: pointer, shape, strides · partition_view: view, offsets, sizes
  //   alloc_tile: addr, valid_row, valid_col (each 0 or 1) · subview: tile, offsets, valid (0 or 2)
  //   load_scalar: pointer, offset · store_scalar: value, pointer, offset · scf.for: lower, upper, step, init
  //   scf.if: condition · scf.while: init · set_validshape: tile, row, col · others: one segment, of
  //   tgetval: tile, offset · tsetval: tile, offset, value · local_array_get: array, index ·
  //   local_array_set: array, index, value · addptr: pointer, offset · tassign: tile, address ·
  //   set_flag_dyn, wait_flag_dyn, sync.set/wait, set/wait_intra_block: the run-time id, if any ·
  //   cmo.cacheinvalid: pointer or view, none for "all" · select: condition, true value, false value
  //   aic/aiv_initialize_pipe: gm_slot_buffer or gm_slot_tensor (its type tells which), c2v_consumer_buf,
  //   v2c_consumer_buf (each 0 or 1) · talloc_to_aiv, talloc_to_aic: none · tpush_to_aiv, tpush_to_aic: tile, or view of
  //   a slot in global memory; aiv_subblockid (0 or 1) · tpop_from_aic, tpop_from_aiv: valid (0 or 2; none where the
  //   result is a view) · tfree_from_aic, tfree_from_aiv: entry (0 or 1) ·
  //   comm.tput, comm.tget: dst, src, buf (1 or 2 tiles) · comm.tnotify, twait, ttest: signal, value ·
  //   comm.tbroadcast, tscatter: src, recv (1 or 2 tiles), group · comm.tgather: dst, recv, group ·
  //   comm.treduce: dst, acc, recv, group · comm.build_async_session: scratch, workspace · comm.tput_async, tget_async:
  //   dst, src, session · comm.wait_async_event, test_async_event: event, session · syncall: workspace (0 or 1), used cores (0 or 1), scratch tiles of text
  //   that still has them · alloc_multi_tile: as alloc_tile · multi_tile_get: multi-tile, slot · get_validshape: tile ·
  //   get_tensor_view_dim: view, dimension
  //   tget_scale_addr: operand, scales
  // ins of tile ops with operands of their own kind: tmov, tstore: source, then preQuantScalar (an integer) or fp (a
  //   scaling tile), if any · textract, tinsert: source, row, column, then the same · tgather: source, indices,
  //   scratch; source alone with "maskPattern"; source, k value, scratch with "cmpMode" (outs: dst, cdst) · tmrgsort:
  //   source, block length; or 2 to 4 lists and scratch (outs: dst, executed counts) · mgather: view, indices, scratch
  //   view · mscatter: source, indices · trandom: 2 keys, 4 counters · trowargmax and its relatives write the index, or
  //   value and index · tsels: mask, source, [scratch,] scalar · tquant: source, scale[, offset][, scratch]
  // Static integers where operands may stand (`sizes [32,32]`) become arith.constant-free: see `static_sizes`.
  std::vector<ValueId> operands;
  std::vector<std::uint32_t> segments;     // lengths; sums to operands.size()
  std::vector<std::int64_t> static_sizes;  // subview: its literal sizes [R, C]; otherwise empty
  std::vector<ValueId> results;
  // arith.constant: "value" (bool for i1, IntAttr sign-extended to 64 bits, FloatAttr); cmpi/cmpf: "predicate", a
  // string attribute "slt", "oeq", ...; call: "callee"; sync ops: "src_pipe", "dst_pipe", "event_id" (<EVENT_ID0>, or
  // an integer), "pipe", "src_op", "dst_op", "op_type", "buf_id" as their syntax gives them; rings: "id", "dir_mask",
  // "slot_size", "slot_num", "local_slot_num", "nosplit", "split"; reserve_buffer: "name", "size", "location", "auto",
  // "base"; import_reserved_buffer: "name", "peer_func"; comm: "atomicType", "notifyOp", "cmp", "reduceOp", "root",
  // "sync_id", "block_bytes", "comm_block_offset", "queue_num", "channel_group_idx";
  // syncall: "mode", "core_type" (which its text writes behind the parentheses as name = value); tgather: "maskPattern"
  // and "axis" ("row" or "col", a string behind the types); dense constants: a "dense" word, the text in <>.
  AttrDict attributes;
  // for: body · if: then, else · while: before, after · section: body. An absent else has an empty body; every other
  // scf region ends in its terminator, also where the text elides an empty scf.yield.
  std::vector<Region> regions;

  std::span<const ValueId> segment(std::size_t index) const;
};

struct Region {
  std::vector<ValueId> arguments;  // for: induction variable, then iteration arguments · while: as in MLIR
  std::vector<Operation> body;     // last one is the terminator where the op has one (yield, condition, return)
};

struct Function {
  std::string name;
  std::vector<ValueId> arguments;
  std::vector<AttrDict> argument_attributes;  // one per argument, or empty when no argument has any
  std::vector<Type> results;
  AttrDict attributes;  // "sym_visibility" too
  Location location;
  bool is_external = false;  // declaration without body
  Region body;
  std::vector<Value> values;  // SSA values, indexed by ValueId

  const Type& type(ValueId value) const { return values[value].type; }
  const TileType& tile(ValueId value) const { return std::get<TileType>(values[value].type); }
};

struct Module {
  std::string file;                           // for messages
  std::shared_ptr<const std::string> source;  // text the locations point into; may be null
  AttrDict attributes;
  std::vector<Function> functions;

  const Function* find_function(std::string_view name) const;
};

// Name of the function a func.call calls; empty when the attribute is missing.
std::string_view callee(const Operation& operation);
// Renumbers operation ids in preorder. Call after editing.
void renumber(Function& function);
// Operations of the function in preorder; the pointer at index i has id i.
std::vector<const Operation*> preorder(const Function& function);
std::vector<Operation*> preorder(Function& function);
// Whether the operation orders the pipes of a core (set_flag, barrier, ...).
bool orders_pipes(OpCode code);
// True when the function has any operation of tier T1 that orders pipes (set_flag, barrier, ...): design.md section 4.
bool has_synchronisation(const Function& function);
// Whether the operation orders pipes, waits for another agent or notifies one: flags, barriers, events, twait, ttest,
// tnotify, syncall, buffers' tokens. FIFO operations alone do not (pto-format 3.5, 3.7).
bool waits_or_orders(OpCode code);
bool waits_or_orders(const Function& function);

std::string to_string(const Type& type);  // as printed; tiles in the compact spelling
int bits_of(ScalarKind kind);             // index is 64
std::string_view name(Space space);
constexpr bool holds_scales(Space space) { return space == Space::scale_left || space == Space::scale_right; }

}  // namespace assay::pto
