// What the bodies of flags read from their instructions.
#pragma once

#include "harness/sim/flags.h"
#include "harness/sim/machine.h"

namespace assay::sim {

// Instruction::immediate of flags: a literal id in bits 0 to 31 (kDynamicId: operand 0), then the destination pipe of
// an event or the scope of a cross-core flag.
inline constexpr std::uint64_t kDynamicId = 0xFFFFFFFF;
constexpr std::uint64_t packed(std::uint64_t id, std::uint64_t high) { return (id & 0xFFFFFFFF) | high << 32; }

inline std::int64_t id_of(Machine& m, const Instruction& i) {
  const std::uint64_t low = i.immediate & 0xFFFFFFFF;
  return low == kDynamicId ? m.integer(i.operands[0]) : static_cast<std::int64_t>(low);
}
inline std::uint64_t high_of(const Instruction& i) { return i.immediate >> 32; }

inline bool check_id(Machine& m, const Instruction& i, std::int64_t id, std::int64_t count) {
  if (id >= 0 && id < count) return true;
  const std::string message = fmt::format("event id {} of {}; there are {}, from 0", id, pto::mnemonic(i.code), count);
  return i.operands.empty() ? m.fault("event-id", message, i.source->location)
                            : m.fault_at_operand("event-id", message, 0);
}

// High part of set_intra_block and wait_intra_block; of sync.set and sync.wait it is the ffts_mode.
inline constexpr int kIntraBlock = 3;

// Bodies of flags between cores.
bool set_cross(Machine& m, const Instruction& i);
bool set_intra_block(Machine& m, const Instruction& i);
bool wait_cross(Machine& m, const Instruction& i);
bool wait_cross_ready(Machine& m, const Instruction& i);
Wait explain_cross(Machine& m, const Instruction& i);
// Bodies that decoding chooses by the operation's form.
bool barrier_all(Machine& m, const Instruction& i);
bool sets_flag(pto::OpCode code);

}  // namespace assay::sim
