#include "harness/device/opencl/trace.h"

#include <algorithm>
#include <cstring>

#include "harness/device/opencl/fault.h"
#include "harness/device/tileops/lowering.h"

namespace assay::device {
namespace {

using Registers = std::span<const std::int64_t>;

// Offset in elements of (row, col) from the tile's first element; the layout of abi.h's TileSlot.
std::int64_t tile_offset(Registers tile, std::int64_t row, std::int64_t col) {
  const std::int64_t box_rows = tile[abi::kTileBoxRows], box_cols = tile[abi::kTileBoxCols];
  return row / box_rows * tile[abi::kTileOuterRow] + col / box_cols * tile[abi::kTileOuterCol] +
         row % box_rows * tile[abi::kTileInnerRow] + col % box_cols * tile[abi::kTileInnerCol];
}

// Offset in elements, from the tensor's start, of element (row, col) of the view's collapsed rows.
std::int64_t view_offset(Registers view, std::int64_t row, std::int64_t col) {
  const std::int64_t rank = view[abi::kViewRank];
  const auto shape = view.subspan(abi::kViewShape), stride = view.subspan(abi::kViewStride);
  std::int64_t offset = view[abi::kViewOffset] + col * stride[static_cast<std::size_t>(rank - 1)];
  for (std::int64_t d = rank - 2; d > 0; --d) {
    const auto axis = static_cast<std::size_t>(d);
    offset += row % shape[axis] * stride[axis];
    row /= shape[axis];
  }
  return rank > 1 ? offset + row * stride[0] : offset;
}

// Gathers elements at the offsets (in elements) from `base` bytes of the buffer.
Result<std::vector<std::byte>> gather(OpenclDevice& device, const DeviceBuffer& buffer, std::int64_t base,
                                      const std::vector<std::int64_t>& offsets, std::int64_t bytes) {
  std::vector<std::byte> data(offsets.size() * static_cast<std::size_t>(bytes));
  if (offsets.empty()) return data;
  const auto [first, last] = std::minmax_element(offsets.begin(), offsets.end());
  std::vector<std::byte> window(static_cast<std::size_t>((*last - *first + 1) * bytes));
  if (auto read = buffer.read(device.queue(), static_cast<std::uint64_t>(base + *first * bytes), window); !read)
    return tl::unexpected(read.error());
  for (std::size_t i = 0; i < offsets.size(); ++i)
    std::memcpy(data.data() + i * static_cast<std::size_t>(bytes), window.data() + (offsets[i] - *first) * bytes,
                static_cast<std::size_t>(bytes));
  return data;
}

template <class Offset>
std::vector<std::int64_t> offsets_of(std::int64_t rows, std::int64_t cols, Offset offset) {
  std::vector<std::int64_t> offsets;
  offsets.reserve(static_cast<std::size_t>(rows * cols));
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t col = 0; col < cols; ++col) offsets.push_back(offset(row, col));
  return offsets;
}

DType scalar_dtype(std::int32_t kind) {
  switch (kind) {
    case abi::kI1:
    case abi::kUi8:
      return DType::u8;
    case abi::kI8:
      return DType::i8;
    case abi::kI16:
      return DType::i16;
    case abi::kUi16:
      return DType::u16;
    case abi::kI32:
      return DType::i32;
    case abi::kUi32:
      return DType::u32;
    case abi::kUi64:
      return DType::u64;
    case abi::kScalarF16:
      return DType::f16;
    case abi::kScalarBf16:
      return DType::bf16;
    case abi::kScalarF32:
      return DType::f32;
    default:
      return DType::i64;
  }
}

void scalar_event(TraceEvent& event, const Instruction& instruction, Registers registers) {
  event.writes = pto::Writes::scalar;
  event.dtype = scalar_dtype(instruction[abi::kWordKind]);
  event.rows = event.cols = 1;
  const std::int64_t value = registers[static_cast<std::size_t>(instruction[abi::kWordD])];
  event.data.resize(static_cast<std::size_t>(element_bytes(event.dtype)));
  std::memcpy(event.data.data(), &value, event.data.size());
}

Result<void> tile_event(TraceEvent& event, OpenclDevice& device, std::int64_t arena, Registers tile) {
  event.writes = pto::Writes::tile;
  event.dtype = static_cast<DType>(tile[abi::kTileElement]);
  event.rows = tile[abi::kTileValidRows];
  event.cols = tile[abi::kTileValidCols];
  event.byte_offset = tile[abi::kTileAddress] - tile[abi::kTileBase];
  const auto offsets = offsets_of(event.rows, event.cols,
                                  [&](std::int64_t row, std::int64_t col) { return tile_offset(tile, row, col); });
  auto data =
      gather(device, device.buffers().arenas, arena + tile[abi::kTileAddress], offsets, element_bytes(event.dtype));
  if (!data) return tl::unexpected(data.error());
  event.data = std::move(*data);
  return {};
}

Result<void> global_event(TraceEvent& event, OpenclDevice& device, std::int64_t tensor, std::int64_t base) {
  event.writes = pto::Writes::global;
  event.tensor = static_cast<std::size_t>(tensor);
  event.byte_offset = event.element_offsets.empty() ? 0 : event.element_offsets.front() * element_bytes(event.dtype);
  auto data = gather(device, device.buffers().global, base, event.element_offsets, element_bytes(event.dtype));
  if (!data) return tl::unexpected(data.error());
  event.data = std::move(*data);
  return {};
}

}  // namespace

