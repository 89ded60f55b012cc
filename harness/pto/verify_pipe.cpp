// Static rules of rings between cores and of communication (pto-isa.md 2.1, 2.5; pto-format.md 3.7, 3.8).
#include <array>

#include "harness/pto/pipe.h"
#include "harness/pto/verify_function.h"

namespace assay::pto {
namespace {

constexpr std::string_view kCompares[] = {"eq", "ne", "gt", "ge", "lt", "le"};

}  // namespace

// The integer attribute `key` lies in [low, high], where it stands.
bool FunctionVerifier::check_integer(const Operation& operation, std::string_view key, std::int64_t low,
                                     std::int64_t high, bool required) {
  const Attribute* attribute = find(operation.attributes, key);
  if (!attribute) return !required || report(operation, "needs {}", key);
  const auto* integer = std::get_if<IntAttr>(&attribute->value);
  if (!integer) return report(operation, "{} must be an integer", key);
  return (integer->value >= low && integer->value <= high) ||
         report(operation, "{} is {}, expected {} to {}", key, integer->value, low, high);
}

// Names of pipes, op classes and events (pto-format.md 3.5).
void FunctionVerifier::check_sync(const Operation& operation) {
  const AttrDict& attributes = operation.attributes;
  for (std::string_view key : {"src_pipe", "dst_pipe", "src_op", "dst_op", "op_type", "pipe"}) {
    if (!find(attributes, key)) continue;
    const std::string_view found = word(attributes, key);
    const bool all = operation.code == OpCode::barrier && found == "PIPE_ALL";
    if (!all && !parse_pipe(found) && !pipe_of_op_class(found))
      report(operation, "unknown pipe or class of operations '{}'", found);
  }
  for (std::string_view key : {"event_id", "buf_id"})
    if (find(attributes, key) && !literal_id(operation, key))
      report(operation, "unknown {}, expected 0 to {} or EVENT_ID0 to EVENT_ID{}", key, kMostId, kMostId);
  check_integer(operation, "ffts_mode", 0, 2, false);
}

void FunctionVerifier::check_pipe(const Operation& operation) {
  constexpr std::int64_t kMaxBytes = 1 << 30, kMaxSlots = 1 << 16, kMaxId = 1 << 16;
  // Or a view: an entry in global memory.
  const auto tile_in = [&](ValueId id, std::initializer_list<Space> spaces) {
    if (as<ViewType>(id)) return;
    const auto* tile = as<TileType>(id);
    if (tile && std::find(spaces.begin(), spaces.end(), tile->space) != spaces.end()) return;
    std::string names;
    for (Space space : spaces) names += (names.empty() ? "" : " or ") + std::string(name(space));
    report(operation, "expected a {} tile, found {}", names, described(id));
  };
  switch (operation.code) {
    case OpCode::aic_initialize_pipe:
    case OpCode::aiv_initialize_pipe:
      for (std::size_t i = 0; i < 3; ++i) {
        if (operation.segments[i] > 1) {
          report(operation, "names one of its operands twice");
          return;
        }
      }
      for (ValueId id : operation.segment(0))
        if (!as<PtrType>(id) && !as<ViewType>(id))
          report(operation, "the slots in global memory are a pointer or a view, found {}", described(id));
      expect_integers(operation, operation.segment(1)) && expect_integers(operation, operation.segment(2));
      check_integer(operation, "id", 0, kMaxId, false);
      check_integer(operation, "dir_mask", 1, 3, true);
      check_integer(operation, "slot_size", 1, kMaxBytes, true);
      check_integer(operation, "slot_num", 1, kMaxSlots, false);
      check_integer(operation, "local_slot_num", 1, kMaxSlots, false);
      return;
    case OpCode::reserve_buffer:
      if (word(operation.attributes, "name").empty()) report(operation, "needs a name");
      check_integer(operation, "size", 1, kMaxBytes, true);
      check_word(operation, "location", std::array<std::string_view, 2>{"vec", "mat"});
      break;
    case OpCode::import_reserved_buffer:
      if (word(operation.attributes, "name").empty()) report(operation, "needs a name");
      break;
    case OpCode::tpush_to_aiv:
    case OpCode::tpush_to_aic:
      if (operation.segments[0] != 1 || operation.segments[1] > 1) {
        report(operation, "pushes one entry");
        return;
      }
      if (operation.code == OpCode::tpush_to_aiv)
        tile_in(operation.operands[0], {Space::acc, Space::mat});
      else
        tile_in(operation.operands[0], {Space::vec});
      expect_integers(operation, operation.segment(1));
      break;
    case OpCode::tpop_from_aic:
    case OpCode::tpop_from_aiv:
      if (operation.operands.size() != 0 && operation.operands.size() != 2)
        report(operation, "takes valid rows and columns, or nothing");
      if (as<ViewType>(operation.results[0]) && !operation.operands.empty())
        report(operation, "an entry in global memory has the extents of its slot: valid rows and columns are a tile's");
      expect_integers(operation, operation.operands);
      tile_in(operation.results[0], {operation.code == OpCode::tpop_from_aic ? Space::vec : Space::mat});
      break;
    case OpCode::talloc_to_aiv:
    case OpCode::talloc_to_aic:
      if (!operation.operands.empty()) report(operation, "takes no operands");
      if (!as<ViewType>(operation.results[0]))
        report(operation, "gives a view, not {}", type_text(operation.results[0]));
      break;
    default:  // tfree
      if (operation.operands.size() > 1) report(operation, "frees one entry");
      for (ValueId id : operation.operands)
        if (!as<TileType>(id) && !as<ViewType>(id))
          report(operation, "expected a tile or a view, found {}", described(id));
      break;
  }
  check_integer(operation, "id", 0, kMaxId, false);
  check_integer(operation, "split", 0, 4, false);
  const bool reserves = operation.code == OpCode::reserve_buffer || operation.code == OpCode::import_reserved_buffer;
  if (reserves && !is_integer(operation.results[0]))
    report(operation, "gives an integer, not {}", type_text(operation.results[0]));
}

// Views of one element type, and staging tiles of it.
void FunctionVerifier::check_comm(const Operation& operation) {
  switch (operation.code) {
    case OpCode::syncall:
      return check_syncall(operation);
    case OpCode::comm_build_async_session:
    case OpCode::comm_tput_async:
    case OpCode::comm_tget_async:
    case OpCode::comm_wait_async_event:
    case OpCode::comm_test_async_event:
      return check_async(operation);
    default:
      break;
  }
  const auto& segments = operation.segments;
  const bool signal = operation.code == OpCode::comm_tnotify || operation.code == OpCode::comm_twait ||
                      operation.code == OpCode::comm_ttest;
  const bool point_to_point = operation.code == OpCode::comm_tput || operation.code == OpCode::comm_tget;
  const std::size_t staging = segments.size() - (signal ? 0 : point_to_point ? 1 : 2);
  for (std::size_t i = 0; i < std::min(staging, segments.size()); ++i) {
    if (segments[i] != 1) {
      report(operation, "its operands are not cut into groups of one");
      return;
    }
  }
  const auto* first = as<ViewType>(operation.operands[0]);
  if (!first) {
    report(operation, "operand 1 must be a view, found {}", described(operation.operands[0]));
    return;
  }
  if (signal) return check_signal(operation, *first);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const bool is_accumulator = operation.code == OpCode::comm_treduce && i == 1;
    const bool tiles = i == staging || is_accumulator;
    if (i == staging && (segments[i] < 1 || segments[i] > 2))
      report(operation, "{} staging tiles, expected 1 or 2", segments[i]);
    for (ValueId id : operation.segment(i)) {
      const auto* tile = as<TileType>(id);
      const auto* view = as<ViewType>(id);
      if (tiles ? !tile || tile->space != Space::vec : !view) {
        report(operation, "expected a {}, found {}", tiles ? "vec tile" : "view", described(id));
        return;
      }
      const DType element = tiles ? tile->element : view->element;
      if (element != first->element)
        report(operation, "element types differ: {}, {}", described(operation.operands[0]), described(id));
    }
  }
  if (point_to_point) {
    check_word(operation, "atomicType", std::array<std::string_view, 2>{"atomic_none", "atomic_add"});
    return;
  }
  const std::uint32_t members = segments.back();
  if (members == 0) report(operation, "the group is empty");
  check_integer(operation, "root", 0, std::max<std::int64_t>(members, 1) - 1, false);
  check_word(operation, "reduceOp", std::array<std::string_view, 3>{"sum", "max", "min"});
}

