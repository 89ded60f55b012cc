// Values, scopes, results, and the dispatch of one operation to its body.
#include "harness/pto/known_ops.h"
#include "harness/pto/parser.h"

namespace assay::pto {

// ---- values

ValueId Parser::make_value(std::string name, Type type, std::size_t offset) {
  const auto id = static_cast<ValueId>(function_->values.size());
  function_->values.push_back({std::move(name), std::move(type)});
  definitions_.push_back(offset);
  inferred_.push_back(false);
  return id;
}

bool Parser::define(const ResultName& name, const Type& type, ValueId& id) {
  id = make_value(name.name, type, name.offset);
  if (name.name.empty()) return true;
  const auto [entry, fresh] = names_.emplace(name.name, id);
  if (!fresh)
    return fail(name.offset, fmt::format("%{} is defined twice; first in line {}", name.name,
                                         location(definitions_[entry->second]).line));
  scope_names_.push_back(name.name);
  return true;
}

void Parser::close_scope(Scope scope) {
  for (std::size_t i = scope.mark; i < scope_names_.size(); ++i) names_.erase(scope_names_[i]);
  scope_names_.resize(scope.mark);
}

bool Parser::parse_use(Use& use) {
  if (token_.kind != TokenKind::value) return fail_found("a value, as in %x");
  use.offset = token_.offset;
  const std::string_view name = token_.text;
  advance();
  auto entry = names_.end();
  std::string numbered;
  if (at('#') && token_.offset == use.offset + 1 + name.size()) {
    advance();
    std::int64_t index = 0;
    if (!parse_int(index, "a result number after '#'")) return false;
    numbered = fmt::format("{}#{}", name, index);
    entry = names_.find(numbered);
    if (entry == names_.end() && index == 0) entry = names_.find(name);
  } else {
    entry = names_.find(name);
    if (entry == names_.end()) entry = names_.find(fmt::format("{}#0", name));
  }
  if (entry == names_.end())
    return fail(use.offset, fmt::format("%{} is not defined here; a value must be defined before its use",
                                        numbered.empty() ? std::string(name) : numbered));
  use.id = entry->second;
  return true;
}

// Current token is '['. Values only.
bool Parser::parse_uses_in_brackets(std::vector<Use>& uses) {
  if (!expect('[', "to open the list")) return false;
  while (!at(']')) {
    uses.emplace_back();
    if (!parse_use(uses.back())) return false;
    if (!accept(',') && !at(']')) return fail_found("',' or ']' in the list");
  }
  return expect(']', "to close the list");
}

bool Parser::check_use_type(const Use& use, const Type& type, std::size_t offset) {
  Type& defined = function_->values[use.id].type;
  if (defined == type) return true;
  const auto* view = std::get_if<ViewType>(&type);
  auto* view_defined = std::get_if<ViewType>(&defined);
  if (view && view_defined && view->element == view_defined->element && view->partition == view_defined->partition) {
    if (inferred_[use.id] && view->shape.size() == view_defined->shape.size()) {
      *view_defined = *view;
      inferred_[use.id] = false;
      return true;
    }
    // The stale spelling tensor_view<2xf32> of a view of rank 2 (pto-format 1.2).
    if (view->shape.size() == 1 && view_defined->shape.size() > 1 &&
        view->shape[0] == static_cast<std::int64_t>(view_defined->shape.size()))
      return true;
  }
  return fail(offset, fmt::format("%{} has type {} (line {}), but this use says {}", function_->values[use.id].name,
                                  to_string(defined), location(definitions_[use.id]).line, to_string(type)));
}

bool Parser::parse_use_type(const Use& use) {
  const std::size_t begin = token_.offset;
  const auto* view = std::get_if<ViewType>(&function_->type(use.id));
  Type type;
  return parse_type(type, view && view->partition ? ViewHint::partition : ViewHint::tensor) &&
         check_use_type(use, type, begin);
}

bool Parser::parse_use_types(const std::vector<Use>& uses) {
  for (std::size_t i = 0; i < uses.size(); ++i) {
    if (i > 0 && !accept(','))
      return fail_found(fmt::format("',' and a type: {} operands, but {} types", uses.size(), i));
    if (!parse_use_type(uses[i])) return false;
  }
  if (!at(',')) return true;
  const std::size_t after = lexer_.position();
  const bool text = lexer_.next().kind == TokenKind::text;  // "row" or "col" of tgather
  lexer_.seek(after);
  return text || fail(token_.offset, fmt::format("more types than the {} operands", uses.size()));
}

void Parser::add_segment(Operation& operation, const std::vector<Use>& uses) {
  for (const Use& use : uses) operation.operands.push_back(use.id);
  operation.segments.push_back(static_cast<std::uint32_t>(uses.size()));
}

// ---- operations

bool Parser::parse_result_names(std::vector<ResultName>& names) {
  constexpr std::int64_t kMaxResults = 1024;
  while (token_.kind == TokenKind::value) {
    const std::size_t begin = token_.offset;
    const std::string name(token_.text);
    advance();
    if (accept(':')) {
      std::int64_t count = 0;
      if (!parse_int(count, "the number of results")) return false;
      if (count < 1 || count > kMaxResults)
        return fail(begin, fmt::format("{} results, expected 1 to {}", count, kMaxResults));
      for (std::int64_t i = 0; i < count; ++i)
        names.push_back({count == 1 ? name : fmt::format("{}#{}", name, i), begin});
    } else {
      names.push_back({name, begin});
    }
    if (!accept(',')) break;
  }
  return expect('=', "after the results");
}

bool Parser::define_results(Operation& operation, const std::vector<ResultName>& names,
                            const std::vector<Type>& types) {
  if (names.size() > types.size())
    return fail(names[0].offset, fmt::format("{} has {} results, but {} are named", mnemonic(operation.code),
                                             types.size(), names.size()));
  if (!names.empty() && names.size() < types.size())
    return fail(names[0].offset, fmt::format("{} has {} results, but only {} are named", mnemonic(operation.code),
                                             types.size(), names.size()));
  for (std::size_t i = 0; i < types.size(); ++i) {
    ValueId id = 0;
    if (!define(names.empty() ? ResultName{} : names[i], types[i], id)) return false;
    operation.results.push_back(id);
  }
  return true;
}

bool Parser::refuse_operation(std::string_view name, std::size_t offset) {
  return fail(offset, explain_unknown_operation(name));
}

// Older names of operations, and names without their dialect (pto-format, changes between the versions).
constexpr std::pair<std::string_view, std::string_view> kOlderNames[] = {
    {"return", "func.return"},
    {"call", "func.call"},
    {"pto.subset", "pto.subview"},
    {"pto.tmov.fp", "pto.tmov"},
    {"pto.tstore_fp", "pto.tstore"},
    {"pto.tstore.fp", "pto.tstore"},
    {"pto.textract_fp", "pto.textract"},
    {"pto.tinsert_fp", "pto.tinsert"},
    {"pto.tput", "pto.comm.tput"},
    {"pto.tget", "pto.comm.tget"},
    {"pto.tnotify", "pto.comm.tnotify"},
    {"pto.twait", "pto.comm.twait"},
    {"pto.ttest", "pto.comm.ttest"},
    {"pto.tbroadcast", "pto.comm.tbroadcast"},
    {"pto.treduce", "pto.comm.treduce"},
    {"pto.tput_async", "pto.comm.tput_async"},
    {"pto.tget_async", "pto.comm.tget_async"},
    {"pto.build_async_session", "pto.comm.build_async_session"},
    {"pto.wait_async_event", "pto.comm.wait_async_event"},
    {"pto.test_async_event", "pto.comm.test_async_event"}};

bool Parser::resolve_operation(std::string_view name, std::size_t offset, const OpInfo*& row) {
  row = find_op(name);
  if (row && row->code == OpCode::func) return fail(offset, "a function cannot stand inside a function");
  if (row) return true;
  for (const auto& [older, today] : kOlderNames)
    if (name == older) row = find_op(today);
  return row || refuse_operation(name, offset);
}

bool Parser::parse_operation(Region& region) {
  const Nested nested(*this);
  if (!nested.ok()) return false;
  if (++operations_ > kMaxOperations)
    return fail(token_.offset, fmt::format("more than {} operations in one module", kMaxOperations));
  std::vector<ResultName> names;
  if (token_.kind == TokenKind::value && !parse_result_names(names)) return false;
  const bool generic = token_.kind == TokenKind::text;
  if (!generic && token_.kind != TokenKind::word) return fail_found("an operation");
  const Token opname = token_;
  const OpInfo* row = nullptr;
  if (!resolve_operation(opname.text, opname.offset, row)) return false;
  const bool subset = opname.text == "pto.subset";
  advance();
  Operation operation;
  operation.code = row->code;
  operation.location = location(opname.offset);
  std::vector<Type> results;
  if (generic ? !parse_generic(*row, operation, results) : !parse_body(*row, subset, operation, results)) return false;
  if (!skip_location() || !define_results(operation, names, results)) return false;
  if (result_inferred_) inferred_[operation.results[0]] = true;
  result_inferred_ = false;
  check_attributes(operation, opname.offset);
  region.body.push_back(std::move(operation));
  return true;
}

bool Parser::parse_body(const OpInfo& row, bool subset, Operation& operation, std::vector<Type>& results) {
  switch (row.family) {
    case Family::arith:
      return parse_arith(operation, results);
    case Family::control:
      return parse_control(operation, results);
    case Family::view:
      return parse_view_operation(subset, operation, results);
    case Family::tile:
      return parse_tile_operation(operation);
    case Family::sync:
      return parse_sync(operation);
    case Family::pipe:
      return parse_pipe(operation, results);
    case Family::comm:
      return parse_comm(operation, results);
    case Family::query: {
      if (at('(')) {
        advance();
        if (!expect(')', "after '('")) return false;
      }
      Type type = ScalarType{ScalarKind::i64};
      if ((accept(':') || accept("->")) && !parse_type(type)) return false;
      results.push_back(type);
      operation.segments.push_back(0);
      return parse_optional_attr_dict(operation.attributes);
    }
  }
  return false;
}

void Parser::check_attributes(const Operation& operation, std::size_t offset) {
  for (const auto& entry : operation.attributes)
    if (!is_known_attribute(operation.code, entry.first))
      warn(offset,
           fmt::format("attribute '{}' of {} is unknown and has no effect", entry.first, mnemonic(operation.code)));
}

// ---- regions

bool Parser::parse_block_arguments(std::vector<ResultName>& names, std::vector<Type>& types) {
  if (token_.kind != TokenKind::block) return true;
  advance();
  if (accept('(')) {
    while (!at(')')) {
      if (token_.kind != TokenKind::value) return fail_found("a block argument, as in %x: i32");
      names.push_back({std::string(token_.text), token_.offset});
      advance();
      types.emplace_back();
      if (!expect(':', "and the block argument's type") || !parse_type(types.back()) || !skip_location()) return false;
      if (!accept(',') && !at(')')) return fail_found("',' or ')' in the block arguments");
    }
    advance();
  }
  return expect(':', "after the block's label");
}

// The region's arguments come from the operation's syntax or, when that gives none, from a ^label.
bool Parser::parse_region(Region& region, OpCode parent, const std::vector<ResultName>& arguments,
                          const std::vector<Type>& argument_types) {
  if (!expect('{', "to open the body")) return false;
  const Scope scope = open_scope();
  std::vector<ResultName> names = arguments;
  std::vector<Type> types = argument_types;
  const std::size_t label = token_.offset;
  if (token_.kind == TokenKind::block) {
    std::vector<ResultName> label_names;
    std::vector<Type> label_types;
    if (!parse_block_arguments(label_names, label_types)) return false;
    if (!label_names.empty() && !names.empty()) return fail(label, "the arguments of this block are already given");
    if (!label_names.empty()) {
      names = std::move(label_names);
      types = std::move(label_types);
    }
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    ValueId id = 0;
    if (!define(names[i], types[i], id)) return false;
    region.arguments.push_back(id);
  }
  while (!at('}')) {
    if (token_.kind == TokenKind::block)
      return fail(token_.offset, "a second block: control-flow graphs are not supported, only structured scf");
    if (token_.kind == TokenKind::end) return fail_found("'}' to close the body");
    if (!parse_operation(region)) return false;
  }
  close_region(region, parent, token_.offset);
  advance();
  close_scope(scope);
  return true;
}

// The text may elide an empty scf.yield.
void Parser::close_region(Region& region, OpCode parent, std::size_t offset) {
  if (parent != OpCode::for_op && parent != OpCode::if_op) return;
  if (!region.body.empty() && region.body.back().code == OpCode::yield) return;
  Operation yield;
  yield.code = OpCode::yield;
  yield.location = location(offset);
  yield.segments.push_back(0);
  region.body.push_back(std::move(yield));
}

}  // namespace assay::pto
