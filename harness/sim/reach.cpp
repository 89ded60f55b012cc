#include "harness/sim/reach.h"

#include <algorithm>

namespace assay::sim {
namespace {

using pto::CoreKind;
using pto::OpCode;

bool contains(const pto::Operation& op, OpCode code) {
  for (const pto::Region& region : op.regions)
    for (const pto::Operation& inner : region.body)
      if (inner.code == code || contains(inner, code)) return true;
  return false;
}

bool is_atomic(const pto::Operation& op) {
  return std::any_of(op.attributes.begin(), op.attributes.end(), [](const auto& attribute) {
    const auto* word = std::get_if<pto::EnumAttr>(&attribute.second.value);
    return word && word->word.starts_with("atomic_") && word->word != "atomic_none";
  });
}

// format 3.6, 3.8; isa 2.5. A loop that reads scalars from global memory may poll what another block writes.
bool waits_for_others(const pto::Operation& op) {
  switch (op.code) {
    case OpCode::sync_set:
    case OpCode::sync_wait: {
      const pto::Attribute* mode = pto::find(op.attributes, "ffts_mode");
      const auto* number = mode ? std::get_if<pto::IntAttr>(&mode->value) : nullptr;
      return number && number->value == 0;
    }
    case OpCode::while_op:
      return contains(op, OpCode::load_scalar);
    case OpCode::comm_tput:
    case OpCode::comm_tget:
    case OpCode::comm_build_async_session:
    case OpCode::comm_tput_async:
    case OpCode::comm_tget_async:
    case OpCode::comm_wait_async_event:
    case OpCode::comm_test_async_event:
      return false;
    default:
      return pto::info(op.code).family == pto::Family::comm;
  }
}

bool orders(OpCode code) {
  switch (code) {
    case OpCode::comm_tnotify:
    case OpCode::comm_twait:
    case OpCode::comm_ttest:
    case OpCode::comm_wait_async_event:
    case OpCode::comm_test_async_event:
    case OpCode::syncall:
      return true;
    default:
      return pto::orders_pipes(code);
  }
}

std::vector<Core> cores_of_block(std::optional<CoreKind> entry, bool cube, bool vector, std::int64_t vector_cores) {
  if (!entry && cube && vector) {
    std::vector<Core> cores{{CoreKind::cube, 0, 1}};
    for (std::int64_t sub = 0; sub < vector_cores; ++sub) cores.push_back({CoreKind::vector, sub, vector_cores});
    return cores;
  }
  if (!entry && cube) entry = CoreKind::cube;
  if (!entry && vector) entry = CoreKind::vector;
  return {{entry, 0, 1}};
}

}  // namespace

std::optional<CoreKind> kernel_kind(const pto::Module& module, const pto::Function& function) {
  if (const auto own = pto::kernel_kind(function)) return own;
  pto::Function of_module;
  of_module.attributes = module.attributes;
  return pto::kernel_kind(of_module);
}

Reach reach_of(const pto::Module& module, const pto::Function& entry, const Profile& profile) {
  Reach reach;
  bool cube = false, vector = false;
  const auto note = [&](CoreKind kind) { (kind == CoreKind::cube ? cube : vector) = true; };
  reach.functions.push_back(&entry);
  for (std::size_t at = 0; at < reach.functions.size(); ++at) {
    for (const pto::Operation* op : pto::preorder(*reach.functions[at])) {
      reach.orders = reach.orders || orders(op->code);
      reach.waits_for_others = reach.waits_for_others || waits_for_others(*op);
      reach.has_atomics = reach.has_atomics || is_atomic(*op);
      if (op->code == OpCode::section_cube) note(CoreKind::cube);
      if (op->code == OpCode::section_vector) note(CoreKind::vector);
      if (op->code != OpCode::call) continue;
      const pto::Function* callee = module.find_function(pto::callee(*op));
      if (!callee) continue;
      if (const auto kind = kernel_kind(module, *callee)) note(*kind);
      if (std::find(reach.functions.begin(), reach.functions.end(), callee) == reach.functions.end())
        reach.functions.push_back(callee);
    }
  }
  reach.cores = cores_of_block(kernel_kind(module, entry), cube, vector, profile.vector_cores);
  return reach;
}

std::uint8_t cores_of(const pto::Operation& op, const pto::Function& function) {
  const bool accesses =
      pto::info(op.code).family == pto::Family::tile || op.code == OpCode::tgetval || op.code == OpCode::tsetval;
  if (!accesses) return kAnyCore;
  std::uint8_t cores = kAnyCore;
  for (pto::ValueId operand : op.operands)
    if (const auto* tile = std::get_if<pto::TileType>(&function.type(operand)))
      cores &= static_cast<std::uint8_t>(core_bit(pto::core_of(tile->space)) | kWholeCore);
  return cores;
}

}  // namespace assay::sim
