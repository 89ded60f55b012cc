#include "harness/sim/decode_vector.h"

#include <algorithm>
#include <array>
#include <utility>

#include "harness/sim/ops/attributes.h"
#include "harness/sim/scalar.h"

namespace assay::sim {
namespace {

using pto::OpCode;
using pto::Operation;

// Operand forms, "ins:outs", several separated by blanks. One letter per operand:
//   d tile of the first destination's legal types, all d alike · n numeric tile, all n alike · c source of a conversion,
//   all c alike · f f32 tile · q i8 or i16 tile · k tile of packed bits · i index tile, 16 or 32 bits · w the same, 32
//   bits · j index tile as wide as d · y i8 or u8 tile · u u16 or u32 tile · * scratch tile
//   s scalar of d's class · z scalar of n's class · h float scalar · g integer scalar
//   v view of d's width · V any view · x array of counts
std::string_view forms_of(OpCode code) {
  switch (code) {
    case OpCode::trowmin:
    case OpCode::trowprod:
    case OpCode::tcolsum:
    case OpCode::tpairreducesum:
      return "d:d d*:d";
    case OpCode::tcolmax:
    case OpCode::tcolmin:
    case OpCode::tcolprod:
    case OpCode::tnot:
    case OpCode::tfillpad_inplace:
    case OpCode::tfillpad_expand:
      return "d:d";
    case OpCode::trowargmax:
    case OpCode::trowargmin:
    case OpCode::tcolargmax:
    case OpCode::tcolargmin:
      return "n:i n*:i n:ni n*:ni";
    case OpCode::trowexpandmax:
    case OpCode::trowexpandmin:
    case OpCode::trowexpandexpdif:
    case OpCode::txor:
    case OpCode::trem:
    case OpCode::tpow:
    case OpCode::tprelu:
      return "dd:d dd*:d";
    case OpCode::tcolexpandmax:
    case OpCode::tcolexpandmin:
    case OpCode::tcolexpandexpdif:
    case OpCode::tand:
    case OpCode::tor:
    case OpCode::tshl:
    case OpCode::tshr:
    case OpCode::tfmod:
    case OpCode::tsubrelu:
    case OpCode::taddrelu:
    case OpCode::tpartadd:
    case OpCode::tpartmul:
    case OpCode::tpartmax:
    case OpCode::tpartmin:
      return "dd:d";
    case OpCode::tands:
    case OpCode::tors:
    case OpCode::tshls:
    case OpCode::tshrs:
    case OpCode::tfmods:
    case OpCode::tlrelu:
    case OpCode::taxpy:
      return "ds:d";
    case OpCode::txors:
    case OpCode::trems:
    case OpCode::tpows:
      return "ds:d ds*:d";
    case OpCode::tcmp:
      return "nn:d";
    case OpCode::tcmps:
      return "nz:d";
    case OpCode::tsel:
      return "kdd:d kdd*:d";
    case OpCode::tsels:
      return "kd*s:d ddg:d";
    case OpCode::taddc:
    case OpCode::tsubc:
      return "ddd:d";
    case OpCode::taddsc:
    case OpCode::tsubsc:
      return "dsd:d";
    case OpCode::tmuladddst:
    case OpCode::tfusedmuladd:
    case OpCode::tfusedmuladdrelu:
      return "dd:d ddd:d";
    case OpCode::taddreluconv:
    case OpCode::tsubreluconv:
      return "cc:d";
    case OpCode::tadddeqrelu:
      return "wwh:d wwh*:d";
    case OpCode::tpartargmax:
    case OpCode::tpartargmin:
      return "ddjj:dj";
    case OpCode::tsort32:
      return "dw:d dw*:d";
    case OpCode::tmrgsort:
      return "dg:d dd*:dx ddd*:dx dddd*:dx";
    case OpCode::tgather:
      return "di:d di*:d d:d nz:ww nz*:ww";
    case OpCode::tgatherb:
      return "dw:d";
    case OpCode::tscatter:
      return "di:d";
    case OpCode::mgather:
      return "vw:d vwV:d";
    case OpCode::mscatter:
      return "dw:v";
    case OpCode::ttri:
      return "g:d";
    case OpCode::trandom:
      return "gggggg:d";
    case OpCode::thistogram:
      return "uy:d";
    case OpCode::tinterleave:
    case OpCode::tdeinterleave:
      return "dd:dd";
    case OpCode::tprefetch:
      return "v:d";
    case OpCode::tquant:
      return "ff:d ff*:d fff:d fff*:d";
    case OpCode::tdequant:
      return "qff:d";
    case OpCode::tquant_mx:
      return "f:dyff";
    default:
      return "";
  }
}

bool is_index(DType dtype, int least_bits) {
  return !info(dtype).is_float && info(dtype).bits >= least_bits && info(dtype).bits <= 32;
}

constexpr DType kNumericTypes[] = {DType::f32, DType::f16, DType::i32, DType::u32, DType::i16,
                                   DType::u16, DType::i8,  DType::u8};
bool is_numeric(DType dtype) {
  return std::find(std::begin(kNumericTypes), std::end(kNumericTypes), dtype) != std::end(kNumericTypes);
}

// Matches operands against one form.
class Matcher {
 public:
  Matcher(const Operation& op, const pto::Function& function) : op_(op), function_(function) {}

