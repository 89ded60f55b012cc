#include "harness/sim/decode_attributes.h"

#include <algorithm>
#include <array>

#include "harness/pto/product.h"
#include "harness/sim/decode_vector.h"
#include "harness/sim/scalar.h"

namespace assay::sim {
namespace {

using pto::OpCode;
using pto::Operation;
using pto::ScalarKind;

// One letter per operand, '>' and one per result: s scalar, p pointer, v view, t tile, a local array, n session, e event.
std::string signature(const Operation& op, const pto::Function& function) {
  struct Letter {
    char operator()(const pto::ScalarType&) const { return 's'; }
    char operator()(const pto::PtrType&) const { return 'p'; }
    char operator()(const pto::ViewType&) const { return 'v'; }
    char operator()(const pto::TileType&) const { return 't'; }
    char operator()(const pto::LocalArrayType&) const { return 'a'; }
    char operator()(const pto::OpaqueType& type) const {
      return type.text == pto::kAsyncSession ? 'n' : type.text == pto::kAsyncEvent ? 'e' : '?';
    }
    char operator()(const pto::MultiTileType&) const { return 'm'; }
    char operator()(const pto::VectorType&) const { return 'x'; }
  };
  std::string text;
  for (pto::ValueId value : op.operands) text += std::visit(Letter{}, function.type(value));
  text += '>';
  for (pto::ValueId value : op.results) text += std::visit(Letter{}, function.type(value));
  return text;
}

bool one_of(std::string_view text, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// make_tensor_view and partition_view: the first operand, then rank numbers twice.
std::string check_view(const Operation& op, const std::string& found, char first, const pto::Function& function) {
  const std::size_t count = op.operands.size();
  if (count == 0 || op.results.size() != 1) return "expected operands and one result";
  const std::string expected = first + std::string(count - 1, 's') + ">v";
  if (count % 2 == 0 || found != expected) return "expected a shape and strides, or offsets and sizes";
  if ((count - 1) / 2 < 1 || (count - 1) / 2 > kMaxRank) return "rank beyond 1 to 5";
  const auto& view = std::get<pto::ViewType>(function.type(op.results[0]));
  const pto::Type& source = function.type(op.operands[0]);
  const DType element = first == 'p' ? std::get<pto::PtrType>(source).element : std::get<pto::ViewType>(source).element;
  return element == view.element ? "" : "the view has another element type than what it views";
}

bool view_signature_fits(OpCode code, const std::string& found) {
  switch (code) {
    case OpCode::alloc_tile:
      return one_of(found, {">t", "s>t", "ss>t", "sss>t"});
    case OpCode::set_validshape:
      return found == "tss>";
    case OpCode::subview:
      return one_of(found, {"tss>t", "tssss>t"});
    case OpCode::treshape:
    case OpCode::bitcast:
      return found == "t>t";
    case OpCode::tassign:
      return one_of(found, {"ts>t", "ts>"});
    case OpCode::tget_scale_addr:
      return found == "tt>";
    case OpCode::addptr:
      return found == "ps>p";
    case OpCode::load_scalar:
      return found == "ps>s";
    case OpCode::store_scalar:
      return found == "sps>";
    case OpCode::tgetval:
      return found == "ts>s";
    case OpCode::tsetval:
      return found == "tss>";
    case OpCode::declare_local_array:
      return found == ">a";
    case OpCode::local_array_get:
      return found == "as>s";
    case OpCode::local_array_set:
      return found == "ass>";
    default:
      return true;  // tprint, caches: no effect
  }
}

bool tile_signature_fits(OpCode code, const std::string& found) {
  switch (code) {
    case OpCode::tload:
      return found == "vt>";
    // The second operand: a tile of scaling or the parameter word (isa 2.7).
    case OpCode::tstore:
      return one_of(found, {"tv>", "ttv>", "tsv>"});
    case OpCode::tmov:
      return one_of(found, {"tt>", "ttt>", "tst>"});
    case OpCode::textract:
    case OpCode::tinsert:
      return one_of(found, {"tsst>", "tsstt>", "tssst>"});
    case OpCode::texpands:
      return found == "st>";
    case OpCode::tci:
      return one_of(found, {"st>", "stt>"});
    case OpCode::tdivs:
      return one_of(found, {"tst>", "stt>"});
    case OpCode::tadds:
    case OpCode::tsubs:
    case OpCode::tmuls:
    case OpCode::tmaxs:
    case OpCode::tmins:
      return found == "tst>";
    default:
      break;
  }
  const pto::OpInfo& row = pto::info(code);
  const std::size_t tiles = found.size() - 1;
  return found == std::string(tiles, 't') + ">" && tiles >= static_cast<std::size_t>(row.ins_min + row.outs) &&
         tiles <= static_cast<std::size_t>(row.ins_max + row.outs);
}

// Spaces and element types of the cube's operands (isa 2.2): m.k from left, k.n from right, into acc.
std::string check_product(const Operation& op, const pto::Function& function) {
  const pto::ProductForm form = *pto::product_form(op.code);
  const std::vector<pto::Space> spaces = form.spaces();
  const auto tile = [&](std::size_t k) -> const pto::TileType& { return function.tile(op.operands[k]); };
  for (std::size_t k = 0; k < spaces.size(); ++k)
    if (tile(k).space != spaces[k])
      return fmt::format("operand {} in space {}, expected {}", k + 1, pto::name(tile(k).space), pto::name(spaces[k]));
  const DType a = tile(form.left()).element, b = tile(form.right()).element, sum = tile(spaces.size() - 1).element;
  const auto is_fp8 = [](DType dtype) { return dtype == DType::e4m3fn || dtype == DType::e5m2; };
  const bool fits = form.scaled         ? is_fp8(a) && is_fp8(b) && sum == DType::f32
                    : sum == DType::i32 ? a == DType::i8 && b == a
                                        : a == b && (a == DType::f16 || a == DType::bf16 || a == DType::f32);
  if (!fits) return fmt::format("products of {} and {} summed in {}", name(a), name(b), name(sum));
  for (std::size_t k = 0; k < spaces.size(); ++k) {
    const bool accumulates = spaces[k] == pto::Space::acc || spaces[k] == pto::Space::bias;
    const DType expected = accumulates ? sum : pto::holds_scales(spaces[k]) ? DType::e8m0 : tile(k).element;
    if (tile(k).element != expected)
      return fmt::format("operand {} of {} for sums in {}", k + 1, name(tile(k).element), name(sum));
  }
  return "";
}

// What the fixpipe takes beside the accumulator (isa 2.7): a 64-bit word, or a tile of them.
std::string check_fixpipe(const Operation& op, const pto::Function& function) {
  const std::size_t first = op.code == OpCode::textract || op.code == OpCode::tinsert ? 3 : 1;
  for (std::size_t k = first; k < op.segments[0]; ++k) {
    if (function.tile(op.operands[0]).space != pto::Space::acc)
      return "a parameter of a move that leaves no accumulator";
    if (const auto* tile = std::get_if<pto::TileType>(&function.type(op.operands[k]))) {
      if (tile->space != pto::Space::scaling || info(tile->element).bits != 64)
        return fmt::format("parameters of {} in space {}, expected 64-bit elements in scaling", name(tile->element),
                           pto::name(tile->space));
      continue;
    }
    const pto::ScalarKind kind = std::get<pto::ScalarType>(function.type(op.operands[k])).kind;
    if (kind != pto::ScalarKind::i64 && kind != pto::ScalarKind::ui64) return "a parameter word that is no i64";
  }
  return "";
}

bool is_fixpipe_move(OpCode code) {
  return code == OpCode::tmov || code == OpCode::textract || code == OpCode::tinsert || code == OpCode::tstore;
}

// Dtypes the bodies rely on: sources have the destination's, except where the op converts or indexes.
std::string check_tile_dtypes(const Operation& op, const pto::Function& function) {
  const pto::OpInfo& row = pto::info(op.code);
  if (op.code == OpCode::tcvt) return "";  // the profile decides
  const std::size_t sources = op.segments[0];
  const auto dtype = [&](std::size_t i) -> std::optional<DType> {
    const pto::Type& type = function.type(op.operands[i]);
    if (const auto* tile = std::get_if<pto::TileType>(&type)) return tile->element;
    if (const auto* view = std::get_if<pto::ViewType>(&type)) return view->element;
    return std::nullopt;
  };
  const DType destination = *dtype(sources);
  if (pto::product_form(op.code)) return check_product(op, function);
  if (is_fixpipe_move(op.code)) {
    if (const auto problem = check_fixpipe(op, function); !problem.empty()) return problem;
    // What leaves the accumulator may convert; the body knows which pairs there are. So do moves to the bias table.
    const pto::Space from = function.tile(op.operands[0]).space;
    if (from == pto::Space::acc || (op.code != OpCode::tstore && from != pto::Space::vec)) return "";
    if (info(*dtype(0)).bits != info(destination).bits)
      return fmt::format("{} operand for a {} destination", name(*dtype(0)), name(destination));
    return "";
  }
  const bool moves = op.code == OpCode::tload;
  if (row.dtypes.bits != 0 && !row.dtypes.contains(destination))
    return fmt::format("not defined for {}", name(destination));
  for (std::size_t i = 0; i < sources; ++i) {
    if (static_cast<int>(i) == row.scratch || !dtype(i)) continue;
    const bool fits = moves ? info(*dtype(i)).bits == info(destination).bits : *dtype(i) == destination;
    if (!fits) return fmt::format("{} operand for a {} destination", name(*dtype(i)), name(destination));
  }
  return "";
}

// ---- arith

std::optional<ScalarKind> scalar_kind(const pto::Function& function, pto::ValueId value) {
  const auto* scalar = std::get_if<pto::ScalarType>(&function.type(value));
  return scalar ? std::optional(scalar->kind) : std::nullopt;
}

constexpr std::array<std::string_view, 10> kIntegerPredicates{"eq",  "ne",  "slt", "sle", "sgt",
                                                              "sge", "ult", "ule", "ugt", "uge"};
constexpr std::array<std::string_view, 16> kFloatPredicates{"false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord",
                                                            "ueq",   "ugt", "uge", "ult", "ule", "une", "uno", "true"};

template <std::size_t kCount>
std::optional<std::uint64_t> predicate(const Operation& op, const std::array<std::string_view, kCount>& names) {
  const auto found = std::find(names.begin(), names.end(), pto::word(op.attributes, "predicate"));
  if (found != names.end()) return static_cast<std::uint64_t>(found - names.begin());
  const pto::Attribute* attribute = pto::find(op.attributes, "predicate");
  const auto* number = attribute ? std::get_if<pto::IntAttr>(&attribute->value) : nullptr;
  if (number && number->value >= 0 && number->value < static_cast<std::int64_t>(kCount))
    return static_cast<std::uint64_t>(number->value);
  return std::nullopt;
}

// What the operand and the result of an operation must be: 'i' integer, 'f' float, and "=" when they are the same kind.
std::string_view scalar_rule(OpCode code) {
  switch (code) {
    case OpCode::arith_cmpi:
      return "ii>";
    case OpCode::arith_cmpf:
      return "ff>";
    case OpCode::arith_extsi:
    case OpCode::arith_extui:
    case OpCode::arith_trunci:
    case OpCode::arith_index_cast:
    case OpCode::arith_index_castui:
      return "i>i";
    case OpCode::arith_sitofp:
    case OpCode::arith_uitofp:
      return "i>f";
    case OpCode::arith_fptosi:
    case OpCode::arith_fptoui:
      return "f>i";
    case OpCode::arith_extf:
    case OpCode::arith_truncf:
      return "f>f";
    case OpCode::arith_bitcast:
      return "?>?";
    case OpCode::arith_negf:
      return "f=f";
    case OpCode::arith_addf:
    case OpCode::arith_subf:
    case OpCode::arith_mulf:
    case OpCode::arith_divf:
    case OpCode::arith_maximumf:
    case OpCode::arith_minimumf:
      return "ff=f";
    default:
      return "ii=i";
  }
}

std::string check_scalars(const Operation& op, const pto::Function& function) {
  const std::string_view rule = scalar_rule(op.code);
  const std::size_t arity = rule.find_first_of(">=");
  if (op.operands.size() != arity || op.results.size() != 1) return fmt::format("expected {} operands", arity);
  const auto fits = [](char wanted, ScalarKind kind) { return wanted == '?' || (wanted == 'f') == is_float(kind); };
  const auto first = scalar_kind(function, op.operands[0]);
  for (std::size_t i = 0; i < arity; ++i) {
    const auto kind = scalar_kind(function, op.operands[i]);
    if (!kind || kind != first || !fits(rule[i], *kind)) return "operands of a wrong type";
  }
  const auto result = scalar_kind(function, op.results[0]);
  if (!result) return "a result that is no scalar";
  if (rule[arity] == '=' && result != first) return "a result of another type than the operands";
  if (arity + 1 < rule.size() && !fits(rule[arity + 1], *result)) return "a result of a wrong type";
  if (arity + 1 == rule.size() && result != ScalarKind::i1) return "a result that is not i1";
  if (op.code == OpCode::arith_bitcast && pto::bits_of(*result) != pto::bits_of(*first))
    return "types of unequal width";
  if (op.code == OpCode::arith_cmpi && !predicate(op, kIntegerPredicates)) return "an unknown predicate";
  if (op.code == OpCode::arith_cmpf && !predicate(op, kFloatPredicates)) return "an unknown predicate";
  return "";
}

std::string check_constant(const Operation& op, const pto::Function& function) {
  const pto::Attribute* value = pto::find(op.attributes, "value");
  const auto kind = op.results.size() == 1 ? scalar_kind(function, op.results[0]) : std::nullopt;
  if (!value || !kind) return "a constant without a scalar value";
  if (std::holds_alternative<pto::FloatAttr>(value->value)) return is_float(*kind) ? "" : "a float as integer constant";
  const bool number = std::holds_alternative<pto::IntAttr>(value->value) || std::holds_alternative<bool>(value->value);
  return number && !is_float(*kind) ? "" : "an attribute that is no value of the type";
}

std::string check_select(const Operation& op, const pto::Function& function) {
  const std::string found = signature(op, function);
  const bool fits = found.size() == 5 && found[0] == 's' && found[1] == found[2] && found[2] == found[4];
  return fits ? "" : "expected a condition and two values of the result's type";
}

int element_bits(const pto::Type& type) {
  if (const auto* pointer = std::get_if<pto::PtrType>(&type)) return info(pointer->element).bits;
  if (const auto* tile = std::get_if<pto::TileType>(&type)) return info(tile->element).bits;
  if (const auto* array = std::get_if<pto::LocalArrayType>(&type)) return info(array->element).bits;
  return 0;
}

// Scalars moved to or from memory have the width of its elements; i1 moves as a byte.
std::string check_moved_width(const Operation& op, const pto::Function& function) {
  std::optional<std::pair<pto::ValueId, pto::ValueId>> moved;  // memory, scalar
  if (op.code == OpCode::load_scalar || op.code == OpCode::tgetval || op.code == OpCode::local_array_get)
    moved = {op.operands[0], op.results[0]};
  if (op.code == OpCode::store_scalar) moved = {op.operands[1], op.operands[0]};
  if (op.code == OpCode::tsetval || op.code == OpCode::local_array_set) moved = {op.operands[0], op.operands[2]};
  if (!moved) return "";
  const ScalarKind kind = *scalar_kind(function, moved->second);
  const int width = kind == ScalarKind::i1 ? 8 : pto::bits_of(kind);
  const bool index =
      kind == ScalarKind::index && std::holds_alternative<pto::LocalArrayType>(function.type(moved->first));
  return width == element_bits(function.type(moved->first)) || index ? ""
                                                                     : "a scalar of another width than the elements";
}

constexpr std::int64_t kMaxLocalArray = 1 << 16;

std::string check_view_family(const Operation& op, const pto::Function& function) {
  const std::string found = signature(op, function);
  if (op.code == OpCode::make_tensor_view) return check_view(op, found, 'p', function);
  if (op.code == OpCode::partition_view) return check_view(op, found, 'v', function);
  if (!view_signature_fits(op.code, found)) return fmt::format("operands {}", found);
  if (op.code == OpCode::alloc_tile) {
    std::uint32_t total = 0;
    for (std::uint32_t count : op.segments) total += count > 1 ? 4 : count;
    if (op.segments.size() != 3 || total != op.operands.size()) return "expected addr, valid_row and valid_col";
  }
  if (op.code == OpCode::subview && function.tile(op.operands[0]).element != function.tile(op.results[0]).element)
    return "a window of another element type";
  if (op.code == OpCode::declare_local_array) {
    const auto& array = std::get<pto::LocalArrayType>(function.type(op.results[0]));
    if (array.count < 0 || array.count > kMaxLocalArray) return fmt::format("more than {} elements", kMaxLocalArray);
  }
  return check_moved_width(op, function);
}

std::string check_tile_family(const Operation& op, const pto::Function& function) {
  if (const auto problem = check_vector_operands(op, function)) return *problem;
  const std::string found = signature(op, function);
  if (!tile_signature_fits(op.code, found)) return fmt::format("operands {}", found);
  if (op.segments.size() != 2 || op.segments[1] != 1 || op.segments[0] + 1 != op.operands.size())
    return "expected one destination in outs(...)";
  for (std::size_t i = 0; i < op.segments[0] && !is_fixpipe_move(op.code); ++i) {
    const auto kind = scalar_kind(function, op.operands[i]);
    if (!kind) continue;
    const DType dtype = function.tile(op.operands.back()).element;
    if (is_float(*kind) != info(dtype).is_float) return fmt::format("a scalar of another class than {}", name(dtype));
  }
  return check_tile_dtypes(op, function);
}

// ---- rings and communication (segments: ir.h)

// One pattern per segment: a letter of `signature`, and how often it may stand there.
struct Segment {
  char letter;
  std::uint32_t least, most;
};

std::string check_segments(const Operation& op, const pto::Function& function, std::initializer_list<Segment> expected,
                           std::string_view results) {
  const std::string found = signature(op, function);
  std::size_t at = 0, index = 0;
  bool fits = op.segments.size() == expected.size();
  for (const Segment& segment : expected) {
    if (!fits) break;
    const std::uint32_t length = op.segments[index++];
    fits = length >= segment.least && length <= segment.most;
    for (std::uint32_t i = 0; fits && i < length; ++i) fits = found[at++] == segment.letter;
  }
  return fits && found.substr(at) == ">" + std::string(results) ? "" : fmt::format("operands {}", found);
}

constexpr std::uint32_t kMaxGroup = 1 << 16;

// Of an entry: a view of a slot in global memory, or a tile.
char letter_of(std::span<const pto::ValueId> values, const pto::Function& function) {
  return !values.empty() && std::holds_alternative<pto::ViewType>(function.type(values[0])) ? 'v' : 't';
}

std::string check_ring(const Operation& op, const pto::Function& function) {
  switch (op.code) {
    case OpCode::aic_initialize_pipe:
    case OpCode::aiv_initialize_pipe: {
      const bool views = !op.segments.empty() && op.segments[0] == 1 &&
                         std::holds_alternative<pto::ViewType>(function.type(op.operands[0]));
      return check_segments(op, function, {{views ? 'v' : 'p', 0, 1}, {'s', 0, 1}, {'s', 0, 1}}, "");
    }
    case OpCode::reserve_buffer:
    case OpCode::import_reserved_buffer:
      return signature(op, function) == ">s" ? "" : "expected one scalar result";
    case OpCode::tpush_to_aiv:
    case OpCode::tpush_to_aic:
      return check_segments(op, function, {{letter_of(op.operands, function), 1, 1}, {'s', 0, 1}}, "");
    case OpCode::talloc_to_aiv:
    case OpCode::talloc_to_aic:
      return check_segments(op, function, {{'s', 0, 0}}, "v");
    case OpCode::tpop_from_aic:
    case OpCode::tpop_from_aiv: {
      if (letter_of(op.results, function) == 'v') return check_segments(op, function, {{'s', 0, 0}}, "v");
      if (!op.segments.empty() && op.segments[0] == 1) return "one valid extent";
      return check_segments(op, function, {{'s', 0, 2}}, "t");
    }
    default:
      return check_segments(op, function, {{letter_of(op.operands, function), 0, 1}}, "");
  }
}

// All views and tiles of a transfer hold the same elements; a signal is made of i32 words.
std::string check_elements(const Operation& op, const pto::Function& function) {
  std::optional<DType> element;
  for (pto::ValueId value : op.operands) {
    const auto* view = std::get_if<pto::ViewType>(&function.type(value));
    const auto* tile = std::get_if<pto::TileType>(&function.type(value));
    if (!view && !tile) continue;
    const DType found = view ? view->element : tile->element;
    if (info(found).bits < 8) return fmt::format("elements of {}", name(found));
    if (element && *element != found) return fmt::format("{} beside {}", name(found), name(*element));
    element = found;
  }
  return "";
}

std::string check_signal(const Operation& op, const pto::Function& function, std::string_view results) {
  if (const std::string problem = check_segments(op, function, {{'v', 1, 1}, {'s', 1, 1}}, results); !problem.empty())
    return problem;
  const DType element = std::get<pto::ViewType>(function.type(op.operands[0])).element;
  if (element != DType::i32 && element != DType::u32) return fmt::format("a signal of {}", name(element));
  return is_float(*scalar_kind(function, op.operands[1])) ? "a float for a signal" : "";
}

bool is_one_of(const Operation& op, std::string_view key, std::initializer_list<std::string_view> words) {
  const std::string_view word = pto::word(op.attributes, key);
  return word.empty() || one_of(word, words);
}

std::string check_comm(const Operation& op, const pto::Function& function) {
  const auto transfer = [&](std::initializer_list<Segment> segments) {
    const std::string problem = check_segments(op, function, segments, "");
    return problem.empty() ? check_elements(op, function) : problem;
  };
  switch (op.code) {
    case OpCode::comm_tput:
    case OpCode::comm_tget:
      return transfer({{'v', 1, 1}, {'v', 1, 1}, {'t', 1, 2}});
    case OpCode::comm_tbroadcast:
    case OpCode::comm_tgather:
    case OpCode::comm_tscatter:
      return transfer({{'v', 1, 1}, {'t', 1, 2}, {'v', 1, kMaxGroup}});
    case OpCode::comm_treduce:
      if (!is_one_of(op, "reduceOp", {"sum", "max", "min"})) return "an unknown reduceOp";
      return transfer({{'v', 1, 1}, {'t', 1, 1}, {'t', 1, 2}, {'v', 1, kMaxGroup}});
    case OpCode::comm_tnotify:
      if (!is_one_of(op, "notifyOp", {"set", "atomic_add"})) return "an unknown notifyOp";
      return check_signal(op, function, "");
    case OpCode::comm_twait:
    case OpCode::comm_ttest:
      if (!is_one_of(op, "cmp", {"eq", "ne", "gt", "ge", "lt", "le"})) return "an unknown cmp";
      return check_signal(op, function, op.code == OpCode::comm_ttest ? "s" : "");
    case OpCode::comm_build_async_session:
      return check_segments(op, function, {{'t', 1, 1}, {'p', 1, 1}}, "n");
    case OpCode::comm_tput_async:
    case OpCode::comm_tget_async: {
      const std::string problem = check_segments(op, function, {{'v', 1, 1}, {'v', 1, 1}, {'n', 1, 1}}, "e");
      return problem.empty() ? check_elements(op, function) : problem;
    }
    case OpCode::comm_wait_async_event:
      return check_segments(op, function, {{'e', 1, 1}, {'n', 1, 1}}, op.results.empty() ? "" : "s");
    case OpCode::comm_test_async_event:
      return check_segments(op, function, {{'e', 1, 1}, {'n', 1, 1}}, "s");
    default: {
      if (!is_one_of(op, "mode", {"hard", "soft"}) || !is_one_of(op, "core_type", {"mix", "aic_only", "aiv_only"}))
        return "an unknown mode or core_type";
      const bool view = !op.operands.empty() && std::holds_alternative<pto::ViewType>(function.type(op.operands[0]));
      return check_segments(op, function, {{view ? 'v' : 'p', 0, 1}, {'s', 0, 1}, {'t', 0, 2}}, "");
    }
  }
}

}  // namespace

std::string check_operands(const Operation& op, const pto::Function& function) {
  switch (pto::info(op.code).family) {
    case pto::Family::tile:
      return check_tile_family(op, function);
    case pto::Family::view:
      return check_view_family(op, function);
    case pto::Family::pipe:
      return check_ring(op, function);
    case pto::Family::comm:
      return check_comm(op, function);
    case pto::Family::query:
      return signature(op, function) == ">s" ? "" : "expected one scalar result";
    case pto::Family::arith:
      if (op.code == OpCode::arith_constant) return check_constant(op, function);
      if (op.code == OpCode::arith_select) return check_select(op, function);
      return check_scalars(op, function);
    default:
      return "";
  }
}

// reluPreMode, spelled as in the text or as the instruction set's enumerators.
static std::string_view relu_mode(const Operation& op) {
  const std::string_view mode = pto::word(op.attributes, "reluPreMode");
  if (mode == "NormalRelu") return "normal_relu";
  return mode == "NoRelu" ? "no_relu" : mode;
}

std::string unsupported_form(const Operation& op) {
  // Packed scales (MX_A_ZZ and its relatives): the strides of a view cannot say where they lie.
  if (const std::string_view layout = pto::word(op.attributes, "layout");
      layout.starts_with("mx_") && !layout.ends_with("_nd"))
    return fmt::format("layout {}", layout);
  if (const std::string form = unsupported_vector_form(op); !form.empty()) return form;
  if (pto::find(op.attributes, "preQuantScalar")) return "preQuantScalar as an attribute; it is an operand";
  const std::string_view relu = relu_mode(op);
  if (!relu.empty() && relu != "no_relu" && relu != "normal_relu") return fmt::format("reluPreMode {}", relu);
  const std::string_view atomic = pto::word(op.attributes, "atomicType");
  if (!atomic.empty() && atomic != "atomic_add" && atomic != "atomic_none") return std::string(atomic);
  return "";
}

void decode_attributes(const Operation& op, const pto::Function& function, Instruction& instruction) {
  const auto first_scalar = [&](const std::vector<pto::ValueId>& values) {
    for (pto::ValueId value : values)
      if (const auto kind = scalar_kind(function, value)) return kind;
    return std::optional<ScalarKind>();
  };
  instruction.from_kind = first_scalar(op.operands).value_or(ScalarKind::index);
  if (op.code == OpCode::tsetval || op.code == OpCode::local_array_set)
    instruction.from_kind = *scalar_kind(function, op.operands[2]);
  instruction.kind = first_scalar(op.results).value_or(instruction.from_kind);
  if (pto::info(op.code).family == pto::Family::tile) {
    instruction.ins = op.segments[0];
    decode_vector_attributes(op, function, instruction);
  }
  if (op.code == OpCode::arith_cmpi) instruction.immediate = *predicate(op, kIntegerPredicates);
  if (op.code == OpCode::arith_cmpf) instruction.immediate = *predicate(op, kFloatPredicates);
  if (op.code == OpCode::declare_local_array)
    instruction.immediate =
        static_cast<std::uint64_t>(std::get<pto::LocalArrayType>(function.type(op.results[0])).count);
  if (op.code == OpCode::tci) {
    const pto::Attribute* flag = pto::find(op.attributes, "descending");
    const bool* value = flag ? std::get_if<bool>(&flag->value) : nullptr;
    if (flag && (!value || *value)) instruction.immediate = kDescending;
  }
  if (pto::word(op.attributes, "atomicType") == "atomic_add") instruction.immediate = kAtomicAdd;
  if (relu_mode(op) == "normal_relu") instruction.immediate |= kRelu;
  if (op.code != OpCode::arith_constant) return;
  const pto::Attribute& value = *pto::find(op.attributes, "value");
  if (const auto* number = std::get_if<pto::IntAttr>(&value.value))
    instruction.immediate = canonical(static_cast<std::uint64_t>(number->value), instruction.kind);
  else if (const auto* flag = std::get_if<bool>(&value.value))
    instruction.immediate = canonical(*flag ? ~std::uint64_t{0} : 0, instruction.kind) & 1U;
  else
    instruction.immediate =
        round_scalar(std::bit_cast<float>(std::get<pto::FloatAttr>(value.value).f32_bits), instruction.kind);
}

Result<ConversionMeaning> conversion_of(const Operation& op, const pto::Function& function, const Profile& profile) {
  std::string_view saturation = pto::word(op.attributes, "satmode");
  if (saturation.empty()) saturation = pto::word(op.attributes, "sat_mode");
  return profile.conversion(function.tile(op.operands[0]).element, function.tile(op.operands.back()).element,
                            pto::word(op.attributes, "rmode"), saturation);
}

}  // namespace assay::sim
