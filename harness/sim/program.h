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
  moves,        // copy operand i to result i, all at once; then jump
  branch,       // operand 0 false: jump
  for_begin,    // operands: induction variable, lower, step
  for_test,     // operands: induction variable, upper; done: jump
  for_next,     // operands: induction variable, step; jump
  for_end,      // leave the loop
  while_begin,  // open a scope of private storage
  while_next,   // results: the values carried over; jump
  while_end,    // leave the scope
  call,         // operands: arguments, results: of the call; target: function
  leave,        // operands: returned values
};

struct Instruction {
  Step step = Step::body;
  pto::OpCode code{};
  bool counted = true;  // one executed operation of the source; false for bookkeeping
  Body body = nullptr;
  pto::Pipe pipe = pto::Pipe::s;  // in explicit order: the queue that executes the body; s: at once
  // What the stream does when it reaches the operation: once, before `ready` is asked and before operands and results
  // are taken down for later: results that the next operations use (the tile of a pop), arrivals at a barrier.
  Body issue = nullptr;
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

struct FunctionCode {
  const pto::Function* function = nullptr;
  std::vector<Instruction> code;
  std::vector<Ref> values;               // by pto::ValueId
  std::array<std::uint32_t, 5> slots{};  // per Kind
};

struct Program {
  std::vector<FunctionCode> functions;  // the entry first
  // Backing of the spans in the instructions.
  std::vector<std::unique_ptr<Ref[]>> refs;
  std::vector<std::unique_ptr<Result<ConversionMeaning>>> conversions;
};

struct Refusal {
  device::RunStatus status = device::RunStatus::unsupported;
  std::string reason;
};

// The program of everything the function can reach. Refused as unsupported: synchronisation ("explicit order"),
// operations and spaces of later tiers, external functions; as error: operations whose operands do not fit their kind.
tl::expected<Program, Refusal> decode(const pto::Module& module, const pto::Function& entry, const Profile& profile);

}  // namespace assay::sim