  bool matches(std::string_view form) {
    group_ = {};
    const std::size_t colon = form.find(':');
    const std::string_view ins = form.substr(0, colon), outs = form.substr(colon + 1);
    if (op_.segments.size() != 2 || op_.segments[0] != ins.size() || op_.segments[1] != outs.size()) return false;
    // The first d is the destination's: its legal types count.
    const std::size_t d = outs.find('d');
    if (d != std::string_view::npos && !operand(ins.size() + d, 'd')) return false;
    for (std::size_t k = 0; k < ins.size(); ++k)
      if (!operand(k, ins[k])) return false;
    for (std::size_t k = 0; k < outs.size(); ++k)
      if (!operand(ins.size() + k, outs[k])) return false;
    return true;
  }

 private:
  // All operands of one letter have one type.
  bool joins(char letter, DType dtype) {
    auto& known = group_[static_cast<std::size_t>(letter)];
    if (!known) known = dtype;
    return *known == dtype;
  }
  std::optional<DType> group(char letter) const { return group_[static_cast<std::size_t>(letter)]; }

  bool tile(char letter, DType dtype) {
    const auto row = pto::info(op_.code).dtypes;
    const int bits = info(dtype).bits;
    switch (letter) {
      case 'd':
        return (row.bits == 0 || row.contains(dtype)) && joins('d', dtype);
      case 'n':
        return is_numeric(dtype) && joins('n', dtype);
      case 'c':
        return joins('c', dtype);
      case 'f':
        return dtype == DType::f32;
      case 'q':
        return dtype == DType::i8 || dtype == DType::i16;
      case 'k':
        return is_index(dtype, 8);
      case 'i':
        return is_index(dtype, 16);
      case 'w':
        return is_index(dtype, 32);
      case 'j':
        return is_index(dtype, 16) && group('d') && bits == info(*group('d')).bits && joins('j', dtype);
      case 'y':
        return is_index(dtype, 8) && bits == 8;
      case 'u':
        return dtype == DType::u16 || dtype == DType::u32;
      default:
        return letter == '*';
    }
  }

  bool scalar(char letter, pto::ScalarKind kind) const {
    const char of = letter == 's' ? 'd' : 'n';
    if (letter == 'h') return is_float(kind);
    if (letter == 'g') return !is_float(kind);
    return (letter == 's' || letter == 'z') && group(of) && is_float(kind) == info(*group(of)).is_float;
  }

  bool operand(std::size_t k, char letter) {
    const pto::Type& type = function_.type(op_.operands[k]);
    if (const auto* t = std::get_if<pto::TileType>(&type)) return tile(letter, t->element);
    if (const auto* s = std::get_if<pto::ScalarType>(&type)) return scalar(letter, s->kind);
    if (const auto* v = std::get_if<pto::ViewType>(&type))
      return letter == 'V' ||
             (letter == 'v' && (!group('d') || info(v->element).bits == info(*group('d')).bits));
    const bool counts = !std::holds_alternative<pto::PtrType>(type) && !std::holds_alternative<pto::OpaqueType>(type);
    return letter == 'x' && counts;
  }

