#include "harness/pto/verifier.h"

#include <algorithm>

#include "harness/pto/lexer.h"
#include "harness/pto/verify_function.h"

namespace assay::pto {
namespace {

constexpr std::size_t kMaxErrors = 100;
constexpr std::int64_t kMaxTileBytes = std::int64_t{1} << 30;
constexpr std::int64_t kMaxExtent = std::int64_t{1} << 40;

std::string excerpt_of(const Module& module, Location location) {
  return module.source ? excerpt(*module.source, location) : std::string{};
}

struct Box {
  std::int64_t rows, cols;
};
// Inner box of a boxed layout (pto-isa.md 1.3).
Box inner_box(const TileType& tile) {
  const std::int64_t bytes = std::max<std::int64_t>(1, assay::info(tile.element).bits / 8);
  Box box{16, 32 / bytes};
  if (tile.fractal == 1024) box = {16, 16};
  if (tile.fractal == 32 || tile.fractal == 16) box = {16, 2};
  if (tile.slayout == InnerLayout::col_major) std::swap(box.rows, box.cols);
  return box;
}

std::size_t segments_of(OpCode code) {
  switch (code) {
    case OpCode::make_tensor_view:
    case OpCode::partition_view:
    case OpCode::alloc_tile:
    case OpCode::alloc_multi_tile:
    case OpCode::subview:
    case OpCode::store_scalar:
    case OpCode::set_validshape:
    case OpCode::aic_initialize_pipe:
    case OpCode::aiv_initialize_pipe:
    case OpCode::comm_tput:
    case OpCode::comm_tget:
    case OpCode::comm_tbroadcast:
    case OpCode::comm_tgather:
    case OpCode::comm_tscatter:
    case OpCode::comm_tput_async:
    case OpCode::comm_tget_async:
    case OpCode::syncall:
      return 3;
    case OpCode::load_scalar:
    case OpCode::tget_scale_addr:
    case OpCode::tpush_to_aiv:
    case OpCode::tpush_to_aic:
    case OpCode::comm_tnotify:
    case OpCode::comm_twait:
    case OpCode::comm_ttest:
    case OpCode::comm_build_async_session:
    case OpCode::comm_wait_async_event:
    case OpCode::comm_test_async_event:
      return 2;
    case OpCode::for_op:
    case OpCode::comm_treduce:
      return 4;
    default:
      return info(code).family == Family::tile ? 2 : 1;
  }
}

// Operands of single-segment operations that have a fixed number; -1 where they vary.
int operands_of(OpCode code) {
  switch (code) {
    case OpCode::arith_constant:
    case OpCode::declare_local_array:
    case OpCode::reserve_buffer:
    case OpCode::import_reserved_buffer:
      return 0;
    case OpCode::get_validshape:
    case OpCode::arith_negf:
    case OpCode::if_op:
    case OpCode::treshape:
    case OpCode::bitcast:
    case OpCode::tprint:
    case OpCode::set_ffts:
      return 1;
    case OpCode::arith_select:
    case OpCode::tsetval:
    case OpCode::local_array_set:
      return 3;
    case OpCode::addptr:
    case OpCode::tassign:
    case OpCode::tgetval:
    case OpCode::multi_tile_get:
    case OpCode::get_tensor_view_dim:
    case OpCode::local_array_get:
      return 2;
    case OpCode::arith_extsi:
    case OpCode::arith_extui:
    case OpCode::arith_trunci:
    case OpCode::arith_index_cast:
    case OpCode::arith_index_castui:
    case OpCode::arith_sitofp:
    case OpCode::arith_uitofp:
    case OpCode::arith_fptosi:
    case OpCode::arith_fptoui:
    case OpCode::arith_extf:
    case OpCode::arith_truncf:
    case OpCode::arith_bitcast:
      return 1;
    default:
      break;
  }
  const Family family = info(code).family;
  return family == Family::arith ? 2 : family == Family::query ? 0 : -1;
}

// -1 where the number follows from the operation's types.
int results_of(OpCode code) {
  switch (code) {
    case OpCode::for_op:
    case OpCode::if_op:
    case OpCode::while_op:
    case OpCode::call:
    case OpCode::comm_wait_async_event:
      return -1;
    case OpCode::set_validshape:
    case OpCode::tget_scale_addr:
    case OpCode::store_scalar:
    case OpCode::tsetval:
    case OpCode::local_array_set:
    case OpCode::tprint:
      return 0;
    case OpCode::get_validshape:
      return 2;
    case OpCode::reserve_buffer:
    case OpCode::import_reserved_buffer:
    case OpCode::tpop_from_aic:
    case OpCode::tpop_from_aiv:
    case OpCode::talloc_to_aiv:
    case OpCode::talloc_to_aic:
    case OpCode::comm_ttest:
    case OpCode::comm_build_async_session:
    case OpCode::comm_tput_async:
    case OpCode::comm_tget_async:
    case OpCode::comm_test_async_event:
      return 1;
    default:
      break;
  }
  const Family family = info(code).family;
  return family == Family::arith || family == Family::view || family == Family::query ? 1 : 0;
}

std::size_t regions_of(OpCode code) {
  switch (code) {
    case OpCode::for_op:
    case OpCode::section_cube:
    case OpCode::section_vector:
      return 1;
    case OpCode::if_op:
    case OpCode::while_op:
      return 2;
    default:
      return 0;
  }
}

bool is_terminator(OpCode code) {
  return code == OpCode::yield || code == OpCode::condition || code == OpCode::return_op;
}

constexpr int kMaxCallDepth = 256;

// Functions on a cycle of calls would never end, and backends walk chains of calls by recursion.
class CallGraph {
 public:
  explicit CallGraph(const Module& module) : depth_(module.functions.size(), kNew), calls_(module.functions.size()) {
    std::unordered_map<std::string_view, std::size_t> index;
    for (std::size_t i = 0; i < module.functions.size(); ++i) index.emplace(module.functions[i].name, i);
    for (std::size_t i = 0; i < module.functions.size(); ++i)
      for (const Operation* operation : preorder(module.functions[i]))
        if (operation->code == OpCode::call)
          if (const auto target = index.find(callee(*operation)); target != index.end())
            calls_[i].push_back(target->second);
  }

