// Bodies of func and scf operations.
#include "harness/pto/parser.h"

namespace assay::pto {

bool Parser::parse_control(Operation& operation, std::vector<Type>& results) {
  switch (operation.code) {
    case OpCode::for_op:
      return parse_for(operation, results);
    case OpCode::if_op:
      return parse_if(operation, results);
    case OpCode::while_op:
      return parse_while(operation, results);
    case OpCode::call:
      return parse_call(operation, results);
    case OpCode::return_op:
    case OpCode::yield:
      return parse_values_and_types(operation);
    case OpCode::condition: {
      std::vector<Use> condition(1);
      if (!expect('(', "after scf.condition") || !parse_use(condition[0]) ||
          !check_use_type(condition[0], ScalarType{ScalarKind::i1}, condition[0].offset) ||
          !expect(')', "after the condition"))
        return false;
      add_segment(operation, condition);
      if (!parse_values_and_types(operation)) return false;
      operation.segments = {static_cast<std::uint32_t>(operation.operands.size())};
      return true;
    }
    default:
      return fail_found("an operation that can stand in a function");
  }
}

// `[%a, %b : T, T] [attributes]`
bool Parser::parse_values_and_types(Operation& operation) {
  if (!parse_optional_attr_dict(operation.attributes)) return false;
  std::vector<Use> uses;
  if (token_.kind == TokenKind::value) {
    do {
      uses.emplace_back();
      if (!parse_use(uses.back())) return false;
    } while (accept(','));
    if (!expect(':', "and the types of the values")) return false;
    if (!parse_use_types(uses)) return false;
  }
  add_segment(operation, uses);
  return true;
}

// `(%a = %x, %b = %y)`
bool Parser::parse_initial_values(std::vector<ResultName>& names, std::vector<Use>& uses) {
  if (!expect('(', "to open the initial values")) return false;
  while (!at(')')) {
    if (token_.kind != TokenKind::value) return fail_found("an iteration argument, as in %a = %x");
    names.push_back({std::string(token_.text), token_.offset});
    advance();
    uses.emplace_back();
    if (!expect('=', "and the initial value") || !parse_use(uses.back())) return false;
    if (!accept(',') && !at(')')) return fail_found("',' or ')' in the initial values");
  }
  return expect(')', "to close the initial values");
}

bool Parser::parse_for(Operation& operation, std::vector<Type>& results) {
  if (token_.kind != TokenKind::value) return fail_found("the induction variable");
  std::vector<ResultName> names{{std::string(token_.text), token_.offset}};
  advance();
  std::vector<Use> lower(1), upper(1), step(1), initial;
  if (!expect('=', "and the lower bound") || !parse_use(lower[0]) || !expect_word("to", "and the upper bound") ||
      !parse_use(upper[0]) || !expect_word("step", "and the step") || !parse_use(step[0]))
    return false;
  std::size_t types_at = token_.offset;
  if (accept_word("iter_args")) {
    if (!parse_initial_values(names, initial) || !expect("->", "and the types of the results")) return false;
    types_at = token_.offset;
    if (!parse_type_list(results)) return false;
  }
  const Type induction = function_->type(lower[0].id);
  Type written = induction;
  if (accept(':') && !parse_type(written)) return false;
  if (!check_use_type(lower[0], written, lower[0].offset) || !check_use_type(upper[0], induction, upper[0].offset) ||
      !check_use_type(step[0], induction, step[0].offset))
    return false;
  if (results.size() != initial.size())
    return fail(types_at, fmt::format("{} iteration arguments, but {} result types", initial.size(), results.size()));
  std::vector<Type> types{induction};
  for (std::size_t i = 0; i < initial.size(); ++i) {
    if (!check_use_type(initial[i], results[i], initial[i].offset)) return false;
    types.push_back(results[i]);
  }
  for (const auto* segment : {&lower, &upper, &step, &initial}) add_segment(operation, *segment);
  operation.regions.emplace_back();
  return parse_region(operation.regions[0], OpCode::for_op, names, types) &&
         parse_optional_attr_dict(operation.attributes);
}

bool Parser::parse_if(Operation& operation, std::vector<Type>& results) {
  std::vector<Use> condition(1);
  if (!parse_use(condition[0]) || !check_use_type(condition[0], ScalarType{ScalarKind::i1}, condition[0].offset))
    return false;
  add_segment(operation, condition);
  if (accept("->") && !parse_type_list(results)) return false;
  operation.regions.resize(2);
  if (!parse_region(operation.regions[0], OpCode::if_op, {}, {})) return false;
  if (accept_word("else") && !parse_region(operation.regions[1], OpCode::if_op, {}, {})) return false;
  return parse_optional_attr_dict(operation.attributes);
}

bool Parser::parse_while(Operation& operation, std::vector<Type>& results) {
  std::vector<ResultName> names;
  std::vector<Use> initial;
  if (at('(') && !parse_initial_values(names, initial)) return false;
  if (!expect(':', "and the type of the loop")) return false;
  const std::size_t begin = token_.offset;
  std::vector<Type> types;
  if (!parse_function_type(types, results)) return false;
  if (types.size() != initial.size())
    return fail(begin, fmt::format("{} initial values, but {} types", initial.size(), types.size()));
  for (std::size_t i = 0; i < initial.size(); ++i)
    if (!check_use_type(initial[i], types[i], initial[i].offset)) return false;
  add_segment(operation, initial);
  operation.regions.resize(2);
  return parse_region(operation.regions[0], OpCode::while_op, names, types) &&
         expect_word("do", "and the loop's body") && parse_region(operation.regions[1], OpCode::while_op, {}, {}) &&
         (!accept_word("attributes") || parse_attr_dict(operation.attributes));
}

bool Parser::parse_call(Operation& operation, std::vector<Type>& results) {
  if (token_.kind != TokenKind::symbol) return fail_found("the called function, as in @name");
  operation.attributes.emplace_back("callee", Attribute{SymbolAttr{std::string(token_.text)}});
  advance();
  std::vector<Use> uses;
  if (!expect('(', "to open the arguments")) return false;
  while (!at(')')) {
    uses.emplace_back();
    if (!parse_use(uses.back())) return false;
    if (!accept(',') && !at(')')) return fail_found("',' or ')' in the arguments");
  }
  advance();
  if (!parse_optional_attr_dict(operation.attributes) || !expect(':', "and the type of the call")) return false;
  if (!expect('(', "of the call's type")) return false;
  if (!parse_use_types(uses) || !expect(')', "to close the argument types") || !expect("->", "in the call's type") ||
      !parse_type_list(results))
    return false;
  add_segment(operation, uses);
  return true;
}

}  // namespace assay::pto
