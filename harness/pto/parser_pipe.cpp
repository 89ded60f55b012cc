// Bodies of ring operations between the cores of a block, and of communication between ranks (family D, pto-format 1.1,
// 3.7, 3.8).
#include <array>

#include "harness/pto/parser.h"

namespace assay::pto {

bool Parser::parse_pipe(Operation& operation, std::vector<Type>& results) {
  const std::size_t begin = token_.offset;
  switch (operation.code) {
    case OpCode::aic_initialize_pipe:
    case OpCode::aiv_initialize_pipe:
      return parse_initialize_pipe(operation);
    case OpCode::reserve_buffer:
    case OpCode::import_reserved_buffer:
      if (!parse_optional_attr_dict(operation.attributes)) return false;
      results.push_back(ScalarType{ScalarKind::i32});
      add_segment(operation, {});
      return (!accept("->") && !accept(':')) || parse_type(results.back());
    case OpCode::tpush_to_aiv:
    case OpCode::tpush_to_aic: {
      std::vector<Use> tile, sub_block;
      accept_word("ins");
      if (!parse_operand_group(tile, operation.attributes)) return false;
      if (tile.size() != 1) return fail(begin, fmt::format("{} pushes one entry", mnemonic(operation.code)));
      if (!parse_trailing_attributes(operation)) return false;
      if (accept_word("aiv_subblockid")) {
        sub_block.emplace_back();
        if (!expect('(', "after aiv_subblockid") || !parse_use(sub_block[0])) return false;
        if (accept(':') && !parse_use_type(sub_block[0])) return false;
        if (!expect(')', "after the sub-block")) return false;
      }
      add_segment(operation, tile);
      add_segment(operation, sub_block);
      return parse_trailing_attributes(operation);
    }
    case OpCode::talloc_to_aiv:
    case OpCode::talloc_to_aic:
    case OpCode::tpop_from_aic:
    case OpCode::tpop_from_aiv: {
      std::vector<Use> valid;
      if (at('(') && !parse_uses_in_parentheses(valid)) return false;
      const bool allocates = operation.code == OpCode::talloc_to_aiv || operation.code == OpCode::talloc_to_aic;
      if (!valid.empty() && (allocates || valid.size() != 2))
        return fail(begin, fmt::format("{} takes {}", mnemonic(operation.code),
                                       allocates ? "no operands" : "valid rows and columns, or nothing"));
      add_segment(operation, valid);
      if (!parse_trailing_attributes(operation)) return false;
      if (!accept("->") && !accept(':')) return fail_found("'->' and the type of the entry");
      results.emplace_back();
      return parse_type(results.back());
    }
    default: {
      std::vector<Use> entry;
      if (at('(') && !parse_operand_group(entry, operation.attributes)) return false;
      add_segment(operation, entry);
      return parse_trailing_attributes(operation);
    }
  }
}

bool Parser::parse_trailing_attributes(Operation& operation) {
  const std::size_t begin = token_.offset;
  AttrDict trailing;
  return parse_optional_attr_dict(trailing) && merge_attributes(operation.attributes, std::move(trailing), begin);
}

// `(%a, %b)`, optionally with `: T, T`.
bool Parser::parse_uses_in_parentheses(std::vector<Use>& uses) {
  if (!expect('(', "to open the operands")) return false;
  while (!at(')') && !at(':')) {
    uses.emplace_back();
    if (!parse_use(uses.back())) return false;
    if (!accept(',') && !at(')') && !at(':')) return fail_found("',' or ')' in the operands");
  }
  if (accept(':') && !parse_use_types(uses)) return false;
  return expect(')', "to close the operands");
}

// `{id = 0, dir_mask = 1, slot_size = 1024} (gm_slot_buffer = %p : T, c2v_consumer_buf = %c : i32)`
bool Parser::parse_initialize_pipe(Operation& operation) {
  constexpr std::array<std::string_view, 4> kKeys{"gm_slot_buffer", "c2v_consumer_buf", "v2c_consumer_buf",
                                                  "gm_slot_tensor"};
  std::array<std::vector<Use>, 3> segments;
  if (!parse_trailing_attributes(operation)) return false;
  if (accept('(')) {
    while (!at(')')) {
      std::size_t i = 0;
      while (i < kKeys.size() && !at_word(kKeys[i])) ++i;
      if (i == kKeys.size()) return fail_found("gm_slot_buffer, gm_slot_tensor, c2v_consumer_buf or v2c_consumer_buf");
      std::vector<Use>& segment = segments[i % 3];
      if (!segment.empty()) return fail(token_.offset, fmt::format("{} is given twice", kKeys[i]));
      advance();
      segment.emplace_back();
      if (!expect('=', "and a value") || !parse_use(segment[0]) || !expect(':', "and the value's type") ||
          !parse_use_type(segment[0]))
        return false;
      if (!accept(',') && !at(')')) return fail_found("',' or ')' in the operands");
    }
    advance();
  }
  for (const auto& segment : segments) add_segment(operation, segment);
  return parse_trailing_attributes(operation);
}

// ---- communication

// Plain operands, then `buf(..)` or `recv(..)`, `group(..)`, `acc(..)`, and the types of all of them.
bool Parser::parse_comm(Operation& operation, std::vector<Type>& results) {
  if (operation.code == OpCode::syncall) return parse_syncall(operation);
  const std::size_t begin = token_.offset;
  std::vector<Use> plain, staging, group, all;
  if (!expect('(', "to open the operands")) return false;
  while (!at(')') && !at(':')) {
    std::vector<Use>* into = &plain;
    if (token_.kind == TokenKind::word) {
      const bool is_staging = at_word("buf") || at_word("recv");
      if (!is_staging && !at_word("group") && !at_word("acc"))
        return fail_found("a value, buf(..), recv(..) or group(..)");
      into = is_staging ? &staging : at_word("group") ? &group : &plain;
      advance();
      const std::size_t before = into->size();
      if (!expect('(', "to open the list")) return false;
      while (!at(')')) {
        into->emplace_back();
        if (!parse_use(into->back())) return false;
        if (!accept(',') && !at(')')) return fail_found("',' or ')' in the list");
      }
      advance();
      all.insert(all.end(), into->begin() + static_cast<std::ptrdiff_t>(before), into->end());
    } else {
      plain.emplace_back();
      if (!parse_use(plain.back())) return false;
      all.push_back(plain.back());
    }
    if (!accept(',') && !at(')') && !at(':')) return fail_found("',' or ':' in the operands");
  }
  if (accept(':') && !parse_use_types(all)) return false;
  if (!expect(')', "to close the operands") || !parse_trailing_attributes(operation)) return false;
  return segment_comm(operation, plain, staging, group, begin) && parse_comm_result(operation, results);
}

bool Parser::parse_comm_result(const Operation& operation, std::vector<Type>& results) {
  switch (operation.code) {
    case OpCode::comm_ttest:
    case OpCode::comm_test_async_event:
      results.push_back(ScalarType{ScalarKind::i1});
      break;
    case OpCode::comm_build_async_session:
      results.push_back(OpaqueType{std::string(kAsyncSession)});
      break;
    case OpCode::comm_tput_async:
    case OpCode::comm_tget_async:
      results.push_back(OpaqueType{std::string(kAsyncEvent)});
      break;
    case OpCode::comm_wait_async_event:  // older text gives no result
      if (!token_.is("->") && !at(':')) return true;
      results.emplace_back();
      break;
    default:
      return true;
  }
  return (!accept("->") && !accept(':')) || parse_type(results.back());
}

bool Parser::segment_comm(Operation& operation, const std::vector<Use>& plain, const std::vector<Use>& staging,
                          const std::vector<Use>& group, std::size_t offset) {
  const auto put = [&](std::size_t expected, bool staged, bool grouped) {
    if (plain.size() != expected || (!staged && !staging.empty()) || (!grouped && !group.empty()))
      return fail(offset, fmt::format("{} operands beside buf and group, expected {}{}{}", plain.size(), expected,
                                      staged ? ", buf(..)" : "", grouped ? ", group(..)" : ""));
    for (const Use& use : plain) add_segment(operation, {use});
    if (staged) add_segment(operation, staging);
    if (grouped) add_segment(operation, group);
    return true;
  };
  switch (operation.code) {
    case OpCode::comm_tput:
    case OpCode::comm_tget:
      return put(2, true, false);
    case OpCode::comm_tnotify:
    case OpCode::comm_twait:
    case OpCode::comm_ttest:
    case OpCode::comm_build_async_session:
    case OpCode::comm_wait_async_event:
    case OpCode::comm_test_async_event:
      return put(2, false, false);
    case OpCode::comm_tput_async:
    case OpCode::comm_tget_async:
      return put(3, false, false);
    case OpCode::comm_treduce:
      return put(2, true, true);
    default:
      return put(1, true, true);
  }
}

// `(%workspace, %cores : T, i32) mode = #pto.sync_all_mode<soft>, core_type = #pto.sync_core_type<mix>`; older text has
// scratch tiles between the two operands.
bool Parser::parse_syncall(Operation& operation) {
  std::vector<Use> uses, workspace, cores, scratch;
  const std::size_t begin = token_.offset;
  if (at('(') && !parse_uses_in_parentheses(uses)) return false;
  for (const Use& use : uses) {
    const Type& type = function_->type(use.id);
    std::vector<Use>& into = std::holds_alternative<ScalarType>(type) ? cores
                             : std::holds_alternative<TileType>(type) ? scratch
                                                                      : workspace;
    into.push_back(use);
  }
  if (workspace.size() > 1 || cores.size() > 1)
    return fail(begin, "pto.syncall takes at most one workspace and one number of cores");
  for (const auto* segment : {&workspace, &cores, &scratch}) add_segment(operation, *segment);
  while (at_word("mode") || at_word("core_type")) {
    const std::size_t at_key = token_.offset;
    AttrDict entry;
    entry.emplace_back(std::string(token_.text), Attribute{});
    advance();
    if (!expect('=', "and a value") || !parse_attribute(entry[0].second) ||
        !merge_attributes(operation.attributes, std::move(entry), at_key))
      return false;
    accept(',');
  }
  return parse_trailing_attributes(operation);
}

}  // namespace assay::pto