  // Empty, or what is wrong with the calls that start in the function.
  std::string_view problem(std::size_t root) {
    struct Visit {
      std::size_t function, next;
    };
    std::vector<Visit> path;
    const auto enter = [&](std::size_t function) {
      depth_[function] = kOpen;
      path.push_back({function, 0});
    };
    if (depth_[root] == kNew) enter(root);
    while (!path.empty()) {
      Visit& visit = path.back();
      if (visit.next < calls_[visit.function].size()) {
        const std::size_t target = calls_[visit.function][visit.next++];
        if (depth_[target] == kOpen) return "calls itself; recursion is not executed";
        if (depth_[target] == kNew) enter(target);
        continue;
      }
      int deepest = 0;
      for (std::size_t target : calls_[visit.function]) deepest = std::max(deepest, depth_[target] + 1);
      depth_[visit.function] = deepest;
      path.pop_back();
    }
    return depth_[root] > kMaxCallDepth ? "makes a chain of more than 256 calls" : "";
  }

 private:
  static constexpr int kNew = -1, kOpen = -2;
  std::vector<int> depth_;  // longest chain of calls below
  std::vector<std::vector<std::size_t>> calls_;
};

void check_calls(const Module& module, std::vector<Error>& errors) {
  CallGraph graph(module);
  for (std::size_t i = 0; i < module.functions.size(); ++i) {
    const Function& function = module.functions[i];
    const std::string_view problem = graph.problem(i);
    if (problem.empty()) continue;
    errors.push_back({ErrorKind::bad_input, fmt::format("function @{} {}", function.name, problem),
                      TextPosition{module.file, function.location.line, function.location.column},
                      excerpt_of(module, function.location)});
    return;
  }
}

}  // namespace

std::string tile_type_problem(const TileType& tile, bool is_subview) {
  const int bits = assay::info(tile.element).bits;
  const std::string text = to_string(Type{tile});
  if (tile.rows < 1 || tile.cols < 1) return text + " has no elements";
  if (tile.rows > kMaxTileBytes || tile.cols > kMaxTileBytes || tile.rows > kMaxTileBytes / tile.cols ||
      tile.rows * tile.cols > kMaxTileBytes * 8 / bits)
    return fmt::format("{} is larger than {} bytes", text, kMaxTileBytes);
  const auto fits = [](std::int64_t valid, std::int64_t physical) {
    return valid == kDynamic || (valid >= 0 && valid <= physical);
  };
  if (!fits(tile.valid_rows, tile.rows) || !fits(tile.valid_cols, tile.cols))
    return text + ": the valid shape exceeds the tile";
  if (tile.element == DType::e8m0 && tile.space == Space::scaling)
    return text + ": scales stand in boxes, row_major those of the left operand, col_major those of the right one";
  const BoxOrder outer = tile.space == Space::scale_left ? BoxOrder::row_major : BoxOrder::col_major;
  if (holds_scales(tile.space) && (tile.fractal != 32 || tile.blayout != outer))
    return text + ": scales of the left operand are Zz, of the right one Nn, with fractal=32 (isa 1.3)";
  if (tile.slayout != InnerLayout::none_box) {
    const Box box = inner_box(tile);
    const bool rows_waived = tile.space == Space::vec || tile.rows == 1 || tile.fractal == 32;
    if ((tile.rows % box.rows != 0 && !rows_waived) || tile.cols % box.cols != 0)
      return fmt::format("{}: the boxed layout needs multiples of {}x{} elements (isa 1.4)", text, box.rows, box.cols);
    return {};
  }
  if (is_subview) return {};
  const bool by_rows = tile.blayout == BoxOrder::row_major;
  const std::int64_t line_bits = (by_rows ? tile.cols : tile.rows) * bits;
  if (line_bits % (32 * 8) != 0)
    return fmt::format("{}: one {} has {} bytes, expected a multiple of 32 (isa 1.4)", text, by_rows ? "row" : "column",
                       line_bits / 8);
  return {};
}

void FunctionVerifier::add(Location location, std::string message) {
  if (errors_.size() >= kMaxErrors) return;
  errors_.push_back({ErrorKind::bad_input, std::move(message),
                     TextPosition{module_.file, location.line, location.column}, excerpt_of(module_, location)});
}

void FunctionVerifier::check_type(Location location, const Type& type, bool is_subview) {
  if (const auto* tile = std::get_if<TileType>(&type)) {
    if (std::string problem = tile_type_problem(*tile, is_subview); !problem.empty()) add(location, std::move(problem));
  } else if (const auto* multi = std::get_if<MultiTileType>(&type)) {
    if (std::string problem = tile_type_problem(multi->tile, false); !problem.empty())
      add(location, std::move(problem));
  } else if (const auto* view = std::get_if<ViewType>(&type)) {
    if (view->shape.empty() || view->shape.size() > 5)
      add(location, fmt::format("{} has rank {}, expected 1 to 5", to_string(type), view->shape.size()));
    for (std::int64_t extent : view->shape)
      if (extent > kMaxExtent) add(location, fmt::format("{}: extent {} is too large", to_string(type), extent));
  } else if (const auto* array = std::get_if<LocalArrayType>(&type)) {
    constexpr std::int64_t kMaxLocalArray = 1 << 20;
    if (array->count < 1 || array->count > kMaxLocalArray)
      add(location, fmt::format("{} has {} elements, expected 1 to {}", to_string(type), array->count, kMaxLocalArray));
  }
}

void FunctionVerifier::run() {
  for (ValueId id : function_.arguments) {
    if (id >= function_.values.size()) return add(function_.location, "an argument is no value of the function");
    visible_[id] = true;
    check_type(function_.location, function_.type(id), false);
  }
  if (function_.is_external) return;
  check_region(function_.body, nullptr, 0);
}

bool FunctionVerifier::define(const Operation& operation, ValueId id) {
  if (id >= function_.values.size()) return report(operation, "a result is no value of the function");
  if (visible_[id]) return report(operation, "%{} is defined twice", function_.values[id].name);
  visible_[id] = true;
  origin_[id] = operation.code;
  defined_at_[id] = operation.location;
  return true;
}

// Terminators stand last and only where they belong; values of a region end with it.
bool FunctionVerifier::check_region(const Region& region, const Operation* parent, std::size_t index) {
  std::vector<ValueId> defined;
  const OpCode code = parent ? parent->code : OpCode::func;
  const Location where = parent ? parent->location : function_.location;
  for (ValueId id : region.arguments) {
    if (id >= function_.values.size() || visible_[id]) {
      add(where, "a block argument is no fresh value of the function");
      return false;
    }
    visible_[id] = true;
    defined_at_[id] = where;
    defined.push_back(id);
    check_type(where, function_.type(id), false);
  }
  const bool section = code == OpCode::section_cube || code == OpCode::section_vector;
  const OpCode expected = code == OpCode::func                     ? OpCode::return_op
                          : code == OpCode::while_op && index == 0 ? OpCode::condition
                                                                   : OpCode::yield;
  const bool absent_else = code == OpCode::if_op && index == 1 && region.body.empty();
  if (!section && !absent_else && (region.body.empty() || region.body.back().code != expected))
    add(region.body.empty() ? where : region.body.back().location,
        fmt::format("the body of {} must end in {}",
                    code == OpCode::func ? "@" + function_.name : std::string(mnemonic(code)), mnemonic(expected)));
  for (std::size_t i = 0; i < region.body.size(); ++i) {
    const Operation& operation = region.body[i];
    if (is_terminator(operation.code) && (i + 1 != region.body.size() || section || operation.code != expected))
      report(operation, "stands only at the end of {}",
             operation.code == OpCode::return_op   ? "a function"
             : operation.code == OpCode::condition ? "the first region of scf.while"
                                                   : "the body of scf.for, scf.if or scf.while");
    check_operation(operation);
    defined.insert(defined.end(), operation.results.begin(), operation.results.end());
  }
  for (ValueId id : defined)
    if (id < visible_.size()) visible_[id] = false;
  return true;
}

bool FunctionVerifier::check_structure(const Operation& operation) {
  std::size_t total = 0;
  for (std::uint32_t length : operation.segments) total += length;
  if (operation.segments.size() != segments_of(operation.code) || total != operation.operands.size())
    return report(operation, "its operands are not cut into {} groups", segments_of(operation.code));
  for (ValueId id : operation.operands) {
    if (id >= function_.values.size()) return report(operation, "an operand is no value of the function");
    if (!visible_[id]) return report(operation, "%{} is used before its definition", function_.values[id].name);
  }
  if (const int count = operands_of(operation.code); count >= 0 && total != static_cast<std::size_t>(count))
    return report(operation, "{} operands, expected {}", total, count);
  if (const int count = results_of(operation.code);
      count >= 0 && operation.results.size() != static_cast<std::size_t>(count))
    return report(operation, "{} results, expected {}", operation.results.size(), count);
  if (operation.regions.size() != regions_of(operation.code))
    return report(operation, "{} regions, expected {}", operation.regions.size(), regions_of(operation.code));
  for (ValueId id : operation.results)
    if (id >= function_.values.size()) return report(operation, "a result is no value of the function");
  return true;
}

void FunctionVerifier::check_operation(const Operation& operation) {
  if (errors_.size() >= kMaxErrors) return;
  if (operation.code == OpCode::func) {
    report(operation, "stands inside a function");
    return;
  }
  if (!check_structure(operation)) {
    for (ValueId id : operation.results)
      if (id < visible_.size()) visible_[id] = true;
    return;
  }
  switch (info(operation.code).family) {
    case Family::arith:
      check_arith(operation);
      break;
    case Family::control:
      check_control(operation);
      break;
    case Family::view:
      check_view(operation);
      break;
    case Family::tile:
      check_tile(operation);
      break;
    case Family::sync:
      check_sync(operation);
      expect_integers(operation, operation.code == OpCode::cmo_cacheinvalid || operation.code == OpCode::set_ffts
                                     ? std::span<const ValueId>{}
                                     : std::span<const ValueId>(operation.operands));
      break;
    case Family::pipe:
      check_pipe(operation);
      break;
    case Family::comm:
      check_comm(operation);
      break;
    case Family::query:
      if (!is_integer(operation.results[0]))
        report(operation, "gives an integer, not {}", type_text(operation.results[0]));
      break;
  }
  for (std::size_t i = 0; i < operation.regions.size(); ++i) check_region(operation.regions[i], &operation, i);
  for (ValueId id : operation.results)
    if (define(operation, id)) check_type(operation.location, function_.type(id), operation.code == OpCode::subview);
}

std::vector<Error> violations(const Module& module) {
  std::vector<Error> errors;
  FunctionNames names;
  for (const Function& function : module.functions) names.emplace(function.name, &function);
  for (const Function& function : module.functions) {
    if (names.at(function.name) != &function)
      errors.push_back({ErrorKind::bad_input, fmt::format("function @{} is defined twice", function.name),
                        TextPosition{module.file, function.location.line, function.location.column},
                        excerpt_of(module, function.location)});
    FunctionVerifier(module, names, function, errors).run();
  }
  if (errors.empty()) check_calls(module, errors);
  return errors;
}

Result<void> verify(const Module& module) {
  std::vector<Error> errors = violations(module);
  if (errors.empty()) return {};
  return tl::unexpected(std::move(errors.front()));
}

}  // namespace assay::pto
