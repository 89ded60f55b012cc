// Bodies of view, allocation and scalar-memory operations (family B, pto-format 1.1).
#include "harness/pto/parser.h"

namespace assay::pto {

bool Parser::parse_view_operation(bool subset, Operation& operation, std::vector<Type>& results) {
  switch (operation.code) {
    case OpCode::make_tensor_view:
      return parse_make_tensor_view(operation, results);
    case OpCode::partition_view: {
      Use view;
      return parse_use(view) && parse_partition_view(operation, view, results);
    }
    case OpCode::alloc_tile:
    case OpCode::alloc_multi_tile:
      return parse_alloc_tile(operation, results);
    case OpCode::multi_tile_get:
      return parse_multi_tile_get(operation, results);
    case OpCode::get_validshape:
    case OpCode::get_tensor_view_dim:
      return parse_extent_query(operation, results);
    case OpCode::subview:
      return parse_subview(subset, operation, results);
    case OpCode::treshape:
    case OpCode::bitcast:
    case OpCode::tassign:
      return parse_reinterpret(operation, results);
    case OpCode::addptr:
      return parse_addptr(operation, results);
    case OpCode::tget_scale_addr:
      return parse_tile_operation(operation);
    case OpCode::load_scalar:
    case OpCode::store_scalar:
      return parse_scalar_memory(operation, results);
    case OpCode::declare_local_array:
    case OpCode::local_array_get:
    case OpCode::local_array_set:
      return parse_local_array(operation, results);
    case OpCode::set_validshape: {
      std::vector<Use> uses(3);
      if (!parse_use(uses[0]) || !expect(',', "and the valid rows") || !parse_use(uses[1]) ||
          !expect(',', "and the valid columns") || !parse_use(uses[2]) ||
          !parse_optional_attr_dict(operation.attributes) || !expect(':', "and the tile's type") ||
          !parse_use_type(uses[0]) || !parse_extent_type({uses[1], uses[2]}))
        return false;
      for (const Use& use : uses) add_segment(operation, {use});
      return true;
    }
    default:
      return parse_tile_element(operation, results);
  }
}

// `%p, shape = [..], strides = [..] {layout = ..} : T`; the comma before strides is optional in old reports.
bool Parser::parse_make_tensor_view(Operation& operation, std::vector<Type>& results) {
  std::vector<Use> pointer(1), shape, strides;
  if (!parse_use(pointer[0])) return false;
  accept(',');
  if (!expect_word("shape", "of the view") || !expect('=', "after shape") || !parse_uses_in_brackets(shape))
    return false;
  accept(',');
  if (!expect_word("strides", "of the view") || !expect('=', "after strides") || !parse_uses_in_brackets(strides))
    return false;
  if (!parse_optional_attr_dict(operation.attributes) || !expect(':', "and the view's type")) return false;
  const std::size_t begin = token_.offset;
  Type type;
  if (!parse_type(type)) return false;
  auto* view = std::get_if<ViewType>(&type);
  if (!view || view->partition)
    return fail(begin, fmt::format("found {}, expected !pto.tensor_view<..>", to_string(type)));
  // The stale spelling tensor_view<2xf32> of a view of rank 2 (pto-format 1.2).
  if (view->shape.size() == 1 && shape.size() > 1 && view->shape[0] == static_cast<std::int64_t>(shape.size()))
    view->shape.assign(shape.size(), kDynamic);
  for (const auto* segment : {&pointer, &shape, &strides}) add_segment(operation, *segment);
  results.push_back(std::move(type));
  return true;
}

// After `%v`: `, offsets = [..], sizes = [..] : T [-> T]`.
bool Parser::parse_partition_view(Operation& operation, const Use& view, std::vector<Type>& results) {
  std::vector<Use> offsets, sizes;
  accept(',');
  if (!expect_word("offsets", "of the partition") || !expect('=', "after offsets") || !parse_uses_in_brackets(offsets))
    return false;
  accept(',');
  if (!expect_word("sizes", "of the partition") || !expect('=', "after sizes") || !parse_uses_in_brackets(sizes))
    return false;
  if (!parse_optional_attr_dict(operation.attributes) || !expect(':', "and the view's type") || !parse_use_type(view))
    return false;
  for (const auto& segment : {std::vector<Use>{view}, offsets, sizes}) add_segment(operation, segment);
  if (accept("->")) {
    results.emplace_back();
    return parse_type(results.back(), ViewHint::partition);
  }
  const auto* source = std::get_if<ViewType>(&function_->type(view.id));
  if (!source) return fail(view.offset, "only a view can be partitioned");
  results.push_back(ViewType{source->element, std::vector<std::int64_t>(sizes.size(), kDynamic), true});
  result_inferred_ = true;
  return true;
}

// `[, i32]`: the type of valid extents that are not of type index.
bool Parser::parse_extent_type(const std::vector<Use>& extents) {
  if (!accept(',')) return true;
  const std::size_t begin = token_.offset;
  Type type;
  if (!parse_type(type)) return false;
  for (const Use& use : extents)
    if (!check_use_type(use, type, begin)) return false;
  return true;
}

// `[addr = %a] [valid_row = %r] [valid_col = %c] : T`, in any order, commas optional.
bool Parser::parse_alloc_tile(Operation& operation, std::vector<Type>& results) {
  constexpr std::string_view kKeys[] = {"addr", "valid_row", "valid_col"};
  std::vector<Use> segments[3];
  while (token_.kind == TokenKind::word) {
    std::size_t i = 0;
    while (i < 3 && !at_word(kKeys[i])) ++i;
    if (i == 3) return fail_found("addr, valid_row, valid_col or ':' and the tile's type");
    if (!segments[i].empty()) return fail(token_.offset, fmt::format("{} is given twice", kKeys[i]));
    advance();
    segments[i].emplace_back();
    if (!expect('=', "and a value") || !parse_use(segments[i][0])) return false;
    accept(',');
  }
  if (!parse_optional_attr_dict(operation.attributes) || !expect(':', "and the tile's type")) return false;
  const std::size_t begin = token_.offset;
  Type type;
  if (!parse_type(type)) return false;
  if (operation.code == OpCode::alloc_tile ? !std::holds_alternative<TileType>(type)
                                           : !std::holds_alternative<MultiTileType>(type))
    return fail(begin, fmt::format("found {}, expected a {} type", to_string(type),
                                   operation.code == OpCode::alloc_tile ? "tile" : "!pto.multi_tile_buf<..>"));
  std::vector<Use> extents = segments[1];
  extents.insert(extents.end(), segments[2].begin(), segments[2].end());
  if (!parse_extent_type(extents)) return false;
  for (const auto& segment : segments) add_segment(operation, segment);
  results.push_back(std::move(type));
  return true;
}

// `%m[%slot] : M -> T`
bool Parser::parse_multi_tile_get(Operation& operation, std::vector<Type>& results) {
  std::vector<Use> uses(2);
  if (!parse_use(uses[0]) || !expect('[', "and the slot") || !parse_use(uses[1]) || !expect(']', "after the slot") ||
      !parse_optional_attr_dict(operation.attributes) || !expect(':', "and the type of the buffers") ||
      !parse_use_type(uses[0]))
    return false;
  results.emplace_back();
  add_segment(operation, uses);
  return expect("->", "and the tile's type") && parse_type(results.back());
}

// `get_validshape %t : T` gives two indices, `get_tensor_view_dim %v, %i : V -> index` one.
bool Parser::parse_extent_query(Operation& operation, std::vector<Type>& results) {
  const bool view = operation.code == OpCode::get_tensor_view_dim;
  std::vector<Use> uses(view ? 2 : 1);
  if (!parse_use(uses[0])) return false;
  if (view && (!expect(',', "and the dimension") || !parse_use(uses[1]))) return false;
  if (!parse_optional_attr_dict(operation.attributes) || !expect(':', "and the operand's type") ||
      !parse_use_type(uses[0]))
    return false;
  results.assign(view ? 1 : 2, ScalarType{ScalarKind::index});
  add_segment(operation, uses);
  if (!accept("->")) return true;
  const std::size_t begin = token_.offset;
  std::vector<Type> written;
  do {
    if (!parse_type_list(written)) return false;
  } while (!view && written.size() < 2 && accept(','));
  return written == results || fail(begin, fmt::format("{} gives type index", mnemonic(operation.code)));
}

// `%t[%i, %j] sizes [R, C] [valid [%r, %c]] : T -> T`. The old pto.subset names no result type. The old pto.subview of
// a view is today's partition_view (pto-format 2.1).
bool Parser::parse_subview(bool subset, Operation& operation, std::vector<Type>& results) {
  std::vector<Use> tile(1), offsets, valid;
  if (!parse_use(tile[0])) return false;
  if (std::holds_alternative<ViewType>(function_->type(tile[0].id))) {
    operation.code = OpCode::partition_view;
    return parse_partition_view(operation, tile[0], results);
  }
  if (!parse_uses_in_brackets(offsets) || !expect_word("sizes", "of the subview") || !expect('[', "after sizes"))
    return false;
  const std::size_t sizes_at = token_.offset;
  while (!at(']')) {
    operation.static_sizes.push_back(0);
    if (!parse_int(operation.static_sizes.back(), "a size")) return false;
    if (!accept(',') && !at(']')) return fail_found("',' or ']' in the sizes");
  }
  advance();
  if (offsets.size() != 2 || operation.static_sizes.size() != 2)
    return fail(sizes_at, "a subview has two offsets and two sizes");
  if (accept_word("valid")) {
    if (!parse_uses_in_brackets(valid)) return false;
    if (valid.size() != 2) return fail(sizes_at, "valid takes two values: rows and columns");
  }
  if (!parse_optional_attr_dict(operation.attributes) || !expect(':', "and the tile's type") ||
      !parse_use_type(tile[0]))
    return false;
  for (const auto* segment : {&tile, &offsets, &valid}) add_segment(operation, *segment);
  if (accept("->")) {
    results.emplace_back();
    return parse_type(results.back());
  }
  if (!subset) return fail_found("'->' and the type of the subview");
  const auto* source = std::get_if<TileType>(&function_->type(tile[0].id));
  if (!source) return fail(tile[0].offset, "pto.subset takes a tile");
  TileType type = *source;
  type.rows = operation.static_sizes[0];
  type.cols = operation.static_sizes[1];
  type.valid_rows = valid.empty() ? type.rows : kDynamic;
  type.valid_cols = valid.empty() ? type.cols : kDynamic;
  results.push_back(type);
  return true;
}

// `%t : T -> T`, tassign: `%t, %addr : T -> T` or `%t, %addr : T, i64 -> T`.
bool Parser::parse_reinterpret(Operation& operation, std::vector<Type>& results) {
  std::vector<Use> uses(1);
  if (!parse_use(uses[0])) return false;
  if (operation.code == OpCode::tassign) {
    uses.emplace_back();
    if (!expect(',', "and the address") || !parse_use(uses[1])) return false;
  }
  if (!parse_optional_attr_dict(operation.attributes) || !expect(':', "and the tile's type") ||
      !parse_use_type(uses[0]))
    return false;
  if (uses.size() == 2 && accept(',') && !parse_use_type(uses[1])) return false;
  results.emplace_back();
  if (!expect("->", "and the result's type") || !parse_type(results.back())) return false;
  add_segment(operation, uses);
  return true;
}

// `%p, %i [: P [-> P]]`
bool Parser::parse_addptr(Operation& operation, std::vector<Type>& results) {
  std::vector<Use> uses(2);
  if (!parse_use(uses[0]) || !expect(',', "and the offset") || !parse_use(uses[1]) ||
      !parse_optional_attr_dict(operation.attributes))
    return false;
  Type type = function_->type(uses[0].id);
  if (accept(':')) {
    if (!parse_use_type(uses[0])) return false;
    if (accept(',') && !parse_use_type(uses[1])) return false;
    if (accept("->") && !parse_type(type)) return false;
  }
  add_segment(operation, uses);
  results.push_back(std::move(type));
  return true;
}

// `%p[%i] : P -> f32` and `%v, %p[%i] : P, f32`
bool Parser::parse_scalar_memory(Operation& operation, std::vector<Type>& results) {
  const bool store = operation.code == OpCode::store_scalar;
  std::vector<Use> value(store ? 1 : 0), pointer(1), offset(1);
  if (store && (!parse_use(value[0]) || !expect(',', "and the pointer"))) return false;
  if (!parse_use(pointer[0]) || !expect('[', "and the offset") || !parse_use(offset[0]) ||
      !expect(']', "after the offset") || !parse_optional_attr_dict(operation.attributes) ||
      !expect(':', "and the pointer's type") || !parse_use_type(pointer[0]))
    return false;
  if (store) {
    if (!expect(',', "and the value's type") || !parse_use_type(value[0])) return false;
    add_segment(operation, value);
  } else {
    results.emplace_back();
    if (!expect("->", "and the result's type") || !parse_type(results.back())) return false;
  }
  add_segment(operation, pointer);
  add_segment(operation, offset);
  return true;
}

// `tgetval ins(%t, %off : T, index) outs : f32`, `tsetval ins(%off, %v : index, f32) outs(%t : T)`, `tprint ins(%t :
// T)`
bool Parser::parse_tile_element(Operation& operation, std::vector<Type>& results) {
  std::vector<Use> ins, outs;
  const std::size_t begin = token_.offset;
  if (operation.code == OpCode::tprint && token_.kind == TokenKind::value) {
    ins.emplace_back();
    if (!parse_use(ins[0]) || !expect(':', "and the operand's type") || !parse_use_type(ins[0])) return false;
  } else if (!expect_word("ins", "and the operands") || !parse_operand_group(ins, operation.attributes)) {
    return false;
  }
  const std::size_t expected = operation.code == OpCode::tprint ? 1 : 2;
  if (ins.size() != expected)
    return fail(begin,
                fmt::format("{} takes {} operands in ins(), found {}", mnemonic(operation.code), expected, ins.size()));
  if (operation.code == OpCode::tgetval) {
    results.emplace_back();
    if (!expect_word("outs", "and the result's type") || !expect(':', "and the result's type") ||
        !parse_type(results.back()))
      return false;
  } else if (operation.code == OpCode::tsetval) {
    if (!expect_word("outs", "and the tile") || !parse_operand_group(outs, operation.attributes)) return false;
    if (outs.size() != 1) return fail(begin, "pto.tsetval writes one tile");
    ins.insert(ins.begin(), outs[0]);
  }
  AttrDict trailing;
  if (!parse_optional_attr_dict(trailing) || !merge_attributes(operation.attributes, std::move(trailing), begin))
    return false;
  add_segment(operation, ins);
  return true;
}

bool Parser::parse_local_array(Operation& operation, std::vector<Type>& results) {
  std::vector<Use> uses;
  if (operation.code == OpCode::declare_local_array) {
    results.emplace_back();
    if (!parse_optional_attr_dict(operation.attributes)) return false;
    if (!accept("->") && !accept(':')) return fail_found("'->' and the array's type");
    if (!parse_type(results.back())) return false;
    add_segment(operation, uses);
    return true;
  }
  uses.resize(2);
  if (!parse_use(uses[0]) || !expect('[', "and the index") || !parse_use(uses[1]) || !expect(']', "after the index"))
    return false;
  const bool set = operation.code == OpCode::local_array_set;
  if (set) {
    uses.emplace_back();
    if (!expect(',', "and the value") || !parse_use(uses[2])) return false;
  }
  if (!parse_optional_attr_dict(operation.attributes) || !expect(':', "and the array's type") ||
      !parse_use_type(uses[0]))
    return false;
  if (set) {
    if (!expect(',', "and the value's type") || !parse_use_type(uses[2])) return false;
  } else {
    results.emplace_back();
    if (!expect("->", "and the result's type") || !parse_type(results.back())) return false;
  }
  add_segment(operation, uses);
  return true;
}

}  // namespace assay::pto
