// Bodies of tile operations (family A, pto-format 1.1): ins(...) outs(...), attributes in either or behind both.
#include <algorithm>

#include "harness/pto/parser.h"

namespace assay::pto {

// `%a, %b`, `%src[%row, %col]` of textract and tinsert, `{maskPattern = ..}` where an operand may stand.
bool Parser::parse_operands(std::vector<Use>& uses, AttrDict& attributes) {
  while (token_.kind == TokenKind::value || at('{')) {
    if (at('{')) {
      const std::size_t begin = token_.offset;
      AttrDict inner;
      if (!parse_attr_dict(inner) || !merge_attributes(attributes, std::move(inner), begin)) return false;
      if (!accept(',')) return true;
      continue;
    }
    uses.emplace_back();
    if (!parse_use(uses.back())) return false;
    if (at('[') && !parse_uses_in_brackets(uses)) return false;
    if (!accept(',') && !at('{')) return true;
  }
  return true;
}

// `(%a, %b [, ] [{attributes}] : T, T [, "row"] [fp %c : T])`
bool Parser::parse_operand_group(std::vector<Use>& uses, AttrDict& attributes) {
  if (!expect('(', "to open the operands") || !parse_operands(uses, attributes)) return false;
  if (!uses.empty() && (!expect(':', "and the types of the operands") || !parse_use_types(uses))) return false;
  if (at(',') && !uses.empty()) {  // the axis of tgather's mask form
    const std::size_t begin = token_.offset;
    advance();
    if (!at_text("row") && !at_text("col")) return fail_found("\"row\" or \"col\"");
    AttrDict axis;
    axis.emplace_back("axis", Attribute{StringAttr{std::string(token_.text)}});
    advance();
    if (!merge_attributes(attributes, std::move(axis), begin)) return false;
  }
  while (at_word("fp") || at_word("preQuantScalar")) {
    advance();
    uses.emplace_back();
    if (!parse_use(uses.back()) || !expect(':', "and the operand's type") || !parse_use_type(uses.back())) return false;
  }
  return expect(')', "to close the operands");
}

bool Parser::parse_tile_operation(Operation& operation) {
  const std::size_t begin = token_.offset;
  std::vector<Use> ins, outs;
  if (!expect_word("ins", "and the operands") || !parse_operand_group(ins, operation.attributes)) return false;
  if (accept_word("outs") && !parse_operand_group(outs, operation.attributes)) return false;
  AttrDict trailing;
  if (!parse_optional_attr_dict(trailing) || !merge_attributes(operation.attributes, std::move(trailing), begin))
    return false;
  // The old textract_fp and tinsert_fp name the scaling tile before the offsets.
  const bool cut = operation.code == OpCode::textract || operation.code == OpCode::tinsert;
  if (cut && ins.size() == 4 && std::holds_alternative<TileType>(function_->type(ins[1].id)))
    std::rotate(ins.begin() + 1, ins.begin() + 2, ins.end());
  add_segment(operation, ins);
  add_segment(operation, outs);
  return true;
}

}  // namespace assay::pto
