// Static rules of views, allocation and scalars in memory.
#include <algorithm>

#include "harness/pto/literal.h"
#include "harness/pto/element_scalar.h"
#include "harness/pto/verify_function.h"

namespace assay::pto {
namespace {

std::int64_t tile_bits(const TileType& tile) { return tile.rows * tile.cols * assay::info(tile.element).bits; }

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
    case OpCode::alloc_multi_tile:
      return check_alloc(operation);
    case OpCode::multi_tile_get:
      return check_multi_tile_get(operation);
    case OpCode::get_validshape:
    case OpCode::get_tensor_view_dim:
      return check_extent_query(operation);
    case OpCode::subview:
      return check_subview(operation);
    case OpCode::treshape:
    case OpCode::bitcast:
    case OpCode::tassign:
      return check_reinterpret(operation);
    case OpCode::set_validshape:
      return check_set_validshape(operation);
    case OpCode::tget_scale_addr:
      return check_scale_address(operation);
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
  const auto* multi = as<MultiTileType>(operation.results[0]);
  const auto* tile = operation.code == OpCode::alloc_tile ? as<TileType>(operation.results[0])
                     : multi                              ? &multi->tile
                                                          : nullptr;
  if (!tile) {
    report(operation, "allocates {}", operation.code == OpCode::alloc_tile ? "a tile" : "buffers of one tile type");
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

void FunctionVerifier::check_multi_tile_get(const Operation& operation) {
  const auto* multi = as<MultiTileType>(operation.operands[0]);
  const auto* tile = as<TileType>(operation.results[0]);
  if (!multi || !tile || *tile != multi->tile) {
    report(operation, "gives a tile of the buffers' type, found {} and {}", described(operation.operands[0]),
           type_text(operation.results[0]));
    return;
  }
  if (!expect_integers(operation, std::span(operation.operands).subspan(1))) return;
  const auto slot = constants_[operation.operands[1]];
  if (slot && (*slot < 0 || *slot >= multi->count))
    report(operation, "slot {} of {}", *slot, described(operation.operands[0]));
}

void FunctionVerifier::check_extent_query(const Operation& operation) {
  for (ValueId id : operation.results)
    if (function_.type(id) != Type{ScalarType{ScalarKind::index}})
      report(operation, "gives type index, not {}", type_text(id));
  if (operation.code == OpCode::get_validshape) {
    if (!as<TileType>(operation.operands[0]))
      report(operation, "asks a tile, found {}", described(operation.operands[0]));
    return;
  }
  const auto* view = as<ViewType>(operation.operands[0]);
  if (!view) {
    report(operation, "asks a view, found {}", described(operation.operands[0]));
    return;
  }
  if (!expect_integers(operation, std::span(operation.operands).subspan(1))) return;
  const auto dimension = constants_[operation.operands[1]];
  if (dimension && (*dimension < 0 || *dimension >= static_cast<std::int64_t>(view->shape.size())))
    report(operation, "dimension {} of {}", *dimension, described(operation.operands[0]));
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

}  // namespace assay::pto
