// Static rules of views, scalars in memory and tile operations.
#include <algorithm>

#include "harness/pto/literal.h"
#include "harness/pto/verify_function.h"

namespace assay::pto {
namespace {

std::optional<ScalarKind> scalar_of(DType element) {
  switch (element) {
    case DType::f32:
      return ScalarKind::f32;
    case DType::f16:
      return ScalarKind::f16;
    case DType::bf16:
      return ScalarKind::bf16;
    case DType::i8:
      return ScalarKind::i8;
    case DType::u8:
      return ScalarKind::ui8;
    case DType::i16:
      return ScalarKind::i16;
    case DType::u16:
      return ScalarKind::ui16;
    case DType::i32:
      return ScalarKind::i32;
    case DType::u32:
      return ScalarKind::ui32;
    case DType::i64:
      return ScalarKind::i64;
    case DType::u64:
      return ScalarKind::ui64;
    default:
      return std::nullopt;
  }
}

std::int64_t tile_bits(const TileType& tile) { return tile.rows * tile.cols * assay::info(tile.element).bits; }

constexpr std::string_view kRoundModes[] = {"NONE", "RINT", "ROUND", "FLOOR", "CEIL", "TRUNC", "ODD", "CAST_RINT"};

// What stands in ins(..), scratch aside: t a tile, s a scalar, x one of each in either order.
std::string_view operand_pattern(OpCode code) {
  switch (code) {
    case OpCode::tadds:
    case OpCode::tsubs:
    case OpCode::tmuls:
    case OpCode::tmaxs:
    case OpCode::tmins:
      return "ts";
    case OpCode::tdivs:
      return "x";
    case OpCode::texpands:
    case OpCode::tci:
      return "s";
    default:
      break;
  }
  return info(code).ins_min == 2 ? "tt" : "t";
}

// Sources share the destination's element type, save where the operation converts or its second operand is an index.
bool same_element(OpCode code, std::size_t operand) {
  return code != OpCode::tcvt && !(code == OpCode::tgather && operand == 1);
}

}  // namespace

// The scalar has the element's type; signless and unsigned integers of one width are the same bits.
bool FunctionVerifier::check_element_scalar(const Operation& operation, DType element, ValueId id) {
  const auto wanted = scalar_of(element);
  const auto kind = scalar(id);
  if (wanted && kind &&
      (*kind == *wanted ||
       (!is_float(*kind) && !is_float(*wanted) && *kind != ScalarKind::index && bits_of(*kind) == bits_of(*wanted))))
    return true;
  return report(operation, "%{} has type {}, expected the element type {}", function_.values[id].name, type_text(id),
                assay::name(element));
}

void FunctionVerifier::check_view(const Operation& operation) {
  switch (operation.code) {
    case OpCode::make_tensor_view:
      return check_make_view(operation);
    case OpCode::partition_view:
      return check_partition(operation);
    case OpCode::alloc_tile:
      return check_alloc(operation);
    case OpCode::subview:
      return check_subview(operation);
    case OpCode::treshape:
    case OpCode::bitcast:
    case OpCode::tassign:
      return check_reinterpret(operation);
    case OpCode::set_validshape:
      return check_set_validshape(operation);
    case OpCode::tprint:
      return;
    default:
      return check_memory_scalar(operation);
  }
}

void FunctionVerifier::check_make_view(const Operation& operation) {
  const auto* view = as<ViewType>(operation.results[0]);
  const auto* pointer = operation.segments[0] == 1 ? as<PtrType>(operation.operands[0]) : nullptr;
  if (!view || view->partition || !pointer) {
    report(operation, "makes a tensor view of a pointer");
    return;
  }
  const auto shape = operation.segment(1), strides = operation.segment(2);
  if (shape.size() != strides.size() || shape.size() != view->shape.size())
    report(operation, "{} extents and {} strides for a view of rank {}", shape.size(), strides.size(),
           view->shape.size());
  if (view->element != pointer->element)
    report(operation, "a pointer to {} cannot be viewed as {}", assay::name(pointer->element),
           assay::name(view->element));
  expect_integers(operation, shape) && expect_integers(operation, strides);
}

void FunctionVerifier::check_partition(const Operation& operation) {
  const auto* source = operation.segments[0] == 1 ? as<ViewType>(operation.operands[0]) : nullptr;
  const auto* result = as<ViewType>(operation.results[0]);
  if (!source || !result || !result->partition) {
    report(operation, "makes a partition of a view");
    return;
  }
  const auto offsets = operation.segment(1), sizes = operation.segment(2);
  const std::size_t rank = source->shape.size();
  if (offsets.size() != rank || sizes.size() != rank || result->shape.size() != rank) {
    report(operation, "{} offsets and {} sizes give rank {}, expected rank {}", offsets.size(), sizes.size(),
           result->shape.size(), rank);
    return;
  }
  if (source->element != result->element) report(operation, "the element type changes");
  if (!expect_integers(operation, offsets) || !expect_integers(operation, sizes)) return;
  for (std::size_t i = 0; i < rank; ++i)
    if (constants_[sizes[i]] && result->shape[i] != kDynamic && result->shape[i] != *constants_[sizes[i]])
      report(operation, "size {} is {}, but the type says {}", i, *constants_[sizes[i]], result->shape[i]);
}

// An extent that is `?` without its operand stays unset (pto-format.md section 3).
void FunctionVerifier::check_alloc(const Operation& operation) {
  const auto* tile = as<TileType>(operation.results[0]);
  if (!tile) {
    report(operation, "allocates a tile");
    return;
  }
  if (std::any_of(operation.segments.begin(), operation.segments.end(), [](std::uint32_t n) { return n > 1; })) {
    report(operation, "takes at most one addr, valid_row and valid_col");
    return;
  }
  expect_integers(operation, operation.operands);
  if (operation.segments[1] && tile->valid_rows != kDynamic)
    report(operation, "valid_row is given, but the type says {} valid rows", tile->valid_rows);
  if (operation.segments[2] && tile->valid_cols != kDynamic)
    report(operation, "valid_col is given, but the type says {} valid columns", tile->valid_cols);
}

void FunctionVerifier::check_subview(const Operation& operation) {
  const auto* parent = operation.segments[0] == 1 ? as<TileType>(operation.operands[0]) : nullptr;
  const auto* tile = as<TileType>(operation.results[0]);
  if (!parent || !tile || operation.static_sizes.size() != 2 || operation.segments[1] != 2 ||
      (operation.segments[2] != 0 && operation.segments[2] != 2)) {
    report(operation, "takes a tile, two offsets, two sizes and optionally two valid extents");
    return;
  }
  expect_integers(operation, std::span(operation.operands).subspan(1));
  if (operation.static_sizes[0] != tile->rows || operation.static_sizes[1] != tile->cols)
    report(operation, "sizes [{}, {}] differ from {}", operation.static_sizes[0], operation.static_sizes[1],
           type_text(operation.results[0]));
  if (tile->rows > parent->rows || tile->cols > parent->cols) report(operation, "is larger than its tile");
  if (tile->space != parent->space || tile->element != parent->element || tile->blayout != parent->blayout ||
      tile->slayout != parent->slayout)
    report(operation, "space, element type and layout must be those of {}", type_text(operation.operands[0]));
}

void FunctionVerifier::check_reinterpret(const Operation& operation) {
  const auto* source = as<TileType>(operation.operands[0]);
  const auto* result = as<TileType>(operation.results[0]);
  if (!source || !result) {
    report(operation, "takes a tile and gives a tile");
    return;
  }
  if (source->space != result->space) report(operation, "the space changes");
  if (operation.code == OpCode::tassign) {
    expect_integers(operation, std::span(operation.operands).subspan(1));
    if (*source != *result) report(operation, "the type changes");
    return;
  }
  if (tile_bits(*source) != tile_bits(*result))
    report(operation, "{} bytes become {} bytes", tile_bits(*source) / 8, tile_bits(*result) / 8);
  if (operation.code == OpCode::treshape && source->element != result->element)
    report(operation, "the element type changes; pto.bitcast does that");
}

void FunctionVerifier::check_set_validshape(const Operation& operation) {
  const ValueId tile_id = operation.operands[0];
  const auto* tile = as<TileType>(tile_id);
  if (!tile || operation.segments[0] != 1) {
    report(operation, "sets the valid shape of a tile");
    return;
  }
  if (tile->valid_rows != kDynamic || tile->valid_cols != kDynamic)
    report(operation, "both valid extents must be '?', found {}", type_text(tile_id));
  if (!origin_[tile_id] &&
      std::find(function_.arguments.begin(), function_.arguments.end(), tile_id) != function_.arguments.end())
    report(operation, "%{} is an argument of the function", function_.values[tile_id].name);
  expect_integers(operation, std::span(operation.operands).subspan(1));
}

void FunctionVerifier::check_memory_scalar(const Operation& operation) {
  const auto& operands = operation.operands;
  const auto element = [&](ValueId id) -> std::optional<DType> {
    if (const auto* pointer = as<PtrType>(id)) return pointer->element;
    if (const auto* tile = as<TileType>(id)) return tile->element;
    if (const auto* array = as<LocalArrayType>(id)) return array->element;
    return std::nullopt;
  };
  const auto is_tile_op = operation.code == OpCode::tgetval || operation.code == OpCode::tsetval;
  const auto memory_ok = [&](ValueId id) {
    if (is_tile_op) return as<TileType>(id) != nullptr;
    const bool array = operation.code == OpCode::local_array_get || operation.code == OpCode::local_array_set;
    return array ? as<LocalArrayType>(id) != nullptr : as<PtrType>(id) != nullptr;
  };
  if (operation.code == OpCode::declare_local_array) {
    if (!as<LocalArrayType>(operation.results[0])) report(operation, "makes a local array");
    return;
  }
  const bool store = operation.code == OpCode::store_scalar;
  const ValueId memory = operands[store ? 1 : 0];
  if (!memory_ok(memory)) {
    report(operation, "does not work on {}", type_text(memory));
    return;
  }
  expect_integers(operation, std::span(operands).subspan(store ? 2 : 1, 1));
  switch (operation.code) {
    case OpCode::addptr:
      if (function_.type(memory) != function_.type(operation.results[0]))
        report(operation, "the pointer's type changes");
      return;
    case OpCode::load_scalar:
    case OpCode::tgetval:
    case OpCode::local_array_get:
      check_element_scalar(operation, *element(memory), operation.results[0]);
      return;
    case OpCode::store_scalar:
      check_element_scalar(operation, *element(memory), operands[0]);
      return;
    default:
      check_element_scalar(operation, *element(memory), operands[2]);
      return;
  }
}

void FunctionVerifier::check_tile(const Operation& operation) {
  const OpInfo& row = info(operation.code);
  const auto ins = operation.segment(0), outs = operation.segment(1);
  const auto count = static_cast<int>(ins.size());
  if (count < row.ins_min || count > row.ins_max) {
    if (row.ins_min == row.ins_max)
      report(operation, "{} operands in ins(), expected {}", count, row.ins_min);
    else
      report(operation, "{} operands in ins(), expected {} to {}", count, row.ins_min, row.ins_max);
    return;
  }
  if (static_cast<int>(outs.size()) != row.outs) {
    report(operation, "{} operands in outs(), expected {}", outs.size(), row.outs);
    return;
  }
  if (operation.code == OpCode::tload || operation.code == OpCode::tstore) return check_transfer(operation);
  const auto* destination = as<TileType>(outs[0]);
  if (!destination) {
    report(operation, "outs() must be a tile, found {}", type_text(outs[0]));
    return;
  }
  if (row.dtypes.bits != 0 && !row.dtypes.contains(destination->element))
    report(operation, "element type {} is not legal ({})", assay::name(destination->element), row.clause);
  if (operation.code != OpCode::tmov && destination->space != Space::vec)
    report(operation, "works on vec tiles, found {}", type_text(outs[0]));
  check_tile_operands(operation);
  if (operation.code == OpCode::tcvt) check_conversion(operation);
}

void FunctionVerifier::check_tile_operands(const Operation& operation) {
  const OpInfo& row = info(operation.code);
  const auto ins = operation.segment(0);
  const DType element = as<TileType>(operation.segment(1)[0])->element;
  const bool is_vec = as<TileType>(operation.segment(1)[0])->space == Space::vec;
  std::string pattern(operand_pattern(operation.code));
  if (pattern == "x") pattern = as<TileType>(ins[0]) ? "ts" : "st";
  for (std::size_t i = 0; i < ins.size(); ++i) {
    const bool scratch = row.scratch >= 0 && i == static_cast<std::size_t>(row.scratch);
    const char kind = scratch || i >= pattern.size() ? 't' : pattern[i];
    if (kind == 's') {
      if (!check_element_scalar(operation, element, ins[i])) return;
      continue;
    }
    const auto* tile = as<TileType>(ins[i]);
    if (!tile) {
      report(operation, "operand {} must be a tile, found {}", i + 1, type_text(ins[i]));
      return;
    }
    if (operation.code != OpCode::tmov && tile->space != Space::vec)
      report(operation, "works on vec tiles, found {}", type_text(ins[i]));
    const bool relayout = operation.code == OpCode::tmov && (tile->space != Space::vec || !is_vec);  // may convert
    if (!scratch && !relayout && same_element(operation.code, i) && tile->element != element)
      report(operation, "operand {} has element type {}, the destination {}", i + 1, assay::name(tile->element),
             assay::name(element));
  }
  if (operation.code == OpCode::tgather) {
    const DType index = as<TileType>(ins[1])->element;
    if (index != DType::i32 && index != DType::u32 && index != DType::i16 && index != DType::u16)
      report(operation, "indices have element type {}, expected 16- or 32-bit integers", assay::name(index));
  }
}

void FunctionVerifier::check_transfer(const Operation& operation) {
  const bool load = operation.code == OpCode::tload;
  const ValueId view_id = load ? operation.segment(0)[0] : operation.segment(1)[0];
  const ValueId tile_id = load ? operation.segment(1)[0] : operation.segment(0)[0];
  const auto* view = as<ViewType>(view_id);
  const auto* tile = as<TileType>(tile_id);
  if (!view || !tile) {
    report(operation, "moves between a partition and a tile, found {} and {}", type_text(view_id), type_text(tile_id));
    return;
  }
  if (tile->space != Space::acc && assay::info(view->element).bits != assay::info(tile->element).bits)
    report(operation, "element widths differ: {} in the view, {} in the tile", assay::name(view->element),
           assay::name(tile->element));
  if (load) return;
  const std::string_view atomic = word(operation.attributes, "atomicType");
  if (!atomic.empty() && atomic != "atomic_none" && atomic != "atomic_add")
    report(operation, "atomicType {} is not executed by this version", atomic);
  for (std::string_view key : {"preQuantScalar", "preQuantMode"})
    if (find(operation.attributes, key)) report(operation, "{} belongs to the cube tier and is not executed", key);
  const std::string_view relu = word(operation.attributes, "reluPreMode");
  if (!relu.empty() && relu != "no_relu" && relu != "NoRelu")
    report(operation, "reluPreMode {} belongs to the cube tier and is not executed", relu);
}

void FunctionVerifier::check_conversion(const Operation& operation) {
  const AttrDict& attributes = operation.attributes;
  if (find(attributes, "rmode")) {
    const std::string_view mode = word(attributes, "rmode");
    if (std::find(std::begin(kRoundModes), std::end(kRoundModes), mode) == std::end(kRoundModes))
      report(operation, "unknown rounding mode '{}', expected {}", mode, fmt::join(kRoundModes, " "));
  }
  if (find(attributes, "satmode") && find(attributes, "sat_mode"))
    report(operation, "satmode is given twice, once as sat_mode");
  for (std::string_view key : {"satmode", "sat_mode"}) {
    const std::string_view mode = word(attributes, key);
    if (find(attributes, key) && mode != "ON" && mode != "OFF")
      report(operation, "unknown saturation mode '{}', expected ON or OFF", mode);
  }
}

}  // namespace assay::pto
