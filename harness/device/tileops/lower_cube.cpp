// Matrix products, moves to and from the cube's memories, and what the fixpipe does to accumulators.
#include <algorithm>
#include <limits>

#include "harness/device/tileops/lowering.h"

namespace assay::device {
namespace {

using enum pto::OpCode;

const pto::TileType* tile_of(const pto::Type& type) { return std::get_if<pto::TileType>(&type); }

bool is_byte(DType dtype) { return dtype == DType::i8 || dtype == DType::u8; }
bool is_half(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

// isa 2.7: the modes of the fixpipe. Nothing for pairs it has none for.
std::optional<abi::FixpipeMode> fixpipe_mode(DType from, DType to, bool has_parameter) {
  if (from == to) return has_parameter ? std::nullopt : std::optional(abi::kFixNone);
  if (from == DType::f32 && is_half(to)) return has_parameter ? abi::kFixScale : abi::kFixNarrow;
  if (!has_parameter || (from != DType::f32 && from != DType::i32)) return std::nullopt;
  if (is_byte(to)) return abi::kFixByte;
  if (from == DType::i32 && to == DType::f16) return abi::kFixScale;
  return from == DType::i32 && to == DType::i16 ? std::optional(abi::kFixShift) : std::nullopt;
}

}  // namespace

// Of the operands of ins(...) from `first` on: a tile of scaling, or a scalar word.
bool Lowering::lower_fixpipe(const pto::Operation& operation, DType from, DType to, std::size_t first,
                             Fixpipe& fixpipe) {
  if (pto::find(operation.attributes, "preQuantScalar") || pto::find(operation.attributes, "preQuantMode"))
    return refuse(operation, "with quantisation as an attribute");
  const std::string_view relu = pto::word(operation.attributes, "reluPreMode");
  fixpipe.relu = relu == "normal_relu" || relu == "NormalRelu";
  if (!relu.empty() && !fixpipe.relu && relu != "no_relu" && relu != "NoRelu")
    return refuse(operation, fmt::format("with reluPreMode {}", relu));
  const std::span<const pto::ValueId> ins = operation.segment(0);
  for (std::size_t i = first; i < ins.size(); ++i) {
    if (const auto* tile = tile_of(type(ins[i]))) {
      if (tile->space != pto::Space::scaling || element_bytes(tile->element) != 8)
        return refuse(operation, "with a parameter that is no tile of 64-bit words in scaling");
      fixpipe.kind = abi::kParameterTile;
    } else if (std::holds_alternative<pto::ScalarType>(type(ins[i]))) {
      fixpipe.kind = abi::kParameterScalar;
    } else {
      return refuse(operation, "with a parameter of another type");
    }
    fixpipe.parameter = reg(ins[i]);
  }
  const auto mode = fixpipe_mode(from, to, fixpipe.kind != abi::kParameterNone);
  if (mode) fixpipe.mode = *mode;
  fixpipe.exists = mode.has_value();
  return true;
}

bool Lowering::lower_product(const pto::Operation& operation) {
  const bool acc = operation.code == tmatmul_acc || operation.code == tgemv_acc;
  const bool bias = operation.code == tmatmul_bias || operation.code == tgemv_bias;
  const std::span<const pto::ValueId> ins = operation.segment(0);
  const std::size_t first = acc ? 1 : 0;
  const pto::ValueId left_value = ins[first], right_value = ins[first + 1], out_value = operation.segment(1)[0];
  const auto *left = tile_of(type(left_value)), *right = tile_of(type(right_value)), *out = tile_of(type(out_value));
  if (!left || !right || !out) return refuse(operation, "of something that is no tile");
  const bool integers = left->element == DType::i8 && out->element == DType::i32;
  const bool floats = (is_half(left->element) || left->element == DType::f32) && out->element == DType::f32;
  if (left->element != right->element || !(integers || floats))
    return refuse(operation,
                  fmt::format("of {} and {} into {}", name(left->element), name(right->element), name(out->element)));
  const pto::ValueId start = acc ? ins[0] : bias ? ins[2] : out_value;
  const auto* start_tile = tile_of(type(start));
  if (!start_tile || start_tile->element != out->element)
    return refuse(operation, "onto something of another type than its result");
  const std::int64_t width = integers ? 1 : 4;
  const auto padded = [](std::int64_t depth) { return (depth + 31) / 32 * 32; };
  stage_bytes_ =
      std::max(stage_bytes_, width * (left->rows * padded(left->cols) + right->cols * padded(left->cols)) + 64);
  const Profile& profile = *options_.profile;
  std::int64_t chunk = std::int64_t{1} << 30;
  if (profile.sum_order == SumOrder::sequential) chunk = 1;
  if (profile.sum_order == SumOrder::chunked) chunk = std::clamp<std::int64_t>(profile.sum_chunk, 1, chunk);
  emit(abi::kOpMatrixStage, {{abi::kWordA, reg(left_value)}, {abi::kWordB, reg(right_value)}});
  emit(abi::kOpMatrixMultiply, {{abi::kWordD, reg(out_value)},
                                {abi::kWordA, reg(left_value)},
                                {abi::kWordB, reg(right_value)},
                                {abi::kWordC, acc || bias ? reg(start) : abi::kNone},
                                {abi::kWordSub, acc    ? abi::kProductOntoDestination
                                                : bias ? abi::kProductOntoBias
                                                       : abi::kProductAlone},
                                {abi::kWordP0, chunk}});
  return true;
}

// textract, tinsert, and tmov where a tile is not in vec.
bool Lowering::lower_part(const pto::Operation& operation) {
  const std::span<const pto::ValueId> ins = operation.segment(0);
  const pto::ValueId out = operation.segment(1)[0];
  const auto *from = tile_of(type(ins[0])), *to = tile_of(type(out));
  if (!from || !to) return refuse(operation, "of something that is no tile");
  const bool window = operation.code != tmov;
  if (window && ins.size() < 3) return refuse(operation, "without a place");
  Fixpipe fixpipe;
  const std::size_t parameters = window ? 3 : 1;
  if (from->space == pto::Space::acc) {
    if (!lower_fixpipe(operation, from->element, to->element, parameters, fixpipe)) return false;
    if (!fixpipe.exists) {
      emit(abi::kOpTrap, {{abi::kWordSub, abi::kFaultConversion}});
      return true;
    }
  } else if (ins.size() > parameters) {
    return refuse(operation, "with a parameter, from another space than acc");
  } else if (to->space == pto::Space::bias && to->element == DType::f32 && is_half(from->element)) {
    fixpipe.mode = abi::kFixWiden;
  } else if (element_bytes(from->element) != element_bytes(to->element)) {
    emit(abi::kOpTrap, {{abi::kWordSub, abi::kFaultConversion}});
    return true;
  }
  emit(abi::kOpMovePart, {{abi::kWordD, reg(out)},
                          {abi::kWordA, reg(ins[0])},
                          {abi::kWordB, window ? reg(ins[1]) : abi::kNone},
                          {abi::kWordC, window ? reg(ins[2]) : abi::kNone},
                          {abi::kWordE, fixpipe.parameter},
                          {abi::kWordF, fixpipe.kind},
                          {abi::kWordSub, operation.code == tinsert},
                          {abi::kWordP0, fixpipe.mode},
                          {abi::kWordP1, fixpipe.relu}});
  return true;
}

}  // namespace assay::device
