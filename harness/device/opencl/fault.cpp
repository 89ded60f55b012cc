#include "harness/device/opencl/fault.h"

#include <fmt/format.h>

namespace assay::device {
namespace {

struct Words {
  std::string_view rule;
  std::string message;
};

Words words_of(std::int64_t rule, std::span<const std::int64_t> d) {
  switch (rule) {
    case abi::kFaultGlobalBounds:
      return {"bounds", fmt::format("elements {} to {} of tensor {}, which has {}", d[0], d[1], d[3], d[2])};
    case abi::kFaultOverflow:
      return {"bounds", fmt::format("the address {} * {} is outside every tensor", d[0], d[1])};
    case abi::kFaultCapacity:
      return {"capacity", fmt::format("tile at bytes {} to {} of {}, which has {}", d[0], d[1],
                                      pto::name(static_cast<pto::Space>(d[3])), d[2])};
    case abi::kFaultAlignment:
      return {"alignment", fmt::format("{} is not a multiple of {}", d[0], d[1])};
    case abi::kFaultNegativeValid:
      return {"negative-valid-shape", fmt::format("valid shape {} x {}", d[0], d[1])};
    case abi::kFaultValidShape:
      return {"valid-shape-bounds", fmt::format("valid shape {} x {} of a {} x {} tile", d[0], d[1], d[2], d[3])};
    case abi::kFaultSourceBounds:
      return {"bounds", fmt::format("reads {} x {} elements of a {} x {} tile", d[0], d[1], d[2], d[3])};
    case abi::kFaultElementBounds:
      return {"bounds", fmt::format("element {} of {}", d[0], d[1])};
    case abi::kFaultWindow:
      return {"bounds", fmt::format("window at ({}, {}) leaves its {} x {} tile", d[0], d[1], d[2], d[3])};
    case abi::kFaultPartition:
      return {"bounds",
              fmt::format("the tile's valid shape is {} x {}, the partition has {} x {}", d[0], d[1], d[2], d[3])};
    case abi::kFaultExpand:
      return {"valid-mismatch",
              fmt::format("neither operand ({} x {}, {} x {}) is one scalar or one 32 byte block per row "
                          "beside one of the destination's shape",
                          d[0], d[1], d[2], d[3])};
    case abi::kFaultDivision:
      return {"division-by-zero", fmt::format("{} divided by 0", d[0])};
    case abi::kFaultShift:
      return {"shift-range", fmt::format("shift by {} of a value of {} bits", d[0], d[1])};
    case abi::kFaultNullPad:
      return {"null-pad", "the destination has no pad value to fill with"};
    case abi::kFaultStep:
      return {"loop-step", fmt::format("step {} of a loop", d[0])};
    case abi::kFaultDepth:
      return {"valid-mismatch",
              fmt::format("the left operand has {} valid columns, the right one {} valid rows", d[0], d[1])};
    case abi::kFaultCubeRange:
      return {"operand-range", fmt::format("an extent of {}, the cube takes 1 to {}", d[0], d[1])};
    case abi::kFaultAccumulator:
      return {"accumulator-ignored", "acc_in is not what the destination holds"};
    case abi::kFaultMask:
      return {"valid-mismatch", fmt::format("{} valid rows of the destination, the operands have {}", d[0], d[1])};
    case abi::kFaultSlot:
      return {"fifo-slot", fmt::format("{} bytes{} for a slot of {}", d[0], d[2] ? ", one of two parts," : "", d[1])};
    case abi::kFaultEntry:
      return {d[0] != d[1] ? "fifo-split" : "fifo-type",
              fmt::format("pops with split {} and elements of {} bytes what was pushed with split {} and {} bytes",
                          d[1], d[3], d[0], d[2])};
    case abi::kFaultFree:
      return {"fifo-free", "frees an entry where none is held"};
    case abi::kFaultFlagId:
      return {"event-id", fmt::format("event id {}; there are {}, from 0", d[0], d[1])};
    case abi::kFaultList:
      return {"illegal-operand", fmt::format("{} x {} is no list of pairs that can be merged", d[0], d[1])};
    default:
      return {"illegal-conversion", "the target has no such conversion"};
  }
}

}  // namespace

std::vector<std::int64_t> loop_indices(const Site& site, std::span<const std::int64_t> registers) {
  std::vector<std::int64_t> indices;
  for (const std::int32_t loop : site.loops) indices.push_back(registers[static_cast<std::size_t>(loop)]);
  return indices;
}

Diagnostic explain_fault(const LoweredProgram& program, std::span<const std::int64_t> state,
                         std::span<const std::int64_t> registers, const AgentName& agent) {
  const auto pc = static_cast<std::size_t>(state[abi::kStateLast]);
  const Site& site = program.sites[static_cast<std::size_t>(program.code[pc][abi::kWordSite])];
  const Words words = words_of(state[abi::kStateRule], state.subspan(abi::kStateDetail0, 4));
  Diagnostic diagnostic;
  diagnostic.rule = words.rule;
  diagnostic.message = fmt::format("{}: {}", pto::mnemonic(site.operation->code), words.message);
  diagnostic.function = site.function->name;
  diagnostic.op_id = site.operation->id;
  diagnostic.location = site.operation->location;
  diagnostic.block = agent.block;
  diagnostic.rank = agent.rank;
  diagnostic.core = agent.core;
  diagnostic.loop_indices = loop_indices(site, registers);
  return diagnostic;
}

}  // namespace assay::device
