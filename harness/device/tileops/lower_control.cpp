// func and scf: structured control flow becomes jumps, calls are inlined.
#include <algorithm>

#include "harness/device/tileops/lowering.h"

namespace assay::device {
namespace {
constexpr int kMaxCallDepth = 64;
}

bool Lowering::lower_control(const pto::Operation& operation) {
  switch (operation.code) {
    case pto::OpCode::for_op:
      return lower_for(operation);
    case pto::OpCode::if_op:
      return lower_if(operation);
    case pto::OpCode::while_op:
      return lower_while(operation);
    case pto::OpCode::call:
      return lower_call(operation);
    case pto::OpCode::return_op:
      frame_->returned = operation.operands;
      return true;
    case pto::OpCode::yield:
    case pto::OpCode::condition:
      return true;  // their region's operation copies the values
    default:
      return refuse(operation);
  }
}

// The operations of a core run one after the other, each complete before the next: what orders its pipes or its caches
// has nothing to do.
bool Lowering::lower_order(const pto::Operation& operation) {
  using enum pto::OpCode;
  switch (operation.code) {
    case set_flag:
    case wait_flag:
    case set_flag_dyn:
    case wait_flag_dyn:
    case barrier:
    case record_event:
    case wait_event:
    case barrier_sync:
    case get_buf:
    case rls_buf:
    case cmo_cacheinvalid:
    case fence_barrier_all:
      return true;
    case section_cube:
    case section_vector:
      return on_cores(operation.code == section_cube ? pto::CoreKind::cube : pto::CoreKind::vector, [&] {
        return std::ranges::all_of(operation.regions, [&](const pto::Region& region) { return lower_region(region); });
      });
    case sync_set:
    case sync_wait:
    case set_intra_block:
    case wait_intra_block:
      return lower_flag(operation);
    case set_ffts:
      return true;  // names the workspace of the flags
    default:
      return refuse(operation);
  }
}

bool Lowering::copy_values(const pto::Operation& operation, std::span<const Register> to,
                           std::span<const pto::ValueId> from) {
  std::vector<Register> sources;
  std::vector<std::int64_t> counts;
  for (const pto::ValueId value : from) {
    const auto slots = slots_of(type(value));
    if (!slots) return refuse(operation, "with a value of type " + pto::to_string(type(value)));
    sources.push_back(reg(value));
    counts.push_back(*slots);
  }
  if (to.size() != sources.size()) return refuse(operation, "with a wrong number of values");
  return copy(operation, to, sources, counts);
}

bool Lowering::lower_for(const pto::Operation& operation) {
  const pto::Region& body = operation.regions[0];
  const Register lower = reg(operation.segment(0)[0]), upper = reg(operation.segment(1)[0]),
                 step = reg(operation.segment(2)[0]);
  for (const pto::ValueId argument : body.arguments)
    if (!define(operation, argument)) return false;
  const Register induction = reg(body.arguments[0]);
  std::vector<Register> carried;
  for (std::size_t i = 1; i < body.arguments.size(); ++i) carried.push_back(reg(body.arguments[i]));
  for (std::size_t i = 0; i < operation.results.size(); ++i) frame_->registers[operation.results[i]] = carried[i];
  const auto kind = static_cast<std::int64_t>(std::get<pto::ScalarType>(type(body.arguments[0])).kind);
  emit(abi::kOpLoopCheck, {{abi::kWordA, step}});
  emit(abi::kOpCopy, {{abi::kWordD, induction}, {abi::kWordA, lower}, {abi::kWordP0, 1}});
  if (!copy_values(operation, carried, operation.segment(3))) return false;
  const std::int32_t head = here();
  block_starts_.push_back(head);
  emit(abi::kOpLoopTest, {{abi::kWordA, induction}, {abi::kWordB, upper}});
  frame_->loops.push_back(induction);
  if (!lower_region(body) || !copy_values(operation, carried, body.body.back().operands)) return false;
  frame_->loops.pop_back();
  emit(abi::kOpInteger, {{abi::kWordD, induction},
                         {abi::kWordA, induction},
                         {abi::kWordB, step},
                         {abi::kWordKind, kind},
                         {abi::kWordSub, abi::kAdd}});
  emit(abi::kOpJump, {{abi::kWordP0, head}});
  program_.code[static_cast<std::size_t>(head)][abi::kWordP0] = here();
  block_starts_.push_back(here());
  return true;
}

bool Lowering::lower_if(const pto::Operation& operation) {
  std::vector<Register> results;
  for (const pto::ValueId result : operation.results) {
    if (!define(operation, result)) return false;
    results.push_back(reg(result));
  }
  const auto branch = [&](const pto::Region& region) {
    return lower_region(region) && (results.empty() || copy_values(operation, results, region.body.back().operands));
  };
  const auto test = static_cast<std::size_t>(here());
  emit(abi::kOpBranchZero, {{abi::kWordA, reg(operation.operands[0])}});
  if (!branch(operation.regions[0])) return false;
  const auto jump = static_cast<std::size_t>(here());
  emit(abi::kOpJump, {});
  program_.code[test][abi::kWordP0] = here();
  block_starts_.push_back(here());
  if (operation.regions.size() > 1 && !operation.regions[1].body.empty() && !branch(operation.regions[1])) return false;
  program_.code[jump][abi::kWordP0] = here();
  block_starts_.push_back(here());
  return true;
}

bool Lowering::lower_while(const pto::Operation& operation) {
  const pto::Region& before = operation.regions[0];
  const pto::Region& after = operation.regions[1];
  std::vector<Register> carried, passed;
  for (const pto::ValueId argument : before.arguments) {
    if (!define(operation, argument)) return false;
    carried.push_back(reg(argument));
  }
  for (std::size_t i = 0; i < operation.results.size(); ++i) {
    if (!define(operation, operation.results[i])) return false;
    passed.push_back(reg(operation.results[i]));
    if (i < after.arguments.size()) frame_->registers[after.arguments[i]] = passed.back();
  }
  if (!copy_values(operation, carried, operation.segment(0))) return false;
  const std::int32_t head = here();
  block_starts_.push_back(head);
  if (!lower_region(before)) return false;
  const std::span<const pto::ValueId> condition = before.body.back().operands;
  if (!copy_values(operation, passed, condition.subspan(1))) return false;
  const auto test = static_cast<std::size_t>(here());
  emit(abi::kOpBranchZero, {{abi::kWordA, reg(condition[0])}});
  if (!lower_region(after) || !copy_values(operation, carried, after.body.back().operands)) return false;
  emit(abi::kOpJump, {{abi::kWordP0, head}});
  program_.code[test][abi::kWordP0] = here();
  block_starts_.push_back(here());
  return true;
}

// The callee's arguments are the caller's registers: values never change, and a tile's valid shape may not be set
// through an argument (pto-format 3.1).
bool Lowering::lower_call(const pto::Operation& operation) {
  const pto::Attribute* callee = pto::find(operation.attributes, "callee");
  const auto* symbol = callee ? std::get_if<pto::SymbolAttr>(&callee->value) : nullptr;
  const pto::Function* function = symbol ? launch_.module->find_function(symbol->name) : nullptr;
  if (!function || function->is_external) return refuse(operation, "of a function without a body");
  if (++depth_ > kMaxCallDepth) return refuse(operation, "nested too deeply");
  if (function->arguments.size() != operation.operands.size())
    return refuse(operation, "with a wrong number of arguments");
  Frame frame;
  frame.function = function;
  frame.loops = frame_->loops;
  frame.registers.assign(function->values.size(), abi::kNone);
  for (std::size_t i = 0; i < operation.operands.size(); ++i)
    frame.registers[function->arguments[i]] = reg(operation.operands[i]);
  Frame* const caller = frame_;
  frame_ = &frame;
  bool done = true;
  const auto kind = pto::kernel_kind(*function);
  if (kind && program_.cores > 1) {
    if (!operation.results.empty()) done = refuse(operation, "with results, of other cores");
    done = done && on_cores(*kind, [&] { return lower_region(function->body); });
  } else {
    done = lower_region(function->body);
  }
  frame_ = caller;
  --depth_;
  if (!done) return false;
  if (frame.returned.size() != operation.results.size()) return refuse(operation, "with a wrong number of results");
  for (std::size_t i = 0; i < operation.results.size(); ++i)
    frame_->registers[operation.results[i]] = frame.registers[frame.returned[i]];
  return true;
}

}  // namespace assay::device
