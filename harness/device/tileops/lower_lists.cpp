// Masks, sorting, and gathers by pattern.
#include <fmt/format.h>

#include "harness/device/tileops/lowering.h"

namespace assay::device {
namespace {

using enum pto::OpCode;

const pto::TileType* tile_of(const pto::Type& type) { return std::get_if<pto::TileType>(&type); }

bool is_plain(const pto::TileType& tile) {
  return tile.slayout == pto::InnerLayout::none_box && tile.blayout == pto::BoxOrder::row_major;
}

std::string_view word_of(const pto::Operation& operation, std::initializer_list<const char*> keys) {
  for (const char* key : keys)
    if (pto::find(operation.attributes, key)) return pto::word(operation.attributes, key);
  return "";
}

std::optional<abi::CompareSub> comparison_of(const pto::Operation& operation) {
  constexpr std::pair<std::string_view, abi::CompareSub> kWords[] = {{"", abi::kCompareEq},
                                                                     {"eq", abi::kCompareEq},
                                                                     {"equal", abi::kCompareEq},
                                                                     {"ne", abi::kCompareNe},
                                                                     {"not_equal", abi::kCompareNe},
                                                                     {"lt", abi::kCompareLt},
                                                                     {"less_than", abi::kCompareLt},
                                                                     {"le", abi::kCompareLe},
                                                                     {"less_equal", abi::kCompareLe},
                                                                     {"gt", abi::kCompareGt},
                                                                     {"greater_than", abi::kCompareGt},
                                                                     {"ge", abi::kCompareGe},
                                                                     {"greater_equal", abi::kCompareGe}};
  const std::string_view written = word_of(operation, {"cmpMode", "cmp_mode"});
  for (const auto& [text, sub] : kWords)
    if (text == written) return sub;
  return std::nullopt;
}

// Which elements a pattern takes: every `stride`th from `first` on. P0101 is read from the right.
struct Pattern {
  std::int64_t first, stride;
};
std::optional<Pattern> pattern_of(std::string_view text) {
  constexpr std::pair<std::string_view, Pattern> kPatterns[] = {{"1111", {0, 1}}, {"0101", {0, 2}}, {"1010", {1, 2}},
                                                                {"0001", {0, 4}}, {"0010", {1, 4}}, {"0100", {2, 4}},
                                                                {"1000", {3, 4}}};
  if (text.size() != 5 || (text[0] != 'P' && text[0] != 'p')) return std::nullopt;
  for (const auto& [bits, pattern] : kPatterns)
    if (text.substr(1) == bits) return pattern;
  return std::nullopt;
}

}  // namespace

bool Lowering::lower_compare(const pto::Operation& operation) {
  const pto::ValueId first = operation.segment(0)[0], second = operation.segment(0)[1], out = operation.segment(1)[0];
  const auto *a = tile_of(type(first)), *b = tile_of(type(second)), *mask = tile_of(type(out));
  const auto mode = comparison_of(operation);
  if (!a || !mask || !is_plain(*mask) || (b && b->element != a->element) || !computes(a->element) || !mode)
    return refuse(operation, "in this form");
  Register other = reg(second);
  if (!b && !scalar_operand(operation, second, a->element, other)) return false;
  emit(abi::kOpCompareTile, {{abi::kWordD, reg(out)},
                             {abi::kWordA, reg(first)},
                             {abi::kWordB, other},
                             {abi::kWordF, b ? abi::kSameElement : abi::kFromScalar},
                             {abi::kWordSub, *mode}});
  return true;
}

// tsel(mask, a, b[, scratch]); tsels(mask, a, scratch, scalar).
bool Lowering::lower_select(const pto::Operation& operation) {
  const std::span<const pto::ValueId> ins = operation.segment(0);
  const pto::ValueId out = operation.segment(1)[0];
  const auto *mask = tile_of(type(ins[0])), *first = tile_of(type(ins[1])), *to = tile_of(type(out));
  const bool by_scalar = operation.code == tsels;
  const pto::ValueId otherwise = by_scalar ? ins.back() : ins[2];
  const auto* second = tile_of(type(otherwise));
  if ((by_scalar && ins.size() != 4) || !mask || !is_plain(*mask) || !first || !to || first->element != to->element ||
      (by_scalar ? second != nullptr : !second || second->element != to->element))
    return refuse(operation, "in this form");
  Register other = reg(otherwise);
  if (by_scalar && !scalar_operand(operation, otherwise, to->element, other)) return false;
  emit(abi::kOpSelectTile, {{abi::kWordD, reg(out)},
                            {abi::kWordA, reg(ins[0])},
                            {abi::kWordB, reg(ins[1])},
                            {abi::kWordC, other},
                            {abi::kWordE, abi::kSameElement},
                            {abi::kWordF, by_scalar ? abi::kFromScalar : abi::kSameElement}});
  return true;
}

bool Lowering::lower_gather_pattern(const pto::Operation& operation) {
  const auto *from = tile_of(type(operation.segment(0)[0])), *to = tile_of(type(operation.segment(1)[0]));
  const auto pattern = pattern_of(word_of(operation, {"maskPattern", "mask_pattern"}));
  const std::string_view axis = word_of(operation, {"axis"});
  if (operation.segment(0).size() != 1 || !from || !to || !pattern ||
      info(from->element).bits != info(to->element).bits || (!axis.empty() && axis != "row" && axis != "col"))
    return refuse(operation, "with this mask pattern");
  emit(abi::kOpGatherPattern, {{abi::kWordD, reg(operation.segment(1)[0])},
                               {abi::kWordA, reg(operation.segment(0)[0])},
                               {abi::kWordSub, axis == "col"},
                               {abi::kWordP0, pattern->first},
                               {abi::kWordP1, pattern->stride}});
  return true;
}

bool Lowering::lower_sort(const pto::Operation& operation) {
  const std::span<const pto::ValueId> ins = operation.segment(0);
  const auto *values = tile_of(type(ins[0])), *indices = tile_of(type(ins[1])),
             *to = tile_of(type(operation.segment(1)[0]));
  if (!values || !indices || !to || values->element != to->element || !is_plain(*to) ||
      (to->element != DType::f32 && to->element != DType::f16) || info(indices->element).bits != 32)
    return refuse(operation, "in this form");
  emit(abi::kOpSortBlocks,
       {{abi::kWordD, reg(operation.segment(1)[0])}, {abi::kWordA, reg(ins[0])}, {abi::kWordB, reg(ins[1])}});
  return true;
}

// ins(list, block length) or ins(two to four lists, scratch) outs(list, executed counts).
bool Lowering::lower_merge(const pto::Operation& operation) {
  const std::span<const pto::ValueId> ins = operation.segment(0), outs = operation.segment(1);
  const auto* to = tile_of(type(outs[0]));
  const auto is_list = [&](pto::ValueId value) {
    const auto* tile = tile_of(type(value));
    return tile && is_plain(*tile) && tile->element == to->element;
  };
  if (!to || !is_list(outs[0]) || !is_list(ins[0]) || (to->element != DType::f32 && to->element != DType::f16))
    return refuse(operation, "of other than lists of pairs");
  if (ins.size() == 2 && std::holds_alternative<pto::ScalarType>(type(ins[1]))) {
    emit(abi::kOpMergeBlocks, {{abi::kWordD, reg(outs[0])}, {abi::kWordA, reg(ins[0])}, {abi::kWordB, reg(ins[1])}});
    return true;
  }
  const auto* counts = outs.size() > 1 ? std::get_if<pto::LocalArrayType>(&type(outs[1])) : nullptr;
  const std::size_t lists = ins.size() - 1;
  if (lists < 2 || lists > 4 || !counts || counts->count != 4) return refuse(operation, "in this form");
  const auto list = [&](std::size_t i) { return i < lists ? reg(ins[i]) : Register{abi::kNone}; };
  for (std::size_t i = 0; i < lists; ++i)
    if (!is_list(ins[i])) return refuse(operation, "of other than lists of pairs");
  const pto::Attribute* attribute = pto::find(operation.attributes, "exhausted");
  bool exhausted = attribute != nullptr;
  if (attribute) {
    if (const auto* flag = std::get_if<bool>(&attribute->value)) exhausted = *flag;
    if (const auto* number = std::get_if<pto::IntAttr>(&attribute->value)) exhausted = number->value != 0;
  }
  emit(abi::kOpMergeLists, {{abi::kWordD, reg(outs[0])},
                            {abi::kWordA, list(0)},
                            {abi::kWordB, list(1)},
                            {abi::kWordC, list(2)},
                            {abi::kWordE, list(3)},
                            {abi::kWordSub, exhausted},
                            {abi::kWordP0, reg(outs[1])}});
  return true;
}

}  // namespace assay::device