// Sessions, events and transfers of the asynchronous engine.
void FunctionVerifier::check_async(const Operation& operation) {
  for (std::uint32_t length : operation.segments) {
    if (length != 1) {
      report(operation, "its operands are not cut into groups of one");
      return;
    }
  }
  const auto expect_handle = [&](ValueId id, std::string_view text) {
    const auto* handle = as<OpaqueType>(id);
    if (!handle || handle->text != text) report(operation, "expected {}, found {}", text, described(id));
  };
  switch (operation.code) {
    case OpCode::comm_build_async_session: {
      constexpr std::int64_t kSyncIds = 8, kMost = 0xFFFFFFFF;
      const auto* scratch = as<TileType>(operation.operands[0]);
      if (!scratch || scratch->space != Space::vec)
        report(operation, "the scratch is a vec tile, found {}", described(operation.operands[0]));
      else if (scratch->rows * scratch->cols * assay::info(scratch->element).bits < 64)
        report(operation, "the scratch has less than 8 bytes");
      const auto* workspace = as<PtrType>(operation.operands[1]);
      if (!workspace || assay::info(workspace->element).bits != 8 || assay::info(workspace->element).is_float)
        report(operation, "the workspace is a pointer to 8-bit integers, found {}", described(operation.operands[1]));
      check_integer(operation, "sync_id", 0, kSyncIds - 1, false);
      check_integer(operation, "block_bytes", 1, kMost, false);
      check_integer(operation, "comm_block_offset", 0, kMost, false);
      check_integer(operation, "queue_num", 1, kMost, false);
      check_integer(operation, "channel_group_idx", 0, kMost, false);
      expect_handle(operation.results[0], kAsyncSession);
      return;
    }
    case OpCode::comm_tput_async:
    case OpCode::comm_tget_async:
      check_async_transfer(operation);
      expect_handle(operation.operands[2], kAsyncSession);
      expect_handle(operation.results[0], kAsyncEvent);
      return;
    default:
      expect_handle(operation.operands[0], kAsyncEvent);
      expect_handle(operation.operands[1], kAsyncSession);
      if (operation.results.size() > 1) report(operation, "gives one value");
      for (ValueId id : operation.results)
        if (function_.type(id) != Type{ScalarType{ScalarKind::i1}})
          report(operation, "gives i1, not {}", type_text(id));
  }
}

