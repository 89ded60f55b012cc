// A kernel made ready to run: structured control flow flattened into jumps, SSA values numbered per kind, attributes
// parsed once. Lives for one run; points into the module.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/core/profile/profile.h"
#include "harness/device/backend.h"
#include "harness/sim/agent.h"
#include "harness/sim/values.h"

namespace assay::sim {

class Machine;
struct Instruction;

// Executes one operation; false after it reported a fault.
using Body = bool (*)(Machine&, const Instruction&);
// Whether the operation could execute now; it is asked again whenever somebody moved. No side effects.
using Ready = bool (*)(Machine&, const Instruction&);
// Why it could not.
using Explain = Wait (*)(Machine&, const Instruction&);

enum class Step : std::uint8_t {
  body,         // call Instruction::body
  gated,        // the same, once Instruction::ready says so
  queued,       // issue to Instruction::pipe
  drain,        // go on when all pipes of the core have run dry; then Instruction::body, if any
  section,      // on a core that `cores` does not have: jump
  moves,        // copy operand i to result i, all at once; then jump
  branch,       // operand 0 false: jump
  for_begin,    // operands: induction variable, lower, step
  for_test,     // operands: induction variable, upper; done: jump
  for_next,     // operands: induction variable, step; jump
  for_end,      // leave the loop
  while_begin,  // open a scope of private storage
  while_next,   // results: the values carried over; jump
  while_end,    // leave the scope
  call,         // operands: arguments, results: of the call; target: function; skipped as a section is
  leave,        // operands: returned values
};

// Bits of Instruction::cores: one per pto::CoreKind, and one for a core that has every memory.
constexpr std::uint8_t core_bit(pto::CoreKind kind) { return static_cast<std::uint8_t>(1U << static_cast<int>(kind)); }
inline constexpr std::uint8_t kWholeCore = 0x80, kAnyCore = kWholeCore | 3;

struct Instruction {
  Step step = Step::body;
  pto::OpCode code{};
  bool counted = true;  // one executed operation of the source; false for bookkeeping
  Body body = nullptr;
  // What the stream does when it reaches the operation: once, before `ready` is asked and before operands and results
  // are taken down for later: results that the next operations use (the tile of a pop), arrivals at a barrier.
  Body issue = nullptr;
  pto::Pipe pipe = pto::Pipe::s;  // in explicit order: the queue that executes the body; s: at once
  std::uint8_t cores = kAnyCore;  // kinds of core that can execute it
  Ready ready = nullptr;          // null: always
  Explain explain = nullptr;      // set with ready
  const pto::Operation* source = nullptr;
  std::uint32_t target = 0;     // instruction to jump to, or function to call
  std::uint32_t ins = 0;        // operands that stand in ins(...)
  std::int32_t scratch = -1;    // the scratch tile among them: written, never read (format 3.3)
  pto::ScalarKind kind{};       // of the result, else of the first scalar operand
  pto::ScalarKind from_kind{};  // of the first scalar operand
  std::uint64_t immediate = 0;  // constant bits, comparison predicate, flags of tile ops
  std::span<const Ref> operands, results;
  const Result<ConversionMeaning>* conversion = nullptr;  // tcvt
};

// Flags in Instruction::immediate of tile ops.
inline constexpr std::uint64_t kDescending = 1, kAtomicAdd = 2, kRelu = 4, kPairwiseTree = 8, kUntilExhausted = 16,
                               kUpper = 32;
inline constexpr std::uint64_t kBlocksDown = 1, kScaleCovers = 2;  // tquant.mx: axis0; nv
// Instruction::immediate of a call that passes an integer for a narrower one.
inline constexpr std::uint64_t kNarrows = 1;

struct FunctionCode {
  const pto::Function* function = nullptr;
  std::vector<Instruction> code;
  std::vector<Ref> values;               // by pto::ValueId
  std::array<std::uint32_t, 5> slots{};  // per Kind
};

// Which agents a block of the launch has (format 3.6, 3.7).
struct Core {
  std::optional<pto::CoreKind> kind;  // nothing: every memory
  std::int64_t sub_block = 0, sub_blocks = 1;
};

struct Program {
  std::vector<FunctionCode> functions;  // the entry first
  bool explicit_order = false;
  bool waits_for_others = false;  // its blocks cannot run one after the other
  bool has_atomics = false;
  std::uint32_t global_pipes = 0;  // bit per pipe whose operations may reach global memory
  std::vector<Core> cores;         // of a block
  // Backing of the spans in the instructions.
  std::vector<std::unique_ptr<Ref[]>> refs;
  std::vector<std::unique_ptr<Result<ConversionMeaning>>> conversions;
};

struct Refusal {
  device::RunStatus status = device::RunStatus::unsupported;
  std::string reason;
};

// The program of everything the function can reach. Refused as unsupported: operations that have no body here, external
// functions; as error: operations whose operands do not fit their kind.
tl::expected<Program, Refusal> decode(const pto::Module& module, const pto::Function& entry, const Profile& profile,
                                      device::Order order = device::Order::automatic);

}  // namespace assay::sim
