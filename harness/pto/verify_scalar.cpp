// Static rules of arith, func and scf operations.
#include <algorithm>

#include "harness/pto/literal.h"
#include "harness/pto/verify_function.h"

namespace assay::pto {
namespace {

constexpr std::string_view kIntPredicates[] = {"eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"};
constexpr std::string_view kFloatPredicates[] = {"false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord",
                                                 "ueq",   "ugt", "uge", "ult", "ule", "une", "uno", "true"};

template <std::size_t N>
bool contains(const std::string_view (&words)[N], std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

bool is_float_op(OpCode code) {
  switch (code) {
    case OpCode::arith_addf:
    case OpCode::arith_subf:
    case OpCode::arith_mulf:
    case OpCode::arith_divf:
    case OpCode::arith_negf:
    case OpCode::arith_maximumf:
    case OpCode::arith_minimumf:
    case OpCode::arith_cmpf:
      return true;
    default:
      return false;
  }
}

bool legal_cast(OpCode code, ScalarKind from, ScalarKind to) {
  const bool from_index = from == ScalarKind::index, to_index = to == ScalarKind::index;
  const bool from_float = is_float(from), to_float = is_float(to);
  const int from_bits = bits_of(from), to_bits = bits_of(to);
  switch (code) {
    case OpCode::arith_extsi:
    case OpCode::arith_extui:
      return !from_float && !to_float && !from_index && !to_index && to_bits > from_bits;
    case OpCode::arith_trunci:
      return !from_float && !to_float && !from_index && !to_index && to_bits < from_bits;
    case OpCode::arith_index_cast:
    case OpCode::arith_index_castui:
      return !from_float && !to_float && from_index != to_index;
    case OpCode::arith_sitofp:
    case OpCode::arith_uitofp:
      return !from_float && !from_index && to_float;
    case OpCode::arith_fptosi:
    case OpCode::arith_fptoui:
      return from_float && !to_float && !to_index;
    case OpCode::arith_extf:
      return from_float && to_float && to_bits > from_bits;
    case OpCode::arith_truncf:
      return from_float && to_float && to_bits < from_bits;
    default:
      return !from_index && !to_index && from_bits == to_bits;  // bitcast
  }
}

std::vector<Type> types_of(const Function& function, const std::vector<ValueId>& ids) {
  std::vector<Type> types;
  for (ValueId id : ids) types.push_back(id < function.values.size() ? function.type(id) : Type{});
  return types;
}

}  // namespace

bool FunctionVerifier::is_integer(ValueId id) const {
  const auto kind = scalar(id);
  return kind && !is_float(*kind);
}

bool FunctionVerifier::expect_integers(const Operation& operation, std::span<const ValueId> ids) {
  for (ValueId id : ids)
    if (!is_integer(id))
      return report(operation, "%{} has type {}, expected an integer or index", function_.values[id].name,
                    type_text(id));
  return true;
}

void FunctionVerifier::check_constant(const Operation& operation) {
  const auto kind = scalar(operation.results[0]);
  const Attribute* value = find(operation.attributes, "value");
  if (as<VectorType>(operation.results[0])) {
    const auto* dense = value ? std::get_if<EnumAttr>(&value->value) : nullptr;
    if (!dense || dense->kind != "dense") report(operation, "needs a dense value");
    return;
  }
  if (!kind || !value) {
    report(operation, "needs a value and a scalar type");
    return;
  }
  const auto* integer = std::get_if<IntAttr>(&value->value);
  const auto* floating = std::get_if<FloatAttr>(&value->value);
  const auto* boolean = std::get_if<bool>(&value->value);
  const bool fits = is_float(*kind)           ? floating && floating->type == kind
                    : *kind == ScalarKind::i1 ? boolean != nullptr
                                              : integer && (!integer->type || integer->type == kind);
  if (!fits) report(operation, "the value does not have the type {}", type_text(operation.results[0]));
  if (fits && integer) constants_[operation.results[0]] = integer->value;
}

void FunctionVerifier::check_cast(const Operation& operation) {
  const auto from = scalar(operation.operands[0]), to = scalar(operation.results[0]);
  if (!from || !to || !legal_cast(operation.code, *from, *to))
    report(operation, "{} cannot become {}", type_text(operation.operands[0]), type_text(operation.results[0]));
}

void FunctionVerifier::check_arith(const Operation& operation) {
  if (operation.code == OpCode::arith_constant) return check_constant(operation);
  const auto& operands = operation.operands;
  const ValueId result = operation.results[0];
  if (operation.code == OpCode::arith_select) {
    if (function_.type(operands[0]) != Type{ScalarType{ScalarKind::i1}} ||
        function_.type(operands[1]) != function_.type(result) || function_.type(operands[2]) != function_.type(result))
      report(operation, "takes i1 and two values of the result's type");
    return;
  }
  const bool compare = operation.code == OpCode::arith_cmpi || operation.code == OpCode::arith_cmpf;
  if (operands.size() == 1 && operation.code != OpCode::arith_negf) return check_cast(operation);
  for (ValueId id : operands) {
    const auto kind = scalar(id);
    if (!kind || is_float(*kind) != is_float_op(operation.code) || function_.type(id) != function_.type(operands[0])) {
      report(operation, "operand %{} has type {}", function_.values[id].name, type_text(id));
      return;
    }
  }
  if (!compare) {
    if (function_.type(result) != function_.type(operands[0])) report(operation, "the result differs in type");
    return;
  }
  const std::string_view predicate = word(operation.attributes, "predicate");
  const bool known = operation.code == OpCode::arith_cmpi ? contains(kIntPredicates, predicate)
                                                          : contains(kFloatPredicates, predicate);
  if (!known) report(operation, "unknown predicate '{}'", predicate);
  if (function_.type(result) != Type{ScalarType{ScalarKind::i1}}) report(operation, "gives i1");
}

bool FunctionVerifier::check_types(const Operation& operation, std::string_view what,
                                   const std::vector<ValueId>& values, const std::vector<Type>& expected,
                                   std::size_t skip) {
  if (values.size() - std::min(skip, values.size()) != expected.size())
    return report(operation, "{} {}, expected {}", values.size() - std::min(skip, values.size()), what,
                  expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (values[i + skip] >= function_.values.size() || function_.type(values[i + skip]) != expected[i])
      return report(operation, "one of the {} has type {}, expected {}", what,
                    values[i + skip] < function_.values.size() ? type_text(values[i + skip]) : "?",
                    to_string(expected[i]));
  return true;
}

void FunctionVerifier::check_loop(const Operation& operation) {
  const Region& body = operation.regions[0];
  const auto initial = operation.segment(3);
  for (std::size_t i = 0; i < 3; ++i) {
    if (operation.segments[i] != 1) {
      report(operation, "needs one lower bound, one upper bound and one step");
      return;
    }
  }
  const ValueId lower = operation.operands[0];
  if (!is_integer(lower) || function_.type(operation.operands[1]) != function_.type(lower) ||
      function_.type(operation.operands[2]) != function_.type(lower)) {
    report(operation, "bounds and step must have one integer type");
    return;
  }
  std::vector<Type> types{function_.type(lower)};
  for (ValueId id : initial) types.push_back(function_.type(id));
  if (!check_types(operation, "block arguments", body.arguments, types)) return;
  types.erase(types.begin());
  check_types(operation, "results", operation.results, types);
  if (!body.body.empty() && body.body.back().code == OpCode::yield)
    check_types(body.body.back(), "yielded values", body.body.back().operands, types);
}

void FunctionVerifier::check_while(const Operation& operation) {
  const Region& before = operation.regions[0];
  const Region& after = operation.regions[1];
  const std::vector<Type> carried = types_of(function_, operation.operands);
  const std::vector<Type> results = types_of(function_, operation.results);
  check_types(operation, "arguments of the first region", before.arguments, carried);
  check_types(operation, "arguments of the second region", after.arguments, results);
  if (!before.body.empty() && before.body.back().code == OpCode::condition) {
    const Operation& condition = before.body.back();
    if (condition.operands.empty() || condition.operands[0] >= function_.values.size() ||
        function_.type(condition.operands[0]) != Type{ScalarType{ScalarKind::i1}})
      report(condition, "needs a condition of type i1");
    else
      check_types(condition, "forwarded values", condition.operands, results, 1);
  }
  if (!after.body.empty() && after.body.back().code == OpCode::yield)
    check_types(after.body.back(), "yielded values", after.body.back().operands, carried);
}

void FunctionVerifier::check_call(const Operation& operation) {
  const std::string_view name = callee(operation);
  const auto found = names_.find(name);
  if (found == names_.end()) {
    report(operation, "there is no function @{}", name);
    return;
  }
  const Function* target = found->second;
  check_types(operation, "arguments", operation.operands, types_of(*target, target->arguments));
  check_types(operation, "results", operation.results, target->results);
}

void FunctionVerifier::check_control(const Operation& operation) {
  switch (operation.code) {
    case OpCode::for_op:
      return check_loop(operation);
    case OpCode::while_op:
      return check_while(operation);
    case OpCode::call:
      return check_call(operation);
    case OpCode::return_op:
      check_types(operation, "returned values", operation.operands, function_.results);
      return;
    case OpCode::if_op: {
      if (function_.type(operation.operands[0]) != Type{ScalarType{ScalarKind::i1}}) report(operation, "takes i1");
      const std::vector<Type> results = types_of(function_, operation.results);
      for (const Region& region : operation.regions) {
        if (!region.arguments.empty()) report(operation, "its bodies take no arguments");
        if (!region.body.empty() && region.body.back().code == OpCode::yield)
          check_types(region.body.back(), "yielded values", region.body.back().operands, results);
      }
      if (!results.empty() && operation.regions[1].body.empty()) report(operation, "has results but no else");
      return;
    }
    default:
      return;
  }
}

}  // namespace assay::pto
