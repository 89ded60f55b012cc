// Tile ops: operands classified by type, numerics resolved through the profile.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>

#include "harness/device/tileops/lowering.h"

namespace assay::device {
namespace {

using enum pto::OpCode;

bool is_integer(pto::ScalarKind kind) { return kind < pto::ScalarKind::f16; }

std::int64_t scalar_code(DType element) {
  switch (element) {
    case DType::f32:
      return abi::kScalarF32;
    case DType::f16:
      return abi::kScalarF16;
    case DType::bf16:
      return abi::kScalarBf16;
    case DType::i8:
      return abi::kI8;
    case DType::i16:
      return abi::kI16;
    case DType::i32:
      return abi::kI32;
    case DType::u8:
      return abi::kUi8;
    case DType::u16:
      return abi::kUi16;
    case DType::u32:
      return abi::kUi32;
    case DType::u64:
      return abi::kUi64;
    default:
      return abi::kI64;
  }
}

const pto::TileType* tile_of(const pto::Type& type) { return std::get_if<pto::TileType>(&type); }

}  // namespace

bool computes(DType element) {
  switch (element) {
    case DType::e4m3fn:
    case DType::e4m3fnuz:
    case DType::e5m2:
    case DType::e2m1:
      return false;
    default:
      return true;
  }
}

// Sources and destination have one element type, and one the device computes with.
bool Lowering::same_elements(const pto::Operation& operation) {
  const auto* destination = tile_of(type(operation.segment(1)[0]));
  const int scratch = pto::info(operation.code).scratch;
  if (!destination || !computes(destination->element)) return refuse(operation, "on this destination");
  for (std::size_t i = 0; i < operation.segment(0).size(); ++i) {
    const auto* source = tile_of(type(operation.segment(0)[i]));
    if (source && static_cast<int>(i) != scratch && source->element != destination->element)
      return refuse(operation, fmt::format("from {} to {}", name(source->element), name(destination->element)));
  }
  return true;
}

// The scalar as an element of the tile's type: floats rounded to it, integers cut to it.
bool Lowering::scalar_operand(const pto::Operation& operation, pto::ValueId value, DType element, Register& result) {
  const auto* scalar = std::get_if<pto::ScalarType>(&type(value));
  if (!scalar || !computes(element) || is_integer(scalar->kind) == info(element).is_float)
    return refuse(operation, fmt::format("of {} with elements {}", pto::to_string(type(value)), name(element)));
  result = reg(value);
  const std::int64_t from = static_cast<std::int64_t>(scalar->kind), to = scalar_code(element);
  if (from == to) return true;
  result = fresh(1);
  emit(abi::kOpCast, {{abi::kWordD, result},
                      {abi::kWordA, reg(value)},
                      {abi::kWordKind, to},
                      {abi::kWordP0, from},
                      {abi::kWordSub, info(element).is_float ? abi::kFloatToFloat : abi::kTruncate}});
  return true;
}

bool Lowering::lower_load(const pto::Operation& operation) {
  const auto* view = std::get_if<pto::ViewType>(&type(operation.segment(0)[0]));
  const auto* tile = tile_of(type(operation.segment(1)[0]));
  if (!view || !tile || info(view->element).bits != info(tile->element).bits)
    return refuse(operation, "between these types");
  const bool pads = tile->space == pto::Space::vec && tile->slayout == pto::InnerLayout::none_box;
  emit(abi::kOpLoad, {{abi::kWordD, reg(operation.segment(1)[0])},
                      {abi::kWordA, reg(operation.segment(0)[0])},
                      {abi::kWordSub, pads}});
  return true;
}

bool Lowering::lower_store(const pto::Operation& operation) {
  const auto* tile = tile_of(type(operation.segment(0)[0]));
  const auto* view = std::get_if<pto::ViewType>(&type(operation.segment(1)[0]));
  if (!view || !tile) return refuse(operation, "between these types");
  Fixpipe fixpipe;
  DType stored = view->element;
  if (tile->space == pto::Space::acc) {
    if (!lower_fixpipe(operation, tile->element, view->element, 1, fixpipe)) return false;
    if (!fixpipe.exists) {
      emit(abi::kOpTrap, {{abi::kWordSub, abi::kFaultConversion}});
      return true;
    }
  } else {
    if (operation.segment(0).size() > 1 || info(view->element).bits != info(tile->element).bits)
      return refuse(operation, "between these types");
    for (const char* key : {"preQuantScalar", "reluPreMode", "preQuantMode"}) {
      const std::string_view word = pto::word(operation.attributes, key);
      if (pto::find(operation.attributes, key) && word.find("no") == std::string_view::npos &&
          word.find("No") == std::string_view::npos)
        return refuse(operation, fmt::format("with {}", key));
    }
    stored = tile->element;
  }
  const std::string_view atomic = pto::word(operation.attributes, "atomicType");
  const bool adds = atomic == "atomic_add";
  if (!adds && !atomic.empty() && atomic != "atomic_none" && atomic != "none")
    return refuse(operation, fmt::format("with atomicType {}", atomic));
  if (adds && (!computes(stored) || view->element != stored))
    return refuse(operation, fmt::format("adding {}", name(stored)));
  program_.adds_to_global = program_.adds_to_global || adds;
  emit(abi::kOpStore, {{abi::kWordA, reg(operation.segment(0)[0])},
                       {abi::kWordB, reg(operation.segment(1)[0])},
                       {abi::kWordC, fixpipe.parameter},
                       {abi::kWordE, fixpipe.kind},
                       {abi::kWordKind, static_cast<std::int64_t>(stored)},
                       {abi::kWordSub, adds},
                       {abi::kWordP0, fixpipe.mode},
                       {abi::kWordP1, fixpipe.relu}});
  return true;
}

// Either operand may be a scalar (tdivs has both orders, pto-format 3.3).
bool Lowering::lower_binary(const pto::Operation& operation, abi::BinarySub sub, abi::SourceMode first,
                            abi::SourceMode second) {
  if (!same_elements(operation)) return false;
  const pto::ValueId destination = operation.segment(1)[0];
  const DType element = tile_of(type(destination))->element;
  const bool of_floats =
      sub == abi::kBinaryDiv || sub == abi::kBinaryPow || sub == abi::kBinaryLeaky || sub == abi::kBinaryExpDif;
  const bool of_integers = sub >= abi::kBinaryAnd && sub <= abi::kBinaryShiftRight;
  if (info(element).is_float ? of_integers : of_floats) return refuse(operation, fmt::format("of {}", name(element)));
  Register sources[2] = {abi::kNone, abi::kNone};
  abi::SourceMode modes[2] = {first, second};
  for (std::size_t i = 0; i < 2; ++i) {
    const pto::ValueId value = operation.segment(0)[i];
    sources[i] = reg(value);
    if (tile_of(type(value))) continue;
    modes[i] = abi::kFromScalar;
    if (!scalar_operand(operation, value, element, sources[i])) return false;
  }
  emit(abi::kOpBinary, {{abi::kWordD, reg(destination)},
                        {abi::kWordA, sources[0]},
                        {abi::kWordB, sources[1]},
                        {abi::kWordE, modes[0]},
                        {abi::kWordF, modes[1]},
                        {abi::kWordKind, static_cast<std::int64_t>(element)},
                        {abi::kWordSub, sub}});
  return true;
}

bool Lowering::lower_unary(const pto::Operation& operation, abi::UnarySub sub) {
  if (!same_elements(operation)) return false;
  const DType element = tile_of(type(operation.segment(1)[0]))->element;
  const bool of_integers = sub == abi::kUnaryNot;
  if (sub > abi::kUnaryRelu && info(element).is_float == of_integers)
    return refuse(operation, fmt::format("of {}", name(element)));
  emit(
      abi::kOpUnary,
      {{abi::kWordD, reg(operation.segment(1)[0])}, {abi::kWordA, reg(operation.segment(0)[0])}, {abi::kWordSub, sub}});
  return true;
}

bool Lowering::lower_convert(const pto::Operation& operation) {
  const auto* from = tile_of(type(operation.segment(0)[0]));
  const auto* to = tile_of(type(operation.segment(1)[0]));
  if (!from || !to) return refuse(operation, "of something that is no tile");
  const std::string_view written = pto::word(operation.attributes, "sat_mode");
  const std::string_view saturation = written.empty() ? pto::word(operation.attributes, "satmode") : written;
  const auto meaning =
      options_.profile->conversion(from->element, to->element, pto::word(operation.attributes, "rmode"), saturation);
  if (!meaning) {  // a fault when executed: the target has no such instruction
    emit(abi::kOpTrap, {{abi::kWordSub, abi::kFaultConversion}});
    return true;
  }
  if (!computes(from->element) || !computes(to->element))
    return refuse(operation, fmt::format("from {} to {}", name(from->element), name(to->element)));
  emit(abi::kOpConvert, {{abi::kWordD, reg(operation.segment(1)[0])},
                         {abi::kWordA, reg(operation.segment(0)[0])},
                         {abi::kWordSub, static_cast<std::int64_t>(meaning->rounding)},
                         {abi::kWordP0, meaning->saturate}});
  return true;
}

bool Lowering::lower_move(const pto::Operation& operation, abi::SourceMode mode) {
  const pto::ValueId value = operation.segment(0)[0];
  const auto* source = tile_of(type(value));
  const auto* destination = tile_of(type(operation.segment(1)[0]));
  if (!destination) return refuse(operation, "into something that is no tile");
  Register from = reg(value);
  if (mode == abi::kFromScalar) {
    if (!scalar_operand(operation, value, destination->element, from)) return false;
  } else if (!source || source->element != destination->element) {
    return refuse(operation, "between different element types");
  }
  const auto plain = [](const pto::TileType& type) {
    return type.space == pto::Space::vec && type.slayout == pto::InnerLayout::none_box;
  };
  const bool blocks = operation.code == tmov && source && plain(*source) && plain(*destination) &&
                      source->blayout == destination->blayout;
  emit(abi::kOpMove, {{abi::kWordD, reg(operation.segment(1)[0])},
                      {abi::kWordA, from},
                      {abi::kWordSub, mode},
                      {abi::kWordP0, blocks}});
  return true;
}

bool Lowering::lower_reduction(const pto::Operation& operation, abi::ReduceSub sub, bool of_columns) {
  const auto *source = tile_of(type(operation.segment(0)[0])), *destination = tile_of(type(operation.segment(1)[0]));
  if (!source || !destination) return refuse(operation, "of something that is no tile");
  if (sub == abi::kReduceArgMax || sub == abi::kReduceArgMin) {
    if (!info(source->element).is_float || !computes(source->element) || info(destination->element).is_float)
      return refuse(operation, "in this form");
  } else if (!same_elements(operation)) {
    return false;
  }
  const Profile& profile = *options_.profile;
  std::int64_t chunk = std::numeric_limits<std::int32_t>::max();
  if (profile.sum_order == SumOrder::sequential) chunk = 1;
  if (profile.sum_order == SumOrder::chunked) chunk = std::clamp<std::int64_t>(profile.sum_chunk, 1, chunk);
  emit(abi::kOpReduce, {{abi::kWordD, reg(operation.segment(1)[0])},
                        {abi::kWordA, reg(operation.segment(0)[0])},
                        {abi::kWordSub, sub},
                        {abi::kWordP0, chunk},
                        {abi::kWordP1, of_columns}});
  return true;
}

bool Lowering::lower_gather(const pto::Operation& operation) {
  if (pto::find(operation.attributes, "maskPattern") || pto::find(operation.attributes, "mask_pattern"))
    return lower_gather_pattern(operation);
  const std::span<const pto::ValueId> ins = operation.segment(0);
  const auto* source = tile_of(type(ins[0]));
  const auto* indices = ins.size() > 1 ? tile_of(type(ins[1])) : nullptr;
  const auto* destination = tile_of(type(operation.segment(1)[0]));
  if (!source || !indices || !destination || info(indices->element).is_float)
    return refuse(operation, "in a form other than by index");
  if (info(source->element).bits != info(destination->element).bits)
    return refuse(operation, "between elements of different widths");
  emit(abi::kOpGather,
       {{abi::kWordD, reg(operation.segment(1)[0])}, {abi::kWordA, reg(ins[0])}, {abi::kWordB, reg(ins[1])}});
  return true;
}

bool Lowering::lower_iota(const pto::Operation& operation) {
  const auto* destination = tile_of(type(operation.segment(1)[0]));
  Register start = abi::kNone;
  if (!destination || info(destination->element).is_float) return refuse(operation, "of other than integers");
  if (!scalar_operand(operation, operation.segment(0)[0], destination->element, start)) return false;
  const pto::Attribute* attribute = pto::find(operation.attributes, "descending");
  bool descending = attribute != nullptr;
  if (attribute) {
    if (const auto* flag = std::get_if<bool>(&attribute->value)) descending = *flag;
    if (const auto* number = std::get_if<pto::IntAttr>(&attribute->value)) descending = number->value != 0;
  }
  emit(abi::kOpIota, {{abi::kWordD, reg(operation.segment(1)[0])}, {abi::kWordA, start}, {abi::kWordSub, descending}});
  return true;
}

bool Lowering::lower_pair(const pto::Operation& operation, abi::DeviceOp op) {
  const std::span<const pto::ValueId> ins = operation.segment(0);
  const pto::ValueId destination = operation.segment(1)[0];
  for (const pto::ValueId value : ins)
    if (!tile_of(type(value)) || !tile_of(type(destination)) ||
        tile_of(type(value))->element != tile_of(type(destination))->element)
      return refuse(operation, "between different element types");
  emit(op, {{abi::kWordD, reg(destination)}, {abi::kWordA, reg(ins[0])}, {abi::kWordB, reg(ins.back())}});
  return true;
}

namespace {

// How the device executes a binary or unary operation: the arithmetic, and where each source's elements lie.
struct BinaryForm {
  pto::OpCode code;
  abi::BinarySub arithmetic;
  abi::SourceMode first, second;
};
constexpr BinaryForm kBinaryForms[] = {
    {tadd, abi::kBinaryAdd, abi::kSameElement, abi::kSameElement},
    {tadds, abi::kBinaryAdd, abi::kSameElement, abi::kSameElement},
    {tsub, abi::kBinarySub, abi::kSameElement, abi::kSameElement},
    {tsubs, abi::kBinarySub, abi::kSameElement, abi::kSameElement},
    {tmul, abi::kBinaryMul, abi::kSameElement, abi::kSameElement},
    {tmuls, abi::kBinaryMul, abi::kSameElement, abi::kSameElement},
    {tdiv, abi::kBinaryDiv, abi::kSameElement, abi::kSameElement},
    {tdivs, abi::kBinaryDiv, abi::kSameElement, abi::kSameElement},
    {tmax, abi::kBinaryMax, abi::kSameElement, abi::kSameElement},
    {tmaxs, abi::kBinaryMax, abi::kSameElement, abi::kSameElement},
    {tmin, abi::kBinaryMin, abi::kSameElement, abi::kSameElement},
    {tmins, abi::kBinaryMin, abi::kSameElement, abi::kSameElement},
    {trowexpandadd, abi::kBinaryAdd, abi::kExpandedRow, abi::kExpandedRow},
    {trowexpandsub, abi::kBinarySub, abi::kExpandedRow, abi::kExpandedRow},
    {trowexpandmul, abi::kBinaryMul, abi::kExpandedRow, abi::kExpandedRow},
    {trowexpanddiv, abi::kBinaryDiv, abi::kExpandedRow, abi::kExpandedRow},
    {tcolexpandadd, abi::kBinaryAdd, abi::kSameElement, abi::kFromColumn},
    {tcolexpandsub, abi::kBinarySub, abi::kSameElement, abi::kFromColumn},
    {tcolexpandmul, abi::kBinaryMul, abi::kSameElement, abi::kFromColumn},
    {tcolexpanddiv, abi::kBinaryDiv, abi::kSameElement, abi::kFromColumn},
    {trowexpandmax, abi::kBinaryMax, abi::kExpandedRow, abi::kExpandedRow},
    {trowexpandmin, abi::kBinaryMin, abi::kExpandedRow, abi::kExpandedRow},
    {trowexpandexpdif, abi::kBinaryExpDif, abi::kExpandedRow, abi::kExpandedRow},
    {tcolexpandmax, abi::kBinaryMax, abi::kSameElement, abi::kFromColumn},
    {tcolexpandmin, abi::kBinaryMin, abi::kSameElement, abi::kFromColumn},
    {tcolexpandexpdif, abi::kBinaryExpDif, abi::kSameElement, abi::kFromColumn},
    {tand, abi::kBinaryAnd, abi::kSameElement, abi::kSameElement},
    {tands, abi::kBinaryAnd, abi::kSameElement, abi::kSameElement},
    {tor, abi::kBinaryOr, abi::kSameElement, abi::kSameElement},
    {tors, abi::kBinaryOr, abi::kSameElement, abi::kSameElement},
    {txor, abi::kBinaryXor, abi::kSameElement, abi::kSameElement},
    {txors, abi::kBinaryXor, abi::kSameElement, abi::kSameElement},
    {tshl, abi::kBinaryShiftLeft, abi::kSameElement, abi::kSameElement},
    {tshls, abi::kBinaryShiftLeft, abi::kSameElement, abi::kSameElement},
    {tshr, abi::kBinaryShiftRight, abi::kSameElement, abi::kSameElement},
    {tshrs, abi::kBinaryShiftRight, abi::kSameElement, abi::kSameElement},
    {trem, abi::kBinaryRem, abi::kSameElement, abi::kSameElement},
    {trems, abi::kBinaryRem, abi::kSameElement, abi::kSameElement},
    {tfmod, abi::kBinaryFmod, abi::kSameElement, abi::kSameElement},
    {tfmods, abi::kBinaryFmod, abi::kSameElement, abi::kSameElement},
    {tpow, abi::kBinaryPow, abi::kSameElement, abi::kSameElement},
    {tpows, abi::kBinaryPow, abi::kSameElement, abi::kSameElement},
    {tprelu, abi::kBinaryLeaky, abi::kSameElement, abi::kSameElement},
    {tlrelu, abi::kBinaryLeaky, abi::kSameElement, abi::kSameElement},
    {taddrelu, abi::kBinaryAddRelu, abi::kSameElement, abi::kSameElement},
    {tsubrelu, abi::kBinarySubRelu, abi::kSameElement, abi::kSameElement},
};
struct UnaryForm {
  pto::OpCode code;
  abi::UnarySub function;
};
constexpr UnaryForm kUnaryForms[] = {
    {tneg, abi::kUnaryNeg},     {tabs, abi::kUnaryAbs},     {trelu, abi::kUnaryRelu},
    {texp, abi::kUnaryExp},     {tlog, abi::kUnaryLog},     {tsqrt, abi::kUnarySqrt},
    {trecip, abi::kUnaryRecip}, {trsqrt, abi::kUnaryRsqrt}, {tnot, abi::kUnaryNot},
};
struct ReductionForm {
  pto::OpCode code;
  abi::ReduceSub sub;
  bool of_columns;
};
constexpr ReductionForm kReductionForms[] = {
    {trowsum, abi::kReduceSum, false},       {trowmax, abi::kReduceMax, false},
    {trowmin, abi::kReduceMin, false},       {trowprod, abi::kReduceProduct, false},
    {trowargmax, abi::kReduceArgMax, false}, {trowargmin, abi::kReduceArgMin, false},
    {tcolsum, abi::kReduceSum, true},        {tcolmax, abi::kReduceMax, true},
    {tcolmin, abi::kReduceMin, true},        {tcolprod, abi::kReduceProduct, true},
    {tcolargmax, abi::kReduceArgMax, true},  {tcolargmin, abi::kReduceArgMin, true},
};
// Where the three operands stand: an index into ins(...), or kDestination.
constexpr std::int8_t kDestination = -1;
struct TernaryForm {
  pto::OpCode code;
  abi::TernarySub sub;
  std::array<std::int8_t, 3> order;
};
constexpr TernaryForm kTernaryForms[] = {
    {taddc, abi::kTernaryAdd, {0, 1, 2}},
    {tsubc, abi::kTernarySub, {0, 1, 2}},
    {taddsc, abi::kTernaryAdd, {0, 1, 2}},
    {tsubsc, abi::kTernarySub, {0, 1, 2}},
    {tmuladddst, abi::kTernaryMultiplyAdd, {0, 1, kDestination}},
    {tfusedmuladd, abi::kTernaryMultiplyAdd, {0, kDestination, 1}},
    {tfusedmuladdrelu, abi::kTernaryMultiplyAddRelu, {0, kDestination, 1}},
    {taxpy, abi::kTernaryMultiplyAdd, {1, 0, kDestination}},
};
struct PartialForm {
  pto::OpCode code;
  abi::BinarySub sub;
};
constexpr PartialForm kPartialForms[] = {
    {tpartadd, abi::kBinaryAdd},
    {tpartmul, abi::kBinaryMul},
    {tpartmax, abi::kBinaryMax},
    {tpartmin, abi::kBinaryMin},
};

}  // namespace

// The accumulator of a fused multiplication may also be written, as the third operand.
bool Lowering::lower_ternary(const pto::Operation& operation, abi::TernarySub sub, std::array<std::int8_t, 3> order) {
  if (!same_elements(operation)) return false;
  const std::span<const pto::ValueId> ins = operation.segment(0);
  const pto::ValueId destination = operation.segment(1)[0];
  const DType element = tile_of(type(destination))->element;
  Register sources[3] = {};
  abi::SourceMode modes[3] = {};
  for (std::size_t i = 0; i < 3; ++i) {
    const bool is_destination = order[i] == kDestination;
    const bool fused = sub >= abi::kTernaryMultiplyAdd;
    const pto::ValueId value = !is_destination           ? ins[static_cast<std::size_t>(order[i])]
                               : fused && ins.size() > 2 ? ins[2]
                                                         : destination;
    sources[i] = reg(value);
    modes[i] = tile_of(type(value)) ? abi::kSameElement : abi::kFromScalar;
    if (modes[i] == abi::kFromScalar && (i == 2 || !scalar_operand(operation, value, element, sources[i])))
      return refuse(operation, "in this form");
  }
  emit(abi::kOpTernary, {{abi::kWordD, reg(destination)},
                         {abi::kWordA, sources[0]},
                         {abi::kWordB, sources[1]},
                         {abi::kWordC, sources[2]},
                         {abi::kWordE, modes[0]},
                         {abi::kWordF, modes[1]},
                         {abi::kWordSub, sub}});
  return true;
}

bool Lowering::lower_partial(const pto::Operation& operation, abi::BinarySub sub) {
  if (!same_elements(operation)) return false;
  const std::span<const pto::ValueId> ins = operation.segment(0);
  if (!tile_of(type(ins[0])) || !tile_of(type(ins[1]))) return refuse(operation, "of something that is no tile");
  emit(abi::kOpPartial, {{abi::kWordD, reg(operation.segment(1)[0])},
                         {abi::kWordA, reg(ins[0])},
                         {abi::kWordB, reg(ins[1])},
                         {abi::kWordSub, sub}});
  return true;
}

bool Lowering::lower_tile(const pto::Operation& operation) {
  const auto binary = std::ranges::find(kBinaryForms, operation.code, &BinaryForm::code);
  if (binary != std::end(kBinaryForms))
    return lower_binary(operation, binary->arithmetic, binary->first, binary->second);
  const auto unary = std::ranges::find(kUnaryForms, operation.code, &UnaryForm::code);
  if (unary != std::end(kUnaryForms)) return lower_unary(operation, unary->function);
  const auto reduction = std::ranges::find(kReductionForms, operation.code, &ReductionForm::code);
  if (reduction != std::end(kReductionForms)) return lower_reduction(operation, reduction->sub, reduction->of_columns);
  const auto ternary = std::ranges::find(kTernaryForms, operation.code, &TernaryForm::code);
  if (ternary != std::end(kTernaryForms)) return lower_ternary(operation, ternary->sub, ternary->order);
  const auto partial = std::ranges::find(kPartialForms, operation.code, &PartialForm::code);
  if (partial != std::end(kPartialForms)) return lower_partial(operation, partial->sub);
  const auto in_vec = [&](pto::ValueId value) {
    const auto* tile = tile_of(type(value));
    return tile && tile->space == pto::Space::vec;
  };
  switch (operation.code) {
    case tload:
    case tprefetch:
      return lower_load(operation);
    case tstore:
      return lower_store(operation);
    case tmov:
      return in_vec(operation.segment(0)[0]) && in_vec(operation.segment(1)[0])
                 ? lower_move(operation, abi::kSameElement)
                 : lower_part(operation);
    case textract:
    case tinsert:
      return lower_part(operation);
    case tmatmul:
    case tmatmul_acc:
    case tmatmul_bias:
    case tgemv:
    case tgemv_acc:
    case tgemv_bias:
      return lower_product(operation);
    case tcmp:
    case tcmps:
      return lower_compare(operation);
    case tsel:
    case tsels:
      return lower_select(operation);
    case tsort32:
      return lower_sort(operation);
    case tmrgsort:
      return lower_merge(operation);
    case texpands:
      return lower_move(operation, abi::kFromScalar);
    case trowexpand:
      return lower_move(operation, abi::kFromRow);
    case tcolexpand:
      return lower_move(operation, abi::kFromColumn);
    case ttrans:
      return lower_move(operation, abi::kTransposed);
    case tcvt:
      return lower_convert(operation);
    case tfillpad:
    case tfillpad_inplace:
    case tfillpad_expand:
      return lower_pair(operation, abi::kOpFillPad);
    case tconcat:
      return lower_pair(operation, abi::kOpConcat);
    case tgather:
      return lower_gather(operation);
    case tci:
      return lower_iota(operation);
    default:
      return refuse(operation);
  }
}

// RunOptions::contract_fma: marks each product of tiles or of a tile and a scalar that the very next instruction adds
// to or subtracts from another tile. See fuse_addend in elementwise.cl for what the device still checks.
void Lowering::fuse_products() {
  for (std::size_t i = 0; i + 1 < program_.code.size(); ++i) {
    Instruction& product = program_.code[i];
    Instruction& sum = program_.code[i + 1];
    const std::int32_t result = product[abi::kWordD];
    const bool adds = sum[abi::kWordSub] == abi::kBinaryAdd, subtracts = sum[abi::kWordSub] == abi::kBinarySub;
    const bool from_first = sum[abi::kWordA] == result, from_second = sum[abi::kWordB] == result;
    const bool entered =
        std::find(block_starts_.begin(), block_starts_.end(), static_cast<std::int32_t>(i + 1)) != block_starts_.end();
    if (product[abi::kWordOp] != abi::kOpBinary || product[abi::kWordSub] != abi::kBinaryMul ||
        sum[abi::kWordOp] != abi::kOpBinary || !(adds || subtracts) || from_first == from_second || entered ||
        sum[abi::kWordE] != abi::kSameElement || sum[abi::kWordF] != abi::kSameElement)
      continue;
    product[abi::kWordFuse] = adds ? abi::kFuseAdd : from_first ? abi::kFuseSubtract : abi::kFuseSubtractFrom;
    sum[abi::kWordFuse] = abi::kFuseConsumer;
  }
}

}  // namespace assay::device
