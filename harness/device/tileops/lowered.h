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
  std::vector<Site> sites;
  // Bytes of an agent's arena: memory spaces, private tiles, then the two areas below. Multiples of 256.
  std::int64_t arena_bytes = 0;
  std::int64_t stage_offset = 0;
  std::int64_t fuse_offset = 0;
  // Blocks add to global memory: they run one after the other, in canonical order (design.md section 4).
  bool adds_to_global = false;
};

// Lowers the launch's function, calls inlined. The error's message is the reason for RunStatus::unsupported: what the
// device lacks and the line it stands in ("pto.tgather with a mask pattern, line 12"), or "explicit order".
// Arguments have been checked against the function's: one each, pointers for pointers.
Result<LoweredProgram> lower(const Launch& launch, const RunOptions& options);

}  // namespace assay::device
