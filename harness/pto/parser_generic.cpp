// MLIR's generic form: "pto.tadd"(%a, %b, %c) <{properties}> ({regions}) {attributes} : (T, T, T) -> ().
#include <algorithm>

#include "harness/pto/parser.h"

namespace assay::pto {
namespace {

constexpr std::string_view kIntPredicates[] = {"eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"};
constexpr std::string_view kFloatPredicates[] = {"false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord",
                                                 "ueq",   "ugt", "uge", "ult", "ule", "une", "uno", "true"};

void remove_key(AttrDict& attributes, std::string_view key) {
  std::erase_if(attributes, [&](const auto& entry) { return entry.first == key; });
}

// Operand segment sizes written as an attribute; empty when there are none.
std::vector<std::int64_t> take_segments(AttrDict& attributes) {
  std::vector<std::int64_t> sizes;
  for (std::string_view key : {"operandSegmentSizes", "operand_segment_sizes"}) {
    const Attribute* attribute = find(attributes, key);
    if (!attribute) continue;
    if (const auto* array = std::get_if<ArrayAttr>(&attribute->value))
      for (const Attribute& item : array->items)
        if (const auto* size = std::get_if<IntAttr>(&item.value)) sizes.push_back(size->value);
    remove_key(attributes, key);
  }
  return sizes;
}

// How many of a tile operation's operands stand in outs(...): the second destination is optional.
template <class TypeOf>
std::int64_t generic_outs(const OpInfo& row, const Operation& operation, std::size_t count, const TypeOf& type_of) {
  if (row.outs_max == row.outs) return row.outs;
  if (row.code == OpCode::tmrgsort) return count > 0 && std::holds_alternative<VectorType>(type_of(count - 1)) ? 2 : 1;
  if (row.code == OpCode::tgather) return find(operation.attributes, "cmpMode") ? 2 : 1;
  return count == 4 ? 2 : 1;  // source, scratch, value, index
}

// The text of other tools counts the second staging tile, and the pointer and the view of a ring, as segments of their
// own.
void merge_optional_pair(const OpInfo& row, std::vector<std::int64_t>& written) {
  std::size_t first = 0;
  std::size_t expected = 4;
  switch (row.code) {
    case OpCode::aic_initialize_pipe:
    case OpCode::aiv_initialize_pipe:
      break;
    case OpCode::comm_tput:
    case OpCode::comm_tget:
    case OpCode::comm_treduce:
      first = 2;
      expected = row.code == OpCode::comm_treduce ? 5 : 4;
      break;
    case OpCode::comm_tbroadcast:
    case OpCode::comm_tscatter:
    case OpCode::comm_tgather:
      first = 1;
      break;
    default:
      return;
  }
  if (written.size() != expected) return;
  written[first] += written[first + 1];
  written.erase(written.begin() + static_cast<std::ptrdiff_t>(first) + 1);
}

bool is_dynamic_row(const std::vector<Type>& results) {
  if (results.empty()) return false;
  if (const auto* multi = std::get_if<MultiTileType>(&results[0])) return multi->tile.valid_rows == kDynamic;
  const auto* tile = std::get_if<TileType>(&results[0]);
  return tile && tile->valid_rows == kDynamic;
}

}  // namespace

bool Parser::parse_generic_properties(AttrDict& attributes) {
  if (!at('<')) return true;
  advance();
  return parse_attr_dict(attributes) && expect('>', "to close the properties");
}

bool Parser::parse_generic_regions(std::vector<Region>& regions, OpCode parent) {
  if (!accept('(')) return true;
  do {
    regions.emplace_back();
    const std::size_t open = lexer_.position();
    const bool empty = at('{') && lexer_.next().is('}');  // an absent else
    lexer_.seek(open);
    if (empty) {
      advance();
      advance();
      continue;
    }
    if (!parse_region(regions.back(), parent, {}, {})) return false;
  } while (accept(','));
  return expect(')', "to close the regions");
}

bool Parser::parse_generic(const OpInfo& row, Operation& operation, std::vector<Type>& results) {
  const std::size_t begin = token_.offset;
  std::vector<Use> uses;
  if (!expect('(', "to open the operands")) return false;
  while (!at(')')) {
    uses.emplace_back();
    if (!parse_use(uses.back())) return false;
    if (!accept(',') && !at(')')) return fail_found("',' or ')' in the operands");
  }
  advance();
  if (at('[')) return fail(token_.offset, "successor blocks: control-flow graphs are not supported");
  if (!parse_generic_properties(operation.attributes) || !parse_generic_regions(operation.regions, row.code))
    return false;
  AttrDict trailing;
  if (!parse_optional_attr_dict(trailing) || !merge_attributes(operation.attributes, std::move(trailing), begin))
    return false;
  if (!expect(':', "and the operation's type") || !expect('(', "of the operation's type")) return false;
  if (!uses.empty() && !parse_use_types(uses)) return false;
  if (!expect(')', "to close the operand types") || !expect("->", "in the operation's type") ||
      !parse_type_list(results))
    return false;
  for (const Use& use : uses) operation.operands.push_back(use.id);
  return normalise_attributes(operation, results, begin) && segment_generic(row, operation, results, begin);
}

bool Parser::normalise_attributes(Operation& operation, const std::vector<Type>& results, std::size_t offset) {
  AttrDict& attributes = operation.attributes;
  const auto rename = [&](std::string_view from, std::string_view to) {
    for (auto& entry : attributes) {
      if (entry.first != from) continue;
      entry.first = std::string(to);
      if (auto* e = std::get_if<EnumAttr>(&entry.second.value)) e->kind.clear();
    }
    if (word(attributes, to) == "none") remove_key(attributes, to);
  };
  if (info(operation.code).family == Family::arith) {
    rename("overflowFlags", "overflow");
    rename("fastmath", "fastmath");
  }
  for (auto& entry : attributes) {
    auto* number = std::get_if<IntAttr>(&entry.second.value);
    if (entry.first == "predicate" && number) {
      const bool integers = operation.code == OpCode::arith_cmpi;
      const std::span<const std::string_view> names = integers ? std::span<const std::string_view>(kIntPredicates)
                                                               : std::span<const std::string_view>(kFloatPredicates);
      if (number->value < 0 || number->value >= static_cast<std::int64_t>(names.size()))
        return fail(offset, fmt::format("predicate {} does not exist", number->value));
      entry.second.value = StringAttr{std::string(names[static_cast<std::size_t>(number->value)])};
    } else if (operation.code == OpCode::arith_constant && entry.first == "value" && number && !number->type &&
               !results.empty()) {
      if (const auto* scalar = std::get_if<ScalarType>(&results[0])) number->type = scalar->kind;
    }
  }
  if (operation.code == OpCode::subview) {
    for (std::string_view key : {"sizes", "static_sizes"})
      if (const Attribute* sizes = find(attributes, key))
        if (const auto* array = std::get_if<ArrayAttr>(&sizes->value))
          for (const Attribute& item : array->items)
            if (const auto* size = std::get_if<IntAttr>(&item.value)) operation.static_sizes.push_back(size->value);
    remove_key(attributes, "sizes");
    remove_key(attributes, "static_sizes");
    if (operation.static_sizes.size() != 2) return fail(offset, "pto.subview needs sizes = [rows, columns]");
  }
  return true;
}

// Cuts the operands into the segments the custom form has (see Operation::operands).
bool Parser::segment_generic(const OpInfo& row, Operation& operation, const std::vector<Type>& results,
                             std::size_t offset) {
  const std::size_t count = operation.operands.size();
  std::vector<std::int64_t> written = take_segments(operation.attributes);
  const auto type_of = [&](std::size_t i) -> const Type& { return function_->type(operation.operands[i]); };
  std::vector<std::int64_t> sizes{static_cast<std::int64_t>(count)};
  const auto n = static_cast<std::int64_t>(count);
  switch (row.code) {
    case OpCode::for_op:
      sizes = {1, 1, 1, n - 3};
      break;
    case OpCode::make_tensor_view:
    case OpCode::partition_view:
      sizes = {1, (n - 1) / 2, n - 1 - (n - 1) / 2};
      break;
    case OpCode::subview:
      sizes = {1, 2, n - 3};
      break;
    case OpCode::set_validshape:
      sizes = {1, 1, 1};
      break;
    case OpCode::load_scalar:
    case OpCode::tget_scale_addr:
      sizes = {1, 1};
      break;
    case OpCode::store_scalar:
      sizes = {1, 1, 1};
      if (count == 3 && std::holds_alternative<PtrType>(type_of(0)))  // (pointer, offset, value)
        operation.operands = {operation.operands[2], operation.operands[0], operation.operands[1]};
      break;
    case OpCode::tsetval:
      for (std::size_t i = 1; i < count; ++i)
        if (std::holds_alternative<TileType>(type_of(i)))
          std::rotate(operation.operands.begin(), operation.operands.begin() + static_cast<std::ptrdiff_t>(i),
                      operation.operands.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      break;
    case OpCode::alloc_multi_tile:
    case OpCode::alloc_tile: {
      sizes = {0, 0, 0};
      std::size_t next = 0;
      if (next < count && type_of(next) == Type{ScalarType{ScalarKind::i64}}) sizes[0] = 1, ++next;
      if (next < count && (is_dynamic_row(results) || count - next == 2)) sizes[1] = 1, ++next;
      if (next < count) sizes[2] = 1;
      break;
    }
    case OpCode::aic_initialize_pipe:
    case OpCode::aiv_initialize_pipe:
      sizes = {0, 0, n};  // pointer or view, then the consumers' buffers
      if (count > 0 && type_of(0) != Type{ScalarType{ScalarKind::i32}})
        sizes = {1, n > 1 ? 1 : 0, n > 2 ? n - 2 : 0};
      else if (count > 1)
        sizes = {0, 1, n - 1};
      break;
    case OpCode::tpush_to_aiv:
    case OpCode::tpush_to_aic:
      sizes = {1, n - 1};
      break;
    case OpCode::comm_tput:
    case OpCode::comm_tget:
    case OpCode::comm_tput_async:
    case OpCode::comm_tget_async:
      sizes = {1, 1, n - 2};
      break;
    case OpCode::comm_build_async_session:
    case OpCode::comm_wait_async_event:
    case OpCode::comm_test_async_event:
    case OpCode::comm_tnotify:
    case OpCode::comm_twait:
    case OpCode::comm_ttest:
      sizes = {1, n - 1};
      break;
    case OpCode::comm_tbroadcast:
    case OpCode::comm_tscatter:
    case OpCode::comm_tgather:
      sizes = {1, 1, n - 2};
      break;
    case OpCode::comm_treduce:
      sizes = {1, 1, 1, n - 3};
      break;
    case OpCode::syncall: {
      const auto kind = [&](ValueId id) {
        const Type& type = function_->type(id);
        return std::holds_alternative<ScalarType>(type) ? 1 : std::holds_alternative<TileType>(type) ? 2 : 0;
      };
      std::stable_sort(operation.operands.begin(), operation.operands.end(),
                       [&](ValueId a, ValueId b) { return kind(a) < kind(b); });
      sizes = {0, 0, 0};
      for (ValueId id : operation.operands) ++sizes[static_cast<std::size_t>(kind(id))];
      written.clear();
      break;
    }
    default:
      if (row.family == Family::tile) {
        const std::int64_t outs = generic_outs(row, operation, count, type_of);
        sizes = {n - outs, outs};
      }
      break;
  }
  merge_optional_pair(row, written);
  if (row.family != Family::tile && written.size() == sizes.size()) sizes = std::move(written);
  std::int64_t total = 0;
  operation.segments.clear();
  for (std::int64_t size : sizes) {
    if (size < 0) return fail(offset, fmt::format("{} operands are too few for {}", count, row.mnemonic));
    total += size;
    operation.segments.push_back(static_cast<std::uint32_t>(size));
  }
  if (total != n) return fail(offset, fmt::format("{} operands do not fit {}", count, row.mnemonic));
  return true;
}

bool Parser::parse_generic_module(Module& module) {
  const Nested nested(*this);
  if (!nested.ok()) return false;
  advance();
  AttrDict attributes;
  const std::size_t begin = token_.offset;
  if (!expect('(', "after \"builtin.module\"") || !expect(')', "after '('") || !parse_generic_properties(attributes) ||
      !expect('(', "to open the module's region") || !expect('{', "to open the module"))
    return false;
  if (token_.kind == TokenKind::block) {
    advance();
    if (!expect(':', "after the block's label")) return false;
  }
  if (!parse_top_level(module, true) || !expect('}', "to close the module") || !expect(')', "to close the region"))
    return false;
  AttrDict trailing;
  std::vector<Type> arguments, results;
  if (!parse_optional_attr_dict(trailing) || !expect(':', "and the module's type") ||
      !parse_function_type(arguments, results) || !skip_location())
    return false;
  return merge_attributes(module.attributes, std::move(attributes), begin) &&
         merge_attributes(module.attributes, std::move(trailing), begin);
}

bool Parser::parse_generic_function(Module& module) {
  Function function;
  const std::size_t begin = token_.offset;
  function.location = location(begin);
  advance();
  AttrDict trailing;
  std::vector<Type> ignored_arguments, ignored_results;
  if (!expect('(', "after \"func.func\"") || !expect(')', "after '('") || !begin_function(function, {})) return false;
  attribute_results_.clear();
  if (!parse_generic_properties(function.attributes)) return false;
  std::vector<Region> regions;
  if (!parse_generic_regions(regions, OpCode::func)) return false;
  if (!parse_optional_attr_dict(trailing) || !merge_attributes(function.attributes, std::move(trailing), begin) ||
      !expect(':', "and the function's type") || !parse_function_type(ignored_arguments, ignored_results) ||
      !skip_location())
    return false;
  function.name = std::string(word(function.attributes, "sym_name"));
  if (function.name.empty()) return fail(begin, "\"func.func\" without sym_name");
  if (!function_names_.insert(function.name).second)
    return fail(begin, fmt::format("function @{} is defined twice", function.name));
  if (!find(function.attributes, "function_type")) return fail(begin, "\"func.func\" without function_type");
  function.results = attribute_results_;
  remove_key(function.attributes, "sym_name");
  remove_key(function.attributes, "function_type");
  remove_key(function.attributes, "arg_attrs");
  remove_key(function.attributes, "res_attrs");
  if (regions.size() != 1) return fail(begin, "\"func.func\" has one region");
  function.body = std::move(regions[0]);
  function.arguments = std::move(function.body.arguments);
  function.body.arguments.clear();
  function.is_external = function.body.body.empty();
  module.functions.push_back(std::move(function));
  return true;
}

}  // namespace assay::pto
