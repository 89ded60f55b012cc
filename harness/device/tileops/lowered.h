// A kernel as data for a device program: fixed-size instructions, the registers an agent starts with, and what the host
// needs to talk about them. See abi.h for the words.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "harness/device/backend.h"
#include "harness/pto/ir.h"

namespace assay::device {

namespace abi {
#include "harness/device/tileops/abi.h"
}  // namespace abi

using Instruction = std::array<std::int32_t, abi::kWordsPerInstruction>;

// The operation an instruction comes from.
struct Site {
  const pto::Function* function = nullptr;
  const pto::Operation* operation = nullptr;
  std::vector<std::int32_t> loops;  // registers of the enclosing induction variables, outermost first
};

struct LoweredProgram {
  std::vector<Instruction> code;
  std::vector<std::int64_t> registers;  // of an agent before its first instruction
  std::vector<std::int32_t> pointers;   // registers of the arguments' tensors, numbered as in Launch::tensors
  std::vector<Site> sites;
  // Bytes of an agent's arena: memory spaces, private tiles, then the two areas below. Multiples of 256.
  std::int64_t arena_bytes = 0;
  std::int64_t stage_offset = 0;
  std::int64_t fuse_offset = 0;
  // Blocks add to global memory: agents run one after the other, in canonical order (design.md section 4).
  bool adds_to_global = false;
  // Blocks wait for other blocks or ranks: all of them have to be there at once.
  bool waits_for_others = false;
  std::int64_t cores = 1;  // of a block: 1, or a cube core and the vector cores
};

// Lowers the launch's function, calls inlined. The error's message is the reason for RunStatus::unsupported: what the
// device lacks and the line it stands in ("pto.tgather in a form other than by index, line 12").
// Arguments have been checked against the function's: one each, pointers for pointers.
Result<LoweredProgram> lower(const Launch& launch, const RunOptions& options);

}  // namespace assay::device