// Both sides one run of elements of static length: the engine copies bytes from an address to an address.
void FunctionVerifier::check_async_transfer(const Operation& operation) {
  const auto* destination = as<ViewType>(operation.operands[0]);
  const auto* source = as<ViewType>(operation.operands[1]);
  if (!destination || !source) {
    report(operation, "expected views, found {} and {}", described(operation.operands[0]),
           described(operation.operands[1]));
    return;
  }
  for (const ViewType* view : {destination, source})
    for (std::size_t i = 0; i < view->shape.size(); ++i)
      if (view->shape[i] == kDynamic || (i + 1 < view->shape.size() && view->shape[i] != 1)) {
        report(operation, "an asynchronous transfer moves one row of static length, found {}", to_string(Type{*view}));
        return;
      }
  if (source->shape.back() != destination->shape.back() || source->element != destination->element)
    report(operation, "source and destination differ: {}, {}", described(operation.operands[0]),
           described(operation.operands[1]));
}

void FunctionVerifier::check_signal(const Operation& operation, const ViewType& signal) {
  if (signal.element != DType::i32 && signal.element != DType::u32)
    report(operation, "a signal is a 32-bit integer in global memory, found {}", described(operation.operands[0]));
  expect_integers(operation, std::span(operation.operands).subspan(1));
  check_word(operation, "notifyOp", std::array<std::string_view, 2>{"set", "atomic_add"});
  check_word(operation, "cmp", kCompares);
  if (!operation.results.empty() && function_.type(operation.results[0]) != Type{ScalarType{ScalarKind::i1}})
    report(operation, "gives i1, not {}", type_text(operation.results[0]));
}

void FunctionVerifier::check_syncall(const Operation& operation) {
  if (operation.segments[0] > 1 || operation.segments[1] > 1) {
    report(operation, "takes at most one workspace and one number of cores");
    return;
  }
  for (ValueId id : operation.segment(0)) {
    const auto* pointer = as<PtrType>(id);
    const auto* view = as<ViewType>(id);
    const auto element = pointer ? std::optional(pointer->element) : view ? std::optional(view->element) : std::nullopt;
    if (!element || assay::info(*element).bits != 32 || assay::info(*element).is_float)
      report(operation, "the workspace is a pointer to or a view of 32-bit integers, found {}", described(id));
  }
  expect_integers(operation, operation.segment(1));
  if (operation.segments[2] > 2) report(operation, "takes at most two scratch tiles");
  for (ValueId id : operation.segment(2))
    if (!as<TileType>(id)) report(operation, "scratch is a tile, found {}", described(id));
  check_word(operation, "mode", std::array<std::string_view, 2>{"hard", "soft"});
  check_word(operation, "core_type", std::array<std::string_view, 3>{"aiv_only", "aic_only", "mix"});
  if (word(operation.attributes, "mode") == "soft" && operation.segments[0] == 0)
    report(operation, "the soft barrier needs a workspace in global memory");
}

}  // namespace assay::pto
