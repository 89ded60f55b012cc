// Rings whose slots lie in global memory: talloc gives the producer a free slot, tpush says that it is filled, tpop
// gives it to the consumer, tfree hands it back. The bytes travel by the program's own stores and loads, ordered by
// nothing but the pipes of these operations (pto-format 3.7).
//
// Decided where the format is silent:
// - Slot n lies n * slot_size bytes behind gm_slot_tensor. Of a ring in both directions, the slots towards the cube
// core
//   lie behind those towards the vector cores.
// - An entry that has half of the slot's rows (split 1) or columns (split 2) is the vector core's own half.
#include "harness/sim/attribute.h"
#include "harness/sim/fifo.h"

namespace assay::sim {
namespace {

Clock done_so_far(Machine& m) {
  Clock done;
  m.release(done);
  return done;
}

// The slot of the entry, as `type` says it is seen.
bool view_of_entry(Machine& m, const Instruction& i, const RingEnd& end, std::int64_t entry, View& view) {
  const View& slots = *end.use->slots;
  const auto& type = std::get<pto::ViewType>(m.function().type(i.source->results[0]));
  const auto mismatch = [&](std::string_view what) {
    return m.fault("fifo-slot", fmt::format("{} has slots {}", label(end.key), what), slots.made_by->location);
  };
  if (type.element != slots.base.element) return mismatch(fmt::format("of {}", name(slots.base.element)));
  if (type.shape.size() != slots.rank) return mismatch(fmt::format("of {} dimensions", slots.rank));
  view = slots;
  const std::int64_t width = info(slots.base.element).bits / 8;
  view.base.offset += entry % end.ring->shape().slots * (end.ring->shape().slot_bytes / width);
  const bool halves = end.split == Split::rows || end.split == Split::columns;
  for (std::size_t d = 0; d < slots.rank; ++d) {
    const std::int64_t extent = type.shape[d];
    if (extent == pto::kDynamic || extent == slots.shape[d]) continue;
    const std::size_t axis = slots.rank - (end.split == Split::rows ? 2 : 1);
    if (!halves || d != axis || 2 * extent != slots.shape[d])
      return mismatch(fmt::format("of {} in dimension {}, not {}", slots.shape[d], d, extent));
    view.shape[d] = view.limits[d] = extent;
    view.base.offset += m.who().sub_block * extent * slots.strides[d];
  }
  return true;
}

bool check_global(Machine& m, const RingEnd& end) {
  if (!check_ready_to_use(m, end)) return false;
  if (end.split == Split::odd_rows || end.split == Split::odd_columns)
    return m.fault("fifo-split", fmt::format("split {} of an entry in global memory", static_cast<int>(end.split)),
                   end.ring->initialised_by.op->location);
  if (end.use->slots) return true;
  return m.fault("fifo-init", fmt::format("{} has no slots in global memory", label(end.key)),
                 end.ring->initialised_by.op->location);
}

}  // namespace

bool bind_global_slots(Machine& m, const Instruction& i, const RingEnd& end, Direction direction, bool both) {
  View view = m.view(i.operands[0]);
  const std::int64_t width = info(view.base.element).bits / 8;
  const std::int64_t slot_bytes = end.ring->shape().slot_bytes;
  __extension__ __int128 last = 0;
  for (std::size_t d = 0; d < view.rank; ++d) {
    if (view.shape[d] <= 0)
      return m.fault("fifo-slot", fmt::format("{} has empty slots", label(end.key)), view.made_by->location);
    last += static_cast<__int128>(view.shape[d] - 1) * view.strides[d];
  }
  if (width == 0 || slot_bytes % width != 0 || (last + 1) * width > slot_bytes)
    return m.fault(
        "fifo-slot",
        fmt::format("an entry of {} bytes for a slot of {}", static_cast<std::int64_t>(last + 1) * width, slot_bytes),
        view.made_by->location);
  if (both && direction == Direction::to_cube) view.base.offset += end.ring->shape().slots * (slot_bytes / width);
  end.use->slots = view;
  end.use->local_slots = end.ring->shape().slots;
  return true;
}

bool check_entry(Machine& m, const RingEnd& end, const View& view, std::int64_t entry) {
  if (!check_global(m, end)) return false;
  const View& slots = *end.use->slots;
  const std::int64_t width = info(slots.base.element).bits / 8, slot = end.ring->shape().slot_bytes / width;
  const std::int64_t begin = slots.base.offset + entry % end.ring->shape().slots * slot;
  if (view.base.tensor == slots.base.tensor && view.base.offset >= begin && view.base.offset < begin + slot)
    return true;
  return m.fault("fifo-slot",
                 fmt::format("the view is not the slot of entry {} of {}, the next in turn", entry, label(end.key)),
                 view.made_by ? view.made_by->location : m.function().location);
}

// ---- the producer

bool issue_allocate(Machine& m, const Instruction& i) {
  const RingEnd end = find_end(m, i);
  View view;
  if (!check_global(m, end) || !view_of_entry(m, i, end, end.use->allocated, view)) return false;
  ++end.use->allocated;
  view.made_by = i.source;
  m.view(i.results[0]) = view;
  return true;
}

bool can_allocate(Machine& m, const Instruction& i) {
  const RingEnd end = find_end(m, i);
  return end.ring->is_slot_free(end.use->granted);
}

bool allocate(Machine& m, const Instruction& i) {
  const RingEnd end = find_end(m, i);
  m.acquire(end.ring->freed_slot(end.use->granted++));
  return true;
}

Wait explain_allocate(Machine& m, const Instruction& i) {
  const RingEnd end = find_end(m, i);
  return explain_full(m, i, end, end.use->granted);
}

bool push_global(Machine& m, const Instruction& i, const RingEnd& end) {
  if (!check_global(m, end)) return false;
  const std::int64_t entry = end.ring->pushed(end.lane);
  if (entry >= end.use->granted)
    return m.fault("fifo-slot", fmt::format("entry {} of {} is pushed without a talloc", entry, label(end.key)),
                   end.ring->initialised_by.op->location);
  if (!check_entry(m, end, m.view(i.operands[0]), entry)) return false;
  const std::string problem = end.ring->push(end.lane, end.split, Cargo{}, {i.source, &m.function()}, done_so_far(m));
  return problem.empty() || m.fault("fifo-split", fmt::format("{}: {}", label(end.key), problem));
}

// ---- the consumer

bool issue_pop_global(Machine& m, const Instruction& i, const RingEnd& end) {
  View view;
  if (!check_global(m, end) || !view_of_entry(m, i, end, end.use->issued, view)) return false;
  ++end.use->issued;
  view.made_by = i.source;
  m.view(i.results[0]) = view;
  return true;
}

bool pop_global(Machine& m, const Instruction& i, const RingEnd& end) {
  const Ring::Popped popped = end.ring->pop(end.lane, -1, -1, end.split, {i.source, &m.function()});
  const auto pushed_at = popped.pushed_by.op ? std::optional(popped.pushed_by.op->location) : std::nullopt;
  if (!popped.mismatch.empty())
    return m.fault("fifo-split", fmt::format("{}: {}", label(end.key), popped.mismatch), pushed_at);
  m.acquire(popped.clock);
  return true;
}

}  // namespace assay::sim
