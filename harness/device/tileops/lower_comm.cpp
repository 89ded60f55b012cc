// Cores of a block, signals and flags between agents, transfers between ranks.
#include <algorithm>
#include <set>

#include "harness/device/tileops/lowering.h"
#include "harness/pto/pipe.h"

namespace assay::device {
namespace {

using enum pto::OpCode;

bool polls(const pto::Operation& operation) {
  if (operation.code == load_scalar) return true;
  return std::ranges::any_of(operation.regions,
                             [](const pto::Region& region) { return std::ranges::any_of(region.body, polls); });
}

std::optional<std::int64_t> comparison_of(std::string_view word) {
  constexpr std::pair<std::string_view, abi::CompareSub> kWords[] = {
      {"", abi::kCompareEq},   {"eq", abi::kCompareEq}, {"ne", abi::kCompareNe}, {"lt", abi::kCompareLt},
      {"le", abi::kCompareLe}, {"gt", abi::kCompareGt}, {"ge", abi::kCompareGe}};
  for (const auto& [text, sub] : kWords)
    if (text == word) return sub;
  return std::nullopt;
}

std::optional<pto::CoreKind> kind_of(const pto::Module& module, const pto::Function& function) {
  if (const auto own = pto::kernel_kind(function)) return own;
  pto::Function of_module;
  of_module.attributes = module.attributes;
  return pto::kernel_kind(of_module);
}

}  // namespace

// One core for a function of one kind, a cube core and the profile's vector cores for one that reaches both (format
// 3.6).
void Lowering::find_cores() {
  bool cube = false, vector = false;
  const auto note = [&](pto::CoreKind kind) { (kind == pto::CoreKind::cube ? cube : vector) = true; };
  std::set<const pto::Function*> known{launch_.function};
  std::vector<const pto::Function*> functions{launch_.function};
  for (std::size_t i = 0; i < functions.size(); ++i) {
    for (const pto::Operation* each : pto::preorder(*functions[i])) {
      const pto::Operation& operation = *each;
      if (operation.code == section_cube) note(pto::CoreKind::cube);
      if (operation.code == section_vector) note(pto::CoreKind::vector);
      const bool meets_all = (operation.code == sync_set || operation.code == sync_wait) &&
                             pto::literal_id(operation, "ffts_mode") == std::optional<std::int64_t>(0);
      const bool asks = pto::info(operation.code).family == pto::Family::comm && operation.code != comm_tput &&
                        operation.code != comm_tget;
      program_.waits_for_others =
          program_.waits_for_others || meets_all || asks || (operation.code == while_op && polls(operation));
      if (operation.code != call) continue;
      const pto::Function* function = launch_.module->find_function(pto::callee(operation));
      if (!function || !known.insert(function).second) continue;
      if (const auto kind = pto::kernel_kind(*function)) note(*kind);
      functions.push_back(function);
    }
  }
  kind_ = kind_of(*launch_.module, *launch_.function);
  if (!kind_ && cube && vector) {
    program_.cores = 1 + std::max<std::int64_t>(options_.profile->vector_cores, 1);
  } else {
    if (!kind_ && cube) kind_ = pto::CoreKind::cube;
    if (!kind_ && vector) kind_ = pto::CoreKind::vector;
  }
  program_.registers[abi::kRegisterIsCube] = kind_ != pto::CoreKind::vector;
  program_.registers[abi::kRegisterIsVector] = kind_ != pto::CoreKind::cube;
  program_.registers[abi::kRegisterSubBlocks] = 1;
}

// Lowers what only cores of the kind execute.
bool Lowering::on_cores(pto::CoreKind kind, const std::function<bool()>& lower_body) {
  if (program_.cores == 1) return (kind_ && *kind_ != kind) || lower_body();
  const auto test = static_cast<std::size_t>(here());
  emit(abi::kOpBranchZero,
       {{abi::kWordA, kind == pto::CoreKind::cube ? abi::kRegisterIsCube : abi::kRegisterIsVector}});
  if (!lower_body()) return false;
  program_.code[test][abi::kWordP0] = here();
  block_starts_.push_back(here());
  return true;
}

bool Lowering::lower_flag(const pto::Operation& operation) {
  const bool sets = operation.code == sync_set || operation.code == set_intra_block;
  std::int64_t scope = abi::kScopeIntraBlock;
  if (operation.code == sync_set || operation.code == sync_wait) {
    scope = pto::literal_id(operation, "ffts_mode").value_or(2);
    if (scope < 0 || scope > 2) return refuse(operation, fmt::format("with ffts_mode {}", scope));
  }
  const auto literal = pto::literal_id(operation, "event_id");
  if (operation.operands.empty() && !literal) return refuse(operation, "without an id");
  emit(sets ? abi::kOpSetFlag : abi::kOpWaitFlag,
       {{abi::kWordA, operation.operands.empty() ? abi::kNone : reg(operation.operands[0])},
        {abi::kWordP0, literal.value_or(0)},
        {abi::kWordSub, scope}});
  return true;
}

bool Lowering::lower_signal(const pto::Operation& operation) {
  const auto* view = std::get_if<pto::ViewType>(&type(operation.operands[0]));
  if (operation.operands.size() != 2 || !view || (view->element != DType::i32 && view->element != DType::u32) ||
      !std::holds_alternative<pto::ScalarType>(type(operation.operands[1])))
    return refuse(operation, "of other than 32-bit words");
  const abi::InstructionWord view_word = abi::kWordA, value_word = abi::kWordB;
  if (operation.code == comm_tnotify) {
    const std::string_view how = pto::word(operation.attributes, "notifyOp");
    if (!how.empty() && how != "set" && how != "atomic_add") return refuse(operation, fmt::format("with {}", how));
    emit(abi::kOpNotify, {{view_word, reg(operation.operands[0])},
                          {value_word, reg(operation.operands[1])},
                          {abi::kWordSub, how == "atomic_add"}});
    return true;
  }
  const auto comparison = comparison_of(pto::word(operation.attributes, "cmp"));
  if (!comparison) return refuse(operation, "with an unknown comparison");
  if (operation.code == comm_ttest && !define(operation, operation.results[0])) return false;
  emit(abi::kOpWaitSignal, {{view_word, reg(operation.operands[0])},
                            {value_word, reg(operation.operands[1])},
                            {abi::kWordD, operation.code == comm_ttest ? reg(operation.results[0]) : abi::kNone},
                            {abi::kWordSub, *comparison}});
  return true;
}

bool Lowering::lower_comm(const pto::Operation& operation) {
  switch (operation.code) {
    case comm_tnotify:
    case comm_twait:
    case comm_ttest:
      return lower_signal(operation);
    case comm_tput:
    case comm_tget: {
      const auto* to = std::get_if<pto::ViewType>(&type(operation.operands[0]));
      const auto* from = std::get_if<pto::ViewType>(&type(operation.operands[1]));
      const std::string_view atomic = pto::word(operation.attributes, "atomicType");
      const bool adds = atomic == "atomic_add";
      if (!to || !from || to->element != from->element || info(to->element).bits < 8 ||
          (!adds && !atomic.empty() && atomic != "atomic_none") || (adds && !computes(to->element)))
        return refuse(operation, "in this form");
      program_.adds_to_global = program_.adds_to_global || adds;
      emit(abi::kOpTransfer, {{abi::kWordA, reg(operation.operands[0])},
                              {abi::kWordB, reg(operation.operands[1])},
                              {abi::kWordKind, static_cast<std::int64_t>(to->element)},
                              {abi::kWordSub, adds}});
      return true;
    }
    case syncall: {
      const std::string_view cores = pto::word(operation.attributes, "core_type");
      const bool counted = operation.segments.size() > 1 && operation.segments[1] != 0;
      if (counted || (!cores.empty() && cores != "mix" && cores != "aic_only" && cores != "aiv_only"))
        return refuse(operation, "in this form");
      emit(abi::kOpSyncAll, {{abi::kWordSub, cores == "aic_only"   ? abi::kCoresCube
                                             : cores == "aiv_only" ? abi::kCoresVector
                                                                   : abi::kCoresAll}});
      return true;
    }
    default:
      return refuse(operation);
  }
}

}  // namespace assay::device
