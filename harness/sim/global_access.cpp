// How operations reach global memory: every check and every record of an access in one place. And what an unordered
// access is reported as, on chip and off.
#include <algorithm>
#include <cstring>

#include "harness/sim/findings.h"
#include "harness/sim/machine.h"
#include "harness/sim/ops/window.h"
#include "harness/sim/pipes.h"

namespace assay::sim {
namespace {

std::size_t bytes(std::int64_t count) { return static_cast<std::size_t>(count); }

std::string_view verb(AccessKind kind) {
  return kind == AccessKind::read    ? "reads"
         : kind == AccessKind::test  ? "tests"
         : kind == AccessKind::write ? "writes"
                                     : "adds to";
}
std::string_view past(AccessKind kind) {
  return kind == AccessKind::read    ? "read"
         : kind == AccessKind::test  ? "tested"
         : kind == AccessKind::write ? "wrote"
                                     : "added to";
}

std::string hexadecimal(std::int64_t byte) {
  return byte < 0 ? fmt::format("-0x{:X}", -byte) : fmt::format("0x{:X}", byte);
}

}  // namespace

std::string describe_race(const Access& later, const Conflict& conflict, const Place& where) {
  const auto pipe = [](const Access& access) {  // none: in program order
    const auto pipe = static_cast<pto::Pipe>(access.epoch.actor % pto::kPipes);
    return pipe == pto::Pipe::none ? std::string() : fmt::format(" on {}", pto::pipe_name(pipe));
  };
  const bool same_core = later.epoch.actor / pto::kPipes == conflict.earlier.epoch.actor / pto::kPipes;
  return fmt::format("{}{} {} bytes {} to {} of {}, which {} (line {}){}{} {}; nothing orders the two",
                     pto::mnemonic(later.op->code), pipe(later), verb(later.kind),
                     hexadecimal(conflict.begin - where.origin), hexadecimal(conflict.end - where.origin), where.name,
                     pto::mnemonic(conflict.earlier.op->code), conflict.earlier.op->location.line,
                     pipe(conflict.earlier), same_core ? "" : " of another core", past(conflict.earlier.kind));
}

Place describe_tensor(const device::Launch& launch, std::size_t tensor, std::int64_t byte) {
  device::Placement placement;
  if (tensor < launch.placements.size()) placement = launch.placements[tensor];
  const std::int64_t rank = placement.rank_of(byte);
  const std::int64_t part = placement.slice > 0 ? rank * placement.slice : 0;
  // Of the arguments that point into the tensor, the last one that does not point behind the byte, else the first.
  Place place;
  bool found = false;
  for (std::size_t i = 0; i < launch.arguments.size(); ++i) {
    const auto* pointer = std::get_if<device::PointerArgument>(&launch.arguments[i]);
    if (!pointer || pointer->tensor != tensor) continue;
    const pto::ValueId value = launch.function->arguments[i];
    const auto* type = std::get_if<pto::PtrType>(&launch.function->type(value));
    const DType element = type ? type->element : launch.tensors[tensor]->dtype();
    const std::int64_t origin = part + pointer->element_offset * info(element).bits / 8;
    const bool is_nearer = origin <= byte && (place.origin > byte || origin > place.origin);
    if (found && !is_nearer) continue;
    place = {fmt::format("%{}'s tensor", launch.function->values[value].name), origin};
    found = true;
  }
  if (!found) place = {fmt::format("tensor {}", tensor), part};
  if (placement.slice > 0) place.name += fmt::format(" on rank {}", rank);
  return place;
}

// Earlier and later are meant in the order of the program, whatever ran first.
void Machine::report_races(const Access& later, const Place& where) {
  // The read of an operation that works in place names the cause.
  std::stable_partition(conflicts_.begin(), conflicts_.end(),
                        [](const Conflict& conflict) { return !writes(conflict.earlier.kind); });
  for (const Conflict& conflict : conflicts_) {
    if (!pipes_->ran_ahead(conflict.earlier.epoch) &&
        !(writes(later.kind) && surroundings_.findings.explains(conflict.earlier))) {
      finding(rule_of(conflict, later), describe_race(later, conflict, where), conflict.earlier.op,
              conflict.earlier.function);
      continue;
    }
    const Access& ahead = conflict.earlier;
    const Conflict behind{later, conflict.begin, conflict.end};
    device::Diagnostic broken = diagnostic(rule_of(behind, ahead), describe_race(ahead, behind, where));
    broken.function = ahead.function->name;
    broken.op_id = ahead.op->id;
    broken.location = ahead.op->location;
    broken.loop_indices.clear();
    add_finding(std::move(broken), ahead.op, later.op, later.function);
  }
  conflicts_.clear();
}

void Machine::report_races(const Access& later, std::size_t tensor) {
  report_races(later, describe_tensor(launch_, tensor, conflicts_.front().begin));
}

void Machine::record_local(AccessKind kind, const Tile& tile, std::int64_t rows, std::int64_t cols) {
  const Access later = access(kind);
  histories_[static_cast<std::size_t>(tile.space)].access(later, tile, rows, cols, ordering(), conflicts_);
  if (!conflicts_.empty()) report_races(later, {fmt::format("space {}", pto::name(tile.space)), 0});
}

void Machine::record_local(AccessKind kind, pto::Space space, std::int64_t begin, std::int64_t end) {
  const Access later = access(kind);
  histories_[static_cast<std::size_t>(space)].access(later, begin, end, ordering(), conflicts_);
  if (!conflicts_.empty()) report_races(later, {fmt::format("space {}", pto::name(space)), 0});
}

// ---- global memory

Machine::Elements Machine::elements(std::size_t tensor, DType element) const {
  const GlobalTensor& global = *global_tensors_[tensor];
  const std::int64_t width = std::max<std::int64_t>(info(element).bits / 8, 1);
  return {global.begin() / width, global.end() / width};
}

bool Machine::check_owner(std::size_t tensor, const pto::Operation* made_by) {
  const device::Placement& placement = global_tensors_[tensor]->placement();
  if (placement.rank == who_.rank || placement.window) return true;
  return fault("foreign-memory",
               fmt::format("rank {} reaches {}, memory of rank {} that is no window", who_.rank,
                           describe_tensor(launch_, tensor, placement.front).name, placement.rank),
               made_by ? made_by->location : function_->location);
}

bool Machine::report_undefined_global(std::size_t tensor, std::int64_t at) {
  const Place where = describe_tensor(launch_, tensor, at);
  return fault("undefined-bytes",
               fmt::format("reads byte {} of {}, which nobody has written", hexadecimal(at - where.origin), where.name),
               function_->location);
}

void Machine::report_stale(const ScalarStore& store, std::size_t tensor, std::int64_t begin, std::int64_t end,
                           std::string_view what) {
  const Place where = describe_tensor(launch_, tensor, begin);
  finding(
      "stale-line",
      fmt::format("{} bytes {} to {} of {}; stored by {} (line {})", what, hexadecimal(begin - where.origin),
                  hexadecimal(end - where.origin), where.name, pto::mnemonic(store.op->code), store.op->location.line),
      store.op, store.function);
}

GlobalHistory& Machine::history_of(const GlobalTensor& global) {
  return surroundings_.histories.of(global, surroundings_.unit.block < 0 ? 1 : launch_.blocks);
}

bool Machine::access_global(AccessKind kind, std::size_t tensor, std::int64_t begin, std::int64_t end) {
  if (begin >= end) return true;
  GlobalTensor& global = *global_tensors_[tensor];
  if (!check_owner(tensor, nullptr)) return false;
  if (pipes_ && global.is_written()) {
    if (global.has_lines()) {
      if (const auto store = global.dirty(begin, end, nullptr, surroundings_.unit))
        report_stale(*store, tensor, begin, end,
                     !writes(kind) ? "reads old values of bytes that stand newer in a scalar cache, at"
                                   : "writes what a scalar cache will overwrite when it writes back, at");
      if (writes(kind)) global.overwrite(begin, end, {current_->source, function_, surroundings_.unit}, nullptr);
    }
    const Access later = access(kind);
    history_of(global).access(later, begin, end, ordering(), conflicts_);
    if (!conflicts_.empty()) report_races(later, tensor);
  }
  if (compares_blocks() && global.is_written()) {
    const Clock nobody;
    history_of(global).access({kind, block_epoch_, current_->source, function_}, begin, end, {nobody, false},
                              conflicts_);
  }
  if (kind != AccessKind::write && options_.check_accesses && global.tracks_definedness())
    if (const std::int64_t at = global.first_undefined(begin, end); at >= 0) return report_undefined_global(tensor, at);
  if (writes(kind)) global.define(begin, end);
  return true;
}

bool Machine::access_window(AccessKind kind, const View& view, std::int64_t rows, std::int64_t cols) {
  if (!check_window(*this, view, rows, cols)) return false;
  if (rows <= 0 || cols <= 0) return true;
  const std::size_t tensor = view.base.tensor;
  if (!check_owner(tensor, view.made_by)) return false;
  const GlobalTensor& global = *global_tensors_[tensor];
  if (!global.tracks_definedness() && !((pipes_ || compares_blocks()) && global.is_written())) return true;
  const std::int64_t width = info(view.base.element).bits / 8;
  bool ok = true;
  std::int64_t begin = 0, end = 0;  // rows that adjoin are one range
  const auto add = [&](std::int64_t from, std::int64_t to) {
    if (from == end) {
      end = to;
      return;
    }
    ok = ok && access_global(kind, tensor, begin, end);
    begin = from;
    end = to;
  };
  for_each_row(view, rows, cols, [&](std::int64_t, std::int64_t offset, std::int64_t stride) {
    if (stride == 1) return add(offset * width, (offset + cols) * width);
    for (std::int64_t col = 0; col < cols; ++col)
      add((offset + col * stride) * width, (offset + col * stride + 1) * width);
  });
  return ok && access_global(kind, tensor, begin, end);
}

bool Machine::load_global(std::size_t tensor, std::int64_t offset, std::int64_t width, std::uint64_t& bits) {
  GlobalTensor& global = *global_tensors_[tensor];
  bits = 0;
  if (!pipes_ || !global.is_written()) {
    if (!access_global(AccessKind::read, tensor, offset, offset + width)) return false;
    std::memcpy(&bits, global.bytes() + offset, bytes(width));
    return true;
  }
  if (!check_owner(tensor, nullptr)) return false;
  const ScalarCache::Loaded loaded = cache_->load(global, offset, width);
  bits = loaded.bits;
  if (loaded.released) acquire(*loaded.released);
  if (loaded.stale)
    report_stale(*loaded.stale, tensor, offset, offset + width, "loads an old value, which a store has replaced, at");
  const Access later = access(AccessKind::read);
  GlobalHistory& history = history_of(global);
  if (loaded.polls)
    history.probe(later, offset, offset + width, ordering(), conflicts_);
  else
    history.access(later, offset, offset + width, ordering(), conflicts_);
  if (!conflicts_.empty()) report_races(later, tensor);
  if (loaded.own || !options_.check_accesses) return true;
  const std::int64_t at = global.first_undefined(offset, offset + width);
  return at < 0 || report_undefined_global(tensor, at);
}

bool Machine::store_global(std::size_t tensor, std::int64_t offset, std::int64_t width, std::uint64_t bits) {
  GlobalTensor& global = *global_tensors_[tensor];
  if (!pipes_) {
    if (!access_global(AccessKind::write, tensor, offset, offset + width)) return false;
    std::memcpy(global.bytes() + offset, &bits, bytes(width));
    return true;
  }
  if (!check_owner(tensor, nullptr)) return false;
  cache_->store(global, offset, width, bits, *current_->source, *function_);
  const Access later = access(AccessKind::write);
  history_of(global).access(later, offset, offset + width, ordering(), conflicts_);
  if (!conflicts_.empty()) report_races(later, tensor);
  return true;
}

void Machine::invalidate_cache(std::size_t tensor, std::int64_t begin, std::int64_t end) {
  if (pipes_) cache_->clean_and_invalidate(*global_tensors_[tensor], begin, end);
}

void Machine::invalidate_cache() {
  if (pipes_) cache_->clean_and_invalidate_all();
}

void Machine::fence_cache() {
  if (!pipes_) return;
  Clock seen;
  release(seen);
  cache_->fence(seen);
}

}  // namespace assay::sim