  const Operation& op_;
  const pto::Function& function_;
  std::array<std::optional<DType>, 128> group_{};
};

// The form that fits the operands; empty when none does.
std::string_view matching_form(const Operation& op, const pto::Function& function) {
  Matcher matcher(op, function);
  std::string_view forms = forms_of(op.code);
  while (!forms.empty()) {
    const std::string_view form = forms.substr(0, forms.find(' '));
    forms.remove_prefix(std::min(forms.size(), form.size() + 1));
    // Three sources of tquant are scale and scratch, or scale and offset: the unsigned type has the offset (isa 2.7).
    const bool is_unsigned_quant = op.code == OpCode::tquant && form.starts_with("fff");
    const bool is_signed_quant = op.code == OpCode::tquant && !is_unsigned_quant;
    const auto destination = [&] { return function.tile(op.operands[op.segments[0]]).element; };
    if (matcher.matches(form) && !(is_unsigned_quant && destination() != DType::u8) &&
        !(is_signed_quant && destination() != DType::i8))
      return form;
  }
  return {};
}

// What the letters leave open.
std::string check_types(const Operation& op, const pto::Function& function) {
  const auto element = [&](std::size_t k) { return function.tile(op.operands[k]).element; };
  const std::size_t out = op.segments[0];
  switch (op.code) {
    case OpCode::taddreluconv:
    case OpCode::tsubreluconv: {
      constexpr std::pair<DType, DType> kPairs[] = {
          {DType::f32, DType::f16}, {DType::f16, DType::i8}, {DType::i16, DType::i8}};
      const std::pair pair{element(0), element(out)};
      const bool known = std::find(std::begin(kPairs), std::end(kPairs), pair) != std::end(kPairs);
      return known ? "" : fmt::format("no conversion of {} to {}", name(pair.first), name(pair.second));
    }
    case OpCode::tadddeqrelu:
      return element(0) == DType::i32 && element(1) == DType::i32 && element(out) == DType::f16
                 ? ""
                 : "expected i32 sources and an f16 destination";
    case OpCode::trandom:
      return info(element(out)).bits == 32 ? "" : "expected 32-bit elements";
    case OpCode::thistogram:
      return element(out) == DType::u32 ? "" : "expected counts of u32";
    case OpCode::mscatter:
      return "";
    default:
      return "";
  }
}

// ---- attributes

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); });
  return result;
}

// The attribute under any of its spellings.
const pto::Attribute* find_any(const Operation& op, std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys)
    if (const pto::Attribute* found = pto::find(op.attributes, key)) return found;
  return nullptr;
}

std::string word_of(const Operation& op, std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys)
    if (const std::string_view word = pto::word(op.attributes, key); !word.empty()) return lower(word);
  return {};
}

std::optional<std::int64_t> integer_of(const Operation& op, std::initializer_list<std::string_view> keys) {
  const pto::Attribute* found = find_any(op, keys);
  if (!found) return std::nullopt;
  if (const auto* number = std::get_if<pto::IntAttr>(&found->value)) return number->value;
  if (const auto* flag = std::get_if<bool>(&found->value)) return *flag ? 1 : 0;
  if (std::holds_alternative<pto::UnitAttr>(found->value)) return 1;
  return std::nullopt;
}

std::optional<Comparison> comparison_of(const Operation& op) {
  constexpr std::pair<std::string_view, Comparison> kWords[] = {
      {"eq", Comparison::eq},           {"equal", Comparison::eq},         {"ne", Comparison::ne},
      {"not_equal", Comparison::ne},    {"lt", Comparison::lt},            {"less_than", Comparison::lt},
      {"le", Comparison::le},           {"less_equal", Comparison::le},    {"gt", Comparison::gt},
      {"greater_than", Comparison::gt}, {"ge", Comparison::ge},            {"greater_equal", Comparison::ge}};
  if (!find_any(op, {"cmpMode", "cmp_mode"})) return Comparison::eq;
  const std::string word = word_of(op, {"cmpMode", "cmp_mode"});
  for (const auto& [text, mode] : kWords)
    if (text == word) return mode;
  return std::nullopt;
}

