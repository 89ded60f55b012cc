// Rings between the cores of a block (format 3.7).
#include "harness/device/tileops/lowering.h"

namespace assay::device {
namespace {

using enum pto::OpCode;

std::int64_t integer_of(const pto::Operation& operation, const char* key, std::int64_t otherwise) {
  const pto::Attribute* attribute = pto::find(operation.attributes, key);
  if (!attribute) return otherwise;
  if (const auto* number = std::get_if<pto::IntAttr>(&attribute->value)) return number->value;
  if (const auto* flag = std::get_if<bool>(&attribute->value)) return *flag;
  return std::holds_alternative<pto::UnitAttr>(attribute->value) ? 1 : otherwise;
}

abi::RingDirection direction_of(pto::OpCode code) {
  return code == tpush_to_aiv || code == tpop_from_aic || code == tfree_from_aic ? abi::kRingToVector
                                                                                 : abi::kRingToCube;
}

}  // namespace

// A buffer without a base is the program's own; its register says which.
bool Lowering::lower_reserve(const pto::Operation& operation) {
  if (!define(operation, operation.results[0])) return false;
  const Register result = reg(operation.results[0]);
  if (operation.code == import_reserved_buffer) return true;
  const std::int64_t base = integer_of(operation, "base", -1), size = integer_of(operation, "size", 0);
  if (size <= 0 || size > (1 << 24)) return refuse(operation, fmt::format("of {} bytes", size));
  if (base >= 0) {
    program_.registers[static_cast<std::size_t>(result)] = base;
    return true;
  }
  reserved_[result] = {program_.arena_bytes, size};
  program_.arena_bytes += (size + 255) / 256 * 256;
  return true;
}

bool Lowering::lower_pipe(const pto::Operation& operation) {
  switch (operation.code) {
    case reserve_buffer:
    case import_reserved_buffer:
      return lower_reserve(operation);
    case aic_initialize_pipe:
    case aiv_initialize_pipe:
      return lower_initialize(operation);
    case tpush_to_aiv:
    case tpush_to_aic:
    case tpop_from_aic:
    case tpop_from_aiv:
    case tfree_from_aic:
    case tfree_from_aiv:
      return lower_entry(operation);
    default:
      return refuse(operation);
  }
}

bool Lowering::lower_initialize(const pto::Operation& operation) {
  const std::int64_t id = integer_of(operation, "id", 0), directions = integer_of(operation, "dir_mask", 0);
  const std::int64_t slots = integer_of(operation, "slot_num", directions == 3 ? 4 : 8);
  const std::int64_t bytes = integer_of(operation, "slot_size", 0);
  const std::int64_t local = integer_of(operation, "local_slot_num", slots);
  if (directions < 1 || directions > 3 || slots < 1 || slots > 1024 || bytes < 1 || bytes > (1 << 24) || local < 1 ||
      local > slots || slots * bytes > (1 << 26) || program_.cores > 3)
    return refuse(operation, fmt::format("with dir_mask {}, {} slots of {} bytes", directions, slots, bytes));
  for (const abi::RingDirection direction : {abi::kRingToVector, abi::kRingToCube}) {
    if (!(directions & (direction == abi::kRingToVector ? 1 : 2))) continue;
    Ring& ring = rings_[{id, direction}];
    if (ring.slots == 0) {
      if (rings_.size() > abi::kRings) return refuse(operation, fmt::format("as ring {}", rings_.size()));
      ring.number = static_cast<std::int64_t>(rings_.size()) - 1;
      ring.slots = slots;
      ring.bytes = bytes;
      ring.stride = 32 + (bytes + 31) / 32 * 32;
      ring.offset = program_.arena_bytes;
      program_.arena_bytes += (ring.stride * slots + 255) / 256 * 256;
    } else if (ring.slots != slots || ring.bytes != bytes) {
      return refuse(operation, "unlike the ring's other end");
    }
    const bool consumes = (direction == abi::kRingToVector) == (operation.code == aiv_initialize_pipe);
    if (!consumes) continue;
    ring.local = local;
    const std::span<const pto::ValueId> buffer = operation.segment(direction == abi::kRingToVector ? 1 : 2);
    if (!buffer.empty()) {
      ring.base = reg(buffer[0]);
      const auto reserved = reserved_.find(ring.base);
      if (reserved == reserved_.end()) continue;
      ring.storage = reserved->second;
    } else {
      ring.storage = {program_.arena_bytes, local * bytes};
      program_.arena_bytes += (local * bytes + 255) / 256 * 256;
    }
    ring.base = fresh(1);
  }
  return true;
}

bool Lowering::lower_entry(const pto::Operation& operation) {
  const abi::RingDirection direction = direction_of(operation.code);
  const auto found = rings_.find({integer_of(operation, "id", 0), direction});
  if (found == rings_.end()) return refuse(operation, "of a ring that is not initialised before");
  const Ring& ring = found->second;
  const std::int64_t split = integer_of(operation, "split", 0);
  if (split < 0 || split > 4 || (split != 0 && program_.cores == 2))
    return refuse(operation, fmt::format("with split {}", split));
  const auto ring_op = [&](abi::DeviceOp op, std::initializer_list<Word> words) {
    Instruction& instruction = emit(op, words);
    instruction[abi::kWordP0] = static_cast<std::int32_t>(ring.number);
    instruction[abi::kWordP1] = static_cast<std::int32_t>(ring.slots);
    instruction[abi::kWordSub] = static_cast<std::int32_t>(split);
    instruction[abi::kWordKind] = direction;
    instruction[abi::kWordF] = static_cast<std::int32_t>(ring.bytes);
    instruction[abi::kWordImmediateLow] = static_cast<std::int32_t>(ring.offset);
    instruction[abi::kWordImmediateHigh] = static_cast<std::int32_t>(ring.stride);
  };
  if (operation.code == tpush_to_aiv || operation.code == tpush_to_aic) {
    if (operation.segment(0).size() != 1 || operation.operands.size() > 1 ||
        !std::holds_alternative<pto::TileType>(type(operation.operands[0])))
      return refuse(operation, "in this form");
    ring_op(abi::kOpPushReady, {});
    ring_op(abi::kOpPushCopy, {{abi::kWordA, reg(operation.operands[0])}});
    ring_op(abi::kOpCountEntry, {{abi::kWordE, abi::kRingPushed}});
    return true;
  }
  if (operation.code == tfree_from_aic || operation.code == tfree_from_aiv) {
    ring_op(abi::kOpCountEntry, {{abi::kWordE, abi::kRingFreed}});
    return true;
  }
  if (ring.local == 0) return refuse(operation, "of a ring this core does not consume");
  const pto::ValueId result = operation.results[0];
  const auto* tile = std::get_if<pto::TileType>(&type(result));
  const bool given = operation.operands.size() == 2;
  if (!tile || (!given && (tile->valid_rows == pto::kDynamic || tile->valid_cols == pto::kDynamic)))
    return refuse(operation, "in this form");
  if (!define(operation, result) || !place_tile(operation, reg(result), *tile, false)) return false;
  const auto first = static_cast<std::size_t>(reg(result));
  if (ring.storage.bytes > 0) {
    program_.registers[first + abi::kTileBase] = ring.storage.base;
    program_.registers[first + abi::kTileLimit] = ring.storage.base + ring.storage.bytes;
  }
  if (!given) {
    program_.registers[first + abi::kTileValidRows] = tile->valid_rows;
    program_.registers[first + abi::kTileValidCols] = tile->valid_cols;
  }
  if (tile_bytes(*tile) > ring.bytes) return refuse(operation, "into a tile larger than a slot");
  ring_op(abi::kOpPopReady, {});
  ring_op(abi::kOpPopTile, {{abi::kWordD, reg(result)},
                            {abi::kWordA, ring.base},
                            {abi::kWordB, given ? reg(operation.operands[0]) : abi::kNone},
                            {abi::kWordC, given ? reg(operation.operands[1]) : abi::kNone},
                            {abi::kWordE, ring.local}});
  ring_op(abi::kOpPopCopy, {{abi::kWordD, reg(result)}});
  ring_op(abi::kOpCountEntry, {{abi::kWordE, abi::kRingPopped}});
  return true;
}

}  // namespace assay::device
