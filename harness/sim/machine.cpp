#include "harness/sim/machine.h"

#include <algorithm>
#include <cstdlib>

#include "harness/sim/findings.h"
#include "harness/sim/pipes.h"
#include "harness/sim/scalar.h"

namespace assay::sim {

Memories::Memories(const Profile& profile) {
  sizes_.fill(-1);
  for (const auto& [word, space] : profile.spaces)
    for (std::size_t at = 0; at < sizes_.size(); ++at)
      if (pto::name(static_cast<pto::Space>(at)) == word) sizes_[at] = space.bytes;
}

Memory* Memories::find(pto::Space space) {
  const auto at = static_cast<std::size_t>(space);
  if (!memories_[at] && sizes_[at] >= 0) {
    memories_[at] = std::make_unique<Memory>(sizes_[at]);
    memories_[at]->begin(poison_seed_);
  }
  return memories_[at].get();
}

void Memories::begin(std::uint64_t poison_seed) {
  poison_seed_ = poison_seed;
  for (auto& memory : memories_)
    if (memory) memory->begin(poison_seed);
}

Machine::Machine(Memories& memories, const Program& program, const device::Launch& launch,
                 const device::RunOptions& options, device::RunReport& report, Surroundings surroundings)
    : surroundings_(surroundings),
      memories_(memories),
      program_(program),
      launch_(launch),
      options_(options),
      report_(report) {
  for (Tensor* tensor : launch.tensors) tensors_.push_back(tensor->bytes().data());
  global_tensors_ = surroundings.memory.tensors_of(launch);
  frames_.reserve(16);
}

Machine::~Machine() {
  if (cache_) surroundings_.memory.finish_core(*cache_);
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
  use_frame();
}

void Machine::use_frame() {
  frame_ = &frames_.back();
  function_ = frame_->code->function;
  slots_ = {scalars_.data() + frame_->base[0], pointers_.data() + frame_->base[1], views_.data() + frame_->base[2],
            tiles_.data() + frame_->base[3], arrays_.data() + frame_->base[4]};
}

bool Machine::start(const AgentId& who, std::uint32_t core, const Clock& seen) {
  who_ = who;
  memories_.begin(options_.poison_seed);
  frames_.clear();
  loops_.clear();
  storages_.clear();
  live_storages_.clear();
  retired_storages_.clear();
  local_arrays_.clear();
  current_ = nullptr;
  scratch_clobbered_by_ = nullptr;
  private_end_.fill(0);
  private_bytes_ = 0;
  pipes_ = program_.explicit_order ? std::make_unique<Pipes>(*this, core, seen) : nullptr;
  block_epoch_ = {core * static_cast<ActorId>(pto::kPipes) + static_cast<ActorId>(pto::Pipe::none), 0};
  for (LocalHistory& history : histories_) history.clear();
  if (pipes_)
    cache_ = &surroundings_.memory.start_core(who.rank, who.kind ? static_cast<int>(*who.kind) : 2, who.block,
                                              who.sub_block, surroundings_.unit);
  const FunctionCode& entry = program_.functions.front();
  push_frame(entry);
  return bind_arguments(entry);
}

bool Machine::bind_arguments(const FunctionCode& entry) {
  for (std::size_t i = 0; i < launch_.arguments.size(); ++i) {
    const pto::ValueId value = entry.function->arguments[i];
    const Ref ref = entry.values[value];
    if (const auto* p = std::get_if<device::PointerArgument>(&launch_.arguments[i])) {
      const DType element = std::get<pto::PtrType>(entry.function->type(value)).element;
      pointer(ref) = {p->tensor, p->element_offset, element};
      continue;
    }
    const pto::ScalarKind kind = std::get<pto::ScalarType>(entry.function->type(value)).kind;
    const auto* integer = std::get_if<std::int64_t>(&launch_.arguments[i]);
    if (integer && !is_float(kind) && !holds(kind, *integer))
      return fault("narrowing",
                   fmt::format("argument {} (%{}) is {}, which does not fit {} bits", i,
                               entry.function->values[value].name, *integer, pto::bits_of(kind)),
                   entry.function->location);
    if (integer)
      scalar(ref) = is_float(kind) ? float_bits(static_cast<float>(*integer))
                                   : canonical(static_cast<std::uint64_t>(*integer), kind);
    else
      scalar(ref) = float_bits(static_cast<float>(std::get<double>(launch_.arguments[i])));
  }
  return true;
}

void Machine::bind_array(Ref ref) {
  std::uint32_t& slot = array_slot(ref);
  if (slot != kNoArray) return;
  slot = static_cast<std::uint32_t>(local_arrays_.size());
  local_arrays_.emplace_back();
}

std::vector<std::int64_t> Machine::loop_indices() const {
  if (queued_loop_indices_) return *queued_loop_indices_;
  std::vector<std::int64_t> indices;
  for (const Loop& loop : loops_)
    if (loop.is_for) indices.push_back(static_cast<std::int64_t>(scalars_[loop.induction]));
  return indices;
}

// ---- the other agents

void Machine::acquire(const Clock& clock) {
  if (pipes_) pipes_->acquire(clock);
}
void Machine::release(Clock& clock) {
  if (pipes_) pipes_->release(clock);
}
Access Machine::access(AccessKind kind) const {
  pipes_->note_access();
  return {kind, pipes_->epoch(), current_->source, function_};
}
Ordering Machine::ordering() const { return pipes_->ordering(); }

// ---- broken rules

device::Diagnostic Machine::diagnostic(std::string_view rule, std::string message) const {
  device::Diagnostic diagnostic;
  diagnostic.rule = rule;
  diagnostic.message = std::move(message);
  diagnostic.function = function_->name;
  diagnostic.location = current_ ? current_->source->location : function_->location;
  if (current_) diagnostic.op_id = current_->source->id;
  diagnostic.block = who_.block;
  diagnostic.rank = who_.rank;
  if (who_.kind) {
    diagnostic.core = pto::name(*who_.kind);
    if (who_.sub_blocks > 1) diagnostic.core += fmt::format(" {}", who_.sub_block);
  }
  diagnostic.loop_indices = loop_indices();
  return diagnostic;
}

bool Machine::fault(std::string_view rule, std::string message, std::optional<pto::Location> related) {
  device::Diagnostic broken = diagnostic(rule, std::move(message));
  broken.related = related;
  if (pipes_ && rule == "undefined-bytes") {
    undefined_at_ = pipes_->here();
    undefined_read_ = {pipes_->epoch().actor, current_->source, function_};
  }
  if (report_.status == device::RunStatus::completed) report_.reason = rule;
  report_.status = device::RunStatus::fault;
  report_.diagnostics.push_back(std::move(broken));
  return false;
}

void Machine::finding(std::string_view rule, std::string message, const pto::Operation* earlier,
                      const pto::Function* earlier_function) {
  add_finding(diagnostic(rule, std::move(message)), current_->source, earlier, earlier_function);
}

void Machine::add_finding(device::Diagnostic broken, const pto::Operation* op, const pto::Operation* earlier,
                          const pto::Function* earlier_function) {
  if (!surroundings_.findings.is_new(broken.rule, op, earlier)) return;
  if (earlier) broken.related = earlier->location;
  if (earlier_function && earlier_function->name != broken.function) broken.related_function = earlier_function->name;
  if (report_.status == device::RunStatus::completed) {
    report_.status = device::RunStatus::fault;
    report_.reason = broken.rule;
  }
  report_.diagnostics.push_back(std::move(broken));
}

bool Machine::explain_undefined() {
  if (!undefined_at_) return true;
  const std::uint64_t here = *undefined_at_;
  undefined_at_.reset();
  std::vector<device::Diagnostic>& all = report_.diagnostics;
  if (all.empty() || all.back().rule != "undefined-bytes") return true;
  const device::Diagnostic undefined = std::move(all.back());
  all.pop_back();
  const std::size_t known = all.size();
  pipes_->run_earlier(here);
  const auto is_cause = [&](const device::Diagnostic& found) {
    const bool here_first = found.function == undefined.function && found.location == undefined.location;
    const bool here_second = found.related && *found.related == undefined.location;
    return found.rule.starts_with("race-") && (here_first || here_second);
  };
  std::erase_if(all, [&, at = std::size_t{0}](const device::Diagnostic& found) mutable {
    return at++ >= known && !is_cause(found);
  });
  const bool found = all.size() > known;
  all.push_back(undefined);
  report_.reason = all.front().rule;
  return found;
}

void Machine::check_leaks() {
  const auto engine = shared().engines.find(sim::key_of(who_));
  if (engine != shared().engines.end()) {
    for (const AsyncTransfer& transfer : engine->second.transfers) {
      if (transfer.waited) continue;
      device::Diagnostic broken = diagnostic(
          "async-leaked", fmt::format("nobody has waited for the event of {} when {} ends: its bytes may still move",
                                      pto::mnemonic(transfer.origin.op->code), describe(who_)));
      broken.function = transfer.origin.function->name;
      broken.op_id = transfer.origin.op->id;
      broken.location = transfer.origin.op->location;
      broken.loop_indices.clear();
      broken.related = program_.functions.front().function->body.body.back().location;  // the return
      add_finding(std::move(broken), transfer.origin.op, nullptr, nullptr);
    }
  }
  if (!pipes_) return;
  for (const auto& [key, flag] : pipes_->events()) {
    if (flag.sets.empty()) continue;
    const Site& set = flag.sets.back().site;
    device::Diagnostic broken =
        diagnostic("flag-leaked", fmt::format("{} is still set when {} ends", describe(key), describe(who_)));
    broken.function = set.function->name;
    broken.op_id = set.op->id;
    broken.location = set.op->location;
    broken.loop_indices.clear();
    add_finding(std::move(broken), set.op, flag.waited ? flag.last_wait_site.op : nullptr,
                flag.waited ? flag.last_wait_site.function : nullptr);
  }
}

Origin Machine::nearest(const std::function<bool(const pto::Operation&)>& fits) const {
  const int line = current_->source->location.line;
  Origin best;
  for (const bool own : {true, false}) {
    for (const FunctionCode& code : program_.functions) {
      if ((code.function == function_) != own || (best.op && !own)) continue;
      for (const pto::Operation* op : pto::preorder(*code.function))
        if (fits(*op) && (!best.op || std::abs(op->location.line - line) < std::abs(best.op->location.line - line)))
          best = {op, code.function};
    }
  }
  return best;
}

std::optional<pto::Location> Machine::stream_location() const {
  const auto& code = frame_->code->code;
  const bool ended = frames_.size() == 1 && frame_->pc > 0 && code[frame_->pc - 1].step == Step::leave;
  return ended ? std::nullopt : std::optional(code[frame_->pc].source->location);
}

void Machine::deadlock(std::string_view actor, const Wait& wait) {
  device::Diagnostic waiting = diagnostic(
      "deadlock", fmt::format("{}, {}, waits for {} from {}", describe(who_), actor, wait.for_what, wait.from));
  waiting.related = wait.where;
  if (wait.where && wait.function && wait.function != function_) waiting.related_function = wait.function->name;
  if (report_.status != device::RunStatus::deadlock) report_.reason = waiting.message;
  report_.status = device::RunStatus::deadlock;
  report_.diagnostics.push_back(std::move(waiting));
}

bool Machine::fault_at_operand(std::string_view rule, std::string message, std::size_t operand) {
  const pto::Function& function = *function_;
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
  return fault(rule, std::move(message), tile.made_by ? tile.made_by->location : function_->location);
}

// ---- private storage

bool Machine::allocate_private(Tile& tile) {
  constexpr std::int64_t kMostPrivate = 8 << 20;  // of tiles alive at once, in all spaces; bounds memory
  Memory& space = memory(tile.space);
  const std::int64_t size = (span_bytes(tile) + 31) / 32 * 32;
  if (!retired_storages_.empty()) {
    const std::uint64_t oldest = pipes_->oldest_queued();
    std::erase_if(retired_storages_, [&](const Retired& retired) {
      const bool unused = retired.last_issued < oldest;
      if (unused) storages_[static_cast<std::size_t>(retired.storage)].live = false;
      return unused;
    });
  }
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
    end = std::max(end, space.capacity());
    private_bytes_ += size;
    if (private_bytes_ > kMostPrivate)
      return fault("capacity",
                   fmt::format("tiles without address alive at once exceed {} bytes, the last one in space {}",
                               kMostPrivate, pto::name(tile.space)),
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
  if (pipes_) histories_[static_cast<std::size_t>(tile.space)].forget(tile.address, tile.address + size);
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
    else if (pipes_)
      retired_storages_.push_back({storage, pipes_->last_issued()});
    else
      storages_[static_cast<std::size_t>(storage)].live = false;
  }
  live_storages_.resize(end);
}

}  // namespace assay::sim
