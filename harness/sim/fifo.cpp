// Bodies of the rings' operations (pto-format 3.7; pto-isa 2.1).
#include "harness/sim/fifo.h"

#include <algorithm>
#include <cstring>

#include "harness/sim/attribute.h"

namespace assay::sim {
namespace {

using pto::OpCode;

constexpr std::int64_t kToVector = 1, kToCube = 2;                 // bits of dir_mask
constexpr std::int64_t kMaxSlots = 1024, kMaxSlotBytes = 1 << 24;  // beyond any memory on chip

Direction direction_of(OpCode code) {
  const bool to_vector = code == OpCode::talloc_to_aiv || code == OpCode::tpush_to_aiv ||
                         code == OpCode::tpop_from_aic || code == OpCode::tfree_from_aic;
  return to_vector ? Direction::to_vector : Direction::to_cube;
}

}  // namespace

RingEnd find_end(Machine& m, const Instruction& i) {
  const pto::AttrDict& attributes = i.source->attributes;
  const AgentId& who = m.who();
  RingEnd end;
  end.key = {who.rank, who.task, who.block, integer_attribute(attributes, "id", 0), direction_of(i.code)};
  end.core = key_of(who);
  end.lane = who.kind == pto::CoreKind::vector ? who.sub_block : 0;
  end.split = static_cast<Split>(integer_attribute(attributes, "split", 0));
  const auto ring = m.shared().rings.find(end.key);
  const auto use = m.shared().ring_uses.find({end.key, end.core});
  if (ring == m.shared().rings.end() || use == m.shared().ring_uses.end()) return end;
  end.ring = &ring->second;
  end.use = &use->second;
  return end;
}

std::string label(const RingKey& key) { return fmt::format("ring {} {}", key.id, name(key.direction)); }

namespace {

Origin origin_of(Machine& m, const Instruction& i) { return {i.source, &m.function()}; }

Clock done_so_far(Machine& m) {
  Clock done;
  m.release(done);
  return done;
}

}  // namespace

bool check_ready_to_use(Machine& m, const RingEnd& end) {
  const int split = static_cast<int>(end.split);
  if (!end.ring)
    return m.fault("fifo-init", fmt::format("{} of block {} was not initialised here", label(end.key), end.key.block));
  if (split < 0 || split > 4) return m.fault("fifo-split", fmt::format("split {} is none of 0 to 4", split));
  if (split != 0 && end.ring->shape().never_split)
    return m.fault("fifo-split", fmt::format("split {} on {}, initialised with nosplit", split, label(end.key)),
                   end.ring->initialised_by.op->location);
  return true;
}

namespace {

// Storage of its own for what the program leaves to the compiler's planner.
bool allocate_bytes(Machine& m, pto::Space space, std::int64_t bytes, Tile& tile) {
  tile.space = space;
  tile.dtype = DType::u8;
  tile.rows = tile.valid_rows = 1;
  tile.cols = tile.valid_cols = tile.row_stride = bytes;
  tile.col_stride = 1;
  tile.made_by = m.current().source;
  return m.allocate_private(tile);
}

bool reserve_buffer(Machine& m, const Instruction& i) {
  const pto::AttrDict& attributes = i.source->attributes;
  std::int64_t address = integer_attribute(attributes, "base", -1);
  const std::int64_t size = integer_attribute(attributes, "size", 0);
  const pto::Space space = pto::word(attributes, "location") == "mat" ? pto::Space::mat : pto::Space::vec;
  const std::int64_t capacity = m.memory(space).capacity();
  if (size <= 0 || size > capacity || address > capacity - size)
    return m.fault("capacity", fmt::format("a buffer of {} bytes at 0x{:X}; space {} ends at 0x{:X}", size, address,
                                           pto::name(space), capacity));
  if (address < 0) {
    Tile tile;
    if (!allocate_bytes(m, space, size, tile)) return false;
    address = tile.address;
    m.shared().reserved[{key_of(m.who()), address}] = tile.storage;
  }
  m.scalar(i.results[0]) = static_cast<std::uint64_t>(address);
  return true;
}

// Only the compiler needs the peer's address: entries find their slots by the ring itself.
bool import_buffer(Machine& m, const Instruction& i) {
  m.scalar(i.results[0]) = 0;
  return true;
}

struct Initialisation {
  std::int64_t id = 0, directions = 0, local_slots = 0;
  Ring::Shape shape;
};

Initialisation initialisation_of(const Instruction& i) {
  const pto::AttrDict& attributes = i.source->attributes;
  Initialisation made;
  made.id = integer_attribute(attributes, "id", 0);
  made.directions = integer_attribute(attributes, "dir_mask", 0);
  made.shape.slots = integer_attribute(attributes, "slot_num", made.directions == (kToVector | kToCube) ? 4 : 8);
  made.shape.slot_bytes = integer_attribute(attributes, "slot_size", 0);
  made.shape.never_split = flag_attribute(attributes, "nosplit");
  made.local_slots = integer_attribute(attributes, "local_slot_num", made.shape.slots);
  return made;
}

// Entries are slots in global memory: a view of one, and no consumer's buffer (format 3.7).
bool is_global_only(const Instruction& i) {
  const auto& segments = i.source->segments;
  return segments[0] == 1 && segments[1] == 0 && segments[2] == 0 && i.operands[0].kind == Kind::view;
}

// Where the slots of this consumer lie: the buffer it names, or storage of its own.
bool bind_slots(Machine& m, const Instruction& i, const Initialisation& made, Direction direction,
                Shared::RingUse& use) {
  use.local_slots = made.local_slots;
  const std::size_t segment = direction == Direction::to_vector ? 1 : 2;
  const std::size_t before = i.source->segments[0] + (segment == 2 ? i.source->segments[1] : 0);
  if (i.source->segments[segment] == 1) {
    use.buffer = m.integer(i.operands[before]);
    const auto reserved = m.shared().reserved.find({key_of(m.who()), use.buffer});
    if (reserved != m.shared().reserved.end()) use.storage = reserved->second;
    return true;
  }
  Tile tile;
  const pto::Space space = direction == Direction::to_vector ? pto::Space::vec : pto::Space::mat;
  if (!allocate_bytes(m, space, made.local_slots * made.shape.slot_bytes, tile)) return false;
  use.buffer = tile.address;
  use.storage = tile.storage;
  return true;
}

bool initialize(Machine& m, const Instruction& i) {
  const Initialisation made = initialisation_of(i);
  const bool is_cube_end = i.code == OpCode::aic_initialize_pipe;
  const AgentId& who = m.who();
  if (made.directions < 1 || made.directions > 3 || made.shape.slots < 1 || made.shape.slots > kMaxSlots ||
      made.shape.slot_bytes < 1 || made.shape.slot_bytes > kMaxSlotBytes || made.local_slots < 1 ||
      made.local_slots > made.shape.slots)
    return m.fault("fifo-init", fmt::format("dir_mask {}, {} slots of {} bytes, {} of them local", made.directions,
                                            made.shape.slots, made.shape.slot_bytes, made.local_slots));
  if (who.kind && (*who.kind == pto::CoreKind::cube) != is_cube_end)
    return m.fault("fifo-init", fmt::format("{} on {}", pto::mnemonic(i.code), describe(who)));
  for (const Direction direction : {Direction::to_vector, Direction::to_cube}) {
    if ((made.directions & (direction == Direction::to_vector ? kToVector : kToCube)) == 0) continue;
    const RingKey key{who.rank, who.task, who.block, made.id, direction};
    const std::int64_t vector_cores = who.kind ? m.profile().vector_cores : 1;
    const auto [ring, is_new] = m.shared().rings.try_emplace(key, direction, vector_cores, made.shape);
    if (is_new) ring->second.initialised_by = {i.source, &m.function()};
    if (!(ring->second.shape() == made.shape))
      return m.fault(
          "fifo-init",
          fmt::format("{} has {} slots of {} bytes here, {} of {} at its other end", label(key), made.shape.slots,
                      made.shape.slot_bytes, ring->second.shape().slots, ring->second.shape().slot_bytes),
          ring->second.initialised_by.op->location);
    const auto [use, first_time] = m.shared().ring_uses.try_emplace({key, key_of(who)});
    if (!first_time && who.kind)
      return m.fault("fifo-init", fmt::format("{} initialised twice by {}", label(key), describe(who)),
                     ring->second.initialised_by.op->location);
    if (is_global_only(i)) {
      const RingEnd end{key, key_of(who), 0, Split::none, &ring->second, &use->second};
      if (!bind_global_slots(m, i, end, direction, made.directions == (kToVector | kToCube))) return false;
      continue;
    }
    const bool consumes = (direction == Direction::to_vector) != is_cube_end;
    if (consumes && !bind_slots(m, i, made, direction, use->second)) return false;
  }
  return true;
}

// ---- push

bool push(Machine& m, const Instruction& i) {
  const RingEnd end = find_end(m, i);
  if (!check_ready_to_use(m, end)) return false;
  if (i.operands[0].kind == Kind::view) return push_global(m, i, end);
  if (end.use->slots)
    return m.fault("fifo-type", fmt::format("{} has entries in global memory, not tiles", label(end.key)),
                   end.ring->initialised_by.op->location);
  const Tile& tile = m.tile(i.operands[0]);
  if (!m.check_alignment(tile) || !m.check_valid_set(tile)) return false;
  Cargo part;
  part.dtype = tile.dtype;
  part.rows = tile.valid_rows;
  part.cols = tile.valid_cols;
  const std::int64_t size = part.rows * part.cols * element_bytes(tile);
  const bool is_half = end.key.direction == Direction::to_cube && end.split != Split::none;
  if (size * (is_half ? 2 : 1) > end.ring->shape().slot_bytes)
    return m.fault("fifo-slot",
                   fmt::format("{} with {} valid bytes{} for a slot of {}", describe(tile), size,
                               is_half ? ", one of two parts," : "", end.ring->shape().slot_bytes),
                   end.ring->initialised_by.op->location);
  const std::byte* data = m.read(tile, part.rows, part.cols, 0);
  if (!data) return false;
  part.data.assign(data, data + size);
  m.acquire(end.ring->reused(end.lane));
  const std::string problem = end.ring->push(end.lane, end.split, std::move(part), origin_of(m, i), done_so_far(m));
  return problem.empty() || m.fault("fifo-split", fmt::format("{}: {}", label(end.key), problem));
}

// Not initialised: the body says so.
bool can_push(Machine& m, const Instruction& i) {
  const RingEnd end = find_end(m, i);
  return !end.ring || i.operands[0].kind == Kind::view || end.ring->can_push(end.lane);
}

std::string_view peer(OpCode code) {
  switch (code) {
    case OpCode::talloc_to_aiv:
    case OpCode::tpush_to_aiv:
      return "tfree_from_aic on the vector cores";
    case OpCode::talloc_to_aic:
    case OpCode::tpush_to_aic:
      return "tfree_from_aiv on the cube core";
    case OpCode::tpop_from_aic:
      return "tpush_to_aiv on the cube core";
    default:
      return "tpush_to_aic on the vector cores";
  }
}

}  // namespace

Wait explain_full(Machine&, const Instruction& i, const RingEnd& end, std::int64_t entry) {
  const std::int64_t slots = end.ring->shape().slots;
  return {fmt::format("a free slot of {} for entry {}: all {} are taken until entry {} is freed", label(end.key), entry,
                      slots, entry - slots),
          fmt::format("{}, block {}", peer(i.code), end.key.block)};
}

namespace {

Wait explain_push(Machine& m, const Instruction& i) {
  const RingEnd end = find_end(m, i);
  return explain_full(m, i, end, end.ring->pushed(end.lane));
}

// ---- pop

bool issue_pop(Machine& m, const Instruction& i) {
  const RingEnd end = find_end(m, i);
  if (!check_ready_to_use(m, end)) return false;
  if (end.use->local_slots == 0) return m.fault("fifo-init", fmt::format("{} pops its own pushes", describe(m.who())));
  if (i.results[0].kind == Kind::view) return issue_pop_global(m, i, end);
  if (end.use->slots)
    return m.fault("fifo-type", fmt::format("{} has entries in global memory, not tiles", label(end.key)),
                   end.ring->initialised_by.op->location);
  const pto::TileType& type = m.function().tile(i.source->results[0]);
  const std::int64_t slot = end.use->issued++ % end.use->local_slots;
  Result<Tile> made = make_tile(type, end.use->buffer + slot * end.ring->shape().slot_bytes);
  if (!made) return m.fault("tile-type", made.error().message);
  Tile& tile = *made;
  tile.made_by = i.source;
  tile.storage = end.use->storage;
  if (i.operands.size() == 2 && !m.set_valid(tile, m.integer(i.operands[0]), m.integer(i.operands[1]))) return false;
  const std::int64_t capacity = m.memory(tile.space).capacity();
  if (tile.storage < 0 && (tile.address < 0 || tile.address + span_bytes(tile) > capacity))
    return m.fault("capacity", fmt::format("slot {} of {} occupies bytes 0x{:X} to 0x{:X}; space {} ends at 0x{:X}",
                                           slot, label(end.key), tile.address, tile.address + span_bytes(tile),
                                           pto::name(tile.space), capacity));
  if (span_bytes(tile) > end.ring->shape().slot_bytes)
    return m.fault("fifo-slot",
                   fmt::format("{} pops into a slot of {} bytes", describe(tile), end.ring->shape().slot_bytes),
                   end.ring->initialised_by.op->location);
  m.tile(i.results[0]) = tile;
  return true;
}

bool pop(Machine& m, const Instruction& i) {
  const RingEnd end = find_end(m, i);
  if (i.results[0].kind == Kind::view) return pop_global(m, i, end);
  const Tile& tile = m.tile(i.results[0]);
  const Ring::Popped popped = end.ring->pop(end.lane, tile.valid_rows, tile.valid_cols, end.split, origin_of(m, i));
  const auto pushed_at = popped.pushed_by.op ? std::optional(popped.pushed_by.op->location) : std::nullopt;
  if (!popped.mismatch.empty())
    return m.fault("fifo-split", fmt::format("{}: {}", label(end.key), popped.mismatch), pushed_at);
  if (info(popped.cargo.dtype).bits != info(tile.dtype).bits)
    return m.fault(
        "fifo-type",
        fmt::format("{} pops {} elements pushed as {}", label(end.key), name(tile.dtype), name(popped.cargo.dtype)),
        pushed_at);
  if (popped.cargo.rows > tile.rows || popped.cargo.cols > tile.cols)
    return m.fault("fifo-slot",
                   fmt::format("{}x{} elements for the {}", popped.cargo.rows, popped.cargo.cols, describe(tile)),
                   pushed_at);
  m.acquire(popped.clock);
  // Nothing of the slot's last entry shows beside the new one.
  if (span_bytes(tile) > 0) m.memory(tile.space).undefine(tile.address, span_bytes(tile));
  m.write(tile, popped.cargo.rows, popped.cargo.cols, popped.cargo.data.data());
  return true;
}

bool can_pop(Machine& m, const Instruction& i) {
  const RingEnd end = find_end(m, i);
  return !end.ring || end.ring->can_pop(end.lane);
}

Wait explain_pop(Machine& m, const Instruction& i) {
  const RingEnd end = find_end(m, i);
  return {fmt::format("entry {} of {}", end.ring->popped(end.lane), label(end.key)),
          fmt::format("{}, block {}", peer(i.code), end.key.block)};
}

// ---- free

bool free_slot(Machine& m, const Instruction& i) {
  const RingEnd end = find_end(m, i);
  if (!check_ready_to_use(m, end)) return false;
  if (end.ring->held(end.lane) == 0)
    return m.fault("fifo-free", fmt::format("{} frees an entry of {}, of which it holds none: {} popped, all freed",
                                            describe(m.who()), label(end.key), end.ring->popped(end.lane)));
  if (!i.operands.empty() && i.operands[0].kind == Kind::view &&
      !check_entry(m, end, m.view(i.operands[0]), end.ring->freed(end.lane)))
    return false;
  end.ring->free(end.lane, done_so_far(m));
  return true;
}

constexpr Part at_once(Body body) { return {pto::Pipe::s, false, nullptr, body, nullptr, nullptr}; }
constexpr Part kReserve[] = {at_once(reserve_buffer)};
constexpr Part kImport[] = {at_once(import_buffer)};
constexpr Part kInitialize[] = {at_once(initialize)};
constexpr Part kAllocateToVector[] = {
    {pto::Pipe::fix, false, issue_allocate, allocate, can_allocate, explain_allocate}};
constexpr Part kAllocateToCube[] = {{pto::Pipe::mte3, false, issue_allocate, allocate, can_allocate, explain_allocate}};
constexpr Part kPushToVector[] = {{pto::Pipe::fix, false, nullptr, push, can_push, explain_push}};
constexpr Part kPushToCube[] = {{pto::Pipe::mte3, false, nullptr, push, can_push, explain_push}};
constexpr Part kPop[] = {{pto::Pipe::mte2, false, issue_pop, pop, can_pop, explain_pop}};
// The free notifies the producer from the pipe that moved the entry out of its slot.
constexpr Part kFree[] = {{pto::Pipe::mte2, false, nullptr, free_slot, nullptr, nullptr}};

}  // namespace

std::span<const Part> ring_parts(OpCode code) {
  switch (code) {
    case OpCode::reserve_buffer:
      return kReserve;
    case OpCode::import_reserved_buffer:
      return kImport;
    case OpCode::aic_initialize_pipe:
    case OpCode::aiv_initialize_pipe:
      return kInitialize;
    case OpCode::talloc_to_aiv:
      return kAllocateToVector;
    case OpCode::talloc_to_aic:
      return kAllocateToCube;
    case OpCode::tpush_to_aiv:
      return kPushToVector;
    case OpCode::tpush_to_aic:
      return kPushToCube;
    case OpCode::tpop_from_aic:
    case OpCode::tpop_from_aiv:
      return kPop;
    case OpCode::tfree_from_aic:
    case OpCode::tfree_from_aiv:
      return kFree;
    default:
      return {};
  }
}

}  // namespace assay::sim
