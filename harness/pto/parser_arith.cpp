// Bodies of the arith dialect.
#include <array>

#include "harness/pto/literal.h"
#include "harness/pto/parser.h"

namespace assay::pto {
namespace {

bool is_cast(OpCode code) {
  switch (code) {
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
      return true;
    default:
      return false;
  }
}

}  // namespace

bool Parser::parse_arith(Operation& operation, std::vector<Type>& results) {
  if (operation.code == OpCode::arith_constant) return parse_constant(operation, results);
  if (operation.code == OpCode::arith_cmpi || operation.code == OpCode::arith_cmpf)
    return parse_compare(operation, results);
  if (is_cast(operation.code)) return parse_cast(operation, results);
  const bool select = operation.code == OpCode::arith_select;
  const std::size_t count = operation.code == OpCode::arith_negf ? 1 : select ? 3 : 2;
  std::vector<Use> uses(count);
  for (std::size_t i = 0; i < count; ++i)
    if ((i > 0 && !expect(',', "between the operands")) || !parse_use(uses[i])) return false;
  if (!parse_arith_flags(operation.attributes) || !parse_optional_attr_dict(operation.attributes)) return false;
  if (!expect(':', "and the type of the operands")) return false;
  const std::size_t begin = token_.offset;
  Type type;
  if (!parse_type(type)) return false;
  if (select && accept(',') && !parse_type(type)) return false;  // `: i1, T`
  for (std::size_t i = select ? 1 : 0; i < count; ++i)
    if (!check_use_type(uses[i], type, begin)) return false;
  if (select && !check_use_type(uses[0], ScalarType{ScalarKind::i1}, uses[0].offset)) return false;
  add_segment(operation, uses);
  results.push_back(std::move(type));
  return true;
}

// `overflow<nsw, nuw>` and `fastmath<contract>` are kept and have no effect.
bool Parser::parse_arith_flags(AttrDict& attributes) {
  for (std::string_view flag : {"overflow", "fastmath"}) {
    if (!at_word(flag)) continue;
    advance();
    if (!at('<')) return fail_found(fmt::format("'<' after {}", flag));
    EnumAttr value;
    if (!parse_angle_attribute(value)) return false;
    attributes.emplace_back(std::string(flag), Attribute{std::move(value)});
  }
  return true;
}

bool Parser::parse_constant(Operation& operation, std::vector<Type>& results) {
  if (!parse_optional_attr_dict(operation.attributes)) return false;
  const Token literal = token_;
  Attribute value;
  if (at_word("dense")) {  // of vector<4xi16>, where tmrgsort puts its counts
    EnumAttr dense{"dense", ""};
    advance();
    if (!at('<')) return fail_found("'<' after dense");
    Type type;
    if (!parse_angle_attribute(dense) || !expect(':', "and the constant's type") || !parse_type(type)) return false;
    if (!std::holds_alternative<VectorType>(type))
      return fail(literal.offset, fmt::format("a dense constant of type {} is not supported", to_string(type)));
    value.value = std::move(dense);
    results.push_back(std::move(type));
  } else if (at_word("true") || at_word("false")) {
    value.value = at_word("true");
    advance();
    results.push_back(ScalarType{ScalarKind::i1});
    Type type;
    if (accept(':') && !parse_type(type)) return false;
  } else {
    if (literal.kind != TokenKind::integer && literal.kind != TokenKind::floating)
      return fail_found("a number, true or false");
    advance();
    if (!expect(':', "and the constant's type")) return false;
    const std::size_t begin = token_.offset;
    Type type;
    if (!parse_type(type)) return false;
    const auto* scalar = std::get_if<ScalarType>(&type);
    if (!scalar) return fail(begin, fmt::format("a constant of type {} is not supported", to_string(type)));
    if (!typed_number(literal, scalar->kind, value)) return false;
    results.push_back(type);
  }
  if (find(operation.attributes, "value")) return fail(literal.offset, "the constant's value is given twice");
  operation.attributes.emplace_back("value", std::move(value));
  operation.segments.push_back(0);
  return true;
}

bool Parser::parse_compare(Operation& operation, std::vector<Type>& results) {
  if (token_.kind != TokenKind::word && token_.kind != TokenKind::text) return fail_found("a predicate such as slt");
  operation.attributes.emplace_back("predicate", Attribute{StringAttr{std::string(token_.text)}});
  advance();
  std::vector<Use> uses(2);
  if (!expect(',', "after the predicate") || !parse_use(uses[0]) || !expect(',', "between the operands") ||
      !parse_use(uses[1]) || !parse_arith_flags(operation.attributes) ||
      !parse_optional_attr_dict(operation.attributes) || !expect(':', "and the type of the operands"))
    return false;
  const std::size_t begin = token_.offset;
  Type type;
  if (!parse_type(type) || !check_use_type(uses[0], type, begin) || !check_use_type(uses[1], type, begin)) return false;
  add_segment(operation, uses);
  results.push_back(ScalarType{ScalarKind::i1});
  return true;
}

bool Parser::parse_cast(Operation& operation, std::vector<Type>& results) {
  std::vector<Use> uses(1);
  Type type;
  if (!parse_use(uses[0]) || !parse_arith_flags(operation.attributes) ||
      !parse_optional_attr_dict(operation.attributes) || !expect(':', "and the operand's type") ||
      !parse_use_type(uses[0]) || !expect_word("to", "and the result's type") || !parse_type(type))
    return false;
  add_segment(operation, uses);
  results.push_back(std::move(type));
  return true;
}

}  // namespace assay::pto
