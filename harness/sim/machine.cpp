#include "harness/sim/machine.h"

#include <algorithm>

#include "harness/sim/scalar.h"

namespace assay::sim {

namespace {
constexpr pto::Space kSpaces[] = {pto::Space::vec, pto::Space::mat,  pto::Space::left,   pto::Space::right,
                                  pto::Space::acc, pto::Space::bias, pto::Space::scaling};
}  // namespace

Memories::Memories(const Profile& profile) {
  for (pto::Space space : kSpaces)
    if (const auto found = profile.spaces.find(pto::name(space)); found != profile.spaces.end())
      memories_[static_cast<std::size_t>(space)] = std::make_unique<Memory>(found->second.bytes);
}

void Memories::begin(std::uint64_t poison_seed) {
  for (auto& memory : memories_)
    if (memory) memory->begin(poison_seed);
}

Machine::Machine(Memories& memories, const Program& program, const device::Launch& launch,
                 const device::RunOptions& options, device::RunReport& report)
    : memories_(memories), program_(program), launch_(launch), options_(options), report_(report) {
  for (Tensor* tensor : launch.tensors) tensors_.push_back(tensor->bytes().data());
  frames_.reserve(16);
}

void Machine::push_frame(const FunctionCode& code) {
  Frame frame;
  frame.code = &code;
  frame.storage_mark = live_storages_.size();
  frame.array_mark = local_arrays_.size();
  frame.loop_mark = loops_.size();
  if (!frames_.empty()) {
    const Frame& caller = frames_.back();
    for (std::size_t kind = 0; kind < 5; ++kind) frame.base[kind] = caller.base[kind] + caller.code->slots[kind];
  }
  // Nothing of an earlier activation shows in the new slots.
  const auto reset = [&](auto& slots, std::size_t kind, const auto& empty) {
    slots.resize(frame.base[kind]);
    slots.resize(frame.base[kind] + code.slots[kind], empty);
  };
  reset(scalars_, 0, std::uint64_t{0});
  reset(pointers_, 1, Pointer{});
  reset(views_, 2, View{});
  reset(tiles_, 3, Tile{});
  reset(arrays_, 4, kNoArray);
  frames_.push_back(frame);
  frame_ = &frames_.back();
}

void Machine::start_block(std::int64_t block) {
  block_ = block;
  memories_.begin(options_.poison_seed);
  frames_.clear();
  loops_.clear();
  storages_.clear();
  live_storages_.clear();
  local_arrays_.clear();
  scratch_clobbered_by_ = nullptr;
  for (pto::Space space : kSpaces)
    if (Memory* memory = memories_.find(space)) private_end_[static_cast<std::size_t>(space)] = memory->capacity();
  const FunctionCode& entry = program_.functions.front();
  push_frame(entry);
  for (std::size_t i = 0; i < launch_.arguments.size(); ++i) {
    const pto::ValueId value = entry.function->arguments[i];
    const Ref ref = entry.values[value];
    if (const auto* p = std::get_if<device::PointerArgument>(&launch_.arguments[i])) {
      const DType element = std::get<pto::PtrType>(entry.function->type(value)).element;
      pointer(ref) = {p->tensor, p->element_offset, element};
      continue;
    }
    const pto::ScalarKind kind = std::get<pto::ScalarType>(entry.function->type(value)).kind;
    if (const auto* integer = std::get_if<std::int64_t>(&launch_.arguments[i]))
      scalar(ref) = is_float(kind) ? float_bits(static_cast<float>(*integer))
                                   : canonical(static_cast<std::uint64_t>(*integer), kind);
    else
      scalar(ref) = float_bits(static_cast<float>(std::get<double>(launch_.arguments[i])));
  }
}

void Machine::bind_array(Ref ref) {
  std::uint32_t& slot = array_slot(ref);
  if (slot != kNoArray) return;
  slot = static_cast<std::uint32_t>(local_arrays_.size());
  local_arrays_.emplace_back();
}

std::vector<std::int64_t> Machine::loop_indices() const {
  std::vector<std::int64_t> indices;
  for (const Loop& loop : loops_)
    if (loop.is_for) indices.push_back(static_cast<std::int64_t>(scalars_[loop.induction]));
  return indices;
}

bool Machine::fault(std::string_view rule, std::string message, std::optional<pto::Location> related) {
  device::Diagnostic diagnostic;
  diagnostic.rule = rule;
  diagnostic.message = std::move(message);
  diagnostic.function = frame_->code->function->name;
  diagnostic.op_id = current_->source->id;
  diagnostic.location = current_->source->location;
  diagnostic.related = related;
  diagnostic.block = block_;
  diagnostic.loop_indices = loop_indices();
  report_.diagnostics.push_back(std::move(diagnostic));
  report_.status = device::RunStatus::fault;
  report_.reason = report_.diagnostics.back().rule;
  return false;
}

bool Machine::fault_at_operand(std::string_view rule, std::string message, std::size_t operand) {
  const pto::Function& function = *frame_->code->function;
  const pto::ValueId value = current_->source->operands[operand];
  pto::Location made = function.location;  // an argument
  for (const pto::Operation* op : pto::preorder(function)) {
    for (pto::ValueId result : op->results)
      if (result == value) made = op->location;
    for (const pto::Region& region : op->regions)
      for (pto::ValueId argument : region.arguments)
        if (argument == value) made = op->location;
  }
  return fault(rule, std::move(message), made);
}

bool Machine::fault_at_tile(std::string_view rule, std::string message, const Tile& tile) {
  return fault(rule, std::move(message), tile.made_by ? tile.made_by->location : frame_->code->function->location);
}

// ---- private storage

bool Machine::allocate_private(Tile& tile) {
  constexpr std::int64_t kMaxPrivateFactor = 64;  // spaces' worth of tiles alive at once; bounds memory
  Memory& space = memory(tile.space);
  const std::int64_t size = (span_bytes(tile) + 31) / 32 * 32;
  if (size > space.capacity())
    return fault("capacity",
                 fmt::format("{}x{} {} tile needs {} bytes, space {} has {}", tile.rows, tile.cols, name(tile.dtype),
                             size, pto::name(tile.space), space.capacity()),
                 current_->source->location);
  for (std::size_t i = 0; i < storages_.size() && tile.storage < 0; ++i)
    if (!storages_[i].live && storages_[i].space == tile.space && storages_[i].size == size)
      tile.storage = static_cast<std::int32_t>(i);
  if (tile.storage < 0) {
    std::int64_t& end = private_end_[static_cast<std::size_t>(tile.space)];
    if (end + size > space.capacity() * (1 + kMaxPrivateFactor))
      return fault("capacity",
                   fmt::format("tiles without address alive at once exceed {} times the {} bytes of space {}",
                               kMaxPrivateFactor, space.capacity(), pto::name(tile.space)),
                   current_->source->location);
    tile.storage = static_cast<std::int32_t>(storages_.size());
    storages_.push_back({tile.space, end, size, true});
    end += size;
    space.grow(end);
  }
  Storage& storage = storages_[static_cast<std::size_t>(tile.storage)];
  storage.live = true;
  live_storages_.push_back(tile.storage);
  tile.address = storage.address;
  if (size > 0) space.undefine(tile.address, size);
  return true;
}

void Machine::release_storage(std::size_t mark, std::span<const Ref> keep) {
  if (live_storages_.size() <= mark) return;
  std::vector<std::int32_t> kept;
  for (Ref ref : keep)
    if (ref.kind == Kind::tile && tile(ref).storage >= 0) kept.push_back(tile(ref).storage);
  std::size_t end = mark;
  for (std::size_t i = mark; i < live_storages_.size(); ++i) {
    const std::int32_t storage = live_storages_[i];
    if (std::find(kept.begin(), kept.end(), storage) != kept.end())
      live_storages_[end++] = storage;
    else
      storages_[static_cast<std::size_t>(storage)].live = false;
  }
  live_storages_.resize(end);
}

}  // namespace assay::sim
