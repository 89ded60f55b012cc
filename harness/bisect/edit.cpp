#include "harness/bisect/edit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace assay::bisect {

using pto::Function;
using pto::Module;
using pto::Operation;
using pto::Region;
using pto::ValueId;

std::string_view name(EditKind kind) {
  static constexpr std::array<std::string_view, kEditKinds> names{
      "rounding", "saturation", "operation", "operand order",   "valid shape",      "tile operand",
      "address",  "bounds",     "constant",  "extra operation", "missing operation"};
  return names[static_cast<std::size_t>(kind)];
}

namespace {

// Appends what is visible in `region` before the operation; true once the operation has been met.
bool collect_scope(const Region& region, std::uint32_t op_id, std::vector<ValueId>& visible) {
  const std::size_t outside = visible.size();
  visible.insert(visible.end(), region.arguments.begin(), region.arguments.end());
  for (const Operation& op : region.body) {
    if (op.id == op_id) return true;
    for (const Region& inner : op.regions)
      if (collect_scope(inner, op_id, visible)) return true;
    visible.insert(visible.end(), op.results.begin(), op.results.end());
  }
  visible.resize(outside);
  return false;
}

struct Place {
  Region* region = nullptr;
  std::size_t index = 0;
};

Place find_place(Region& region, std::uint32_t op_id) {
  for (std::size_t i = 0; i < region.body.size(); ++i) {
    if (region.body[i].id == op_id) return {&region, i};
    for (Region& inner : region.body[i].regions)
      if (Place found = find_place(inner, op_id); found.region) return found;
  }
  return {};
}

void fit_segments(Operation& op, std::size_t segment, std::size_t length) {
  if (op.segments.size() <= segment) op.segments.resize(segment + 1, 0);
  op.segments[segment] = static_cast<std::uint32_t>(length);
}

void insert_in_front(Place& place, Operation op) {
  auto& body = place.region->body;
  body.insert(body.begin() + static_cast<std::ptrdiff_t>(place.index), std::move(op));
  ++place.index;
}

// An arith.constant in front of the operation; its value id.
ValueId insert_constant(Function& function, Place& place, std::int64_t value, pto::ScalarKind kind) {
  function.values.push_back({"", pto::ScalarType{kind}});
  Operation constant{};
  constant.code = pto::OpCode::arith_constant;
  constant.segments = {0};
  constant.attributes = {{"value", {pto::IntAttr{value, kind}}}};
  constant.results = {static_cast<ValueId>(function.values.size() - 1)};
  insert_in_front(place, std::move(constant));
  return static_cast<ValueId>(function.values.size() - 1);
}

void replace_extents(Function& function, Place& place, const Edit& edit) {
  std::vector<ValueId> rows = edit.valid_rows, cols = edit.valid_cols;
  if (edit.constant_rows) rows = {insert_constant(function, place, *edit.constant_rows, pto::ScalarKind::index)};
  if (edit.constant_cols) cols = {insert_constant(function, place, *edit.constant_cols, pto::ScalarKind::index)};
  Operation& op = place.region->body[place.index];
  const auto addr = op.segment(0);
  std::vector<ValueId> operands(addr.begin(), addr.end());
  operands.insert(operands.end(), rows.begin(), rows.end());
  operands.insert(operands.end(), cols.begin(), cols.end());
  op.operands = std::move(operands);
  fit_segments(op, 1, rows.size());
  fit_segments(op, 2, cols.size());
  function.values[op.results.front()].type = *edit.tile_type;
}

// A constant and an addition in front of the operation; the sum's value id.
ValueId insert_offset(Function& function, Place& place, ValueId value, std::int64_t offset) {
  const pto::Type type = function.type(value);
  const ValueId constant = insert_constant(function, place, offset, std::get<pto::ScalarType>(type).kind);
  function.values.push_back({"", type});
  Operation sum{};
  sum.code = pto::OpCode::arith_addi;
  sum.operands = {value, constant};
  sum.segments = {2};
  sum.results = {static_cast<ValueId>(function.values.size() - 1)};
  insert_in_front(place, std::move(sum));
  return static_cast<ValueId>(function.values.size() - 1);
}

Result<void> change_operands(Function& function, Place& place, const Edit& edit) {
  for (const Edit::Operand& operand : edit.operands) {
    if (operand.value >= function.values.size() || operand.index >= place.region->body[place.index].operands.size())
      return internal_error("edit of operand {} of operation {} does not fit the operation", operand.index, edit.op_id);
    ValueId value = operand.value;
    if (operand.offset != 0) value = insert_offset(function, place, value, operand.offset);
    place.region->body[place.index].operands[operand.index] = value;
  }
  return {};
}

}  // namespace

std::vector<ValueId> values_in_scope(const Function& function, std::uint32_t op_id) {
  std::vector<ValueId> visible(function.arguments.begin(), function.arguments.end());
  Region body;
  if (!collect_scope(function.body, op_id, visible)) return {};
  std::sort(visible.begin(), visible.end());
  visible.erase(std::unique(visible.begin(), visible.end()), visible.end());
  return visible;
}

Result<Module> apply_edit(const Module& module, std::string_view function_name, const Edit& edit) {
  Module edited = module;
  const auto function = std::find_if(edited.functions.begin(), edited.functions.end(),
                                     [&](const Function& f) { return f.name == function_name; });
  if (function == edited.functions.end()) return internal_error("no function {} to edit", function_name);
  Place place = find_place(function->body, edit.op_id);
  if (!place.region) return internal_error("function {} has no operation {}", function_name, edit.op_id);
  auto& body = place.region->body;
  switch (edit.kind) {
    case EditKind::missing_operation:
      body.insert(body.begin() + static_cast<std::ptrdiff_t>(place.index + (edit.insert_after ? 1 : 0)),
                  *edit.inserted);
      break;
    case EditKind::extra_operation:
      body.erase(body.begin() + static_cast<std::ptrdiff_t>(place.index));
      break;
    default: {
      if (edit.code) body[place.index].code = *edit.code;
      if (!edit.attributes.empty()) body[place.index].attributes = edit.attributes;
      if (edit.tile_type) replace_extents(*function, place, edit);
      if (auto changed = change_operands(*function, place, edit); !changed) return tl::unexpected(changed.error());
    }
  }
  pto::renumber(*function);
  return edited;
}

}  // namespace assay::bisect
