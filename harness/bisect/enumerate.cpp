// The published list of single edits, one function per kind (docs/bisection.md).
#include "harness/bisect/enumerate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace assay::bisect {
namespace {

using pto::Function;
using pto::OpCode;
using pto::Operation;
using pto::TileType;
using pto::ValueId;
using namespace groups;

bool is_integer(const pto::Type& type) {
  const auto* scalar = std::get_if<pto::ScalarType>(&type);
  return scalar && scalar->kind != pto::ScalarKind::f16 && scalar->kind != pto::ScalarKind::bf16 &&
         scalar->kind != pto::ScalarKind::f32 && scalar->kind != pto::ScalarKind::i1;
}

// Whether the verifier could accept `other` where `type` stands.
bool interchangeable(const pto::Type& type, const pto::Type& other) {
  if (type.index() != other.index()) return false;
  if (const auto* tile = std::get_if<TileType>(&type)) {
    const auto& peer = std::get<TileType>(other);
    return tile->element == peer.element && tile->space == peer.space;
  }
  if (const auto* view = std::get_if<pto::ViewType>(&type)) {
    const auto& peer = std::get<pto::ViewType>(other);
    return view->element == peer.element && view->partition == peer.partition &&
           view->shape.size() == peer.shape.size();
  }
  return type == other;
}

// Operations of one signature, exchangeable for one another; those of tiles are in enumerate.h.
constexpr std::array kInteger{arith_addi,      arith_subi,       arith_muli,  arith_divsi, arith_remsi,
                              arith_ceildivsi, arith_floordivsi, arith_minsi, arith_maxsi};
constexpr std::array kFloat{arith_addf, arith_subf, arith_mulf, arith_divf, arith_maximumf, arith_minimumf};
constexpr std::array<Group, 9> kGroups{kBinary, kWithScalar, kUnary,   kRowExpand, kColExpand,
                                       kExpand, kReduce,     kInteger, kFloat};
constexpr std::array<std::string_view, 10> kPredicates{"eq",  "ne",  "slt", "sle", "sgt",
                                                       "sge", "ult", "ule", "ugt", "uge"};
constexpr std::array<std::string_view, 6> kRoundings{"RINT", "ROUND", "TRUNC", "FLOOR", "CEIL", "ODD"};

pto::AttrDict with_word(const pto::AttrDict& attributes, std::string_view key, std::string_view kind,
                        std::string_view value) {
  pto::AttrDict changed = attributes;
  const pto::Attribute attribute{pto::EnumAttr{std::string(kind), std::string(value)}};
  for (auto& [name, old] : changed)
    if (name == key) {
      old = attribute;
      return changed;
    }
  changed.emplace_back(key, attribute);
  return changed;
}

void edits_of_rounding(const Operation& op, std::vector<Edit>& edits) {
  if (op.code != tcvt) return;
  const std::string_view now = word(op.attributes, "rmode");
  for (std::string_view mode : kRoundings) {
    if (mode == now) continue;
    Edit edit = edit_of(EditKind::rounding, op, fmt::format("rmode {} -> {}", now, mode));
    edit.attributes = with_word(op.attributes, "rmode", "round_mode", mode);
    edits.push_back(std::move(edit));
  }
}

void edits_of_saturation(const Operation& op, std::vector<Edit>& edits) {
  if (op.code != tcvt) return;
  const std::string_view key = find(op.attributes, "sat_mode") ? "sat_mode" : "satmode";
  const std::string_view now = word(op.attributes, key);
  for (std::string_view mode : {"ON", "OFF"}) {
    if (mode == now) continue;
    Edit edit = edit_of(EditKind::saturation, op, fmt::format("{} {} -> {}", key, now.empty() ? "unset" : now, mode));
    edit.attributes = with_word(op.attributes, key, "saturation_mode", mode);
    edits.push_back(std::move(edit));
  }
}

void edits_of_predicate(const Operation& op, std::vector<Edit>& edits) {
  if (op.code != arith_cmpi) return;
  const std::string_view now = word(op.attributes, "predicate");
  for (std::string_view predicate : kPredicates) {
    if (predicate == now) continue;
    Edit edit = edit_of(EditKind::operation, op, fmt::format("predicate {} -> {}", now, predicate));
    edit.attributes = with_word(op.attributes, "predicate", "", predicate);
    edits.push_back(std::move(edit));
  }
}

void edits_of_operation(const Operation& op, std::vector<Edit>& edits) {
  edits_of_predicate(op, edits);
  for (Group group : kGroups) {
    if (std::find(group.begin(), group.end(), op.code) == group.end()) continue;
    for (OpCode code : group) {
      if (code == op.code) continue;
      Edit edit = edit_of(EditKind::operation, op, fmt::format("{} -> {}", mnemonic(op.code), mnemonic(code)));
      edit.code = code;
      edits.push_back(std::move(edit));
    }
  }
}

void swap_edit(const Function& function, const Operation& op, std::uint32_t a, std::uint32_t b,
               std::vector<Edit>& edits) {
  if (b >= op.operands.size() || op.operands[a] == op.operands[b]) return;
  Edit edit =
      edit_of(EditKind::operand_order, op,
              fmt::format("{} and {} exchanged", label(function, op.operands[a]), label(function, op.operands[b])));
  edit.operands = {{a, op.operands[b], 0}, {b, op.operands[a], 0}};
  edits.push_back(std::move(edit));
}

// Neighbouring operands inside one segment. Where the types differ (tdivs tile/scalar) the exchange is still legal
// text.
void edits_of_operand_order(const Function& function, const Operation& op, std::vector<Edit>& edits) {
  const pto::Family family = info(op.code).family;
  if (op.code == make_tensor_view || family == pto::Family::control) {
    if (op.code == for_op) swap_edit(function, op, 0, 1, edits);
    return;
  }
  std::uint32_t begin = 0;
  for (std::uint32_t length : op.segments) {
    for (std::uint32_t i = begin; i + 1 < begin + length; ++i)
      for (std::uint32_t j = i + 1; j < begin + length; ++j) swap_edit(function, op, i, j, edits);
    begin += length;
  }
  if (op.code == set_validshape) swap_edit(function, op, 1, 2, edits);
}

Edit operand_edit(const Function& function, const Operation& op, EditKind kind, std::uint32_t index, ValueId value,
                  std::int64_t offset) {
  const std::string shift = offset == 0 ? "" : fmt::format(" {} {}", offset < 0 ? '-' : '+', std::abs(offset));
  Edit edit = edit_of(
      kind, op,
      fmt::format("operand {}: {} -> {}{}", index, label(function, op.operands[index]), label(function, value), shift));
  edit.operands = {{index, value, offset}};
  return edit;
}

// Other values in scope for one operand; integers also one more and one less.
void substitute(const Function& function, const Operation& op, EditKind kind, std::uint32_t index,
                const std::vector<ValueId>& scope, std::vector<Edit>& edits) {
  const ValueId now = op.operands[index];
  const pto::Type& type = function.type(now);
  if (is_integer(type) && kind != EditKind::address)
    for (std::int64_t offset : {-1, 1}) edits.push_back(operand_edit(function, op, kind, index, now, offset));
  for (ValueId value : scope)
    if (value != now && interchangeable(type, function.type(value)))
      edits.push_back(operand_edit(function, op, kind, index, value, 0));
}

void add_alloc_edit(const Operation& op, const TileType& type, std::vector<ValueId> rows, std::vector<ValueId> cols,
                    std::string description, std::vector<Edit>& edits) {
  Edit edit = edit_of(EditKind::valid_shape, op, std::move(description));
  edit.tile_type = type;
  edit.valid_rows = std::move(rows);
  edit.valid_cols = std::move(cols);
  edits.push_back(std::move(edit));
}

std::vector<ValueId> copy(std::span<const ValueId> values) { return {values.begin(), values.end()}; }

// A static extent: the physical one, one more and one less.
void static_extents(const Operation& op, const TileType& type, std::vector<Edit>& edits) {
  const auto add = [&](bool rows, std::int64_t extent) {
    TileType changed = type;
    std::int64_t& valid = rows ? changed.valid_rows : changed.valid_cols;
    const std::int64_t physical = rows ? type.rows : type.cols;
    if (extent < 0 || extent > physical || extent == valid) return;
    const std::string was = valid == pto::kDynamic ? "?" : std::to_string(valid);
    valid = extent;
    add_alloc_edit(op, changed, rows ? std::vector<ValueId>{} : copy(op.segment(1)),
                   rows ? copy(op.segment(2)) : std::vector<ValueId>{},
                   fmt::format("valid {} {} -> {}", rows ? "rows" : "columns", was, extent), edits);
  };
  for (bool rows : {true, false}) {
    const std::int64_t valid = rows ? type.valid_rows : type.valid_cols;
    add(rows, rows ? type.rows : type.cols);
    if (valid == pto::kDynamic) continue;
    add(rows, valid - 1);
    add(rows, valid + 1);
  }
}

// Extents that the type leaves to run time and the operation does not give: the declared shape, or values in scope.
void unset_extents(const Function& function, const Operation& op, const TileType& type,
                   const std::vector<ValueId>& scope, std::vector<Edit>& edits) {
  const bool rows = type.valid_rows == pto::kDynamic && op.segment(1).empty();
  const bool cols = type.valid_cols == pto::kDynamic && op.segment(2).empty();
  if (!rows && !cols) return;
  Edit declared = edit_of(EditKind::valid_shape, op, "unset valid shape -> the declared shape");
  declared.tile_type = type;
  declared.valid_rows = copy(op.segment(1));
  declared.valid_cols = copy(op.segment(2));
  if (rows) declared.constant_rows = type.rows;
  if (cols) declared.constant_cols = type.cols;
  edits.push_back(declared);
  for (ValueId value : scope) {
    if (function.type(value) != pto::Type{pto::ScalarType{pto::ScalarKind::index}}) continue;
    for (bool takes_rows : {true, false}) {
      if (takes_rows ? !rows : !cols) continue;
      Edit edit = declared;
      edit.description = fmt::format("unset valid {} -> {}", takes_rows ? "rows" : "columns", label(function, value));
      (takes_rows ? edit.constant_rows : edit.constant_cols).reset();
      (takes_rows ? edit.valid_rows : edit.valid_cols) = {value};
      edits.push_back(std::move(edit));
    }
  }
}

void edits_of_valid_shape(const Function& function, const Operation& op, const std::vector<ValueId>& scope,
                          std::vector<Edit>& edits) {
  if (op.code == set_validshape) {
    for (std::uint32_t index : {1U, 2U})
      if (index < op.operands.size()) substitute(function, op, EditKind::valid_shape, index, scope, edits);
    return;
  }
  if (op.code != alloc_tile) return;
  const TileType& type = function.tile(op.results.front());
  unset_extents(function, op, type, scope, edits);
  const auto first = static_cast<std::uint32_t>(op.segment(0).size());
  for (std::uint32_t index = first; index < op.operands.size(); ++index)
    substitute(function, op, EditKind::valid_shape, index, scope, edits);
  static_extents(op, type, edits);
}

void edits_of_tile_operand(const Function& function, const Operation& op, const std::vector<ValueId>& scope,
                           std::vector<Edit>& edits) {
  for (std::uint32_t index = 0; index < op.operands.size(); ++index) {
    const pto::Type& type = function.type(op.operands[index]);
    if (std::holds_alternative<pto::ScalarType>(type) && info(op.code).family != pto::Family::tile) continue;
    if (is_integer(type)) continue;
    substitute(function, op, EditKind::tile_operand, index, scope, edits);
  }
}

void edits_of_address(const Function& function, const Operation& op, const std::vector<ValueId>& scope,
                      std::vector<Edit>& edits) {
  if (op.code == alloc_tile && !op.segment(0).empty()) substitute(function, op, EditKind::address, 0, scope, edits);
}

void edits_of_bounds(const Function& function, const Operation& op, const std::vector<ValueId>& scope,
                     std::vector<Edit>& edits) {
  if (op.code == alloc_tile || op.code == set_validshape) return;
  for (std::uint32_t index = 0; index < op.operands.size(); ++index)
    if (is_integer(function.type(op.operands[index]))) substitute(function, op, EditKind::bounds, index, scope, edits);
}

std::vector<pto::Attribute> other_values(const pto::Attribute& now) {
  std::vector<pto::Attribute> others;
  if (const auto* integer = std::get_if<pto::IntAttr>(&now.value)) {
    const std::int64_t v = integer->value;
    for (std::int64_t value : {v - 1, v + 1, v * 2, v / 2, -v, std::int64_t{0}, std::int64_t{1}})
      if (value != v) others.push_back({pto::IntAttr{value, integer->type}});
  } else if (const auto* number = std::get_if<pto::FloatAttr>(&now.value)) {
    const float v = std::bit_cast<float>(number->f32_bits);
    for (float value : {v * 2, v / 2, v + 1, v - 1, -v, 0.0F, 1.0F, std::bit_cast<float>(number->f32_bits + 1),
                        std::bit_cast<float>(number->f32_bits - 1)})
      if (std::bit_cast<std::uint32_t>(value) != number->f32_bits && std::isfinite(value))
        others.push_back({pto::FloatAttr{std::bit_cast<std::uint32_t>(value), number->type}});
  }
  return others;
}

std::string show(const pto::Attribute& value) {
  if (const auto* integer = std::get_if<pto::IntAttr>(&value.value)) return std::to_string(integer->value);
  if (const auto* number = std::get_if<pto::FloatAttr>(&value.value))
    return fmt::format("{}", std::bit_cast<float>(number->f32_bits));
  return "?";
}

void edits_of_constant(const Operation& op, std::vector<Edit>& edits) {
  const pto::Attribute* now = op.code == arith_constant ? find(op.attributes, "value") : nullptr;
  if (!now) return;
  for (pto::Attribute& value : other_values(*now)) {
    Edit edit = edit_of(EditKind::constant, op, fmt::format("{} -> {}", show(*now), show(value)));
    edit.attributes = op.attributes;
    for (auto& [key, attribute] : edit.attributes)
      if (key == "value") attribute = value;
    edits.push_back(std::move(edit));
  }
}

void edits_of_extra_operation(const Operation& op, std::vector<Edit>& edits) {
  const bool writes = info(op.code).family == pto::Family::tile || op.code == set_validshape ||
                      op.code == store_scalar || op.code == tsetval;
  if (!writes || !op.results.empty()) return;
  edits.push_back(edit_of(EditKind::extra_operation, op, fmt::format("{} deleted", mnemonic(op.code))));
}

}  // namespace