Result<TraceEvent> read_event(OpenclDevice& device, const LoweredProgram& program, std::int64_t pc,
                              std::span<const std::int64_t> registers, const MemoryBases& bases) {
  const Instruction& instruction = program.code[static_cast<std::size_t>(pc)];
  const Site& site = program.sites[static_cast<std::size_t>(instruction[abi::kWordSite])];
  TraceEvent event;
  event.block = registers[abi::kRegisterBlock];
  event.op_id = site.operation->id;
  event.function = site.function->name;
  event.loop_indices = loop_indices(site, registers);
  const auto slots = [&](abi::InstructionWord word) {
    return registers.subspan(static_cast<std::size_t>(instruction[word]));
  };
  Result<void> read;
  switch (instruction[abi::kWordOp]) {
    case abi::kOpLoadScalar:
    case abi::kOpGetValue:
    case abi::kOpWaitSignal:
      scalar_event(event, instruction, registers);
      break;
    case abi::kOpStoreScalar: {
      const Registers pointer = slots(abi::kWordA);
      const std::int64_t tensor = pointer[abi::kPointerTensor];
      event.dtype = static_cast<DType>(instruction[abi::kWordSub]);
      event.rows = event.cols = 1;
      event.element_offsets = {pointer[abi::kPointerOffset] + slots(abi::kWordB)[0]};
      read = global_event(event, device, tensor, bases.tensors[static_cast<std::size_t>(tensor)]);
      break;
    }
    case abi::kOpNotify:
    case abi::kOpTransfer: {
      const bool word = instruction[abi::kWordOp] == abi::kOpNotify;
      const Registers view = slots(abi::kWordA), shape = word ? view : slots(abi::kWordB);
      const std::int64_t tensor = view[abi::kViewTensor];
      event.dtype = word ? DType::i32 : static_cast<DType>(instruction[abi::kWordKind]);
      event.rows = event.cols = 1;
      if (!word) {
        const std::int64_t rank = shape[abi::kViewRank];
        for (std::int64_t d = 0; d + 1 < rank; ++d) event.rows *= shape[static_cast<std::size_t>(abi::kViewShape + d)];
        event.cols = shape[static_cast<std::size_t>(abi::kViewShape + rank - 1)];
      }
      event.element_offsets = offsets_of(
          event.rows, event.cols, [&](std::int64_t row, std::int64_t col) { return view_offset(view, row, col); });
      read = global_event(event, device, tensor, bases.tensors[static_cast<std::size_t>(tensor)]);
      break;
    }
    case abi::kOpStore: {
      const Registers tile = slots(abi::kWordA), view = slots(abi::kWordB);
      const std::int64_t tensor = view[abi::kViewTensor];
      event.dtype = static_cast<DType>(instruction[abi::kWordKind]);
      event.rows = tile[abi::kTileValidRows];
      event.cols = tile[abi::kTileValidCols];
      event.element_offsets = offsets_of(
          event.rows, event.cols, [&](std::int64_t row, std::int64_t col) { return view_offset(view, row, col); });
      read = global_event(event, device, tensor, bases.tensors[static_cast<std::size_t>(tensor)]);
      break;
    }
    default:
      read = tile_event(event, device, bases.arena, slots(abi::kWordD));
  }
  if (!read) return tl::unexpected(read.error());
  return event;
}

}  // namespace assay::device
