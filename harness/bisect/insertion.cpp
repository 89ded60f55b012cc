// The edits that insert an operation.
#include <fmt/format.h>

#include "harness/bisect/enumerate.h"

namespace assay::bisect {
namespace {

using namespace groups;
using pto::Function;
using pto::OpCode;
using pto::Operation;
using pto::TileType;
using pto::ValueId;

// -------------------------------------------------------------------------------------------------------

class Inserter {
 public:
  Inserter(const Function& function, const Operation& anchor, std::vector<Edit>& edits)
      : function_(function), anchor_(anchor), scope_(values_in_scope(function, anchor.id)), edits_(edits) {}

  // Something that writes `tile` in front of the anchor, which reads it.
  void writers_of(ValueId tile) {
    loads(tile);
    for (OpCode code : kUnary) with_sources(code, tile, 1);
    for (OpCode code : kReduce) with_sources(code, tile, 1);
    for (OpCode code : kExpand) with_sources(code, tile, 1);
    for (OpCode code : {tmov, tfillpad}) with_sources(code, tile, 1);
    conversions(tile);
    for (OpCode code : kWithScalar) with_scalars(code, tile);
    splats(tile);
    for (Group group : {Group(kBinary), Group(kRowExpand), Group(kColExpand)})
      for (OpCode code : group) with_sources(code, tile, 2);
    extents(tile);
  }

  // A store of `tile`, which the anchor writes, behind the anchor.
  void stores_of(ValueId tile) {
    for (ValueId view : scope_)
      if (is_partition(view, function_.tile(tile).element)) add(tstore, {tile}, {view}, {}, true);
  }

 private:
  bool is_partition(ValueId value, DType element) const {
    const auto* view = std::get_if<pto::ViewType>(&function_.type(value));
    return view && view->partition && view->element == element;
  }

  void add(OpCode code, std::vector<ValueId> ins, std::vector<ValueId> outs, pto::AttrDict attributes, bool after) {
    Operation op{};
    op.code = code;
    op.location = anchor_.location;
    op.segments = {static_cast<std::uint32_t>(ins.size()), static_cast<std::uint32_t>(outs.size())};
    op.operands = std::move(ins);
    op.operands.insert(op.operands.end(), outs.begin(), outs.end());
    op.attributes = std::move(attributes);
    finish(std::move(op), after);
  }

  void finish(Operation op, bool after) {
    std::string operands;
    for (ValueId value : op.operands) operands += " " + label(function_, value);
    Edit edit = edit_of(EditKind::missing_operation, anchor_,
                        fmt::format("{}{} inserted {}", mnemonic(op.code), operands, after ? "behind" : "in front"));
    edit.inserted = std::move(op);
    edit.insert_after = after;
    edits_.push_back(std::move(edit));
  }

  void loads(ValueId tile) {
    for (ValueId view : scope_)
      if (is_partition(view, function_.tile(tile).element)) add(tload, {view}, {tile}, {}, false);
  }

  // Tiles that could feed `tile`: same element type, and the same valid extents where both types state them.
  std::vector<ValueId> sources(ValueId tile, bool same_element = true) const {
    std::vector<ValueId> found;
    for (ValueId value : scope_) {
      const auto* type = std::get_if<TileType>(&function_.type(value));
      if (type && (type->element == function_.tile(tile).element) == same_element) found.push_back(value);
    }
    return found;
  }

  void with_sources(OpCode code, ValueId tile, int count) {
    const std::vector<ValueId> candidates = sources(tile);
    for (ValueId a : candidates) {
      if (count == 1)
        add(code, {a}, {tile}, {}, false);
      else
        for (ValueId b : candidates) add(code, {a, b}, {tile}, {}, false);
    }
  }

  void conversions(ValueId tile) {
    for (ValueId source : sources(tile, false))
      for (std::string_view mode : {"RINT", "ROUND", "TRUNC"})
        add(tcvt, {source}, {tile}, {{"rmode", {pto::EnumAttr{"round_mode", std::string(mode)}}}}, false);
  }

  std::vector<ValueId> scalars_for(ValueId tile) const {
    std::vector<ValueId> found;
    const std::string_view element = assay::name(function_.tile(tile).element);
    for (ValueId value : scope_)
      if (std::holds_alternative<pto::ScalarType>(function_.type(value)) &&
          pto::to_string(function_.type(value)) == element)
        found.push_back(value);
    return found;
  }

  void with_scalars(OpCode code, ValueId tile) {
    for (ValueId source : sources(tile))
      for (ValueId scalar : scalars_for(tile)) {
        add(code, {source, scalar}, {tile}, {}, false);
        if (code == tdivs) add(code, {scalar, source}, {tile}, {}, false);
      }
  }

  void splats(ValueId tile) {
    for (ValueId scalar : scalars_for(tile)) add(texpands, {scalar}, {tile}, {}, false);
  }

  void extents(ValueId tile) {
    const TileType& type = function_.tile(tile);
    if (type.valid_rows != pto::kDynamic || type.valid_cols != pto::kDynamic) return;
    for (ValueId rows : scope_)
      for (ValueId cols : scope_) {
        const pto::Type index{pto::ScalarType{pto::ScalarKind::index}};
        if (function_.type(rows) != index || function_.type(cols) != index) continue;
        Operation op{};
        op.code = set_validshape;
        op.location = anchor_.location;
        op.operands = {tile, rows, cols};
        op.segments = {1, 1, 1};
        finish(std::move(op), false);
      }
  }

  const Function& function_;
  const Operation& anchor_;
  std::vector<ValueId> scope_;
  std::vector<Edit>& edits_;
};

}  // namespace

std::string label(const Function& function, ValueId value) {
  const std::string& text = function.values[value].name;
  return text.empty() ? fmt::format("%v{}", value) : "%" + text;
}

Edit edit_of(EditKind kind, const Operation& op, std::string description) {
  Edit edit;
  edit.kind = kind;
  edit.op_id = op.id;
  edit.description = std::move(description);
  return edit;
}

void edits_of_missing_operation(const Function& function, const Operation& op, std::vector<Edit>& edits) {
  if (info(op.code).family != pto::Family::tile || op.segments.size() < 2) return;
  Inserter inserter(function, op, edits);
  for (ValueId value : op.segment(0))
    if (std::holds_alternative<TileType>(function.type(value))) inserter.writers_of(value);
  for (ValueId value : op.segment(1))
    if (std::holds_alternative<TileType>(function.type(value))) inserter.stores_of(value);
}

}  // namespace assay::bisect
