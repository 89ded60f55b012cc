// arith: scalars on 64-bit registers.
#include <array>

#include "harness/device/tileops/lowering.h"
#include "harness/pto/literal.h"

namespace assay::device {
namespace {

struct SubRow {
  pto::OpCode code;
  int sub;
};
using enum pto::OpCode;

constexpr SubRow kIntegerOps[] = {
    {arith_addi, abi::kAdd},
    {arith_subi, abi::kSub},
    {arith_muli, abi::kMul},
    {arith_divsi, abi::kDivSigned},
    {arith_divui, abi::kDivUnsigned},
    {arith_remsi, abi::kRemSigned},
    {arith_remui, abi::kRemUnsigned},
    {arith_floordivsi, abi::kFloorDiv},
    {arith_ceildivsi, abi::kCeilDiv},
    {arith_andi, abi::kAnd},
    {arith_ori, abi::kOr},
    {arith_xori, abi::kXor},
    {arith_shli, abi::kShiftLeft},
    {arith_shrsi, abi::kShiftRightSigned},
    {arith_shrui, abi::kShiftRightUnsigned},
    {arith_minsi, abi::kMinSigned},
    {arith_maxsi, abi::kMaxSigned},
    {arith_minui, abi::kMinUnsigned},
    {arith_maxui, abi::kMaxUnsigned},
};
constexpr SubRow kFloatOps[] = {
    {arith_addf, abi::kBinaryAdd}, {arith_subf, abi::kBinarySub},     {arith_mulf, abi::kBinaryMul},
    {arith_divf, abi::kBinaryDiv}, {arith_maximumf, abi::kBinaryMax}, {arith_minimumf, abi::kBinaryMin},
};
constexpr SubRow kCasts[] = {
    {arith_extsi, abi::kExtendSigned},
    {arith_extui, abi::kExtendUnsigned},
    {arith_trunci, abi::kTruncate},
    {arith_index_cast, abi::kIndexCast},
    {arith_index_castui, abi::kIndexCastUnsigned},
    {arith_sitofp, abi::kSignedToFloat},
    {arith_uitofp, abi::kUnsignedToFloat},
    {arith_fptosi, abi::kFloatToSigned},
    {arith_fptoui, abi::kFloatToUnsigned},
    {arith_extf, abi::kFloatToFloat},
    {arith_truncf, abi::kFloatToFloat},
    {arith_bitcast, abi::kBitcast},
};
constexpr std::string_view kIntegerPredicates[] = {"eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"};
constexpr std::string_view kFloatPredicates[] = {"false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord",
                                                 "ueq",   "ugt", "uge", "ult", "ule", "une", "uno", "true"};

template <std::size_t N>
std::optional<int> sub_of(const SubRow (&table)[N], pto::OpCode code) {
  for (const SubRow& row : table)
    if (row.code == code) return row.sub;
  return std::nullopt;
}

// The position of the predicate, which is spelled out or MLIR's number.
template <std::size_t N>
std::optional<std::int64_t> predicate_of(const std::string_view (&names)[N], const pto::Operation& operation) {
  const pto::Attribute* attribute = pto::find(operation.attributes, "predicate");
  if (attribute)
    if (const auto* number = std::get_if<pto::IntAttr>(&attribute->value))
      return number->value >= 0 && number->value < static_cast<std::int64_t>(N) ? std::optional(number->value)
                                                                                : std::nullopt;
  const std::string_view word = pto::word(operation.attributes, "predicate");
  for (std::size_t i = 0; i < N; ++i)
    if (names[i] == word) return static_cast<std::int64_t>(i);
  return std::nullopt;
}

std::int64_t kind_of(const pto::Type& type) { return static_cast<std::int64_t>(std::get<pto::ScalarType>(type).kind); }

}  // namespace

// Constants need no instruction: agents start with them in their registers.
bool Lowering::lower_constant(const pto::Operation& operation) {
  const pto::ValueId result = operation.results[0];
  const pto::Attribute* value = pto::find(operation.attributes, "value");
  if (!value || !std::holds_alternative<pto::ScalarType>(type(result)) || !define(operation, result))
    return refuse(operation, "without a scalar value");
  const pto::ScalarKind kind = std::get<pto::ScalarType>(type(result)).kind;
  std::int64_t& bits = program_.registers[static_cast<std::size_t>(reg(result))];
  if (const auto* flag = std::get_if<bool>(&value->value))
    bits = *flag;
  else if (const auto* integer = std::get_if<pto::IntAttr>(&value->value))
    bits = kind == pto::ScalarKind::i1 ? integer->value & 1 : integer->value;
  else if (const auto* real = std::get_if<pto::FloatAttr>(&value->value))
    bits = pto::bits_in(kind, real->f32_bits);
  else
    return refuse(operation, "without a scalar value");
  return true;
}

bool Lowering::lower_cast(const pto::Operation& operation) {
  emit(abi::kOpCast, {{abi::kWordD, reg(operation.results[0])},
                      {abi::kWordA, reg(operation.operands[0])},
                      {abi::kWordKind, kind_of(type(operation.results[0]))},
                      {abi::kWordP0, kind_of(type(operation.operands[0]))},
                      {abi::kWordSub, *sub_of(kCasts, operation.code)}});
  return true;
}

bool Lowering::lower_arith(const pto::Operation& operation) {
  if (operation.code == arith_constant) return lower_constant(operation);
  for (const pto::ValueId value : operation.operands)
    if (operation.code != arith_select && !std::holds_alternative<pto::ScalarType>(type(value)))
      return refuse(operation, "of values that are no scalars");
  if (!define(operation, operation.results[0])) return false;
  const Register result = reg(operation.results[0]), first = reg(operation.operands[0]);
  const Register second = operation.operands.size() > 1 ? reg(operation.operands[1]) : first;
  if (operation.code == arith_select) {
    const auto slots = slots_of(type(operation.operands[1]));
    emit(abi::kOpSelect, {{abi::kWordD, result},
                          {abi::kWordA, first},
                          {abi::kWordB, second},
                          {abi::kWordC, reg(operation.operands[2])},
                          {abi::kWordP0, slots.value_or(0)}});
    return slots.has_value() || refuse(operation);
  }
  const std::int64_t kind = kind_of(type(operation.operands[0]));
  const auto scalar = [&](abi::DeviceOp op, std::int64_t sub) {
    emit(op, {{abi::kWordD, result},
              {abi::kWordA, first},
              {abi::kWordB, second},
              {abi::kWordKind, kind},
              {abi::kWordSub, sub}});
    return true;
  };
  if (const auto sub = sub_of(kIntegerOps, operation.code)) return scalar(abi::kOpInteger, *sub);
  if (const auto sub = sub_of(kFloatOps, operation.code)) return scalar(abi::kOpFloat, *sub);
  if (sub_of(kCasts, operation.code)) return lower_cast(operation);
  if (operation.code == arith_cmpi) {
    const auto predicate = predicate_of(kIntegerPredicates, operation);
    return predicate ? scalar(abi::kOpCompareInteger, *predicate) : refuse(operation, "with an unknown predicate");
  }
  if (operation.code == arith_cmpf) {
    const auto predicate = predicate_of(kFloatPredicates, operation);
    return predicate ? scalar(abi::kOpCompareFloat, *predicate) : refuse(operation, "with an unknown predicate");
  }
  if (operation.code == arith_negf) {  // flips the sign bit, of NaN too
    const Register sign = fresh(1);
    const int bits = pto::bits_of(static_cast<pto::ScalarKind>(kind));
    program_.registers[static_cast<std::size_t>(sign)] = std::int64_t{1} << (bits - 1);
    emit(abi::kOpInteger, {{abi::kWordD, result},
                           {abi::kWordA, first},
                           {abi::kWordB, sign},
                           {abi::kWordKind, bits == 32 ? abi::kUi32 : abi::kUi16},
                           {abi::kWordSub, abi::kXor}});
    return true;
  }
  return refuse(operation);
}

}  // namespace assay::device
