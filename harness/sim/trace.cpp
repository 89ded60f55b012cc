// What a run shows to its tracer.
#include <cstring>

#include "harness/sim/machine.h"

namespace assay::sim {

device::TraceEvent Machine::event() const {
  device::TraceEvent event;
  event.block = who_.block;
  event.op_id = current_->source->id;
  event.function = function_->name;
  event.loop_indices = loop_indices();
  event.writes = pto::info(current_->code).writes;
  return event;
}

void Machine::emit(const device::TraceEvent& event) {
  if (!options_.tracer(event)) stopped_ = true;
}

void Machine::trace_tile(const Tile& tile, std::int64_t rows, std::int64_t cols, const std::byte* dense) {
  if (!tracing()) return;
  device::TraceEvent shown = event();
  shown.dtype = tile.dtype;
  shown.rows = rows;
  shown.cols = cols;
  shown.byte_offset = tile.address;
  shown.data.assign(dense, dense + rows * cols * element_bytes(tile));
  emit(shown);
}

void Machine::trace_scalar(DType dtype, std::uint64_t bits) {
  if (!tracing()) return;
  device::TraceEvent shown = event();
  shown.dtype = dtype;
  shown.rows = shown.cols = 1;
  shown.data.resize(static_cast<std::size_t>(bytes_of(dtype, 1)));
  std::memcpy(shown.data.data(), &bits, shown.data.size());
  emit(shown);
}

void Machine::trace_global(const Pointer& pointer, std::int64_t rows, std::int64_t cols,
                           std::vector<std::int64_t> element_offsets, std::vector<std::byte> data) {
  if (!tracing()) return;
  device::TraceEvent shown = event();
  shown.dtype = pointer.element;
  shown.rows = rows;
  shown.cols = cols;
  shown.tensor = pointer.tensor;
  shown.byte_offset = element_offsets.empty() ? 0 : bytes_of(pointer.element, element_offsets.front());
  shown.element_offsets = std::move(element_offsets);
  shown.data = std::move(data);
  emit(shown);
}

}  // namespace assay::sim
