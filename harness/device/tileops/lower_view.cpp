// Views, tiles, pointers and single elements.
#include <fmt/format.h>

#include "harness/device/tileops/lowering.h"

namespace assay::device {
namespace {

std::uint64_t mix(std::uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

std::int64_t element_code(DType dtype) { return static_cast<std::int64_t>(dtype); }

}  // namespace

// A seeded extent inside the physical tile, for valid shapes nobody sets (pto-format 3).
std::int64_t Lowering::unset_extent(std::int64_t physical) {
  const std::uint64_t draw = mix(options_.poison_seed ^ mix(++unset_count_));
  return static_cast<std::int64_t>(draw % static_cast<std::uint64_t>(physical + 1));
}

std::int64_t Lowering::alignment_of(pto::Space space) const {
  const auto found = options_.profile->spaces.find(pto::name(space));
  return found == options_.profile->spaces.end() ? 1 : std::max<std::int64_t>(found->second.alignment, 1);
}

bool Lowering::region_of(const pto::Operation& operation, pto::Space space, std::int64_t& base, std::int64_t& bytes) {
  auto region = regions_.find(space);
  if (region == regions_.end()) {
    const auto found = options_.profile->spaces.find(pto::name(space));
    if (found == options_.profile->spaces.end())
      return refuse(operation,
                    fmt::format("in memory space {}, which {} lacks", pto::name(space), options_.profile->name));
    region = regions_.emplace(space, MemoryRegion{program_.arena_bytes, found->second.bytes}).first;
    program_.arena_bytes += (found->second.bytes + 255) / 256 * 256;
  }
  base = region->second.base;
  bytes = region->second.bytes;
  return true;
}

// Binds the descriptor to its memory space, or to storage of its own: a tile without address is private to its SSA
// value, and a memory planner will place it (pto-format 3.1).
bool Lowering::place_tile(const pto::Operation& operation, Register tile, const pto::TileType& type, bool is_private) {
  std::int64_t base = 0, bytes = 0;
  if (is_private) {
    base = program_.arena_bytes;
    bytes = tile_bytes(type);
    program_.arena_bytes += (bytes + 255) / 256 * 256;
  } else if (!region_of(operation, type.space, base, bytes)) {
    return false;
  }
  const auto first = static_cast<std::size_t>(tile);
  program_.registers[first + abi::kTileAddress] = base;
  program_.registers[first + abi::kTileBase] = base;
  program_.registers[first + abi::kTileLimit] = base + bytes;
  return true;
}

bool Lowering::lower_alloc(const pto::Operation& operation) {
  const pto::ValueId result = operation.results[0];
  if (!define(operation, result)) return false;
  const auto& tile = std::get<pto::TileType>(type(result));
  const auto optional = [&](std::size_t segment) {
    return operation.segment(segment).empty() ? abi::kNone : reg(operation.segment(segment)[0]);
  };
  const Register address = optional(0), rows = optional(1), cols = optional(2);
  if (!place_tile(operation, reg(result), tile, address == abi::kNone)) return false;
  const auto extent = [&](std::int64_t written, std::int64_t physical, Register given) {
    return written == pto::kDynamic && given == abi::kNone ? unset_extent(physical) : written;
  };
  Instruction& instruction = emit(abi::kOpAlloc, {{abi::kWordD, reg(result)},
                                                  {abi::kWordA, address},
                                                  {abi::kWordB, rows},
                                                  {abi::kWordC, cols},
                                                  {abi::kWordP0, extent(tile.valid_rows, tile.rows, rows)},
                                                  {abi::kWordP1, extent(tile.valid_cols, tile.cols, cols)}});
  set_immediate(instruction, alignment_of(tile.space));
  return true;
}

// subview, treshape, bitcast, tassign: the same bytes under another descriptor.
bool Lowering::lower_alias(const pto::Operation& operation) {
  const pto::ValueId result = operation.results[0];
  const Register parent = reg(operation.operands[0]);
  if (!define(operation, result)) return false;
  if (!std::holds_alternative<pto::TileType>(type(result)) ||
      !std::holds_alternative<pto::TileType>(type(operation.operands[0])))
    return refuse(operation, "of something that is no tile");
  const auto& tile = std::get<pto::TileType>(type(result));
  const auto extent = [&](std::int64_t written, std::int64_t physical) {
    return written == pto::kDynamic ? unset_extent(physical) : written;
  };
  if (operation.code == pto::OpCode::tassign) {
    Instruction& instruction = emit(
        abi::kOpAssign, {{abi::kWordD, reg(result)}, {abi::kWordA, parent}, {abi::kWordB, reg(operation.operands[1])}});
    set_immediate(instruction, alignment_of(tile.space));
  } else if (operation.code == pto::OpCode::subview) {
    const std::span<const pto::ValueId> offsets = operation.segment(1), valid = operation.segment(2);
    const bool given = valid.size() == 2;
    emit(abi::kOpSubview, {{abi::kWordD, reg(result)},
                           {abi::kWordA, parent},
                           {abi::kWordB, reg(offsets[0])},
                           {abi::kWordC, reg(offsets[1])},
                           {abi::kWordE, given ? reg(valid[0]) : abi::kNone},
                           {abi::kWordF, given ? reg(valid[1]) : abi::kNone},
                           {abi::kWordP0, given ? 0 : extent(tile.valid_rows, tile.rows)},
                           {abi::kWordP1, given ? 0 : extent(tile.valid_cols, tile.cols)}});
  } else {
    const bool keeps = operation.code == pto::OpCode::bitcast;
    const auto kept = [&](std::int64_t written, std::int64_t physical) {
      return keeps && written == pto::kDynamic ? std::int64_t{abi::kNone} : extent(written, physical);
    };
    emit(abi::kOpReshape, {{abi::kWordD, reg(result)},
                           {abi::kWordA, parent},
                           {abi::kWordP0, kept(tile.valid_rows, tile.rows)},
                           {abi::kWordP1, kept(tile.valid_cols, tile.cols)}});
  }
  return true;
}

bool Lowering::lower_make_view(const pto::Operation& operation) {
  const pto::ValueId result = operation.results[0];
  const std::span<const pto::ValueId> shape = operation.segment(1), strides = operation.segment(2);
  if (shape.empty() || shape.size() > 5 || shape.size() != strides.size()) return refuse(operation, "of this rank");
  if (!define(operation, result)) return false;
  const Register view = reg(result);
  program_.registers[static_cast<std::size_t>(view) + abi::kViewRank] = static_cast<std::int64_t>(shape.size());
  const auto copy_one = [&](int slot, Register from, int count) {
    emit(abi::kOpCopy, {{abi::kWordD, view + slot}, {abi::kWordA, from}, {abi::kWordP0, count}});
  };
  copy_one(abi::kViewTensor, reg(operation.segment(0)[0]), abi::kPointerSlots);
  for (std::size_t d = 0; d < shape.size(); ++d) {
    copy_one(abi::kViewShape + static_cast<int>(d), reg(shape[d]), 1);
    copy_one(abi::kViewStride + static_cast<int>(d), reg(strides[d]), 1);
  }
  return true;
}

bool Lowering::lower_partition(const pto::Operation& operation) {
  const pto::ValueId result = operation.results[0];
  const std::span<const pto::ValueId> offsets = operation.segment(1), sizes = operation.segment(2);
  const auto* parent = std::get_if<pto::ViewType>(&type(operation.operands[0]));
  if (!parent || parent->shape.size() != offsets.size() || offsets.size() != sizes.size() || offsets.size() > 5)
    return refuse(operation, "of another rank than its view");
  if (!define(operation, result)) return false;
  const Register view = reg(result);
  emit(abi::kOpCopy, {{abi::kWordD, view}, {abi::kWordA, reg(operation.operands[0])}, {abi::kWordP0, abi::kViewSlots}});
  for (std::size_t d = 0; d < offsets.size(); ++d) {
    const auto axis = static_cast<int>(d);
    emit(abi::kOpOffset, {{abi::kWordD, view + abi::kViewOffset},
                          {abi::kWordA, reg(offsets[d])},
                          {abi::kWordB, view + abi::kViewStride + axis}});
    emit(abi::kOpCopy, {{abi::kWordD, view + abi::kViewShape + axis}, {abi::kWordA, reg(sizes[d])}, {abi::kWordP0, 1}});
  }
  return true;
}

bool Lowering::lower_addptr(const pto::Operation& operation) {
  const pto::ValueId result = operation.results[0];
  if (!define(operation, result)) return false;
  const Register one = fresh(1);
  program_.registers[static_cast<std::size_t>(one)] = 1;
  emit(abi::kOpCopy,
       {{abi::kWordD, reg(result)}, {abi::kWordA, reg(operation.operands[0])}, {abi::kWordP0, abi::kPointerSlots}});
  emit(abi::kOpOffset, {{abi::kWordD, reg(result) + abi::kPointerOffset},
                        {abi::kWordA, reg(operation.operands[1])},
                        {abi::kWordB, one}});
  return true;
}

bool Lowering::lower_scalar_memory(const pto::Operation& operation) {
  const bool store = operation.code == pto::OpCode::store_scalar;
  const std::span<const pto::ValueId> operands = operation.operands;
  const pto::ValueId pointer = operands[store ? 1 : 0], offset = operands[store ? 2 : 1];
  const pto::ValueId value = store ? operands[0] : operation.results[0];
  if (!store && !define(operation, value)) return false;
  const auto* element = std::get_if<pto::PtrType>(&type(pointer));
  const auto* scalar = std::get_if<pto::ScalarType>(&type(value));
  if (!element || !scalar) return refuse(operation, "of something that is no scalar in global memory");
  const int bits = scalar->kind == pto::ScalarKind::i1 ? 8 : pto::bits_of(scalar->kind);
  if (info(element->element).bits != bits)
    return refuse(operation,
                  fmt::format("of {} through a pointer to {}", pto::to_string(type(value)), name(element->element)));
  emit(store ? abi::kOpStoreScalar : abi::kOpLoadScalar, {{abi::kWordD, store ? abi::kNone : reg(value)},
                                                          {abi::kWordA, reg(pointer)},
                                                          {abi::kWordB, reg(offset)},
                                                          {abi::kWordC, store ? reg(value) : abi::kNone},
                                                          {abi::kWordKind, static_cast<std::int64_t>(scalar->kind)},
                                                          {abi::kWordSub, element_code(element->element)}});
  return true;
}

bool Lowering::lower_local_array(const pto::Operation& operation) {
  if (operation.code == pto::OpCode::declare_local_array) return define(operation, operation.results[0]);
  const bool set = operation.code == pto::OpCode::local_array_set;
  if (!set && !define(operation, operation.results[0])) return false;
  const auto* array = std::get_if<pto::LocalArrayType>(&type(operation.operands[0]));
  if (!array) return refuse(operation, "of something that is no local array");
  emit(set ? abi::kOpArraySet : abi::kOpArrayGet, {{abi::kWordD, set ? abi::kNone : reg(operation.results[0])},
                                                   {abi::kWordA, reg(operation.operands[0])},
                                                   {abi::kWordB, reg(operation.operands[1])},
                                                   {abi::kWordC, set ? reg(operation.operands[2]) : abi::kNone},
                                                   {abi::kWordP0, array->count}});
  return true;
}

bool Lowering::lower_view(const pto::Operation& operation) {
  const std::span<const pto::ValueId> operands = operation.operands;
  switch (operation.code) {
    case pto::OpCode::make_tensor_view:
      return lower_make_view(operation);
    case pto::OpCode::partition_view:
      return lower_partition(operation);
    case pto::OpCode::alloc_tile:
      return lower_alloc(operation);
    case pto::OpCode::subview:
    case pto::OpCode::treshape:
    case pto::OpCode::bitcast:
    case pto::OpCode::tassign:
      return lower_alias(operation);
    case pto::OpCode::addptr:
      return lower_addptr(operation);
    case pto::OpCode::load_scalar:
    case pto::OpCode::store_scalar:
      return lower_scalar_memory(operation);
    case pto::OpCode::declare_local_array:
    case pto::OpCode::local_array_get:
    case pto::OpCode::local_array_set:
      return lower_local_array(operation);
    case pto::OpCode::tprint:
      return true;
    case pto::OpCode::set_validshape:
      emit(abi::kOpSetValid,
           {{abi::kWordD, reg(operands[0])}, {abi::kWordA, reg(operands[1])}, {abi::kWordB, reg(operands[2])}});
      return true;
    case pto::OpCode::tgetval: {
      if (!define(operation, operation.results[0])) return false;
      const auto* scalar = std::get_if<pto::ScalarType>(&type(operation.results[0]));
      if (!scalar) return refuse(operation, "of something that is no scalar");
      emit(abi::kOpGetValue, {{abi::kWordD, reg(operation.results[0])},
                              {abi::kWordA, reg(operands[0])},
                              {abi::kWordB, reg(operands[1])},
                              {abi::kWordKind, static_cast<std::int64_t>(scalar->kind)}});
      return true;
    }
    case pto::OpCode::tsetval: {
      const auto* tile = std::get_if<pto::TileType>(&type(operands[0]));
      Register value = abi::kNone;
      if (!tile) return refuse(operation, "into something that is no tile");
      if (!scalar_operand(operation, operands[2], tile->element, value)) return false;
      emit(abi::kOpSetValue, {{abi::kWordD, reg(operands[0])}, {abi::kWordB, reg(operands[1])}, {abi::kWordC, value}});
      return true;
    }
    default:
      return refuse(operation);
  }
}

bool Lowering::lower_query(const pto::Operation& operation) {
  const pto::ValueId result = operation.results[0];
  switch (operation.code) {
    case pto::OpCode::get_block_idx:
      frame_->registers[result] = abi::kRegisterBlock;
      return true;
    case pto::OpCode::get_block_num:
      frame_->registers[result] = abi::kRegisterBlocks;
      return true;
    case pto::OpCode::get_subblock_idx:
      frame_->registers[result] = abi::kRegisterSubBlock;
      return true;
    case pto::OpCode::get_subblock_num:
      frame_->registers[result] = abi::kRegisterSubBlocks;
      return true;
    default:
      return refuse(operation);
  }
}

}  // namespace assay::device