std::vector<Edit> enumerate_edits(const Function& function, EditKind kind, std::uint32_t op_id) {
  const auto operations = pto::preorder(function);
  if (op_id >= operations.size()) return {};
  const Operation& op = *operations[op_id];
  std::vector<Edit> edits;
  const auto scope = [&] { return values_in_scope(function, op_id); };
  switch (kind) {
    case EditKind::rounding:
      edits_of_rounding(op, edits);
      break;
    case EditKind::saturation:
      edits_of_saturation(op, edits);
      break;
    case EditKind::operation:
      edits_of_operation(op, edits);
      break;
    case EditKind::operand_order:
      edits_of_operand_order(function, op, edits);
      break;
    case EditKind::valid_shape:
      edits_of_valid_shape(function, op, scope(), edits);
      break;
    case EditKind::tile_operand:
      edits_of_tile_operand(function, op, scope(), edits);
      break;
    case EditKind::address:
      edits_of_address(function, op, scope(), edits);
      break;
    case EditKind::bounds:
      edits_of_bounds(function, op, scope(), edits);
      break;
    case EditKind::constant:
      edits_of_constant(op, edits);
      break;
    case EditKind::extra_operation:
      edits_of_extra_operation(op, edits);
      break;
    case EditKind::missing_operation:
      edits_of_missing_operation(function, op, edits);
      break;
  }
  return edits;
}

}  // namespace assay::bisect