// P0101 names the elements of every four from the last to the first.
std::optional<std::uint8_t> pattern_of(const Operation& op) {
  const std::string word = word_of(op, {"maskPattern", "mask_pattern"});
  if (word.size() != 5 || word[0] != 'p') return std::nullopt;
  std::uint8_t pattern = 0;
  for (std::size_t k = 1; k < 5; ++k) {
    if (word[k] != '0' && word[k] != '1') return std::nullopt;
    pattern = static_cast<std::uint8_t>(pattern << 1 | (word[k] - '0'));
  }
  return pattern == 0 ? std::nullopt : std::optional(pattern);
}

template <class Enum, std::size_t kCount>
std::optional<Enum> enum_of(const std::string& word, const std::array<std::string_view, kCount>& names) {
  const auto found = std::find(names.begin(), names.end(), word);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

std::optional<TableAccess> table_access_of(const Operation& op) {
  TableAccess access;
  if (const std::string word = word_of(op, {"coalesce"}); !word.empty()) {
    const bool row = word == "row";
    if (!row && word != "elem" && word != "element") return std::nullopt;
    access.coalesce = row ? TableAccess::Coalesce::row : TableAccess::Coalesce::element;
  }
  constexpr std::array<std::string_view, 5> kBounds{"undefined", "zero", "skip", "clamp", "wrap"};
  if (const std::string word = word_of(op, {"gatherOob", "scatterOob", "oob"}); !word.empty()) {
    const auto mode = enum_of<TableAccess::OutOfBounds>(word, kBounds);
    const bool gathers = op.code == OpCode::mgather;
    if (!mode || *mode == (gathers ? TableAccess::OutOfBounds::skip : TableAccess::OutOfBounds::zero))
      return std::nullopt;
    access.out_of_bounds = *mode;
  }
  constexpr std::array<std::string_view, 4> kAtomics{"none", "add", "max", "min"};
  if (const std::string word = word_of(op, {"scatterAtomicOp", "atomic"}); !word.empty()) {
    const auto mode = enum_of<TableAccess::Atomic>(word, kAtomics);
    if (!mode || op.code == OpCode::mgather) return std::nullopt;
    access.atomic = *mode;
  }
  return access;
}

// isMSB of older text: the upper byte, or the lower one.
std::int64_t histogram_byte(const Operation& op, DType source) {
  if (const auto byte = integer_of(op, {"byte"})) return *byte;
  const std::int64_t top = info(source).bits / 8 - 1;
  return integer_of(op, {"isMSB", "is_msb"}).value_or(1) != 0 ? top : 0;
}

std::string check_attributes(const Operation& op, const pto::Function& function, std::string_view form) {
  switch (op.code) {
    case OpCode::tcmp:
    case OpCode::tcmps:
      return comparison_of(op) ? "" : "an unknown cmpMode";
    case OpCode::tgather: {
      const bool masked = find_any(op, {"maskPattern", "mask_pattern"}) != nullptr;
      if (masked != (form == "d:d")) return "a maskPattern goes with the source alone";
      if (masked && !pattern_of(op)) return "an unknown maskPattern";
      if (const std::string axis = word_of(op, {"axis"}); !axis.empty() && axis != "row" && axis != "col")
        return "an unknown axis";
      if (form.ends_with(":ww")) {
        const auto mode = comparison_of(op);
        if (mode != Comparison::eq && mode != Comparison::gt) return "expected cmpMode eq or gt";
      }
      return "";
    }
    case OpCode::mgather:
    case OpCode::mscatter: {
      const auto access = table_access_of(op);
      if (!access) return "an unknown attribute value";
      if (op.code == OpCode::mgather) return "";
      const DType element = function.tile(op.operands[0]).element;
      const bool adds = element == DType::i32 || element == DType::u32 || element == DType::f32 || element == DType::f16;
      const bool orders = element == DType::i32 || element == DType::f32;
      if (access->atomic == TableAccess::Atomic::none) return "";
      const bool legal = access->atomic == TableAccess::Atomic::add ? adds : orders;
      return legal ? "" : fmt::format("no such atomic of {}", name(element));
    }
    case OpCode::ttri: {
      const auto upper = integer_of(op, {"upperOrLower", "upper_or_lower"}).value_or(0);
      return upper == 0 || upper == 1 ? "" : "expected upperOrLower 0 or 1";
    }
    case OpCode::trandom: {
      const auto rounds = integer_of(op, {"rounds"}).value_or(10);
      return rounds == 7 || rounds == 10 ? "" : "expected 7 or 10 rounds";
    }
    case OpCode::thistogram: {
      const DType source = function.tile(op.operands[0]).element;
      const std::int64_t byte = histogram_byte(op, source);
      return byte >= 0 && byte < info(source).bits / 8 ? "" : "a byte that the elements do not have";
    }
    case OpCode::tquant: {
      const std::string word = word_of(op, {"quant_type"});
      const bool asymmetric = function.tile(op.operands[op.segments[0]]).element == DType::u8;
      return word.empty() || word == (asymmetric ? "int8_asym" : "int8_sym") ? "" : "a quant_type of another element type";
    }
    default:
      return "";
  }
}

std::uint64_t gather_immediate(const Operation& op, std::string_view form) {
  GatherForm gather;
  if (form == "d:d") {
    gather.kind = GatherForm::Kind::mask;
    gather.pattern = *pattern_of(op);
    gather.by_column = word_of(op, {"axis"}) == "col";
  } else if (form.ends_with(":ww")) {
    gather.kind = GatherForm::Kind::compare;
    gather.mode = *comparison_of(op);
    gather.offset = static_cast<std::int32_t>(integer_of(op, {"offset"}).value_or(0));
  }
  return gather.pack();
}

}  // namespace

