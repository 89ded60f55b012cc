#include "harness/pto/memory_regions.h"

#include <algorithm>

namespace assay::pto {
namespace {

// Beyond this nothing is multiplied or added, so that no sum or product overflows.
constexpr std::int64_t kMostKnown = std::int64_t{1} << 30;

std::int64_t bytes_of(const TileType& tile) {
  // A row more for tiles that are stored with one (compact = row_plus_one).
  return (tile.rows + (tile.compact == 2 ? 1 : 0)) * tile.cols * info(tile.element).bits / 8;
}

// The constant's value, or nothing.
const IntAttr* constant(const Operation& operation) {
  const Attribute* value = find(operation.attributes, "value");
  return value ? std::get_if<IntAttr>(&value->value) : nullptr;
}

bool is_scratch(const Operation& operation, std::size_t index) {
  const OpInfo& row = info(operation.code);
  return row.scratch >= 0 && index == static_cast<std::size_t>(row.scratch);
}

}  // namespace

bool may_overlap(const MemoryRegion& a, const MemoryRegion& b) {
  if (a.kind != b.kind) return false;
  if (a.kind == MemoryRegion::Kind::global && (a.id == kAnyArgument || b.id == kAnyArgument)) return true;
  return a.id == b.id && a.begin < b.end && b.begin < a.end;
}

MemoryRegions::MemoryRegions(const Function& function)
    : function_(function), regions_(function.values.size()), ranges_(function.values.size()) {
  for (std::size_t i = 0; i < function.arguments.size(); ++i)
    if (std::holds_alternative<PtrType>(function.type(function.arguments[i])))
      regions_[function.arguments[i]] = {{MemoryRegion::Kind::global, static_cast<std::uint32_t>(i)}};
  // Loops carry tiles and pointers backwards: repeat until nothing new is reached.
  do {
    changed_ = false;
    visit(function.body, nullptr);
  } while (changed_);
}

void MemoryRegions::add(ValueId to, const MemoryRegion& region) {
  std::vector<MemoryRegion>& known = regions_[to];
  if (std::find(known.begin(), known.end(), region) != known.end()) return;
  known.push_back(region);
  changed_ = true;
}

void MemoryRegions::flow(ValueId to, ValueId from) {
  if (to == from) return;
  const std::vector<MemoryRegion> copy = regions_[from];
  for (const MemoryRegion& region : copy) add(to, region);
}

void MemoryRegions::visit(const Region& region, const Operation* parent) {
  for (const Operation& operation : region.body) {
    visit_operation(operation, parent);
    for (const Region& inner : operation.regions) visit(inner, &operation);
  }
}

// Values that leave a region: to the results of its operation and, in loops, back to its arguments.
void MemoryRegions::leave(const Operation& terminator, const Operation* parent) {
  if (!parent || terminator.code == OpCode::return_op) return;
  const std::size_t skip = terminator.code == OpCode::condition ? 1 : 0;
  for (std::size_t i = 0; i + skip < terminator.operands.size(); ++i) {
    const ValueId from = terminator.operands[i + skip];
    if (parent->code != OpCode::while_op) {
      flow(parent->results[i], from);
      if (parent->code == OpCode::for_op) flow(parent->regions[0].arguments[i + 1], from);
    } else if (skip > 0) {
      flow(parent->results[i], from);
      flow(parent->regions[1].arguments[i], from);
    } else {
      flow(parent->regions[0].arguments[i], from);
    }
  }
}

MemoryRegions::Range MemoryRegions::range_of(const Operation& operation) const {
  const auto operand = [&](std::size_t i) { return ranges_[operation.operands[i]]; };
  const auto bounded = [](Range range) {
    return range.begin >= -kMostKnown && range.end <= kMostKnown ? range : Range{};
  };
  switch (operation.code) {
    case OpCode::arith_constant: {
      const IntAttr* value = constant(operation);
      return value ? bounded({value->value, value->value}) : Range{};
    }
    case OpCode::arith_index_cast:
    case OpCode::arith_extsi:
      return operand(0);
    case OpCode::arith_addi:
      if (!operand(0).known() || !operand(1).known()) return {};
      return bounded({operand(0).begin + operand(1).begin, operand(0).end + operand(1).end});
    case OpCode::arith_muli: {
      const Range a = operand(0), b = operand(1);
      if (!a.known() || !b.known()) return {};
      const auto [least, most] =
          std::minmax({a.begin * b.begin, a.begin * b.end, a.end * b.begin, a.end * b.end});
      return bounded({least, most});
    }
    case OpCode::arith_remsi: {
      const Range divisor = operand(1);
      if (!divisor.known() || divisor.begin < 1) return {};
      const Range dividend = operand(0);
      const bool from_zero = dividend.known() && dividend.begin >= 0;
      return {from_zero ? 0 : -(divisor.end - 1), divisor.end - 1};
    }
    case OpCode::arith_remui: {
      const Range divisor = operand(1);
      return divisor.known() && divisor.begin >= 1 ? Range{0, divisor.end - 1} : Range{};
    }
    default:
      return {};
  }
}

MemoryRegion MemoryRegions::allocation(const Operation& operation, const TileType& tile, std::int64_t count) const {
  const auto address = operation.segment(0);
  if (address.empty()) return {MemoryRegion::Kind::own, operation.results[0]};
  MemoryRegion region{MemoryRegion::Kind::space, static_cast<std::uint32_t>(tile.space)};
  const Range at = ranges_[address[0]];
  if (!at.known()) return region;
  region.begin = at.begin;
  region.end = at.end + bytes_of(tile) * count;
  return region;
}

void MemoryRegions::visit_operation(const Operation& operation, const Operation* parent) {
  if (operation.results.size() == 1 && !ranges_[operation.results[0]].known())
    ranges_[operation.results[0]] = range_of(operation);
  switch (operation.code) {
    case OpCode::alloc_tile:
      add(operation.results[0], allocation(operation, function_.tile(operation.results[0]), 1));
      return;
    case OpCode::alloc_multi_tile: {
      const auto& tiles = std::get<MultiTileType>(function_.type(operation.results[0]));
      add(operation.results[0], allocation(operation, tiles.tile, tiles.count));
      return;
    }
    case OpCode::tassign: {
      MemoryRegion region{MemoryRegion::Kind::space, static_cast<std::uint32_t>(function_.tile(operation.results[0]).space)};
      const Range at = ranges_[operation.operands[1]];
      if (at.known()) {
        region.begin = at.begin;
        region.end = at.end + bytes_of(function_.tile(operation.results[0]));
      }
      add(operation.results[0], region);
      return;
    }
    case OpCode::tpop_from_aic:
    case OpCode::tpop_from_aiv:
      if (regions_[operation.results[0]].empty()) popped_.push_back(operation.results[0]);
      add(operation.results[0], {MemoryRegion::Kind::own, operation.results[0]});
      return;
    case OpCode::arith_select:
      flow(operation.results[0], operation.operands[1]);
      flow(operation.results[0], operation.operands[2]);
      return;
    case OpCode::for_op:
    case OpCode::while_op: {
      const bool counted = operation.code == OpCode::for_op;
      const auto initial = operation.segment(counted ? 3 : 0);
      if (counted) {
        const Range lower = ranges_[operation.segment(0)[0]], upper = ranges_[operation.segment(1)[0]];
        if (lower.known() && upper.known())  // steps are positive (rule loop-step)
          ranges_[operation.regions[0].arguments[0]] = {lower.begin, std::max(lower.begin, upper.end - 1)};
      }
      for (std::size_t i = 0; i < initial.size(); ++i) {
        flow(operation.regions[0].arguments[i + (counted ? 1 : 0)], initial[i]);
        if (counted) flow(operation.results[i], initial[i]);
      }
      return;
    }
    case OpCode::yield:
    case OpCode::condition:
    case OpCode::return_op:
      leave(operation, parent);
      return;
    case OpCode::call:
      for (ValueId result : operation.results)
        if (std::holds_alternative<PtrType>(function_.type(result)))
          add(result, {MemoryRegion::Kind::global, kAnyArgument});
      return;
    default:
      // Views, reshapes and their relatives: what they look at is their first operand's.
      if (info(operation.code).family == Family::view && operation.results.size() == 1 && !operation.operands.empty())
        flow(operation.results[0], operation.operands[0]);
      return;
  }
}

std::vector<MemoryAccess> MemoryRegions::accesses(const Operation& operation) const {
  std::vector<MemoryAccess> found;
  const auto touch = [&](ValueId value, bool writes) {
    for (const MemoryRegion& region : regions_[value]) found.push_back({region, writes});
  };
  switch (operation.code) {
    case OpCode::load_scalar:
    case OpCode::tgetval:
    case OpCode::tprint:
      touch(operation.operands[0], false);
      return found;
    case OpCode::tsetval:
      touch(operation.operands[0], true);
      return found;
    case OpCode::store_scalar:
      touch(operation.operands[1], true);
      return found;
    case OpCode::tpush_to_aiv:
    case OpCode::tpush_to_aic:
      touch(operation.operands[0], false);
      return found;
    case OpCode::tpop_from_aic:
    case OpCode::tpop_from_aiv:
      touch(operation.results[0], true);
      return found;
    case OpCode::tfree_from_aic:
    case OpCode::tfree_from_aiv:
      // The slot may be filled again: whatever was popped must have been read.
      for (ValueId value : popped_) touch(value, true);
      return found;
    default:
      break;
  }
  if (info(operation.code).family != Family::tile) return found;
  const auto ins = operation.segment(0);
  for (std::size_t i = 0; i < ins.size(); ++i)
    // isa 2.7: the device's TQUANT uses its source as a buffer.
    touch(ins[i], is_scratch(operation, i) || (operation.code == OpCode::tquant && i == 0));
  if (operation.segments.size() > 1)
    for (ValueId value : operation.segment(1)) touch(value, true);
  return found;
}

}  // namespace assay::pto
