// Static rules of tile operations: how many operands, which spaces and element types.
#include <algorithm>

#include "harness/pto/literal.h"
#include "harness/pto/product.h"
#include "harness/pto/verify_function.h"

namespace assay::pto {
namespace {

constexpr std::string_view kRoundModes[] = {"NONE", "RINT", "ROUND", "FLOOR", "CEIL", "TRUNC", "ODD", "CAST_RINT"};
constexpr std::string_view kCompareModes[] = {"eq", "ne", "lt", "le", "gt", "ge"};
constexpr std::string_view kMaskPatterns[] = {"P0101", "P1010", "P0001", "P0010", "P0100", "P1000", "P1111"};

bool is_integer_element(DType element) { return !assay::info(element).is_float; }

}  // namespace

// What stands in ins(..), one letter an operand:
//   t a tile of the destination's element type · e tiles that share an element type among themselves · u any tile
//   n a tile of integers · s a scalar of the element type, S of the first tile's · i any integer · f any float
//   v a view · * a view or a tile · . scratch
std::string FunctionVerifier::operand_pattern(const Operation& operation) const {
  const auto ins = operation.segment(0);
  const auto is_tile = [&](std::size_t i) { return i < ins.size() && as<TileType>(ins[i]) != nullptr; };
  switch (operation.code) {
    case OpCode::tadds:
    case OpCode::tsubs:
    case OpCode::tmuls:
    case OpCode::tmaxs:
    case OpCode::tmins:
    case OpCode::tands:
    case OpCode::tors:
    case OpCode::tfmods:
    case OpCode::tlrelu:
    case OpCode::taxpy:
      return "ts";
    case OpCode::txors:
    case OpCode::trems:
    case OpCode::tpows:
      return "ts.";
    case OpCode::tshls:
    case OpCode::tshrs:
      return "ti";
    case OpCode::tdivs:
      return is_tile(0) ? "ts" : "st";
    case OpCode::taddsc:
    case OpCode::tsubsc:
      return "tst";
    case OpCode::texpands:
      return "s";
    case OpCode::tci:
      return "s.";
    case OpCode::ttri:
      return "i";
    case OpCode::trandom:
      return "iiiiii";
    case OpCode::tcvt:
    case OpCode::trowargmax:
    case OpCode::trowargmin:
    case OpCode::tcolargmax:
    case OpCode::tcolargmin:
      return "u.";
    case OpCode::tcmp:
      return "ee";
    case OpCode::tcmps:
      return "eS";
    case OpCode::tsel:
      return "ntt.";
    case OpCode::tsels:
      return ins.size() == 4 ? "nt.s" : "nts";
    case OpCode::taddreluconv:
    case OpCode::tsubreluconv:
      return "ee";
    case OpCode::tadddeqrelu:
      return is_tile(2) ? "eeu." : "eef.";
    case OpCode::tpartargmax:
    case OpCode::tpartargmin:
      return "ttnn";
    case OpCode::tsort32:
      return "tn.";
    case OpCode::tmrgsort:
      return ins.size() == 2 ? "ti" : std::string(ins.size() - 1, 't') + ".";
    case OpCode::tgather:
      if (find(operation.attributes, "maskPattern")) return "u";
      return find(operation.attributes, "cmpMode") ? "eS." : "tn.";
    case OpCode::tgatherb:
    case OpCode::tscatter:
      return "tn";
    case OpCode::mgather:
      return "v*v";
    case OpCode::mscatter:
      return "un";
    case OpCode::thistogram:
      return "nn";
    case OpCode::tquant:
      return "uuuu";
    case OpCode::tquant_mx:
      return "u";
    case OpCode::tdequant:
      return "uuu";
    case OpCode::tprefetch:
      return "v";
    default:
      break;
  }
  const OpInfo& row = info(operation.code);
  std::string pattern(static_cast<std::size_t>(row.ins_max), 't');
  if (row.scratch >= 0 && static_cast<std::size_t>(row.scratch) < pattern.size())
    pattern[static_cast<std::size_t>(row.scratch)] = '.';
  return pattern;
}

void FunctionVerifier::check_tile(const Operation& operation) {
  const OpInfo& row = info(operation.code);
  const auto ins = operation.segment(0), outs = operation.segment(1);
  const auto count = static_cast<int>(ins.size()), written = static_cast<int>(outs.size());
  if (count < row.ins_min || count > row.ins_max) {
    if (row.ins_min == row.ins_max)
      report(operation, "{} operands in ins(), expected {}", count, row.ins_min);
    else
      report(operation, "{} operands in ins(), expected {} to {}", count, row.ins_min, row.ins_max);
    return;
  }
  if (written < row.outs || written > row.outs_max) {
    if (row.outs == row.outs_max)
      report(operation, "{} operands in outs(), expected {}", written, row.outs);
    else
      report(operation, "{} operands in outs(), expected {} to {}", written, row.outs, row.outs_max);
    return;
  }
  switch (operation.code) {
    case OpCode::tload:
    case OpCode::tstore:
      return check_transfer(operation);
    case OpCode::tmov:
      return check_move(operation);
    case OpCode::textract:
    case OpCode::tinsert:
      return check_cut(operation);
    default:
      break;
  }
  if (product_form(operation.code)) return check_matmul(operation);
  if (!check_destinations(operation)) return;
  check_tile_operands(operation);
  check_tile_attributes(operation);
}

bool FunctionVerifier::check_destinations(const Operation& operation) {
  const OpInfo& row = info(operation.code);
  const auto outs = operation.segment(1);
  if (operation.code == OpCode::mscatter) {
    if (!as<ViewType>(outs[0])) return report(operation, "outs() must be a view, found {}", described(outs[0]));
    return true;
  }
  for (std::size_t i = 0; i < outs.size(); ++i) {
    if (operation.code == OpCode::tmrgsort && i == 1) {
      // A local array is the form that memory stands behind.
      if (function_.type(outs[1]) != Type{VectorType{DType::i16, 4}} &&
          function_.type(outs[1]) != Type{LocalArrayType{DType::i16, 4}})
        return report(operation, "the executed counts must be vector<4xi16>, found {}", described(outs[1]));
      continue;
    }
    const auto* tile = as<TileType>(outs[i]);
    if (!tile) return report(operation, "outs() must be a tile, found {}", described(outs[i]));
    const bool loads = operation.code == OpCode::tprefetch || operation.code == OpCode::mgather ||
                       operation.code == OpCode::tfillpad || operation.code == OpCode::texpands;
    if (tile->space != Space::vec && !(loads && tile->space == Space::mat))
      return report(operation, "works on vec tiles, found {}", described(outs[i]));
  }
  // Of two destinations the row's element types are the last one's: value and index, dst and cdst.
  const bool indexed = operation.code == OpCode::trowargmax || operation.code == OpCode::trowargmin ||
                       operation.code == OpCode::tcolargmax || operation.code == OpCode::tcolargmin;
  const DType element = as<TileType>(outs[indexed ? outs.size() - 1 : 0])->element;
  if (row.dtypes.bits != 0 && !row.dtypes.contains(element))
    report(operation, "element type {} is not legal ({})", assay::name(element), row.clause);
  return true;
}

void FunctionVerifier::check_tile_operands(const Operation& operation) {
  const auto ins = operation.segment(0);
  const ValueId destination_id = operation.segment(1)[0];
  const auto* destination = as<TileType>(destination_id);
  const auto* target = as<ViewType>(destination_id);
  const DType element = destination ? destination->element : target->element;
  const std::string pattern = operand_pattern(operation);
  std::optional<DType> shared;  // of the operands 'e'
  if (ins.size() > pattern.size()) {
    report(operation, "{} operands in ins(), expected {} in this form", ins.size(), pattern.size());
    return;
  }
  for (std::size_t i = 0; i < ins.size(); ++i) {
    const char kind = pattern[i];
    const auto* tile = as<TileType>(ins[i]);
    if (kind == 's' || kind == 'S') {
      if (!check_element_scalar(operation, kind == 's' ? element : shared.value_or(element), ins[i])) return;
      continue;
    }
    if (kind == 'f') {
      const auto number = scalar(ins[i]);
      if (!number || !is_float(*number)) {
        report(operation, "operand {} must be a float, found {}", i + 1, described(ins[i]));
        return;
      }
      continue;
    }
    if (kind == 'i') {
      if (!is_integer(ins[i])) {
        report(operation, "operand {} must be an integer, found {}", i + 1, described(ins[i]));
        return;
      }
      continue;
    }
    if (kind == 'v' || (kind == '*' && as<ViewType>(ins[i]))) {
      if (!as<ViewType>(ins[i])) {
        report(operation, "operand {} must be a view, found {}", i + 1, described(ins[i]));
        return;
      }
      continue;
    }
    if (!tile) {
      report(operation, "operand {} must be a tile, found {}", i + 1, described(ins[i]));
      return;
    }
    const bool same_space = destination && destination->space != Space::vec && tile->space == destination->space;
    if (tile->space != Space::vec && !same_space) report(operation, "works on vec tiles, found {}", described(ins[i]));
    if (kind == 't' && tile->element != element)
      report(operation, "operand {} has element type {}, the destination {}: {}, {}", i + 1, assay::name(tile->element),
             assay::name(element), described(ins[i]), described(destination_id));
    if (kind == 'n' && !is_integer_element(tile->element))
      report(operation, "{} element type {}, expected integers: {}",
             operation.code == OpCode::tsel || operation.code == OpCode::tsels ? "a mask has" : "indices have",
             assay::name(tile->element), described(ins[i]));
    if (kind == 'e') {
      if (shared && *shared != tile->element)
        report(operation, "operand {} has element type {}, operand 1 {}: {}, {}", i + 1, assay::name(tile->element),
               assay::name(*shared), described(ins[i]), described(ins[0]));
      shared = tile->element;
    }
  }
  check_index_width(operation);
}

// Offsets into a tile are 16 or 32 bits wide.
void FunctionVerifier::check_index_width(const Operation& operation) {
  const bool indexed = operation.code == OpCode::tgatherb || operation.code == OpCode::tscatter ||
                       (operation.code == OpCode::tgather && operand_pattern(operation)[1] == 'n');
  const auto ins = operation.segment(0);
  if (!indexed || ins.size() < 2) return;
  const auto* tile = as<TileType>(ins[1]);
  const int bits = tile ? assay::info(tile->element).bits : 0;
  if (tile && is_integer_element(tile->element) && bits != 16 && bits != 32)
    report(operation, "indices have element type {}, expected 16- or 32-bit integers: {}", assay::name(tile->element),
           described(ins[1]));
}

bool FunctionVerifier::check_word(const Operation& operation, std::string_view key,
                                  std::span<const std::string_view> words) {
  if (!find(operation.attributes, key)) return true;
  const std::string_view found = word(operation.attributes, key);
  if (std::find(words.begin(), words.end(), found) != words.end()) return true;
  return report(operation, "unknown {} '{}', expected {}", key, found, fmt::join(words, " "));
}

void FunctionVerifier::check_tile_attributes(const Operation& operation) {
  switch (operation.code) {
    case OpCode::tcvt:
      return check_conversion(operation);
    case OpCode::tcmp:
    case OpCode::tcmps:
      check_word(operation, "cmpMode", kCompareModes);
      return;
    case OpCode::tgather: {
      const bool mask = find(operation.attributes, "maskPattern"), compare = find(operation.attributes, "cmpMode");
      check_word(operation, "maskPattern", kMaskPatterns);
      check_word(operation, "cmpMode", kCompareModes);
      if (mask && compare) report(operation, "has both a maskPattern and a cmpMode");
      const std::size_t expected = mask ? 1 : 2;
      if (operation.segments[0] < expected)
        report(operation, "{} operands in ins(), expected {} to 3", operation.segments[0], expected);
      if (operation.segments[1] == 2 && !compare) report(operation, "a second destination needs a cmpMode");
      if (operation.segments[1] == 1 && compare)
        report(operation, "the compare form writes two destinations, the elements and their counts");
      return;
    }
    case OpCode::tmrgsort:
      if ((operation.segments[0] == 2) != (operation.segments[1] == 1))
        report(operation, "a block length goes with one destination, lists and scratch with two");
      return;
    case OpCode::mgather:
      check_word(operation, "coalesce", std::array<std::string_view, 2>{"row", "elem"});
      check_word(operation, "gatherOob", std::array<std::string_view, 4>{"undefined", "clamp", "wrap", "zero"});
      return;
    case OpCode::mscatter:
      check_word(operation, "coalesce", std::array<std::string_view, 2>{"row", "elem"});
      check_word(operation, "scatterAtomicOp", std::array<std::string_view, 4>{"none", "add", "max", "min"});
      check_word(operation, "scatterOob", std::array<std::string_view, 4>{"undefined", "skip", "clamp", "wrap"});
      return;
    case OpCode::tquant:
      check_word(operation, "quant_type",
                 std::array<std::string_view, 4>{"INT8_SYM", "INT8_ASYM", "int8_sym", "int8_asym"});
      return;
    case OpCode::tquant_mx:
      check_word(operation, "quant_type", std::array<std::string_view, 2>{"MXFP8", "MXFP4_E2M1"});
      check_word(operation, "quantScaleAlg", std::array<std::string_view, 4>{"ocp", "nv", "OCP", "NV"});
      check_word(operation, "grpAxis", std::array<std::string_view, 2>{"axis0", "axis1"});
      return;
    default:
      return;
  }
}

void FunctionVerifier::check_conversion(const Operation& operation) {
  const AttrDict& attributes = operation.attributes;
  if (find(attributes, "rmode")) {
    const std::string_view mode = word(attributes, "rmode");
    if (std::find(std::begin(kRoundModes), std::end(kRoundModes), mode) == std::end(kRoundModes))
      report(operation, "unknown rounding mode '{}', expected {}", mode, fmt::join(kRoundModes, " "));
  }
  if (find(attributes, "satmode") && find(attributes, "sat_mode"))
    report(operation, "satmode is given twice, once as sat_mode");
  for (std::string_view key : {"satmode", "sat_mode"}) {
    const std::string_view mode = word(attributes, key);
    if (find(attributes, key) && mode != "ON" && mode != "OFF")
      report(operation, "unknown saturation mode '{}', expected ON or OFF", mode);
  }
}

}  // namespace assay::pto
