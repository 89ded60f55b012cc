#include "harness/bisect/extent.h"

#include <optional>

namespace assay::bisect {
namespace {

constexpr std::int64_t kWholeSpace = std::int64_t{1} << 32;
constexpr std::int64_t kPrivate = std::int64_t{1} << 40;  // base of the ranges of tiles without address
constexpr std::int64_t kPrivateStride = std::int64_t{1} << 24;

std::vector<std::optional<std::int64_t>> constants(const pto::Function& function) {
  std::vector<std::optional<std::int64_t>> known(function.values.size());
  for (const pto::Operation* op : pto::preorder(function)) {
    if (op->code != pto::OpCode::arith_constant) continue;
    const pto::Attribute* value = find(op->attributes, "value");
    if (const auto* integer = value ? std::get_if<pto::IntAttr>(&value->value) : nullptr)
      known[op->results.front()] = integer->value;
  }
  return known;
}

Extent allocated(const pto::Function& function, const pto::Operation& op,
                 const std::vector<std::optional<std::int64_t>>& known) {
  const pto::TileType& type = function.tile(op.results.front());
  const std::int64_t bytes = bytes_of(type.element, type.rows * type.cols);
  if (op.segment(0).empty()) {
    const std::int64_t begin = kPrivate + static_cast<std::int64_t>(op.results.front()) * kPrivateStride;
    return {type.space, begin, begin + bytes};
  }
  const auto address = known[op.segment(0).front()];
  return address ? Extent{type.space, *address, *address + bytes} : Extent{type.space, 0, kWholeSpace};
}

}  // namespace

ExtentMap::ExtentMap(const pto::Function& function) : function_(&function), extents_(function.values.size()) {
  const auto known = constants(function);
  for (std::size_t value = 0; value < function.values.size(); ++value)
    if (const auto* tile = std::get_if<pto::TileType>(&function.values[value].type))
      extents_[value] = {tile->space, 0, kWholeSpace};
  for (const pto::Operation* op : pto::preorder(function)) {
    if (op->code == pto::OpCode::alloc_tile) extents_[op->results.front()] = allocated(function, *op, known);
    const bool alias =
        op->code == pto::OpCode::subview || op->code == pto::OpCode::treshape || op->code == pto::OpCode::bitcast;
    if (alias) extents_[op->results.front()] = extents_[op->operands.front()];
  }
}

bool ExtentMap::is_tile(pto::ValueId value) const {
  return std::holds_alternative<pto::TileType>(function_->type(value));
}

std::vector<Extent> ExtentMap::reads(const pto::Operation& op) const {
  std::vector<Extent> extents;
  const pto::OpInfo& row = info(op.code);
  if (row.family == pto::Family::tile) {
    const auto ins = op.segment(0);
    for (std::size_t i = 0; i < ins.size(); ++i)
      if (is_tile(ins[i]) && static_cast<int>(i) != row.scratch) extents.push_back(of(ins[i]));
  } else if (op.code == pto::OpCode::tgetval) {
    extents.push_back(of(op.operands.front()));
  }
  return extents;
}

std::vector<Extent> ExtentMap::writes(const pto::Operation& op) const {
  std::vector<Extent> extents;
  if (info(op.code).family == pto::Family::tile && op.segments.size() > 1) {
    for (pto::ValueId value : op.segment(1))
      if (is_tile(value)) extents.push_back(of(value));
  } else if (op.code == pto::OpCode::tsetval) {
    for (pto::ValueId value : op.operands)
      if (is_tile(value)) extents.push_back(of(value));
  }
  return extents;
}

}  // namespace assay::bisect
