// Bodies of synchronisation, section and cache operations (family C, pto-format 1.1 and 3.5).
#include "harness/pto/known_ops.h"
#include "harness/pto/parser.h"

namespace assay::pto {
bool Parser::parse_sync(Operation& operation) {
  switch (operation.code) {
    case OpCode::section_cube:
    case OpCode::section_vector:
      operation.segments.push_back(0);
      operation.regions.emplace_back();
      return parse_region(operation.regions[0], operation.code, {}, {}) &&
             parse_optional_attr_dict(operation.attributes);
    case OpCode::set_ffts: {
      std::vector<Use> uses(1);
      if (!parse_use(uses[0]) || !expect(':', "and the operand's type") || !parse_use_type(uses[0])) return false;
      add_segment(operation, uses);
      return parse_optional_attr_dict(operation.attributes);
    }
    case OpCode::cmo_cacheinvalid:
      return parse_cache_invalidate(operation);
    default:
      return parse_bracketed_sync(operation);
  }
}

// `<PIPE_V>`, `#pto.pipe<PIPE_V>`, `PIPE_V`, an integer, or a run-time %id.
bool Parser::parse_sync_item(Operation& operation, std::string_view key, std::vector<Use>& dynamic) {
  if (token_.kind == TokenKind::value && (key == "event_id" || key == "buf_id")) {
    dynamic.emplace_back();
    return parse_use(dynamic.back());
  }
  Attribute attribute;
  if (token_.kind == TokenKind::word) {
    attribute.value = EnumAttr{"", std::string(token_.text)};
    advance();
  } else if (at('<') || at('#') || token_.kind == TokenKind::integer) {
    if (!parse_attribute(attribute)) return false;
  } else {
    return fail_found(fmt::format("{}, as in <PIPE_V>, a number or a value", key));
  }
  operation.attributes.emplace_back(std::string(key), std::move(attribute));
  return true;
}

// `[a, b, c]`, or `a, b` without brackets, then optional attributes and the type of a run-time id.
bool Parser::parse_bracketed_sync(Operation& operation) {
  const auto keys = sync_item_keys(operation.code);
  const bool bracket = accept('[');  // optional everywhere; the printer follows takes_brackets()
  std::vector<Use> dynamic;
  const bool may_be_empty = operation.code == OpCode::fence_barrier_all;
  if (!(may_be_empty && !bracket && !at('<') && !at('#'))) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const bool optional = i > 0 && keys[i] == "mode";
      if (i > 0 && !accept(',')) {
        if (optional) break;
        return fail_found(fmt::format("',' and the {}", keys[i]));
      }
      if (!parse_sync_item(operation, keys[i], dynamic)) return false;
    }
  }
  if (bracket && !expect(']', "to close the list")) return false;
  AttrDict trailing;
  const std::size_t begin = token_.offset;
  if (!parse_optional_attr_dict(trailing) || !merge_attributes(operation.attributes, std::move(trailing), begin))
    return false;
  if (dynamic.size() > 1) return fail(begin, "at most one run-time id");
  if (!dynamic.empty() && accept(':') && !parse_use_types(dynamic)) return false;
  add_segment(operation, dynamic);
  return true;
}

// `all #pto.address_space<gm>` or `%p [single_cache_line] : T`
bool Parser::parse_cache_invalidate(Operation& operation) {
  std::vector<Use> uses;
  if (accept_word("all")) {
    std::vector<Use> none;
    if ((at('<') || at('#')) && !parse_sync_item(operation, "scope", none)) return false;
  } else {
    uses.emplace_back();
    if (!parse_use(uses[0])) return false;
    if (accept_word("single_cache_line")) operation.attributes.emplace_back("single_cache_line", Attribute{UnitAttr{}});
    if (accept(':') && !parse_use_type(uses[0])) return false;
  }
  add_segment(operation, uses);
  AttrDict trailing;
  const std::size_t begin = token_.offset;
  return parse_optional_attr_dict(trailing) && merge_attributes(operation.attributes, std::move(trailing), begin);
}

}  // namespace assay::pto
