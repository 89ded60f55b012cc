// Bodies that move one scalar between slots and memory, and local arrays (pto-format 1.2, 3.2).
#include <cstring>

#include "harness/sim/machine.h"
#include "harness/sim/ops/window.h"
#include "harness/sim/scalar.h"

namespace assay::sim {
namespace {

using pto::OpCode;

// The index of an element of the pointer's tensor; false after a fault.
bool global_index(Machine& m, const Pointer& pointer, std::int64_t offset, std::size_t operand, std::int64_t& index) {
  if (pointer.tensor == kNoTensor) return m.fault_at_operand("bounds", "a pointer to no tensor", operand);
  const Machine::Elements elements = m.elements(pointer.tensor, pointer.element);
  if (!__builtin_add_overflow(pointer.offset, offset, &index) && elements.has(index)) return true;
  const std::int64_t width = std::max<std::int64_t>(info(pointer.element).bits / 8, 1);
  const Place where = m.place_of(pointer.tensor, pointer.offset * width);
  const std::int64_t first = where.origin / width;
  return m.fault_at_operand(
      "bounds",
      fmt::format("element {} + {} of {}, where memory runs from {} to {} ({})", pointer.offset - first, offset,
                  where.name, elements.begin - first, elements.end - first, name(pointer.element)),
      operand);
}

bool load_scalar(Machine& m, const Instruction& i) {
  const Pointer& pointer = m.pointer(i.operands[0]);
  std::int64_t index = 0;
  if (!global_index(m, pointer, m.integer(i.operands[1]), 0, index)) return false;
  const std::int64_t width = bytes_of(pointer.element, 1);
  std::uint64_t bits = 0;
  if (!m.load_global(pointer.tensor, index * width, width, bits)) return false;
  m.scalar(i.results[0]) = slot_of_element(bits, i.kind);
  m.trace_scalar(element_type(i.kind), bits);
  return true;
}

bool store_scalar(Machine& m, const Instruction& i) {
  const Pointer& pointer = m.pointer(i.operands[1]);
  std::int64_t index = 0;
  if (!global_index(m, pointer, m.integer(i.operands[2]), 1, index)) return false;
  const std::uint64_t bits = element_of_slot(m.scalar(i.operands[0]), i.from_kind);
  const std::int64_t width = bytes_of(pointer.element, 1);
  if (!m.store_global(pointer.tensor, index * width, width, bits)) return false;
  if (!m.tracing()) return true;
  std::vector<std::byte> data(static_cast<std::size_t>(bytes_of(pointer.element, 1)));
  std::memcpy(data.data(), &bits, data.size());
  m.trace_global(pointer, 1, 1, {index}, std::move(data));
  return true;
}

bool check_linear(Machine& m, const Tile& tile, std::int64_t index) {
  if (index >= 0 && index < tile.rows * tile.cols) return true;
  return m.fault_at_tile("bounds", fmt::format("element {} of the {}", index, describe(tile)), tile);
}

bool get_value(Machine& m, const Instruction& i) {
  const Tile& tile = m.tile(i.operands[0]);
  const std::int64_t index = m.integer(i.operands[1]);
  if (!check_linear(m, tile, index)) return false;
  const Position at = position_of(tile, index);
  std::uint64_t bits = 0;
  if (!m.read_element(tile, at.row, at.col, bits)) return false;
  m.scalar(i.results[0]) = slot_of_element(bits, i.kind);
  m.trace_scalar(element_type(i.kind), bits);
  return true;
}

bool set_value(Machine& m, const Instruction& i) {
  const Tile& tile = m.tile(i.operands[0]);
  const std::int64_t index = m.integer(i.operands[1]);
  if (!check_linear(m, tile, index)) return false;
  const Position at = position_of(tile, index);
  const std::uint64_t bits = element_for_tile(m.scalar(i.operands[2]), i.from_kind, tile.dtype);
  m.write_element(tile, at.row, at.col, bits);
  if (!m.tracing()) return true;
  Tile element = tile;
  element.address += element_offset(tile, at.row, at.col) * element_bytes(tile);
  m.trace_tile(element, 1, 1, reinterpret_cast<const std::byte*>(&bits));
  return true;
}

bool declare_array(Machine& m, const Instruction& i) {
  m.bind_array(i.results[0]);
  LocalArray& array = m.array(i.results[0]);
  array.values.assign(i.immediate, 0);
  array.defined.assign(i.immediate, false);
  return true;
}

bool array_index(Machine& m, const Instruction& i, std::size_t& index) {
  if (m.array_slot(i.operands[0]) == kNoArray) return m.fault_at_operand("bounds", "a local array of nothing", 0);
  const LocalArray& array = m.array(i.operands[0]);
  const std::int64_t at = m.integer(i.operands[1]);
  if (at < 0 || at >= static_cast<std::int64_t>(array.values.size()))
    return m.fault_at_operand("bounds", fmt::format("element {} of a local array of {}", at, array.values.size()), 0);
  index = static_cast<std::size_t>(at);
  return true;
}

bool get_array(Machine& m, const Instruction& i) {
  std::size_t index = 0;
  if (!array_index(m, i, index)) return false;
  const LocalArray& array = m.array(i.operands[0]);
  if (!array.defined[index])
    return m.fault_at_operand("undefined-bytes", fmt::format("element {} of the local array holds no value", index), 0);
  m.scalar(i.results[0]) = array.values[index];
  return true;
}

bool set_array(Machine& m, const Instruction& i) {
  std::size_t index = 0;
  if (!array_index(m, i, index)) return false;
  LocalArray& array = m.array(i.operands[0]);
  array.values[index] = m.scalar(i.operands[2]);
  array.defined[index] = true;
  return true;
}

// cmo.cacheinvalid: all; the pointer's line; from the pointer on; the view.
bool invalidate(Machine& m, const Instruction& i) {
  if (i.operands.empty()) {
    m.invalidate_cache();
    return true;
  }
  if (i.operands[0].kind == Kind::view) {
    const View& view = m.view(i.operands[0]);
    std::int64_t rows = 1;
    for (std::size_t d = 0; d + 1 < view.rank; ++d) rows *= view.shape[d];
    const std::int64_t cols = view.shape[view.rank - 1], width = bytes_of(view.base.element, 1);
    if (!check_window(m, view, rows, cols)) return false;
    for_each_row(view, rows, cols, [&](std::int64_t, std::int64_t offset, std::int64_t stride) {
      if (stride == 1) return m.invalidate_cache(view.base.tensor, offset * width, (offset + cols) * width);
      for (std::int64_t col = 0; col < cols; ++col)
        m.invalidate_cache(view.base.tensor, (offset + col * stride) * width, (offset + col * stride + 1) * width);
    });
    return true;
  }
  const Pointer& pointer = m.pointer(i.operands[0]);
  std::int64_t index = 0;
  if (!global_index(m, pointer, 0, 0, index)) return false;
  const std::int64_t width = bytes_of(pointer.element, 1);
  const auto size = static_cast<std::int64_t>(m.tensor(pointer.tensor).bytes().size());
  const bool one_line = pto::find(i.source->attributes, "single_cache_line") != nullptr;
  m.invalidate_cache(pointer.tensor, index * width, one_line ? (index + 1) * width : size);
  return true;
}

bool fence(Machine& m, const Instruction&) {
  m.fence_cache();
  return true;
}

bool no_effect(Machine&, const Instruction&) { return true; }

}  // namespace

Body memory_body(OpCode code) {
  switch (code) {
    case OpCode::load_scalar:
      return load_scalar;
    case OpCode::store_scalar:
      return store_scalar;
    case OpCode::tgetval:
      return get_value;
    case OpCode::tsetval:
      return set_value;
    case OpCode::declare_local_array:
      return declare_array;
    case OpCode::local_array_get:
      return get_array;
    case OpCode::local_array_set:
      return set_array;
    case OpCode::cmo_cacheinvalid:
      return invalidate;
    case OpCode::fence_barrier_all:
      return fence;
    case OpCode::tprint:
    case OpCode::set_ffts:
      return no_effect;
    default:
      return nullptr;
  }
}

}  // namespace assay::sim
