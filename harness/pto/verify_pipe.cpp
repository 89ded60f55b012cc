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
  const auto tile_in = [&](ValueId id, std::initializer_list<Space> spaces) {
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
        report(operation, "pushes one tile");
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
      expect_integers(operation, operation.operands);
      tile_in(operation.results[0], {operation.code == OpCode::tpop_from_aic ? Space::vec : Space::mat});
      break;
    default:  // tfree
      if (operation.operands.size() > 1) report(operation, "frees one entry");
      for (ValueId id : operation.operands)
        if (!as<TileType>(id)) report(operation, "expected a tile, found {}", described(id));
      break;
  }
  check_integer(operation, "id", 0, kMaxId, false);
  check_integer(operation, "split", 0, 4, false);
  if (!operation.results.empty() && operation.code != OpCode::tpop_from_aic &&
      operation.code != OpCode::tpop_from_aiv && !is_integer(operation.results[0]))
    report(operation, "gives an integer, not {}", type_text(operation.results[0]));
}

// Views of one element type, and staging tiles of it.
void FunctionVerifier::check_comm(const Operation& operation) {
  if (operation.code == OpCode::syncall) return check_syncall(operation);
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
