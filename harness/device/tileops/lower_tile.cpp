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

// Element types whose values the device computes with; others it only moves.
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
  if (!view || !tile || info(view->element).bits != info(tile->element).bits)
    return refuse(operation, "between these types");
  for (const char* key : {"preQuantScalar", "reluPreMode", "preQuantMode"}) {
    const std::string_view word = pto::word(operation.attributes, key);
    if (pto::find(operation.attributes, key) && word.find("no") == std::string_view::npos &&
        word.find("No") == std::string_view::npos)
      return refuse(operation, fmt::format("with {}", key));
  }
  const std::string_view atomic = pto::word(operation.attributes, "atomicType");
  const bool adds = atomic == "atomic_add";
  if (!adds && !atomic.empty() && atomic != "atomic_none" && atomic != "none")
    return refuse(operation, fmt::format("with atomicType {}", atomic));
  if (adds && (!computes(tile->element) || view->element != tile->element))
    return refuse(operation, fmt::format("adding {}", name(tile->element)));
  program_.adds_to_global = program_.adds_to_global || adds;
  emit(abi::kOpStore, {{abi::kWordA, reg(operation.segment(0)[0])},
                       {abi::kWordB, reg(operation.segment(1)[0])},
                       {abi::kWordSub, adds}});
  return true;
}

// Either operand may be a scalar (tdivs has both orders, pto-format 3.3).
bool Lowering::lower_binary(const pto::Operation& operation, abi::BinarySub sub, abi::SourceMode first,
                            abi::SourceMode second) {
  if (!same_elements(operation)) return false;
  const pto::ValueId destination = operation.segment(1)[0];
  const DType element = tile_of(type(destination))->element;
  if (sub == abi::kBinaryDiv && !info(element).is_float) return refuse(operation, "of integers");
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
  if (sub > abi::kUnaryRelu && !info(element).is_float) return refuse(operation, "of integers");
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

bool Lowering::lower_reduction(const pto::Operation& operation) {
  if (!same_elements(operation)) return false;
  const DType element = tile_of(type(operation.segment(1)[0]))->element;
  const bool sum = operation.code == trowsum;
  if (sum && !info(element).is_float) return refuse(operation, "of integers");
  const Profile& profile = *options_.profile;
  std::int64_t chunk = std::numeric_limits<std::int32_t>::max();
  if (profile.sum_order == SumOrder::sequential) chunk = 1;
  if (profile.sum_order == SumOrder::chunked) chunk = std::clamp<std::int64_t>(profile.sum_chunk, 1, chunk);
  emit(sum ? abi::kOpRowSum : abi::kOpRowMax, {{abi::kWordD, reg(operation.segment(1)[0])},
                                               {abi::kWordA, reg(operation.segment(0)[0])},
                                               {abi::kWordP0, chunk}});
  return true;
}

bool Lowering::lower_gather(const pto::Operation& operation) {
  if (pto::find(operation.attributes, "maskPattern")) return refuse(operation, "with a mask pattern");
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
};
struct UnaryForm {
  pto::OpCode code;
  abi::UnarySub function;
};
constexpr UnaryForm kUnaryForms[] = {
    {tneg, abi::kUnaryNeg}, {tabs, abi::kUnaryAbs},   {trelu, abi::kUnaryRelu},   {texp, abi::kUnaryExp},
    {tlog, abi::kUnaryLog}, {tsqrt, abi::kUnarySqrt}, {trecip, abi::kUnaryRecip}, {trsqrt, abi::kUnaryRsqrt},
};

}  // namespace

bool Lowering::lower_tile(const pto::Operation& operation) {
  const auto binary = std::ranges::find(kBinaryForms, operation.code, &BinaryForm::code);
  if (binary != std::end(kBinaryForms))
    return lower_binary(operation, binary->arithmetic, binary->first, binary->second);
  const auto unary = std::ranges::find(kUnaryForms, operation.code, &UnaryForm::code);
  if (unary != std::end(kUnaryForms)) return lower_unary(operation, unary->function);
  switch (operation.code) {
    case tload:
      return lower_load(operation);
    case tstore:
      return lower_store(operation);
    case tmov:
      return lower_move(operation, abi::kSameElement);
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
    case trowsum:
    case trowmax:
      return lower_reduction(operation);
    case tfillpad:
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
