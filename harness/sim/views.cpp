// Bodies that make or change descriptors: views, allocation, valid shapes, subviews (pto-format 3.1, 3.2).
#include "harness/pto/product.h"
#include "harness/sim/machine.h"
#include "harness/sim/scalar.h"

namespace assay::sim {
namespace {

using pto::OpCode;

// Extents, strides and offsets beyond this are no address of any memory; sums of products stay inside 128 bits.
constexpr std::int64_t kMaxOffset = std::int64_t{1} << 48;

bool in_reach(std::int64_t value) { return value >= -kMaxOffset && value <= kMaxOffset; }

bool check_reach(Machine& m, std::int64_t value, std::size_t operand) {
  if (in_reach(value)) return true;
  return m.fault_at_operand("bounds", fmt::format("{} elements are beyond every memory", value), operand);
}

bool make_view(Machine& m, const Instruction& i) {
  View& view = m.view(i.results[0]);
  view.base = m.pointer(i.operands[0]);
  view.rank = (i.operands.size() - 1) / 2;
  view.made_by = i.source;
  for (std::size_t d = 0; d < view.rank; ++d) {
    view.shape[d] = m.integer(i.operands[1 + d]);
    view.strides[d] = m.integer(i.operands[1 + view.rank + d]);
    view.limits[d] = view.shape[d];
    if (!check_reach(m, view.shape[d], 1 + d) || !check_reach(m, view.strides[d], 1 + view.rank + d)) return false;
  }
  return true;
}

bool partition_view(Machine& m, const Instruction& i) {
  View view = m.view(i.operands[0]);
  if (view.rank != (i.operands.size() - 1) / 2)
    return m.fault_at_operand(
        "rank", fmt::format("partition of {} dimensions of a view of {}", (i.operands.size() - 1) / 2, view.rank), 0);
  view.made_by = i.source;
  auto offset = static_cast<__int128>(view.base.offset);
  for (std::size_t d = 0; d < view.rank; ++d) {
    const std::int64_t start = m.integer(i.operands[1 + d]), size = m.integer(i.operands[1 + view.rank + d]);
    if (!check_reach(m, start, 1 + d) || !check_reach(m, size, 1 + view.rank + d)) return false;
    if (start < 0 || size < 0)
      return m.fault_at_operand("bounds",
                                fmt::format("partition of dimension {} starts at {} and has size {}", d, start, size),
                                start < 0 ? 1 + d : 1 + view.rank + d);
    offset += static_cast<__int128>(start) * view.strides[d];
    view.shape[d] = size;
    view.limits[d] -= start;
  }
  if (offset > kMaxOffset || offset < -kMaxOffset)
    return m.fault_at_operand("bounds", "the partition starts beyond every memory", 0);
  view.base.offset = static_cast<std::int64_t>(offset);
  m.view(i.results[0]) = view;
  return true;
}

bool add_pointer(Machine& m, const Instruction& i) {
  Pointer pointer = m.pointer(i.operands[0]);
  const std::int64_t step = m.integer(i.operands[1]);
  if (!check_reach(m, step, 1)) return false;
  pointer.offset += step;
  if (!check_reach(m, pointer.offset, 1)) return false;
  m.pointer(i.results[0]) = pointer;
  return true;
}

// ---- tiles

const pto::TileType& result_type(const Instruction& i, const pto::Function& function) {
  return function.tile(i.source->results[0]);
}

std::optional<std::size_t> optional_operand(const pto::Operation& op, std::size_t segment) {
  if (segment >= op.segments.size() || op.segments[segment] == 0) return std::nullopt;
  std::size_t at = 0;
  for (std::size_t s = 0; s < segment; ++s) at += op.segments[s];
  return at;
}

std::int64_t extent_or(Machine& m, const Instruction& i, std::optional<std::size_t> operand, std::int64_t otherwise) {
  return operand ? m.integer(i.operands[*operand]) : otherwise;
}

// A negative extent that an operand gave is a fault; kDynamic may only come from the type and stands for unset.
bool set_valid_at(Machine& m, const Instruction& i, Tile& tile, std::optional<std::size_t> row,
                  std::optional<std::size_t> col) {
  const std::int64_t rows = extent_or(m, i, row, tile.valid_rows), cols = extent_or(m, i, col, tile.valid_cols);
  const std::string shape = fmt::format("valid shape {}x{} of the {}", rows, cols, describe(tile));
  if (row && rows < 0) return m.fault_at_operand("negative-valid-shape", shape, *row);
  if (col && cols < 0) return m.fault_at_operand("negative-valid-shape", shape, *col);
  if (row && rows > tile.rows) return m.fault_at_operand("valid-shape-bounds", shape, *row);
  if (col && cols > tile.cols) return m.fault_at_operand("valid-shape-bounds", shape, *col);
  tile.valid_rows = rows;
  tile.valid_cols = cols;
  return true;
}

bool alloc_tile(Machine& m, const Instruction& i) {
  const pto::Operation& op = *i.source;
  const auto address = optional_operand(op, 0);
  const std::int64_t at = extent_or(m, i, address, 0);
  Result<Tile> made = make_tile(result_type(i, m.function()), at);
  if (!made) return m.fault("alignment", made.error().message, op.location);
  Tile tile = *made;
  tile.made_by = &op;
  if (at < 0 || !in_reach(at))
    return m.fault_at_operand("capacity", fmt::format("{} at address {}", describe(tile), at), *address);
  if (address ? !m.check_capacity(tile) || !m.check_alignment(tile) : !m.allocate_private(tile)) return false;
  if (!set_valid_at(m, i, tile, optional_operand(op, 1), optional_operand(op, 2))) return false;
  m.tile(i.results[0]) = tile;
  return true;
}

bool set_valid_shape(Machine& m, const Instruction& i) {
  return m.set_valid(m.tile(i.operands[0]), m.integer(i.operands[1]), m.integer(i.operands[2]));
}

bool subview(Machine& m, const Instruction& i) {
  const Tile& parent = m.tile(i.operands[0]);
  const pto::TileType& type = result_type(i, m.function());
  const std::int64_t row = m.integer(i.operands[1]), col = m.integer(i.operands[2]);
  if (row < 0 || col < 0 || row > parent.rows - type.rows || col > parent.cols - type.cols)
    return m.fault_at_tile(
        "bounds", fmt::format("{}x{} window at ({},{}) of the {}", type.rows, type.cols, row, col, describe(parent)),
        parent);
  if (parent.box_rows != 0 && (row % parent.box_rows != 0 || col % parent.box_cols != 0))
    return m.fault_at_tile("alignment",
                           fmt::format("window at ({},{}) of the {} splits its {}x{} boxes", row, col, describe(parent),
                                       parent.box_rows, parent.box_cols),
                           parent);
  Tile tile = parent;
  tile.address += element_offset(parent, row, col) * element_bytes(parent);
  tile.rows = type.rows;
  tile.cols = type.cols;
  tile.pad = type.pad;
  tile.valid_rows = type.valid_rows;
  tile.valid_cols = type.valid_cols;
  const auto valid = optional_operand(*i.source, 2);
  if (!set_valid_at(m, i, tile, valid, valid ? std::optional(*valid + 1) : valid)) return false;
  m.tile(i.results[0]) = tile;
  return true;
}

// treshape and bitcast: the source's bytes under the result's type; a `?` leaves the extent unset.
bool reinterpret_tile(Machine& m, const Instruction& i) {
  const Tile& source = m.tile(i.operands[0]);
  Result<Tile> made = make_tile(result_type(i, m.function()), source.address);
  if (!made) return m.fault_at_tile("alignment", made.error().message, source);
  if (span_bytes(*made) > span_bytes(source))
    return m.fault_at_tile(
        "bounds",
        fmt::format("{} bytes seen in the {} bytes of the {}", span_bytes(*made), span_bytes(source), describe(source)),
        source);
  made->storage = source.storage;
  made->made_by = source.made_by;
  m.tile(i.results[0]) = *made;
  return true;
}

bool assign(Machine& m, const Instruction& i) {
  const Tile& source = m.tile(i.operands[0]);
  const std::int64_t address = m.integer(i.operands[1]);
  Tile tile = source;
  tile.address = address;
  tile.storage = -1;
  tile.made_by = i.source;
  if (!in_reach(address) || !m.check_capacity(tile) || !m.check_alignment(tile))
    return in_reach(address) ? false : m.fault_at_operand("capacity", fmt::format("address {}", address), 1);
  if (!i.results.empty()) m.tile(i.results[0]) = tile;
  return true;
}

// The scales come to stand where the cube looks for them; those without an address are placed with their operand.
bool get_scale_address(Machine& m, const Instruction& i) {
  const Tile& operand = m.tile(i.operands[0]);
  if (operand.storage >= 0) return true;
  Tile& scales = m.tile(i.operands[1]);
  Tile bound = scales;
  bound.address = operand.address >> pto::kScaleAddressShift;
  bound.storage = -1;
  if (!m.check_capacity(bound) || !m.check_alignment(bound)) return false;
  scales = bound;
  return true;
}

}  // namespace

Body view_body(OpCode code) {
  switch (code) {
    case OpCode::make_tensor_view:
      return make_view;
    case OpCode::partition_view:
      return partition_view;
    case OpCode::addptr:
      return add_pointer;
    case OpCode::alloc_tile:
      return alloc_tile;
    case OpCode::set_validshape:
      return set_valid_shape;
    case OpCode::subview:
      return subview;
    case OpCode::treshape:
    case OpCode::bitcast:
      return reinterpret_tile;
    case OpCode::tassign:
      return assign;
    case OpCode::tget_scale_addr:
      return get_scale_address;
    default:
      return nullptr;
  }
}

}  // namespace assay::sim