std::optional<std::string> check_vector_operands(const Operation& op, const pto::Function& function) {
  if (forms_of(op.code).empty()) return std::nullopt;
  const std::string_view form = matching_form(op, function);
  if (form.empty()) return "operands of a number or of types that the operation does not take";
  if (const std::string problem = check_types(op, function); !problem.empty()) return problem;
  return check_attributes(op, function, form);
}

std::string unsupported_vector_form(const Operation& op) {
  if (op.code == OpCode::tquant_mx) {
    if (word_of(op, {"quant_type"}) == "mxfp4_e2m1") return "quant_type MXFP4_E2M1";
    if (integer_of(op, {"interleave"}).value_or(0) != 0) return "interleave";
    if (find_any(op, {"storeMode"})) return "storeMode";
  }
  if (op.code == OpCode::tscatter && find_any(op, {"maskPattern", "mask_pattern"})) return "maskPattern";
  return "";
}

void decode_vector_attributes(const Operation& op, const pto::Function& function, Instruction& instruction) {
  const std::string_view form = matching_form(op, function);
  if (form.empty()) {  // another family: its row says
    const int scratch = pto::info(op.code).scratch;
    instruction.scratch = scratch >= 0 && static_cast<std::uint32_t>(scratch) < instruction.ins ? scratch : -1;
    return;
  }
  const std::size_t scratch = form.find('*');
  instruction.scratch = scratch == std::string_view::npos ? -1 : static_cast<std::int32_t>(scratch);
  switch (op.code) {
    case OpCode::tcmp:
    case OpCode::tcmps:
      instruction.immediate = static_cast<std::uint64_t>(*comparison_of(op));
      return;
    case OpCode::tcolsum:
      instruction.immediate = integer_of(op, {"isBinary", "is_binary"}).value_or(0) != 0 ? kPairwiseTree : 0;
      return;
    case OpCode::tmrgsort:
      instruction.immediate = integer_of(op, {"exhausted"}).value_or(0) != 0 ? kUntilExhausted : 0;
      return;
    case OpCode::tgather:
      instruction.immediate = gather_immediate(op, form);
      return;
    case OpCode::mgather:
    case OpCode::mscatter:
      instruction.immediate = table_access_of(op)->pack();
      return;
    case OpCode::ttri:
      instruction.immediate = integer_of(op, {"upperOrLower", "upper_or_lower"}).value_or(0) != 0 ? kUpper : 0;
      return;
    case OpCode::tquant_mx:
      instruction.immediate = (word_of(op, {"grpAxis"}) == "axis0" ? kBlocksDown : 0) |
                              (word_of(op, {"quantScaleAlg"}) == "nv" ? kScaleCovers : 0);
      return;
    case OpCode::trandom:
      instruction.immediate = static_cast<std::uint64_t>(integer_of(op, {"rounds"}).value_or(10));
      return;
    case OpCode::thistogram:
      instruction.immediate =
          static_cast<std::uint64_t>(histogram_byte(op, function.tile(op.operands[0]).element));
      return;
    default:
      return;
  }
}

}  // namespace assay::sim
